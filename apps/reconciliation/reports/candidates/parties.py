"""Who a bank line is from or to: by account number, by name, by what was learned and by patterns of the user's."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from apps.core.models import Administration
from apps.reconciliation.models import KnownParty, PartyPattern, StatementLine
from apps.reconciliation.patterns import Patterns
from apps.reconciliation.reports.candidates import evidence
from apps.reconciliation.reports.candidates.evidence import FURTHER, POINTS, WHO, reason
from apps.reconciliation.reports.candidates.shapes import Reason
from apps.reconciliation.reports.candidates.texts import (
    ENDING,
    account_forms,
    compact,
    is_plain,
    key_of_name,
    likeness,
    name_key,
    words,
    words_of_names,
)
from apps.reconciliation.reports.clearable import IN_TRANSIT

ALIKE, SAME = 0.75, 0.9  # from when a name may be the same, and from when it is
COMMON = 40  # a word that more names hold than this finds none of them

# What speaks for each party, or each account, that a line may be of, by its key as text.
Found = dict[str, list[Reason]]


class Taught(NamedTuple):
    """A row of KnownParty: with whom lines of that account number or name were matched, or what they were booked to."""

    kind: str
    key: str
    party: str | None
    account: str | None
    in_transit: bool
    times: int


# A patient's name stands in billing.
PARTIES = """
SELECT party.id::text, coalesce(identity.name, party.name), party.iban
FROM ledger_party party
LEFT JOIN billing_patient patient ON patient.party_id = party.id
LEFT JOIN billing_patientidentity identity ON identity.patient_id = patient.id
WHERE party.administration_id = %s
ORDER BY party.id
"""
TAUGHT = """
SELECT known.kind, known.key, known.party_id::text, known.account_id::text, account.purpose = ANY(%s),
known.confirmed - 2 * known.undone
FROM reconciliation_knownparty known
LEFT JOIN ledger_account account ON account.id = known.account_id
WHERE known.administration_id = %s AND known.key = ANY(%s) AND known.confirmed > 2 * known.undone
ORDER BY known.last_on DESC, known.id
"""


def recognise_parties(lines: Sequence[StatementLine]) -> dict[UUID, UUID]:
    """The party of each of ``lines`` of one administration that says plainly whose it is; writes nothing.

    By account number, by a name that one party bears, by what was confirmed twice, or by a pattern. Whoever is told
    apart from another no better than that is left out.
    """
    if not lines:
        return {}
    parties = Parties(lines[0].administration, lines)
    return {line.pk: UUID(party) for line in lines if (party := parties.only(parties.of(line)))}


class Parties:
    """Everybody whom ``lines`` may name, read in three queries."""

    def __init__(self, administration: Administration, lines: Sequence[StatementLine]) -> None:
        self._numbers: dict[str, set[str]] = {}
        self._names: dict[str, Sequence[str]] = {}
        self._keys: dict[str, str] = {}
        self._bearers: dict[str, list[str]] = {}
        self._by_word: defaultdict[str, set[str]] = defaultdict(set)
        self._of_name: dict[str, Found] = {}
        self._taught: dict[tuple[str, str], list[Taught]] = {}
        self.in_transit: set[str] = set()  # of the accounts that were learned, those that money is only on its way on
        self._patterns = Patterns(PartyPattern.objects.filter(administration=administration).order_by("id"))
        said = {line.counterparty_name for line in lines}
        self._said = dict(zip(said, words_of_names(list(said)), strict=True))
        keys = {key_of_name(its) for its in self._said.values()} | {_number_of(line) for line in lines}
        with connection.cursor() as cursor:
            cursor.execute(PARTIES, [administration.pk])
            self._keep(cursor.fetchall(), lines)
            cursor.execute(TAUGHT, [list(IN_TRANSIT), administration.pk, list(keys - {""})])
            for row in map(Taught._make, cursor.fetchall()):
                self._taught.setdefault((row.kind, row.key), []).append(row)
                if row.account and row.in_transit:
                    self.in_transit.add(row.account)

    def _keep(self, parties: Sequence[tuple[str, str, str]], lines: Sequence[StatementLine]) -> None:
        """Keep of all parties what the lines may name: their numbers, and names that share a word with a line."""
        self._forms = {line.counterparty_iban: account_forms(line.counterparty_iban) for line in lines}
        numbers = {form for forms in self._forms.values() for form in forms}
        ends = {form[-ENDING:] for form in numbers}
        said = {*words(" ".join(text for line in lines for text in (line.counterparty_name, *texts_of(line))))}
        names = words_of_names([name for _party, name, _iban in parties])
        for (party, name, iban), its in zip(parties, names, strict=True):
            if iban and (iban[-ENDING:] in ends or not is_plain(iban)):  # each form ends as the number does
                for form in account_forms(iban) & numbers:
                    self._numbers.setdefault(form, set()).add(party)
            if name:
                self._names[party] = its
                self._keys[party] = key = " ".join(its)
                self._bearers.setdefault(key, []).append(party)
                for word in said.intersection(its):
                    self._by_word[word].add(party)

    def key(self, party: str | None) -> str:
        """Its name as names are compared, empty when it has none."""
        return self._keys.get(party or "", "")

    def words_of(self, name: str) -> tuple[str, ...]:
        """``name_words`` of a name that a line says."""
        return self._said[name]

    def of(self, line: StatementLine, texts: Sequence[str] | None = None) -> Found:
        """Everything that speaks for each party that ``line`` may be of; ``texts`` are those of it that may name
        one."""
        found: defaultdict[str, list[Reason]] = defaultdict(list)
        self._by_number(line, found)
        self._by_learning(line, found)
        by_name = self._by_name(line.counterparty_name)
        for party, reasons in by_name.items():
            found[party] += reasons
        if not any(map(_tells_whose, found.values())):
            for party, reasons in self._in(texts_of(line) if texts is None else texts).items():
                if party not in by_name:
                    found[party] += reasons
        for pattern in self._patterns.holding(label_pattern=line.label, note_pattern=line.note):
            found[str(pattern.party_id)].append(reason(evidence.PATTERN))
        if line.party_id and not _tells_whose(found[str(line.party_id)]):
            found[str(line.party_id)].append(reason(evidence.PARTY))
        return {party: strongest_first(reasons) for party, reasons in found.items()}

    def accounts_of(self, line: StatementLine) -> Found:
        """Accounts that lines of the same account number or name were booked to."""
        keys = reversed(keys_of(line)) if self._taught else ()
        rows = [row for key in keys for row in self._taught.get(key, ())]
        return {row.account: [of_learning(row)] for row in rows if row.account}

    def only(self, found: Found) -> str | None:
        """The one party that ``found`` identifies: an account number says more than a pattern, that more than a name.
        A line that identifies two alike says neither."""
        if not found:
            return None
        identified = sorted(
            (max(POINTS[one.code] for one in reasons if one.code in WHO), party)
            for party, reasons in found.items()
            if _tells_whose(reasons)
        )
        if not identified or (len(identified) > 1 and identified[-1][0] == identified[-2][0]):
            return None
        return identified[-1][1]

    def _by_number(self, line: StatementLine, found: defaultdict[str, list[Reason]]) -> None:
        if line.counterparty_iban:
            forms = self._forms[line.counterparty_iban]
            parties = {party for form in forms for party in self._numbers.get(form, ())}
            for party in parties:
                found[party].append(reason(evidence.IBAN if len(parties) == 1 else evidence.IBAN_SHARED))

    def _by_learning(self, line: StatementLine, found: defaultdict[str, list[Reason]]) -> None:
        for kind, key in keys_of(line) if self._taught else ():
            parties = {row.party: row for row in self._taught.get((kind, key), ()) if row.party}
            for party, row in parties.items():
                found[party].append(of_learning(row, alone=len(parties) == 1))

    def _by_name(self, name: str) -> Found:
        """Parties whose name is like ``name``. It identifies one whose name holds two of its words, or all there is,
        and whom no other is like."""
        if not name:
            return {}
        if name not in self._of_name:
            ours = self.words_of(name)
            if bearers := self._bearers.get(" ".join(ours)):
                told = named(ours, ours, 1.0, alone=len(bearers) == 1)
                self._of_name[name] = {party: [told] for party in bearers[:COMMON]}
            else:
                self._of_name[name] = self._by_likeness(ours)
        return self._of_name[name]

    def _by_likeness(self, ours: Sequence[str]) -> Found:
        shares = {party: likeness(ours, self._names[party]) for party in self._sharing(ours)}
        alike = {party: share for party, share in shares.items() if share >= ALIKE}
        found: Found = {}
        for party, share in alike.items():
            alone = all(other == party or less < share - 0.1 for other, less in alike.items())
            found[party] = [named(ours, self._names[party], share, alone=alone)]
        return found

    def _sharing(self, ours: Iterable[str]) -> Collection[str]:
        """Parties that share two words with a name; where there are none, or not two, one that few bear."""
        sets = sorted((self._by_word[word] for word in ours if word in self._by_word), key=len)
        if len(sets) > 1 and (both := sets[0] & sets[1]):
            return both if len(both) <= COMMON else ()
        return sets[0] if sets and len(sets[0]) <= COMMON else ()

    def _in(self, texts: Sequence[str]) -> Found:
        """Parties whose whole name stands in one of the texts, in any order; one of a single word has six letters. The
        longest name counts, and of several as long none is told apart."""
        found: dict[str, int] = {}
        for text in texts:
            said = set(words(text))
            sets = [self._by_word[word] for word in said if word in self._by_word]
            for party in {party for parties in sets if len(parties) <= COMMON for party in parties}:
                name = self._names[party]
                if said.issuperset(name) and (len(name) > 1 or len(name[0]) >= 6):
                    found[party] = len(name)
        longest = max(found.values(), default=0)
        alone = sum(length == longest for length in found.values()) == 1
        return {
            party: [
                reason(
                    evidence.NAME if alone and length == longest else evidence.NAME_LIKE,
                    28 if length > 1 else POINTS[evidence.NAME_LIKE],
                    words=length,
                )
            ]
            for party, length in found.items()
        }


def _tells_whose(reasons: Iterable[Reason]) -> bool:
    return not WHO.isdisjoint([one.code for one in reasons])


def strongest_first(reasons: list[Reason]) -> list[Reason]:
    """The strongest of them counts; a further one, of what is mostly the same fact, adds little."""
    if len(reasons) == 1:
        return reasons
    first, *others = sorted(reasons, key=lambda one: -one.points)
    return [first, *(Reason(other.code, FURTHER, other.facts) for other in others)]


def named(ours: Sequence[str], theirs: Sequence[str], share: float, *, alone: bool) -> Reason:
    """What it says that the words of two names are alike by ``share``, and whether it is the only such name."""
    shared = len(set(ours).intersection(theirs))
    plainly = share >= SAME and (shared > 1 or (share == 1.0 and sum(map(len, ours)) >= 6))
    return evidence.of_likeness(share, shared, alone and plainly)


def of_learning(row: Taught, *, alone: bool = True) -> Reason:
    """What confirmed matches say: once is not enough to be sure, and neither is an account that several use."""
    code = evidence.LEARNED if alone and row.times > 1 else evidence.LEARNED_ONCE
    points = min(POINTS[evidence.LEARNED_ONCE] + 5 * (row.times - 1), POINTS[evidence.LEARNED])
    return reason(code, points, by=row.kind, times=row.times)


def keys_of(line: StatementLine) -> list[tuple[str, str]]:
    """By what ``line`` is known again: kind and key of KnownParty."""
    keys = (
        (KnownParty.Kind.IBAN.value, _number_of(line)),
        (KnownParty.Kind.NAME.value, name_key(line.counterparty_name)),
    )
    return [(kind, key) for kind, key in keys if key]


def _number_of(line: StatementLine) -> str:
    number = line.counterparty_iban
    return number if is_plain(number) else compact(number)


def texts_of(line: StatementLine) -> tuple[str, ...]:
    """What the payer and the bank wrote."""
    return tuple(text for text in (line.label, line.reference, line.note) if text)
