"""Models of bank lines: for which lines they hold, in which order, what they book; tolerances."""

import time
from decimal import Decimal

import pytest

from apps.core.errors import ForeignRow, NotAllowed
from apps.core.tests.factories import member
from apps.ledger.models import Account, OpenItem, Party, VatCode
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import booked, returned
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    MatchEmpty,
    ModelInvalid,
    ModelNameTaken,
    ModelUsed,
    PatternEndless,
    PatternInvalid,
    PersonRequired,
)
from apps.reconciliation.models import Match, ReconciliationModel
from apps.reconciliation.reports.rules import active_models, matching_model, matching_models
from apps.reconciliation.services.clearing import clear
from apps.reconciliation.services.rules import amount_in, parts_of, within_tolerance, write_off
from apps.reconciliation.services.ruling import Booking, delete_model, keep_model
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.matching import D, item, left_of, of_item, open_of, owed

AUTO = ReconciliationModel.Trigger.AUTO_RECONCILE
ITEMS = ReconciliationModel.Kind.MATCH_ITEMS


@pytest.fixture
def rule(bank):
    """Sets a model up: booking the whole line to the costs of payments, unless ``lines`` say otherwise."""

    def keep(name="Fees", *, lines=None, **values):
        lines = [Booking(bank.books.account("provider_fees"))] if lines is None else lines
        return keep_model(bank.books.administration, by=bank.accountant, name=name, lines=lines, **values)

    return keep


def held_by(line):
    return [model.name for model in matching_models(line)]


# Conditions ----------------------------------------------------------------------------------------------------------


def test_a_model_without_conditions_holds_for_every_line(bank, rule):
    rule()
    assert held_by(bank.line("-5.00")) == ["Fees"]


def test_a2_a_model_of_one_bank_account_holds_there_alone(bank, rule):
    other = open_test_books()
    account = Account.objects.create(
        administration=bank.books.administration, code="1105", name="x", type="ASSET", place="CURRENT_ASSETS"
    )
    journal = other.journal.__class__.objects.create(administration=bank.books.administration, code="SAV", name="x")
    savings = open_test_bank(bank.books, account=account, journal=journal, iban="NL02RABO0123456789")
    rule(bank_accounts=[savings.account])
    assert (held_by(bank.line("-5.00")), held_by(savings.line("-5.00"))) == ([], ["Fees"])


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ({"amount_type": "lower", "amount_max": D(150)}, ["100.00"]),
        ({"amount_type": "greater", "amount_min": D(200)}, ["600.00", "-1000.00", "200.00"]),
        ({"amount_type": "between", "amount_min": D(200), "amount_max": D(800)}, ["600.00", "200.00"]),
        ({"amount_type": "lower", "amount_max": D(100)}, []),
    ],
)
def test_a4_amounts_are_compared_without_their_sign(bank, rule, condition, held):
    rule(**condition)
    amounts = ["100.00", "600.00", "-1000.00", "200.00"]
    assert [amount for amount in amounts if held_by(bank.line(amount))] == held


@pytest.mark.parametrize(("searched", "held"), [("label", "label"), ("reference", "reference"), ("note", "note")])
def test_a7_a_pattern_is_looked_for_in_the_texts_that_are_searched(bank, rule, searched, held):
    flags = {f"search_{name}": name == searched for name in ("label", "reference", "note")}
    rule(label_pattern=r"fees? \d+", **flags)
    for text in ("label", "reference", "note"):
        line = bank.line("-5.00", **{text: "Bank FEES 2026"})
        assert bool(held_by(line)) == (text == held)


def test_a_pattern_holds_within_one_text_and_the_counterpartys_name(bank, rule):
    rule(label_pattern="^acquirer b[.]v[.]$")
    assert held_by(bank.line("-5.00", counterparty_name="Acquirer B.V.", label="Fees"))
    assert not held_by(bank.line("-5.00", label="Acquirer", note="b.v."))


def test_a_party_is_the_lines_own_or_one_that_something_speaks_for(bank, ledger, rule):
    customer = ledger.customer()
    rule("Theirs", party=customer)
    rule("Anybodys", needs_party=True, sequence=20)
    line = bank.line("5.00")
    assert held_by(line) == []
    assert [model.name for model in matching_models(line, parties=[customer.pk])] == ["Theirs", "Anybodys"]
    assert held_by(bank.line("5.00", party=ledger.customer("C-2"))) == ["Anybodys"]


def test_all_conditions_hold_together(bank, rule):
    rule(amount_type="lower", amount_max=D(50), label_pattern="fee")
    assert held_by(bank.line("-5.00", label="fee"))
    assert not held_by(bank.line("-500.00", label="fee"))
    assert not held_by(bank.line("-5.00", label="rent"))


