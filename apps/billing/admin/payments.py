"""Payments: the list, the page, giving one back, what a bank took back."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import CashierFilter, DayFilter, LateFilter, filled_in, link, name_of, taker_of
from apps.billing.admin.money import MoneyAdmin
from apps.billing.forms import RefundForm
from apps.billing.models import Claim, Payment
from apps.billing.services.payments import CHARGED_BACK, charge_back, refund_payment
from apps.core import display
from apps.core.money import ZERO
from apps.core.permissions import Act, may


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    when_empty = _("A payment is taken of a bill, or with a visit.")
    list_display = (
        "number_shown",
        "day",
        "method_shown",
        "kind_shown",
        "amount_shown",
        "patient",
        "patient_name",
        "reference",
        "administration",
    )
    list_display_links = ("number_shown",)
    list_filter = (DayFilter, "method", "kind", LateFilter, CashierFilter, "administration")
    list_select_related = ("administration", "clinic_day", "bill__patient")
    search_help_text = _("Receipt number, patient's code or name")
    number_prefixes = ("R-",)
    ordering = ("-id",)
    summed = "amount"
    linked_by = ("kind__in", "taken_by__id__exact", "advance__isnull")
    patient_path = "bill__patient__"

    def telling(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(method=Payment.Method.CASH)

    @admin.display(description=_("receipt"), ordering="id")
    def number_shown(self, payment: Payment) -> str:
        return str(payment)

    @admin.display(description=_("day"))
    def day(self, payment: Payment) -> str:
        return display.short_day(payment.clinic_day.date)

    @admin.display(description=_("method"), ordering="method")
    def method_shown(self, payment: Payment) -> str:
        return payment.get_method_display()

    @admin.display(description=_("kind"), ordering="kind")
    def kind_shown(self, payment: Payment) -> str:
        return payment.get_kind_display()

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, payment: Payment) -> SafeString:
        return display.amount(payment.amount, payment.administration.currency)

    @admin.display(description=_("patient"))
    def patient(self, payment: Payment) -> str:
        return payment.bill.patient.code

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/refund/", wrap(self.refund_page), name="billing_payment_refund"),
            path("<uuid:object_id>/chargeback/", wrap(self.chargeback_page), name="billing_payment_chargeback"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The payment and what was given back of it."""
        payment = self.find(request, object_id, Act.READ_CLINIC)
        user: Any = request.user
        given_back = list(payment.refunded_by.order_by("id"))
        return self.page(
            request,
            "payment",
            f"{payment.get_kind_display()} {payment}",
            payment=payment,
            administration=payment.administration,
            name=name_of(payment.bill.patient, user),
            given_back=given_back,
            left=_left(payment, given_back),
            may_refund=may(user, Act.APPROVE, payment.administration_id),
            is_payment=payment.kind == Payment.Kind.PAYMENT,
            authorisation=self._authorisation(payment),
            taker=taker_of(payment),
            charges_back=payment.method in CHARGED_BACK,
        )

    def _authorisation(self, payment: Payment) -> str:
        """The code by which the payer authorised this cover."""
        claims = Claim.objects.filter(bill=payment.bill_id, payer=payment.payer_id) if payment.payer_id else ()
        return next((claim.authorisation for claim in claims), "")

    def refund_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Give back part or all of a payment, by its own method."""
        payment = self.find(request, str(object_id), Act.APPROVE)

        def write(form: Any) -> str:
            asked = {name: form.cleaned_data[name] for name in ("amount", "reason", "reference")}
            given = refund_payment(payment, **asked, by=request.user)  # type: ignore[arg-type]
            return link("billing_payment_change", given.pk)

        return self._taken_back(
            request,
            payment,
            write,
            title=_("Refund %(payment)s"),
            sentence=_("The money goes back by %(method)s, today. %(left)s is left of %(payment)s."),
            button=_("Give back"),
            done=_("%(payment)s is refunded."),
        )

    def chargeback_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say that the bank or the provider took a payment back."""
        payment = self.find(request, str(object_id), Act.APPROVE)

        def write(form: Any) -> str:
            asked = {name: form.cleaned_data[name] for name in ("amount", "reason", "reference")}
            taken = charge_back(payment, **asked, by=request.user)  # type: ignore[arg-type]
            return link("billing_payment_change", taken.pk)

        return self._taken_back(
            request,
            payment,
            write,
            title=_("Chargeback of %(payment)s"),
            sentence=_(
                "The bank or the provider took the money back by %(method)s: the patient owes it again. "
                "%(left)s is left of %(payment)s."
            ),
            button=_("Record the chargeback"),
            done=_("The chargeback of %(payment)s is recorded."),
        )

    def _taken_back(self, request: HttpRequest, payment: Payment, write: Any, **words: Any) -> HttpResponse:
        code = payment.administration.currency
        left = _left(payment, list(payment.refunded_by.all()))
        facts = {"method": payment.get_method_display(), "left": display.money(left, code), "payment": payment}
        return self.confirmed(
            request,
            RefundForm(
                request.POST or None,
                administration=payment.administration,
                initial={"amount": left, **filled_in(request)},
            ),
            write,
            beside="amount",
            back=link("billing_payment_change", payment.pk),
            title=words["title"] % facts,
            sentence=words["sentence"] % facts,
            button=words["button"],
            done=words["done"] % facts,
        )


def _left(payment: Payment, given_back: list[Payment]) -> Decimal:
    """What can still be given back of a payment."""
    return payment.amount + sum((refund.amount for refund in given_back), ZERO)
