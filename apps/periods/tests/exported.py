"""Books that have everything an export tells, and exports of them in memory."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pyxaf
from django.utils import timezone
from lxml import etree

from apps.ledger.models import Journal
from apps.ledger.services.posting import Line
from apps.ledger.services.purposes import account_for
from apps.ledger.tests.factories import EntryFactory, new_id, on_account
from apps.ledger.tests.subledger import open_sub_ledger
from apps.periods.exports import FORMATS
from apps.periods.exports.extract import extract

MADE_AT = datetime(2027, 2, 1, 9, 30, tzinfo=UTC)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
ODD = "Bought <a> & “b”\x0b\x02 \U0001f600 ]]>"
D = Decimal


def exported(administration, name, days=YEAR, known_at=None, made_at=MADE_AT):
    """The bytes of the file."""
    result = account_for(administration, "unappropriated_result")
    file = BytesIO()
    FORMATS[name].write(extract(administration, *days, known_at or timezone.now(), result), file, made_at)
    return file.getvalue()


def findings(content):
    """What pyxaf finds in an audit file, the official schema included; what is mere information left out."""
    return [str(one) for one in pyxaf.validate(content, xsd=True).findings if one.severity >= pyxaf.Severity.WARNING]


def tree(content):
    """The file without namespaces, for short paths."""
    root = etree.fromstring(content)
    for element in root.iter():
        element.tag = etree.QName(element).localname
    return root


def texts(root, path):
    return [element.text for element in root.findall(path)]


def full_books(country="NL"):
    """An opening balance, sales and purchases with VAT, a patient's bill, foreign currency, and odd characters."""
    norwegian = country == "NO"
    ledger = open_sub_ledger(
        chart="no" if norwegian else "nl",
        country=country,
        currency="NOK" if norwegian else "EUR",
        vat_number="999999999MVA" if norwegian else "NL001234567B01",
        organization_number="999999999" if norwegian else "12345678",
    )
    books = ledger.books
    opening = Journal.objects.get(administration=ledger.administration, code="OPN")
    EntryFactory(
        books=books,
        journal=opening,
        date=YEAR[0],
        memo="Opening",
        lines=[
            Line(books.account("bank"), debit=D("1000.00")),
            Line(books.account("retained_earnings"), credit=D("1000.00")),
        ],
    )
    revenue, cost = books.account("revenue_other").code, ledger.cost.code
    ledger.sold(ledger.line("100.00", "HIGH", revenue), ledger.line("33.33", "HIGH", revenue), day=date(2026, 2, 3))
    ledger.bought(ledger.line("50.00", "INPUT_HIGH", cost, description=ODD), reference="F-1", day=date(2026, 3, 4))
    EntryFactory(
        books=books, memo=ODD, reference="B-1", lines=on_account(books, "65.00", books.party("P-10482"), new_id())
    )
    foreign = {"currency": "USD", "exchange_rate": D("0.9")}
    EntryFactory(
        books=books,
        memo="Dollars",
        date=date(2026, 4, 5),
        lines=[
            Line(books.account("cash_drawer"), debit=D("90.00"), amount_currency=D("100.00"), **foreign),
            Line(books.account("bank"), credit=D("90.00"), amount_currency=D("-100.00"), **foreign),
        ],
    )
    return ledger
