"""What a bank line can clear: everything that is open, read once for any number of lines and kept as tuples."""

import datetime
import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import compress, count
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from apps.billing.models import Payment
from apps.core.money import CURRENCIES
from apps.ledger.models import Account, JournalLine
from apps.reconciliation.models import BankAccount, Match, StatementLine
from apps.reconciliation.reports.bank_balance import BANK_CLEARING
from apps.reconciliation.reports.clearable import BY_METHOD, IN_TRANSIT, OWN_TRANSFERS, left_to_clear

Kind = Match.Kind
Control = Account.Control

# Amounts are whole ten-thousandths here, what numeric(19,4) holds, so that adding and comparing them costs nothing.
UNIT = 10_000

CONTROLS = [one.value for one in (Control.CUSTOMERS, Control.SUPPLIERS, Control.PAYERS, Control.PATIENTS)]
TRANSFERS = BY_METHOD[Payment.Method.TRANSFER]
# Entries that are no movement at the bank, though they move the bank's account.
NO_MOVEMENT = [BANK_CLEARING, "opening_balance", "revaluation"]

# How far from a line's date what is booked or on its way is looked for; open items are never too old.
BEFORE, AFTER = timedelta(days=400), timedelta(days=31)
BETWEEN_ACCOUNTS = timedelta(days=10)


class Open(NamedTuple):
    """Something that a bank line can clear, as far as it is open. A debit is positive: money in clears it.

    ``amount`` is in the account's currency; 0 where the books do not say it in that. What is owed in another currency
    says that and how much. ``further`` holds the other numbers that it is known by. Keys are text: there may be
    hundreds of thousands, of which a few are asked for."""

    amount: int
    date: datetime.date
    due: datetime.date | None
    document: str
    party: str | None
    entry_line: str | None
    open_item: str | None
    bill: str | None = None
    currency: str = ""
    in_currency: int = 0
    in_billing: bool = False  # its money is entered in billing: a payer's remittance
    kind: str = Kind.ITEM.value
    account: str | None = None
    payment: str | None = None
    other_line: str | None = None
    further: str = ""
    iban: str = ""


def column(name: str, opens: Sequence[Open]) -> list[Any]:
    """That field of each."""
    return list(map(itemgetter(Open._fields.index(name)), opens))


def among(values: Sequence[Any], wanted: Container[Any]) -> Iterator[int]:
    """Where those of ``values`` that are ``wanted`` stand; what is not costs no step of Python."""
    return compress(count(), map(wanted.__contains__, values))


def units(amount: Decimal) -> int:
    return int(amount.scaleb(4))


def everything_open(account: BankAccount, lines: Sequence[StatementLine]) -> list[Open]:
    """What ``lines`` of ``account`` can clear, in five queries, whose cost is bounded by what is open."""
    with reading_open(account, lines) as opens:
        return opens()


@contextmanager
def reading_open(account: BankAccount, lines: Sequence[StatementLine]) -> Iterator[Callable[[], list[Open]]]:
    """``everything_open``, for which the database works while its caller does something else: what is yielded waits
    for it. The connection is busy until then."""
    digits = json.dumps({code: currency.digits for code, currency in CURRENCIES.items()})
    facts = _facts(account, controls=CONTROLS, digits=digits)
    with connection.cursor() as cursor, ThreadPoolExecutor(1) as beside:
        asked = beside.submit(cursor.execute, ITEMS, facts)

        def opens() -> list[Open]:
            asked.result()
            return _with_the_rest(cursor.fetchall(), account, lines)

        yield opens


def _with_the_rest(rows: Sequence[tuple[Any, ...]], account: BankAccount, lines: Sequence[StatementLine]) -> list[Open]:
    first, last = min(line.date for line in lines), max(line.date for line in lines)
    items, by_bill = _items(rows, account)
    booked = _booked(account, first - BEFORE, last + AFTER)
    found = [*items, *_transfers(account, lines, first, last)]
    same: set[str | None] = set()
    if account.currency == account.administration.currency:
        payments, same = _payments(account, booked, first - BEFORE, last + AFTER)
        found += [*_bills(account, by_bill), *payments]
    return found + [row.open for row in booked if row.open.entry_line not in same]


