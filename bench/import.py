"""Bank statements of 100,000 transactions (``SIZE=`` says how many), read, checked and stored, against reading alone.

The account has the statement of the year before, as long. Ours is the importing service, from the stored file to the
commit: each line is held against those that are there and is written under all laws. The limit is what the parser
does alone with the same file. Each import has a fresh copy of the books.

import.camt    CAMT.053: one statement, each entry of one transaction
import.mt940   MT940: a statement for each day
import.memory  by how many MB a process grows that imports either, at most; limit: 100
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import django

UPLOADS = tempfile.TemporaryDirectory(prefix="daybook-bench-")
FOLDER = Path(UPLOADS.name)
os.environ["UPLOADS_ROOT"] = UPLOADS.name
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402

from apps.core.models import Administration, Membership, Upload, User  # noqa: E402
from apps.ledger.services.opening import open_books  # noqa: E402
from apps.reconciliation.formats import ParsedLine, sniffing  # noqa: E402
from apps.reconciliation.models import BankAccount, StatementLine  # noqa: E402
from apps.reconciliation.services.bank_accounts import open_bank_account  # noqa: E402
from apps.reconciliation.services.importing import begin_import, import_statements  # noqa: E402
from bench import SIZE, end, figure, grown, in_turn  # noqa: E402
from bench.books.loading import loaded  # noqa: E402
from bench.statements import IBAN, YEAR, write_camt, write_mt940  # noqa: E402
from tools.servers import ROOT  # noqa: E402

COUNT = int(SIZE or 100_000)
WRITERS = {sniffing.CAMT: write_camt, sniffing.MT940: write_mt940}
MADE_FROM = "".join((ROOT / "bench" / name).read_text() for name in ("import.py", "statements.py"))


def main() -> None:
    for name, write in WRITERS.items():
        write(FOLDER / name, COUNT)
    with books():
        pass  # they are there from now on
    memory = max(grown(lambda: None, partial(imported, name)) for name in WRITERS)
    measured = {f"{side.__name__} {name}": partial(side, name) for name in WRITERS for side in (imported, parsed)}
    rates = in_turn(3, **measured)
    for name in WRITERS:
        figure(f"import.{name}", rates[f"imported {name}"], rates[f"parsed {name}"], "transactions/s", "higher", 0.4)
    figure("import.memory", memory, 100, "MB", "lower", 1.0)
    end()


def imported(name: str) -> float:
    with books() as account:
        began = time.perf_counter()
        take_in(account, name)
        took = time.perf_counter() - began
        assert StatementLine.objects.filter(bank_account=account).count() == 2 * COUNT
    return COUNT / took


def parsed(name: str) -> float:
    began = time.perf_counter()
    with (FOLDER / name).open("rb") as file:
        lines = sum(isinstance(part, ParsedLine) for part in sniffing.PARSERS[name](file))
    took = time.perf_counter() - began
    assert lines == COUNT
    return COUNT / took


@contextmanager
def books() -> Iterator[BankAccount]:
    """A bank account with the statement of the year before."""
    with loaded(f"statements_{COUNT}", MADE_FROM, f"a statement of {COUNT} lines", load):
        yield BankAccount.objects.select_related("administration").get()


def load(own: "psycopg.Connection[Any]") -> None:
    administration = Administration.objects.create(name="Statements", country="NL", currency="EUR")
    open_books(administration, chart="nl")
    accountant = User.objects.create_user("accountant@clinic.example", is_email_verified=True)
    Membership.objects.create(administration=administration, user=accountant, role=Membership.Role.ACCOUNTANT)
    account = open_bank_account(administration, name="Bank", iban=IBAN)
    write_mt940(FOLDER / "before", COUNT, YEAR - 1)
    take_in(account, "before")
    own.execute("VACUUM (ANALYZE, FREEZE)")


def take_in(account: BankAccount, name: str) -> None:
    """Import the stored file ``name``."""
    by = User.objects.get()
    upload = Upload.objects.create(
        administration=account.administration,
        purpose="statement",
        file_name=f"{name}.txt",
        file_type="text/plain",
        file_size=(FOLDER / name).stat().st_size,
        sha256="0" * 64,
        stored_as=name,
        uploaded_by=by,
    )
    import_statements(begin_import(upload, account, by=by), by=by)


if __name__ == "__main__":
    main()
