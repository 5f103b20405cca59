"""The laws of billing, broken by raw SQL as the application role and as the owner."""

from datetime import timedelta
from decimal import Decimal as D

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from apps.billing.models import (
    Bill,
    BillLine,
    ClinicDay,
    CloseNote,
    Discount,
    EndOfDayReconciliation,
    Order,
    Payment,
)
from apps.billing.services.charging import Charge, issue_bill, register_visit
from apps.billing.services.closing import add_note
from apps.billing.services.ordering import cancel_order, complete_order, place_order
from apps.billing.tests.clinic import make_clinic

IGNORE = "SET pgtrigger.ignore = '{append_only,no_truncate,day_open,kept,outstanding,numbered,complete,announced}'"


def law_broken_by(change):
    """The name of the law that refuses ``change``."""

    def at_commit():
        with transaction.atomic():
            change()
            connection.check_constraints()

    with pytest.raises(IntegrityError) as refused:
        at_commit()
    return refused.value.__cause__.diag.constraint_name


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(IGNORE)
        cursor.execute(statement, values)


def a_day_of(clinic):
    clinic.pay(clinic.bill("20.00"), "15.00")
    ordered(clinic)
    discounted(clinic)


def ordered(clinic):
    visit = register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=(), by=clinic.receptionist
    )
    return place_order(visit, kind="LAB", description="Blood count", by=clinic.receptionist)


def discounted(clinic, off="20.00"):
    charge = Charge(clinic.service("100.00"), discount=D(off), discount_reason="Student")
    bill = issue_bill(patient=clinic.patient(), charges=[charge], by=clinic.manager)
    return Discount.objects.get(line__bill=bill)


@pytest.fixture
def finalized(clinic):
    a_day_of(clinic)
    return clinic.finalized(by=clinic.owner)


TABLES = {
    "billing_bill": ("reason = 'x'", "bill_append_only"),
    "billing_billline": ("description = 'x'", "bill_append_only"),
    "billing_payment": ("amount = amount + 1", "payment_append_only"),
    "billing_order": ("kind = 'IMAGING'", "order_kept"),
    "billing_discount": ("amount = amount + 1", "discount_kept"),
    "billing_endofdayreconciliation": ("total_cash = 0, total_revenue = 0", "close_append_only"),
    "billing_closenote": ("text = 'x'", "close_note_append_only"),
    "billing_clinicday": ("is_finalized = false", "clinic_day_kept"),
    "ledger_journalentry": ("memo = 'x'", "entry_append_only"),
    "ledger_journalline": ("debit = debit + 1", "line_append_only"),
    "core_event": ("name = 'x'", "event_append_only"),
}


def test_raw_sql_changes_nothing_that_is_signed(finalized, clinic):
    add_note(finalized, text="kept", by=clinic.manager)
    for table, (change, law) in TABLES.items():
        for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}"):
            assert law_broken_by(lambda statement=statement: sql(statement)) == law, statement


def test_the_owner_changes_nothing_that_is_signed_either(committed, owner_connection):
    clinic = make_clinic()
    a_day_of(clinic)
    add_note(clinic.finalized(by=clinic.owner), text="kept", by=clinic.manager)
    owner_connection.execute(IGNORE)
    for table, (change, law) in TABLES.items():
        for statement, broken in (
            (f"UPDATE {table} SET {change}", law),
            (f"DELETE FROM {table}", law),
            (f"TRUNCATE {table} CASCADE", "no_truncate"),
        ):
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                owner_connection.execute(statement)
            assert refused.value.diag.constraint_name == broken, statement


def test_the_application_role_may_not_truncate(finalized):
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        sql("TRUNCATE billing_payment CASCADE")


def test_notes_can_still_be_added_to_a_finalized_report(finalized, clinic):
    add_note(finalized, text="one more", by=clinic.receptionist)
    assert CloseNote.objects.filter(close=finalized).count() == 1


def test_nothing_is_born_into_a_finalized_day(finalized, clinic):
    bill, payment = Bill.objects.earliest("number"), Payment.objects.get()
    payment.pk, payment.number = None, None
    bill.pk, bill.number = None, None
    assert law_broken_by(lambda: Payment.objects.bulk_create([payment])) == "clinic_day_open"
    assert law_broken_by(lambda: Bill.objects.bulk_create([bill])) == "clinic_day_open"


