"""What is paid in advance for a taxed service: VAT and revenue are declared once, and the books say what is owed."""

import hashlib
import json
from collections import Counter
from datetime import UTC, date, timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.billing import checks as billing_checks
from apps.billing.models import BillLine, Payment, TopUp
from apps.billing.reports.advances import of_day, with_left
from apps.billing.reports.day import day_figures
from apps.billing.reports.sealed import seal_of
from apps.billing.reports.tie_out import tie_out
from apps.billing.reports.wallets import mismatches_of
from apps.billing.reports.z_report import day_table, x_report, z_report
from apps.billing.services.charging import credit_bill
from apps.billing.services.closing import close_day, finalize_day, reopen_day
from apps.billing.services.days import day_for
from apps.billing.services.payments import refund_payment, use_advances
from apps.billing.services.wallets import top_up
from apps.billing.tests.advancing import billed, paid_ahead, returned, taxed
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import counted, drawer_of
from apps.billing.tests.leaking import leaks
from apps.ledger import checks as ledger_checks
from apps.ledger.models import Account, JournalLine, OpenItem, Period
from apps.ledger.reports.vat_by_code import vat_by_code
from apps.periods.tests.steps import all_brought_to


def lines_of(entry):
    """The lines of an entry as a reader adds them up: by account, debits less credits."""
    sums = Counter()
    for line in entry.lines.select_related("account"):
        sums[line.account.purpose or line.account.code] += line.debit - line.credit
    return {name: amount for name, amount in sums.items() if amount}


def findings(clinic):
    return [
        str(finding)
        for check in (*billing_checks.ALL, *ledger_checks.ALL)
        for finding in check(clinic.administration, date.max)
    ]


def signed(clinic, day=None):
    return finalize_day(close_day(clinic.administration, day or clinic.today, by=clinic.cashier)[0], by=clinic.owner)


def returns(clinic, first, last):
    """Turnover and VAT that count in the months from ``first`` to ``last``."""
    report = vat_by_code(clinic.administration, first, last)
    return report.turnover, report.vat_owed


def test_vat_falls_due_when_the_money_comes_in_and_revenue_when_the_service_is_billed(clinic):
    advance = paid_ahead(clinic, "121.00", day=clinic.yesterday)
    first = signed(clinic, clinic.yesterday).entry
    assert lines_of(first) == {"card_in_transit": D(121), "advance_liability": D(-100), "output_vat": D(-21)}
    base, tax = first.lines.get(vat_role="BASE"), first.lines.get(vat_role="TAX")
    assert (base.account.purpose, base.credit, base.party) == ("advance_liability", D(100), clinic.patient().party)
    assert (tax.credit, tax.vat_base, tax.vat_code.code, tax.tax_point) == (D(21), D(100), "HIGH", clinic.yesterday)
    (item,) = OpenItem.objects.filter(line__entry=first)
    assert (item.document_type, item.document_id, item.reference, item.amount) == (
        "advance",
        advance.pk,
        "W-000001",
        D(-100),
    )

    billed(clinic)
    second = signed(clinic).entry
    assert lines_of(second) == {"advance_liability": D(100), "revenue_consultation": D(-100)}
    assert sum(line.credit - line.debit for line in second.lines.filter(vat_role="TAX")) == 0
    assert not [item for item in OpenItem.objects.as_of() if item.open]
    assert findings(clinic) == []


def test_each_return_has_what_fell_due_in_it(clinic):
    """Paid in one month, billed in another for more: the first return has the advance, the second the rest."""
    then = clinic.today.replace(day=1) - timedelta(days=3)
    paid_ahead(clinic, "60.50", day=then)
    signed(clinic, then)
    billed(clinic)
    signed(clinic)
    assert returns(clinic, then.replace(day=1), then + timedelta(days=3)) == (D(50), D("10.50"))
    now = Period.objects.covering(clinic.administration, clinic.today)
    assert returns(clinic, now.first_day, now.last_day) == (D(50), D("10.50"))
    assert findings(clinic) == []


def test_an_advance_that_is_billed_the_same_day_leaves_no_trace_on_its_account(clinic):
    paid_ahead(clinic, "121.00")
    billed(clinic)
    entry = signed(clinic).entry
    assert lines_of(entry) == {"card_in_transit": D(121), "revenue_consultation": D(-100), "output_vat": D(-21)}
    assert not entry.lines.filter(account__purpose="advance_liability").exists()
    assert findings(clinic) == []


def test_what_is_given_back_takes_vat_and_base_out_of_the_return_again(clinic):
    advance = paid_ahead(clinic, "121.00", day=clinic.yesterday)
    signed(clinic, clinic.yesterday)
    returned(clinic, advance, "121.00")
    assert lines_of(signed(clinic).entry) == {
        "card_in_transit": D(-121),
        "advance_liability": D(100),
        "output_vat": D(21),
    }
    assert returns(clinic, date(2000, 1, 1), date.max) == (D(0), D(0))
    assert not [item for item in OpenItem.objects.as_of() if item.open]
    assert findings(clinic) == []


