"""What must be true of periods, proved again by reading."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from django.utils.translation import gettext_lazy as _

from apps.core.findings import Finding
from apps.core.models import Administration
from apps.ledger.models import Period
from apps.periods.models import Snapshot, Transition
from apps.periods.reports.snapshot import digest


def status_is_told(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Every period is what its newest transition says."""
    told: dict[object, str] = {}
    steps = Transition.objects.filter(administration=administration).order_by("number")
    for period, status in steps.values_list("period", "to_status"):
        told[period] = status
    for period in Period.objects.filter(administration=administration, first_day__lte=as_of):
        expected = told.get(period.pk, Period.Status.OPEN)
        if period.status != expected:
            yield Finding(
                "PERIOD_STEP_MISSING",
                period,
                _("{period} is {status}; its history says {told}."),
                facts={"period": str(period), "status": period.status, "told": expected},
            )


def snapshots_hold(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Every snapshot has the hash that stands beside it, and says what its seal says."""
    snapshots = Snapshot.objects.filter(administration=administration, period__first_day__lte=as_of)
    for snapshot in snapshots.select_related("seal", "period").iterator():
        if digest(bytes(snapshot.content)) != snapshot.sha256 or snapshot.says["seal"]["head"] != snapshot.seal.head:
            yield Finding(
                "SNAPSHOT_CHANGED",
                snapshot,
                _("The snapshot of {period} is not what was written."),
                facts={"period": str(snapshot.period)},
            )


ALL: Iterable[Callable[[Administration, date], Iterator[Finding]]] = (status_is_told, snapshots_hold)
