"""Balance sheet and profit and loss account: figures of small books, at any date, as known at any moment."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.ledger.models import Account, Period
from apps.ledger.reports.account_ledger import account_ledger
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory


def account(books, code, **changes):
    found = Account.objects.get(administration=books.administration, code=code)
    if changes:
        Account.objects.filter(pk=found.pk).update(**changes)
        found.refresh_from_db()
    return found


def post(books, day, *amounts):
    """An entry of pairs of an account's code and its amount, a debit positive."""
    lines = [
        Line(account(books, code), debit=max(Decimal(amount), Decimal(0)), credit=max(-Decimal(amount), Decimal(0)))
        for code, amount in amounts
    ]
    return EntryFactory(books=books, date=day, lines=lines)


@pytest.fixture
def practice(books):
    """2025: 1,000 of revenue in the bank. 2026: equipment of 600 on a loan of 500; revenue 300 in cash; medicines 100,
    rent 50 and interest 10 by bank; other income 20; 400 of the result of 2025 goes to the reserve."""
    open_years(books.administration, 2025, 2025)
    account(books, "0200", place="FIXED_ASSETS")
    account(books, "0700", place="LONG_TERM_LIABILITIES")
    account(books, "7000", place="COST_OF_GOODS_SOLD")
    account(books, "4930", place="OTHER_EXPENSES")
    account(books, "8090", place="OTHER_INCOME")
    post(books, date(2025, 6, 30), ("1100", 1000), ("8000", -1000))
    post(books, date(2026, 1, 15), ("0200", 600), ("0700", -500), ("1100", -100))
    post(books, date(2026, 2, 1), ("1000", 300), ("8000", -300))
    post(books, date(2026, 2, 28), ("7000", 100), ("4100", 50), ("4930", 10), ("1100", -160))
    post(books, date(2026, 3, 1), ("1000", 20), ("8090", -20))
    post(books, date(2026, 3, 31), ("0520", 400), ("0510", -400))
    return books


def shown(section):
    return {(row.account.code if row.account else "", row.name): row.balance.amount for row in section.rows}


def test_a_balance_sheet_shows_each_account_in_its_place(practice):
    sheet = balance_sheet(practice.administration, date(2026, 3, 31))
    assert shown(sheet.current_assets) == {("1000", "Kas"): 320, ("1100", "Bank"): 740}
    assert shown(sheet.fixed_assets) == {("0200", "Medische apparatuur"): 600}
    assert shown(sheet.current_liabilities) == {}
    assert shown(sheet.long_term_liabilities) == {("0700", "Leningen"): 500}
    assert shown(sheet.equity) == {
        ("0510", "Winstreserve"): 400,
        ("0520", "Onverdeeld resultaat"): 600,
        ("0520", "Result of 2026"): 160,
    }
    assert (sheet.total_assets.amount, sheet.total_liabilities_equity.amount, sheet.is_balanced) == (1660, 1660, True)


def test_the_lines_of_every_figure_add_up_to_it(practice):
    administration = practice.administration
    sheet = balance_sheet(administration, date(2026, 3, 31), compare_to=date(2025, 12, 31))
    result = profit_and_loss(
        administration, date(2026, 1, 1), date(2026, 3, 31), compared=(date(2025, 1, 1), date(2025, 12, 31))
    )
    assets = (sheet.current_assets, sheet.fixed_assets)
    claims = (sheet.current_liabilities, sheet.long_term_liabilities, sheet.equity)
    costs = (result.cost_of_goods_sold, result.operating_expenses, result.other_expenses)
    income = (result.revenue, result.other_income)
    figures = [
        (figure, side)
        for sections, side in ((assets, 1), (claims, -1), (costs, 1), (income, -1))
        for section in sections
        for figure in (*(row.balance for row in section.rows), section.total)
    ]
    figures += [(sheet.total_assets, 1), (sheet.total_liabilities_equity, -1), (result.net_income, -1)]
    assert len(figures) == 25
    for figure, side in figures:
        assert sum(lines.posted().balance() for lines in figure.lines) == side * figure.amount
        assert sum(lines.posted().balance() for lines in figure.earlier_lines) == side * figure.earlier


