"""The reports on screen: figures, where each of them leads, the way back, and the same as a file."""

import re
from datetime import date
from decimal import Decimal
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.core.models import Event, Membership
from apps.core.tests.factories import member
from apps.ledger.models import Account, Invoice, OpenItem, VatCode
from apps.ledger.reports.by_month import result_by_month
from apps.ledger.services.invoicing import InvoicedLine, post_vendor_invoice
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Line, Source, reverse_entry
from apps.ledger.tests.factories import EntryFactory, PartyFactory, on_account, open_test_books
from apps.ledger.tests.test_admin import OTHERS, READERS, page_of, text_of

Role = Membership.Role
REPORTS = ("balance_sheet", "profit_and_loss", "trial_balance", "receivables", "payables", "vat_by_code")
SPANS = {"profit_and_loss", "vat_by_code"}


def at(name, **asked):
    return reverse(f"admin:ledger_{name}", query={key: str(value) for key, value in asked.items()})


def as_of(name, day="2026-12-31"):
    return at(name, since="2026-01-01", until=day) if name in SPANS else at(name, as_of=day)


@pytest.fixture
def accountant(books, client):
    client.force_login(member(books.administration, Role.ACCOUNTANT))
    return client


@pytest.fixture
def practice(books):
    """Revenue of 300 in February and 65 in March, rent of 120 in March and 21 of VAT, a bill of 100 that stays open."""
    open_years(books.administration, 2025, 2025)
    EntryFactory(books=books, date=date(2025, 12, 5), amount="40.00")
    EntryFactory(books=books, date=date(2026, 2, 5), amount="300.00")
    close = EntryFactory(books=books, source=Source("day_close", uuid4()))
    EntryFactory(books=books, lines=on_account(books, "100.00", books.party("P-1"), uuid4(), "B-000001"))
    codes = VatCode.objects.filter(administration=books.administration, rate=21, reverse_charge=False, deductible=100)
    keeper = member(books.administration, Role.ACCOUNTANT)
    post_vendor_invoice(
        administration=books.administration,
        party=PartyFactory(administration=books.administration, kind="SUPPLIER", code="SUP-1", name="Landlord"),
        reference="F-12",
        invoice_date=date(2026, 3, 10),
        lines=[
            InvoicedLine(
                Account.objects.get(administration=books.administration, code="4100"),
                net=Decimal("120"),
                vat_code=codes.filter(input_account__isnull=False).earliest("code"),
            )
        ],
        by=keeper,
    )
    books.purposes["close"] = close
    return books


def links(answer, words=""):
    """Where the links of a page lead, those whose words hold ``words``."""
    content = answer.content.decode().partition('<div class="ledger">')[2]
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', content, re.DOTALL)
    plain = [
        (unescape(address), re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", shown)).strip()) for address, shown in found
    ]
    return [address for address, shown in plain if words in shown.replace("\xa0", " ")]


# Who and whose -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [*READERS, *OTHERS])
def test_reports_are_for_those_who_read_the_ledger(practice, client, role):
    client.force_login(member(practice.administration, role))
    expected = 200 if role in READERS else 403
    codes = {name: client.get(as_of(name)).status_code for name in REPORTS}
    assert codes == dict.fromkeys(REPORTS, expected)
    code = VatCode.objects.filter(administration=practice.administration).first()
    assert client.get(reverse("admin:ledger_vat_lines", args=[code.pk])).status_code == expected
    files = {name: client.get(as_of(name) + "&format=csv").status_code for name in REPORTS}
    assert files == dict.fromkeys(REPORTS, expected)


def test_reports_of_other_books_are_not_there(practice, accountant):
    theirs = open_test_books(name="Theirs")
    for name in REPORTS:
        assert accountant.get(at(name, administration=theirs.administration.pk)).status_code == 404
        assert accountant.get(at(name, administration=uuid4())).status_code == 404
    assert accountant.get(reverse("admin:ledger_vat_lines", args=[theirs.vat.pk])).status_code == 404


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_report_says_what_to_do_first(books, accountant, name):
    words = text_of(accountant.get(as_of(name)))
    assert re.search("finalize a day close|day close and invoices|once they are posted", words)


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("balance_sheet", {"as_of": "yesterday"}, "Enter a valid date."),
        ("profit_and_loss", {"since": "2026-04-01", "until": "2026-03-31"}, "This is after the last day."),
        ("profit_and_loss", {"compare_since": "2025-01-01"}, "Give both days, or neither."),
        ("receivables", {"known_at": "never"}, "Enter a valid date/time."),
        ("vat_by_code", {"until": ""}, "This field is required."),
    ],
)
def test_a_wrong_day_is_said_beside_its_field(books, accountant, name, query, said):
    answer = accountant.get(at(name, **query))
    assert said in text_of(answer)
    assert "format=pdf" not in answer.content.decode()


