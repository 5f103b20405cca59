"""Wallets and top-ups: what is in one, how it came there, putting money in, giving it back."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import DayFilter, LateFilter, PatientNames, chosen, clinics, link, name_of
from apps.billing.models import Patient, TopUp, Wallet
from apps.billing.reports.wallets import Movement, movements_of
from apps.billing.services.wallets import pay_out, top_up
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may

MOST_SHOWN = 200


class MoneyForm(AdministrationForm):
    """How much, and how it changes hands."""

    method = forms.ChoiceField(label=_("Method"), choices=TopUp.Method.choices)
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["patient", "amount", "method", "reference", "reason"])


class TopUpForm(MoneyForm):
    patient = forms.CharField(label=_("Patient"), max_length=200)

    def clean_patient(self) -> Patient:
        """One of this clinic, by the code. Names are found while typing."""
        patients = Patient.objects.filter(administration=self.administration).select_related("administration")
        found = patients.filter(code__iexact=self.cleaned_data["patient"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("Nobody here has that code: choose one of the list, or register them first."))
        return found


class PayOutForm(MoneyForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)


@admin.register(Wallet)
class WalletAdmin(PatientNames):
    add_act = Act.TAKE_PAYMENTS

    list_display = ("patient", "patient_name", "balance_shown", "administration")
    list_display_links = ("patient",)
    list_filter = ("administration",)
    list_select_related = ("administration", "patient")
    search_help_text = _("Patient's code or name")
    ordering = ("patient__code",)

    @admin.display(description=_("balance"), ordering="balance")
    def balance_shown(self, wallet: Wallet) -> SafeString:
        return display.amount(wallet.balance, wallet.administration.currency)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [path("<uuid:object_id>/pay-out/", wrap(self.pay_out_page), name="billing_wallet_pay_out")]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The wallet with its movements, and what can be done next."""
        wallet = self.find(request, object_id, Act.READ_CLINIC)
        user: Any = request.user
        moved = movements_of(wallet, most=MOST_SHOWN)
        return self.page(
            request,
            "wallet",
            _("Wallet of %(patient)s") % {"patient": wallet.patient.code},
            wallet=wallet,
            administration=wallet.administration,
            name=name_of(wallet.patient, user),
            movements=[(one, _page_of(one)) for one in moved],
            more=len(moved) == MOST_SHOWN,
            may_take=may(user, Act.TAKE_PAYMENTS, wallet.administration_id),
            may_approve=may(user, Act.APPROVE, wallet.administration_id),
            top_up_page=link(
                "billing_wallet_add", patient=wallet.patient.code, administration=wallet.administration_id
            ),
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Put money into the wallet of a patient; their first one makes it."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.TAKE_PAYMENTS)
        administration = chosen(request, mine)
        initial = {"patient": request.GET.get("patient", "")}
        form = TopUpForm(request.POST or None, administration=administration, initial=initial)
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("patient", "amount", "method", "reference")}
            answer = self._write(request, form, lambda: top_up(**asked, by=request.user), _("%(amount)s is put in."))  # type: ignore[arg-type]
            if answer:
                return answer
        return self.page(
            request,
            "top_up",
            _("Top up a wallet"),
            form=form,
            clinics=mine,
            administration=administration,
            find_patient=link("billing_patient_find", administration.pk),
            back=link("billing_wallet_changelist"),
        )

    def pay_out_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Give back what is in the wallet, or part of it."""
        wallet = self.find(request, str(object_id), Act.APPROVE)
        administration: Administration = wallet.administration
        form = PayOutForm(request.POST or None, administration=administration, initial={"amount": wallet.balance})
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("amount", "method", "reference", "reason")}
            answer = self._write(
                request,
                form,
                lambda: pay_out(wallet.patient, **asked, by=request.user),  # type: ignore[arg-type]
                _("%(amount)s is paid out."),
            )
            if answer:
                return answer
        in_it = display.money(wallet.balance, administration.currency)
        return self.page(
            request,
            "confirm",
            _("Pay out of the wallet of %(patient)s") % {"patient": wallet.patient.code},
            form=form,
            sentence=_("%(amount)s is in the wallet. What is paid out goes to the patient today.") % {"amount": in_it},
            button=_("Pay out"),
            back=link("billing_wallet_change", wallet.pk),
        )

    def _write(self, request: HttpRequest, form: MoneyForm, write: Any, words: Any) -> HttpResponse | None:
        """Do it once and go to the wallet; None when a rule said no, which then stands beside the amount."""

        def done() -> str:
            made = write()
            return link("billing_wallet_change", Wallet.objects.get(patient=made.patient_id).pk)

        code = form.administration.currency
        try:
            address, new = once(request, done)
        except DomainError as refusal:
            form.add_error("amount", said(refusal, code))
            return None
        amount = {"amount": display.money(form.cleaned_data["amount"], code)}
        again = _("This was done before; nothing was written twice.")
        self.message_user(request, words % amount if new else again, messages.SUCCESS if new else messages.INFO)
        return HttpResponseRedirect(address)


def _page_of(movement: Movement) -> str:
    kind = "payment" if movement.is_payment else "topup"
    return link(f"billing_{kind}_change", movement.id)


@admin.register(TopUp)
class TopUpAdmin(PatientNames):
    list_display = ("number_shown", "day", "patient", "patient_name", "method", "amount_shown", "administration")
    list_display_links = ("number_shown", "patient")
    list_filter = (DayFilter, "method", LateFilter, "administration")
    list_select_related = ("administration", "patient", "clinic_day")
    search_help_text = _("Receipt number, patient's code or name")
    number_prefixes = ("W-",)
    ordering = ("-id",)
    fields: Any = ("number_shown", "day", "patient", "method", "amount_shown", "reference", "reason", "taken", "by")
    readonly_fields: Any = ("number_shown", "day", "amount_shown", "taken", "by")

    @admin.display(description=_("receipt"), ordering="id")
    def number_shown(self, made: TopUp) -> str:
        return str(made)

    @admin.display(description=_("day"))
    def day(self, made: TopUp) -> str:
        return display.short_day(made.clinic_day.date)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, made: TopUp) -> SafeString:
        return display.amount(made.amount, made.administration.currency)

    @admin.display(description=_("taken"))
    def taken(self, made: TopUp) -> str:
        return display.moment(made.taken_at, made.administration.time_zone)

    @admin.display(description=_("taken by"))
    def by(self, made: TopUp) -> str:
        return str(made.taken_by or _("Confirmed by the provider"))
