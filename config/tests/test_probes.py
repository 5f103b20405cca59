"""Filters, orderings and searches that reach for what a list does not show: a right guess and a wrong one look alike.

A probe is a query with a guess in it. It is asked with a guess that is true of some row, of one's own or of the foreign
administration, and with one that is true of none; the status, where it leads and the rows shown must be the same.
Whoever adds a list adds nothing here: the probes are made from the models.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from uuid_utils.compat import uuid7

from apps.billing.services.catalogue import register_patient
from apps.billing.tests.clinic import Clinic
from apps.core.models import User
from config.tests.test_permission_matrix import LETTERS, MODELS, RECONCILIATION, STRANGER, Address, World, ask

FOREIGN = STRANGER[:-1]  # begins the names of the foreign administration; an answer may repeat it, but not add to it
NOWHERE = "zzzz-nowhere"
SECRET_NAME = "Wilhelmina Secret"
TELLING = ("password", "digest", "email", "full_name", "name", "key", "number", "code", "reference", "text", "amount")


@dataclass(frozen=True)
class Probe:
    """``query`` with ``{}`` for the guess; ``true`` of some row, ``false`` of none."""

    path: str
    query: str
    true: Any
    false: Any


@pytest.fixture(scope="module")
def clinic(world) -> Clinic:
    """One's own clinic, with a patient whose name only the desk may know."""
    clinic = Clinic(world.own, {role: world.people[letter] for letter, role in LETTERS.items()})
    patient = register_patient(world.own, code="P-77", name=SECRET_NAME, by=clinic.receptionist)
    clinic.pay(clinic.bill("12.00", patient=patient), "12.00")
    return clinic


# Probes --------------------------------------------------------------------------------------------------------------


def list_of(label: str) -> str:
    return f"/admin/{label.lower().replace('.', '/')}/"


def readers(label: str) -> str:
    """Who looks: the role that sees most, the one that sees no names, and an operator."""
    return "".join(letter for letter in "oas" if letter in MODELS[label][0])


def through_fields(label: str) -> Iterator[Probe]:
    """Every column of the row that is no filter of the list, and the telling columns of every relation."""
    model = apps.get_model(label)
    page = admin.site._registry[model]
    filters = {str(entry[0] if isinstance(entry, tuple) else entry) for entry in page.list_filter}
    for field in model._meta.concrete_fields:
        if field.name not in filters and field.name != page.date_hierarchy:
            yield from about(label, field.name, model, field)
    for relation in model._meta.get_fields():
        if relation.is_relation and relation.related_model:
            fields = relation.related_model._meta.concrete_fields
            telling = sorted(fields, key=lambda one: TELLING.index(one.name) if one.name in TELLING else 99)
            for field in islice(telling, 3):
                name = f"{relation.name}__{field.name}"
                if f"{name}__exact" not in page.linked_by:
                    yield from about(label, name, relation.related_model, field)


def about(label: str, name: str, model: Any, field: Any) -> Iterator[Probe]:
    value = model._base_manager.exclude(**{field.name: None}).values_list(field.attname, flat=True).first()
    if value is None:
        return
    if isinstance(field, models.CharField | models.TextField):
        yield Probe(list_of(label), f"{name}__startswith={{}}", str(value)[:20], NOWHERE)
    elif isinstance(field, models.BooleanField):
        yield Probe(list_of(label), f"{name}__exact={{}}", "1", "0")
    elif field.is_relation or isinstance(field, models.UUIDField):
        yield Probe(list_of(label), f"{name}__exact={{}}", value, uuid7())
    elif isinstance(field, models.JSONField):
        yield Probe(list_of(label), f"{name}__icontains={{}}", '"', NOWHERE)
    else:
        yield Probe(
            list_of(label), f"{name}__lte={{}}", value, "1900-01-01" if "Date" in field.get_internal_type() else -1
        )


