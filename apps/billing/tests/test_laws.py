"""The laws of billing, broken by raw SQL as the application role and as the owner."""

from datetime import timedelta
from decimal import Decimal as D

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from apps.billing.models import Bill, BillLine, ClinicDay, CloseNote, EndOfDayReconciliation, Payment
from apps.billing.services.closing import add_note
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


@pytest.fixture
def finalized(clinic):
    bill = clinic.bill("20.00")
    clinic.pay(bill, "15.00")
    return clinic.finalized()


TABLES = {
    "billing_bill": ("reason = 'x'", "bill_append_only"),
    "billing_billline": ("description = 'x'", "bill_append_only"),
    "billing_payment": ("amount = amount + 1", "payment_append_only"),
    "billing_endofdayreconciliation": ("total_cash = 0, total_revenue = 0", "close_append_only"),
    "billing_closenote": ("text = 'x'", "close_note_append_only"),
    "billing_clinicday": ("is_finalized = false", "clinic_day_kept"),
    "ledger_journalentry": ("memo = 'x'", "entry_append_only"),
    "ledger_journalline": ("debit = debit + 1", "line_append_only"),
    "core_event": ("name = 'x'", "event_append_only"),
}


@pytest.mark.parametrize(("table", "change", "law"), [(table, *rest) for table, rest in TABLES.items()])
def test_raw_sql_changes_nothing_that_is_signed(finalized, clinic, table, change, law):
    add_note(finalized, text="kept", by=clinic.manager)
    assert law_broken_by(lambda: sql(f"UPDATE {table} SET {change}")) == law
    assert law_broken_by(lambda: sql(f"DELETE FROM {table}")) == law


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_changes_nothing_that_is_signed_either(committed, owner_connection, table):
    clinic = make_clinic()
    clinic.pay(clinic.bill("20.00"), "15.00")
    add_note(clinic.finalized(), text="kept", by=clinic.manager)
    change, law = TABLES[table]
    for statement, broken in (
        (f"UPDATE {table} SET {change}", law),
        (f"DELETE FROM {table}", law),
        (f"TRUNCATE {table} CASCADE", "no_truncate"),
    ):
        owner_connection.execute(IGNORE)
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            owner_connection.execute(statement)
        assert refused.value.diag.constraint_name == broken


def test_the_application_role_may_not_truncate(finalized):
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        sql("TRUNCATE billing_payment CASCADE")


def test_notes_can_still_be_added_to_a_finalized_report(finalized, clinic):
    add_note(finalized, text="one more", by=clinic.receptionist)
    assert CloseNote.objects.filter(close=finalized).count() == 1


def test_nothing_is_born_into_a_finalized_day(finalized, clinic):
    bill, payment = Bill.objects.get(), Payment.objects.get()
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
