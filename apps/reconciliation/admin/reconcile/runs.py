"""Runs in which Daybook matched by itself: the list, how far one is, and what came of each line and why."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.models import Job
from apps.core.permissions import Act
from apps.reconciliation.admin.base import BankAdmin
from apps.reconciliation.admin.reconcile.asked import BY_ITSELF, LEFT, page_of
from apps.reconciliation.admin.reconcile.shown import about
from apps.reconciliation.models import MatchingOutcome, MatchingRun
from apps.reconciliation.reports.candidates.telling import kept_in_words

Outcome = MatchingOutcome.Outcome
PER_PAGE = 100
STATES = {Outcome.MATCHED: "DONE", Outcome.AMBIGUOUS: "REVIEW", Outcome.NEEDS_PERSON: "REVIEW", Outcome.LEFT: "OPEN"}


@admin.register(MatchingRun)
class MatchingRunAdmin(BankAdmin):
    list_display = ("begun", "account_shown", "state", "matched", "ambiguous", "left", "by", "administration")
    list_display_links = ("begun",)
    list_filter = ("administration", "bank_account")
    linked_by = ("bank_account__id__exact",)
    list_select_related = ("administration", "bank_account", "by", "job")
    ordering = ("-created_at", "-id")

    @admin.display(description=_("begun"), ordering="created_at")
    def begun(self, run: MatchingRun) -> str:
        return display.moment(run.created_at, run.administration.time_zone)

    @admin.display(description=_("bank account"), ordering="bank_account")
    def account_shown(self, run: MatchingRun) -> str:
        return str(run.bank_account or _("All"))

    @admin.display(description=_("state"))
    def state(self, run: MatchingRun) -> SafeString:
        return state_of(run)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """How far it is; once it ended, what came of each line."""
        run = self.find(request, object_id, Act.READ_LEDGER)
        shown = _came(request, run) if run.ended_at else _under_way(request, run)
        title = _("Matched by itself, %(when)s") % {"when": self.begun(run)}
        back = page_of(run.bank_account_id) if run.bank_account_id else reverse("admin:reconciliation_reconcile")
        answer: HttpResponse = self.page(
            request, "reconcile/run", title, run=run, original=run, state=state_of(run), back=back, **shown
        )
        return answer


def state_of(run: MatchingRun) -> SafeString:
    if run.ended_at:
        return display.status("DONE", _("Done"))
    if run.job and run.job.state == Job.State.FAILED:
        return display.status("FAILED", _("Failed"))
    return display.status("RUNNING", _("Running"))


def _under_way(request: HttpRequest, run: MatchingRun) -> dict[str, Any]:
    """Whoever asked for it sees it move; to others it says where it was."""
    job = run.job
    failed = job is not None and job.state == Job.State.FAILED
    mine = job is not None and job.by_id == request.user.pk
    percent = 100 * job.done // job.total if job is not None and job.total else 0
    poll = reverse("admin:core_job_state", args=[job.pk]) if mine and job is not None else ""
    return {"job": job, "percent": percent, "failed": failed, "poll": poll}


def _came(request: HttpRequest, run: MatchingRun) -> dict[str, Any]:
    found = dict(run.outcomes.order_by().values_list("outcome").annotate(count=Count("pk")))
    chosen = request.GET.get("outcome", "")
    outcomes = run.outcomes.select_related("line__bank_account").order_by("outcome", "-id")
    if chosen in Outcome.values:
        outcomes = outcomes.filter(outcome=chosen)
    else:
        chosen = ""
    pages = Paginator(outcomes, PER_PAGE).get_page(request.GET.get("page"))
    return {
        "counts": [(name, words, found.get(name, 0), f"?outcome={name}") for name, words in Outcome.choices],
        "chosen": chosen,
        "rows": [_row(one) for one in pages],
        "pages": pages,
        "more": f"&outcome={chosen}" if chosen else "",
    }


def _row(one: MatchingOutcome) -> tuple[Any, ...]:
    show = BY_ITSELF if one.outcome == Outcome.MATCHED else LEFT
    address = page_of(one.line.bank_account_id, show=show, line=one.line_id)
    why = list(dict.fromkeys(map(kept_in_words, one.reasons)))
    state = display.status(STATES[Outcome(one.outcome)], one.get_outcome_display())
    return one, state, why, address, about(one.line)
