"""The reasons in words, as a screen lists them."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.reconciliation.reports.candidates import evidence
from apps.reconciliation.reports.candidates.shapes import Reason

WORDS: dict[str, Any] = {
    evidence.STRUCTURED_REFERENCE: _("structured reference"),
    evidence.END_TO_END_ID: _("end-to-end id"),
    evidence.REFERENCE: _("number %(number)s"),
    evidence.REFERENCE_PART: _("part of a number: %(number)s"),
    evidence.IBAN: _("account number"),
    evidence.IBAN_SHARED: _("account number of several"),
    evidence.PARTY: _("the line's party"),
    evidence.PATTERN: _("a pattern of yours"),
    evidence.LEARNED: _("matched so %(times)s times"),
    evidence.LEARNED_ONCE: _("matched so before"),
    evidence.NAME: _("name"),
    evidence.NAME_LIKE: _("a like name"),
    evidence.AMOUNT: _("amount"),
    evidence.TOGETHER: _("%(items)s together are the amount"),
    evidence.OLDEST_FIRST: _("the oldest first"),
    evidence.TOLERANCE: _("within the tolerance: %(difference)s"),
    evidence.PARTIAL: _("a part; %(difference)s is left"),
    evidence.SURPLUS: _("%(difference)s more"),
    evidence.EXCHANGE: _("in %(currency)s"),
    evidence.DATE: _("date"),
    evidence.OTHER_PARTY: _("the payer is somebody else"),
    evidence.OTHER_DOCUMENT: _("the payer names %(number)s, which was settled before"),
    evidence.LATER: _("dated %(days)s days later"),
    evidence.IN_BILLING: _("enter the payer's remittance in billing first"),
}


def in_words(reason: Reason) -> str:
    """``reason`` as a reader is told it."""
    return str(WORDS[reason.code]) % reason.facts
