"""How texts are compared: capitals without accents, words, the forms of a document number, names, account numbers."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import combining, normalize

from rapidfuzz.distance import OSA

# Letters that no accent makes: they are written so where a keyboard or a bank does not know them.
_LETTERS = str.maketrans({"Ø": "O", "Æ": "AE", "Œ": "OE", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH"})
_GROUP = re.compile(r"\d+|[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+")

# Forms and titles say nothing about who somebody is.
_FORMS = frozenset(
    "BV NV VOF CV AS ASA ANS ENK AB OY GMBH AG KG UG LTD LIMITED LLC INC PLC SA SARL SRL SPRL BVBA CO COMPANY "
    "MR MRS MS DR DHR MW MEVR MEVROUW HR HERR FRAU EN OF EO AND".split()
)

# The longest run of groups that is one number: RF18 5390 0754 7034.
_RUN = 6


def plain(text: str) -> str:
    """``text`` in capitals, without accents."""
    upper = text.upper()
    if upper.isascii():
        return upper
    return "".join(letter for letter in normalize("NFKD", upper.translate(_LETTERS)) if not combining(letter))


def words(text: str) -> list[str]:
    return _WORD.findall(plain(text))


def groups(text: str) -> list[str]:
    """Its runs of digits and of letters: INV-2026-0117 is INV, 2026, 0117."""
    return _GROUP.findall(plain(text))


def compact(text: str) -> str:
    """An account number or a reference as it is compared: capitals and digits alone."""
    return "".join(_WORD.findall(plain(text)))


# Document numbers ----------------------------------------------------------------------------------------------------


# From a text to its capitals and digits alone, to its digits alone, and to its digits with blanks between the groups.
_KEPT = {at: None for at in range(128) if not chr(at).isalnum() and chr(at) != "\n"}
_DIGITS = {at: None for at in range(128) if not chr(at).isdecimal() and chr(at) != "\n"}
_APART = {at: " " for at in range(128) if not chr(at).isdecimal() and chr(at) != "\n"}
_NOUGHTS = re.compile(r"(?<!\d)0+(?=\d)")


def number_forms(documents: Sequence[str]) -> list[list[str]]:
    """The forms in which payers write the number of each document, a column of each: whole, without its letters, both
    without leading noughts, the last of its groups of digits where there are more. INV-2026-0117 is INV20260117,
    20260117, INV2026117, 2026117 and 0117.

    All documents are one text here, which is rewritten in a few strokes: there may be hundreds of thousands.
    """
    text = plain(_in_rows(documents))
    shorn = _NOUGHTS.sub("", text)
    columns = [form.translate(table).split("\n") for form in (text, shorn) for table in (_KEPT, _DIGITS)]
    last = [parts[-1] if len(parts := row.split()) > 1 else "" for row in text.translate(_APART).split("\n")]
    return [*columns, last]


def _in_rows(texts: Sequence[str]) -> str:
    """All of them as one text, each a row of it."""
    text = "\n".join(texts)
    return text if text.count("\n") < len(texts) else "\n".join(one.replace("\n", " ") for one in texts)


def numbers_in(text: str) -> Iterator[str]:
    """Every run of groups in ``text`` that may be the number of a document, in the forms of ``number_forms``."""
    parts = groups(text)
    for first, part in enumerate(parts):
        if not part.isdecimal():
            continue
        before = parts[first - 1] if first and not parts[first - 1].isdecimal() else ""
        whole = shorn = ""
        for following in parts[first : first + _RUN]:
            whole += following
            if not following.isdecimal():
                if len(following) > 3:
                    break
                shorn += following
                continue
            shorn += following.lstrip("0")
            for form in (whole, shorn) if whole != shorn else (whole,):
                if len(form) > 2:
                    yield form
                if before:
                    yield before + form


# Names ---------------------------------------------------------------------------------------------------------------


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name in order of the alphabet, without legal forms and titles; initials that stand together are
    one word: B.V. is BV, and goes."""
    return _as_name(words(name))


def words_of_names(names: Sequence[str]) -> list[tuple[str, ...]]:
    """``name_words`` of each, all of them one text as far as that goes."""
    return [_as_name(_WORD.findall(row)) for row in plain(_in_rows(names)).split("\n")] if names else []


def _as_name(found: list[str]) -> tuple[str, ...]:
    if _FORMS.isdisjoint(found) and (not found or len(min(found, key=len)) > 1):
        return tuple(sorted(found))
    joined: list[str] = []
    initial = False
    for word in found:
        if len(word) == 1 and initial:
            joined[-1] += word
        else:
            joined.append(word)
        initial = len(word) == 1
    return tuple(sorted([word for word in joined if word not in _FORMS] or joined))


def name_key(name: str) -> str:
    """How a name is kept and found again: Ella Jackson and JACKSON, Ella are one."""
    return key_of_name(name_words(name))


def key_of_name(its: Sequence[str]) -> str:
    """``name_key`` of a name with these words."""
    return " ".join(its)[:200]


def likeness(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """How far two names are of one bearer, 0 to 1: words in any order, an initial for a word, a word mistyped or cut.

    When each has a word that the other lacks they are two: Jan Jansen is not Piet Jansen.
    """
    if ours == theirs:
        return 1.0
    theirs_left = list(theirs)
    ours_left: list[str] = []
    shared = 0.0
    for word in ours:
        if word in theirs_left:
            theirs_left.remove(word)
            shared += 2 * len(word)
        else:
            ours_left.append(word)
    alone = False
    for word in ours_left:
        nearest, share = "", 0.0
        for other in theirs_left:
            if (found := _share(word, other)) > share:
                nearest, share = other, found
        if share:
            theirs_left.remove(nearest)
            shared += share * (len(word) + len(nearest))
        else:
            alone = True
    if alone and theirs_left:
        return 0.0
    return shared / (sum(map(len, ours)) + sum(map(len, theirs)))


def _share(word: str, other: str) -> float:
    shorter, longer = (word, other) if len(word) <= len(other) else (other, word)
    if len(shorter) <= 2:
        return 0.7 if longer[0] == shorter[0] else 0.0
    if len(shorter) < 4:
        return 0.0
    if longer.startswith(shorter):
        return 0.85
    mistakes = 2 if len(shorter) >= 9 else 1
    return 0.9 if OSA.distance(word, other, score_cutoff=mistakes) <= mistakes else 0.0


# Account numbers -----------------------------------------------------------------------------------------------------


ENDING = 7  # characters of an account number, at least


def account_forms(number: str) -> set[str]:
    """An IBAN or account number in the forms by which it is found, without leading noughts: whole, and as its bank
    calls it, which is all that some statements say: DE02 0000 0000 3716 5411 59 is 000000003716541159 there."""
    whole = number if is_plain(number) else compact(number)
    forms = [whole]
    if len(whole) > 14 and whole[:2].isalpha():
        forms += [whole[4:], whole[4:].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
    return {shorn for form in forms if len(shorn := form.lstrip("0")) >= ENDING}


def is_plain(number: str) -> bool:
    """Whether it is written as it is compared."""
    return number.isalnum() and (number.isupper() or number.isdecimal())
