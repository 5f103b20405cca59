"""The payment provider: what it confirmed, what it paid out, the messages that it sent."""

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from apps.billing.admin.base import BillingAdmin, clinics, link
from apps.billing.forms import find_service
from apps.billing.models import (
    Bill,
    Patient,
    Payment,
    PaystackEvent,
    PaystackRefund,
    PaystackSettlement,
    PaystackTransaction,
    Service,
    TopUp,
    Wallet,
)
from apps.billing.paystack import SUCCESS, is_connected
from apps.billing.reports.payouts import payout_of
from apps.billing.reports.paystack import unmatched, with_stated_back, with_taken
from apps.billing.services.paystack import assign, taken_by_reference
from apps.core import display
from apps.core.errors import DomainError, told_again
from apps.core.forms import AdministrationForm, once, said
from apps.core.money import ZERO, text
from apps.core.permissions import Act, may, may_somewhere
from apps.core.services.jobs import start_job

# The provider's own words for the state of a payment, in everybody's language; what it adds later is shown as it is.
STATES = {
    "pending": (_("Not paid yet"), "WAITING"),
    "ongoing": (_("Being paid"), "RUNNING"),
    "processing": (_("Being paid"), "RUNNING"),
    "queued": (_("Being paid"), "RUNNING"),
    "success": (_("Paid"), "DONE"),
    "failed": (_("Failed"), "FAILED"),
    "abandoned": (_("Not paid"), "CANCELLED"),
    "reversed": (_("Given back"), "REVERSED"),
}


def state_of(status: str) -> SafeString:
    word, icon = STATES.get(status, (status, status))
    return display.status(icon, word)


class UnmatchedFilter(admin.SimpleListFilter):
    """Payments that succeeded and were not taken for what they are."""

    title = _("taken")
    parameter_name = "unmatched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Paid and not taken"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return unmatched(rows) if self.value() == "yes" else rows


class AssignForm(AdministrationForm):
    """What a payment is for: a bill by its number, or a patient's wallet by their code."""

    bill = forms.CharField(label=_("Bill"), max_length=20, required=False, help_text=_("Its number, such as B-000041."))
    patient = forms.CharField(
        label=_("Patient"), max_length=64, required=False, help_text=_("The code of whose wallet it goes into.")
    )

    service = forms.CharField(
        label=_("For service"),
        max_length=200,
        required=False,
        help_text=_("Of a wallet: the one service with VAT that it was paid for in advance."),
    )

    def clean_service(self) -> Service | None:
        typed = self.cleaned_data["service"].strip()
        return find_service(self, typed, self.administration) if typed else None

    def clean_bill(self) -> Bill | None:
        typed = self.cleaned_data["bill"].strip().upper().removeprefix("B-")
        if not typed:
            return None
        digits = typed.isdecimal() and len(typed) < 10
        bills = Bill.objects.filter(administration=self.administration, kind=Bill.Kind.BILL)
        found: Bill | None = bills.filter(number=int(typed)).first() if digits else None
        if found is None:
            raise forms.ValidationError(_("There is no bill of that number here."))
        return found

    def clean_patient(self) -> Patient | None:
        typed = self.cleaned_data["patient"].strip()
        if not typed:
            return None
        found = Patient.objects.filter(administration=self.administration, code__iexact=typed).first()
        if found is None:
            raise forms.ValidationError(_("Nobody here has that code."))
        return found

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if not self.errors and (asked.get("bill") is None) == (asked.get("patient") is None):
            raise forms.ValidationError(_("Say either the bill or the patient."))
        return asked


class ProviderAdmin(BillingAdmin):
    """A list of what the provider told, which says whether there is one."""

    list_before_template = "admin/billing/provider_note.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        connected = any(is_connected(clinic.pk) for clinic in clinics(request))
        return super().changelist_view(request, {**(extra_context or {}), "connected": connected})


