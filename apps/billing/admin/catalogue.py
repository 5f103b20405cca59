"""Patients, services with prices by date, service groups; and how forms find them while typing."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import AMOUNTS, BillingAdmin, PatientNames, clinic_or_404, link, named
from apps.billing.forms import KINDS, PatientForm
from apps.billing.models import (
    Cover,
    Outstanding,
    Patient,
    PatientIdentity,
    Service,
    ServiceGroup,
    ServicePrice,
    Tariff,
)
from apps.billing.reports.advances import open_advances
from apps.billing.services import privacy
from apps.billing.services.catalogue import register_patient
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.admin_privacy import PersonalDataPage
from apps.core.admin_site import ScopedStackedInline, ScopedTabularInline
from apps.core.events import record
from apps.core.forms import typed
from apps.core.models import User
from apps.core.money import ZERO, currency
from apps.core.permissions import Act, may
from apps.ledger.models import Account, VatCode

MOST_FOUND = 10


class IdentityInline(ScopedStackedInline):
    """Who the patient is: for those who meet patients, and for nobody else."""

    model = PatientIdentity
    view_act = add_act = change_act = Act.TAKE_PAYMENTS
    fields = ("name", "birth_date", "email")
    can_delete = False
    max_num = 1


@admin.register(Patient)
class PatientAdmin(PersonalDataPage, PatientNames):
    add_act = change_act = Act.TAKE_PAYMENTS
    refusal_fields = {"CODE_TAKEN": "code"}

    list_display = ("code", "patient_name", "created", "administration")
    list_filter = ("administration",)
    list_select_related = ("administration",)
    patient_path = ""
    search_help_text = _("Code or name")
    inlines = (IdentityInline,)

    change_form_outer_before_template = "admin/billing/patient_around.html"

    data_of = staticmethod(privacy.data_of_patient)
    export = staticmethod(privacy.export_patient)
    erase = staticmethod(privacy.erase_patient)
    what_happens = _(
        "Erasing deletes the name, the birth date and the e-mail address, and empties the reasons of visits, credit "
        "notes and refunds. Visits, bills and payments stay under the code, to the cent. It cannot be undone."
    )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """What happened to the patient stands in lists of its own, one click away."""
        if patient := context.get("original"):
            context["around"] = _around(patient, request.user)
        return super().render_change_form(request, context, *args, **kwargs)

    def may_answer_for(self, by: User, person: Patient) -> bool:
        return may(by, Act.ERASE_PERSON, person.administration_id)

    @admin.display(description=_("registered"), ordering="created_at")
    def created(self, patient: Patient) -> str:
        return display.moment(patient.created_at, patient.administration.time_zone)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None and not change:
            kwargs["form"] = PatientForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("administration", "code") if obj else ("administration", "name", "birth_date", "code")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code",) if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj and obj.erased_at is None else ()

    def save_model(self, request: HttpRequest, obj: Patient, form: Any, change: bool) -> None:
        if change:
            return  # a code is for good, and the name stands in its own row
        asked = form.cleaned_data
        made = register_patient(
            obj.administration,
            code=asked["code"],
            name=asked["name"],
            birth_date=asked["birth_date"],
            by=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj.code, obj.party = made.pk, made.code, made.party

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.has_changed():  # that it changed, never what it was
            record("billing.identity_changed", form.instance, by=request.user)  # type: ignore[arg-type]

    def get_urls(self) -> list[URLPattern]:
        find = path(
            "find/<uuid:administration_id>/", self.admin_site.admin_view(self.find_view), name="billing_patient_find"
        )
        return [find, *super().get_urls()]

    def find_view(self, request: HttpRequest, administration_id: UUID) -> JsonResponse:
        """Patients whose code, name or birth date is being typed, the best ten: what they owe, what is in their wallet
        and for which services, who covers them."""
        administration = clinic_or_404(request, administration_id, Act.TAKE_PAYMENTS)
        term, code = typed(request), administration.currency
        rows = Patient.objects.filter(administration=administration)
        born = typed_date(term)
        rows = rows.filter(identity__birth_date=born) if born else rows.filter(named(term, request.user, ""))
        found = list(rows.select_related("identity", "wallet").order_by("code")[:MOST_FOUND]) if len(term) > 1 else []
        owed = dict(
            Outstanding.objects.now()
            .filter(bill__patient__in=found, debtor=Outstanding.Debtor.PATIENT)
            .order_by()
            .values_list("bill__patient")
            .annotate(sum=Sum("amount"))
        )
        notes: dict[Any, list[str]] = {
            patient.pk: [_owes(owed.get(patient.pk, ZERO), code), _has(patient, code)] for patient in found
        }
        for advance in open_advances(patient__in=found):
            notes[advance.patient_id].append(_paid(advance, code))
        covers = Cover.objects.on(local_date(administration)).filter(patient__in=found, payer__is_active=True)
        payers = dict(covers.order_by("valid_from").values_list("patient", "payer"))
        return _found(
            {
                "value": patient.code,
                "label": _label(patient),
                "note": ", ".join(filter(None, notes[patient.pk])),
                "payer": payers.get(patient.pk),
            }
            for patient in found
        )


def _around(patient: Patient, user: Any) -> dict[str, Any]:
    """What the patient owes, has in the wallet and is covered by, with the pages of each."""
    owed = Outstanding.objects.now().filter(bill__patient=patient, debtor=Outstanding.Debtor.PATIENT)
    wallet = getattr(patient, "wallet", None)
    mine = {"q": patient.code, "administration__id__exact": patient.administration_id}
    return {
        "owed": owed.aggregate(sum=Sum("amount", default=ZERO))["sum"],
        "currency": patient.administration.currency,
        "wallet": wallet,
        "wallet_page": link("billing_wallet_change", wallet.pk)
        if wallet
        else link("billing_wallet_add", patient=patient.code, administration=patient.administration_id),
        "covers": patient.covers.on(local_date(patient.administration)).select_related("payer").order_by("valid_from"),
        "lists": [
            (_("Visits"), link("billing_visit_changelist", **mine)),
            (_("Bills"), link("billing_bill_changelist", **mine)),
            (_("Payments"), link("billing_payment_changelist", **mine)),
            (_("Orders"), link("billing_order_changelist", **mine)),
        ],
        "may_take": may(user, Act.TAKE_PAYMENTS, patient.administration_id),
    }


def _has(patient: Patient, code: str) -> str:
    """What is in the patient's wallet, when there is something."""
    wallet = getattr(patient, "wallet", None)
    if not wallet or not wallet.balance:
        return ""
    return str(_("%(amount)s in the wallet")) % {"amount": display.money(wallet.balance, code)}


