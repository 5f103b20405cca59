"""Bank lines in other currencies: the rate that the statement implies, otherwise the dated table's, named."""

from datetime import date

import pytest

from apps.ledger.errors import ExchangeRateMissing, NothingForeign
from apps.ledger.models import JournalLine, OpenItem
from apps.ledger.reports.open_items import left_in_currency
from apps.ledger.services.rates import add_rate
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import SubLedger, booked
from apps.reconciliation.errors import MatchBeyondEntry, PersonRequired
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.tests.bank import Bank, open_test_bank
from apps.reconciliation.tests.matching import D, item, left_of, of_item, open_of, owed

JULY_14 = date(2026, 7, 14)


def rated(bank: Bank, currency: str, rate: str, day: date = date(2026, 1, 1)) -> None:
    add_rate(bank.books.administration, currency=currency, date=day, rate=D(rate), by=bank.accountant, source="ECB")


@pytest.fixture
def dollars(db) -> Bank:
    """An account in dollars, in books in euros."""
    return open_test_bank(open_test_books(), currency="USD")


def ledger_of(bank: Bank) -> SubLedger:
    return SubLedger(bank.books, bank.accountant)


def to_account(bank: Bank, amount: str) -> list[Part]:
    return [Part(Kind.MODEL, D(amount), account=bank.books.account("revenue_other"))]


def bank_leg(clearing) -> JournalLine:
    return clearing.entry.lines.get(account=clearing.line.bank_account.account)


def other_leg(clearing) -> JournalLine:
    return clearing.entry.lines.exclude(account=clearing.line.bank_account.account).get()


def test_a_line_of_a_foreign_account_is_worth_what_the_dated_table_says_and_says_so(dollars):
    rated(dollars, "USD", "0.92")
    line = dollars.line("100.00")
    clearing = clear(line, to_account(dollars, "100"), by=dollars.accountant)
    leg = bank_leg(clearing)
    assert (leg.debit, leg.currency, leg.amount_currency, leg.exchange_rate) == (92, "USD", 100, D("0.92"))
    assert clearing.entry.memo.endswith(" (USD 0.92, ECB 2026-01-01)")


def test_without_a_rate_nothing_is_posted(dollars):
    line = dollars.line("100.00")
    with pytest.raises(ExchangeRateMissing):
        clear(line, to_account(dollars, "100"), by=dollars.accountant)
    assert left_of(line) == 100


def test_b10_a_later_rate_leaves_a_line_as_it_is(dollars):
    rated(dollars, "USD", "1.15", JULY_14)
    clearing = clear(dollars.line("100.00", date=JULY_14), to_account(dollars, "100"), by=dollars.accountant)
    rated(dollars, "USD", "1.20", date(2026, 7, 15))
    assert (bank_leg(clearing).amount_currency, bank_leg(clearing).debit) == (100, 115)


# One unit of the books' own currency is 2 dollars or 4 pounds here, so a dollar is worth 0.5 and a pound 0.25.
@pytest.mark.parametrize("times", [1, 2, -1])
@pytest.mark.parametrize(
    ("currency", "amount", "foreign", "foreign_amount", "booked_at", "counterpart"),
    [
        ("USD", 80, "GBP", 120, 40, ("GBP", -120)),
        ("USD", 120, "EUR", 80, 80, ("", None)),
        ("EUR", 80, "USD", 120, 80, ("USD", -120)),
    ],
)
def test_d16_a_foreign_line_is_worth_what_the_statement_implies(
    db, times, currency, amount, foreign, foreign_amount, booked_at, counterpart
):
    bank = open_test_bank(open_test_books(), currency=currency)
    rated(bank, "USD", "0.5")
    rated(bank, "GBP", "0.25")
    line = bank.line(str(times * amount), foreign_currency=foreign, foreign_amount=D(times * foreign_amount))
    clearing = clear(line, to_account(bank, str(times * amount)), by=bank.accountant)
    assert bank_leg(clearing).debit - bank_leg(clearing).credit == times * booked_at
    other = other_leg(clearing)
    paid_in, paid = counterpart
    assert (other.currency, other.amount_currency) == (paid_in, paid and times * paid)
    in_currency = bank_leg(clearing).amount_currency
    assert in_currency == (None if currency == "EUR" else times * amount)


