"""Wallets, top-ups and advances: what is in a wallet, how it came there, putting money in, giving it back."""

from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import (
    CashierFilter,
    DayFilter,
    LateFilter,
    PatientNames,
    chosen,
    clinics,
    filled_in,
    link,
    name_of,
    taker_of,
)
from apps.billing.admin.money import MoneyAdmin
from apps.billing.admin.payment_links import link_page, may_send
from apps.billing.admin.visits import shown_to
from apps.billing.forms import find_service
from apps.billing.models import Patient, Service, TopUp, Wallet
from apps.billing.reports.advances import IS_ADVANCE, earmarked, open_advances, with_left
from apps.billing.reports.wallets import Movement, movements_of
from apps.billing.services.paystack import initialize_top_up
from apps.billing.services.wallets import pay_out, top_up
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, once, said
from apps.core.models import Administration
from apps.core.money import total
from apps.core.permissions import Act, may

MOST_SHOWN = 200
BESIDE = {"ADVANCE_UNTAXED": "service"}  # the field that a refusal stands beside, if it is not the amount


class MoneyForm(AdministrationForm):
    """How much, and how it changes hands."""

    method = forms.ChoiceField(label=_("Method"), choices=TopUp.Method.choices)
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["patient", "amount", "service", "method", "reference", "reason"])


