"""Write fixed assets off, month by month, and take them off the books when they are disposed of."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, User
from apps.core.money import ZERO, exact, total
from apps.core.permissions import Act, require
from apps.ledger.errors import (
    DisposalInvalid,
    DisposalTooEarly,
    FixedAssetDisposed,
    FixedAssetKept,
    named_refusals,
)
from apps.ledger.models import Account, Depreciation, Disposal, FixedAsset, Journal, JournalEntry, Period
from apps.ledger.reports.depreciation import ScheduledMonth, register, schedule, until_disposal
from apps.ledger.services.posting import Line, Source, first_open_day, on_side, post_entry
from apps.ledger.services.purposes import account_for

DEPRECIATION, DISPOSAL = "depreciation", "disposal"  # sources of entries


@named_refusals()
@transaction.atomic
def save_asset(asset: FixedAsset, *, by: User) -> FixedAsset:
    """Keep a new asset, or change one that was never depreciated; afterwards only its name and its expense account
    change. Its cost stands in the books by the entry that bought it.

    Raises NotAllowed, FixedAssetInvalid, FixedAssetKept, ForeignRow or AmountHasTooManyDigits.
    """
    require(by, Act.KEEP_ACCOUNTS, asset.administration_id)
    for amount in (asset.cost, asset.residual_value, asset.opening_depreciation):
        exact(Decimal(amount), asset.administration.currency)
    if not asset._state.adding:
        before = FixedAsset.objects.select_for_update().get(pk=asset.pk)
        reckoned = ("residual_value", "method", "life_months", "declining_rate")
        if before.depreciations.exists() and any(getattr(before, name) != getattr(asset, name) for name in reckoned):
            raise FixedAssetKept()
    verb = "registered" if asset._state.adding else "changed"
    asset.save()
    record(f"ledger.fixed_asset_{verb}", asset, by=by, cost=asset.cost)
    return asset


def last_ended_month(administration: Administration) -> date:
    """The first day of the last month that is over, by the administration's clock."""
    today = timezone.localdate(timezone=ZoneInfo(administration.time_zone))
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def due_administrations() -> list[tuple[Administration, date]]:
    """Administrations with a month that is over and not posted, with the last such month: by each one's clock."""
    found = []
    owners = FixedAsset.objects.alive().order_by().values("administration").distinct()
    for administration in Administration.objects.filter(pk__in=owners):
        month = last_ended_month(administration)
        assets = FixedAsset.objects.filter(administration=administration, in_use_from__lte=last_day_of(month))
        if any(row.next and row.next.month <= month for row in register(assets.alive().with_accounts())):
            found.append((administration, month))
    return found


@named_refusals()
@transaction.atomic
def post_depreciation(
    administration: Administration, month: date, *, by: User | None, asset: FixedAsset | None = None
) -> list[Depreciation]:
    """Post what is due up to and including ``month`` and not posted yet, of every asset or of ``asset``: one entry
    per asset and month, the months of an asset in their order.

    An entry is dated the last day of its month, or the first later day that admits posting. What is posted already is
    left alone, so that it may run twice and by two at once. Raises NotAllowed, PeriodClosed or PeriodMissing.
    """
    if by is not None:
        require(by, Act.KEEP_ACCOUNTS, administration.pk)
    assets = FixedAsset.objects.filter(administration=administration, in_use_from__lte=last_day_of(month))
    if asset is not None:
        assets = assets.filter(pk=asset.pk)
    # Locked first and read afterwards: what another posted while we waited is what we see.
    list(assets.order_by("pk").select_for_update().values_list("pk"))
    todo = [
        (one, scheduled)
        for one in assets.alive().with_accounts().order_by("code")
        for scheduled in months_due(one)
        if scheduled.month <= month
    ]
    if not todo:
        return []
    journal = _journal(administration)
    return [_post_month(one, scheduled, journal, by) for one, scheduled in todo]


def months_due(asset: FixedAsset) -> list[ScheduledMonth]:
    """The months of the schedule that no standing depreciation covers, in their order."""
    posted = set(asset.depreciations.standing().values_list("month", flat=True))
    return [one for one in schedule(asset) if one.month not in posted]


