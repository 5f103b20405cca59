"""The receptionist's pages: one form from the patient to the receipt, orders, discounts, cover, what home shows."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.billing.models import (
    Bill,
    Claim,
    Cover,
    Discount,
    Drawer,
    Order,
    Payment,
    Shift,
    Tariff,
    Visit,
)
from apps.billing.services.catalogue import service_group
from apps.billing.services.charging import Charge, cancel_visit, credit_bill, issue_bill, register_visit
from apps.billing.services.drawers import add_drawer
from apps.billing.services.ordering import complete_order, place_order
from apps.billing.services.privacy import data_of_patient, erase_patient
from apps.billing.services.receipts import copies_of
from apps.core.models import Event, Mail
from apps.core.services.mail import send


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def as_(client):
    """The client, signed in as somebody."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def form_of(*lines, tenders=(), **fields):
    """What the browser sends: each line and each tender as the values of its fields."""
    form = {"key": str(uuid4()), "charges-INITIAL_FORMS": 0, "tenders-INITIAL_FORMS": 0, **fields}
    for name, rows in (("charges", lines), ("tenders", tenders)):
        form[f"{name}-TOTAL_FORMS"] = max(len(rows), 1)
        for at, row in enumerate(rows):
            form |= {f"{name}-{at}-{field}": value for field, value in row.items()}
    return form


def line(service, quantity="1", **more):
    return {"service": service.code, "quantity": quantity, **more}


def tender(method, amount, **more):
    return {"method": method, "amount": amount, **more}


def register(browser, *lines, **fields):
    return browser.post(url("billing_visit_add"), form_of(*lines, **{"patient": "P-1", **fields}), follow=True)


def visit_of(clinic, *prices, patient="P-1"):
    charges = [Charge(clinic.service(price)) for price in prices]
    asked = {"administration": clinic.administration, "patient": clinic.patient(patient), "charges": charges}
    return register_visit(**asked, by=clinic.receptionist)


def agreed(clinic, service, price, co_pay="0", payer=None):
    """A tariff of a payer since long ago."""
    return Tariff.objects.create(
        administration=clinic.administration,
        payer=payer or clinic.payer("HMO"),
        service=service,
        price=Decimal(price),
        co_pay=Decimal(co_pay),
        valid_from=date(2000, 1, 1),
    )


def given_away(clinic, discount, price="65.00", by=None):
    """A discount on a bill of its own."""
    charge = Charge(clinic.service(price), discount=Decimal(discount), discount_reason="Family")
    bill = issue_bill(patient=clinic.patient(), charges=[charge], by=by or clinic.receptionist)
    return Discount.objects.get(line__bill=bill)


def errors_of(answer):
    """field -> what is said beside it, of the form and of all its rows."""
    found = {}
    for one in (answer.context["form"], *answer.context.get("charges", ()), *answer.context.get("tenders", ())):
        for name, words in one.errors.items():
            found[name] = str(words)
    return found


# One form ------------------------------------------------------------------------------------------------------------


