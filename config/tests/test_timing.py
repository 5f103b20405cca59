"""An address that is known and one that is not are answered equally fast, over real HTTP.

Known and unknown are asked in turn, so that whatever else the machine does falls on both alike; what counts is the
median of the differences within the pairs. ``DAYBOOK_FULL=1`` asks 200 pairs and holds the figure exactly; otherwise 40
are asked, and as much is forgiven as the machine's own noise explains (two standard errors of that median).
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

FULL = os.environ.get("DAYBOOK_FULL") == "1"
PAIRS = 200 if FULL else 40
APART = 0.005  # seconds, at most
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


def pairs(port, path, known, unknown):
    """How long a known address took and how long an unknown one, PAIRS times."""
    took = []
    for n in range(WARM_UP + PAIRS):
        browser = Browser(port, path)
        seconds = {}
        for is_known in (n % 2 == 0, n % 2 == 1):  # which is first changes, too
            seconds[is_known] = browser.seconds(next(known if is_known else unknown))
        took.append((seconds[True], seconds[False]))
        browser.connection.close()
    return took[WARM_UP:]


def noise(differences):
    """The standard error of their median, from the median absolute deviation."""
    middle = statistics.median(differences)
    spread = 1.4826 * statistics.median(abs(one - middle) for one in differences)
    return 1.2533 * spread / len(differences) ** 0.5


@pytest.mark.parametrize("path", ASKED)
def test_a_known_address_takes_as_long_as_an_unknown_one(path, site, known):
    unknown = (f"nobody{n}@clinic.example" for n in itertools.count())
    for _round in range(ROUNDS):
        took = pairs(site.port, path, known, unknown)
        differences = [known - unknown for known, unknown in took]
        apart, error = statistics.median(differences), noise(differences)
        of_known, of_unknown = (1000 * statistics.median(times) for times in zip(*took, strict=True))
        figures = f"{path}: {PAIRS} pairs, known {of_known:.2f} ms, unknown {of_unknown:.2f} ms"
        figures += f", apart {apart * 1000:+.2f} ms, standard error {error * 1000:.2f} ms"
        print(figures)
        if abs(apart) <= APART + (0 if FULL else 2 * error):
            return
    pytest.fail(figures)
