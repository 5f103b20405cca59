"""Issues: "What is wrong, and what do I do about it?" The list, one issue with its history, and runs."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.admin_site import ScopedAdmin
from apps.core.errors import DomainError
from apps.core.findings import RED
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Job
from apps.core.money import ZERO
from apps.core.permissions import Act, may, may_somewhere, roles_of
from apps.issues.admin.subjects import links_of
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.recalculating import recalculate
from apps.issues.words import WORDS, title_of, told
from apps.ledger.admin.base import books_meant

MOST_SIGHTINGS = 50


class IssuesAdmin(ScopedAdmin):
    """Rows of the engine: read here, written by its services alone."""

    view_act = Act.READ_LEDGER
    actions: Any = None
    list_filter_submit = True
    list_before_template = "admin/issues/list_acts.html"

    class Media:
        css = {"all": ("daybook/forms.css", "ledger/ledger.css")}

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Which books is asked only of those who have several."""
        filters = super().get_list_filter(request)
        return (
            filters if len(roles_of(request.user)) > 1 else [one for one in filters if _name(one) != "administration"]
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return columns if len(roles_of(request.user)) > 1 else [one for one in columns if one != "administration"]

    def page(self, request: HttpRequest, name: str, title: Any, /, **context: Any) -> TemplateResponse:
        """A page of our own in the admin's frame."""
        shown = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/issues/{name}.html", shown)


def _name(entry: Any) -> Any:
    return entry[0] if isinstance(entry, tuple) else entry


class StateFilter(admin.SimpleListFilter):
    """The open ones, unless others are asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("open", _("Open")),
            ("asks", _("Asks for somebody")),
            ("acknowledged", _("Acknowledged")),
            ("resolved", _("Resolved")),
            ("all", _("All")),
        ]

    def value(self) -> str:
        return super().value() or "open"

    def choices(self, changelist: Any) -> Any:
        """No "All" of Django's that leaves the question out: it would mean the open ones."""
        return list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() == "all":
            return rows
        if self.value() == "resolved":
            return rows.filter(resolved_at__isnull=False)
        known = rows.acknowledged()
        if self.value() == "acknowledged":
            return known.open()
        return rows.open().exclude(pk__in=known.values("pk")) if self.value() == "asks" else rows.open()


class CodeFilter(admin.SimpleListFilter):
    title = _("rule")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(code, title_of(code)) for code in WORDS]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(code=self.value()) if self.value() else rows


def severity_shown(severity: str) -> SafeString:
    """A word with an icon, never colour alone."""
    return display.status("FAILED", _("Red")) if severity == RED else display.status("REVIEW", _("Yellow"))


