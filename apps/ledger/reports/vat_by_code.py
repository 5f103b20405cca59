"""VAT by code: turnover, VAT owed and VAT deducted per VAT code, and the boxes of the return that they fill."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Q, Sum, Value, When

from apps.core.models import Administration
from apps.core.money import ZERO, amount_field, total
from apps.ledger.models import Account, JournalLine, Period, VatCode

Role = JournalLine.VatRole


@dataclass(frozen=True)
class VatLines:
    """The posted lines of one code (or of all) and one role (or of all) that count in ``periods``."""

    administration: Administration
    periods: tuple[Period, ...]
    known_at: datetime | None = None
    vat_code: VatCode | None = None
    role: str = ""

    def posted(self) -> Any:
        """The lines themselves, each with its ``vat_amount``: positive as the return counts it."""
        lines = JournalLine.objects.filter(administration=self.administration, vat_period__in=self.periods).posted()
        if self.known_at:
            lines = lines.known_at(self.known_at)
        if self.vat_code:
            lines = lines.filter(vat_code=self.vat_code)
        if self.role:
            lines = lines.filter(vat_role=self.role)
        debit, credit = F("debit") - F("credit"), F("credit") - F("debit")
        on_debit_side = Q(vat_role=Role.DEDUCTIBLE) | Q(vat_role=Role.BASE) & PURCHASE
        return lines.filter(vat_code__isnull=False).annotate(
            vat_amount=Case(When(on_debit_side, then=debit), default=credit, output_field=amount_field())
        )


# The base of a purchase is a debit: what is bought, and what is reckoned on it as reverse charge.
PURCHASE = (
    Q(vat_code__category=VatCode.Category.PURCHASES)
    | Q(vat_code__input_account__isnull=False)
    | Q(vat_code__category=VatCode.Category.ZERO_RATE, account__type=Account.Type.EXPENSE)
)


@dataclass(frozen=True)
class VatCodeRow:
    """One code. ``turnover`` is the base of sales, or what was bought; the lines of each figure have its role."""

    vat_code: VatCode
    turnover: Decimal
    vat_owed: Decimal
    vat_deducted: Decimal
    lines: VatLines


@dataclass(frozen=True)
class VatBox:
    """A box of the return: its turnover and its VAT (owed, or deducted in a box for deductible VAT)."""

    box: str
    turnover: Decimal
    vat: Decimal


@dataclass(frozen=True)
class VatByCode:
    """The VAT periods that end from ``since`` until ``until``: each counts in one span only, however spans are cut."""

    administration: Administration
    since: date
    until: date
    known_at: datetime | None
    periods: tuple[Period, ...]
    rows: tuple[VatCodeRow, ...]

    @property
    def turnover(self) -> Decimal:
        return total(row.turnover for row in self.rows)

    @property
    def vat_owed(self) -> Decimal:
        return total(row.vat_owed for row in self.rows)

    @property
    def vat_deducted(self) -> Decimal:
        return total(row.vat_deducted for row in self.rows)

    @property
    def vat_payable(self) -> Decimal:
        """Owed less deducted; negative is to be received back."""
        return self.vat_owed - self.vat_deducted

    @property
    def boxes(self) -> tuple[VatBox, ...]:
        """What each box of the return adds up to, to the cent."""
        turnover: dict[str, Decimal] = {}
        vat: dict[str, Decimal] = {}
        for row in self.rows:
            code = row.vat_code
            for sums, box, amount in (
                (turnover, code.box_turnover, row.turnover),
                (vat, code.box_vat, row.vat_owed),
                (vat, code.box_deductible, row.vat_deducted),
            ):
                sums[box] = sums.get(box, ZERO) + amount
        named = sorted({*turnover, *vat} - {""}, key=lambda box: (len(box), box) if box.isdigit() else (0, box))
        return tuple(VatBox(box, turnover.get(box, ZERO), vat.get(box, ZERO)) for box in named)


def vat_by_code(
    administration: Administration, since: date, until: date, *, known_at: datetime | None = None
) -> VatByCode:
    """Per VAT code, what counts in the VAT periods that end from ``since`` until ``until``, in three queries."""
    periods = tuple(vat_periods(administration, since, until))
    lines = VatLines(administration, periods, known_at)
    sums: dict[Any, dict[str, Decimal]] = {}
    found = lines.posted().order_by().values("vat_code", "vat_role")
    for row in found.annotate(sum=Sum("vat_amount", default=Value(ZERO))):
        sums.setdefault(row["vat_code"], {})[row["vat_role"]] = row["sum"]
    rows = [
        VatCodeRow(
            vat_code=code,
            turnover=sums[code.pk].get(Role.BASE, ZERO),
            vat_owed=sums[code.pk].get(Role.TAX, ZERO),
            vat_deducted=sums[code.pk].get(Role.DEDUCTIBLE, ZERO),
            lines=VatLines(administration, periods, known_at, code),
        )
        for code in VatCode.objects.filter(administration=administration, pk__in=sums).order_by("code")
    ]
    return VatByCode(administration, since, until, known_at, periods, tuple(rows))


def vat_periods(administration: Administration, since: date, until: date) -> Any:
    """The periods that lines may name as their VAT period and that end from ``since`` until ``until``."""
    ordinary = Period.objects.filter(administration=administration).exclude(type=Period.Type.YEAR_END)
    return ordinary.filter(last_day__gte=since, last_day__lte=until).order_by("first_day", "last_day")