# Figures and where they lead ------------------------------------------------------------------------------------------


def test_a_balance_sheet_stands_beside_an_earlier_one(practice, accountant):
    words = text_of(accountant.get(at("balance_sheet", as_of="2026-03-31")))
    assert "1000 Kas EUR 405.00 EUR 40.00 EUR 365.00" in words  # beside the end of the year before
    assert "at the end of Tuesday 31 March 2026, beside Wednesday 31 December 2025" in words
    assert "Result of 2026 EUR 345.00" in words
    assert "Total liabilities and equity EUR 530.20 EUR 40.00 EUR 490.20" in words
    alone = text_of(accountant.get(at("balance_sheet", as_of="2026-03-31", compare_to="")))
    assert "1000 Kas EUR 405.00 0520" not in alone
    assert "beside" not in alone


def test_from_a_figure_to_its_lines_to_the_entry_to_its_source_and_back(practice, accountant):
    sheet_at = at("balance_sheet", as_of="2026-03-31", compare_to="2025-12-31")
    sheet = accountant.get(sheet_at)
    [now] = links(sheet, "EUR 405.00")
    [earlier] = links(sheet, "EUR 40.00")[:1]
    assert "until=2026-03-31" in now
    assert "until=2025-12-31" in earlier
    ledger = accountant.get(now)
    assert "Closing balance EUR 405.00 EUR 0.00 EUR 405.00" in text_of(ledger)
    assert sheet_at in links(ledger, "Balance sheet")

    close = practice.purposes["close"]
    [entry_at] = links(ledger, str(close))
    entry = accountant.get(entry_at)
    assert sheet_at in links(entry, "Balance sheet")
    assert now in links(entry, "1000 Kas")
    source = reverse("admin:billing_endofdayreconciliation_change", args=[close.source_id])
    assert source in links(entry, "Day close")


def test_what_is_computed_leads_to_the_account_of_the_result(practice, accountant):
    sheet = accountant.get(at("balance_sheet", as_of="2026-03-31"))
    result_at = links(sheet, "Result of 2026")[0]
    assert result_at.startswith(reverse("admin:ledger_profit_and_loss"))
    assert "Net income EUR 345.00" in text_of(accountant.get(result_at))
    total_at = links(sheet, "EUR 530.20")[0]
    accounts = text_of(accountant.get(total_at))
    assert "Only Current assets" in accounts
    assert "8000" not in accounts


def test_a_profit_and_loss_account_shows_its_months(practice, accountant):
    shown = accountant.get(at("profit_and_loss", since="2026-01-01", until="2026-03-31"))
    words = text_of(shown)
    assert "8000 Consulten EUR 465.00 EUR 0.00 EUR 465.00" in words
    assert "Net income EUR 345.00" in words
    months = re.findall(r'aria-label="(\w+ 2026: [^"]+)"', shown.content.decode())
    assert [month.replace("\xa0", " ") for month in months] == [
        "January 2026: EUR 0.00",
        "February 2026: EUR 300.00",
        "March 2026: EUR 45.00",
    ]
    assert "style=" not in re.search(r"<svg viewBox.*?</svg>", shown.content.decode(), re.DOTALL)[0]
    lines_at = links(shown, "4100")[0]
    assert "EUR 120.00" in text_of(accountant.get(lines_at))


def test_months_add_up_to_the_result_and_a_part_of_one_is_told(practice):
    months = result_by_month(practice.administration, date(2026, 2, 1), date(2026, 3, 5))
    assert [(month.first_day, month.last_day, month.amount) for month in months] == [
        (date(2026, 2, 1), date(2026, 2, 28), 300),
        (date(2026, 3, 1), date(2026, 3, 5), 165),
    ]
    months = result_by_month(practice.administration, date(2026, 2, 10), date(2026, 2, 20))
    assert [(month.first_day, month.amount) for month in months] == [(date(2026, 2, 10), 0)]


def test_receivables_lead_to_the_item_and_on_to_its_entry(practice, accountant):
    shown = accountant.get(at("receivables", as_of="2026-04-15", compare_to="2026-02-28"))
    words = text_of(shown)
    assert "B-000001" in words
    assert "31-60 days" in words
    assert "EUR 100.00 EUR 0.00 EUR 100.00" in words  # now, earlier, the difference
    item_at = links(shown, "B-000001")[0]
    assert item_at.startswith(reverse("admin:ledger_openitem_change", args=[OpenItem.objects.get(amount=100).pk]))
    assert "GEN-2026" in text_of(accountant.get(item_at))


