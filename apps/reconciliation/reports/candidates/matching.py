"""The candidates of many lines at once: what is open is read and indexed once, a line looks at what shares
something."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import compress, count
from uuid import UUID

from rapidfuzz import fuzz, process

from apps.core.money import quantize
from apps.reconciliation.models import BankAccount, ReconciliationModel, StatementLine
from apps.reconciliation.reports.candidates import evidence
from apps.reconciliation.reports.candidates.combining import Budget
from apps.reconciliation.reports.candidates.deciding import applied_by_itself, best_is_alone
from apps.reconciliation.reports.candidates.documents import (
    Cited,
    Sought,
    named_documents,
    numbers_like,
    those_that_were,
)
from apps.reconciliation.reports.candidates.evidence import (
    AMOUNT,
    CHECKED,
    DOCUMENT,
    REFERENCE,
    reason,
)
from apps.reconciliation.reports.candidates.parties import ALIKE, Found, Parties
from apps.reconciliation.reports.candidates.rules import ItemModels, searched, tolerance_of
from apps.reconciliation.reports.candidates.shapes import Candidate, Candidates, Ranked, Reason
from apps.reconciliation.reports.candidates.sources import Kind, Open, among, column, reading_open, units
from apps.reconciliation.reports.candidates.texts import account_forms, likeness
from apps.reconciliation.reports.candidates.together import Scored, combined

SHOWN = 10  # candidates of a line
STRANGERS, BESIDE = 5, 2  # of them such as nothing but the amount speaks for, alone and beside one that has more
EQUAL = 50  # things of one amount that nothing else tells apart: so many are looked at
OF_PARTIES = 20  # of what those owe, or are owed, whom a line may be of: the oldest
LIKE = 70  # how many percent of their letters two names share before they are compared word by word

# The same for every line, and compared by identity while scoring.
WHOLE, WITHIN = reason(AMOUNT), reason(evidence.TOLERANCE)
BEYOND, IN_PART, OF_ANOTHER = reason(evidence.SURPLUS), reason(evidence.PARTIAL), reason(evidence.OTHER_PARTY)


@dataclass(slots=True)
class Looked:
    """A line with what is open of it, the model that holds for it, and what speaks for each party, account and
    document. ``party`` is the one that it is of beyond doubt."""

    line: StatementLine
    want: int
    model: ReconciliationModel | None
    texts: Sequence[str]
    parties: Found
    accounts: Found
    party: str | None
    named: dict[int, Reason]
    tolerance: Decimal


class Matching:
    """What is open for ``lines``, which are all of ``account`` and open, and who they may be of."""

    def __init__(self, account: BankAccount, lines: Sequence[StatementLine]) -> None:
        self._administration = account.administration_id
        self._currency = account.currency
        self._parties = Parties(account.administration, lines)
        self._models = ItemModels(account.administration_id)
        self._budget = Budget()
        with reading_open(account, lines) as opens:
            self._looked = [self._look(line) for line in lines]
            sought = Sought()
            for at, looked in enumerate(self._looked):
                sought.add(at, looked.line, looked.texts)
            self._opens = opens()
        named = named_documents(self._opens, sought, len(lines))
        for looked, documents in zip(self._looked, named, strict=True):
            looked.named = documents
        self._by_amount: dict[int, list[int]] = {looked.want: [] for looked in self._looked}
        self._by_foreign: dict[tuple[str, int], list[int]] = {}
        self._ours: dict[int, list[int]] = {}  # by amount, of what is of nobody but us
        self._by_payer: list[Looked] = []  # those that nothing but their payer identifies
        # By party; what is of nobody but us by account.
        self._of: dict[str | None, list[int]] = {
            owner: [] for looked in self._looked for owner in (*looked.parties, *looked.accounts)
        }
        self._index()

    def candidates(self) -> dict[UUID, Candidates]:
        found = {looked.line.pk: self._ranked(looked) for looked in self._looked}
        found.update(self._doubted(found))
        return found

    def _index(self) -> None:
        """Of what is open, where that is which has the amount of a line, or is of somebody whom one may be of."""
        amounts = self._amounts = column("amount", self._opens)
        parties = column("party", self._opens)
        for place in among(amounts, self._by_amount):
            self._by_amount[amounts[place]].append(place)
        for place in among(parties, self._of):
            self._of[parties[place]].append(place)
        for place in among(parties, {None}):
            account = self._opens[place].account
            if account in self._of:
                self._of[account].append(place)
            self._ours.setdefault(amounts[place], []).append(place)
        for place in compress(count(), column("currency", self._opens)):
            one = self._opens[place]
            self._by_foreign.setdefault((one.currency, one.in_currency), []).append(place)

    def _look(self, line: StatementLine) -> Looked:
        parties = self._parties.of(line)
        model = self._models.for_line(line, parties)
        texts = searched(line, model)
        if model:
            parties = self._parties.of(line, texts)
        accounts, party = self._parties.accounts_of(line), self._parties.only(parties)
        return Looked(line, units(line.residual), model, texts, parties, accounts, party, {}, tolerance_of(model))

    # What a line looks at --------------------------------------------------------------------------------------------

    def _ranked(self, looked: Looked) -> Candidates:
        equal = self._equal(looked)
        known = self._shared(looked)
        strangers = [place for place in equal if place not in known]
        like = self._like(looked, strangers)
        if like:
            known.update(like)
            strangers = [place for place in strangers if place not in like]
        places = [*known, *strangers[: BESIDE if known else STRANGERS]]
        scored = [self._score(looked, place, like.get(place)) for place in places]
        if looked.accounts:
            scored += self._booked_before(looked)
        scored.sort(key=Scored.rank)
        together = combined(looked.want, scored, self._owned(looked), self._budget)
        if together.members:
            members = {one.place for one in together.members}
            scored = [*together.members, *(one for one in scored if one.place not in members)]
        alone = together.is_alone and bool(together.members or best_is_alone(scored))
        if alone and scored and scored[0].open.party and not any(one.code in DOCUMENT for one in scored[0].reasons):
            self._by_payer.append(looked)
        return Candidates(
            looked.line.pk,
            Ranked(scored[: max(SHOWN, len(together.members))], Shape(looked.want, self._currency)),
            tuple(range(len(together.members))),
            not alone,
            looked.model.pk if looked.model else None,
            self._models.needs_person(looked.model),
        )

    def _equal(self, looked: Looked) -> Sequence[int]:
        """What is as much as the line."""
        line, want = looked.line, looked.want
        equal = self._by_amount[want]
        if line.foreign_amount is not None and line.residual == line.amount:
            paid = units(abs(line.foreign_amount)) * (1 if want > 0 else -1)
            return [*equal, *self._by_foreign.get((line.foreign_currency, paid), ())]
        return equal

    def _shared(self, looked: Looked) -> set[int]:
        """What the line names; what is as much and of those whom it may be of, or where there is none the oldest of
        what they owe, or are owed; and what is of nobody but us."""
        want = looked.want
        found = {place for place in looked.named if self._goes_its_way(want, place)}
        equal = self._by_amount[want]
        whose = [place for owner in (*looked.parties, *looked.accounts) for place in self._of[owner]]
        if both := {*whose}.intersection(equal):
            found |= both
        elif whose:
            its = [place for place in whose if self._goes_its_way(want, place)]
            found.update(sorted(its, key=lambda place: (self._opens[place].date, place))[:OF_PARTIES])
        found.update(self._ours.get(want, ()))
        return found

    def _owned(self, looked: Looked) -> Iterator[Scored]:
        """Everything in the account's currency of the one whom the line is of: among it a combination is sought."""
        accounts = [account for account, told in looked.accounts.items() if told[0].code == evidence.LEARNED]
        owner = looked.party or (accounts[0] if len(accounts) == 1 else "")
        for place in self._of.get(owner, ()):
            if self._goes_its_way(looked.want, place) and not self._opens[place].currency:
                yield self._score(looked, place)

    def _goes_its_way(self, want: int, place: int) -> bool:
        """Money in clears debits, money out credits."""
        return ((self._amounts[place] or self._opens[place].in_currency) > 0) == (want > 0)

    def _like(self, looked: Looked, strangers: Sequence[int]) -> dict[int, Reason]:
        """Which of ``strangers`` are of somebody whose name is like the line's, though no whole word of it is."""
        name = looked.line.counterparty_name
        if not name or not strangers:
            return {}
        if looked.party and looked.parties[looked.party][0].code != evidence.NAME:
            return {}  # who it is does not hang on the name
        ours = self._parties.words_of(name)
        names = [self._parties.key(self._opens[place].party) for place in strangers[:EQUAL]]
        found = process.extract(" ".join(ours), names, scorer=fuzz.ratio, score_cutoff=LIKE, limit=None)
        return {
            strangers[at]: evidence.of_likeness(share, 0, plainly=False)
            for its, _ratio, at in found
            if (share := likeness(ours, its.split())) >= ALIKE
        }

    def _booked_before(self, looked: Looked) -> Iterator[Scored]:
        """The accounts that lines like it were booked to, with nothing open on them."""
        for account, told in looked.accounts.items():
            if account not in self._parties.in_transit:
                kind = Kind.MODEL.value
                one = Open(looked.want, looked.line.date, None, "", None, None, None, kind=kind, account=account)
                yield Scored(-1, one, told[0].points, looked.want, [*told])

    # What it is worth ------------------------------------------------------------------------------------------------

    def _score(self, looked: Looked, place: int, like: Reason | None = None) -> Scored:
        one, want = self._opens[place], looked.want
        fit, clears = (WHOLE, want) if one.amount == want and not one.currency else self._fit(looked, one)
        who: Sequence[Reason] = looked.parties.get(one.party, ()) if one.party else self._whose(looked, one)
        if not who and like:
            who = (like,)
        document = looked.named.get(place)
        reasons = [*who, fit]
        if one.party and looked.party and not who:
            if document and document.code == REFERENCE and fit is not WHOLE:  # of another, and as much: a slip
                document = reason(evidence.REFERENCE_PART, **document.facts)
            if not (document and document.code in CHECKED):
                reasons.append(OF_ANOTHER)
        if document:
            reasons.insert(0, document)
        day = looked.line.date
        is_document = one.open_item or one.bill
        dated = evidence.of_dates(day, one.date, one.due) if is_document else evidence.of_movement(day, one.date)
        if dated:
            reasons.append(dated)
        if one.in_billing:
            reasons.append(reason(evidence.IN_BILLING))
        points = 0
        for told in reasons:
            points += told.points
        return Scored(place, one, points, clears, reasons, bool(who or document))

    def _whose(self, looked: Looked, one: Open) -> Sequence[Reason]:
        """Why the line is of that account, which is of nobody but us."""
        if one.iban and account_forms(one.iban) & account_forms(looked.line.counterparty_iban):
            return (reason(evidence.IBAN),)
        return looked.accounts.get(one.account, ()) if one.account else ()

    def _fit(self, looked: Looked, one: Open) -> tuple[Reason, int]:
        """How its amount, which is another, fits what is open of the line, and how much of it the line would clear."""
        line, want = looked.line, looked.want
        if one.currency:
            is_paid = line.foreign_currency == one.currency and line.foreign_amount is not None
            if is_paid and line.residual == line.amount and units(abs(line.foreign_amount)) == abs(one.in_currency):
                return reason(AMOUNT, currency=one.currency), want
            return reason(evidence.EXCHANGE, currency=one.currency), want
        beyond = abs(want) - abs(one.amount)
        if looked.tolerance and abs(beyond) * 100 <= abs(one.amount) * looked.tolerance:
            return WITHIN, one.amount if beyond > 0 else want
        return (BEYOND, one.amount) if beyond > 0 else (IN_PART, want)

    # Second thoughts -------------------------------------------------------------------------------------------------

    def _doubted(self, found: dict[UUID, Candidates]) -> dict[UUID, Candidates]:
        """Of those that would be applied by themselves because of who paid: where the payer names another document of
        theirs, one that was settled before, it is paid twice, and a person looks."""
        cited: list[tuple[UUID, Cited]] = []
        for looked in self._by_payer:
            chosen = applied_by_itself(found[looked.line.pk])
            if len(chosen) == 1:
                numbers = numbers_like(chosen[0].document, looked.texts)
                cited += [(looked.line.pk, Cited(str(chosen[0].party), number)) for number in numbers]
        if not cited:
            return {}
        settled = those_that_were(self._administration, {one for _line, one in cited})
        return {line: _objected(found[line], one) for line, one in cited if one in settled}


