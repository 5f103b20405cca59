"""Exactly as many calls pass as a limit says, whoever asks, from wherever, and whatever they write in a header."""

import http.client
import json
import socket
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from django.http import HttpResponse
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.decorators import action, api_view
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.core.api import ScopedViewSet
from apps.core.errors import RateLimitExceeded, RateLimitsUnavailable
from apps.core.models import Administration, Membership
from apps.core.permissions import Act
from apps.core.rate_limits import LIMITS, SLIDING_WINDOW, Limit, client_address, hold, limited
from apps.core.sign_in import refresh_token
from apps.core.tests.factories import AdministrationFactory, UserFactory, member
from config import urls as site_urls
from tools.servers import free_port

SHARED = Path(__file__).parents[4] / "shared"
PASSWORD = "open-sesame-1"
TOKEN, ME = "/api/v1/auth/token", "/api/v1/auth/me"


@pytest.fixture
def short(monkeypatch):
    """A limit that a test can wait for."""
    limit = Limit("short", 3, 2)
    monkeypatch.setitem(LIMITS, "short", limit)
    return limit


def refused(answer):
    said = answer.json()
    assert set(said) == {"detail"}
    return answer.status_code, said["detail"]["code"]


# The registry --------------------------------------------------------------------------------------------------------


def shared(name):
    file = next(SHARED.glob(name), None)
    if file is None:
        reason = f"THE FIGURES OF THE RATE LIMITS WERE NOT CHECKED: {SHARED / name} is not here"
        warnings.warn(reason, stacklevel=1)  # said at the end of the run, also with -q
        pytest.skip(reason)
    return file.read_text()


def test_every_figure_of_the_contract_is_in_the_registry():
    ours = {"finalize": "period_finalize", "reprocess": "document_reprocess"}
    named = 0
    for area, part in yaml.safe_load(shared("contract/api.yaml")).items():
        for operation in part["operations"]:
            if "rate" in operation:
                limit = LIMITS[ours.get(operation["op"], operation["op"])]
                assert f"{limit.calls}/{limit.seconds}" == operation["rate"], operation["op"]
                assert limit.per == ("address" if area == "auth" else "user_and_administration"), operation["op"]
                named += 1
    assert named >= 13


def test_every_figure_of_the_table_of_safeguards_is_in_the_registry():
    lines = shared("seeds/004*.txt").splitlines()
    start = lines.index("| Operation | Limit | Window |") + 2
    for line in lines[start : start + 5]:
        operation, calls, seconds = (cell.strip(" `").split()[0] for cell in line.strip("|").split("|"))
        limit = LIMITS["vat_return" if operation == "vat_report" else operation]
        assert (limit.calls, limit.seconds) == (int(calls), int(seconds)), operation


def test_what_guards_a_door_refuses_while_nobody_counts():
    doors = {name for name, limit in LIMITS.items() if limit.per != "user_and_administration"}
    assert {LIMITS[name].when_broken for name in doors} == {"refuse"}
    assert LIMITS["vat_return"].when_broken == "admit"


# Counting ------------------------------------------------------------------------------------------------------------

CLOCK = "redis.call('TIME')"
MINUTE = 60


@given(
    calls=st.integers(1, 6),
    seconds=st.integers(MINUTE, 10 * MINUTE),
    pauses=st.lists(st.one_of(st.integers(0, 5_000_000), st.integers(0, 700_000_000)), max_size=40),
)
@example(calls=1, seconds=MINUTE, pauses=[MINUTE * 1_000_000 - 1, 0, 1, 0, MINUTE * 1_000_000])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_window_never_more_than_the_limit_passes_and_never_fewer(broker, calls, seconds, pauses):
    """The script against the definition. Only the clock is ours: microseconds that hypothesis chooses."""
    assert SLIDING_WINDOW.count(CLOCK) == 1
    script = SLIDING_WINDOW.replace(CLOCK, "{ARGV[3], ARGV[4]}")
    broker.delete("rate:property")
    window, now, passed = seconds * 1_000_000, 1_790_000_000_000_000, []
    for pause in (0, *pauses):
        now += pause
        recent = [moment for moment in passed if moment > now - window]
        wait = broker.eval(script, 1, "rate:property", calls, seconds, *divmod(now, 1_000_000))
        assert (wait == 0) == (len(recent) < calls)
        if wait == 0:
            passed.append(now)
        else:
            assert now + wait * 1_000_000 >= recent[0] + window > now + (wait - 1) * 1_000_000
    for first, beyond in zip(passed, passed[calls:], strict=False):
        assert beyond - first >= window


