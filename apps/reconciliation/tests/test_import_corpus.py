"""Real files of banks, imported whole: as many lines as their parser finds, and nothing at the second time."""

import os
import warnings
from pathlib import Path

import pytest

from apps.core.errors import DomainError
from apps.core.money import CURRENCIES
from apps.reconciliation.formats import ParsedLine, StatementBegins, sniffing
from apps.reconciliation.models import BankAccount, Statement, StatementLine
from apps.reconciliation.services.previewing import preview
from apps.reconciliation.tests.files import counts, imported

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or ROOT.parent / "shared" / "corpus")
FORMATS = ("camt", "mt940", "ofx")


def parsed(path):
    """Currency and number of lines of the first account of a file; None for one that its parser refuses, that has no
    line, or whose currency is no more."""
    try:
        with path.open("rb") as file:
            parts = list(sniffing.PARSERS[sniffing.recognised(file)](file))
    except (DomainError, KeyError):
        return None
    begins = [part for part in parts if isinstance(part, StatementBegins)]
    first = next((one for one in begins), None)
    count, of_first = 0, False
    for part in parts:
        if isinstance(part, StatementBegins):
            of_first = first is not None and part.iban == first.iban
        count += isinstance(part, ParsedLine) and of_first
    in_use = first is not None and (first.currency or "EUR") in CURRENCIES  # some are in German marks
    return (first.currency or "EUR", count) if first and in_use and count else None


@pytest.mark.parametrize("folder", FORMATS)
def test_every_real_file_comes_in_whole_and_once(bank, folder):
    paths = sorted((CORPUS / folder).glob("*"))
    if not paths:
        warnings.warn(f"SKIPPED, {CORPUS} is not here: real files were NOT imported", stacklevel=1)
        pytest.skip(f"{CORPUS} is not here: real files were NOT imported")
    came_in = 0
    for number, path in enumerate(paths):
        found = parsed(path)
        if found is None:
            continue
        currency, count = found
        StatementLine.objects.all().delete()
        Statement.objects.all().delete()
        BankAccount.objects.update(iban="", currency=currency, mapping="")
        bank.account.refresh_from_db()
        with path.open("rb") as file:
            shown = preview(file, bank.account, by=bank.accountant)
        assert sum(counts(shown)) == count, path.name
        first = imported(bank, path.read_bytes(), name=f"{number}.{path.suffix.strip('.').lower()}")
        assert counts(first) == counts(shown), path.name
        assert StatementLine.objects.count() == first.statement_import.lines_new, path.name
        again = imported(bank, path.read_bytes(), name=f"{number}.{path.suffix.strip('.').lower()}")
        assert counts(again) == (0, count, 0), path.name
        came_in += 1
    assert came_in >= 8  # the others are no statements, or parts of one
