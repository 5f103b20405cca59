"""Pages of fixed assets, currencies and year ends: what an accountant does there, and nobody else."""

import re
from datetime import date
from decimal import Decimal as D
from itertools import chain

import pytest
from django.urls import reverse

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.models import Depreciation, ExchangeRate, FixedAsset, JournalEntry, OpenItem, Period
from apps.ledger.reports.result import year_result
from apps.ledger.services.depreciating import dispose, post_depreciation
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.services.posting import Line
from apps.ledger.tests.assets import account, registered
from apps.ledger.tests.factories import EntryFactory, cash_sale, open_test_books

Role = Membership.Role
ASSETS = "/admin/ledger/fixedasset/"
PERIODS = "/admin/ledger/period/"
RATES = "/admin/ledger/exchangerate/"


@pytest.fixture
def person(books):
    return member(books.administration, Role.ACCOUNTANT)


@pytest.fixture
def accountant(client, person):
    client.force_login(person)
    return client


def text_of(answer):
    assert answer.status_code == 200, answer.content.decode()[:2000]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace("\xa0", " ")


def rows(*typed, prefix="form"):
    counts = {f"{prefix}-TOTAL_FORMS": len(typed), f"{prefix}-INITIAL_FORMS": 0}
    return counts | {f"{prefix}-{n}-{name}": value for n, row in enumerate(typed) for name, value in row.items()}


def done(answer):
    """Where a form that was taken leads."""
    assert answer.status_code == 302, text_of(answer)
    return answer.headers["Location"]


def asset_form(books, **fields):
    accounts = {"account": "0200", "depreciation_account": "0210", "expense_account": "4300"}
    form = {"administration": books.administration.pk, "code": "A-1", "name": "Scanner", "cost": "1200.00"}
    form |= {"acquired_on": "2026-01-01", "in_use_from": "2026-01-01", "residual_value": "0", "life_months": "12"}
    form |= {"method": "STRAIGHT_LINE", "declining_rate": "", "opening_depreciation": "0"}
    return form | {name: account(books, code).pk for name, code in accounts.items()} | fields


# Fixed assets --------------------------------------------------------------------------------------------------------


def test_an_asset_from_its_purchase_to_its_sale(books, accountant):
    done(accountant.post(f"{ASSETS}add/", asset_form(books)))
    asset = FixedAsset.objects.get()
    shown = text_of(accountant.get(ASSETS))
    assert "1,200.00" in shown
    assert "2026-01: EUR 100.00" in shown
    done(accountant.post(f"{ASSETS}depreciate/", {"month": "2026-03-15"}))
    assert Depreciation.objects.count() == 3
    page = accountant.get(f"{ASSETS}{asset.pk}/change/").content.decode()
    assert "<polyline" in page
    assert "GEN-2026-0003" in page
    assert "900.00" in page
    sale = {"date": "2026-03-31", "proceeds": "950.00", "proceeds_account": account(books, "1100").pk}
    done(accountant.post(f"{ASSETS}{asset.pk}/dispose/", sale))
    assert ASSETS + "add/" in accountant.get(ASSETS).content.decode()
    assert "Scanner" not in text_of(accountant.get(ASSETS))
    assert "Disposed of on" in text_of(accountant.get(f"{ASSETS}?disposed=yes"))


def test_a_refusal_stands_on_the_page_and_keeps_what_was_typed(books, accountant):
    asset = registered(books)
    answer = accountant.post(f"{ASSETS}{asset.pk}/dispose/", {"date": "2026-03-31", "proceeds": "950"})
    assert "name the account that they go to" in text_of(answer)
    assert 'value="950"' in answer.content.decode()
    wrong = accountant.post(f"{ASSETS}add/", asset_form(books, code="A-2", residual_value="1300"))
    assert "A fixed asset has a cost above its residual value" in text_of(wrong)
    assert "Constraint" not in text_of(wrong)
    assert "Another fixed asset has this code." in text_of(accountant.post(f"{ASSETS}add/", asset_form(books)))
    assert FixedAsset.objects.count() == 1


