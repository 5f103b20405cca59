"""Refusals of issues."""

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict


class IssueKept(Conflict):
    code = "ISSUE_KEPT"
    message = _("An issue is never deleted, and keeps what it is about and its age.")
    hint = _("Mend what it is about; the next validation resolves it.")
    constraint = "issue_kept"


class IssueFingerprint(Conflict):
    code = "ISSUE_KNOWN"
    message = _("This issue is known already.")
    constraint = "issue_fingerprint"


class RunAppendOnly(Conflict):
    code = "VALIDATION_RUN_KEPT"
    message = _("A validation run, and what it saw, never changes.")
    hint = _("Validate again.")
    constraint = ("validation_run_append_only", "sighting_append_only", "one_sighting_per_run")


class IssueResolved(Conflict):
    code = "ISSUE_RESOLVED"
    message = _("The last validation did not find this any more.")


class IssueMustBeMended(Conflict):
    code = "ISSUE_MUST_BE_MENDED"
    message = _("What is red is mended, not acknowledged.")
    hint = _("Do what the issue suggests; the next validation resolves it.")