def test_what_is_put_aside_or_of_other_books_is_not_tried(bank, rule):
    rule(is_active=False)
    stranger = open_test_bank(open_test_books())
    keep_model(stranger.books.administration, by=stranger.accountant, name="Theirs")
    assert held_by(bank.line("-5.00")) == []


def test_a30_models_are_tried_in_their_order(bank, ledger, rule):
    """Of the lines B1 and B2 of party p1 and C1 of p2, all with items that fit; each order decides differently."""
    p1, p2 = ledger.customer("C-1"), ledger.supplier("S-2")
    lines = [bank.line("100.00", party=p1), bank.line("600.00", party=p1), bank.line("-1000.00", party=p2)]
    matching, writing = rule("Items", kind=ITEMS, sequence=10, lines=[]), rule("Book", sequence=20)

    def chosen():
        return [matching_model(line).name for line in lines]

    assert chosen() == ["Items", "Items", "Items"]
    assert [matching_model(line, has_items=False).name for line in lines] == ["Book", "Book", "Book"]
    writing = keep_model(ledger.administration, by=bank.accountant, model=writing, sequence=5)
    assert chosen() == ["Book", "Book", "Book"]
    keep_model(ledger.administration, by=bank.accountant, model=writing, party=p1)
    assert chosen() == ["Book", "Book", "Items"]
    assert matching.sequence == 10


def test_models_are_read_once_for_many_lines(bank, rule, django_assert_num_queries):
    for number in range(5):
        rule(f"Fees {number}", label_pattern="fee")
    lines = [bank.line("-5.00", label="fee") for _line in range(5)]
    with django_assert_num_queries(4):
        models = active_models(bank.books.administration.pk)
        assert all(matching_model(line, models) for line in lines)


# Patterns ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["[", "(a", "*", "(?P<x"])
def test_what_is_no_regular_expression_is_refused_when_it_is_saved(rule, pattern):
    with pytest.raises(PatternInvalid):
        rule(label_pattern=pattern)
    assert not ReconciliationModel.objects.exists()


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(x+x+)+y", r"(\w|\w\w)+=", r"(a|aa)+$", r"(.*a){20}$"])
def test_a_pattern_that_does_not_end_is_refused_within_a_second(rule, pattern):
    began = time.monotonic()
    with pytest.raises(PatternEndless):
        rule(label_pattern=pattern)
    assert time.monotonic() - began < 1.5  # two cores, shared


def test_a_pattern_that_slipped_through_holds_nowhere_and_ends(bank, rule):
    model = rule()
    ReconciliationModel.objects.filter(pk=model.pk).update(label_pattern=r"(a|aa)+$")
    began = time.monotonic()
    assert held_by(bank.line("-5.00", label="a" * 60 + "!")) == []
    assert time.monotonic() - began < 1.5


def test_the_pattern_of_an_amount_has_a_group(bank, rule):
    fees = bank.books.account("provider_fees")
    with pytest.raises(PatternInvalid):
        rule(lines=[Booking(fees, "regex", None, amount_pattern=r"BRT: \d+")])
    rule(lines=[Booking(fees, "regex", None, amount_pattern=r"BRT: (\d+)")])


# What a model books --------------------------------------------------------------------------------------------------


def amounts_of(model, line):
    return [part.amount for part in parts_of(model, line)]


def test_amounts_are_fixed_or_a_percentage_of_what_is_left_or_of_the_line_or_read_from_the_text(bank, rule):
    fees, other = bank.books.account("provider_fees"), bank.books.account("revenue_other")
    line = bank.line("-200.00", label="BRT: 1.050,25 incl.")
    fixed = rule("1", lines=[Booking(fees, "fixed", D("12.50")), Booking(other)])
    assert amounts_of(fixed, line) == [D("-12.50"), D("-187.50")]
    shares = rule("2", lines=[Booking(fees, amount=D(25)), Booking(fees, amount=D(50)), Booking(other)])
    assert amounts_of(shares, line) == [D(-50), D(-75), D(-75)]
    of_line = rule("3", lines=[Booking(fees, "percentage_of_statement_line", D(30)) for _twice in range(2)])
    assert amounts_of(of_line, line) == [D(-60), D(-60)]
    read = rule("4", lines=[Booking(other, "regex", None, r"BRT: ([\d.,]+)"), Booking(fees)])
    assert amounts_of(read, line) == [D("-1050.25"), D("850.25")]


