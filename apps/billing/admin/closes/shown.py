"""All that the page of one day shows: five steps, what blocks, and the manager's part."""

from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.billing.admin.base import link
from apps.billing.admin.closes import drawers as counting
from apps.billing.admin.closes import figures as taken
from apps.billing.admin.closes import findings as found
from apps.billing.admin.closes.addresses import Status, current, day_link, reopen_link
from apps.billing.admin.closes.buttons import BUTTONS, waiting_visits, why_not
from apps.billing.admin.closes.night import night_of
from apps.billing.admin.closes.reviewing import review
from apps.billing.blind import AFTER_THE_COUNT, Seen, seen
from apps.billing.models import ClinicDay, EndOfDayReconciliation
from apps.billing.reports.day import day_figures
from apps.billing.reports.drawers import cash_hidden, drawers_of
from apps.billing.reports.sealed import seal_of
from apps.billing.reports.tie_out import tie_out
from apps.billing.services.asking import sent_to_sign
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.models import Administration
from apps.core.permissions import Act, may

MOST_SHOWN = 20


@dataclass(frozen=True)
class Step:
    """One of the five: folded up when it is ``done``. ``result`` is what its head says then."""

    number: int
    title: Any
    done: bool
    result: Any
    is_open: bool


@dataclass(frozen=True)
class Signature:
    """A signature: who and when, or that it is still awaited."""

    word: Any
    by: str
    at: str
    done: bool


def shown(request: HttpRequest, administration: Administration, day: date, typed: dict[str, Any]) -> dict[str, Any]:
    """What the template of the page reads: a constant number of queries, whatever the day and the past hold."""
    user: Any = request.user
    today = local_date(administration)
    clinic_day = (
        ClinicDay.objects.select_related("administration").filter(administration=administration, date=day).first()
    )
    close = current(administration, day)
    draft = close is not None and close.status == Status.DRAFT
    signed = close is not None and close.status == Status.FINALIZED
    now = day_figures(clinic_day) if clinic_day and not signed else None
    figures: Any = close if draft or signed else now
    stale = bool(draft and now and now.write_to(copy(close)))  # type: ignore[arg-type]
    hidden = bool(clinic_day and cash_hidden(clinic_day))
    reviews = may(user, Act.REVIEW_CLOSE, administration.pk)
    drawers = drawers_of(clinic_day) if clinic_day else []
    counts = counting.counts(clinic_day, user) if clinic_day else []
    waiting = waiting_visits(administration, day)
    uncounted = counting.uncounted(clinic_day, counts, user) if clinic_day and hidden else []
    context: dict[str, Any] = {
        "administration": administration,
        "day": day,
        "previous_link": day_link(administration.pk, day - timedelta(days=1)),
        "next_link": day_link(administration.pk, day + timedelta(days=1)) if day < today else "",
        "close": close,
        "draft": draft,
        "signed": signed,
        "reopen_link": _reopen_link(user, close),
        "cancelled": close is not None and close.status == Status.CANCELLED,
        "figures": figures,
        "stale": stale,
        "hidden": hidden,
        "night": night_of(administration, day, prepared=draft or signed),
        "active": list(waiting[:MOST_SHOWN]),
        "active_count": waiting.count(),
        "to_close_count": waiting.filter(is_inpatient=False).count(),
        "active_link": link(
            "billing_visit_changelist", administration__id__exact=administration.pk, status__exact="ACTIVE"
        ),
        "counts": counts,
        "uncounted": uncounted,
        "counts_here": may(user, Act.COUNT_DRAWER, administration.pk),
        "drawer_link": link("billing_drawer_add") if may(user, Act.SET_PRICES, administration.pk) else "",
        "terminal_link": link("billing_terminalbatch_add", administration=administration.pk, day=day.isoformat())
        if may(user, Act.COUNT_DRAWER, administration.pk)
        else "",
        "papers": _papers(close, administration, day, clinic_day),
        "reviews": reviews,
        "may_approve": may(user, Act.APPROVE, administration.pk),
        "reads_ledger": may(user, Act.READ_LEDGER, administration.pk),
        "reasons": why_not(
            user,
            administration,
            day,
            close,
            stale=stale,
            uncounted=uncounted,
            hidden=hidden,
        ),
        "buttons": {name: _button_form(name, administration, typed) for name in BUTTONS},
        "typed": typed,
        "late_elsewhere": found.late_elsewhere(clinic_day) if clinic_day else None,
        "notes": list(close.note_entries.select_related("by")) if close else [],
    }
    tied = tie_out(clinic_day) if clinic_day and figures else None
    if figures:
        context |= _figures(administration, day, figures, tied, drawers, reviews=reviews, hidden=hidden)
    if close and close.status != Status.CANCELLED:
        context |= _signing(administration, close, figures, hidden=hidden)
    if reviews and figures:
        settled: Seen = seen(figures.total_revenue, hidden=hidden)
        context["review"] = review(
            administration,
            clinic_day,
            day,
            drawers,
            tied=tied,
            entry_link=context.get("entry_link", "") if context["reads_ledger"] else "",
            today=settled,
            hidden=hidden,
        )
    return context | {"steps": _steps(context)}


