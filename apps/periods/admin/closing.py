"""The closing page: "What stands between us and locked?" From OPEN to LOCKED without leaving it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Counter, Job
from apps.core.permissions import Act, may
from apps.core.services.jobs import start_job
from apps.ledger.admin.base import LedgerAdmin
from apps.ledger.models import Period
from apps.periods.admin.forms import AcknowledgeForm, FinalizeForm, LockForm, ReopenForm, ReviewForm
from apps.periods.errors import CannotFinalize
from apps.periods.reports.checklist import Checklist, Item, Outcome, checklist
from apps.periods.reports.history import finalized_by, posted_since_review, snapshot_of, timeline
from apps.periods.reports.vat_filed import is_filed
from apps.periods.reports.verdicts import last_verdict
from apps.periods.services.acknowledging import acknowledge_warnings
from apps.periods.services.finalizing import finalize_period
from apps.periods.services.locking import lock_period
from apps.periods.services.reopening import reopen_period
from apps.periods.services.reviewing import review_period

Status = Period.Status
LONG = 20_000  # entries: books of more are reviewed and finalized by the worker, while the page shows how far it is
TASKS = {"review": "apps.periods.tasks.review", "finalize": "apps.periods.tasks.finalize"}
ICONS = {
    Outcome.PASSED: ("check_circle", "success"),
    Outcome.WARNING: ("warning", "warning"),
    Outcome.FAILED: ("error", "danger"),
}
STEPS = (Status.OPEN, Status.REVIEW, Status.FINALIZED, Status.LOCKED)


@dataclass(frozen=True)
class Shown:
    """An item with its icon, and the word that the icon stands for."""

    item: Item
    icon: str
    tone: str
    word: str


class ClosingPages(LedgerAdmin):
    """The closing page of a period and what is done there."""

    def closing_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        period = self.find(request, str(object_id), Act.READ_LEDGER)
        return self._closing(request, period, {})

    def act_view(self, request: HttpRequest, object_id: UUID, act: str) -> HttpResponse:
        """One of the acts of the page, done once; a refusal stands on the page, which keeps what was typed."""
        needed, form_of, work, done = ACTS[act]
        period = self.find(request, str(object_id), needed)
        if request.method != "POST":
            return HttpResponseRedirect(_address(period))
        found = checklist(period, last_verdict(period))
        form = form_of(request.POST, found)
        if form.is_valid():
            try:
                address, new = once(request, lambda: work(request, period, form.cleaned_data))
            except DomainError as refusal:
                form.add_error(None, said(refusal, period.administration.currency))
                if isinstance(refusal, CannotFinalize) and period.status == Status.REVIEW:
                    # What was found went with the refusal: the page shows it, so it is looked for once more.
                    review_period(period, by=request.user)  # type: ignore[arg-type]
            else:
                self.message_user(request, done() if new else _("This was done before."), messages.SUCCESS)
                return HttpResponseRedirect(address)
        return self._closing(request, period, {act: form})

    def snapshot_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The newest snapshot as the file that was hashed."""
        period = self.find(request, str(object_id), Act.READ_LEDGER)
        snapshot = snapshot_of(period)
        if snapshot is None:
            raise Http404
        name = f"snapshot-{period.name}-{snapshot.sha256[:12]}.json"
        file = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return HttpResponse(bytes(snapshot.content), content_type="application/json", headers=file)

    def _closing(self, request: HttpRequest, period: Period, sent: dict[str, Any]) -> HttpResponse:
        found = checklist(period, last_verdict(period))
        user: Any = request.user
        closes, locks = (may(user, act, period.administration_id) for act in (Act.CLOSE_PERIODS, Act.LOCK_PERIODS))
        forms = {act: sent.get(act) or form_of(None, found) for act, (_act, form_of, _work, _done) in ACTS.items()}
        shown = {
            "title": _("Close %(period)s") % {"period": period},
            "opts": self.opts,
            "period": period,
            "administration": period.administration,
            "found": found,
            "items": [_shown(item) for item in found.items],
            "steps": [(status, status.label, STEPS.index(status) <= STEPS.index(period.status)) for status in STEPS],
            "forms": forms,
            "wrong": next((form for form in sent.values() if form.errors), None),
            "chosen": set(request.POST.getlist("issues")) if "acknowledge" in sent else set(),
            "closes": closes,
            "locks": locks,
            "why_not": _why_not(found),
            "why_no_reopening": _why_no_reopening(period, user),
            "posted": posted_since_review(period),
            "entries": f"{reverse('admin:ledger_journalentry_changelist')}?{_span(period)}",
            "timeline": timeline(period),
            "snapshot": snapshot_of(period),
            "job": _job(period),
            "around": _around(period),
        }
        page = {**self.admin_site.each_context(request), **shown}
        answer = TemplateResponse(request, "admin/periods/closing.html", page)
        answer.status_code = 400 if sent else 200
        return answer


# What is done --------------------------------------------------------------------------------------------------------


def _review(request: HttpRequest, period: Period, asked: dict[str, Any]) -> str:
    if _is_long(period):
        return _by_worker(request, period, "review", notes=asked["notes"])
    review_period(period, by=request.user, notes=asked["notes"])  # type: ignore[arg-type]
    return _address(period)


