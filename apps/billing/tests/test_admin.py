"""Billing's pages: who may open what, what forms refuse, that nothing is written twice, that queries stay few."""

import re
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from apps.billing.models import (
    Bill,
    ClinicDay,
    NightlyClose,
    Patient,
    Payer,
    Payment,
    ServicePrice,
    Visit,
)
from apps.billing.services.charging import Charge, register_visit
from apps.billing.services.closing import finalize_day
from apps.billing.tests.clinic import make_clinic
from apps.core.errors import DomainError
from apps.core.forms import once, typed_number
from apps.core.models import IdempotentRequest, Job, Membership
from apps.core.tests.factories import operator
from apps.ledger.models import Journal, JournalEntry, Period

ROLES = ["receptionist", "cashier", "manager", "owner", "accountant", "admin"]
DESK = {"receptionist", "cashier", "manager", "owner"}
CLINIC = DESK | {"accountant"}
MANAGERS = {"manager", "owner"}


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def as_(client):
    """The client, signed in as somebody."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def things(clinic):
    """One of each row that has a page."""
    return one_of_each(clinic)


def one_of_each(clinic):
    visit = visit_of(clinic, "65.00")
    bill = visit.bills.get()
    payment = clinic.pay(bill, "40.00", method="CARD")
    close = clinic.close(clinic.yesterday)
    night = NightlyClose.objects.create(administration=clinic.administration, date=clinic.yesterday)
    service = clinic.service("65.00")
    return SimpleNamespace(
        visit=visit, bill=bill, payment=payment, close=close, day=close.clinic_day, night=night, service=service,
        patient=visit.patient, payer=clinic.payer(), group=service.group, clinic=clinic,
    )  # fmt: skip


def visit_of(clinic, *prices, patient="P-1"):
    return register_visit(
        administration=clinic.administration,
        patient=clinic.patient(patient),
        charges=[Charge(clinic.service(price)) for price in prices],
        by=clinic.receptionist,
    )


# Who may open what ---------------------------------------------------------------------------------------------------

PAGES = {
    "billing_visit_change": ("visit", CLINIC),
    "billing_visit_bill": ("visit", DESK),
    "billing_bill_change": ("bill", CLINIC),
    "billing_bill_pay": ("bill", DESK),
    "billing_bill_receipt": ("bill", DESK),
    "billing_bill_credit": ("bill", MANAGERS),
    "billing_payment_change": ("payment", CLINIC),
    "billing_payment_refund": ("payment", MANAGERS),
    "billing_patient_change": ("patient", CLINIC),
    "billing_payer_change": ("payer", CLINIC),
    "billing_service_change": ("service", CLINIC),
    "billing_servicegroup_change": ("group", CLINIC),
    "billing_endofdayreconciliation_change": ("close", CLINIC),
    "billing_clinicday_change": ("day", CLINIC),
    "billing_nightlyclose_change": ("night", CLINIC),
}
LISTS = {
    "billing_visit_changelist": CLINIC,
    "billing_visit_add": DESK,
    "billing_bill_changelist": CLINIC,
    "billing_payment_changelist": CLINIC,
    "billing_patient_changelist": CLINIC,
    "billing_patient_add": DESK,
    "billing_payer_changelist": CLINIC,
    "billing_payer_add": MANAGERS,
    "billing_service_changelist": CLINIC,
    "billing_service_add": MANAGERS,
    "billing_servicegroup_changelist": CLINIC,
    "billing_servicegroup_add": MANAGERS,
    "billing_endofdayreconciliation_changelist": CLINIC,
    "billing_clinicday_changelist": CLINIC,
    "billing_nightlyclose_changelist": CLINIC,
    "index": set(ROLES),
}


def test_each_page_opens_for_its_roles_and_for_nobody_else(as_, clinic, things):
    for role in ROLES:
        browser = as_(clinic.people[role])
        for name, (kind, roles) in PAGES.items():
            answer = browser.get(url(name, getattr(things, kind).pk))
            assert answer.status_code in ((200, 302) if role in roles else (403,)), (role, name, answer.status_code)
        for name, roles in LISTS.items():
            answer = browser.get(url(name))
            assert answer.status_code == (200 if role in roles else 403), (role, name, answer.status_code)


def test_a_foreign_row_and_a_missing_one_answer_the_same_404(as_, clinic, things):
    stranger = make_clinic("Another clinic")
    browser = as_(stranger.owner)
    for name, (kind, _roles) in PAGES.items():
        for pk in (getattr(things, kind).pk, uuid4()):
            assert browser.get(url(name, pk)).status_code == 404, (name, pk)
    for name in ("billing_patient_find", "billing_service_find"):
        for pk in (clinic.administration.pk, uuid4()):
            assert browser.get(url(name, pk), {"q": "P-1"}).status_code == 404
    for pk in (clinic.administration.pk, uuid4()):
        assert browser.get(url("billing_close_day", pk, clinic.today)).status_code == 404
    assert browser.get(url("index"), {"administration": clinic.administration.pk}).status_code == 404
    assert browser.post(url("billing_visit_close", things.visit.pk)).status_code == 404


def test_an_operator_finds_no_money_and_is_led_to_operation(as_, clinic, things):
    browser = as_(operator())
    assert url("core_job_changelist") in browser.get(url("index")).content.decode()
    assert browser.get(url("billing_payment_changelist")).status_code == 403
    assert browser.get(url("billing_payment_change", things.payment.pk)).status_code in (403, 404)


def test_nothing_of_a_bill_a_payment_or_a_close_is_changed_or_deleted(as_, clinic, things):
    browser = as_(clinic.owner)
    for name, row in (("bill", things.bill), ("payment", things.payment), ("endofdayreconciliation", things.close)):
        assert browser.post(url(f"billing_{name}_change", row.pk), {"reason": "x", "_save": "1"}).status_code in (
            200,
            302,
        )
        assert browser.get(f"/admin/billing/{name}/{row.pk}/delete/").status_code == 404
        row_after = type(row).objects.get(pk=row.pk)
        assert [getattr(row, field.attname) for field in row._meta.fields] == [
            getattr(row_after, field.attname) for field in row._meta.fields
        ]


def test_the_accountant_sees_codes_and_never_names(as_, clinic, things):
    browser = as_(clinic.accountant)
    pages = [url(name, getattr(things, kind).pk) for name, (kind, roles) in PAGES.items() if "accountant" in roles]
    pages += [url(name) for name, roles in LISTS.items() if "accountant" in roles]
    pages += [url("billing_close_day", clinic.administration.pk, clinic.today)]
    for page in pages:
        assert "Invented" not in browser.get(page).content.decode(), page
    for name in ("visit", "bill", "payment", "patient"):
        found = browser.get(url(f"billing_{name}_changelist"), {"q": "Invented"})
        assert found.context["cl"].result_count == 0
    assert "Invented" in as_(clinic.receptionist).get(url("billing_patient_changelist")).content.decode()


def test_somebody_who_is_accountant_elsewhere_finds_no_names_there(as_, clinic):
    other = make_clinic("Another clinic")
    other.patient("Q-1")
    Membership.objects.create(administration=other.administration, user=clinic.receptionist, role="accountant")
    found = as_(clinic.receptionist).get(url("billing_patient_changelist"), {"q": "Invented"})
    assert found.context["cl"].result_count == 0
    listed = as_(clinic.receptionist).get(url("billing_patient_changelist")).content.decode()
    assert "Q-1" in listed
    assert "Invented" not in listed


# Registering a visit -------------------------------------------------------------------------------------------------


def visit_form(*services, tenders=(), **fields):
    """What the browser sends."""
    form = {"key": str(uuid4()), "patient": "", "charges-INITIAL_FORMS": 0, "tenders-INITIAL_FORMS": 0}
    form |= {"charges-TOTAL_FORMS": max(len(services), 1), "tenders-TOTAL_FORMS": max(len(tenders), 1)}
    for at, (code, quantity) in enumerate(services):
        form |= {f"charges-{at}-service": code, f"charges-{at}-quantity": quantity}
    for at, (method, amount, *more) in enumerate(tenders):
        form |= {f"tenders-{at}-method": method, f"tenders-{at}-amount": amount}
        form |= {f"tenders-{at}-payer": more[0]} if more else {}
    return form | fields


def register(browser, form):
    return browser.post(url("billing_visit_add"), form, follow=True)


def nothing_written():
    return not (Visit.objects.exists() or Bill.objects.exists() or Payment.objects.exists())


def test_one_form_registers_bills_and_takes_a_split_payment(as_, clinic):
    clinic.patient()
    service, other = clinic.service("65.00"), clinic.service("30.00")
    form = visit_form(
        (service.code, "1"),
        (other.name, "2"),
        tenders=[("CASH", "25,00"), ("CARD", "60"), ("HMO", "20.00", clinic.payer("HMO").pk)],
        patient="p-1",
        cash_given="50",
    )
    answer = register(as_(clinic.receptionist), form)
    visit = Visit.objects.get()
    assert answer.redirect_chain == [(url("billing_visit_change", visit.pk), 302)]
    assert visit.bills.get().gross == 125
    assert {(one.method, one.amount) for one in Payment.objects.all()} == {("CASH", 25), ("CARD", 60), ("HMO", 20)}
    said = str(next(iter(answer.context["messages"])))
    assert "change EUR\u00a025.00" in said
    assert "EUR\u00a020.00 stays open" in said
    assert url("billing_bill_receipt", visit.bills.get().pk) in said


def test_a_new_patient_is_registered_with_the_visit(as_, clinic):
    form = visit_form((clinic.service("65.00").code, "1"), new_name="Bea Fiction", new_birth_date="1980-03-12")
    register(as_(clinic.receptionist), form)
    patient = Visit.objects.get().patient
    assert re.fullmatch(r"P-[2-9A-Z]{6}", patient.code)
    assert patient.identity.name == "Bea Fiction"


def test_a_refused_visit_leaves_no_new_patient_behind(as_, clinic):
    form = visit_form((clinic.service("65.00").code, "1"), tenders=[("CASH", "70")], new_name="Bea Fiction")
    answer = register(as_(clinic.receptionist), form)
    assert "EUR\u00a070.00 is more than the EUR\u00a065.00" in answer.content.decode()
    assert "Bea Fiction" in answer.content.decode()  # what was typed is kept
    assert nothing_written()
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"patient": "nobody"}, "patient", "Nobody here has that code"),
        ({"patient": ""}, "patient", "fill in a new patient"),
        ({"new_name": "Bea"}, "patient", "not both"),
        ({"new_birth_date": "32-13-1980"}, "new_birth_date", "valid date"),
        ({"charges-0-service": "zzz"}, "service", "No service has that code"),
        ({"charges-0-service": "Service"}, "service", "Several services match"),
        ({"charges-0-quantity": "0"}, "quantity", "more than zero"),
        ({"charges-0-quantity": "two"}, "quantity", "is no number"),
        ({"tenders-0-amount": "12,345"}, "amount", ""),
        ({"tenders-0-amount": "12.3456"}, "amount", "At most 2 digits"),
        ({"tenders-0-amount": "-5"}, "amount", "more than zero"),
        ({"tenders-0-amount": "NaN"}, "amount", "is no number"),
        ({"tenders-0-method": "HMO", "tenders-0-amount": "5"}, "payer", "which payer"),
        ({"tenders-0-amount": "40", "cash_given": "30"}, "cash_given", "Less was given"),
        ({"tenders-0-method": "GOLD", "tenders-0-amount": "5"}, "method", "valid choice"),
    ],
)
def test_bad_input_is_said_beside_its_field_and_writes_nothing(as_, clinic, fields, field, words):
    clinic.patient()
    clinic.service("30.00")
    form = visit_form((clinic.service("65.00").code, "1"), patient="P-1") | fields
    answer = register(as_(clinic.receptionist), form)
    errors = [answer.context["form"].errors, *answer.context["charges"].errors, *answer.context["tenders"].errors]
    if words:
        assert words in str([dict(one) for one in errors if field in one])
    else:  # 12,345 groups thousands in English: more than the bill
        assert "EUR\u00a012,345.00 is more" in answer.content.decode()
    assert nothing_written()


def test_a_service_without_a_price_today_is_named(as_, clinic):
    clinic.patient()
    service = clinic.service("65.00")
    ServicePrice.objects.filter(service=service).update(valid_until=clinic.yesterday)
    answer = register(as_(clinic.receptionist), visit_form((service.code, "1"), patient="P-1"))
    assert "has no price on" in answer.content.decode()
    assert nothing_written()


def test_the_same_form_sent_twice_makes_one_visit(as_, clinic):
    clinic.patient()
    form = visit_form((clinic.service("65.00").code, "1"), tenders=[("CASH", "65")], patient="P-1")
    first = register(as_(clinic.receptionist), form)
    second = register(as_(clinic.receptionist), form)
    assert first.redirect_chain == second.redirect_chain
    assert "registered before" in second.content.decode()
    assert (Visit.objects.count(), Bill.objects.count(), Payment.objects.count()) == (1, 1, 1)


def test_the_same_form_with_other_contents_is_refused(as_, clinic):
    clinic.patient()
    form = visit_form((clinic.service("65.00").code, "1"), patient="P-1")
    register(as_(clinic.receptionist), form)
    answer = register(as_(clinic.receptionist), form | {"charges-0-quantity": "2"})
    assert "sent before with other contents" in answer.content.decode()
    assert Visit.objects.count() == 1


def test_a_form_sent_again_leads_to_what_it_made_also_where_it_could_not_be_made_twice(as_, clinic):
    form = visit_form((clinic.service("65.00").code, "1"), new_name="Bea Fiction", new_code="P-77")
    first, second = (register(as_(clinic.receptionist), form) for _ in range(2))
    assert second.redirect_chain == first.redirect_chain
    credit = url("billing_bill_credit", Bill.objects.get().pk)
    first, second = (as_(clinic.manager).post(credit, {"key": "a", "reason": "wrong"}) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert (Visit.objects.count(), Bill.objects.count()) == (1, 2)


def test_a_law_that_only_speaks_at_commit_refuses_in_a_page_as_well(committed, rf):
    clinic = make_clinic()
    request = rf.post("/", {"key": "a"})
    request.user = clinic.manager

    def announce_lines_that_never_come():
        day = clinic.today
        entry = JournalEntry.objects.create(
            administration=clinic.administration,
            journal=Journal.objects.get(administration=clinic.administration, code="GEN"),
            period=Period.objects.get(type="MONTH", first_day__lte=day, last_day__gte=day),
            date=day,
            status=JournalEntry.Status.POSTED,
            line_count=2,
        )
        return str(entry.pk)

    with pytest.raises(DomainError) as refused:
        once(request, announce_lines_that_never_come)
    assert refused.value.code == "ENTRY_LINES_NOT_ANNOUNCED"
    assert not JournalEntry.objects.exists()
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("page", ["register", "bill", "pay", "credit", "refund", "close"])
def test_every_form_that_writes_money_carries_a_key(as_, clinic, page):
    visit = visit_of(clinic, "65.00")
    bill = visit.bills.get()
    pages = {
        "register": url("billing_visit_add"),
        "bill": url("billing_visit_bill", visit.pk),
        "pay": url("billing_bill_pay", bill.pk),
        "credit": url("billing_bill_credit", bill.pk),
        "refund": url("billing_payment_refund", clinic.pay(bill, "65.00").pk),
        "close": close_page(clinic),
    }
    browser = as_(clinic.manager)
    shown = browser.get(pages[page]).content.decode()
    forms = re.findall(r'<form method="post" class="(?:desk|button-form).*?</form>', shown, re.DOTALL)
    assert forms
    assert all(re.search(r'name="key" value="[-0-9a-f]{36}"', form) for form in forms)


def test_two_clicks_at_the_same_moment_make_one_visit(committed):
    clinic = make_clinic()
    form = visit_form((clinic.service("65.00").code, "1"), tenders=[("CASH", "65")], new_name="Bea Fiction")
    answers = []

    def click():
        browser = Client()
        browser.force_login(clinic.receptionist)
        answers.append(browser.post(url("billing_visit_add"), form))
        connection.close()

    threads = [Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert (Visit.objects.count(), Patient.objects.count(), Payment.objects.count()) == (1, 1, 1)


def test_a_clinic_of_somebody_else_cannot_be_named(as_, clinic):
    other = make_clinic("Another clinic")
    other.patient()
    form = visit_form((other.service("65.00").code, "1"), patient="P-1", administration=str(other.administration.pk))
    assert register(as_(clinic.receptionist), form).status_code == 404
    assert nothing_written()


def test_patients_are_found_by_code_name_and_birth_date_with_what_they_owe(as_, clinic):
    patient = clinic.patient()
    patient.identity.birth_date = "1980-03-12"
    patient.identity.save()
    clinic.bill("30.00")
    clinic.patient("X-9")
    browser = as_(clinic.receptionist)
    for term in ("P-1", "p-1", "12-03-1980", "12.3.1980", "1980-03-12"):
        (found,) = browser.get(url("billing_patient_find", clinic.administration.pk), {"q": term}).json()["results"]
        assert (found["value"], found["note"]) == ("P-1", "owes EUR\u00a030.00")
    assert len(browser.get(url("billing_patient_find", clinic.administration.pk), {"q": "anna"}).json()["results"]) == 2
    assert not browser.get(url("billing_patient_find", clinic.administration.pk), {"q": "\x00"}).json()["results"]
    assert as_(clinic.accountant).get(url("billing_patient_find", clinic.administration.pk)).status_code == 403


def test_services_are_found_with_the_price_of_today(as_, clinic):
    clinic.service("65.00")
    clinic.service("100.00", vat="HIGH" if clinic.administration.country == "NG" else "EXEMPT", includes_vat=False)
    found = as_(clinic.receptionist).get(url("billing_service_find", clinic.administration.pk), {"q": "of 65"}).json()
    assert [(one["price"], one["note"]) for one in found["results"]] == [("65.00", "EUR\u00a065.00")]


@pytest.mark.parametrize(
    ("language", "typed", "number"),
    [
        ("en", "12.50", "12.50"), ("en", "12,50", "12.50"), ("en", "1,250", "1250"), ("en", "1,250.75", "1250.75"),
        ("nl", "12,50", "12.50"), ("nl", "12.50", "12.50"), ("nl", "1.250", "1250"), ("nl", "1.250,75", "1250.75"),
        ("nb", "1 250,75", "1250.75"), ("en", "1,250,000", "1250000"), ("en", "7", "7"), ("nl", ",5", "0.5"),
    ],
)  # fmt: skip
def test_amounts_mean_what_they_say_in_every_language(language, typed, number):
    with translation.override(language):
        assert typed_number(typed) == Decimal(number)


@pytest.mark.parametrize("typed", ["abc", "1.2.3", "12,34,56", "1e5", "Infinity", "--1"])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(ValueError, match=re.escape(typed)):
        typed_number(typed)


# Payments, refunds, credit notes -------------------------------------------------------------------------------------


def pay(browser, bill, *tenders, **fields):
    form = {
        name: value for name, value in visit_form(tenders=tenders, **fields).items() if not name.startswith("charges")
    }
    return browser.post(url("billing_bill_pay", bill.pk), form, follow=True)


def test_a_payment_stops_at_what_is_owed_unless_the_rest_is_kept(as_, clinic):
    bill = clinic.bill("65.00")
    browser = as_(clinic.receptionist)
    answer = pay(browser, bill, ("CASH", "40"), ("CARD", "30"))
    assert "EUR\u00a030.00 is more than the EUR\u00a025.00" in answer.content.decode()
    assert not Payment.objects.exists()  # all or nothing
    pay(browser, bill, ("CASH", "40"), ("CARD", "30"), keep_rest="on")
    assert Payment.objects.count() == 2
    assert "Credit of the patient" in browser.get(url("billing_bill_change", bill.pk)).content.decode()


def test_a_payment_form_sent_twice_takes_the_money_once(as_, clinic):
    bill = clinic.bill("65.00")
    key = str(uuid4())
    pay(as_(clinic.receptionist), bill, ("CASH", "20"), key=key)
    answer = pay(as_(clinic.receptionist), bill, ("CASH", "20"), key=key)
    assert "taken before" in answer.content.decode()
    assert Payment.objects.count() == 1


def test_more_services_are_billed_once(as_, clinic):
    visit = visit_of(clinic, "65.00")
    form = visit_form((clinic.service("30.00").code, "2"))
    for _ in range(2):
        as_(clinic.receptionist).post(url("billing_visit_bill", visit.pk), form)
    assert [bill.gross for bill in visit.bills.order_by("id")] == [65, 60]
    empty = as_(clinic.receptionist).post(url("billing_visit_bill", visit.pk), visit_form())
    assert "one line at least" in empty.content.decode()


def test_a_visit_is_closed_from_its_page_and_from_home(as_, clinic):
    visit = visit_of(clinic, "65.00")
    browser = as_(clinic.receptionist)
    assert browser.get(url("billing_visit_close", visit.pk)).status_code == 405
    answer = browser.post(url("billing_visit_close", visit.pk), {"back": "home"})
    assert answer.headers["Location"] == url("index")
    visit.refresh_from_db()
    assert visit.status == Visit.Status.CLOSED


def test_a_manager_refunds_no_more_than_was_paid_and_once_per_form(as_, clinic):
    payment = clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    browser = as_(clinic.manager)
    page = url("billing_payment_refund", payment.pk)
    answer = browser.post(page, {"key": "a", "amount": "70", "reason": "too much"})
    assert "no more than is left" in answer.content.decode()
    assert "reason" in browser.post(page, {"key": "a", "amount": "5", "reason": ""}).context["form"].errors
    for _ in range(2):
        browser.post(page, {"key": "b", "amount": "15.00", "reason": "taken twice"})
    assert payment.refunded_by.get().amount == -15
    assert "EUR\u00a050.00 is left" in browser.get(page).content.decode()


def test_a_manager_credits_a_bill_once(as_, clinic):
    bill = clinic.bill("65.00")
    browser = as_(clinic.manager)
    page = url("billing_bill_credit", bill.pk)
    assert "reason" in browser.post(page, {"key": "a", "reason": " "}).context["form"].errors
    browser.post(page, {"key": "b", "reason": "wrong patient"})
    assert bill.credit_notes.get().gross == -65
    assert "was credited before" in browser.post(page, {"key": "c", "reason": "again"}).content.decode()


def test_every_print_after_the_first_is_marked_as_a_reprint(as_, clinic):
    bill = clinic.bill("65.00")
    browser = as_(clinic.receptionist)
    page = url("billing_bill_receipt", bill.pk)
    assert "PREVIEW" in browser.get(page).content.decode()
    first = browser.post(page).content.decode()
    assert "PREVIEW" not in first
    assert "REPRINT" not in first
    assert "REPRINT (copy 2)" in browser.post(page).content.decode()


# The catalogue -------------------------------------------------------------------------------------------------------


def test_a_patient_is_added_with_a_code_of_their_own_or_a_made_one(as_, clinic):
    browser = as_(clinic.receptionist)
    form = {"administration": clinic.administration.pk, "name": "Bea Fiction", "birth_date": "", "code": ""}
    browser.post(url("billing_patient_add"), form)
    assert Patient.objects.get().identity.name == "Bea Fiction"
    browser.post(url("billing_patient_add"), form | {"code": "P-7"})
    answer = browser.post(url("billing_patient_add"), form | {"code": "P-7"})
    assert "P-7 is in use" in answer.content.decode()
    assert Patient.objects.count() == 2


def test_a_manager_adds_a_payer_and_prices_a_service(as_, clinic):
    browser = as_(clinic.manager)
    payer = {"administration": clinic.administration.pk, "code": "H", "name": "Zorg", "method": "HMO"}
    browser.post(url("billing_payer_add"), payer)
    assert (Payer.objects.get().party.name, Payer.objects.get().method) == ("Zorg", "HMO")
    service = clinic.service("65.00")
    price = service.prices.get()
    browser.post(
        url("billing_service_change", service.pk),
        {
            "administration": service.administration_id, "code": service.code, "name": "Consultation",
            "group": service.group_id, "vat_code": service.vat_code_id, "is_active": "on",
            "prices-TOTAL_FORMS": 2, "prices-INITIAL_FORMS": 1,
            "prices-0-id": price.pk, "prices-0-service": service.pk, "prices-0-price": "65.00",
            "prices-0-valid_from": "2000-01-01", "prices-0-valid_until": clinic.yesterday.isoformat(),
            "prices-0-includes_vat": "on",
            "prices-1-service": service.pk, "prices-1-price": "70.00", "prices-1-includes_vat": "on",
            "prices-1-valid_from": clinic.today.isoformat(), "prices-1-valid_until": "",
        },
    )  # fmt: skip
    assert ServicePrice.objects.on(clinic.today).get(service=service).price == 70
    assert "70.00" in browser.get(url("billing_service_changelist")).content.decode()


# The day close: its page has a file of its own, test_close_page.py ---------------------------------------------------


def close_page(clinic, day=None):
    return url("billing_close_day", clinic.administration.pk, (day or clinic.today).isoformat())


def test_home_shows_each_role_its_day(as_, clinic):
    visit = visit_of(clinic, "65.00")
    clinic.pay(visit.bills.get(), "20.00", method="CARD")
    clinic.bill("10.00", day=clinic.yesterday)
    clinic.bill("10.00", day=clinic.yesterday - timedelta(days=1))
    close = clinic.close(clinic.yesterday)
    desk = as_(clinic.receptionist).get(url("index"))
    assert desk.context["unpaid"] == {"sum": 45, "count": 1}
    methods = ["Cash", "Card", "Transfer", "Wallet", "Paystack", "HMO", "Insurance"]
    assert [bar.word for bar in desk.context["bars"]] == methods  # there is no drawer to count
    assert f"{close}</strong> <span>waits for the manager" in desk.content.decode()
    assert url("billing_bill_pay", visit.bills.get().pk) in desk.content.decode()
    assert [day for day, _link in desk.context["unprepared"]] == [clinic.yesterday - timedelta(days=1)]
    signs = as_(clinic.manager).get(url("index")).content.decode()
    assert close_page(clinic, clinic.yesterday) in signs[signs.index("To sign") :]
    assert "Trial balance" in as_(clinic.accountant).get(url("index")).content.decode()
    assert "Memberships" in as_(clinic.admin).get(url("index")).content.decode()


def test_home_says_why_the_nightly_close_could_not_close(as_, clinic):
    refusal = {"date": clinic.yesterday.isoformat(), "code": "X", "message": "There is no period."}
    NightlyClose.objects.create(
        administration=clinic.administration, date=clinic.yesterday, state="REFUSED", refusals=[refusal]
    )
    assert "There is no period." in as_(clinic.receptionist).get(url("index")).content.decode()


def test_an_empty_clinic_says_what_to_do_first(as_, clinic):
    assert "Add the first service" in as_(clinic.manager).get(url("index")).content.decode()
    assert "ask the manager" in as_(clinic.receptionist).get(url("index")).content.decode()
    assert "nothing to close" in as_(clinic.receptionist).get(close_page(clinic)).content.decode()


def sent_tasks(monkeypatch):
    """Tasks as they are handed to the broker, which a test of pages has not."""
    from celery import current_app

    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_options: sent.append((name, args)))
    return sent


def test_many_days_are_prepared_and_finalized_as_jobs_also_across_pages(
    as_, clinic, monkeypatch, django_capture_on_commit_callbacks
):
    sent = sent_tasks(monkeypatch)
    for back in range(60):
        clinic.bill("1.00", day=clinic.today - timedelta(days=back))
    form = {"action": "prepare_selected", "select_across": "1", "_selected_action": [str(ClinicDay.objects.first().pk)]}
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_(clinic.receptionist).post(url("billing_clinicday_changelist"), form)
    job = Job.objects.get()
    assert answer.headers["Location"] == url("core_job_change", job.pk)
    assert (job.by, job.total, len(job.arguments["days"])) == (clinic.receptionist, 60, 60)
    assert sent == [("apps.billing.tasks.prepare_days", [str(job.pk)])]

    close = clinic.close()
    form = {"action": "finalize_selected", "_selected_action": [str(close.pk)]}
    with django_capture_on_commit_callbacks(execute=True):
        as_(clinic.manager).post(url("billing_endofdayreconciliation_changelist"), form)
    assert Job.objects.get(task="apps.billing.tasks.finalize_days").arguments == {"closes": [str(close.pk)]}
    as_(clinic.accountant).post(url("billing_endofdayreconciliation_changelist"), form)
    assert len(sent) == 2


# Queries -------------------------------------------------------------------------------------------------------------


def queries_of(browser, address):
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def test_queries_do_not_grow_with_rows(as_, clinic):
    def fill(days):
        for back in days:
            day = clinic.today - timedelta(days=back)
            bill = clinic.bill("65.00", "30.00", day=day, patient=clinic.patient(f"P-{back}"))
            clinic.pay(bill, "40.00", method="CARD", day=day)
            clinic.pay(bill, "5.00", method="HMO", day=day)
            if back % 3:
                close = clinic.close(day)
                if back % 3 == 1 and back:
                    finalize_day(close, by=clinic.manager)
        for at in days:
            visit_of(clinic, "65.00", patient=f"V-{at}")

    pages = [url("index"), close_page(clinic)]
    pages += [url(name) for name in LISTS if name.endswith("changelist")]
    pages += [
        url("billing_patient_find", clinic.administration.pk) + "?q=P-",
        url("billing_bill_changelist") + "?owed=any",
    ]
    fill(range(0, 3))
    browser = as_(clinic.manager)
    for page in pages:
        browser.get(page)
    few = {page: queries_of(browser, page) for page in pages}
    fill(range(3, 15))
    many = {page: queries_of(browser, page) for page in pages}
    assert many == few
    assert few[url("index")] <= 29