def test_parallel_calls_pass_exactly_as_often_as_the_limit_says(short):
    def call(_):
        try:
            hold("short", key="one")
        except RateLimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(call, range(100))) == short.calls


def test_after_the_seconds_that_it_says_the_next_call_passes_and_a_second_sooner_it_does_not(short):
    hold("short", key="one")
    time.sleep(0.5)
    hold("short", key="one")
    hold("short", key="one")
    with pytest.raises(RateLimitExceeded) as refusal:
        hold("short", key="one")
    assert refusal.value.facts == {"retry_after": 2}  # 1.5 seconds, in whole ones
    time.sleep(1)
    with pytest.raises(RateLimitExceeded) as refusal:  # and being refused did not prolong the wait
        hold("short", key="one")
    assert refusal.value.headers() == {"Retry-After": "1"}
    time.sleep(1)
    hold("short", key="one")


def test_each_key_and_each_limit_counts_by_itself(short, monkeypatch):
    monkeypatch.setitem(LIMITS, "other", Limit("other", 3, 2))
    for name, key in [("short", "one"), ("short", "two"), ("other", "one")]:
        for _ in range(3):
            hold(name, key=key)


def test_a_key_holds_neither_address_nor_e_mail_and_ends_by_itself(broker, short):
    hold("short", key="els@clinic.example")
    (key,) = broker.keys("rate:*")
    assert b"els" not in key
    assert b"clinic" not in key
    assert 0 < broker.ttl(key) <= short.seconds


def test_a_connection_that_broke_meanwhile_is_replaced(broker, short):
    hold("short", key="one")
    broker.client_kill_filter(_type="normal", skipme=True)
    hold("short", key="one")


# Who is calling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "counted"),
    [
        (0, None, "192.0.2.1", "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.7", "192.0.2.1", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "192.0.2.1", "198.51.100.7"),
        (1, " 203.0.113.9 ,198.51.100.7 ", "192.0.2.1", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.1", "192.0.2.1", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1", "192.0.2.1"),  # fewer than our proxies would have written
        (1, None, "192.0.2.1", "192.0.2.1"),
        (1, "", "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.7, nonsense", "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.7,", "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.7:4711", "192.0.2.1", "192.0.2.1"),
        (-1, "198.51.100.7", "192.0.2.1", "192.0.2.1"),
        (0, None, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (0, None, "2001:DB8:1:2:ffff::1", "2001:db8:1:2::/64"),
        (0, None, "::1", "::/64"),
        (0, None, "fe80::1%eth0", "fe80::/64"),
        (0, None, "::ffff:192.0.2.1", "192.0.2.1"),
        (1, "::ffff:198.51.100.7", "192.0.2.1", "198.51.100.7"),
        (0, None, "", ""),  # a socket of the file system
    ],
)
def test_an_address_is_what_our_own_proxies_saw(rf, settings, proxies, forwarded, remote, counted):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_address(rf.get("/", headers=headers, REMOTE_ADDR=remote)) == counted


# Doors ---------------------------------------------------------------------------------------------------------------


class Periods(ScopedViewSet):
    queryset = Administration.objects.all()
    acts = {"*": Act.MANAGE_SETTINGS}

    def look(self, request, **named):
        return Response({})

    @action(detail=False, methods=["post"], limit="short")
    def finalize(self, request, **named):
        return Response({})


@limited("short")
@api_view(["GET"])
def reading(request):
    """Read."""
    return Response({})


@limited("short", methods=["POST"])
def page(request, **named):
    return HttpResponse("seen")


class urlconf:
    handler404 = staticmethod(site_urls.handler404)
    handler500 = staticmethod(site_urls.handler500)
    urlpatterns = [
        path("api/clients/<str:client_id>/finalize/", Periods.as_view({"post": "finalize"}, **Periods.finalize.kwargs)),
        path("api/clients/<str:client_id>/", Periods.as_view({"get": "look"}, detail=False)),
        path("api/reading/", reading),
        path("page/", page),
        path("", include(site_urls.urlpatterns)),
    ]


@pytest.fixture
def addresses(settings, short):
    settings.ROOT_URLCONF = urlconf