def _acknowledge(request: HttpRequest, period: Period, asked: dict[str, Any]) -> str:
    ids = [UUID(pk) for pk in asked["issues"]]
    acknowledge_warnings(period, ids, by=request.user, note=asked["notes"])  # type: ignore[arg-type]
    return f"{_address(period)}#issues"


def _finalize(request: HttpRequest, period: Period, asked: dict[str, Any]) -> str:
    if _is_long(period):
        return _by_worker(request, period, "finalize", notes=asked["notes"], acknowledged=[])
    finalize_period(period, by=request.user, notes=asked["notes"])  # type: ignore[arg-type]
    return _address(period)


def _lock(request: HttpRequest, period: Period, asked: dict[str, Any]) -> str:
    lock_period(period, by=request.user, confirm_irreversible=True, notes=asked["notes"])  # type: ignore[arg-type]
    return _address(period)


def _reopen(request: HttpRequest, period: Period, asked: dict[str, Any]) -> str:
    reopen_period(period, by=request.user, reason=asked["reason"])  # type: ignore[arg-type]
    return _address(period)


def _form(kind: type[AdministrationForm]) -> Callable[[Any, Checklist], AdministrationForm]:
    return lambda sent, found: kind(sent, administration=found.period.administration, auto_id=f"{kind.__name__}_%s")


def _acknowledge_form(sent: Any, found: Checklist) -> AdministrationForm:
    return AcknowledgeForm(sent, administration=found.period.administration, found=found, auto_id="AcknowledgeForm_%s")


ACTS: dict[str, tuple[Act, Callable[[Any, Checklist], AdministrationForm], Callable[..., str], Callable[[], str]]] = {
    "review": (Act.CLOSE_PERIODS, _form(ReviewForm), _review, lambda: _("In review: the checks ran.")),
    "acknowledge": (Act.CLOSE_PERIODS, _acknowledge_form, _acknowledge, lambda: _("Acknowledged.")),
    "finalize": (Act.CLOSE_PERIODS, _form(FinalizeForm), _finalize, lambda: _("Finalized: the snapshot is kept.")),
    "lock": (Act.LOCK_PERIODS, _form(LockForm), _lock, lambda: _("Locked, for good.")),
    "reopen": (Act.LOCK_PERIODS, _form(ReopenForm), _reopen, lambda: _("In review again.")),
}
TITLES = {"review": gettext_noop("Review of a period"), "finalize": gettext_noop("Finalizing a period")}


def _by_worker(request: HttpRequest, period: Period, act: str, **arguments: Any) -> str:
    """The job's page, which shows how far it is; the closing page shows it as well."""
    user: Any = request.user
    job = start_job(TASKS[act], title=TITLES[act], by=user, arguments={"period": str(period.pk), **arguments}, total=1)
    return reverse("admin:core_job_change", args=[job.pk])


def _is_long(period: Period) -> bool:
    entries = Counter.objects.filter(administration=period.administration_id, series__startswith="entry:")
    return (entries.aggregate(sum=Sum("last"))["sum"] or 0) > LONG


# What is shown -------------------------------------------------------------------------------------------------------


def _address(period: Period) -> str:
    return reverse("admin:periods_closing", args=[period.pk])


def _span(period: Period) -> str:
    return (
        f"date_from={period.first_day}&date_to={period.last_day}&administration__id__exact={period.administration_id}"
    )


def _shown(item: Item) -> Shown:
    words = {
        Outcome.PASSED: _("Done"),
        Outcome.WARNING: _("To look at"),
        Outcome.FAILED: _("Blocks") if item.required else _("To do"),
    }
    icon, tone = ICONS[item.status]
    return Shown(item, icon, tone, words[item.status])


def _why_not(found: Checklist) -> str:
    """Why the period cannot be finalized yet, in one sentence."""
    if found.blocking:
        names = ", ".join(item.name for item in found.blocking)
        return _("Not yet: %(names)s.") % {"names": names}
    left = len(found.verdict.unacknowledged) if found.verdict else 0
    if left:
        words = ngettext(
            "Not yet: %(count)s warning waits to be acknowledged.",
            "Not yet: %(count)s warnings wait to be acknowledged.",
            left,
        )
        return words % {"count": left}
    return ""


def _why_no_reopening(period: Period, user: Any) -> str:
    if period.status != Status.FINALIZED:
        return ""
    larger = [one for one in Period.objects.around(period).exclude(pk=period.pk) if not one.admits_posting]
    if larger:
        return _("It lies inside %(larger)s, which is finalized: reopen that first.") % {"larger": larger[0]}
    if is_filed(period):
        return _("Its VAT return is filed.")
    if finalized_by(period) == user and not period.administration.single_sign_off:
        return _("You finalized it: another person reopens it.")
    return ""


def _job(period: Period) -> Job | None:
    """Work under way on this period."""
    waiting = Job.objects.filter(task__in=TASKS.values(), state__in=(Job.State.WAITING, Job.State.RUNNING))
    return waiting.filter(arguments__period=str(period.pk)).first()


def _around(period: Period) -> list[Period]:
    """The one before, the one after and the larger ones."""
    same = Period.objects.filter(administration=period.administration_id, type=period.type)
    before = same.filter(last_day__lt=period.first_day).order_by("last_day").last()
    after = same.filter(first_day__gt=period.last_day).order_by("first_day").first()
    larger = Period.objects.around(period).exclude(pk=period.pk).order_by("-first_day", "last_day")
    return [one for one in (before, *larger, after) if one]