def _rows(statement: str, account: BankAccount, **facts: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, _facts(account, **facts))
        return cursor.fetchall()


def _facts(account: BankAccount, **facts: Any) -> dict[str, Any]:
    return {
        "administration": account.administration_id,
        "bank_account": account.pk,
        "currency": account.currency,
        "book": account.administration.currency,
        **facts,
    }


# Open items ----------------------------------------------------------------------------------------------------------

# What was settled is summed up once for all items, and added to those alone that have any: most have none, and numbers
# cost. The accounts are arrays, so that the plan does not take them for a filter and make tables of few rows.
ITEMS = """
WITH controls AS MATERIALIZED (
    SELECT array_agg(id) AS every,
           coalesce(array_agg(id) FILTER (WHERE control = 'PATIENTS'), '{}') AS patients,
           coalesce(array_agg(id) FILTER (WHERE control = 'PAYERS'), '{}') AS payers
    FROM ledger_account WHERE administration_id = %(administration)s AND control = ANY(%(controls)s)
), settled AS (
    SELECT item_id, sum(amount) AS amount FROM (
        SELECT debit_id AS item_id, -amount AS amount FROM ledger_allocation
        WHERE administration_id = %(administration)s
        UNION ALL
        SELECT credit_id, amount FROM ledger_allocation WHERE administration_id = %(administration)s
    ) allocation GROUP BY item_id
)
SELECT (CASE WHEN settled.amount IS NULL THEN item.amount ELSE item.amount + settled.amount END * 10000)::bigint,
       date, due_date, reference, party_id::text, line_id::text, id::text,
       CASE WHEN document_type = 'bill' AND account_id = ANY((SELECT patients FROM controls)::uuid[])
       THEN document_id::text END, currency,
       CASE WHEN currency <> '' THEN
           (round(
               amount_currency * (item.amount + coalesce(settled.amount, 0)) / item.amount,
               (%(digits)s::jsonb ->> currency)::integer
           ) * 10000)::bigint
       ELSE 0 END,
       document_type IN ('bill', 'remittance') AND account_id = ANY((SELECT payers FROM controls)::uuid[])
FROM ledger_openitem item
LEFT JOIN settled ON settled.item_id = item.id
WHERE item.administration_id = %(administration)s AND item.account_id = ANY((SELECT every FROM controls)::uuid[])
  AND (settled.amount IS NULL OR item.amount <> -settled.amount)
"""


NO_MORE = tuple(Open._field_defaults[name] for name in ("kind", "account", "payment", "other_line", "further", "iban"))


def _items(rows: Sequence[tuple[Any, ...]], account: BankAccount) -> tuple[list[Open], dict[str, Open]]:
    """Open items, and apart from them those of patients' bills by bill: what is open of those billing knows better,
    because a payment of a day that is not finalized is not in the books yet."""
    items = [tuple.__new__(Open, row + NO_MORE) for row in rows]  # as Open(*row), in a third of the time
    book = account.administration.currency
    if account.currency != book or any(item.currency for item in items):
        items = [_stated_in(item, account.currency, book) for item in items]
    by_bill = {item.bill: item for item in items if item.bill}
    return [item for item in items if not item.bill] if by_bill else items, by_bill


def _stated_in(item: Open, currency: str, book: str) -> Open:
    """``item``, which comes with its amount in the books and, if it is foreign, in its own currency, as a line in
    ``currency`` meets it."""
    own, rest = (item.currency, item.in_currency) if item.currency else (book, item.amount)
    if own == currency:
        return item._replace(amount=rest, currency="", in_currency=0)
    return item._replace(amount=item.amount if book == currency else 0, currency=own, in_currency=rest)


BILLS = """
SELECT outstanding.bill_id::text, (outstanding.amount * 10000)::bigint, day.date, bill.number, patient.party_id::text
FROM billing_outstanding outstanding
JOIN billing_bill bill ON bill.id = outstanding.bill_id
JOIN billing_clinicday day ON day.id = outstanding.clinic_day_id
JOIN billing_patient patient ON patient.id = bill.patient_id
WHERE outstanding.administration_id = %(administration)s AND upper_inf(outstanding.during)
  AND outstanding.debtor = 'PATIENT' AND outstanding.amount > 0
"""


