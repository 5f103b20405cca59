"""Payers and claims over HTTP: what is asked, what is answered, what is refused, and what never grows."""

from datetime import timedelta
from decimal import Decimal as D
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing.models import Claim, ClaimSettlement, Remittance, WriteOff
from apps.billing.services.catalogue import register_payer
from apps.billing.services.claims import reject_claim
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import claimed, remit

BASE = "/api/v1/billing/"
LISTS = ("payers", "tariffs", "covers", "claims", "remittances", "claim-settlements", "write-offs")


@pytest.fixture
def post(client, clinic):
    """Send a body as the accountant, unless somebody else is named."""

    def send(address, by=None, headers=None, **body):
        client.force_login(by or clinic.accountant)
        return client.post(BASE + address, body, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def get(client, clinic):
    def ask(address, by=None, **query):
        client.force_login(by or clinic.accountant)
        return client.get(BASE + address, query)

    return ask


def code(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def test_a_payer_its_tariff_and_its_member(clinic, post, get):
    payer = post("payers/", by=clinic.manager, code="HM", name="Hygeia", method="HMO").json()
    assert (payer["name"], payer["is_active"]) == ("Hygeia", True)
    assert post("payers/", by=clinic.manager, code="HM", name="Again").status_code == 409
    asked = {"payer_id": payer["id"], "service_id": str(clinic.service("65.00").pk)}
    first = post("tariffs/", by=clinic.manager, **asked, price="50", co_pay="5", valid_from="2026-03-01").json()
    assert (first["price"], first["co_pay"], first["currency"]) == ("50.00", "5.00", "EUR")
    post("tariffs/", by=clinic.manager, **asked, price="55", valid_from="2026-06-01")
    assert get(f"tariffs/{first['id']}/").json()["valid_until"] == "2026-05-31"
    held = get("tariffs/", payer_id=payer["id"], on="2026-07-01").json()["results"]
    assert [row["price"] for row in held] == ["55.00"]
    ended = post(f"tariffs/{held[0]['id']}/end/", by=clinic.manager, last_day="2026-12-31")
    assert ended.json()["valid_until"] == "2026-12-31"

    who = {"patient_id": str(clinic.patient().pk), "payer_id": payer["id"], "member_number": "M-1"}
    cover = post("covers/", by=clinic.receptionist, **who, valid_from="2026-03-01")
    assert (cover.status_code, cover.json()["patient_code"]) == (201, "P-1")
    assert code(post("covers/", by=clinic.receptionist, **who, valid_from="2026-04-01")) == (409, "COVER_OVERLAPS")
    ended = post(f"covers/{cover.json()['id']}/end/", by=clinic.receptionist, last_day="2026-03-31")
    assert ended.json()["valid_until"] == "2026-03-31"
    assert get("covers/", on="2026-04-01").json()["results"] == []


def test_a_claim_from_draft_to_settled(clinic, post, get):
    claim = claimed(clinic, "80.00", submitted=False)
    at = f"claims/{claim.pk}/"
    assert get(at).json()["status"] == "DRAFT"
    sent = post(at + "submit/", date=str(clinic.yesterday)).json()
    assert (sent["status"], sent["submitted_on"], sent["waiting_since"]) == ("SUBMITTED", *[str(clinic.yesterday)] * 2)
    assert post(at + "reject/", reason="wrong code").json()["reason"] == "wrong code"
    again = post(at + "resubmit/", authorisation="A-2").json()
    assert (again["authorisation"], again["submissions"]) == ("A-2", 2)

    parts = [
        {"claim_id": str(claim.pk), "kind": "PAID", "amount": "60"},
        {"claim_id": str(claim.pk), "kind": "ADJUSTMENT", "amount": "20", "reason": "contract"},
    ]
    body = {"payer_id": str(claim.payer_id), "amount": "75", "received_on": str(clinic.today), "settlements": parts}
    remittance = post("remittances/", **body, reference="ADV-1")
    assert remittance.status_code == 201
    shown = remittance.json()
    assert (shown["number"], shown["amount"], shown["unassigned"]) == ("RM-000001", "75.00", "15.00")
    assert [(part["kind"], part["amount"]) for part in shown["settlements"]] == [
        ("PAID", "60.00"), ("ADJUSTMENT", "20.00"),
    ]  # fmt: skip
    done = get(at).json()
    assert (done["status"], done["accepted"], done["settled"], done["open"]) == ("PAID", "80.00", "80.00", "0.00")
    assert [step["status"] for step in done["steps"]] == ["DRAFT", "SUBMITTED", "REJECTED", "SUBMITTED", "PAID"]

    back = post(f"claim-settlements/{shown['settlements'][0]['id']}/take-back/", reason="other claim", amount="10")
    assert (back.status_code, back.json()["amount"]) == (201, "-10.00")
    assert (get(at).json()["status"], get(at).json()["open"]) == ("SUBMITTED", "10.00")
    part = {"claim_id": str(claim.pk), "kind": "PAID", "amount": "10"}
    assert post(f"remittances/{shown['id']}/assign/", settlements=[part]).json()["unassigned"] == "15.00"


def test_many_claims_are_sent_together(clinic, post):
    drafts = [claimed(clinic, "10.00", submitted=False) for _ in range(3)]
    ids = [str(claim.pk) for claim in drafts]
    answer = post("claims/submit/", claim_ids=ids)
    assert [row["status"] for row in answer.json()] == ["SUBMITTED"] * 3
    assert code(post("claims/submit/", claim_ids=ids)) == (409, "CLAIM_NOT_SENDABLE")
    assert post("claims/submit/", claim_ids=[]).status_code == 422
    assert post("claims/submit/", claim_ids=[str(uuid4())]).status_code == 422


def test_a_write_off_takes_two_people(clinic, post, get):
    bill = clinic.bill("65.00")
    proposed = post("write-offs/", bill_id=str(bill.pk), amount="65", reason="moved away")
    assert (proposed.status_code, proposed.json()["state"]) == (201, "PROPOSED")
    at = f"write-offs/{proposed.json()['id']}/"
    assert post(at + "approve/").status_code == 403
    done = post(at + "approve/", by=clinic.manager).json()
    assert (done["state"], done["date"], done["amount"]) == ("APPROVED", str(clinic.today), "65.00")
    assert code(post(at + "reject/", by=clinic.manager)) == (409, "WRITE_OFF_KEPT")

    own = post(
        "write-offs/", by=clinic.manager, bill_id=str(clinic.bill("10.00").pk), amount="10", reason="gone"
    ).json()
    assert code(post(f"write-offs/{own['id']}/approve/", by=clinic.manager)) == (403, "WRITE_OFF_NEEDS_ANOTHER")
    assert post(f"write-offs/{own['id']}/reject/", by=clinic.manager).json()["state"] == "REJECTED"
    assert [row["id"] for row in get("write-offs/", state="REJECTED").json()["results"]] == [own["id"]]


def test_what_payers_owe_by_age(clinic, get):
    claimed(clinic, "40.00", submitted=clinic.today - timedelta(days=45))
    (row,) = get("payers/ageing/").json()
    assert (row["days_0_30"], row["days_31_60"], row["total"], row["claims_count"]) == ("0.00", "40.00", "40.00", 1)
    assert get("payers/ageing/", as_of=str(clinic.yesterday)).json() == []
    assert get("payers/ageing/", as_of="soon").status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "REJECTED"}, ["30.00"]),
        ({"age_min": "31"}, ["20.00"]),
        ({"age_max": "30"}, ["30.00", "10.00"]),
        ({"age_min": "10", "age_max": "45"}, ["20.00"]),
        ({"is_open": "false"}, []),
        ({"ordering": "open"}, ["10.00", "20.00", "30.00"]),
        ({"ordering": "waiting"}, ["20.00", "10.00", "30.00"]),
        ({"limit": "1"}, ["30.00"]),
    ],
)
def test_claims_are_filtered_and_ordered(clinic, get, query, found):
    claimed(clinic, "10.00", submitted=clinic.yesterday)
    claimed(clinic, "20.00", submitted=clinic.today - timedelta(days=45))
    reject_claim(claimed(clinic, "30.00"), reason="no", by=clinic.manager)
    assert [row["open"] for row in get("claims/", **query).json()["results"]] == found


