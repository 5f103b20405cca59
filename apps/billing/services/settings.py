"""The limits that a clinic works by."""

from apps.billing.models import ClinicSettings
from apps.core.models import Administration


def settings_of(administration: Administration) -> ClinicSettings:
    """The limits of ``administration``; the defaults, unsaved, where none were set."""
    found: ClinicSettings | None = ClinicSettings.objects.filter(administration=administration).first()
    return found or ClinicSettings(administration=administration)
