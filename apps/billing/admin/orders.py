"""Orders: what is still to be given, what was given and not billed; complete, take back, say that it costs nothing."""

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import DayFilter, PatientNames, link, name_of
from apps.billing.forms import CoverForm, GivenForm, ReasonForm
from apps.billing.models import BillLine, Order
from apps.billing.services.ordering import cancel_order, complete_order, cover_order
from apps.core import display
from apps.core.money import ZERO
from apps.core.permissions import Act, may


class OrderedFilter(DayFilter):
    path = "ordered_on"


class StateFilter(admin.SimpleListFilter):
    """Where an order stands: still to give, given, given and not billed, taken back."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("waiting", _("Ordered")),
            ("done", _("Done")),
            ("unbilled", _("Done and not billed")),
            ("cancelled", _("Cancelled")),
        ]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        match self.value():
            case "waiting":
                return rows.filter(completed_at=None, cancelled_at=None)
            case "done":
                return rows.filter(completed_at__isnull=False)
            case "unbilled":
                return rows.filter(coverage_reason="", completed_quantity__gt=F("billed"))
            case "cancelled":
                return rows.filter(cancelled_at__isnull=False)
        return rows


def state_of(order: Order) -> SafeString:
    """Where an order stands, as a word with its icon."""
    if order.cancelled_at:
        return display.status("CANCELLED", _("Cancelled"))
    if order.completed_at:
        return display.status("DONE", _("Done"))
    return display.status("WAITING", _("Ordered"))


@admin.register(Order)
class OrderAdmin(PatientNames):
    list_display = (
        "day",
        "patient",
        "patient_name",
        "kind",
        "description",
        "how_many",
        "state",
        "is_billed",
        "administration",
    )
    list_display_links = ("day", "description")
    list_filter = (StateFilter, "kind", OrderedFilter, "is_emergency", "administration")
    list_select_related = ("administration", "visit__patient")
    search_help_text = _("Patient's code or name")
    patient_path = "visit__patient__"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        lines = BillLine.objects.filter(order=OuterRef("pk")).order_by().values("order")
        billed = Subquery(lines.annotate(sum=Sum("quantity")).values("sum"))
        return super().get_queryset(request).annotate(billed=Coalesce(billed, ZERO))

    @admin.display(description=_("ordered"), ordering="ordered_on")
    def day(self, order: Order) -> str:
        return display.short_day(order.ordered_on)

    @admin.display(description=_("patient"))
    def patient(self, order: Order) -> str:
        return order.visit.patient.code

    @admin.display(description=_("quantity"), ordering="quantity")
    def how_many(self, order: Order) -> str:
        return number_format(order.quantity.normalize(), use_l10n=True)

    @admin.display(description=_("state"))
    def state(self, order: Order) -> SafeString:
        return state_of(order)

    @admin.display(description=_("billed"))
    def is_billed(self, order: Any) -> str:
        if order.coverage_reason:
            return str(order.get_coverage_reason_display())
        return str(_("Billed") if order.billed > 0 else "")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/complete/", wrap(self.complete_page), name="billing_order_complete"),
            path("<uuid:object_id>/cancel/", wrap(self.cancel_page), name="billing_order_cancel"),
            path("<uuid:object_id>/cover/", wrap(self.cover_page), name="billing_order_cover"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The order: who ordered and gave it, whether it is billed, what can be done next."""
        order = self.find(request, object_id, Act.READ_CLINIC)
        return self.page(
            request,
            "order",
            str(order),
            order=order,
            state=state_of(order),
            administration=order.administration,
            name=name_of(order.visit.patient, request.user),
            lines=order.lines.select_related("bill").order_by("id"),
            may_take=may(request.user, Act.TAKE_PAYMENTS, order.administration_id),  # type: ignore[arg-type]
        )

    def complete_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say that it was given, and how much of it."""
        order = self.find(request, str(object_id), Act.TAKE_PAYMENTS)

        def write(form: Any) -> str:
            complete_order(order, quantity=form.cleaned_data["quantity"], by=request.user)  # type: ignore[arg-type]
            return link("billing_visit_change", order.visit_id)

        return self.confirmed(
            request,
            GivenForm(request.POST or None, administration=order.administration, initial={"quantity": order.quantity}),
            write,
            beside="quantity",
            title=_("Done: %(order)s") % {"order": order},
            sentence=_("%(order)s for %(patient)s was given today.")
            % {"order": order, "patient": order.visit.patient.code},
            button=_("Done"),
            calm=True,
            back=link("billing_visit_change", order.visit_id),
            done=_("%(order)s is done.") % {"order": order},
        )

    def cancel_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Take the order back."""
        order = self.find(request, str(object_id), Act.TAKE_PAYMENTS)

        def write(form: Any) -> str:
            cancel_order(order, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return link("billing_visit_change", order.visit_id)

        return self.confirmed(
            request,
            ReasonForm(request.POST or None, administration=order.administration),
            write,
            beside="reason",
            title=_("Cancel %(order)s") % {"order": order},
            sentence=_("%(order)s for %(patient)s is taken back. It stays listed as cancelled, with your reason.")
            % {"order": order, "patient": order.visit.patient.code},
            button=_("Cancel the order"),
            back=link("billing_visit_change", order.visit_id),
            done=_("%(order)s is cancelled.") % {"order": order},
        )

    def cover_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say why the order costs nothing."""
        order = self.find(request, str(object_id), Act.TAKE_PAYMENTS)

        def write(form: Any) -> str:
            cover_order(order, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return link("billing_visit_change", order.visit_id)

        return self.confirmed(
            request,
            CoverForm(request.POST or None, administration=order.administration),
            write,
            beside="reason",
            title=_("%(order)s costs nothing") % {"order": order},
            sentence=_("Nothing is billed for %(order)s of %(patient)s, and no leak is reported for it.")
            % {"order": order, "patient": order.visit.patient.code},
            button=_("It costs nothing"),
            calm=True,
            back=link("billing_visit_change", order.visit_id),
            done=_("%(order)s costs nothing.") % {"order": order},
        )
