"""The lists of clinic days and of nightly closes."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apps.billing.admin.base import BillingAdmin, link
from apps.billing.admin.closes.addresses import Status, day_link, newest
from apps.billing.admin.closes.night import refusals_of, running
from apps.billing.models import ClinicDay, EndOfDayReconciliation, NightlyClose
from apps.core import display
from apps.core.permissions import Act, may, roles_of
from apps.core.services.jobs import start_job


@transaction.atomic
def start(
    page: BillingAdmin, request: HttpRequest, task: str, title: str, arguments: dict[str, list[str]]
) -> HttpResponse:
    """Hand long work to the worker and show how far it is. Doors do not import each other: a task goes by its name."""
    (chosen,) = arguments.values()
    if not chosen:
        page.message_user(request, _("None of these days is open: there is nothing to do."), messages.WARNING)
        return HttpResponseRedirect(request.get_full_path())
    job = start_job(
        f"apps.billing.tasks.{task}",
        title=title,
        by=request.user,  # type: ignore[arg-type]
        arguments=arguments,
        total=len(chosen),
    )
    return HttpResponseRedirect(link("core_job_change", job.pk))


class CloseFilter(admin.SimpleListFilter):
    """Days by how far their close is."""

    title = _("close")
    parameter_name = "close"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("none", _("Not prepared")), ("draft", _("Waits for a signature")), ("done", _("Finalized"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() == "none":
            return rows.without_close()
        if self.value() == "draft":
            return rows.filter(pk__in=EndOfDayReconciliation.objects.filter(status=Status.DRAFT).values("clinic_day"))
        return rows.filter(is_finalized=True) if self.value() == "done" else rows


@admin.register(ClinicDay)
class ClinicDayAdmin(BillingAdmin):
    list_display = ("day", "state", "close_shown", "administration")
    list_filter = (CloseFilter, "administration")
    list_select_related = ("administration",)
    date_hierarchy = "date"
    ordering = ("-date",)
    actions = ("prepare_selected",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("closes")

    @admin.display(description=_("day"), ordering="date")
    def day(self, clinic_day: ClinicDay) -> str:
        return display.short_day(clinic_day.date)

    @admin.display(description=_("state"))
    def state(self, clinic_day: ClinicDay) -> SafeString:
        close = newest(clinic_day)
        if close is None or close.status == Status.CANCELLED:
            return display.status("OPEN", _("Not prepared"))
        return display.status(close.status, close.get_status_display())

    @admin.display(description=_("close"))
    def close_shown(self, clinic_day: ClinicDay) -> str:
        return str(newest(clinic_day) or "")

    def has_prepare_permission(self, request: HttpRequest) -> bool:
        return any(may(request.user, Act.PREPARE_CLOSE, pk) for pk in roles_of(request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Prepare the close"), permissions=["prepare"])
    def prepare_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        days = [str(pk) for pk in rows.filter(is_finalized=False).order_by().values_list("pk", flat=True)]
        return start(self, request, "prepare_days", gettext_noop("Prepare day closes: %(count)s"), {"days": days})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        clinic_day = self.find(request, object_id, Act.READ_CLINIC)
        return HttpResponseRedirect(day_link(clinic_day.administration_id, clinic_day.date))


@admin.register(NightlyClose)
class NightlyCloseAdmin(BillingAdmin):
    list_display = ("day", "state_shown", "closes", "refused", "finished", "administration")
    list_filter = ("state", "administration")
    list_select_related = ("administration",)
    date_hierarchy = "date"
    ordering = ("-date",)
    fields = ("day", "state_shown", "closes", "refusals_shown", "started", "finished")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        state = path(
            "<uuid:object_id>/state/", self.admin_site.admin_view(self.state_view), name="billing_nightlyclose_state"
        )
        return [state, *super().get_urls()]

    def state_view(self, request: HttpRequest, object_id: Any) -> JsonResponse:
        """How far it is, for the page of a day that waits for it."""
        night = running(self.find(request, str(object_id), Act.READ_CLINIC))
        told = {name: getattr(night, name) for name in ("percent", "done", "total")}
        return JsonResponse(told | {"finished": not night.is_running}, headers={"Cache-Control": "no-store"})

    @admin.display(description=_("night of"), ordering="date")
    def day(self, run: NightlyClose) -> str:
        return display.short_day(run.date)

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, run: NightlyClose) -> SafeString:
        return display.status(run.state, run.get_state_display())

    @admin.display(description=_("could not close"))
    def refused(self, run: NightlyClose) -> str:
        return str(len(run.refusals) or display.NOTHING)

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, run: NightlyClose) -> str:
        return display.moment(run.started_at, run.administration.time_zone)

    @admin.display(description=_("finished"), ordering="finished_at")
    def finished(self, run: NightlyClose) -> str:
        return display.moment(run.finished_at, run.administration.time_zone)

    @admin.display(description=_("could not close"))
    def refusals_shown(self, run: NightlyClose) -> SafeString:
        """Each day with its reason, and the page where it is mended."""
        rows = [
            (
                day_link(run.administration_id, one.date),
                display.day(one.date),
                one.message,
                format_html(' <a href="{}">{}</a>', one.mend.link, one.mend.word) if one.mend else "",
            )
            for one in refusals_of(run)
        ]
        if not rows:
            return format_html("{}", _("every day was closed") if run.finished_at else display.NOTHING)
        return format_html("<ul>{}</ul>", format_html_join("", '<li><a href="{}">{}</a>: {}{}</li>', rows))
