"""Claims: what waits for what, by payer and age; the page of one with its steps and what became of it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import helpers
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.billing.admin.base import PatientNames, chosen, clinics, link, name_of
from apps.billing.admin.filters import age_words
from apps.billing.admin.payers import day_field, written
from apps.billing.models import Claim, ClaimSettlement
from apps.billing.reports.claims import BUCKETS, PayerAgeing, ageing, claim_of, of_age, with_open
from apps.billing.services.claims import reject_claim, resubmit_claim, submit_claims
from apps.billing.services.days import local_date
from apps.billing.services.remitting import left_of, take_back
from apps.core import display
from apps.core.forms import AdministrationForm, AmountField
from apps.core.money import ZERO, total
from apps.core.permissions import Act, may, may_somewhere

Status = Claim.Status
NEXT = {
    Status.DRAFT: _("submit it"),
    Status.SUBMITTED: _("enter the answer"),
    Status.REJECTED: _("mend it and send it again"),
    Status.PAID: "",
}
SPANS = ((0, 30), (31, 60), (61, 90), (91, None))  # as the buckets of the ageing
assert tuple(first for first, _last in SPANS) == BUCKETS  # noqa: S101


class SubmitForm(AdministrationForm):
    """On which day the chosen claims were sent."""

    date = day_field(_("Sent on"))


class RejectForm(AdministrationForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)
    date = day_field(_("Answered on"))


class ResubmitForm(AdministrationForm):
    authorisation = forms.CharField(
        label=_("Authorisation code"), max_length=64, required=False, help_text=_("Left empty, it stays as it is.")
    )
    date = day_field(_("Sent on"))


class TakeBackForm(AdministrationForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))


class AgeFilter(admin.SimpleListFilter):
    """Claims by how long they wait."""

    title = _("waiting")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(f"{first}", word) for (first, _last), word in zip(SPANS, age_words(), strict=True)]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        span = next((span for span in SPANS if f"{span[0]}" == self.value()), None)
        return of_age(rows, *span) if span else rows


class OpenFilter(admin.SimpleListFilter):
    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Something is open")), ("no", _("Nothing is open"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() not in ("yes", "no"):
            return rows
        return rows.exclude(open=0) if self.value() == "yes" else rows.filter(open=0)


@admin.register(Claim)
class ClaimAdmin(PatientNames):
    when_empty = _("A claim is made when a bill is covered by a payer.")
    list_display = (
        "number_shown",
        "payer",
        "patient_code",
        "patient_name",
        "state",
        "since",
        "accepted_shown",
        "open_shown",
        "next_step",
        "administration",
    )
    list_display_links = ("number_shown",)
    list_filter = ("status", "payer", AgeFilter, OpenFilter, "administration")
    list_select_related = ("administration", "payer", "bill__patient")
    search_help_text = _("Claim number, patient's code or name")
    number_prefixes = ("C-",)
    patient_path = "bill__patient__"
    ordering = ("-id",)
    actions = ("submit_selected",)
    list_before_template = "admin/billing/claims_ageing.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_open(super().get_queryset(request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        if (context := getattr(answer, "context_data", None)) and "cl" in context:
            mine = clinics(request, Act.READ_CLINIC)
            if mine:
                administration = chosen(request, mine)
                user: Any = request.user
                reads = may(user, Act.KEEP_CLAIMS, administration.pk)
                aged = ageing(administration, local_date(administration))
                context |= _aged(aged, administration.currency, with_remittances=reads)
        return answer

    @admin.display(description=_("claim"), ordering="id")
    def number_shown(self, claim: Claim) -> str:
        return str(claim)

    @admin.display(description=_("patient"))
    def patient_code(self, claim: Claim) -> str:
        return claim.bill.patient.code

    @admin.display(description=_("state"), ordering="status")
    def state(self, claim: Claim) -> SafeString:
        return display.status(claim.status, claim.get_status_display())

    @admin.display(description=_("waiting since"), ordering="waiting")
    def since(self, claim: Any) -> str:
        return display.short_day(claim.waiting)

    @admin.display(description=_("accepted"))
    def accepted_shown(self, claim: Any) -> SafeString:
        return display.amount(claim.accepted, claim.administration.currency)

    @admin.display(description=_("open"), ordering="open")
    def open_shown(self, claim: Any) -> SafeString:
        return display.amount(claim.open, claim.administration.currency)

    @admin.display(description=_("next"))
    def next_step(self, claim: Any) -> str:
        return str(NEXT[Status(claim.status)]) if claim.open else ""

    # Sending ---------------------------------------------------------------------------------------------------------

    def has_submit_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.KEEP_CLAIMS)

    @admin.action(description=_("Submit selected claims"), permissions=["submit"])
    def submit_selected(self, request: HttpRequest, rows: Any) -> HttpResponse | None:
        """All of the chosen claims, or none; a sentence says first how many and how much."""
        claims = list(rows.order_by("pk"))
        administration = claims[0].administration
        if any(claim.administration_id != administration.pk for claim in claims):
            self.message_user(request, _("Choose claims of one clinic."), "error")
            return None
        sending = request.POST.get("confirmed") == "yes"
        first = {"date": local_date(administration)}
        form = SubmitForm(request.POST if sending else None, administration=administration, initial=first)
        if sending and form.is_valid():

            def write() -> str:
                submit_claims(claims, on=form.cleaned_data["date"], by=request.user)  # type: ignore[arg-type]
                return link("billing_claim_changelist")

            sent = ngettext("%(n)s claim is submitted.", "%(n)s claims are submitted.", len(claims))
            if answer := written(self, request, form, write, sent % {"n": len(claims)}):
                return answer
        sentence = ngettext(
            "%(n)s claim, %(amount)s open, is entered as sent to its payer.",
            "%(n)s claims, %(amount)s open, are entered as sent to their payers.",
            len(claims),
        )
        amount = display.money(total(claim.open for claim in claims), administration.currency)
        return self.page(
            request,
            "confirm",
            _("Submit claims"),
            form=form,
            sentence=sentence % {"n": len(claims), "amount": amount},
            button=_("Submit"),
            back=link("billing_claim_changelist"),
            calm=True,
            carried=[
                ("action", "submit_selected"),
                ("confirmed", "yes"),
                *((helpers.ACTION_CHECKBOX_NAME, claim.pk) for claim in claims),
            ],
        )

    # One claim -------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/submit/", wrap(self.submit_page), name="billing_claim_submit"),
            path("<uuid:object_id>/reject/", wrap(self.reject_page), name="billing_claim_reject"),
            path("<uuid:object_id>/resubmit/", wrap(self.resubmit_page), name="billing_claim_resubmit"),
            path("settlement/<uuid:pk>/take-back/", wrap(self.take_back_page), name="billing_claim_take_back"),
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What happened to the claim, what became of it, and what can be done next."""
        claim = self.find(request, object_id, Act.READ_CLINIC)
        user: Any = request.user
        rows = claim.settlements.select_related("clinic_day", "remittance").order_by("id")
        figures = claim_of(claim)
        return self.page(
            request,
            "claim",
            _("Claim %(claim)s") % {"claim": claim},
            claim=claim,
            administration=claim.administration,
            name=name_of(claim.bill.patient, user),
            figures=figures,
            steps=claim.steps.select_related("by").order_by("id"),
            settlements=rows,
            write_offs=claim.write_offs.order_by("id"),
            next_step=NEXT[Status(claim.status)] if figures.open > 0 else "",
            may_claim=may(user, Act.KEEP_CLAIMS, claim.administration_id),
            write_off_page=link("billing_writeoff_add", claim=claim.pk),
            remit_page=link("billing_remittance_add", payer=claim.payer_id),
        )

    def submit_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Enter that the claim was sent."""
        claim = self.find(request, str(object_id), Act.KEEP_CLAIMS)
        return self._step(
            request,
            claim,
            SubmitForm,
            lambda asked: submit_claims([claim], on=asked["date"], by=request.user),  # type: ignore[arg-type]
            (_("Submit %(claim)s"), _("%(claim)s is submitted."), _("Submit")),
        )

    def reject_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Enter that the payer rejected the claim."""
        claim = self.find(request, str(object_id), Act.KEEP_CLAIMS)
        return self._step(
            request,
            claim,
            RejectForm,
            lambda asked: reject_claim(claim, reason=asked["reason"], on=asked["date"], by=request.user),  # type: ignore[arg-type]
            (_("%(claim)s was rejected"), _("The rejection of %(claim)s is entered."), _("Enter the rejection")),
        )

    def resubmit_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Send a rejected claim again."""
        claim = self.find(request, str(object_id), Act.KEEP_CLAIMS)
        return self._step(
            request,
            claim,
            ResubmitForm,
            lambda asked: resubmit_claim(
                claim,
                authorisation=asked["authorisation"],
                on=asked["date"],
                by=request.user,  # type: ignore[arg-type]
            ),
            (_("Send %(claim)s again"), _("%(claim)s is submitted again."), _("Submit again")),
        )

    def _step(
        self, request: HttpRequest, claim: Claim, kind: type[AdministrationForm], does: Any, words: tuple[Any, ...]
    ) -> HttpResponse:
        title, done, button = (one % {"claim": claim} for one in words)
        administration, back = claim.administration, link("billing_claim_change", claim.pk)
        form = kind(request.POST or None, administration=administration, initial={"date": local_date(administration)})
        if form.is_valid():

            def write() -> str:
                does(form.cleaned_data)
                return back

            if answer := written(self, request, form, write, done):
                return answer
        open_ = display.money(claim_of(claim).open, administration.currency)
        sentence = _("%(payer)s owes %(amount)s of %(bill)s.")
        facts = {"payer": claim.payer.name, "amount": open_, "bill": claim.bill}
        return self.page(
            request,
            "confirm",
            title,
            form=form,
            sentence=sentence % facts,
            button=button,
            back=back,
            calm=kind is not RejectForm,
        )

    def take_back_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Take back what was entered wrongly of what became of a claim."""
        rows: Any = ClaimSettlement.objects.visible_to(request.user)  # type: ignore[arg-type]
        settlement = rows.select_related("claim__payer", "administration").filter(pk=pk).first()
        if settlement is None:
            raise Http404
        claim = self.find(request, str(settlement.claim_id), Act.KEEP_CLAIMS)
        left, back = left_of(settlement), link("billing_claim_change", claim.pk)
        first = {"amount": max(left, ZERO)}
        form = TakeBackForm(request.POST or None, administration=claim.administration, initial=first)
        if form.is_valid():

            def write() -> str:
                asked = {name: form.cleaned_data[name] for name in ("amount", "reason")}
                take_back(settlement, **asked, by=request.user)  # type: ignore[arg-type]
                return back

            if answer := written(self, request, form, write, _("It is taken back: the payer owes it again.")):
                return answer
        sentence = _("%(kind)s, %(amount)s of %(claim)s. What is taken back, %(payer)s owes again from today.")
        facts = {
            "kind": settlement.get_kind_display(),
            "amount": display.money(settlement.amount, claim.administration.currency),
            "claim": claim,
            "payer": claim.payer.name,
        }
        return self.page(
            request,
            "confirm",
            _("Take back"),
            form=form,
            sentence=sentence % facts,
            button=_("Take it back"),
            back=back,
        )


def _aged(rows: list[PayerAgeing], code: str, *, with_remittances: bool) -> dict[str, Any]:
    """What each payer owes by age, each figure with the claims that it is made of; what is not assigned yet with the
    remittances, for whoever reads those."""
    most = max((row.total for row in rows), default=ZERO)
    words = age_words()
    return {
        "aged_currency": code,
        "ages": words,
        "aged": [
            {
                "payer": row.payer,
                "page": link("billing_payer_change", row.payer.pk),
                "total": row.total,
                "width": int(100 * row.total / most) if most > 0 and row.total > 0 else 0,
                "unassigned": row.unassigned,
                "all": link("billing_claim_changelist", payer__id__exact=row.payer.pk, open="yes"),
                "sent": link("billing_remittance_changelist", payer__id__exact=row.payer.pk)
                if with_remittances
                else "",
                "buckets": [
                    (
                        word,
                        amount,
                        link("billing_claim_changelist", payer__id__exact=row.payer.pk, age=first, open="yes"),
                    )
                    for word, amount, (first, _last) in zip(words, row.buckets, SPANS, strict=True)
                ],
            }
            for row in rows
        ],
    }
