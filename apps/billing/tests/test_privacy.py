"""A patient is erased and the books stand as they stood, to the cent and the byte."""

from datetime import date
from decimal import Decimal as D
from io import StringIO
from threading import Event as Signal
from threading import Thread

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

from apps.billing.errors import PatientErased, PatientNotSettled, WalletNotEmpty
from apps.billing.models import (
    Bill,
    ClinicDay,
    Cover,
    EndOfDayReconciliation,
    Order,
    PatientIdentity,
    Payment,
    Visit,
    WriteOff,
)
from apps.billing.reports.day import day_figures
from apps.billing.services.catalogue import register_patient
from apps.billing.services.charging import (
    Charge,
    cancel_visit,
    close_visit,
    credit_bill,
    issue_bill,
    register_visit,
)
from apps.billing.services.closing import add_note, cancel_day
from apps.billing.services.ordering import place_order
from apps.billing.services.payments import refund_payment
from apps.billing.services.privacy import erase_patient, export_patient
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.test_laws import law_broken_by, sql
from apps.core.errors import NotAllowed, refusal_for
from apps.core.models import Event, Membership
from apps.core.privacy import Fate, Ground
from apps.core.tests.dump import places_of
from apps.core.tests.factories import operator
from apps.core.tests.test_privacy import decided
from apps.ledger.reports.trial_balance import trial_balance

NAME, BORN, EMAIL = "Zebulon Quisquilius", date(1931, 2, 28), "zebulon@quisquilius.example"
TRACES = (NAME, BORN.isoformat(), EMAIL, "06-55512399")
WRITTEN = {f"billing_patientidentity.{name}" for name in ("name", "birth_date", "email")}
WRITTEN |= {f"billing_{table}.reason" for table in ("visit", "bill", "payment")}
ROLES = [*Membership.Role]
ASKED = Ground.CONSENT


def page(patient):
    return f"/admin/billing/patient/{patient.pk}/personal-data/"


@pytest.fixture
def patient(clinic):
    """Somebody who left their name wherever a hand can write one, with everything settled."""
    patient = register_patient(clinic.administration, code="P-77", name=NAME, birth_date=BORN, by=clinic.receptionist)
    PatientIdentity.objects.filter(patient=patient).update(email=EMAIL)
    visit = register_visit(
        administration=clinic.administration, patient=patient, charges=[], reason=f"Cough of {NAME}", by=clinic.cashier
    )
    bill = clinic.bill("65.00", patient=patient, visit=visit)
    paid = clinic.pay(bill, "65.00", "CARD", reference="T-0815")
    credit_bill(bill, reason=f"{NAME} complained, call 06-55512399", by=clinic.owner)
    refund_payment(paid, amount=paid.amount, reason=f"back to {EMAIL}", by=clinic.owner)
    clinic.pay(clinic.bill("30.00", patient=patient), "30.00")
    close_visit(visit, by=clinic.receptionist)
    return patient


@pytest.fixture
def others(clinic):
    """Somebody else in the same clinic, with words of their own."""
    other = register_patient(clinic.administration, code="P-78", name="Somebody Else")
    bill = clinic.bill("40.00", patient=other)
    paid = clinic.pay(bill, "40.00")
    credit_bill(bill, reason="theirs", by=clinic.owner)
    refund_payment(paid, amount=paid.amount, reason="theirs", by=clinic.owner)
    return other


def erase(patient, clinic, **more):
    return erase_patient(patient, **{"by": clinic.owner, "reason": ASKED, **more})


def the_books(administration):
    """Every figure and every row that a report or an auditor reads."""
    said = StringIO()
    call_command("verify_books", stdout=said)
    tables = [model._meta.db_table for model in apps.get_models() if model._meta.app_label == "ledger"]
    tables += [model._meta.db_table for model in (EndOfDayReconciliation, ClinicDay)]
    rows = {}
    with connection.cursor() as cursor:
        for table in tables:
            salted = "sealeddocument" in table  # an erased text takes its salt along
            row = "(to_jsonb(t) - 'salt')::text" if salted else "t::text"
            cursor.execute(f"SELECT {row} FROM {table} t ORDER BY 1")
            rows[table] = cursor.fetchall()
        for table in ("billing_bill", "billing_payment", "billing_visit", "billing_billline", "billing_outstanding"):
            cursor.execute(f"SELECT (to_jsonb(t) - 'reason')::text FROM {table} t ORDER BY 1")
            rows[table] = cursor.fetchall()
    days = [day_figures(day) for day in ClinicDay.objects.filter(administration=administration).order_by("date")]
    return said.getvalue(), trial_balance(administration, date.max), days, rows