def test_claims_of_one_payer(clinic, get):
    other = register_payer(clinic.administration, code="HM", name="Hygeia")
    claimed(clinic, "10.00")
    claim = claimed(clinic, "20.00", payer=other)
    assert [row["id"] for row in get("claims/", payer_id=str(other.pk)).json()["results"]] == [str(claim.pk)]


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("claims/", {"status": "LOST"}),
        ("claims/", {"age_min": "old"}),
        ("claims/", {"age_min": "-1"}),
        ("claims/", {"age_max": "99999999"}),
        ("claims/", {"ordering": "payer__name"}),
        ("claims/", {"payer_id": "x"}),
        ("remittances/", {"start_date": "soon"}),
        ("write-offs/", {"state": "LOST"}),
        ("tariffs/", {"on": "soon"}),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(get, address, query):
    assert get(address, **query).status_code == 400


WRONG = [
    ("payers/", {"code": "", "name": "X"}),
    ("tariffs/", {"price": "1.001"}),
    ("tariffs/", {"price": "-1"}),
    ("tariffs/", {"co_pay": "51"}),
    ("tariffs/", {"payer_id": str(uuid4())}),
    ("covers/", {"valid_until": "2026-01-01"}),
    ("remittances/", {"amount": "-1"}),
    ("remittances/", {"amount": "1e5000"}),
    ("remittances/", {"amount": "0"}),
    ("remittances/", {"received_on": "2026-02-30"}),
    ("remittances/", {"settlements": [{"claim_id": str(uuid4()), "kind": "PAID", "amount": "1"}]}),
    ("remittances/", {"settlements": [{"kind": "WRITE_OFF", "amount": "1"}]}),
    ("remittances/", {"settlements": "all"}),
    ("write-offs/", {"amount": "0"}),
    ("write-offs/", {"reason": ""}),
    ("write-offs/", {"claim_id": str(uuid4())}),
]