def test_once_depreciated_only_the_name_and_the_expense_account_change(books, accountant, person):
    asset = registered(books)
    post_depreciation(books.administration, date(2026, 1, 1), by=person)
    changed = asset_form(books, name="Old scanner", cost="1.00", life_months="99")
    done(accountant.post(f"{ASSETS}{asset.pk}/change/", changed))
    asset.refresh_from_db()
    assert (asset.name, asset.cost, asset.life_months) == ("Old scanner", D(1200), 12)


def test_an_entry_leads_to_its_asset(books, accountant, person):
    asset = registered(books)
    posted = post_depreciation(books.administration, date(2026, 1, 1), by=person)[0]
    disposal = dispose(asset, date=date(2026, 2, 10), by=person)
    for entry in (posted.entry, disposal.entry):
        page = accountant.get(reverse("admin:ledger_journalentry_change", args=[entry.pk])).content.decode()
        source = re.search(rf'href="({ASSETS}of-[^"]+)"', page).group(1)
        assert done(accountant.get(source)) == f"{ASSETS}{asset.pk}/change/"


# Exchange rates ------------------------------------------------------------------------------------------------------


def test_rates_are_entered_and_differences_posted(books, accountant):
    foreign = {"currency": "USD", "amount_currency": D(1000)}
    dollars = books.account("customer_receivable")
    lines = [Line(dollars, debit=D(900), party=books.party("C-1"), **foreign),
             Line(books.account("revenue_other"), credit=D(900))]  # fmt: skip
    EntryFactory(books=books, lines=lines)
    missing = text_of(accountant.get(f"{RATES}revalue/?as_of=2026-03-31"))
    assert "There is no exchange rate of USD" in missing
    new = {"administration": books.administration.pk, "currency": "USD", "date": "2026-03-31", "rate": "0.95"}
    done(accountant.post(f"{RATES}add/", new | {"source": "ECB"}))
    assert ExchangeRate.objects.get().source == "ECB"
    shown = text_of(accountant.get(f"{RATES}revalue/?as_of=2026-03-31"))
    assert "USD 1,000.00" in shown
    assert "50.00" in shown
    done(accountant.post(f"{RATES}revalue/", {"as_of": "2026-03-31"}))
    done(accountant.post(f"{RATES}revalue/", {"as_of": "2026-03-31"}))
    assert JournalEntry.objects.filter(source_type="revaluation").count() == 1


# Fiscal years --------------------------------------------------------------------------------------------------------


def test_the_next_year_is_opened(books, accountant):
    assert 'value="2027-01-01"' in accountant.get(f"{PERIODS}open/").content.decode()
    done(accountant.post(f"{PERIODS}open/", {"first_day": "2027-01-01", "months": "12"}))
    assert Period.objects.filter(name="2027").exists()
    refused = text_of(accountant.post(f"{PERIODS}open/", {"first_day": "2027-07-01", "months": "12"}))
    assert "Periods of one type do not overlap" in refused
    assert "1 to 24 months" in text_of(accountant.post(f"{PERIODS}open/", {"first_day": "2028-01-01", "months": "0"}))


def test_an_opening_balance_is_typed_with_its_open_items(books, accountant):
    books.party("P-1")
    pk = {purpose: books.account(purpose).pk for purpose in ("bank", "patient_receivable", "unappropriated_result")}
    typed = [
        {"account": pk["bank"], "debit": "500.00"},
        {"account": pk["patient_receivable"], "debit": "60.00", "party": "P-1", "reference": "B-1"},
        {"account": pk["patient_receivable"], "debit": "40.00", "party": "P-1", "due_date": "2026-02-01"},
        {"account": pk["unappropriated_result"], "credit": "600.00"},
        {},
    ]
    nobody = [typed[0], {**typed[1], "party": "X"}, typed[3]]
    refused = accountant.post(f"{PERIODS}opening-balance/", {"date": "2026-01-01", **rows(*nobody)})
    assert "names a party by its code" in text_of(refused)
    unbalanced = accountant.post(f"{PERIODS}opening-balance/", {"date": "2026-01-01", **rows(*typed[:3])})
    assert "an entry balances" in text_of(unbalanced)
    done(accountant.post(f"{PERIODS}opening-balance/", {"date": "2026-01-01", **rows(*typed)}))
    assert list(OpenItem.objects.order_by("amount").values_list("amount", "reference")) == [(40, ""), (60, "B-1")]


