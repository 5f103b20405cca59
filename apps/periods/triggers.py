"""The laws of periods that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, refuse

# What the newest transition says is what the period is. Deferred: the one is written before the other.
AS_TOLD = f"""
    PERFORM FROM ledger_period period
    WHERE period.id = <period> AND period.status IS DISTINCT FROM coalesce(
        (SELECT to_status FROM periods_transition WHERE period_id = period.id ORDER BY number DESC LIMIT 1), 'OPEN');
    IF FOUND THEN
        {refuse("period_status_told", "the status of a period is what its newest transition says")}
    END IF;
    RETURN NULL;
"""

period_status_told = Law(
    name="status_told",
    when=pgtrigger.After,
    operation=pgtrigger.Update,
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Condition("OLD.status IS DISTINCT FROM NEW.status"),
    func=AS_TOLD.replace("<period>", "NEW.id"),
)

transition_told = Law(
    name="told",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    func=AS_TOLD.replace("<period>", "NEW.period_id"),
)

transition_follows = Law(
    name="follows",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("last", "record")],
    func=f"""
    SELECT number, to_status INTO last FROM periods_transition
    WHERE period_id = NEW.period_id ORDER BY number DESC LIMIT 1;
    IF NEW.from_status <> coalesce(last.to_status, 'OPEN') OR NEW.snapshot_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM periods_snapshot WHERE id = NEW.snapshot_id AND period_id = NEW.period_id
    ) THEN
        {refuse("transition_follows", "a transition goes on from the one before it, with a snapshot of its period")}
    END IF;
    NEW.number := coalesce(last.number, 0) + 1;
    NEW.at := clock_timestamp();
    RETURN NEW;
    """,
)