def by_hand(world: World, label: str) -> Iterator[Probe]:
    """What Django's lists are known to listen to."""
    secret = world.people["m"].password[:30]
    foreign, missing = world.foreign.pk, uuid7()
    for query in (
        "administration__name__startswith={}",
        "e=1&administration__name__startswith={}",
        "_popup=1&administration__name__startswith={}",
        "_facets=True&administration__name__startswith={}",
        "all=&administration__name__startswith={}",
        "o=1&administration__name__startswith={}",
        "administration__memberships__user__full_name={}",
        "memberships__administration__name__startswith={}",
        "q={}",
    ):
        yield Probe(list_of(label), query, FOREIGN, NOWHERE)
    for query in (
        "administration__memberships__user__password__startswith={}",
        "user__password__startswith={}",
        "invited_by__password__startswith={}",
        "by__password__startswith={}",
        "password__startswith={}",
        "password__regex=^{}",
        "q=password__startswith%3D{}",
    ):
        yield Probe(list_of(label), query, secret, NOWHERE)
    for query in ("administration__id__exact={}", "administration__id__exact={}&e=1", "administration={}", "pk={}"):
        yield Probe(list_of(label), query, foreign, missing)
    yield Probe(list_of(label), "administration__in={}", f"{foreign},{missing}", missing)
    yield Probe(list_of(label), "administration__created_at__year={}", world.foreign.created_at.year, 1999)
    yield Probe(list_of(label), "o={}", "password", "nowhere")
    yield Probe(list_of(label), "_to_field={}", "password", "nowhere")
    yield Probe(list_of(label), "_to_field=id&_popup={}", "1", "2")


# What they answer ----------------------------------------------------------------------------------------------------


def seen(world: World, letter: str, probe: Probe, guess: Any) -> tuple[int, str, Any]:
    """The status, where it leads, and the rows (of a list), or all that is said (elsewhere); the guess itself aside."""
    said = quote(str(guess), safe="")
    answer = ask(world, letter, "GET", probe.path, Address({}, query=probe.query.replace("{}", said)))
    changelist = (getattr(answer, "context", None) or {}).get("cl")
    if changelist:
        told: Any = [row.pk for row in changelist.result_list]
    else:  # a page repeats what was asked, and has tokens of its own; JSON says what it found
        told = (
            answer.content.decode().replace(str(guess), "") if "json" in answer.headers.get("Content-Type", "") else ""
        )
    return answer.status_code, answer.headers.get("Location", "").replace(said, ""), told


def told_apart(world: World, letter: str, probes: list[Probe]) -> list[Probe]:
    return [one for one in probes if seen(world, letter, one, one.true) != seen(world, letter, one, one.false)]


@pytest.mark.parametrize("label", MODELS)
def test_a_list_does_not_tell_a_right_guess_from_a_wrong_one(world, clinic, label):
    for letter in readers(label):
        # An operator sees every person and administration, and searches them: what no list shows stays hidden.
        known = "q={}" if letter == "s" else "no such query"
        probes = [*through_fields(label), *(one for one in by_hand(world, label) if one.query != known)]
        assert told_apart(world, letter, probes) == []


def test_there_are_more_than_two_hundred_probes(world, clinic):
    assert sum(len([*through_fields(label), *by_hand(world, label)]) for label in MODELS) > 200


@pytest.mark.parametrize("label", [label for label in MODELS if "o" in MODELS[label][0]])
def test_a_number_of_a_page_or_an_order_that_is_nonsense_is_no_mistake_of_ours(world, clinic, label):
    for query in ("p=-1", "p=99999999999999999999", "p=x", "o=", "o=--1", "o=1e9", "q=%00", "q=" + "x" * 5000, "all=x"):
        assert ask(world, "o", "GET", list_of(label), Address({}, query=query)).status_code in (200, 302, 400)


NAMES = ["billing.Patient", "billing.Visit", "billing.Bill", "billing.Payment"]


@pytest.mark.parametrize("label", NAMES)
def test_a_name_is_found_by_those_who_may_know_it_and_by_nobody_else(world, clinic, label):
    for word in SECRET_NAME.split():
        probe = Probe(list_of(label), "q={}", word, NOWHERE)
        assert seen(world, "a", probe, probe.true) == seen(world, "a", probe, probe.false)
    if label != "billing.Visit":
        assert seen(world, "o", probe, probe.true) != seen(world, "o", probe, probe.false)


# Choices and searches while typing -----------------------------------------------------------------------------------


