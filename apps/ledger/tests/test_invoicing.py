"""Invoices and credit notes: the paper, its entry and its open item."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction

from apps.core.errors import AmountHasTooManyDigits, NotAllowed
from apps.core.models import Event
from apps.ledger.errors import (
    AccountIsControl,
    CreditBeyondInvoice,
    CreditsAnother,
    DuplicateInvoice,
    ExchangeRateMissing,
    InvoiceNotPositive,
    InvoiceTotalsDiffer,
    InvoiceWithoutLines,
    PartyKindDiffers,
    PeriodClosed,
    VatCodeDoesNotFit,
    VatCodeNotValid,
    VatCodeOnlyInEu,
    VatNumberRequired,
)
from apps.ledger.models import Invoice, JournalEntry, OpenItem, VatCode
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.invoicing import InvoicedLine, post_vendor_invoice
from apps.ledger.services.posting import reverse_entry
from apps.ledger.services.rates import add_rate
from apps.ledger.tests.factories import cash_sale
from apps.ledger.tests.laws import law_broken_by
from apps.ledger.tests.subledger import MARCH_5, booked, open_sub_ledger, returned


def test_a_suppliers_invoice_is_posted_with_its_entry_and_its_open_item(ledger):
    invoice = ledger.bought(ledger.line("100.00", "INPUT_HIGH"))
    assert (invoice.net_amount, invoice.vat_amount, invoice.total_amount) == (100, 21, 121)
    assert booked(invoice.entry) == {"1600": -121, "4200": 100, "1500": 21}
    assert returned(invoice.entry) == [("INPUT_HIGH", "BASE", 100), ("INPUT_HIGH", "DEDUCTIBLE", 21)]
    assert str(invoice.entry) == "PUR-2026-0001"
    assert (invoice.entry.source_type, invoice.entry.source_id) == ("vendor_invoice", invoice.pk)
    item = ledger.item(invoice)
    assert (item.party, item.amount, item.document_id) == (ledger.supplier(), -121, invoice.pk)
    assert (item.reference, item.due_date) == ("F-1", date(2026, 4, 4))  # thirty days, as the supplier gives
    assert Event.objects.get(name="ledger.invoice_posted").subject_id == invoice.pk


def test_our_own_invoices_are_numbered_and_the_entry_knows_the_number(ledger):
    first, second = (ledger.sold(ledger.line("100.00", "HIGH", "8090")) for _n in range(2))
    assert [str(first), str(second)] == ["INV-2026-0001", "INV-2026-0002"]
    assert str(Invoice.objects.get(pk=second.pk)) == ledger.item(second).reference == second.entry.reference
    assert str(ledger.sold("1.00", day=date(2026, 1, 1), credit_note=True)) == "CN-2026-0003"
    assert booked(first.entry) == {"1300": 121, "8090": -100, "1520": -21}
    assert returned(first.entry) == [("HIGH", "BASE", -100), ("HIGH", "TAX", -21)]
    assert first.entry.lines.get(vat_role="TAX").vat_base == 100


def test_a_refused_invoice_leaves_no_gap_and_nothing_else(ledger):
    ledger.sold("10.00")
    ledger.books.set_status("2026-03", "FINALIZED")
    with pytest.raises(PeriodClosed):
        ledger.sold("10.00")
    assert (Invoice.objects.count(), JournalEntry.objects.count()) == (1, 1)
    assert str(ledger.sold("10.00", day=date(2026, 4, 1))) == "INV-2026-0002"


def test_vat_is_rounded_once_for_each_code(ledger):
    invoice = ledger.bought(*(ledger.line("0.33", "INPUT_HIGH") for _n in range(3)))  # 0.99 * 21 % = 0.2079
    assert invoice.vat_amount == Decimal("0.21")
    assert [line.vat for line in invoice.lines.all()] == [Decimal("0.07")] * 3


def test_a_supplier_may_round_line_by_line_and_not_otherwise(ledger):
    printed = [ledger.line("0.33", "INPUT_HIGH", vat=Decimal("0.08"))] * 3
    assert ledger.bought(*printed).vat_amount == Decimal("0.24")
    with pytest.raises(InvoiceTotalsDiffer) as refused:
        ledger.bought(ledger.line("100.00", "INPUT_HIGH", vat=Decimal("21.02")), reference="F-2")
    assert refused.value.facts["differences"] == {"vat": {"given": "21.02", "lines": "21.00"}}


def test_what_is_not_deducted_is_cost(ledger):
    VatCode.objects.filter(code="INPUT_HIGH").update(deductible=Decimal("33.33"))
    invoice = ledger.bought(ledger.line("50.00", "INPUT_HIGH"), ledger.line("50.00", "INPUT_HIGH", "4630"))
    # 21.00 of VAT: 7.00 deducted (6.9993 rounded once), 14.00 cost, seven on each line
    assert booked(invoice.entry) == {"1600": -121, "4200": 57, "4630": 57, "1500": 7}
    assert [amount for code, role, amount in returned(invoice.entry) if role == "BASE"] == [50, 50]


def test_reverse_charge_is_owed_and_deducted(ledger):
    supplier = ledger.supplier(country="DE", vat_number="DE136695976")
    invoice = ledger.bought(ledger.line("100.00", "EU_IN"), party=supplier)
    assert (invoice.vat_amount, invoice.total_amount) == (0, 100)
    assert booked(invoice.entry) == {"1600": -100, "4200": 100, "1526": -21, "1500": 21}
    assert returned(invoice.entry) == [("EU_IN", "BASE", 100), ("EU_IN", "TAX", -21), ("EU_IN", "DEDUCTIBLE", 21)]


def test_an_exempt_clinic_owes_reverse_charge_without_deducting_it(ledger):
    invoice = ledger.bought(ledger.line("100.00", "ABROAD_IN_COST"))
    assert booked(invoice.entry) == {"1600": -100, "4200": 121, "1525": -21}
    assert returned(invoice.entry) == [("ABROAD_IN_COST", "BASE", 100), ("ABROAD_IN_COST", "TAX", -21)]


def test_exempt_and_zero_lines_stand_in_the_return_without_tax(ledger):
    invoice = ledger.sold(ledger.line("80.00", "EXEMPT", "8000"), ledger.line("20.00", "EXPORT", "8090"))
    assert (invoice.vat_amount, booked(invoice.entry)) == (0, {"1300": 100, "8000": -80, "8090": -20})
    assert [role for _code, role, _amount in returned(invoice.entry)] == ["BASE", "BASE"]


@pytest.mark.parametrize(
    ("code", "party", "refusal"),
    [
        ("HIGH_19", {}, VatCodeNotValid),
        ("REVERSED_OUT", {}, VatNumberRequired),
        ("EU_SERVICES", {"country": "NL", "vat_number": "NL004495445B01"}, VatCodeOnlyInEu),
        ("EU_SERVICES", {"country": "NO", "vat_number": "NO995525828MVA"}, VatCodeOnlyInEu),
        ("INPUT_HIGH", {}, VatCodeDoesNotFit),
        ("REVERSED_IN", {}, VatCodeDoesNotFit),
    ],
)
def test_a_vat_code_must_be_usable_on_the_tax_point_for_the_party(ledger, code, party, refusal):
    with pytest.raises(refusal):
        ledger.sold(ledger.line("100.00", code, "8090"), party=ledger.customer("C-9", **party))


def test_a_vat_code_is_judged_by_the_tax_point_not_by_the_date(ledger):
    VatCode.objects.filter(code="HIGH").update(valid_until=date(2026, 3, 4))
    line = ledger.line("100.00", "HIGH", "8090")
    with pytest.raises(VatCodeNotValid, match="2026-03-05"):
        ledger.sold(line)
    assert ledger.sold(line, tax_point=date(2026, 3, 4)).vat_amount == 21


def test_a_purchase_needs_a_code_for_purchases(ledger):
    with pytest.raises(VatCodeDoesNotFit):
        ledger.bought(ledger.line("100.00", "HIGH"))


def test_the_vat_period_holds_the_tax_point_while_that_admits_posting(ledger):
    march = {"day": date(2026, 4, 2), "tax_point": date(2026, 3, 28)}
    early = ledger.bought(ledger.line("100.00", "INPUT_HIGH"), **march)
    ledger.books.set_status("2026-03", "LOCKED")
    late = ledger.bought(ledger.line("100.00", "INPUT_HIGH"), reference="F-2", **march)
    periods = [{line.vat_period.name for line in one.entry.lines.exclude(vat_code=None)} for one in (early, late)]
    assert periods == [{"2026-03"}, {"2026-04"}]
    assert {line.tax_point for line in late.entry.lines.exclude(vat_code=None)} == {date(2026, 3, 28)}


def test_paper_that_arrives_late_is_posted_on_another_day(ledger):
    ledger.books.set_status("2026-03", "FINALIZED")
    with pytest.raises(PeriodClosed, match="2026-03"):
        ledger.bought("100.00")
    assert ledger.bought("100.00", entry_date=date(2026, 4, 1)).entry.date == date(2026, 4, 1)


def test_a_credit_note_settles_what_is_open_of_its_invoice(ledger):
    invoice = ledger.bought(ledger.line("100.00", "INPUT_HIGH"))
    note = ledger.bought(ledger.line("40.00", "INPUT_HIGH"), reference="C-1", day=date(2026, 4, 7), credits=invoice)
    assert (note.type, note.total_amount) == ("CREDIT_NOTE", Decimal("-48.40"))
    assert booked(note.entry) == {"1600": Decimal("48.40"), "4200": -40, "1500": Decimal("-8.40")}
    assert (ledger.open(invoice), ledger.open(note)) == (Decimal("-72.60"), 0)
    assert ledger.open(invoice, date(2026, 4, 6)) == -121  # it takes effect on its own date
    vat_periods = {line.vat_period.name for line in note.entry.lines.exclude(vat_code=None)}
    assert vat_periods == {"2026-04"}  # a credit note belongs to its own period


def test_a_credit_note_beyond_what_is_owed_stays_as_a_credit(ledger):
    invoice = ledger.sold("100.00")
    ledger.paid(ledger.customer(), "70.00", type="customer_invoice", id=invoice.pk)
    settle_documents(ledger.administration, [invoice.pk])
    note = ledger.sold("50.00", credits=invoice)
    assert (ledger.open(invoice), ledger.open(note)) == (0, -20)


def test_no_more_is_credited_than_was_invoiced(ledger):
    invoice = ledger.sold("100.00")
    note = ledger.sold("60.00", credits=invoice)
    with pytest.raises(CreditBeyondInvoice) as refused:
        ledger.sold("40.01", credits=invoice)
    assert refused.value.facts["left"].startswith("40.00")
    reverse_entry(note.entry, by=ledger.accountant, reason="wrong")
    assert ledger.sold("100.00", credits=invoice).total_amount == -100


def test_a_credit_note_names_an_invoice_of_the_same_party(ledger):
    invoice = ledger.sold("100.00")
    for wrong in ({"party": ledger.customer("C-2")}, {"currency": "USD", "exchange_rate": Decimal(1)}):
        with pytest.raises(CreditsAnother):
            ledger.sold("10.00", credits=invoice, **wrong)
    with pytest.raises(CreditsAnother):
        ledger.sold("10.00", credits=ledger.sold("10.00", credit_note=True))


def test_the_same_supplier_reference_twice_is_refused_with_what_is_there(ledger):
    first = ledger.bought("100.00", reference="F-77")
    with pytest.raises(DuplicateInvoice) as refused:
        ledger.bought("100.00", reference=" f-77 ")
    facts = refused.value.facts
    assert (facts["invoice_id"], facts["invoice_date"], facts["total_amount"]) == (
        str(first.pk),
        "2026-03-05",
        "100.00",
    )
    assert ledger.bought("100.00", reference="F-77", party=ledger.supplier("S-2")).pk
    assert ledger.bought("10.00", reference="F-77", credits=first).pk  # a credit note may repeat the number


def test_the_database_refuses_a_duplicate_as_well(ledger):
    ledger.bought("100.00", reference="F-77")
    again = {"kind": "VENDOR", "reference": "F-77", "party": ledger.supplier(), "year": 2026}
    dates = dict.fromkeys(("invoice_date", "due_date", "tax_point"), MARCH_5)
    amounts = dict.fromkeys(("net_amount", "vat_amount", "total_amount"), 0)
    broken = law_broken_by(
        lambda: Invoice.objects.create(administration=ledger.administration, **again, **dates, **amounts)
    )
    assert broken == DuplicateInvoice.constraint


def test_totals_that_are_given_are_held_against_the_lines(ledger):
    right = {"net_amount": Decimal("100.00"), "vat_amount": Decimal("21.00"), "total_amount": Decimal("121.00")}
    line = ledger.line("100.00", "INPUT_HIGH")
    assert ledger.bought(line, **right).pk
    with pytest.raises(InvoiceTotalsDiffer) as refused:
        ledger.bought(line, reference="F-2", **{**right, "vat_amount": Decimal("20.99")})
    assert refused.value.facts["differences"] == {"vat": {"given": "20.99", "lines": "21.00"}}
    assert refused.value.status == 422


def test_a_line_says_its_net_or_its_quantity_and_price(ledger):
    by_price = InvoicedLine(ledger.account("4200"), quantity=Decimal("3"), unit_price=Decimal("33.335"))
    assert ledger.bought(by_price).net_amount == Decimal("100.01")
    wrong = InvoicedLine(ledger.account("4200"), Decimal(100), quantity=Decimal(3), unit_price=Decimal("33.335"))
    with pytest.raises(InvoiceTotalsDiffer):
        ledger.bought(wrong, reference="F-2")


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([], InvoiceWithoutLines),
        (["0.00"], InvoiceNotPositive),
        (["10.00", "-20.00"], InvoiceNotPositive),
        (["0.001"], AmountHasTooManyDigits),
    ],
)
def test_an_invoice_has_lines_above_zero(ledger, lines, refusal):
    with pytest.raises(refusal):
        ledger.bought(*lines)


def test_a_discount_is_a_negative_line(ledger):
    invoice = ledger.sold("100.00", "-10.00")
    assert booked(invoice.entry) == {"1300": 90, "8090": -90}


def test_a_line_does_not_stand_on_a_control_account(ledger):
    with pytest.raises(AccountIsControl):
        ledger.bought(ledger.line("100.00", account="1600"))


def test_a_supplier_is_not_invoiced_and_a_customer_sends_none(ledger):
    with pytest.raises(PartyKindDiffers):
        ledger.bought("100.00", party=ledger.customer())
    with pytest.raises(PartyKindDiffers):
        ledger.sold("100.00", party=ledger.supplier())


def test_only_an_accountant_posts_invoices(ledger):
    with pytest.raises(NotAllowed):
        post_vendor_invoice(
            administration=ledger.administration,
            party=ledger.supplier(),
            reference="F-1",
            invoice_date=MARCH_5,
            lines=[ledger.line("1.00")],
            by=ledger.books.owner,
        )


def test_a_foreign_invoice_is_booked_at_the_dated_rate_which_is_named(ledger):
    add_rate(
        ledger.administration,
        currency="usd",
        date=date(2026, 3, 2),
        rate=Decimal("0.91666"),
        source="ECB",
        by=ledger.accountant,
    )
    invoice = ledger.bought("33.33", "33.33", "33.35", currency="USD")
    assert (invoice.total_amount, invoice.exchange_rate) == (Decimal("100.01"), Decimal("0.91666"))
    # 3 lines round to 91.67 together, as the whole does; the largest line takes what differs
    assert booked(invoice.entry) == {"1600": Decimal("-91.68"), "4200": Decimal("91.68")}
    assert "USD" in invoice.entry.memo
    assert "0.91666, ECB 2026-03-02" in invoice.entry.memo
    item = ledger.item(invoice)
    assert (item.currency, item.amount_currency, item.amount) == ("USD", Decimal("-100.01"), Decimal("-91.68"))
    assert {line.currency for line in invoice.entry.lines.all()} == {"USD"}


def test_a_rate_that_is_given_comes_before_the_table(ledger):
    with pytest.raises(ExchangeRateMissing):
        ledger.bought("100.00", currency="USD")
    invoice = ledger.bought("100.00", currency="USD", exchange_rate=Decimal("0.9"))
    assert booked(invoice.entry) == {"1600": -90, "4200": 90}


def test_foreign_vat_is_rounded_once_in_each_currency(ledger):
    line = ledger.line("100.00", "HIGH", "8090")
    invoice = ledger.sold(line, currency="NOK", exchange_rate=Decimal("0.08437"))
    assert (invoice.total_amount, invoice.vat_amount) == (121, 21)
    # 121 * 0.08437 = 10.20877; the VAT 1.77177; the revenue is what is left of the whole
    assert booked(invoice.entry) == {"1300": Decimal("10.21"), "1520": Decimal("-1.77"), "8090": Decimal("-8.44")}


def test_the_currency_of_the_books_is_no_foreign_one(ledger):
    assert (ledger.bought("1.00", currency="EUR").currency, ledger.bought("1.00", reference="2").currency) == ("", "")


@pytest.mark.parametrize(("currency", "net", "vat"), [("JPY", "101", "21"), ("KWD", "1.005", "0.211")])
def test_books_in_any_currency_round_to_its_digits(db, currency, net, vat):
    ledger = open_sub_ledger(currency=currency)
    assert ledger.bought(ledger.line(net, "INPUT_HIGH")).vat_amount == Decimal(vat)


def test_an_invoice_never_changes_and_takes_no_line_later(ledger):
    invoice = ledger.bought("100.00")
    assert law_broken_by(lambda: Invoice.objects.update(description="x")) == "invoice_append_only"
    assert law_broken_by(lambda: invoice.lines.all().delete()) == "invoice_append_only"
    more = {"invoice": invoice, "position": 2, "account": ledger.account("4200"), "net": 1}
    broken = law_broken_by(lambda: invoice.lines.create(administration=ledger.administration, **more))
    assert broken == "invoice_equals_lines"


def test_an_invoice_whose_item_says_another_amount_is_refused_by_the_database(ledger):
    def attempt():
        invoice = ledger.bought("100.00")
        Invoice.objects.bulk_create(
            [
                Invoice(
                    administration=ledger.administration,
                    kind="VENDOR",
                    year=2026,
                    party=ledger.supplier(),
                    entry=ledger.post([*_lines(ledger)], MARCH_5, "GEN"),
                    reference="forged",
                    net_amount=5,
                    vat_amount=0,
                    total_amount=5,
                    **dict.fromkeys(("invoice_date", "due_date", "tax_point"), invoice.invoice_date),
                )
            ]
        )

    assert law_broken_by(attempt) == "invoice_equals_lines"


def test_nothing_of_an_invoice_stays_when_its_transaction_is_undone(ledger):
    with transaction.atomic():
        ledger.sold("100.00")
        transaction.set_rollback(True)
    assert not Invoice.objects.exists()
    assert not OpenItem.objects.exists()
    assert str(ledger.sold("100.00")) == "INV-2026-0001"


def _lines(ledger):
    return cash_sale(ledger.books, "5.00")
