"""Signing in, addresses with and without slash, and the one shape of refusals."""

import json

import pytest
from django.urls import path
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.core.api import ScopedViewSet
from apps.core.models import Membership, User
from apps.core.permissions import Act
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, UserFactory, member, operator
from config import urls as site_urls

PASSWORD = "open-sesame-1"
TOKEN, ME = "/api/v1/auth/token", "/api/v1/auth/me"


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def person(db):
    return UserFactory(email="els@clinic.example", full_name="Els", password=PASSWORD)


def sign_in(api, email="els@clinic.example", password=PASSWORD):
    return api.post(TOKEN, f"username={email}&password={password}", content_type="application/x-www-form-urlencoded")


def refused(answer):
    assert set(answer.json()) == {"detail"}
    return answer.status_code, answer.json()["detail"]["code"]


# Signing in ----------------------------------------------------------------------------------------------------------


def test_a_form_with_address_and_password_gives_tokens(api, person):
    answer = sign_in(api)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "bearer"
    assert answer["Cache-Control"] == "no-store"


def test_the_address_is_known_in_any_case(api, person):
    assert sign_in(api, "ELS@clinic.example").status_code == 200


def test_an_unknown_address_and_a_wrong_password_answer_the_same(api, person):
    wrong, unknown = sign_in(api, password="guess"), sign_in(api, "nobody@clinic.example")
    assert refused(wrong) == (401, "INVALID_CREDENTIALS")
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)


def test_an_address_that_was_not_verified_is_refused(api, person):
    User.objects.update(is_email_verified=False)
    assert refused(sign_in(api)) == (403, "EMAIL_NOT_VERIFIED")


def test_somebody_who_left_cannot_sign_in(api, person):
    User.objects.update(is_active=False)
    assert refused(sign_in(api)) == (401, "INVALID_CREDENTIALS")


def test_a_form_without_password_is_refused_by_field(api, db):
    answer = api.post(TOKEN, "username=els@clinic.example", content_type="application/x-www-form-urlencoded")
    assert refused(answer) == (422, "VALIDATION_ERROR")
    assert "password" in answer.json()["detail"]["fields"]


def test_me_says_who_is_signed_in_and_with_which_roles(api, person):
    membership = MembershipFactory(user=person, role=Membership.Role.CASHIER)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(api).json()['access_token']}")
    answer = api.get(ME).json()
    assert (answer["email"], answer["full_name"], answer["role"]) == ("els@clinic.example", "Els", "staff")
    assert answer["memberships"] == [
        {
            "administration_id": str(membership.administration_id),
            "administration_name": membership.administration.name,
            "role": "cashier",
        }
    ]


def test_a_new_password_ends_the_tokens_that_the_old_one_gave(api, person):
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(api).json()['access_token']}")
    assert api.get(ME).status_code == 200
    person.set_password("another-sesame-2")
    person.save()
    assert refused(api.get(ME)) == (401, "INVALID_TOKEN")


def test_a_token_ends_when_its_person_leaves(api, person):
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(api).json()['access_token']}")
    User.objects.update(is_active=False)
    assert refused(api.get(ME)) == (401, "INVALID_TOKEN")


def test_a_refresh_token_is_not_an_access_token(api, person):
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(api).json()['refresh_token']}")
    assert refused(api.get(ME)) == (401, "INVALID_TOKEN")


