"""Remittances, typed beside the claims that they answer; debt that is given up by two people."""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, PatientNames, chosen, clinics, link
from apps.billing.admin.payers import day_field, written
from apps.billing.models import Bill, Claim, ClaimSettlement, Payer, Remittance, WriteOff
from apps.billing.reports.claims import claim_of, open_claims, unassigned_by_payer, with_open, with_unassigned
from apps.billing.services.days import local_date
from apps.billing.services.payments import owed
from apps.billing.services.remitting import Settlement, assign_remittance, record_remittance, unassigned
from apps.billing.services.writing_off import approve, propose, reject
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, said
from apps.core.money import ZERO, currency
from apps.core.permissions import Act, may, may_somewhere

Kind = ClaimSettlement.Kind
KINDS = (Kind.PAID, Kind.ADJUSTMENT, Kind.WITHHOLDING, Kind.PATIENT)
MOST_CLAIMS = 200
TYPED = re.compile(r"(PAID|ADJUSTMENT|WITHHOLDING|PATIENT)-([0-9a-f]{32})")


class AnswerForm(AdministrationForm):
    """What a payer says of its claims: for each claim four amounts, all of which may stay empty."""

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
                field.widget.attrs["aria-label"] = words
                self.fields[f"{kind}-{claim.pk.hex}"] = field

    def clean(self) -> dict[str, Any]:
        """What was typed for a claim that is not one of the payer's is said, never dropped."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        typed = {name for name, value in self.data.items() if TYPED.fullmatch(name) and str(value).strip()}
        if typed - set(self.fields):
            raise forms.ValidationError(_("An amount stands beside a claim that is not one of this payer's."))
        return cleaned

    def rows(self) -> list[tuple[Any, list[Any]]]:
        """Each claim with its four boxes."""
        return [(claim, [self[f"{kind}-{claim.pk.hex}"] for kind in KINDS]) for claim in self.claims]

    def settlements(self) -> list[Settlement]:
        return [
            Settlement(claim, kind, amount)
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
            rows=[(claim, f"{claim.open:f}", boxes) for claim, boxes in form.rows()],
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
    found = rows.filter(pk=_uuid(named)).first()
    if found is None:
        raise Http404
    return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


# Write-offs ----------------------------------------------------------------------------------------------------------


class WriteOffForm(AdministrationForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["amount", "reason"])


class DecisionForm(AdministrationForm):
    """Nothing is typed: the sentence says what happens."""


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("proposed", _("Proposed")), ("approved", _("Approved")), ("rejected", _("Rejected"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() not in ("proposed", "approved", "rejected"):
            return rows
        return rows.filter(
            approved_at__isnull=self.value() != "approved", rejected_at__isnull=self.value() != "rejected"
        )


@admin.register(WriteOff)
class WriteOffAdmin(PatientNames):
    view_act = Act.KEEP_CLAIMS
    add_act = Act.KEEP_CLAIMS

    list_display = (
        "about",
        "patient_code",
        "patient_name",
        "amount_shown",
        "reason",
        "state",
        "proposed_by",
        "administration",
    )
    list_display_links = ("about",)
    list_filter = (StateFilter, "administration")
    list_select_related = ("administration", "bill__patient", "claim", "proposed_by")
    search_help_text = _("Patient's code or name")
    patient_path = "bill__patient__"
    ordering = ("-id",)
    actions = ("approve_selected", "reject_selected")

    @admin.display(description=_("debt"), ordering="id")
    def about(self, write_off: WriteOff) -> str:
        return f"{write_off.claim} · {write_off.bill}" if write_off.claim else str(write_off.bill)

    @admin.display(description=_("patient"))
    def patient_code(self, write_off: WriteOff) -> str:
        return write_off.bill.patient.code

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, write_off: WriteOff) -> SafeString:
        return display.amount(write_off.amount, write_off.administration.currency)

    @admin.display(description=_("state"))
    def state(self, write_off: WriteOff) -> SafeString:
        if write_off.approved_at:
            return display.status("APPROVED", _("Approved"))
        if write_off.rejected_at:
            return display.status("REJECTED", _("Rejected"))
        return display.status("DRAFT", _("Proposed"))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.APPROVE)

    @admin.action(description=_("Approve selected write-offs"), permissions=["decide"])
    def approve_selected(self, request: HttpRequest, rows: Any) -> None:
        self._decide_many(request, rows, approve, _("%(debt)s: %(amount)s is given up."))

    @admin.action(description=_("Reject selected write-offs"), permissions=["decide"])
    def reject_selected(self, request: HttpRequest, rows: Any) -> None:
        self._decide_many(request, rows, reject, _("%(debt)s: %(amount)s stays owed."))

    def _decide_many(self, request: HttpRequest, rows: Any, decide: Any, words: Any) -> None:
        for write_off in rows.order_by("pk"):
            code = write_off.administration.currency
            facts = {"debt": self.about(write_off), "amount": display.money(write_off.amount, code)}
            try:
                decide(write_off, by=request.user)
            except DomainError as refusal:
                self.message_user(request, f"{facts['debt']}: {said(refusal, code)}", messages.ERROR)
            else:
                self.message_user(request, words % facts, messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/approve/", wrap(self.approve_page), name="billing_writeoff_approve"),
            path("<uuid:object_id>/reject/", wrap(self.reject_page), name="billing_writeoff_reject"),
        ]
        return [*ours, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Propose to give up what is open of a claim, or what the patient owes of a bill."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.KEEP_CLAIMS)
        claim, bill = _debt(request, mine)
        back = link("billing_claim_change", claim.pk) if claim else link("billing_writeoff_changelist")
        if bill is None:
            return self.page(request, "write_off_what", _("Which debt is given up?"))
        administration = bill.administration
        open_ = claim_of(claim).open if claim else owed(bill)
        form = WriteOffForm(request.POST or None, administration=administration, initial={"amount": max(open_, ZERO)})
        if form.is_valid():

            def write() -> str:
                asked = {name: form.cleaned_data[name] for name in ("amount", "reason")}
                made = propose(bill, claim=claim, **asked, by=request.user)  # type: ignore[arg-type]
                return link("billing_writeoff_change", made.pk)

            done = _("The write-off is proposed; somebody who approves decides.")
            if answer := written(self, request, form, write, done):
                return answer
        sentence = _("%(debtor)s owes %(amount)s of %(bill)s. Nothing moves before somebody else approves it.")
        facts = {
            "debtor": claim.payer.name if claim else bill.patient.code,
            "amount": display.money(open_, administration.currency),
            "bill": bill,
        }
        return self.page(
            request,
            "confirm",
            _("Propose a write-off"),
            form=form,
            sentence=sentence % facts,
            button=_("Propose"),
            back=back,
            calm=True,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Who proposed it and why, and who decided."""
        write_off = self.find(request, object_id, Act.KEEP_CLAIMS)
        user: Any = request.user
        alone = write_off.proposed_by_id == user.pk and not write_off.administration.single_sign_off
        return self.page(
            request,
            "write_off",
            _("Write-off of %(debt)s") % {"debt": self.about(write_off)},
            write_off=write_off,
            administration=write_off.administration,
            state=self.state(write_off),
            undecided=not (write_off.approved_at or write_off.rejected_at),
            own=alone,
            may_approve=may(user, Act.APPROVE, write_off.administration_id),
            may_reject=may(user, Act.APPROVE, write_off.administration_id) or write_off.proposed_by_id == user.pk,
        )

    def approve_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Give the debt up."""
        write_off = self.find(request, str(object_id), Act.APPROVE)
        sentence = _("%(amount)s of %(debt)s is given up today, as bad debt. It cannot be undone here.")
        return self._decide(request, write_off, approve, sentence, _("Approve"))

    def reject_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Do not give the debt up."""
        write_off = self.find(request, str(object_id), Act.KEEP_CLAIMS)
        return self._decide(request, write_off, reject, _("%(amount)s of %(debt)s stays owed."), _("Reject"))

    def _decide(
        self, request: HttpRequest, write_off: WriteOff, decide: Any, sentence: Any, button: Any
    ) -> HttpResponse:
        administration, back = write_off.administration, link("billing_writeoff_change", write_off.pk)
        form = DecisionForm(request.POST or None, administration=administration)
        if request.method == "POST" and form.is_valid():

            def write() -> str:
                decide(write_off, by=request.user)
                return back

            if answer := written(self, request, form, write, _("It is decided.")):
                return answer
        facts = {"amount": display.money(write_off.amount, administration.currency), "debt": self.about(write_off)}
        return self.page(request, "confirm", button, form=form, sentence=sentence % facts, button=button, back=back)


def _debt(request: HttpRequest, mine: list[Any]) -> tuple[Claim | None, Bill | None]:
    """The claim or the bill that the address names. Raises Http404."""
    if named := request.GET.get("claim"):
        claims = Claim.objects.select_related("administration", "payer", "bill__administration", "bill__patient")
        claim = claims.filter(administration__in=mine, pk=_uuid(named)).first()
        if claim is None:
            raise Http404
        return claim, claim.bill
    if named := request.GET.get("bill"):
        bills = Bill.objects.select_related("administration", "patient")
        bill = bills.filter(administration__in=mine, pk=_uuid(named)).first()
        if bill is None:
            raise Http404
        return None, bill
    return None, None
