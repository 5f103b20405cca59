"""Every address, every role, a row of one's own, a foreign one and a missing one.

The addresses come from the URL configuration; what is allowed stands here, written by hand. An address that is not
listed fails with its name. Whoever adds an admin page for a model adds a line to MODELS; whoever adds another address
adds one to ADDRESSES (or OPEN, SIGNED_IN) and, for a new model, makes sure that ``fill`` makes a row of it.

Roles by letter: r receptionist, c cashier, m manager, o owner, a accountant, d administrator, s a superuser without
any membership. "Allowed" means that the role is not what says no: an empty form may still be refused as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from uuid_utils.compat import uuid7

from apps.billing.tests.clinic import Clinic, make_clinic
from apps.core.events import record
from apps.core.models import Administration, Delivery, Job, Membership, User
from apps.core.tests.factories import AdministrationFactory, UserFactory, member, operator

LETTERS = {
    "r": Membership.Role.RECEPTIONIST,
    "c": Membership.Role.CASHIER,
    "m": Membership.Role.MANAGER,
    "o": Membership.Role.OWNER,
    "a": Membership.Role.ACCOUNTANT,
    "d": Membership.Role.ADMIN,
}
EVERYBODY = "rcmoads"
CLINIC = "rcmoa"  # whoever reads what happens in the clinic
DESK = "rcmo"  # whoever works at the desk
BOOKS = "moa"  # whoever reads the ledger
NOBODY = ""

# The admin's pages of a model: who views, adds, changes and deletes.
MODELS: dict[str, tuple[str, str, str, str]] = {
    # model                    view     add      change   delete
    "core.Administration": ("ods", "s", "od", NOBODY),
    "core.User": ("ods", "s", "s", NOBODY),
    "core.Membership": ("od", "od", "od", "od"),
    "core.Event": ("moas", NOBODY, NOBODY, NOBODY),
    "core.Delivery": ("s", NOBODY, NOBODY, NOBODY),
    "core.Job": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "billing.Visit": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Bill": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Payment": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Patient": (CLINIC, DESK, DESK, NOBODY),
    "billing.Payer": (CLINIC, "mo", "mo", NOBODY),
    "billing.Service": (CLINIC, "mo", "mo", NOBODY),
    "billing.ServiceGroup": (CLINIC, "mo", "mo", NOBODY),
    "billing.EndOfDayReconciliation": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.ClinicDay": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.NightlyClose": (CLINIC, NOBODY, NOBODY, NOBODY),
}


@dataclass(frozen=True)
class Address:
    """What an address takes: the roles by method, the model that its id names, a body that can be taken, a query."""

    methods: dict[str, str]
    names: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    missing: int = 404


DAY = {"start_date": "2026-03-01", "end_date": "2026-03-31"}
CLOSE = "billing.EndOfDayReconciliation"
RECONCILIATION = "api/v1/billing/reconciliation/"

ADDRESSES: dict[str, Address] = {
    "admin/core/job/<object_id>/": Address({"GET": EVERYBODY}, "core.Job"),
    "admin/core/job/<object_id>/state/": Address({"GET": EVERYBODY}, "core.Job"),
    RECONCILIATION: Address({"GET": CLINIC, "POST": DESK}, body={"reconciliation_date": "2026-03-03"}),
    RECONCILIATION + "<pk>/": Address({"GET": CLINIC, "PATCH": DESK}, CLOSE, {"notes": "Seen."}),
    RECONCILIATION + "<pk>/refresh/": Address({"POST": DESK}, CLOSE),
    RECONCILIATION + "<pk>/review/": Address({"POST": "mo"}, CLOSE),
    RECONCILIATION + "<pk>/finalize/": Address({"POST": "rmo"}, CLOSE),
    RECONCILIATION + "<pk>/cancel/": Address({"POST": DESK}, CLOSE, {"reason": "Too early."}),
    RECONCILIATION + "today/": Address({"GET": CLINIC}),
    RECONCILIATION + "summary/": Address({"GET": CLINIC}, query="&".join(f"{key}={day}" for key, day in DAY.items())),
}

# Answers anybody, signed in or not: the method, and the status of an empty request.
OPEN: dict[str, tuple[str, int]] = {
    "": ("GET", 302),
    "health/": ("GET", 200),
    "api/v1/auth/token/": ("POST", 422),
    "api/schema/": ("GET", 200),
    "api/docs/": ("GET", 200),
    "i18n/setlang/": ("POST", 302),
}

# Answers whoever is signed in, with nothing of any administration: the status of an empty GET.
SIGNED_IN: dict[str, int] = {
    "api/v1/auth/me/": 200,
    "admin/": 200,
    "admin/login/": 302,
    "admin/logout/": 405,
    "admin/password_change/": 200,
    "admin/password_change/done/": 200,
    "admin/jsi18n/": 200,
    "admin/search/": 200,
    "admin/autocomplete/": 403,  # asked without a field; with one: test_choices_while_typing...
    "admin/r/<content_type_id>/<object_id>/": 404,
    "admin/<url>": 404,
}

STRANGER = "Stranger"  # in every name of the foreign administration, and so in no answer to anybody else


# The addresses -------------------------------------------------------------------------------------------------------


def walk(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = before + readable(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, here)
        else:
            yield here, pattern


def readable(pattern: Any) -> str:
    """``<path:object_id>`` and ``(?P<object_id>.+)`` alike as ``<object_id>``."""
    if isinstance(pattern, RoutePattern):
        parts = str(pattern).split("<")
        return parts[0] + "".join("<" + part.split(":", 1)[-1] for part in parts[1:])
    return simplify_regex(str(pattern)).removeprefix("/")


ALL = {route: pattern for route, pattern in walk(get_resolver().url_patterns) if not route.startswith("static/")}
VERBS = {"changelist": 0, "add": 1, "change": 2, "delete": 3}


def address_of(route: str) -> Address | None:
    """What the tables above say of ``route``."""
    if route in ADDRESSES:
        return ADDRESSES[route]
    parts = route.removeprefix("admin/").split("/")
    label = next((label for label in MODELS if label.lower() == ".".join(parts[:2])), "")
    if not route.startswith("admin/") or not label:
        return None
    view, add, change, delete = MODELS[label]
    may_look = "".join(sorted(set(view) | set(change)))
    pages = {
        "": Address({"GET": may_look}),
        "add/": Address({"GET": add, "POST": add}),
        "<object_id>/change/": Address({"GET": may_look, "POST": change}, label),
        "<object_id>/delete/": Address({"GET": delete}, label),
    }
    return pages.get("/".join(parts[2:]))


SCOPED = {route: address_of(route) for route in ALL}
CASES = [
    pytest.param(route, method, letter, id=f"{method} {route} {letter}")
    for route, address in SCOPED.items()
    if address is not None
    for method in address.methods
    for letter in EVERYBODY
]


def test_every_address_is_listed():
    known = {*OPEN, *SIGNED_IN, *(route for route, address in SCOPED.items() if address)}
    apps_pages = {route for route in ALL if route == "admin/<app_label>/"}
    assert sorted(set(ALL) - known - apps_pages) == []


def test_nothing_is_listed_that_is_not_there():
    assert sorted({*OPEN, *SIGNED_IN, *ADDRESSES} - set(ALL)) == []
    assert sorted(set(MODELS) - {model._meta.label for model in admin.site._registry}) == []


def test_every_method_of_an_api_address_is_listed():
    for route, pattern in ALL.items():
        actions = getattr(pattern.callback, "actions", None)
        if actions is not None:
            address = SCOPED[route]
            assert address is not None, route
            assert {method.upper() for method in actions} == set(address.methods), route


# The world -----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    own: Administration
    foreign: Administration
    people: dict[str, User]
    rows: dict[tuple[str, bool], Any] = field(default_factory=dict)

    def row(self, label: str, letter: str, *, own: bool) -> Any:
        """A row of that model in the administration that is one's own, or in the foreign one."""
        model = apps.get_model(label)
        person, there = self.people[letter], self.own if own else self.foreign
        if model is Job:
            return Job.objects.filter(by=person if own else self.people["a" if letter != "a" else "o"]).first()
        if letter == "s":  # an operator's own are people, administrations and what belongs to none
            return model._default_manager.filter(**OPERATORS_OWN.get(label, {})).first() if own else None
        if model is Administration:
            return there
        if model is User:
            return User.objects.filter(memberships__administration=there).exclude(pk=person.pk).first()
        if model is Delivery:
            return Delivery.objects.first()
        if model is Membership:
            return Membership.objects.filter(administration=there).exclude(user=person).first()
        return model._default_manager.filter(administration=there).first()


