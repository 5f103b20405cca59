"""The laws of core hold for the application role and for the owner, by raw SQL and with triggers switched off."""

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from apps.core.errors import AppendOnly, ForeignRow, refusal_for
from apps.core.events import record
from apps.core.models import Administration, Event
from apps.core.tests.factories import AdministrationFactory, UserFactory
from apps.ledger.models import Account, VatCode


def law_broken_by(statement, *facts):
    """The law that refuses ``statement`` of the application role; None when it passes."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, facts)
    except IntegrityError as error:
        return error.__cause__.diag.constraint_name
    return None


def law_broken_by_owner(owner, statement, *facts):
    try:
        with owner.transaction(force_rollback=True):
            owner.execute(statement, facts)
    except psycopg.errors.IntegrityError as error:
        return error.diag.constraint_name
    return None


EVERY_TRIGGER = "{" + ",".join(
    f"{model._meta.db_table}:{trigger.get_pgid(model)}"
    for model in apps.get_models()
    for trigger in getattr(model._meta, "triggers", ())
) + "}"  # fmt: skip


@pytest.fixture
def event(db):
    return record("core.tried", AdministrationFactory(), by=UserFactory())


def test_the_application_cannot_change_an_event(event):
    assert law_broken_by("UPDATE core_event SET name = 'x' WHERE id = %s", event.pk) == "event_append_only"


def test_the_application_cannot_delete_an_event(event):
    assert law_broken_by("DELETE FROM core_event WHERE id = %s", event.pk) == "event_append_only"


def test_no_setting_switches_a_law_off(event):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [EVERY_TRIGGER])
    assert law_broken_by("DELETE FROM core_event WHERE id = %s", event.pk) == "event_append_only"


def test_the_application_may_not_empty_a_protected_table(event):
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_event CASCADE")


OWNERS_ATTEMPTS = {
    "UPDATE core_event SET name = 'x'": "event_append_only",
    "DELETE FROM core_event": "event_append_only",
    "TRUNCATE core_event CASCADE": "no_truncate",
    "TRUNCATE core_counter CASCADE": "no_truncate",
    "TRUNCATE ledger_journalentry CASCADE": "no_truncate",
    "TRUNCATE billing_payment CASCADE": "no_truncate",
}


@pytest.mark.parametrize("ignore", [False, True], ids=["", "with triggers switched off"])
def test_the_owner_cannot_break_a_law_either(committed, event, owner_connection, ignore):
    if ignore:
        owner_connection.execute("SELECT set_config('pgtrigger.ignore', %s, false)", [EVERY_TRIGGER])
    refused = {statement: law_broken_by_owner(owner_connection, statement) for statement in OWNERS_ATTEMPTS}
    assert refused == OWNERS_ATTEMPTS


def test_bulk_operations_meet_the_same_law(event):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        Event.objects.filter(pk=event.pk).update(name="x")
    assert isinstance(refusal_for(refused.value), AppendOnly)


COUNTER_BY_HAND = (
    "INSERT INTO core_counter (administration_id, series, last) VALUES (%s, 'bill', 41)",
    "UPDATE core_counter SET last = 41 WHERE administration_id = %s",
    "DELETE FROM core_counter WHERE administration_id = %s",
)


def test_a_counter_cannot_be_moved_by_hand(committed, owner_connection):
    clinic = AdministrationFactory()
    Counted.give_a_number(clinic)
    for statement in COUNTER_BY_HAND:
        assert law_broken_by(statement, clinic.pk) == "counter_counts_documents"
        assert law_broken_by_owner(owner_connection, statement, clinic.pk) == "counter_counts_documents"


class Counted:
    """Something that is numbered, so that the administration has a counter."""

    @staticmethod
    def give_a_number(clinic: Administration) -> None:
        from apps.billing.models import ClinicDay, EndOfDayReconciliation

        day = ClinicDay.objects.create(administration=clinic, date="2026-03-03")
        EndOfDayReconciliation.objects.create(administration=clinic, clinic_day=day)


def test_a_row_cannot_name_a_row_of_another_administration(db):
    ours, theirs = AdministrationFactory(), AdministrationFactory()
    account = Account.objects.create(
        administration=theirs,
        code="1500",
        name="VAT",
        type=Account.Type.LIABILITY,
        place=Account.Place.CURRENT_LIABILITIES,
    )
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        VatCode.objects.create(administration=ours, code="HIGH", name="High", rate=21, account=account)
    assert isinstance(refusal_for(refused.value), ForeignRow)


def test_a_row_cannot_be_moved_to_another_administration_by_raw_sql(db):
    ours, theirs = AdministrationFactory(), AdministrationFactory()
    account = Account.objects.create(
        administration=ours,
        code="1500",
        name="VAT",
        type=Account.Type.LIABILITY,
        place=Account.Place.CURRENT_LIABILITIES,
    )
    VatCode.objects.create(administration=ours, code="HIGH", name="High", rate=21, account=account)
    statement = "UPDATE ledger_vatcode SET administration_id = %s"
    assert law_broken_by(statement, theirs.pk) == "vat_code_account_same_administration"


def _kept_by(model):
    """The fields whose rows the laws of ``model`` hold to its administration; those ``along`` a key go with it."""
    laws = model._meta.constraints
    return {getattr(law, "field", None) for law in laws} | {name for law in laws for name in getattr(law, "along", ())}


def test_every_key_between_rows_of_administrations_carries_the_administration(db):
    """Whoever adds a foreign key between two owned tables adds ``same_administration`` too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conname LIKE '%%same_administration'")
        kept = {name for (name,) in cursor.fetchall()}
    declared = {
        constraint.name
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if constraint.name.endswith("same_administration")
    }
    assert kept == declared
    missing = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        if _owned(model)
        for field in model._meta.concrete_fields
        if field.related_model and _owned(field.related_model) 
        and field.name not in _kept_by(model)
    }  # fmt: skip
    assert missing == {"Outstanding.bill", "Outstanding.clinic_day", "Outstanding.visit"}  # derived by a trigger


def _owned(model) -> bool:
    return any(field.name == "administration" for field in model._meta.concrete_fields) and model is not Event


def test_the_application_owns_no_table(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)
