"""What people type: patients and services by code or name, a payment in parts."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, TextChoices
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from apps.billing.errors import PayerOfAnotherKind
from apps.billing.models import Coverage, Order, Patient, Payer, Payment, Service
from apps.billing.services.payments import Tender
from apps.billing.services.pricing import Charge, priced
from apps.billing.services.reception import Asked
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, NumberField, said
from apps.core.models import Administration
from apps.core.money import ZERO

MOST_ROWS = 50
# No 0, O, 1, I, L: a code is read aloud and written down.

# What a service of a group is ordered as, when nobody says otherwise.
KINDS = {
    "consultation": Order.Kind.CONSULTATION,
    "laboratory": Order.Kind.LAB,
    "imaging": Order.Kind.IMAGING,
    "pharmacy": Order.Kind.PHARMACY,
    "procedure": Order.Kind.PROCEDURE,
}
# Beside which field of a line a refusal of its price is said.
_BESIDE = {
    "PRICE_MISSING": "service",
    "QUANTITY_NOT_POSITIVE": "quantity",
    "DISCOUNT_BEYOND_PRICE": "discount",
    "DISCOUNT_NEEDS_REASON": "discount_reason",
    "LINE_FOR_NOTHING": "coverage_reason",
}


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
        self.fields["payer"] = payer_field(self.administration)
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


class BillForm(AdministrationForm):
    """What is beside the lines when more is billed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["payer"] = payer_field(self.administration)


def payer_field(administration: Administration) -> forms.Field:
    return forms.ModelChoiceField(
        Payer.objects.filter(administration=administration, is_active=True),
        label=_("Payer"),
        required=False,
        empty_label=_("The patient pays"),
    )


class ChargeForm(forms.Form):
    """One service to be billed; an empty row is none. ``order`` is one of ``orders``, placed before and not billed."""

    class Placed(TextChoices):
        DONE = "DONE", _("Done now")
        ORDERED = "ORDERED", _("Ordered")

    service = forms.CharField(label=_("Service"), required=False, max_length=200)
    quantity = NumberField(label=_("Quantity"), digits=3, required=False, initial=Decimal(1))
    discount_reason = forms.CharField(label=_("Why the discount"), required=False, max_length=200)
    coverage_reason = forms.ChoiceField(
        label=_("Costs nothing"), required=False, choices=[("", _("No, it is billed")), *Coverage.choices]
    )
    placed = forms.ChoiceField(label=_("Order"), required=False, choices=[("", _("No order")), *Placed.choices])
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("As the service")), *Order.Kind.choices])
    order = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        administration: Administration,
        day: date,
        payer: Payer | None = None,
        orders: Mapping[UUID, Order] | None = None,
        **kwargs: Any,
    ) -> None:
        self.administration, self.day, self.payer, self.orders = administration, day, payer, orders or {}
        super().__init__(*args, **kwargs)
        self.fields["discount"] = AmountField(code=administration.currency, label=_("Discount"), required=False)

    @property
    def is_open(self) -> bool:
        """Whether more than a service and a quantity was typed, so that the rest of the row is shown."""
        more = ("discount", "discount_reason", "coverage_reason", "placed", "kind")
        return any(self[name].value() or self[name].errors for name in more)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        typed = (asked.get("service") or "").strip()
        asked["asked"] = None
        if not typed:
            return asked
        service = self._find(typed)
        if "quantity" not in self.errors and (asked.get("quantity") or ZERO) <= 0:
            self.add_error("quantity", _("A quantity is more than zero."))
        order = self._order(asked, service)
        kind = self._kind(asked, service)
        if service is None or self.errors:
            return asked
        charge = Charge(
            service,
            asked["quantity"],
            order=order,
            discount=asked.get("discount") or ZERO,
            discount_reason=asked["discount_reason"].strip(),
            coverage_reason=asked["coverage_reason"],
        )
        try:
            priced([charge], payer=self.payer, day=self.day)
        except DomainError as refusal:
            self.add_error(_BESIDE.get(refusal.code, "service"), said(refusal, self.administration.currency))
        else:
            asked["asked"] = Asked(charge, kind, done=asked["placed"] == self.Placed.DONE)
        return asked

    def _order(self, asked: dict[str, Any], service: Service | None) -> Order | None:
        """The order that the line bills; typing another service over it bills that one, of no order."""
        order = self.orders.get(asked["order"]) if asked.get("order") else None
        if asked.get("order") and order is None:
            self.add_error("service", _("That order is billed or taken back. Look at the visit again."))
        return order if order and service and order.service_id in (None, service.pk) else None

    def _kind(self, asked: dict[str, Any], service: Service | None) -> str:
        if not asked.get("placed"):
            if asked.get("kind"):
                self.add_error("placed", _("Say whether it is ordered or done now."))
            return ""
        if asked.get("order"):
            self.add_error("placed", _("It is ordered already."))
            return ""
        kind = asked.get("kind") or (KINDS.get(service.group.code, "") if service else "")
        if service and not kind and "kind" not in self.errors:
            self.add_error("kind", _("Say what kind of care it is."))
        return str(kind)

    def _find(self, typed: str) -> Service | None:
        return find_service(self, typed, self.administration)


