"""The close page itself, and the list of day closes."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, F, Q, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from unfold.contrib.filters.admin import RangeDateFilter

from apps.billing import blind
from apps.billing.admin.base import BillingAdmin, answer_405, clinic_or_404, parsed_day
from apps.billing.admin.closes.addresses import Status, current, day_link
from apps.billing.admin.closes.buttons import BUTTONS
from apps.billing.admin.closes.days import start
from apps.billing.admin.closes.reopening import compared, revisions_of, why_not_reopened
from apps.billing.admin.closes.shown import shown
from apps.billing.forms import ReasonForm
from apps.billing.models import EndOfDayReconciliation
from apps.billing.reports.drawers import days_hidden
from apps.billing.reports.z_report import DayReport, day_table, x_report, z_report
from apps.billing.services import closing
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.languages import language_of_books
from apps.core.models import Administration
from apps.core.permissions import Act, may, roles_of
from apps.core.tables.download import download


@admin.register(EndOfDayReconciliation)
class DayCloseAdmin(BillingAdmin):
    when_empty = _("The first close is made from the home page: Close the day.")
    list_display = (
        "number_shown",
        "day",
        "state",
        "settled",
        "billed",
        "outstanding",
        "findings",
        "signed",
        "administration",
    )
    list_display_links = ("number_shown", "day")
    list_filter = ("status", "has_mismatches", ("reconciliation_date", RangeDateFilter), "administration")
    list_filter_submit = True
    list_select_related = ("administration", "prepared_by", "finalized_by")
    date_hierarchy = "reconciliation_date"
    search_fields = ("number",)
    search_help_text = _("Number, date, words of a note, or who prepared, reviewed or signed it")
    ordering = ("-reconciliation_date", "-revision")
    actions = ("finalize_selected",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Sorted by an amount, a list must not tell what it does not show: what is not signed has no place in it."""
        rows = super().get_queryset(request)
        signed = {
            f"{name}_signed": Case(When(status=Status.FINALIZED, then=F(name)))
            for name in ("total_revenue", "total_billed")
        }
        return rows.annotate(**signed)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.complete(changelist.result_list)
        return changelist

    def complete(self, rows: list[Any]) -> None:
        """Which of the closes wait for a count."""
        hidden = days_hidden({close.clinic_day_id for close in rows})
        for close in rows:
            close.hidden = close.clinic_day_id in hidden

    def get_search_results(self, request: HttpRequest, rows: Any, term: str) -> tuple[Any, bool]:
        term = term.replace("\x00", "").strip()
        if not term:
            return rows, False
        wanted = Q(note_entries__text__icontains=term)
        for person in ("prepared_by", "reviewed_by", "finalized_by", "reopened_by"):
            wanted |= Q(**{f"{person}__full_name__icontains": term})
        digits = term.upper().removeprefix("Z-")
        if digits.isdecimal() and len(digits) < 10:
            wanted |= Q(number=int(digits))
        day = _typed_day(term)
        if day is not None:
            wanted |= Q(reconciliation_date=day)
        return rows.filter(wanted), True

    @admin.display(description=_("close"), ordering="number")
    def number_shown(self, close: EndOfDayReconciliation) -> str:
        return str(close)

    @admin.display(description=_("date"), ordering="reconciliation_date")
    def day(self, close: EndOfDayReconciliation) -> str:
        return display.short_day(close.reconciliation_date)

    @admin.display(description=_("state"), ordering="status")
    def state(self, close: EndOfDayReconciliation) -> SafeString:
        return display.status(close.status, close.get_status_display())

    @admin.display(description=_("settled"), ordering="total_revenue_signed")
    def settled(self, close: Any) -> SafeString:
        return blind.amount(blind.seen(close.total_revenue, hidden=close.hidden), close.administration.currency)

    @admin.display(description=_("billed"), ordering="total_billed_signed")
    def billed(self, close: Any) -> SafeString:
        return blind.amount(blind.seen(close.total_billed, hidden=close.hidden), close.administration.currency)

    @admin.display(description=_("outstanding"), ordering="total_outstanding")
    def outstanding(self, close: EndOfDayReconciliation) -> SafeString:
        return display.amount(close.total_outstanding, close.administration.currency)

    @admin.display(description=_("findings"))
    def findings(self, close: EndOfDayReconciliation) -> str:
        return str(len(close.mismatch_details) or "")

    @admin.display(description=_("finalized by"))
    def signed(self, close: EndOfDayReconciliation) -> str:
        return str(close.finalized_by or "")

    def has_finalize_permission(self, request: HttpRequest) -> bool:
        return any(may(request.user, Act.FINALIZE_CLOSE, pk) for pk in roles_of(request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Finalize selected closes"), permissions=["finalize"])
    def finalize_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        closes = [str(pk) for pk in rows.filter(status=Status.DRAFT).order_by().values_list("pk", flat=True)]
        return start(self, request, "finalize_days", gettext_noop("Finalize day closes: %(count)s"), {"closes": closes})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("day/<uuid:administration_id>/<str:date>/", wrap(self.close_page), name="billing_close_day"),
            path("day/<uuid:administration_id>/<str:date>/x-report/", wrap(self.x_report), name="billing_day_xreport"),
            path("<uuid:object_id>/z-report/", wrap(self.z_report), name="billing_day_zreport"),
            path("<uuid:object_id>/reopen/", wrap(self.reopen_page), name="billing_day_reopen"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A close is looked at on the page of its day."""
        close = self.find(request, object_id, Act.READ_CLINIC)
        return HttpResponseRedirect(day_link(close.administration_id, close.reconciliation_date))

    # The page of one day ---------------------------------------------------------------------------------------------

    def close_page(self, request: HttpRequest, administration_id: UUID, date: str) -> HttpResponse:
        """Does it tie out? Five steps on one page: visits, takings, count, findings, signatures."""
        administration = clinic_or_404(request, administration_id, Act.READ_CLINIC)
        day = parsed_day(date)
        if day is None:
            raise Http404
        typed: dict[str, Any] = {}
        if request.method == "POST":
            answer = self._do(request, administration, day, typed)
            if answer:
                return answer
        return self.page(
            request,
            "close/day",
            _("Close %(day)s") % {"day": display.day(day)},
            **shown(request, administration, day, typed),
        )

    def _do(
        self, request: HttpRequest, administration: Administration, day: date, typed: dict[str, Any]
    ) -> HttpResponse | None:
        """One button of the page: its service, then the page again. A form with an error is kept in ``typed``."""
        name = request.POST.get("do", "")
        button = BUTTONS.get(name)
        if button is None:
            raise Http404
        form = button.form(request.POST, administration=administration)
        if not form.is_valid():
            typed[name] = form
            return None
        address = day_link(administration.pk, day)
        close = current(administration, day)
        if button.needs_close and close is None:
            raise Http404

        def write() -> str:
            button.press(request, administration, day, close, form)
            return address

        try:
            _address, new = once(request, write)
        except DomainError as refusal:
            if "text" in form.fields or "reason" in form.fields:
                typed[name] = form
            self.message_user(request, said(refusal, administration.currency), messages.ERROR)
            return None if name in typed else HttpResponseRedirect(address)
        if new:
            self.message_user(request, button.done, messages.SUCCESS)
        return HttpResponseRedirect(address)

    # On paper --------------------------------------------------------------------------------------------------------

    def z_report(self, request: HttpRequest, object_id: Any) -> HttpResponseBase:
        """What a close states, as a file to print and keep."""
        if request.method not in ("GET", "HEAD"):  # the file is recorded as taken along
            return answer_405("GET")
        return _paper(request, z_report(self.find(request, str(object_id), Act.READ_CLINIC)))

    def x_report(self, request: HttpRequest, administration_id: UUID, date: str) -> HttpResponseBase:
        """The day so far; nothing is changed by it."""
        if request.method not in ("GET", "HEAD"):
            return answer_405("GET")
        administration = clinic_or_404(request, administration_id, Act.READ_CLINIC)
        day = parsed_day(date)
        if day is None:
            raise Http404
        return _paper(request, x_report(administration, day, request.user))  # type: ignore[arg-type]

    # Reopening -------------------------------------------------------------------------------------------------------

    def reopen_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The revisions of a day side by side, and the form that begins the next one."""
        close = self.find(request, str(object_id), Act.READ_CLINIC)
        user: Any = request.user
        form = ReasonForm(request.POST or None, administration=close.administration)
        if request.method == "POST":
            if not may(user, Act.REOPEN_CLOSE, close.administration_id):
                raise PermissionDenied
            if form.is_valid():
                answer = self._reopen(request, close, form)
                if answer:
                    return answer
        revisions = revisions_of(close)
        newest = revisions[-1].close
        return self.page(
            request,
            "close/reopen",
            _("%(close)s: %(day)s") % {"close": close, "day": display.day(close.reconciliation_date)},
            administration=close.administration,
            day=close.reconciliation_date,
            close=close,
            reopened=close.revision > 1,
            revisions=revisions,
            figures=list(compared(revisions, hidden=bool(days_hidden([close.clinic_day_id])))),
            why_not=why_not_reopened(user, close, newest),
            next_revision=f"r{newest.revision + (newest.status != Status.CANCELLED)}",
            form=form,
            back=day_link(close.administration_id, close.reconciliation_date),
            reads_ledger=may(user, Act.READ_LEDGER, close.administration_id),
        )

    def _reopen(
        self, request: HttpRequest, close: EndOfDayReconciliation, form: ReasonForm
    ) -> HttpResponseRedirect | None:
        def write() -> str:
            closing.reopen_day(close, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return day_link(close.administration_id, close.reconciliation_date)

        try:
            address, _new = once(request, write)
        except DomainError as refusal:
            form.add_error(None, said(refusal, close.administration.currency))
            return None
        self.message_user(
            request, _("The day is open again. Mend it, count if need be, and have it signed."), messages.SUCCESS
        )
        return HttpResponseRedirect(address)


def _paper(request: HttpRequest, report: DayReport) -> HttpResponseBase:
    """A report as the books' own language tells it: it is kept, and read by others."""
    with language_of_books(report.administration):
        return download(day_table(report), "pdf", administration=report.administration, by=request.user)  # type: ignore[arg-type]


def _typed_day(term: str) -> date | None:
    """A date as people type one, in any of our languages; None for words."""
    asked = forms.DateField(input_formats=["%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y"])
    try:
        day: date | None = asked.clean(term)
    except ValidationError:
        return None
    return day
