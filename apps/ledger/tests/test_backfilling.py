"""Backfill: imported history gets open items where it plainly is a registered invoice or its payment."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.errors import NotAllowed
from apps.core.models import Job
from apps.core.services.jobs import start_job
from apps.ledger import checks
from apps.ledger.errors import BackfillNotProved, BackfillSettled, BatchKept, NoBackfill
from apps.ledger.models import Allocation, Batch, OpenItem
from apps.ledger.reports.sync_status import sync_status
from apps.ledger.services.backfilling import (
    Reason,
    backfill,
    backfilled_accounts,
    month_ends,
    open_batch,
    plan_backfill,
    reverse_backfill,
)
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.services.settling import allocate
from apps.ledger.tasks import backfill_history

JANUARY, FEBRUARY, DECEMBER = date(2026, 1, 15), date(2026, 2, 10), date(2026, 12, 31)


@pytest.fixture
def old(ledger):
    """An invoice of a supplier that is registered, and stands in history together with its payment."""
    supplier = ledger.supplier(name="Medisch Magazijn")
    invoice = ledger.registered(supplier, "121.00", JANUARY, "F-2026-17")
    ledger.history(supplier, "-121.00", JANUARY, memo="Factuur F-2026-17")
    ledger.history(supplier, "121.00", FEBRUARY, memo="Betaling F-2026-17")
    return invoice


def told(plan):
    """Confidence and reasons of what was matched and of what is only proposed, in order."""
    return [
        [(str(one.line.debit - one.line.credit), one.confidence, *one.reasons) for one in found]
        for found in (plan.matched, plan.proposed)
    ]


def proofs(ledger):
    return [
        (account.ledger_balance, account.explained_amounts, account.unexplained)
        for day in month_ends(JANUARY, DECEMBER)
        for account in sync_status(ledger.administration, day).accounts
        if account.account.code == "1600"
    ]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(ledger, old):
    batch, plan = backfill(ledger.administration, by=ledger.accountant)
    exact = (Decimal("0.95"), Reason.REFERENCE, Reason.PARTY, Reason.AMOUNT)
    assert (batch, told(plan)) == (None, [[("-121.0000", *exact), ("121.0000", *exact)], []])
    assert not OpenItem.objects.exists()
    assert not Batch.objects.filter(kind="BACKFILL").exists()


def test_a_run_makes_one_batch_of_open_items_that_settle_each_other(ledger, old):
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    items = OpenItem.objects.filter(batch=batch).as_of().order_by("date")
    assert [(item.amount, item.date, item.open) for item in items] == [(-121, JANUARY, 0), (121, FEBRUARY, 0)]
    assert {(item.document_type, item.document_id, item.reference) for item in items} == {
        ("vendor_invoice", old.pk, "F-2026-17")
    }
    january, *others = proofs(ledger)
    assert january == (-121, {}, 0)
    assert all(proof == (0, {}, 0) for proof in others)
    assert [finding for check in checks.ALL for finding in check(ledger.administration, DECEMBER)] == []


def test_the_id_of_its_source_makes_a_line_certain(ledger):
    supplier = ledger.supplier()
    invoice = ledger.registered(supplier, "50.00", JANUARY, "F-1")
    ledger.history(supplier, "-50.00", JANUARY, source=Source("vendor_invoice", invoice.pk))
    ledger.history(supplier, "20.00", FEBRUARY, source=Source("payment", invoice.pk))
    ledger.history(supplier, "30.00", FEBRUARY, source=Source("second_payment", invoice.pk))
    plan = plan_backfill(ledger.administration)
    assert [one.confidence for one in plan.matched] == [1, 1, 1]
    assert plan.matched[0].reasons == (Reason.SOURCE_ID, Reason.PARTY, Reason.AMOUNT)


def test_payments_beyond_the_invoice_are_only_proposed(ledger):
    supplier = ledger.supplier()
    invoice = ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    ledger.history(supplier, "-50.00", JANUARY, source=Source("vendor_invoice", invoice.pk))
    for kind in ("payment", "second_payment"):
        ledger.history(supplier, "50.00", FEBRUARY, source=Source(kind, invoice.pk))
    plan = plan_backfill(ledger.administration)
    assert [str(one.line.debit - one.line.credit) for one in plan.matched] == ["-50.0000", "50.0000"]
    assert [one.confidence < 1 for one in plan.proposed] == [True]


def test_what_fits_twice_is_proposed_and_never_guessed(ledger):
    supplier = ledger.supplier()
    ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    for _twice in range(2):
        ledger.history(supplier, "-50.00", JANUARY, memo="F-2026-1")
    plan = plan_backfill(ledger.administration)
    assert (plan.matched, len(plan.proposed)) == ([], 2)

    ledger.registered(supplier, "70.00", JANUARY, "G-1")
    ledger.registered(supplier, "70.00", JANUARY, "G-2")
    ledger.history(supplier, "-70.00", JANUARY, memo="goods")
    last = plan_backfill(ledger.administration).proposed[-1]
    assert (last.line.credit, Reason.AMBIGUOUS in last.reasons) == (70, True)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"memo": "paid late"}, {Reason.AMOUNT, Reason.PARTY, Reason.DATE}),  # no reference
        ({"amount": "-49.00"}, {Reason.AMOUNT_DIFFERS, Reason.PARTY, Reason.REFERENCE, Reason.DATE}),
        ({"with_party": False}, {Reason.AMOUNT, Reason.REFERENCE, Reason.DATE}),
    ],
)
def test_less_than_reference_party_and_amount_is_a_proposal_with_its_reasons(ledger, change, reasons):
    supplier = ledger.supplier()
    ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    ledger.history(supplier, **{"amount": "-50.00", "day": JANUARY, "memo": "F-2026-1", **change})
    plan = plan_backfill(ledger.administration)
    assert plan.matched == []
    (found,) = plan.proposed
    assert set(found.reasons) == reasons
    assert Decimal("0.50") <= found.confidence <= Decimal("0.90")


def test_what_nothing_speaks_for_is_unmatched(ledger):
    ledger.registered(ledger.supplier(), "50.00", JANUARY, "F-2026-1")
    ledger.history(ledger.supplier("S-2"), "-50.00", JANUARY, memo="F-2026-1")  # somebody else's
    ledger.history(ledger.supplier(), "-999.00", DECEMBER.replace(month=10), memo="rent")
    plan = plan_backfill(ledger.administration)
    assert (plan.matched, plan.proposed, len(plan.unmatched)) == ([], [], 2)


def test_customers_are_backfilled_as_well(ledger):
    customer = ledger.customer()
    ledger.registered(customer, "80.00", JANUARY, "2026-0042", kind="CUSTOMER")
    ledger.history(customer, "80.00", JANUARY, memo="Invoice 2026-0042")
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    (item,) = OpenItem.objects.filter(batch=batch)
    assert (item.account.code, item.amount, item.document_type) == ("1300", 80, "customer_invoice")


def test_a_second_run_finds_only_what_is_new(ledger, old):
    backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    again, plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    assert (again, plan.matched, plan.unmatched) == (None, [], [])
    ledger.history(old.party, "-5.00", FEBRUARY)
    assert len(plan_backfill(ledger.administration).unmatched) == 1


def test_history_that_was_reversed_is_left_alone(ledger):
    supplier = ledger.supplier()
    ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    entry = ledger.history(supplier, "-50.00", JANUARY, memo="F-2026-1")
    reverse_entry(entry, by=ledger.accountant, reason="never was")
    plan = plan_backfill(ledger.administration)
    assert (plan.matched, plan.proposed, plan.unmatched) == ([], [], [])


def test_an_entry_of_the_backfill_that_is_reversed_takes_its_items_along(ledger):
    supplier = ledger.supplier()
    ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    entry = ledger.history(supplier, "-50.00", JANUARY, memo="F-2026-1")
    backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    reverse_entry(entry, by=ledger.accountant, reason="never was")
    assert [item.open for item in OpenItem.objects.as_of()] == [0, 0]
    assert all(proof == (0, {}, 0) for proof in proofs(ledger))


# Taking it back ------------------------------------------------------------------------------------------------------


def test_a_backfill_is_taken_back_and_can_be_done_again(ledger, old):
    before = [(-explained.get("BEFORE_SYNC", Decimal(0)), left) for _l, explained, left in proofs(ledger)]
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    reversed_ = reverse_backfill(batch, by=ledger.accountant)
    assert (reversed_.reversed_by, reversed_.reversed_at is None) == (ledger.accountant, False)
    assert not OpenItem.objects.as_of().exclude(open=0)
    assert [(-explained.get("BEFORE_SYNC", Decimal(0)), left) for _l, explained, left in proofs(ledger)] == before
    assert [finding for check in checks.ALL for finding in check(ledger.administration, DECEMBER)] == []
    again, plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    assert (len(plan.matched), again.pk == batch.pk) == (2, False)
    assert proofs(ledger)[0] == (-121, {}, 0)
    with pytest.raises(BatchKept):
        reverse_backfill(batch, by=ledger.accountant)


def test_a_backfill_whose_items_were_settled_with_others_stays(ledger, old):
    supplier = old.party
    ledger.registered(supplier, "60.00", JANUARY, "F-2026-18")
    ledger.history(supplier, "-60.00", JANUARY, memo="F-2026-18")
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    owed = OpenItem.objects.get(batch=batch, amount=-60)
    allocate(ledger.paid(supplier, "60.00"), owed, by=ledger.accountant)
    with pytest.raises(BackfillSettled) as refused:
        reverse_backfill(batch, by=ledger.accountant)
    assert refused.value.facts == {"count": 1}


def test_an_entry_of_a_backfill_that_was_taken_back_is_reversed_as_history(ledger):
    supplier = ledger.supplier()
    ledger.registered(supplier, "50.00", JANUARY, "F-2026-1")
    entry = ledger.history(supplier, "-50.00", JANUARY, memo="F-2026-1")
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    reverse_backfill(batch, by=ledger.accountant)
    reverse_entry(entry, by=ledger.accountant, reason="never was")
    assert all(unexplained == 0 for _l, _e, unexplained in proofs(ledger))


def test_an_import_is_no_backfill(ledger):
    with pytest.raises(NoBackfill):
        reverse_backfill(ledger.imported(), by=ledger.accountant)


def test_only_an_accountant_backfills(ledger, old):
    with pytest.raises(NotAllowed):
        backfill(ledger.administration, by=ledger.books.owner)
    batch, _plan = backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    with pytest.raises(NotAllowed):
        reverse_backfill(batch, by=ledger.books.owner)


def test_books_that_do_not_prove_are_not_backfilled(ledger, old):
    # History dated after its import is explained by nothing: the proof fails at the end of its month.
    early = Batch(administration=ledger.administration, kind="IMPORT", title="x", created_at="2026-01-05T10:00:00Z")
    early.save()
    ledger.history(old.party, "-7.00", FEBRUARY, batch=early)
    with pytest.raises(BackfillNotProved) as refused:
        backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    assert refused.value.facts["date"] == "2026-02-28"
    assert not OpenItem.objects.exists()
    assert not Allocation.objects.exists()


def test_a_large_backfill_is_a_job_that_can_run_twice(ledger, old):
    batch = open_batch(ledger.administration, by=ledger.accountant)
    accounts = backfilled_accounts(ledger.administration)
    job = start_job(
        "apps.ledger.tasks.backfill_history",
        title="Backfill",
        by=ledger.accountant,
        arguments={"batch": str(batch.pk)},
        total=len(accounts),
    )
    for _twice in range(2):
        backfill_history(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.refusals) == (Job.State.DONE, 2, 2, [])
    assert OpenItem.objects.filter(batch=batch).count() == 2


def test_month_ends_run_over_years_and_leap_days():
    assert [str(day) for day in month_ends(date(2027, 11, 30), date(2028, 2, 1))] == [
        "2027-11-30",
        "2027-12-31",
        "2028-01-31",
        "2028-02-29",
    ]
