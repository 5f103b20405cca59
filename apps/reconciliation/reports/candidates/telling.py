"""The reasons in words, as a screen lists them."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, told_again
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
    evidence.PAYOUT: _("payout %(payout)s"),
    evidence.BATCH: _("batch %(batch)s"),
    evidence.ACQUIRER: _("model %(model)s"),
    evidence.FEE_WITHIN: _("less a fee of %(fee)s"),
    evidence.OWN_NAME: _("our own name"),
    evidence.UNEXPLAINED: _("%(amount)s is not explained"),
    evidence.OTHER_NET: _("the provider paid out %(net)s"),
    evidence.NOT_TAKEN: _("%(amount)s by %(reference)s is not entered here"),
    evidence.CLEARED_BEFORE: _("%(amount)s of %(reference)s was cleared before"),
    evidence.NOT_IN_TRANSIT: _("%(document)s is not in transit: its day is not signed, or was cleared as a whole"),
    evidence.NOT_VERIFIED: _("the provider does not confirm all of its payments"),
    evidence.NOT_PAID_OUT: _("the provider has not paid it out yet"),
    evidence.FEES_UNSURE: _("its fees are not those of its payments"),
    evidence.OTHER_CURRENCY: _("paid out in %(currency)s"),
    evidence.TERMINAL_DIFFERS: _("the terminals printed another total than the books have"),
    evidence.SEVERAL: _("several of that amount"),
    evidence.TO_CHECK: _("the other line is to be checked"),
    evidence.IN_BILLING: _("enter the payer's remittance in billing first"),
}

BY_MODEL = "MODEL"  # kept where a model booked the line


def in_words(reason: Reason) -> str:
    """``reason`` as a reader is told it."""
    return str(WORDS[reason.code]) % reason.facts


def kept_in_words(kept: Mapping[str, Any]) -> str:
    """A reason, or a refusal, that was kept with a clearing or an outcome, as a reader is told it now."""
    code, facts = kept.get("code", ""), kept.get("facts", {})
    if code == BY_MODEL:
        return str(_("the model %(model)s")) % {"model": facts.get("model", "?")}
    if code in WORDS:
        return str(WORDS[code]) % facts
    return str(told_again({"code": code, **facts}).get("message", code)) if code in DomainError.by_code else str(code)


def plain(reason: Reason) -> dict[str, Any]:
    """``reason`` as it is kept: a code, points, and facts that JSON has."""
    facts = {name: fact if isinstance(fact, str | int | None) else str(fact) for name, fact in reason.facts.items()}
    return {"code": reason.code, "points": reason.points, "facts": facts}
