"""What billing's pages share: which clinic is meant, names of patients, filters of lists."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from apps.billing.models import Patient
from apps.billing.reports.tie_out import of_cashier
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.admin_site import ScopedAdmin, offered
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Administration, User
from apps.core.permissions import Act, may, may_somewhere, roles_of, roles_with

CHOSEN = "administration"  # in the session: the clinic somebody works in until they choose another


class AmountInput(UnfoldAdminDecimalFieldWidget):
    """An amount as people write it: tables keep four digits, of which nobody types the zeros."""

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, Decimal):
            value = max(value.normalize(), round(value, 2), key=lambda one: -int(one.as_tuple().exponent))
        text: str | None = super().format_value(value)
        return text


AMOUNTS: dict[Any, Any] = {models.DecimalField: {"widget": AmountInput}}


class BillingAdmin(ScopedAdmin):
    """Rows of billing: looked at by everybody who works with the clinic, written by services alone."""

    view_act = Act.READ_CLINIC
    actions: Any = None
    formfield_overrides = AMOUNTS

    class Media:
        css = {"all": ("daybook/forms.css", "daybook/billing.css")}
        js = ("daybook/forms.js", "daybook/billing.js")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Which clinic is asked only of those who have several."""
        filters = super().get_list_filter(request)
        return filters if len(roles_of(request.user)) > 1 else [one for one in filters if not _of_clinic(one)]

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return columns if len(roles_of(request.user)) > 1 else [one for one in columns if one != "administration"]

    def page(self, request: HttpRequest, name: str, title: Any, /, **context: Any) -> TemplateResponse:
        """A page of our own in the admin's frame."""
        shown = {**self.admin_site.each_context(request), "title": title, **context}
        return TemplateResponse(request, f"admin/billing/{name}.html", shown)

    def confirmed(
        self,
        request: HttpRequest,
        form: Any,
        write: Callable[[Any], str],
        *,
        beside: str | None = None,
        done: Any,
        title: Any,
        **shown: Any,
    ) -> HttpResponse:
        """A page that says in a sentence what will happen, asks what it needs, and writes once.

        ``write`` answers where to go on; a refusal stands beside the field ``beside``, and what was typed is kept.
        """
        if form.is_valid():
            try:
                address, new = once(request, lambda: write(form))
            except DomainError as refusal:
                form.add_error(beside, said(refusal, form.administration.currency))
            else:
                words = done if new else _("This was done before; nothing was written twice.")
                self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
                return HttpResponseRedirect(address)
        return self.page(request, "confirm", title, form=form, **shown)


def _of_clinic(entry: Any) -> bool:
    return (entry[0] if isinstance(entry, tuple) else entry) == "administration"


# Which clinic --------------------------------------------------------------------------------------------------------


def clinics(request: HttpRequest, act: Act | None = None) -> list[Administration]:
    """The administrations that the person works in (and may do ``act`` in)."""
    roles = roles_with(act) if act else None
    return list(Administration.objects.visible_to(request.user, roles=roles))  # type: ignore[arg-type]


def chosen(request: HttpRequest, among: list[Administration]) -> Administration:
    """The clinic that the address names, otherwise the one chosen last, otherwise the first. Raises Http404."""
    by_id = {str(administration.pk): administration for administration in among}
    named = request.GET.get("administration") or request.POST.get("administration")
    if named:
        if named not in by_id:
            raise Http404
        request.session[CHOSEN] = named
    return by_id.get(request.session.get(CHOSEN, "")) or among[0]


def clinic_or_404(request: HttpRequest, administration_id: UUID, act: Act) -> Administration:
    """Raises Http404 for a clinic that is missing or foreign, PermissionDenied where the role lacks ``act``."""
    user: Any = request.user
    administration = Administration.objects.visible_to(user).filter(pk=administration_id).first()
    if administration is None:
        raise Http404
    if not may(user, act, administration.pk):
        raise PermissionDenied
    return administration


