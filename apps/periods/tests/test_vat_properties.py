"""Any books with VAT: boxes are the sums of their lines, and rounding never costs the taxpayer anything."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.core.money import ZERO
from apps.ledger.services.posting import on_side
from apps.periods.reports.vat_filed import correction_of
from apps.periods.reports.vat_forms import FORMS, Side
from apps.periods.reports.vat_return import return_of
from apps.periods.services.filing import file_correction, file_return
from apps.periods.tests.vat_year import YEAR

cents = st.integers(-9_000_000, 9_000_000).map(lambda cents: Decimal(cents) / 100)
CODES = ("HIGH", "LOW", "PRIVATE_USE", "EXEMPT", "ZERO", "EXPORT", "INPUT_HIGH", "EU_IN", "ABROAD_IN_COST")
posting = st.tuples(
    st.sampled_from(CODES), cents.filter(bool), st.integers(-50, 50), st.integers(1, 12), st.sampled_from([None, 2, 5])
)


@given(cents, st.sampled_from([Side.OWED, Side.DEDUCTED]))
def test_rounding_a_box_gives_less_than_a_euro_and_always_to_the_taxpayer(amount, side):
    declared = FORMS["NL"].declared(amount, side)
    gain = amount - declared if side == Side.OWED else declared - amount
    assert 0 <= gain < 1
    assert declared == declared.to_integral_value()


def post(year, code, net, off, month, of_month):
    """Base and taxes of either sign, ``off`` by some cents, perhaps for the return of another month."""
    named = year.ledger.code(code)
    tax = (net * named.rate / 100).quantize(Decimal("0.01")) + (Decimal(off) / 100 if named.rate else 0)
    more = {"vat_code": named}
    if of_month:
        more["vat_period"] = year.period(f"{YEAR}-{of_month:02d}")
    account = year.ledger.account("4200" if named.input_account_id else "8090")
    lines = [on_side(account, -net, vat_role="BASE", **more)]
    if named.account_id and tax:
        lines.append(on_side(named.account, -tax, vat_role="TAX", vat_base=net, **more))
    if named.input_account_id and named.deductible and tax:
        lines.append(on_side(named.input_account, tax, vat_role="DEDUCTIBLE", vat_base=net, **more))
    rest = -sum((line.amount for line in lines), ZERO)
    if rest:
        lines.append(on_side(year.ledger.books.account("bank"), rest))
    if len(lines) > 1:
        year.post(lines, date(YEAR, month, 10))


def by_lines(figure):
    """Turnover and VAT of a box, read back line by line."""
    turnover, vat = ZERO, ZERO
    for line in figure.lines.posted():
        if line.vat_role == "BASE":
            turnover += line.vat_amount
        else:
            takes_off = figure.box.side == Side.TOTAL and line.vat_role == "DEDUCTIBLE" and figure.box.code != "5a"
            vat += -line.vat_amount if takes_off else line.vat_amount
    return turnover, vat


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example posts and files: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(posting, max_size=6), st.lists(posting, max_size=3))
def test_boxes_are_their_lines_and_filing_settles_them_to_the_cent(quiet, before, after):
    with transaction.atomic():
        for one in before:
            post(quiet, *one)
        quiet.shut(1, "REVIEW")
        report = quiet.of(1)
        for figure in report.boxes:
            assert by_lines(figure) == (figure.turnover, figure.vat), figure.box.code
        assert 0 <= report.rounding < len([box for box in report.boxes if box.vat]) + 1

        filed = file_return(quiet.quarter(1), by=quiet.accountant)
        assert filed.declared == report.net_declared
        assert correction_of(quiet.quarter(1)) is None
        for one in after:
            post(quiet, *one)
        now = quiet.of(1)
        correction = correction_of(quiet.quarter(1))
        known = return_of(quiet.quarter(1), filed.filed_at)
        assert (known.net, known.turnover) == (report.net, report.turnover)
        if correction is None:
            assert (now.net, now.turnover) == (report.net, report.turnover)
        else:
            assert correction.net == now.net - report.net
            assert file_correction(quiet.quarter(1), by=quiet.accountant).declared == now.net_declared
            assert correction_of(quiet.quarter(1)) is None
        transaction.set_rollback(True)
