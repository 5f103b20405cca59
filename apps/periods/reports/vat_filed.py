"""What was filed, how a return stands, what changed since, and what is due."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db.models import Exists, Min, OuterRef

from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import JournalLine, Period
from apps.periods.models import FiledBox, VatFiling
from apps.periods.reports.vat_forms import Side
from apps.periods.reports.vat_return import ReturnLines, VatReturn, return_of
from apps.periods.reports.vat_spans import VatSpan, due_date, filing_span, standing

MOST_SPANS = 24  # looked back at: what is older is a matter of its own


class State(StrEnum):
    """DRAFT: its periods are open. READY: they are in review or beyond it. FILED; CORRECTED: filed more than once."""

    DRAFT = "DRAFT"
    READY = "READY"
    FILED = "FILED"
    CORRECTED = "CORRECTED"


def is_filed(period: Period) -> bool:
    """Whether a VAT return was filed that covers ``period``: then it is not opened again."""
    if period.type == Period.Type.YEAR_END:  # carries no VAT
        return False
    return VatFiling.objects.filter(
        administration=period.administration_id, first_day__lte=period.first_day, last_day__gte=period.last_day
    ).exists()


def filings_of(span: VatSpan) -> list[VatFiling]:
    """What was filed of ``span``, the newest first, with who did and the boxes."""
    rows = VatFiling.objects.of(span.administration, span.first_day, span.last_day)
    return list(rows.select_related("filed_by", "carried_in").prefetch_related("boxes"))


def state_of(span: VatSpan, filings: list[VatFiling] | None = None) -> State:
    known = filings_of(span) if filings is None else filings
    if known:
        return State.CORRECTED if len(known) > 1 else State.FILED
    return State.DRAFT if open_periods(span) else State.READY


def open_periods(span: VatSpan) -> list[Period]:
    """The smallest periods that end in ``span`` of which no review has begun, neither theirs nor a larger one's."""
    ordinary = Period.objects.filter(administration=span.administration).exclude(type=Period.Type.YEAR_END)
    near = list(ordinary.filter(last_day__gte=span.first_day, first_day__lte=span.last_day).order_by("first_day"))
    return [
        period
        for period in near
        if span.first_day <= period.last_day <= span.last_day
        and not any(_holds(period, other) for other in near if other.pk != period.pk)
        and all(around.status == Period.Status.OPEN for around in near if _holds(around, period))
    ]


def _holds(around: Period, period: Period) -> bool:
    return around.first_day <= period.first_day and around.last_day >= period.last_day


# Corrections ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoxChange:
    """A box as it was filed and as the books say it now, to the cent."""

    box: str
    turnover_filed: Decimal
    vat_filed: Decimal
    turnover: Decimal
    vat: Decimal

    @property
    def turnover_change(self) -> Decimal:
        return self.turnover - self.turnover_filed

    @property
    def vat_change(self) -> Decimal:
        return self.vat - self.vat_filed


@dataclass(frozen=True)
class Correction:
    """What became of the books after ``filed``: all boxes beside what was filed, and how it is put right.

    ``known_since`` is when the first of it was posted. ``needs_form``: the net difference is beyond what the next
    return may carry, so the return is filed anew, by ``due``.
    """

    filed: VatFiling
    current: VatReturn
    boxes: tuple[BoxChange, ...]
    known_since: datetime | None

    @property
    def net(self) -> Decimal:
        """More to pay than was filed, to the cent; negative is less."""
        return self.current.net - self.filed.exact

    @property
    def needs_form(self) -> bool:
        limit = self.current.form.carry_limit
        return limit is None or abs(self.net) > limit

    @property
    def due(self) -> date | None:
        weeks = self.current.form.weeks
        if weeks is None or self.known_since is None or not self.needs_form:
            return None
        found = self.known_since.astimezone(ZoneInfo(self.current.administration.time_zone)).date()
        return found + timedelta(weeks=weeks)

    @property
    def lines(self) -> ReturnLines:
        """What was posted into the span after it was filed."""
        return ReturnLines(self.current.span, self.current.form, later_than=self.filed.filed_at)


