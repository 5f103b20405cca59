"""What the pages of the bank share."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.admin_site import ScopedAdmin
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.permissions import Act, roles_of
from apps.reconciliation.models import BankAccount, Statement


class BankAdmin(ScopedAdmin):
    """Rows of the bank: read here, written by services alone."""

    view_act = Act.READ_LEDGER
    actions: Any = None
    list_filter_submit = True
    list_before_template = "admin/bank/list_acts.html"

    class Media:
        css = {"all": ("daybook/forms.css", "daybook/bank.css", "daybook/reconcile.css")}

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Which books is asked only of those who have several."""
        filters = super().get_list_filter(request)
        if len(roles_of(request.user)) > 1:
            return filters
        return [one for one in filters if (one[0] if isinstance(one, tuple) else one) != "administration"]

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return columns if len(roles_of(request.user)) > 1 else [one for one in columns if one != "administration"]

    def page(self, request: HttpRequest, name: str, title: Any, /, **context: Any) -> TemplateResponse:
        """A page of our own in the admin's frame."""
        shown = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/bank/{name}.html", shown)

    def confirmed(
        self, request: HttpRequest, form: Any, write: Callable[[Any], str], *, done: Any, title: Any, **shown: Any
    ) -> HttpResponse:
        """A page that says in a sentence what will happen, asks what it needs, and writes once.

        ``write`` answers where to go on; a refusal stands above the form, which keeps what was typed.
        """
        if form.is_valid():
            try:
                address, new = once(request, lambda: write(form))
            except DomainError as refusal:
                form.add_error(None, said(refusal, form.administration.currency))
            else:
                words = done if new else _("This was done before; nothing was written twice.")
                self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
                return HttpResponseRedirect(address)
        return self.page(request, "confirm", title, form=form, **shown)


def link(address: str, words: Any) -> SafeString:
    return format_html('<a class="bank-link" href="{}">{}</a>', address, words)


def follows(is_valid: bool) -> SafeString:
    """Whether a statement begins where the one before it ended."""
    if is_valid:
        return display.status("DONE", _("Follows"))
    return display.status("REFUSED", _("Does not follow"))


def adds_up(is_complete: bool | None) -> SafeString:
    """Whether start and lines are what the bank says."""
    if is_complete is None:
        return display.status("ACTIVE", _("No end stated"))
    return display.status("DONE", _("Adds up")) if is_complete else display.status("REFUSED", _("Does not add up"))


def amount_of(row: Any, value: Any, account: BankAccount | None = None) -> SafeString:
    """An amount in the currency of the row's bank account."""
    return display.amount(value, (account or row.bank_account).currency)


def name_of(statement: Statement) -> str:
    return f"{statement.bank_account} · {statement.name}"