def test_one_form_orders_bills_gives_a_discount_and_takes_cover_and_cash(as_, clinic):
    clinic.patient()
    seen, blood, talk = clinic.service("65.00"), clinic.service("30.00"), clinic.service("10.00")
    hmo = clinic.payer("HMO")
    agreed(clinic, blood, "25.00", co_pay="5.00", payer=hmo)
    answer = register(
        as_(clinic.receptionist),
        line(seen, placed="DONE", discount="15", discount_reason="Staff"),
        line(blood, "2", placed="ORDERED", kind="LAB"),
        line(talk, coverage_reason="FREE_FOLLOW_UP"),
        tenders=[tender("HMO", "40.00", authorisation="A-77"), tender("CASH", "60.00")],
        payer=hmo.pk,
        cash_given="100",
    )
    bill = Visit.objects.get().bills.get()
    assert [(one.gross, one.discount, one.co_pay) for one in bill.lines.all()] == [(50, 15, 0), (50, 0, 10), (0, 0, 0)]
    assert (bill.gross, bill.payer) == (100, hmo)
    done, ordered = Order.objects.order_by("id")
    assert (done.kind, done.completed_quantity, done.payer) == ("CONSULTATION", 1, hmo)
    assert (ordered.kind, ordered.quantity, ordered.completed_at) == ("LAB", 2, None)
    assert [one.order for one in bill.lines.all()] == [done, ordered, None]
    assert {(one.method, one.amount) for one in Payment.objects.all()} == {("HMO", 40), ("CASH", 60)}
    assert Claim.objects.get().authorisation == "A-77"
    discount = Discount.objects.get()
    assert (discount.amount, discount.reason, discount.given_by) == (15, "Staff", clinic.receptionist)
    assert discount.approved_at is None  # 23 % is above the clinic's limit
    assert "change EUR\u00a040.00" in str(next(iter(answer.context["messages"])))


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"charges-0-discount": "70", "charges-0-discount_reason": "x"}, "discount", "not between nothing and"),
        ({"charges-0-discount": "5"}, "discount_reason", "has a reason"),
        ({"charges-0-discount": "65", "charges-0-discount_reason": "x"}, "coverage_reason", "would cost nothing"),
        ({"charges-0-discount": "1.234"}, "discount", "At most 2 digits"),
        ({"charges-0-coverage_reason": "BECAUSE"}, "coverage_reason", "valid choice"),
        ({"charges-0-kind": "LAB"}, "placed", "ordered or done"),
        ({"charges-0-placed": "ORDERED", "charges-0-service": "REST"}, "kind", "what kind of care"),
        ({"charges-0-placed": "LATER"}, "placed", "valid choice"),
        ({"charges-0-order": "11111111-0000-7000-8000-000000000000"}, "service", "Look at the visit again"),
        ({"payer": "11111111-0000-7000-8000-000000000000"}, "payer", "valid choice"),
        ({"tenders-0-amount": "65.01"}, "amount", "more than the EUR\u00a065.00"),
        ({"tenders-0-method": "WALLET", "tenders-0-amount": "5"}, "amount", "EUR\u00a00.00 in the wallet"),
        ({"tenders-0-method": "INSURANCE", "tenders-0-amount": "5"}, "payer", "which payer"),
        ({"tenders-0-amount": "5", "tenders-0-authorisation": "A-1"}, "authorisation", "Only HMO"),
        ({"tenders-0-authorisation": "A-1"}, "amount", "Type the amount"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_writes_nothing(as_, clinic, changed, field, words):
    clinic.patient()
    service, rest = clinic.service("65.00"), clinic.service("1.00")
    rest.code, rest.group = "REST", service_group(clinic.administration, "other")
    rest.save()
    form = form_of(line(service), patient="P-1", reason="Typed before") | changed
    answer = as_(clinic.receptionist).post(url("billing_visit_add"), form)
    assert words in errors_of(answer)[field]
    assert "Typed before" in answer.content.decode()
    assert not any(table.objects.exists() for table in (Visit, Bill, Order))


def test_a_payer_covers_only_by_its_own_kind(as_, clinic):
    clinic.patient()
    covered = [tender("INSURANCE", "5", payer=clinic.payer("HMO").pk)]
    answer = register(as_(clinic.receptionist), line(clinic.service("65.00")), tenders=covered)
    assert "does not cover by Insurance" in errors_of(answer)["method"]
    assert not Visit.objects.exists()


def test_the_same_form_sent_twice_places_each_order_once(as_, clinic):
    clinic.patient()
    form = form_of(line(clinic.service("65.00"), placed="DONE"), patient="P-1")
    for _ in range(2):
        as_(clinic.receptionist).post(url("billing_visit_add"), form)
    assert (Visit.objects.count(), Order.objects.count(), Bill.objects.count()) == (1, 1, 1)


def test_one_button_registers_and_opens_the_receipt(as_, clinic):
    clinic.patient()
    form = form_of(line(clinic.service("65.00")), patient="P-1", _receipt="1")
    answer = as_(clinic.receptionist).post(url("billing_visit_add"), form)
    assert answer.headers["Location"] == url("billing_bill_receipt", Bill.objects.get().pk)


def test_services_are_found_by_the_tariff_of_the_payer_with_the_co_pay(as_, clinic):
    service, hmo = clinic.service("65.00"), clinic.payer("HMO")
    agreed(clinic, service, "50.00", co_pay="10.00", payer=hmo)
    browser, address = as_(clinic.receptionist), url("billing_service_find", clinic.administration.pk)
    (listed,) = browser.get(address, {"q": "S65"}).json()["results"]
    assert (listed["price"], listed["kind"], "copay" in listed) == ("65.00", "CONSULTATION", False)
    (found,) = browser.get(address, {"q": "S65", "payer": hmo.pk}).json()["results"]
    assert (found["price"], found["copay"], found["note"]) == ("50.00", "10.00", "EUR\u00a050.00 Hygeia")
    for nobody in (uuid4(), "x"):
        assert browser.get(address, {"q": "S65", "payer": nobody}).json()["results"] == [listed]


def test_patients_are_found_with_their_wallet_and_who_covers_them_today(as_, clinic):
    patient = clinic.patient()
    clinic.bill("30.00")
    clinic.fill_wallet("12.50")
    hmo = clinic.payer("HMO")
    Cover.objects.create(administration=clinic.administration, patient=patient, payer=hmo, valid_from=clinic.yesterday)
    (found,) = (
        as_(clinic.receptionist)
        .get(url("billing_patient_find", clinic.administration.pk), {"q": "P-1"})
        .json()["results"]
    )
    assert found["note"] == "owes EUR\u00a030.00, EUR\u00a012.50 in the wallet"
    assert found["payer"] == str(hmo.pk)


# Orders --------------------------------------------------------------------------------------------------------------


def test_care_is_ordered_done_and_billed_from_the_visit(as_, clinic):
    visit, service = visit_of(clinic), clinic.service("30.00")
    browser = as_(clinic.receptionist)
    browser.post(url("billing_visit_order", visit.pk), {"key": "a", "service": service.code, "quantity": "3"})
    order = Order.objects.get()
    assert (order.kind, order.quantity) == ("CONSULTATION", 3)
    browser.post(url("billing_order_complete", order.pk), {"quantity": "2"})
    order.refresh_from_db()
    assert (order.completed_quantity, order.completed_by) == (2, clinic.receptionist)
    assert "not billed" in browser.get(url("billing_visit_change", visit.pk)).content.decode()

    page = browser.get(url("billing_visit_bill", visit.pk))
    row = page.context["charges"].forms[0]
    assert (row["service"].value(), row["quantity"].value(), row["order"].value()) == (service.code, "2", str(order.pk))
    form = form_of(line(service, "2", order=order.pk), **{"charges-INITIAL_FORMS": 1})
    browser.post(url("billing_visit_bill", visit.pk), form)
    assert visit.bills.get().lines.get().order == order
    again = browser.post(url("billing_visit_bill", visit.pk), form | {"key": "other"})
    assert "Look at the visit again" in errors_of(again)["service"]
    assert visit.bills.count() == 1


def test_an_order_is_taken_back_with_a_reason_or_said_to_cost_nothing(as_, clinic):
    visit, service = visit_of(clinic), clinic.service("30.00")
    first, second = (place_order(visit, kind="LAB", service=service, by=clinic.receptionist) for _ in range(2))
    browser = as_(clinic.receptionist)
    assert "reason" in errors_of(browser.post(url("billing_order_cancel", first.pk), {"key": "a", "reason": " "}))
    browser.post(url("billing_order_cancel", first.pk), {"key": "b", "reason": "Not wanted"})
    wrong = browser.post(url("billing_order_cover", second.pk), {"key": "c", "reason": "SO"})
    assert "valid choice" in errors_of(wrong)["reason"]
    browser.post(url("billing_order_cover", second.pk), {"key": "d", "reason": "BUNDLE"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.reason, first.cancelled_by, second.coverage_reason) == ("Not wanted", clinic.receptionist, "BUNDLE")
    after = browser.post(url("billing_order_complete", first.pk), {"key": "e", "quantity": "1"})
    assert "was cancelled" in errors_of(after)["quantity"]
    assert browser.get(url("billing_order_change", first.pk)).context["may_take"]


def test_orders_are_listed_by_where_they_stand(as_, clinic):
    visit, service = visit_of(clinic), clinic.service("30.00")
    orders = [place_order(visit, kind="LAB", service=service, by=clinic.receptionist) for _ in range(3)]
    for order in orders[1:]:
        complete_order(order, by=clinic.receptionist)
    billed = Charge(service, order=orders[2])
    bill = issue_bill(patient=visit.patient, charges=[billed], visit=visit, by=clinic.receptionist)
    browser = as_(clinic.receptionist)

    def listed(state):
        return set(browser.get(url("billing_order_changelist"), {"state": state}).context["cl"].queryset)

    assert listed("waiting") == {orders[0]}
    assert listed("done") == {orders[1], orders[2]}
    assert listed("unbilled") == {orders[1]}
    credit_bill(bill, reason="wrong", by=clinic.manager)
    assert listed("unbilled") == {orders[1], orders[2]}


def test_a_visit_is_cancelled_by_a_manager_once_its_bills_are_credited(as_, clinic):
    visit = visit_of(clinic, "65.00")
    page = url("billing_visit_cancel", visit.pk)
    assert as_(clinic.receptionist).post(page, {"reason": "Left"}).status_code == 403
    manager = as_(clinic.manager)
    assert "credit its bills first" in manager.get(url("billing_visit_change", visit.pk)).content.decode()
    assert "is not credited" in errors_of(manager.post(page, {"key": "a", "reason": "Left"}))["reason"]
    credit_bill(visit.bills.get(), reason="wrong", by=clinic.manager)
    manager.post(page, {"key": "b", "reason": "Left"})
    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason) == ("CANCELLED", "Left")
    shown = manager.get(url("billing_visit_change", visit.pk)).content.decode()
    assert "Bill more services" not in shown
    assert "Left" in shown


# Discounts, refunds --------------------------------------------------------------------------------------------------


def test_a_manager_approves_what_somebody_else_gave(as_, clinic):
    theirs, own = given_away(clinic, "20"), given_away(clinic, "30", by=clinic.manager)
    small = given_away(clinic, "1.00")  # within the limit
    manager = as_(clinic.manager)
    waiting = manager.get(url("billing_discount_changelist"), {"approval": "waiting"}).context["cl"].queryset
    assert set(waiting) == {theirs, own}
    assert manager.get(url("index")).context["discounts"] == {"count": 2, "sum": 50}
    answer = manager.post(
        url("billing_discount_changelist"),
        {"action": "approve", "_selected_action": [str(theirs.pk), str(own.pk)]},
        follow=True,
    )
    said = " ".join(map(str, answer.context["messages"]))
    assert "is approved" in said
    assert "by somebody else than who gave it" in said
    theirs.refresh_from_db()
    own.refresh_from_db()
    assert (theirs.approved_by, own.approved_by, small.approved_by) == (clinic.manager, None, None)
    as_(clinic.owner).post(url("billing_discount_approve", own.pk), {"key": "a"})
    own.refresh_from_db()
    assert own.approved_by == clinic.owner


def test_a_discount_shows_on_its_bill_and_is_approved_by_no_receptionist(as_, clinic):
    discount = given_away(clinic, "20")
    browser = as_(clinic.receptionist)
    shown = browser.get(url("billing_bill_change", discount.line.bill_id)).content.decode()
    assert "discount EUR\u00a020.00" in shown
    assert "Waits for approval" in shown
    assert (
        "the manager or the owner approves it"
        in browser.get(url("billing_discount_change", discount.pk)).content.decode()
    )
    assert browser.post(url("billing_discount_approve", discount.pk), {"key": "a"}).status_code == 403
    assert "discounts" not in browser.get(url("index")).context


def test_a_bill_leads_to_its_write_off_where_the_role_may_propose_one(as_, clinic):
    bill = clinic.bill("65.00")
    page, where = url("billing_bill_change", bill.pk), f"{url('billing_writeoff_add')}?bill={bill.pk}"
    assert where not in as_(clinic.receptionist).get(page).content.decode()
    manager = as_(clinic.manager)
    assert where in manager.get(page).content.decode()
    assert "EUR\u00a065.00" in manager.get(where).content.decode()


def test_a_chargeback_makes_the_patient_owe_again_and_is_of_no_cash(as_, clinic):
    bill = clinic.bill("65.00")
    card, cash = clinic.pay(bill, "40.00", method="CARD"), clinic.pay(bill, "25.00")
    manager = as_(clinic.manager)
    page = url("billing_payment_chargeback", card.pk)
    assert (
        "no more than is left"
        in errors_of(manager.post(page, {"key": "a", "amount": "41", "reason": "bank"}))["amount"]
    )
    for _ in range(2):
        manager.post(page, {"key": "b", "amount": "40", "reason": "bank"})
    assert [(one.kind, one.amount) for one in card.refunded_by.all()] == [("CHARGEBACK", -40)]
    refused = manager.post(url("billing_payment_chargeback", cash.pk), {"key": "c", "amount": "25", "reason": "bank"})
    assert "Give it back as a refund" in errors_of(refused)["amount"]
    assert (
        url("billing_payment_chargeback", cash.pk)
        not in manager.get(url("billing_payment_change", cash.pk)).content.decode()
    )


# The receipt ---------------------------------------------------------------------------------------------------------


def test_a_receipt_is_mailed_to_the_patient_and_tells_no_more_than_services_and_amounts(as_, clinic, settings):
    visit = register_visit(
        administration=clinic.administration,
        patient=clinic.patient(),
        charges=[Charge(clinic.service("65.00"))],
        reason="a private reason",
        by=clinic.receptionist,
    )
    bill, identity = visit.bills.get(), visit.patient.identity
    clinic.pay(bill, "40.00", method="CARD")
    identity.email = "anna@patients.example"
    identity.save()
    browser, page = as_(clinic.receptionist), url("billing_bill_receipt", bill.pk)
    browser.post(page)
    answer = browser.post(page, {"do": "mail"}, follow=True)
    assert "mailed to anna@patients.example" in answer.content.decode()
    asked = Mail.objects.get(kind="receipt")
    send(asked)
    (letter,) = [one for one in outbox.outbox if one.to == ["anna@patients.example"]]
    assert letter.subject == f"{clinic.administration}: kwitantie {bill}" or str(bill) in letter.subject
    for words in ("Service of 65.00", "EUR\u00a065,00", "EUR\u00a040,00", "EUR\u00a025,00", "P-1"):
        assert words in letter.body
    assert "2" in letter.body.splitlines()[0]  # the second copy, and says so
    assert "private" not in letter.body
    assert "Anna" not in letter.body
    asked.refresh_from_db()
    assert asked.facts == {}
    assert copies_of(bill).before == 2
    facts = Event.objects.filter(subject_id=bill.pk, name="billing.receipt_mailed").get().facts
    assert "anna" not in str(facts)


def test_without_an_address_nothing_is_mailed_and_the_page_says_why(as_, clinic):
    bill = clinic.bill("65.00")
    browser, page = as_(clinic.receptionist), url("billing_bill_receipt", bill.pk)
    assert "No e-mail address is known" in browser.get(page).content.decode()
    browser.post(page, {"do": "mail"})
    browser.post(page, {"do": "shred"})
    assert not Mail.objects.filter(kind="receipt").exists()
    assert copies_of(bill).before == 0


def test_erasing_a_patient_forgets_the_letters_to_them(as_, clinic):
    bill = clinic.bill("65.00")
    clinic.pay(bill, "65.00")
    identity = bill.patient.identity
    identity.email = "Anna@patients.example"
    identity.save()
    as_(clinic.receptionist).post(url("billing_bill_receipt", bill.pk), {"do": "mail"})
    (letters,) = [held for held in data_of_patient(bill.patient).held if str(held.title) == "E-mails"]
    assert [row["kind"] for row in letters.rows] == ["receipt"]
    erase_patient(bill.patient, by=clinic.owner, reason="CONSENT")
    assert not Mail.objects.filter(address="anna@patients.example").exists()


# Home and lists ------------------------------------------------------------------------------------------------------


def test_home_says_what_is_next_for_everybody_who_waits(as_, clinic):
    visit = visit_of(clinic, "65.00")
    to_do = place_order(visit, kind="LAB", service=clinic.service("30.00"), by=clinic.receptionist)
    browser = as_(clinic.receptionist)
    home = browser.get(url("index"))
    (here,) = home.context["active"]
    assert (here.owed, here.to_give, here.to_bill) == (65, 1, False)
    assert home.context["longest_link"] == url("billing_visit_change", visit.pk)
    assert "1 order to do" in home.content.decode()
    complete_order(to_do, by=clinic.receptionist)
    assert "bill what was done" in browser.get(url("index")).content.decode()


def test_cash_and_what_would_tell_it_are_not_shown_to_those_who_have_yet_to_count(as_, clinic):
    drawer = Drawer.objects.create(administration=clinic.administration, code="D1", name="Desk")
    bill = clinic.bill("65.00")
    Shift.objects.get_or_create(
        drawer=drawer,
        closed_at=None,
        defaults={
            "administration": clinic.administration,
            "clinic_day": bill.clinic_day,
            "cashier": clinic.cashier,
            "opening_float": 100,
        },
    )
    clinic.pay(bill, "40.00")
    clinic.pay(bill, "5.00", method="CARD")
    day = {"day": clinic.today.isoformat()}
    for person in (clinic.receptionist, clinic.cashier, clinic.manager, clinic.owner):
        browser = as_(person)
        home = browser.get(url("index"))
        assert "Cash" not in [bar.word for bar in home.context["bars"]]
        assert "Cash shows after the count" in home.content.decode()
        for name in ("payment", "bill"):
            listed = browser.get(url(f"billing_{name}_changelist"), day)
            assert "sum" not in listed.context_data
            assert "after the count" in listed.content.decode()
        card = browser.get(url("billing_payment_changelist"), {**day, "method__exact": "CARD"})
        assert card.context_data["sum"] == "EUR\u00a05.00"
        owed = browser.get(url("billing_bill_changelist"), {**day, "owed": "patient"})
        assert owed.context_data["sum"] == "EUR\u00a020.00"
    counted_by_others = as_(clinic.accountant).get(url("billing_payment_changelist"), day)
    assert counted_by_others.context_data["sum"] == "EUR\u00a045.00"


def test_a_day_that_is_none_asks_for_no_sum(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "40.00")
    listed = as_(clinic.receptionist).get(url("billing_payment_changelist"), {"day": "2026-02-31"})
    assert "sum" not in listed.context_data


def test_pages_of_one_visit_and_one_bill_ask_no_more_when_they_grow(as_, clinic):
    visit = visit_of(clinic)

    def more(count):
        for _ in range(count):
            order = place_order(visit, kind="LAB", service=clinic.service("30.00"), by=clinic.receptionist)
            complete_order(order, by=clinic.receptionist)
            charges = [
                Charge(clinic.service("30.00"), order=order, discount=Decimal(5), discount_reason="x"),
                Charge(clinic.service("65.00")),
            ]
            bill = issue_bill(patient=visit.patient, charges=charges, visit=visit, by=clinic.receptionist)
            clinic.pay(bill, "10.00", method="CARD")
            place_order(visit, kind="LAB", service=clinic.service("30.00"), by=clinic.receptionist)

    def queries(address):
        browser.get(address)
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address).status_code == 200
        return len(asked)

    pages = [url("billing_visit_change", visit.pk), url("index")]
    more(1)
    browser = as_(clinic.manager)
    few = {page: queries(page) for page in pages}
    more(5)
    assert {page: queries(page) for page in pages} == few


