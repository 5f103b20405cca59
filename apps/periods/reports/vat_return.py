"""The VAT return: the boxes of the official form, what fills them, and what they come to.

A line counts in the span in which its VAT period ends: a correction, which carries the VAT period it corrects, in that
one. Boxes are exact, each the sum of the lines that it lists; ``declared`` is what the form takes.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Count, Q, Sum

from apps.core.models import Administration
from apps.core.money import ZERO, total
from apps.ledger.models import JournalLine, Period, VatCode
from apps.ledger.reports.vat_by_code import VatLines, vat_periods
from apps.periods.models import VatRegistration
from apps.periods.reports.vat_forms import Box, Form, Side, form_of
from apps.periods.reports.vat_spans import VatSpan, due_date, span_of, standing

Role = JournalLine.VatRole


@dataclass(frozen=True)
class ReturnLines:
    """The posted lines that count in ``span``, those of one ``box`` where it is given; what only became known after
    ``later_than`` where that is."""

    span: VatSpan
    form: Form
    known_at: datetime | None = None
    box: str = ""
    later_than: datetime | None = None

    def posted(self) -> Any:
        """The lines, each with ``vat_amount``, positive as the return counts it, and ``box``, before deductions are
        told apart."""
        span = self.span
        year = tuple(vat_periods(span.administration, date(span.last_day.year, 1, 1), span.last_day))
        within = [period for period in year if period.last_day >= span.first_day]
        yearly = Q(vat_code__box_turnover__in=self.form.yearly) | Q(vat_code__box_vat__in=self.form.yearly)
        counted = Q(vat_period__in=within) & ~yearly
        lines = VatLines(span.administration, year, self.known_at).posted()
        lines = lines.filter(counted | yearly if span.is_last_of_year else counted).annotate(
            box=self.form.box_of_line()
        )
        if self.later_than:
            lines = lines.filter(entry__posted_at__gt=self.later_than)
        return self._of_box(lines) if self.box else lines

    def _of_box(self, lines: Any) -> Any:
        """A total lists what fills the boxes that it adds up."""
        sides = {box.code: box.side for box in self.form.boxes}
        if sides.get(self.box) != Side.TOTAL:
            wanted = [self.box]
        elif self.box == "5a":
            wanted = [code for code, side in sides.items() if side == Side.OWED]
        else:
            wanted = [code for code, side in sides.items() if side in (Side.OWED, Side.DEDUCTED)]
        roles = {role: list(self._names(wanted, role)) for role in Role.values}
        if sides.get(self.box) == Side.TOTAL:
            roles[Role.BASE] = []
        found = Q(pk=None)
        for role, boxes in roles.items():
            found |= Q(vat_role=role, box__in=boxes)
        return lines.filter(found)

    def _names(self, wanted: list[str], role: str) -> Any:
        """What ``box_of_line`` answers for the lines with ``role`` that fill ``wanted``."""
        for box in wanted:
            for plain in {box, box.removesuffix("F"), box.removesuffix(" -")}:
                if self.form.place(plain, role) == box:
                    yield plain


@dataclass(frozen=True)
class BoxFigure:
    """A box: ``turnover`` and ``vat`` to the cent, and as they are declared. A total adds up what is declared."""

    box: Box
    turnover: Decimal
    vat: Decimal
    turnover_declared: Decimal
    vat_declared: Decimal
    transactions: int
    lines: ReturnLines


@dataclass(frozen=True)
class CodeFigure:
    """A VAT code: its base, what is owed and what is deducted; ``transactions`` counts entries."""

    vat_code: VatCode
    base: Decimal
    owed: Decimal
    deducted: Decimal
    transactions: int

    @property
    def vat(self) -> Decimal:
        """What the code is about: the VAT owed where it owes any, otherwise the VAT deducted."""
        return self.owed or self.deducted


@dataclass(frozen=True)
class VatReturn:
    """What the books say for one span, as known at a moment."""

    span: VatSpan
    known_at: datetime | None
    form: Form
    standing: VatRegistration
    boxes: tuple[BoxFigure, ...]
    codes: tuple[CodeFigure, ...]

    @property
    def administration(self) -> Administration:
        return self.span.administration

    @property
    def due(self) -> date | None:
        return due_date(self.span)

    @cached_property
    def by_code(self) -> dict[str, BoxFigure]:
        return {figure.box.code: figure for figure in self.boxes}

    def _sum(self, side: Side, name: str) -> Decimal:
        return total(getattr(figure, name) for figure in self.boxes if figure.box.side == side)

    @property
    def turnover(self) -> Decimal:
        """What was sold, as far as it stands on the return."""
        return total(figure.turnover for figure in self.boxes if figure.box.is_supply)

    @property
    def owed(self) -> Decimal:
        return self._sum(Side.OWED, "vat")

    @property
    def deducted(self) -> Decimal:
        return self._sum(Side.DEDUCTED, "vat")

    @property
    def net(self) -> Decimal:
        """To pay, to the cent; negative is to be received back."""
        return self.owed - self.deducted

    @property
    def net_declared(self) -> Decimal:
        return self._sum(Side.OWED, "vat_declared") - self._sum(Side.DEDUCTED, "vat_declared")

    @property
    def rounding(self) -> Decimal:
        """What whole units give the taxpayer: never less than nothing."""
        return self.net - self.net_declared


def vat_return(period: Period, known_at: datetime | None = None) -> VatReturn:
    """The return of the span of the calendar that ``period`` is about. Raises VatSpanWithoutReturn."""
    return return_of(span_of(period), known_at)


def return_of(span: VatSpan, known_at: datetime | None = None) -> VatReturn:
    """The return of ``span`` in a handful of queries, however many lines there are."""
    administration = span.administration
    codes = {code.pk: code for code in VatCode.objects.filter(administration=administration)}
    form = form_of(administration, codes.values())
    lines = ReturnLines(span, form, known_at)
    posted = lines.posted().order_by()

    figures = _codes(posted, codes)
    turnover: dict[str, Decimal] = {}
    vat: dict[str, Decimal] = {}
    for figure in figures:
        base_box, owed_box, deducted_box = form.places(figure.vat_code)
        for sums, box, amount in (
            (turnover, base_box, figure.base),
            (vat, owed_box, figure.owed),
            (vat, deducted_box, figure.deducted),
        ):
            sums[box] = sums.get(box, ZERO) + amount
    counts = _transactions(posted, form)
    boxes = [
        BoxFigure(
            box=box,
            turnover=turnover.get(box.code, ZERO),
            vat=vat.get(box.code, ZERO) if box.side != Side.NONE else ZERO,
            turnover_declared=form.declared(turnover.get(box.code, ZERO), Side.OWED),
            vat_declared=form.declared(vat.get(box.code, ZERO), box.side) if box.side != Side.NONE else ZERO,
            transactions=counts.get(box.code, 0),
            lines=ReturnLines(span, form, known_at, box.code),
        )
        for box in form.boxes
    ]
    return VatReturn(
        span, known_at, form, standing(administration, span.last_day), tuple(_with_totals(boxes)), tuple(figures)
    )


def _codes(posted: Any, codes: dict[Any, VatCode]) -> list[CodeFigure]:
    sums: dict[Any, dict[str, Decimal]] = {}
    for row in posted.values("vat_code", "vat_role").annotate(sum=Sum("vat_amount")):
        sums.setdefault(row["vat_code"], {})[row["vat_role"]] = row["sum"]
    entries = dict(posted.values_list("vat_code").annotate(count=Count("entry", distinct=True)))
    return [
        CodeFigure(
            codes[pk],
            roles.get(Role.BASE, ZERO),
            roles.get(Role.TAX, ZERO),
            roles.get(Role.DEDUCTIBLE, ZERO),
            entries[pk],
        )
        for pk, roles in sorted(sums.items(), key=lambda one: codes[one[0]].code)
    ]


def _transactions(posted: Any, form: Form) -> dict[str, int]:
    """How many entries fill each box."""
    deducting = Q(vat_role=Role.DEDUCTIBLE)
    counts: dict[str, int] = {}
    rows = posted.values_list("box").annotate(
        others=Count("entry", distinct=True, filter=~deducting),
        deductions=Count("entry", distinct=True, filter=deducting),
    )
    for box, others, deductions in rows:
        if box:
            for role, count in ((Role.TAX, others), (Role.DEDUCTIBLE, deductions)):
                place = form.place(box, role)
                counts[place] = counts.get(place, 0) + count
    return counts


def _with_totals(boxes: list[BoxFigure]) -> Any:
    """The boxes; a total instead of one that stands for the sum of others."""

    def sums(side: Side) -> tuple[Decimal, Decimal]:
        mine = [figure for figure in boxes if figure.box.side == side]
        return total(figure.vat for figure in mine), total(figure.vat_declared for figure in mine)

    (owed, owed_declared), (deducted, deducted_declared) = sums(Side.OWED), sums(Side.DEDUCTED)
    for figure in boxes:
        if figure.box.side != Side.TOTAL:
            yield figure
            continue
        exact, declared = owed, owed_declared
        if figure.box.code != "5a":
            exact, declared = owed - deducted, owed_declared - deducted_declared
        yield BoxFigure(figure.box, ZERO, exact, ZERO, declared, 0, figure.lines)
