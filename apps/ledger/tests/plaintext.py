"""Books written as hledger and beancount read them: two syntaxes, none of our code in the reading."""

import csv
import os
import subprocess
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

from apps.core.models import Administration
from apps.ledger.models import Account, JournalEntry, JournalLine

ROOTS = {
    Account.Type.ASSET: "Assets",
    Account.Type.LIABILITY: "Liabilities",
    Account.Type.EQUITY: "Equity",
    Account.Type.REVENUE: "Income",
    Account.Type.EXPENSE: "Expenses",
}
Balances = dict[str, Decimal]


def name_of(line: JournalLine) -> str:
    """Such as ``Assets:1310:P-1``: the party of a control account is an account below it."""
    return f"{ROOTS[line.account.type]}:{line.account.code}" + (f":{line.party.code}" if line.party else "")


def balances(administration: Administration, day: date) -> Balances:
    """What our own lines add up to, at the end of ``day``."""
    sums: Balances = {}
    for line in _lines(administration).filter(date__lte=day):
        sums[name_of(line)] = sums.get(name_of(line), Decimal(0)) + line.debit - line.credit
    return {name: amount for name, amount in sums.items() if amount}


def as_hledger(administration: Administration) -> str:
    journal = []
    for entry in _entries(administration):
        journal.append(f"{entry.date} * ({entry}) {_plain(entry.memo)}")
        journal += [f"    {name_of(line)}  EUR {line.debit - line.credit}" for line in entry.lines.all()]
        journal.append("")
    return "\n".join(journal)


def as_beancount(administration: Administration) -> str:
    names = sorted({name_of(line) for line in _lines(administration)})
    ledger = ['option "operating_currency" "EUR"', *(f"1900-01-01 open {name} EUR" for name in names), ""]
    for entry in _entries(administration):
        ledger.append(f'{entry.date} * "{_plain(entry.memo)}" ^{entry}')
        ledger += [f"  {name_of(line)}  {line.debit - line.credit} EUR" for line in entry.lines.all()]
        ledger.append("")
    return "\n".join(ledger)


def read_by_hledger(program: str, journal: Path, day: date) -> Balances:
    until = str(day + timedelta(days=1))  # exclusive
    out = run(program, "-f", str(journal), "balance", "--flat", "-N", "-e", until, "--layout=bare", "-O", "csv")
    return {row["account"]: Decimal(row["balance"]) for row in csv.DictReader(StringIO(out)) if row["commodity"]}


def read_by_beancount(program: str, ledger: Path, day: date) -> Balances:
    out = run(
        program, "-f", "csv", str(ledger), f"SELECT account, sum(number) AS sum WHERE date <= {day} GROUP BY account"
    )
    sums = {row["account"].strip(): Decimal(row["sum"]) for row in csv.DictReader(StringIO(out))}
    return {name: amount for name, amount in sums.items() if amount}


def run(*command: str) -> str:
    """What a program says. Raises CalledProcessError when it refuses, and AssertionError when it complains."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout


def _entries(administration: Administration):
    entries = JournalEntry.objects.filter(administration=administration).posted().order_by("date", "number")
    return entries.select_related("journal").prefetch_related("lines__account", "lines__party")


def _lines(administration: Administration):
    return JournalLine.objects.filter(administration=administration).posted().select_related("account", "party")


def _plain(text: str) -> str:
    return "".join(letter if letter.isalnum() else " " for letter in text)