# The books -----------------------------------------------------------------------------------------------------------


def test_the_books_stand_as_they_stood(patient, others, clinic):
    clinic.finalized()
    before = the_books(clinic.administration)
    erase(patient, clinic)
    assert the_books(clinic.administration) == before
    assert all(before[3][table] for table in ("billing_bill", "billing_payment", "ledger_journalline"))


def test_after_erasure_the_patient_stands_nowhere_in_the_database(patient, others, clinic):
    clinic.finalized()
    assert places_of(*TRACES) == WRITTEN  # the search finds what is there
    erasure = erase(patient, clinic)
    assert places_of(*TRACES) == set()
    assert list(erasure.erased) == [
        "Name, birth date and e-mail address",
        "The reasons of 3 visits, orders, credit notes, refunds and top-ups",
    ]


def test_what_is_left_of_a_name_stands_only_where_the_table_of_decisions_keeps_it(patient, clinic):
    close = clinic.close()
    cancel_day(close, reason=f"{NAME} came back", by=clinic.receptionist)
    add_note(clinic.finalized(), text=f"{NAME} paid twice", by=clinic.manager)
    erase(patient, clinic)
    kept = {
        f"{apps.get_model(label)._meta.db_table}.{name}"
        for label, fields in decided().items()
        for name, fate in fields.items()
        if fate is Fate.KEPT
    }
    assert places_of(*TRACES) == {"billing_closenote.text"}
    assert kept >= {"billing_closenote.text"}


def test_orders_cover_wallet_and_cancellations_are_emptied_or_kept_as_decided(clinic):
    patient = register_patient(clinic.administration, code="P-79", name=NAME, email=EMAIL, by=clinic.receptionist)
    cover = {"administration": clinic.administration, "patient": patient, "payer": clinic.payer()}
    Cover.objects.create(**cover, member_number=f"{NAME} 1", valid_from=clinic.yesterday)
    visit = register_visit(administration=clinic.administration, patient=patient, charges=[], by=clinic.cashier)
    place_order(visit, kind="LAB", description="Blood count", by=clinic.cashier)
    cancel_visit(visit, reason=f"{NAME} left", by=clinic.manager)
    clinic.fill_wallet("5.00", patient=patient, reason=f"{NAME} paid ahead")
    with pytest.raises(WalletNotEmpty):  # the money is theirs, and is given back to somebody
        erase(patient, clinic)
    clinic.pay(clinic.bill("5.00", patient=patient), "5.00", "WALLET")

    held = {one["what"]: one["facts"] for one in export_patient(patient, by=clinic.owner).as_dict()["held"]}
    assert held["Cover"][0]["member_number"] == f"{NAME} 1"
    assert [(fact["of"], fact["reason"]) for fact in held["Reasons"]] == [
        ("cancelled visit", f"{NAME} left"),
        ("cancelled order", f"{NAME} left"),
        ("wallet top-up", f"{NAME} paid ahead"),
    ]
    assert [(top_up["method"], top_up["amount"]) for top_up in held["Wallet"]] == [("CARD", "5.00")]
    assert [order["description"] for order in held["Orders"]] == ["Blood count"]

    erasure = erase(patient, clinic)

    assert places_of(*TRACES) == set()
    assert "The reasons of 3 visits, orders, credit notes, refunds and top-ups" in erasure.erased
    assert "Who covers you, with your member number" in erasure.erased
    assert not Cover.objects.exists()
    assert [order.description for order in Order.objects.all()] == ["Blood count"]


def test_what_a_payer_and_the_clinic_decided_about_a_bill_is_handed_out(clinic):
    patient, service = clinic.patient(), clinic.service("100.00")
    charge = Charge(service, discount=D(5), discount_reason="Old friend")
    bill = issue_bill(patient=patient, charges=[charge], by=clinic.receptionist)
    clinic.pay(bill, "60.00", "INSURANCE")
    WriteOff.objects.create(
        administration=clinic.administration, bill=bill, amount=D(3), reason="Moved", proposed_by=clinic.manager
    )
    held = {one["what"]: one["facts"] for one in export_patient(patient, by=clinic.owner).as_dict()["held"]}
    assert [(one["amount"], one["reason"]) for one in held["Discounts"]] == [("5.00", "Old friend")]
    assert [(one["payer"], one["status"]) for one in held["Claims"]] == [("Zorgkas", "DRAFT")]
    assert [(one["amount"], one["reason"]) for one in held["Write-offs"]] == [("3.00", "Moved")]


