"""Every field of every model, sent to every address that writes: what nobody asked for changes nothing.

Each write is sent twice, each time from the same state: as it should be, and with the names of all fields of all
models beside it, filled with rows of a foreign administration, other states, amounts and dates. The tables must end
alike. What an address rightly takes stands here, written by hand; an address that writes and is not listed fails with
its name. Every other address is sent the whole lot and must write nothing.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_totp.models import TOTPDevice
from uuid_utils.compat import uuid7

from apps.billing.admin.closes import BUTTONS
from apps.billing.models import (
    Bill,
    Claim,
    Cover,
    EndOfDayReconciliation,
    Leak,
    Patient,
    Payer,
    Payment,
    PaystackTransaction,
    Remittance,
    Service,
    ServiceGroup,
    ServicePrice,
    Shift,
    Wallet,
)
from apps.billing.services.catalogue import register_patient
from apps.billing.services.charging import register_visit
from apps.billing.services.claims import claim_for, reject_claim, submit_claim
from apps.billing.services.closing import finalize_day
from apps.billing.services.drawers import add_drawer, open_shift
from apps.billing.services.payments import Tender, take_payment
from apps.billing.tests.advancing import billed, paid_ahead
from apps.billing.tests.clinic import PASSWORD, Clinic
from apps.billing.tests.leaking import given, visit_of
from apps.billing.tests.paystack_site import PaystackSite
from apps.core import one_time
from apps.core.models import Delivery, Invitation, OneTimeToken, User
from apps.core.services import second_factor
from apps.core.services.uploads import store_upload
from apps.core.tests.authenticator import app_of, code_of
from apps.core.tests.factories import UserFactory
from apps.core.tests.mailbox import secret_for
from apps.issues.models import Issue
from apps.ledger.admin.writing import face_of
from apps.ledger.models import Account, FixedAsset, Journal, JournalEntry, OpenItem, Party, Period, VatCode
from apps.ledger.services.backfilling import backfill
from apps.ledger.services.drafts import post_draft, save_draft
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.services.posting import Line, post_entry
from apps.ledger.tests.factories import Books, cash_sale
from apps.ledger.tests.subledger import SubLedger
from apps.periods.reports.vat_spans import span_of
from apps.periods.services.filing import file_return
from apps.periods.services.registering import register_vat
from apps.periods.tests.steps import all_brought_to, brought_to, saw
from apps.reconciliation.admin.reconcile.acts import ACTS
from apps.reconciliation.models import BankAccount, CsvMapping, Statement, StatementLine
from apps.reconciliation.reports.payouts import payouts_for
from apps.reconciliation.services.account_reconciling import begin_reconciliation
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.ruling import Booking, keep_model
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.paying_out import Provider
from config.tests.test_permission_matrix import (
    ALL,
    ASSETS,
    BANK,
    BANK_MODEL,
    BILLING,
    CLAIMS,
    COVERS,
    EXPORTS,
    ISSUE,
    LEDGER,
    LETTERS,
    MODELS,
    OF_PERIOD,
    OPEN,
    PAYERS,
    PAYSTACK,
    PERIODS,
    REMITTANCES,
    REPORTS,
    SCOPED,
    SETTLEMENTS,
    SHIFT,
    TARIFFS,
    TOP_UPS,
    UPLOADS,
    VAT,
    VAT_PAGES,
    WRITE_OFFS,
    World,
    filled,
)

KEY = "11111111-0000-7000-8000-000000000000"
RATE = {"date": "2026-03-31", "rate": "1.1", "source": "ECB"}
ROWS = "form-0-debit form-0-credit form-0-party form-0-reference form-0-due_date"
ROWS += " form-1-debit form-1-credit form-1-party form-1-reference form-1-due_date"
NEW_PASSWORD = "Hollyhock-1937"  # in no body twice, so that it is told apart from the old one
PURPOSE = OneTimeToken.Purpose


# What is written where -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """One request that takes effect: the row that its address names, its body, and its query."""

    body: dict[str, Any]
    row: Any = None
    query: str = ""
    signed: Callable[[bytes], str] | None = None  # what signs the body, where nobody signs in


@dataclass(frozen=True)
class Write:
    """``sends`` makes what the request needs and says what is sent, by the role that may most. ``takes`` are the names
    that the address takes beside those of the body. One that is ``idle`` answers without writing."""

    letter: str
    sends: Callable[["Scene"], Sent]
    takes: str = ""
    idle: bool = False


@dataclass
class Scene:
    """The world as one request finds it, and the browser that sends it."""

    world: World
    client: Client
    person: User | None

    @property
    def clinic(self) -> Clinic:
        return Clinic(self.world.own, {role: self.world.people[letter] for letter, role in LETTERS.items()})

    def own(self, model: type[models.Model], **which: Any) -> Any:
        return model._default_manager.filter(administration=self.world.own, **which).earliest("pk")

    def row(self, label: str) -> Any:
        letter = next(letter for letter, person in self.world.people.items() if person == self.person)
        return self.world.row(label, letter, own=True)

    @property
    def draft(self) -> EndOfDayReconciliation:
        return self.own(EndOfDayReconciliation, status="DRAFT")

    @property
    def unpaid(self) -> Bill:
        return self.own(Bill, gross=Decimal("10.00"))


def rows(prefix: str, *rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    """A form set as a browser sends it."""
    counts = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    return counts | {f"{prefix}-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}


def just(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent(body)


def of(label: str, **body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent(body, scene.row(label))


def of_open_leak(**body: Any) -> Callable[[Scene], Sent]:
    """A leak that no close has looked at again since."""
    facts = {"rule": "L05", "leak_class": "UNBILLED", "entity_type": "visit", "amount": 1}
    return lambda scene: Sent(
        body,
        Leak.objects.create(
            administration=scene.world.own, entity_id=uuid7(), day=scene.clinic.today, facts={}, **facts
        ),
    )


def of_yellow_issue(**body: Any) -> Callable[[Scene], Sent]:
    """An issue that may be acknowledged."""
    return lambda scene: Sent(body, scene.own(Issue, severity="YELLOW", resolved_at=None))


def leak_listed(scene: Scene) -> Sent:
    """The list shows open ones unless all are asked for."""
    return Sent(ticked("export_list", scene.own(Leak)).body, query="state__exact=all")


def open_item_listed(scene: Scene) -> Sent:
    """The newest item: older ones are settled, and not on the list."""
    return ticked("export_list", OpenItem.objects.filter(administration=scene.world.own).latest("pk"))


def prepared(scene: Scene) -> Sent:
    day = scene.clinic.today - timedelta(days=5)
    return Sent({"reconciliation_date": day.isoformat()})


def of_draft(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent(body, scene.draft)


def of_signed(scene: Scene) -> Sent:
    return Sent({"reason": "A bill was forgotten."}, finalize_day(scene.draft, by=scene.clinic.manager))


def of_stale_draft(scene: Scene) -> Sent:
    scene.clinic.bill("20.00")
    return Sent({}, scene.draft)


def pressed(button: str, **body: Any) -> Callable[[Scene], Sent]:
    """A button of the page of a day."""

    def sends(scene: Scene) -> Sent:
        draft, clinic = scene.draft, scene.clinic
        day = clinic.today - timedelta(days=5) if button == "prepare" else draft.reconciliation_date
        if button == "refresh":
            clinic.bill("20.00")
        if button == "visits":
            active_visit(scene)
        seen = {"seen": draft.updated_at.isoformat()} if button == "finalize" else {}
        return Sent({"do": button, "key": "k-1", **seen, **body}, (clinic.administration.pk, day))

    return sends


def known(**fields: Any) -> User:
    return UserFactory(email="known@clinic.example", password=PASSWORD, **fields)


def with_token(purpose: str, **body: Any) -> Callable[[Scene], Sent]:
    """A page that an e-mail leads to."""
    return lambda scene: Sent(body, query=f"token={one_time.issue(known(is_email_verified=False), purpose)}")


def api_verification(scene: Scene) -> Sent:
    return Sent({"token": one_time.issue(known(is_email_verified=False), PURPOSE.VERIFY_EMAIL)})


def api_new_password(scene: Scene) -> Sent:
    return Sent({"token": one_time.issue(known(), PURPOSE.RESET_PASSWORD), "new_password": NEW_PASSWORD})


def recovery_code(person: User) -> str:
    app_of(person)
    return second_factor.new_recovery_codes(person)[0]


def tokens(scene: Scene) -> Sent:
    person = known()
    return Sent({"username": person.email, "password": PASSWORD, "otp": recovery_code(person)})


def refreshed(scene: Scene) -> Sent:
    asked = {"username": known().email, "password": PASSWORD}
    return Sent({"refresh_token": scene.client.post("/api/v1/auth/token/", asked).json()["refresh_token"]})


def second_step(scene: Scene) -> Sent:
    person = known()
    code = recovery_code(person)
    scene.client.post("/admin/login/", {"username": person.email, "password": PASSWORD})
    return Sent({"code": code})


def app_set_up(scene: Scene) -> Sent:
    return Sent({"code": code_of(second_factor.begin(scene.person)), "proof": PASSWORD})


def new_codes(scene: Scene) -> Sent:
    code = recovery_code(scene.person)
    scene.client.force_login(User.objects.get(pk=scene.person.pk))  # the factor ended the session
    return Sent({"code": code})


def invited(scene: Scene) -> Sent:
    email = scene.own(Invitation).email
    return Sent({"full_name": "New Person", "password": NEW_PASSWORD}, query=f"token={secret_for(email)}")


def locked_out(scene: Scene) -> Sent:
    person = scene.row("core.User")
    AccessAttempt.objects.create(username=person.email, ip_address="10.0.0.1", failures_since_start=10)
    return ticked("lift_lockout", person)


def with_app(scene: Scene) -> Sent:
    person = scene.row("core.User")
    TOTPDevice.objects.create(user=person, confirmed=True, name="app")
    return ticked("remove_second_factor", person)


def ticked(action: str, *chosen: Any) -> Sent:
    return Sent({"action": action, "_selected_action": [str(row.pk) for row in chosen]})


def action(name: str, label: str) -> Callable[[Scene], Sent]:
    return lambda scene: ticked(name, scene.row(label))


def given_up(scene: Scene) -> Sent:
    delivery = Delivery.objects.earliest("pk")
    Delivery.objects.filter(pk=delivery.pk).update(attempts=9, gave_up_at="2026-01-01T00:00:00Z")
    return ticked("retry", delivery)


def identity(scene: Scene) -> Sent:
    patient = scene.own(Patient)
    inline = {"id": patient.identity.pk, "patient": patient.pk, "name": "Other Name"}
    return Sent(rows("identity", inline, initial=1), patient)


def erased_patient(scene: Scene) -> Sent:
    patient = register_patient(scene.world.own, code="P-GONE", name="Somebody", by=scene.person)
    return Sent({"reason": "NOT_NEEDED"}, patient)


PRICE = {"valid_from": "2031-01-01", "price": "12.50", "includes_vat": "on"}


def new_service(scene: Scene) -> Sent:
    body = {"code": "S-NEW", "name": "New service", "is_active": "on"}
    group, vat = scene.own(ServiceGroup), scene.own(VatCode)
    return Sent({**body, "group": group.pk, "vat_code": vat.pk, **rows("prices", PRICE)})


def changed_service(scene: Scene) -> Sent:
    service = Service.objects.filter(administration=scene.world.own, prices__isnull=False).earliest("pk")
    price = ServicePrice.objects.get(service=service)
    ends = {"id": price.pk, "service": service.pk, "valid_from": price.valid_from, "valid_until": "2030-12-31"}
    ends |= {"price": price.price, "includes_vat": "on"}
    body = {"code": service.code, "name": "Renamed", "is_active": "on"}
    body |= {"group": service.group_id, "vat_code": service.vat_code_id}
    return Sent({**body, **rows("prices", ends, PRICE, initial=1)}, service)


def new_group(scene: Scene) -> Sent:
    return Sent({"code": "G-NEW", "name": "New group", "account": scene.own(Account, type="REVENUE").pk})


def changed_group(scene: Scene) -> Sent:
    group = scene.own(ServiceGroup)
    return Sent({"code": group.code, "name": "Renamed", "account": group.account_id}, group)


def charged(scene: Scene) -> dict[str, Any]:
    return rows("charges", {"service": scene.clinic.service("65.00").code, "quantity": "1"})


def tendered() -> dict[str, Any]:
    return rows("tenders", {"method": "CARD", "amount": "10.00", "reference": "slip 1"})


def new_visit(scene: Scene) -> Sent:
    who = {"patient": scene.own(Patient).code, "reason": "Check-up", "key": "k-1"}
    return Sent({**who, **charged(scene), **tendered()})


def reopened(scene: Scene) -> Sent:
    """The owner opens again what the manager signed."""
    close = scene.clinic.finalized(scene.clinic.today - timedelta(days=5))
    return Sent({"key": "k-1", "reason": "A bill was forgotten."}, close)


def active_visit(scene: Scene) -> Sent:
    clinic = scene.clinic
    made = register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=[], by=clinic.receptionist
    )
    return Sent({}, made)


def more_charges(scene: Scene) -> Sent:
    return Sent({"key": "k-1", **charged(scene)}, active_visit(scene).row)


def more_ordered(scene: Scene) -> Sent:
    asked = {"key": "k-1", "service": scene.clinic.service("65.00").code, "quantity": "1"}
    return Sent(asked, active_visit(scene).row)


def of_order(**body: Any) -> Callable[[Scene], Sent]:
    return of("billing.Order", key="k-1", **body)


def charged_back(scene: Scene) -> Sent:
    clinic = scene.clinic
    payment = clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    return Sent({"key": "k-1", "amount": "5.00", "reason": "The bank took it back"}, payment)


def priced_service(scene: Scene) -> dict[str, Any]:
    return {"service_id": str(scene.clinic.service("65.00").pk)}


def service_sent(scene: Scene) -> Sent:
    group, vat = str(scene.own(ServiceGroup).pk), str(scene.own(VatCode).pk)
    return Sent({"code": "S-NEW", "name": "New service", "group_id": group, "vat_code_id": vat})


def group_sent(scene: Scene) -> Sent:
    return Sent({"code": "G-NEW", "name": "New group", "account_id": str(scene.own(Account, type="REVENUE").pk)})


def price_sent(scene: Scene) -> Sent:
    return Sent({**priced_service(scene), "price": "12.50", "valid_from": "1998-01-01", "valid_until": "1998-12-31"})


def unpriced_service(scene: Scene) -> Sent:
    return Sent({"name": "Renamed"}, scene.own(Service))


def visit_sent(scene: Scene) -> Sent:
    return Sent({"patient_id": str(scene.own(Patient).pk), "charges": [priced_service(scene)]})


def visit_taken_back(scene: Scene) -> Sent:
    return Sent({"reason": "Typed twice."}, active_visit(scene).row)


def order_sent(scene: Scene) -> Sent:
    return Sent({"visit_id": str(active_visit(scene).row.pk), "kind": "LAB", "description": "Blood count"})


def bill_sent(scene: Scene) -> Sent:
    return Sent({"patient_id": str(scene.own(Patient).pk), "charges": [priced_service(scene)]})


def payment_sent(scene: Scene) -> Sent:
    return Sent({"bill_id": str(scene.unpaid.pk), "method": "CASH", "amount": "4.00"})


def given_back_by_card(scene: Scene) -> Sent:
    paid = scene.clinic.pay(scene.unpaid, "10.00", "CARD")
    return Sent({"amount": "5.00", "reason": "Disputed"}, paid)


def refunded(scene: Scene) -> Sent:
    return Sent({"key": "k-1", "amount": "5.00", "reason": "Too much"}, scene.own(Payment, kind="PAYMENT"))


def accrued(scene: Scene) -> Sent:
    """Care of the month before this one, which is over and in the books' years."""
    clinic = scene.clinic
    ended = clinic.today.replace(day=1) - timedelta(days=1)
    accounts = Account.objects.filter(administration=clinic.administration)
    if not accounts.filter(purpose="unbilled_care").exists():
        face = {"type": "ASSET", "place": "CURRENT_ASSETS", "purpose": "unbilled_care"}
        accounts.create(administration=clinic.administration, code="1398", name="Unbilled care", **face)
    given(visit_of(clinic, ended), clinic.service("65.00"))
    return Sent({"key": "k-1", "period_end": ended.isoformat()})


