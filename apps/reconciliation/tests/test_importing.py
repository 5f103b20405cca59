"""What an import adds: each line once, whatever files overlap; statements whose balances go on from each other."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import NotAllowed
from apps.core.models import Event, Upload
from apps.ledger.tests.factories import EntryFactory
from apps.reconciliation.errors import (
    BankCurrencyMismatch,
    CsvMappingUnknown,
    ImportWithdrawn,
    StatementFileInvalid,
    StatementKept,
    StatementOfAnotherAccount,
)
from apps.reconciliation.models import BankAccount, Clearing, Match, Statement, StatementImport, StatementLine
from apps.reconciliation.services.importing import import_statements, withdraw_import
from apps.reconciliation.services.previewing import warnings_of
from apps.reconciliation.tests.files import (
    Stated,
    amounts,
    balanced,
    balances,
    counts,
    csv_of,
    imported,
    previewed,
    row,
    states,
    tiny_format,
)

D = Decimal
MARCH = [(day, f"{day}.00", f"line of {day}") for day in range(1, 11)]  # 1.00 to 10.00, one a day: 55.00


@pytest.fixture
def tiny(monkeypatch):
    return tiny_format(monkeypatch)


def line_of(day, amount, **facts):
    return day, amount, {"label": f"line of {day}", **facts}


# Once ----------------------------------------------------------------------------------------------------------------


def test_a_preview_says_what_is_new_and_writes_nothing(bank):
    imported(bank, balanced(MARCH[:5], "100.00"))
    before = StatementImport.objects.count(), Statement.objects.count(), StatementLine.objects.count()
    shown = previewed(bank, balanced(MARCH, "100.00"))
    assert counts(shown) == (5, 5, 0)
    assert (shown.format, shown.mapping, shown.warnings) == ("csv", "By its headings", ())
    statement = shown.statements[0]
    assert (statement.lines_new, statement.is_new, statement.is_valid, statement.is_complete) == (5, True, True, True)
    assert (statement.balance_start, statement.balance_end) == (D(115), D(155))
    assert [line.state for line in shown.lines] == ["KNOWN"] * 5 + ["NEW"] * 5
    assert before == (StatementImport.objects.count(), Statement.objects.count(), StatementLine.objects.count())


def test_the_same_file_adds_nothing_and_the_answer_names_the_statement_that_is_there(bank):
    first = imported(bank, balanced(MARCH, "0"))
    again = imported(bank, balanced(MARCH, "0"))
    assert (counts(first), counts(again)) == ((10, 0, 0), (0, 10, 0))
    assert again.statements == first.statements
    assert again.added == {}
    assert Statement.objects.count() == 1


def test_equal_rows_of_one_file_are_kept_and_known_again(bank):
    coffee = row(2, "-2.50", "coffee")
    assert counts(imported(bank, csv_of(coffee, coffee, row(3, "5.00")))) == (3, 0, 0)
    assert counts(imported(bank, csv_of(coffee, coffee, coffee, row(3, "5.00")))) == (1, 3, 0)
    assert counts(imported(bank, csv_of(coffee))) == (0, 1, 0)
    assert amounts(bank) == [D("-2.50")] * 3 + [D("5.00")]


def test_wording_is_compared_without_regard_to_case_and_blanks(bank):
    imported(bank, csv_of(row(2, "5.00", "Thank you")))
    assert counts(imported(bank, csv_of(row(2, "5.0", "THANK   you")))) == (0, 1, 0)


DAY = st.lists(st.sampled_from(["1.00", "-2.50", "7.25"]), max_size=3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(DAY, min_size=1, max_size=8), files=st.data())
def test_however_a_history_is_cut_into_overlapping_files_each_line_comes_in_once(bank, days, files):
    """A file has all lines of its days; the last of its days may not be over yet."""
    history = [(day, amount) for day, day_amounts in enumerate(days, 1) for amount in day_amounts]
    with transaction.atomic():
        covered = 0
        while covered < len(history):
            first_day = files.draw(st.integers(1, history[covered][0]), "first day")
            covered = files.draw(st.integers(covered + 1, len(history)), "lines so far")
            cut = [row(day, amount, "equal text") for day, amount in history[:covered] if day >= first_day]
            imported(bank, csv_of(*cut))
        assert amounts(bank) == [D(amount) for _day, amount in history]
        transaction.set_rollback(True)


def test_overlapping_files_may_come_in_any_order(bank):
    for first, last in ((4, 7), (0, 5), (6, 10), (0, 10)):
        imported(bank, balanced(MARCH[first:last], sum(range(first + 1))))
    assert amounts(bank) == [D(number) for number in range(1, 11)]
    assert states(bank) == [(True, True)] * 3


# By the bank's id ----------------------------------------------------------------------------------------------------


def test_a_line_is_known_by_its_id_whatever_its_wording(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 5, bank_id="A-1")]))
    done = tiny.imported(bank, Stated([line_of(2, 5, bank_id="A-1", note="other words"), line_of(3, 5, bank_id="A-2")]))
    assert counts(done) == (1, 1, 0)


def test_a_bank_that_counts_anew_in_every_file_loses_no_line(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 5, bank_id="1001"), line_of(2, 6, bank_id="1002")]))
    done = tiny.imported(bank, Stated([line_of(3, 5, bank_id="1001"), line_of(3, 7, bank_id="1002")]))
    assert counts(done) == (2, 0, 0)


def test_an_id_that_differing_lines_of_a_file_share_tells_none_of_them(bank, tiny):
    shared = [line_of(2, 65, bank_id="0", note=name) for name in ("Jansen", "Visser")]
    assert counts(tiny.imported(bank, Stated(shared))) == (2, 0, 0)
    assert counts(tiny.imported(bank, Stated(shared[::-1]))) == (0, 2, 0)


@pytest.mark.parametrize("first", [0, 1])
def test_a_line_is_known_also_where_only_one_of_the_files_could_trust_its_id(bank, tiny, first):
    shared = [line_of(2, 65, bank_id="0", note=name) for name in ("Jansen", "Visser")]
    one, both = Stated(shared[:1]), Stated(shared)
    done = [tiny.imported(bank, statement) for statement in ((one, both) if first == 0 else (both, one))]
    assert counts(done[1]) == ((1, 1, 0) if first == 0 else (0, 1, 0))
    assert sorted(StatementLine.objects.values_list("note", flat=True)) == ["Jansen", "Visser"]


def test_equal_lines_with_one_id_are_counted(bank, tiny):
    batch = [line_of(2, 65, bank_id="BATCH")] * 3
    assert counts(tiny.imported(bank, Stated(batch))) == (3, 0, 0)
    assert counts(tiny.imported(bank, Stated(batch))) == (0, 3, 0)


# What looks like a known line ----------------------------------------------------------------------------------------


def test_other_wording_of_a_known_line_is_added_and_waits_for_a_person(bank, tiny):
    imported(bank, csv_of(row(2, "65.00", "Jansen INV-7")))
    known = StatementLine.objects.get()
    done = tiny.imported(bank, Stated([line_of(2, 65, counterparty_name="A. Jansen")]))
    added = StatementLine.objects.exclude(pk=known.pk).get()
    assert counts(done) == (0, 0, 1)
    assert (added.looks_like, added.to_check) == (known, True)
    assert counts(tiny.imported(bank, Stated([line_of(2, 65, counterparty_name="A. Jansen")]))) == (0, 1, 0)


@pytest.mark.parametrize(
    ("known", "new", "ambiguous"),
    [
        ({"counterparty_name": "A. Jansen"}, {"counterparty_name": "A. JANSEN", "note": "x"}, 1),
        ({"counterparty_name": "A. Jansen"}, {"counterparty_name": "B. Visser"}, 0),
        ({"counterparty_name": "A. Jansen"}, {"note": "x"}, 1),
        ({"counterparty_iban": "NL01"}, {"counterparty_iban": "NL01", "counterparty_name": "A"}, 1),
        (
            {"counterparty_iban": "NL01", "counterparty_name": "A"},
            {"counterparty_iban": "NL02", "counterparty_name": "A"},
            0,
        ),
    ],
)
def test_a_line_looks_like_another_unless_their_counterparties_differ(bank, tiny, known, new, ambiguous):
    tiny.imported(bank, Stated([line_of(2, 65, **known)]))
    assert counts(tiny.imported(bank, Stated([line_of(2, 65, **new)]))) == (1 - ambiguous, 0, ambiguous)


@pytest.mark.parametrize("other", [line_of(3, 65, note="x"), line_of(2, 66, note="x")])
def test_another_day_or_amount_is_another_line(bank, tiny, other):
    tiny.imported(bank, Stated([line_of(2, 65)]))
    assert counts(tiny.imported(bank, Stated([other]))) == (1, 0, 0)


def test_a_known_line_that_the_file_has_too_is_what_nothing_else_looks_like(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 65)]))
    assert counts(tiny.imported(bank, Stated([line_of(2, 65), line_of(2, 65, note="a second one")]))) == (1, 1, 0)


def test_of_two_lines_that_look_like_one_known_line_one_does(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 65)]))
    done = tiny.imported(bank, Stated([line_of(2, 65, note="x"), line_of(2, 65, note="y")]))
    assert counts(done) == (1, 0, 1)


# Balances ------------------------------------------------------------------------------------------------------------


def test_stated_balances_are_kept(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 5), line_of(3, 7)], start=10, end=22, name="2026/7", on=date(2026, 3, 4)))
    statement = Statement.objects.get()
    assert (statement.name, statement.date, statement.first_date) == ("2026/7", date(2026, 3, 4), date(2026, 3, 2))
    assert balances(bank) == [("2026/7", D(10), D(22), D(22))]
    assert states(bank) == [(True, True)]


def test_an_end_alone_gives_the_start(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, -400), line_of(3, 40)], end="2156.56"))
    assert balances(bank)[0][1:] == (D("2516.56"), D("2156.56"), D("2156.56"))


def test_balances_of_lines_give_start_and_end(bank):
    imported(bank, balanced([(2, "1000.00", "a"), (3, "500.00", "b")], "10.00"))
    assert balances(bank) == [("2026-03-02 \N{EN DASH} 2026-03-03", D(10), D(1510), D(1510))]


def test_without_any_balance_a_statement_begins_where_the_last_one_ended(bank):
    imported(bank, csv_of(row(2, "5.00")))
    imported(bank, csv_of(row(4, "7.00")))
    imported(bank, csv_of(row(3, "1.00")))
    assert balances(bank) == [
        ("2026-03-02", D(0), D(5), None),
        ("2026-03-03", D(5), D(6), None),
        ("2026-03-04", D(5), D(12), None),
    ]
    assert states(bank) == [(True, None), (True, None), (False, None)]


def test_without_any_balance_what_comes_before_the_first_statement_leads_to_it(bank, tiny):
    tiny.imported(bank, Stated([line_of(5, 5)], start=100, end=105))
    imported(bank, csv_of(row(2, "30.00")))
    assert balances(bank)[0][1:3] == (D(70), D(100))
    assert states(bank) == [(True, None), (True, True)]


def test_known_lines_at_either_end_move_the_stated_balances(bank):
    imported(bank, balanced(MARCH[:4], 0))
    imported(bank, balanced(MARCH[8:], 36))
    done = imported(bank, balanced(MARCH, 0))
    assert counts(done) == (4, 6, 0)
    assert balances(bank)[1][1:] == (D(10), D(36), D(36))
    assert states(bank) == [(True, True)] * 3


def test_with_known_lines_in_between_each_run_of_new_ones_is_a_statement(bank):
    imported(bank, balanced(MARCH[3:6], 6))
    imported(bank, balanced(MARCH, 0))
    assert [one[1:] for one in balances(bank)] == [
        (D(0), D(6), D(6)),
        (D(6), D(21), D(21)),
        (D(21), D(55), D(55)),
    ]
    assert states(bank) == [(True, True)] * 3


def test_a_line_that_the_bank_adds_to_a_day_follows_those_that_were_known(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 5)], start=0, end=5))
    tiny.imported(
        bank, Stated([line_of(2, 3, note="before"), line_of(2, 5), line_of(2, 4, note="after")], start=0, end=12)
    )
    assert [one[1:] for one in balances(bank)] == [(D(0), D(5), D(5)), (D(5), D(12), D(12))]
    assert states(bank) == [(True, True)] * 2


def test_what_does_not_bridge_or_add_up_is_kept_and_flagged(bank, tiny):
    tiny.imported(bank, Stated([line_of(2, 5)], start=0, end=5))
    shown = tiny.imported(bank, Stated([line_of(4, 5)], start=20, end=30)).statements[0]
    assert states(bank) == [(True, True), (False, False)]
    codes = [warning.code for warning in warnings_of(shown)]
    assert codes == ["BANK_STATEMENT_INVALID", "BANK_STATEMENT_INCOMPLETE"]


def test_a_preview_warns_of_what_the_law_will_flag(bank):
    imported(bank, balanced(MARCH[:2], 0))
    shown = previewed(bank, balanced(MARCH[4:6], 99))
    assert [warning.code for warning in shown.warnings] == ["BANK_STATEMENT_INVALID"]


def test_a_file_of_many_statements_adds_them_all(bank, tiny):
    days = [Stated([line_of(day, 1)], start=day - 1, end=day, name=f"S{day}") for day in range(1, 11)]
    done = tiny.imported(bank, *days)
    assert [statement.name for statement in done.statements] == [f"S{day}" for day in range(1, 11)]
    assert states(bank) == [(True, True)] * 10
    again = tiny.imported(bank, *days)
    assert [statement.pk for statement in again.statements] == [statement.pk for statement in done.statements]


# One statement for each month ----------------------------------------------------------------------------------------


@pytest.fixture
def monthly(bank):
    BankAccount.objects.update(statements_kept=BankAccount.Statements.BY_MONTH)
    bank.account.refresh_from_db()
    return bank


def days(first, last, amount="1.00"):
    """A line a day from ``first`` up to ``last``, counted from 1 January 2026."""
    found = []
    for number in range(first, last):
        day = date.fromordinal(date(2026, 1, 1).toordinal() + number)
        found.append(row(day.day, amount, f"line {number}", month=day.month))
    return found


def test_an_overlapping_pull_adds_what_is_new(monthly):
    three = [text for text in days(21, 35) for _line in range(3)]
    assert counts(imported(monthly, csv_of(*three))) == (42, 0, 0)
    longer = [text for text in days(14, 35) for _line in range(3)]
    assert counts(imported(monthly, csv_of(*longer))) == (21, 42, 0)
    assert counts(imported(monthly, csv_of(*longer[12:30]))) == (0, 18, 0)
    assert len(amounts(monthly)) == 63
    assert states(monthly) == [(True, None)] * 2


def test_a_later_pull_extends_the_month_s_statement(monthly):
    imported(monthly, csv_of(*days(0, 30)))
    assert balances(monthly) == [("2026-01", D(0), D(30), None)]
    imported(monthly, csv_of(*days(0, 45)))
    assert balances(monthly) == [("2026-01", D(0), D(31), None), ("2026-02", D(31), D(45), None)]
    imported(monthly, csv_of(*days(40, 59)))
    assert balances(monthly) == [("2026-01", D(0), D(31), None), ("2026-02", D(31), D(59), None)]
    assert states(monthly) == [(True, None)] * 2
    assert list(Statement.objects.in_order().values_list("line_count", "date")) == [
        (31, date(2026, 1, 31)),
        (28, date(2026, 2, 28)),
    ]


def test_older_lines_move_the_beginning_and_not_the_balances_after_it(monthly):
    imported(monthly, csv_of(*days(40, 50)))
    imported(monthly, csv_of(*days(20, 45)))
    assert balances(monthly) == [("2026-01", D(-20), D(-9), None), ("2026-02", D(-9), D(10), None)]


def test_a_pull_that_says_the_balance_makes_the_months_complete(monthly, monkeypatch):
    feed = tiny_format(monkeypatch, has_statements=False)
    imported(monthly, csv_of(*days(31, 59)))
    feed.imported(monthly, Stated([line_of(1, 10), line_of(5, 5)], end=143))
    assert balances(monthly) == [("2026-02", D(100), D(128), None), ("2026-03", D(128), D(143), D(143))]
    feed.imported(monthly, Stated([line_of(5, 5), line_of(9, 7)], end=150))
    feed.imported(monthly, Stated([line_of(12, 1)], end=152))
    assert balances(monthly)[1] == ("2026-03", D(128), D(151), D(152))
    assert states(monthly) == [(True, None), (True, False)]
    imported(monthly, csv_of(row(10, "1.00")))
    assert balances(monthly)[1] == ("2026-03", D(128), D(152), None)


def test_a_bank_s_own_statements_stay_as_they_are(monthly, tiny):
    tiny.imported(monthly, Stated([line_of(2, 5)], start=0, end=5, name="S1"))
    assert balances(monthly) == [("S1", D(0), D(5), D(5))]


def test_a_preview_of_months_says_which_ones_grow(monthly):
    imported(monthly, csv_of(*days(0, 30)))
    shown = [(one.name, one.is_new, one.lines_new) for one in previewed(monthly, csv_of(*days(0, 45))).statements]
    assert shown == [("2026-01", False, 1), ("2026-02", True, 14)]


def test_what_a_pull_brought_can_be_withdrawn_from_its_months(monthly):
    imported(monthly, csv_of(*days(0, 30)))
    second = imported(monthly, csv_of(*days(0, 45)))
    withdraw_import(second.statement_import, because="Wrong file.", by=monthly.accountant)
    assert balances(monthly) == [("2026-01", D(0), D(30), None)]


# Refused -------------------------------------------------------------------------------------------------------------


def nothing_was_written():
    return not any(table.objects.exists() for table in (Statement, StatementLine))


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        ("NL91ABNA0417164300", True),
        ("NL91 ABNA 0417 1643 00", True),
        ("NL91ABNA0417164300EUR", True),
        ("0417164300", True),
        ("417164300", True),
        ("ABNANL2A/417164300", True),
        ("NL02INGB0417164300", False),
        ("4300", False),
        ("NL91ABNA0417164301", False),
    ],
)
def test_a_file_is_about_this_account_or_refused(bank, tiny, found, fits):
    statement = Stated([line_of(2, 5)], iban=found)
    if fits:
        tiny.imported(bank, statement)
    else:
        with pytest.raises(StatementOfAnotherAccount):
            tiny.imported(bank, statement)
        assert nothing_was_written()


def test_statements_of_other_accounts_in_the_same_file_are_left_out_and_named(bank, tiny):
    ours, other = Stated([line_of(2, 5)], iban=bank.account.iban), Stated([line_of(3, 6)], iban="NL02INGB0000000001")
    done = tiny.imported(bank, other, ours)
    assert (counts(done), done.others) == ((1, 0, 0), {"NL02INGB0000000001": 1})


def test_an_account_without_a_number_takes_that_of_its_first_file(bank, tiny):
    BankAccount.objects.update(iban="")
    bank.account.refresh_from_db()
    tiny.imported(bank, Stated([line_of(2, 5)], iban="NL02INGB0000000001"))
    bank.account.refresh_from_db()
    assert bank.account.iban == "NL02INGB0000000001"
    with pytest.raises(StatementOfAnotherAccount):
        tiny.imported(bank, Stated([line_of(3, 5)], iban="NL91ABNA0417164300"))


def test_a_file_in_another_currency_is_refused(bank, tiny):
    with pytest.raises(BankCurrencyMismatch):
        tiny.imported(bank, Stated([line_of(2, 5)], currency="USD"))
    assert nothing_was_written()


def test_a_foreign_line_needs_its_amount(bank, tiny):
    with pytest.raises(BankCurrencyMismatch) as refused:
        tiny.imported(bank, Stated([line_of(2, 4), line_of(2, 5, foreign_currency="USD")]))
    assert refused.value.facts["line"] == 2
    assert nothing_was_written()
    tiny.imported(bank, Stated([line_of(2, 5, foreign_currency="USD", foreign_amount=D(6), exchange_rate=D("0.83"))]))
    line = StatementLine.objects.get()
    assert (line.foreign_currency, line.foreign_amount, line.exchange_rate) == ("USD", D(6), D("0.83"))


@pytest.mark.parametrize("statements", [[], [Stated([])], [Stated([], start=5, end=5)]])
def test_a_file_with_nothing_in_it_is_refused(bank, tiny, statements):
    with pytest.raises(StatementFileInvalid):
        tiny.imported(bank, *statements)


@pytest.mark.parametrize("amount", ["1.005", "1000000000000000"])
def test_an_amount_that_no_account_holds_is_refused_with_its_row(bank, amount):
    with pytest.raises(StatementFileInvalid) as refused:
        imported(bank, csv_of(row(2, "1.00"), row(3, amount)))
    assert refused.value.facts["line"] == 3
    assert nothing_was_written()


def test_a_mapping_that_is_not_there_is_refused(bank):
    with pytest.raises(CsvMappingUnknown):
        imported(bank, csv_of(row(2, "1.00")), mapping="My bank")


def test_whoever_matches_no_bank_imports_nothing(bank):
    upload = Upload.objects.first() or imported(bank, csv_of(row(2, "1.00"))).statement_import.upload
    begun = StatementImport(administration=bank.books.administration, bank_account=bank.account, upload=upload)
    with pytest.raises(NotAllowed):
        import_statements(begun, by=bank.books.owner)


def test_texts_come_in_as_the_bank_wrote_them(bank, tiny):
    strange = "back\\slash, tab\tend\nline \\N \N{SNOWMAN}"
    tiny.imported(bank, Stated([line_of(2, 5, note=strange, counterparty_name="\\N", is_reversal=True)]))
    line = StatementLine.objects.get()
    assert (line.note, line.counterparty_name, line.is_reversal) == (" ".join(strange.split()), "\\N", True)


# What it tells -------------------------------------------------------------------------------------------------------


def test_each_statement_that_got_lines_is_told(bank):
    imported(bank, balanced(MARCH, 0))
    event = Event.objects.get(name="bank.statement.imported")
    statement = Statement.objects.get()
    assert event.facts == {
        "statement_id": str(statement.pk),
        "journal_id": str(bank.account.journal_id),
        "line_count": 10,
        "balance_start": "0.0000",
        "balance_end": "55.0000",
    }


def test_the_mapping_that_was_used_is_remembered(bank):
    imported(bank, csv_of(row(2, "1.00")))
    bank.account.refresh_from_db()
    assert bank.account.mapping == "By its headings"


def test_an_import_asks_as_much_for_many_lines_as_for_few(bank):
    def asked(first, last):
        text = csv_of(*(row(1 + number % 28, f"{number}.00", f"line {number}") for number in range(first, last)))
        with CaptureQueriesContext(connection) as queries:
            imported(bank, text)
        return len(queries)

    few = asked(0, 10)
    assert asked(10, 4000) <= few + 1  # the second import asks what looks like a known line


# Withdrawn -----------------------------------------------------------------------------------------------------------


def test_an_import_that_nobody_matched_can_be_withdrawn_and_imported_again(bank):
    first = imported(bank, balanced(MARCH, 0))
    withdrawn = withdraw_import(first.statement_import, because="Of another clinic.", by=bank.accountant)
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_because) == (bank.accountant, "Of another clinic.")
    assert nothing_was_written()
    assert Event.objects.get(name="bank.import.withdrawn").facts["line_count"] == 10
    with pytest.raises(ImportWithdrawn):
        withdraw_import(withdrawn, because="Again.", by=bank.accountant)
    assert counts(imported(bank, balanced(MARCH, 0))) == (10, 0, 0)


def test_an_import_with_a_matched_line_stays(bank):
    first = imported(bank, csv_of(row(2, "65.00")))
    debit = EntryFactory(books=bank.books, amount="65.00").lines.get(debit__gt=0)
    clearing = Clearing.objects.create(administration=bank.books.administration, line=StatementLine.objects.get())
    facts = {"clearing": clearing, "position": 1, "kind": Match.Kind.BOOKED, "amount": D(65), "book_amount": D(65)}
    Match.objects.create(administration=bank.books.administration, entry_line=debit, **facts)
    with pytest.raises(StatementKept):
        withdraw_import(first.statement_import, because="Wrong.", by=bank.accountant)


def test_what_looked_like_a_withdrawn_line_looks_like_none(bank, tiny):
    first = tiny.imported(bank, Stated([line_of(2, 65)]))
    tiny.imported(bank, Stated([line_of(2, 65, note="x")]))
    withdraw_import(first.statement_import, because="Wrong.", by=bank.accountant)
    line = StatementLine.objects.get()
    assert (line.looks_like, line.to_check) == (None, False)


def test_a_removed_equal_line_comes_in_again_beside_the_other(bank):
    coffee = row(2, "-2.50", "coffee")
    imported(bank, csv_of(coffee, coffee))
    StatementLine.objects.filter(occurrence=1).delete()
    assert counts(imported(bank, csv_of(coffee, coffee))) == (1, 1, 0)
    assert counts(imported(bank, csv_of(coffee, coffee))) == (0, 2, 0)
