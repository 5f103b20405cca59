"""By itself Daybook matches what is beyond doubt, leaves the rest, and says why."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.core.services.uploads import store_upload
from apps.ledger.models import Account, OpenItem, Party
from apps.ledger.services.invoicing import InvoicedLine, post_customer_invoice
from apps.ledger.tests.factories import EntryFactory
from apps.reconciliation.models import (
    Clearing,
    CsvMapping,
    MatchingOutcome,
    MatchingRun,
    ReconciliationModel,
    ReconciliationModelLine,
)
from apps.reconciliation.services.bank_accounts import change_bank_account
from apps.reconciliation.services.importing import begin_import, import_statements
from apps.reconciliation.services.running import batches_of, begin_run, end_run, match_all, match_batch
from apps.reconciliation.tasks import match_administration, match_lines
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.matching import left_of

D = Decimal


def invoice(bank: Bank, amount: str, code: str = "C-1", **party):
    customer, _new = Party.objects.get_or_create(
        administration=bank.books.administration, kind="CUSTOMER", code=code, defaults={"name": f"Firm {code}", **party}
    )
    revenue = Account.objects.get(administration=bank.books.administration, code="8090")
    return post_customer_invoice(
        administration=bank.books.administration,
        party=customer,
        invoice_date=date(2026, 3, 1),
        lines=[InvoicedLine(revenue, D(amount))],
        by=bank.accountant,
    )


def run_over(bank: Bank):
    run = begin_run(bank.books.administration, by=bank.accountant, bank_account=bank.account)
    for batch in batches_of(run):
        match_batch(run, *batch)
    return end_run(run)


def outcome_of(line) -> MatchingOutcome:
    return MatchingOutcome.objects.get(line=line)


def codes(outcome: MatchingOutcome) -> set[str]:
    return {reason["code"] for reason in outcome.reasons}


def fees(bank: Bank, trigger: str) -> ReconciliationModel:
    model = ReconciliationModel.objects.create(
        administration=bank.books.administration, name="Bank fees", trigger=trigger, label_pattern="(?i)bank fees"
    )
    costs = Account.objects.get(administration=bank.books.administration, purpose="provider_fees")
    ReconciliationModelLine.objects.create(administration=bank.books.administration, model=model, account=costs)
    return model


def test_an_invoice_that_is_named_and_paid_to_the_cent_is_matched_with_its_reasons(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    line = bank.line("305.00", label=f"Invoice {sold}")
    run = run_over(bank)
    line.refresh_from_db()
    assert (run.matched, run.left, run.ambiguous, line.residual) == (1, 0, 0, 0)
    clearing = Clearing.objects.get(line=line)
    assert clearing.by is None
    assert clearing.score == outcome_of(line).clearing.score
    assert {"AMOUNT"} < codes(outcome_of(line))
    assert OpenItem.objects.as_of().exclude(open=0).count() == 0
    assert Event.objects.filter(name="bank.line.auto_reconciled", subject_id=line.pk, by=None).exists()


def test_an_amount_alone_matches_nothing(bank: Bank) -> None:
    invoice(bank, "305.00")
    line = bank.line("305.00", label="thank you")
    run = run_over(bank)
    line.refresh_from_db()
    assert (run.matched, run.left, line.residual) == (0, 1, D("305.00"))
    assert outcome_of(line).outcome == "LEFT"


def test_a_tie_is_left_and_called_one(bank: Bank) -> None:
    iban = {"iban": "NL02ABNA0123456789"}
    invoice(bank, "305.00", **iban)
    invoice(bank, "305.00", **iban)
    line = bank.line("305.00", label="thank you", counterparty_iban="NL02ABNA0123456789")
    run = run_over(bank)
    assert (run.matched, run.ambiguous) == (0, 1)
    assert outcome_of(line).outcome == "AMBIGUOUS"


def test_of_two_lines_for_one_invoice_the_first_is_matched_and_the_other_left(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    first = bank.line("305.00", label=f"Invoice {sold}", date=date(2026, 3, 5))
    second = bank.line("305.00", label=f"Invoice {sold}", date=date(2026, 3, 6))
    run = run_over(bank)
    assert (run.matched, run.left + run.ambiguous) == (1, 1)
    assert outcome_of(first).outcome == "MATCHED"
    assert outcome_of(second).clearing is None


def test_a_model_that_says_so_books_a_whole_line(bank: Bank) -> None:
    model = fees(bank, "auto_reconcile")
    line = bank.line("-45.10", label="BANK FEES MARCH")
    run = run_over(bank)
    line.refresh_from_db()
    assert (run.matched, line.residual) == (1, 0)
    clearing = Clearing.objects.get(line=line)
    assert (clearing.model, clearing.by) == (model, None)
    assert clearing.entry.lines.get(account__purpose="provider_fees").debit == D("45.10")


def test_a_model_for_people_waits_for_one(bank: Bank) -> None:
    fees(bank, "manual")
    line = bank.line("-45.10", label="BANK FEES MARCH")
    assert run_over(bank).left == 1
    assert (outcome_of(line).outcome, codes(outcome_of(line))) == ("NEEDS_PERSON", {"MODEL"})


def test_a_closed_period_is_the_reason_that_it_was_left(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    line = bank.line("305.00", label=f"Invoice {sold}", date=date(2026, 2, 27))
    bank.books.set_status("2026-02", "FINALIZED")
    assert run_over(bank).matched == 0
    assert outcome_of(line).outcome == "NEEDS_PERSON"
    assert outcome_of(line).reasons[0]["code"] == "PERIOD_CLOSED"


@pytest.mark.parametrize("fields", [{"to_check": True}, {"looks_like": True}])
def test_what_waits_for_a_person_is_not_looked_at(bank: Bank, fields) -> None:
    sold = invoice(bank, "305.00")
    if "looks_like" in fields:
        fields = {"looks_like": bank.line("1.00")}
    line = bank.line("305.00", label=f"Invoice {sold}", **fields)
    run_over(bank)
    assert not MatchingOutcome.objects.filter(line=line).exists()


def test_a_batch_that_is_done_again_does_nothing_again(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    bank.line("305.00", label=f"Invoice {sold}")
    run = begin_run(bank.books.administration, by=bank.accountant)
    for batch in batches_of(run) * 2:
        match_batch(run, *batch)
    assert (end_run(run).matched, Clearing.objects.count()) == (1, 1)


def test_lines_are_taken_in_batches_of_one_account(bank: Bank) -> None:
    bank.statement("1.00", "2.00", "3.00", "4.00", "5.00")
    run = begin_run(bank.books.administration, by=bank.accountant)
    batches = batches_of(run, at_once=2)
    assert len(batches) == 3
    for batch in batches:
        match_batch(run, *batch)
    assert end_run(run).left == 5


def test_whoever_may_not_match_starts_no_run(bank: Bank) -> None:
    with pytest.raises(NotAllowed):
        begin_run(bank.books.administration, by=bank.books.owner)


def test_what_is_in_the_books_of_the_bank_already_is_recognised(bank: Bank) -> None:
    """The takings that somebody booked on the bank by hand: no second entry."""
    EntryFactory(books=bank.books, date=date(2026, 3, 30), memo=str(uuid4()))
    assert run_over(bank).matched == 0


# After an import, and every night -------------------------------------------------------------------------------------


def imported(bank: Bank, *rows: str):
    """A file with these lines, imported as the API does."""
    text = "Date;Amount;Description\n" + "\n".join(rows)
    upload = store_upload(
        SimpleUploadedFile("lines.csv", text.encode()),
        administration=bank.books.administration,
        purpose="statement",
        name="lines.csv",
        by=bank.accountant,
    )
    mapping = CsvMapping.objects.filter(name="Plain").first() or CsvMapping.objects.create(
        administration=bank.books.administration,
        name="Plain",
        delimiter=";",
        decimal_mark=".",
        columns={"date": "Date", "amount": "Amount", "label": "Description"},
    )
    begun = begin_import(upload, bank.account, by=bank.accountant, mapping=mapping.name)
    return import_statements(begun, by=bank.accountant)


def test_an_import_that_added_lines_starts_a_run_that_the_worker_does(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    imported(bank, f"2026-03-05;305.00;Invoice {sold}", "2026-03-06;1.00;hello")
    run = MatchingRun.objects.get()
    assert (run.by, run.bank_account, run.ended_at, run.job.total) == (bank.accountant, bank.account, None, 1)
    for _message_that_comes_twice in range(2):
        match_lines(str(run.job_id))
    run.refresh_from_db()
    assert (run.matched, run.left, run.job.done, Clearing.objects.count()) == (1, 1, 1, 1)
    assert Clearing.objects.get().by is None  # a person imported, Daybook matched
    assert Event.objects.filter(name="bank.matching.ended").count() == 1


def test_a_file_without_anything_new_starts_none(bank: Bank) -> None:
    for _twice in range(2):
        imported(bank, "2026-03-05;305.00;hello")
    assert MatchingRun.objects.count() == 1


def test_an_account_may_say_that_nothing_is_matched_after_an_import(bank: Bank) -> None:
    change_bank_account(bank.account, by=bank.accountant, matches_imports=False)
    imported(bank, "2026-03-05;305.00;hello")
    assert not MatchingRun.objects.exists()


def test_every_night_what_is_open_is_looked_at_once(bank: Bank) -> None:
    bank.line("12.00", label="hello")
    since = timezone.now() - timedelta(hours=20)
    first = match_all(bank.books.administration, since=since)
    assert (first.by, first.left, first.ended_at is not None) == (None, 1, True)
    assert match_all(bank.books.administration, since=since) is None  # the message came twice
    sold = invoice(bank, "305.00")  # typed the next day
    tomorrow = timezone.now()
    other = bank.line("305.00", label=f"Invoice {sold}")
    assert match_all(bank.books.administration, since=tomorrow).matched == 1
    assert left_of(other) == 0


def test_a_night_that_was_cut_off_is_gone_on_with(bank: Bank) -> None:
    sold = invoice(bank, "305.00")
    bank.line("305.00", label=f"Invoice {sold}")
    cut_off = begin_run(bank.books.administration, by=None)
    run = match_all(bank.books.administration, since=timezone.now() - timedelta(hours=20))
    assert (run, run.matched) == (cut_off, 1)


def test_books_without_open_lines_have_no_run_at_night(bank: Bank) -> None:
    assert match_all(bank.books.administration, since=timezone.now()) is None
    match_administration(str(bank.books.administration.pk))
    assert not MatchingRun.objects.exists()