def test_a_bill_is_the_sum_of_the_lines_it_announced(clinic):
    bill = clinic.bill("20.00")
    line = bill.lines.get()
    line.pk, line.position = None, 2
    assert law_broken_by(lambda: BillLine.objects.bulk_create([line])) == "bill_equals_lines"
    bill.pk, bill.number = None, None
    assert law_broken_by(bill.save) == "bill_equals_lines"


def test_a_refund_gives_back_part_of_one_payment_and_no_more(clinic):
    payment = clinic.pay(clinic.bill("20.00"), "15.00")

    def refund(**changed):
        fields = {"amount": D(-5), "method": "CASH", "bill": payment.bill, **changed}
        Payment.objects.create(
            administration=clinic.administration,
            clinic_day=payment.clinic_day,
            kind="REFUND",
            refunds=payment,
            **fields,
        )

    assert law_broken_by(lambda: refund(amount=D(-16))) == "refund_within_payment"
    assert law_broken_by(lambda: refund(method="CARD")) == "refund_within_payment"
    assert law_broken_by(lambda: refund(bill=clinic.bill("1.00"))) == "refund_within_payment"
    refund(amount=D(-15))
    assert law_broken_by(lambda: refund(amount=D("-0.01"))) == "refund_within_payment"


@pytest.mark.parametrize(
    ("fields", "law"),
    [
        ({"amount": D(0)}, "payment_sign"),
        ({"amount": D(-5)}, "payment_sign"),
        ({"method": "HMO"}, "cover_names_its_payer"),
    ],
)
def test_a_payment_is_positive_and_cover_names_its_payer(clinic, fields, law):
    bill = clinic.bill("20.00")
    row = {"administration": clinic.administration, "clinic_day": bill.clinic_day, "bill": bill, "method": "CASH"}
    assert law_broken_by(lambda: Payment.objects.create(**{**row, "amount": D(5), **fields})) == law


def test_a_row_names_rows_of_its_own_administration_only(clinic):
    foreign = make_clinic("Elsewhere").bill("1.00")
    assert (
        law_broken_by(
            lambda: Payment.objects.create(
                administration=clinic.administration,
                clinic_day=clinic.bill("1.00").clinic_day,
                bill=foreign,
                method="CASH",
                amount=D(1),
            )
        )
        == "payment_bill_same_administration"
    )


def test_a_day_has_one_close_of_each_revision(clinic):
    close = clinic.close()
    again = EndOfDayReconciliation(administration=clinic.administration, clinic_day=close.clinic_day)
    assert law_broken_by(again.save) == "one_close_per_revision"


def test_documents_are_numbered_by_the_database_whatever_is_asked(clinic):
    first, second = clinic.bill("1.00"), clinic.bill("1.00")
    assert (first.number, second.number) == (1, 2)
    payment = clinic.pay(first, "1.00")
    forged = Payment(
        administration=clinic.administration,
        clinic_day=payment.clinic_day,
        bill=second,
        method="CASH",
        amount=D(1),
        number=99,
    )
    forged.save()
    forged.refresh_from_db()
    assert forged.number == 2


def test_a_clinic_day_keeps_its_date(clinic):
    day = clinic.bill("1.00").clinic_day
    assert law_broken_by(lambda: ClinicDay.objects.filter(pk=day.pk).update(date=day.date - timedelta(1))) == (
        "clinic_day_kept"
    )


def test_a_bulk_insert_is_numbered_without_gaps_for_each_administration(clinic):
    other = make_clinic("Elsewhere")

    def payments(of, count):
        bill = of.bill("9.00")
        row = {"administration": of.administration, "clinic_day": bill.clinic_day, "bill": bill, "method": "CASH"}
        return [Payment(**row, amount=D(1)) for _ in range(count)]

    mixed = [row for pair in zip(payments(clinic, 5), payments(other, 5), strict=True) for row in pair]
    Payment.objects.bulk_create(mixed)
    Payment.objects.bulk_create(payments(clinic, 2))

    for of, count in ((clinic, 7), (other, 5)):
        numbers = Payment.objects.filter(administration=of.administration).values_list("number", flat=True)
        assert sorted(numbers) == list(range(1, count + 1))


