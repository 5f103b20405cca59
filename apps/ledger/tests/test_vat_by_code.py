"""VAT by code: turnover, VAT owed and deducted per code and box, by the VAT period of each line."""

from datetime import date
from decimal import Decimal

import pytest

from apps.ledger.models import Account, VatCode
from apps.ledger.reports.vat_by_code import VatBox, vat_by_code
from apps.ledger.services.posting import Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory, open_test_books

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def account(books, code):
    return Account.objects.get(administration=books.administration, code=code)


@pytest.fixture
def codes(books):
    """A sale of 1a, a purchase with 5b, and one with the charge reversed that fills 4b and 5b."""
    VatCode.objects.filter(administration=books.administration).delete()
    output, input_ = account(books, "1520"), account(books, "1500")
    rows = {
        "HIGH": {"category": "SALES", "account": output, "box_turnover": "1a", "box_vat": "1a"},
        "INPUT": {"category": "PURCHASES", "input_account": input_, "box_deductible": "5b"},
        "EU_IN": {
            "category": "INTRA_EU",
            "account": output,
            "input_account": input_,
            "box_turnover": "4b",
            "box_vat": "4b",
            "box_deductible": "5b",
        },
    }
    return {
        code: VatCode.objects.create(administration=books.administration, code=code, name=code, rate=21, **row)
        for code, row in rows.items()
    }


def sale(books, codes, day, net, **lines):
    code, vat = codes["HIGH"], Decimal(net) * Decimal("0.21")
    return EntryFactory(
        books=books,
        date=day,
        lines=[
            Line(books.account("cash_drawer"), debit=Decimal(net) + vat),
            Line(account(books, "8000"), credit=Decimal(net), vat_code=code, vat_role="BASE", **lines),
            Line(code.account, credit=vat, vat_code=code, vat_role="TAX", vat_base=Decimal(net), **lines),
        ],
    )


def purchase(books, code, day, net):
    """A purchase paid in cash; with the charge reversed the VAT is owed and deducted at once."""
    vat = Decimal(net) * Decimal("0.21")
    own = [Line(code.account, credit=vat, vat_code=code, vat_role="TAX")] if code.account else []
    paid = Decimal(net) if own else Decimal(net) + vat
    return EntryFactory(
        books=books,
        date=day,
        lines=[
            Line(account(books, "4100"), debit=Decimal(net), vat_code=code, vat_role="BASE"),
            Line(code.input_account, debit=vat, vat_code=code, vat_role="DEDUCTIBLE"),
            *own,
            Line(books.account("cash_drawer"), credit=paid),
        ],
    )


def figures(report):
    return {row.vat_code.code: (row.turnover, row.vat_owed, row.vat_deducted) for row in report.rows}


@pytest.fixture
def march(books, codes):
    sale(books, codes, date(2026, 3, 3), "1000.00")
    purchase(books, codes["INPUT"], date(2026, 3, 4), "200.00")
    purchase(books, codes["EU_IN"], date(2026, 3, 5), "100.00")
    return books


def test_each_code_has_its_turnover_its_vat_owed_and_its_vat_deducted(march):
    report = vat_by_code(march.administration, *MARCH)
    assert figures(report) == {"EU_IN": (100, 21, 21), "HIGH": (1000, 210, 0), "INPUT": (200, 0, 42)}
    assert (report.vat_owed, report.vat_deducted, report.vat_payable) == (231, 63, 168)


def test_each_box_adds_up_its_codes(march):
    report = vat_by_code(march.administration, *MARCH)
    assert report.boxes == (VatBox("1a", 1000, 210), VatBox("4b", 100, 21), VatBox("5b", 0, 63))


def test_the_lines_behind_a_code_add_up_to_its_figures(march):
    for row in vat_by_code(march.administration, *MARCH).rows:
        sums = dict.fromkeys(("BASE", "TAX", "DEDUCTIBLE"), Decimal(0))
        for line in row.lines.posted():
            sums[line.vat_role] += line.vat_amount
        assert tuple(sums.values()) == (row.turnover, row.vat_owed, row.vat_deducted)


def test_a_line_counts_in_its_vat_period_not_on_its_date(march, codes):
    sale(march, codes, date(2026, 4, 2), "10.00", vat_period=march.period("2026-03"), tax_point=date(2026, 3, 30))
    assert figures(vat_by_code(march.administration, *MARCH))["HIGH"] == (1010, Decimal("212.10"), 0)
    assert figures(vat_by_code(march.administration, date(2026, 4, 1), date(2026, 4, 30))) == {}


def test_a_reversal_takes_back_what_it_reverses_in_the_same_vat_period(march, codes):
    entry = sale(march, codes, date(2026, 3, 9), "50.00")
    reverse_entry(entry, by=march.owner, reason="typed twice", date=date(2026, 4, 1))
    assert figures(vat_by_code(march.administration, *MARCH))["HIGH"] == (1000, 210, 0)


def test_a_vat_period_counts_where_its_last_day_lies(march):
    quarter = vat_by_code(march.administration, date(2026, 1, 1), MARCH[1])
    assert figures(quarter)["HIGH"][0] == 1000
    assert "2026-03" in {period.name for period in quarter.periods}
    assert figures(vat_by_code(march.administration, date(2026, 3, 1), date(2026, 3, 30))) == {}
    assert figures(vat_by_code(march.administration, date(2026, 3, 31), date(2026, 3, 31)))["HIGH"][0] == 1000


def test_vat_is_told_as_it_was_known(march, codes):
    moment = sale(march, codes, date(2026, 3, 6), "1.00").posted_at
    sale(march, codes, date(2026, 3, 1), "7.00")
    assert figures(vat_by_code(march.administration, *MARCH, known_at=moment))["HIGH"][0] == 1001
    assert figures(vat_by_code(march.administration, *MARCH))["HIGH"][0] == 1008


def test_other_books_are_not_counted(march):
    assert vat_by_code(open_test_books().administration, *MARCH).rows == ()


def test_vat_takes_as_many_queries_for_many_lines(march, codes, django_assert_num_queries):
    for _entry in range(4):
        sale(march, codes, date(2026, 3, 3), "1.00")
    with django_assert_num_queries(3):
        assert figures(vat_by_code(march.administration, *MARCH))["HIGH"][0] == 1004
