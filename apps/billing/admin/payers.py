"""Payers with their tariffs."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, link
from apps.billing.models import Payer, Service, Tariff
from apps.billing.reports.claims import ageing
from apps.billing.services.catalogue import register_payer
from apps.billing.services.days import local_date
from apps.billing.services.tariffs import set_tariff
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, once, said
from apps.core.money import ZERO
from apps.core.permissions import Act, may

MOST_TARIFFS = 200


def day_field(label: Any, **options: Any) -> forms.DateField:
    """A date, by the browser's own calendar."""
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class TariffForm(AdministrationForm):
    service = forms.CharField(label=_("Service"), max_length=64, help_text=_("Its code, or find it."))
    valid_from = day_field(
        _("Replaces from"),
        help_text=_("The tariff that holds then ends the day before; one that begins on that day is overwritten."),
    )
    includes_vat = forms.BooleanField(label=_("Includes VAT"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.administration.currency
        self.fields["price"] = AmountField(code=code, label=_("Price"))
        self.fields["co_pay"] = AmountField(
            code=code, label=_("Co-pay"), required=False, help_text=_("Of it, by the patient.")
        )
        self.order_fields(["service", "price", "co_pay", "includes_vat", "valid_from"])
        found = {"data-find": link("billing_service_find", self.administration.pk), "autocomplete": "off"}
        self.fields["service"].widget.attrs |= found

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
        form = TariffForm(request.POST or None, administration=administration, initial=_today(payer, request))
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
            sentence=_(
                "A tariff is never changed, it is replaced from a date. Bills keep the price they were made with."
            ),
            button=_("Set the tariff"),
            back=back,
            calm=True,
        )


def _today(payer: Payer, request: HttpRequest) -> dict[str, Any]:
    """What a new tariff begins with: today, and where a link names a service, what is agreed for it now."""
    today, code = local_date(payer.administration), request.GET.get("service", "")[:64].replace("\x00", "")
    now = Tariff.objects.on(today).filter(payer=payer, service__code=code).first() if code else None
    agreed = {"price": now.price, "co_pay": now.co_pay, "includes_vat": now.includes_vat} if now else {}
    return {"service": code, "valid_from": today, **agreed}


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
