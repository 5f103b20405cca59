"""The page "What is this line?": what it shows, what each button does, and what it says when a rule refuses."""

import re
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.billing.tests.clinic import make_clinic
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, UserFactory
from apps.ledger.models import JournalEntry, VatCode
from apps.reconciliation.models import BankAccount, Clearing, Match, MatchingRun
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.clearing import clear
from apps.reconciliation.services.ruling import Booking, keep_model
from apps.reconciliation.services.running import batches_of, begin_run, end_run, match_batch
from apps.reconciliation.tests.matching import D, item, left_of, of_item, on_bank, open_of, owed
from apps.reconciliation.tests.paying_out import Provider, bank_of

DAY = date(2026, 3, 5)


@pytest.fixture
def screen(bank, client):
    """The page of the bank account, as its accountant uses it."""
    client.force_login(bank.accountant)

    class Screen:
        address = reverse("admin:reconciliation_bankaccount_reconcile", args=[bank.account.pk])

        def get(self, **asked):
            return client.get(self.address, asked)

        def text(self, **asked):
            return self.get(**asked).content.decode()

        def post(self, do, line=None, *, part=False, query="", **typed):
            body = {"do": do, "key": str(uuid4()), **typed, **({"line": str(line.pk)} if line else {})}
            headers = {"X-Part": "board"} if part else {}
            return client.post(f"{self.address}{query}", body, headers=headers)

        def choices(self, line, **asked):
            return self.get(line=str(line.pk), **asked).context["choices"]

    return Screen()


def token(found, amount):
    return f"open_item:{found.pk}:{amount}"


# What it shows -------------------------------------------------------------------------------------------------------


def test_open_lines_are_listed_newest_first_beside_what_the_first_may_be(screen, bank, ledger):
    invoice = item(ledger, "305.00")
    bank.line("-45.10", date=DAY, label="Bank fees")
    newest = bank.line("305.00", date=DAY + timedelta(days=3), label=f"Invoice {invoice.reference}")
    shown = screen.get()
    assert [line.amount for line, *_ in shown.context["lines"]] == [D("305.00"), D("-45.10")]
    assert shown.context["line"] == newest
    (choice,) = shown.context["choices"]
    assert (choice.key, choice.amount, choice.chosen) == (f"open_item:{invoice.pk}", D("305.00"), True)
    assert {"amount", "date"} < set(choice.reasons)
    assert "2 left" in shown.content.decode()
    assert "259.90" in shown.content.decode()  # 305.00 - 45.10 is open


def test_a_tie_shows_both_as_rivals_and_chooses_none(screen, bank, ledger):
    for _ in range(2):
        item(ledger, "65.00")
    line = bank.line("65.00", date=DAY)
    choices = screen.choices(line)
    assert [choice.rival for choice in choices] == [True, True]
    assert not any(choice.chosen for choice in choices)
    assert "None is chosen" in screen.text(line=str(line.pk))


def test_several_that_together_are_the_line_are_one_choice_with_its_parts(screen, bank, ledger):
    party = ledger.customer()
    for amount in ("100.00", "40.00"):
        item(ledger, amount, party=party)
    line = bank.line("140.00", date=DAY, party=party)
    first = screen.choices(line)[0]
    assert (first.amount, [part.amount for part in first.parts]) == (D("140.00"), [D("100.00"), D("40.00")])
    assert screen.post("match", line, choice=first.token).status_code == 302
    assert left_of(line) == 0
    assert Match.objects.filter(kind="ITEM").count() == 2


@pytest.mark.parametrize(("typed", "found"), [("fees", "-45.10"), ("45,10", "-45.10"), ("305", "305.00")])
def test_lines_are_found_by_text_and_by_amount(screen, bank, typed, found):
    bank.line("-45.10", date=DAY, label="Bank fees")
    bank.line("305.00", date=DAY, label="Hansen")
    assert [line.amount for line, *_ in screen.get(q=typed).context["lines"]] == [D(found)]


def test_a_statement_is_shown_by_itself(screen, bank):
    one = bank.statement("10.00", "20.00", day=DAY)
    bank.statement("30.00", day=DAY + timedelta(days=1), start="30")
    shown = screen.get(statement=str(one.pk))
    assert {line.amount for line, *_ in shown.context["lines"]} == {D("10.00"), D("20.00")}
    assert shown.context["progress"].lines == 2


