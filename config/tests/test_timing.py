"""An address that is known and one that is not are answered equally fast, over real HTTP.

Known and unknown are asked in turn, so that whatever else the machine does falls on both alike; what counts is the
difference of their medians. ``DAYBOOK_FULL=1`` asks 200 pairs instead of 40.
"""

import http.client
import itertools
import os
import statistics
import time
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import make_password

from apps.core.models import User

PAIRS = 200 if os.environ.get("DAYBOOK_FULL") == "1" else 40
APART = 0.005  # seconds between the medians, at most
ROUNDS = 3  # a loaded machine may be unlucky, but not three times
WARM_UP = 4

WRONG = "not-the-password-1"
FORM = "application/x-www-form-urlencoded"

# What is asked about an address -> the fields, the one that holds the address, and the status.
ASKED = {
    "/api/v1/auth/token/": ("username", {"password": WRONG}, 401),
    "/admin/login/": ("username", {"password": WRONG}, 401),
    "/api/v1/auth/forgot-password/": ("email", {}, 200),
    "/api/v1/auth/resend-verification/": ("email", {}, 200),
}


@pytest.fixture
def known(committed):
    """People who can be asked about, each only once: repeated failures would lock them."""
    password = make_password("Right-password-1")
    people = (
        User(email=f"known{n}@clinic.example", password=password, is_email_verified=bool(n % 2)) for n in range(300 * 3)
    )
    return iter([person.email for person in User.objects.bulk_create(people)])


# A pair of requests comes from an address of its own (all of 127/8 is this machine), so that limits per address and
# lockouts stay as in production and play no part.
SOURCES = (f"127.{n // 62500 + 1}.{n // 250 % 250}.{n % 250 + 2}" for n in itertools.count())


class Browser:
    """One connection from one source address, with the token that the page's form asks for."""

    def __init__(self, port, path):
        self.path = path
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(next(SOURCES), 0))
        self.headers = {"Content-Type": FORM if "auth/token" in path or "admin" in path else "application/json"}
        if path.startswith("/admin/"):
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            token = answer.headers["Set-Cookie"].split("csrftoken=")[1].split(";")[0]
            self.token = {"csrfmiddlewaretoken": token}
            self.headers["Cookie"] = f"csrftoken={token}"
            answer.read()

    def seconds(self, email):
        """How long the answer about ``email`` took."""
        name, more, status = ASKED[self.path]
        fields = {name: email, **more, **getattr(self, "token", {})}
        as_json = self.headers["Content-Type"] == "application/json"
        body = f'{{"{name}": "{email}"}}' if as_json else urlencode(fields)
        began = time.perf_counter()
        self.connection.request("POST", self.path, body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        assert answer.status == status
        return took


def medians(port, path, known, unknown):
    """The medians over PAIRS, in seconds: for known addresses and for unknown ones."""
    took = {True: [], False: []}
    for n in range(WARM_UP + PAIRS):
        browser = Browser(port, path)
        for is_known in (n % 2 == 0, n % 2 == 1):  # which is first changes, too
            seconds = browser.seconds(next(known if is_known else unknown))
            if n >= WARM_UP:
                took[is_known].append(seconds)
        browser.connection.close()
    return statistics.median(took[True]), statistics.median(took[False])


@pytest.mark.parametrize("path", ASKED)
def test_a_known_address_takes_as_long_as_an_unknown_one(path, site, known):
    unknown = (f"nobody{n}@clinic.example" for n in itertools.count())
    for _round in range(ROUNDS):
        of_known, of_unknown = medians(site.port, path, known, unknown)
        figures = f"{path}: {PAIRS} pairs, known {of_known * 1000:.2f} ms, unknown {of_unknown * 1000:.2f} ms"
        print(figures)
        if abs(of_known - of_unknown) <= APART:
            return
    pytest.fail(figures)