def test_d18_what_is_worth_nothing_in_the_books_is_not_posted(dollars):
    """A law wants every line of an entry to have an amount, so one of nothing is none; the match says what it was."""
    rated(dollars, "USD", "0.004")
    line = dollars.line("1.00")
    clearing = clear(line, to_account(dollars, "1"), by=dollars.accountant)
    assert (clearing.entry, clearing.matches.get().book_amount, left_of(line)) == (None, 0, 0)
    nothing = dollars.line("0.00", foreign_currency="EUR", foreign_amount=D(10))
    assert nothing.residual == 0


def test_a_line_that_is_cleared_in_parts_is_worth_what_it_is_as_a_whole(dollars):
    rated(dollars, "USD", "0.333")
    line = dollars.line("100.00")
    for part in ("33.33", "33.33", "33.34"):
        clear(line, to_account(dollars, part), by=dollars.accountant)
    assert JournalLine.objects.filter(account=dollars.account.account).balance() == D("33.30")


@pytest.mark.parametrize(
    ("currency", "rate", "amount", "worth"), [("JPY", "0.00613", "1050", "6.44"), ("KWD", "3", "1.234", "3.70")]
)
def test_amounts_have_the_digits_of_their_currency(db, currency, rate, amount, worth):
    bank = open_test_bank(open_test_books(), currency=currency)
    rated(bank, currency, rate)
    clearing = clear(bank.line(amount), to_account(bank, amount), by=bank.accountant)
    assert (bank_leg(clearing).debit, bank_leg(clearing).amount_currency) == (D(worth), D(amount))


# What an exchange rate makes of an open item -------------------------------------------------------------------------


def invoiced(bank: Bank, amount: str = "100.00"):
    """A customer's invoice in dollars, booked at 0.90."""
    return item(ledger_of(bank), amount, currency="USD", exchange_rate=D("0.90"))


def test_more_than_was_booked_is_an_exchange_gain(dollars):
    rated(dollars, "USD", "0.95")
    invoice, line = invoiced(dollars), dollars.line("100.00")
    clearing = clear(line, [of_item(invoice, "100")], by=dollars.accountant)
    assert booked(clearing.entry) == {"1100": D(95), "1300": D(-90), "8900": D(-5)}
    assert (open_of(invoice), left_of(line)) == (0, 0)
    rows = clearing.matches.order_by("position").values_list("kind", "amount", "book_amount", "exchange_entry")
    assert list(rows) == [("ITEM", 100, 90, None), ("EXCHANGE", 0, 5, clearing.entry_id)]


def test_paying_more_than_was_booked_is_an_exchange_loss(dollars):
    rated(dollars, "USD", "0.95")
    bill = owed(ledger_of(dollars), "100.00", currency="USD", exchange_rate=D("0.90"))
    clearing = clear(dollars.line("-100.00"), [of_item(bill, "-100")], by=dollars.accountant)
    assert booked(clearing.entry) == {"1100": D(-95), "1600": D(90), "4920": D(5)}


def test_an_exchange_difference_is_for_a_person(dollars):
    rated(dollars, "USD", "0.95")
    invoice = invoiced(dollars)
    with pytest.raises(PersonRequired):
        clear(dollars.line("100.00"), [of_item(invoice, "100")], by=None)
    at_its_rate = item(ledger_of(dollars), "100.00", currency="USD", exchange_rate=D("0.95"))
    clear(dollars.line("100.00"), [of_item(at_its_rate, "100")], by=None)
    assert open_of(at_its_rate) == 0


def test_undoing_it_leaves_no_gain_and_the_whole_invoice_in_its_currency(dollars):
    rated(dollars, "USD", "0.95")
    invoice, line = invoiced(dollars), dollars.line("100.00")
    undo(clear(line, [of_item(invoice, "100")], by=dollars.accountant), by=dollars.accountant)
    again = OpenItem.objects.as_of().exclude(open=0).get()
    assert (again.open, again.amount, again.currency, again.amount_currency) == (90, 90, "USD", 100)
    assert JournalLine.objects.filter(account__purpose="exchange_gain").balance() == 0
    clear(line, [of_item(again, "100")], by=dollars.accountant)
    assert left_of(line) == 0


