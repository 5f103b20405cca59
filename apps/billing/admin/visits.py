"""Visits: register one in a single form, look at it, bill more, end it."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
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
from apps.billing.errors import CodeTaken, PaymentBeyondBill
from apps.billing.forms import (
    ChargeFormSet,
    RegisterForm,
    TenderFormSet,
    change_due,
    charges_of,
    new_code,
    tenders_of,
)
from apps.billing.models import Bill, Outstanding, Patient, Payment, Visit
from apps.billing.services.catalogue import register_patient
from apps.billing.services.charging import close_visit, issue_bill, register_visit
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
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
            path("<uuid:object_id>/bill/", wrap(self.bill_page), name="billing_visit_bill"),
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
        charges = ChargeFormSet(posted, prefix="charges", form_kwargs={"administration": administration, "day": today})
        tenders = TenderFormSet(posted, prefix="tenders", form_kwargs={"administration": administration})
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
        paid = tenders_of(tenders)
        if paid and not charges_of(charges):
            form.add_error(None, _("Nothing is billed yet: choose a service before taking a payment."))
            return None
        try:
            change = change_due(asked.get("cash_given"), paid)
        except ValidationError as error:
            form.add_error("cash_given", error)
            return None

        def write() -> str:
            visit = register_visit(
                administration=administration,
                patient=form.found or _new_patient(administration, asked, user),
                charges=charges_of(charges),
                tenders=paid,
                reason=asked["reason"],
                is_inpatient=asked["is_inpatient"],
                by=user,
                idempotency_key=asked["key"],
            )
            return link("billing_visit_change", visit.pk)

        try:
            address, new = once(request, write)
        except PaymentBeyondBill as refusal:
            form.add_error(None, _beyond(refusal, administration.currency))
            return None
        except CodeTaken as refusal:
            form.add_error("new_code", str(refusal))
            return None
        except DomainError as refusal:
            form.add_error(None, said(refusal, administration.currency))
            return None
        self._tell(request, administration, address, change, new)
        return HttpResponseRedirect(link("billing_visit_add") if "_next" in request.POST else address)

    def _tell(
        self, request: HttpRequest, administration: Administration, address: str, change: Decimal | None, new: bool
    ) -> None:
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

    # One visit -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The visit with its bills and payments, and what can be done next."""
        visit = self.find(request, object_id, Act.READ_CLINIC)
        paid = Payment.objects.select_related("payer", "clinic_day").order_by("id")
        bills = list(visit.bills.prefetch_related("lines", Prefetch("payments", paid)).order_by("id"))
        owed = open_of(bills)
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
            form=AdministrationForm(administration=visit.administration),
        )

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

    def bill_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Bill more services of this visit."""
        visit = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        today = local_date(visit.administration)
        posted = request.POST or None
        form = AdministrationForm(posted, administration=visit.administration)
        charges = ChargeFormSet(
            posted, prefix="charges", form_kwargs={"administration": visit.administration, "day": today}
        )
        if posted and _all_valid(form, charges):
            try:
                address, new = once(request, lambda: _bill(visit, charges, request.user))
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
            today=today,
            **shown_to(form),
        )


def _all_valid(*forms: Any) -> bool:
    """Each is asked, so that every error stands beside its field at once."""
    answers = [form.is_valid() for form in forms]
    return all(answers)


def _new_patient(administration: Administration, asked: dict[str, Any], user: Any) -> Patient:
    return register_patient(
        administration,
        code=asked["new_code"].strip() or new_code(),
        name=asked["new_name"].strip(),
        birth_date=asked["new_birth_date"],
        by=user,
    )


@transaction.atomic
def _bill(visit: Visit, charges: Any, user: Any) -> str:
    issue_bill(patient=visit.patient, charges=charges_of(charges), visit=visit, by=user)
    return link("billing_visit_change", visit.pk)


def _beyond(refusal: PaymentBeyondBill, code: str) -> str:
    """The bill was rolled back with the payment, so its number means nothing to anybody."""
    amounts = {name: display.money(refusal.facts[name], code) for name in ("amount", "open")}
    return _("%(amount)s is more than the %(open)s that the visit still owes. Take what is owed.") % amounts


def open_of(bills: list[Bill], day: date | None = None) -> dict[Any, Decimal]:
    """What the patient owes on each of ``bills``, now or at the end of ``day``: one query."""
    rows = Outstanding.objects.as_of(day) if day else Outstanding.objects.now()
    rows = rows.filter(bill__in=[bill.pk for bill in bills], debtor=Outstanding.Debtor.PATIENT)
    return dict(rows.order_by().values_list("bill").annotate(sum=Sum("amount")))


def _owed_by(bill: Bill | None) -> Decimal:
    return open_of([bill]).get(bill.pk, ZERO) if bill else ZERO
