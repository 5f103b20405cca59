from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Periods(AppConfig):
    name = "apps.periods"
    verbose_name = _("Periods")
