"""Exports and evidence packs over HTTP, each answer held against the OpenAPI document."""

import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.tests.test_closes_api import plain_schema
from apps.core.models import Job, Membership
from apps.core.tests.factories import AdministrationFactory, member
from apps.periods import tasks
from apps.periods.models import BooksExport, EvidencePack
from apps.periods.services import packing
from apps.periods.services.packing import pack_period
from apps.periods.tests.exported import full_books

pytestmark = pytest.mark.usefixtures("folder")
BASE = "/api/v1/accountant/"
PACK = "clients/{client_id}/periods/{period_id}/evidence-pack/"
YEAR = {"format": "XAF_4_0", "fiscal_year": "2026"}


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def ledger(db):
    return full_books()


@pytest.fixture
def call(ledger, document):
    """A request as the accountant, its answer held against the OpenAPI document."""
    http = APIClient()
    http.force_authenticate(ledger.accountant)

    def ask(method, path, body=None, query="", **named):
        address = BASE + path.format(**named) + (f"?{query}" if query else "")
        answer = http.get(address) if method == "get" else http.post(address, body, format="json")
        documented = document["paths"][BASE + path][method]["responses"][str(answer.status_code)]
        schema = documented["content"]["application/json"]["schema"]
        whole = {**plain_schema(schema), "components": plain_schema(document["components"])}
        Draft202012Validator(whole).validate(answer.json())
        return answer

    ask.http = http
    return ask


def work(task):
    """What the worker does with the newest job; whoever runs a task twice does nothing twice."""
    job = Job.objects.latest("created_at")
    task(str(job.pk))
    task(str(job.pk))
    job.refresh_from_db()
    return job


def code_of(answer):
    return answer.status_code, answer.json()["detail"]["code"]


# Exports -------------------------------------------------------------------------------------------------------------


def test_an_export_is_asked_for_made_by_the_worker_and_taken_along(call, ledger):
    asked = call("post", "exports/", YEAR)
    assert asked.status_code == 202
    told = asked.json()
    assert (told["state"], told["checksum"], told["first_day"]) == ("WAITING", None, "2026-01-01")
    assert call("get", "exports/{id}/", id=told["id"]).json() == told
    assert told["task_url"] == f"{BASE}exports/{told['id']}/"
    assert call.http.get(f"{BASE}exports/{told['id']}/download/").status_code == 404

    assert (work(tasks.export_books).state, BooksExport.objects.count()) == ("DONE", 1)
    made = call("get", "exports/{id}/", id=told["id"]).json()
    assert (made["state"], made["entries"], made["lines"], made["download_count"]) == ("DONE", 4, 11, 0)
    assert call("get", "exports/").json()["results"] == [made]
    file = call.http.get(f"{BASE}exports/{told['id']}/download/")
    content = b"".join(file.streaming_content)
    assert content.startswith(b"<?xml")
    assert len(content) == made["file_size_bytes"] == int(file["Content-Length"])
    assert "attachment" in file["Content-Disposition"]
    assert "sandbox" in file["Content-Security-Policy"]
    assert call("get", "exports/{id}/", id=told["id"]).json()["download_count"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"format": "SAFT_1_30", "fiscal_year": "2026"}, 400, "FORMAT_NOT_OF_COUNTRY"),
        ({"format": "XAF_4_0", "first_day": "2026-02-01", "last_day": "2026-01-01"}, 400, "EXPORT_SPAN_BACKWARDS"),
        ({"format": "XAF_4_0", "first_day": "2026-12-01", "last_day": "2027-01-31"}, 400, "EXPORT_BEYOND_YEAR"),
        ({"format": "PDF", "fiscal_year": "2026"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0", "first_day": "2026-01-01"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0", "fiscal_year": "2026", "first_day": "2026-01-01"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0", "fiscal_year": "1999"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0", "first_day": "yesterday", "last_day": "2026-01-01"}, 422, "VALIDATION_ERROR"),
        ({"format": "XAF_4_0", "fiscal_year": "2026", "known_at": "then"}, 422, "VALIDATION_ERROR"),
        ({}, 422, "VALIDATION_ERROR"),
    ],
)
def test_bad_input_is_refused_and_asks_for_nothing(call, body, status, code):
    assert code_of(call("post", "exports/", body)) == (status, code)
    assert not Job.objects.exists()


def test_the_file_has_to_name_a_number(call, ledger):
    ledger.administration.vat_number = ledger.administration.organization_number = ""
    ledger.administration.save()
    assert code_of(call("post", "exports/", YEAR)) == (409, "EXPORT_NEEDS_NUMBER")


@pytest.mark.parametrize("query", ["format=PDF", "ordering=stored_as", "client_id=x", "cursor=x"])
def test_a_bad_filter_is_refused(call, query):
    assert call.http.get(f"{BASE}exports/?{query}").status_code in (400, 404)


# Evidence packs ------------------------------------------------------------------------------------------------------


def named(ledger, period="2026-Q1"):
    return {"client_id": ledger.administration.pk, "period_id": ledger.books.period(period).pk}