def topped_up(scene: Scene) -> Sent:
    return Sent({"patient_id": str(scene.own(Patient).pk), "method": "CARD", "amount": "5.00"})


def paid_out(scene: Scene) -> Sent:
    asked = {"patient_id": str(scene.own(Wallet).patient_id), "method": "CARD", "amount": "5.00", "reason": "Moves"}
    return Sent(asked)


def paid_in_advance(scene: Scene) -> Sent:
    """A bill that its patient paid in advance for after it was issued."""
    bill = billed(scene.clinic)
    paid_ahead(scene.clinic, "121.00")
    return Sent({"key": KEY}, bill)


def typed_top_up(scene: Scene) -> Sent:
    return Sent({"patient": scene.own(Patient).code, "method": "CARD", "amount": "5.00", "key": KEY})


def typed_pay_out(scene: Scene) -> Sent:
    return Sent({"method": "CARD", "amount": "5.00", "reason": "Moves away", "key": KEY}, scene.own(Wallet))


def shift_of(scene: Scene) -> Shift:
    """An open shift with nothing in its drawer."""
    drawer = add_drawer(scene.world.own, code="D-OPEN", name="Desk", by=scene.person)
    return open_shift(drawer, opening_float=Decimal(0), by=scene.person)


def of_open_shift(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent(body, shift_of(scene))


def sent_of_open_shift(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent({**body, "shift_id": str(shift_of(scene).pk)})


def shift_begun(name: str, **body: Any) -> Callable[[Scene], Sent]:
    def sends(scene: Scene) -> Sent:
        drawer = add_drawer(scene.world.own, code="D-OPEN", name="Desk", by=scene.person)
        return Sent({**body, name: str(drawer.pk)})

    return sends


def handed_over(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent({**body, "to": str(scene.clinic.cashier.pk)}, shift_of(scene))


def drawer_changed(scene: Scene) -> Sent:
    return Sent({"name": "Renamed", "standard_float": "50.00"}, scene.row("billing.Drawer"))


def terminal_sent(scene: Scene) -> Sent:
    return Sent({"day": scene.clinic.today.isoformat(), "terminal": "T-9", "total": "5.00"})


def typed_shift(scene: Scene) -> Sent:
    return Sent({**shift_begun("drawer", key=KEY)(scene).body, "cashier": str(scene.person.pk)})


def typed_terminal(scene: Scene) -> Sent:
    return Sent({**terminal_sent(scene).body, "key": KEY})


@cache
def provider() -> PaystackSite:
    """A payment provider on this machine, as long as the tests run."""
    site = PaystackSite()
    site.start()
    return site


@pytest.fixture(autouse=True)
def _connected(world: World, settings: Any) -> None:
    settings.PAYSTACK_SECRET_KEYS = {str(world.own.pk): provider().key}
    settings.PAYSTACK_URL = provider().url


def message(scene: Scene) -> Sent:
    body = {"event": "charge.success", "data": {"reference": "r-1"}}
    return Sent(body, scene.world.own, signed=provider().signed)


def linked(scene: Scene) -> Sent:
    return Sent({"bill_id": str(scene.unpaid.pk), "email": "somebody@patients.example"})


def typed_link(scene: Scene) -> Sent:
    return Sent({"amount": "1.00", "email": "somebody@patients.example", "key": KEY}, scene.unpaid)


def typed_wallet_link(scene: Scene) -> Sent:
    return Sent(typed_link(scene).body, scene.own(Wallet))


def verified(scene: Scene) -> Sent:
    row = PaystackTransaction.objects.create(
        administration=scene.world.own, reference="r-1", status="pending", amount=5, currency="EUR", bill=scene.unpaid
    )
    provider().transactions.get("r-1") or provider().paid("r-1", 500)
    return Sent({}, row)


def payment_assigned(scene: Scene) -> Sent:
    return Sent({"patient_id": str(scene.own(Patient).pk)}, scene.own(PaystackTransaction))


def typed_assigned(scene: Scene) -> Sent:
    return Sent({"patient": scene.own(Patient).code, "key": KEY}, scene.own(PaystackTransaction))


def draft_claim(scene: Scene) -> Claim:
    """A claim on the payer of the clinic that was not sent yet."""
    bill, payer = scene.clinic.bill("40.00"), scene.own(Payer)
    take_payment(bill, tender=Tender(payer.method, Decimal(40), payer), by=scene.clinic.cashier)
    return claim_for(bill, payer)


def sent_claim(scene: Scene) -> Claim:
    return submit_claim(draft_claim(scene), by=scene.clinic.owner)


def of_draft_claim(scene: Scene) -> Sent:
    return Sent({}, draft_claim(scene))


def claims_sent(scene: Scene) -> Sent:
    return Sent({"claim_ids": [str(draft_claim(scene).pk) for _turn in range(2)]})


def of_sent_claim(scene: Scene) -> Sent:
    return Sent({"reason": "Not covered."}, sent_claim(scene))


def of_rejected_claim(scene: Scene) -> Sent:
    return Sent({}, reject_claim(sent_claim(scene), reason="Not covered.", by=scene.clinic.owner))


def remitted(scene: Scene) -> Sent:
    claim = sent_claim(scene)
    part = {"claim_id": str(claim.pk), "kind": "PAID", "amount": "40.00"}
    facts = {"payer_id": str(claim.payer_id), "amount": "40.00", "received_on": scene.clinic.today.isoformat()}
    return Sent({**facts, "settlements": [part]})


def assigned(scene: Scene) -> Sent:
    part = {"claim_id": str(sent_claim(scene).pk), "kind": "PAID", "amount": "1.00"}
    return Sent({"settlements": [part]}, scene.own(Remittance))


def tariff_set(scene: Scene) -> Sent:
    named = {"payer_id": str(scene.own(Payer).pk), "service_id": str(scene.own(Service).pk)}
    return Sent({**named, "price": "50.00", "valid_from": "2031-01-01"})


def enrolled(scene: Scene) -> Sent:
    patient = register_patient(scene.world.own, code="P-NEW", by=scene.person)
    return Sent({"patient_id": str(patient.pk), "payer_id": str(scene.own(Payer).pk), "valid_from": "2026-03-01"})


def write_off_proposed(scene: Scene) -> Sent:
    return Sent({"bill_id": str(scene.unpaid.pk), "amount": "5.00", "reason": "Moved away"})


def typed_tariff(scene: Scene) -> Sent:
    asked = {"service": scene.own(Service).code, "price": "50.00", "valid_from": "2031-01-01", "key": KEY}
    return Sent(asked, scene.own(Payer))


def typed_cover(scene: Scene) -> Sent:
    sent = enrolled(scene)
    return Sent({"patient": "P-NEW", "payer": sent.body["payer_id"], "valid_from": "2026-03-01", "key": KEY})


def replaced_cover(scene: Scene) -> Sent:
    cover = scene.own(Cover)
    day = cover.valid_from + timedelta(days=1)
    return Sent({"payer": str(cover.payer_id), "valid_from": day.isoformat(), "key": KEY}, cover)


def typed_step(claim: Callable[[Scene], Claim], **body: Any) -> Callable[[Scene], Sent]:
    """A page of one claim, with the day of today."""
    return lambda scene: Sent({"date": scene.clinic.today.isoformat(), "key": KEY, **body}, claim(scene))


def rejected_claim(scene: Scene) -> Claim:
    return reject_claim(sent_claim(scene), reason="Not covered.", by=scene.clinic.owner)


def ticked_claims(scene: Scene) -> Sent:
    body = ticked("submit_selected", draft_claim(scene), draft_claim(scene)).body
    return Sent({**body, "confirmed": "yes", "date": scene.clinic.today.isoformat(), "key": KEY})


def typed_remittance(scene: Scene) -> Sent:
    claim = sent_claim(scene)
    facts = {"amount": "40.00", "received_on": scene.clinic.today.isoformat(), "key": KEY}
    return Sent({**facts, f"PAID-{claim.pk.hex}": "40.00"}, query=f"payer={claim.payer_id}")


def typed_assignment(scene: Scene) -> Sent:
    remittance, claim = scene.own(Remittance), sent_claim(scene)
    return Sent({f"PAID-{claim.pk.hex}": "1.00", "key": KEY}, remittance)


def typed_write_off(scene: Scene) -> Sent:
    return Sent({"amount": "5.00", "reason": "Moved away", "key": KEY}, query=f"bill={scene.unpaid.pk}")


TYPED_ENTRY = "administration reference " + " ".join(
    f"lines-{n}-{name}"
    for n in range(2)
    for name in ("debit", "credit", "party", "vat_code", "memo", "currency", "amount_currency", "exchange_rate")
)
TYPED_INVOICE = (
    "administration due_date tax_point entry_date currency exchange_rate description credit_note credits total_amount "
    "lines-0-description lines-0-quantity lines-0-unit_price lines-0-vat_code lines-0-vat"
)
TYPED_PARTY = "country vat_number organization_number iban email"


def tried_mapping(scene: Scene) -> Sent:
    return Sent({"mapping": 'name = "x"', "files": b"id;name\n"})


def imported(scene: Scene) -> Sent:
    return Sent({**tried_mapping(scene).body, "do": "import", "administration": scene.world.own.pk, "key": KEY})


def ticked_upload(scene: Scene) -> Sent:
    sent = BytesIO(b"id;name\n")
    mine = {"administration": scene.world.own, "purpose": "import", "by": scene.person}
    return ticked("delete_of_import", store_upload(sent, name="visits.csv", **mine))


def sent_books(scene: Scene) -> Sent:
    return Sent({"administration": scene.world.own.pk, "file": b"code;name;type\n"})


SPAN = ("2026-03-01", "2026-03-31")


def export_sent(scene: Scene) -> Sent:
    """The file has to name a number of the administration."""
    type(scene.world.own).objects.filter(pk=scene.world.own.pk).update(vat_number="NL001234567B01")
    return Sent({"format": "XAF_4_0", "first_day": SPAN[0], "last_day": SPAN[1]})


def export_asked(scene: Scene) -> Sent:
    asked = export_sent(scene).body
    return Sent({**asked, "administration": scene.world.own.pk, "key": KEY})


def pack_asked(scene: Scene) -> Sent:
    return Sent({"period": scene.own(Period).pk, "pack_type": "AUDIT_TRAIL", "key": KEY})


def ledger_accounts(scene: Scene) -> dict[str, Account]:
    accounts = Account.objects.filter(administration=scene.world.own)
    return {
        "account": accounts.filter(place="FIXED_ASSETS").earliest("code"),
        "depreciation_account": accounts.filter(place="FIXED_ASSETS").latest("code"),
        "expense_account": accounts.get(purpose="depreciation_expense"),
    }


def asset_facts(scene: Scene) -> dict[str, Any]:
    day = scene.clinic.today.replace(day=1).isoformat()
    facts = {"code": "A-NEW", "name": "New scanner", "acquired_on": day, "in_use_from": day, "cost": "120.00"}
    return facts | {"method": "STRAIGHT_LINE", "life_months": "12"}


def new_asset(scene: Scene) -> Sent:
    accounts = {name: account.pk for name, account in ledger_accounts(scene).items()}
    amounts = {"residual_value": "0", "opening_depreciation": "0", "declining_rate": ""}
    return Sent({**asset_facts(scene), **amounts, **accounts})


def new_asset_sent(scene: Scene) -> Sent:
    accounts = {f"{name}_id": str(account.pk) for name, account in ledger_accounts(scene).items()}
    return Sent({**asset_facts(scene), **accounts})


def fresh_asset(scene: Scene) -> FixedAsset:
    facts = {**asset_facts(scene), "cost": Decimal(120), "life_months": 12}
    return FixedAsset.objects.create(administration=scene.world.own, **facts, **ledger_accounts(scene))


def changed_asset(scene: Scene) -> Sent:
    asset = fresh_asset(scene)
    return Sent({**new_asset(scene).body, "name": "Renamed"}, asset)


def due_asset(scene: Scene) -> str:
    fresh_asset(scene)
    return scene.clinic.today.isoformat()


def disposed_asset(scene: Scene) -> Sent:
    body = {"date": scene.clinic.today.isoformat()}
    return Sent(body, fresh_asset(scene))


def revalued(scene: Scene) -> Sent:
    own, today = scene.world.own, scene.clinic.today
    accounts = Account.objects.filter(administration=own)
    dollars = accounts.create(administration=own, code="1199", name="USD", type="ASSET", place="CURRENT_ASSETS")
    post_entry(
        administration=own,
        journal=Journal.objects.get(administration=own, code="GEN"),
        date=today,
        memo="Dollars",
        lines=[
            Line(dollars, debit=Decimal(50), currency="USD", amount_currency=Decimal(100)),
            Line(accounts.get(purpose="bank"), credit=Decimal(50)),
        ],
        by=scene.person,
    )
    return Sent({"as_of": today.isoformat(), "key": KEY})


def two_lines(scene: Scene) -> dict[str, Any]:
    accounts = Account.objects.filter(administration=scene.world.own)
    debit, credit = accounts.get(purpose="bank"), accounts.get(purpose="rounding")
    return rows("form", {"account": debit.pk, "debit": "5.00"}, {"account": credit.pk, "credit": "5.00"})


def opening(scene: Scene) -> Sent:
    return Sent({"date": scene.clinic.today.isoformat(), "key": KEY, **two_lines(scene)})


def spread_out(scene: Scene) -> Sent:
    accounts = Account.objects.filter(administration=scene.world.own)
    body = {"amount": "5.00", "account": accounts.get(purpose="rounding").pk, "memo": "Insurance", "months": "1"}
    body |= {"accrual_account": accounts.get(purpose="suspense").pk, "first_month": scene.clinic.today.isoformat()}
    return Sent({**body, "key": KEY})


def this_year(scene: Scene) -> Period:
    return open_fiscal_year(scene.world.own, scene.clinic.today.replace(month=1, day=1))


def appropriated(scene: Scene) -> Sent:
    year = this_year(scene)
    reserve = Account.objects.get(administration=scene.world.own, purpose="retained_earnings")
    row = rows("form", {"account": reserve.pk, "amount": "1.00"})
    return Sent({"date": scene.clinic.today.isoformat(), "key": KEY, **row}, year)


def adjusted(scene: Scene) -> Sent:
    year = this_year(scene)
    return Sent({"memo": "Rent", "key": KEY, **two_lines(scene)}, year)


def account_renamed(scene: Scene) -> Sent:
    account = scene.row("ledger.Account")
    return Sent({"name": "Renamed", "place": account.place}, account)


def accounts_of(scene: Scene, *purposes: str) -> list[Account]:
    return [Account.objects.get(administration=scene.world.own, purpose=purpose) for purpose in purposes]


def draft_of(scene: Scene) -> JournalEntry:
    debit, credit = accounts_of(scene, "bank", "rounding")
    lines = [Line(debit, debit=Decimal(5)), Line(credit, credit=Decimal(5))]
    journal = Journal.objects.get(administration=scene.world.own, code="GEN")
    facts = {"administration": scene.world.own, "journal": journal, "date": scene.clinic.today, "memo": "By hand"}
    return save_draft(**facts, lines=lines, by=scene.person)


def entry_typed(scene: Scene) -> dict[str, Any]:
    journal = Journal.objects.get(administration=scene.world.own, code="GEN")
    head = {"journal": journal.pk, "date": scene.clinic.today.isoformat(), "memo": "Rent", "key": KEY, "do": "save"}
    debit, credit = (one.code for one in accounts_of(scene, "bank", "rounding"))
    return head | rows("lines", {"account": debit, "debit": "7"}, {"account": credit, "credit": "7"})


def of_entry_draft(verb: str) -> Callable[[Scene], Sent]:
    def sends(scene: Scene) -> Sent:
        draft = draft_of(scene)
        bodies = {"change": entry_typed(scene), "post": {"seen": face_of([draft]), "key": KEY}, "delete": {"key": KEY}}
        return Sent(bodies[verb], draft)

    return sends


def sub_ledger(scene: Scene) -> SubLedger:
    return SubLedger(Books(scene.world.own, scene.world.people["o"]), scene.world.people["a"])


def entry_sent(scene: Scene) -> Sent:
    ledger, day = sub_ledger(scene), scene.clinic.today.isoformat()
    cash, revenue = (str(ledger.books.account(purpose).pk) for purpose in ("cash_drawer", "revenue_other"))
    lines = [{"account_id": cash, "debit": "5.00"}, {"account_id": revenue, "credit": "5.00"}]
    return Sent({"entry_date": day, "description": "By hand", "lines": lines})


def entry_reversed(scene: Scene) -> Sent:
    ledger = sub_ledger(scene)
    entry = ledger.post(cash_sale(ledger.books, "5.00"), scene.clinic.today, "GEN")
    return Sent({"reason": "Typed twice."}, entry)


def entry_drafted(scene: Scene) -> Sent:
    ledger = sub_ledger(scene)
    written = {"administration": scene.world.own, "journal": ledger.books.journal, "date": scene.clinic.today}
    return Sent({}, save_draft(**written, memo="x", lines=cash_sale(ledger.books, "5.00"), by=ledger.accountant))


def invoice_sent(kind: str, **more: Any) -> Callable[[Scene], Sent]:
    def sends(scene: Scene) -> Sent:
        ledger = sub_ledger(scene)
        line = {"account_id": str(ledger.account("4630" if kind == "SUPPLIER" else "8090").pk), "net": "10.00"}
        body = {"party_id": str(ledger.party("P-NEW", kind).pk), "invoice_date": scene.clinic.today.isoformat()}
        return Sent({**body, "lines": [line], **more})

    return sends


def posted_together(scene: Scene) -> Sent:
    draft = draft_of(scene)
    ticks = ticked("post_selected", draft)
    return Sent({**ticks.body, "post": "yes", "seen": face_of([draft])})


def reversed_entry(scene: Scene) -> Sent:
    entry = post_draft(draft_of(scene), by=scene.person)
    return Sent({"date": entry.date.isoformat(), "reason": "Typed twice", "key": KEY}, entry)


def new_invoice(scene: Scene) -> Sent:
    party, [account] = scene.own(Party, kind="SUPPLIER"), accounts_of(scene, "rounding")
    head = {"party": party.code, "reference": "F-99", "invoice_date": scene.clinic.today.isoformat(), "key": KEY}
    return Sent({**head, **rows("lines", {"account": account.code, "net": "10"}), "confirmed": "yes"})


def changed_party(scene: Scene) -> Sent:
    return Sent({"name": "Renamed", "payment_days": "14"}, scene.own(Party, kind="SUPPLIER"))


def allocation_sent(scene: Scene) -> Sent:
    ledger, day = sub_ledger(scene), scene.clinic.today
    invoice, paid = ledger.sold("10.00", day=day), ledger.paid(ledger.customer(), "10.00", day)
    return Sent({"debit_id": str(ledger.item(invoice).pk), "credit_id": str(paid.pk)})


def backfilled(scene: Scene) -> Sent:
    ledger, day = sub_ledger(scene), scene.clinic.today
    ledger.registered(ledger.supplier(), "5.00", day, "OLD-2026")
    ledger.history(ledger.supplier(), "-5.00", day, memo="OLD-2026")
    return Sent({"dry_run": False})


def backfill_reversed(scene: Scene) -> Sent:
    backfilled(scene)
    batch, _plan = backfill(scene.world.own, by=scene.world.people["a"], dry_run=False)
    return Sent({}, batch)


def list_of(label: str) -> str:
    return f"admin/{label.lower().replace('.', '/')}/"


def reader(label: str) -> str:
    return next(letter for letter in "os" if letter in MODELS[label][0])


API = "api/v1/billing/reconciliation/"
AUTH = "api/v1/auth/"
OWNER = "client_id administration_id"
INVOICE = (
    "reference type due_date tax_point entry_date currency exchange_rate description credits_id net_amount vat_amount"
    " total_amount"
)
PARTY = "name country vat_number organization_number iban email payment_days"
DAY = "admin/billing/endofdayreconciliation/day/<administration_id>/<date>/"
SETTINGS = {"name": "Clinic Oost", "country": "NL", "time_zone": "Europe/Oslo", "closing_time": "22:00"}
MORE_SETTINGS = "organization_number vat_number single_sign_off second_factor_required materiality"
MORE_OF_A_LINE = "charges-0-discount charges-0-discount_reason charges-0-coverage_reason"
MORE_OF_A_LINE += " charges-0-placed charges-0-kind charges-0-order"
NEW_VISIT = "administration new_name new_birth_date new_code is_inpatient cash_given payer"
NEW_VISIT += f" tenders-0-payer tenders-0-authorisation {MORE_OF_A_LINE}"


# "method address" or "method address what is chosen on it" -> what takes effect there.
def reconciliation_sent(scene: Scene) -> Sent:
    till = scene.own(Account, purpose="cash_drawer")
    return Sent({"account_id": str(till.pk), "period_start": "2026-03-01", "period_end": "2026-03-31"})


def reconciliation_ready(scene: Scene) -> Sent:
    """One of an account that never moved, which the owner may approve."""
    account = scene.own(Account, purpose="suspense")
    days = {"period_start": scene.clinic.today, "period_end": scene.clinic.today}
    return Sent({}, begin_reconciliation(account, **days, expected_balance=Decimal(0), by=scene.world.people["a"]))


def bank_line(scene: Scene) -> StatementLine:
    """One of which a part was booked, and a part is open."""
    return StatementLine.objects.exclude(clearings=None).exclude(residual=0).get(administration=scene.world.own)


def a_bank(scene: Scene, **fields: Any) -> Bank:
    """The administration's bank account, or one more when ``fields`` say which."""
    own, by = scene.world.own, scene.world.people["a"]
    account = open_bank_account(own, **fields) if fields else scene.own(BankAccount)
    return Bank(Books(own, scene.world.people["o"]), account, by)


def bank_line_unpacked(scene: Scene) -> Sent:
    """A payout of the provider, of one payment of the day before."""
    provider = Provider(scene.clinic)
    provider.payout("998877", provider.paid("65.00", fee="0.65"))
    return Sent({}, a_bank(scene).line("64.35", label="PSTK_998877", date=scene.clinic.today))


def bank_line_transferred(scene: Scene) -> Sent:
    """Money that went to another account of the same books."""
    out, into = a_bank(scene).line("-12.34"), a_bank(scene, name="Savings", iban="NL02INGB0000000001").line("12.34")
    return Sent({"other_line_id": str(into.pk)}, out)


def bank_line_matched(scene: Scene) -> Sent:
    """With what somebody typed on the bank's own account."""
    accounts = Account.objects.filter(administration=scene.world.own)
    bank, other = accounts.get(purpose="bank"), accounts.get(purpose="revenue_other")
    lines = [Line(bank, debit=Decimal(5)), Line(other, credit=Decimal(5))]
    line = bank_line(scene)
    posted = post_entry(
        administration=scene.world.own,
        journal=scene.own(Journal, code="GEN"),
        date=line.date,
        memo="By hand",
        lines=lines,
        by=scene.person,
    )
    booked = posted.lines.get(account=bank)
    return Sent({"matches": [{"journal_line_id": str(booked.pk), "amount": "5.00"}]}, line)


def bank_line_booked(scene: Scene) -> Sent:
    account = Account.objects.get(administration=scene.world.own, purpose="provider_fees")
    model = keep_model(scene.world.own, by=scene.world.people["a"], name="Booked", lines=[Booking(account)])
    return Sent({"model_id": str(model.pk)}, bank_line(scene))


MODEL = "model_kind model_trigger sequence match_journal_ids match_amount_type match_amount_min match_amount_max"
MODEL += " match_label_pattern match_party_id needs_party search_label search_reference search_note tolerance"
MODEL += " tolerance_account_id is_active model_line_amount_type account_id amount amount_pattern vat_code_id lines"


def reconciliation_writes(base: str) -> dict[str, Write]:
    one, item = "reconciliation.AccountReconciliation", "reconciliation.ReconcilingItem"
    explained = {"date": "2026-03-31", "description": "Cheque", "amount": "1.00"}
    return {
        f"POST {base}": Write("a", reconciliation_sent, f"{OWNER} reconciliation_type expected_balance notes"),
        f"PUT {base}<pk>/": Write("a", of(one, expected_balance="5.00"), "notes"),
        f"POST {base}<pk>/approve/": Write("o", reconciliation_ready),
        f"POST {base}<pk>/items/": Write("a", of(one, **explained)),
        f"POST {base}<pk>/items/propose/": Write("a", of(one), idle=True),  # no bank, no statement
        f"PUT {base}<pk>/items/<item_id>/": Write("a", of(item, **explained), "resolved_on"),
        f"DELETE {base}<pk>/items/<item_id>/": Write("a", of(item)),
        f"POST {base}<pk>/items/<item_id>/resolve/": Write("a", of(item, resolved_on="2026-03-31")),
        f"POST {base}<pk>/attachments/": Write("a", of(one, file=b"day;amount\n")),
        f"DELETE {base}<pk>/attachments/<attachment_id>/": Write("a", of("reconciliation.ReconciliationAttachment")),
    }


def proof_begun(scene: Scene) -> Sent:
    month = scene.own(Period, type="MONTH")
    return Sent({"period": month.pk, "key": KEY}, scene.own(Account, purpose="cash_drawer"))


def proof_ready(scene: Scene) -> Sent:
    return Sent({"key": KEY}, reconciliation_ready(scene).row)


def proof_pages(at: str = "admin/reconciliation/accountreconciliation/") -> dict[str, Write]:
    one, item = "reconciliation.AccountReconciliation", "reconciliation.ReconcilingItem"
    typed = {"date": "2026-03-31", "description": "Cheque", "amount": "1.00", "key": KEY}
    document = of("reconciliation.ReconciliationAttachment", key=KEY)
    return {
        f"POST {at}begin/<account_id>/": Write("a", proof_begun),
        f"POST {at}<pk>/expect/": Write("a", of(one, expected_balance="5.00", notes="Kept", key=KEY)),
        f"POST {at}<pk>/explain/": Write("a", of(one, **typed)),
        f"POST {at}<pk>/propose/": Write("a", of(one, key=KEY)),
        f"POST {at}<pk>/attach/": Write("a", of(one, file=b"day;amount\n", key=KEY)),
        f"POST {at}<pk>/approve/": Write("o", proof_ready, "seen"),
        f"POST {at}<pk>/items/<item_id>/": Write("a", of(item, **typed), "resolved_on"),
        f"POST {at}<pk>/items/<item_id>/remove/": Write("a", of(item, key=KEY)),
        f"POST {at}<pk>/attachments/<attachment_id>/remove/": Write("a", document),
    }


def month_at(status: str, **body: Any) -> Callable[[Scene], Sent]:
    """The first month, before anything that was posted, brought there by the owner."""

    def send(scene: Scene) -> Sent:
        month = Period.objects.filter(administration=scene.world.own, type="MONTH").earliest("first_day")
        return Sent(body, brought_to(month, status, by=scene.world.people["o"]))

    return send


def month_warned(scene: Scene) -> Sent:
    sent = month_at("REVIEW", key=KEY)(scene)
    return Sent({**sent.body, "issues": str(saw(sent.row, "LEAKS_OPEN", "YELLOW").pk)}, sent.row)


def period_writes(at: str = PERIODS, pages: str = "admin/ledger/period/<object_id>/closing/") -> dict[str, Write]:
    confirmed, why = {"confirm_irreversible": True}, {"reason": "An invoice came late."}
    return {
        f"POST {at}<period_id>/review/": Write("a", month_at("OPEN"), "notes"),
        f"POST {at}<period_id>/finalize/": Write("a", month_at("REVIEW"), "notes acknowledged_yellow_issues"),
        f"POST {at}<period_id>/lock/": Write("a", month_at("FINALIZED", **confirmed), "notes"),
        f"POST {at}<period_id>/reopen/": Write("a", month_at("FINALIZED", **why)),
        f"POST {pages}review/": Write("a", month_at("OPEN", key=KEY), "notes"),
        f"POST {pages}acknowledge/": Write("a", month_warned, "notes"),
        f"POST {pages}finalize/": Write("a", month_at("REVIEW", key=KEY), "notes"),
        f"POST {pages}lock/": Write("a", month_at("FINALIZED", word="LOCK", key=KEY), "notes"),
        f"POST {pages}reopen/": Write("a", month_at("FINALIZED", key=KEY, **why)),
    }


def bank_named(scene: Scene) -> dict[str, str]:
    return {"bank_account_id": str(scene.own(BankAccount).pk)}


def statement_file_sent(scene: Scene) -> Sent:
    return Sent({**bank_named(scene), "file": b"Date,Description,Amount\n2026-03-05,rent,-5.00\n"})


def statement_file_chosen(scene: Scene) -> Sent:
    file = b"Date,Description,Amount\n2026-03-05,rent,-5.00\n"
    return Sent({"bank_account": scene.own(BankAccount).pk, "file": file, "key": KEY})


def statement_typed(scene: Scene) -> Sent:
    return Sent({**bank_named(scene), "statement_name": "8", "statement_date": "2026-03-31", "balance_start": "1.00"})


def of_typed_statement(**body: Any) -> Callable[[Scene], Sent]:
    return lambda scene: Sent(body, scene.own(Statement, statement_import=None))


def of_typed_line(scene: Scene) -> Sent:
    return Sent({}, scene.own(StatementLine, statement__statement_import=None))


PAGES_OF_BANK = "admin/reconciliation/"
READING = "bank encoding delimiter skip_rows skip_footer has_headings date_format decimal_mark sign debit_words columns"
TYPED_LINE = "payment_ref reference counterparty_name counterparty_iban foreign_currency foreign_amount"
TYPED_MAPPING = {
    "name": "Typed",
    "decimal_mark": ",",
    "date_format": "%Y-%m-%d",
    "sign": "AS_WRITTEN",
    "skip_rows": 0,
    "skip_footer": 0,
    "has_headings": "on",
    "column_date": "Date",
    "column_amount": "Amount",
}


def vat_ready(scene: Scene) -> Period:
    """The first month of the books, which ``filled`` writes into an address; a return is filed of each month."""
    months = Period.objects.filter(administration=scene.world.own, type=Period.Type.MONTH).order_by("first_day")
    all_brought_to(months.filter(status=Period.Status.OPEN), Period.Status.REVIEW)
    register_vat(scene.world.own, since=date(2010, 1, 1), by=scene.world.people["a"], frequency="MONTH")
    return months[0]


def vat_filed(scene: Scene) -> Sent:
    vat_ready(scene)
    return Sent({"reference": "R-1", "note": "In time"}, scene.world.own)


def vat_corrected(scene: Scene) -> Sent:
    """A turnover that came into the books after the return of their first month was filed."""
    own, by = scene.world.own, scene.world.people["a"]
    month = vat_ready(scene)
    file_return(span_of(month), by=by)
    more = {"vat_code": VatCode.objects.get(administration=own, code="ZERO"), "vat_role": "BASE", "vat_period": month}
    bank = Account.objects.get(administration=own, purpose="bank")
    revenue = Account.objects.get(administration=own, purpose="revenue_other")
    lines = [Line(bank, debit=Decimal(10)), Line(revenue, credit=Decimal(10), **more)]
    journal = Journal.objects.get(administration=own, code="GEN")
    post_entry(administration=own, journal=journal, date=scene.clinic.today, memo="Late", lines=lines, by=by)
    return Sent({"reference": "R-1", "note": "Found"}, own)


def pro_rata_due(scene: Scene) -> Sent:
    """Half of the VAT on a cost was deducted, in a year of exempt care alone."""
    own, by = scene.world.own, scene.world.people["a"]
    vat_ready(scene)
    register_vat(own, since=date(2010, 1, 1), by=by, frequency="MONTH", pro_rata=Decimal(50))
    code = VatCode.objects.get(administration=own, code="INPUT_HIGH")
    VatCode.objects.filter(pk=code.pk).update(deductible=50)
    bank = Account.objects.get(administration=own, purpose="bank")
    more = {"vat_code": code, "vat_role": "DEDUCTIBLE", "vat_base": Decimal(100)}
    exempt = {"vat_code": VatCode.objects.get(administration=own, code="EXEMPT"), "vat_role": "BASE"}
    revenue = Account.objects.get(administration=own, purpose="revenue_other")
    lines = [
        Line(code.input_account, debit=Decimal("10.50"), **more),
        Line(revenue, credit=Decimal(100), **exempt),
        Line(bank, debit=Decimal("89.50")),
    ]
    journal = Journal.objects.get(administration=own, code="GEN")
    post_entry(administration=own, journal=journal, date=date(2026, 1, 1), memo="Half", lines=lines, by=by)
    return Sent({}, own)


REGISTERED = {"since": "2030-01-01", "scheme": "KOR", "frequency": "YEAR"}
REGISTRATION = "basis icp_frequency is_obliged pro_rata"
VAT_WRITES = {
    f"POST {OF_PERIOD}vat/validate/": Write("a", lambda scene: Sent({}, scene.world.own), idle=True),
    f"POST {OF_PERIOD}vat/file/": Write("a", vat_filed, "carry_corrections"),
    f"POST {OF_PERIOD}vat/correct/": Write("a", vat_corrected),
    f"POST {VAT}clients/<client_id>/vat/registrations/": Write(
        "a", lambda scene: Sent(REGISTERED, scene.world.own), REGISTRATION
    ),
    f"POST {VAT}clients/<client_id>/vat/pro-rata/<year>/": Write("a", pro_rata_due),
    f"POST {VAT_PAGES}file/<administration_id>/<day>/": Write("a", vat_filed, "carry key"),
    f"POST {VAT_PAGES}correct/<administration_id>/<day>/": Write("a", vat_corrected, "key"),
    "POST admin/periods/vatregistration/add/": Write(
        "a",
        lambda scene: Sent(
            {**REGISTERED, "basis": "INVOICE", "icp_frequency": "YEAR", "administration": scene.world.own.pk}
        ),
        "is_obliged pro_rata",
    ),
}

BANK_WRITES: dict[str, Write] = {
    f"POST {BANK}statements/import/": Write("a", statement_file_sent, f"{OWNER} journal_id format mapping"),
    f"POST {BANK}statements/preview/": Write("a", statement_file_sent, f"{OWNER} journal_id format mapping", idle=True),
    f"POST {BANK}statements/": Write("a", statement_typed, f"{OWNER} journal_id balance_end_real lines"),
    f"DELETE {BANK}statements/<pk>/": Write("a", of_typed_statement()),
    f"POST {BANK}statements/<pk>/confirm/": Write("a", of("reconciliation.Statement", because="As on paper.")),
    f"POST {BANK}statements/<pk>/lines/": Write(
        "a", of_typed_statement(line_date="2026-03-04", line_amount="1.00"), TYPED_LINE
    ),
    f"DELETE {BANK}lines/<pk>/": Write("a", of_typed_line),
    f"POST {BANK}imports/<pk>/withdraw/": Write("a", of("reconciliation.StatementImport", because="Wrong file.")),
    f"POST {BANK}bank-accounts/": Write(
        "a", just(name="Savings"), f"{OWNER} iban currency journal_id account_id statements_kept"
    ),
    f"PATCH {BANK}bank-accounts/<pk>/": Write(
        "a", of("reconciliation.BankAccount", name="Renamed"), "iban statements_kept matches_imports is_active"
    ),
    f"POST {BANK}mappings/": Write(
        "a", just(name="Sent", columns={"date": "Date", "amount": "Amount"}), f"{OWNER} {READING}"
    ),
    f"PATCH {BANK}mappings/<pk>/": Write("a", of("reconciliation.CsvMapping", name="Renamed"), READING),
    f"DELETE {BANK}mappings/<pk>/": Write("a", of("reconciliation.CsvMapping")),
    f"POST {PAGES_OF_BANK}statementimport/import/": Write("a", statement_file_chosen, "format mapping"),
    f"POST {PAGES_OF_BANK}statementimport/preview/": Write("a", statement_file_chosen, "format mapping", idle=True),
    f"POST {PAGES_OF_BANK}statementimport/<object_id>/withdraw/": Write(
        "a", of("reconciliation.StatementImport", because="Wrong file.", key=KEY)
    ),
    f"POST {PAGES_OF_BANK}statement/<object_id>/confirm/": Write(
        "a", of("reconciliation.Statement", because="As on paper.", key=KEY)
    ),
    f"POST {PAGES_OF_BANK}statement/<object_id>/remove/": Write("a", of_typed_statement(key=KEY)),
    f"POST {PAGES_OF_BANK}bankaccount/add/": Write(
        "a", just(name="Savings", statements_kept="AS_FILED"), "iban currency journal account"
    ),
    f"POST {PAGES_OF_BANK}bankaccount/<object_id>/change/": Write(
        "a",
        of("reconciliation.BankAccount", name="Renamed", statements_kept="BY_MONTH", is_active="on"),
        "iban matches_imports",
    ),
    f"POST {PAGES_OF_BANK}csvmapping/add/": Write(
        "a",
        lambda scene: Sent({**TYPED_MAPPING, "administration": scene.world.own.pk}),
        "bank encoding delimiter debit_words",
    ),
    f"POST {PAGES_OF_BANK}csvmapping/<object_id>/change/": Write(
        "a",
        lambda scene: Sent({**TYPED_MAPPING, "administration": scene.world.own.pk}, scene.own(CsvMapping)),
        "bank encoding delimiter debit_words",
    ),
    f"POST {PAGES_OF_BANK}csvmapping/<object_id>/delete/": Write("a", of("reconciliation.CsvMapping", post="yes")),
    f"POST {PAGES_OF_BANK}csvmapping/try/": Write("a", just(file=b"Date,Amount\n", column_date="Date"), idle=True),
}


def said_of_line(do: str, **typed: Any) -> Callable[[Scene], Sent]:
    """What the accountant says of the line that was booked in part."""

    def sends(scene: Scene) -> Sent:
        line = bank_line(scene)
        return Sent({"do": do, "line": str(line.pk), "key": KEY, **typed}, line.bank_account)

    return sends


def chosen_for_line(scene: Scene) -> Sent:
    body = bank_line_matched(scene).body["matches"][0]
    choice = f"entry_line:{body['journal_line_id']}:{body['amount']}"
    return said_of_line("match", choice=choice)(scene)


def split_of_line(scene: Scene) -> Sent:
    body = bank_line_matched(scene).body["matches"][0]
    key = f"entry_line:{body['journal_line_id']}"
    return said_of_line("split", **{"take": key, f"amount:{key}": body["amount"]})(scene)


def undone_of_line(scene: Scene) -> Sent:
    return said_of_line("undo", clearing=str(bank_line(scene).clearings.get().pk))(scene)


def unpacked_of_line(scene: Scene) -> Sent:
    """The best way is named, as the page does."""
    line = bank_line_unpacked(scene).row
    (way,) = payouts_for([line])[line.pk]
    return Sent({"do": "unpack", "line": str(line.pk), "way": way.key, "key": KEY}, line.bank_account)


SAID = "POST admin/reconciliation/bankaccount/reconcile/<object_id>/"
SAID_OF_LINES: dict[str, Write] = {
    f"{SAID} match": Write("a", chosen_for_line, "in_full model"),
    f"{SAID} split": Write("a", split_of_line, "fee account amount vat_code memo party"),
    f"{SAID} book": Write("a", said_of_line("book", account="4410", amount="10.00"), "model vat_code memo party"),
    f"{SAID} transfer": Write("a", said_of_line("transfer"), "other"),
    f"{SAID} unpack": Write("a", unpacked_of_line, "account"),
    f"{SAID} duplicate": Write("a", said_of_line("duplicate")),
    f"{SAID} check": Write("a", said_of_line("check", to_check="on")),
    f"{SAID} undo": Write("a", undone_of_line),
    f"{SAID} undo-last": Write("a", said_of_line("undo-last")),
    f"{SAID} auto": Write("a", said_of_line("auto")),
}


def typed_model(scene: Scene) -> Sent:
    model, account = scene.row(BANK_MODEL), Account.objects.get(administration=scene.world.own, purpose="provider_fees")
    booked = {"account": str(account.pk), "amount_type": "percentage", "amount": "100", "includes_vat": "on"}
    told = {"name": "Typed", "kind": "WRITE_OFF", "trigger": "manual", "sequence": "10", "tolerance": "0"}
    told |= {"is_active": "on", "search_label": "on", **rows("lines", booked)}
    return Sent(told, model)


TYPED_MODEL = (
    "bank_accounts amount_type amount_min amount_max label_pattern search_reference search_note party needs_party"
)
TYPED_MODEL += " tolerance_account lines-0-id lines-0-model lines-0-amount_pattern lines-0-vat_code lines-0-party"
TYPED_MODEL += " lines-0-memo"


WRITES: dict[str, Write] = {
    **BANK_WRITES,
    **VAT_WRITES,
    **SAID_OF_LINES,
    f"POST {BANK}auto-reconcile/": Write("a", just(), f"{OWNER} journal_id"),
    "POST admin/reconciliation/reconciliationmodel/add/": Write("a", typed_model, TYPED_MODEL),
    "POST admin/reconciliation/reconciliationmodel/<object_id>/change/": Write("a", typed_model, TYPED_MODEL),
    "POST admin/reconciliation/reconciliationmodel/<object_id>/delete/": Write("a", of(BANK_MODEL, post="yes")),
    f"POST {BANK}lines/<pk>/match/": Write("a", bank_line_matched, "mark_fully_paid difference_account_id model_id"),
    f"POST {BANK}lines/<pk>/write-off/": Write("a", bank_line_booked),
    f"POST {BANK}lines/<pk>/unpack/": Write("a", bank_line_unpacked, "key difference_account_id"),
    f"POST {BANK}lines/<pk>/transfer/": Write("a", bank_line_transferred),
    f"POST {BANK}lines/<pk>/undo/": Write("a", lambda scene: Sent({}, bank_line(scene)), "clearing_id"),
    f"POST {BANK}lines/<pk>/to-check/": Write("a", lambda scene: Sent({"to_check": True}, bank_line(scene))),
    f"POST {BANK}models/": Write("a", just(model_name="New"), f"{OWNER} {MODEL}"),
    f"PATCH {BANK}models/<pk>/": Write("a", of(BANK_MODEL, model_name="Renamed"), MODEL),
    f"DELETE {BANK}models/<pk>/": Write("a", of(BANK_MODEL)),
    **proof_pages(),
    **period_writes(),
    **reconciliation_writes("api/reconciliations/"),
    **reconciliation_writes("api/v1/reconciliations/"),
    f"POST {API}": Write("o", prepared, "administration_id close_active_visits"),
    f"PATCH {API}<pk>/": Write("o", of_draft(notes="Seen.")),
    f"POST {API}<pk>/refresh/": Write("o", of_stale_draft),
    f"POST {BILLING}drawers/": Write("o", just(code="D-NEW", name="Desk"), f"{OWNER} standard_float"),
    f"PATCH {BILLING}drawers/<pk>/": Write("o", of("billing.Drawer", name="Renamed"), "standard_float is_active"),
    f"POST {BILLING}shifts/": Write("o", shift_begun("drawer_id"), f"{OWNER} cashier_id opening_float"),
    f"POST {BILLING}shifts/<pk>/hand-over/": Write("o", handed_over(total="0.00"), "denominations"),
    f"POST {BILLING}cash-movements/": Write(
        "o", sent_of_open_shift(kind="DEPOSIT", amount="5.00"), "account_id reason reference"
    ),
    f"POST {BILLING}counts/": Write("o", sent_of_open_shift(total="0.00"), "denominations"),
    f"POST {BILLING}counts/<pk>/notes/": Write("o", of("billing.DrawerCount", text="Found it.")),
    f"POST {BILLING}terminal-batches/": Write("o", terminal_sent, f"{OWNER} batch payments_count"),
    "POST admin/billing/drawer/add/": Write("o", just(code="D-NEW", name="Desk", standard_float="50.00")),
    "POST admin/billing/drawer/<object_id>/change/": Write("o", drawer_changed, "is_active"),
    "POST admin/billing/shift/add/": Write("o", typed_shift, "administration opening_float"),
    f"POST {SHIFT}count/": Write("o", of_open_shift(total="0", key=KEY)),
    f"POST {SHIFT}hand-over/": Write("o", handed_over(total="0", key=KEY)),
    f"POST {SHIFT}cash/": Write("o", of_open_shift(kind="DEPOSIT", amount="5.00", key=KEY), "account reason reference"),
    f"POST {SHIFT}note/": Write("o", of("billing.Shift", text="Found it.", key=KEY)),
    "POST admin/billing/terminalbatch/add/": Write("o", typed_terminal, "administration batch payments_count"),
    f"POST {API}<pk>/review/": Write("o", of_draft(notes="Looked at.")),
    f"POST {API}<pk>/finalize/": Write("o", of_draft(notes="Signed.")),
    f"POST {API}<pk>/cancel/": Write("o", of_draft(reason="Too early.")),
    f"POST {BILLING}services/": Write("o", service_sent, f"{OWNER} is_active prices"),
    f"PATCH {BILLING}services/<pk>/": Write("o", unpriced_service, "group_id vat_code_id is_active"),
    f"POST {BILLING}service-groups/": Write("o", group_sent, OWNER),
    f"PATCH {BILLING}service-groups/<pk>/": Write("o", of("billing.ServiceGroup", name="Renamed"), "account_id"),
    f"POST {BILLING}prices/": Write("o", price_sent, f"{OWNER} includes_vat"),
    f"PATCH {BILLING}prices/<pk>/": Write(
        "o", of("billing.ServicePrice", valid_until="2030-12-31"), "price includes_vat valid_from"
    ),
    f"POST {BILLING}patients/": Write("o", just(code="P-NEW", name="New Patient"), f"{OWNER} birth_date email"),
    f"POST {BILLING}patients/<pk>/erase/": Write("o", erased_patient),
    f"POST {BILLING}visits/": Write("o", visit_sent, f"{OWNER} reason is_inpatient payer_id tenders"),
    f"POST {BILLING}visits/<pk>/close/": Write("o", active_visit),
    f"POST {BILLING}visits/<pk>/cancel/": Write("o", visit_taken_back),
    f"POST {BILLING}orders/": Write("o", order_sent, f"{OWNER} service_id quantity is_emergency payer_id ordered_on"),
    f"POST {BILLING}orders/<pk>/complete/": Write("o", of("billing.Order"), "quantity completed_on"),
    f"POST {BILLING}orders/<pk>/cancel/": Write("o", of("billing.Order", reason="Not needed.")),
    f"POST {BILLING}orders/<pk>/cover/": Write("o", of("billing.Order", reason="BUNDLE")),
    f"POST {BILLING}bills/": Write("o", bill_sent, f"{OWNER} visit_id payer_id"),
    f"POST {BILLING}bills/<pk>/credit/": Write("o", lambda scene: Sent({"reason": "Wrong patient"}, scene.unpaid)),
    f"POST {BILLING}discounts/<pk>/approve/": Write("o", of("billing.Discount")),
    f"POST {BILLING}payments/": Write(
        "o", payment_sent, f"{OWNER} payer_id reference authorisation advance_id allow_excess"
    ),
    f"POST {BILLING}payments/<pk>/refund/": Write(
        "o",
        lambda scene: Sent({"amount": "5.00", "reason": "Too much"}, scene.own(Payment, kind="PAYMENT")),
        "reference",
    ),
    f"POST {BILLING}payments/<pk>/chargeback/": Write("o", given_back_by_card, "reference"),
    f"POST {API}<pk>/reopen/": Write("o", of_signed),
    f"POST {UPLOADS}": Write("o", just(file=b"date;amount\n", purpose="statement"), "administration_id"),
    f"POST {AUTH}register/": Write(
        "",
        just(email="new@x.example", password=NEW_PASSWORD, full_name="New Person", role="zzp"),
        "practice_name country",
    ),
    f"POST {AUTH}resend-verification/": Write("", just(email="known@clinic.example")),
    f"GET {AUTH}verify-email/": Write("", api_verification, "format"),  # which the framework takes
    f"POST {AUTH}forgot-password/": Write("", just(email="known@clinic.example")),
    f"POST {AUTH}reset-password/": Write("", api_new_password),
    f"POST {AUTH}token/": Write("", tokens),
    "POST admin/mapping/": Write("o", tried_mapping, idle=True),
    "POST admin/mapping/ import": Write("o", imported),
    f"POST {AUTH}token/refresh/": Write("", refreshed, idle=True),
    "POST account/register/": Write(
        "",
        just(email="new@x.example", password=NEW_PASSWORD, full_name="New Person", role="zzp", country="NO"),
        "practice_name",
    ),
    "POST account/verify-email/": Write("", with_token(PURPOSE.VERIFY_EMAIL)),
    "POST account/resend-verification/": Write("", just(email="known@clinic.example")),
    "POST account/forgot-password/": Write("", just(email="known@clinic.example")),
    "POST account/reset-password/": Write("", with_token(PURPOSE.RESET_PASSWORD, password=NEW_PASSWORD)),
    "POST account/change-password/": Write("o", just(current=PASSWORD, password=NEW_PASSWORD)),
    "POST account/second-factor/": Write("", second_step),
    "POST account/second-factor/set-up/": Write("o", app_set_up),
    "POST account/recovery-codes/": Write("o", new_codes),
    "POST account/invitation/": Write("", invited),
    "POST i18n/setlang/": Write("o", just(language="nb")),
    "POST admin/login/": Write("", lambda scene: Sent({"username": known().email, "password": PASSWORD})),
    "POST admin/password_change/": Write("o", just(current=PASSWORD, password=NEW_PASSWORD)),
    "POST admin/core/administration/add/": Write(
        "s", just(**SETTINGS, currency="EUR", email="owner@x.example", full_name="First Owner"), MORE_SETTINGS
    ),
    "POST admin/core/administration/<object_id>/change/": Write(
        "o", of("core.Administration", **SETTINGS), MORE_SETTINGS
    ),
    "POST admin/core/user/<object_id>/change/": Write(
        "s", of("core.User", full_name="Renamed", role="staff", is_active="on", is_email_verified="on"), "is_superuser"
    ),
    "POST admin/core/user/<object_id>/personal-data/": Write("s", of("core.User", reason="NOT_NEEDED")),
    "POST admin/core/user/<object_id>/personal-data/ download": Write("s", of("core.User", download="")),
    "POST admin/personal-data/": Write("o", just()),
    "POST admin/core/user/ lift_lockout": Write("s", locked_out),
    "POST admin/core/user/ remove_second_factor": Write("s", with_app),
    "POST admin/core/membership/<object_id>/change/": Write("o", of("core.Membership", role="accountant")),
    "POST admin/core/membership/<object_id>/delete/": Write("o", of("core.Membership", post="yes")),
    "POST admin/core/invitation/add/": Write(
        "o", just(email="asked@x.example", full_name="Asked Person", role="cashier", language="nl")
    ),
    "POST admin/core/invitation/ send_again": Write("o", action("send_again", "core.Invitation")),
    "POST admin/core/invitation/ withdraw": Write("o", action("withdraw", "core.Invitation")),
    "POST admin/core/upload/ delete_of_import": Write("o", ticked_upload),
    "POST admin/core/delivery/ retry": Write("s", given_up),
    f"POST {LEDGER}entries/": Write("a", entry_sent, f"{OWNER} journal_id reference source_type source_id"),
    f"POST {LEDGER}entries/<pk>/reverse/": Write("a", entry_reversed, "reversal_date"),
    f"POST {LEDGER}entries/<pk>/post/": Write("a", entry_drafted),
    f"POST {LEDGER}vendor-invoices/": Write("a", invoice_sent("SUPPLIER", reference="F-NEW"), f"{OWNER} {INVOICE}"),
    f"POST {LEDGER}customer-invoices/": Write("a", invoice_sent("CUSTOMER"), f"{OWNER} {INVOICE}"),
    f"POST {LEDGER}allocations/": Write("a", allocation_sent, f"{OWNER} amount fully"),
    f"POST {LEDGER}sync-backfill/": Write("a", backfilled, OWNER),
    f"POST {LEDGER}sync-backfill/<pk>/reverse/": Write("a", backfill_reversed),
    f"POST {LEDGER}parties/": Write("a", just(kind="SUPPLIER", code="S-NEW"), f"{OWNER} {PARTY}"),
    f"PATCH {LEDGER}parties/<pk>/": Write("a", of("ledger.Party", name="Renamed"), PARTY),
    f"POST {LEDGER}exchange-rates/": Write(
        "a", just(currency="CHF", date="2026-03-03", rate="1.05"), f"{OWNER} source"
    ),
    "POST admin/ledger/account/add/": Write(
        "a", just(code="7777", name="New", type="EXPENSE", place="OPERATING_EXPENSES"), "control standard_code"
    ),
    "POST admin/ledger/account/<object_id>/change/": Write("a", account_renamed, "standard_code"),
    "POST admin/ledger/journalentry/add/": Write("a", lambda scene: Sent(entry_typed(scene)), TYPED_ENTRY),
    "POST admin/ledger/journalentry/<object_id>/change/": Write("a", of_entry_draft("change"), TYPED_ENTRY),
    "POST admin/ledger/journalentry/<object_id>/post/": Write("a", of_entry_draft("post")),
    "POST admin/ledger/journalentry/<object_id>/delete/": Write("a", of_entry_draft("delete")),
    "POST admin/ledger/journalentry/<object_id>/reverse/": Write("a", reversed_entry),
    "POST admin/ledger/journalentry/ post_selected": Write("a", posted_together),
    "POST admin/ledger/invoice/add/": Write("a", new_invoice, TYPED_INVOICE),
    "POST admin/ledger/party/add/": Write(
        "a", just(kind="SUPPLIER", code="S-NEW", name="New", payment_days="14"), TYPED_PARTY
    ),
    "POST admin/ledger/party/<object_id>/change/": Write("a", changed_party, TYPED_PARTY),
    "POST admin/ledger/journal/add/": Write("a", just(code="NEW", name="New", type="GENERAL")),
    "POST admin/ledger/journal/<object_id>/change/": Write("a", of("ledger.Journal", name="Renamed")),
    "POST admin/ledger/batch/import/": Write("a", sent_books, "day"),
    f"POST {EXPORTS}": Write("a", export_sent, f"{OWNER} fiscal_year known_at"),
    f"POST {REPORTS}periods/<period_id>/evidence-pack/": Write("a", of("ledger.Period")),
    "POST admin/periods/booksexport/export/": Write("a", export_asked),
    "POST admin/periods/evidencepack/make/": Write("a", pack_asked),
    "POST admin/ledger/batch/import/<object_id>/": Write("a", of("core.Upload")),
    "POST admin/ledger/fixedasset/add/": Write("a", new_asset),
    "POST admin/ledger/fixedasset/<object_id>/change/": Write("a", changed_asset),
    "POST admin/ledger/fixedasset/depreciate/": Write("a", lambda scene: Sent({"month": due_asset(scene), "key": KEY})),
    "POST admin/ledger/fixedasset/<object_id>/dispose/": Write("a", disposed_asset, "proceeds proceeds_account key"),
    "POST admin/ledger/exchangerate/add/": Write(
        "a", just(currency="GBP", date="2026-03-31", rate="1.1", source="ECB")
    ),
    "POST admin/ledger/exchangerate/<object_id>/change/": Write("a", of("ledger.ExchangeRate", **RATE, currency="USD")),
    "POST admin/ledger/exchangerate/revalue/": Write("a", revalued),
    "POST admin/ledger/period/open/": Write("a", just(first_day="2031-01-01", months="12", key=KEY)),
    "POST admin/ledger/period/opening-balance/": Write("a", opening, ROWS),
    "POST admin/ledger/period/spread/": Write("a", spread_out),
    "POST admin/ledger/period/<object_id>/appropriate/": Write("a", appropriated),
    "POST admin/ledger/period/<object_id>/adjust/": Write("a", adjusted, ROWS),
    f"POST {ASSETS}": Write(
        "a", new_asset_sent, "administration_id residual_value declining_rate opening_depreciation"
    ),
    f"POST {ASSETS}<pk>/dispose/": Write("a", disposed_asset, "proceeds proceeds_account_id"),
    f"POST {ASSETS}depreciate/": Write("a", lambda scene: Sent({"month": due_asset(scene)}), "administration_id"),
    "POST admin/billing/patient/add/": Write("o", just(code="P-NEW", name="New Patient", birth_date="1980-03-12")),
    "POST admin/billing/patient/<object_id>/change/": Write("o", identity, "identity-0-birth_date identity-0-email"),
    "POST admin/billing/patient/<object_id>/personal-data/": Write("o", erased_patient),
    "POST admin/billing/patient/<object_id>/personal-data/ download": Write("o", of("billing.Patient", download="")),
    "POST admin/billing/payer/add/": Write("o", just(code="PAY", name="New payer", method="HMO")),
    "POST admin/billing/service/add/": Write(
        "o", new_service, "prices-0-valid_until prices-0-id prices-0-service"
    ),  # a form set's own keys: of another service they are refused
    "POST admin/billing/service/<object_id>/change/": Write(
        "o", changed_service, "prices-1-valid_until prices-1-id prices-1-service"
    ),
    "POST admin/billing/servicegroup/add/": Write("o", new_group),
    "POST admin/billing/servicegroup/<object_id>/change/": Write("o", changed_group),
    "POST admin/billing/visit/add/": Write("o", new_visit, NEW_VISIT),
    "POST admin/billing/visit/<object_id>/bill/": Write("o", more_charges, MORE_OF_A_LINE + " payer"),
    "POST admin/billing/visit/<object_id>/order/": Write("o", more_ordered, "kind payer is_emergency"),
    "POST admin/billing/visit/<object_id>/cancel/": Write(
        "o", lambda scene: Sent({"key": "k-1", "reason": "Left"}, active_visit(scene).row)
    ),
    "POST admin/billing/order/<object_id>/complete/": Write("o", of_order(quantity="1")),
    "POST admin/billing/order/<object_id>/cancel/": Write("o", of_order(reason="Not wanted")),
    "POST admin/billing/order/<object_id>/cover/": Write("o", of_order(reason="BUNDLE")),
    "POST admin/billing/discount/<object_id>/approve/": Write("o", of("billing.Discount", key="k-1")),
    "POST admin/billing/discount/ approve": Write("o", action("approve", "billing.Discount")),
    "POST admin/billing/visit/<object_id>/close/": Write("o", active_visit),
    "POST admin/billing/bill/<object_id>/pay/": Write(
        "o",
        lambda scene: Sent({"key": "k-1", **tendered()}, scene.unpaid),
        "keep_rest cash_given tenders-0-payer tenders-0-authorisation",
    ),
    "POST admin/billing/bill/<object_id>/advances/": Write("o", paid_in_advance),
    "POST admin/billing/bill/<object_id>/credit/": Write(
        "o", lambda scene: Sent({"key": "k-1", "reason": "Wrong patient"}, scene.unpaid)
    ),
    "POST admin/billing/leak/accrual/": Write("a", accrued, "administration"),
    "POST admin/billing/leak/<object_id>/dismiss/": Write("o", of_open_leak(key="k-1", reason="A study.")),
    "POST admin/issues/issue/validate/": Write("a", just(key="k-1"), "administration force"),
    "POST admin/issues/issue/<object_id>/acknowledge/": Write("a", of_yellow_issue(key="k-1", note="Looked at.")),
    f"POST {ISSUE}acknowledge/": Write("a", of_yellow_issue(note="Looked at.")),
    f"POST {REPORTS}journal/recalculate/": Write("a", of("core.Administration", force=True)),
    "POST api/v1/billing/leaks/<pk>/dismiss/": Write("o", of_open_leak(reason="A study.")),
    "POST admin/billing/bill/<object_id>/receipt/": Write("o", lambda scene: Sent({}, scene.unpaid)),
    "POST admin/billing/payment/<object_id>/refund/": Write("o", refunded, "reference"),
    "POST admin/billing/payment/<object_id>/chargeback/": Write("o", charged_back, "reference"),
    "POST admin/billing/endofdayreconciliation/ finalize_selected": Write(
        "o", lambda scene: ticked("finalize_selected", scene.draft)
    ),
    f"POST {PAYERS}": Write("o", just(code="HM", name="Hygeia"), f"{OWNER} method"),
    f"POST {TARIFFS}": Write("o", tariff_set, f"{OWNER} co_pay includes_vat"),
    f"POST {TARIFFS}<pk>/end/": Write("o", of("billing.Tariff", last_day="2030-12-31")),
    f"POST {COVERS}": Write("o", enrolled, f"{OWNER} member_number plan valid_until"),
    f"POST {COVERS}<pk>/end/": Write("o", of("billing.Cover", last_day="2030-12-31")),
    f"POST {CLAIMS}submit/": Write("o", claims_sent, f"{OWNER} date"),
    f"POST {CLAIMS}<pk>/submit/": Write("o", of_draft_claim, "date"),
    f"POST {CLAIMS}<pk>/reject/": Write("o", of_sent_claim, "date"),
    f"POST {CLAIMS}<pk>/resubmit/": Write("o", of_rejected_claim, "authorisation date"),
    f"POST {REMITTANCES}": Write("o", remitted, f"{OWNER} reference"),
    f"POST {REMITTANCES}<pk>/assign/": Write("o", assigned),
    f"POST {SETTLEMENTS}<pk>/take-back/": Write("o", of("billing.ClaimSettlement", reason="Other claim"), "amount"),
    f"POST {WRITE_OFFS}": Write("o", write_off_proposed, f"{OWNER} claim_id"),
    f"POST {WRITE_OFFS}<pk>/approve/": Write("o", of("billing.WriteOff")),
    f"POST {WRITE_OFFS}<pk>/reject/": Write("o", of("billing.WriteOff")),
    "POST admin/billing/payer/<object_id>/tariff/": Write("o", typed_tariff, "co_pay includes_vat"),
    "POST admin/billing/cover/add/": Write("o", typed_cover, "administration member_number plan valid_until"),
    "POST admin/billing/cover/<object_id>/end/": Write("o", of("billing.Cover", last_day="2030-12-31", key=KEY)),
    "POST admin/billing/cover/<object_id>/replace/": Write("o", replaced_cover, "member_number plan valid_until"),
    "POST admin/billing/claim/ submit_selected": Write("o", ticked_claims),
    "POST admin/billing/claim/<object_id>/submit/": Write("o", typed_step(draft_claim)),
    "POST admin/billing/claim/<object_id>/reject/": Write("o", typed_step(sent_claim, reason="Not covered.")),
    "POST admin/billing/claim/<object_id>/resubmit/": Write("o", typed_step(rejected_claim), "authorisation"),
    "POST admin/billing/claim/settlement/<pk>/take-back/": Write(
        "o", of("billing.ClaimSettlement", reason="Other claim", amount="1.00", key=KEY)
    ),
    "POST admin/billing/remittance/add/": Write("o", typed_remittance, "administration reference"),
    "POST admin/billing/remittance/<object_id>/assign/": Write("o", typed_assignment),
    "POST admin/billing/writeoff/add/": Write("o", typed_write_off, "administration"),
    "POST admin/billing/writeoff/<object_id>/approve/": Write("o", of("billing.WriteOff", key=KEY)),
    "POST admin/billing/writeoff/<object_id>/reject/": Write("o", of("billing.WriteOff", key=KEY)),
    "POST admin/billing/writeoff/ approve_selected": Write("o", action("approve_selected", "billing.WriteOff")),
    "POST admin/billing/writeoff/ reject_selected": Write("o", action("reject_selected", "billing.WriteOff")),
    f"POST {TOP_UPS}": Write("o", topped_up, f"{OWNER} reference date service_id"),
    f"POST {TOP_UPS}pay-out/": Write("o", paid_out, f"{OWNER} reference date advance_id"),
    "POST admin/billing/wallet/add/": Write("o", typed_top_up, "administration reference service"),
    "POST admin/billing/wallet/<object_id>/pay-out/": Write("o", typed_pay_out, "reference"),
    "POST admin/billing/wallet/<object_id>/link/": Write("o", typed_wallet_link),
    "POST admin/billing/bill/<object_id>/link/": Write("o", typed_link),
    f"POST {PAYSTACK}webhook/<administration_id>/": Write("", message),
    f"POST {PAYSTACK}payments/links/": Write("o", linked, f"{OWNER} amount patient_id service_id"),
    f"POST {PAYSTACK}payments/<pk>/verify/": Write("o", verified),
    f"POST {PAYSTACK}payments/<pk>/assign/": Write("o", payment_assigned, "bill_id service_id"),
    "POST admin/billing/paystacktransaction/<object_id>/assign/": Write("o", typed_assigned, "bill service"),
    "POST admin/billing/paystacktransaction/ ask_again": Write("o", action("ask_again", "billing.PaystackTransaction")),
    "POST admin/billing/endofdayreconciliation/<object_id>/reopen/": Write("o", reopened),
    "POST admin/billing/clinicday/ prepare_selected": Write("o", action("prepare_selected", "billing.ClinicDay")),
    f"POST {DAY} prepare": Write("o", pressed("prepare"), "text"),
    f"POST {DAY} visits": Write("o", pressed("visits"), "text"),
    f"POST {DAY} refresh": Write("o", pressed("refresh"), "text"),
    f"POST {DAY} send": Write("o", pressed("send"), "text"),
    f"POST {DAY} cancel": Write("o", pressed("cancel", reason="Too early.")),
    f"POST {DAY} review": Write("o", pressed("review", text="Looked at.")),
    f"POST {DAY} finalize": Write("o", pressed("finalize", text="Signed.")),
    f"POST {DAY} note": Write("o", pressed("note", text="Seen.")),
    **{f"POST {list_of(label)} export_list": Write(reader(label), action("export_list", label)) for label in MODELS},
    "POST admin/billing/leak/ export_list": Write(reader("billing.Leak"), leak_listed),
    "POST admin/ledger/openitem/ export_list": Write(reader("ledger.OpenItem"), open_item_listed),
}

SAFE = {"GET", "HEAD", "OPTIONS"}
PRESSED = {DAY: BUTTONS, SAID.removeprefix("POST "): (*ACTS, "auto", "undo-last")}  # pages that write by many buttons


def writes_of(route: str) -> Iterator[str]:
    """What the URL configuration, the tables of the matrix and the pages themselves say can be written there."""
    callback = ALL[route].callback
    methods = set(getattr(callback, "actions", None) or ())
    if not methods and route.startswith("api/v1/"):
        methods = set(callback.cls.http_method_names)
    if not route.startswith("api/"):
        methods = set(SCOPED[route].methods) if SCOPED.get(route) else set()
        methods |= {"POST"} if route in OPEN and OPEN[route][0] == "POST" else set()
        methods |= {"POST"} if route.startswith("account/") and route != "account/" else set()
        methods |= {"POST"} if route.endswith("/delete/") else set()
        methods -= {"POST"} if route in map(list_of, MODELS) else set()  # a list writes by its actions, see below
        methods -= {"POST"} if route in PRESSED else set()  # by its buttons
    yield from (f"{method.upper()} {route}" for method in methods if method.upper() not in SAFE)
    yield from (f"POST {route} {button}" for button in PRESSED.get(route, ()))


def actions_of(world: World) -> Iterator[str]:
    """Every action of every list, whoever may do it."""
    for label in MODELS:
        page = admin.site._registry[apps.get_model(label)]
        for person in world.people.values():
            request = RequestFactory().get("/")
            request.user = person
            for name in page.get_actions(request):
                yield f"POST {list_of(label)} {name}"


def test_every_address_that_writes_is_listed(world):
    there = {write for route in ALL for write in writes_of(route)} | set(actions_of(world))
    assert sorted(there - set(WRITES)) == []


def test_nothing_is_listed_that_is_not_there(world):
    actions = set(actions_of(world)) | {f"POST {route} {button}" for route in PRESSED for button in PRESSED[route]}
    actions |= {write for write in WRITES if write.endswith(" download")} | {"POST admin/mapping/ import"}
    gone = [write for write in WRITES if write.split()[1] not in ALL or (write.count(" ") > 1 and write not in actions)]
    assert gone == []


# What nobody asked for -----------------------------------------------------------------------------------------------

Foreign = Callable[[str], str]
BY_HAND: dict[str, list[Any]] = {
    "user": ["FOREIGN core.User"],
    "by": ["FOREIGN core.User"],
    "client_id": ["FOREIGN core.Administration"],
    "is_staff": [True, False],
    "memberships": [[{"administration_id": "FOREIGN core.Administration", "role": "owner"}]],
    "groups": [1],
    "user_permissions": [1],
    "pk": ["99999999-0000-7000-8000-000000000000"],
    "owner": ["FOREIGN core.User"],
    "invited_by": ["FOREIGN core.User"],
}


@cache
def hostile_fields() -> dict[str, dict[str, list[Any]]]:
    """Name of a field -> label of its model -> two values that nobody may choose."""
    fields: dict[str, dict[str, list[Any]]] = {name: {"": values} for name, values in BY_HAND.items()}
    for model in apps.get_models():
        for one in model._meta.concrete_fields:
            for name in {one.name, one.attname}:
                fields.setdefault(name, {})[model._meta.label] = hostile_values(one)
    return fields


def hostile_values(field: Any) -> list[Any]:
    if field.is_relation:
        return [f"FOREIGN {field.related_model._meta.label}"]
    if field.choices:
        states = [value for value, _word in field.flatchoices]
        return [states[-1], states[0]]
    kinds: list[tuple[Any, list[Any]]] = [
        (models.BooleanField, [True, False]),
        (models.UUIDField, ["99999999-0000-7000-8000-000000000000"]),
        (models.DecimalField, ["99999.99", "-0.01"]),
        (models.IntegerField, [9999, -1]),
        (models.DateTimeField, ["1999-12-31T23:59:59Z", "2099-12-31T23:59:59Z"]),
        (models.DateField, ["1999-12-31", "2099-12-31"]),
        (models.TimeField, ["03:03"]),
        (models.JSONField, [{"hostile": 1}]),
        (models.EmailField, ["hostile@evil.example"]),
    ]
    return next((values for kind, values in kinds if isinstance(field, kind)), ["Hostile", "HO"])


def everything(foreign: Foreign, taken: set[str], about: str, turn: int, prefixes: list[str]) -> dict[str, Any]:
    """A value for every name that is not ``taken``, under every prefix; the fields of ``about`` come first."""
    sent = {}
    for name, by_model in hostile_fields().items():
        values = by_model.get(about) or [value for values in by_model.values() for value in values]
        value = named(values[turn % len(values)], foreign)
        sent |= {prefix + name: value for prefix in prefixes if prefix + name not in taken}
    return sent


def named(value: Any, foreign: Foreign) -> Any:
    """A row of the foreign administration, where ``value`` asks for one."""
    if isinstance(value, list):
        return [{key: named(part, foreign) for key, part in row.items()} for row in value]
    if not isinstance(value, str) or not value.startswith("FOREIGN "):
        return value
    return foreign(value.removeprefix("FOREIGN "))


@pytest.fixture(scope="module")
def foreign(world) -> Foreign:
    """The id of a row of that model in the foreign administration, or else of one that is nowhere."""
    there = {model._meta.label: foreign_row(world, model._meta.label) for model in apps.get_models()}
    return lambda label: there[label] or foreign_row(world, label) or "99999999-0000-7000-8000-000000000000"


def foreign_row(world: World, label: str) -> str:
    model = apps.get_model(label)
    if label == "core.Administration":
        return str(world.foreign.pk)
    if model is User:
        return str(User.objects.filter(memberships__administration=world.foreign).earliest("pk").pk)
    rows = model._default_manager.all()
    if "administration" in {field.name for field in model._meta.fields}:
        rows = rows.filter(administration=world.foreign)
    row = rows.first()
    return str(row.pk) if row else ""


# What came of it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """Every row of every table but sessions, as text."""

    rows: Counter[str]

    @cached_property
    def words(self) -> set[str]:
        """The keys, moments and secrets that stand there."""
        return set(NEW.findall("\n".join(self.rows)))


def tables() -> Tables:
    with connection.cursor() as cursor:
        names = sorted(set(connection.introspection.table_names(cursor)) - {"django_session", "django_migrations"})
        each = (f"SELECT '{name} ' || to_jsonb(one)::text FROM {connection.ops.quote_name(name)} one" for name in names)
        cursor.execute(" UNION ALL ".join(each))
        return Tables(Counter(text for (text,) in cursor.fetchall()))


# What two runs of the same request never have in common: keys, moments, secrets, and what is made of them.
NEW = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)?"
    r"|pbkdf2_sha256\$[^\"]+|![A-Za-z0-9]{40}|\b[0-9a-f]{32,64}\b|\\\\x[0-9a-f]*|eyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|(?<=\"id\": )\d+|(?<=\"drift\": )-?\d+"  # keys that count; how late an app's code came
    r"|(?<=\"file_size\": )\d+|(?<=\"file_size_bytes\":)\d+"  # what new keys and moments are compressed to
)
HOSTILE = re.compile("99999999-|1999-12-31|2099-12-31")


def alike(text: str, before: set[str]) -> str:
    """``text`` without what is new by its nature; what stood there before, and what a hostile value says, stays."""

    def plain(found: re.Match[str]) -> str:
        word = found[0]
        if HOSTILE.match(word) or (word in before and not word.isdecimal()):
            return word
        if word.startswith("eyJ"):
            claims = jwt.decode(word, options={"verify_signature": False})
            return json.dumps({name: claims[name] for name in sorted(claims) if name not in ("exp", "iat", "jti")})
        return "NEW"

    return NEW.sub(plain, text)


@dataclass(frozen=True)
class Outcome:
    """The status, what was said, which rows went and which came."""

    status: int
    said: str
    went: list[str]
    came: list[str]


def sent_to(
    client: Client, method: str, path: str, body: dict[str, Any], before: Tables, signed: Any = None
) -> Outcome:
    """What comes of a request, after which everything is as before."""
    cookies = SimpleCookie(client.cookies)
    with transaction.atomic():
        answer = send(client, method, path, body, signed)
        after = tables()
        transaction.set_rollback(True)
    client.cookies = cookies
    went, came = before.rows - after.rows, after.rows - before.rows
    said = answer.content.decode() if path.startswith("/api/") else answer.headers.get("Location", "")
    lists = [sorted(alike(text, before.words) for text in lines.elements()) for lines in (went, came)]
    return Outcome(answer.status_code, alike(said, before.words), *lists)


def path_of(route: str, row: Any) -> str:
    if isinstance(row, tuple):
        administration, day = row
        return filled(route.replace("<date>", day.isoformat()), administration)
    return filled(route, getattr(row, "pk", ""))


def send(client: Client, method: str, path: str, body: dict[str, Any], signed: Any = None) -> Any:
    if method == "GET":
        return client.get(f"{path}?{urlencode(as_form(body), doseq=True)}")
    files = {name: SimpleUploadedFile(f"{name}.csv", value) for name, value in body.items() if isinstance(value, bytes)}
    if files:
        return client.post(path, as_form({**body, **files}))
    if path.startswith("/api/"):
        text = json.dumps(body, default=str)
        headers = {"x-paystack-signature": signed(text.encode())} if signed else None
        return client.generic(method, path, text, content_type="application/json", headers=headers)
    return client.post(path, as_form(body))


def as_form(body: dict[str, Any]) -> dict[str, Any]:
    """As a browser sends it: a box that is not ticked is not there."""
    texts = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in body.items()}
    texts["memberships"] = json.dumps(body.get("memberships", ""))
    return {name: "on" if value is True else value for name, value in texts.items() if value is not False}