def correction_of(span: VatSpan, filings: list[VatFiling] | None = None) -> Correction | None:
    """What changed of a filed span; None where nothing was filed, or the books still say what was."""
    known = filings_of(span) if filings is None else filings
    if not known:
        return None
    filed, current = known[0], return_of(span)
    before = {box.box: box for box in filed.boxes.all()}
    changes = tuple(_changes(before, current))
    if not any(change.turnover_change or change.vat_change for change in changes):
        return None
    later = ReturnLines(span, current.form, later_than=filed.filed_at).posted().order_by()
    return Correction(filed, current, changes, later.aggregate(first=Min("entry__posted_at"))["first"])


def _changes(before: dict[str, FiledBox], current: VatReturn) -> list[BoxChange]:
    now = {figure.box.code: figure for figure in current.boxes if figure.box.side != Side.TOTAL}
    return [
        BoxChange(
            code,
            before[code].exact_turnover if code in before else ZERO,
            before[code].exact_vat if code in before else ZERO,
            now[code].turnover if code in now else ZERO,
            now[code].vat if code in now else ZERO,
        )
        for code in dict.fromkeys([*now, *before])
    ]


def carriable(span: VatSpan) -> list[Correction]:
    """Corrections of earlier spans that the return of ``span`` may carry: each, and all together, within the limit."""
    found: list[Correction] = []
    net = ZERO
    for earlier in _filed_before(span):
        correction = correction_of(earlier)
        if correction and not correction.needs_form:
            limit = correction.current.form.carry_limit
            if limit is not None and abs(net + correction.net) <= limit:
                found.append(correction)
                net += correction.net
    return found


def _filed_before(span: VatSpan) -> list[VatSpan]:
    """Filed spans before ``span`` into which something was posted since, the newest first."""
    rows = VatFiling.objects.filter(administration=span.administration, last_day__lt=span.first_day).latest_of_each()
    later = JournalLine.objects.filter(
        administration=span.administration,
        vat_code__isnull=False,
        vat_period__last_day__gte=OuterRef("first_day"),
        vat_period__last_day__lte=OuterRef("last_day"),
        entry__posted_at__gt=OuterRef("filed_at"),
    )
    touched = rows.filter(Exists(later.posted())).order_by("-last_day")[:MOST_SPANS]
    return [VatSpan(span.administration, one.frequency, one.first_day, one.last_day) for one in touched]


# Deadlines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deadline:
    """A return of an administration that must file: until when, and how it stands. ``days_left`` may be negative."""

    span: VatSpan
    due: date | None
    state: State
    today: date
    is_over: bool

    @property
    def days_left(self) -> int | None:
        return (self.due - self.today).days if self.due else None

    @property
    def is_late(self) -> bool:
        return self.state in (State.DRAFT, State.READY) and self.days_left is not None and self.days_left < 0


def deadlines(administration: Administration, today: date) -> list[Deadline]:
    """The returns that the books begin with until the one under way on ``today``, the newest first, ``MOST_SPANS`` at
    most; those of days on which nothing must be filed are left out."""
    first = Period.objects.filter(administration=administration).order_by("first_day").first()
    if first is None:
        return []
    filed: dict[date, int] = {}
    rows = VatFiling.objects.filter(administration=administration)
    for start, revision in rows.order_by("revision").values_list("first_day", "revision"):
        filed[start] = revision
    found: list[Deadline] = []
    span = filing_span(administration, today)
    for _n in range(MOST_SPANS):
        if span.last_day < first.first_day:
            break
        if standing(administration, span.last_day).is_obliged or span.first_day in filed:
            found.append(Deadline(span, due_date(span), _state(span, filed), today, span.last_day < today))
        span = filing_span(administration, span.first_day - timedelta(days=1))
    return found


def _state(span: VatSpan, filed: dict[date, int]) -> State:
    if span.first_day in filed:
        return State.CORRECTED if filed[span.first_day] else State.FILED
    return State.DRAFT if open_periods(span) else State.READY
