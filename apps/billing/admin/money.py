"""Bills and payments: lists, pages, taking a payment, giving it back, crediting a bill, the receipt."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin import discounts
from apps.billing.admin.base import (
    DayFilter,
    LateFilter,
    OwedFilter,
    PatientNames,
    link,
    name_of,
    parsed_day,
    parsed_owed,
)
from apps.billing.admin.visits import beside_its_tender, shown_to
from apps.billing.errors import PaymentBeyondBill
from apps.billing.forms import PayForm, ReasonForm, RefundForm, TenderFormSet, change_due, tenders_of
from apps.billing.models import Bill, Claim, ClinicDay, Outstanding, Payment
from apps.billing.reports.drawers import cash_hidden
from apps.billing.services.charging import credit_bill
from apps.billing.services.payments import CHARGED_BACK, Tender, charge_back, owed, refund_payment, take_payment
from apps.billing.services.receipts import address_of, copies_of, mail_receipt, print_receipt
from apps.billing.services.wallets import balance_of
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.money import ZERO
from apps.core.permissions import Act, may, roles_of


class MoneyAdmin(PatientNames):
    """A list of amounts. Filtered to a day or to what is open, its sum stands above it: the figure that led here.

    A sum that would tell what is in a drawer is not shown to those who count it, until they have.
    """

    summed = ""
    list_before_template = "admin/billing/list_sum.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        changelist = getattr(answer, "context_data", {}).get("cl")
        if changelist is not None and (parsed_day(request.GET.get("day")) or "owed" in request.GET):
            currencies = list(
                changelist.queryset.order_by().values_list("administration__currency", flat=True).distinct()[:2]
            )
            if self.is_blind(request, changelist.queryset):
                answer.context_data["blind"] = True
            elif len(currencies) == 1:
                sums = changelist.queryset.order_by().aggregate(sum=Sum(self.summed_by(request), default=ZERO))
                answer.context_data["sum"] = display.money(sums["sum"], currencies[0])
        return answer

    def summed_by(self, request: HttpRequest) -> str:
        return self.summed

    def telling(self, request: HttpRequest, rows: Any) -> Any:
        """Of ``rows`` those whose sum tells what is in a drawer."""
        return rows

    def is_blind(self, request: HttpRequest, rows: Any) -> bool:
        """Whether the sum of ``rows`` waits for the count of a drawer that the person may count."""
        user: Any = request.user
        counts = [pk for pk in roles_of(user) if may(user, Act.COUNT_DRAWER, pk)]
        telling = self.telling(request, rows.filter(administration__in=counts)).order_by()
        days = ClinicDay.objects.filter(pk__in=telling.values("clinic_day"), is_finalized=False)
        return any(cash_hidden(day) for day in days)


@admin.register(Bill)
class BillAdmin(MoneyAdmin):
    list_display = (
        "number_shown",
        "day",
        "patient",
        "patient_name",
        "kind_shown",
        "total",
        "owed_by_patient",
        "owed_by_payer",
        "administration",
    )
    list_display_links = ("number_shown", "patient")
    list_filter = (DayFilter, OwedFilter, "kind", LateFilter, "administration")
    list_select_related = ("administration", "patient", "clinic_day")
    search_help_text = _("Bill number, patient's code or name")
    number_prefixes = ("B-", "CN-")
    ordering = ("-id",)
    summed = "gross"
    linked_by = ("issued_by__id__exact",)

    def summed_by(self, request: HttpRequest) -> str:
        kind, _day = parsed_owed(request.GET.get("owed"))
        return {"patient": "open_patient", "payer": "open_payer", "credit": "open_patient", "any": "open_both"}.get(
            kind, "gross"
        )

    def telling(self, request: HttpRequest, rows: Any) -> Any:
        """What is open tells nothing; what was billed does, less the methods that are shown."""
        return rows.none() if parsed_owed(request.GET.get("owed"))[0] else rows

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        kind, day = parsed_owed(request.GET.get("owed"))
        open_ = Outstanding.objects.as_of(day) if day else Outstanding.objects.now()
        if kind:
            open_ = open_.filter(amount__lt=0) if kind == "credit" else open_.filter(amount__gt=0)
        open_ = open_.filter(bill=OuterRef("pk")).order_by()

        def of(rows: Any) -> Subquery:
            return Subquery(rows.values("bill").annotate(sum=Sum("amount")).values("sum"))

        return rows.annotate(
            open_patient=of(open_.filter(debtor=Outstanding.Debtor.PATIENT)),
            open_payer=of(open_.filter(debtor=Outstanding.Debtor.PAYER)),
            open_both=of(open_),
        )

    @admin.display(description=_("bill"), ordering="id")
    def number_shown(self, bill: Bill) -> str:
        return str(bill)

    @admin.display(description=_("day"))
    def day(self, bill: Bill) -> str:
        return display.short_day(bill.clinic_day.date)

    @admin.display(description=_("kind"), ordering="kind")
    def kind_shown(self, bill: Bill) -> str:
        return bill.get_kind_display()

    @admin.display(description=_("total"), ordering="gross")
    def total(self, bill: Bill) -> SafeString:
        return display.amount(bill.gross, bill.administration.currency)

    @admin.display(description=_("owed by patient"))
    def owed_by_patient(self, bill: Any) -> SafeString:
        return display.amount(bill.open_patient, bill.administration.currency)

    @admin.display(description=_("owed by payer"))
    def owed_by_payer(self, bill: Any) -> SafeString:
        return display.amount(bill.open_payer, bill.administration.currency)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/pay/", wrap(self.pay_page), name="billing_bill_pay"),
            path("<uuid:object_id>/credit/", wrap(self.credit_page), name="billing_bill_credit"),
            path("<uuid:object_id>/receipt/", wrap(self.receipt_page), name="billing_bill_receipt"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The bill with its lines and payments: it never changes, a credit note corrects it."""
        bill = self.find(request, object_id, Act.READ_CLINIC)
        user: Any = request.user
        open_ = {
            row["debtor"]: row["sum"]
            for row in Outstanding.objects.now()
            .filter(bill=bill)
            .order_by()
            .values("debtor")
            .annotate(sum=Sum("amount"))
        }
        credit_note = bill.credit_notes.first()
        lines = list(bill.lines.select_related("given__given_by", "given__approved_by"))
        for line in lines:
            line.state = discounts.state_of(line.given) if hasattr(line, "given") else ""
        return self.page(
            request,
            "bill",
            f"{bill.get_kind_display()} {bill}",
            bill=bill,
            administration=bill.administration,
            name=name_of(bill.patient, user),
            lines=lines,
            payments=bill.payments.select_related("payer", "taken_by", "clinic_day").order_by("id"),
            write_off=link("billing_writeoff_add", bill=bill.pk)
            if may(user, Act.KEEP_CLAIMS, bill.administration_id)
            else "",
            credit_note=credit_note,
            owed=open_.get(Outstanding.Debtor.PATIENT, ZERO),
            owed_by_payer=open_.get(Outstanding.Debtor.PAYER, ZERO),
            may_take=may(user, Act.TAKE_PAYMENTS, bill.administration_id),
            may_credit=may(user, Act.APPROVE, bill.administration_id),
            may_approve=may(user, Act.APPROVE, bill.administration_id),
            is_bill=bill.kind == Bill.Kind.BILL,
        )

    def pay_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Take a payment, split over methods if need be."""
        bill = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        administration = bill.administration
        open_ = owed(bill)
        posted = request.POST or None
        form = PayForm(posted, administration=administration)
        tenders = TenderFormSet(
            posted, prefix="tenders", form_kwargs={"administration": administration, "payer": bill.payer}
        )
        if posted and all([form.is_valid(), tenders.is_valid()]):
            answer = self._pay(request, bill, form, tenders)
            if answer:
                return answer
        return self.page(
            request,
            "pay",
            _("Take a payment for %(bill)s") % {"bill": bill},
            bill=bill,
            name=name_of(bill.patient, request.user),
            owed=open_,
            owed_plain=f"{max(open_, ZERO):f}",
            form=form,
            tenders=tenders,
            wallet=balance_of(bill.patient),
            **shown_to(form),
        )

    def _pay(self, request: HttpRequest, bill: Bill, form: PayForm, rows: Any) -> HttpResponse | None:
        tenders = tenders_of(rows)
        if not tenders:
            form.add_error(None, _("Type the amount that is paid."))
            return None
        try:
            change = change_due(form.cleaned_data.get("cash_given"), tenders)
        except ValidationError as error:
            form.add_error("cash_given", error)
            return None
        code = bill.administration.currency
        try:
            address, new = once(request, lambda: _take(bill, tenders, form.cleaned_data["keep_rest"], request.user))
        except PaymentBeyondBill as refusal:
            beside_its_tender(form, rows, refusal, said(refusal, code))
            return None
        except DomainError as refusal:
            beside_its_tender(form, rows, refusal)
            return None
        words: Any = (
            _("The payment is taken.") if new else _("This payment was taken before; nothing was written twice.")
        )
        if change is not None:
            due = _("Change: %(amount)s.") % {"amount": display.money(change, code)}
            words = f"{words} {due}"
        self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
        return HttpResponseRedirect(link("billing_bill_receipt", bill.pk) if "_receipt" in request.POST else address)

    def credit_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Issue a credit note over the whole bill."""
        bill = self.find(request, str(object_id), Act.APPROVE)

        def write(form: Any) -> str:
            note = credit_bill(bill, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return link("billing_bill_change", note.pk)

        sentence = _(
            "A credit note takes back the whole of %(bill)s, %(amount)s, dated today. "
            "What was paid stays a credit of the patient until it is refunded."
        )
        return self.confirmed(
            request,
            ReasonForm(request.POST or None, administration=bill.administration),
            write,
            title=_("Credit %(bill)s") % {"bill": bill},
            sentence=sentence % {"bill": bill, "amount": display.money(bill.gross, bill.administration.currency)},
            button=_("Issue the credit note"),
            back=link("billing_bill_change", bill.pk),
            done=_("%(bill)s is credited.") % {"bill": bill},
        )

    def receipt_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """A receipt to print or mail. Each copy is recorded, and every one after the first is marked as one."""
        bill = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        user: Any = request.user
        address, back = address_of(bill.patient), link("billing_visit_change", bill.visit_id) if bill.visit_id else ""
        asked = request.POST.get("do", "print") if request.method == "POST" else ""
        if asked == "mail" and address:
            mail_receipt(bill, by=user)
            self.message_user(request, _("The receipt is mailed to %(address)s.") % {"address": address})
            return HttpResponseRedirect(request.path)
        copies = print_receipt(bill, by=user) if asked == "print" else copies_of(bill)
        context = {
            "bill": bill,
            "administration": bill.administration,
            "name": name_of(bill.patient, user),
            "lines": bill.lines.all(),
            "payments": bill.payments.select_related("payer").order_by("id"),
            "owed": owed(bill),
            "printing": asked == "print",
            "copies": copies,
            "first_copy": display.moment(copies.first, bill.administration.time_zone) if copies.first else "",
            "address": address,
            "patient_page": link("billing_patient_change", bill.patient_id),
            "back": back or link("billing_bill_change", bill.pk),
        }
        return TemplateResponse(request, "admin/billing/receipt.html", context)


@transaction.atomic
def _take(bill: Bill, tenders: list[Tender], keep_rest: bool, user: Any) -> str:
    for tender in tenders:
        take_payment(bill, tender=tender, allow_excess=keep_rest, by=user)
    if bill.visit_id:
        return link("billing_visit_change", bill.visit_id)
    return link("billing_bill_change", bill.pk)


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
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
    list_filter = (DayFilter, "method", "kind", LateFilter, "administration")
    list_select_related = ("administration", "clinic_day", "bill__patient")
    search_help_text = _("Receipt number, patient's code or name")
    number_prefixes = ("R-",)
    ordering = ("-id",)
    summed = "amount"
    linked_by = ("kind__in", "taken_by__id__exact")
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
            asked = form.cleaned_data
            given = refund_payment(payment, amount=asked["amount"], reason=asked["reason"], by=request.user)  # type: ignore[arg-type]
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
            asked = form.cleaned_data
            taken = charge_back(payment, amount=asked["amount"], reason=asked["reason"], by=request.user)  # type: ignore[arg-type]
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
            RefundForm(request.POST or None, administration=payment.administration, initial={"amount": left}),
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
