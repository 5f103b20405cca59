"""Seals of a day: its bills, payments, counts and report join the chain, and no change of them goes unseen."""

import hashlib
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing import checks
from apps.billing.models import BillLine, Drawer, DrawerCount, Payment, Shift, TerminalBatch, TopUp
from apps.billing.reports.sealed import KINDS, seal_of
from apps.billing.services.closing import add_note, close_day, finalize_day
from apps.billing.services.days import day_for
from apps.billing.services.privacy import erase_patient
from apps.billing.tests.clinic import make_clinic
from apps.core.privacy import Ground
from apps.ledger import checks as ledger_checks
from apps.ledger.models import SealedDocument
from apps.ledger.tests.laws import law_broken_by_sql

CHECKS = (*ledger_checks.ALL, *checks.ALL)
TAMPERING = {
    "UPDATE billing_payment SET method = 'TRANSFER' WHERE id = %(payment)s": "SEALED_DOCUMENT_CHANGED",
    "UPDATE billing_payment SET taken_by_id = NULL WHERE id = %(payment)s": "SEALED_DOCUMENT_CHANGED",
    "UPDATE billing_billline SET description = 'Nothing' WHERE bill_id = %(bill)s": "SEALED_DOCUMENT_CHANGED",
    "DELETE FROM billing_billline WHERE bill_id = %(bill)s": "SEALED_DOCUMENT_CHANGED",
    "UPDATE billing_drawercount SET total = 1, difference = 1 - expected WHERE id = %(count)s": (
        "SEALED_DOCUMENT_CHANGED"
    ),
    "DELETE FROM billing_drawercount WHERE id = %(count)s": "SEALED_DOCUMENT_MISSING",
    "UPDATE billing_endofdayreconciliation SET breakdown = '{}' WHERE id = %(close)s": "SEALED_DOCUMENT_CHANGED",
    "UPDATE billing_endofdayreconciliation SET finalized_by_id = prepared_by_id WHERE id = %(close)s": (
        "SEALED_DOCUMENT_CHANGED"
    ),
    "UPDATE billing_topup SET reason = 'A gift' WHERE id = %(top_up)s": "SEALED_DOCUMENT_CHANGED",
    "UPDATE ledger_sealeddocument SET hash = sha256('x') WHERE document_id = %(payment)s": "SEALED_DOCUMENT_CHANGED",
    "DELETE FROM ledger_sealeddocument WHERE document_id = %(payment)s": "SEAL_BROKEN",
    "UPDATE ledger_seal SET documents = documents + 1": "SEAL_BROKEN",
    "UPDATE ledger_sealeddocument SET salt = '' WHERE document_id = %(top_up)s": "SEALED_DOCUMENT_CHANGED",
}


def found(administration):
    return {finding.code for check in CHECKS for finding in check(administration, "2999-12-31")}


def finalized_day(clinic):
    """A day with something of every kind, signed; its seal, and its rows by name."""
    bill = clinic.bill("40.00", "25.00")
    payment = clinic.pay(bill, "65.00", "CARD")
    day, _late = day_for(clinic.administration, clinic.today)
    mine = {"administration": clinic.administration, "clinic_day": day}
    top_up = TopUp.objects.create(
        **mine,
        patient=clinic.patient(),
        method="CARD",
        amount=Decimal(10),
        reason="Asked for",
        taken_by=clinic.receptionist,
    )
    TopUp.objects.create(
        **mine, patient=clinic.patient(), method="CARD", amount=Decimal(-10), reason="", taken_by=clinic.receptionist
    )
    drawer = Drawer.objects.create(administration=clinic.administration, code="1", name="Desk")
    shift = Shift.objects.create(**mine, drawer=drawer, cashier=clinic.receptionist, opening_float=Decimal(50))
    count = DrawerCount.objects.create(
        **mine, shift=shift, total=Decimal(50), is_final=True, expected=Decimal(50), difference=Decimal(0)
    )
    Shift.objects.filter(pk=shift.pk).update(closed_at=datetime.now(UTC))
    TerminalBatch.objects.create(**mine, terminal="T1", total=Decimal(65))
    close = finalize_day(close_day(clinic.administration, clinic.today, by=clinic.cashier)[0], by=clinic.manager)
    rows = {"bill": bill, "payment": payment, "top_up": top_up, "count": count, "close": close}
    return seal_of(close), rows


def test_a_signed_day_seals_its_entry_and_everything_that_was_born_into_it(clinic):
    made, rows = finalized_day(clinic)
    kinds = [kind for (kind,) in made.sealed_documents.order_by("position").values_list("kind")]
    assert kinds == [
        "billing.bill",
        "billing.payment",
        *["billing.topup"] * 2,
        "billing.drawercount",
        "billing.terminalbatch",
        "billing.endofdayreconciliation",
    ]
    assert (made.entries, made.documents, made.rows) == (1, 7, 8)
    assert found(clinic.administration) == set()
    add_note(rows["close"], text="Looked at again.", by=clinic.manager)
    assert found(clinic.administration) == set()


