"""What the ledger's pages share: which books are meant, links that may lead nowhere yet, amounts of a row."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

from apps.core import display
from apps.core.admin_site import ScopedAdmin
from apps.core.models import Administration
from apps.core.permissions import Act, may, roles_of, roles_with
from apps.ledger.models import Account, JournalEntry, OpenItem

# Pages of other apps that a row of the ledger names by its type; a page that does not exist yet is no link.
PAGES = {
    "day_close": "admin:billing_endofdayreconciliation_change",
    "bill": "admin:billing_bill_change",
    "vendor_invoice": "admin:ledger_invoice_change",
    "customer_invoice": "admin:ledger_invoice_change",
    "depreciation": "admin:ledger_fixedasset_of_depreciation",
    "disposal": "admin:ledger_fixedasset_of_disposal",
    "bank_clearing": "admin:reconciliation_statementline_of_clearing",
    "vat_filing": "admin:periods_vatfiling_change",
}
SOURCES = {
    "manual": _("Written by hand"),
    "day_close": _("Day close"),
    "vendor_invoice": _("Supplier's invoice"),
    "customer_invoice": _("Customer invoice"),
    "depreciation": _("Depreciation"),
    "disposal": _("Disposal of a fixed asset"),
    "revaluation": _("Revaluation of foreign currency"),
    "exchange_difference": _("Exchange difference"),
    "write_off": _("Write-off"),
    "opening_balance": _("Opening balance"),
    "result_appropriation": _("Appropriation of a result"),
    "year_end_adjustment": _("Year-end adjustment"),
    "spread": _("Spread over months"),
    "bank_clearing": _("Bank line"),
    "vat_filing": _("VAT return"),
    "vat_pro_rata": _("Deduction of mixed costs"),
}  # what entries come from, as people call it
CHOSEN = "administration"  # in the session: the books somebody works in until they choose others


class LedgerAdmin(ScopedAdmin):
    """Rows of the ledger: read here, written by services alone."""

    view_act = Act.READ_LEDGER
    actions: Any = None
    list_filter_submit = True

    class Media:
        css = {"all": ("daybook/forms.css", "ledger/ledger.css")}

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Which books is asked only of those who have several."""
        filters = super().get_list_filter(request)
        if len(roles_of(request.user)) > 1:
            return filters
        return [entry for entry in filters if (entry[0] if isinstance(entry, tuple) else entry) != "administration"]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Which books a row is of is shown only to those who have several."""
        columns = super().get_list_display(request)
        if len(roles_of(request.user)) > 1:
            return columns
        return [column for column in columns if column != "administration"]

    def page(self, request: HttpRequest, name: str, title: Any, **context: Any) -> TemplateResponse:
        """A page of our own in the admin's frame."""
        shown = {**self.admin_site.each_context(request), "title": title, **context}
        return TemplateResponse(request, f"admin/ledger/{name}.html", shown)


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")


def books_meant(request: HttpRequest, act: Act = Act.READ_LEDGER) -> tuple[Administration, list[Administration]]:
    """The administration that the address names, otherwise the one worked in last, otherwise the first; and all that
    the person may choose from. Raises Http404 for a foreign one, PermissionDenied where the role lacks ``act``."""
    user: Any = request.user
    readable = list(Administration.objects.visible_to(user, roles=roles_with(act)))
    if not readable:
        raise PermissionDenied
    by_id = {str(administration.pk): administration for administration in readable}
    named = request.GET.get("administration") or request.POST.get("administration")
    if named:
        if named not in by_id:
            raise PermissionDenied if _is_member(user, named) else Http404
        request.session[CHOSEN] = named
    return by_id.get(request.session.get(CHOSEN, "")) or readable[0], readable


def _is_member(user: Any, administration: str) -> bool:
    return administration in {str(pk) for pk in roles_of(user)}


def books_or_404(request: HttpRequest, pk: UUID, act: Act) -> Administration:
    """Raises Http404 for books that are missing or foreign, PermissionDenied where the role lacks ``act``."""
    user: Any = request.user
    administration = Administration.objects.visible_to(user).filter(pk=pk).first()
    if administration is None:
        raise Http404
    if not may(user, act, administration.pk):
        raise PermissionDenied
    return administration


def account_or_404(request: HttpRequest, pk: UUID) -> Account:
    """Raises Http404 for an account that is missing or foreign, PermissionDenied where the role may not read it."""
    user: Any = request.user
    account: Account | None = Account.objects.visible_to(user).select_related("administration").filter(pk=pk).first()
    if account is None:
        raise Http404
    if not may(user, Act.READ_LEDGER, account.administration_id):
        raise PermissionDenied
    return account