@dataclass(frozen=True, slots=True)
class Shape:
    """How what is scored for a line is told to others: the line's open amount in units, and its currency."""

    want: int
    currency: str

    def __call__(self, scored: Scored) -> Candidate:
        one = scored.open
        return Candidate(
            one.kind,
            self._amount(scored.clears),
            min(max(scored.points, 0), 100),
            tuple([self._told(why, one) for why in scored.reasons]),
            UUID(one.entry_line) if one.entry_line else None,
            UUID(one.open_item) if one.open_item else None,
            UUID(one.payment) if one.payment else None,
            UUID(one.bill) if one.bill else None,
            UUID(one.account) if one.account else None,
            UUID(one.party) if one.party else None,
            one.document,
            one.date,
            UUID(one.other_line) if one.other_line else None,
        )

    def _told(self, why: Reason, one: Open) -> Reason:
        """A part, or more than the whole: with by how much."""
        if why is WITHIN or why is BEYOND or why is IN_PART:
            return reason(why.code, difference=str(self._amount(abs(abs(self.want) - abs(one.amount)))))
        return why

    def _amount(self, amount: int) -> Decimal:
        return quantize(Decimal(amount).scaleb(-4), self.currency)


def _objected(found: Candidates, cited: Cited) -> Candidates:
    first, *others = found.ranked
    against = reason(evidence.OTHER_DOCUMENT, number=cited.number)
    score = max(first.score + against.points, 0)
    doubted = first._replace(score=score, reasons=(*first.reasons, against))
    return replace(found, ranked=(doubted, *others))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looking for cycles: hundreds of thousands of rows are made here, of which none is in one, and looking
    through them again and again takes as long as all the rest."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            # What there is now counts as old, or all of it would be looked through at once.
            gc.freeze()
            gc.unfreeze()
            gc.enable()


@uncollected()
def of_account(lines: Sequence[StatementLine]) -> dict[UUID, Candidates]:
    """The candidates of each of ``lines``; of one that is matched as a whole, none."""
    found = {line.pk: Candidates(line.pk, (), (), False) for line in lines}
    open_ = [line for line in lines if line.residual]
    if open_:
        account = BankAccount.objects.select_related("administration").get(pk=open_[0].bank_account_id)
        found |= Matching(account, open_).candidates()
    return found
