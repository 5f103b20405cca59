"""Discounts: who gave what away and why; a manager approves those above the clinic's limit."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import DayFilter, PatientNames, link, name_of
from apps.billing.models import Discount
from apps.billing.services.discounts import approve_discount
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, said
from apps.core.permissions import Act, may, may_somewhere


class GivenOnFilter(DayFilter):
    path = "line__bill__clinic_day__date"


class ApprovedFilter(admin.SimpleListFilter):
    title = _("approval")
    parameter_name = "approval"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("waiting", _("Waits for approval")), ("approved", _("Approved, or within the limit"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        asked = self.value()
        return rows.filter(approved_at__isnull=asked == "waiting") if asked in ("waiting", "approved") else rows


@admin.register(Discount)
class DiscountAdmin(PatientNames):
    actions = ("approve",)
    list_display = (
        "line",
        "bill",
        "patient",
        "amount_shown",
        "share",
        "reason",
        "given_by",
        "state",
        "administration",
    )
    list_filter = (ApprovedFilter, GivenOnFilter, "administration")
    list_select_related = ("administration", "line__bill__patient", "given_by")
    search_help_text = _("Patient's code or name")
    patient_path = "line__bill__patient__"
    ordering = ("-id",)

    @admin.display(description=_("bill"))
    def bill(self, discount: Discount) -> str:
        return str(discount.line.bill)

    @admin.display(description=_("patient"))
    def patient(self, discount: Discount) -> str:
        return discount.line.bill.patient.code

    @admin.display(description=_("discount"), ordering="amount")
    def amount_shown(self, discount: Discount) -> SafeString:
        return display.amount(discount.amount, discount.administration.currency)

    @admin.display(description=_("of the price"), ordering="percentage")
    def share(self, discount: Discount) -> str:
        return percent(discount)

    @admin.display(description=_("state"))
    def state(self, discount: Discount) -> SafeString:
        return state_of(discount)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.APPROVE)

    @admin.action(description=_("Approve selected discounts"), permissions=["approve"])
    def approve(self, request: HttpRequest, discounts: Any) -> None:
        for discount in discounts.order_by("id"):
            try:
                approve_discount(discount, by=request.user)  # type: ignore[arg-type]
            except DomainError as refusal:
                words = said(refusal, discount.administration.currency)
                self.message_user(request, f"{discount.line}: {words}", messages.ERROR)
            else:
                self.message_user(request, _("%(what)s is approved.") % {"what": discount.line}, messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        approve = path(
            "<uuid:object_id>/approve/", self.admin_site.admin_view(self.approve_page), name="billing_discount_approve"
        )
        return [approve, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What was given away, why and by whom, and whether it counts yet."""
        discount = self.find(request, object_id, Act.READ_CLINIC)
        return self.page(
            request,
            "discount",
            _("Discount on %(line)s") % {"line": discount.line},
            discount=discount,
            bill=discount.line.bill,
            share=percent(discount),
            state=state_of(discount),
            administration=discount.administration,
            name=name_of(discount.line.bill.patient, request.user),
            may_approve=may(request.user, Act.APPROVE, discount.administration_id),  # type: ignore[arg-type]
        )

    def approve_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Let the discount count."""
        discount = self.find(request, str(object_id), Act.APPROVE)
        back = link("billing_discount_change", discount.pk)

        def write(form: Any) -> str:
            approve_discount(discount, by=request.user)  # type: ignore[arg-type]
            return back

        facts = {
            "amount": display.money(discount.amount, discount.administration.currency),
            "share": percent(discount),
            "line": discount.line,
            "bill": discount.line.bill,
            "person": discount.given_by or _("an import"),
            "reason": discount.reason,
        }
        return self.confirmed(
            request,
            AdministrationForm(request.POST or None, administration=discount.administration),
            write,
            title=_("Approve a discount"),
            sentence=_("%(person)s gave %(amount)s (%(share)s) off %(line)s on %(bill)s: %(reason)s") % facts,
            button=_("Approve"),
            calm=True,
            back=back,
            done=_("%(amount)s off %(line)s is approved.") % facts,
        )


def percent(discount: Discount) -> str:
    return f"{number_format(round(discount.percentage, 1).normalize(), use_l10n=True)} %"


def state_of(discount: Discount) -> SafeString:
    """Whether a discount counts, as a word with its icon."""
    if discount.approved_at is None:
        return display.status("WAITING", _("Waits for approval"))
    return display.status("DONE", _("Approved") if discount.approved_by_id else _("Within the limit"))
