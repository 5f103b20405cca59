import threading
import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import StreamingHttpResponse
from django.test.client import encode_multipart
from django.urls import path
from django.utils import timezone
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.core import idempotency, tasks
from apps.core.api import ScopedViewSet
from apps.core.errors import Conflict
from apps.core.idempotency import KEPT_FOR, forget
from apps.core.models import Administration, IdempotentRequest, Membership
from apps.core.permissions import Act
from apps.core.tests.factories import AdministrationFactory, member
from apps.ledger.models import JournalEntry
from apps.ledger.tests.factories import MARCH_3, open_test_books
from config import urls as site_urls

AT = "/api/clinics/"


class NameTaken(Conflict):
    code = ""  # a refusal of these tests, not of Daybook
    message = "Taken."


LETTERS = []  # sent once a transaction has committed


def announce_lines_that_never_come():
    """What the deferred law of entries says no to, but only at commit."""
    books = open_test_books(name="home")
    JournalEntry.objects.create(
        administration=books.administration,
        journal=books.journal,
        period=books.period("2026-03"),
        date=MARCH_3,
        status=JournalEntry.Status.POSTED,
        line_count=2,
    )


class Clinics(ScopedViewSet):
    """Makes an administration on every call: whatever ran twice is seen."""

    queryset = Administration.objects.all()
    acts = {"*": Act.MANAGE_SETTINGS}
    parser_classes = (JSONParser, MultiPartParser)
    hold: threading.Event | None = None
    started = threading.Event()

    def create(self, request):
        name = request.data["name"]
        made = AdministrationFactory(name=name)
        if name == "slow" and self.hold:
            self.started.set()
            self.hold.wait(10)
        if name == "silent":
            time.sleep(1.5)
            made.save()
        if name == "bug":
            raise RuntimeError
        if name == "taken":
            raise NameTaken()
        if name == "refused":
            return Response({"detail": {"code": "REFUSED"}}, status=409)
        if name == "nobody":
            Membership.objects.create(administration=made, user_id=made.pk, role=Membership.Role.OWNER)
        if name == "empty entry":
            announce_lines_that_never_come()
        if name == "letter":
            transaction.on_commit(lambda: LETTERS.append(name))
        if name == "stream":
            return StreamingHttpResponse(iter([b"a", b"b"]))
        if "attached" in request.data:
            return Response({"read": request.data["attached"].read().decode()}, status=201)
        if name == "away":
            return Response({}, status=503)
        if name == "quiet":
            return Response(status=204)
        return Response({"id": made.pk, "name": name}, status=201)


class urlconf:
    handler404 = staticmethod(site_urls.handler404)
    handler500 = staticmethod(site_urls.handler500)
    urlpatterns = [
        path("api/clinics/", Clinics.as_view({"post": "create"}, detail=False)),
        path("api/practices/", Clinics.as_view({"post": "create"}, detail=False)),
    ]


@pytest.fixture(autouse=True)
def _addresses(settings):
    settings.ROOT_URLCONF = urlconf
    Clinics.hold = None
    Clinics.started.clear()
    LETTERS.clear()


@pytest.fixture
def owner(db):
    return member(AdministrationFactory(name="home"), Membership.Role.OWNER)


def client_of(person):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(person)
    return client


@pytest.fixture
def post(owner):
    client = client_of(owner)
    return lambda name="Zuid", key="k-1", at=AT, by=client: by.post(
        at, {"name": name}, format="json", headers={"Idempotency-Key": key} if key else {}
    )


def made():
    return Administration.objects.exclude(name="home").count()


def fingerprint_of(post):
    """What a request would be known by, had its process died before it did anything."""
    post()
    fingerprint = IdempotentRequest.objects.get().fingerprint
    IdempotentRequest.objects.all().delete()
    Administration.objects.exclude(name="home").delete()
    return fingerprint