def _bills(account: BankAccount, by_bill: dict[str, Open]) -> Iterator[Open]:
    """Bills that patients owe, those of days that are not in the books yet too. Billing records their payment."""
    for bill, amount, day, number, party in _rows(BILLS, account):
        called, item = f"B-{number or 0:06d}", by_bill.get(bill)
        if item:
            yield item._replace(amount=amount, date=day, document=called)
        else:
            yield Open(amount, day, None, called, party, None, None, bill, kind=Kind.TRANSIT.value)


# Booked, and on its way ----------------------------------------------------------------------------------------------


class _Booked(NamedTuple):
    open: Open
    purpose: str
    day: str | None

    def with_left(self, left: dict[str, int]) -> "_Booked":
        """With what is left of its day, of which an earlier revision or single payments may have been cleared."""
        amount = left.get(str(self.open.entry_line), self.open.amount)
        return self if amount == self.open.amount else self._replace(open=self.open._replace(amount=amount))


BOOKED = """
SELECT line.id::text, line.account_id::text, account.purpose, line.date,
       ((line.debit - line.credit - coalesce(cleared.cleared, 0)) * 10000)::bigint, line.currency,
       (line.amount_currency * 10000)::bigint, ((line.debit - line.credit) * 10000)::bigint,
       entry.reference, CASE WHEN account.purpose = ANY(%(in_transit)s) THEN '' ELSE entry.memo || ' ' || line.memo END,
       close.clinic_day_id::text, remittance.reference, payer.party_id::text, other.iban,
       CASE WHEN account.purpose = 'deposit_in_transit' THEN (
           SELECT string_agg(reference, ' ') FROM billing_cashmovement
           WHERE clinic_day_id = close.clinic_day_id AND kind = 'DEPOSIT'
       ) END
FROM ledger_journalline line
JOIN ledger_account account ON account.id = line.account_id
JOIN ledger_journalentry entry ON entry.id = line.entry_id
LEFT JOIN reconciliation_clearedline cleared ON cleared.entry_line_id = line.id
LEFT JOIN billing_endofdayreconciliation close ON entry.source_type = 'day_close' AND close.id = entry.source_id
LEFT JOIN billing_remittance remittance ON entry.source_type = 'remittance' AND remittance.id = entry.source_id
LEFT JOIN billing_payer payer ON payer.id = remittance.payer_id
LEFT JOIN reconciliation_bankaccount other ON account.purpose = %(own_transfers)s
    AND other.journal_id = entry.journal_id
WHERE line.date BETWEEN %(since)s AND %(until)s AND line.debit - line.credit <> coalesce(cleared.cleared, 0)
  AND account.administration_id = %(administration)s
  AND (account.id = %(own)s AND account.purpose <> ALL(%(in_transit)s) AND entry.source_type <> ALL(%(no_movement)s)
       OR account.purpose = ANY(%(in_transit)s) AND entry.source_type <> ALL(%(no_movement)s)
       OR account.purpose = %(own_transfers)s AND entry.journal_id <> %(journal)s)
  AND entry.reverses_id IS NULL
  AND NOT EXISTS (SELECT FROM ledger_journalentry reversal WHERE reversal.reverses_id = entry.id)
ORDER BY line.date, entry.id, line.position
"""


def _booked(account: BankAccount, since: datetime.date, until: datetime.date) -> list[_Booked]:
    """Lines of the ledger that no bank line cleared: on the account itself, in transit, from other accounts of ours."""
    rows = _rows(
        BOOKED,
        account,
        own=account.account_id,
        journal=account.journal_id,
        in_transit=list(IN_TRANSIT),
        own_transfers=OWN_TRANSFERS,
        no_movement=NO_MOVEMENT,
        since=since,
        until=until,
    )
    in_books = account.currency == account.administration.currency
    booked = [one for row in rows if (one := _as_booked(row, account, in_books))]
    of_days = [one.open.entry_line for one in booked if one.day and one.open.entry_line]
    left = left_to_clear(JournalLine.objects.filter(pk__in=of_days)) if of_days else {}
    of_the_day = {str(line): units(amount) for line, amount in left.items()}
    return [one.with_left(of_the_day) for one in booked if of_the_day.get(str(one.open.entry_line)) != 0]


