"""The one journal entry of a clinic day."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.billing.models import Bill, BillLine, ClinicDay, EndOfDayReconciliation, Patient, Payer, Payment
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import ZERO
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account, Journal, JournalEntry, JournalLine, VatCode
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line, Source, post_entry

Method = Payment.Method
VatRole = JournalLine.VatRole
MONEY_ACCOUNTS = {
    Method.CASH: "cash_drawer",
    Method.CARD: "card_in_transit",
    Method.TRANSFER: "transfer_in_transit",
    Method.PAYSTACK: "paystack_in_transit",
}


def post_day(close: EndOfDayReconciliation, *, by: User) -> JournalEntry | None:
    """Post what was billed and taken on the day of ``close``, dated that day; None when nothing has an amount.

    Cr revenue by account and VAT code and output VAT by code, Dr money by method, wallets and payers. A bill settled
    on its day never touches the patients' account; each other one is a line with an open item, which settles what is
    open of it. Raises what post_entry does, and AccountMissing.
    """
    day = close.clinic_day
    administration = day.administration
    lines = [*_money(day), *_wallets(day), *_cover(day), *_patients(day), *_revenue(day), *_vat(day)]
    lines.sort(key=lambda line: line.credit > 0)  # debits first, as entries are read
    if not lines:
        return None
    with language_of_books(administration):
        memo = _("Day takings %(date)s, %(close)s") % {"date": day.date, "close": close}
    entry = post_entry(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="DAY"),
        date=day.date,
        memo=memo,
        lines=lines,
        by=by,
        source=Source("day_close", close.pk),
    )
    settle_documents(administration, {line.document.id for line in lines if line.document})
    return entry


def _line(account: Account, debit: Decimal, **more: Any) -> Iterator[Line]:
    """A line with ``debit`` on its side: a negative debit is a credit, nothing is no line."""
    if debit:
        yield Line(account=account, debit=max(debit, ZERO), credit=max(-debit, ZERO), **more)


def _account(day: ClinicDay, purpose: str) -> Account:
    account = Account.objects.filter(administration=day.administration_id, purpose=purpose).first()
    if account is None:
        raise AccountMissing(purpose=purpose)
    return account


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
            yield from _line(_account(day, purpose), sums[method])


def _wallets(day: ClinicDay) -> Iterator[Line]:
    sums = _by(Payment.objects.filter(clinic_day=day, method=Method.WALLET), "bill__patient", "amount")
    patients = Patient.objects.select_related("party").filter(pk__in=sums)
    for patient in patients:
        document = Document("wallet", patient.pk, patient.code)
        yield from _line(_account(day, "wallet_liability"), sums[patient.pk], party=patient.party, document=document)


def _cover(day: ClinicDay) -> Iterator[Line]:
    """One line and one open item per payer and bill: what the payer took over."""
    rows = (
        Payment.objects.filter(clinic_day=day, method__in=Payment.COVER)
        .order_by()
        .values("bill", "payer")
        .annotate(sum=Sum("amount"))
    )
    payers = Payer.objects.select_related("party").in_bulk({row["payer"] for row in rows})
    bills = Bill.objects.in_bulk({row["bill"] for row in rows})
    for row in rows:
        bill = bills[row["bill"]]
        yield from _line(
            _account(day, "payer_receivable"),
            row["sum"],
            party=payers[row["payer"]].party,
            document=Document("bill", bill.pk, str(bill)),
        )


def _patients(day: ClinicDay) -> Iterator[Line]:
    """What each bill that moved today was billed less what was settled of it; zero for one settled on its day."""
    open_: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    billed = Bill.objects.filter(clinic_day=day).annotate(settles=Coalesce("credits", "id"))
    for settles, gross in _by(billed, "settles", "gross").items():
        open_[settles] += gross
    for bill, paid in _by(Payment.objects.filter(clinic_day=day), "bill", "amount").items():
        open_[bill] -= paid
    moved = {bill: amount for bill, amount in open_.items() if amount}
    bills = Bill.objects.select_related("patient__party").filter(pk__in=moved).order_by("number")
    for bill in bills:
        yield from _line(
            _account(day, "patient_receivable"),
            moved[bill.pk],
            party=bill.patient.party,
            document=Document("bill", bill.pk, str(bill)),
        )


def _by(rows: Any, key: str, amount: str) -> dict[Any, Decimal]:
    return dict(rows.order_by().values_list(key).annotate(sum=Sum(amount)))
