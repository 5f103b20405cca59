"""Refusals of periods and VAT."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Forbidden, Invalid


class CannotFinalize(Invalid):
    """``why`` says it in words; ``red_issues`` and ``yellow_issues`` are what the run found, ``items`` the names of
    the checklist that block."""

    code = "CANNOT_FINALIZE"
    event = "period.finalize_refused"
    message = _("Cannot finalize: {why}.")
    hint = _("The closing checklist says what is left, and where to mend it.")

    def words(self) -> dict[str, Any]:
        """Why is a sentence already."""
        return {**self.facts, "why": str(self.facts.get("why", "?")).removesuffix(".")}


class IssueNotOfPeriod(Invalid):
    """``ids`` are those that no open warning of the period has."""

    code = "ISSUE_NOT_OF_PERIOD"
    message = _("These are no warnings of {period}: {ids}.")
    hint = _("Read the period again: its warnings may have changed.")

    def words(self) -> dict[str, Any]:
        return {**self.facts, "ids": ", ".join(self.facts.get("ids", []))}


class PeriodNotFinalized(Conflict):
    """``status`` is the period's own."""

    code = "PERIOD_NOT_FINALIZED"
    message = _("{period} is not finalized.")
    hint = _("Only a finalized period is locked or reopened.")


class LockNotConfirmed(Invalid):
    code = "LOCK_NOT_CONFIRMED"
    message = _("Locking {period} cannot be undone: say that you know.")
    hint = _("Send confirm_irreversible as true.")


class ReturnFiled(Conflict):
    code = "RETURN_FILED"
    message = _("The VAT return of {period} is filed: {period} is not reopened.")
    hint = _("Correct it with an entry in an open period.")


class LargerPeriodFinalized(Conflict):
    code = "LARGER_PERIOD_FINALIZED"
    message = _("{period} lies inside {larger}, which is finalized.")
    hint = _("Reopen {larger} first.")


class PeriodStepMissing(Conflict):
    code = "PERIOD_STEP_MISSING"
    message = _("The status of a period is what its newest transition says, and none is skipped.")
    hint = _("Review, finalize, lock and reopen write both.")
    constraint = (
        "period_status_told",
        "transition_follows",
        "transition_step",
        "transition_number",
        "transition_snapshot",
    )


class SnapshotFrozen(Conflict):
    code = "SNAPSHOT_FROZEN"
    message = _("A snapshot and the history of a period never change.")
    constraint = ("snapshot_frozen", "transition_append_only", "snapshot_sha256")


class SnapshotMissing(Conflict):
    status = 404
    code = "SNAPSHOT_MISSING"
    message = _("{period} was not finalized yet: there is no snapshot.")


class ReopenedByFinalizer(Forbidden):
    code = "REOPENED_BY_FINALIZER"
    message = _("Whoever finalized {period} does not reopen it.")
    hint = _("Ask another accountant, or the owner.")


# VAT -----------------------------------------------------------------------------------------------------------------


class VatPeriodOpen(Conflict):
    code = "VAT_PERIOD_OPEN"
    message = _("{period} is open: its VAT is a draft.")
    hint = _("Begin its review first, or ask for the draft with allow_draft.")


class VatSpanWithoutReturn(Invalid):
    code = "VAT_SPAN_WITHOUT_RETURN"
    message = _("Year-end adjustments carry no VAT.")
    hint = _("Ask for a month, a quarter or the year.")


class VatSpanDiffers(Invalid):
    code = "VAT_SPAN_DIFFERS"
    message = _("{asked} is no VAT period here: returns are filed for {span}.")


class VatSpanNotOver(Conflict):
    code = "VAT_SPAN_NOT_OVER"
    message = _("{span} ends on {last_day}; a return is filed after that.")


class VatByPaymentNotKept(Conflict):
    code = "VAT_BY_PAYMENT_NOT_KEPT"
    message = _("VAT falls due by payment here, and Daybook reckons it by invoice.")
    hint = _("The figures are for looking at only: the return is made up elsewhere.")


class VatReturnNotReady(Conflict):
    """``anomalies`` is how many red ones there are."""

    code = "VAT_RETURN_NOT_READY"
    message = _("{span} has {anomalies} red VAT anomalies.")
    hint = _("Mend them first: each says how.")


class VatAlreadyFiled(Conflict):
    code = "VAT_ALREADY_FILED"
    message = _("The VAT return of {span} was filed already.")
    hint = _("What changed since is a correction.")
    constraint = ("vat_return_filed_once", "vat_returns_do_not_overlap")


class VatNotFiled(Conflict):
    code = "VAT_NOT_FILED"
    message = _("No VAT return of {span} was filed, so there is nothing to correct.")
    constraint = "vat_filing_follows"


class VatNothingToCorrect(Conflict):
    code = "VAT_NOTHING_TO_CORRECT"
    message = _("The books say what was filed for {span}.")


class VatFilingKept(Conflict):
    code = "VAT_FILING_KEPT"
    message = _("A filed VAT return never changes; file a correction.")
    constraint = (
        "vat_filing_append_only",
        "vat_filing_complete",
        "vat_filing_kind",
        "vat_filing_days",
        "one_row_per_filed_box",
    )


class VatRegistrationKept(Conflict):
    code = "VAT_REGISTRATION_KEPT"
    message = _("A VAT return was filed under what held on these days.")
    hint = _("Let the new registration begin after the last return that was filed.")
    constraint = "vat_registration_kept"


class VatRegistrationInvalid(Invalid):
    code = "VAT_REGISTRATION_INVALID"
    message = _("A VAT registration begins on the first day of a month, once, and its percentage is 0 to 100.")
    constraint = ("one_vat_registration_per_day", "vat_registration_from_a_month", "vat_registration_pro_rata")


class VatProRataDone(Conflict):
    code = "VAT_PRO_RATA_DONE"
    message = _("What was deducted of the mixed costs of {year} is what its turnover says.")