def test_a_text_without_the_amount_books_none(bank, rule):
    model = rule(lines=[Booking(bank.books.account("provider_fees"), "regex", None, r"BRT: ([\d.,]+)")])
    with pytest.raises(MatchEmpty):
        parts_of(model, bank.line("-5.00", label="nothing"))


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [
        ("12", "EUR", "12"),
        ("12,5", "EUR", "12.5"),
        ("1.234", "EUR", "1234"),
        ("1.234", "KWD", "1.234"),
        ("1.234.567,89", "EUR", "1234567.89"),
        ("1,234.56", "EUR", "1234.56"),
        ("1,234", "JPY", "1234"),
        ("EUR 45.10-", "EUR", "45.10"),
        (".", "EUR", "0"),
        ("", "EUR", "0"),
    ],
)
def test_an_amount_is_read_as_it_is_written(text, code, amount):
    assert amount_in(text, code) == Decimal(amount)


def test_parts_are_rounded_to_the_digits_of_the_account_and_add_up(bank, rule):
    fees = bank.books.account("provider_fees")
    model = rule(lines=[Booking(fees, amount=D("33.3333")), Booking(fees)])
    assert amounts_of(model, bank.line("-0.10")) == [D("-0.03"), D("-0.07")]


def test_a18_vat_is_in_the_amount_or_comes_on_top_as_far_as_the_line_goes(bank, ledger, rule):
    """-121: a half with 21 % in it is 50.00 and 10.50. All of the other 60.50 at 12 % takes the 60.50 and no more."""
    twelve = VatCode.objects.create(
        administration=ledger.administration,
        code="IN_12",
        name="12 %",
        rate=12,
        input_account=bank.books.account("input_vat"),
        category="PURCHASES",
    )
    high = Booking(ledger.account("4630"), amount=D(50), vat_code=ledger.code("INPUT_HIGH"))
    rest = Booking(ledger.account("4600"), vat_code=twelve, includes_vat=False)
    model = rule(lines=[high, rest], trigger=AUTO)
    line = bank.line("-121.00")
    entry = write_off(line, model, by=None).entry
    assert booked(entry) == {"1100": D(-121), "4630": D(50), "4600": D("54.02"), "1500": D("16.98")}
    assert returned(entry) == [
        *(("INPUT_HIGH", "BASE", D(50)), ("INPUT_HIGH", "DEDUCTIBLE", D("10.50"))),
        *(("IN_12", "BASE", D("54.02")), ("IN_12", "DEDUCTIBLE", D("6.48"))),
    ]
    assert left_of(line) == 0


def test_a18_vat_that_is_not_included_is_added_to_a_fixed_amount(bank, ledger, rule):
    net = Booking(ledger.account("4630"), "fixed", D(100), vat_code=ledger.code("INPUT_HIGH"), includes_vat=False)
    entry = write_off(bank.line("-121.00"), rule(lines=[net]), by=bank.accountant).entry
    assert booked(entry) == {"1100": D(-121), "4630": D(100), "1500": D(21)}


def test_a19_each_party_has_the_vat_of_its_model(bank, ledger, rule):
    twelve = VatCode.objects.create(
        administration=ledger.administration,
        code="IN_12",
        name="12 %",
        rate=12,
        input_account=bank.books.account("input_vat"),
        category="PURCHASES",
    )
    lu, be = (Party.objects.create(administration=ledger.administration, kind="SUPPLIER", code=c) for c in ("LU", "BE"))
    for party, code in ((lu, ledger.code("INPUT_HIGH")), (be, twelve)):
        rule(party.code, party=party, trigger=AUTO, lines=[Booking(ledger.account("4630"), vat_code=code)])
    for party, amount, tax in ((lu, "-121.00", "21.00"), (be, "-112.00", "12.00")):
        line = bank.line(amount, party=party)
        entry = write_off(line, matching_model(line), by=None).entry
        assert (booked(entry)["1500"], booked(entry)["4630"]) == (D(tax), D(100))


def test_what_is_left_of_a_matched_line_is_written_off_by_a_person(bank, ledger, rule):
    line, invoice = bank.line("100.00"), item(ledger, "99.40")
    model = rule(trigger=AUTO)
    clear(line, [of_item(invoice, "99.40")], by=bank.accountant)
    with pytest.raises(PersonRequired):
        write_off(line, model, by=None)
    clearing = write_off(line, model, by=bank.accountant)
    assert (clearing.matches.get().kind, clearing.model, left_of(line)) == (Match.Kind.WRITE_OFF, model, 0)
    with pytest.raises(BankLineAlreadyReconciled):
        write_off(line, model, by=bank.accountant)


def test_a_model_of_other_books_books_nothing(bank):
    stranger = open_test_bank(open_test_books())
    model = keep_model(stranger.books.administration, by=stranger.accountant, name="Theirs")
    with pytest.raises(ForeignRow):
        write_off(bank.line("-5.00"), model, by=bank.accountant)


