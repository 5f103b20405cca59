"""Open items and the parties they are of."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.forms import typed
from apps.core.permissions import Act
from apps.ledger.admin.base import LedgerAdmin, books_or_404, document_of, entry_link, found, link
from apps.ledger.forms import parties_typed
from apps.ledger.models import OpenItem, Party
from apps.ledger.services.parties import FACTS, change_party, create_party


class OpenFilter(admin.SimpleListFilter):
    """What is still open, unless all is asked for."""

    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("settled", _("Settled")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("Open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(open=0) if self.value() == "settled" else queryset.exclude(open=0)


MOST_FOUND = 10


@admin.register(OpenItem)
class OpenItemAdmin(LedgerAdmin):
    when_empty = _("Nobody owes anything, and nothing is owed.")
    list_display = ("party", "document", "account", "day", "due", "original", "open_amount", "administration")
    list_filter = ("administration", OpenFilter, "account")
    linked_by = ("party__id__exact",)
    list_select_related = ("administration", "account", "party", "line__entry__journal")
    search_fields = ("party__code", "party__name", "reference")
    search_help_text = _("Party or reference")
    ordering = ("date", "id")
    fields = (
        "administration",
        "party",
        "account",
        "document",
        "day",
        "due",
        "original",
        "open_amount",
        "entry",
        "settled_by",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        items: Any = super().get_queryset(request)
        return items.as_of()

    @admin.display(description=_("document"), ordering="reference")
    def document(self, item: OpenItem) -> SafeString | str:
        return document_of(item)

    @admin.display(description=_("date"), ordering="date")
    def day(self, item: OpenItem) -> str:
        return display.day(item.date)

    @admin.display(description=_("due date"), ordering="due_date")
    def due(self, item: OpenItem) -> str:
        return display.day(item.due_date)

    @admin.display(description=_("amount"), ordering="amount")
    def original(self, item: OpenItem) -> SafeString:
        return display.amount(item.amount, item.administration.currency)

    @admin.display(description=_("open"), ordering="open")
    def open_amount(self, item: Any) -> SafeString:
        return display.amount(item.open, item.administration.currency)

    @admin.display(description=_("entry"))
    def entry(self, item: OpenItem) -> SafeString:
        return entry_link(item.line.entry)

    @admin.display(description=_("settled by"))
    def settled_by(self, item: OpenItem) -> Any:
        """The allocations of this item: what it was settled with, when, and in which entry."""
        with_credit = item.allocations_as_debit.select_related("credit__line__entry__journal")
        with_debit = item.allocations_as_credit.select_related("debit__line__entry__journal")
        rows = [(one, one.credit) for one in with_credit] + [(one, one.debit) for one in with_debit]
        if not rows:
            return _("Nothing so far")
        currency = item.administration.currency
        return format_html(
            "<ul>{}</ul>",
            format_html_join(
                "",
                "<li>{} · {} · {}</li>",
                (
                    (display.money(one.amount, currency), display.day(one.date), entry_link(other.line.entry))
                    for one, other in rows
                ),
            ),
        )


class PartyForm(forms.ModelForm):
    """A party as the service takes it: its numbers are checked there."""

    class Meta:
        model = Party
        fields = ("administration", "kind", "code", *FACTS)


@admin.register(Party)
class PartyAdmin(LedgerAdmin):
    add_act = change_act = Act.KEEP_ACCOUNTS

    form = PartyForm
    list_display = ("code", "name", "kind", "vat_number", "iban", "items", "administration")
    list_display_links = ("code", "name")
    list_filter = ("administration", "kind")
    list_select_related = ("administration",)
    search_fields = ("code", "name", "vat_number", "iban", "organization_number")
    search_help_text = _("Code, name, VAT number, IBAN or KVK number")
    refusal_fields = {"PARTY_CODE_TAKEN": "code"}

    def get_fields(self, request: HttpRequest, obj: Party | None = None) -> Any:
        return ("administration", "kind", "code", *FACTS, *(("items", "invoices") if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Party | None = None) -> Any:
        return ("kind", "code", "items", "invoices") if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        refusal = getattr(request, "refusal", None)
        if refusal is not None and refusal.code == "PARTY_NUMBER_INVALID":
            self.refusal_fields = {**type(self).refusal_fields, "PARTY_NUMBER_INVALID": refusal.facts["field"]}
        return super().get_form(request, obj, change, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Patients and payers are registered in billing."""
        return {"kind": Party.Kind.SUPPLIER, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, party: Party, form: Any, change: bool) -> None:
        facts = {name: form.cleaned_data[name] for name in FACTS if name in form.cleaned_data}
        by: Any = request.user
        if change:
            change_party(party, by=by, **facts)
        else:
            made = create_party(party.administration, kind=party.kind, code=party.code, by=by, **facts)
            party.pk, party._state.adding = made.pk, False

    @admin.display(description=_("invoices"))
    def invoices(self, party: Party) -> SafeString:
        return link(f"{reverse('admin:ledger_invoice_changelist')}?party__id__exact={party.pk}", _("Invoices"))

    def get_urls(self) -> list[URLPattern]:
        find = self.admin_site.admin_view(self.find_view)
        return [path("find/<uuid:administration_id>/", find, name="ledger_party_find"), *super().get_urls()]

    def find_view(self, request: HttpRequest, administration_id: UUID) -> JsonResponse:
        """Parties (of one ``kind``, when asked) whose code or name is being typed, the best ten."""
        administration = books_or_404(request, administration_id, Act.KEEP_ACCOUNTS)
        term = typed(request)
        parties = parties_typed(administration, term, request.GET.getlist("kind"))[:MOST_FOUND] if term else []
        return found({"value": one.code, "label": one.name, "note": str(one.get_kind_display())} for one in parties)

    @admin.display(description=_("open items"))
    def items(self, party: Party) -> SafeString:
        return link(f"{reverse('admin:ledger_openitem_changelist')}?party__id__exact={party.pk}", _("Open items"))
