"""Which open documents the lines name: by structured reference, end-to-end id, or a number in the texts."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import compress, count
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from apps.reconciliation.models import StatementLine
from apps.reconciliation.references import is_kenmerk, is_kid, is_rf, normalised
from apps.reconciliation.reports.candidates import evidence
from apps.reconciliation.reports.candidates.evidence import REFERENCE_PART, of_number, reason
from apps.reconciliation.reports.candidates.shapes import Reason
from apps.reconciliation.reports.candidates.sources import Open, among, column
from apps.reconciliation.reports.candidates.texts import compact, number_forms, numbers_in, plain

# A number that more documents or lines have than this identifies none of them.
DOCUMENTS, LINES = 20, 200
SHORT = 4  # digits: of shorter numbers every tenth is a valid KID
NOT_PROVIDED = {"NOTPROVIDED", "NOTPROV", "NONREF"}


@dataclass
class Sought:
    """The numbers that lines name, each with the lines that do: in a structured reference, as end-to-end id, as all
    that the reference says, or somewhere in the texts."""

    structured: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ends: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    references: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    written: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, at: int, line: StatementLine, texts: Sequence[str]) -> None:
        """What line number ``at`` names; of its texts those that are searched."""
        if line.reference and line.reference in texts:
            reference = compact(line.reference)
            self.references[reference].append(at)
            for number in guarded_numbers(normalised(line.reference)):
                self.structured[number].append(at)
        if line.end_to_end_id and (end := compact(line.end_to_end_id)) not in NOT_PROVIDED:
            self.ends[end].append(at)
        for form in {form for text in texts for form in numbers_in(text)}:
            self.written[form].append(at)

    def forms(self) -> set[str]:
        """Those that a document is looked for by."""
        return {form for form in (*self.structured, *self.written) if len(form) > 2}


def named_documents(opens: Sequence[Open], sought: Sought, lines: int) -> list[dict[int, Reason]]:
    """For each of so many lines which of ``opens`` it names, by their place, each with the best reason.

    What the lines name was collected first and each document is held against it, so that one line costs little however
    much is open.
    """
    forms = sought.forms()
    named: list[dict[int, Reason]] = [{} for _line in range(lines)]
    written: defaultdict[str, list[int]] = defaultdict(list)
    documents = column("document", opens)
    places: Sequence[int] = range(len(opens))
    further = column("further", opens)
    if more := [(place, word) for place in compress(count(), further) for word in further[place].split()]:
        places = [*places, *(place for place, _word in more)]
        documents += [word for _place, word in more]
    whole, *others = number_forms(documents)
    for numbers in (whole, *others):
        for at in among(numbers, forms):
            written[numbers[at]].append(places[at])
    for at in among(whole, {*sought.ends, *sought.references} - {""}):
        form = whole[at]
        for its in sought.ends.get(form, ()):
            _keep(named[its], places[at], reason(evidence.END_TO_END_ID, number=form))
        for its in sought.references.get(form, ()):
            told = _structured(form) if guarded_numbers(form) else of_number(form, whole_field=True)
            _keep(named[its], places[at], told)
    for form, places_of in written.items():
        lines_with = sought.written.get(form)
        named_by = sought.structured.get(form)
        if not (lines_with or named_by):
            continue
        found = {*places_of}
        for its in named_by or ():
            for place in found:
                _keep(named[its], place, _structured(form))
        if not lines_with or len(found) > DOCUMENTS:
            continue
        told = of_number(form)
        if told.code == REFERENCE_PART and len(lines_with) > LINES:
            continue
        for its in lines_with:
            for place in found:
                _keep(named[its], place, told)
    return named


def guarded_numbers(reference: str) -> set[str]:
    """The numbers that the check digits of a structured ``reference``, without blanks, guard, as they are and without
    leading noughts; none when the check digits are wrong."""
    numbers = set()
    if is_rf(reference):
        numbers.add(reference[4:])
    if is_kenmerk(reference):
        numbers.add(reference[1 if len(reference) == 16 else 2 :])
    if len(reference) > SHORT and is_kid(reference):
        numbers.add(reference[:-1])
    return numbers | {number.lstrip("0") for number in numbers}


def _structured(number: str) -> Reason:
    return reason(evidence.STRUCTURED_REFERENCE, number=number)


def _keep(named: dict[int, Reason], place: int, told: Reason) -> None:
    if place not in named or named[place].points < told.points:
        named[place] = told


# Documents that were settled -----------------------------------------------------------------------------------------


class Cited(NamedTuple):
    """The number of a document that a payer names, and whose it would be."""

    party: str
    number: str


def numbers_like(document: str, texts: Iterable[str]) -> Iterator[str]:
    """Other numbers in ``texts`` that are written as ``document`` is: INV-2026-0050, where that is INV-2026-0117."""
    shape = _shape(re.sub(r"\d", "0", document))
    if shape is None:
        return
    for text in texts:
        for found in shape.finditer(plain(text)):
            digits = iter("".join(filter(str.isdecimal, found[0])))
            number = "".join(next(digits) if letter.isdecimal() else letter for letter in document)
            if number != document:
                yield number


@cache
def _shape(document: str) -> "re.Pattern[str] | None":
    """A pattern of numbers like ``document``, in which each digit is a nought; none for one of few digits. Letters
    before them may be missing."""
    if document.count("0") < 5:
        return None
    parts = re.findall(r"\d|[^\W\d_]+|[\W_]+", document)
    letters = parts[0][0].isalpha()
    pattern = "".join(
        r"\d" if part == "0" else r"[\W_]{0,2}" if not part.isalpha() else plain(part) for part in parts[letters:]
    )
    before = f"(?:{re.escape(plain(parts[0]))})?" if letters else ""
    return re.compile(rf"(?<!\d){before}{pattern}(?!\d)")


# A bill that was paid on its day never had an open item.
WERE = """
SELECT party_id::text, reference FROM ledger_openitem
WHERE administration_id = %(administration)s AND party_id = ANY(%(parties)s::uuid[]) AND reference = ANY(%(numbers)s)
UNION
SELECT patient.party_id::text, 'B-' || lpad(bill.number::text, greatest(6, length(bill.number::text)), '0')
FROM billing_bill bill JOIN billing_patient patient ON patient.id = bill.patient_id
WHERE bill.administration_id = %(administration)s AND bill.number = ANY(%(bills)s)
"""


def those_that_were(administration: UUID, cited: Collection[Cited]) -> set[Cited]:
    """Those of ``cited`` that there are, or were: in one query."""
    numbers = {one.number for one in cited}
    facts: dict[str, Any] = {
        "administration": administration,
        "parties": list({one.party for one in cited}),
        "numbers": list(numbers),
        "bills": [int(number[2:]) for number in numbers if re.fullmatch(r"B-\d{6,9}", number)],
    }
    with connection.cursor() as cursor:
        cursor.execute(WERE, facts)
        return {*cited}.intersection(map(Cited._make, cursor.fetchall()))
