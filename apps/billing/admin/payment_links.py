"""A link by which a patient pays at the provider: how much, to which address its receipt goes, the link to copy."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, name_of
from apps.billing.models import Patient
from apps.billing.paystack import is_connected
from apps.billing.services.paystack import PaymentLink
from apps.billing.services.receipts import address_of
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, AmountField, once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may

Begin = Callable[..., PaymentLink]


class LinkForm(AdministrationForm):
    email = forms.EmailField(
        label=_("E-mail address"), max_length=200, help_text=_("Paystack sends its receipt there, and sees no name.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        self.order_fields(["amount", "email"])


def may_send(user: Any, administration: Administration) -> bool:
    """Whether ``user`` takes payments there, and the provider is connected."""
    return may(user, Act.TAKE_PAYMENTS, administration.pk) and is_connected(administration.pk)


def link_page(
    page: BillingAdmin,
    request: HttpRequest,
    patient: Patient,
    begin: Begin,
    *,
    about: Any,
    owed: Decimal | None,
    back: str,
) -> HttpResponse:
    """Ask how much and whose address, ``begin`` the payment once, and show the link. ``about`` says what it is for."""
    administration = patient.administration
    form = LinkForm(
        request.POST or None,
        administration=administration,
        initial={"amount": owed, "email": address_of(patient)},
    )
    address = ""
    if form.is_valid():
        asked = {name: form.cleaned_data[name] for name in ("amount", "email")}
        try:
            address, _new = once(request, lambda: begin(**asked, by=request.user).address)
        except DomainError as refusal:
            form.add_error(None, said(refusal, administration.currency))
    return page.page(
        request,
        "payment_link",
        _("Send a payment link"),
        form=form,
        administration=administration,
        patient=patient,
        name=name_of(patient, request.user),
        about=about,
        owed=owed,
        address=address,
        back=back,
    )