class NoteForm(AdministrationForm):
    note = forms.CharField(label=_("Note"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class ValidateForm(AdministrationForm):
    force = forms.BooleanField(label=_("Look at all of history again"), required=False)


@admin.register(Issue)
class IssueAdmin(IssuesAdmin):
    when_empty = _("Nothing is wrong, as far as the last validation saw. Validate the books to look again.")
    list_display = ("title", "severity_", "amount_shown", "since_shown", "age", "state", "administration")
    list_display_links = ("title",)
    list_filter = (StateFilter, "severity", CodeFilter, ("since", RangeDateFilter), "administration")
    list_select_related = ("administration",)
    ordering = ("severity", "since", "id")

    @admin.display(description=_("issue"), ordering="code")
    def title(self, issue: Issue) -> str:
        return told(issue).title

    @admin.display(description=_("severity"), ordering="severity")
    def severity_(self, issue: Issue) -> SafeString:
        return severity_shown(issue.severity)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, issue: Issue) -> SafeString:
        return display.amount(issue.amount, issue.administration.currency)

    @admin.display(description=_("since"), ordering="since")
    def since_shown(self, issue: Issue) -> str:
        return display.short_day(issue.since)

    @admin.display(description=_("seen for"), ordering="first_seen_at")
    def age(self, issue: Issue) -> str:
        days = ((issue.resolved_at or timezone.now()) - issue.first_seen_at).days
        return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}

    @admin.display(description=_("state"))
    def state(self, issue: Issue) -> SafeString:
        if issue.resolved_at:
            return display.status("RESOLVED", _("Resolved"))
        if issue.is_acknowledged:
            return display.status("CLOSED", _("Acknowledged"))
        return display.status("OPEN", _("Asks again") if issue.acknowledged_at else _("Open"))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("validate/", wrap(self.validate_page), name="issues_issue_validate"),
            path("<uuid:object_id>/acknowledge/", wrap(self.acknowledge_page), name="issues_issue_acknowledge"),
        ]
        return [*ours, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = [(reverse("admin:issues_validationrun_changelist"), _("Validation runs"))]
        if may_somewhere(request.user, Act.CLOSE_PERIODS):
            acts.insert(0, (reverse("admin:issues_issue_validate"), _("Validate the books")))
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    # One issue -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What is wrong, why, what mends it and where, since when, and what each run saw."""
        issue = self.find(request, object_id, Act.READ_LEDGER)
        words = told(issue)
        seen = Sighting.objects.filter(issue=issue).select_related("run")[:MOST_SIGHTINGS]
        currency, zone = issue.administration.currency, issue.administration.time_zone
        is_yellow = issue.resolved_at is None and issue.severity != RED
        return self.page(
            request,
            "issue",
            words.title,
            issue=issue,
            words=words,
            severity=severity_shown(issue.severity),
            state=self.state(issue),
            amount=display.money(issue.amount, currency),
            since=display.day(issue.since),
            first_seen=display.moment(issue.first_seen_at, zone),
            last_seen=display.moment(issue.last_seen_at, zone),
            resolved=issue.resolved_at and display.moment(issue.resolved_at, zone),
            acknowledged=issue.acknowledged_at and display.moment(issue.acknowledged_at, zone),
            acknowledged_amount=display.money(issue.acknowledged_amount, currency),
            links=links_of(issue),
            sightings=[
                (
                    display.moment(one.run.started_at, zone),
                    display.short_day(one.run.as_of),
                    severity_shown(one.severity),
                    display.amount(one.amount, currency),
                )
                for one in seen
            ],
            is_yellow=is_yellow,
            may_acknowledge=may(request.user, Act.CLOSE_PERIODS, issue.administration_id),  # type: ignore[arg-type]
            list=reverse("admin:issues_issue_changelist"),
        )

    def acknowledge_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Let an issue stand at its amount, with a note."""
        issue = self.find(request, str(object_id), Act.CLOSE_PERIODS)
        form = NoteForm(request.POST or None, administration=issue.administration)
        back = reverse("admin:issues_issue_change", args=[issue.pk])

        def write() -> str:
            acknowledge(issue, by=request.user, note=form.cleaned_data["note"])  # type: ignore[arg-type]
            return back

        if form.is_valid():
            try:
                address, _new = once(request, write)
            except DomainError as refusal:
                form.add_error(None, said(refusal, issue.administration.currency))
            else:
                self.message_user(request, _("The issue is acknowledged."), messages.SUCCESS)
                return HttpResponseRedirect(address)
        sentence = _("“%(issue)s” may stand. It asks again when its amount moves by more than %(materiality)s.")
        materiality = display.money(issue.administration.materiality or ZERO, issue.administration.currency)
        return self.page(
            request,
            "confirm",
            _("Acknowledge the issue"),
            form=form,
            sentence=sentence % {"issue": told(issue).title, "materiality": materiality},
            button=_("Acknowledge it"),
            back=back,
        )

    # Validate --------------------------------------------------------------------------------------------------------

    def validate_page(self, request: HttpRequest) -> HttpResponse:
        """Validate one set of books now: at once, or with progress where all of history is looked at."""
        administration, mine = books_meant(request, Act.CLOSE_PERIODS)
        form = ValidateForm(request.POST or None, administration=administration)

        def write() -> str:
            made = recalculate(administration, by=request.user, full=form.cleaned_data["force"])  # type: ignore[arg-type]
            if isinstance(made, Job):
                return reverse("admin:core_job_change", args=[made.pk])
            words = ngettext("Validated: %(count)s issue.", "Validated: %(count)s issues.", made.issues_found)
            self.message_user(request, words % {"count": made.issues_found}, messages.SUCCESS)
            return reverse("admin:issues_issue_changelist")

        if form.is_valid():
            try:
                address, _new = once(request, write)
            except DomainError as refusal:
                form.add_error(None, said(refusal, administration.currency))
            else:
                return HttpResponseRedirect(address)
        return self.page(
            request,
            "confirm",
            _("Validate the books"),
            form=form,
            sentence=_("Look at the books of %(administration)s as of today.") % {"administration": administration},
            button=_("Validate"),
            back=reverse("admin:issues_issue_changelist"),
            choices=mine if len(mine) > 1 else [],
            chosen=administration,
        )


@admin.register(ValidationRun)
class ValidationRunAdmin(IssuesAdmin):
    when_empty = _("The books are validated every night, and whenever somebody asks.")
    list_before_template: Any = None
    list_display = (
        "began",
        "as_of_shown",
        "whole",
        "red_count",
        "yellow_count",
        "new_count",
        "resolved_count",
        "took",
        "by",
        "administration",
    )
    list_display_links = ("began",)
    list_filter = (("as_of", RangeDateFilter), "is_full", "administration")
    list_select_related = ("administration", "by")
    ordering = ("-id",)
    fields = (
        *("administration", "as_of_shown", "period", "whole", "by", "began", "took"),
        *("red_count", "yellow_count", "new_count", "resolved_count"),
    )

    @admin.display(description=_("began"), ordering="id")
    def began(self, run: ValidationRun) -> str:
        return display.moment(run.started_at, run.administration.time_zone)

    @admin.display(description=_("as of"), ordering="as_of")
    def as_of_shown(self, run: ValidationRun) -> str:
        return display.short_day(run.as_of)

    @admin.display(description=_("looked at"), ordering="is_full")
    def whole(self, run: ValidationRun) -> Any:
        return _("all of history") if run.is_full else _("what changed")

    @admin.display(description=_("took"))
    def took(self, run: ValidationRun) -> str:
        seconds = (run.ended_at - run.started_at).total_seconds()
        return f"{seconds:.1f} s"