def test_a_rate_that_changed_meanwhile_is_settled_by_code(clinic):
    """9 % fell due on receipt; the bill declares 21 %, and the 9 % goes out again."""
    service = taxed(clinic)
    high, low = service.vat_code, clinic.service("1.00", vat="LOW").vat_code
    service.vat_code = low
    service.save()
    paid_ahead(clinic, "121.00", service=service, day=clinic.yesterday)
    signed(clinic, clinic.yesterday)
    service.vat_code = high
    service.save()
    billed(clinic, service)
    entry = signed(clinic).entry
    tax = {line.vat_code.code: line.credit - line.debit for line in entry.lines.filter(vat_role="TAX")}
    base = Counter()
    for line in entry.lines.filter(vat_role="BASE"):
        base[line.vat_code.code] += line.credit - line.debit
    assert (tax, base) == ({"HIGH": D(21), "LOW": D("-9.99")}, {"HIGH": D(100), "LOW": D("-111.01")})
    assert findings(clinic) == []


def test_the_drawer_money_in_and_the_tie_out_hold_an_advance_in_cash(clinic):
    drawer_of(clinic)
    shift = paid_ahead(clinic, "121.00", method="CASH").shift
    top_up(clinic.patient(), method="CASH", amount=D(10), by=clinic.receptionist)
    paid_ahead(clinic, "60.50", price="60.50")
    billed(clinic, taxed(clinic, "60.50"))
    clinic.pay(clinic.bill("4.00"), "4.00", "WALLET")
    counted(shift, "231.00", by=clinic.receptionist)  # 100 of the float, 121 and 10

    close = signed(clinic)

    assert (close.total_wallet_topups, close.money_in, close.total_wallet) == (D("191.50"), D("191.50"), D("64.50"))
    assert close.breakdown["advances"] == {
        "received": "181.50",
        "given_back": "0.00",
        "used": "60.50",
        "vat": "21.00",
        "count": 2,
    }
    assert close.breakdown["bills"]["vat"] == "10.50"
    assert close.mismatch_details == []
    (wallet,) = (one for one in tie_out(close.clinic_day).totals if one.method == "WALLET")
    assert (wallet.taken, wallet.books, wallet.agrees) == (D("64.50"), D("64.50"), True)
    assert lines_of(close.entry) == {
        "cash_drawer": D(131),
        "card_in_transit": D("60.50"),
        "wallet_liability": D(-6),
        "advance_liability": D(-100),
        "revenue_consultation": D(-54),
        "output_vat": D("-31.50"),
    }
    assert findings(clinic) == []


def test_z_says_what_came_in_advance_and_its_vat_once_the_cash_may_be_seen(clinic):
    drawer_of(clinic)
    shift = paid_ahead(clinic, "121.00", method="CASH").shift
    words = "Received in advance, in the top-ups"

    def said(report):
        return {row.cells[0]: row.cells[-1] for row in day_table(report).rows}

    assert words not in said(x_report(clinic.administration, clinic.today, clinic.receptionist))
    hidden = x_report(clinic.administration, clinic.today, clinic.receptionist).breakdown["advances"]
    assert hidden == {"received": None, "given_back": None, "used": None, "vat": None, "count": 1}
    counted(shift, "221.00", by=clinic.receptionist)
    z = said(z_report(signed(clinic)))
    assert (z[words], z["VAT declared for advances, less what bills took over"]) == (D(121), D(21))


def test_a_day_signed_before_there_were_advances_still_prints(clinic):
    close = signed(clinic, clinic.yesterday)
    close.breakdown.pop("advances")
    close.breakdown["bills"].pop("vat")
    assert day_table(z_report(close)).rows


def test_a_reopened_day_follows_with_its_advances(clinic):
    advance = paid_ahead(clinic, "121.00", day=clinic.yesterday)
    close = signed(clinic, clinic.yesterday)
    revision = reopen_day(close, reason="A bill was forgotten.", by=clinic.manager)
    billed(clinic, day=clinic.yesterday)
    final = finalize_day(revision, by=clinic.owner)
    assert lines_of(final.entry) == {"card_in_transit": D(121), "revenue_consultation": D(-100), "output_vat": D(-21)}
    assert with_left(TopUp.objects.filter(pk=advance.pk)).get().left == 0
    assert findings(clinic) == []