def uuid_or_404(text: str) -> UUID:
    """The id that an address names. Raises Http404."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def link(name: str, *args: Any, **query: Any) -> str:
    """The address of an admin page, with a query; empty when there is no such page."""
    try:
        address = reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
    asked = "&".join(f"{key}={value}" for key, value in query.items() if value not in (None, ""))
    return f"{address}?{asked}" if asked else address


def filled_in(request: HttpRequest) -> dict[str, Any]:
    """What a link fills into a form about money: the amount, written as in the API, and words."""
    filled: dict[str, Any] = {
        name: request.GET[name][:200] for name in ("method", "reference", "reason") if name in request.GET
    }
    try:
        amount = Decimal(request.GET.get("amount", ""))
    except InvalidOperation:
        return filled
    return {**filled, "amount": amount} if amount.is_finite() else filled


def taker_of(row: Any) -> Any:
    """Who took a payment or a top-up: a person, the provider that confirmed it, or an earlier system."""
    if row.taken_by:
        return row.taken_by
    if row.source:
        return _("Imported")
    return _("Confirmed by Paystack") if row.method == "PAYSTACK" else ""


# Patients by name ----------------------------------------------------------------------------------------------------


def name_of(patient: Patient, user: Any) -> str:
    """The patient's name for those who meet patients; empty for everybody else."""
    identity = getattr(patient, "identity", None)
    return identity.name if identity and may(user, Act.TAKE_PAYMENTS, patient.administration_id) else ""


def named(term: str, user: Any, patient: str = "patient__") -> Q:
    """Rows whose patient's code starts with ``term``, or whose name holds it where the person may know names."""
    desks = [pk for pk in roles_of(user) if may(user, Act.TAKE_PAYMENTS, pk)]
    by_name = Q(**{f"{patient}identity__name__icontains": term, "administration__in": desks})
    return Q(**{f"{patient}code__istartswith": term}) | by_name


class PatientNames(BillingAdmin):
    """A list in which patients are found by code, by the document's number and, at the desk, by name."""

    number_prefixes: tuple[str, ...] = ()
    patient_path = "patient__"
    search_fields: Any = ("pk",)  # the search below reads the term itself

    def get_search_results(self, request: HttpRequest, rows: Any, term: str) -> tuple[Any, bool]:
        term = term.strip()
        if not term:
            return rows, False
        wanted = named(term, request.user, self.patient_path)
        digits = term.upper()
        for prefix in self.number_prefixes:
            digits = digits.removeprefix(prefix)
        if self.number_prefixes and digits.isdecimal() and len(digits) < 10:
            wanted |= Q(number=int(digits))
        return rows.filter(wanted), False

    def get_list_display(self, request: HttpRequest) -> Any:
        """Names stand in the list only for those who meet patients."""
        columns = super().get_list_display(request)
        if may_somewhere(request.user, Act.TAKE_PAYMENTS):
            return columns
        return [column for column in columns if column != "patient_name"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        # A column knows no request, so each row is told which names may be read from it.
        desks = [pk for pk in roles_of(request.user) if may(request.user, Act.TAKE_PAYMENTS, pk)]  # type: ignore[arg-type]
        return rows.annotate(name_shown=models.Case(models.When(administration__in=desks, then=self.name_column())))

    def name_column(self) -> Any:
        return models.F(f"{self.patient_path}identity__name")

    @admin.display(description=_("name"))
    def patient_name(self, obj: Any) -> str:
        return obj.name_shown or ""


# Filters -------------------------------------------------------------------------------------------------------------


class DayFilter(admin.SimpleListFilter):
    """Rows of one clinic day: today, yesterday, or the day that a link names."""

    title = _("day")
    parameter_name = "day"
    path = "clinic_day__date"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        somewhere = Administration.objects.visible_to(request.user).first()  # type: ignore[arg-type]
        if somewhere is None:
            return []
        today = local_date(somewhere)
        days: dict[date, Any] = {today: _("Today"), date.fromordinal(today.toordinal() - 1): _("Yesterday")}
        named_day = parsed_day(self.value())
        if named_day:
            days.setdefault(named_day, display.day(named_day))
        return [(day.isoformat(), title) for day, title in days.items()]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        day = parsed_day(self.value())
        return rows.filter(**{self.path: day}) if day else rows


def parsed_day(text: str | None) -> date | None:
    """A date written as in our addresses; None for anything else, and for years that no clinic has books of."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2200 else None


class CashierFilter(admin.SimpleListFilter):
    """Money by whose drawer it went into, or else by who took it: offered only where a link asks for it."""

    title = _("cashier")
    parameter_name = "cashier"
    nobody = "nobody"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        asked = self.value()
        if asked == self.nobody:
            return [(self.nobody, _("nobody"))]
        try:
            person = offered(User, request.user).filter(pk=UUID(asked or "")).first()
        except ValueError:
            return []
        return [(asked, str(person))] if person else []

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return of_cashier(rows).filter(cashier=None if self.value() == self.nobody else self.value())


class LateFilter(admin.SimpleListFilter):
    """What was entered for a day that was signed already."""

    title = _("late")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Entered late"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(late_for__isnull=False) if self.value() == "yes" else rows


def answer_405(*methods: str) -> HttpResponse:
    return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
