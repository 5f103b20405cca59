"""The service as the source document spells it; each line is a call of a service or a report."""

from datetime import date
from typing import Any
from uuid import UUID

from apps.billing.models import EndOfDayReconciliation
from apps.billing.reports.summary import Summary, summary
from apps.billing.services.closing import close_day, refresh_day
from apps.core.errors import AdministrationRequired
from apps.core.models import Administration, User


class ReconciliationService:
    """Day closes from the Python shell. ``administration_id`` may be left out where there is only one choice."""

    @staticmethod
    def create_reconciliation(
        reconciliation_date: date,
        prepared_by_id: UUID,
        close_active_visits: bool = True,
        administration_id: UUID | None = None,
    ) -> EndOfDayReconciliation:
        """The day close of that date, made now or there already."""
        by = User.objects.get(pk=prepared_by_id)
        administration = _only(Administration.objects.visible_to(by), administration_id)
        return close_day(administration, reconciliation_date, by=by, close_active_visits=close_active_visits)[0]

    @staticmethod
    def refresh_reconciliation(reconciliation_id: UUID, refreshed_by_id: UUID) -> EndOfDayReconciliation:
        """Compute a draft's figures anew."""
        close = EndOfDayReconciliation.objects.get(pk=reconciliation_id)
        return refresh_day(close, by=User.objects.get(pk=refreshed_by_id))

    @staticmethod
    def get_reconciliation_for_date(
        reconciliation_date: date, administration_id: UUID | None = None
    ) -> EndOfDayReconciliation | None:
        """The current day close of that date, if there is one."""
        administration = _only(Administration.objects.all(), administration_id)
        closes = EndOfDayReconciliation.objects.current().filter(
            administration=administration, reconciliation_date=reconciliation_date
        )
        return closes.first()

    @staticmethod
    def get_reconciliation_summary(start_date: date, end_date: date, administration_id: UUID | None = None) -> Summary:
        """What the day closes of the range add up to."""
        return summary(_only(Administration.objects.all(), administration_id), start_date, end_date)


def _only(administrations: Any, named: UUID | None) -> Administration:
    if named is not None:
        found: Administration = administrations.get(pk=named)
        return found
    try:
        found = administrations.get()
    except Administration.MultipleObjectsReturned:
        raise AdministrationRequired() from None
    return found