# Addresses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/health", "/health/"])
def test_an_address_answers_with_and_without_its_slash(api, db, address):
    assert api.get(address).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_body_survives_a_missing_slash(api, person, slash):
    form = f"username=els@clinic.example&password={PASSWORD}"
    answer = api.post(TOKEN + slash, form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


def test_a_path_that_exists_in_neither_spelling_is_not_there(api, db):
    assert refused(api.get("/api/v1/nothing")) == (404, "NOT_FOUND")
    assert refused(api.get("/api/v1/nothing/")) == (404, "NOT_FOUND")


def test_the_home_address_leads_to_the_admin(client, db):
    assert client.get("/").headers["Location"] == "/admin/"


# Refusals and scope: a small viewset over memberships stands for all of ours -----------------------------------------


class MembershipRow(serializers.ModelSerializer):
    class Meta:
        model = Membership
        fields = ("id", "role")


class Members(viewsets.mixins.ListModelMixin, viewsets.mixins.RetrieveModelMixin, ScopedViewSet):
    queryset = Membership.objects.order_by("id")
    serializer_class = MembershipRow
    acts = {"*": Act.MANAGE_PEOPLE, "sign": Act.FINALIZE_CLOSE}

    @action(detail=True, methods=["post"])
    def sign(self, request, pk):
        self.get_object()
        form = MembershipRow(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({})

    @action(detail=False, methods=["get"])
    def where(self, request):
        return Response({"id": self.administration(request.query_params.get("administration_id")).pk})

    @action(detail=False, methods=["get"])
    def bug(self, request):
        raise RuntimeError("secret of the house")


class urlconf:
    handler404 = staticmethod(site_urls.handler404)
    handler500 = staticmethod(site_urls.handler500)
    urlpatterns = [
        path("api/members/", Members.as_view({"get": "list"})),
        path("api/members/where/", Members.as_view({"get": "where"}, detail=False)),
        path("api/members/bug/", Members.as_view({"get": "bug"}, detail=False)),
        path("api/members/<str:pk>/", Members.as_view({"get": "retrieve"}, detail=True)),
        path("api/members/<str:pk>/sign/", Members.as_view({"post": "sign"}, detail=True)),
    ]


@pytest.fixture
def clinic(db, settings):
    settings.ROOT_URLCONF = urlconf
    return AdministrationFactory()


@pytest.fixture
def owner(clinic, api):
    owner = member(clinic, Membership.Role.OWNER)
    api.force_authenticate(owner)
    return owner


MISSING = "0198a1b2-0000-7000-8000-000000000000"


def test_nobody_signed_in_is_401_and_says_how_to_sign_in(api, clinic):
    answer = api.get("/api/members/")
    assert refused(answer) == (401, "NOT_AUTHENTICATED")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_role_without_the_act_is_403(api, clinic):
    api.force_authenticate(member(clinic, Membership.Role.CASHIER))
    assert refused(api.get("/api/members/")) == (403, "NOT_ALLOWED")


def test_an_operator_without_membership_is_403(api, clinic):
    api.force_authenticate(operator())
    assert refused(api.get("/api/members/")) == (403, "NOT_ALLOWED")


def test_a_list_holds_rows_of_ones_own_administrations_only(api, clinic, owner):
    MembershipFactory()
    assert [row["id"] for row in api.get("/api/members/").json()] == [str(owner.memberships.get().pk)]


def test_a_list_leaves_out_administrations_where_the_role_may_not_look(api, clinic, owner):
    MembershipFactory(user=owner, role=Membership.Role.CASHIER)
    assert len(api.get("/api/members/").json()) == 1


def test_a_foreign_row_and_a_missing_one_answer_the_same_404(api, clinic, owner):
    foreign, missing = api.get(f"/api/members/{MembershipFactory().pk}/"), api.get(f"/api/members/{MISSING}/")
    assert refused(foreign) == (404, "NOT_FOUND")
    assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)


def test_an_id_that_is_none_is_404(api, clinic, owner):
    assert refused(api.get("/api/members/nonsense/")) == (404, "NOT_FOUND")


def test_a_row_of_ones_own_administration_where_the_role_lacks_the_act_is_403(api, clinic, owner):
    elsewhere = MembershipFactory(user=owner, role=Membership.Role.CASHIER)
    assert refused(api.get(f"/api/members/{elsewhere.pk}/")) == (403, "NOT_ALLOWED")


def test_the_only_administration_need_not_be_named(api, clinic, owner):
    assert api.get("/api/members/where/").json() == {"id": str(clinic.pk)}


def test_one_of_several_administrations_must_be_named(api, clinic, owner):
    MembershipFactory(user=owner, role=Membership.Role.OWNER)
    assert refused(api.get("/api/members/where/")) == (400, "ADMINISTRATION_REQUIRED")
    assert api.get(f"/api/members/where/?administration_id={clinic.pk}").status_code == 200


@pytest.mark.parametrize("named", [MISSING, "nonsense"])
def test_an_administration_that_is_not_ones_own_is_404(api, clinic, owner, named):
    foreign = api.get(f"/api/members/where/?administration_id={AdministrationFactory().pk}")
    assert refused(foreign) == (404, "NOT_FOUND")
    assert api.get(f"/api/members/where/?administration_id={named}").content == foreign.content


def test_a_method_that_the_address_does_not_take_is_405(api, clinic, owner):
    assert refused(api.delete("/api/members/")) == (405, "METHOD_NOT_ALLOWED")


def test_a_body_that_is_not_json_is_415(api, clinic, owner):
    own = owner.memberships.get()
    answer = api.post(f"/api/members/{own.pk}/sign/", "<role/>", content_type="text/xml")
    assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_json_that_cannot_be_read_is_422(api, clinic, owner):
    own = owner.memberships.get()
    answer = api.post(f"/api/members/{own.pk}/sign/", '{"role": ', content_type="application/json")
    assert refused(answer) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [{}, {"role": "king"}, [], None, "text"])
def test_a_body_that_cannot_be_taken_is_422_by_field(api, clinic, owner, body):
    own = owner.memberships.get()
    answer = api.post(f"/api/members/{own.pk}/sign/", json.dumps(body), content_type="application/json")
    assert refused(answer) == (422, "VALIDATION_ERROR")
    assert answer.json()["detail"]["fields"]


def test_a_bug_is_500_and_tells_nothing_of_its_insides(api, clinic, owner):
    api.raise_request_exception = False
    answer = api.get("/api/members/bug/")
    assert refused(answer) == (500, "INTERNAL_ERROR")
    assert b"secret" not in answer.content