OPERATORS_OWN: dict[str, dict[str, Any]] = {"core.Event": {"administration": None}}


def fill(clinic: Clinic) -> None:
    """One row at least of everything that has a page."""
    patient = clinic.patient(f"{clinic.administration.name}-1")
    clinic.pay(clinic.bill("65.00", patient=patient, day=clinic.yesterday), "65.00", day=clinic.yesterday)
    clinic.bill("10.00", patient=patient, day=clinic.yesterday)
    clinic.payer()
    clinic.finalized(clinic.yesterday)
    clinic.pay(clinic.bill("65.00", patient=patient), "65.00", by=clinic.cashier)
    clinic.close()


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Two clinics with the same things in them; one transaction, rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        foreign = make_clinic(f"{STRANGER} Clinic")
        own = make_clinic("Clinic Zuid")
        Membership.objects.filter(administration=foreign.administration).delete()
        strangers = {role: member(foreign.administration, role, full_name=STRANGER) for role in LETTERS.values()}
        foreign.people = strangers
        for clinic in (foreign, own):
            fill(clinic)
        people = {letter: own.people[role] for letter, role in LETTERS.items()} | {"s": operator()}
        for person in people.values():
            Job.objects.create(kind="import", title="Import", by=person)
        record("core.person_tried", UserFactory())
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
        yield World(own.administration, foreign.administration, people)
        transaction.set_rollback(True)