def test_nobody_else_is_touched(patient, others, clinic):
    erase(patient, clinic)
    assert PatientIdentity.objects.get().name == "Somebody Else"
    assert Bill.objects.filter(patient=others).exclude(reason="").count() == 1
    assert Payment.objects.filter(bill__patient=others).exclude(reason="").count() == 1


def test_erasing_twice_is_harmless(patient, clinic):
    erase(patient, clinic)
    patient.refresh_from_db()
    first = patient.erased_at
    assert erase(patient, clinic).erased == ()
    patient.refresh_from_db()
    assert patient.erased_at == first


def test_what_was_written_since_is_erased_when_asked_again(patient, clinic):
    erase(patient, clinic)
    Visit.objects.filter(patient=patient).update(reason=NAME)
    assert list(erase(patient, clinic).erased) == ["The reason of 1 visit, order, credit note, refund or top-up"]
    assert places_of(*TRACES) == set()


def test_a_patient_who_owes_or_is_here_keeps_the_name_until_then(clinic):
    patient = clinic.patient()
    visit = register_visit(administration=clinic.administration, patient=patient, charges=[], by=clinic.cashier)
    bill = clinic.bill("65.00", patient=patient, visit=visit)
    with pytest.raises(PatientNotSettled) as refused:
        erase(patient, clinic)
    assert (refused.value.facts["visits"], refused.value.facts["bills"]) == (1, 1)
    close_visit(visit, by=clinic.cashier)
    clinic.pay(bill, "65.00", "INSURANCE")
    with pytest.raises(PatientNotSettled):  # the payer owes it now, and asks for whom
        erase(patient, clinic)
    credit_bill(bill, reason="", by=clinic.owner)
    with pytest.raises(PatientNotSettled):  # the patient has a credit now
        erase(patient, clinic)
    refund_payment(bill.payments.get(), amount=bill.gross, reason="x", by=clinic.owner)
    assert erase(patient, clinic).erased


def test_a_bill_issued_meanwhile_is_seen(committed):
    """The erasure waits for the bill that is being issued, and then finds it open."""
    clinic = make_clinic()
    patient, refused, asked = clinic.patient(), [], Signal()

    def erasing():
        try:
            asked.set()
            erase(patient, clinic)
        except PatientNotSettled as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    thread = Thread(target=erasing)
    with transaction.atomic():
        clinic.bill("65.00", patient=patient)
        thread.start()
        asked.wait()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join()
    assert len(refused) == 1
    assert PatientIdentity.objects.filter(patient=patient).exists()


# The laws ------------------------------------------------------------------------------------------------------------

TRIED = {
    "billing_bill": {
        "bill_append_only": (
            "reason = 'other'", "reason = NULL", "reason = '', gross = gross + 1", "reason = '', issued_at = now()",
            "reason = '', source = 'x'", "number = number + 100",
        ),
    },
    "billing_payment": {
        "payment_append_only": (
            "reason = 'other'", "reason = '', amount = amount + 1", "reason = '', method = 'CASH'",
            "reason = '', reference = ''", "reason = '', taken_at = now()",
        ),
    },
    "billing_billline": {"bill_append_only": ("description = ''", "code = ''")},
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "law", "change"),
    [(table, law, change) for table, laws in TRIED.items() for law, changes in laws.items() for change in changes],
)
def test_of_an_erased_patient_the_reason_is_emptied_and_nothing_else(patient, clinic, table, law, change):
    erase(patient, clinic)
    assert law_broken_by(lambda: sql(f"UPDATE {table} SET {change}")) == law
    assert law_broken_by(lambda: sql(f"DELETE FROM {table}")) == law


@pytest.mark.parametrize("document", ["bill", "payment"])
def test_of_anybody_else_no_reason_is_emptied(patient, others, clinic, document):
    table, law = f"billing_{document}", f"{document}_append_only"
    assert law_broken_by(lambda: sql(f"UPDATE {table} SET reason = ''")) == law
    erase(patient, clinic)
    assert law_broken_by(lambda: sql(f"UPDATE {table} SET reason = '' WHERE reason = 'theirs'")) == law


def test_nobody_counts_as_erased_while_a_name_is_there(patient):
    assert law_broken_by(lambda: sql("UPDATE billing_patient SET erased_at = now()")) == "patient_erased"


def test_an_erased_patient_stays_erased_and_gets_no_name(patient, clinic):
    erase(patient, clinic)
    for change in ("erased_at = NULL", "erased_at = now()"):
        assert law_broken_by(lambda change=change: sql(f"UPDATE billing_patient SET {change}")) == "patient_erased"

    def name_again():
        PatientIdentity.objects.create(administration=clinic.administration, patient=patient, name=NAME)

    assert law_broken_by(name_again) == "patient_erased"
    with pytest.raises(Exception, match="erased") as error, transaction.atomic():
        name_again()
    assert isinstance(refusal_for(error.value), PatientErased)