@pytest.mark.parametrize(("address", "wrong"), WRONG)
def test_a_body_that_cannot_be_taken_is_422_and_writes_nothing(clinic, post, address, wrong):
    payer, service = str(clinic.payer().pk), str(clinic.service("65.00").pk)
    right = {
        "payers/": {},
        "tariffs/": {"payer_id": payer, "service_id": service, "price": "50", "valid_from": "2026-03-01"},
        "covers/": {"payer_id": payer, "patient_id": str(clinic.patient().pk), "valid_from": "2026-03-01"},
        "remittances/": {"payer_id": payer, "amount": "10", "received_on": str(clinic.today)},
        "write-offs/": {"bill_id": str(clinic.bill("65.00").pk), "amount": "5", "reason": "gone"},
    }[address]
    assert post(address, by=clinic.manager, **{**right, **wrong}).status_code == 422
    assert not Remittance.objects.exists()
    assert not WriteOff.objects.exists()


def test_the_key_of_a_request_makes_one_remittance(clinic, post):
    body = {"payer_id": str(clinic.payer().pk), "amount": "10", "received_on": str(clinic.today)}
    answers = [post("remittances/", headers={"Idempotency-Key": "k-1"}, **body) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Remittance.objects.count() == 1


def test_rows_of_a_foreign_clinic_are_not_there(clinic, post, get):
    foreign = make_clinic("Elsewhere")
    claim = claimed(foreign, "10.00")
    remittance = remit(foreign, "5.00", (claim, "PAID", "5.00"))
    settlement = ClaimSettlement.objects.get()
    for address in (
        f"claims/{claim.pk}/submit/",
        f"remittances/{remittance.pk}/assign/",
        f"claim-settlements/{settlement.pk}/take-back/",
    ):
        assert post(address).status_code == 404
    part = {"claim_id": str(claim.pk), "kind": "PAID", "amount": "1"}
    body = {"payer_id": str(clinic.payer().pk), "amount": "10", "received_on": str(clinic.today), "settlements": [part]}
    assert post("remittances/", **body).status_code == 422
    for name in LISTS:
        rows = get(f"{name}/").json()["results"]
        assert not [row for row in rows if row["administration_id"] == str(foreign.administration.pk)]


def test_lists_ask_no_more_when_they_grow(clinic, post, get):
    def more():
        claim = claimed(clinic, "10.00")
        remit(clinic, "5.00", (claim, "PAID", "2.00"))
        post("write-offs/", bill_id=str(clinic.bill("7.00").pk), amount="7", reason="gone")

    more()
    for name in LISTS:
        get(f"{name}/")
        with CaptureQueriesContext(connection) as before:
            assert get(f"{name}/").status_code == 200
        more()
        more()
        with CaptureQueriesContext(connection) as after:
            get(f"{name}/")
        assert len(after) == len(before), name


def test_a_claim_of_many_settlements_asks_no_more(clinic, get):
    claim = claimed(clinic, "10.00")
    remit(clinic, "1.00", (claim, "PAID", "1.00"))
    get(f"claims/{claim.pk}/")
    with CaptureQueriesContext(connection) as before:
        get(f"claims/{claim.pk}/")
    for _ in range(3):
        remit(clinic, "1.00", (claim, "PAID", "1.00"))
    with CaptureQueriesContext(connection) as after:
        assert len(get(f"claims/{claim.pk}/").json()["settlements"]) == 4
    assert len(after) == len(before)
    assert Claim.objects.get().settlements.count() == 4
    assert D(get(f"claims/{claim.pk}/").json()["open"]) == D(6)