# Tolerance -----------------------------------------------------------------------------------------------------------


def opened(found):
    return OpenItem.objects.as_of().get(pk=found.pk)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("case", "invoice", "line", "tolerance", "parts"),
    [
        ("A8", 1000, 990, "0", None),
        ("A9", 1000, 1010, "0", [1000]),
        ("A10: beyond the boundary", 1000, 990, "0.99", None),
        ("A11: at the boundary", 1000, 990, "1", [1000, -10]),
        ("A12: within", 1000, 990, "5", [1000, -10]),
        ("A13", 1000, 1010, "0", [1000]),
        ("A14", 990, 1000, "0", [990]),
        ("exact", 1000, 1000, "0", [1000]),
    ],
)
def test_a8_to_a14_the_tolerance_is_a_percentage_of_the_item_held_against_the_difference(
    bank, ledger, rule, sign, case, invoice, line, tolerance, parts
):
    found = item(ledger, str(invoice)) if sign > 0 else owed(ledger, str(invoice))
    model = rule(kind=ITEMS, tolerance=D(tolerance), lines=[])
    made = within_tolerance(bank.line(str(sign * line)), [opened(found)], model)
    assert (made and [part.amount for part in made]) == (parts and [sign * D(amount) for amount in parts])


def test_a11_a_person_writes_the_difference_off(bank, ledger, rule):
    invoice, line = item(ledger, "1000.00"), bank.line("990.00")
    model = rule(kind=ITEMS, tolerance=D(1), tolerance_account=ledger.account("4910"), lines=[])
    parts = within_tolerance(line, [opened(invoice)], model)
    with pytest.raises(PersonRequired):
        clear(line, parts, by=None, model=model)
    clearing = clear(line, parts, by=bank.accountant, model=model)
    assert booked(clearing.entry) == {"1100": D(990), "1300": D(-1000), "4910": D(10)}
    assert (open_of(invoice), left_of(line)) == (0, 0)


def test_the_surplus_on_a_line_is_written_off_to_where_differences_go(bank, ledger, rule):
    invoice, line = item(ledger, "1000.00"), bank.line("1010.00")
    clear(line, within_tolerance(line, [opened(invoice)]), by=bank.accountant)
    assert left_of(line) == 10
    clearing = write_off(line, rule(kind=ITEMS, lines=[]), by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(10), "4915": D(-10)}


# Keeping them --------------------------------------------------------------------------------------------------------


def test_only_who_keeps_the_bank_keeps_models(bank):
    for role in ("owner", "manager", "cashier"):
        with pytest.raises(NotAllowed):
            keep_model(bank.books.administration, by=member(bank.books.administration, role), name="x")


@pytest.mark.parametrize(
    "values",
    [
        {"amount_type": "lower"},
        {"amount_type": "greater", "amount_max": D(5)},
        {"amount_type": "between", "amount_min": D(9), "amount_max": D(5)},
        {"amount_min": D(5)},
        {"tolerance": D(101)},
        {"tolerance": D(-1)},
    ],
)
def test_a_model_that_says_nonsense_is_refused(rule, values):
    with pytest.raises(ModelInvalid):
        rule(**values)


def test_a_line_has_an_amount_or_a_pattern(bank, rule):
    fees = bank.books.account("provider_fees")
    for line in (Booking(fees, "regex", D(5)), Booking(fees, "fixed", None), Booking(fees, "fixed", D(5), "(x)")):
        with pytest.raises(ModelInvalid):
            rule(lines=[line])


def test_names_of_models_are_unique(rule):
    rule()
    with pytest.raises(ModelNameTaken):
        rule()


def test_rows_of_other_books_are_refused(bank, rule):
    stranger = open_test_bank(open_test_books())
    for values in (
        {"bank_accounts": [stranger.account]},
        {"party": stranger.books.party("P-9")},
        {"tolerance_account": stranger.books.account("rounding")},
        {"lines": [Booking(stranger.books.account("rounding"))]},
    ):
        with pytest.raises(ForeignRow):
            rule(**values)


def test_a_model_that_booked_is_put_aside_and_one_that_did_not_is_thrown_away(bank, rule):
    used, unused = rule("Used"), rule("Unused")
    write_off(bank.line("-5.00"), used, by=bank.accountant)
    delete_model(unused, by=bank.accountant)
    with pytest.raises(ModelUsed):
        delete_model(used, by=bank.accountant)
    keep_model(bank.books.administration, by=bank.accountant, model=used, is_active=False)
    assert matching_model(bank.line("-5.00")) is None
    assert used.lines.count() == 1
