from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Issues(AppConfig):
    name = "apps.issues"
    verbose_name = _("Issues")
