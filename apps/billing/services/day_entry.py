"""The one journal entry of a clinic day, and what corrects it when the day was reopened."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.billing.models import (
    Bill,
    BillLine,
    CashMovement,
    Claim,
    ClinicDay,
    EndOfDayReconciliation,
    Patient,
    Payer,
    Payment,
    TopUp,
)
from apps.billing.reports.advances import moved_on
from apps.billing.reports.drawers import drawers_of
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import ZERO
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import Account, JournalEntry, JournalLine, Period, VatCode
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import (
    Document,
    Line,
    Source,
    admitting_period,
    first_open_day,
    on_side,
    post_entry,
    reverse_entry,
)
from apps.ledger.services.purposes import account_for, journal_of

Method = Payment.Method
VatRole = JournalLine.VatRole
MONEY_ACCOUNTS = {
    Method.CASH: "cash_drawer",
    Method.CARD: "card_in_transit",
    Method.TRANSFER: "transfer_in_transit",
    Method.PAYSTACK: "paystack_in_transit",
}


@dataclass(frozen=True)
class Posted:
    """What a revision put into the books: its entry, and the reversal of the one before. Either may be nothing."""

    entry: JournalEntry | None = None
    reversal: JournalEntry | None = None


def post_day(close: EndOfDayReconciliation, *, by: User) -> Posted:
    """Post what was billed, taken and moved on its day, dated that day; nothing when nothing has an amount.

    A revision reverses the entry of the one before and posts its own. Where the period of the day no longer admits
    posting it posts the difference alone, on the first open day; its VAT lines belong to the return of the day and
    name it as the period that they correct. Raises what post_entry does, and AccountMissing.
    """
    day = close.clinic_day
    with language_of_books(day.administration):
        lines = day_lines(day)
        if close.revision == 1:
            return Posted(_post(close, lines, day.date, by=by))
        earlier = _earlier(close)
        standing = list(earlier.filter(reverses=None, reversal=None))
        if len(standing) > 1 or not _admits(day) or any(entry.date != day.date for entry in standing):
            return Posted(_post_difference(close, lines, earlier, by=by))
        reversal = reverse_entry(standing[0], by=by, reason=str(close)) if standing else None
        return Posted(_post(close, lines, day.date, by=by), reversal)


def day_lines(day: ClinicDay) -> list[Line]:
    """The lines of the entry of ``day``: Cr revenue by account and VAT code and output VAT by code, Dr money by method,
    wallets, advances and payers; what was topped up, moved in and out of drawers, and counted too much or too little.

    A bill settled on its day never touches the patients' account; each other one is a line with an open item, which
    settles what is open of it.
    """
    return [
        *_money(day),
        *_wallets(day),
        *_top_ups(day),
        *_advances(day),
        *_cash_movements(day),
        *_counted(day),
        *_cover(day),
        *_patients(day),
        *_revenue(day),
        *_vat(day),
    ]


def _post(
    close: EndOfDayReconciliation, lines: list[Line], on: date, *, by: User, memo: str = "", reference: str = ""
) -> JournalEntry | None:
    if not lines:
        return None
    administration = close.clinic_day.administration
    entry = post_entry(
        administration=administration,
        journal=journal_of(administration, "DAY"),
        date=on,
        memo=memo or _("Day takings %(date)s, %(close)s") % {"date": close.clinic_day.date, "close": close},
        reference=reference,
        lines=sorted(lines, key=lambda line: line.credit > 0),  # debits first, as entries are read
        by=by,
        source=Source("day_close", close.pk),
    )
    settle_documents(administration, {line.document.id for line in lines if line.document})
    return entry


# What corrects an earlier revision -----------------------------------------------------------------------------------


def _earlier(close: EndOfDayReconciliation) -> Any:
    """Every entry that the revisions before ``close`` put into the books."""
    before = EndOfDayReconciliation.objects.filter(clinic_day=close.clinic_day_id, revision__lt=close.revision)
    entries = Q(pk__in=before.values("entry")) | Q(pk__in=before.values("reversal"))
    return JournalEntry.objects.filter(entries, administration=close.administration_id).order_by("id")


def _admits(day: ClinicDay) -> bool:
    try:
        admitting_period(day.administration, day.date)
    except PeriodClosed:
        return False
    return True


def _post_difference(
    close: EndOfDayReconciliation, lines: list[Line], earlier: Any, *, by: User
) -> JournalEntry | None:
    day = close.clinic_day
    on = first_open_day(day.administration, day.date)
    words = {"date": day.date, "close": close}
    return _post(
        close,
        [_of_the_return_of(day, line, on) for line in _difference(lines, earlier)],
        on,
        by=by,
        memo=_("Correction of the day takings %(date)s, %(close)s (that day no longer admits posting)") % words,
        reference=f"{close} {day.date}",
    )


def _of_the_return_of(day: ClinicDay, line: Line, on: date) -> Line:
    """``line``, posted on another day, in the return that ``day`` belongs to."""
    if line.vat_code is None:
        return line
    period = Period.objects.covering(day.administration, day.date)
    is_later = period is not None and on > period.last_day
    return replace(line, tax_point=day.date, vat_period=period, corrected_period=period if is_later else None)


def _difference(lines: list[Line], earlier: Any) -> Iterator[Line]:
    """What is missing of ``lines`` in the books or too much there: by account, party, VAT code and document."""
    booked: dict[tuple[Any, ...], Line] = {}
    amounts: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    bases: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for sign, line in (*((1, line) for line in lines), *((-1, line) for line in _booked(earlier))):
        key = (
            line.account.pk,
            line.party and line.party.pk,
            line.vat_code and line.vat_code.pk,
            line.vat_role,
            line.document and line.document.id,
        )
        booked.setdefault(key, line)
        amounts[key] += sign * line.amount
        bases[key] += sign * (line.vat_base or ZERO)
    for key, line in booked.items():
        # No line is of nothing: the turnover of a tax that did not change stands in the lines of its base, and the next
        # line of that tax says what all of it was reckoned on.
        if amounts[key]:
            base = bases[key] if line.vat_base is not None else None
            yield on_side(
                line.account,
                amounts[key],
                party=line.party,
                document=line.document,
                vat_code=line.vat_code,
                vat_role=line.vat_role,
                vat_base=base,
            )


def _booked(earlier: Any) -> Iterator[Line]:
    """The lines of these entries, those on a control account by the document of each item."""
    lines = JournalLine.objects.filter(entry__in=earlier).order_by("entry", "position")
    for line in lines.select_related("account", "party", "vat_code").prefetch_related("open_items"):
        same: dict[str, Any] = {
            "party": line.party,
            "vat_code": line.vat_code,
            "vat_role": line.vat_role,
            "vat_base": line.vat_base,
        }
        items = list(line.open_items.all())
        for item in items:
            document = Document(item.document_type, item.document_id, item.reference)
            yield on_side(line.account, item.amount, document=document, **same)
        if not items:
            yield on_side(line.account, line.debit - line.credit, **same)


# The parts of the entry ----------------------------------------------------------------------------------------------


def _line(account: Account, debit: Decimal, **more: Any) -> Iterator[Line]:
    """A line with ``debit`` on its side: a negative debit is a credit, nothing is no line."""
    if debit:
        yield on_side(account, debit, **more)


def _revenue(day: ClinicDay) -> Iterator[Line]:
    """What was billed before VAT, by account and VAT code: the base of the return."""
    lines = BillLine.objects.filter(bill__clinic_day=day).order_by("group__account__code", "vat_code__code")
    sums = lines.values_list("group__account", "vat_code").annotate(net=Sum("net"))
    accounts, codes = _named(day)
    for account, code, net in sums:
        yield from _line(accounts[account], -net, vat_code=codes[code], vat_role=VatRole.BASE.value)


def _vat(day: ClinicDay) -> Iterator[Line]:
    """Output VAT by VAT code, and what it was reckoned on: positive where VAT is owed, negative where it is given
    back."""
    lines = BillLine.objects.filter(bill__clinic_day=day, vat_code__account__isnull=False).order_by("vat_code__code")
    sums = lines.values_list("vat_code__account", "vat_code").annotate(vat=Sum("vat"), net=Sum("net"))
    accounts, codes = _named(day)
    for account, code, vat, net in sums:
        yield from _line(accounts[account], -vat, vat_code=codes[code], vat_role=VatRole.TAX.value, vat_base=net)


def _named(day: ClinicDay) -> tuple[dict[UUID, Account], dict[UUID, VatCode]]:
    mine = {"administration": day.administration_id}
    return Account.objects.filter(**mine).in_bulk(), VatCode.objects.filter(**mine).in_bulk()


def _money(day: ClinicDay) -> Iterator[Line]:
    sums = _by(Payment.objects.filter(clinic_day=day, method__in=MONEY_ACCOUNTS), "method", "amount")
    for method, purpose in MONEY_ACCOUNTS.items():
        if sums.get(method):
            yield from _line(account_for(day.administration, purpose), sums[method])


def _wallets(day: ClinicDay) -> Iterator[Line]:
    """What bills were paid with from wallets, by patient; what an advance pays stands among ``_advances``."""
    paid = Payment.objects.filter(clinic_day=day, method=Method.WALLET, advance=None)
    sums = _by(paid, "bill__patient", "amount")
    yield from _of_patients(day, sums)


def _top_ups(day: ClinicDay) -> Iterator[Line]:
    """What was put into wallets and taken out again: money by method, and what the clinic owes each patient for it. Of
    what was paid in advance the money alone; the rest stands among ``_advances``."""
    top_ups, memo = TopUp.objects.filter(clinic_day=day), _("Wallet top-ups")
    sums = _by(top_ups, "method", "amount")
    for method, purpose in MONEY_ACCOUNTS.items():
        if sums.get(method):
            yield from _line(account_for(day.administration, purpose), sums[method], memo=memo)
    by_patient = {
        patient: -amount for patient, amount in _by(top_ups.filter(service=None), "patient", "amount").items()
    }
    yield from _of_patients(day, by_patient, memo=memo)


def _advances(day: ClinicDay) -> Iterator[Line]:
    """What was paid in advance: what the clinic owes for it before VAT, one open item an advance, and its VAT by code.

    What is received falls due for VAT now: a base and a tax of this return. What a bill uses of it, or is given back,
    takes both back; the bill declares its own. So base and VAT are declared once, and revenue is the bill's alone.
    """
    moved, memo = moved_on(day), _("Advances")
    if not moved:
        return
    account = account_for(day.administration, "advance_liability")
    vat: defaultdict[Any, Decimal] = defaultdict(Decimal)
    net: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for one in moved:
        code: Any = one.advance.vat_code  # an advance has one, with an account for its VAT
        document = Document("advance", one.advance.pk, str(one.advance))
        vat[code] += one.vat
        net[code] += one.net
        named: dict[str, Any] = {"party": one.advance.patient.party, "document": document, "memo": memo}
        yield from _line(account, -one.net, vat_code=code, vat_role=VatRole.BASE.value, **named)
    for code in sorted(vat, key=lambda code: code.code):
        tax = {"vat_code": code, "vat_role": VatRole.TAX.value, "vat_base": net[code]}
        yield from _line(code.account, -vat[code], memo=memo, **tax)


def _of_patients(day: ClinicDay, sums: dict[UUID, Decimal], **more: Any) -> Iterator[Line]:
    if not sums:
        return
    account = account_for(day.administration, "wallet_liability")
    for patient in Patient.objects.select_related("party").filter(pk__in=sums).order_by("code"):
        document = Document("wallet", patient.pk, patient.code)
        yield from _line(account, sums[patient.pk], party=patient.party, document=document, **more)


def _cash_movements(day: ClinicDay) -> Iterator[Line]:
    """What went into and out of drawers and was no payment: to its own account, a deposit to what is on its way."""
    kinds = CashMovement.Kind
    movements = CashMovement.objects.filter(clinic_day=day).order_by("kind", "account__code").values("kind", "account")
    sums: list[Any] = list(movements.annotate(sum=Sum("amount")))
    accounts = Account.objects.in_bulk({row["account"] for row in sums if row["account"]})
    for row in sums:
        debit, memo = row["sum"], str(kinds(row["kind"]).label)
        if row["kind"] == kinds.PAY_IN:
            debit = -debit
        # The bank says itself when a deposit came in, and on which account.
        is_deposit = row["kind"] == kinds.DEPOSIT or row["account"] is None
        other = account_for(day.administration, "deposit_in_transit") if is_deposit else accounts[row["account"]]
        yield from _line(other, debit, memo=memo)
        yield from _line(account_for(day.administration, "cash_drawer"), -debit, memo=memo)


def _counted(day: ClinicDay) -> Iterator[Line]:
    """What the final counts found beyond or short of what was expected."""
    for drawer in drawers_of(day):
        if drawer.difference:
            memo = _("Counted in %(drawer)s") % {"drawer": drawer.drawer}
            yield from _line(account_for(day.administration, "cash_drawer"), drawer.difference, memo=memo)
            yield from _line(account_for(day.administration, "cash_over_short"), -drawer.difference, memo=memo)


def _cover(day: ClinicDay) -> Iterator[Line]:
    """One line and one open item per payer and bill: what the payer took over, called by its claim."""
    rows = list(
        Payment.objects.filter(clinic_day=day, method__in=Payment.COVER)
        .order_by("bill__number", "payer__code")
        .values("bill", "payer")
        .annotate(sum=Sum("amount"))
    )
    if not rows:
        return
    account = account_for(day.administration, "payer_receivable")
    payers = Payer.objects.select_related("party").in_bulk({row["payer"] for row in rows})
    bills = Bill.objects.in_bulk({row["bill"] for row in rows})
    claims = {(claim.bill_id, claim.payer_id): claim for claim in Claim.objects.filter(bill__in=bills)}
    for row in rows:
        bill = bills[row["bill"]]
        called = str(claims.get((row["bill"], row["payer"]), bill))
        document = Document("bill", bill.pk, called)
        yield from _line(account, row["sum"], party=payers[row["payer"]].party, document=document)


def _patients(day: ClinicDay) -> Iterator[Line]:
    """What each bill that moved today was billed less what was settled of it; zero for one settled on its day."""
    open_: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    billed = Bill.objects.filter(clinic_day=day).annotate(settles=Coalesce("credits", "id"))
    for settles, gross in _by(billed, "settles", "gross").items():
        open_[settles] += gross
    for bill, paid in _by(Payment.objects.filter(clinic_day=day), "bill", "amount").items():
        open_[bill] -= paid
    moved = {bill: amount for bill, amount in open_.items() if amount}
    if not moved:
        return
    account = account_for(day.administration, "patient_receivable")
    for bill in Bill.objects.select_related("patient__party").filter(pk__in=moved).order_by("number"):
        document = Document("bill", bill.pk, str(bill))
        yield from _line(account, moved[bill.pk], party=bill.patient.party, document=document)


def _by(rows: Any, key: str, amount: str) -> dict[Any, Decimal]:
    return dict(rows.order_by().values_list(key).annotate(sum=Sum(amount)))