def choices(label: str) -> Iterator[Probe]:
    """Django's own view listens to every relation of every model, whether or not a form asks by typing."""
    app, model = label.lower().split(".")
    for field in apps.get_model(label)._meta.get_fields():
        where = f"app_label={app}&model_name={model}&field_name={field.name}"
        yield Probe("/admin/autocomplete/", where + "&term={}", FOREIGN, NOWHERE)


@pytest.mark.parametrize("letter", ["o", "a", "r"])
def test_typing_finds_nothing_of_a_foreign_administration(world, clinic, letter):
    own, foreign = world.own.pk, world.foreign.pk
    probes = [probe for label in MODELS for probe in choices(label)]
    probes += [Probe("/admin/search/", f"{extra}s={{}}", FOREIGN, NOWHERE) for extra in ("", "extended=1&")]
    for what in ("patient", "service"):
        probes.append(Probe(f"/admin/billing/{what}/find/{own}/", "q={}", FOREIGN, NOWHERE))
        probes.append(Probe(f"/admin/billing/{what}/find/{foreign}/", "q={}", FOREIGN, NOWHERE))
    assert told_apart(world, letter, probes) == []


@pytest.mark.parametrize("letter", ["a", "r"])
def test_choices_tell_no_person_from_another(world, clinic, letter):
    """Who may not look at people finds none by typing."""
    person = User.objects.get(pk=world.people["m"].pk)
    people = [Probe(one.path, one.query, person.email, NOWHERE) for label in MODELS for one in choices(label)]
    assert told_apart(world, letter, people) == []


# The API -------------------------------------------------------------------------------------------------------------

API = f"/{RECONCILIATION}"
DAYS = "start_date=2026-01-01&end_date=2026-12-31"


def of_the_api(world: World) -> Iterator[Probe]:
    secret, foreign, missing = world.people["m"].password[:30], world.foreign.pk, uuid7()
    for path, query in ((API, ""), (f"{API}today/", ""), (f"{API}summary/", f"{DAYS}&")):
        for name in ("administration__name__startswith", "administration__memberships__user__full_name", "q"):
            yield Probe(path, f"{query}{name}={{}}", FOREIGN, NOWHERE)
        for name in (
            "prepared_by__password__startswith",
            "finalized_by__password__regex",
            "note_entries__by__password",
        ):
            yield Probe(path, f"{query}{name}={{}}", secret, NOWHERE)
        yield Probe(path, f"{query}administration_id={{}}", foreign, missing)
        yield Probe(path, f"{query}administration_id={world.own.pk}&administration_id={{}}", foreign, missing)
    for name in (
        "administration__name",
        "prepared_by__password",
        "password",
        "finalized_by__email",
        "entry__memo",
        "?",
    ):
        yield Probe(API, "ordering={}", name, f"-{name}")
        yield Probe(API, "ordering={}", f"number,{name}", f"number,-{name}")


@pytest.mark.parametrize("letter", ["o", "a", "r"])
def test_the_api_does_not_tell_a_right_guess_from_a_wrong_one(world, clinic, letter):
    assert told_apart(world, letter, list(of_the_api(world))) == []


FORGED = [
    *("limit=-1", "limit=0", "limit=x", "limit=99999999999999999999", "limit=1e3", "limit=%00", "limit="),
    *("cursor=x", "cursor=%00", "cursor=" + "A" * 4000, "offset=-1", "page=x", "format=html", "format=xml"),
    *(f"cursor={base64.b64encode(text.encode()).decode()}" for text in (
        "p=1900-01-01", "p=9999-12-31", "p=x", "r=1&p=1900-01-01", "o=-5&p=2026-01-01", "o=99999999&p=2026-01-01",
        "p=' OR 1=1 --", "p=2026-01-01'", "r=x&o=x&p=x",
    )),
    *("status=x", "status=DRAFT'", "start_date=x", "start_date=99999-01-01", "has_mismatches=x", "ordering="),
]  # fmt: skip


@pytest.mark.parametrize("query", FORGED)
def test_a_forged_page_shows_rows_of_ones_own_or_none(world, clinic, query):
    answer = ask(world, "o", "GET", API, Address({}, query=query))
    assert answer.status_code in (200, 400, 404)
    if answer.status_code == 200:
        assert {row["administration_id"] for row in answer.json()["results"]} <= {str(world.own.pk)}
