"""Visits: register one in a single form, look at it, order and bill more, end it, cancel it."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import (
    DayFilter,
    PatientNames,
    answer_405,
    chosen,
    clinics,
    link,
    name_of,
)
from apps.billing.admin.orders import state_of
from apps.billing.errors import CodeTaken, PaymentBeyondBill
from apps.billing.forms import (
    BillForm,
    ChargeFormSet,
    OrderForm,
    ReasonForm,
    RegisterForm,
    TenderFormSet,
    asked_of,
    change_due,
    tenders_of,
)
from apps.billing.models import Bill, BillLine, Outstanding, Patient, Payment, Visit
from apps.billing.services.catalogue import register_patient
from apps.billing.services.charging import cancel_visit, close_visit
from apps.billing.services.days import local_date
from apps.billing.services.ordering import place_order
from apps.billing.services.reception import bill_more, receive
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Administration
from apps.core.money import ZERO, currency
from apps.core.permissions import Act, may


class VisitDayFilter(DayFilter):
    path = "date"


def shown_to(form: Any) -> dict[str, Any]:
    """What the forms' script needs to know of an administration."""
    administration: Administration = form.administration
    return {
        "administration": administration,
        "digits": currency(administration.currency).digits,
        "find_patient": link("billing_patient_find", administration.pk),
        "find_service": link("billing_service_find", administration.pk),
    }