def test_a_profit_and_loss_account_goes_from_revenue_to_net_income(practice):
    result = profit_and_loss(practice.administration, date(2026, 1, 1), date(2026, 3, 31))
    assert shown(result.revenue) == {("8000", "Consulten"): 300}
    assert shown(result.cost_of_goods_sold) == {("7000", "Inkoop geneesmiddelen"): 100}
    assert shown(result.operating_expenses) == {("4100", "Huur"): 50}
    assert shown(result.other_income) == {("8090", "Overige opbrengsten"): 20}
    assert shown(result.other_expenses) == {("4930", "Rente"): 10}
    assert (result.gross_profit.amount, result.operating_income.amount, result.net_income.amount) == (200, 150, 160)
    february = profit_and_loss(practice.administration, date(2026, 2, 2), date(2026, 2, 28))
    assert (shown(february.revenue), february.net_income.amount) == ({}, -160)


def test_the_result_of_earlier_years_stands_in_the_unappropriated_result(practice):
    administration = practice.administration
    last_year = balance_sheet(administration, date(2025, 12, 31))
    assert shown(last_year.equity) == {("0520", "Result of 2025"): 1000}
    new_year = balance_sheet(administration, date(2026, 1, 1))
    assert shown(new_year.equity) == {("0520", "Onverdeeld resultaat"): 1000}
    assert [row.computed for row in (*last_year.equity.rows, *new_year.equity.rows)] == [True, False]


def test_the_result_is_named_where_the_chart_has_no_account_for_it(practice):
    account(practice, "0520", purpose="")
    sheet = balance_sheet(practice.administration, date(2026, 1, 1))
    [row] = sheet.equity.rows
    assert (row.account, row.name, row.balance.amount, sheet.is_balanced) == (None, "Unappropriated result", 1000, True)


def test_a_balance_sheet_compares_two_dates(practice):
    sheet = balance_sheet(practice.administration, date(2026, 3, 31), compare_to=date(2025, 12, 31))
    bank = next(row for row in sheet.current_assets.rows if row.account.code == "1100")
    assert (bank.balance.amount, bank.balance.earlier, bank.balance.difference) == (740, 1000, -260)
    assert (sheet.total_assets.earlier, sheet.total_assets.difference) == (1000, 660)
    assert {row.name: row.balance.earlier for row in sheet.equity.rows} == {
        "Winstreserve": 0,
        "Onverdeeld resultaat": 0,
        "Result of 2026": 1000,  # beside it the result of 2025, as it was then
    }
    assert sheet.is_balanced


def test_a_profit_and_loss_account_compares_two_spans(practice):
    spans = {"since": date(2026, 1, 1), "until": date(2026, 12, 31), "compared": (date(2025, 1, 1), date(2025, 12, 31))}
    result = profit_and_loss(practice.administration, **spans)
    assert (result.revenue.total.amount, result.revenue.total.earlier) == (300, 1000)
    assert (result.net_income.amount, result.net_income.earlier, result.net_income.difference) == (160, 1000, -840)
    assert (result.other_income.total.earlier, result.cost_of_goods_sold.total.difference) == (0, 100)


def test_without_a_comparison_nothing_is_earlier(practice):
    sheet = balance_sheet(practice.administration, date(2026, 3, 31))
    assert (sheet.total_assets.earlier, sheet.total_assets.difference) == (None, None)


def test_a_fiscal_year_that_is_no_calendar_year_decides_what_is_this_years_result(books):
    administration = books.administration
    Period.objects.filter(administration=administration, type="YEAR").delete()
    first, last = date(2026, 4, 1), date(2027, 3, 31)
    Period.objects.create(administration=administration, type="YEAR", name="2026/27", first_day=first, last_day=last)
    post(books, date(2026, 3, 31), ("1000", 10), ("8000", -10))
    post(books, date(2026, 4, 1), ("1000", 5), ("8000", -5))
    sheet = balance_sheet(administration, date(2026, 12, 31))
    assert shown(sheet.equity) == {("0520", "Onverdeeld resultaat"): 10, ("0520", "Result of 2026/27"): 5}
    assert [sum(lines.posted().balance() for lines in row.balance.lines) for row in sheet.equity.rows] == [-10, -5]


