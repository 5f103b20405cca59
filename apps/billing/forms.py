"""What people type: patients and services by code or name, a payment in parts."""

import secrets
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from apps.billing.errors import PriceMissing
from apps.billing.models import Patient, Payer, Payment, Service, ServicePrice
from apps.billing.services.charging import Charge
from apps.billing.services.payments import Tender
from apps.core.display import day as day_text
from apps.core.forms import AdministrationForm, AmountField, NumberField
from apps.core.models import Administration

MOST_ROWS = 50
# No 0, O, 1, I, L: a code is read aloud and written down.
_READABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def new_code() -> str:
    """A code for a patient who brings none."""
    return "P-" + "".join(secrets.choice(_READABLE) for _digit in range(6))


class PatientForm(forms.ModelForm):
    """A new patient, on the page of patients."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=UnfoldAdminTextInputWidget())
    birth_date = forms.DateField(label=_("Birth date"), required=False, widget=UnfoldAdminDateWidget())
    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        required=False,
        help_text=_("Left empty, a code is made."),
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = Patient
        fields = ("administration", "code")

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "code"}  # type: ignore[misc]


class RegisterForm(AdministrationForm):
    """Who comes, known or new. What is done and how it is paid stand in the two form sets beside it."""

    patient = forms.CharField(label=_("Patient"), required=False, max_length=200)
    new_name = forms.CharField(label=_("Name"), required=False, max_length=200)
    new_birth_date = forms.DateField(
        label=_("Birth date"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    new_code = forms.CharField(
        label=_("Code"), required=False, max_length=64, help_text=_("Left empty, a code is made.")
    )
    reason = forms.CharField(label=_("Reason of the visit"), required=False, max_length=200)
    is_inpatient = forms.BooleanField(label=_("Inpatient: stays open at the day close"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: Patient | None = None
        self.fields["cash_given"] = AmountField(
            code=self.administration.currency, label=_("Cash given"), required=False
        )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        typed, name = (asked.get("patient") or "").strip(), (asked.get("new_name") or "").strip()
        if typed and name:
            self.add_error("patient", _("Choose a known patient or fill in a new one, not both."))
        elif typed:
            self._find(typed)
        elif not name and "new_name" not in self.errors:
            self.add_error("patient", _("Type the patient's code or name, or fill in a new patient."))
        return asked

    def _find(self, typed: str) -> None:
        patients = Patient.objects.filter(administration=self.administration)
        found = list(patients.filter(code__iexact=typed)[:2])
        found = found or list(patients.filter(identity__name__icontains=typed)[:2])
        if len(found) == 1:
            self.found = found[0]
        elif found:
            self.add_error("patient", _("Several patients match: choose one of the list, or type the code."))
        else:
            self.add_error("patient", _("Nobody here has that code or name. Fill in a new patient, if it is one."))


class ChargeForm(forms.Form):
    """One service to be billed; an empty row is none."""

    service = forms.CharField(label=_("Service"), required=False, max_length=200)
    quantity = NumberField(label=_("Quantity"), digits=3, required=False, initial=Decimal(1))

    def __init__(self, *args: Any, administration: Administration, day: date, **kwargs: Any) -> None:
        self.administration, self.day = administration, day
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        typed = (asked.get("service") or "").strip()
        asked["charge"] = None
        if not typed:
            return asked
        service = self._find(typed)
        quantity = asked.get("quantity")
        if "quantity" not in self.errors and (quantity is None or quantity <= 0):
            self.add_error("quantity", _("A quantity is more than zero."))
        if service is None or self.errors:
            return asked
        if not ServicePrice.objects.on(self.day).filter(service=service).exists():
            refusal = PriceMissing(service=str(service), date=day_text(self.day))
            self.add_error("service", f"{refusal} {refusal.hint}")
            return asked
        asked["charge"] = Charge(service, quantity or Decimal(1))
        return asked

    def _find(self, typed: str) -> Service | None:
        services = Service.objects.filter(administration=self.administration, is_active=True)
        services = services.select_related("administration", "group", "vat_code")
        found = list(services.filter(code__iexact=typed)[:2])
        found = found or list(services.filter(Q(code__istartswith=typed) | Q(name__icontains=typed))[:2])
        if len(found) == 1:
            return found[0]
        self.add_error(
            "service",
            _("Several services match: choose one of the list.") if found else _("No service has that code or name."),
        )
        return None


class TenderForm(forms.Form):
    """One part of a payment; a row without an amount is none."""

    method = forms.ChoiceField(label=_("Method"), choices=Payment.Method.choices, required=False)

    def __init__(self, *args: Any, administration: Administration, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=administration.currency, label=_("Amount"), required=False)
        self.fields["payer"] = forms.ModelChoiceField(
            Payer.objects.filter(administration=administration),
            label=_("Payer"),
            required=False,
            empty_label=_("Payer: for HMO and insurance"),
        )
        self.fields["reference"] = forms.CharField(label=_("Reference"), required=False, max_length=100)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        amount, method, payer = asked.get("amount"), asked.get("method") or Payment.Method.CASH, asked.get("payer")
        asked["tender"] = None
        if amount is None:
            if (payer or asked.get("reference")) and "amount" not in self.errors:
                self.add_error("amount", _("Type the amount, or leave the row empty."))
            return asked
        if amount <= 0:
            self.add_error("amount", _("An amount is more than zero."))
        if method in Payment.COVER and payer is None and "payer" not in self.errors:
            self.add_error("payer", _("Say which payer covers it."))
        if method not in Payment.COVER and payer is not None:
            self.add_error("payer", _("Only HMO and insurance have a payer."))
        if not self.errors:
            asked["tender"] = Tender(method, amount, payer, (asked.get("reference") or "").strip())
        return asked


ChargeFormSet: type[BaseFormSet[ChargeForm]] = formset_factory(
    ChargeForm, extra=5, max_num=MOST_ROWS, absolute_max=MOST_ROWS
)
TenderFormSet: type[BaseFormSet[TenderForm]] = formset_factory(
    TenderForm, extra=3, max_num=MOST_ROWS, absolute_max=MOST_ROWS
)


def charges_of(rows: BaseFormSet[ChargeForm]) -> list[Charge]:
    return [row.cleaned_data["charge"] for row in rows if row.cleaned_data.get("charge")]


def tenders_of(rows: BaseFormSet[TenderForm]) -> list[Tender]:
    return [row.cleaned_data["tender"] for row in rows if row.cleaned_data.get("tender")]


def change_due(given: Decimal | None, tenders: list[Tender]) -> Decimal | None:
    """What goes back over the counter. Raises ValidationError when less was given than is paid in cash."""
    if given is None:
        return None
    cash = sum((tender.amount for tender in tenders if tender.method == Payment.Method.CASH), Decimal(0))
    if given < cash:
        raise ValidationError(_("Less was given than is paid in cash."))
    return given - cash


class PayForm(AdministrationForm):
    """What is beside the rows of a payment."""

    keep_rest = forms.BooleanField(label=_("Keep what is beyond the bill as a credit of the patient"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cash_given"] = AmountField(
            code=self.administration.currency, label=_("Cash given"), required=False
        )


class RefundForm(AdministrationForm):
    """How much goes back, and why."""

    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["amount", "reason"])


class ReasonForm(AdministrationForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class NoteForm(AdministrationForm):
    text = forms.CharField(
        label=_("Note"),
        max_length=10_000,
        help_text=_("Notes stay with the books for years: write no patient's name."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class OptionalNoteForm(AdministrationForm):
    text = forms.CharField(label=_("Note (may stay empty)"), max_length=10_000, required=False, widget=forms.TextInput)