@pytest.fixture
def owner(db):
    return member(AdministrationFactory(), Membership.Role.OWNER)


@pytest.fixture
def other(owner):
    """Another administration of the owner."""
    administration = AdministrationFactory()
    administration.memberships.create(user=owner, role=Membership.Role.OWNER)
    return administration


def client_of(person):
    client = APIClient()
    client.force_authenticate(person)
    return client


def test_an_action_counts_by_user_and_administration_however_the_id_is_spelled(addresses, owner, other):
    mine = owner.memberships.exclude(administration=other).get().administration_id
    client = client_of(owner)
    spellings = (str(mine), str(mine).upper(), mine.hex, f"{{{mine}}}")
    answers = [client.post(f"/api/clients/{spelled}/finalize/") for spelled in spellings]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(answers[-1]) == (429, "RATE_LIMIT_EXCEEDED")
    assert answers[-1]["Retry-After"] == str(answers[-1].json()["detail"]["retry_after"]) == "2"

    assert client.post(f"/api/clients/{other.pk}/finalize/").status_code == 200
    colleague = client_of(member(other, Membership.Role.OWNER))
    assert colleague.post(f"/api/clients/{mine}/finalize/").status_code == 200
    assert client.get(f"/api/clients/{mine}/").status_code == 200  # another action has no limit


def test_whoever_may_not_call_is_not_counted(addresses, owner, broker):
    for outside in (APIClient(), client_of(member(AdministrationFactory(), Membership.Role.CASHIER))):
        assert outside.post("/api/clients/1/finalize/").status_code in (401, 403)
    assert broker.keys("rate:*") == []