def test_an_identity_does_not_move_to_an_erased_patient(patient, others, clinic):
    erase(patient, clinic)
    move = "UPDATE billing_patientidentity SET patient_id = %s"
    assert law_broken_by(lambda: sql(move, patient.pk)) == "patient_erased"


# Handed out ----------------------------------------------------------------------------------------------------------


def test_a_patient_takes_along_what_is_held(patient, clinic):
    clinic.finalized()
    held = {one["what"]: one for one in export_patient(patient, by=clinic.owner).as_dict()["held"]}
    assert held["Identity"]["facts"] == [{"name": NAME, "birth_date": BORN, "email": EMAIL}]
    assert [fact["reason"] for fact in held["Reasons"]["facts"]] == [
        f"Cough of {NAME}", f"{NAME} complained, call 06-55512399", f"back to {EMAIL}",
    ]  # fmt: skip
    assert [line["gross"] for line in held["Bills"]["facts"]] == ["65.00", "-65.00", "30.00"]
    assert [paid["amount"] for paid in held["Payments"]["facts"]] == ["65.00", "-65.00", "30.00"]
    assert held["Payments"]["facts"][0]["reference"] == "T-0815"
    assert len(held["Visits"]["facts"]) == 1
    year = clinic.today.year + 7
    assert f"until {year}-12-31: AWR art. 52(4), BW art. 2:10(3)" in held["Bills"]["how_it_goes"]


def test_every_export_and_erasure_is_recorded_without_a_name(patient, clinic):
    export_patient(patient, by=clinic.owner)
    erase(patient, clinic)
    exported, erased = Event.objects.filter(subject_id=patient.pk, by=clinic.owner).order_by("id")
    assert (exported.name, exported.facts) == ("billing.patient_exported", {})
    assert (erased.name, erased.facts) == ("billing.patient_erased", {"ground": ASKED, "reasons": 3})


def test_the_file_is_saved_and_never_shown_or_cached(patient, clinic, client):
    client.force_login(clinic.owner)
    answer = client.post(page(patient), {"download": "1"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.json()["person"] == "P-77"
    assert NAME in answer.content.decode()


# Who may -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_the_owner_answers_for_patients_and_nobody_else(patient, clinic, client, role):
    by = clinic.people[role]
    client.force_login(by)
    allowed = role == Membership.Role.OWNER
    assert client.get(page(patient)).status_code == (200 if allowed else 403)
    if role != Membership.Role.ADMIN:  # who does not open patients at all
        shown = client.get(f"/admin/billing/patient/{patient.pk}/change/").content.decode()
        assert (page(patient) in shown) is allowed
    if not allowed:
        for attempt in (lambda: erase(patient, clinic, by=by), lambda: export_patient(patient, by=by)):
            with pytest.raises(NotAllowed):
                attempt()
        assert client.post(page(patient), {"reason": ASKED}).status_code == 403
        assert PatientIdentity.objects.filter(patient=patient).exists()


def test_a_foreign_patient_answers_404(patient, client):
    client.force_login(make_clinic("Another clinic").owner)
    assert client.get(page(patient)).status_code == 404
    assert client.post(page(patient), {"reason": ASKED}).status_code == 404
    client.force_login(operator())
    assert client.post(page(patient), {"reason": ASKED}).status_code in (403, 404)
    assert PatientIdentity.objects.exists()


def test_the_page_says_what_happens_then_what_is_kept(patient, clinic, client):
    client.force_login(clinic.owner)
    before = client.get(page(patient)).content.decode()
    assert NAME in before
    assert "It cannot be undone" in before
    client.post(page(patient), {"reason": ""})
    assert PatientIdentity.objects.filter(patient=patient).exists()
    after = client.post(page(patient), {"reason": ASKED}).content.decode()
    assert "The reasons of 3 visits" in after
    assert "GDPR article 17(3)(b)" in after
    assert NAME not in after
    again = client.get(page(patient)).content.decode()
    assert "Erased on" in again
    assert "Erase for good" not in again
    form = client.get(f"/admin/billing/patient/{patient.pk}/change/").content.decode()
    assert "identity-0-name" not in form


def test_a_refusal_stands_on_the_page_with_its_way_out(clinic, client):
    client.force_login(clinic.owner)
    patient = clinic.patient()
    clinic.bill("65.00", patient=patient)
    answer = client.post(page(patient), {"reason": ASKED}).content.decode()
    assert "1 unsettled bills" in answer
    assert "take, give back or credit what is open" in answer