def _paid(advance: Any, code: str) -> str:
    """What of it was paid in advance, and for which service."""
    words = {"amount": display.money(advance.left, code), "service": advance.service.code}
    return str(_("of it %(amount)s in advance for %(service)s")) % words


def _label(patient: Patient) -> str:
    identity = getattr(patient, "identity", None)
    if identity is None:
        return ""
    born = display.day(identity.birth_date).partition(" ")[2] if identity.birth_date else ""
    return ", ".join(part for part in (identity.name, born) if part)


def _owes(amount: Decimal, code: str) -> str:
    if not amount:
        return ""
    words = _("owes %(amount)s") if amount > 0 else _("has a credit of %(amount)s")
    return str(words) % {"amount": display.money(abs(amount), code)}


def typed_date(term: str) -> date | None:
    """``1980-03-12``, ``12-03-1980``, ``12.3.1980`` or ``12/3/1980``."""
    parts = term.replace("/", "-").replace(".", "-").split("-")
    if len(parts) == 3 and all(part.isdecimal() for part in parts):
        year, month, day = parts if len(parts[0]) == 4 else reversed(parts)
        try:
            return parse_date(f"{year:0>4}-{month:0>2}-{day:0>2}") if len(year) == 4 else None
        except ValueError:
            return None
    return None


def _found(results: Any) -> JsonResponse:
    return JsonResponse({"results": list(results)}, headers={"Cache-Control": "no-store"})


class PriceInline(ScopedTabularInline):
    """What the service costs from one date to another; a bill keeps the price of its own day."""

    model = ServicePrice
    view_act = Act.READ_CLINIC
    add_act = change_act = Act.SET_PRICES
    fields = ("valid_from", "valid_until", "price", "includes_vat")
    formfield_overrides = AMOUNTS
    hide_title = True
    ordering = ("-valid_from",)
    can_delete = False