class TopUpForm(MoneyForm):
    patient = forms.CharField(label=_("Patient"), max_length=200)
    service = forms.CharField(
        label=_("For service"),
        max_length=200,
        required=False,
        help_text=_(
            "Only when it is paid in advance for one service with VAT: its VAT is then declared today, and it pays for "
            "that service alone. Left empty, it pays for anything."
        ),
    )

    def clean_patient(self) -> Patient:
        """One of this clinic, by the code. Names are found while typing."""
        patients = Patient.objects.filter(administration=self.administration).select_related("administration")
        found = patients.filter(code__iexact=self.cleaned_data["patient"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("Nobody here has that code: choose one of the list, or register them first."))
        return found

    def clean_service(self) -> Service | None:
        """The one service that was typed; a second look, with what is wrong beside the field, finds none."""
        typed = self.cleaned_data["service"].strip()
        return find_service(self, typed, self.administration) if typed else None


class PayOutForm(MoneyForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)


@admin.register(Wallet)
class WalletAdmin(PatientNames):
    add_act = Act.TAKE_PAYMENTS

    list_display = ("patient", "patient_name", "balance_shown", "earmarked_shown", "administration")
    list_display_links = ("patient",)
    list_filter = ("administration",)
    list_select_related = ("administration", "patient")
    search_help_text = _("Patient's code or name")
    ordering = ("patient__code",)

    @admin.display(description=_("balance"), ordering="balance")
    def balance_shown(self, wallet: Wallet) -> SafeString:
        return display.amount(wallet.balance, wallet.administration.currency)

    @admin.display(description=_("of it for services"), ordering="earmarked")
    def earmarked_shown(self, wallet: Any) -> SafeString:
        return display.amount(wallet.earmarked, wallet.administration.currency)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(earmarked=earmarked())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/pay-out/", wrap(self.pay_out_page), name="billing_wallet_pay_out"),
            path("<uuid:object_id>/link/", wrap(self.link_page), name="billing_wallet_link"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The wallet with its movements, and what can be done next."""
        wallet = self.find(request, object_id, Act.READ_CLINIC)
        user: Any = request.user
        moved = movements_of(wallet, most=MOST_SHOWN)
        advances = list(open_advances(patient=wallet.patient_id))
        free = wallet.balance - total(advance.left for advance in advances)
        return self.page(
            request,
            "wallet",
            _("Wallet of %(patient)s") % {"patient": wallet.patient.code},
            wallet=wallet,
            administration=wallet.administration,
            name=name_of(wallet.patient, user),
            advances=[(one, link("billing_wallet_pay_out", wallet.pk, advance=one.pk)) for one in advances],
            free=free,
            movements=[(one, _page_of(one)) for one in moved],
            more=len(moved) == MOST_SHOWN,
            may_take=may(user, Act.TAKE_PAYMENTS, wallet.administration_id),
            may_send=may_send(user, wallet.administration),
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
            asked = {name: form.cleaned_data[name] for name in ("patient", "amount", "service", "method", "reference")}
            words = _("%(amount)s is put in.")
            if asked["service"]:
                words = _("%(amount)s is taken in advance; its VAT counts today.")
            answer = self._write(request, form, lambda: top_up(**asked, by=request.user), words)  # type: ignore[arg-type]
            if answer:
                return answer
        return self.page(
            request,
            "top_up",
            _("Top up a wallet"),
            form=form,
            clinics=mine,
            **shown_to(form),
            back=link("billing_wallet_changelist"),
        )

    def link_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """A link by which the patient puts money in at the provider."""
        wallet = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        return link_page(
            self,
            request,
            wallet.patient,
            partial(initialize_top_up, wallet.patient),
            about=_("Wallet of %(patient)s") % {"patient": wallet.patient.code},
            owed=None,
            back=link("billing_wallet_change", wallet.pk),
        )

    def pay_out_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Give back what is in the wallet, or part of it; or what is left of the advance that the address names."""
        wallet = self.find(request, str(object_id), Act.APPROVE)
        administration: Administration = wallet.administration
        advance = _advance(request, wallet)
        left = advance.left if advance else wallet.balance - wallet.earmarked
        initial = {"amount": left, **filled_in(request)}
        form = PayOutForm(request.POST or None, administration=administration, initial=initial)
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("amount", "method", "reference", "reason")}
            answer = self._write(
                request,
                form,
                lambda: pay_out(wallet.patient, **asked, advance=advance, by=request.user),  # type: ignore[arg-type]
                _("%(amount)s is paid out."),
            )
            if answer:
                return answer
        sentence = _("%(amount)s is in the wallet. What is paid out goes to the patient today.")
        facts = {"amount": display.money(left, administration.currency)}
        if advance:
            sentence = _(
                "%(amount)s is left of %(advance)s, paid for %(service)s. What is given back goes to the patient "
                "today, and its VAT out of today's return."
            )
            facts |= {"advance": str(advance), "service": str(advance.service)}
        elif wallet.earmarked:
            sentence = _(
                "%(amount)s in the wallet may pay for anything. What was paid in advance for a service is given back "
                "from the page of the wallet. What is paid out goes to the patient today."
            )
        return self.page(
            request,
            "confirm",
            _("Pay out of the wallet of %(patient)s") % {"patient": wallet.patient.code},
            form=form,
            sentence=sentence % facts,
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
            form.add_error(BESIDE.get(refusal.code, "amount"), said(refusal, code))
            return None
        amount = {"amount": display.money(form.cleaned_data["amount"], code)}
        again = _("This was done before; nothing was written twice.")
        self.message_user(request, words % amount if new else again, messages.SUCCESS if new else messages.INFO)
        return HttpResponseRedirect(address)


def _advance(request: HttpRequest, wallet: Wallet) -> Any:
    """The advance of the wallet's patient that the address names, with what is left of it. Raises Http404."""
    named = request.GET.get("advance")
    if not named:
        return None
    try:
        key = UUID(named)
    except ValueError:
        raise Http404 from None
    rows = TopUp.objects.filter(IS_ADVANCE, patient=wallet.patient_id, pk=key)
    advance = with_left(rows.select_related("service", "administration")).first()
    if advance is None:
        raise Http404
    return advance


def _page_of(movement: Movement) -> str:
    kind = "payment" if movement.is_payment else "topup"
    return link(f"billing_{kind}_change", movement.id)


class AdvanceFilter(admin.SimpleListFilter):
    """What was paid in advance for a service, what of it was given back, and what still waits for its bill."""

    title = _("in advance")
    parameter_name = "advance"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("received", _("Paid in advance for a service")),
            ("open", _("Something is left of it")),
            ("given_back", _("Given back of it")),
        ]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        asked: dict[str, dict[str, Any]] = {
            "received": {"service__isnull": False, "advance": None},
            "open": {"left__gt": 0},
            "given_back": {"advance__isnull": False},
        }
        return rows.filter(**asked.get(self.value() or "", {}))


@admin.register(TopUp)
class TopUpAdmin(MoneyAdmin):
    list_display = (
        "number_shown",
        "day",
        "patient",
        "patient_name",
        "method",
        "service",
        "amount_shown",
        "left_shown",
        "administration",
    )
    list_display_links = ("number_shown", "patient")
    list_filter = (DayFilter, AdvanceFilter, "method", LateFilter, CashierFilter, "administration")
    list_select_related = ("administration", "patient", "clinic_day", "service")
    summed = "amount"
    search_help_text = _("Receipt number, patient's code or name")
    number_prefixes = ("W-",)
    ordering = ("-id",)
    fields: Any = ("number_shown", "day", "patient", "method", "amount_shown", "reference", "reason", "taken", "by")
    of_advance: Any = ("service", "net_shown", "vat_shown", "left_shown", "advance")
    readonly_fields: Any = (
        "number_shown",
        "day",
        "amount_shown",
        "net_shown",
        "vat_shown",
        "left_shown",
        "taken",
        "by",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_left(super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What it was split into, where it was paid in advance for a service."""
        at = self.fields.index("reference")
        more = self.of_advance if obj and obj.service_id else ()
        return (*self.fields[:at], *more, *self.fields[at:])

    def telling(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(method=TopUp.Method.CASH)

    @admin.display(description=_("receipt"), ordering="id")
    def number_shown(self, made: TopUp) -> str:
        return str(made)

    @admin.display(description=_("day"))
    def day(self, made: TopUp) -> str:
        return display.short_day(made.clinic_day.date)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, made: TopUp) -> SafeString:
        return display.amount(made.amount, made.administration.currency)

    @admin.display(description=_("before VAT"))
    def net_shown(self, made: TopUp) -> SafeString:
        return display.amount(made.net, made.administration.currency)

    @admin.display(description=_("VAT, declared that day"))
    def vat_shown(self, made: TopUp) -> SafeString:
        return display.amount(made.vat, made.administration.currency)

    @admin.display(description=_("left of it"), ordering="left")
    def left_shown(self, made: Any) -> SafeString:
        return display.amount(made.left, made.administration.currency)

    @admin.display(description=_("taken"))
    def taken(self, made: TopUp) -> str:
        return display.moment(made.taken_at, made.administration.time_zone)

    @admin.display(description=_("taken by"))
    def by(self, made: TopUp) -> str:
        return str(taker_of(made))