@named_refusals()
@transaction.atomic
def dispose(
    asset: FixedAsset,
    *,
    date: date,
    proceeds: Decimal = ZERO,
    proceeds_account: Account | None = None,
    by: User,
) -> Disposal:
    """Take ``asset`` off the books on ``date``: written off up to that day, sold for ``proceeds`` (before VAT) or
    scrapped for nothing. The gain or loss goes to the account with the purpose ``asset_disposal_result``.

    Reversing its entry takes all of it back, but for the whole months before it. Raises NotAllowed, AccountMissing,
    FixedAssetDisposed, DisposalTooEarly, DisposalInvalid and what ``post_entry`` raises.
    """
    administration = asset.administration
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    exact(proceeds, administration.currency)
    asset = FixedAsset.objects.with_accounts().select_for_update(of=("self",)).get(pk=asset.pk)
    if asset.disposals.standing().exists():
        raise FixedAssetDisposed(asset=str(asset))
    if proceeds and proceeds_account is None:
        raise DisposalInvalid()
    posted = asset.depreciations.standing().aggregate(last=Max("month"))["last"]
    first_day = last_day_of(posted) if posted else asset.acquired_on
    if date < first_day:
        raise DisposalTooEarly(asset=str(asset), date=first_day)

    month = date.replace(day=1)
    post_depreciation(administration, _month_before(month), by=by, asset=asset)
    parts = [one for one in until_disposal(asset, months_due(asset), date) if one.month == month]
    disposal = Disposal(administration=administration, asset=asset, date=date, proceeds=proceeds)
    with language_of_books(administration):
        memo = _("Disposal of %(asset)s") % {"asset": asset}
    disposal.entry = post_entry(
        administration=administration,
        journal=_journal(administration),
        date=date,
        memo=memo,
        lines=_disposal_lines(disposal, parts, proceeds_account),
        by=by,
        source=Source(DISPOSAL, disposal.pk),
    )
    disposal.save(force_insert=True)
    for part in parts:
        _keep(asset, part, disposal.entry)
    record("ledger.fixed_asset_disposed", asset, by=by, date=date, proceeds=proceeds)
    return disposal


def _disposal_lines(disposal: Disposal, parts: list[ScheduledMonth], proceeds_account: Account | None) -> list[Line]:
    asset = disposal.asset
    lines = [line for part in parts for line in _lines(asset, part)]
    written_off = register([asset])[0].depreciated + total(part.amount for part in parts)
    result = disposal.proceeds - (asset.cost - written_off)
    sides = [
        (asset.depreciation_account, written_off),
        (asset.account, -asset.cost),
        (proceeds_account, disposal.proceeds),
    ]
    if result:
        sides.append((account_for(asset.administration, "asset_disposal_result"), -result))
    memo = str(asset)
    return lines + [on_side(account, amount, memo=memo) for account, amount in sides if account is not None and amount]


def _post_month(asset: FixedAsset, scheduled: ScheduledMonth, journal: Journal, by: User | None) -> Depreciation:
    administration, day = asset.administration, scheduled.last_day
    first = Period.objects.filter(administration=administration).order_by("first_day").first()
    posted_on = first_open_day(administration, max(day, first.first_day) if first else day)
    with language_of_books(administration):
        memo = _("Depreciation of %(asset)s, %(month)s") % {"asset": asset, "month": f"{day:%Y-%m}"}
        if posted_on != day:
            memo += " " + _("(%(date)s does not admit posting)") % {"date": day}
    key = uuid7()
    entry = post_entry(
        administration=administration,
        journal=journal,
        date=posted_on,
        memo=memo,
        lines=_lines(asset, scheduled),
        by=by,
        source=Source(DEPRECIATION, key),
    )
    return _keep(asset, scheduled, entry, pk=key)


def _keep(asset: FixedAsset, scheduled: ScheduledMonth, entry: JournalEntry, **fields: Any) -> Depreciation:
    before = asset.depreciations.filter(month=scheduled.month).aggregate(last=Max("revision"))["last"] or 0
    return Depreciation.objects.create(
        administration_id=asset.administration_id,
        asset=asset,
        month=scheduled.month,
        revision=before + 1,
        amount=scheduled.amount,
        entry=entry,
        **fields,
    )


def _lines(asset: FixedAsset, scheduled: ScheduledMonth) -> list[Line]:
    return [
        on_side(asset.expense_account, scheduled.amount, memo=str(asset)),
        on_side(asset.depreciation_account, -scheduled.amount, memo=str(asset)),
    ]


def _journal(administration: Administration) -> Journal:
    return Journal.objects.get(administration=administration, code="GEN")


def last_day_of(month: date) -> date:
    """The last day of the month that holds ``month``."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