def test_a_number_cannot_be_smuggled_in_through_the_setting_of_the_transaction(clinic):
    bill = clinic.bill("9.00")

    def smuggle():
        sql("SELECT set_config('daybook.n' || md5(%s || 'payment'), '500', true)", str(clinic.administration.pk))
        Payment.objects.create(
            administration=clinic.administration, clinic_day=bill.clinic_day, bill=bill, method="CASH", amount=D(1)
        )

    assert law_broken_by(smuggle) == "numbers_without_gaps"


def test_the_application_role_makes_no_temporary_tables_to_hide_a_trigger_in(clinic):
    with pytest.raises(Exception, match="permission denied to create temporary tables"), transaction.atomic():
        sql("CREATE TEMPORARY TABLE stage (id int)")


# Orders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ("visit_id = gen_random_uuid()", "order_kept"),
        ("administration_id = gen_random_uuid()", "order_kept"),
        ("ordered_on = ordered_on - 1", "order_kept"),
        ("ordered_at = now() - interval '1 day'", "order_kept"),
        ("quantity = 0", "order_of_something"),
        ("completed_on = ordered_on", "order_completed_or_not"),
        ("completed_at = now(), completed_on = ordered_on", "order_completed_or_not"),
        ("completed_at = now(), completed_on = ordered_on, completed_quantity = -1", "order_completed_or_not"),
    ],
)
def test_raw_sql_moves_no_order_and_completes_none_by_half(clinic, change, law):
    ordered(clinic)
    assert law_broken_by(lambda: sql(f"UPDATE billing_order SET {change}")) == law


def test_an_order_that_was_given_is_not_cancelled_and_one_cancelled_not_given(clinic):
    complete_order(ordered(clinic), by=clinic.receptionist)
    assert law_broken_by(lambda: sql("UPDATE billing_order SET cancelled_at = now()")) == "order_completed_or_not"
    back = cancel_order(ordered(clinic), reason="x", by=clinic.receptionist)
    given = "completed_at = now(), completed_on = ordered_on, completed_quantity = 1"
    assert law_broken_by(lambda: sql(f"UPDATE billing_order SET {given} WHERE id = %s", back.pk)) == (
        "order_completed_or_not"
    )


def test_the_version_of_an_order_moves_with_its_facts_whatever_is_asked(clinic):
    order = ordered(clinic)
    sql("UPDATE billing_order SET version = 99")
    order.refresh_from_db()
    assert order.version == 2
    sql("UPDATE billing_order SET reason = 'said since'")
    order.refresh_from_db()
    assert order.version == 2


def test_an_order_names_rows_of_its_own_administration_only(clinic):
    ordered(clinic)
    service = make_clinic("Elsewhere").service("1.00")
    assert law_broken_by(lambda: Order.objects.update(service=service)) == "order_service_same_administration"


# Discounts -----------------------------------------------------------------------------------------------------------


def test_nobody_approves_their_own_discount_by_raw_sql(clinic):
    own = discounted(clinic)
    approve = "UPDATE billing_discount SET approved_at = now(), approved_by_id = %s"
    assert law_broken_by(lambda: sql(approve, own.given_by_id)) == "discount_second_person"
    sql(approve, clinic.owner.pk)
    assert law_broken_by(lambda: sql(approve, clinic.owner.pk)) == "discount_kept"
    assert law_broken_by(lambda: sql("UPDATE billing_discount SET approved_at = NULL")) == "discount_kept"


@pytest.mark.parametrize(
    "change",
    ["amount = 1", "percentage = 1", "reason = 'x'", "given_by_id = NULL", "given_at = now() - interval '1 day'"],
)
def test_who_approves_a_discount_changes_nothing_else_of_it(clinic, change):
    discounted(clinic)
    approve = f"UPDATE billing_discount SET approved_at = now(), {change}"
    assert law_broken_by(lambda: sql(approve)) == "discount_kept"


def test_a_line_has_one_discount_of_its_own_administration(clinic):
    first = discounted(clinic)

    def another(line, amount=D(1), of=clinic):
        Discount.objects.create(administration=of.administration, line=line, amount=amount, percentage=1, reason="x")

    assert law_broken_by(lambda: another(first.line)) == "billing_discount_line_id_key"
    line = clinic.bill("20.00").lines.get()
    assert law_broken_by(lambda: another(line, D(0))) == "discount_positive"
    assert law_broken_by(lambda: another(line, of=make_clinic("Elsewhere"))) == "discount_line_same_administration"
