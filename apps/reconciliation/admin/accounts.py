"""Bank accounts: the list with where each stands, opening and changing one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.permissions import Act
from apps.reconciliation.admin.base import amount_of, link
from apps.reconciliation.admin.reconcile.asked import known, page_of
from apps.reconciliation.admin.reconcile.page import ReconcilePages
from apps.reconciliation.models import BankAccount, Statement, StatementLine
from apps.reconciliation.services.bank_accounts import change_bank_account, open_bank_account

OPENED = ("name", "iban", "currency", "statements_kept", "journal", "account")
CHANGED = ("name", "iban", "statements_kept", "matches_imports", "is_active")


class BankAccountForm(forms.ModelForm[BankAccount]):
    """Journal and ledger account are made by the service when none is chosen; it also refuses what cannot be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("journal", "account"):
            if name in self.fields:
                self.fields[name].required = False
                self.fields[name].help_text = _("Empty: one of its own.")
        if "currency" in self.fields:
            self.fields["currency"].required = False
            self.fields["currency"].help_text = _("Empty: that of the books.")

    def _post_clean(self) -> None:
        self.instance.validate_constraints = lambda **_options: None  # type: ignore[method-assign]
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            del self.instance.validate_constraints


@admin.register(BankAccount)
class BankAccountAdmin(ReconcilePages):
    add_act = change_act = Act.KEEP_ACCOUNTS
    form = BankAccountForm
    change_form_before_template = "admin/bank/reconcile/of_line.html"
    refusal_fields = {"BANK_ACCOUNT_IN_USE": "iban", "UNKNOWN_CURRENCY": "currency"}

    list_display = (
        "name",
        "iban",
        "journal",
        "last_statement",
        "balance",
        "lines_left",
        "proof",
        "active",
        "administration",
    )
    list_filter = ("administration", "is_active")
    list_select_related = ("administration", "journal")
    search_fields = ("name", "iban")
    ordering = ("administration", "name")

    def get_fields(self, request: HttpRequest, obj: BankAccount | None = None) -> Any:
        return ("administration", *(CHANGED if obj else OPENED))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        left = StatementLine.objects.open().filter(bank_account=OuterRef("pk")).order_by().values("bank_account")
        last = Statement.objects.filter(bank_account=OuterRef("pk")).order_by("-date", "-id")
        return (
            super()
            .get_queryset(request)
            .annotate(
                last_date=Subquery(last.values("date")[:1]),
                last_balance=Subquery(last.values(end=Coalesce("balance_end_real", "balance_end"))[:1]),
                open_lines=Coalesce(Subquery(left.annotate(count=Count("pk")).values("count")), 0),
            )
        )

    @admin.display(description=_("last statement"), ordering="last_date")
    def last_statement(self, account: Any) -> SafeString | str:
        if account.last_date is None:
            return display.NOTHING
        address = f"{reverse('admin:reconciliation_statement_changelist')}?bank_account__id__exact={account.pk}"
        return link(address, display.short_day(account.last_date))

    @admin.display(description=_("balance by the bank"))
    def balance(self, account: Any) -> SafeString:
        return amount_of(account, account.last_balance, account)

    @admin.display(description=_("lines left"), ordering="open_lines")
    def lines_left(self, account: Any) -> SafeString | str:
        if not account.open_lines:
            return "0"
        return link(page_of(account.pk), _("%(count)s: reconcile") % {"count": account.open_lines})

    @admin.display(description=_("account reconciliation"))
    def proof(self, account: BankAccount) -> SafeString:
        return link(reverse("admin:reconciliation_of_account", args=[account.account_id]), _("Newest"))

    @admin.display(description=_("state"), ordering="is_active")
    def active(self, account: BankAccount) -> SafeString:
        return display.status("ACTIVE", _("In use")) if account.is_active else display.status("CANCELLED", _("Closed"))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The form, with the way to the account's open lines above it."""
        account = known(object_id)
        above = {"reconcile": page_of(account)} if account else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **above})

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = (
            [(reverse("admin:reconciliation_import"), _("Import a file"))] if self.has_add_permission(request) else []
        )
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    def save_model(self, request: HttpRequest, obj: BankAccount, form: Any, change: bool) -> None:
        given, user = form.cleaned_data, request.user
        if change:
            facts = {name: given[name] for name in form.changed_data if name in CHANGED}
            change_bank_account(obj, **facts, by=user)  # type: ignore[arg-type]
            return
        names = [name for name in OPENED if name in given]
        opened = open_bank_account(obj.administration, **{name: given[name] for name in names}, by=user)  # type: ignore[arg-type]
        obj.pk, obj.journal, obj.account, obj.currency = opened.pk, opened.journal, opened.account, opened.currency