def ask(world: World, letter: str, method: str, path: str, address: Address) -> Any:
    """The answer, after which everything is as before."""
    client = Client(raise_request_exception=False)
    if letter:
        client.force_login(world.people[letter])
    api = path.startswith("/api/")
    with transaction.atomic():
        body = {"data": address.body, "content_type": "application/json"} if api and method != "GET" else {}
        answer = getattr(client, method.lower())(path + (f"?{address.query}" if address.query else ""), **body)
        transaction.set_rollback(True)
    assert answer.status_code < 500, answer.content[:2000]
    assert letter == "" or STRANGER.encode() not in answer.content
    return answer


def refused_by_role(answer: Any) -> bool:
    if answer.status_code != 403:
        return False
    text = answer.content.decode()
    return '"NOT_ALLOWED"' in text or "Your role does not allow this here" in text


def filled(route: str, pk: Any) -> str:
    return "/" + route.replace("<object_id>", str(pk)).replace("<pk>", str(pk))


# The matrix ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method", "letter"), CASES)
def test_a_role_may_exactly_what_is_written_here(world, route, method, letter):
    address = SCOPED[route]
    allowed = letter in address.methods[method]
    if not address.names:
        answer = ask(world, letter, method, filled(route, ""), address)
        assert refused_by_role(answer) is not allowed
        assert answer.status_code != 404
        return

    missing = ask(world, letter, method, filled(route, uuid7()), address)
    assert missing.status_code == 404 if allowed else missing.status_code in (403, 404)

    foreign = world.row(address.names, letter, own=False)
    if foreign is not None:
        found = ask(world, letter, method, filled(route, foreign.pk), address)
        assert (found.status_code, found.content) == (missing.status_code, missing.content)

    own = world.row(address.names, letter, own=True)
    assert own is not None, f"no row of {address.names}: extend fill()"
    answer = ask(world, letter, method, filled(route, own.pk), address)
    assert refused_by_role(answer) is not allowed
    assert answer.status_code != 404


