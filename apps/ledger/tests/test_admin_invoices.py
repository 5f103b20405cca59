"""Invoices in the admin: posted once confirmed, shown with entry and open item, corrected by a credit note."""

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.models import Invoice, JournalEntry, OpenItem, Party, VatCode
from apps.ledger.tests.factories import PartyFactory, open_test_books
from apps.ledger.tests.test_admin import page_of, text_of

Role = Membership.Role
ADD = reverse("admin:ledger_invoice_add")
LIST = reverse("admin:ledger_invoice_changelist")


@pytest.fixture
def accountant(books, client):
    client.force_login(member(books.administration, Role.ACCOUNTANT))
    return client


@pytest.fixture
def supplier(books):
    return PartyFactory(administration=books.administration, kind="SUPPLIER", code="SUP-1", name="Wholesale")


@pytest.fixture
def customer(books):
    return PartyFactory(administration=books.administration, kind="CUSTOMER", code="CUS-1", name="Insurer")


def code(books, kind):
    """A code of 21 % that such an invoice can carry."""
    codes = VatCode.objects.filter(administration=books.administration, rate=21, reverse_charge=False)
    if kind == "VENDOR":
        return codes.filter(input_account__isnull=False, deductible=100).earliest("code")
    return codes.get(code="HIGH")


def typed(books, *lines, **head):
    body = {"administration": books.administration.pk, "invoice_date": "2026-03-03", "key": str(uuid4()), **head}
    body |= {"lines-TOTAL_FORMS": len(lines) + 1, "lines-INITIAL_FORMS": 0}
    return body | {f"lines-{n}-{name}": value for n, line in enumerate(lines) for name, value in line.items()}


def of_supplier(books, **head):
    line = {"account": "4100", "net": "100", "vat_code": code(books, "VENDOR").pk, "description": "Rent"}
    return typed(books, line, **{"party": "SUP-1", "reference": "F-12", **head})


def test_a_suppliers_invoice_is_asked_and_posted(books, accountant, supplier):
    body = of_supplier(books)
    asked = text_of(accountant.post(ADD, body))
    assert "Post Supplier's invoice F-12, Wholesale, Tuesday 3 March 2026: EUR 121.00, of which VAT EUR 21.00." in (
        asked.replace("&#x27;", "'")
    )
    assert not Invoice.objects.exists()
    assert not JournalEntry.objects.exists()
    answer = accountant.post(ADD, body | {"confirmed": "yes"})
    invoice = Invoice.objects.get()
    assert answer.headers["Location"] == reverse("admin:ledger_invoice_change", args=[invoice.pk])
    assert (invoice.kind, invoice.party, invoice.total_amount) == ("VENDOR", supplier, 121)
    shown = accountant.get(answer.headers["Location"])
    words = text_of(shown)
    assert "Rent 4100" in words
    assert "Total EUR 121.00" in words
    assert page_of(invoice.entry) in shown.content.decode()
    item = OpenItem.objects.get(document_id=invoice.pk)
    assert reverse("admin:ledger_openitem_change", args=[item.pk]) in shown.content.decode()
    entry = accountant.get(page_of(invoice.entry))
    assert answer.headers["Location"] in entry.content.decode()  # the source of the entry
    listed = text_of(accountant.get(LIST))
    assert "F-12 Tue 3 Mar 2026 Wholesale" in listed
    assert listed.count("EUR 121.00") == 2  # its total, and what is open of it


def test_the_same_invoice_is_posted_once(books, accountant, supplier):
    body = of_supplier(books, confirmed="yes")
    first, second = accountant.post(ADD, body), accountant.post(ADD, body)
    assert first.headers["Location"] == second.headers["Location"]
    assert Invoice.objects.count() == 1
    again = accountant.post(ADD, of_supplier(books))
    assert "invoice F-12 is in the books already" in text_of(again).replace("&#x27;", "'")
    assert 'value="F-12"' in again.content.decode()


