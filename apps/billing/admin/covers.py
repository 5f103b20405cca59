"""Which payer covers which patient: entered, ended, replaced from a day on; never changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import PatientNames, chosen, clinics, link, name_of
from apps.billing.admin.payers import day_field, written
from apps.billing.models import Cover, Patient, Payer
from apps.billing.services.covers import end_cover, enrol_patient, replace_cover
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.forms import AdministrationForm
from apps.core.models import Administration
from apps.core.permissions import Act, may


class TermsForm(AdministrationForm):
    """What a cover says."""

    payer = forms.ModelChoiceField(Payer.objects.none(), label=_("Payer"))
    member_number = forms.CharField(label=_("Member number"), max_length=64, required=False)
    plan = forms.CharField(label=_("Plan"), max_length=100, required=False)
    valid_from = day_field(_("Valid from"))
    valid_until = day_field(_("Valid until"), required=False, help_text=_("Its last day, if that is known."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        payers: Any = self.fields["payer"]
        payers.queryset = Payer.objects.filter(administration=self.administration, is_active=True).order_by("name")

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in TermsForm.base_fields if name != "key"}


class CoverForm(TermsForm):
    patient = forms.CharField(label=_("Patient"), max_length=64, help_text=_("The code of the patient, or find it."))
    field_order = ("patient",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = {"data-find": link("billing_patient_find", self.administration.pk), "autocomplete": "off"}
        self.fields["patient"].widget.attrs |= found

    def clean_patient(self) -> Patient:
        patients = Patient.objects.filter(administration=self.administration)
        found = patients.filter(code__iexact=self.cleaned_data["patient"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("Nobody here has that code."))
        return found


class LastDayForm(AdministrationForm):
    last_day = day_field(_("Last day"))


class ReplaceForm(TermsForm):
    """What holds instead, and from when."""

    valid_from = day_field(_("Replaces from"), help_text=_("The cover before it ends the day before."))
    field_order = ("valid_from",)


class HoldsFilter(admin.SimpleListFilter):
    """Covers that hold today, or that have ended."""

    title = _("state")
    parameter_name = "holds"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Holds today")), ("no", _("Ended, or begins later"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        somewhere = Administration.objects.visible_to(request.user).first()  # type: ignore[arg-type]
        if self.value() not in ("yes", "no") or somewhere is None:
            return rows
        now = Cover.objects.on(local_date(somewhere)).values("pk")
        return rows.filter(pk__in=now) if self.value() == "yes" else rows.exclude(pk__in=now)


@admin.register(Cover)
class CoverAdmin(PatientNames):
    add_act = Act.TAKE_PAYMENTS

    list_display = ("patient", "patient_name", "payer", "member_number", "first", "last", "state", "administration")
    list_display_links = ("patient",)
    list_filter = (HoldsFilter, "payer", "administration")
    list_select_related = ("administration", "patient", "payer")
    list_before_template = "admin/billing/covers_note.html"
    search_help_text = _("Patient's code or name")
    ordering = ("-id",)

    @admin.display(description=_("from"), ordering="valid_from")
    def first(self, cover: Cover) -> str:
        return display.short_day(cover.valid_from)

    @admin.display(description=_("until"), ordering="valid_until")
    def last(self, cover: Cover) -> str:
        return display.short_day(cover.valid_until) if cover.valid_until else display.NOTHING

    @admin.display(description=_("state"))
    def state(self, cover: Cover) -> SafeString:
        return state_of(cover)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/end/", wrap(self.end_page), name="billing_cover_end"),
            path("<uuid:object_id>/replace/", wrap(self.replace_page), name="billing_cover_replace"),
        ]
        return [*ours, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Enter that a payer covers a patient."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        administration = chosen(request, clinics(request, Act.TAKE_PAYMENTS))
        first = {"patient": request.GET.get("patient", ""), "valid_from": local_date(administration)}
        form = CoverForm(request.POST or None, administration=administration, initial=first)
        back = link("billing_cover_changelist")
        if form.is_valid():

            def write() -> str:
                cover = enrol_patient(form.cleaned_data["patient"], **form.terms(), by=request.user)  # type: ignore[arg-type]
                return link("billing_cover_change", cover.pk)

            if answer := written(self, request, form, write, _("The cover is entered.")):
                return answer
        sentence = _(
            "Who is covered by whom, in %(clinic)s. A cover is not changed later: it ends, or another replaces it."
        )
        return self.page(
            request,
            "confirm",
            _("Add a cover"),
            form=form,
            sentence=sentence % {"clinic": administration},
            button=_("Enter the cover"),
            back=back,
            calm=True,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Whom it covers and how long, and what can be done: it ends, or another replaces it."""
        cover = self.find(request, object_id, Act.READ_CLINIC)
        today = local_date(cover.administration)
        return self.page(
            request,
            "cover",
            _("Cover of %(patient)s by %(payer)s") % {"patient": cover.patient.code, "payer": cover.payer},
            cover=cover,
            administration=cover.administration,
            name=name_of(cover.patient, request.user),
            state=state_of(cover),
            others=cover.patient.covers.exclude(pk=cover.pk).select_related("payer").order_by("-valid_from"),
            is_over=bool(cover.valid_until and cover.valid_until < today),
            may_take=may(request.user, Act.TAKE_PAYMENTS, cover.administration_id),  # type: ignore[arg-type]
        )

    def end_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Let a cover hold until a day and no longer."""
        cover = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        first = {"last_day": local_date(cover.administration)}
        form = LastDayForm(request.POST or None, administration=cover.administration, initial=first)
        back = link("billing_cover_change", cover.pk)
        if form.is_valid():

            def write() -> str:
                end_cover(cover, last_day=form.cleaned_data["last_day"], by=request.user)  # type: ignore[arg-type]
                return back

            if answer := written(self, request, form, write, _("The cover ends.")):
                return answer
        sentence = _("%(payer)s covers %(patient)s from %(day)s.")
        return self.page(
            request,
            "confirm",
            _("End a cover"),
            form=form,
            sentence=sentence % _facts(cover),
            button=_("End it"),
            back=back,
        )

    def replace_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Let another cover hold from a day on: another number, another plan, another payer."""
        cover = self.find(request, str(object_id), Act.TAKE_PAYMENTS)
        kept = {name: getattr(cover, name) for name in ("payer", "member_number", "plan")}
        form = ReplaceForm(
            request.POST or None,
            administration=cover.administration,
            initial={"valid_from": local_date(cover.administration), **kept},
        )
        if form.is_valid():

            def write() -> str:
                replacing = replace_cover(cover, **form.terms(), by=request.user)  # type: ignore[arg-type]
                return link("billing_cover_change", replacing.pk)

            if answer := written(self, request, form, write, _("The cover is replaced.")):
                return answer
        sentence = _("%(payer)s covers %(patient)s from %(day)s. From the day below something else holds.")
        return self.page(
            request,
            "confirm",
            _("Replace a cover"),
            form=form,
            sentence=sentence % _facts(cover),
            button=_("Replace it"),
            back=link("billing_cover_change", cover.pk),
            calm=True,
        )


def _facts(cover: Cover) -> dict[str, Any]:
    return {"payer": cover.payer, "patient": cover.patient.code, "day": display.day(cover.valid_from)}


def state_of(cover: Cover) -> SafeString:
    """Whether it holds today, as a word with its icon."""
    today = local_date(cover.administration)
    if cover.valid_until and cover.valid_until < today:
        return display.status("CANCELLED", _("ended"))
    return (
        display.status("WAITING", _("begins later")) if cover.valid_from > today else display.status("DONE", _("holds"))
    )