def test_in_a_closed_period_the_difference_belongs_to_the_return_of_the_day(clinic):
    then = clinic.today.replace(day=1) - timedelta(days=3)
    advance = paid_ahead(clinic, "121.00", day=then)
    close = signed(clinic, then)
    revision = reopen_day(close, reason="It was given back that day.", by=clinic.manager)
    returned(clinic, advance, "60.50", day=then)
    ended = Period.objects.filter(administration=clinic.administration, last_day__lt=clinic.today)
    all_brought_to(ended, "FINALIZED")
    final = finalize_day(revision, by=clinic.owner)
    assert lines_of(final.entry) == {
        "card_in_transit": D("-60.50"),
        "advance_liability": D(50),
        "output_vat": D("10.50"),
    }
    of_return = Period.objects.covering(clinic.administration, then)
    coded = final.entry.lines.exclude(vat_code=None)
    assert {(line.vat_period, line.corrected_period, line.tax_point) for line in coded} == {
        (of_return, of_return, then)
    }
    assert returns(clinic, of_return.first_day, of_return.last_day) == (D(50), D("10.50"))
    assert findings(clinic) == []


def test_vat_that_a_day_posted_otherwise_is_found(committed, owner_connection):
    clinic = make_clinic()
    paid_ahead(clinic, "121.00")
    close = signed(clinic)
    assert findings(clinic) == []
    owner_connection.execute("ALTER TABLE billing_topup DISABLE TRIGGER USER")
    owner_connection.execute("UPDATE billing_topup SET vat = 20, net = 101")
    (found,) = billing_checks.vat_is_declared_once(clinic.administration, date.max)
    assert (found.code, found.subject, found.facts) == (
        "DAY_CLOSE_DIFFERS_FROM_VAT",
        close,
        {"posted": D(21), "found": D(20)},
    )


def test_money_for_a_service_that_paid_for_something_else_is_a_mismatch_and_a_finding(clinic):
    paid_ahead(clinic, "121.00")
    bill = clinic.bill("30.00")
    Payment.objects.create(
        administration=clinic.administration, clinic_day=bill.clinic_day, bill=bill, method="WALLET", amount=D(30)
    )
    (found,) = mismatches_of(bill.clinic_day)
    assert (found["code"], found["balance"], found["amount"]) == ("WALLET_BELOW_ADVANCES", "91.00", "121.00")
    assert [
        finding.code for finding in billing_checks.wallets_hold_their_movements(clinic.administration, date.max)
    ] == ["WALLET_BELOW_ADVANCES"]
    assert leaks(clinic) == [("L21", D(30))]


# Seals ---------------------------------------------------------------------------------------------------------------


def test_what_an_advance_says_counts_in_its_seal_as_the_document_says(clinic):
    advance = paid_ahead(clinic, "121.00")
    sealed = seal_of(signed(clinic)).sealed_documents.get(document_id=advance.pk)
    advance = TopUp.objects.get(pk=advance.pk)
    text_hash = hashlib.sha256(bytes(sealed.salt) + json.dumps([""]).encode()).hexdigest()
    facts = [
        str(advance.pk), str(advance.administration_id), str(advance.clinic_day_id), None, advance.number,
        str(advance.patient_id), "CARD", "121.0000", None, "", str(advance.taken_by_id),
        advance.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "", "",
    ]  # fmt: skip
    later = {
        "service_id": str(advance.service_id),
        "vat_code_id": str(advance.vat_code_id),
        "vat_rate": "21.0000",
        "net": "100.0000",
        "vat": "21.0000",
    }
    canonical = f'[{json.dumps(facts)}, "{text_hash}", [], {json.dumps(later, separators=(",", ":"))}]'
    assert hashlib.sha256(canonical.encode()).digest() == bytes(sealed.hash)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE billing_topup SET vat = 20, net = 101 WHERE id = %(advance)s",
        "UPDATE billing_topup SET service_id = NULL, vat_code_id = NULL, vat_rate = NULL, net = NULL, vat = NULL"
        " WHERE id = %(other)s",
        "UPDATE billing_payment SET advance_id = %(other)s WHERE id = %(payment)s",
        "UPDATE billing_payment SET advance_id = NULL, advance_vat = NULL WHERE id = %(payment)s",
        "UPDATE billing_topup SET service_id = (SELECT service_id FROM billing_topup WHERE id = %(advance)s),"
        " vat_code_id = (SELECT vat_code_id FROM billing_topup WHERE id = %(advance)s), vat_rate = 21, net = 8.26,"
        " vat = 1.74 WHERE id = %(plain)s",
    ],
)
def test_an_advance_that_was_sealed_and_is_not_the_same_is_found(committed, owner_connection, tampering):
    clinic = make_clinic()
    advance, other = paid_ahead(clinic, "121.00"), paid_ahead(clinic, "60.50")
    plain = top_up(clinic.patient(), method="CARD", amount=D(10), by=clinic.receptionist)
    payment = billed(clinic).payments.get()
    signed(clinic)
    for table in ("billing_topup", "billing_payment"):
        owner_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    rows = {"advance": advance, "other": other, "plain": plain, "payment": payment}
    owner_connection.execute(tampering, {name: row.pk for name, row in rows.items()})
    found = {finding.code for finding in billing_checks.sealed_documents_are_unchanged(clinic.administration, date.max)}
    assert found == {"SEALED_DOCUMENT_CHANGED"}


