"""The laws of issues that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

run_append_only = append_only("validation_run_append_only", "a validation run is written when it has ended")
sighting_append_only = append_only("sighting_append_only", "what a run saw never changes")

# What it is about and when it was first seen is its identity: ages and acknowledgements hang on it.
issue_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        {refuse("issue_kept", "an issue is resolved, never deleted")}
    END IF;
    IF (NEW.id, NEW.administration_id, NEW.code, NEW.subject_type, NEW.subject_id, NEW.part, NEW.first_seen_at)
       IS DISTINCT FROM
       (OLD.id, OLD.administration_id, OLD.code, OLD.subject_type, OLD.subject_id, OLD.part, OLD.first_seen_at)
       OR NEW.last_seen_at < OLD.last_seen_at THEN
        {refuse("issue_kept", "an issue keeps what it is about, and its age")}
    END IF;
    RETURN NEW;
    """,
)
