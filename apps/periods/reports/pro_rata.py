"""The annual correction of what was deducted of mixed costs: by the year's own turnover, once the year is known.

Wet OB article 15 (6) with articles 11 and 12 of the Uitvoeringsbeschikking OB: the part that is deducted is taxed
turnover by all turnover, rounded up to a whole percent (directive 2006/112, article 175); what differs from what was
deducted during the year goes into the year's last return.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from apps.core.models import Administration
from apps.core.money import ZERO, quantize, total
from apps.ledger.models import JournalLine, VatCode
from apps.periods.models.vat import Frequency
from apps.periods.reports.vat_return import CodeFigure, ReturnLines, VatReturn, return_of
from apps.periods.reports.vat_spans import span_at

SOURCE = "vat_pro_rata"
Role = JournalLine.VatRole


@dataclass(frozen=True)
class MixedCost:
    """A code whose VAT is deducted in part: ``vat`` is all of it, ``deducted`` what was deducted so far."""

    vat_code: VatCode
    vat: Decimal
    deducted: Decimal
    correction: Decimal


@dataclass(frozen=True)
class ProRata:
    """``percentage`` by the turnover of the year; None where there was none. ``provisional`` is what was registered."""

    administration: Administration
    year: int
    taxed: Decimal
    exempt: Decimal
    provisional: Decimal | None
    percentage: Decimal | None
    costs: tuple[MixedCost, ...]

    @property
    def correction(self) -> Decimal:
        """More to deduct; negative is to be paid back."""
        return total(cost.correction for cost in self.costs)


def pro_rata(administration: Administration, year: int) -> ProRata:
    """What ``year`` says of the costs that serve taxed and exempt care alike: codes of which a part is deducted."""
    report = return_of(span_at(administration, Frequency.YEAR, date(year, 12, 31)))
    taxed = total(code.base for code in report.codes if _is_taxed(code, report))
    exempt = total(code.base for code in report.codes if code.vat_code.category == VatCode.Category.EXEMPT)
    percentage = None
    if taxed + exempt > 0 and taxed >= 0:
        percentage = min((taxed * 100 / (taxed + exempt)).to_integral_value(ROUND_CEILING), Decimal(100))
    costs = tuple(_costs(report, percentage)) if percentage is not None else ()
    return ProRata(administration, year, taxed, exempt, report.standing.pro_rata, percentage, costs)


def _is_taxed(code: CodeFigure, report: VatReturn) -> bool:
    """What we supply, but for exempt care and private use."""
    named = code.vat_code
    if named.input_account_id or named.category in (VatCode.Category.PURCHASES, VatCode.Category.EXEMPT):
        return False
    return named.box_turnover not in report.form.yearly


def _costs(report: VatReturn, percentage: Decimal) -> list[MixedCost]:
    books = report.administration.currency
    lines = ReturnLines(report.span, report.form).posted().filter(vat_role=Role.DEDUCTIBLE, entry__source_type=SOURCE)
    corrected: dict[object, Decimal] = {}
    for line in lines:
        corrected[line.vat_code_id] = corrected.get(line.vat_code_id, ZERO) + line.vat_amount
    found = []
    for code in report.codes:
        part = code.vat_code.deductible
        if code.deducted and ZERO < part < 100:
            whole = quantize((code.deducted - corrected.get(code.vat_code.pk, ZERO)) * 100 / part, books)
            due = quantize(whole * percentage / 100, books)
            found.append(MixedCost(code.vat_code, whole, code.deducted, due - code.deducted))
    return found