@pytest.mark.usefixtures("no_limits")
@pytest.mark.parametrize("write", WRITES)
def test_what_nobody_asked_for_makes_no_difference(world, foreign, write, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None  # so many names, in every row of a form, that they would be refused
    method, route, *_chosen = write.split()
    entry, name = WRITES[write], SCOPED[route].names if SCOPED.get(route) else ""
    about = name or next((label for label in MODELS if label.lower().replace(".", "/") in route), "core.User")
    with transaction.atomic():
        client, person = Client(), User.objects.filter(pk=getattr(world.people.get(entry.letter), "pk", None)).first()
        if person:
            client.force_login(person)
        sent = entry.sends(Scene(world, client, person))
        path = path_of(route, sent.row) + (f"?{sent.query}" if sent.query else "")
        in_rows = sorted({match[0] for name in sent.body if (match := re.match(r"\w+-\d+-", name))})
        taken, before = {*sent.body, *entry.takes.split()}, tables()
        asked = sent_to(client, method, path, sent.body, before, sent.signed)
        hostile = [everything(foreign, taken, about, turn, ["", *in_rows]) | sent.body for turn in (0, 1)]
        others = [sent_to(client, method, path, body, before, sent.signed) for body in hostile]
        transaction.set_rollback(True)
    assert asked.status < 400, asked.said
    assert entry.idle or asked.went or asked.came, "it took no effect: mend its body"
    for other in others:
        assert other == asked


UNLISTED = [route for route in ALL if route not in {write.split()[1] for write in WRITES}]
WRITTEN = re.compile(r"^(INSERT|UPDATE|DELETE)(?!.*django_session)", re.IGNORECASE)


@pytest.mark.parametrize("route", UNLISTED)
def test_an_address_that_is_not_listed_writes_nothing_whatever_is_sent(world, foreign, route):
    name = SCOPED[route].names if SCOPED.get(route) else ""
    for letter in ("", "o", "s"):
        row = world.row(name, letter or "o", own=True) if name else None
        path = filled(route.replace("<app_label>", "core").replace("<content_type_id>", "1"), getattr(row, "pk", ""))
        everything_at_once = everything(foreign, set(), name, 0, [""])
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with transaction.atomic(), CaptureQueriesContext(connection) as asked:
                client = Client(raise_request_exception=False)
                client.cookies = SimpleCookie(world.clients[letter].cookies)
                answer = send(client, method, path, everything_at_once)
                transaction.set_rollback(True)
            assert answer.status_code < 500, answer.content[:2000]
            assert [query["sql"] for query in asked if WRITTEN.match(query["sql"])] == []
