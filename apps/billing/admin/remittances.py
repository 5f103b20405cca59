"""Remittances, typed beside the claims that they answer."""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, chosen, clinics, link, uuid_or_404
from apps.billing.admin.payers import day_field, written
from apps.billing.models import Claim, ClaimSettlement, Payer, Remittance
from apps.billing.reports.claims import open_claims, unassigned_by_payer, with_open, with_unassigned
from apps.billing.services.days import local_date
from apps.billing.services.remitting import Settlement, assign_remittance, record_remittance, unassigned
from apps.core import display
from apps.core.forms import AdministrationForm, AmountField
from apps.core.money import ZERO, currency
from apps.core.permissions import Act

Kind = ClaimSettlement.Kind
KINDS = (Kind.PAID, Kind.ADJUSTMENT, Kind.WITHHOLDING, Kind.PATIENT)
MOST_CLAIMS = 200
SHORT = KINDS[1:]  # where a shortfall goes, and why
TYPED = re.compile(r"(?:why-)?(PAID|ADJUSTMENT|WITHHOLDING|PATIENT)-([0-9a-f]{32})")


class AnswerForm(AdministrationForm):
    """What a payer says of its claims: for each four amounts, all of which may stay empty, and why it pays less."""

    def __init__(self, *args: Any, payer: Payer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        related = ("bill__clinic_day", "bill__patient")
        open_ = open_claims(self.administration).filter(payer=payer, submitted_on__isnull=False)
        self.claims = list(open_.select_related(*related).order_by("waiting", "id")[:MOST_CLAIMS])
        # What was typed stays on the page, and a form that is sent twice is the same form the second time.
        typed = {UUID(match[2]) for name in self.data if (match := TYPED.fullmatch(name))}
        if missing := typed - {claim.pk for claim in self.claims}:
            mine = with_open(Claim.objects.filter(payer=payer, administration=self.administration, pk__in=missing))
            self.claims += mine.select_related(*related).order_by("waiting", "id")
        for claim in self.claims:
            for kind in KINDS:
                words = f"{kind.label}, {claim}"
                field = AmountField(code=self.administration.currency, required=False, label=words)
                field.widget.attrs |= {"aria-label": words, "placeholder": " "}  # the style sheet asks what is typed
                self.fields[f"{kind}-{claim.pk.hex}"] = field
                if kind in SHORT:
                    why = _("Why: %(what)s") % {"what": kind.label}
                    self.fields[f"why-{kind}-{claim.pk.hex}"] = forms.CharField(
                        label=why, max_length=200, required=False
                    )

    def clean(self) -> dict[str, Any]:
        """What was typed for a claim that is not one of the payer's is said, never dropped."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        typed = {name for name, value in self.data.items() if TYPED.fullmatch(name) and str(value).strip()}
        if typed - set(self.fields):
            raise forms.ValidationError(_("An amount stands beside a claim that is not one of this payer's."))
        for claim in self.claims:
            for kind in SHORT:
                name = f"{kind}-{claim.pk.hex}"
                if cleaned.get(f"why-{name}") and not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, _("Type the amount that the reason is for."))
        return cleaned

    def rows(self) -> list[tuple[Any, list[Any], list[Any]]]:
        """Each claim with its four boxes, and those that ask why, by what they ask it of."""
        return [
            (
                claim,
                [self[f"{kind}-{claim.pk.hex}"] for kind in KINDS],
                [(kind, self[f"why-{kind}-{claim.pk.hex}"]) for kind in SHORT],
            )
            for claim in self.claims
        ]

    def settlements(self) -> list[Settlement]:
        return [
            Settlement(claim, kind, amount, self.cleaned_data.get(f"why-{kind}-{claim.pk.hex}", ""))
            for claim in self.claims
            for kind in KINDS
            if (amount := self.cleaned_data.get(f"{kind}-{claim.pk.hex}"))
        ]


class RemittanceForm(AnswerForm):
    received_on = day_field(_("Received on"))
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Received"))


@admin.register(Remittance)
class RemittanceAdmin(BillingAdmin):
    view_act = Act.KEEP_CLAIMS
    add_act = Act.KEEP_CLAIMS

    list_display = ("number_shown", "payer", "day", "reference", "amount_shown", "unassigned_shown", "administration")
    list_display_links = ("number_shown",)
    list_filter = ("payer", "administration")
    list_select_related = ("administration", "payer", "clinic_day")
    search_fields = ("reference",)
    search_help_text = _("Reference")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_unassigned(super().get_queryset(request))

    @admin.display(description=_("remittance"), ordering="id")
    def number_shown(self, remittance: Remittance) -> str:
        return str(remittance)

    @admin.display(description=_("day"))
    def day(self, remittance: Remittance) -> str:
        return display.short_day(remittance.clinic_day.date)

    @admin.display(description=_("received"), ordering="amount")
    def amount_shown(self, remittance: Remittance) -> SafeString:
        return display.amount(remittance.amount, remittance.administration.currency)

    @admin.display(description=_("not assigned"))
    def unassigned_shown(self, remittance: Any) -> SafeString:
        return display.amount(remittance.unassigned, remittance.administration.currency)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [path("<uuid:object_id>/assign/", wrap(self.assign_page), name="billing_remittance_assign")]
        return [*ours, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Choose the payer, then type what it sent beside the claims that it answers."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.KEEP_CLAIMS)
        payer = _payer(request, mine)
        if payer is None:
            return self._choose(request, mine)
        administration = payer.administration
        first = {"received_on": local_date(administration)}
        form = RemittanceForm(request.POST or None, administration=administration, payer=payer, initial=first)
        if form.is_valid():
            asked = {name: form.cleaned_data[name] for name in ("amount", "received_on", "reference")}

            def write() -> str:
                made = record_remittance(payer=payer, **asked, settlements=form.settlements(), by=request.user)  # type: ignore[arg-type]
                return link("billing_remittance_change", made.pk)

            if answer := written(self, request, form, write, _("The remittance is posted.")):
                return answer
        return self._answer_page(request, form, payer, _("Remittance of %(payer)s") % {"payer": payer.name})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What came and what became of it."""
        remittance = self.find(request, object_id, Act.KEEP_CLAIMS)
        return self.page(
            request,
            "remittance",
            _("Remittance %(remittance)s") % {"remittance": remittance},
            remittance=remittance,
            administration=remittance.administration,
            settlements=remittance.settlements.select_related("claim", "clinic_day").order_by("id"),
            unassigned=unassigned(remittance),
            entry_page=link("ledger_journalentry_change", remittance.entry_id) if remittance.entry_id else "",
        )

    def assign_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Settle claims from what is not assigned yet."""
        remittance = self.find(request, str(object_id), Act.KEEP_CLAIMS)
        payer = remittance.payer
        form = AnswerForm(request.POST or None, administration=remittance.administration, payer=payer)
        if form.is_valid():

            def write() -> str:
                assign_remittance(remittance, settlements=form.settlements(), by=request.user)  # type: ignore[arg-type]
                return link("billing_remittance_change", remittance.pk)

            if answer := written(self, request, form, write, _("It is assigned.")):
                return answer
        title = _("Assign %(remittance)s") % {"remittance": remittance}
        return self._answer_page(request, form, payer, title, spare=unassigned(remittance), remittance=remittance)

    def _answer_page(
        self,
        request: HttpRequest,
        form: AnswerForm,
        payer: Payer,
        title: str,
        spare: Decimal | None = None,
        remittance: Remittance | None = None,
    ) -> HttpResponse:
        back = link("billing_remittance_change", remittance.pk) if remittance else link("billing_remittance_changelist")
        return self.page(
            request,
            "remit",
            title,
            form=form,
            payer=payer,
            administration=payer.administration,
            digits=currency(payer.administration.currency).digits,
            spare=spare,
            spare_plain="" if spare is None else f"{spare:f}",
            kinds=[kind.label for kind in KINDS],
            rows=[
                (claim, f"{claim.open:f}", [(kind.label, box) for kind, box in zip(KINDS, boxes, strict=True)], reasons)
                for claim, boxes, reasons in form.rows()
            ],
            more=len(form.claims) >= MOST_CLAIMS,
            claims_page=link("billing_claim_changelist", payer__id__exact=payer.pk),
            back=back,
        )

    def _choose(self, request: HttpRequest, mine: list[Any]) -> HttpResponse:
        administration = chosen(request, mine)
        spare = unassigned_by_payer(administration)
        payers = Payer.objects.filter(administration=administration, is_active=True).order_by("name")
        return self.page(
            request,
            "remit_payer",
            _("Whose money came in?"),
            administration=administration,
            clinics=mine,
            payers=[
                (payer, spare.get(payer.pk, ZERO), link("billing_remittance_add", payer=payer.pk)) for payer in payers
            ],
            add_payer=link("billing_payer_add"),
        )


def _payer(request: HttpRequest, mine: list[Any]) -> Payer | None:
    """The payer that the address names. Raises Http404."""
    named = request.GET.get("payer")
    if not named:
        return None
    rows = Payer.objects.select_related("administration", "party").filter(administration__in=mine)
    found = rows.filter(pk=uuid_or_404(named)).first()
    if found is None:
        raise Http404
    return found