def test_the_result_of_a_year_is_adjusted_and_appropriated(books, accountant):
    year = open_fiscal_year(books.administration, date(2026, 1, 1))
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    page = f"{PERIODS}{year.pk}/"
    rent = rows(
        {"account": account(books, "4100").pk, "debit": "80.00"}, {"account": account(books, "1750").pk, "credit": "80"}
    )
    done(accountant.post(f"{page}adjust/", {"memo": "Rent of December", **rent}))
    assert "Rent of December" in text_of(accountant.get(f"{page}year-end/"))
    assert year_result(year).left == D(920)
    reserve = {"account": account(books, "0510").pk}
    too_much = accountant.post(f"{page}appropriate/", {"date": "2026-12-31", **rows({**reserve, "amount": "921"})})
    assert "EUR 921.00 cannot be drawn from the unappropriated result: EUR 920.00 is left." in text_of(too_much)
    done(accountant.post(f"{page}appropriate/", {"date": "2026-12-31", **rows({**reserve, "amount": "900"})}))
    assert "20.00" in text_of(accountant.get(f"{page}year-end/"))
    assert year_result(year).left == D(20)


def test_a_form_that_is_sent_twice_posts_once(books, accountant):
    year = open_fiscal_year(books.administration, date(2026, 1, 1))
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    form = {"date": "2026-12-31", "key": "11111111-0000-7000-8000-000000000000"}
    form |= rows({"account": account(books, "0510").pk, "amount": "100"})
    done(accountant.post(f"{PERIODS}{year.pk}/appropriate/", form))
    again = accountant.post(f"{PERIODS}{year.pk}/appropriate/", form)
    assert "The entry of this source is posted already." in text_of(again)
    assert year_result(year).left == D(900)


def test_a_month_has_no_year_end(books, accountant):
    assert accountant.get(f"{PERIODS}{books.period('2026-03').pk}/year-end/").status_code == 404


# Who may -------------------------------------------------------------------------------------------------------------


def pages(books):
    asset, year = registered(books), books.period("2026")
    writing = [f"{ASSETS}depreciate/", f"{ASSETS}{asset.pk}/dispose/", f"{RATES}revalue/", f"{PERIODS}open/"]
    writing += [f"{PERIODS}opening-balance/", f"{PERIODS}{year.pk}/appropriate/", f"{PERIODS}{year.pk}/adjust/"]
    return writing, [ASSETS, RATES, f"{ASSETS}{asset.pk}/change/", f"{PERIODS}{year.pk}/year-end/"]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.OWNER])
def test_who_reads_the_ledger_sees_and_does_nothing(books, client, role):
    client.force_login(member(books.administration, role))
    writing, reading = pages(books)
    assert {address: client.get(address).status_code for address in reading} == dict.fromkeys(reading, 200)
    for address in writing:
        assert (client.get(address).status_code, client.post(address).status_code) == (403, 403), address
    for address in (ASSETS, PERIODS, RATES):
        assert "ledger-button" not in client.get(address).content.decode()


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.ADMIN])
def test_other_roles_open_none_of_it(books, client, role):
    client.force_login(member(books.administration, role))
    for address in chain(*pages(books)):
        assert client.get(address).status_code == 403, address


def test_pages_of_other_books_are_not_there(books, accountant):
    others = open_test_books()
    writing, reading = pages(others)
    for address in [one for one in writing + reading if others.period("2026").pk.hex in one.replace("-", "")]:
        assert accountant.get(address).status_code == 404, address
    foreign = FixedAsset.objects.get()
    assert accountant.get(f"{ASSETS}{foreign.pk}/dispose/").status_code == 404
    named = f"?administration={others.administration.pk}"
    for address in (f"{ASSETS}depreciate/", f"{RATES}revalue/", f"{PERIODS}open/", f"{PERIODS}opening-balance/"):
        assert accountant.get(address + named).status_code == 404, address