@pytest.mark.parametrize("route", [route for route, address in SCOPED.items() if address])
def test_whoever_is_not_signed_in_is_asked_to_sign_in(world, route):
    address = SCOPED[route]
    for method in address.methods:
        answer = ask(world, "", method, filled(route, uuid7()), address)
        if route.startswith("api/"):
            assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "NOT_AUTHENTICATED")
        else:
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("route", OPEN)
def test_an_open_address_answers_anybody(world, route):
    method, status = OPEN[route]
    for letter in ("", "r"):
        assert ask(world, letter, method, f"/{route}", Address({})).status_code == status


@pytest.mark.parametrize("route", SIGNED_IN)
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_address_for_all_answers_whoever_is_signed_in(world, route, letter):
    path = filled(route.replace("<content_type_id>", "1").replace("<url>", "nothing/"), uuid7())
    assert ask(world, letter, "GET", path, Address({})).status_code == SIGNED_IN[route]


@pytest.mark.parametrize("app", ["core", "ledger", "billing", "auth"])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_page_of_an_app_is_there_for_whoever_finds_a_model_on_it(world, app, letter):
    some = any(letter in roles for label, pages in MODELS.items() if label.startswith(app) for roles in pages)
    assert ask(world, letter, "GET", f"/admin/{app}/", Address({})).status_code == (200 if some else 404)


@pytest.mark.parametrize("route", [route for route in SCOPED if route.startswith("api/") and SCOPED[route]])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_administration_that_is_named_and_foreign_answers_as_one_that_is_missing(world, route, letter):
    address = SCOPED[route]
    if address.names:
        return
    for method in address.methods:
        answers = []
        for named in (world.foreign.pk, uuid7()):
            query = "&".join(filter(None, [address.query, f"administration_id={named}"]))
            body = {**address.body, "administration_id": str(named)}
            answers.append(ask(world, letter, method, f"/{route}", Address({}, body=body, query=query)))
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].content == answers[1].content


TYPED = [
    (model._meta.label, name)
    for model, page in admin.site._registry.items()
    for name in page.autocomplete_fields
]  # fmt: skip


@pytest.mark.parametrize("letter", EVERYBODY)
def test_choices_while_typing_are_rows_of_ones_own_administrations(world, letter):
    for label, name in TYPED:
        app, model = label.lower().split(".")
        query = f"app_label={app}&model_name={model}&field_name={name}&term="
        ask(world, letter, "GET", "/admin/autocomplete/", Address({}, query=query))


@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_sidebar_leads_only_where_the_role_may_go(world, letter):
    from config.sidebar import navigation

    client = Client()
    client.force_login(world.people[letter])
    request = client.get("/admin/").wsgi_request
    links = [item["link"] for group in navigation(request) for item in group["items"]]
    assert "/admin/" in links
    for link in links:
        assert ask(world, letter, "GET", link, Address({})).status_code == 200, link


# Lists ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", MODELS)
def test_a_list_asks_no_more_of_the_database_when_it_grows(world, label):
    person = world.people[next(letter for letter in "omrds" if letter in MODELS[label][0])]
    client = Client()
    with transaction.atomic():
        client.force_login(person)
        few, before = list_of(client, label)
        grow(world, person)
        many, after = list_of(client, label)
        transaction.set_rollback(True)
    assert after > before, f"no more rows of {label}: extend grow()"
    assert many == few


def list_of(client: Client, label: str) -> tuple[int, int]:
    """How many queries the list takes, and how many rows it shows."""
    path = f"/admin/{label.lower().replace('.', '/')}/"
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    return len(asked), len(answer.context["cl"].result_list)


def grow(world: World, person: User) -> None:
    """More rows of everything that has a list."""
    clinic = Clinic(world.own, {role: world.people[letter] for letter, role in LETTERS.items()})
    for n in range(2, 5):
        day = clinic.yesterday - timedelta(days=n)
        patient = clinic.patient(f"P-{n}")
        clinic.pay(clinic.bill(f"{n}.00", patient=patient, day=day), f"{n}.00", day=day)
        clinic.finalized(day)
        member(world.own, "cashier")
        AdministrationFactory()
        Job.objects.create(kind="import", title="Import", by=person)
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