def code(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def test_the_same_key_and_body_give_the_first_answer_byte_for_byte(post):
    first, again = post(), post()
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.status_code == 201
    assert again["Content-Type"] == first["Content-Type"]
    assert made() == 1


def test_an_answer_given_again_says_so(post):
    assert "Idempotent-Replay" not in post()
    assert post()["Idempotent-Replay"] == "true"


def test_an_empty_answer_is_given_again_too(post):
    assert post("quiet").status_code == 204
    again = post("quiet")
    assert (again.status_code, again.content, again.get("Content-Type")) == (204, b"", None)


def test_without_a_key_every_request_is_its_own(post):
    post(key=None)
    post(key=None)
    assert made() == 2
    assert not IdempotentRequest.objects.exists()


def test_the_same_key_with_another_body_is_refused(post):
    post()
    assert code(post("Noord")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert made() == 1


def test_the_same_key_at_another_address_is_refused(post):
    post()
    assert code(post(at="/api/practices/")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_missing_slash_is_no_other_address(post):
    first = post()
    assert post(at=AT.rstrip("/")).content == first.content


def test_two_people_may_use_the_same_key(post):
    post()
    colleague = member(AdministrationFactory(name="home"), Membership.Role.OWNER)
    assert post(by=client_of(colleague)).status_code == 201
    assert made() == 2


@pytest.mark.parametrize("name", ["taken", "refused"])
def test_a_refusal_is_an_answer_and_given_again_and_nothing_of_it_is_written(post, name):
    first, again = post(name), post(name)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.status_code == 409
    assert again["Idempotent-Replay"] == "true"
    assert made() == 0


@pytest.mark.parametrize("name", ["bug", "away", "nobody", "stream"])
def test_an_answer_of_5xx_is_not_kept_nothing_of_it_is_written_and_the_key_may_try_again(committed, post, name):
    assert post(name).status_code >= 500
    assert post(name).status_code >= 500
    assert made() == 0
    assert not IdempotentRequest.objects.exclude(status=None).exists()


def test_a_law_that_only_speaks_at_commit_refuses_in_its_own_words(committed, post):
    first, again = post("empty entry"), post("empty entry")
    assert code(first) == (400, "ENTRY_LINES_NOT_ANNOUNCED")
    assert again.content == first.content
    assert not JournalEntry.objects.exists()


def test_what_waits_for_the_commit_happens_after_it_and_once(committed, post):
    post("letter")
    post("letter")
    assert LETTERS == ["letter"]


def test_a_form_with_a_file_is_known_again_by_its_parts_not_by_its_boundary(owner):
    def send(words, boundary):
        asked = SimpleUploadedFile("note.txt", words, "text/plain")
        body = encode_multipart(boundary, {"name": "Zuid", "attached": asked})
        kind = f"multipart/form-data; boundary={boundary}"
        return client_of(owner).post(AT, body, content_type=kind, headers={"Idempotency-Key": "k-1"})

    first, again = send(b"hello", "one"), send(b"hello", "two")
    assert (first.status_code, first.json()) == (201, {"read": "hello"})  # read from its start, as without a key
    assert (again.status_code, again.content) == (201, first.content)
    assert code(send(b"other", "three")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_person_who_may_not_is_refused_before_the_key_is_taken(post, owner):
    cashier = member(owner.memberships.get().administration, Membership.Role.CASHIER)
    assert post(by=client_of(cashier)).status_code == 403
    assert not IdempotentRequest.objects.exists()


def test_a_key_that_is_too_long_is_refused(post):
    assert code(post(key="k" * 201)) == (422, "VALIDATION_ERROR")


def test_a_key_whose_process_died_is_free_at_once(owner, post):
    IdempotentRequest.objects.create(user=owner, key="k-1", fingerprint=fingerprint_of(post))
    assert post().status_code == 201
    assert made() == 1


def test_a_process_that_hangs_in_the_middle_loses_its_write_and_the_key(committed, monkeypatch, post):
    monkeypatch.setattr(idempotency, "MOST_SILENCE", 1)
    assert post("silent").status_code == 500
    connection.close()
    assert made() == 0
    monkeypatch.setattr(idempotency, "MOST_SILENCE", 60)
    assert post("silent").status_code == 201
    assert made() == 1


def test_old_answers_are_forgotten(post):
    post()
    assert forget() == 0
    IdempotentRequest.objects.update(asked_at=timezone.now() - KEPT_FOR - timedelta(seconds=1))
    tasks.forget()
    assert not IdempotentRequest.objects.exists()
    post()
    assert made() == 2


def in_threads(count, work):
    together, answers = threading.Barrier(count), []

    def run():
        together.wait()
        try:
            answers.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_while_the_first_request_runs_the_same_key_is_refused(committed, owner, post):
    Clinics.hold = threading.Event()
    first = []
    thread = threading.Thread(target=lambda: (first.append(post("slow")), connection.close()))
    thread.start()
    Clinics.started.wait(10)
    assert code(post("slow")) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
    assert code(post("Noord")) == (422, "IDEMPOTENCY_KEY_REUSED")
    Clinics.hold.set()
    thread.join()
    assert first[0].status_code == 201
    assert post("slow").content == first[0].content


def test_twenty_requests_at_once_do_the_work_once(committed, owner):
    def ask():
        headers = {"Idempotency-Key": "k-1"}
        return client_of(owner).post(AT, {"name": "Zuid"}, format="json", headers=headers)

    answers = in_threads(20, ask)
    assert made() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    done = {answer.content for answer in answers if answer.status_code == 201}
    assert len(done) == 1
    assert ask().content in done
