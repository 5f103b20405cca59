"""What is wrong or suspect in the VAT of a return. Each rule is a function over one entry's lines of one VAT code.

An entry that was reversed, and its reversal, are mended already: they cancel out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from apps.core.display import money
from apps.core.findings import RED, YELLOW, Severity
from apps.core.money import ZERO, currency, quantize
from apps.ledger.models import JournalEntry, JournalLine, Party, Period, VatCode
from apps.ledger.numbers import vat_number
from apps.periods.models import VatRegistration
from apps.periods.reports.pro_rata import SOURCE
from apps.periods.reports.vat_forms import form_of
from apps.periods.reports.vat_parties import parties_of
from apps.periods.reports.vat_return import ReturnLines
from apps.periods.reports.vat_spans import VatSpan, span_of, standing

Role = JournalLine.VatRole
Category = VatCode.Category
DOCUMENTS = ("vendor_invoice", "customer_invoice")
# A difference is let pass as far as rounding line by line explains it: two cents, or half a percent of the base, which
# is the half cent of a line of one euro. It is RED from where an accountant would not sign: a hundred euros.
LEAST, SHARE, GRAVE = 2, Decimal("0.005"), Decimal(100)


@dataclass(frozen=True)
class Tagged:
    """What one entry says about one VAT code: base and taxes as the return counts them; ``reckoned_on`` is the base
    that its tax lines name."""

    entry: JournalEntry
    code: VatCode
    standing: VatRegistration
    base: Decimal
    owed: Decimal
    deducted: Decimal
    reckoned_on: Decimal
    roles: frozenset[str]
    line_id: UUID
    party: Party | None

    @property
    def books(self) -> str:
        return str(self.entry.administration.currency)

    @property
    def is_purchase(self) -> bool:
        return self.code.input_account_id is not None or self.code.category == Category.PURCHASES

    @property
    def owes(self) -> bool:
        """Whether the code has VAT that we owe."""
        return bool(self.code.rate) and self.code.account_id is not None

    @property
    def deducts(self) -> bool:
        return bool(self.code.rate) and self.code.input_account_id is not None and self.code.deductible > 0

    @property
    def taxes(self) -> list[Decimal]:
        """What each of its taxes comes to, in full: a part that is deducted is grossed up."""
        found = [self.owed] if Role.TAX in self.roles else []
        if Role.DEDUCTIBLE in self.roles and self.code.deductible:
            found.append(self.deducted * 100 / self.code.deductible)
        return found


@dataclass(frozen=True)
class VatAnomaly:
    """``discrepancy`` is how much it is about; ``mend`` says what to do."""

    code: str
    severity: Severity
    title: str
    description: str
    mend: str
    entry: JournalEntry
    line_id: UUID
    discrepancy: Decimal
    number: int = 0

    @property
    def id(self) -> str:
        return f"VAT_ANOMALY_{self.number:04d}"

    @property
    def document_id(self) -> UUID | None:
        return self.entry.source_id if self.entry.source_type in DOCUMENTS else None


@dataclass(frozen=True)
class VatAnomalies:
    span: VatSpan
    known_at: datetime | None
    found: tuple[VatAnomaly, ...]

    @property
    def red(self) -> tuple[VatAnomaly, ...]:
        return tuple(one for one in self.found if one.severity == RED)

    @property
    def yellow(self) -> tuple[VatAnomaly, ...]:
        return tuple(one for one in self.found if one.severity == YELLOW)


# The rules ------------------------------------------------------------------------------------------------------------


def base_without_vat(tagged: Tagged) -> Iterator[VatAnomaly]:
    """A base under a code with VAT, and no VAT beside it."""
    if tagged.base and (tagged.owes or tagged.deducts) and not tagged.roles & {Role.TAX, Role.DEDUCTIBLE}:
        due = quantize(abs(tagged.base) * tagged.code.rate / 100, tagged.books)
        if due:
            words = _("Base %(base)s under %(code)s has no VAT; %(rate)s %% of it is %(due)s.")
            yield _found(
                tagged,
                "VAT_BASE_NO_AMOUNT",
                YELLOW,
                _("Base without VAT"),
                words % {**_words(tagged), "due": money(due, tagged.books)},
                _("Reverse the entry and post it with its VAT, or under the code that is right."),
                due,
            )


def vat_without_base(tagged: Tagged) -> Iterator[VatAnomaly]:
    """VAT of which nothing says what it was reckoned on."""
    vat = tagged.owed or tagged.deducted
    if vat and Role.BASE not in tagged.roles and not tagged.reckoned_on:
        yield _found(
            tagged,
            "VAT_AMOUNT_NO_BASE",
            YELLOW,
            _("VAT without a base"),
            _("VAT %(vat)s under %(code)s has no base.") % {**_words(tagged), "vat": money(vat, tagged.books)},
            _("Reverse the entry and post it with the base on a line of the same code."),
            abs(vat),
        )


def rate_differs(tagged: Tagged) -> Iterator[VatAnomaly]:
    """VAT that is not the rate of its base."""
    base = tagged.base if Role.BASE in tagged.roles else tagged.reckoned_on
    for vat in tagged.taxes:
        expected = quantize(base * tagged.code.rate / 100, tagged.books)
        off = abs(abs(quantize(vat, tagged.books)) - abs(expected))
        if base and off > max(LEAST * currency(tagged.books).unit, SHARE * abs(base)):
            words = _("VAT amount %(vat)s doesn't match expected %(expected)s for base %(base)s at %(rate)s%%.")
            told = {"vat": money(vat, tagged.books), "expected": money(expected, tagged.books)}
            yield _found(
                tagged,
                "VAT_RATE_MISMATCH",
                RED if off > GRAVE else YELLOW,
                _("VAT rate mismatch"),
                words % {**_words(tagged), **told, "base": money(base, tagged.books)},
                _("Verify VAT calculation or correct the rate"),
                off,
            )


def listed_without_number(tagged: Tagged) -> Iterator[VatAnomaly]:
    """A supply on the ICP listing whose customer has no VAT number that its country could have given."""
    if not tagged.code.icp or Role.BASE not in tagged.roles:
        return
    party = tagged.party
    if party is None or not party.vat_number:
        words = _("Supply %(base)s under %(code)s to %(party)s has no VAT number of the customer.")
    elif not vat_number(party.vat_number, party.country):
        words = _("Supply %(base)s under %(code)s to %(party)s: %(number)s is no VAT number.")
    else:
        return
    told = {"party": party or "?", "number": party.vat_number if party else ""}
    yield _found(
        tagged,
        "ICP_NO_VAT_NUMBER",
        RED,
        _("ICP supply without VAT number"),
        words % {**_words(tagged), **told},
        _("Enter the customer's VAT number, or use a code with VAT: without a number there is no zero rate."),
        abs(tagged.base),
    )


def reversed_without_country(tagged: Tagged) -> Iterator[VatAnomaly]:
    """VAT that was reversed to us by a supplier of whom nobody knows the country."""
    within_eu = tagged.code.category == Category.INTRA_EU
    if not (tagged.code.reverse_charge or within_eu) or not tagged.is_purchase or Role.BASE not in tagged.roles:
        return
    if tagged.party is None or not tagged.party.country:
        yield _found(
            tagged,
            "RC_NO_COUNTRY",
            YELLOW,
            _("Reverse charge without country"),
            _("Purchase %(base)s under %(code)s: the supplier's country is not known.") % _words(tagged),
            _("Enter the supplier's country: it decides between inside and outside the EU."),
            abs(tagged.base),
        )


def negative_without_reason(tagged: Tagged) -> Iterator[VatAnomaly]:
    """VAT that is negative in an entry that takes nothing back."""
    vat = min(tagged.owed, tagged.deducted)
    takes_back = tagged.entry.source_type in (*DOCUMENTS, "day_close") and (tagged.base or tagged.reckoned_on) < 0
    if vat < 0 and not takes_back:
        yield _found(
            tagged,
            "VAT_NEGATIVE_UNEXPECTED",
            YELLOW,
            _("Unexpected negative VAT"),
            _("VAT %(vat)s under %(code)s is negative, and the entry is no credit note.")
            % {**_words(tagged), "vat": money(vat, tagged.books)},
            _("Post a credit note, or reverse the entry that was wrong."),
            abs(vat),
        )


def deducted_without_right(tagged: Tagged) -> Iterator[VatAnomaly]:
    """Input VAT of somebody who may deduct none: under KOR (Wet OB article 25), or with exempt services alone."""
    if tagged.deducted and tagged.standing.scheme != VatRegistration.Scheme.NORMAL:
        told = {"vat": money(tagged.deducted, tagged.books), "scheme": tagged.standing.get_scheme_display()}
        yield _found(
            tagged,
            "VAT_DEDUCTED_WITHOUT_RIGHT",
            RED,
            _("VAT deducted without the right to"),
            _("VAT %(vat)s is deducted under %(code)s, and the scheme is: %(scheme)s.") % {**_words(tagged), **told},
            _("Reverse the entry and post it under a code whose VAT is cost."),
            abs(tagged.deducted),
        )


ALL: list[Callable[[Tagged], Iterator[VatAnomaly]]] = [
    base_without_vat,
    vat_without_base,
    rate_differs,
    listed_without_number,
    reversed_without_country,
    negative_without_reason,
    deducted_without_right,
]


# The run --------------------------------------------------------------------------------------------------------------


def vat_anomalies(period: Period, known_at: datetime | None = None) -> VatAnomalies:
    """What all rules find in the return that ``period`` is about, the grave first. Raises VatSpanWithoutReturn."""
    return anomalies_of(span_of(period), known_at)


def anomalies_of(span: VatSpan, known_at: datetime | None = None) -> VatAnomalies:
    found = [anomaly for tagged in _tagged(span, known_at) for rule in ALL for anomaly in rule(tagged)]
    found.sort(key=lambda one: (one.severity != RED, one.entry.date, str(one.entry.pk), one.code))
    return VatAnomalies(span, known_at, tuple(replace(one, number=n) for n, one in enumerate(found, start=1)))


def _tagged(span: VatSpan, known_at: datetime | None) -> Iterator[Tagged]:
    administration = span.administration
    codes = {code.pk: code for code in VatCode.objects.filter(administration=administration)}
    lines = ReturnLines(span, form_of(administration, codes.values()), known_at).posted()
    lines = lines.filter(entry__reverses=None, entry__reversal=None).exclude(entry__source_type=SOURCE).order_by()
    groups: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    sums = lines.values("entry", "vat_code", "vat_role").annotate(sum=Sum("vat_amount"), base=Sum("vat_base"))
    for row in sums:
        roles = groups.setdefault((row["entry"], row["vat_code"]), {})
        roles[row["vat_role"]] = (row["sum"], row["base"] or ZERO)
    firsts: dict[tuple[UUID, UUID], UUID] = {}
    for pk, entry, code in lines.order_by("-position").values_list("pk", "entry", "vat_code"):
        firsts[entry, code] = pk
    ids = {entry for entry, _code in groups}
    entries = JournalEntry.objects.filter(administration=administration).select_related("administration", "journal")
    known = entries.in_bulk(ids)
    parties = parties_of(administration, ids)
    stands = standing(administration, span.last_day)
    for (entry, code), roles in groups.items():
        tax, deducted = roles.get(Role.TAX, (ZERO, ZERO)), roles.get(Role.DEDUCTIBLE, (ZERO, ZERO))
        yield Tagged(
            entry=known[entry],
            code=codes[code],
            standing=stands,
            base=roles.get(Role.BASE, (ZERO, ZERO))[0],
            owed=tax[0],
            deducted=deducted[0],
            reckoned_on=tax[1] or deducted[1],
            roles=frozenset(roles),
            line_id=firsts[entry, code],
            party=parties.get(entry),
        )


def _words(tagged: Tagged) -> dict[str, Any]:
    return {
        "base": money(tagged.base, tagged.books),
        "code": tagged.code.code,
        "rate": f"{tagged.code.rate.normalize():f}",
    }


def _found(
    tagged: Tagged, code: str, severity: Severity, title: str, description: str, mend: str, discrepancy: Decimal
) -> VatAnomaly:
    return VatAnomaly(
        code, severity, title, description, mend, tagged.entry, tagged.line_id, quantize(discrepancy, tagged.books)
    )
