"""A finalized day is reopened: what was signed stays, and the books follow the revision that holds."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from apps.billing import checks as billing_checks
from apps.billing.errors import (
    AlreadyFinalized,
    BornSinceReopened,
    CloseSuperseded,
    NotFinalized,
    ReasonRequired,
)
from apps.billing.models import EndOfDayReconciliation, Payment
from apps.billing.reports.revisions import revisions_of
from apps.billing.reports.sealed import seal_of
from apps.billing.reports.summary import summary
from apps.billing.services.charging import Charge, credit_bill, issue_bill
from apps.billing.services.closing import cancel_day, close_day, finalize_day, reopen_day
from apps.billing.services.wallets import top_up
from apps.billing.tests.drawers import counted, drawer_of, take_cash
from apps.core.errors import NotAllowed, SecondPersonRequired
from apps.ledger import checks as ledger_checks
from apps.ledger.models import Account, JournalLine, OpenItem, Period
from apps.ledger.reports.vat_by_code import vat_by_code
from apps.periods.tests.steps import brought_to

REASON = "A bill was forgotten."


def balances(clinic, until=date.max):
    """What each account holds, by purpose or code."""
    lines = JournalLine.objects.filter(administration=clinic.administration).posted().up_to(until)
    accounts = Account.objects.filter(administration=clinic.administration)
    found = {account.purpose or account.code: lines.filter(account=account).balance() for account in accounts}
    return {name: amount for name, amount in found.items() if amount}


def findings(clinic):
    return [
        str(finding)
        for check in (*billing_checks.ALL, *ledger_checks.ALL)
        for finding in check(clinic.administration, date.max)
    ]


def shut(clinic, day):
    """Lock the month of ``day`` and everything around it, as its own workflow would."""
    around = Period.objects.filter(administration=clinic.administration, first_day__lte=day, last_day__gte=day)
    for period in around.order_by("first_day", "-last_day"):
        if period.last_day < clinic.today:
            brought_to(period, "FINALIZED")


@pytest.fixture
def last_month(clinic):
    return clinic.today.replace(day=1) - timedelta(days=3)


@pytest.fixture
def signed(clinic, last_month):
    clinic.pay(clinic.bill("100.00", day=last_month), "60.00", "CARD", day=last_month)
    return clinic.finalized(last_month)


# Who, and when -------------------------------------------------------------------------------------------------------


def test_a_revision_is_a_draft_under_the_same_number_with_who_and_why(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    assert (str(revision), revision.number, revision.status) == (f"{signed} r2", signed.number, "DRAFT")
    assert (revision.reopened_by, revision.reopen_reason, revision.prepared_by) == (
        clinic.owner,
        REASON,
        clinic.owner,
    )
    assert revision.total_card == signed.total_card
    revision.clinic_day.refresh_from_db()
    assert not revision.clinic_day.is_finalized
    assert clinic.pay(clinic.bill("5.00", day=last_month), "5.00", day=last_month).late_for is None
    assert close_day(clinic.administration, last_month, by=clinic.receptionist) == (revision, False)


def test_whoever_signed_does_not_reopen_unless_one_person_signs_alone(clinic, signed):
    with pytest.raises(SecondPersonRequired):
        reopen_day(signed, reason=REASON, by=clinic.manager)
    clinic.administration.single_sign_off = True
    clinic.administration.save()
    assert reopen_day(signed, reason=REASON, by=clinic.manager).revision == 2


@pytest.mark.parametrize("role", ["receptionist", "cashier", "accountant", "admin"])
def test_other_roles_do_not_reopen(clinic, signed, role):
    with pytest.raises(NotAllowed):
        reopen_day(signed, reason=REASON, by=getattr(clinic, role))


def test_only_the_close_that_holds_is_reopened_with_a_reason(clinic, signed):
    with pytest.raises(ReasonRequired):
        reopen_day(signed, reason="  ", by=clinic.owner)
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    with pytest.raises(NotFinalized):
        reopen_day(revision, reason=REASON, by=clinic.manager)
    with pytest.raises(NotFinalized):
        reopen_day(signed, reason=REASON, by=clinic.owner)
    finalize_day(revision, by=clinic.manager)
    with pytest.raises(CloseSuperseded):
        reopen_day(signed, reason=REASON, by=clinic.owner)
    with pytest.raises(SecondPersonRequired):
        reopen_day(revision, reason=REASON, by=clinic.manager)
    assert str(reopen_day(revision, reason=REASON, by=clinic.owner)).endswith("r3")


def test_a_draft_is_not_reopened(clinic):
    with pytest.raises(NotFinalized):
        reopen_day(clinic.close(), reason=REASON, by=clinic.owner)


# In an open period ---------------------------------------------------------------------------------------------------


def test_the_old_entry_is_reversed_and_the_new_one_posted_on_the_same_date(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    forgotten = clinic.bill("25.00", day=last_month)
    clinic.pay(forgotten, "25.00", day=last_month)

    final = finalize_day(revision, by=clinic.manager)

    assert (final.reversal.reverses, final.reversal.date, final.entry.date) == (signed.entry, last_month, last_month)
    assert balances(clinic) == {
        "card_in_transit": D(60),
        "cash_drawer": D(25),
        "patient_receivable": D(40),
        "revenue_consultation": D(-125),
    }
    assert findings(clinic) == []


def test_what_was_paid_meanwhile_still_settles_the_bill(clinic, last_month):
    bill = clinic.bill("100.00", day=last_month)
    signed = clinic.finalized(last_month)
    clinic.pay(bill, "100.00", "CARD")
    clinic.finalized()

    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    clinic.bill("5.00", day=last_month)
    finalize_day(revision, by=clinic.manager)

    assert sum(item.open for item in OpenItem.objects.as_of()) == D(5)
    assert sum(item.open for item in OpenItem.objects.as_of(last_month)) == D(105)
    assert findings(clinic) == []


def test_the_day_keeps_its_rows_and_what_was_late_stays_late(clinic, signed, last_month):
    late = clinic.pay(clinic.bill("10.00", day=last_month), "10.00", day=last_month)
    assert late.late_for.date == last_month
    revision = finalize_day(reopen_day(signed, reason=REASON, by=clinic.owner), by=clinic.manager)
    late.refresh_from_db()
    assert (late.clinic_day.date, late.late_for.date) == (clinic.today, last_month)
    assert (revision.total_revenue, revision.total_billed) == (signed.total_revenue, signed.total_billed)
    assert Payment.objects.filter(clinic_day=revision.clinic_day).count() == 1


# In a closed period --------------------------------------------------------------------------------------------------


def test_in_a_closed_period_the_difference_alone_is_posted_on_the_first_open_day(clinic, last_month):
    high = clinic.service("121.00", "HIGH")
    billed = issue_bill(patient=clinic.patient(), charges=[Charge(high)], day=last_month, by=clinic.receptionist)
    clinic.pay(billed, "121.00", "CARD", day=last_month)
    clinic.pay(clinic.bill("50.00", day=last_month), "20.00", "CARD", day=last_month)
    signed = clinic.finalized(last_month)
    before = balances(clinic, last_month)
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    issue_bill(patient=clinic.patient("P-2"), charges=[Charge(high)], day=last_month, by=clinic.receptionist)
    clinic.pay(clinic.bill("8.00", day=last_month), "8.00", "CASH", day=last_month)
    shut(clinic, last_month)

    final = finalize_day(revision, by=clinic.manager)

    first_open = clinic.today.replace(day=1)
    assert (final.reversal, final.entry.date) == (None, first_open)
    assert str(last_month) in final.entry.memo
    assert final.entry.reference == f"{final} {last_month}"
    lines = {
        (line.account.purpose, line.debit, line.credit, line.vat_role, line.tax_point)
        for line in final.entry.lines.select_related("account")
    }
    assert lines == {
        ("patient_receivable", D(121), D(0), "", None),
        ("cash_drawer", D(8), D(0), "", None),
        ("revenue_consultation", D(0), D(100), "BASE", last_month),
        ("revenue_consultation", D(0), D(8), "BASE", last_month),
        ("output_vat", D(0), D(21), "TAX", last_month),
    }
    original = Period.objects.covering(clinic.administration, last_month)
    for line in final.entry.lines.exclude(vat_code=None):
        assert (line.vat_period, line.corrected_period) == (original, original)
    (tax,) = final.entry.lines.filter(vat_role="TAX")
    assert tax.vat_base == D(100)
    (item,) = OpenItem.objects.filter(line__entry=final.entry)
    assert (item.amount, item.party.code) == (D(121), "P-2")
    assert balances(clinic, last_month) == before
    report = vat_by_code(clinic.administration, original.first_day, original.last_day)
    assert (report.turnover, report.vat_owed) == (final.total_billed, D(42))
    assert findings(clinic) == []


def test_a_difference_whose_vat_rounds_to_nothing_reaches_the_return_by_its_base(clinic, last_month):
    """EUR 0.02 at 21% is no VAT: no line is of nothing, so the turnover stands in the line of its revenue alone. The
    next difference that has VAT says what all of it was reckoned on."""
    hundred, cents = (clinic.service(price, "HIGH", includes_vat=False) for price in ("100.00", "0.02"))

    def sell(service):
        bill = issue_bill(patient=clinic.patient(), charges=[Charge(service)], day=last_month, by=clinic.receptionist)
        clinic.pay(bill, str(bill.gross), day=last_month)

    def posted(close):
        return {
            (line.account.purpose, line.vat_role, line.debit - line.credit, line.vat_base)
            for line in close.entry.lines.select_related("account")
        }

    def return_of_the_month():
        month = Period.objects.covering(clinic.administration, last_month)
        report = vat_by_code(clinic.administration, month.first_day, month.last_day)
        return report.turnover, report.vat_owed

    sell(hundred)
    second = reopen_day(clinic.finalized(last_month), reason=REASON, by=clinic.owner)
    sell(cents)
    shut(clinic, last_month)
    second = finalize_day(second, by=clinic.manager)
    assert posted(second) == {("cash_drawer", "", D("0.02"), None), ("revenue_consultation", "BASE", D("-0.02"), None)}
    assert return_of_the_month() == (D("100.02"), D("21.00"))

    third = reopen_day(second, reason=REASON, by=clinic.owner)
    sell(hundred)
    third = finalize_day(third, by=clinic.manager)
    assert posted(third) == {
        ("cash_drawer", "", D("121.00"), None),
        ("revenue_consultation", "BASE", D("-100.00"), None),
        ("output_vat", "TAX", D("-21.00"), D("100.02")),
    }
    assert return_of_the_month() == (D("200.02"), D("42.00"))
    assert findings(clinic) == []


def test_in_a_closed_period_nothing_is_posted_when_nothing_changed(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    shut(clinic, last_month)
    final = finalize_day(revision, by=clinic.manager)
    assert (final.entry, final.reversal) == (None, None)
    assert findings(clinic) == []

    again = reopen_day(final, reason=REASON, by=clinic.owner)
    clinic.pay(clinic.bill("3.00", day=last_month), "3.00", day=last_month)
    third = finalize_day(again, by=clinic.manager)
    assert sum(line.debit for line in third.entry.lines.all()) == D(3)
    assert findings(clinic) == []


def test_a_later_revision_counts_what_every_earlier_one_posted(clinic, signed, last_month):
    second = reopen_day(signed, reason=REASON, by=clinic.owner)
    wrong = clinic.bill("30.00", day=last_month)
    shut(clinic, last_month)
    second = finalize_day(second, by=clinic.manager)
    third = reopen_day(second, reason="It was not given.", by=clinic.owner)
    top_up(clinic.patient(), method="CARD", amount=D(9), by=clinic.receptionist, day=last_month)

    third = finalize_day(third, by=clinic.manager)

    posted = {line.account.purpose: line.debit - line.credit for line in third.entry.lines.select_related("account")}
    assert posted == {"card_in_transit": D(9), "wallet_liability": D(-9)}
    credit_bill(wrong, reason="not given", by=clinic.manager)
    clinic.finalized(by=clinic.owner)
    assert balances(clinic)["patient_receivable"] == D(40)
    assert findings(clinic) == []


# What stays visible --------------------------------------------------------------------------------------------------


def test_both_revisions_and_their_difference_stay_visible(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    clinic.bill("25.00", day=last_month)
    final = finalize_day(revision, by=clinic.manager)

    first, second = revisions_of(final)

    assert (first.close, first.changes, second.close) == (signed, None, final)
    assert {change.name: (change.before, change.after, change.difference) for change in second.changes} == {
        "total_billed": (D(100), D(125), D(25)),
        "total_outstanding": (D(40), D(65), D(25)),
    }
    signed.refresh_from_db()
    assert (signed.status, signed.total_billed) == ("FINALIZED", D(100))
    with pytest.raises(AlreadyFinalized):
        finalize_day(signed, by=clinic.owner)
    assert seal_of(signed) != seal_of(final)


def test_a_summary_counts_the_revision_that_holds_once(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    clinic.pay(clinic.bill("25.00", day=last_month), "25.00", "CARD", day=last_month)
    finalize_day(revision, by=clinic.manager)
    found = summary(clinic.administration, last_month, last_month)
    assert (found.total_reconciliations, found.total_card) == (1, D(85))
    assert list(EndOfDayReconciliation.objects.current()) == [revision]


# Taking it back ------------------------------------------------------------------------------------------------------


def test_a_revision_that_is_taken_back_leaves_the_day_as_it_was_signed(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    cancel_day(revision, by=clinic.manager, reason="Not needed.")

    signed.clinic_day.refresh_from_db()
    assert signed.clinic_day.is_finalized
    assert close_day(clinic.administration, last_month, by=clinic.receptionist) == (signed, False)
    assert summary(clinic.administration, last_month, last_month).total_card == D(60)
    assert findings(clinic) == []

    again = reopen_day(signed, reason="Needed after all.", by=clinic.owner)
    assert (again.pk, again.status, again.reopen_reason) == (revision.pk, "DRAFT", "Needed after all.")
    assert finalize_day(again, by=clinic.manager).revision == 2


def test_a_revision_is_not_taken_back_once_something_was_added(clinic, signed, last_month):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    clinic.bill("25.00", day=last_month)
    with pytest.raises(BornSinceReopened) as refused:
        cancel_day(revision, by=clinic.manager, reason="Not needed.")
    assert refused.value.facts["count"] == 1


def test_taking_a_revision_back_takes_the_right_to_reopen(clinic, signed):
    revision = reopen_day(signed, reason=REASON, by=clinic.owner)
    with pytest.raises(NotAllowed):
        cancel_day(revision, by=clinic.receptionist, reason="Not needed.")


def test_a_reopened_day_keeps_what_its_drawer_was_counted_at(clinic):
    drawer_of(clinic)
    counted(take_cash(clinic, "80.00").shift, "179.00", by=clinic.receptionist)
    revision = reopen_day(clinic.finalized(), reason=REASON, by=clinic.owner)
    clinic.pay(clinic.bill("5.00"), "5.00", "CARD")
    final = finalize_day(revision, by=clinic.manager)
    assert final.breakdown["drawers"][0]["difference"] == "-1.00"
    assert balances(clinic)["cash_over_short"] == D(1)
    assert findings(clinic) == []