# Anything at all -----------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals(min_value="0.01", max_value="150.00", places=2)
STEPS = st.lists(
    st.tuples(st.sampled_from(["advance", "top up", "bill", "use", "refund", "give back", "credit", "sign"]), AMOUNTS),
    min_size=1,
    max_size=14,
)


class Desk:
    """Whatever happens at a desk, and what must then be true of VAT, money and the books."""

    def __init__(self, clinic):
        self.clinic, self.day = clinic, clinic.today - timedelta(days=20)
        self.signed = []

    def step(self, what, amount):
        clinic = self.clinic
        prices = [amount if amount >= D("0.10") else D("0.10"), D("121.00"), D("36.30")]
        if what == "advance":
            paid_ahead(clinic, str(amount), price="121.00", day=self.day)
            paid_ahead(clinic, str(amount), price="36.30", day=self.day)
        elif what == "top up":
            top_up(clinic.patient(), method="CARD", amount=amount, by=clinic.receptionist, day=self.day)
        elif what == "bill":
            billed(clinic, taxed(clinic, "121.00"), taxed(clinic, "36.30"), taxed(clinic, str(prices[0])), day=self.day)
        elif what == "use":
            for bill in clinic.patient().bills.filter(kind="BILL", credit_notes=None):
                use_advances(bill, by=clinic.receptionist, day=self.day)
        elif what == "refund":
            drawn = Payment.objects.filter(advance__isnull=False, kind="PAYMENT", refunded_by=None).first()
            if drawn:
                refund_payment(drawn, amount=min(amount, drawn.amount), reason="x", by=clinic.manager, day=self.day)
        elif what == "give back":
            rows = with_left(TopUp.objects.filter(service__isnull=False, advance=None))
            advance = rows.filter(left__gt=0).order_by("-id").first()
            if advance:
                returned(clinic, advance, str(min(amount, advance.left)), day=self.day)
        elif what == "credit":
            bill = clinic.patient().bills.filter(kind="BILL", credit_notes=None).first()
            if bill:
                credit_bill(bill, reason="x", by=clinic.manager)
        elif what == "sign" and self.day < clinic.today - timedelta(days=1):
            day_for(clinic.administration, self.day)
            self.signed.append(signed(clinic, self.day).clinic_day)
            self.day += timedelta(days=1)

    def check(self):
        self.signed.append(signed(self.clinic, self.day).clinic_day)
        if self.day != self.clinic.today:  # a credit note is of today
            day_for(self.clinic.administration, self.clinic.today)
            self.signed.append(signed(self.clinic).clinic_day)
        vat = {"BASE": D(0), "TAX": D(0)}
        for line in JournalLine.objects.posted().filter(vat_code__code="HIGH"):
            vat[line.vat_role] += line.credit - line.debit
        lines = BillLine.objects.filter(vat_code__code="HIGH")
        left = list(with_left(TopUp.objects.filter(service__isnull=False, advance=None)))
        assert vat["TAX"] == sum(line.vat for line in lines) + sum(one.left_vat for one in left)
        assert vat["BASE"] == sum(line.net for line in lines) + sum(one.left - one.left_vat for one in left)
        assert all((one.left == 0) <= (one.left_vat == 0) for one in left)
        held = {"advance_liability": D(0), "revenue_consultation": D(0)}
        for purpose in held:
            account = Account.objects.filter(purpose=purpose).first()
            held[purpose] = -JournalLine.objects.posted().filter(account=account).balance() if account else D(0)
        assert held["advance_liability"] == sum(one.left - one.left_vat for one in left)
        assert held["revenue_consultation"] == sum(line.net for line in BillLine.objects.all())
        items = {
            item.document_id: item.open
            for item in OpenItem.objects.as_of().filter(document_type="advance")
            if item.open
        }
        open_ = {one.pk: one.left_vat - one.left for one in left if one.left - one.left_vat}
        assert {key: sum(i.open for i in OpenItem.objects.as_of().filter(document_id=key)) for key in items} == open_
        declared = sum(of_day(day).vat for day in self.signed)
        assert declared == sum(one.left_vat for one in left)
        assert all(day_figures(day).mismatch_details == [] for day in self.signed)
        assert findings(self.clinic) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_vat_is_that_of_bills_and_of_what_is_left_of_advances_whatever_happens(clinic, steps):
    with transaction.atomic():
        desk = Desk(clinic)
        for what, amount in steps:
            desk.step(what, amount)
        desk.check()
        transaction.set_rollback(True)
