"""The laws of periods, attempted in SQL: as the application, and as the owner of the tables."""

import pytest
from django.apps import apps

from apps.core.errors import DomainError
from apps.ledger.tests.laws import law_broken_by_owner, law_broken_by_sql
from apps.periods.errors import PeriodStepMissing, SnapshotFrozen
from apps.periods.models import Snapshot, Transition
from apps.periods.tests.desk import open_desk

STEP = """
    INSERT INTO periods_transition (
        id, administration_id, period_id, number, action, from_status, to_status, by_id, at, notes, snapshot_id,
        along_with_id
    ) VALUES (gen_random_uuid(), %(administration)s, %(period)s, 0, '{action}', '{came}', '{goes}', %(by)s, now(),
              '{notes}', {snapshot}, {along})
"""


def step(period, action, came, goes, notes="", snapshot="NULL", along="NULL"):
    words = {"action": action, "came": came, "goes": goes, "notes": notes, "snapshot": snapshot, "along": along}
    return STEP.format(**words).replace("%(period)s", f"%({period})s")


MOVED = "; UPDATE ledger_period SET status = '{}' WHERE id = %({})s"

ATTEMPTS = {
    "review a period without a word": (
        "period_status_told",
        "UPDATE ledger_period SET status = 'REVIEW' WHERE id = %(open)s",
    ),
    "finalize it without a word": (
        "period_status_told",
        "UPDATE ledger_period SET status = 'FINALIZED' WHERE id = %(open)s",
    ),
    "reopen without a word": ("period_status_told", "UPDATE ledger_period SET status = 'OPEN' WHERE id = %(final)s"),
    "say what did not happen": ("period_status_told", step("open", "REVIEW_START", "OPEN", "REVIEW")),
    "open a locked period": ("period_locked", "UPDATE ledger_period SET status = 'OPEN' WHERE id = %(locked)s"),
    "reopen a locked period": ("period_locked", "UPDATE ledger_period SET status = 'REVIEW' WHERE id = %(locked)s"),
    "unlock a period": ("period_locked", "UPDATE ledger_period SET status = 'FINALIZED' WHERE id = %(locked)s"),
    "skip the review": ("transition_step", step("open", "REVIEW_START", "OPEN", "FINALIZED")),
    "go back without a reason": ("transition_step", step("final", "REOPEN", "FINALIZED", "REVIEW")),
    "go back to open": ("transition_step", step("final", "REOPEN", "FINALIZED", "OPEN", notes="x")),
    "go on from elsewhere": ("transition_follows", step("open", "LOCK", "FINALIZED", "LOCKED")),
    "lock what is in review": ("transition_follows", step("review", "LOCK", "FINALIZED", "LOCKED")),
    "finalize without a snapshot": ("transition_snapshot", step("review", "FINALIZE", "REVIEW", "FINALIZED")),
    "finalize with another's snapshot": (
        "transition_follows",
        step("review", "FINALIZE", "REVIEW", "FINALIZED", snapshot="%(snapshot)s"),
    ),
    "change the history": ("transition_append_only", "UPDATE periods_transition SET notes = 'x' WHERE id = %(step)s"),
    "delete the history": ("transition_append_only", "DELETE FROM periods_transition WHERE id = %(step)s"),
    "change a snapshot": ("snapshot_frozen", "UPDATE periods_snapshot SET known_at = now() WHERE id = %(snapshot)s"),
    "delete a snapshot": ("snapshot_frozen", "DELETE FROM periods_snapshot WHERE id = %(snapshot)s"),
    "forge a snapshot": (
        "snapshot_sha256",
        "INSERT INTO periods_snapshot (id, administration_id, period_id, type, known_at, content, sha256, seal_id,"
        " made_by_id) SELECT gen_random_uuid(), administration_id, period_id, type, known_at, 'x'::bytea, sha256,"
        " seal_id, made_by_id FROM periods_snapshot WHERE id = %(snapshot)s",
    ),
    "post into a finalized period": (
        "period_open",
        "UPDATE ledger_journalentry SET status = 'POSTED', line_count = 2 WHERE id = %(draft)s",
    ),
}
# A number is given, and never twice: who comes second waits for the row of the period.
UNREACHABLE = {"transition_number"}


def scene():
    from apps.ledger.tests.factories import draft

    desk = open_desk()
    drafted = draft(desk.books)
    desk.sold()
    desk.sold(day=desk.period("2026-02").first_day)
    desk.review("2026-01")
    snapshot = desk.finalized("2026-03")
    desk.finalized("2026-02")
    desk.lock("2026-02")
    return {
        "administration": desk.administration.pk,
        "by": desk.accountant.pk,
        "open": desk.period("2026-05").pk,
        "review": desk.period("2026-01").pk,
        "final": desk.period("2026-03").pk,
        "locked": desk.period("2026-02").pk,
        "snapshot": snapshot.pk,
        "step": snapshot.transitions.get().pk,
        "draft": drafted.pk,
    }


def laws_of_closing():
    laws = set()
    for model in (Snapshot, Transition, apps.get_model("periods", "ClosingPeriod")):
        if not model._meta.proxy:
            laws |= {one.name for one in model._meta.constraints}
        for trigger in model._meta.triggers:
            body = trigger.render_func(model)
            laws |= {part.split("'")[0] for part in body.split("CONSTRAINT = '")[1:]}
    return {law for law in laws if not law.endswith(("_owned", "_same_administration"))}


def test_every_law_of_closing_is_attempted_and_claimed():
    attempted = {law for law, _sql in ATTEMPTS.values()}
    assert laws_of_closing() - attempted - UNREACHABLE == {"no_truncate"}
    claimed = {DomainError.by_constraint[law] for law in laws_of_closing() - {"no_truncate"}}
    assert claimed == {PeriodStepMissing, SnapshotFrozen}


def test_the_application_breaks_no_law(db):
    facts = scene()
    refused = {attempt: law_broken_by_sql(sql, facts) for attempt, (_law, sql) in ATTEMPTS.items()}
    assert refused == {attempt: law for attempt, (law, _sql) in ATTEMPTS.items()}


def test_the_owner_of_the_tables_breaks_no_law(committed, owner_connection):
    facts = scene()
    refused = {attempt: law_broken_by_owner(owner_connection, sql, facts) for attempt, (_law, sql) in ATTEMPTS.items()}
    assert refused == {attempt: law for attempt, (law, _sql) in ATTEMPTS.items()}
    emptied = {table: f"TRUNCATE periods_{table} CASCADE" for table in ("snapshot", "transition")}
    assert {law_broken_by_owner(owner_connection, sql) for sql in emptied.values()} == {"no_truncate"}


def test_a_step_that_is_told_and_taken_stands(db):
    facts = scene()
    taken = step("open", "REVIEW_START", "OPEN", "REVIEW") + MOVED.format("REVIEW", "open")
    assert law_broken_by_sql(taken, facts) is None


def test_a_snapshot_of_other_books_is_named_by_no_transition(db):
    facts, other = scene(), open_desk()
    other.sold()
    foreign = {**facts, "snapshot": other.finalized().pk}
    sql = step("review", "FINALIZE", "REVIEW", "FINALIZED", snapshot="%(snapshot)s")
    assert law_broken_by_sql(sql, foreign) == "transition_follows"


@pytest.mark.parametrize("law", sorted({law for law, _sql in ATTEMPTS.values()}))
def test_every_law_is_told_in_words(law):
    assert str(DomainError.by_constraint[law].message)
