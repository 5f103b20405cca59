"""Where a day's close is shown, and which close that is."""

from datetime import date
from typing import Any

from apps.billing.admin.base import link
from apps.billing.models import ClinicDay, EndOfDayReconciliation
from apps.core.models import Administration

Status = EndOfDayReconciliation.Status


def reopen_link(close: EndOfDayReconciliation) -> str:
    """The page that reopens a close, and shows its revisions side by side."""
    return link("billing_day_reopen", close.pk)


def day_link(administration_id: Any, day: date) -> str:
    """The page of a day."""
    return link("billing_close_day", administration_id, day.isoformat())


def current(administration: Administration, day: date) -> EndOfDayReconciliation | None:
    """The close that holds for ``day``, with all that its page tells of it."""
    closes = EndOfDayReconciliation.objects.current().select_related(
        "administration",
        "clinic_day__administration",
        "prepared_by",
        "reviewed_by",
        "finalized_by",
        "reopened_by",
        "entry__journal",
    )
    found: EndOfDayReconciliation | None = closes.filter(administration=administration, reconciliation_date=day).first()
    return found


def newest(clinic_day: ClinicDay) -> EndOfDayReconciliation | None:
    """The close that holds for the day, as ``current`` says of a query, of closes that are read already."""
    held = (close for close in clinic_day.closes.all() if close.revision == 1 or close.status != Status.CANCELLED)
    return max(held, key=lambda close: close.revision, default=None)