@admin.register(PaystackTransaction)
class ProviderPaymentAdmin(ProviderAdmin):
    when_empty = _("Payments appear once Paystack confirms them.")
    list_display = ("reference", "day", "state", "amount_shown", "taken_shown", "bill", "patient", "administration")
    list_display_links = ("reference",)
    list_filter = (UnmatchedFilter, "status", "administration")
    list_select_related = ("administration", "bill", "patient")
    search_fields = ("reference",)
    search_help_text = _("Reference")
    ordering = ("-id",)
    linked_by = ("settlement__id__exact", "paid_on")
    actions = ("ask_again",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_taken(super().get_queryset(request))

    @admin.display(description=_("paid on"), ordering="paid_on")
    def day(self, row: PaystackTransaction) -> str:
        return display.short_day(row.paid_on) if row.paid_on else display.NOTHING

    @admin.display(description=_("state"), ordering="status")
    def state(self, row: PaystackTransaction) -> SafeString:
        return state_of(row.status)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, row: PaystackTransaction) -> SafeString:
        return display.amount(row.amount, row.currency)

    @admin.display(description=_("taken here"))
    def taken_shown(self, row: Any) -> SafeString:
        return display.amount(row.taken, row.administration.currency)

    @admin.action(description=_("Ask the provider again"), permissions=["ask"])
    def ask_again(self, request: HttpRequest, rows: Any) -> HttpResponse:
        """Long work: each payment is a question."""
        user: Any = request.user
        chosen = [str(row.pk) for row in rows if may(user, Act.TAKE_PAYMENTS, row.administration_id)]
        job = start_job(
            "apps.billing.tasks.verify_provider_payments",
            title=gettext_noop("Ask the provider about %(count)s payments"),
            by=user,
            arguments={"payments": chosen},
            total=len(chosen),
        )
        return HttpResponseRedirect(link("core_job_change", job.pk))

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.TAKE_PAYMENTS)

    def get_urls(self) -> list[URLPattern]:
        wrap, refund = self.admin_site.admin_view, require_safe(self.refund_page)
        ours = [
            path("<uuid:object_id>/assign/", wrap(self.assign_page), name="billing_paystacktransaction_assign"),
            path("<uuid:object_id>/refund/", wrap(refund), name="billing_paystacktransaction_refund"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One payment, what was taken of it, and what can be done next."""
        row = self.find(request, object_id, Act.READ_CLINIC)
        taken = taken_by_reference(row)
        missing = _missing(row)
        kind = "payment" if hasattr(taken, "bill_id") else "topup"
        return self.page(
            request,
            "provider_payment",
            _("Provider payment"),
            row=row,
            administration=row.administration,
            state=state_of(row.status),
            taken=taken,
            taken_page=link(f"billing_{kind}_change", taken.pk) if taken else "",
            may_assign=row.status == SUCCESS and taken is None,
            missing=missing,
            refunds=row.refunds.order_by("id"),
            may_approve=may(request.user, Act.APPROVE, row.administration_id),  # type: ignore[arg-type]
            may_take=may(request.user, Act.TAKE_PAYMENTS, row.administration_id),  # type: ignore[arg-type]
        )

    def assign_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say what a payment is for, and take it."""
        row = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        initial = {"patient": row.bill.patient.code if row.bill else ""}
        form = AssignForm(request.POST or None, administration=row.administration, initial=initial)
        code = row.administration.currency
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("bill", "patient", "service")}
            try:
                _address, new = once(request, lambda: _assigned(row, asked, request.user))
            except DomainError as refusal:
                form.add_error(None, said(refusal, code))
            else:
                words = _("It is taken.") if new else _("This was done before; nothing was written twice.")
                self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
                return HttpResponseRedirect(link("billing_paystacktransaction_change", row.pk))
        amount = display.money(row.amount, row.currency)
        return self.page(
            request,
            "confirm",
            _("What is %(reference)s for?") % {"reference": row.reference},
            form=form,
            sentence=_("%(amount)s was paid. It settles the bill, or goes into the wallet, of the day it was paid on.")
            % {"amount": amount},
            button=_("Assign"),
            back=link("billing_paystacktransaction_change", row.pk),
        )

    def refund_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Where what the provider gave back is entered: the refund of the payment that took it, filled in."""
        row = self.find(request, str(object_id), Act.APPROVE)
        back = link("billing_paystacktransaction_change", row.pk)
        missing = _missing(row)
        taken = _to_give_back(row, missing) if missing > 0 else None
        if taken is None:
            self.message_user(request, _("All that the provider gave back is entered."), messages.INFO)
            return HttpResponseRedirect(back)
        stated = row.refunds.filter(status=PaystackRefund.PROCESSED).order_by("id").last()
        filled = {
            "amount": text(min(missing, taken.left), row.currency),
            "reason": quote(str(_("Given back by Paystack"))),
        }
        if isinstance(taken, Payment):
            reference = quote(stated.provider_id) if stated else ""
            return HttpResponseRedirect(link("billing_payment_refund", taken.pk, reference=reference, **filled))
        filled |= {
            "method": "PAYSTACK",
            "reference": quote(row.reference),
            "advance": taken.pk if taken.service_id else "",
        }
        wallet = Wallet.objects.get(patient=taken.patient_id)
        return HttpResponseRedirect(link("billing_wallet_pay_out", wallet.pk, **filled))


def _missing(row: PaystackTransaction) -> Decimal:
    """What the provider says that it gave back and nobody entered."""
    found = with_stated_back(PaystackTransaction.objects.filter(pk=row.pk)).get()
    return max(found.stated_back - found.given_back, ZERO) if found.taken else ZERO


def _to_give_back(row: PaystackTransaction, amount: Decimal) -> Any:
    """The payment or the top-up of that reference that has ``amount`` ``left``, otherwise the one that has most."""
    of = {"administration": row.administration_id, "reference": row.reference, "method": "PAYSTACK"}
    payments = Payment.objects.filter(**of, kind=Payment.Kind.PAYMENT).annotate(
        left=F("amount") + Coalesce(Sum("refunded_by__amount"), ZERO)
    )
    found: list[Any] = [*payments, *TopUp.objects.filter(**of, amount__gt=0).annotate(left=F("amount"))]
    return max((one for one in found if one.left > 0), key=lambda one: (one.left >= amount, one.left), default=None)


def _assigned(row: PaystackTransaction, asked: dict[str, Any], user: Any) -> str:
    assign(row, **asked, by=user)
    return str(row.pk)


@admin.register(PaystackSettlement)
class ProviderSettlementAdmin(ProviderAdmin):
    when_empty = _("Payouts appear once Paystack settles payments.")
    list_display = ("number", "day", "status", "gross_shown", "fees_shown", "net_shown", "payments", "administration")
    list_filter = ("status", "administration")
    list_select_related = ("administration",)
    search_fields = ("provider_id",)
    search_help_text = _("The number of the payout")
    ordering = ("-settled_on", "-id")
    fields: Any = (
        *("number", "day", "status", "gross_shown", "fees_shown", "refunded_shown", "unexplained_shown", "net_shown"),
        *("payments", "verified"),
    )
    readonly_fields: Any = (
        *("number", "day", "gross_shown", "fees_shown", "refunded_shown", "unexplained_shown", "net_shown"),
        *("payments", "verified"),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(count=Count("transactions"))

    @admin.display(description=_("on the bank statement"), ordering="id")
    def number(self, row: PaystackSettlement) -> str:
        return str(row)

    @admin.display(description=_("settled on"), ordering="settled_on")
    def day(self, row: PaystackSettlement) -> str:
        return display.short_day(row.settled_on) if row.settled_on else display.NOTHING

    @admin.display(description=_("payments"), ordering="gross")
    def gross_shown(self, row: PaystackSettlement) -> SafeString:
        return display.amount(row.gross, row.currency)

    @admin.display(description=_("fees"), ordering="fees")
    def fees_shown(self, row: PaystackSettlement) -> SafeString:
        return display.amount(row.fees, row.currency)

    @admin.display(description=_("paid out"), ordering="net")
    def net_shown(self, row: PaystackSettlement) -> SafeString:
        return display.amount(row.net, row.currency)

    @admin.display(description=_("given back, deducted"))
    def refunded_shown(self, row: PaystackSettlement) -> SafeString:
        """Each refund leads to its payment."""
        payout = payout_of(row)
        each = format_html_join(
            "",
            '<br><a href="{}">{}</a> {}',
            (
                (
                    link("billing_paystacktransaction_change", one.stated.transaction_id),
                    one.stated.transaction.reference,
                    display.money(one.stated.amount, one.stated.currency),
                )
                for one in payout.refunds
            ),
        )
        return format_html("{}{}", display.amount(payout.refunded, row.currency), each)

    @admin.display(description=_("not explained by these"))
    def unexplained_shown(self, row: PaystackSettlement) -> SafeString:
        return display.amount(payout_of(row).unexplained, row.currency)

    @admin.display(description=_("its payments"))
    def payments(self, row: Any) -> SafeString:
        page = link("billing_paystacktransaction_changelist", settlement__id__exact=row.pk)
        return format_html('<a href="{}">{}</a>', page, row.count)

    @admin.display(description=_("verified"))
    def verified(self, row: PaystackSettlement) -> str:
        return display.moment(row.verified_at, row.administration.time_zone)


class WaitingFilter(admin.SimpleListFilter):
    title = _("handled")
    parameter_name = "handled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("no", _("Waits")), ("refused", _("Refused"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() == "no":
            return rows.filter(handled_at=None)
        return rows.exclude(refusal="") if self.value() == "refused" else rows


@admin.register(PaystackEvent)
class ProviderMessageAdmin(ProviderAdmin):
    when_empty = _("What Paystack tells appears here.")
    list_display = ("received", "event", "reference", "state", "refused", "administration")
    list_filter = (WaitingFilter, "administration")
    list_select_related = ("administration",)
    search_fields = ("reference",)
    search_help_text = _("Reference")
    ordering = ("-id",)
    fields: Any = ("received", "event", "reference", "state", "refused")
    readonly_fields: Any = ("received", "state", "refused")

    @admin.display(description=_("received"), ordering="id")
    def received(self, message: PaystackEvent) -> str:
        return display.moment(message.received_at, message.administration.time_zone)

    @admin.display(description=_("state"))
    def state(self, message: PaystackEvent) -> SafeString:
        if message.handled_at is None:
            return display.status("WAITING", _("Waits"))
        return display.status("REFUSED", _("Refused")) if message.refusal else display.status("DONE", _("Done"))

    @admin.display(description=_("why"))
    def refused(self, message: PaystackEvent) -> str:
        return told_again({"code": message.refusal, "message": message.refusal})["message"] if message.refusal else ""
