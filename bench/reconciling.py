"""A person at the page "What is this line?": a hundred lines in ten minutes, over 20,000 open invoices (``SIZE=``).

reconciling.next    ours: milliseconds until the next line and what it may be stand there; limit: what a person hardly
                    notices, a second
reconciling.match   ours: milliseconds of a match with the next line and its candidates, as the browser asks it; limit:
                    the same second. A hundred of them leave a person more than nine of ten minutes to look
"""

import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from typing import Any  # noqa: E402
from uuid import uuid4  # noqa: E402

from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.core.models import Membership, User  # noqa: E402
from apps.reconciliation.models import BankAccount, Clearing, StatementLine  # noqa: E402
from bench import SIZE, end, figure  # noqa: E402
from bench.bank.loading import bank  # noqa: E402

DOCUMENTS = int(SIZE or 20_000)
LINES = DOCUMENTS // 10
TURNS = 100
NOTICED = 1000  # milliseconds


def main() -> None:
    setup_test_environment()  # pages tell what they show
    with bank(DOCUMENTS, LINES) as account:
        chosen, matched = sat(account)
    facts = {"documents": DOCUMENTS, "lines": LINES, "turns": len(matched)}
    figure("reconciling.next", middle(chosen), NOTICED, "ms", "lower", 1, **facts)
    figure("reconciling.match", middle(matched), NOTICED, "ms", "lower", 1, slowest=round(max(matched)), **facts)
    end()


def sat(account: BankAccount) -> tuple[list[float], list[float]]:
    """How long each of a hundred turns took: going on to a line, and matching one."""
    person = User.objects.create_user(email=f"{uuid4()}@bench.example", password=None, full_name="Accountant")
    Membership.objects.create(administration=account.administration, user=person, role=Membership.Role.ACCOUNTANT)
    browser = Client(headers={"X-Part": "board"})
    browser.force_login(person)
    address = reverse("admin:reconciliation_bankaccount_reconcile", args=[account.pk])
    chosen: list[float] = []
    matched: list[float] = []
    at: dict[str, Any] = {}
    for _ in range(TURNS * 5):
        if len(matched) == TURNS:
            break
        answer = timed(chosen, lambda at=at: browser.get(address, at))
        context = answer.context
        line, choice = context["line"], next((one for one in context["choices"] if not one.why_not), None)
        following = context["listed"].after
        if choice is not None:
            before = Clearing.objects.count()
            body = {"do": "match", "line": str(line.pk), "choice": choice.token, "key": str(uuid4())}
            timed(matched, lambda body=body: browser.post(address, body))
            if Clearing.objects.count() == before:
                matched.pop()  # refused: it wrote nothing
        at = {"line": str(following.pk)} if following else {}
        if not StatementLine.objects.open().exists():
            break
    return chosen, matched


def timed(into: list[float], ask: Any) -> Any:
    began = time.perf_counter()
    answer = ask()
    into.append((time.perf_counter() - began) * 1000)
    assert answer.status_code == 200, answer.content[:500]
    return answer


def middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
