"""Patients over HTTP: who they are is for those who meet them; handing out and erasing is for the owner."""

from datetime import date, timedelta

import pytest

from apps.billing.models import Patient, PatientIdentity
from apps.billing.services.catalogue import register_patient
from apps.billing.tests.calling import Caller, code_of, queries_of, refused_fields
from apps.billing.tests.clinic import make_clinic
from apps.core.models import Event

NAME, BORN, EMAIL = "Zebulon Quisquilius", date(1931, 2, 28), "zebulon@quisquilius.example"


@pytest.fixture
def call(clinic):
    return Caller(clinic.receptionist)


@pytest.fixture
def own(clinic):
    return Caller(clinic.owner)


@pytest.fixture
def patient(clinic):
    return register_patient(clinic.administration, code="P-77", name=NAME, birth_date=BORN, email=EMAIL)


def test_a_patient_is_registered_with_a_code_or_gets_one(clinic, call):
    body = {"name": NAME, "birth_date": BORN.isoformat(), "email": EMAIL}
    made = call("post", "patients/", {**body, "code": "P-9"})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert {name: made.json()[name] for name in ("code", *body)} == {"code": "P-9", **body}
    coded = call("post", "patients/", {"name": "Anna Invented"}).json()
    assert coded["code"].startswith("P-")
    assert (coded["birth_date"], coded["email"]) == (None, None)
    assert Patient.objects.count() == 2
    assert code_of(call("post", "patients/", {**body, "code": "P-9"})) == (409, "CODE_TAKEN")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ({"name": ""}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "x", "birth_date": "1931-02-31"}, {"birth_date"}),
        ({"name": "x", "email": "nobody"}, {"email"}),
        ({"name": "x", "code": "x" * 65}, {"code"}),
    ],
)
def test_a_body_that_cannot_be_taken_names_its_fields(call, body, fields):
    assert refused_fields(call("post", "patients/", body)) == fields
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    ("role", "knows"),
    [("receptionist", True), ("cashier", True), ("manager", True), ("owner", True), ("accountant", False)],
)
def test_a_name_is_said_to_those_who_meet_patients(clinic, patient, role, knows):
    call = Caller(clinic.people[role])
    for answer in (call("get", "patients/{id}/", id=patient.pk), call("get", "patients/")):
        row = answer.json().get("results", [answer.json()])[0]
        assert (row["name"], row["email"]) == ((NAME, EMAIL) if knows else (None, None))
        assert row["birth_date"] == (BORN.isoformat() if knows else None)
        assert row["code"] == "P-77"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (NAME in answer.content.decode()) is knows


def test_who_does_not_work_with_the_clinic_sees_no_patients(clinic, patient):
    call = Caller(clinic.admin)
    assert code_of(call("get", "patients/")) == (403, "NOT_ALLOWED")
    assert code_of(call("get", "patients/{id}/", id=patient.pk)) == (403, "NOT_ALLOWED")


@pytest.mark.parametrize(
    "asked",
    [
        {"code": "p-7"},
        {"name": "quisq"},
        {"birth_date": "1931-02-28"},
        {"search": "P-77"},
        {"search": "zebulon"},
        {"search": "1931-02-28"},
        {"name": "quisq", "birth_date": "1931-02-28"},
    ],
)
def test_a_patient_is_found_by_code_name_or_birth_date(clinic, call, patient, asked):
    register_patient(clinic.administration, code="X-1", name="Somebody Else", birth_date=date(1980, 1, 1))
    assert call.rows("patients/", **asked) == [str(patient.pk)]


@pytest.mark.parametrize("asked", [{"name": "quisq"}, {"birth_date": "1931-02-28"}, {"search": "zebulon"}])
def test_nobody_finds_out_a_name_by_asking_for_it(clinic, patient, asked):
    assert Caller(clinic.accountant).rows("patients/", **asked) == []


def test_what_is_no_date_is_refused_as_one_and_searched_as_a_word(call, patient):
    assert refused_fields(call("get", "patients/", query={"birth_date": "1931-02-31"})) == {"birth_date"}
    assert call.rows("patients/", search="1931-02-31") == []