@admin.register(Service)
class ServiceAdmin(BillingAdmin):
    add_act = change_act = Act.SET_PRICES

    list_display = ("code", "name", "group", "price_now", "is_active", "administration")
    list_filter = ("is_active", "group", "administration")
    list_select_related = ("administration", "group")
    search_fields = ("code", "name")
    fields = ("administration", "code", "name", "group", "vat_code", "is_active")
    inlines = (PriceInline,)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.complete(changelist.result_list)
        return changelist

    def complete(self, rows: list[Any]) -> None:
        """Each service with its price of today: one query for all of them."""
        today = {service.administration_id: local_date(service.administration) for service in rows}
        prices: dict[Any, ServicePrice] = {}
        for day in set(today.values()):
            there = [service for service in rows if today[service.administration_id] == day]
            prices |= {price.service_id: price for price in ServicePrice.objects.on(day).filter(service__in=there)}
        for service in rows:
            service.price_today = prices.get(service.pk)

    @admin.display(description=_("price today"))
    def price_now(self, service: Any) -> SafeString:
        price = service.price_today
        return display.amount(price.price if price else None, service.administration.currency)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        match = request.resolver_match
        if match and match.kwargs.get("object_id") and db_field.related_model in (ServiceGroup, VatCode):
            own = Service.objects.filter(pk=match.kwargs["object_id"]).values("administration")
            field.queryset = field.queryset.filter(administration__in=own)
        return field

    def get_urls(self) -> list[URLPattern]:
        find = path(
            "find/<uuid:administration_id>/", self.admin_site.admin_view(self.find_view), name="billing_service_find"
        )
        return [find, *super().get_urls()]

    def find_view(self, request: HttpRequest, administration_id: UUID) -> JsonResponse:
        """Services whose code or name is being typed, with today's price: the payer's tariff, or the list."""
        administration = clinic_or_404(request, administration_id, Act.TAKE_PAYMENTS)
        term, code, day = typed(request), administration.currency, local_date(administration)
        rows = Service.objects.filter(administration=administration, is_active=True)
        starts, holds = rows.filter(code__istartswith=term), rows.filter(name__icontains=term)
        chosen = (starts | holds).select_related("vat_code", "group").order_by("code")
        found = list(chosen[:MOST_FOUND]) if term else []
        prices: dict[Any, Any] = {
            price.service_id: price for price in ServicePrice.objects.on(day).filter(service__in=found)
        }
        payer = parsed_uuid(request.GET.get("payer"))
        if payer:
            agreed = Tariff.objects.on(day).filter(administration=administration, payer=payer, service__in=found)
            prices |= {tariff.service_id: tariff for tariff in agreed.select_related("payer")}
        return _found(_offer(service, prices.get(service.pk), code) for service in found)


def _offer(service: Service, price: ServicePrice | Tariff | None, code: str) -> dict[str, Any]:
    """A service as the desk's script reads it: amounts in the book currency, ``rate`` when VAT comes on top."""
    answer = {"value": service.code, "label": service.name, "kind": KINDS.get(service.group.code)}
    if price is None:
        return answer | {"note": str(_("no price today")), "price": None, "rate": None}
    digits = currency(code).digits
    note = display.money(price.price, code)
    if isinstance(price, Tariff):
        note = f"{note} {price.payer}"
        answer["copay"] = f"{price.co_pay:.{digits}f}"
    return answer | {
        "note": note,
        "price": f"{price.price:.{digits}f}",
        "rate": None if price.includes_vat else str(service.vat_code.rate),
    }


def parsed_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


@admin.register(ServiceGroup)
class ServiceGroupAdmin(BillingAdmin):
    add_act = change_act = Act.SET_PRICES

    list_display = ("name", "code", "account", "administration")
    list_filter = ("administration",)
    list_select_related = ("account", "administration")
    search_fields = ("name", "code")
    fields = ("administration", "code", "name", "account")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.related_model is Account:
            field.queryset = field.queryset.filter(type=Account.Type.REVENUE)
        return field
