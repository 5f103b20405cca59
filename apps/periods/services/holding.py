"""Hold periods while their status changes, and write the change with its transition."""

from typing import Any

from django.db import connection

from apps.core.locks import hold_key
from apps.core.models import User
from apps.ledger.models import Period
from apps.periods.models import Snapshot, Transition

CLOSING = "close periods"  # held by whoever holds more than one period FOR UPDATE


def inside(period: Period) -> list[Period]:
    """The smaller periods inside ``period``, the smallest first. Year-end adjustments lie inside their year alone."""
    rows = Period.objects.filter(
        administration=period.administration_id, first_day__gte=period.first_day, last_day__lte=period.last_day
    ).exclude(pk=period.pk)
    if period.type != Period.Type.YEAR:
        rows = rows.exclude(type=Period.Type.YEAR_END)
    if period.type == Period.Type.YEAR_END:
        rows = rows.none()
    return sorted(rows, key=lambda one: (one.last_day - one.first_day, one.first_day, one.type))


def held(period: Period) -> tuple[Period, list[Period]]:
    """``period`` and the smaller ones inside it, as they are now and until the transaction ends.

    One at a time in an administration, so that two who close do not wait for each other's periods. FOR UPDATE in the
    order of ids, as posting takes them FOR SHARE: postings under way end first, and later ones see the new status.
    """
    hold_key(CLOSING, period.administration_id)
    ids = [period.pk, *(one.pk for one in inside(period))]
    rows = {row.pk: row for row in _locked(ids)}
    return rows[period.pk], [rows[pk] for pk in ids[1:]]


def hold_still(period: Period) -> None:
    """Let nothing be posted or settled anywhere in the books while a snapshot of ``period`` is read.

    An entry of another period counts in it as well: in a balance of earlier days, as VAT of an earlier return. The
    periods around need no lock of their own: whoever posts into them without touching ``period`` touches another one
    that is held here. A settlement that was begun is waited for; its moment is the one at which it is written.
    """
    around = Period.objects.around(period).values("pk")
    _locked(Period.objects.filter(administration=period.administration_id).exclude(pk__in=around).values("pk"))
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ledger_allocation IN SHARE MODE")


def step(
    period: Period,
    action: str,
    to: str,
    *,
    by: User,
    notes: str = "",
    snapshot: Snapshot | None = None,
    along_with: Period | None = None,
) -> Transition:
    """Bring ``period`` to the status ``to`` and write who did it."""
    taken = Transition.objects.create(
        administration_id=period.administration_id,
        period=period,
        action=action,
        from_status=period.status,
        to_status=to,
        by=by,
        notes=notes,
        snapshot=snapshot,
        along_with=along_with,
    )
    period.status = to
    period.save(update_fields=["status"])
    return taken


def _locked(ids: Any) -> list[Period]:
    rows = Period.objects.filter(pk__in=ids).order_by("id").select_related("administration")
    return list(rows.select_for_update(of=("self",)))