def find_service(form: forms.Form, typed: str, administration: Administration) -> Service | None:
    """The one service that ``typed`` means; otherwise None, and why not beside the field."""
    services = Service.objects.filter(administration=administration, is_active=True)
    services = services.select_related("administration", "group", "vat_code")
    found = list(services.filter(code__iexact=typed)[:2])
    found = found or list(services.filter(Q(code__istartswith=typed) | Q(name__icontains=typed))[:2])
    if len(found) == 1:
        return found[0]
    form.add_error(
        "service",
        _("Several services match: choose one of the list.") if found else _("No service has that code or name."),
    )
    return None


class TenderForm(forms.Form):
    """One part of a payment; a row without an amount is none."""

    method = forms.ChoiceField(label=_("Method"), choices=Payment.Method.choices, required=False)

    def __init__(self, *args: Any, administration: Administration, payer: Payer | None = None, **kwargs: Any) -> None:
        self.payer = payer  # who covers when the row names nobody else
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=administration.currency, label=_("Amount"), required=False)
        self.fields["payer"] = forms.ModelChoiceField(
            Payer.objects.filter(administration=administration, is_active=True),
            label=_("Payer"),
            required=False,
            empty_label=_("Payer: for HMO and insurance"),
        )
        self.fields["authorisation"] = forms.CharField(label=_("Authorisation code"), required=False, max_length=100)
        self.fields["reference"] = forms.CharField(label=_("Reference"), required=False, max_length=100)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        amount, method, payer = asked.get("amount"), asked.get("method") or Payment.Method.CASH, asked.get("payer")
        authorisation = (asked.get("authorisation") or "").strip()
        asked["tender"] = None
        if amount is None:
            if (payer or asked.get("reference") or authorisation) and "amount" not in self.errors:
                self.add_error("amount", _("Type the amount, or leave the row empty."))
            return asked
        if amount <= 0:
            self.add_error("amount", _("An amount is more than zero."))
        covers = method in Payment.COVER
        if covers and payer is None and self.payer and self.payer.method == method:
            payer = self.payer
        if covers and payer is None and "payer" not in self.errors:
            self.add_error("payer", _("Say which payer covers it."))
        if covers and payer is not None and payer.method != method:
            self.add_error("method", str(PayerOfAnotherKind(payer=payer.name, method=Payment.Method(method).label)))
        if not covers and payer is not None:
            self.add_error("payer", _("Only HMO and insurance have a payer."))
        if not covers and authorisation:
            self.add_error("authorisation", _("Only HMO and insurance give an authorisation code."))
        if not self.errors:
            asked["tender"] = Tender(
                method, amount, payer, (asked.get("reference") or "").strip(), authorisation=authorisation
            )
        return asked


ChargeFormSet: type[BaseFormSet[ChargeForm]] = formset_factory(
    ChargeForm, extra=5, max_num=MOST_ROWS, absolute_max=MOST_ROWS
)
TenderFormSet: type[BaseFormSet[TenderForm]] = formset_factory(
    TenderForm, extra=3, max_num=MOST_ROWS, absolute_max=MOST_ROWS
)


def asked_of(rows: BaseFormSet[ChargeForm]) -> list[Asked]:
    return [row.cleaned_data["asked"] for row in rows if row.cleaned_data.get("asked")]


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


class OrderForm(AdministrationForm):
    """Care that is ordered on a visit and billed later."""

    service = forms.CharField(label=_("Service"), max_length=200)
    quantity = NumberField(label=_("Quantity"), digits=3, initial=Decimal(1))
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("As the service")), *Order.Kind.choices])
    is_emergency = forms.BooleanField(label=_("Emergency: given before it is billed or paid"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["payer"] = payer_field(self.administration)
        self.found: Service | None = None

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if typed := (asked.get("service") or "").strip():
            self.found = find_service(self, typed, self.administration)
        if "quantity" not in self.errors and asked["quantity"] <= 0:
            self.add_error("quantity", _("A quantity is more than zero."))
        if self.found and not asked.get("kind"):
            asked["kind"] = KINDS.get(self.found.group.code, "")
            if not asked["kind"]:
                self.add_error("kind", _("Say what kind of care it is."))
        return asked


class GivenForm(AdministrationForm):
    """How much of an order was given."""

    quantity = NumberField(label=_("Given"), digits=3)


class CoverForm(AdministrationForm):
    """Why care costs nothing."""

    reason = forms.ChoiceField(label=_("Why it costs nothing"), choices=Coverage.choices)


class RefundForm(AdministrationForm):
    """How much goes back, and why; the slip or the provider's id of it."""

    reason = forms.CharField(label=_("Reason"), max_length=200)
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["amount", "reason", "reference"])


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
