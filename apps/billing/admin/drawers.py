"""Drawers, and the lists of what happened at them: petty cash, counts, terminals' totals."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, DayFilter, chosen, clinics, link, parsed_day
from apps.billing.drawer_forms import TerminalForm
from apps.billing.models import CashMovement, ClinicDay, Drawer, DrawerCount, Shift, TerminalBatch
from apps.billing.services import drawers
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Administration
from apps.core.permissions import Act


@admin.register(Drawer)
class DrawerAdmin(BillingAdmin):
    add_act = change_act = Act.SET_PRICES
    refusal_fields = {"CODE_TAKEN": "code", "CASH_NEGATIVE": "standard_float", "DRAWER_HELD": "is_active"}

    list_display = ("name", "code", "standard", "in_use", "open_shift", "administration")
    list_filter = ("is_active", "administration")
    list_select_related = ("administration",)
    search_fields = ("name", "code")
    fields = ("administration", "code", "name", "standard_float", "is_active")

    def get_queryset(self, request: HttpRequest) -> Any:
        open_ = Shift.objects.filter(drawer=OuterRef("pk"), closed_at=None)
        return super().get_queryset(request).annotate(cashier=Subquery(open_.values("cashier__full_name")[:1]))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else tuple(name for name in self.fields if name != "is_active")

    @admin.display(description=_("standard float"), ordering="standard_float")
    def standard(self, drawer: Drawer) -> SafeString:
        return display.amount(drawer.standard_float, drawer.administration.currency)

    @admin.display(description=_("state"), ordering="is_active")
    def in_use(self, drawer: Drawer) -> SafeString:
        return display.status("OPEN", _("in use")) if drawer.is_active else display.status("CANCELLED", _("not in use"))

    @admin.display(description=_("open shift"))
    def open_shift(self, drawer: Any) -> str:
        return drawer.cashier or ""

    def save_model(self, request: HttpRequest, obj: Drawer, form: ModelForm[Drawer], change: bool) -> None:
        asked: dict[str, Any] = {name: form.cleaned_data[name] for name in ("name", "standard_float")}
        if change:
            drawers.change_drawer(obj, **asked, is_active=form.cleaned_data["is_active"], by=request.user)  # type: ignore[arg-type]
            return
        made = drawers.add_drawer(obj.administration, code=obj.code, **asked, by=request.user)  # type: ignore[arg-type]
        obj.pk = made.pk


class OfShift(BillingAdmin):
    """A list of what happened at the drawers; a row is looked at on the page of its shift."""

    ordering = ("-id",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.find(request, object_id, Act.READ_CLINIC)
        return HttpResponseRedirect(link("billing_shift_change", row.shift_id))

    @admin.display(description=_("day"))
    def day(self, row: Any) -> str:
        return display.short_day(row.clinic_day.date)

    @admin.display(description=_("drawer"))
    def drawer(self, row: Any) -> str:
        return str(row.shift.drawer)


@admin.register(CashMovement)
class CashMovementAdmin(OfShift):
    list_display = (
        "number_shown",
        "day",
        "drawer",
        "kind",
        "amount_shown",
        "what_for",
        "reference",
        "by",
        "administration",
    )
    list_filter = (DayFilter, "kind", "administration")
    list_select_related = ("administration", "clinic_day", "shift__drawer", "account", "by")
    search_fields = ("reason", "reference")

    @admin.display(description=_("number"), ordering="id")
    def number_shown(self, movement: CashMovement) -> str:
        return str(movement)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, movement: CashMovement) -> SafeString:
        into = movement.kind == CashMovement.Kind.PAY_IN
        return display.amount(movement.amount if into else -movement.amount, movement.administration.currency)

    @admin.display(description=_("for"))
    def what_for(self, movement: CashMovement) -> str:
        return " · ".join(str(part) for part in (movement.reason, movement.account) if part)


@admin.register(DrawerCount)
class DrawerCountAdmin(OfShift):
    list_display = (
        "day",
        "counted_on",
        "drawer",
        "state",
        "total_shown",
        "expected_shown",
        "difference_shown",
        "counted_by",
        "administration",
    )
    list_filter = (DayFilter, "is_final", "administration")
    list_select_related = ("administration", "clinic_day", "shift__drawer", "counted_by")

    @admin.display(description=_("counted at"), ordering="id")
    def counted_on(self, count: DrawerCount) -> str:
        return display.clock(count.counted_at, count.clinic_day.date, count.administration.time_zone)

    @admin.display(description=_("state"), ordering="is_final")
    def state(self, count: DrawerCount) -> SafeString:
        if not count.is_final:
            return display.status("WAITING", _("not final"))
        return display.status("DONE", _("final") if count.attempt == 1 else _("final (2)"))

    @admin.display(description=_("counted"), ordering="total")
    def total_shown(self, count: DrawerCount) -> SafeString:
        return display.amount(count.total, count.administration.currency)

    @admin.display(description=_("expected"))
    def expected_shown(self, count: DrawerCount) -> SafeString:
        return display.amount(count.expected, count.administration.currency)

    @admin.display(description=_("difference"))
    def difference_shown(self, count: DrawerCount) -> SafeString:
        return display.amount(count.difference, count.administration.currency)


@admin.register(TerminalBatch)
class TerminalBatchAdmin(BillingAdmin):
    add_act = Act.COUNT_DRAWER

    list_display = ("day", "terminal", "batch", "total_shown", "payments_count", "by", "entered", "administration")
    list_filter = (DayFilter, "administration")
    list_select_related = ("administration", "clinic_day", "by")
    search_fields = ("terminal", "batch")
    ordering = ("-id",)
    fields = ("day", "terminal", "batch", "total_shown", "payments_count", "by", "entered")
    readonly_fields = fields

    @admin.display(description=_("day"))
    def day(self, total: TerminalBatch) -> str:
        return display.short_day(total.clinic_day.date)

    @admin.display(description=_("total"), ordering="total")
    def total_shown(self, total: TerminalBatch) -> SafeString:
        return display.amount(total.total, total.administration.currency)

    @admin.display(description=_("entered"), ordering="id")
    def entered(self, total: TerminalBatch) -> str:
        return display.clock(total.at, total.clinic_day.date, total.administration.time_zone)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Type what a card terminal printed for a day; a later total of the same batch takes its place."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.COUNT_DRAWER)
        administration = chosen(request, mine)
        day = parsed_day(request.GET.get("day")) or local_date(administration)
        form = TerminalForm(request.POST or None, administration=administration, day=day)
        if form.is_valid():
            try:
                address, new = once(request, lambda: _entered(form, administration, request.user))
            except DomainError as refusal:
                form.add_error(None, said(refusal, administration.currency))
            else:
                if new:
                    self.message_user(request, _("The terminal's total is written down."), messages.SUCCESS)
                return HttpResponseRedirect(address)
        entered = TerminalBatch.objects.filter(administration=administration)
        return self.page(
            request,
            "terminal_total",
            _("Total of a card terminal"),
            form=form,
            clinics=mine,
            administration=administration,
            today=entered.filter(clinic_day__date=day).select_related("by").order_by("id"),
            day=day,
            terminals=entered.order_by("terminal").values_list("terminal", flat=True).distinct()[:20],
        )


def _entered(form: TerminalForm, administration: Administration, user: Any) -> str:
    asked = {name: form.cleaned_data[name] for name in ("terminal", "batch", "total", "payments_count")}
    day = ClinicDay(administration=administration, date=form.cleaned_data["day"])
    drawers.enter_terminal_total(day, **asked, by=user)
    return link("billing_close_day", administration.pk, day.date.isoformat())
