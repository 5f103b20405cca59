"""The takings of a day as the close page shows them: each figure with the rows that it is the sum of."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.addresses import Status, day_link
from apps.billing.blind import AFTER_THE_COUNT, AfterTheCount, Seen, seen
from apps.billing.models import EndOfDayReconciliation, Payment
from apps.billing.reports.blind import HIDDEN
from apps.billing.reports.drawers import DrawerOfDay
from apps.billing.reports.review import DayBefore, hidden_days
from apps.billing.reports.tie_out import Tied, TieOut
from apps.core import display
from apps.core.models import Administration
from apps.core.money import ZERO, total

CASH = Payment.Method.CASH


@dataclass(frozen=True)
class Then:
    """What an earlier day had in the same place, and the heading that names that day."""

    word: str
    amount: Seen


@dataclass(frozen=True)
class Taking:
    """One method on the close page: what came in, what went back, where both are listed, what stands elsewhere."""

    method: str
    word: str
    payments: Seen
    payments_count: int | None
    payments_link: str
    refunds: Seen
    refunds_count: int | None
    refunds_link: str
    total: Seen
    link: str
    said: Seen
    difference: Seen
    share: int
    before: list[Then]

    @property
    def is_empty(self) -> bool:
        """Nothing came or went by it, nothing is said of it, and nothing was there on the days beside it."""
        beside = [self.said, self.difference, *(then.amount for then in self.before)]
        return self.payments_count == 0 and self.refunds_count == 0 and not any(beside)


@dataclass(frozen=True)
class Sum:
    """A figure of its own: its word, its amount, and the list that it is the sum of. What it ``deducts`` is no loss."""

    word: Any
    amount: Seen
    link: str = ""
    deducts: bool = False


@dataclass(frozen=True)
class Before:
    """An earlier day to hold this one against; its ``close`` is None where nobody prepared it."""

    word: str
    link: str
    close: EndOfDayReconciliation | None
    hidden: bool

    def then(self, name: str) -> Then:
        value: Decimal | None = getattr(self.close, name) if self.close else None
        return Then(self.word, seen(value, hidden=self.hidden and name in HIDDEN))


def days_before(administration: Administration, day: date) -> list[Before]:
    """Yesterday and the same weekday a week ago."""
    wanted = {_("The day before"): day - timedelta(days=1), _("A week before"): day - timedelta(days=7)}
    closes = EndOfDayReconciliation.objects.current().filter(
        administration=administration, reconciliation_date__in=wanted.values()
    )
    known = {close.reconciliation_date: close for close in closes.exclude(status=Status.CANCELLED)}
    hidden = hidden_days(administration, day - timedelta(days=7), day - timedelta(days=1))
    return [
        Before(str(word), day_link(administration.pk, then), known.get(then), then in hidden)
        for word, then in wanted.items()
    ]


def takings(
    figures: Any,
    administration: Administration,
    day: date,
    *,
    before: list[Before],
    tied: TieOut | None,
    drawers: list[DrawerOfDay],
    hidden: bool,
) -> dict[str, list[Taking]]:
    """The methods, money and cover apart."""
    rows: dict[str, list[Taking]] = {"money": [], "cover": []}
    methods = figures.breakdown["methods"]
    held = {one.method: one for one in tied.totals} if tied else {}
    open_ = [method for method in Payment.Method if not (hidden and method == CASH)]
    largest = max((Decimal(methods[method]["total"]) for method in open_), default=ZERO)
    for method in Payment.Method:
        parts = methods[method]
        blind = hidden and method == CASH
        mine = {"administration__id__exact": administration.pk, "day": day.isoformat(), "method__exact": method}
        there = held.get(method, Tied(method, None))
        amount = Decimal(parts["total"])
        rows["cover" if method in Payment.COVER else "money"].append(
            Taking(
                method=method,
                word=str(method.label),
                payments=seen(Decimal(parts["gross"]), hidden=blind),
                payments_count=None if blind else parts["payments_count"],
                payments_link=link("billing_payment_changelist", **mine, kind__exact=Payment.Kind.PAYMENT),
                refunds=seen(-Decimal(parts["refunds"]), hidden=blind),
                refunds_count=None if blind else parts["refunds_count"],
                refunds_link=link("billing_payment_changelist", **mine, kind__in="REFUND,CHARGEBACK"),
                total=seen(amount, hidden=blind),
                link=link("billing_payment_changelist", **mine),
                said=_said(there),
                difference=_cash_difference(drawers, hidden) if method == CASH else _difference(there),
                share=0 if blind or largest <= 0 else int(100 * max(amount, ZERO) / largest),
                before=[one.then(f"total_{method.lower()}") for one in before],
            )
        )
    return rows


def _said(there: Tied) -> Decimal | None:
    """What stands outside the books: the card terminals or the provider."""
    return there.provider if there.terminal is None else there.terminal


def _difference(there: Tied) -> Decimal | None:
    said = _said(there)
    return None if said is None or there.taken is None else said - there.taken


def _cash_difference(drawers: list[DrawerOfDay], hidden: bool) -> Seen:
    if not drawers:
        return None
    return AFTER_THE_COUNT if hidden else total(one.difference for one in drawers if one.difference is not None)


def disagrees(rows: dict[str, list[Taking]]) -> bool:
    """Whether a terminal, the provider or a drawer says something else than the books."""
    differences = [one.difference for part in rows.values() for one in part]
    return any(isinstance(one, Decimal) and one for one in differences)


def sums(figures: Any, administration: Administration, day: date, *, hidden: bool, before: list[Before]) -> Any:
    """What stands below the methods: settled, money in, refunds in it, wallet top-ups beside it."""
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat()}
    rows = [
        ("total_revenue", _("Settled"), link("billing_payment_changelist", **mine)),
        ("money_in", _("of which money in"), ""),
        (
            "total_refunds",
            _("refunds, deducted already"),
            link("billing_payment_changelist", **mine, kind__in="REFUND,CHARGEBACK"),
        ),
        ("total_wallet_topups", _("wallet top-ups, beside it"), link("billing_topup_changelist", **mine)),
    ]
    found = [
        (Sum(word, seen(getattr(figures, name), hidden=hidden), where), [one.then(name) for one in before])
        for name, word, where in rows
    ]
    # The first two always; what is nothing on every day says nothing.
    return [*found[:2], *((one, then) for one, then in found[2:] if one.amount or any(day.amount for day in then))]


def billed(figures: Any, administration: Administration, day: date, *, hidden: bool) -> list[Sum]:
    """What was invoiced and credited; together it is what was billed before VAT."""
    parts = figures.breakdown["bills"]
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat()}
    rows = [
        (
            _("bills, VAT included"),
            Decimal(parts["billed"]),
            link("billing_bill_changelist", **mine, kind__exact="BILL"),
        ),
        (
            _("credit notes"),
            -Decimal(parts["credited"]),
            link("billing_bill_changelist", **mine, kind__exact="CREDIT_NOTE"),
        ),
        (_("less the VAT in them"), -Decimal(parts["vat"]), ""),
    ]
    return [Sum(word, seen(value, hidden=hidden), where, deducts=not where) for word, value, where in rows]


def advances(figures: Any, administration: Administration, day: date, *, hidden: bool) -> list[Sum]:
    """What was paid in advance for taxed services and what became of it; nothing on a day that has none."""
    parts = figures.breakdown.get("advances", {})
    if not any(Decimal(parts[name]) for name in ("received", "given_back", "used") if name in parts):
        return []
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat()}
    rows = [
        (
            _("received, in the top-ups"),
            parts["received"],
            link("billing_topup_changelist", **mine, advance="received"),
        ),
        (_("given back"), f"-{parts['given_back']}", link("billing_topup_changelist", **mine, advance="given_back")),
        (_("bills paid from them"), parts["used"], link("billing_payment_changelist", **mine, advance__isnull="False")),
        (_("VAT declared, less what bills took over"), parts["vat"], ""),
    ]
    return [Sum(word, seen(Decimal(value) + ZERO, hidden=hidden), where) for word, value, where in rows]


def open_bills(figures: Any, administration: Administration, day: date) -> dict[str, list[Sum]]:
    """What is unpaid at the end of the day, each with the bills that make it up."""
    parts, at = figures.breakdown["outstanding"], day.isoformat()

    def bills(**query: Any) -> str:
        return link("billing_bill_changelist", administration__id__exact=administration.pk, **query)

    return {
        "parts": [
            Sum(_("owed by patients"), Decimal(parts["patient"]), bills(owed=f"patient@{at}")),
            Sum(_("owed by payers"), Decimal(parts["payer"]), bills(owed=f"payer@{at}")),
        ],
        "beside": [
            Sum(_("of which billed this day"), Decimal(parts["own_day"]), bills(owed=f"any@{at}", day=at)),
            Sum(_("credits of patients, not deducted"), Decimal(parts["credits"]), bills(owed=f"credit@{at}")),
        ],
    }


# The last fortnight, to be looked at ---------------------------------------------------------------------------------

CHART_HEIGHT = 90  # units of the picture; the page scales it
COLUMN = 40


@dataclass(frozen=True)
class Column:
    """A day of the chart: where its bar stands, and what it says."""

    x: int
    y: int
    height: int
    says: str
    letter: str
    number: str
    link: str
    is_today: bool
    hidden: bool


def columns(days: list[DayBefore], administration: Administration, *, today: Seen) -> list[Column]:
    """A bar a day, the last one with ``today``'s figure as it is now; a day that waits for its count has none."""
    amounts: list[Seen] = [AFTER_THE_COUNT if one.hidden else one.settled for one in days[:-1]]
    amounts.append(today)
    largest = max((one for one in amounts if isinstance(one, Decimal)), default=ZERO)
    return [
        _column(at, one, value, largest, administration)
        for at, (one, value) in enumerate(zip(days, amounts, strict=True))
    ]


def _column(at: int, day: DayBefore, value: Seen, largest: Decimal, administration: Administration) -> Column:
    height = int(CHART_HEIGHT * max(value, ZERO) / largest) if isinstance(value, Decimal) and largest > 0 else 0
    words = value if isinstance(value, AfterTheCount) else display.money(value, administration.currency)
    name = str(display.short_day(day.date))
    return Column(
        x=at * COLUMN,
        y=CHART_HEIGHT - height,
        height=height,
        says=f"{name}: {words}",
        letter=name[:2],
        number=str(day.date.day),
        link=day_link(administration.pk, day.date),
        is_today=at == 13,
        hidden=isinstance(value, AfterTheCount),
    )
