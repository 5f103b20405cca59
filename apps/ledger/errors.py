"""Refusals of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Invalid, refusal_for


@contextmanager
def named_refusals() -> Iterator[None]:
    """A law that the database found broken leaves as the refusal that claims it; any other error as it is."""
    try:
        yield
    except IntegrityError as error:
        raise refusal_for(error) or error from error


class JournalUnbalanced(Invalid):
    code = "JOURNAL_UNBALANCED"
    message = _("Debits are {debits} and credits {credits}; an entry balances.")
    constraint = ("entry_balanced", "line_one_sided")


class EntryLinesNotAnnounced(Invalid):
    code = "ENTRY_LINES_NOT_ANNOUNCED"
    message = _("A posted entry has exactly the lines it announced, two at least.")
    constraint = "entry_lines_announced"


class PeriodClosed(Conflict):
    """``status`` is the period's own, such as LOCKED."""

    code = "PERIOD_CLOSED"
    event = "period.posting_blocked"
    message = _("{period} is {status}; post to an open period.")
    hint = _("Ask the accountant to reopen the period, or use a date in an open one.")
    constraint = ("period_open", "entry_in_smallest_period")

    def words(self) -> dict[str, Any]:
        status = {"FINALIZED": _("finalized"), "LOCKED": _("locked")}
        return self.facts and {**self.facts, "status": status.get(self.facts["status"], self.facts["status"])}


class PeriodMissing(Conflict):
    code = "PERIOD_MISSING"
    message = _("There is no period that holds {date}.")
    hint = _("Ask the accountant to open the fiscal year.")


class PeriodLocked(Conflict):
    code = "PERIOD_LOCKED"
    message = _("A locked period never changes, and a period keeps its days.")
    constraint = ("period_locked", "period_kept", "period_born_open")


class PeriodsOverlap(Conflict):
    code = "PERIODS_OVERLAP"
    message = _("Periods of one type do not overlap, and a larger period consists of whole smaller ones.")
    constraint = ("periods_do_not_overlap", "periods_nest", "year_end_is_one_day")


class EntryPosted(Conflict):
    code = "ENTRY_POSTED"
    message = _("A posted entry never changes; reverse it and post the right one.")
    constraint = ("entry_append_only", "line_append_only")


class EntryNotPosted(Conflict):
    code = "ENTRY_NOT_POSTED"
    message = _("Only a posted entry is reversed; a draft is deleted.")


class ReversalDiffers(Invalid):
    code = "REVERSAL_DIFFERS"
    message = _("A reversal is the opposite of the posted entry it reverses.")
    constraint = "reversal_mirrors"


class YearEndWithVat(Invalid):
    code = "YEAR_END_WITH_VAT"
    message = _("Year-end adjustments carry no VAT.")
    constraint = "year_end_without_vat"


class EntryAlreadyReversed(Conflict):
    code = "ENTRY_ALREADY_REVERSED"
    message = _("This entry was reversed before.")
    constraint = "ledger_journalentry_reverses_id_key"


class EntryOfSourceExists(Conflict):
    code = "ENTRY_OF_SOURCE_EXISTS"
    message = _("The entry of this source is posted already.")
    constraint = "one_entry_per_source"


class ControlLineDiffersFromItems(Invalid):
    code = "CONTROL_LINE_DIFFERS_FROM_ITEMS"
    message = _("A line on a control account names a party and equals the open items that name it.")
    constraint = "control_line_equals_items"


class OpenItemKept(Conflict):
    code = "OPEN_ITEM_KEPT"
    message = _("Open items and allocations never change, and a line opens one item.")
    constraint = ("open_item_append_only", "allocation_append_only")


class AllocationBeyondOpen(Conflict):
    code = "ALLOCATION_BEYOND_OPEN"
    message = _("An allocation stays within what is open on both sides.")
    constraint = "allocation_within_open"


class AllocationOfTwoParties(Invalid):
    code = "ALLOCATION_OF_TWO_PARTIES"
    message = _("An allocation joins a debit and a credit of one party and one account.")
    constraint = "allocation_of_one_party"


class AccountKept(Conflict):
    code = "ACCOUNT_KEPT"
    message = _("An account with lines keeps its type and its control flag.")
    constraint = "account_kept"


class AccountMissing(Conflict):
    code = "ACCOUNT_MISSING"
    message = _("No account has the purpose {purpose}.")
    hint = _("Give an account that purpose in the chart of accounts.")


class UnknownChart(Invalid):
    code = "UNKNOWN_CHART"
    message = _("There is no chart of accounts named {chart}; there are: {known}.")
