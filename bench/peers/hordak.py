"""django-hordak, in a virtual environment under var/peers, on the same server and the same entries."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from apps.core.management.commands.create_roles import create_database
from bench.books.loading import OWNER, OWNER_URL, UNFINISHED, as_owner, copied, forget
from bench.peers import Missing
from tools.servers import ROOT

VERSION = "2.0.0"
PACKAGES = (f"django-hordak=={VERSION}", "django>=5.2,<5.3", "psycopg[binary]")
PLACE = ROOT / "var" / "peers" / f"hordak-{VERSION}"


@contextmanager
def hordak(size: int) -> Iterator["Hordak"]:
    """hordak with ``size`` entries in a database of its own, until the end of the block. Raises Missing."""
    install()
    name = f"bench_hordak_{size}_{VERSION.replace('.', '_')}"
    with as_owner("postgres") as own:
        known = own.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            forget(UNFINISHED)
            create_database(own, UNFINISHED, OWNER)
            print(f"loading {size} entries into hordak, once", file=sys.stderr)
            Hordak(UNFINISHED).ask("load", size)
            own.execute(f"ALTER DATABASE {UNFINISHED} RENAME TO {name}")
    with copied(name, f"bench_hordak_copy_{os.getpid()}") as copy:
        yield Hordak(copy)


class Hordak:
    def __init__(self, database: str) -> None:
        self.url = urlsplit(OWNER_URL)._replace(path=f"/{database}").geturl()

    def ask(self, *words: object) -> Any:
        """What its program answers to ``words``."""
        command = [PLACE / "bin" / "python", "-m", "bench.peers.hordak_program", *words]
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url}
        answer = subprocess.run(
            [str(word) for word in command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(answer.stdout)


def install() -> None:
    """Make the environment, once. Raises Missing."""
    if (PLACE / "complete").exists():
        return
    python = PLACE / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", "--clear", PLACE],
        [python, "-m", "pip", "install", "-q", *PACKAGES],
    ):
        made = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if made.returncode:
            raise Missing(f"{' '.join(PACKAGES)} cannot be installed: {made.stderr.strip().splitlines()[-1:]}")
    (PLACE / "complete").touch()
