"""hledger, when it is on this machine (Debian has it), on the same entries written as its journal."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from bench.books.generating import CUT, cents, entries
from bench.peers import Missing


@contextmanager
def hledger(size: int) -> Iterator["Hledger"]:
    """hledger with a journal file of ``size`` entries, until the end of the block. Raises Missing."""
    program = shutil.which("hledger")
    if program is None:
        raise Missing("hledger is not installed (apt install hledger)")
    with tempfile.NamedTemporaryFile("w", suffix=".journal") as journal:
        for entry in entries(size):
            lines = "".join(f"  {line.account}  EUR {cents(line.debit - line.credit)}\n" for line in entry.lines)
            journal.write(f"{entry.date} * Document {entry.number}\n{lines}\n")
        journal.flush()
        yield Hledger(program, journal.name)


class Hledger:
    def __init__(self, program: str, journal: str) -> None:
        until = str(CUT + timedelta(days=1))  # exclusive
        self.command = [program, "-f", journal, "balance", "--flat", "-N", "-e", until, "--layout=bare"]
        self.answer = ""

    def milliseconds(self) -> float:
        """How long it takes to read the journal and to say the balance of every account."""
        began = time.perf_counter()
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(self.command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        self.answer = done.stdout
        return (time.perf_counter() - began) * 1000

    def balances(self) -> dict[str, Decimal]:
        """What it said, by the code of the account; those at zero are left out."""
        rows = (line.split() for line in self.answer.splitlines())
        return {row[-1]: Decimal(row[0]) for row in rows}
