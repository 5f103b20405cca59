"""The demo clinic's bank: weeks of statement lines as a bank's file has them, imported by its accountant.

What is beyond doubt is matched after the import, as for anybody; the rest is left to whoever opens the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any, NamedTuple

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from apps.billing.models import Outstanding, Payment, PaystackSettlement
from apps.core.locks import hold_key
from apps.core.models import Administration, Membership, User
from apps.core.money import ZERO, quantize, total
from apps.core.services.uploads import store_upload
from apps.ledger.models import Account, Invoice, JournalLine, OpenItem
from apps.reconciliation.models import BankAccount, CsvMapping, ReconciliationModel, Statement
from apps.reconciliation.reports.clearable import left_to_clear
from apps.reconciliation.services.bank_accounts import (
    change_bank_account,
    open_bank_account,
    open_first_bank_account,
    save_mapping,
)
from apps.reconciliation.services.importing import begin_import, import_statements
from apps.reconciliation.services.ruling import Booking, keep_model

OURS, SAVINGS = "NL91ABNA0417164300", "NL02ABNA0123456789"
WEEKS = timedelta(days=35)
CARD_FEE = D("0.012")  # of what terminals took
COLUMNS = {"date": 1, "amount": 2, "balance": 3, "label": 4, "counterparty_name": 5, "counterparty_iban": 6}


class Written(NamedTuple):
    """A line as the bank writes it."""

    day: date
    amount: D
    label: str
    name: str = ""
    iban: str = ""


@transaction.atomic
def keep_demo_bank(clinic: Administration) -> None:
    """Give the demo clinic its bank statements, once."""
    hold_key("keep_demo_bank", clinic.pk)
    if Statement.objects.filter(administration=clinic).exists():
        return
    by = User.objects.get(
        memberships__administration=clinic, memberships__role=Membership.Role.ACCOUNTANT, is_active=True
    )
    _Bank(clinic, by).keep()


@dataclass
class _Bank:
    clinic: Administration
    by: User

    def keep(self) -> None:
        open_first_bank_account(self.clinic)
        account = BankAccount.objects.get(administration=self.clinic, journal__code="BNK")
        account = change_bank_account(account, by=self.by, iban=OURS)
        savings = open_bank_account(self.clinic, name="Savings", iban=SAVINGS, by=self.by)
        self._models()
        reading = CsvMapping(administration=self.clinic, name="Demo bank", delimiter=";", decimal_mark=".")
        reading.has_headings, reading.columns = False, COLUMNS
        mapping = save_mapping(reading, by=self.by)
        newest = JournalLine.objects.filter(administration=self.clinic, entry__source_type="day_close").latest("date")
        since, until = newest.date - WEEKS, newest.date
        lines = sorted((line for line in self._lines(since, until) if since <= line.day <= until), key=_in_order)
        begins = self._booked(account, since)
        kept = [(savings, [Written(until - timedelta(days=9), D(2500), "Reserve", self.clinic.name, OURS)], ZERO)]
        kept += [(account, lines, begins), (account, [_again(lines)], begins + total(line.amount for line in lines))]
        for of, those, start in kept:
            self._import(of, those, start, mapping)

    def _import(self, account: BankAccount, lines: list[Written], start: D, mapping: CsvMapping) -> None:
        rows, balance = [], start
        for line in lines:
            balance += line.amount
            rows.append(f"{line.day};{line.amount:.2f};{balance:.2f};{line.label};{line.name};{line.iban}")
        name = f"{account.name.lower()}-{lines[-1].day}-{len(lines)}.csv"
        sent: Any = SimpleUploadedFile(name, "\n".join(rows).encode() + b"\n")
        upload = store_upload(sent, administration=self.clinic, purpose="statement", name=name, by=self.by)
        begun = begin_import(upload, account, by=self.by, format="csv", mapping=mapping.name)
        import_statements(begun, by=self.by)

    def _models(self) -> None:
        """What recognises the acquirer's lines and the bank's fees."""
        model, accounts = ReconciliationModel, Account.objects.filter(administration=self.clinic)
        itself = model.Trigger.AUTO_RECONCILE
        facts: dict[str, Any] = {
            "kind": model.Kind.SETTLEMENT,
            "trigger": itself,
            "label_pattern": "CCV",
            "tolerance": D(2),
        }
        keep_model(self.clinic, by=self.by, name="Card terminal", **facts)
        fees = Booking(accounts.get(purpose="provider_fees"))
        facts = {"trigger": itself, "label_pattern": "bank fees", "lines": [fees]}
        keep_model(self.clinic, by=self.by, name="Bank fees", **facts)

    def _booked(self, account: BankAccount, day: date) -> D:
        """What the account stood at before ``day``."""
        before = JournalLine.objects.filter(administration=self.clinic, account=account.account)
        return quantize(before.up_to(day - timedelta(days=1)).balance(), account.currency)

    # What the bank wrote ---------------------------------------------------------------------------------------------

    def _lines(self, since: date, until: date) -> Iterator[Written]:
        yield from self._cards(since, until)
        yield from self._payouts()
        yield from self._transfers(since)
        yield from self._booked_before(since)
        yield from self._invoices(until)
        yield from self._unnamed(until)
        day = timedelta(days=1)
        yield Written(until - 10 * day, D(-2500), "To savings", "", SAVINGS)
        yield Written(until.replace(day=1), D("-45.10"), "Bank fees of the month")
        yield Written(until - 12 * day, D("120.00"), "thank you", "M. Onbekend")
        yield Written(until - 6 * day, D("-60.00"), "Cash machine Zuidplein")
        yield Written(until, D("-18.15"), "Parcel service", "Pakket & Co")

    def _cards(self, since: date, until: date) -> Iterator[Written]:
        """Each signed day on the next one, less the acquirer's fee; the last days have not come in yet."""
        rows = JournalLine.objects.filter(
            administration=self.clinic, account__purpose="card_in_transit", entry__source_type="day_close"
        ).filter(date__range=(since, until - timedelta(days=2)))
        days: dict[date, D] = {}
        for row in rows:
            days[row.date] = days.get(row.date, ZERO) + row.debit - row.credit
        for day, taken in days.items():
            net = taken - quantize(taken * CARD_FEE, self.clinic.currency)
            yield Written(day + timedelta(days=1), net, f"CCV settlement batch {day:%m%d}", "CCV Group")

    def _payouts(self) -> Iterator[Written]:
        for payout in PaystackSettlement.objects.filter(administration=self.clinic):
            assert payout.settled_on is not None  # noqa: S101 - the demo's story says when
            yield Written(payout.settled_on, payout.net, f"PSTK_{payout.provider_id}", "Paystack Payments")

    def _transfers(self, since: date) -> Iterator[Written]:
        """What patients transferred, with the number of their bill."""
        paid = Payment.objects.filter(
            administration=self.clinic, method=Payment.Method.TRANSFER, clinic_day__date__gte=since, amount__gt=0
        )
        for payment in paid.select_related("bill", "clinic_day").order_by("id"):
            yield Written(payment.clinic_day.date, payment.amount, f"Bill {payment.bill} {payment}")

    def _booked_before(self, since: date) -> Iterator[Written]:
        """Suppliers and customers whose payment the accountant booked by hand: rent, laboratory, materials."""
        rows = JournalLine.objects.filter(
            administration=self.clinic, account__purpose="bank", entry__journal__code="BNK", date__gte=since
        ).exclude(entry__source_type="bank_clearing")
        left = left_to_clear(list(rows))
        for row in rows.select_related("entry").order_by("date", "entry_id"):
            if left[row.pk]:
                yield Written(row.date, left[row.pk], row.entry.memo)

    def _invoices(self, until: date) -> Iterator[Written]:
        """One invoice of ours and one of a supplier that were not paid in the books yet."""
        for kind in (Invoice.Kind.CUSTOMER, Invoice.Kind.VENDOR):
            invoices = Invoice.objects.filter(administration=self.clinic, kind=kind, entry__isnull=False)
            for invoice in invoices.select_related("party").order_by("invoice_date", "id"):
                item = OpenItem.objects.as_of().filter(document_id=invoice.pk).exclude(open=0).first()
                if item is not None and invoice.invoice_date < until - timedelta(days=7):
                    told = invoice.reference or str(invoice)
                    yield Written(until - timedelta(days=4), item.open, f"Invoice {told}", invoice.party.name)
                    break

    def _unnamed(self, until: date) -> Iterator[Written]:
        """Patients who paid a bill and did not say which: one amount that two owe, and one that nobody else does."""
        owed: dict[D, int] = {}
        rows = Outstanding.objects.as_of(until).filter(
            administration=self.clinic, debtor=Outstanding.Debtor.PATIENT, amount__gt=0
        )
        for amount in rows.order_by("clinic_day__date", "id").values_list("amount", flat=True):
            owed[amount] = owed.get(amount, 0) + 1
        for alike, ago in ((True, 3), (False, 2)):
            found = next((amount for amount, count in owed.items() if (count > 1) == alike), None)
            if found is not None:
                yield Written(until - timedelta(days=ago), found, "consultation")


def _in_order(line: Written) -> tuple[date, str, D]:
    return line.day, line.label, line.amount


def _again(lines: list[Written]) -> Written:
    """A line that a later file has in other words: the same one, or another? A person says."""
    parcel = next(line for line in lines if line.label == "Parcel service")
    return parcel._replace(label="PARCEL SERVICE PAKKET EN CO", name="")