def test_payables_are_positive_and_many_documents_open_by_party(practice, accountant, monkeypatch):
    words = text_of(accountant.get(at("payables", as_of="2026-03-31")))
    assert "SUP-1 Landlord EUR 145.20" in words
    assert "F-12" in words
    monkeypatch.setattr("apps.ledger.admin.reports.pages.MOST_DOCUMENTS", 0)
    folded = accountant.get(at("payables", as_of="2026-03-31"))
    assert "F-12" not in text_of(folded)
    opened = accountant.get(links(folded, "SUP-1")[0].partition("#")[0])
    assert "F-12" in text_of(opened)


def test_vat_by_code_leads_to_the_lines(practice, accountant):
    shown = accountant.get(at("vat_by_code", since="2026-01-01", until="2026-03-31"))
    assert "EUR 120.00 EUR 0.00 EUR 25.20" in text_of(shown)
    lines = accountant.get(links(shown, "EUR 25.20")[0])
    words = text_of(lines)
    assert "Total of all lines EUR 25.20" in words
    invoice = Invoice.objects.get()
    assert page_of(invoice.entry) in lines.content.decode()
    assert links(lines, "VAT by code")


def test_known_at_leaves_out_what_was_posted_later(practice, accountant):
    moment = timezone.now()
    reverse_entry(practice.purposes["close"], by=practice.owner, reason="typed twice")
    local = timezone.localtime(moment, timezone=timezone.get_fixed_timezone(60))
    later = local.replace(year=local.year + 1).strftime("%Y-%m-%dT%H:%M")
    earlier = local.replace(year=local.year - 1).strftime("%Y-%m-%dT%H:%M")
    with_reversal = accountant.get(at("balance_sheet", as_of="2026-03-31", known_at=later))
    assert "1000 Kas EUR 340.00" in text_of(with_reversal)
    assert f"known_at={later.replace(':', '%3A')}" in links(with_reversal, "1000 Kas")[0]
    before = text_of(accountant.get(at("balance_sheet", as_of="2026-03-31", known_at=earlier)))
    assert "Nothing is posted up to Tuesday 31 March 2026." in before
    assert "what was posted later is left out" in before


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("ending", ["csv", "xlsx", "pdf"])
def test_a_report_is_taken_along_as_it_is_seen(practice, accountant, name, ending):
    shown = accountant.get(as_of(name))
    [address] = [one for one in links(shown) if f"format={ending}" in one]
    answer = accountant.get(address)
    content = b"".join(answer.streaming_content)
    assert answer.headers["Content-Disposition"].endswith(f'.{ending}"')
    assert content.startswith({"csv": b"\xef\xbb\xbf", "xlsx": b"PK", "pdf": b"%PDF"}[ending])
    assert Event.objects.filter(name="core.report_exported").count() == 1
    if ending == "csv" and name == "trial_balance":
        assert "405.00" in content.decode()


def test_an_account_ledger_is_taken_along(practice, accountant):
    address = reverse("admin:ledger_account_ledger", args=[practice.account("cash_drawer").pk])
    content = b"".join(accountant.get(f"{address}?until=2026-12-31&format=csv").streaming_content).decode()
    assert content.count("GEN-202") == 3


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/admin/core/user/", "javascript:1"])
def test_the_way_back_leads_to_pages_of_the_ledger_alone(practice, accountant, back):
    entry = practice.purposes["close"]
    shown = accountant.get(f"{page_of(entry)}?back={back}").content.decode()
    assert back not in re.findall(r'href="([^"]+)"', shown.partition("ledger-trail")[2].partition("</nav>")[0])


def test_the_way_back_names_no_account_of_other_books(practice, accountant):
    theirs = open_test_books(name="Theirs")
    hidden = reverse("admin:ledger_account_ledger", args=[theirs.account("bank").pk])
    Account.objects.filter(pk=theirs.account("bank").pk).update(name="Secret account")
    shown = text_of(accountant.get(f"{page_of(practice.purposes['close'])}?back={hidden}"))
    assert "Secret account" not in shown


def test_a_report_asks_no_more_of_the_database_when_the_books_grow(practice, accountant):
    def queries():
        counts = {}
        for name in REPORTS:
            with CaptureQueriesContext(connection) as asked:
                accountant.get(as_of(name))
            counts[name] = len(asked)
        return counts

    queries()
    few = queries()
    for n in range(5):
        EntryFactory(books=practice, lines=on_account(practice, "1.00", practice.party(f"P-{n}"), uuid4()))
        account = Account.objects.create(
            administration=practice.administration, code=f"46{n}", name="x", type="EXPENSE", place="OPERATING_EXPENSES"
        )
        lines = [Line(account, debit=Decimal(5)), Line(practice.account("bank"), credit=Decimal(5))]
        EntryFactory(books=practice, lines=lines)
    assert queries() == few
    assert max(few.values()) <= 22
