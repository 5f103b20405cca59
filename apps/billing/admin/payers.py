"""Payers with their tariffs, and whom they cover."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, PatientNames, chosen, clinics, link
from apps.billing.models import Cover, Patient, Payer, Service
from apps.billing.reports.claims import ageing
from apps.billing.services.catalogue import register_payer
from apps.billing.services.covers import end_cover, enrol_patient
from apps.billing.services.days import local_date
from apps.billing.services.tariffs import set_tariff
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, once, said
from apps.core.money import ZERO
from apps.core.permissions import Act, may

MOST_TARIFFS = 200


def day_field(label: Any, **options: Any) -> forms.DateField:
    """A date, by the browser's own calendar."""
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class TariffForm(AdministrationForm):
    service = forms.CharField(label=_("Service"), max_length=64, help_text=_("Its code."))
    valid_from = day_field(_("Valid from"))
    includes_vat = forms.BooleanField(label=_("Includes VAT"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.administration.currency
        self.fields["price"] = AmountField(code=code, label=_("Price"))
        self.fields["co_pay"] = AmountField(
            code=code, label=_("Co-pay"), required=False, help_text=_("Of it, by the patient.")
        )
        self.order_fields(["service", "price", "co_pay", "includes_vat", "valid_from"])

    def clean_service(self) -> Service:
        services = Service.objects.filter(administration=self.administration)
        found = services.filter(code__iexact=self.cleaned_data["service"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("There is no service with that code."))
        return found


@admin.register(Payer)
class PayerAdmin(BillingAdmin):
    add_act = Act.SET_PRICES
    refusal_fields = {"CODE_TAKEN": "code"}

    list_display = ("name", "code", "method", "administration")
    list_filter = ("method", "administration")
    list_select_related = ("administration",)
    search_fields = ("name", "code")
    fields = ("administration", "code", "name", "method")

    def save_model(self, request: HttpRequest, obj: Payer, form: Any, change: bool) -> None:
        asked = {name: getattr(obj, name) for name in ("code", "name", "method")}
        made = register_payer(obj.administration, **asked, by=request.user)  # type: ignore[arg-type]
        obj.pk, obj.party = made.pk, made.party

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [path("<uuid:object_id>/tariff/", wrap(self.tariff_page), name="billing_payer_tariff")]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What the payer agreed to pay, and what it owes by age."""
        payer = self.find(request, object_id, Act.READ_CLINIC)
        administration = payer.administration
        tariffs = list(payer.tariffs.select_related("service").order_by("service__code", "-valid_from")[:MOST_TARIFFS])
        owes = [row for row in ageing(administration, local_date(administration)) if row.payer == payer]
        return self.page(
            request,
            "payer",
            payer.name,
            payer=payer,
            administration=administration,
            tariffs=tariffs,
            more=len(tariffs) == MOST_TARIFFS,
            owes=owes[0] if owes else None,
            may_set=may(request.user, Act.SET_PRICES, administration.pk),  # type: ignore[arg-type]
            may_claim=may(request.user, Act.KEEP_CLAIMS, administration.pk),  # type: ignore[arg-type]
            claims_page=link("billing_claim_changelist", payer__id__exact=payer.pk),
            remit_page=link("billing_remittance_add", payer=payer.pk),
        )

    def tariff_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Set a tariff; the one before it ends."""
        payer = self.find(request, str(object_id), Act.SET_PRICES)
        administration = payer.administration
        form = TariffForm(request.POST or None, administration=administration)
        back = link("billing_payer_change", payer.pk)
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("service", "price", "valid_from", "includes_vat")}
            asked["co_pay"] = form.cleaned_data["co_pay"] or ZERO

            def write() -> str:
                set_tariff(payer=payer, **asked, by=request.user)  # type: ignore[arg-type]
                return back

            if answer := written(self, request, form, write, _("The tariff is set.")):
                return answer
        return self.page(
            request,
            "confirm",
            _("Tariff of %(payer)s") % {"payer": payer.name},
            form=form,
            sentence=_("The tariff before it ends the day before. Bills keep the price that they were made with."),
            button=_("Set the tariff"),
            back=back,
            calm=True,
        )


def written(page: Any, request: HttpRequest, form: AdministrationForm, write: Any, words: Any) -> HttpResponse | None:
    """Do it once, say so and go where ``write`` leads; None when a rule said no, which then stands above the form."""
    try:
        address, new = once(request, write)
    except DomainError as refusal:
        form.add_error(None, said(refusal, form.administration.currency))
        return None
    again = _("This was done before; nothing was written twice.")
    page.message_user(request, words if new else again, messages.SUCCESS if new else messages.INFO)
    return HttpResponseRedirect(address)


# Covers --------------------------------------------------------------------------------------------------------------


class CoverForm(AdministrationForm):
    patient = forms.CharField(label=_("Patient"), max_length=64, help_text=_("The code of the patient."))
    payer = forms.ModelChoiceField(Payer.objects.none(), label=_("Payer"))
    member_number = forms.CharField(label=_("Member number"), max_length=64, required=False)
    plan = forms.CharField(label=_("Plan"), max_length=100, required=False)
    valid_from = day_field(_("Valid from"))
    valid_until = day_field(_("Valid until"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        payers: Any = self.fields["payer"]
        payers.queryset = Payer.objects.filter(administration=self.administration, is_active=True).order_by("name")

    def clean_patient(self) -> Patient:
        patients = Patient.objects.filter(administration=self.administration)
        found = patients.filter(code__iexact=self.cleaned_data["patient"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("Nobody here has that code."))
        return found


class LastDayForm(AdministrationForm):
    last_day = day_field(_("Last day"))


@admin.register(Cover)
class CoverAdmin(PatientNames):
    add_act = Act.TAKE_PAYMENTS

    list_display = ("patient", "patient_name", "payer", "member_number", "valid_from", "valid_until", "administration")
    list_display_links = ("patient",)
    list_filter = ("payer", "administration")
    list_select_related = ("administration", "patient", "payer")
    search_help_text = _("Patient's code or name")
    ordering = ("-id",)
    fields: Any = ("patient", "payer", "member_number", "plan", "valid_from", "valid_until")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [path("<uuid:object_id>/end/", wrap(self.end_page), name="billing_cover_end"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Enter that a payer covers a patient."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        administration = chosen(request, clinics(request, Act.TAKE_PAYMENTS))
        first = {"patient": request.GET.get("patient", ""), "valid_from": local_date(administration)}
        form = CoverForm(request.POST or None, administration=administration, initial=first)
        back = link("billing_cover_changelist")
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in CoverForm.base_fields if name not in ("patient", "key")}

            def write() -> str:
                enrol_patient(form.cleaned_data["patient"], **asked, by=request.user)  # type: ignore[arg-type]
                return back

            if answer := written(self, request, form, write, _("The cover is entered.")):
                return answer
        return self.page(
            request,
            "confirm",
            _("Add a cover"),
            form=form,
            sentence=_("Who is covered by whom, in %(clinic)s.") % {"clinic": administration},
            button=_("Enter the cover"),
            back=back,
            calm=True,
        )

    def end_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Let a cover hold until a day and no longer."""
        cover = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        form = LastDayForm(request.POST or None, administration=cover.administration)
        back = link("billing_cover_changelist")
        if form.is_valid():

            def write() -> str:
                end_cover(cover, last_day=form.cleaned_data["last_day"], by=request.user)  # type: ignore[arg-type]
                return back

            if answer := written(self, request, form, write, _("The cover ends.")):
                return answer
        sentence = _("%(payer)s covers %(patient)s from %(day)s.")
        facts = {"payer": cover.payer, "patient": cover.patient.code, "day": display.day(cover.valid_from)}
        return self.page(
            request, "confirm", _("End a cover"), form=form, sentence=sentence % facts, button=_("End it"), back=back
        )