def test_a_part_is_settled_at_the_rate_of_the_item(dollars):
    rated(dollars, "USD", "0.95")
    invoice = invoiced(dollars)
    clear(dollars.line("40.00"), [of_item(invoice, "40")], by=dollars.accountant)
    assert open_of(invoice) == 54
    clear(dollars.line("60.00"), [of_item(invoice, "60")], by=dollars.accountant)
    assert open_of(invoice) == 0
    assert JournalLine.objects.filter(account__purpose="exchange_gain").balance() == -5


def test_what_is_left_of_a_part_payment_is_exact_in_its_currency(dollars):
    """A cent of the books is more than a cent of a dollar here: what is left is reckoned in dollars."""
    rated(dollars, "USD", "0.95")
    invoice = invoiced(dollars, "60.10")
    clear(dollars.line("50.25"), [of_item(invoice, "50.25")], by=dollars.accountant)
    rest = OpenItem.objects.as_of().get(pk=invoice.pk)
    assert (rest.open, left_in_currency(rest)) == (D("8.86"), D("9.85"))
    clear(dollars.line("9.85"), [of_item(invoice, "9.85")], by=dollars.accountant)
    assert open_of(invoice) == 0


def test_an_item_in_another_currency_is_settled_at_the_rate_of_the_statement(bank, ledger):
    """EUR 91 arrived for USD 100, which the books have at 0.90."""
    invoice = item(ledger, "100.00", currency="USD", exchange_rate=D("0.90"))
    line = bank.line("91.00", foreign_currency="USD", foreign_amount=D(100))
    clearing = clear(line, [of_item(invoice, "91")], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(91), "1300": D(-90), "8900": D(-1)}
    assert open_of(invoice) == 0


def test_without_the_banks_rate_the_table_says_how_much_of_the_item_was_paid(bank, ledger):
    rated(bank, "USD", "0.95")
    invoice = item(ledger, "100.00", currency="USD", exchange_rate=D("0.90"))
    line = bank.line("96.00")
    with pytest.raises(MatchBeyondEntry) as refused:
        clear(line, [of_item(invoice, "96")], by=bank.accountant)
    assert refused.value.facts["currency"] == "USD"
    parts = [of_item(invoice, "95"), Part(Kind.EXCHANGE, D(1))]
    clearing = clear(line, parts, by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(96), "1300": D(-90), "8900": D(-6)}


def test_an_exchange_difference_belongs_to_something_foreign(bank, ledger):
    with pytest.raises(NothingForeign):
        clear(
            bank.line("101.00"),
            [of_item(item(ledger, "100.00"), "100"), Part(Kind.EXCHANGE, D(1))],
            by=bank.accountant,
        )


def test_an_invoice_in_the_book_currency_is_paid_in_dollars_as_far_as_they_go(dollars):
    rated(dollars, "USD", "0.90")
    invoice = item(ledger_of(dollars), "100.00")
    clear(dollars.line("100.00"), [of_item(invoice, "100")], by=dollars.accountant)
    assert open_of(invoice) == 10


def test_what_is_booked_on_a_foreign_account_is_cleared_at_its_own_rate(dollars):
    from apps.ledger.services.posting import Line
    from apps.ledger.tests.factories import EntryFactory

    rated(dollars, "USD", "0.95")
    typed = {"currency": "USD", "amount_currency": D(100), "exchange_rate": D("0.9")}
    lines = [
        Line(dollars.account.account, debit=D(90), **typed),
        Line(dollars.books.account("revenue_other"), credit=D(90)),
    ]
    voucher = EntryFactory(books=dollars.books, lines=lines).lines.get(position=1)
    line = dollars.line("100.00")
    clearing = clear(line, [Part(Kind.BOOKED, D(100), entry_line=voucher)], by=None)
    assert (clearing.entry, clearing.matches.get().book_amount, left_of(line)) == (None, 90, 0)