def _papers(close: Any, administration: Administration, day: date, clinic_day: Any) -> list[tuple[Any, str]]:
    """The day on paper: the Z report of its close, and the X report while it is not signed."""
    papers = []
    if close is not None and close.status != Status.CANCELLED:
        papers.append((_("Z report (PDF)"), link("billing_day_zreport", close.pk)))
    if clinic_day is not None and not clinic_day.is_finalized:
        papers.append((_("X report (PDF)"), link("billing_day_xreport", administration.pk, day.isoformat())))
    return papers


def _reopen_link(user: Any, close: EndOfDayReconciliation | None) -> str:
    """To the revisions, for whoever looks at a reopened day; to reopening it, for whoever may do that."""
    if close is None or (close.revision == 1 and close.status != Status.FINALIZED):
        return ""
    return reopen_link(close) if close.revision > 1 or may(user, Act.REOPEN_CLOSE, close.administration_id) else ""


def _figures(
    administration: Administration,
    day: date,
    figures: Any,
    tied: Any,
    drawers: Any,
    *,
    reviews: bool,
    hidden: bool,
) -> dict[str, Any]:
    """Steps 2 and 4, as far as the count lets them be seen."""
    before = taken.days_before(administration, day) if reviews else []
    rows = taken.takings(
        figures,
        administration,
        day,
        before=before,
        tied=tied,
        drawers=drawers,
        hidden=hidden,
    )
    return {
        "before": before,
        "before_billed": [one.then("total_billed") for one in before],
        "before_outstanding": [one.then("total_outstanding") for one in before],
        "takings": {part: [one for one in some if not one.is_empty] for part, some in rows.items()},
        "nothing_by": [one for some in rows.values() for one in some if one.is_empty],
        "disagrees": taken.disagrees(rows),
        "sums": taken.sums(figures, administration, day, hidden=hidden, before=before),
        "billed": taken.billed(figures, administration, day, hidden=hidden),
        "advances": taken.advances(figures, administration, day, hidden=hidden),
        "total_billed": seen(figures.total_billed, hidden=hidden),
        "settled": seen(figures.total_revenue, hidden=hidden),
        "open": taken.open_bills(figures, administration, day),
        "findings": found.findings(figures.mismatch_details),
        "leaks": found.leaks(administration, day),
        "leaks_link": link("billing_leak_changelist", administration__id__exact=administration.pk, state__exact="OPEN"),
        "late": found.late_here(figures, administration, day=day, hidden=hidden),
    }


def _signing(
    administration: Administration, close: EndOfDayReconciliation, figures: Any, *, hidden: bool
) -> dict[str, Any]:
    """Step 5: who signed what, and the sentence that is signed."""
    signed = close.status == Status.FINALIZED
    sent = None if signed else sent_to_sign(close)
    count = sum(one["payments_count"] for one in figures.breakdown["methods"].values())
    sentence = ngettext(
        "Finalize %(day)s: %(count)s payment, %(amount)s. Cannot be changed afterwards.",
        "Finalize %(day)s: %(count)s payments, %(amount)s. Cannot be changed afterwards.",
        count,
    )
    return {
        "signatures": _signatures(close, administration),
        "sent": f"{sent.by} · {display.moment(sent.at, administration.time_zone)}" if sent else "",
        "sentence": ""
        if hidden
        else sentence
        % {
            "day": str(display.day(close.reconciliation_date)).rsplit(" ", 1)[0],
            "count": count,
            "amount": display.money(figures.total_revenue, administration.currency),
        },
        "seen": close.updated_at.isoformat(),
        "seal": seal_of(close) if signed else None,
        "entry_link": link("ledger_journalentry_change", close.entry_id) if close.entry_id else "",
    }