def test_bank_and_books_stand_beside_each_other_with_what_is_between(screen, bank, ledger):
    invoice = item(ledger, "305.00")
    one, _two = bank.statement("305.00", "-45.10", end="259.90").lines.order_by("sequence")
    clear(one, [of_item(invoice, "305.00")], by=bank.accountant)
    on_bank(bank, "12.00")
    standing = screen.get().context["standing"]
    assert (standing.bank.amount, standing.booked) == (D("259.90"), D("317.00"))
    assert (standing.between, standing.unmatched, standing.otherwise) == (D("57.10"), D("-45.10"), D("12.00"))
    assert f"{screen.address}between/" in screen.text()


def test_the_queries_do_not_grow_with_lines_and_open_items(screen, bank, ledger):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            screen.get()
        return len(queries)

    bank.line("305.00", date=DAY, label=item(ledger, "305.00").reference)
    asked()
    few = asked()
    for n in range(8):
        label = item(ledger, "305.00").reference
        bank.statement("305.00", "20.00", day=DAY, name=f"{n}", label=label)
    assert asked() <= few + 1  # one more kind of row among the candidates
    assert few < 45


# Empty states --------------------------------------------------------------------------------------------------------


def test_without_a_statement_it_says_to_import_one(screen):
    assert "No statement yet." in screen.text()
    assert reverse("admin:reconciliation_import") in screen.text()


def test_without_a_bank_account_it_says_how_to_make_one(client):
    person = UserFactory()
    MembershipFactory(administration=AdministrationFactory(), user=person, role="accountant")
    client.force_login(person)
    BankAccount.objects.visible_to(person).delete()
    text = client.get(reverse("admin:reconciliation_reconcile")).content.decode()
    assert "There is no bank account yet." in text
    assert reverse("admin:reconciliation_bankaccount_add") in text


def test_when_nothing_is_left_it_says_so_with_the_next_step(screen, bank, ledger):
    line = bank.line("305.00", date=DAY)
    clear(line, [of_item(item(ledger, "305.00"), "305.00")], by=bank.accountant)
    text = screen.text()
    assert "Nothing is left" in text
    assert "Next: reconcile the ledger account" in text


def test_of_several_accounts_it_asks_which(screen, bank, client):
    other = savings(bank)
    text = client.get(reverse("admin:reconciliation_reconcile")).content.decode()
    assert "Which account?" in text
    assert reverse("admin:reconciliation_bankaccount_reconcile", args=[other.account.pk]) in text


# What is done --------------------------------------------------------------------------------------------------------


def test_a_match_goes_on_to_the_next_older_line(screen, bank, ledger):
    invoice = item(ledger, "305.00")
    oldest, middle, newest = (bank.line("305.00", date=DAY + timedelta(days=n)) for n in range(3))
    answer = screen.post("match", middle, choice=token(invoice, "305.00"))
    assert (answer.status_code, f"line={oldest.pk}" in answer.url) == (302, True)
    assert (left_of(middle), open_of(invoice)) == (0, 0)
    assert left_of(newest) == D("305.00")
    assert Clearing.objects.get().by == bank.accountant


def test_a_script_gets_the_board_alone_with_what_to_say(screen, bank, ledger):
    invoice, line = item(ledger, "305.00"), bank.line("305.00", date=DAY)
    told = screen.post("match", line, choice=token(invoice, "305.00"), part=True).json()
    assert (told["said"], told["refused"]) == (f"Matched with {invoice.reference}. Z undoes it.", False)
    assert "Nothing is left" in told["html"]
    assert "<html" not in told["html"]


def test_a_second_click_writes_nothing_twice(screen, bank, ledger):
    invoice, line = item(ledger, "305.00"), bank.line("500.00", date=DAY)
    typed = {"choice": token(invoice, "100.00"), "key": "one"}
    first, second = (screen.post("match", line, **typed) for _ in range(2))
    assert (first.status_code, second.url) == (302, first.url)
    assert (left_of(line), Clearing.objects.count()) == (D("400.00"), 1)


def test_a_refusal_is_said_beside_the_form_and_keeps_what_was_chosen(screen, bank, ledger):
    invoice, line = item(ledger, "305.00"), bank.line("-305.00", date=DAY)
    answer = screen.post("match", line, choice=token(invoice, "-305.00"))
    assert "this goes the other way" in answer.content.decode()
    assert answer.context["line"] == line
    told = screen.post("match", line, choice=token(invoice, "-305.00"), part=True).json()
    assert told["refused"]
    assert not Clearing.objects.exists()


def test_nothing_chosen_is_said_so(screen, bank):
    line = bank.line("10.00", date=DAY)
    assert "Choose what it is first." in screen.post("match", line).content.decode()
    assert "Choose what it is first." in screen.post("match", line, choice="open_item:x:1").content.decode()


