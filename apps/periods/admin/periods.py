"""Periods in the admin: the list, and from each the page that closes it."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.ledger.admin.base import books_meant, link, of_another_app, today
from apps.ledger.admin.year_end import YearEndPages
from apps.ledger.models import Period
from apps.periods.admin.closing import ACTS, ClosingPages


@admin.register(Period)
class PeriodAdmin(ClosingPages, YearEndPages):
    list_display = (
        "name",
        "type",
        "first",
        "last",
        "state",
        "closing_shown",
        "entries_shown",
        "proofs",
        "year_end_shown",
        "administration",
    )
    list_filter = ("administration", "type", "status")
    list_select_related = ("administration",)
    ordering = ("-last_day", "type")
    fields = ("administration", "name", "type", "first", "last", "state")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("close/", view(self.next_view), name="periods_next"),
            path("<uuid:object_id>/closing/", view(self.closing_page), name="periods_closing"),
            *(
                path(f"<uuid:object_id>/closing/{act}/", view(self.act_view), {"act": act}, name=f"periods_{act}")
                for act in ACTS
            ),
            path("<uuid:object_id>/snapshot/", view(self.snapshot_view), name="periods_snapshot"),
            *super().get_urls(),
        ]

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """The page of the period that is closed next: the oldest that ended and still admits posting."""
        administration, _readable = books_meant(request)
        rows = Period.objects.filter(administration=administration)
        due = rows.filter(status__in=("OPEN", "REVIEW"), last_day__lt=today(administration))
        period = (
            due.filter(type=Period.Type.MONTH).order_by("last_day").first()
            or due.exclude(type=Period.Type.YEAR_END).order_by("last_day", "-first_day").first()
            or Period.objects.covering(administration, today(administration))
        )
        if period is None:
            return HttpResponseRedirect(reverse("admin:ledger_period_changelist"))
        return HttpResponseRedirect(reverse("admin:periods_closing", args=[period.pk]))

    # The list --------------------------------------------------------------------------------------------------------

    @admin.display(description=_("first day"), ordering="first_day")
    def first(self, period: Period) -> str:
        return display.day(period.first_day)

    @admin.display(description=_("last day"), ordering="last_day")
    def last(self, period: Period) -> str:
        return display.day(period.last_day)

    @admin.display(description=_("status"), ordering="status")
    def state(self, period: Period) -> SafeString:
        return display.status(period.status, period.get_status_display())

    @admin.display(description=_("closing"))
    def closing_shown(self, period: Period) -> SafeString:
        return link(reverse("admin:periods_closing", args=[period.pk]), _("Close"))

    @admin.display(description=_("account reconciliations"))
    def proofs(self, period: Period) -> SafeString | str:
        """What stands between its accounts and approved."""
        of = {"administration": period.administration_id, "period": period.pk}
        address = "" if period.type == Period.Type.YEAR_END else of_another_app("reconciliation_overview", **of)
        return link(address, _("Balances")) if address else ""

    @admin.display(description=_("entries"))
    def entries_shown(self, period: Period) -> SafeString:
        span = f"date_from={period.first_day}&date_to={period.last_day}"
        books = f"administration__id__exact={period.administration_id}"
        return link(f"{reverse('admin:ledger_journalentry_changelist')}?{span}&{books}", _("Entries"))