def test_adjustments_at_year_end_count_on_their_day(books):
    administration, last = books.administration, date(2026, 12, 31)
    end = Period.objects.create(
        administration=administration, type="YEAR_END", name="2026 end", first_day=last, last_day=last
    )
    lines = [Line(account(books, "4300"), debit=Decimal(7)), Line(account(books, "0210"), credit=Decimal(7))]
    EntryFactory(books=books, date=last, lines=lines, period=end)
    assert balance_sheet(administration, date(2026, 12, 30)).equity.rows == ()
    assert shown(balance_sheet(administration, last).equity) == {("0520", "Result of 2026"): -7}


@pytest.mark.parametrize(
    ("years", "day", "expected"),
    [
        ([], date(2026, 5, 1), ("2026", date(2026, 1, 1), date(2026, 12, 31))),
        ([(date(2026, 4, 1), date(2027, 3, 31))], date(2026, 5, 1), ("FY", date(2026, 4, 1), date(2027, 3, 31))),
        ([(date(2026, 4, 1), date(2027, 3, 31))], date(2028, 2, 1), ("2027/2028", date(2027, 4, 1), date(2028, 3, 31))),
        ([(date(2026, 4, 1), date(2027, 3, 31))], date(2026, 2, 1), ("2025/2026", date(2025, 4, 1), date(2026, 3, 31))),
        ([(date(2026, 1, 1), date(2027, 6, 30))], date(2027, 8, 1), ("2027/2028", date(2027, 7, 1), date(2028, 6, 30))),
        ([(date(2023, 3, 1), date(2024, 2, 28))], date(2025, 3, 1), ("2025/2026", date(2025, 3, 1), date(2026, 2, 28))),
    ],
)
def test_a_fiscal_year_comes_from_the_periods_or_goes_on_from_them(books, years, day, expected):
    Period.objects.filter(administration=books.administration).delete()
    for first, last in years:
        Period.objects.create(
            administration=books.administration, type="YEAR", name="FY", first_day=first, last_day=last
        )
    year = fiscal_year(books.administration, day)
    assert (year.name, year.first_day, year.last_day) == expected


def test_a_report_tells_what_the_books_said_at_a_moment(books):
    administration, day = books.administration, date(2026, 3, 31)
    first = post(books, date(2026, 3, 10), ("1000", 100), ("8000", -100))
    second = post(books, date(2026, 3, 1), ("1000", 30), ("8000", -30))
    reversal = reverse_entry(first, by=books.owner, reason="typed twice")
    moments = [first.posted_at, second.posted_at, reversal.posted_at]
    assert moments == sorted(set(moments))
    said = [
        (
            balance_sheet(administration, day, known_at=moment).total_assets.amount,
            profit_and_loss(administration, date(2026, 1, 1), day, known_at=moment).net_income.amount,
            trial_balance(administration, day, known_at=moment).debit,
            account_ledger(books.account("cash_drawer"), None, day, known_at=moment).closing,
        )
        for moment in moments
    ]
    assert said == [(100, 100, 100, 100), (130, 130, 130, 130), (30, 30, 230, 30)]
    before = balance_sheet(administration, day, known_at=moments[0] - timedelta(microseconds=1))
    assert (before.total_assets.amount, before.is_balanced) == (0, True)


def test_a_trial_balance_compares_two_dates(practice):
    report = trial_balance(practice.administration, date(2026, 2, 1), compare_to=date(2025, 12, 31))
    rows = {row.account.code: (row.balance, row.earlier, row.difference) for row in report.rows}
    assert rows["1100"] == (900, 1000, -100)
    assert rows["0200"] == (600, 0, 600)
    assert (report.balance, report.earlier) == (0, 0)
    later = trial_balance(practice.administration, date(2025, 12, 31), compare_to=date(2026, 2, 1))
    rows = {row.account.code: (row.balance, row.earlier, row.difference) for row in later.rows}
    assert rows["0200"] == (0, 600, -600)


def test_statements_take_as_many_queries_for_many_entries(practice, django_assert_num_queries):
    for _entry in range(5):
        post(practice, date(2026, 3, 2), ("1000", 1), ("8000", -1))
    with django_assert_num_queries(4):  # the fiscal years, figures and chart, the account of the result
        assert balance_sheet(practice.administration, date(2026, 3, 31)).is_balanced
    with django_assert_num_queries(2):
        assert profit_and_loss(practice.administration, date(2026, 1, 1), date(2026, 3, 31)).net_income.amount == 165
