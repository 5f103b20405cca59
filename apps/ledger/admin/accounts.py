"""The chart of accounts, VAT codes and journals."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.forms import typed
from apps.core.permissions import Act
from apps.ledger.admin.base import (
    LedgerAdmin,
    books_or_404,
    found,
    ledger_address,
    link,
    today,
)
from apps.ledger.admin.reports import ReportPages
from apps.ledger.forms import PARTY_OF, accounts_typed
from apps.ledger.models import Account, Journal, VatCode

MOST_FOUND = 10


@admin.register(Account)
class AccountAdmin(ReportPages):
    add_act = change_act = Act.KEEP_ACCOUNTS

    list_display = ("code", "name", "type", "control", "ledger", "administration")
    list_display_links = ("code", "name")
    list_filter = ("administration", "type", "control")
    list_select_related = ("administration",)
    search_fields = ("code", "name")
    ordering = ("administration", "code")
    fields = ("administration", "code", "name", "type", "place", "control", "standard_code", "purpose")

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return ("code", "type", "control", "purpose") if obj else ("purpose",)

    def get_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return self.fields if obj else self.fields[:-1]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("find/<uuid:administration_id>/", view(self.find_view), name="ledger_account_find"),
            *super().get_urls(),
        ]

    def find_view(self, request: HttpRequest, administration_id: UUID) -> JsonResponse:
        """Accounts whose code or name is being typed, the best ten; whose control account one is stands beside it."""
        administration = books_or_404(request, administration_id, Act.KEEP_ACCOUNTS)
        term = typed(request)
        accounts = accounts_typed(administration, term)[:MOST_FOUND] if term else []
        return found(
            {
                "value": account.code,
                "label": account.name,
                "note": str(account.get_control_display()),
                "control": PARTY_OF.get(account.control, ""),
            }
            for account in accounts
        )

    @admin.display(description=_("lines"))
    def ledger(self, account: Account) -> SafeString:
        return link(ledger_address(account, None, today(account.administration)), _("Account ledger"))


@admin.register(VatCode)
class VatCodeAdmin(LedgerAdmin):
    list_display = (
        "code",
        "name",
        "percentage",
        "category",
        "box_turnover",
        "box_vat",
        "box_deductible",
        "administration",
    )
    list_display_links = ("code", "name")
    list_filter = ("administration", "category")
    list_select_related = ("account", "input_account", "administration")
    search_fields = ("code", "name", "description")
    fields = (
        "administration",
        "code",
        "name",
        "description",
        "percentage",
        "category",
        ("account", "input_account"),
        "deductible",
        ("box_turnover", "box_vat", "box_deductible"),
        "standard_code",
        ("reverse_charge", "eu_only", "requires_vat_number", "icp"),
        ("valid_from", "valid_until"),
    )

    @admin.display(description=_("rate (%)"), ordering="rate")
    def percentage(self, code: VatCode) -> str:
        return f"{code.rate.normalize():f}"


@admin.register(Journal)
class JournalAdmin(LedgerAdmin):
    add_act = change_act = Act.KEEP_ACCOUNTS

    list_display = ("code", "name", "type", "entries_shown", "administration")
    list_display_links = ("code", "name")
    list_filter = ("administration", "type")
    list_select_related = ("administration",)
    fields = ("administration", "code", "name", "type")

    def get_readonly_fields(self, request: HttpRequest, obj: Journal | None = None) -> Any:
        """The code stands in the number of every entry."""
        return ("code", "type") if obj else ()

    @admin.display(description=_("entries"))
    def entries_shown(self, journal: Journal) -> SafeString:
        entries = reverse("admin:ledger_journalentry_changelist")
        return link(f"{entries}?journal__id__exact={journal.pk}", _("Entries"))