def today(administration: Administration) -> date:
    """The date that the administration's clock shows."""
    return timezone.localdate(timezone=ZoneInfo(administration.time_zone))


def ledger_address(account: Account, since: date | None, until: date, **more: Any) -> str:
    """Where the lines behind a figure of ``account`` are."""
    span = {"since": since, "until": until, **more}
    query = urlencode({name: value for name, value in span.items() if value})
    return f"{reverse('admin:ledger_account_ledger', args=[account.pk])}?{query}"


def trial_balance_address(administration: Administration, since: date | None, as_of: date) -> str:
    query = {"administration": administration.pk, "as_of": as_of, **({"since": since} if since else {})}
    return f"{reverse('admin:ledger_trial_balance')}?{urlencode(query)}"


TRAIL: dict[str, Any] = {
    "admin:ledger_trial_balance": _("Trial balance"),
    "admin:ledger_balance_sheet": _("Balance sheet"),
    "admin:ledger_profit_and_loss": _("Profit and loss account"),
    "admin:ledger_receivables": _("Receivables by age"),
    "admin:ledger_payables": _("Payables by age"),
    "admin:ledger_vat_by_code": _("VAT by code"),
    "admin:ledger_vat_lines": _("VAT lines"),
    "admin:ledger_journalentry_changelist": _("Journal entries"),
    "admin:periods_vat_return": _("VAT return"),
    "admin:periods_vat_lines": _("Lines of the VAT return"),
    "admin:reconciliation_overview": _("Account reconciliations"),
    "admin:reconciliation_accountreconciliation_change": _("Account reconciliation"),
}


def came_from(request: HttpRequest) -> list[tuple[str, str]]:
    """The way back: the pages that led here, the first one first, each with its own dates.

    Each address stands in ``back`` of the next; one that is no page of the ledger ends the trail.
    """
    steps: list[tuple[str, str]] = []
    address = request.GET.get("back", "")
    while address and len(steps) < 4:
        parts = urlsplit(address)
        name = _name_of(request, parts.path) if not (parts.scheme or parts.netloc) else ""
        if not name:
            break
        steps.insert(0, (address, name))
        address = dict(parse_qsl(parts.query)).get("back", "")
    return steps


def _name_of(request: HttpRequest, where: str) -> str:
    try:
        found = resolve(where)
    except Resolver404:
        return ""
    if found.view_name == "admin:ledger_account_ledger":
        user: Any = request.user
        account = Account.objects.visible_to(user).filter(pk=found.kwargs["account_id"]).first()
        return str(account) if account else ""
    return str(TRAIL.get(found.view_name, ""))


def of_another_app(name: str, *args: Any, **query: Any) -> str:
    """The address of a page that an app above the ledger has; empty when there is none."""
    try:
        address = reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
    return f"{address}?{urlencode(query)}" if query else address


def page_of(kind: str, pk: UUID | None) -> str:
    """The address of the row that ``kind`` and ``pk`` name, empty when no app has a page for it."""
    try:
        return reverse(PAGES[kind], args=[pk]) if kind in PAGES and pk else ""
    except NoReverseMatch:
        return ""


def found(results: Iterable[dict[str, Any]]) -> JsonResponse:
    """What a list that is found while typing shows."""
    return JsonResponse({"results": list(results)}, headers={"Cache-Control": "no-store"})


def link(address: str, words: Any) -> SafeString:
    return format_html('<a class="ledger-link" href="{}">{}</a>', address, words)


def day_before(day: date) -> date:
    return day - timedelta(days=1)


def source_of(entry: JournalEntry) -> SafeString | str:
    """What the entry comes from, with a link where there is a page for it."""
    words = SOURCES.get(entry.source_type, entry.source_type) or display.NOTHING
    address = page_of(entry.source_type, entry.source_id)
    return link(address, words) if address else str(words)


def document_of(item: OpenItem) -> SafeString | str:
    """What the item is about, with a link where there is a page for it."""
    words = item.reference or item.document_type or display.NOTHING
    address = page_of(item.document_type, item.document_id)
    return link(address, words) if address else words


def entry_link(entry: JournalEntry) -> SafeString:
    return link(reverse("admin:ledger_journalentry_change", args=[entry.pk]), entry)