def test_patients_stand_by_code_page_by_page(clinic, call):
    codes = ["A-3", "A-1", "A-2"]
    for code in codes:
        register_patient(clinic.administration, code=code, name="x")
    page = call("get", "patients/", query={"limit": 2}).json()
    rest = call.http.get(page["next"]).json()
    assert [row["code"] for row in (*page["results"], *rest["results"])] == sorted(codes)
    newest = call("get", "patients/", query={"ordering": "-created_at"}).json()["results"]
    assert [row["code"] for row in newest] == codes[::-1]
    assert refused_fields(call("get", "patients/", query={"ordering": "identity__name"})) == {"ordering"}


def test_a_longer_list_asks_no_more_questions(clinic, call, patient):
    few = queries_of(lambda: call("get", "patients/"))
    for n in range(4):
        register_patient(clinic.administration, code=f"Q-{n}", name="x")
    assert queries_of(lambda: call("get", "patients/")) == few


def test_the_owner_hands_out_what_is_held_as_a_file(own, clinic, patient):
    answer = own("get", "patients/{id}/export/", id=patient.pk)
    assert answer.json()["person"] == "P-77"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert Event.objects.filter(name="billing.patient_exported", by=clinic.owner).count() == 1


def test_the_owner_erases_a_patient_for_a_ground_of_the_law(own, patient):
    assert refused_fields(own("post", "patients/{id}/erase/", {"reason": "asked"}, id=patient.pk)) == {"reason"}
    answer = own("post", "patients/{id}/erase/", {"reason": "CONSENT"}, id=patient.pk).json()
    assert answer["erased"] == ["Name, birth date and e-mail address"]
    assert "Code" in [kept["what"] for kept in answer["kept"]]
    assert not PatientIdentity.objects.exists()
    after = own("get", "patients/{id}/", id=patient.pk).json()
    assert (after["name"], after["code"]) == (None, "P-77")
    assert after["erased_at"] is not None


def test_who_owes_is_not_erased_yet(own, clinic, patient):
    clinic.bill("65.00", patient=patient)
    refused = own("post", "patients/{id}/erase/", {"reason": "CONSENT"}, id=patient.pk)
    assert code_of(refused) == (409, "PATIENT_NOT_SETTLED")
    clinic.pay(patient.bills.get(), "65.00")
    clinic.fill_wallet("5.00", day=clinic.today - timedelta(days=1), patient=patient)
    refused = own("post", "patients/{id}/erase/", {"reason": "CONSENT"}, id=patient.pk)
    assert code_of(refused) == (409, "WALLET_NOT_EMPTY")


@pytest.mark.parametrize("role", ["receptionist", "cashier", "manager", "accountant", "admin"])
def test_nobody_else_hands_out_or_erases(clinic, patient, role):
    call = Caller(clinic.people[role])
    assert code_of(call("get", "patients/{id}/export/", id=patient.pk)) == (403, "NOT_ALLOWED")
    assert code_of(call("post", "patients/{id}/erase/", {"reason": "CONSENT"}, id=patient.pk)) == (403, "NOT_ALLOWED")
    assert PatientIdentity.objects.exists()


def test_a_foreign_patient_answers_404(clinic, own):
    foreign = make_clinic("Elsewhere").patient()
    assert code_of(own("get", "patients/{id}/", id=foreign.pk)) == (404, "NOT_FOUND")
    assert code_of(own("get", "patients/{id}/export/", id=foreign.pk)) == (404, "NOT_FOUND")
    assert code_of(own("post", "patients/{id}/erase/", {"reason": "CONSENT"}, id=foreign.pk)) == (404, "NOT_FOUND")
    assert own.rows("patients/", search="Anna") == []


@pytest.mark.parametrize(("role", "status"), [("accountant", 403), ("admin", 403), ("cashier", 201)])
def test_patients_are_registered_at_the_desk(clinic, role, status):
    assert Caller(clinic.people[role])("post", "patients/", {"name": "Anna Invented"}).status_code == status
