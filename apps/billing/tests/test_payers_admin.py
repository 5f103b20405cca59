"""The pages of claims, remittances and write-offs: what they say, what they write, what stops them."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing.models import Claim, ClaimSettlement, Cover, Remittance, Tariff, WriteOff
from apps.billing.services.claims import reject_claim
from apps.billing.services.covers import enrol_patient
from apps.billing.services.tariffs import set_tariff
from apps.billing.services.writing_off import propose
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import claimed, remit

AT = "/admin/billing/"


@pytest.fixture
def sign_in(client, clinic):
    def sign(person):
        client.force_login(person)
        return client

    return sign


def text(answer):
    assert answer.status_code == 200, answer.headers
    return answer.content.decode()


def test_the_list_of_claims_says_what_comes_next_and_what_payers_owe_by_age(clinic, sign_in):
    claimed(clinic, "40.00", submitted=False)
    claimed(clinic, "30.00", submitted=clinic.today - timedelta(days=70))
    page = text(sign_in(clinic.accountant).get(f"{AT}claim/"))
    for words in ("What payers owe by age", "Zorgkas", "submit it", "enter the answer", "age=61"):
        assert words in page
    filtered = text(sign_in(clinic.accountant).get(f"{AT}claim/?age=61&open=yes"))
    assert "C-000002" in filtered
    assert "C-000001" not in filtered
    assert "No payer owes anything" in text(sign_in(make_clinic("Empty").owner).get(f"{AT}claim/"))


def test_many_claims_are_submitted_after_a_sentence_that_says_what_happens(clinic, sign_in):
    drafts = [claimed(clinic, "40.00", submitted=False) for _ in range(2)]
    chosen = {"action": "submit_selected", "_selected_action": [str(claim.pk) for claim in drafts]}
    client = sign_in(clinic.accountant)
    asked = text(client.post(f"{AT}claim/", chosen))
    assert "2 claims, EUR\N{NO-BREAK SPACE}80.00 open" in asked
    assert not Claim.objects.exclude(status="DRAFT").exists()
    sent = {**chosen, "confirmed": "yes", "date": str(clinic.yesterday), "key": "k-1"}
    for _ in range(2):
        assert client.post(f"{AT}claim/", sent).status_code == 302
    assert set(Claim.objects.values_list("status", "submitted_on", "submissions")) == {
        ("SUBMITTED", clinic.yesterday, 1)
    }


def test_a_claim_goes_its_way_on_its_page(clinic, sign_in):
    claim = claimed(clinic, "40.00", submitted=False)
    client, page = sign_in(clinic.manager), f"{AT}claim/{claim.pk}/"
    today = str(clinic.today)
    assert f"{page}submit/" in text(client.get(f"{page}change/"))
    client.post(f"{page}submit/", {"date": today, "key": "1"})
    refused = text(client.post(f"{page}reject/", {"date": today, "reason": "", "key": "2"}))
    assert "This field is required" in refused
    client.post(f"{page}reject/", {"date": today, "reason": "wrong code", "key": "3"})
    assert "wrong code" in text(client.get(f"{page}change/"))
    client.post(f"{page}resubmit/", {"date": today, "authorisation": "A-2", "key": "4"})
    claim.refresh_from_db()
    assert (claim.status, claim.authorisation, claim.submissions) == ("SUBMITTED", "A-2", 2)
    again = text(client.post(f"{page}submit/", {"date": today, "key": "5"}))
    assert "only a draft or a rejected claim is sent" in again


def test_a_remittance_is_typed_beside_the_claims_and_posted_once(clinic, sign_in):
    first, second = claimed(clinic, "100.00", submitted=clinic.yesterday), claimed(clinic, "50.00")
    client = sign_in(clinic.accountant)
    assert "Zorgkas" in text(client.get(f"{AT}remittance/add/"))
    page = f"{AT}remittance/add/?payer={clinic.payer().pk}"
    assert text(client.get(page)).index("C-000001") < text(client.get(page)).index("C-000002")  # the oldest first
    form = {
        "amount": "120", "received_on": str(clinic.today), "reference": "ADV-1", "key": "k-1",
        f"PAID-{first.pk.hex}": "80,00", f"ADJUSTMENT-{first.pk.hex}": "20.00", f"PAID-{second.pk.hex}": "30",
    }  # fmt: skip
    answers = [client.post(page, form) for _ in range(2)]
    remittance = Remittance.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {f"{AT}remittance/{remittance.pk}/change/"}
    assert sorted(ClaimSettlement.objects.values_list("kind", "amount")) == [
        ("ADJUSTMENT", D(20)), ("PAID", D(30)), ("PAID", D(80)),
    ]  # fmt: skip
    shown = text(client.get(f"{AT}remittance/{remittance.pk}/change/"))
    assert "Assign the rest" in shown

    assign = f"{AT}remittance/{remittance.pk}/assign/"
    beyond = text(client.post(assign, {f"PAID-{second.pk.hex}": "10.01", "key": "k-2"}))
    assert "Claims are paid within what the payer sent." in beyond
    client.post(assign, {f"PAID-{second.pk.hex}": "10", "key": "k-3"})
    assert Claim.objects.get(pk=second.pk).status == "SUBMITTED"
    settled = text(client.post(assign, {f"ADJUSTMENT-{first.pk.hex}": "1", "key": "k-4"}))
    assert "A claim is settled within what is open of it." in settled
    foreign = text(client.post(assign, {f"PAID-{remittance.pk.hex}": "1", "key": "k-5"}))
    assert "not one of this payer" in foreign


def test_each_part_that_a_payer_does_not_pay_has_its_reason(clinic, sign_in):
    claim = claimed(clinic, "100.00")
    page, key = f"{AT}remittance/add/?payer={claim.payer_id}", claim.pk.hex
    form = {
        "amount": "70", "received_on": str(clinic.today), "key": "k-1", f"PAID-{key}": "70",
        f"ADJUSTMENT-{key}": "20", f"why-ADJUSTMENT-{key}": "Rebate of the contract",
        f"PATIENT-{key}": "10", f"why-PATIENT-{key}": "Deductible",
    }  # fmt: skip
    client = sign_in(clinic.accountant)
    dropped = text(client.post(page, {**form, f"why-WITHHOLDING-{key}": "Tax"}))
    assert "Type the amount that the reason is for." in dropped
    client.post(page, {**form, "key": "k-2"})
    assert dict(ClaimSettlement.objects.values_list("kind", "reason")) == {
        "PAID": "",
        "ADJUSTMENT": "Rebate of the contract",
        "PATIENT": "Deductible",
    }
    assert "Deductible" in text(client.get(f"{AT}remittance/{Remittance.objects.get().pk}/change/"))


def test_what_a_rule_refuses_keeps_what_was_typed(clinic, sign_in):
    claim = claimed(clinic, "100.00")
    page = f"{AT}remittance/add/?payer={claim.payer_id}"
    form = {"amount": "10", "received_on": str(clinic.today), f"PAID-{claim.pk.hex}": "11.11", "key": "k-1"}
    answer = text(sign_in(clinic.accountant).post(page, form))
    assert "Claims are paid within what the payer sent." in answer
    assert 'value="11.11"' in answer
    assert not Remittance.objects.exists()


def test_a_settlement_is_taken_back_on_a_page_that_says_what_happens(clinic, sign_in):
    claim = claimed(clinic, "100.00")
    remit(clinic, "60.00", (claim, "PAID", "60.00"))
    page = f"{AT}claim/settlement/{ClaimSettlement.objects.get().pk}/take-back/"
    client = sign_in(clinic.accountant)
    assert "Zorgkas owes again from today" in text(client.get(page))
    client.post(page, {"amount": "60", "reason": "other claim", "key": "k-1"})
    assert sorted(ClaimSettlement.objects.values_list("amount", flat=True)) == [D(-60), D(60)]


def test_a_write_off_is_proposed_by_one_and_approved_by_another(clinic, sign_in):
    claim, bill = claimed(clinic, "80.00"), clinic.bill("20.00")
    client = sign_in(clinic.accountant)
    assert "begins at the claim or the bill" in text(client.get(f"{AT}writeoff/add/"))
    for debt, amount in ((f"claim={claim.pk}", "80"), (f"bill={bill.pk}", "20")):
        client.post(f"{AT}writeoff/add/?{debt}", {"amount": amount, "reason": "gone", "key": debt})
    first, second = WriteOff.objects.order_by("id")
    assert "A manager or the owner approves it." in text(client.get(f"{AT}writeoff/{first.pk}/change/"))
    assert client.get(f"{AT}writeoff/{first.pk}/approve/").status_code == 403
    client = sign_in(clinic.manager)
    assert "is given up today" in text(client.get(f"{AT}writeoff/{first.pk}/approve/"))
    client.post(f"{AT}writeoff/{first.pk}/approve/", {"key": "a"})
    client.post(f"{AT}writeoff/", {"action": "approve_selected", "_selected_action": [str(first.pk), str(second.pk)]})
    assert set(WriteOff.objects.values_list("approved_by", flat=True)) == {clinic.manager.pk}

    own = propose(clinic.bill("5.00"), amount=D(5), reason="gone", by=clinic.manager)
    assert "Somebody else than who proposed it" in text(client.get(f"{AT}writeoff/{own.pk}/change/"))
    client.post(f"{AT}writeoff/{own.pk}/reject/", {"key": "b"})
    own.refresh_from_db()
    assert own.rejected_by == clinic.manager


def test_a_tariff_and_a_cover_are_typed(clinic, sign_in):
    payer, service = clinic.payer(), clinic.service("65.00")
    client = sign_in(clinic.manager)
    assert "No tariff is agreed yet" in text(client.get(f"{AT}payer/{payer.pk}/change/"))
    form = {"service": service.code, "price": "50,00", "co_pay": "5", "valid_from": "2026-03-01", "key": "k-1"}
    assert "no service with that code" in text(client.post(f"{AT}payer/{payer.pk}/tariff/", {**form, "service": "X"}))
    client.post(f"{AT}payer/{payer.pk}/tariff/", form)
    assert Tariff.objects.values_list("price", "co_pay", "includes_vat").get() == (50, 5, False)
    assert service.code in text(client.get(f"{AT}payer/{payer.pk}/change/"))

    cover = {"patient": clinic.patient().code, "payer": payer.pk, "member_number": "M-1", "valid_from": "2026-03-01"}
    client.post(f"{AT}cover/add/", {**cover, "key": "k-2"})
    refused = text(client.post(f"{AT}cover/add/", {**cover, "key": "k-3"}))
    assert "covers that patient in those days already" in refused
    client.post(f"{AT}cover/{Cover.objects.get().pk}/end/", {"last_day": "2026-06-30", "key": "k-4"})
    assert str(Cover.objects.get().valid_until) == "2026-06-30"


@pytest.mark.parametrize("query", ["payer=x", "payer=00000000-0000-7000-8000-000000000000"])
def test_a_payer_that_is_not_there_is_a_404(clinic, sign_in, query):
    assert sign_in(clinic.accountant).get(f"{AT}remittance/add/?{query}").status_code == 404


def test_pages_ask_no_more_when_they_grow(clinic, sign_in):
    claim = claimed(clinic, "100.00")
    client = sign_in(clinic.accountant)

    def more():
        claimed(clinic, "10.00", patient=f"P-{Claim.objects.count()}")
        remit(clinic, "5.00", (claim, "PAID", "2.00"))
        propose(claim.bill, claim=claim, amount=D(1), reason="gone", by=clinic.accountant)

    more()
    pages = [
        f"{AT}claim/", f"{AT}remittance/", f"{AT}writeoff/", f"{AT}claim/{claim.pk}/change/",
        f"{AT}remittance/add/?payer={claim.payer_id}", f"{AT}payer/{claim.payer_id}/change/",
    ]  # fmt: skip
    for page in pages:
        client.get(page)
        with CaptureQueriesContext(connection) as before:
            text(client.get(page))
        more()
        more()
        with CaptureQueriesContext(connection) as after:
            text(client.get(page))
        assert len(after) == len(before), page


def test_a_cover_is_replaced_from_a_day_on(clinic, sign_in):
    cover = enrol_patient(
        clinic.patient(), payer=clinic.payer(), member_number="77", valid_from=clinic.yesterday, by=clinic.receptionist
    )
    client, page = sign_in(clinic.receptionist), f"{AT}cover/{cover.pk}/"
    assert f"{page}replace/" in text(client.get(f"{page}change/"))
    form = {
        "payer": str(clinic.payer("HMO").pk),
        "member_number": "H-1",
        "valid_from": str(clinic.yesterday),
        "key": "1",
    }
    assert "ends on or after the day on which it begins" in text(client.post(f"{page}replace/", form))
    form |= {"valid_from": str(clinic.today), "key": "2"}
    for _ in range(2):
        client.post(f"{page}replace/", form)
    assert list(
        Cover.objects.order_by("id").values_list("payer__name", "member_number", "valid_from", "valid_until")
    ) == [
        ("Zorgkas", "77", clinic.yesterday, clinic.yesterday),
        ("Hygeia", "H-1", clinic.today, None),
    ]
    holds = client.get(f"{AT}cover/?holds=yes").context["cl"].queryset
    assert [one.member_number for one in holds] == ["H-1"]
    assert "It has ended." in text(client.get(f"{page}change/"))


def test_a_tariff_is_replaced_from_its_row(clinic, sign_in):
    service, payer = clinic.service("65.00"), clinic.payer()
    set_tariff(payer=payer, service=service, price=D(50), co_pay=D(5), valid_from=clinic.yesterday, by=clinic.owner)
    client = sign_in(clinic.manager)
    page = f"{AT}payer/{payer.pk}/tariff/?service={service.code}"
    assert page.split("/admin")[1] in text(client.get(f"{AT}payer/{payer.pk}/change/"))
    first = client.get(page).context["form"].initial
    assert (first["service"], first["price"], first["co_pay"], first["valid_from"]) == (
        service.code,
        50,
        5,
        clinic.today,
    )


def test_home_says_which_claims_wait_for_somebody_here(clinic, sign_in):
    claimed(clinic, "40.00", submitted=False)
    claimed(clinic, "30.00")
    rejected = claimed(clinic, "20.00")
    reject_claim(rejected, reason="Not covered", by=clinic.manager)
    waiting = sign_in(clinic.accountant).get("/admin/").context["claims"]
    assert [(one["status"], one["count"], one["sum"]) for one in waiting] == [("DRAFT", 1, 40), ("REJECTED", 1, 20)]
    for one in waiting:
        assert sign_in(clinic.accountant).get(one["link"]).context["cl"].result_count == 1
    assert "claims" not in sign_in(clinic.receptionist).get("/admin/").context


def test_the_page_of_a_patient_leads_to_what_happened_to_them(clinic, sign_in):
    patient = clinic.patient()
    clinic.bill("65.00")
    clinic.fill_wallet("12.00")
    enrol_patient(patient, payer=clinic.payer(), valid_from=clinic.yesterday, by=clinic.receptionist)
    page = text(sign_in(clinic.receptionist).get(f"{AT}patient/{patient.pk}/change/"))
    for words in ("EUR\u00a065.00", "EUR\u00a012.00", "Zorgkas", f"{AT}visit/?q=P-1&amp;", f"{AT}bill/?q=P-1&amp;"):
        assert words in page