def test_paid_in_full_writes_off_what_differs(screen, bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("98.00", date=DAY)
    screen.post("match", line, choice=token(invoice, "98.00"), in_full="on")
    assert (left_of(line), open_of(invoice)) == (0, 0)
    assert list(Match.objects.order_by("position").values_list("kind", "amount")) == [("ITEM", 100), ("WRITE_OFF", -2)]


def test_a_line_is_split_over_items_a_fee_and_an_account(screen, bank, ledger):
    party = ledger.customer()
    one, two = (item(ledger, amount, party=party) for amount in ("100.00", "60.00"))
    line = bank.line("150.00", date=DAY)
    typed = {"take": [f"open_item:{one.pk}", f"open_item:{two.pk}"], f"amount:open_item:{one.pk}": "100,00"}
    typed |= {
        f"amount:open_item:{two.pk}": "40,00",
        "fee": "5.00",
        "account": "4410",
        "amount": "15.00",
        "memo": "Rest",
    }
    assert screen.post("split", line, **typed).status_code == 302
    assert (left_of(line), open_of(one), open_of(two)) == (0, 0, D("20.00"))
    kinds = list(Match.objects.order_by("position").values_list("kind", "amount"))
    assert kinds == [("ITEM", 100), ("ITEM", 40), ("FEE", -5), ("WRITE_OFF", 15)]


def test_a_split_beyond_the_line_keeps_what_was_ticked_and_typed(screen, bank, ledger):
    one, line = item(ledger, "100.00"), bank.line("50.00", date=DAY)
    answer = screen.post("split", line, take=f"open_item:{one.pk}", **{f"amount:open_item:{one.pk}": "80.00"})
    (choice,) = answer.context["splitting"]
    assert (choice.ticked, choice.typed) == (True, "80.00")
    assert "A match is within what is open of the bank line" in answer.content.decode()


def test_a_line_is_booked_to_an_account_with_vat_and_words(screen, bank, ledger):
    line = bank.line("-121.00", date=DAY)
    codes = VatCode.objects.filter(administration=bank.books.administration, rate=21, reverse_charge=False)
    code = codes.filter(input_account__isnull=False).first()
    screen.post("book", line, account="4410", amount="-121.00", vat_code=str(code.pk), memo="Software")
    entry = JournalEntry.objects.get(source_type="bank_clearing")
    assert left_of(line) == 0
    assert Match.objects.get().kind == "MODEL"
    assert {(one.account.code, one.debit - one.credit) for one in entry.lines.all()} >= {("4410", D("100.00"))}


def test_the_entry_leads_back_to_its_bank_line(screen, bank, ledger, client):
    line = bank.line("-10.00", date=DAY)
    screen.post("book", line, account="4410", amount="-10.00", memo="Fees")
    entry = JournalEntry.objects.get(source_type="bank_clearing")
    source = reverse("admin:reconciliation_statementline_of_clearing", args=[entry.source_id])
    assert source in client.get(reverse("admin:ledger_journalentry_change", args=[entry.pk])).content.decode()
    assert client.get(source).url == reverse("admin:reconciliation_statementline_change", args=[line.pk])


def test_the_model_that_holds_is_chosen_beforehand_and_books_the_line(screen, bank):
    fees = bank.books.account("provider_fees")
    model = keep_model(
        bank.books.administration, by=bank.accountant, name="Fees", label_pattern="fees", lines=[Booking(fees)]
    )
    line = bank.line("-45.10", date=DAY, label="Bank fees")
    assert screen.get(line=str(line.pk)).context["book"].initial["model"] == model
    screen.post("book", line, model=str(model.pk), amount="-45.10")
    assert (left_of(line), Clearing.objects.get().model) == (0, model)


def test_an_account_that_is_not_there_is_said_beside_the_field(screen, bank):
    line = bank.line("-45.10", date=DAY)
    answer = screen.post("book", line, account="nonsense", memo="Kept words")
    text = answer.content.decode()
    assert "No account has that code or name." in text
    assert "Kept words" in text


def test_a_transfer_matches_the_lines_of_both_accounts(screen, bank):
    other = savings(bank)
    out, into = bank.line("-500.00", date=DAY), other.line("500.00", date=DAY)
    (choice,) = screen.get(line=str(out.pk)).context["transfers"]
    assert choice.key == f"other_line:{into.pk}"
    screen.post("transfer", out, other=str(into.pk))
    assert (left_of(out), left_of(into)) == (0, 0)
    one, two = Clearing.objects.order_by("created_at")
    assert (one.other_side, two.other_side) == (two, one)


def test_a_payout_is_unpacked_into_its_payments_and_fees(client):
    clinic = make_clinic()
    bank, provider = bank_of(clinic), Provider(clinic)
    paid = [provider.paid(amount) for amount in ("60.00", "40.00")]
    clinic.finalized(clinic.yesterday)
    provider.payout("998877", *paid)
    line = bank.line("99.00", date=clinic.today, label="PSTK_998877")
    client.force_login(clinic.accountant)
    address = reverse("admin:reconciliation_bankaccount_reconcile", args=[bank.account.pk])
    ((way, *_told),) = client.get(address).context["payouts"]
    assert (way.gross, way.fees, way.unexplained) == (D("100.00"), D("1.00"), 0)
    client.post(address, {"do": "unpack", "line": str(line.pk), "way": way.key, "key": "one"})
    assert left_of(line) == 0
    assert list(Match.objects.order_by("position").values_list("kind", "amount")) == [
        ("TRANSIT", 60),
        ("TRANSIT", 40),
        ("FEE", -1),
    ]


def test_a_transfer_whose_other_side_has_not_come_is_on_its_way(screen, bank):
    line = bank.line("-500.00", date=DAY)
    screen.post("transfer", line)
    assert left_of(line) == 0
    assert Match.objects.get().account.purpose == "own_transfers"


def test_a_duplicate_posts_nothing(screen, bank):
    one, two = bank.line("10.00", date=DAY), bank.line("10.00", date=DAY)
    assert screen.get(line=str(two.pk)).context["equal"] == [one]
    screen.post("duplicate", two)
    assert (left_of(two), JournalEntry.objects.exists()) == (0, False)


def test_a_line_is_marked_to_be_looked_at_later(screen, bank):
    line = bank.line("10.00", date=DAY)
    screen.post("check", line, to_check="on")
    line.refresh_from_db()
    assert line.to_check
    screen.post("check", line)
    line.refresh_from_db()
    assert not line.to_check


# Undo, and what was matched ------------------------------------------------------------------------------------------


def test_one_key_undoes_my_last_act_and_not_that_of_another(screen, bank, ledger):
    mine, theirs = bank.line("305.00", date=DAY), bank.line("65.00", date=DAY)
    clear(mine, [of_item(item(ledger, "305.00"), "305.00")], by=bank.accountant)
    colleague = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=colleague, role="accountant")
    clear(theirs, [of_item(item(ledger, "65.00"), "65.00")], by=colleague)
    answer = screen.post("undo-last")
    assert f"line={mine.pk}" in answer.url
    assert (left_of(mine), left_of(theirs)) == (D("305.00"), 0)
    told = screen.post("undo-last", part=True).json()
    assert "nothing of yours to undo" in told["said"]