def test_a_cancelled_visit_takes_no_order(as_, clinic):
    visit = cancel_visit(visit_of(clinic), reason="Left", by=clinic.manager)
    asked = {"key": "a", "service": clinic.service("30.00").code, "quantity": "1"}
    answer = as_(clinic.receptionist).post(url("billing_visit_order", visit.pk), asked)
    assert "That visit was cancelled" in answer.content.decode()
    for wrong in ({"quantity": "0"}, {"quantity": "x"}, {"service": "zzz"}, {"service": ""}):
        assert errors_of(as_(clinic.receptionist).post(url("billing_visit_order", visit.pk), asked | wrong))
    assert not Order.objects.exists()


def test_home_leads_to_the_drawer_of_the_open_shift_and_before_that_to_opening_one(as_, clinic):
    browser = as_(clinic.receptionist)
    assert browser.get(url("index")).context["drawer"] == []  # nothing to count
    add_drawer(clinic.administration, code="D1", name="Desk", by=clinic.manager)
    (opens,) = browser.get(url("index")).context["drawer"]
    assert opens[1] == f"{url('billing_shift_add')}?administration={clinic.administration.pk}"
    clinic.pay(clinic.bill("65.00"), "40.00")
    shift = Shift.objects.get(closed_at=None)
    pages = [where for _word, where in browser.get(url("index")).context["drawer"]]
    names = ("billing_cash_movement", "billing_shift_count", "billing_shift_handover")
    assert pages == [url(name, shift.pk) for name in names]
    assert all(browser.get(page).status_code == 200 for page in pages)


def test_every_form_of_the_desk_says_how_many_digits_its_currency_has():
    """Without them its script ends before it has begun, and nothing is found while typing."""
    forms = [path for path in Path(settings.BASE_DIR, "templates").rglob("*.html") if "data-desk" in path.read_text()]
    assert len(forms) > 3
    assert [path.name for path in forms if "data-digits" not in path.read_text()] == []
