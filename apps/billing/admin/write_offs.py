"""Debt that is given up by two people: one proposes, another decides."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import PatientNames, clinics, link, uuid_or_404
from apps.billing.admin.payers import written
from apps.billing.models import Bill, Claim, WriteOff
from apps.billing.reports.claims import claim_of
from apps.billing.services.payments import owed
from apps.billing.services.writing_off import approve, propose, reject
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, said
from apps.core.money import ZERO
from apps.core.permissions import Act, may, may_somewhere


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
        claim = claims.filter(administration__in=mine, pk=uuid_or_404(named)).first()
        if claim is None:
            raise Http404
        return claim, claim.bill
    if named := request.GET.get("bill"):
        bills = Bill.objects.select_related("administration", "patient")
        bill = bills.filter(administration__in=mine, pk=uuid_or_404(named)).first()
        if bill is None:
            raise Http404
        return None, bill
    return None, None
