"""Bills: the list, the page, taking a payment, paying from advances, sending a link, crediting, the receipt."""

from functools import partial
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
from apps.billing.admin.base import DayFilter, LateFilter, link, name_of
from apps.billing.admin.filters import AgeFilter, CoveredFilter, OwedFilter, parsed_owed
from apps.billing.admin.money import MoneyAdmin
from apps.billing.admin.payment_links import link_page, may_send
from apps.billing.admin.paystack import state_of
from apps.billing.admin.visits import beside_its_tender, shown_to
from apps.billing.errors import PaymentBeyondBill
from apps.billing.forms import PayForm, ReasonForm, TenderFormSet, change_due, tenders_of
from apps.billing.models import Bill, Outstanding
from apps.billing.reports.advances import advances_for
from apps.billing.services.charging import credit_bill
from apps.billing.services.payments import Tender, owed, take_payment, use_advances
from apps.billing.services.paystack import initialize_payment
from apps.billing.services.receipts import address_of, copies_of, mail_receipt, print_receipt
from apps.billing.services.wallets import free_balance_of
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
from apps.core.money import ZERO, total
from apps.core.permissions import Act, may


@admin.register(Bill)
class BillAdmin(MoneyAdmin):
    when_empty = _("A visit is billed on its own page.")
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
    list_filter = (DayFilter, OwedFilter, CoveredFilter, AgeFilter, "kind", LateFilter, "administration")
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
            path("<uuid:object_id>/advances/", wrap(self.advances_page), name="billing_bill_advances"),
            path("<uuid:object_id>/credit/", wrap(self.credit_page), name="billing_bill_credit"),
            path("<uuid:object_id>/receipt/", wrap(self.receipt_page), name="billing_bill_receipt"),
            path("<uuid:object_id>/link/", wrap(self.link_page), name="billing_bill_link"),
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
            may_send=may_send(user, bill.administration),
            links=[(one, state_of(one.status)) for one in bill.paystack_transactions.order_by("id")],
            may_credit=may(user, Act.APPROVE, bill.administration_id),
            may_approve=may(user, Act.APPROVE, bill.administration_id),
            is_bill=bill.kind == Bill.Kind.BILL,
            in_advance=total(advance.left for advance in advances_for(bill)),
        )

    def advances_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Pay the bill from what its patient paid in advance for its services."""
        bill = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        paid = [(str(advance), str(advance.service), advance.left) for advance in advances_for(bill)]
        code = bill.administration.currency
        listed = "; ".join(f"{one}, {service}: {display.money(left, code)}" for one, service, left in paid)
        sentence = _("%(advances)s. What %(bill)s still owes for them is paid from that, %(owed)s at most.")

        def write(_form: Any) -> str:
            use_advances(bill, by=request.user)  # type: ignore[arg-type]
            return link("billing_bill_change", bill.pk)

        return self.confirmed(
            request,
            AdministrationForm(request.POST or None, administration=bill.administration),
            write,
            title=_("Pay %(bill)s from what was paid in advance") % {"bill": bill},
            sentence=sentence % {"advances": listed, "bill": bill, "owed": display.money(max(owed(bill), ZERO), code)}
            if paid
            else _("Nothing was paid in advance for this bill."),
            button=_("Pay from it"),
            back=link("billing_bill_change", bill.pk),
            done=_("%(bill)s is paid from what was paid in advance, as far as it goes.") % {"bill": bill},
            calm=True,
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
            wallet=free_balance_of(bill.patient),
            in_advance=total(advance.left for advance in advances_for(bill)),
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

    def link_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """A link by which the patient pays at the provider."""
        bill = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        return link_page(
            self,
            request,
            bill.patient,
            partial(initialize_payment, bill),
            about=bill,
            owed=max(owed(bill), ZERO),
            back=link("billing_bill_change", bill.pk),
        )

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