def test_what_daybook_matched_is_listed_with_its_reasons_and_undone_by_a_person(screen, bank, ledger):
    invoice = item(ledger, "305.00")
    line, by_hand = bank.line("305.00", date=DAY), bank.line("20.00", date=DAY)
    reasons = [{"code": "IBAN", "points": 35, "facts": {}}, {"code": "AMOUNT", "points": 20, "facts": {}}]
    clearing = clear(line, [of_item(invoice, "305.00")], by=None, score=55, reasons=reasons)
    clear(by_hand, [of_item(item(ledger, "20.00"), "20.00")], by=bank.accountant)
    shown = screen.get(show="itself")
    assert [one for one, *_ in shown.context["lines"]] == [line]
    text = shown.content.decode()
    assert all(len(key) <= 64 for key in re.findall(r'name="key" value="([^"]*)"', text))  # what a form takes
    assert "account number, amount" in text
    assert reverse("admin:ledger_journalentry_change", args=[clearing.entry_id]) in text
    answer = screen.post("undo", line, clearing=str(clearing.pk), query="?show=itself")
    assert "show=itself" not in answer.url
    assert left_of(line) == D("305.00")
    assert "Undone" in screen.text(line=str(line.pk))


def test_the_page_of_a_line_says_what_it_was_matched_with_by_whom_and_why(screen, bank, ledger, client):
    line = bank.line("305.00", date=DAY)
    invoice = item(ledger, "305.00")
    clear(line, [of_item(invoice, "305.00")], by=bank.accountant)
    text = client.get(reverse("admin:reconciliation_statementline_change", args=[line.pk])).content.decode()
    assert invoice.reference in text
    assert str(bank.accountant) in text
    assert "Undo this" in text


