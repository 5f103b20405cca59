"""What speaks for a candidate and what against it, and what each is worth. ``docs/bank.md`` has the same table."""

from datetime import date

from apps.reconciliation.reports.candidates.shapes import Reason

# Which document: what a payer can only have from it. Check digits cannot be mistyped into another number.
STRUCTURED_REFERENCE, END_TO_END_ID, REFERENCE = "STRUCTURED_REFERENCE", "END_TO_END_ID", "REFERENCE"
CHECKED = {STRUCTURED_REFERENCE, END_TO_END_ID}
DOCUMENT = {*CHECKED, REFERENCE}
# Who: each of these tells by itself whose line it is.
IBAN, PARTY, PATTERN, LEARNED, NAME = "IBAN", "PARTY", "PATTERN", "LEARNED", "NAME"
WHO = {IBAN, PARTY, PATTERN, LEARNED, NAME}
# The same, and not enough by itself: part of a number, an account that several use, once, a name that is like others.
REFERENCE_PART, IBAN_SHARED, LEARNED_ONCE, NAME_LIKE = "REFERENCE_PART", "IBAN_SHARED", "LEARNED_ONCE", "NAME_LIKE"
# How much: the whole line, or with others the whole line; otherwise a part.
AMOUNT, TOGETHER, TOLERANCE = "AMOUNT", "TOGETHER", "TOLERANCE"
PARTIAL, SURPLUS, EXCHANGE, OLDEST_FIRST = "PARTIAL", "SURPLUS", "EXCHANGE", "OLDEST_FIRST"
DATE = "DATE"
# Of a payout: its number stands there, or that of a terminal's batch; the acquirer's model holds; the fee is within it.
PAYOUT, BATCH, ACQUIRER, FEE_WITHIN = "PAYOUT", "BATCH", "ACQUIRER", "FEE_WITHIN"
# Between accounts of our own: our own name.
OWN_NAME = "OWN_NAME"
# Against it.
OTHER_PARTY, OTHER_DOCUMENT, LATER, IN_BILLING = "OTHER_PARTY", "OTHER_DOCUMENT", "LATER", "IN_BILLING"
# What keeps a payout from being taken apart without a person.
UNEXPLAINED, OTHER_NET, NOT_TAKEN, CLEARED_BEFORE = "UNEXPLAINED", "OTHER_NET", "NOT_TAKEN", "CLEARED_BEFORE"
NOT_IN_TRANSIT, NOT_VERIFIED, NOT_PAID_OUT = "NOT_IN_TRANSIT", "NOT_VERIFIED", "NOT_PAID_OUT"
FEES_UNSURE, OTHER_CURRENCY, TERMINAL_DIFFERS = "FEES_UNSURE", "OTHER_CURRENCY", "TERMINAL_DIFFERS"
# What keeps money from being seen as moved between own accounts without a person.
SEVERAL, TO_CHECK = "SEVERAL", "TO_CHECK"

# A document or a party outweighs an amount with its date (24), which strangers share by chance.
POINTS = {
    STRUCTURED_REFERENCE: 65,
    END_TO_END_ID: 65,
    REFERENCE: 60,  # at most: ten, five for each digit, ten for letters
    REFERENCE_PART: 30,
    IBAN: 35,
    PARTY: 35,
    LEARNED: 34,  # at most: 25 for the first time, five for each further
    PATTERN: 32,
    NAME: 30,
    IBAN_SHARED: 30,
    LEARNED_ONCE: 25,
    NAME_LIKE: 25,
    AMOUNT: 20,
    TOGETHER: 20,
    TOLERANCE: 12,
    OLDEST_FIRST: 8,
    DATE: 4,
    PARTIAL: 3,
    SURPLUS: 3,
    EXCHANGE: 3,
    OTHER_PARTY: -10,
    OTHER_DOCUMENT: -10,
    LATER: -5,
    IN_BILLING: -1,
    PAYOUT: 65,
    BATCH: 60,
    ACQUIRER: 35,
    OWN_NAME: 30,
    FEE_WITHIN: 12,
    **dict.fromkeys((UNEXPLAINED, OTHER_NET, NOT_TAKEN, CLEARED_BEFORE, NOT_IN_TRANSIT, NOT_VERIFIED), -10),
    **dict.fromkeys((NOT_PAID_OUT, FEES_UNSURE, OTHER_CURRENCY, TERMINAL_DIFFERS, SEVERAL, TO_CHECK), -10),
}
FURTHER = 3  # what a second reason to know the party adds
CLEARLY = 10  # by how much the best outdoes all others, or it is not alone


def reason(code: str, points: int | None = None, **facts: object) -> Reason:
    return Reason(code, POINTS[code] if points is None else points, facts)


def of_number(number: str, whole_field: bool = False) -> Reason:
    """That ``number``, a form of a document's, stands in the texts. Few digits are met by chance: part of it is enough
    to look at the document, not to be sure; unless they are all that the reference field says."""
    has_letters = not number.isdecimal()
    digits = sum(map(str.isdecimal, number)) if has_letters else len(number)
    if whole_field or len(number) >= (5 if has_letters else 6):
        points = 10 + 5 * digits + 10 * has_letters
        return reason(REFERENCE, min(max(points, 50 if whole_field else 0), POINTS[REFERENCE]), number=number)
    return reason(REFERENCE_PART, number=number)


def of_likeness(share: float, shared: int, plainly: bool) -> Reason:
    """That two names are alike by ``share``, with so many words in common."""
    points = 30 if share >= 0.95 else 28 if share >= 0.85 else 25
    return reason(NAME if plainly else NAME_LIKE, points, likeness=round(100 * share), words=shared)


# Days between a document and its payment, and what they say: soon, or at all, after its date; about when it is due; so
# many ahead of it that it was hardly meant.
SOON, STILL, ABOUT_DUE, AHEAD = 45, 120, 10, 7
_AFTER = {days: reason(DATE, POINTS[DATE] if days <= SOON else 2, days=days) for days in range(-AHEAD, STILL + 1)}
_WITHIN = {days: reason(DATE, POINTS[DATE] if days <= 3 else 2, days=days) for days in range(15)}


def of_dates(line: date, document: date, due: date | None) -> Reason | None:
    """A document is paid soon after its date, or when it is due; one that is dated later was hardly meant."""
    days = (line - document).days
    if days < -AHEAD:
        return reason(LATER, days=-days)
    if days > SOON and due is not None and abs((line - due).days) <= ABOUT_DUE:
        return reason(DATE, days=days)
    return _AFTER.get(days)


def of_movement(line: date, booked: date) -> Reason | None:
    """What is on its way, or was booked, arrives within days, whichever of the two is first."""
    return _WITHIN.get(abs((line - booked).days))