def test_an_invoice_to_a_customer_gets_its_number_and_is_credited(books, accountant, customer):
    line = {"account": "8000", "quantity": "2", "unit_price": "50", "vat_code": code(books, "CUSTOMER").pk}
    body = typed(books, line, party="insurer", confirmed="yes")
    accountant.post(f"{ADD}?kind=CUSTOMER", body)
    invoice = Invoice.objects.get()
    assert (str(invoice), invoice.party, invoice.total_amount) == ("INV-2026-0001", customer, 121)

    form = accountant.get(f"{ADD}?administration={books.administration.pk}&credits={invoice.pk}")
    assert "Credit note for INV-2026-0001" in text_of(form)
    assert 'value="8000"' in form.content.decode()
    note = typed(books, line, party="CUS-1", credits=invoice.pk, credit_note="on", confirmed="yes", reference="agreed")
    accountant.post(f"{ADD}?credits={invoice.pk}", note)
    credit = Invoice.objects.get(type="CREDIT_NOTE")
    assert (credit.credits, credit.total_amount) == (invoice, -121)
    assert {item.open for item in OpenItem.objects.as_of()} == {0}
    shown = text_of(accountant.get(reverse("admin:ledger_invoice_change", args=[invoice.pk])))
    assert f"Credited by {credit}" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"party": "nobody"}, "Nobody of this kind has that code or name."),
        ({"party": "CUS-1"}, "Nobody of this kind has that code or name."),
        ({"reference": ""}, "This field is required."),
        ({"total_amount": "120"}, "agree"),
        ({"currency": "USD"}, "rate"),
        ({"lines-0-account": "1600"}, "1600"),
        ({"lines-0-net": ""}, "Type the net amount, or a quantity and a price."),
        ({"lines-0-net": "0"}, "0.00"),
        ({"invoice_date": "2031-03-03"}, "There is no period"),
    ],
)
def test_what_is_wrong_is_said_and_stays_typed(books, accountant, supplier, customer, change, said):
    answer = accountant.post(ADD, of_supplier(books) | change)
    assert said in text_of(answer)
    assert 'value="Rent"' in answer.content.decode()
    assert not Invoice.objects.exists()


def test_a_foreign_invoice_takes_the_rate_that_is_typed(books, accountant, supplier):
    accountant.post(ADD, of_supplier(books, currency="usd", exchange_rate="0.5", confirmed="yes"))
    invoice = Invoice.objects.get()
    assert (invoice.currency, invoice.exchange_rate, invoice.total_amount) == ("USD", Decimal("0.5"), 121)
    words = text_of(accountant.get(reverse("admin:ledger_invoice_change", args=[invoice.pk])))
    assert "USD 121.00" in words
    assert "1 USD = 0.5 EUR" in words


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_readers_post_no_invoice(books, client, supplier, role):
    client.force_login(member(books.administration, role))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, of_supplier(books, confirmed="yes")).status_code == 403
    assert not Invoice.objects.exists()


def test_an_invoice_of_other_books_is_not_there(books, accountant, supplier):
    theirs = open_test_books(name="Theirs")
    body = of_supplier(books) | {"administration": theirs.administration.pk, "confirmed": "yes"}
    assert accountant.post(ADD, body).status_code == 404
    accountant.post(ADD, of_supplier(books, confirmed="yes"))
    accountant.logout()
    accountant.force_login(member(theirs.administration, Role.ACCOUNTANT))
    address = reverse("admin:ledger_invoice_change", args=[Invoice.objects.get().pk])
    assert accountant.get(address).status_code == 404


# Parties -------------------------------------------------------------------------------------------------------------


def test_the_numbers_of_a_party_are_checked_beside_their_fields(books, accountant):
    add = reverse("admin:ledger_party_add")
    body = {"administration": books.administration.pk, "kind": "SUPPLIER", "code": "SUP-9", "name": "Lab"}
    body |= {"country": "NL", "iban": "NL91 ABNA 0417 1643 00", "payment_days": "14"}
    refused = accountant.post(add, body | {"iban": "NL91 ABNA 0417 1643 01"})
    assert "cannot be a number of this kind" in text_of(refused)
    field = re.search(r"<div[^>]*field-iban.*?(?=<div[^>]*field-email)", refused.content.decode(), re.DOTALL)
    assert "cannot be a number of this kind" in field[0]
    assert accountant.post(add, body).status_code == 302
    party = Party.objects.get(code="SUP-9")
    assert (party.iban, party.payment_days) == ("NL91ABNA0417164300", 14)
    assert "already exists" in text_of(accountant.post(add, body))
    change = reverse("admin:ledger_party_change", args=[party.pk])
    assert accountant.post(change, body | {"name": "Laboratory", "code": "X"}).status_code == 302
    party.refresh_from_db()
    assert (party.code, party.name) == ("SUP-9", "Laboratory")
