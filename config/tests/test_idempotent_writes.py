"""Keys over the wire: real gunicorn, many connections, one effect for each key, also when workers are killed.

The witness is a note added to a day close: it is not idempotent by itself, so whatever ran twice is seen.
"""

import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import psutil
import pytest

from apps.billing.models import CloseNote
from apps.billing.tests.clinic import make_clinic
from apps.core.idempotency import Idempotent
from apps.core.models import Event, IdempotentRequest
from apps.core.sign_in import refresh_token
from config.tests.test_permission_matrix import ALL

KEYS = int(os.environ.get("DAYBOOK_KEYS", "200"))  # 1000 for the figure in the changelog
CLOSES = 20
CONNECTIONS = 15

# Writes over HTTP that need no key: they write no money, and signing in keeps no answer that holds a token. A message
# of the payment provider is its own key: the same bytes are taken once.
WRITES = {"post", "put", "patch", "delete"}
WITHOUT_KEY = ("api/v1/auth/", "api/v1/billing/paystack/webhook/")


def test_every_write_of_the_api_takes_a_key():
    for route, pattern in ALL.items():
        view = getattr(pattern.callback, "cls", None)
        if view is None or not route.startswith("api/") or route.startswith(WITHOUT_KEY):
            continue
        methods = getattr(pattern.callback, "actions", None) or [name for name in WRITES if hasattr(view, name)]
        if set(methods) & WRITES:
            assert issubclass(view, Idempotent), f"{route} writes without a key: its view lacks Idempotent"


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes
    replayed: bool

    @property
    def code(self):
        return json.loads(self.body)["detail"]["code"]


class Client:
    """One connection, kept alive, opened anew when a server died under it."""

    def __init__(self, site, token):
        self.port, self.headers = site.port, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connection = None

    def note(self, close, text, key):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        path = f"/api/v1/billing/reconciliation/{close.pk}/"
        body = json.dumps({"notes": text})
        try:
            self.connection.request("PATCH", path, body, {**self.headers, "Idempotency-Key": key})
            with self.connection.getresponse() as answer:
                kind, replayed = answer.headers["Content-Type"], "Idempotent-Replay" in answer.headers
                return Answer(answer.status, kind, answer.read(), replayed)
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise

    def note_until_answered(self, close, text, key):
        """As a careful client: whatever happens, the same key again, until it is answered."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = self.note(close, text, key)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if answer.status < 500 and answer.status != 409:
                return answer
            time.sleep(0.02)
        pytest.fail(f"{key} was never answered")


@dataclass
class Desk:
    """Somebody with many connections, and the closes of the last days to write notes to."""

    site: object
    token: str
    closes: list

    def close_of(self, number):
        return self.closes[number % len(self.closes)]

    def at_once(self, asked, ask):
        """The answers of ``ask`` for each of ``asked``, over many connections, in the order of ``asked``."""
        own = threading.local()

        def run(one):
            own.client = getattr(own, "client", None) or self.client()
            return ask(own.client, one)

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return list(threads.map(run, asked))

    def client(self):
        return Client(self.site, self.token)


@pytest.fixture
def desk(committed, site):
    clinic = make_clinic()
    closes = [clinic.close(clinic.today - timedelta(days=back)) for back in range(CLOSES)]
    token = str(refresh_token(clinic.receptionist).access_token)
    return Desk(site, token, closes)


def workers_of(site):
    return [child for child in psutil.Process(site.pid).children() if child.status() != psutil.STATUS_ZOMBIE]


def test_each_of_many_keys_sent_five_times_at_once_has_one_effect(desk):
    """A tenth of the keys come with another body among the five; whichever body is first, the other is refused."""
    asked = []
    for number in range(KEYS):
        words = [f"note {number}"] * 5
        if number % 10 == 0:
            words[random.randrange(5)] = f"other {number}"
        asked += [(number, text) for text in words]

    def send(client, one):
        number, text = one
        return client.note(desk.close_of(number), text, f"key-{number}")

    began = time.monotonic()
    answers = desk.at_once(asked, send)
    print(f"{len(asked)} requests in {time.monotonic() - began:.1f} s:", Counter(answer.status for answer in answers))

    written = Counter(CloseNote.objects.values_list("text", flat=True))
    assert set(written.values()) == {1}
    assert sorted(text.split()[1] for text in written) == sorted(map(str, range(KEYS)))
    of_key = {}
    for (number, text), answer in zip(asked, answers, strict=True):
        of_key.setdefault(number, []).append((text, answer))
    for number, five in of_key.items():
        (first,) = {text for text, _answer in five if text in written}
        done = [answer for text, answer in five if answer.status == 200]
        assert len({answer[:3] for answer in done}) == 1, number
        assert [answer.replayed for answer in done].count(False) == 1
        for text, answer in five:
            if text != first:
                assert (answer.status, answer.code) == (422, "IDEMPOTENCY_KEY_REUSED")
            elif answer.status != 200:
                assert (answer.status, answer.code) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
    assert IdempotentRequest.objects.filter(status=200).count() == KEYS


def test_a_write_whose_worker_is_killed_in_the_middle_is_undone_and_the_key_does_it_once(
    committed, desk, site, owner_connection
):
    client, close = desk.client(), desk.closes[0]
    with owner_connection.transaction():
        owner_connection.execute("LOCK TABLE core_event IN EXCLUSIVE MODE")  # the note is written, its event waits
        thread = threading.Thread(target=lambda: ended.append(attempt(desk.client(), close)))
        ended: list = []
        thread.start()
        wait_for(lambda: waiting_for_a_lock(owner_connection))
        assert client.note(close, "seen", "key").code == "IDEMPOTENCY_KEY_IN_FLIGHT"
        assert client.note(close, "other", "key").code == "IDEMPOTENCY_KEY_REUSED"
        for worker in workers_of(site):
            worker.send_signal(signal.SIGKILL)
        thread.join()
    assert ended == ["no answer"]
    assert client.note_until_answered(close, "seen", "key").status == 200
    assert client.note(close, "seen", "key").replayed
    assert list(CloseNote.objects.values_list("text", flat=True)) == ["seen"]
    assert Event.objects.filter(name="billing.day_noted").count() == 1


def attempt(client, close):
    try:
        return client.note(close, "seen", "key")
    except (OSError, http.client.HTTPException):
        return "no answer"


def waiting_for_a_lock(own):
    found = own.execute("SELECT 1 FROM pg_locks WHERE relation = 'core_event'::regclass AND NOT granted")
    return found.fetchone()


def wait_for(ready, seconds=20):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_keys_sent_until_they_are_answered_have_one_effect_whichever_worker_is_killed(desk, site):
    ended = threading.Event()
    killed = []

    def kill():
        while not ended.wait(random.uniform(0.3, 0.8)) and len(killed) < 8:
            workers = workers_of(site)
            if workers:
                killed.append(random.choice(workers))
                killed[-1].send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    numbers = range(KEYS)
    try:
        answers = desk.at_once(
            numbers, lambda client, n: client.note_until_answered(desk.close_of(n), str(n), f"key-{n}")
        )
    finally:
        ended.set()
        killer.join()
    assert killed
    assert {answer.status for answer in answers} == {200}
    assert sorted(CloseNote.objects.values_list("text", flat=True)) == sorted(map(str, numbers))