def _as_booked(row: tuple[Any, ...], account: BankAccount, in_books: bool) -> _Booked | None:
    line, on, purpose, day, left, currency, foreign, whole, reference, memo, clinic_day, advice, payer, iban, bags = row
    if currency and currency == account.currency:
        left = foreign if left == whole else round(foreign * left / whole)
    elif not in_books:
        return None
    kind = Kind.BOOKED if on == str(account.account_id) else Kind.TRANSFER if purpose == OWN_TRANSFERS else Kind.TRANSIT
    return _Booked(
        Open(
            left,
            day,
            None,
            advice or reference or "",
            payer,
            line,
            None,
            kind=kind.value,
            account=on,
            further=" ".join(filter(None, (memo, bags))),
            iban=iban or "",
        ),
        purpose,
        clinic_day,
    )


PAYMENTS = """
SELECT payment.id::text, (payment.amount * 10000)::bigint, day.date, payment.reference, payment.number, bill.number,
       patient.party_id::text, day.id::text, day.is_finalized,
       (SELECT id::text FROM ledger_account WHERE administration_id = %(administration)s AND purpose = %(transfers)s)
FROM billing_payment payment
JOIN billing_clinicday day ON day.id = payment.clinic_day_id
JOIN billing_bill bill ON bill.id = payment.bill_id
JOIN billing_patient patient ON patient.id = bill.patient_id
WHERE day.administration_id = %(administration)s AND day.date BETWEEN %(since)s AND %(until)s
  AND payment.method = 'TRANSFER'
  AND NOT EXISTS (SELECT FROM reconciliation_match match WHERE match.payment_id = payment.id AND match.active)
"""


def _payments(
    account: BankAccount, booked: Sequence[_Booked], since: datetime.date, until: datetime.date
) -> tuple[list[Open], set[str | None]]:
    """Transfers that the desk recorded and no bank line brought yet, and the lines of the books that they are in: those
    of their days, which are no candidates beside them, being the same money."""
    lines: defaultdict[str, list[Open]] = defaultdict(list)
    for row in booked:
        if row.purpose == TRANSFERS and row.day:
            lines[row.day].append(row.open)
    found: list[Open] = []
    for key, amount, on, reference, number, bill, party, day, finalized, transit in _rows(
        PAYMENTS, account, transfers=TRANSFERS, since=since, until=until
    ):
        if finalized and day not in lines:  # somebody cleared the day as a whole
            continue
        within = (line for line in lines.get(day, ()) if 0 < amount <= line.amount or 0 > amount >= line.amount)
        line = next(within, None)
        receipt = f"R-{number or 0:06d}"
        found.append(
            Open(
                amount,
                on,
                None,
                reference or receipt,
                party,
                line and line.entry_line,
                None,
                kind=Kind.TRANSIT.value,
                account=transit,
                payment=key,
                further=f"{receipt} B-{bill or 0:06d}",
            )
        )
    return found, {one.entry_line for one in found} - {None}


# From one account of our own to another ------------------------------------------------------------------------------

OTHERS = """
SELECT line.id::text, (-line.residual * 10000)::bigint, line.date, other.iban
FROM reconciliation_bankaccount other
JOIN reconciliation_statementline line ON line.bank_account_id = other.id
WHERE other.administration_id = %(administration)s AND other.id <> %(bank_account)s AND other.currency = %(currency)s
  AND line.residual <> 0 AND line.date BETWEEN %(since)s AND %(until)s AND -line.residual = ANY(%(amounts)s::numeric[])
"""


def _transfers(
    account: BankAccount, lines: Sequence[StatementLine], first: datetime.date, last: datetime.date
) -> Iterator[Open]:
    """Lines of other accounts of ours by which the same amount went the other way."""
    amounts = list({line.residual for line in lines})
    rows = _rows(OTHERS, account, since=first - BETWEEN_ACCOUNTS, until=last + BETWEEN_ACCOUNTS, amounts=amounts)
    for line, amount, day, iban in rows:
        kind = Kind.TRANSFER.value
        yield Open(amount, day, None, "", None, None, None, kind=kind, other_line=line, iban=iban)
