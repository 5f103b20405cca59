"""Whether the best candidate is alone, and what may be applied without a person. Pure: reasons in, decision out."""

from collections.abc import Sequence
from typing import Protocol

from apps.reconciliation.reports.candidates.evidence import (
    AMOUNT,
    CHECKED,
    CLEARLY,
    DOCUMENT,
    PARTIAL,
    REFERENCE,
    SURPLUS,
    TOGETHER,
    WHO,
)
from apps.reconciliation.reports.candidates.shapes import Candidate, Candidates, Reason

IDENTIFYING = DOCUMENT | WHO


def is_identified(reasons: Sequence[Reason]) -> bool:
    """Whether they say which document it is, or whose."""
    return not IDENTIFYING.isdisjoint([one.code for one in reasons])


class Scored(Protocol):
    """What is known of a candidate when it is ranked; ``is_known`` unless nothing but its amount speaks for it."""

    points: int
    reasons: Sequence[Reason]
    is_known: bool


def best_is_alone(ranked: Sequence[Scored]) -> bool:
    """Whether the first of ``ranked`` outdoes all others clearly; those are in the order of their points.

    It is not alone either when it is a part of something named while another that is identified is the whole amount:
    then the line contradicts itself.
    """
    if len(ranked) < 2:
        return True
    if ranked[0].points - ranked[1].points < CLEARLY:
        return False
    if any(one.code == AMOUNT for one in ranked[0].reasons):
        return True
    others = (other.reasons for other in ranked[1:] if other.is_known)
    return not any(is_identified(reasons) and any(one.code == AMOUNT for one in reasons) for reasons in others)


def applied_by_itself(found: Candidates) -> tuple[Candidate, ...]:
    """What Daybook may match without a person; nothing when in doubt. An amount alone never is enough.

    One candidate that is alone and the whole amount, when its document or its party is identified. A part of a
    document, or more than it, when the document is named beyond doubt. Several that together are the amount, when each
    is named, or when they are all that an identified party owes. Nothing against which anything speaks."""
    if found.is_ambiguous or found.needs_person or not found.ranked:
        return ()
    chosen = tuple(found.ranked[at] for at in found.combination) or tuple(found.ranked[:1])
    if any(one.points < 0 for candidate in chosen for one in candidate.reasons):
        return ()
    applies = _together(chosen) if len(chosen) > 1 else _alone(chosen[0])
    return chosen if applies else ()


def _alone(candidate: Candidate) -> bool:
    codes = {one.code for one in candidate.reasons}
    if AMOUNT in codes:
        return bool(codes & (DOCUMENT | WHO))
    if codes.isdisjoint((PARTIAL, SURPLUS)):
        return False
    return bool(codes & CHECKED) or (REFERENCE in codes and bool(codes & WHO))


def _together(chosen: Sequence[Candidate]) -> bool:
    codes = [{one.code for one in candidate.reasons} for candidate in chosen]
    if not all(TOGETHER in those for those in codes):
        return False
    everything = all(one.facts.get("all") for candidate in chosen for one in candidate.reasons if one.code == TOGETHER)
    return all(those & DOCUMENT for those in codes) or (everything and all(those & WHO for those in codes))