# Finding -------------------------------------------------------------------------------------------------------------


def test_what_is_open_is_found_by_number_party_and_amount(screen, bank, ledger):
    invoice = item(ledger, "75.00")
    owed(ledger, "80.00", reference="S-80")
    on_bank(bank, "31.00")
    line = bank.line("500.00", date=DAY)
    for typed, amount in (
        (invoice.reference.lower(), "75.00"),
        ("75,00", "75.00"),
        ("31.00", "31.00"),
        ("s-80", "-80.00"),
    ):
        found = [choice for choice in screen.choices(line, find=typed) if choice.found or typed == "31.00"]
        assert [choice.amount for choice in found] == [D(amount)], typed
    assert "Nothing that is open has" in screen.text(line=str(line.pk), find="nothing like it")


def test_what_was_found_can_be_matched(screen, bank, ledger):
    invoice, line = item(ledger, "75.00"), bank.line("75.50", date=DAY)
    (choice,) = [one for one in screen.choices(line, find=invoice.reference) if one.key == f"open_item:{invoice.pk}"]
    screen.post("match", line, choice=choice.token, query=f"?line={line.pk}&find={invoice.reference}")
    assert (left_of(line), open_of(invoice)) == (D("0.50"), 0)


# Matching by itself --------------------------------------------------------------------------------------------------


def test_matching_by_itself_is_started_and_what_came_of_it_is_told(screen, bank, ledger, client):
    bank.line("305.00", date=DAY, label="INV-2026-0117")
    answer = screen.post("auto")
    run = MatchingRun.objects.get()
    assert answer.url == reverse("admin:reconciliation_matchingrun_change", args=[run.pk])
    assert (run.by, run.bank_account, run.job.total) == (bank.accountant, bank.account, 1)
    assert reverse("admin:core_job_state", args=[run.job_id]) in client.get(answer.url).content.decode()


def test_a_run_that_ended_says_of_each_line_what_was_done_or_why_it_was_left(bank, ledger, client):
    client.force_login(bank.accountant)
    invoice = item(ledger, "305.00")
    bank.line("305.00", date=DAY, label=invoice.reference, party=invoice.party)
    for _ in range(2):
        item(ledger, "65.00")
    tie = bank.line("65.00", date=DAY)
    run = begin_run(bank.books.administration, by=bank.accountant, bank_account=bank.account)
    for batch in batches_of(run):
        match_batch(run, *batch)
    end_run(run)
    address = reverse("admin:reconciliation_matchingrun_change", args=[run.pk])
    told = client.get(address).context
    assert {name: count for name, _words, count, _address in told["counts"]} == {
        **dict.fromkeys(("NEEDS_PERSON", "LEFT"), 0),
        **dict.fromkeys(("MATCHED", "AMBIGUOUS"), 1),
    }
    ((outcome, _state, why, where, _about),) = client.get(address, {"outcome": "AMBIGUOUS"}).context["rows"]
    assert (outcome.line, set(why) >= {"amount"}) == (tie, True)
    assert client.get(where).context["line"] == tie


# Who -----------------------------------------------------------------------------------------------------------------


def test_whoever_only_reads_the_books_sees_and_cannot_act(screen, bank, ledger, client):
    line = bank.line("305.00", date=DAY)
    manager = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=manager, role="manager")
    client.force_login(manager)
    text = screen.text(line=str(line.pk))
    assert "Match by itself" not in text
    assert 'name="choice"' not in text
    assert screen.post("duplicate", line).status_code == 403
    assert left_of(line) == D("305.00")


def test_an_account_or_a_line_of_other_books_is_not_there(screen, bank, client):
    assert screen.post("duplicate", None).status_code == 404
    stranger = UserFactory()
    MembershipFactory(administration=AdministrationFactory(), user=stranger, role="accountant")
    client.force_login(stranger)
    assert screen.get().status_code == 404
    assert screen.post("auto").status_code == 404


@pytest.mark.parametrize(
    "asked", [{"page": "x"}, {"line": "x"}, {"statement": "x"}, {"show": "x"}, {"q": "\x00"}, {"page": "999"}]
)
def test_what_makes_no_sense_in_the_address_is_left_out(screen, bank, asked):
    bank.line("10.00", date=DAY)
    assert len(screen.get(**asked).context["lines"]) == 1


def savings(bank):
    """A second account of the same books."""
    opened = open_bank_account(bank.books.administration, name="Savings", by=bank.accountant)
    return replace(bank, account=opened)
