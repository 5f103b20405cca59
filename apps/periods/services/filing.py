"""File a VAT return and its corrections: freeze the figures, and move what they come to onto one account."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.laws import prove_deferred
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, total
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account, JournalLine, Period
from apps.ledger.services.posting import Source, first_open_day, on_side, post_entry
from apps.ledger.services.purposes import account_for, journal_of
from apps.periods.errors import (
    VatAlreadyFiled,
    VatByPaymentNotKept,
    VatNotFiled,
    VatNothingToCorrect,
    VatPeriodOpen,
    VatReturnNotReady,
    VatSpanDiffers,
    VatSpanNotOver,
)
from apps.periods.models import FiledBox, VatFiling, VatRegistration
from apps.periods.reports.vat_anomalies import anomalies_of
from apps.periods.reports.vat_filed import Correction, carriable, correction_of, filings_of, open_periods
from apps.periods.reports.vat_forms import Side
from apps.periods.reports.vat_return import BoxFigure, ReturnLines, VatReturn, return_of
from apps.periods.reports.vat_spans import VatSpan, filing_span, standing
from apps.periods.services.holding import CLOSING

Kind = VatFiling.Kind
Carried = dict[str, tuple[Decimal, Decimal]]  # what corrections add to a box: turnover and VAT


@named_refusals()
@transaction.atomic
def file_return(span: VatSpan, *, by: User, reference: str = "", note: str = "", carry: bool = False) -> VatFiling:
    """File the return of ``span`` as the books say it now, and post what it comes to.

    With ``carry``, corrections of earlier spans that are small enough are declared in it as well. ``reference`` is
    what the tax administration calls it. Raises NotAllowed, VatSpanDiffers, VatByPaymentNotKept, VatAlreadyFiled,
    VatSpanNotOver, VatPeriodOpen, VatReturnNotReady, and PeriodClosed or PeriodMissing where no later day is open.
    """
    require(by, Act.CLOSE_PERIODS, span.administration.pk)
    moment = _hold(span.administration)
    _refuse_span(span)
    if filings_of(span):
        raise VatAlreadyFiled(span=span.name)
    if span.last_day >= timezone.localdate(timezone=ZoneInfo(span.administration.time_zone)):
        raise VatSpanNotOver(span=span.name, last_day=span.last_day)
    if waiting := open_periods(span):
        raise VatPeriodOpen(period=", ".join(map(str, waiting)))
    _refuse_anomalies(span)
    current = return_of(span)
    corrections = carriable(span) if carry else []
    filing = _freeze(current, Kind.RETURN, 0, moment, by, carried=_carried(corrections), reference=reference, note=note)
    settled: list[tuple[VatReturn, datetime | None]] = [(current, None)]
    for one in corrections:
        _freeze(one.current, Kind.CARRIED, one.filed.revision + 1, moment, by, carried_in=filing, before=one.filed)
        settled.append((one.current, one.filed.filed_at))
    _settle(filing, settled, filing.declared, by)
    record("periods.vat_filed", filing, by=by, span=span.name, declared=filing.declared, carried=len(corrections))
    return filing


@named_refusals()
@transaction.atomic
def file_correction(span: VatSpan, *, by: User, reference: str = "", note: str = "") -> VatFiling:
    """File the whole of a filed span anew, since the books changed, and post the difference.

    Raises NotAllowed, VatNotFiled, VatNothingToCorrect, VatReturnNotReady and what posting raises.
    """
    require(by, Act.CLOSE_PERIODS, span.administration.pk)
    moment = _hold(span.administration)
    filings = filings_of(span)
    if not filings:
        raise VatNotFiled(span=span.name)
    correction = correction_of(span, filings)
    if correction is None:
        raise VatNothingToCorrect(span=span.name)
    _refuse_anomalies(span)
    before = correction.filed
    filing = _freeze(
        correction.current,
        Kind.CORRECTION,
        before.revision + 1,
        moment,
        by,
        before=before,
        reference=reference,
        note=note,
    )
    _settle(filing, [(correction.current, before.filed_at)], filing.declared - before.declared, by)
    record("periods.vat_corrected", filing, by=by, span=span.name, declared=filing.declared, net=correction.net)
    return filing


# What is refused ------------------------------------------------------------------------------------------------------


def _hold(administration: Administration) -> datetime:
    """Wait for every posting under way, keep others waiting, and answer the moment: what was posted before it counts.

    In the order of ids, as posting and finalizing take them.
    """
    hold_key(CLOSING, administration.pk)
    list(Period.objects.filter(administration=administration).order_by("pk").select_for_update())
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _refuse_span(span: VatSpan) -> None:
    wanted = filing_span(span.administration, span.last_day)
    if (span.first_day, span.last_day) != (wanted.first_day, wanted.last_day):
        raise VatSpanDiffers(asked=span.name, span=wanted.name)
    if standing(span.administration, span.last_day).basis == VatRegistration.Basis.CASH:
        raise VatByPaymentNotKept()


def _refuse_anomalies(span: VatSpan) -> None:
    red = anomalies_of(span).red
    if red:
        raise VatReturnNotReady(span=span.name, anomalies=len(red))


# What is kept ---------------------------------------------------------------------------------------------------------


def _carried(corrections: Iterable[Correction]) -> Carried:
    sums: Carried = {}
    for correction in corrections:
        for change in correction.boxes:
            turnover, vat = sums.get(change.box, (ZERO, ZERO))
            sums[change.box] = (turnover + change.turnover_change, vat + change.vat_change)
    return sums


def _freeze(
    current: VatReturn,
    kind: str,
    revision: int,
    moment: datetime,
    by: User,
    *,
    carried: Carried | None = None,
    before: VatFiling | None = None,
    carried_in: VatFiling | None = None,
    reference: str = "",
    note: str = "",
) -> VatFiling:
    """Write the return with its boxes. A revision goes on carrying what the one before it carried."""
    if before is not None:
        carried = {box.box: (box.carried_turnover, box.carried_vat) for box in before.boxes.all()}
    boxes = [
        _box(position, figure, current, *(carried or {}).get(figure.box.code, (ZERO, ZERO)))
        for position, figure in enumerate(current.boxes, start=1)
        if figure.box.side != Side.TOTAL
    ]
    sides = {figure.box.code: figure.box.side for figure in current.boxes}
    owed = total(box.vat for box in boxes if sides[box.box] == Side.OWED)
    deducted = total(box.vat for box in boxes if sides[box.box] == Side.DEDUCTED)
    filing = VatFiling.objects.create(
        administration=current.administration,
        first_day=current.span.first_day,
        last_day=current.span.last_day,
        frequency=current.span.frequency,
        revision=revision,
        kind=kind,
        scheme=current.standing.scheme,
        exact=current.net,
        declared=owed - deducted,
        box_count=len(boxes),
        carried_in=carried_in,
        reference=reference,
        note=note,
        filed_by=by,
        filed_at=moment,
    )
    for box in boxes:
        box.filing = filing
    FiledBox.objects.bulk_create(boxes)
    prove_deferred()
    return filing


def _box(
    position: int, figure: BoxFigure, current: VatReturn, carried_turnover: Decimal, carried_vat: Decimal
) -> FiledBox:
    form, side = current.form, figure.box.side
    return FiledBox(
        administration=current.administration,
        position=position,
        box=figure.box.code,
        turnover=form.declared(figure.turnover + carried_turnover, Side.OWED),
        vat=ZERO if side == Side.NONE else form.declared(figure.vat + carried_vat, side),
        exact_turnover=figure.turnover,
        exact_vat=figure.vat,
        carried_turnover=carried_turnover,
        carried_vat=carried_vat,
        transactions=figure.transactions,
    )


# What is posted -------------------------------------------------------------------------------------------------------


def _settle(filing: VatFiling, returns: list[tuple[VatReturn, datetime | None]], declared: Decimal, by: User) -> None:
    """Empty the VAT accounts by what these returns count (of a filed one: by what came later), owe what is declared,
    and keep what rounding gives."""
    balances: dict[Any, Decimal] = {}
    for current, later_than in returns:
        for account, amount in _balances(current, later_than):
            balances[account] = balances.get(account, ZERO) + amount
    administration = filing.administration
    accounts = Account.objects.filter(administration=administration).in_bulk(balances)
    with language_of_books(administration):
        memo = _("VAT return %(span)s") % {"span": filing}
    lines = [on_side(accounts[pk], -amount, memo=memo) for pk, amount in balances.items() if amount]
    if declared:
        lines.append(on_side(account_for(administration, "vat_return"), -declared, memo=memo))
    if rest := -total(line.amount for line in lines):
        with language_of_books(administration):
            rounding = _("Rounding of the VAT return %(span)s") % {"span": filing}
        lines.append(on_side(account_for(administration, "rounding"), rest, memo=rounding))
    if lines:
        post_entry(
            administration=administration,
            journal=journal_of(administration, "GEN"),
            date=first_open_day(administration, filing.last_day),
            memo=memo,
            lines=lines,
            by=by,
            source=Source("vat_filing", filing.pk),
        )


def _balances(current: VatReturn, later_than: datetime | None) -> Iterable[tuple[Any, Decimal]]:
    """What stands on the VAT accounts for this return, by account: a debit is positive."""
    lines = ReturnLines(current.span, current.form, later_than=later_than).posted().exclude(box="").order_by()
    taxes = lines.exclude(vat_role=JournalLine.VatRole.BASE)
    return taxes.values_list("account").annotate(amount=Sum("debit") - Sum("credit"))