@admin.register(Visit)
class VisitAdmin(PatientNames):
    when_empty = _("A visit is registered when a patient comes in.")
    add_act = Act.TAKE_PAYMENTS

    list_display = ("day", "patient", "patient_name", "state", "reason", "administration")
    list_display_links = ("day", "patient")
    list_filter = ("status", VisitDayFilter, "is_inpatient", "administration")
    list_select_related = ("administration", "patient")
    search_help_text = _("Patient's code or name")
    ordering = ("-id",)

    @admin.display(description=_("date"), ordering="id")
    def day(self, visit: Visit) -> str:
        return display.short_day(visit.date)

    @admin.display(description=_("state"), ordering="status")
    def state(self, visit: Visit) -> SafeString:
        return display.status(visit.status, visit.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/close/", wrap(self.close_page), name="billing_visit_close"),
            path("<uuid:object_id>/cancel/", wrap(self.cancel_page), name="billing_visit_cancel"),
            path("<uuid:object_id>/bill/", wrap(self.bill_page), name="billing_visit_bill"),
            path("<uuid:object_id>/order/", wrap(self.order_page), name="billing_visit_order"),
        ]
        return [*ours, *super().get_urls()]

    # Register --------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Who, what, and how it is paid: one form, one transaction."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.TAKE_PAYMENTS)
        administration = chosen(request, mine)
        posted = request.POST or None
        today = local_date(administration)
        form = RegisterForm(posted, administration=administration)
        of = {"administration": administration, "payer": _payer_of(form)}
        charges = ChargeFormSet(posted, prefix="charges", form_kwargs={**of, "day": today})
        tenders = TenderFormSet(posted, prefix="tenders", form_kwargs=of)
        if posted and _all_valid(form, charges, tenders):
            answer = self._register(request, form, charges, tenders)
            if answer:
                return answer
        return self.page(
            request,
            "register",
            _("Register a visit"),
            form=form,
            charges=charges,
            tenders=tenders,
            today=today,
            clinics=mine,
            **shown_to(form),
        )

    def _register(self, request: HttpRequest, form: RegisterForm, charges: Any, tenders: Any) -> HttpResponse | None:
        asked, administration = form.cleaned_data, form.administration
        user: Any = request.user
        paid, billed = tenders_of(tenders), asked_of(charges)
        if paid and not billed:
            form.add_error(None, _("Nothing is billed yet: choose a service before taking a payment."))
            return None
        try:
            change = change_due(asked.get("cash_given"), paid)
        except ValidationError as error:
            form.add_error("cash_given", error)
            return None

        def write() -> str:
            visit = receive(
                patient=form.found or _new_patient(administration, asked, user),
                asked=billed,
                tenders=paid,
                payer=asked["payer"],
                reason=asked["reason"],
                is_inpatient=asked["is_inpatient"],
                by=user,
                idempotency_key=f"{user.pk}:{asked['key']}" if asked["key"] else "",
            )
            return link("billing_visit_change", visit.pk)

        try:
            address, new = once(request, write)
        except CodeTaken as refusal:
            form.add_error("new_code", str(refusal))
            return None
        except PaymentBeyondBill as refusal:
            beside_its_tender(form, tenders, refusal, _beyond(refusal, administration.currency))
            return None
        except DomainError as refusal:
            beside_its_tender(form, tenders, refusal)
            return None
        bill = self._tell(request, administration, address, change, new)
        if "_next" in request.POST:
            address = link("billing_visit_add", administration=administration.pk)
        elif "_receipt" in request.POST and bill:
            address = link("billing_bill_receipt", bill.pk)
        return HttpResponseRedirect(address)

    def _tell(
        self, request: HttpRequest, administration: Administration, address: str, change: Decimal | None, new: bool
    ) -> Bill | None:
        """Say what was written, and answer its bill."""
        user: Any = request.user
        visit = Visit.objects.visible_to(user).select_related("patient").get(pk=address.rstrip("/").split("/")[-2])
        bill = visit.bills.first()
        owed = _owed_by(bill)
        parts: list[str] = [format_html('<a href="{}">{}</a>', address, visit.patient.code)]
        if bill:
            parts.append(display.money(bill.gross, administration.currency))
            if owed > 0:
                parts.append(_("%(amount)s stays open") % {"amount": display.money(owed, administration.currency)})
            if change is not None:
                parts.append(_("change %(amount)s") % {"amount": display.money(change, administration.currency)})
            parts.append(format_html('<a href="{}">{}</a>', link("billing_bill_receipt", bill.pk), _("Receipt")))
        parts.append(format_html('<a href="{}">{}</a>', link("billing_visit_add"), _("Next visit")))
        word = _("Visit registered") if new else _("This visit was registered before; nothing was written twice")
        text = format_html("{}: " + " · ".join(["{}"] * len(parts)), word, *parts)
        self.message_user(request, text, messages.SUCCESS if new else messages.INFO)
        return bill

    # One visit -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The visit with its bills and payments, and what can be done next."""
        visit = self.find(request, object_id, Act.READ_CLINIC)
        paid = Payment.objects.select_related("payer", "clinic_day").order_by("id")
        bills = list(visit.bills.prefetch_related("lines", Prefetch("payments", paid)).order_by("id"))
        owed, orders = open_of(bills), orders_of(visit)
        for order in orders:
            order.state = state_of(order)
        for bill in bills:
            bill.owed = owed.get(bill.pk, ZERO)
        user: Any = request.user
        return self.page(
            request,
            "visit",
            _("Visit of %(patient)s") % {"patient": visit.patient.code},
            visit=visit,
            administration=visit.administration,
            name=name_of(visit.patient, user),
            bills=bills,
            owed=sum(owed.values(), ZERO),
            payments=[payment for bill in bills for payment in bill.payments.all()],
            may_take=may(user, Act.TAKE_PAYMENTS, visit.administration_id),
            orders=orders,
            cancel=self._may_cancel(request, visit, bills),
        )

    def _may_cancel(self, request: HttpRequest, visit: Visit, bills: list[Bill]) -> dict[str, Any]:
        """Where the visit is cancelled, or why it is not."""
        if visit.status == Visit.Status.CANCELLED:
            return {}
        if not may(request.user, Act.APPROVE, visit.administration_id):  # type: ignore[arg-type]
            return {"why_not": _("The manager or the owner cancels a visit.")}
        credited = {bill.credits_id for bill in bills}
        if any(bill.kind == Bill.Kind.BILL and bill.pk not in credited for bill in bills):
            return {"why_not": _("To cancel the visit, credit its bills first.")}
        return {"link": link("billing_visit_cancel", visit.pk)}

    def close_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """End the visit; it still takes payments."""
        visit = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        if request.method != "POST":
            return answer_405("POST")
        close_visit(visit, by=request.user)  # type: ignore[arg-type]
        self.message_user(
            request, _("The visit of %(patient)s is closed.") % {"patient": visit.patient.code}, messages.SUCCESS
        )
        back = request.POST.get("back") == "home"
        return HttpResponseRedirect(link("index") if back else link("billing_visit_change", visit.pk))

    def cancel_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say that the visit did not take place."""
        visit = self.find(request, str(object_id), Act.APPROVE)

        def write(form: Any) -> str:
            cancel_visit(visit, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return link("billing_visit_change", visit.pk)

        words = {"patient": visit.patient.code, "day": display.day(visit.date)}
        return self.confirmed(
            request,
            ReasonForm(request.POST or None, administration=visit.administration),
            write,
            beside="reason",
            title=_("Cancel the visit of %(patient)s") % words,
            sentence=_("The visit of %(patient)s on %(day)s is cancelled, and what was ordered and not given with it.")
            % words,
            button=_("Cancel the visit"),
            back=link("billing_visit_change", visit.pk),
            done=_("The visit of %(patient)s is cancelled.") % words,
        )

    def bill_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Bill more services of this visit; what was ordered and is not billed stands there already."""
        visit = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        today = local_date(visit.administration)
        posted = request.POST or None
        waiting = {order.pk: order for order in orders_of(visit) if order.left and order.service_id}
        payers = {order.payer_id for order in waiting.values()}
        ordered_by = payers.pop() if len(payers) == 1 else None
        form = BillForm(posted, administration=visit.administration, initial={"payer": ordered_by})
        charges = ChargeFormSet(
            posted,
            prefix="charges",
            initial=[{"service": order.code, "quantity": order.left, "order": order.pk} for order in waiting.values()],
            form_kwargs={
                "administration": visit.administration,
                "day": today,
                "payer": _payer_of(form),
                "orders": waiting,
            },
        )
        if posted and _all_valid(form, charges):
            try:
                address, new = once(request, lambda: _bill(visit, form, charges, request.user))
            except DomainError as refusal:
                form.add_error(None, said(refusal, visit.administration.currency))
            else:
                self.message_user(
                    request,
                    _("The bill is issued.") if new else _("This bill was issued before; nothing was written twice."),
                    messages.SUCCESS if new else messages.INFO,
                )
                return HttpResponseRedirect(address)
        return self.page(
            request,
            "bill_more",
            _("Bill more services of %(patient)s") % {"patient": visit.patient.code},
            visit=visit,
            name=name_of(visit.patient, request.user),
            form=form,
            charges=charges,
            waiting=waiting,
            today=today,
            **shown_to(form),
        )

    def order_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Order care on this visit, to be given and billed later."""
        visit = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        form = OrderForm(request.POST or None, administration=visit.administration)
        if form.is_valid():
            try:
                address, new = once(request, lambda: _order(visit, form, request.user))
            except DomainError as refusal:
                form.add_error(None, said(refusal, visit.administration.currency))
            else:
                words = _("%(service)s is ordered.") if new else _("%(service)s was ordered before.")
                self.message_user(request, words % {"service": form.found}, messages.SUCCESS)
                return HttpResponseRedirect(address if "_next" not in request.POST else request.path)
        return self.page(
            request,
            "order_more",
            _("Order for %(patient)s") % {"patient": visit.patient.code},
            visit=visit,
            name=name_of(visit.patient, request.user),
            form=form,
            **shown_to(form),
        )


def _all_valid(*forms: Any) -> bool:
    """Each is asked, so that every error stands beside its field at once."""
    answers = [form.is_valid() for form in forms]
    return all(answers)


def _new_patient(administration: Administration, asked: dict[str, Any], user: Any) -> Patient:
    return register_patient(
        administration,
        code=asked["new_code"].strip(),
        name=asked["new_name"].strip(),
        birth_date=asked["new_birth_date"],
        by=user,
    )


def _payer_of(form: Any) -> Any:
    """The payer that the form names, once it is known to be one of this clinic."""
    if not form.is_bound:
        return None
    form.is_valid()  # whatever else is wrong with it
    return form.cleaned_data.get("payer")


def _bill(visit: Visit, form: BillForm, charges: Any, user: Any) -> str:
    bill_more(visit, asked=asked_of(charges), payer=form.cleaned_data["payer"], by=user)
    return link("billing_visit_change", visit.pk)


def _order(visit: Visit, form: OrderForm, user: Any) -> str:
    asked = form.cleaned_data
    place_order(
        visit,
        kind=asked["kind"],
        service=form.found,
        quantity=asked["quantity"],
        is_emergency=asked["is_emergency"],
        payer=asked["payer"],
        by=user,
    )
    return link("billing_visit_change", visit.pk)


def beside_its_tender(form: Any, tenders: Any, refusal: DomainError, words: str = "") -> None:
    """Say a refusal, in ``words`` or its own, beside the row whose amount it refuses, otherwise above the form."""
    code = form.administration.currency
    words = words or said(refusal, code)
    refused = refusal.facts.get("amount")
    for row in tenders:
        tender = row.cleaned_data.get("tender")
        if tender and tender.amount == refused:
            row.add_error("amount", words)
            return
    form.add_error(None, words)


def _beyond(refusal: PaymentBeyondBill, code: str) -> str:
    """The bill was rolled back with the payment, so its number means nothing to anybody."""
    amounts = {name: display.money(refusal.facts[name], code) for name in ("amount", "open")}
    return _("%(amount)s is more than the %(open)s that the visit still owes. Take what is owed.") % amounts


def orders_of(visit: Visit) -> list[Any]:
    """The orders of a visit in turn, each with how much of it is billed and how much of it is ``left`` to bill."""
    orders: list[Any] = list(visit.orders.select_related("service", "payer").order_by("id"))
    lines = BillLine.objects.filter(order__in=[order.pk for order in orders]).order_by()
    billed = dict(lines.values_list("order").annotate(sum=Sum("quantity")))
    for order in orders:
        order.billed = billed.get(order.pk, ZERO)
        wanted = order.quantity if order.completed_quantity is None else order.completed_quantity
        free = order.cancelled_at is not None or bool(order.coverage_reason)
        order.left = ZERO if free else max(wanted - order.billed, ZERO)
    return orders


def open_of(bills: list[Bill], day: date | None = None) -> dict[Any, Decimal]:
    """What the patient owes on each of ``bills``, now or at the end of ``day``: one query."""
    rows = Outstanding.objects.as_of(day) if day else Outstanding.objects.now()
    rows = rows.filter(bill__in=[bill.pk for bill in bills], debtor=Outstanding.Debtor.PATIENT)
    return dict(rows.order_by().values_list("bill").annotate(sum=Sum("amount")))


def _owed_by(bill: Bill | None) -> Decimal:
    return open_of([bill]).get(bill.pk, ZERO) if bill else ZERO
