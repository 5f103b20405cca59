"""A page that asks before it acts: a sentence, a few fields, one button."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core import display
from apps.core.errors import DomainError, tell
from apps.core.models import Administration
from apps.core.permissions import Act, may, roles_with
from apps.ledger.admin.base import CHOSEN, DayInput, LedgerAdmin
from apps.ledger.models import Account


class ActForm(forms.Form):
    """A form about one administration. ``key`` names this filling-in of it: what has no other source is posted once."""

    key = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def __init__(self, request: HttpRequest, administration: Administration, **options: Any) -> None:
        self.administration = administration
        options["initial"] = {"key": uuid4(), **options.get("initial", {})}
        super().__init__(request.POST if request.method == "POST" else None, **options)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                field.queryset = field.queryset.filter(administration=administration)

    @property
    def source(self) -> UUID:
        return self.cleaned_data.get("key") or uuid4()


class LawForm(forms.ModelForm[Any]):
    """A row's form that leaves its laws to the service: the refusal says in our words what is wrong."""

    def _post_clean(self) -> None:
        # Django would say the name of the constraint.
        self.instance.validate_constraints = lambda **_options: None
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            del self.instance.validate_constraints


def amount_field(label: Any, **options: Any) -> forms.DecimalField:
    """An amount in the language's own writing; the service refuses more digits than the currency has."""
    return forms.DecimalField(
        label=label, max_digits=19, decimal_places=4, localize=True, widget=UnfoldAdminTextInputWidget(), **options
    )


def day_field(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=DayInput(), **options)


def account_field(label: Any, **options: Any) -> forms.ModelChoiceField[Account]:
    """One of the accounts of the form's books, without those that only open items are written to."""
    accounts = options.pop("queryset", Account.objects.filter(control=""))
    return forms.ModelChoiceField(accounts, label=label, widget=UnfoldAdminSelectWidget(), **options)


def books_kept(request: HttpRequest) -> Administration:
    """The administration that the address names, otherwise the one worked in last, among those whose accounts the
    person keeps. Raises Http404 for a foreign one, PermissionDenied where they keep none or not that."""
    user: Any = request.user
    kept = list(Administration.objects.visible_to(user, roles=roles_with(Act.KEEP_ACCOUNTS)))
    by_id = {str(administration.pk): administration for administration in kept}
    named = request.GET.get("administration")
    if named and named not in by_id:
        seen = {str(pk) for pk in Administration.objects.visible_to(user).values_list("pk", flat=True)}
        raise PermissionDenied if named in seen or not kept else Http404
    if not kept:
        raise PermissionDenied
    if named:
        request.session[CHOSEN] = named
    return by_id.get(request.session.get(CHOSEN, "")) or kept[0]


def may_keep(request: HttpRequest, administration_id: UUID) -> bool:
    return may(request.user, Act.KEEP_ACCOUNTS, administration_id)  # type: ignore[arg-type]


def act_page(
    page: LedgerAdmin,
    request: HttpRequest,
    form: ActForm,
    *,
    title: Any,
    sentence: Any,
    button: Any,
    back: str,
    work: Callable[[dict[str, Any]], Any],
    rows: Any = None,
    **context: Any,
) -> HttpResponse:
    """The page, or what ``work`` says was done when the form is sent; a refusal stands above the form, which keeps
    what was typed. ``rows`` is a form set beside the form."""
    if request.method == "POST" and form.is_valid() and (rows is None or rows.is_valid()):
        try:
            with transaction.atomic():
                done = work(form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, said(refusal, form.administration.currency))
        else:
            page.message_user(request, done, messages.SUCCESS)
            return HttpResponseRedirect(back)
    shown = {"form_of_act": form, "rows": rows, "sentence": sentence, "button": button, "back": back, "opts": page.opts}
    return page.page(request, "act", title, **shown, **context)


def said(refusal: DomainError, currency: str) -> str:
    """What a refusal says, with its amounts and days as people read them, and the way out."""
    tell(refusal)
    facts = {name: _fact(fact, currency) for name, fact in refusal.facts.items()}
    detail = type(refusal)(**facts).detail()
    return " ".join(str(detail[part]) for part in ("message", "hint") if detail.get(part))


def _fact(fact: Any, currency: str) -> Any:
    if isinstance(fact, Decimal):
        return display.money(fact, currency)
    return display.day(fact) if isinstance(fact, date) else fact


POSTED = _("%(entry)s is posted.")