def test_the_next_day_seals_only_what_is_new(clinic):
    clinic.pay(clinic.bill("30.00", day=clinic.yesterday), "30.00", day=clinic.yesterday, by=clinic.cashier)
    first = seal_of(clinic.finalized(clinic.yesterday))
    second, _rows = finalized_day(clinic)
    assert (first.documents, second.documents) == (3, 10)
    assert second.previous_head == first.head


def test_a_head_is_what_anybody_reckons_from_the_hashes(clinic):
    made, _rows = finalized_day(clinic)
    hashes = [*made.sealed_entries.order_by("position"), *made.sealed_documents.order_by("position")]
    assert hashlib.sha256(b"".join(bytes(one.hash) for one in hashes)).hexdigest() == made.head


def test_a_payment_is_hashed_as_the_document_says(clinic):
    made, rows = finalized_day(clinic)
    payment = Payment.objects.get(pk=rows["payment"].pk)
    sealed = made.sealed_documents.get(document_id=payment.pk)
    text_hash = hashlib.sha256(bytes(sealed.salt) + json.dumps([payment.reason]).encode()).hexdigest()
    facts = [
        str(payment.pk), str(payment.administration_id), str(payment.clinic_day_id), None, payment.number,
        str(payment.bill_id), "PAYMENT", "CARD", "65.0000", None, None, None, "", False, str(payment.taken_by_id),
        payment.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "", "",
    ]  # fmt: skip
    canonical = f'[{json.dumps(facts)}, "{text_hash}", []]'
    assert hashlib.sha256(canonical.encode()).digest() == bytes(sealed.hash)


@pytest.mark.parametrize("tampering", TAMPERING)
def test_whatever_was_sealed_and_is_not_the_same_is_found(owned, tampering):
    clinic = make_clinic()
    _made, rows = finalized_day(clinic)
    assert found(clinic.administration) == set()
    for table in {kind.model._meta.db_table for kind in KINDS} | {
        "billing_billline",
        "ledger_seal",
        "ledger_sealeddocument",
    }:
        owned.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owned.execute(tampering, {name: row.pk for name, row in rows.items()})
    assert TAMPERING[tampering] in found(clinic.administration)


def test_an_erased_patient_s_texts_take_their_salts_along_and_the_seal_holds(clinic):
    made, rows = finalized_day(clinic)
    before = {one.document_id: bytes(one.hash) for one in made.sealed_documents.all()}
    erase_patient(clinic.patient(), by=clinic.owner, reason=Ground.CONSENT)
    assert TopUp.objects.exclude(reason="").count() == 0
    sealed = {one.document_id: one for one in made.sealed_documents.all()}
    assert {bytes(sealed[rows[name].pk].salt) for name in ("bill", "payment", "top_up")} == {b""}
    assert bytes(sealed[rows["count"].pk].salt) != b""
    assert {key: bytes(one.hash) for key, one in sealed.items()} == before
    assert found(clinic.administration) == set()


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE ledger_sealeddocument SET hash = sha256('x')",
        "UPDATE ledger_sealeddocument SET salt = '', position = position + 100",
        "UPDATE ledger_sealeddocument SET salt = sha256('x')",
        "DELETE FROM ledger_sealeddocument",
    ],
)
def test_the_database_refuses_to_change_what_was_sealed(clinic, attempt):
    finalized_day(clinic)
    assert law_broken_by_sql(attempt) == "seal_append_only"
    assert SealedDocument.objects.count() == 7


def test_signing_a_day_of_many_payments_takes_as_many_queries_as_one_of_few(clinic):
    counted = []
    for day, payments in ((clinic.yesterday, 3), (clinic.today, 30)):
        for _ in range(payments):
            clinic.pay(clinic.bill("10.00", day=day), "10.00", "CARD", by=clinic.cashier, day=day)
        close = clinic.close(day)
        with CaptureQueriesContext(connection) as queries:
            finalize_day(close, by=clinic.manager)
        counted.append(len(queries))
    assert counted[1] <= counted[0] + 3  # the second day finds the first one there


LEFT_OUT = {"updated_at", "idempotency_key"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.label)
def test_every_column_is_covered_and_the_document_names_them_in_their_order(kind):
    covered = {*kind.columns.split(), *kind.texts.split(), *kind.later.split()}
    assert {field.column for field in kind.model._meta.concrete_fields} - covered <= LEFT_OUT
    words = re.sub(r"\s+", " ", (Path(settings.BASE_DIR) / "docs" / "seals.md").read_text())
    assert ", ".join(f"`{column}`" for column in kind.columns.split()) in words
    if kind.later:
        assert "Later: " + ", ".join(f"`{column}`" for column in kind.later.split()) + "." in words
    if kind.parts:
        of_parts = {*kind.parts.columns.split(), kind.parts.of}
        assert {field.column for field in BillLine._meta.concrete_fields} == of_parts
        assert ", ".join(f"`{column}`" for column in kind.parts.columns.split()) in words


def test_the_session_s_time_zone_does_not_show_in_the_bytes(clinic):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
    finalized_day(clinic)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert found(clinic.administration) == set()
