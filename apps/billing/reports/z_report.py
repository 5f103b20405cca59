"""X and Z: the day so far, and the day as it was signed, on screen and on paper."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.models import ClinicDay, EndOfDayReconciliation, Payment
from apps.billing.reports.blind import HIDDEN, blinded
from apps.billing.reports.day import day_figures, describe
from apps.billing.reports.drawers import cash_hidden
from apps.billing.reports.revisions import AMOUNTS, COUNTS
from apps.billing.reports.sealed import seal_of
from apps.billing.reports.tie_out import TieOut, tie_out
from apps.core import display
from apps.core.models import Administration, User
from apps.core.money import total
from apps.core.tables import Column, Kind, Row, Table


@dataclass(frozen=True)
class Signature:
    """Who did a step of the close, and when. ``step`` is asked, prepared, reviewed, finalized or reopened."""

    step: str
    by: User | None
    at: datetime


@dataclass(frozen=True)
class DayReport:
    """An X report (so far) or a Z report (of a stored close). Amounts are in the book currency.

    While ``cash_hidden`` what would tell the cash is None, in ``figures`` and in ``breakdown``. ``seal_head`` and
    ``seal_rows`` are what the seal of a signed close covers: hold them against ``verify_books --head``.
    """

    kind: str
    administration: Administration
    date: date
    number: str
    status: str
    revision: int | None
    figures: dict[str, Any]
    breakdown: dict[str, Any]
    mismatches: tuple[dict[str, Any], ...]
    tie_out: TieOut | None
    signatures: tuple[Signature, ...]
    notes: tuple[str, ...]
    reopen_reason: str
    cash_hidden: bool
    seal_head: str
    seal_rows: int | None


def x_report(administration: Administration, day: date, user: User) -> DayReport:
    """The day so far, as ``user`` asks for it: nothing is changed, and nobody sees cash before the count."""
    found = ClinicDay.objects.filter(administration=administration, date=day).first()
    clinic_day = found or ClinicDay(administration=administration, date=day)  # no row of it is made
    clinic_day.administration = administration
    figures = day_figures(clinic_day)
    asked = Signature("asked", user, timezone.now())
    return _report("X", clinic_day, figures, cash_hidden(clinic_day), tie_out=tie_out(clinic_day), signatures=(asked,))


def z_report(close: EndOfDayReconciliation) -> DayReport:
    """What ``close`` states, as it is stored. A revision that another one followed has no tie-out: its day moved on."""
    signed = close.status == EndOfDayReconciliation.Status.FINALIZED
    steps = ("prepared", "reviewed", "finalized", "reopened")
    done = ((step, getattr(close, f"{step}_by"), getattr(close, f"{step}_at")) for step in steps)
    made = seal_of(close) if signed else None
    holds = EndOfDayReconciliation.objects.current().filter(pk=close.pk).exists()
    return _report(
        "Z",
        close.clinic_day,
        close,
        not signed and cash_hidden(close.clinic_day),
        tie_out=tie_out(close.clinic_day) if holds else None,
        status=close.status,
        number=str(close),
        revision=close.revision,
        signatures=tuple(Signature(step, by, at) for step, by, at in done if at),
        notes=tuple(note.text for note in close.note_entries.all()),
        reopen_reason=close.reopen_reason,
        seal_head=made.head if made else "",
        seal_rows=made.rows if made else None,
    )


def _report(kind: str, day: ClinicDay, figures: Any, hidden: bool, **more: Any) -> DayReport:
    stated = {name: getattr(figures, name) for name in (*AMOUNTS, *COUNTS) if hasattr(figures, name)}
    empty = {"number": "", "status": "", "revision": None, "notes": (), "reopen_reason": ""}
    return DayReport(
        kind=kind,
        administration=day.administration,
        date=day.date,
        figures=stated | dict.fromkeys(HIDDEN) if hidden else stated,
        breakdown=blinded(figures.breakdown) if hidden else figures.breakdown,
        mismatches=tuple(figures.mismatch_details),
        cash_hidden=hidden,
        **{**empty, "seal_head": "", "seal_rows": None, **more},
    )


# On paper ------------------------------------------------------------------------------------------------------------


def day_table(report: DayReport) -> Table:
    """``report`` as a table for paper, in the language that is active."""
    rows = [*_takings(report), *_figures(report), *_drawers(report), *_tied(report), *_remarks(report)]
    title = _("Z report %(number)s") % {"number": report.number} if report.kind == "Z" else _("X report")
    return Table(
        name=f"{report.kind.lower()}-report-{report.number or report.date}",
        title=title,
        facts=tuple(_facts(report)),
        columns=(
            Column("", width=42),
            Column(_("Number"), Kind.NUMBER, width=9),
            Column(_("Payments"), Kind.AMOUNT, width=16),
            Column(_("Refunds"), Kind.AMOUNT, width=16),
            Column(_("Total"), Kind.AMOUNT, width=17),
        ),
        rows=rows,
        count=len(rows),
        currency=report.administration.currency,
        footnote=_("Seal of the books: head %(head)s over %(rows)s rows.")
        % {"head": report.seal_head, "rows": report.seal_rows}
        if report.seal_head
        else "",
    )


def _facts(report: DayReport) -> Any:
    yield _("Administration"), report.administration.name
    yield _("Day"), display.day(report.date)
    if report.kind == "Z":
        yield _("State"), str(EndOfDayReconciliation.Status(report.status).label)
    words = {
        "asked": _("Asked for by"),
        "prepared": _("Prepared by"),
        "reviewed": _("Reviewed by"),
        "finalized": _("Finalized by"),
        "reopened": _("Reopened by"),
    }
    for one in report.signatures:
        moment = display.moment(one.at, report.administration.time_zone)
        yield words[one.step], f"{one.by or _('the nightly close')}, {moment}"
    if report.reopen_reason:
        yield _("Why reopened"), report.reopen_reason
    yield _("Currency"), report.administration.currency


def _heading(words: str) -> Row:
    return Row((words, None, None, None, None), bold=True)


def _amount(words: Any, amount: Decimal | None, count: int | None = None) -> Row:
    return Row((str(words), count, None, None, amount), level=1)


def _takings(report: DayReport) -> Any:
    hidden = _("after the count")
    for words, part in ((_("Settled"), "methods"), (_("Wallet top-ups"), "top_ups")):
        yield _heading(words)
        methods = report.breakdown.get(part, {})  # as kept they have an order of their own
        for method, one in ((method, methods[method]) for method in Payment.Method if method in methods):
            label = str(method.label)
            if one["total"] is None:
                label = f"{label} ({hidden})"
            amounts = (None if one[name] is None else Decimal(one[name]) for name in ("gross", "refunds", "total"))
            yield Row((label, one["payments_count"] + one["refunds_count"], *amounts), level=1)


def _figures(report: DayReport) -> Any:
    figures, outstanding = report.figures, report.breakdown["outstanding"]
    yield _heading(_("Figures"))
    yield _amount(_("Settled"), figures["total_revenue"])
    yield _amount(_("Money in"), figures["money_in"])
    yield _amount(_("Billed before VAT"), figures["total_billed"], report.breakdown["bills"]["count"])
    yield from _vat_and_advances(report)
    yield _amount(_("Refunds, deducted above"), figures["total_refunds"])
    yield _amount(_("Outstanding"), figures["total_outstanding"], figures["outstanding_visits_count"])
    yield _amount(_("of which owed by patients"), Decimal(outstanding["patient"]))
    yield _amount(_("of which owed by payers"), Decimal(outstanding["payer"]))
    yield _amount(_("Leaks"), figures["revenue_leaks_amount"], figures["revenue_leaks_detected"])
    yield _amount(_("Visits"), None, figures["total_visits"])
    for late in report.breakdown.get("late_for", ()):
        count = late["payments_count"] + late["top_ups_count"]
        amounts = [late["payments_amount"], late["top_ups_amount"]]
        paid = None if None in amounts else total(map(Decimal, amounts))
        yield _amount(_("Late for %(close)s") % {"close": late["close"] or late["date"]}, paid, count)


def _vat_and_advances(report: DayReport) -> Any:
    """The VAT of bills, what was paid in advance for taxed services and its VAT: what there is, once it may be seen."""
    advances = report.breakdown.get("advances", {})
    for words, amount, count in (
        (_("VAT on it"), report.breakdown["bills"].get("vat"), None),
        (_("Received in advance, in the top-ups"), advances.get("received"), advances.get("count")),
        (_("Given back of advances"), advances.get("given_back"), None),
        (_("Bills paid from advances"), advances.get("used"), None),
        (_("VAT declared for advances, less what bills took over"), advances.get("vat"), None),
    ):
        if amount and Decimal(amount):
            yield _amount(words, Decimal(amount), count)


def _drawers(report: DayReport) -> Any:
    for drawer in report.breakdown.get("drawers", ()):
        yield _heading(drawer["drawer"])
        for words, name in (
            (_("Expected"), "expected"),
            (_("Counted"), "counted"),
            (_("Difference"), "difference"),
        ):
            yield _amount(words, None if drawer[name] is None else Decimal(drawer[name]))


def _tied(report: DayReport) -> Any:
    if report.tie_out is None:
        return
    yield _heading(_("Tie-out"))
    for one in report.tie_out.totals:
        said = (
            (_("counted"), one.counted),
            (_("terminal"), one.terminal),
            (_("provider"), one.provider),
            (_("books"), one.books),
        )
        for words, amount in ((_("taken"), one.taken), *said):
            if amount:
                yield _amount(f"{Payment.Method(one.method).label}: {words}", amount)
    for of in report.tie_out.cashiers:
        yield _amount(f"{of.name}, {Payment.Method(of.tied.method).label}", of.tied.taken)


def _remarks(report: DayReport) -> Any:
    yield _heading(_("What does not agree"))
    for mismatch in report.mismatches:
        yield _amount(describe(mismatch), None)
    if not report.mismatches:
        yield _amount(_("Everything agrees."), None)
    if report.notes:
        yield _heading(_("Notes"))
        for note in report.notes:
            yield _amount(note, None)
