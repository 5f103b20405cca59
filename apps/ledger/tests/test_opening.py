from datetime import date

import pytest

from apps.core.tests.factories import AdministrationFactory
from apps.ledger.errors import UnknownChart
from apps.ledger.models import Account, Journal, Period, VatCode
from apps.ledger.services.opening import chart_of, charts, open_books, open_years

PURPOSES = {
    "advance_liability", "asset_disposal_result", "bad_debt", "bank", "card_in_transit", "cash_drawer",
    "cash_over_short", "cash_safe", "contractual_adjustment", "customer_receivable", "deposit_in_transit",
    "depreciation_expense", "exchange_gain", "exchange_loss", "exchange_revaluation", "input_vat", "opening_balance",
    "output_vat", "own_transfers", "patient_receivable", "payer_in_transit", "payer_receivable", "payment_difference",
    "paystack_in_transit", "petty_cash_expense", "provider_fees", "retained_earnings", "revenue_consultation",
    "revenue_imaging", "revenue_laboratory", "revenue_other", "revenue_pharmacy", "revenue_procedure", "rounding",
    "supplier_payable", "suspense", "transfer_in_transit", "unappropriated_result", "unbilled_care",
    "unrealised_exchange_gain", "unrealised_exchange_loss", "vat_cost", "vat_return", "wallet_liability",
    "withholding_receivable", "write_off",
}  # fmt: skip
CONTROLS = {
    "patient_receivable": ("PATIENTS", "ASSET"),
    "payer_receivable": ("PAYERS", "ASSET"),
    "customer_receivable": ("CUSTOMERS", "ASSET"),
    "supplier_payable": ("SUPPLIERS", "LIABILITY"),
    "wallet_liability": ("WALLETS", "LIABILITY"),
    "advance_liability": ("WALLETS", "LIABILITY"),
}


def test_there_is_a_dutch_a_norwegian_and_a_general_chart():
    assert charts() == ["general", "nl", "no"]
    assert [chart_of(country) for country in ("NL", "NO", "NG")] == ["nl", "no", "general"]


@pytest.mark.parametrize("chart", charts())
def test_a_chart_has_one_account_for_everything_daybook_posts_by_itself(db, chart):
    administration = AdministrationFactory()
    open_books(administration, chart=chart)
    accounts = Account.objects.filter(administration=administration)
    for account in accounts:
        account.full_clean()
    purposes = [account.purpose for account in accounts if account.purpose]
    assert sorted(purposes) == sorted(PURPOSES)
    controls = {account.purpose: (account.control, account.type) for account in accounts if account.control}
    assert controls == CONTROLS
    assert {account.type for account in accounts if account.purpose.startswith("revenue_")} == {"REVENUE"}


@pytest.mark.parametrize("chart", charts())
def test_a_chart_has_vat_codes_that_owe_on_liabilities_and_deduct_on_assets(db, chart):
    administration = AdministrationFactory()
    open_books(administration, chart=chart)
    codes = VatCode.objects.filter(administration=administration).select_related("account", "input_account")
    assert codes.get(code="EXEMPT").rate == 0
    for code in codes:
        code.full_clean()
        if code.rate == 0:
            assert (code.account, code.input_account) == (None, None), code
        else:
            assert code.category == "PURCHASES" or code.account.type == "LIABILITY", code
            assert code.input_account is None or code.input_account.purpose == "input_vat" or chart == "no", code
            assert code.input_account is None or code.input_account.type == "ASSET", code
        if code.reverse_charge and code.rate:
            assert code.input_account, code
            assert bool(code.box_deductible) == bool(code.deductible) or chart == "general", code
    assert {code.category for code in codes} >= {"SALES", "PURCHASES", "REVERSE_CHARGE", "EXEMPT", "ZERO_RATE"}


def test_opening_books_again_keeps_what_is_there(books):
    Account.objects.filter(administration=books.administration, code="1000").update(name="Kassa")
    counts = Account.objects.count(), VatCode.objects.count(), Journal.objects.count()
    open_books(books.administration, chart="nl", by=books.owner)
    assert (Account.objects.count(), VatCode.objects.count(), Journal.objects.count()) == counts
    assert books.account("cash_drawer").name == "Kassa"


def test_an_unknown_chart_is_refused_with_those_that_there_are(db):
    with pytest.raises(UnknownChart, match="general, nl, no"):
        open_books(AdministrationFactory(), chart="../nl")


def test_years_open_with_months_quarters_and_the_year(books):
    open_years(books.administration, 2027, 2028)
    periods = Period.objects.filter(administration=books.administration, first_day__year__gte=2027)
    assert periods.count() == 2 * (12 + 4 + 1)
    february = periods.get(name="2028-02")
    assert (february.first_day, february.last_day) == (date(2028, 2, 1), date(2028, 2, 29))
    december = periods.get(name="2027-12")
    assert (december.first_day, december.last_day) == (date(2027, 12, 1), date(2027, 12, 31))


def test_opening_years_again_adds_nothing(books):
    books.set_status("2026-01", "LOCKED")
    before = Period.objects.count()
    open_years(books.administration, 2026, 2026)
    assert Period.objects.count() == before
