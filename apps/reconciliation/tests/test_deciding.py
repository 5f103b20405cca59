"""What may be matched without a person: pure functions of the reasons."""

from uuid import UUID

import pytest

from apps.reconciliation.reports.candidates import Candidate, Candidates, applied_by_itself
from apps.reconciliation.reports.candidates.deciding import best_is_alone
from apps.reconciliation.reports.candidates.evidence import CLEARLY, POINTS, reason
from apps.reconciliation.reports.candidates.sources import Open
from apps.reconciliation.reports.candidates.together import Scored
from apps.reconciliation.tests.matching import D

DOCUMENTS = ("STRUCTURED_REFERENCE", "END_TO_END_ID", "REFERENCE")
WHO = ("IBAN", "PARTY", "PATTERN", "LEARNED", "NAME")
NOT_ENOUGH = ("REFERENCE_PART", "IBAN_SHARED", "LEARNED_ONCE", "NAME_LIKE", "DATE")
AGAINST = ("OTHER_PARTY", "OTHER_DOCUMENT", "LATER", "IN_BILLING")


def one(*codes: str, **facts) -> Candidate:
    reasons = tuple(reason(code, **facts) for code in codes)
    return Candidate("ITEM", D(100), sum(told.points for told in reasons), reasons)


def found(*ranked: Candidate, together: bool = False, **more) -> Candidates:
    places = tuple(range(len(ranked))) if together else ()
    return Candidates(UUID(int=1), ranked, places, **{"is_ambiguous": False, **more})


@pytest.mark.parametrize("code", DOCUMENTS + WHO)
def test_the_whole_amount_of_a_known_document_or_party_is_applied(code):
    assert applied_by_itself(found(one(code, "AMOUNT"))) == (one(code, "AMOUNT"),)


@pytest.mark.parametrize("code", NOT_ENOUGH)
def test_an_amount_with_a_hint_is_not(code):
    assert applied_by_itself(found(one("AMOUNT"))) == ()
    assert applied_by_itself(found(one(code, "AMOUNT"))) == ()


@pytest.mark.parametrize("code", AGAINST)
def test_nothing_is_applied_against_which_something_speaks(code):
    assert applied_by_itself(found(one("REFERENCE", "IBAN", "AMOUNT", code))) == ()


def test_nothing_is_applied_when_it_is_a_tie_or_a_person_decides():
    sure = one("REFERENCE", "AMOUNT")
    assert applied_by_itself(found(sure, is_ambiguous=True)) == ()
    assert applied_by_itself(found(sure, needs_person=True)) == ()
    assert applied_by_itself(found()) == ()


@pytest.mark.parametrize("part", ["PARTIAL", "SURPLUS"])
def test_a_part_is_applied_by_check_digits_or_by_number_and_party(part):
    assert applied_by_itself(found(one("STRUCTURED_REFERENCE", part)))
    assert applied_by_itself(found(one("REFERENCE", "IBAN", part)))
    assert not applied_by_itself(found(one("REFERENCE", part)))
    assert not applied_by_itself(found(one("IBAN", part)))


@pytest.mark.parametrize("fit", ["TOLERANCE", "EXCHANGE", "OLDEST_FIRST"])
def test_a_difference_waits_for_a_person_however_sure_the_document_is(fit):
    assert not applied_by_itself(found(one("STRUCTURED_REFERENCE", "IBAN", fit)))


def test_several_are_applied_when_each_is_named_or_they_are_all_that_a_party_owes():
    named, owed = one("REFERENCE", "TOGETHER", all=False), one("IBAN", "TOGETHER", all=True)
    assert applied_by_itself(found(named, named, together=True)) == (named, named)
    assert applied_by_itself(found(owed, owed, together=True)) == (owed, owed)
    some = one("IBAN", "TOGETHER", all=False)
    assert not applied_by_itself(found(some, some, together=True))
    assert not applied_by_itself(found(named, some, together=True))


def test_the_best_is_alone_when_it_outdoes_the_next_clearly():
    def scored(points: int, *codes: str) -> Scored:
        open_ = Open(100, None, None, "", None, None, None)
        return Scored(0, open_, points, 100, [reason(code) for code in codes])

    assert best_is_alone([])
    assert best_is_alone([scored(24, "AMOUNT")])
    assert best_is_alone([scored(60, "IBAN", "AMOUNT"), scored(60 - CLEARLY, "AMOUNT")])
    assert not best_is_alone([scored(60, "IBAN", "AMOUNT"), scored(61 - CLEARLY, "AMOUNT")])
    # It names a part of one thing, while another is as much as the line.
    assert not best_is_alone([scored(98, "REFERENCE", "IBAN", "PARTIAL"), scored(59, "IBAN", "AMOUNT")])
    assert best_is_alone([scored(98, "REFERENCE", "IBAN", "PARTIAL"), scored(24, "AMOUNT")])


def test_a_document_or_a_party_outweighs_an_amount_on_its_day():
    by_chance = POINTS["AMOUNT"] + POINTS["DATE"]
    assert all(POINTS[code] > by_chance for code in DOCUMENTS + WHO + NOT_ENOUGH[:-1])
