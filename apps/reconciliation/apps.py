from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Reconciliation(AppConfig):
    name = "apps.reconciliation"
    verbose_name = _("Bank")
