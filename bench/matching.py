"""What bank lines are: 10,000 of them over 100,000 open invoices (``SIZE=`` says how many invoices; a tenth are lines).

Amounts come in groups of ten; references are cut or misspelt, fees kept, several invoices paid at once; some lines pay
nothing that is open, of the same amounts. See bench/bank/generating.py, which knows nothing of how lines are read.

matching.candidates   every line read, its candidates scored with reasons and rivals; limit: one SQL statement that
                      joins the open items of each line's amount and takes the name that is most similar (pg_trgm)
matching.precision    of what would be matched by itself, the share that is what was paid; limit: all
matching.recall       of lines that pay one invoice whole, with its number intact or from the payer's known account
                      where no other invoice of theirs has the amount: the share that is matched by itself, and rightly
"""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402

from apps.ledger.models import OpenItem  # noqa: E402
from apps.reconciliation.models import BankAccount, StatementLine  # noqa: E402
from apps.reconciliation.reports.candidates import Candidates, applied_by_itself, candidates_for  # noqa: E402
from bench import SIZE, end, figure, in_turn, milliseconds  # noqa: E402
from bench.bank import generating  # noqa: E402
from bench.bank.loading import bank, key_of  # noqa: E402

DOCUMENTS = int(SIZE or 100_000)
LINES = DOCUMENTS // 10

# Amount first, then the best name.
BARE = """
WITH open AS (
    SELECT item.id, item.party_id, item.amount - coalesce(taken.amount, 0) + coalesce(given.amount, 0) AS open
    FROM ledger_openitem item
    LEFT JOIN (SELECT debit_id, sum(amount) AS amount FROM ledger_allocation
               WHERE administration_id = %(administration)s GROUP BY 1) taken ON taken.debit_id = item.id
    LEFT JOIN (SELECT credit_id, sum(amount) AS amount FROM ledger_allocation
               WHERE administration_id = %(administration)s GROUP BY 1) given ON given.credit_id = item.id
    WHERE item.administration_id = %(administration)s
      AND item.amount - coalesce(taken.amount, 0) + coalesce(given.amount, 0) <> 0
)
SELECT DISTINCT ON (line.id) line.id, open.id, similarity(line.counterparty_name, party.name)
FROM reconciliation_statementline line
JOIN open ON open.open = line.residual
JOIN ledger_party party ON party.id = open.party_id
WHERE line.bank_account_id = %(account)s AND line.residual <> 0
ORDER BY line.id, similarity(line.counterparty_name, party.name) DESC
"""


def main() -> None:
    with bank(DOCUMENTS, LINES) as account:
        times = in_turn(
            3,
            ours=lambda: milliseconds(lambda: found(account), runs=3, warm=1),
            limit=lambda: milliseconds(lambda: bare(account), runs=3, warm=1),
        )
        figure("matching.candidates", times["ours"], times["limit"], "ms", "lower", 4.0, lines=LINES)
        judge(account)
    end()


def found(account: BankAccount) -> dict[UUID, Candidates]:
    return candidates_for(list(StatementLine.objects.filter(bank_account=account).open().in_order()))


def bare(account: BankAccount) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    facts = {"administration": account.administration_id, "account": account.pk}
    with psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(BARE, facts, prepare=True).fetchall()


def judge(account: BankAccount) -> None:
    everybody = generating.parties()
    documents = generating.documents(DOCUMENTS, everybody)
    truth = {str(line.number): line for line in generating.lines(LINES, documents, everybody)}
    rows = StatementLine.objects.filter(bank_account=account).in_order()
    numbers = {key_of(one.number): one.number for one in documents}
    items = {pk: numbers[key] for pk, key in OpenItem.objects.values_list("pk", "document_id") if key}
    by_line = found(account)
    left = {pk: item.open for pk, item in OpenItem.objects.as_of().in_bulk().items()}
    applied: dict[int, set[int]] = {}
    for pk, fingerprint in rows.values_list("pk", "fingerprint"):
        chosen = applied_by_itself(by_line[pk])
        # One after the other, as they are matched: of what a line took, nothing is left for the next.
        paid = [(one.open_item, one.amount) for one in chosen if one.open_item]
        if chosen and all(abs(amount) <= abs(left[item]) for item, amount in paid):
            for item, amount in paid:
                left[item] -= amount
            applied[truth[fingerprint].number] = {items[item] for item, _amount in paid}
    lines = {line.number: line for line in truth.values()}
    right = sum(set(lines[number].pays) == those for number, those in applied.items())
    figure(
        "matching.precision",
        right / len(applied),
        1.0,
        "share",
        "higher",
        1.0,
        applied=len(applied),
        wrong=len(applied) - right,
    )
    told = identified(list(lines.values()), documents)
    caught = sum(applied.get(line.number) == set(line.pays) for line in told)
    figure("matching.recall", caught / len(told), 1.0, "share", "higher", 0.95, lines=len(told))


def identified(lines: Sequence[generating.Line], documents: Sequence[generating.Document]) -> list[generating.Line]:
    """Lines of which a careful reader would say at once what they pay."""
    alike = Counter((one.party.number, one.cents) for one in documents if not one.is_settled)
    known = []
    for line in lines:
        if line.is_whole:
            document = documents[line.pays[0]]
            by_account = line.is_own_account and document.party.is_known_by_iban
            if line.states in ("INTACT", "STRUCTURED") or (
                by_account and alike[document.party.number, line.cents] == 1
            ):
                known.append(line)
    return known


if __name__ == "__main__":
    main()