def test_a_small_pack_is_made_at_once(call, ledger):
    answer = call("post", PACK, query="pack_type=audit_trail", **named(ledger))
    assert answer.status_code == 201
    told = answer.json()
    assert told["pack_type"] == "AUDIT_TRAIL"
    facts = {name: told["metadata"][name] for name in ("administration_name", "kvk_number", "period_name")}
    assert facts == {
        "administration_name": ledger.administration.name,
        "kvk_number": "12345678",
        "period_name": "2026-Q1",
    }
    assert (told["download_count"], len(told["checksum"]), told["state"]) == (0, 64, "DONE")
    file = call.http.get(f"{BASE}evidence-packs/{told['id']}/download/")
    assert len(b"".join(file.streaming_content)) == told["file_size_bytes"]
    assert call("get", "evidence-packs/{id}/", id=told["id"]).json()["download_count"] == 1


def test_a_pack_is_vat_evidence_unless_said_otherwise(call, ledger):
    assert call("post", PACK, **named(ledger)).json()["pack_type"] == "VAT_EVIDENCE"


def test_a_large_pack_is_the_workers(call, ledger, monkeypatch):
    monkeypatch.setattr(packing, "LARGE", 2)
    answer = call("post", PACK, query="pack_type=AUDIT_TRAIL", **named(ledger))
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["checksum"], told["metadata"]) == ("WAITING", None, None)
    assert not EvidencePack.objects.exists()
    assert (work(tasks.pack_period).state, EvidencePack.objects.count()) == ("DONE", 1)
    assert call("get", "evidence-packs/{id}/", id=told["id"]).json()["state"] == "DONE"


def test_what_tells_large_from_small_reads_no_more_than_it_takes(ledger, django_assert_max_num_queries):
    with django_assert_max_num_queries(8) as asked:
        packing.is_large(ledger.books.period("2026"), "AUDIT_TRAIL")
    assert any(f"LIMIT {packing.LARGE + 1}" in query["sql"] for query in asked.captured_queries)


def test_packs_are_listed_newest_first_and_filtered(call, ledger):
    packs = [
        str(pack_period(ledger.books.period(name), kind, by=ledger.accountant).pk)
        for name, kind in (("2026-03", "AUDIT_TRAIL"), ("2026-Q1", "VAT_EVIDENCE"), ("2026-03", "VAT_EVIDENCE"))
    ]

    def listed(query=""):
        told = call("get", "evidence-packs/", query=query).json()
        return [one["id"] for one in told["packs"]], told["total_count"]

    assert listed() == (packs[::-1], 3)
    assert listed(f"period_id={ledger.books.period('2026-03').pk}") == ([packs[2], packs[0]], 2)
    assert listed(f"client_id={ledger.administration.pk}&limit=1&offset=1") == ([packs[1]], 3)
    assert listed(f"client_id={uuid4()}") == ([], 0)
    assert listed("ordering=created_at&pack_type=VAT_EVIDENCE") == (packs[1:], 2)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "period_id=x", "ordering=sha256", "limit=x"])
def test_a_bad_parameter_is_refused(call, query):
    assert code_of(call("get", "evidence-packs/", query=query))[0] == 400


def test_a_type_that_is_none_is_refused(call, ledger):
    assert call("post", PACK, query="pack_type=EVERYTHING", **named(ledger)).status_code in (400, 422)
    assert not EvidencePack.objects.exists()


# Who may, and what it costs ------------------------------------------------------------------------------------------


def test_a_file_of_others_and_one_that_is_missing_are_the_same_404(call, ledger):
    other = full_books()
    pack = pack_period(other.books.period("2026-03"), "AUDIT_TRAIL", by=other.accountant)
    for key in (pack.pk, uuid4()):
        for path in ("evidence-packs/{}/", "evidence-packs/{}/download/", "exports/{}/", "exports/{}/download/"):
            assert call.http.get(BASE + path.format(key)).status_code == 404
    period = other.books.period("2026-03").pk
    for client in (other.administration.pk, ledger.administration.pk):
        assert call.http.post(f"{BASE}clients/{client}/periods/{period}/evidence-pack/").status_code == 404


def test_a_job_of_another_person_is_nobody_elses(call, ledger):
    told = call("post", "exports/", YEAR).json()
    http = APIClient()
    http.force_authenticate(member(ledger.administration, Membership.Role.OWNER))
    assert http.get(f"{BASE}exports/{told['id']}/").status_code == 404
    http.force_authenticate(member(AdministrationFactory(), Membership.Role.OWNER))
    assert http.get(f"{BASE}exports/{told['id']}/").status_code == 404


def test_lists_cost_the_same_however_long_they_are(call, ledger):
    def queries(path):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert call.http.get(BASE + path).status_code == 200
        return len(asked)

    pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=ledger.accountant)
    call("post", "exports/", YEAR)
    work(tasks.export_books)
    few = [queries(path) for path in ("evidence-packs/", "exports/")]
    for _more in range(3):
        pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=ledger.accountant)
        call("post", "exports/", YEAR)
        work(tasks.export_books)
    assert [queries(path) for path in ("evidence-packs/", "exports/")] == few


def test_a_damaged_file_is_refused_in_words(call, ledger, folder):
    pack = pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=ledger.accountant)
    (folder / pack.stored_as).write_bytes(b"x")
    answer = call.http.get(f"{BASE}evidence-packs/{pack.pk}/download/")
    assert code_of(answer) == (409, "STORED_FILE_DAMAGED")
    assert json.loads(answer.content)["detail"]["hint"]