def test_a_page_says_a_refusal_in_words_and_when_to_come_again(addresses, client, db):
    answers = [client.post("/page/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Too many requests" in answers[-1].content.decode()
    assert answers[-1]["Retry-After"] == "2"
    assert client.get("/page/").status_code == 200


def test_only_a_limited_operation_documents_a_429(addresses):
    paths = SchemaGenerator(urlconf=urlconf).get_schema(request=None, public=True)["paths"]
    codes = {
        f"{method} {path}": {"429", "503"} & set(operation["responses"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    }
    codes = {where: answers for where, answers in codes.items() if "429" in answers}
    limited = {"post /api/clients/{client_id}/finalize/", "get /api/reading/", "get /api/v1/auth/verify-email/"}
    posts = ("register", "resend-verification", "token", "forgot-password", "reset-password")
    limited |= {f"post /api/v1/auth/{name}/" for name in posts}
    of_period = "/api/v1/accountant/clients/{client_id}/periods/{period_id}/"
    limited |= {f"post {of_period}finalize/", f"post {of_period}evidence-pack/"}
    # These answer while the broker is away.
    lenient = {f"get {of_period}reports/vat/", "post /api/v1/accountant/clients/{client_id}/journal/recalculate/"}
    assert codes == {**{where: {"429", "503"} for where in limited}, **{where: {"429"} for where in lenient}}


# Signing in ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def _fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def els(db, _fast_passwords):
    return UserFactory(email="els@clinic.example", password=PASSWORD, is_superuser=True)


def sign_in(client, password=PASSWORD, email="els@clinic.example", **from_where):
    form = urlencode({"username": email, "password": password})
    return client.post(TOKEN, form, content_type="application/x-www-form-urlencoded", **from_where)


def sign_in_page(client, password=PASSWORD, **from_where):
    form = {"username": "els@clinic.example", "password": password}
    return client.post("/admin/login/?next=/admin/", form, **from_where)


def test_the_page_and_the_api_count_sign_ins_together(client, els):
    for _ in range(5):
        assert sign_in(APIClient(), "guess").status_code == 401
        assert sign_in_page(client, "guess").status_code == 401
    assert refused(sign_in(APIClient())) == (429, "RATE_LIMIT_EXCEEDED")
    answer = sign_in_page(client)
    assert answer.status_code == 429
    assert 50 < int(answer["Retry-After"]) <= 60
    assert "Too many requests; wait" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/login/").status_code == 200  # to look is not an attempt


def test_who_is_signed_in_and_signs_in_too_often_reads_it_on_a_page(client, els):
    client.force_login(els)
    answers = [sign_in_page(client) for _ in range(11)]
    assert Counter(answer.status_code for answer in answers) == {302: 10, 429: 1}
    assert "Too many requests" in answers[-1].content.decode()


def test_an_account_is_guarded_from_many_addresses_together(client, els, monkeypatch):
    monkeypatch.setitem(LIMITS, "sign_in_account", Limit("sign_in_account", 4, 3600, per="account"))
    for number in range(2):
        assert sign_in(APIClient(), "guess", REMOTE_ADDR=f"192.0.2.{number}").status_code == 401
        assert sign_in_page(client, "guess", REMOTE_ADDR=f"198.51.100.{number}").status_code == 401
    assert refused(sign_in(APIClient(), REMOTE_ADDR="203.0.113.1")) == (429, "RATE_LIMIT_EXCEEDED")
    assert sign_in_page(client, REMOTE_ADDR="203.0.113.2").status_code == 429
    assert refused(sign_in(APIClient(), email="ELS@clinic.example")) == (429, "RATE_LIMIT_EXCEEDED")


def test_an_account_takes_a_hundred_attempts_an_hour(els):
    for _ in range(100):
        hold("sign_in_account", key=els.email)
    with pytest.raises(RateLimitExceeded) as refusal:
        hold("sign_in_account", key=els.email)
    assert 3500 < refusal.value.facts["retry_after"] <= 3600


# A broker that does not answer ---------------------------------------------------------------------------------------


@pytest.fixture
def closed_port():
    return free_port()


@pytest.fixture
def silent_port():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture(params=["closed_port", "silent_port"])
def broken_broker(request, settings):
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{request.getfixturevalue(request.param)}/0"


def test_without_a_broker_nobody_signs_in_and_the_signed_in_go_on(broken_broker, client, els):
    began = time.monotonic()
    answer = sign_in(APIClient())
    assert time.monotonic() - began < 2.5
    assert refused(answer) == (503, "RATE_LIMITS_UNAVAILABLE")
    assert answer["Retry-After"] == "10"

    answer = sign_in_page(client)
    assert answer.status_code == 503
    assert "cannot be counted" in answer.content.decode()
    assert "_auth_user_id" not in client.session

    with_token = APIClient(headers={"Authorization": f"Bearer {refresh_token(els).access_token}"})
    assert with_token.get(ME).status_code == 200


@pytest.mark.usefixtures("broken_broker")
def test_without_a_broker_reading_is_admitted_and_what_cannot_be_taken_back_is_not():
    hold("vat_return", key="one")
    with pytest.raises(RateLimitsUnavailable):
        hold("bulk_post", key="one")


# The whole site: two processes with four threads each ----------------------------------------------------------------


@pytest.fixture
def trusted_proxies():
    return "0"


@pytest.fixture
def process_env(process_env, trusted_proxies):
    return process_env | {"TRUSTED_PROXIES": trusted_proxies}


@pytest.fixture
def signed_up(committed):
    return UserFactory(email="els@clinic.example", password=PASSWORD)


def two_hundred(site, forwarded=lambda number: {}):
    """200 sign-ins with the right password, let go at once: (status, headers, body) of each."""
    ready = threading.Barrier(200)
    body = urlencode({"username": "els@clinic.example", "password": PASSWORD})

    def attempt(number):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | forwarded(number)
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        ready.wait(60)
        connection.request("POST", TOKEN, body, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, answer.headers, said

    with ThreadPoolExecutor(200) as threads:
        return list(threads.map(attempt, range(200)))


def forged(number):
    return {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.{number}"}


@pytest.mark.parametrize("headers", [lambda number: {}, forged], ids=["plain", "forged"])
def test_of_200_parallel_sign_ins_from_one_address_exactly_10_pass(signed_up, site, headers):
    answers = two_hundred(site, headers)
    assert Counter(status for status, _, _ in answers) == {200: 10, 429: 190}
    for status, head, said in answers:
        if status == 429:
            assert set(said) == {"detail"}
            assert said["detail"]["code"] == "RATE_LIMIT_EXCEEDED"
            assert head["Retry-After"] == str(said["detail"]["retry_after"])
            assert 1 <= int(head["Retry-After"]) <= 60


@pytest.mark.parametrize("trusted_proxies", ["1"])
def test_behind_a_proxy_the_address_that_it_saw_counts_and_not_what_the_caller_wrote(signed_up, site):
    answers = two_hundred(site, lambda number: {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.{number % 2}"})
    assert Counter(status for status, _, _ in answers) == {200: 20, 429: 180}
