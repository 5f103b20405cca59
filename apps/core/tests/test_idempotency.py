import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.core.api import ScopedViewSet
from apps.core.errors import Conflict
from apps.core.idempotency import KEPT_FOR, LOST_AFTER, forget
from apps.core.models import Administration, IdempotentRequest, Membership
from apps.core.permissions import Act
from apps.core.tests.factories import AdministrationFactory, member
from config import urls as site_urls

AT = "/api/clinics/"


class NameTaken(Conflict):
    code = ""  # a refusal of these tests, not of Daybook
    message = "Taken."


class Clinics(ScopedViewSet):
    """Makes an administration on every call: whatever ran twice is seen."""

    queryset = Administration.objects.all()
    acts = {"*": Act.MANAGE_SETTINGS}
    hold: threading.Event | None = None
    started = threading.Event()

    def create(self, request):
        name = request.data["name"]
        made = AdministrationFactory(name=name)
        if name == "slow" and self.hold:
            self.started.set()
            self.hold.wait(10)
        if name == "bug":
            raise RuntimeError
        if name == "taken":
            raise NameTaken()
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
    assert (again.status_code, again.content) == (204, b"")


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


def test_a_refusal_is_an_answer_and_given_again(post):
    first, again = post("taken"), post("taken")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again["Idempotent-Replay"] == "true"


@pytest.mark.parametrize("name", ["bug", "away"])
def test_an_answer_of_5xx_is_not_kept_and_the_key_may_try_again(post, name):
    assert post(name).status_code >= 500
    assert post(name).status_code >= 500
    assert made() == 2
    assert not IdempotentRequest.objects.exists()


def test_a_person_who_may_not_is_refused_before_the_key_is_taken(post, owner):
    cashier = member(owner.memberships.get().administration, Membership.Role.CASHIER)
    assert post(by=client_of(cashier)).status_code == 403
    assert not IdempotentRequest.objects.exists()


def test_a_key_that_is_too_long_is_refused(post):
    assert code(post(key="k" * 201)) == (422, "VALIDATION_ERROR")


def test_a_first_request_whose_process_died_is_taken_over_after_a_minute(post):
    post()
    IdempotentRequest.objects.update(status=None, answer=None)
    assert code(post()) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
    IdempotentRequest.objects.update(asked_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    assert post().status_code == 201
    assert made() == 2


def test_old_answers_are_forgotten(post):
    post()
    assert forget() == 0
    IdempotentRequest.objects.update(asked_at=timezone.now() - KEPT_FOR - timedelta(seconds=1))
    assert forget() == 1


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


def test_of_twenty_that_take_over_a_lost_request_one_does_the_work(committed, owner, post):
    post()
    lost = timezone.now() - LOST_AFTER - timedelta(seconds=1)
    IdempotentRequest.objects.update(status=None, answer=None, asked_at=lost)
    in_threads(20, lambda: post(by=client_of(owner)))
    assert made() == 2
