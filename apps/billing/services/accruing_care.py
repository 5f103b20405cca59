"""Care that was given before the end of a period and is on no bill yet: in that period's revenue, and out again."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from apps.billing.errors import NothingToAccrue, PeriodNotOver
from apps.billing.models import Service, ServiceGroup
from apps.billing.reports.leaks.care import unbilled_as_of
from apps.billing.services.days import local_date
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, quantize, total
from apps.core.permissions import Act, require
from apps.ledger.models import JournalEntry, Period
from apps.ledger.services.posting import Source, on_side, post_entry, reverse_entry
from apps.ledger.services.purposes import account_for, journal_of

ACCRUAL = "care_accrual"  # source of entries


@dataclass(frozen=True)
class GroupAccrual:
    """The unbilled care of one service group: how many orders, and what they are worth before VAT."""

    group: ServiceGroup
    orders: int
    net: Decimal


@dataclass(frozen=True)
class CareAccrual:
    """What would be accrued at ``period_end``, in the book currency before VAT.

    ``unpriced`` orders have no tariff and no price and are not accrued. ``entry`` is what was posted, if it was.
    """

    administration: Administration
    period_end: date
    groups: tuple[GroupAccrual, ...]
    unpriced: int
    entry: JournalEntry | None

    @property
    def net(self) -> Decimal:
        return total(group.net for group in self.groups)


def propose_accrual(administration: Administration, period_end: date) -> CareAccrual:
    """What was completed in the fiscal year up to ``period_end`` and not billed by then, by service group.

    What an earlier year left unbilled belongs to that year's result, and is not earned again here.
    """
    rows = unbilled_as_of(administration, _year_of(administration, period_end), period_end)
    services = Service.objects.select_related("group__account").in_bulk({row["priced_as"] for row in rows} - {None})
    sums: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    counts: defaultdict[UUID, int] = defaultdict(int)
    groups = {service.group_id: service.group for service in services.values()}
    for row in rows:
        if row["net"]:
            group = services[row["priced_as"]].group_id
            sums[group] += quantize(row["net"], administration.currency)
            counts[group] += 1
    found = [GroupAccrual(groups[group], counts[group], net) for group, net in sums.items()]
    return CareAccrual(
        administration=administration,
        period_end=period_end,
        groups=tuple(sorted(found, key=lambda one: one.group.code)),
        unpriced=sum(row["net"] is None for row in rows),
        entry=_posted(administration, period_end),
    )


@transaction.atomic
def post_accrual(administration: Administration, period_end: date, *, by: User) -> JournalEntry:
    """Post Dr unbilled care, Cr revenue by group, dated ``period_end``, and its reversal on the next day.

    Once for each period end: done again it answers the entry that is there. Raises NotAllowed, PeriodNotOver,
    NothingToAccrue, AccountMissing, PeriodClosed or PeriodMissing, also for the next day.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key(ACCRUAL, administration.pk, period_end)
    if known := _posted(administration, period_end):
        return known
    ends = Period.objects.filter(administration=administration, last_day=period_end).exists()
    if not ends or period_end >= local_date(administration):
        raise PeriodNotOver(date=period_end)
    proposed = propose_accrual(administration, period_end)
    if not proposed.net:
        raise NothingToAccrue(date=period_end)
    revenue: defaultdict[UUID, Decimal] = defaultdict(lambda: ZERO)
    accounts = {one.group.account_id: one.group.account for one in proposed.groups}
    for one in proposed.groups:
        revenue[one.group.account_id] += one.net
    lines = [on_side(account_for(administration, "unbilled_care"), proposed.net)]
    lines += [on_side(accounts[pk], -net) for pk, net in revenue.items()]
    with language_of_books(administration):
        memo = _("Care given and not billed on %(date)s") % {"date": period_end}
        reason = _("counts at the end of a period only")
    entry = post_entry(
        administration=administration,
        journal=journal_of(administration, "GEN"),
        date=period_end,
        memo=memo,
        lines=lines,
        by=by,
        source=_source(administration, period_end),
    )
    reverse_entry(entry, by=by, reason=reason, date=period_end + timedelta(days=1))
    record("billing.care_accrued", entry, by=by, date=period_end, net=proposed.net)
    return entry


def _source(administration: Administration, period_end: date) -> Source:
    return Source(ACCRUAL, uuid5(administration.pk, f"{ACCRUAL} {period_end}"))


def _posted(administration: Administration, period_end: date) -> JournalEntry | None:
    source = _source(administration, period_end)
    entries = JournalEntry.objects.filter(administration=administration, source_type=source.type, source_id=source.id)
    found: JournalEntry | None = entries.first()
    return found


def _year_of(administration: Administration, day: date) -> date:
    """The first day of the fiscal year that holds ``day``; of the calendar year where none is set up."""
    year = Period.objects.filter(
        administration=administration, type=Period.Type.YEAR, first_day__lte=day, last_day__gte=day
    ).first()
    return year.first_day if year else day.replace(month=1, day=1)
