"""What the ledger's pages share: which books are meant, links that may lead nowhere yet, amounts of a row."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES

from apps.core.admin_site import ScopedAdmin
from apps.core.models import Administration
from apps.core.permissions import Act, may, roles_of, roles_with
from apps.ledger.models import Account

# Pages of other apps that a row of the ledger names by its type; a page that does not exist yet is no link.
PAGES = {
    "day_close": "admin:billing_endofdayreconciliation_change",
    "bill": "admin:billing_bill_change",
}
CHOSEN = "administration"  # in the session: the books somebody works in until they choose others


class LedgerAdmin(ScopedAdmin):
    """Rows of the ledger: read here, written by services alone."""

    view_act = Act.READ_LEDGER
    actions: Any = None
    list_filter_submit = True

    class Media:
        css = {"all": ("ledger/ledger.css",)}

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


def books_meant(request: HttpRequest) -> tuple[Administration, list[Administration]]:
    """The administration that the address names, otherwise the one worked in last, otherwise the first; and all that
    the person may choose from. Raises Http404 for a foreign one, PermissionDenied where the role may not read it."""
    user: Any = request.user
    readable = list(Administration.objects.visible_to(user, roles=roles_with(Act.READ_LEDGER)))
    if not readable:
        raise PermissionDenied
    by_id = {str(administration.pk): administration for administration in readable}
    named = request.GET.get("administration")
    if named:
        if named not in by_id:
            raise PermissionDenied if _is_member(user, named) else Http404
        request.session[CHOSEN] = named
    return by_id.get(request.session.get(CHOSEN, "")) or readable[0], readable


def _is_member(user: Any, administration: str) -> bool:
    return administration in {str(pk) for pk in roles_of(user)}


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


def page_of(kind: str, pk: UUID | None) -> str:
    """The address of the row that ``kind`` and ``pk`` name, empty when no app has a page for it."""
    try:
        return reverse(PAGES[kind], args=[pk]) if kind in PAGES and pk else ""
    except NoReverseMatch:
        return ""


def link(address: str, words: Any) -> SafeString:
    return format_html('<a class="ledger-link" href="{}">{}</a>', address, words)


def day_before(day: date) -> date:
    return day - timedelta(days=1)