def _signatures(close: EndOfDayReconciliation, administration: Administration) -> list[Signature]:
    def signature(word: Any, person: Any, at: Any, nobody: Any = "") -> Signature:
        moment = display.moment(at, administration.time_zone) if at else ""
        return Signature(word, str(person or nobody), moment, at is not None)

    return [
        signature(_("Prepared"), close.prepared_by, close.prepared_at, _("the nightly close")),
        signature(_("Reviewed"), close.reviewed_by, close.reviewed_at),
        signature(_("Finalized"), close.finalized_by, close.finalized_at),
    ]


def _steps(context: dict[str, Any]) -> dict[str, Step]:
    """The heads of the five steps. What is done folds up; what still needs somebody stands open."""
    signed, figures = context["signed"], context["figures"]
    active, counts = context["to_close_count"], context["counts"]
    waiting = [one for one in counts if one.waits]
    wrong = [*context.get("findings", ()), *context.get("leaks", ())]
    uncounted = bool(waiting) and context["hidden"]
    agrees = not context.get("disagrees") and not context["hidden"]
    return {
        "visits": Step(
            1,
            _("Open visits"),
            signed or not active,
            _visits_result(context, active),
            bool(active) and not signed,
        ),
        "takings": Step(
            2,
            _("Takings"),
            bool(figures) and agrees,
            _takings_result(context),
            bool(figures) and (not agrees or context["reviews"] or signed or not context["draft"]),
        ),
        "count": Step(
            3,
            _("Count"),
            not waiting,
            _count_result(counts, waiting),
            bool(waiting) or any(one.difference for one in counts),
        ),
        "findings": Step(4, _("Findings"), not wrong, _findings_result(context), bool(wrong)),
        "sign": Step(5, _("Sign"), signed, "", not signed or uncounted),
    }


def _visits_result(context: dict[str, Any], active: int) -> str:
    words = ngettext("%(count)s still active", "%(count)s still active", active) if active else _("none")
    said = [str(words % {"count": active} if active else words)]
    inpatients = context["active_count"] - active
    if inpatients:
        said.append(
            ngettext("%(count)s inpatient stays", "%(count)s inpatients stay", inpatients) % {"count": inpatients}
        )
    closed = context["close"].active_visits_closed if context["close"] else 0
    if closed:
        said.append(
            ngettext("%(count)s closed with the day", "%(count)s closed with the day", closed) % {"count": closed}
        )
    return " · ".join(said)


def _takings_result(context: dict[str, Any]) -> str:
    if not context["figures"]:
        return str(_("none"))
    code = context["administration"].currency
    if context["hidden"]:
        return str(AFTER_THE_COUNT)
    settled = _("%(amount)s settled") % {"amount": display.money(context["settled"], code)}
    found = _("something differs") if context["disagrees"] else _("nothing differs")
    return f"{settled} · {found}"


def _count_result(counts: list[counting.Count], waiting: list[counting.Count]) -> str:
    if not counts:
        return str(_("no drawer was used"))
    if waiting:
        words = ngettext("%(count)s drawer to count", "%(count)s drawers to count", len(waiting))
        return words % {"count": len(waiting)}
    off = sum(1 for one in counts if one.difference)
    if off:
        return ngettext("counted, %(count)s differs", "counted, %(count)s differ", off) % {"count": off}
    return str(_("counted, nothing differs"))


def _findings_result(context: dict[str, Any]) -> str:
    """As the day's sentence says it: so many leaks with their amount, so many mismatches."""
    mismatches = [one for one in context.get("findings", ()) if one.code != "NUMBER_GAP"]
    gaps = len(context.get("findings", ())) - len(mismatches)
    leaks = context.get("leaks", ())
    count = sum(one.count + one.older_count for one in leaks)
    said = []
    if count:
        amount = sum((one.amount + one.older_amount for one in leaks), leaks[0].amount * 0)
        words = ngettext("%(count)s leak %(amount)s", "%(count)s leaks %(amount)s", count)
        said.append(words % {"count": count, "amount": display.money(amount, context["administration"].currency)})
    if mismatches:
        words = ngettext("%(count)s mismatch", "%(count)s mismatches", len(mismatches))
        said.append(words % {"count": len(mismatches)})
    if gaps:
        said.append(ngettext("%(count)s number gap", "%(count)s number gaps", gaps) % {"count": gaps})
    return " · ".join(said) or str(_("everything agrees"))


def _button_form(name: str, administration: Administration, typed: dict[str, Any]) -> Any:
    """The form of a button; each has its own prefix-free names, so ids are told apart by the button."""
    form = typed.get(name) or BUTTONS[name].form(administration=administration)
    form.auto_id = f"id_{name}_%s"
    return form
