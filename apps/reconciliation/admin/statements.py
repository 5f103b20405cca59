"""Bank statements and their lines: what the bank said, whether it adds up, and the balance after each line."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.forms import AdministrationForm
from apps.core.permissions import Act, may, may_somewhere
from apps.reconciliation.admin.base import BankAdmin, adds_up, amount_of, follows, link, name_of
from apps.reconciliation.admin.reconcile.asked import LEFT, MATCHED, page_of
from apps.reconciliation.admin.reconcile.history import acts_of
from apps.reconciliation.models import Clearing, Statement, StatementLine
from apps.reconciliation.reports.running import running_balances
from apps.reconciliation.services.previewing import warnings_of
from apps.reconciliation.services.statements import confirm_statement, remove_statement

LINES_PER_PAGE = 200


class ConfirmForm(AdministrationForm):
    because = forms.CharField(
        label=_("Why it is right"),
        max_length=300,
        required=False,
        help_text=_("Needed where the statement does not follow the one before it or does not add up."),
    )


class StateFilter(admin.SimpleListFilter):
    """Statements that a person has to look at."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("invalid", _("Does not follow")), ("incomplete", _("Does not add up")), ("confirmed", _("Confirmed"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "invalid": {"is_valid": False},
            "incomplete": {"is_complete": False},
            "confirmed": {"confirmed_at__isnull": False},
        }
        return rows.filter(**wanted.get(self.value() or "", {}))


@admin.register(Statement)
class StatementAdmin(BankAdmin):
    when_empty = _("Import a file of the bank to begin.")
    list_display = (
        "name_shown",
        "bank_account",
        "day",
        "end",
        "stated",
        "valid",
        "adds_up",
        "lines_shown",
        "administration",
    )
    list_display_links = ("name_shown",)
    list_filter = ("administration", "bank_account", ("date", RangeDateFilter), StateFilter)
    linked_by = ("bank_account__id__exact", "statement_import__id__exact")
    list_select_related = ("administration", "bank_account")
    search_fields = ("name",)
    ordering = ("-date", "-id")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/confirm/", view(self.confirm), name="reconciliation_statement_confirm"),
            path("<path:object_id>/remove/", view(self.remove), name="reconciliation_statement_remove"),
            *super().get_urls(),
        ]

    @admin.display(description=_("statement"), ordering="name")
    def name_shown(self, statement: Statement) -> SafeString:
        return format_html('<span class="bank-whole">{}</span>', statement.name)

    @admin.display(description=_("date"), ordering="date")
    def day(self, statement: Statement) -> str:
        return display.short_day(statement.date)

    @admin.display(description=_("ending balance"))
    def end(self, statement: Statement) -> SafeString:
        return amount_of(statement, statement.balance_end)

    @admin.display(description=_("by the bank"))
    def stated(self, statement: Statement) -> SafeString:
        return amount_of(statement, statement.balance_end_real)

    @admin.display(description=_("follows"), ordering="is_valid")
    def valid(self, statement: Statement) -> SafeString:
        return follows(statement.is_valid)

    @admin.display(description=_("adds up"), ordering="is_complete")
    def adds_up(self, statement: Statement) -> SafeString:
        return adds_up(statement.is_complete)

    @admin.display(description=_("lines"), ordering="line_count")
    def lines_shown(self, statement: Statement) -> SafeString:
        return link(reverse("admin:reconciliation_statement_change", args=[statement.pk]), statement.line_count)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = []
        if may_somewhere(request.user, Act.MATCH_BANK):
            acts = [(reverse("admin:reconciliation_import"), _("Import a file"))]
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """What the bank stated; nothing on the page can be changed."""
        statement = self.find(request, object_id, Act.READ_LEDGER)
        pages = Paginator(statement.lines.order_by("date", "sequence"), LINES_PER_PAGE)
        shown = pages.get_page(request.GET.get("page"))
        lines = list(shown)
        running = running_balances(lines)
        return self.page(
            request,
            "statement",
            name_of(statement),
            original=statement,
            statement=statement,
            currency=statement.bank_account.currency,
            valid=follows(statement.is_valid),
            complete=adds_up(statement.is_complete),
            warnings=list(warnings_of(statement)),
            lines=[(line, running[line.pk]) for line in lines],
            pages=shown,
            reconcile=page_of(statement.bank_account_id, statement=statement.pk),
            may_match=may(request.user, Act.MATCH_BANK, statement.administration_id),  # type: ignore[arg-type]
        )

    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        statement = self.find(request, object_id, Act.MATCH_BANK)
        back = reverse("admin:reconciliation_statement_change", args=[statement.pk])
        form = ConfirmForm(request.POST or None, administration=statement.administration)

        def write(form: ConfirmForm) -> str:
            confirm_statement(statement, because=form.cleaned_data["because"], by=request.user)  # type: ignore[arg-type]
            return back

        return self.confirmed(
            request,
            form,
            write,
            done=_("The statement is confirmed."),
            title=_("Confirm %(statement)s") % {"statement": name_of(statement)},
            sentence=_("Say that statement %(name)s is right as it stands: %(start)s to %(end)s.")
            % {
                "name": statement.name,
                "start": display.money(statement.balance_start, statement.bank_account.currency),
                "end": display.money(statement.balance_end, statement.bank_account.currency),
            },
            warnings=list(warnings_of(statement)),
            button=_("Confirm"),
            back=back,
        )

    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take out a statement that was typed. One from a file is withdrawn with its import."""
        statement = self.find(request, object_id, Act.MATCH_BANK)
        if statement.statement_import_id:
            address = reverse("admin:reconciliation_statementimport_withdraw", args=[statement.statement_import_id])
            return HttpResponseRedirect(address)

        def write(form: Any) -> str:
            remove_statement(statement, by=request.user)  # type: ignore[arg-type]
            return reverse("admin:reconciliation_statement_changelist")

        return self.confirmed(
            request,
            AdministrationForm(request.POST or None, administration=statement.administration),
            write,
            done=_("The statement is taken out."),
            title=_("Take out %(statement)s") % {"statement": name_of(statement)},
            sentence=_("Take out statement %(name)s, which was typed, with its %(count)s lines.")
            % {"name": statement.name, "count": statement.line_count},
            button=_("Take out"),
            danger=True,
            back=reverse("admin:reconciliation_statement_change", args=[statement.pk]),
        )


class OpenFilter(admin.SimpleListFilter):
    """Lines that are not, or not wholly, matched; or those that a person has to look at."""

    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Left")), ("no", _("Matched")), ("check", _("To check"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return rows.exclude(residual=0)
        if self.value() == "no":
            return rows.filter(residual=0)
        return rows.filter(to_check=True) if self.value() == "check" else rows


@admin.register(StatementLine)
class StatementLineAdmin(BankAdmin):
    when_empty = _("Import a file of the bank to begin.")
    list_display = (
        "day",
        "bank_account",
        "amount_shown",
        "about",
        "left",
        "running",
        "statement_shown",
        "administration",
    )
    list_display_links = ("day",)
    change_form_before_template = "admin/bank/reconcile/of_line.html"
    list_filter = ("administration", "bank_account", ("date", RangeDateFilter), OpenFilter)
    linked_by = ("bank_account__id__exact", "statement__id__exact")
    list_select_related = ("administration", "bank_account", "statement")
    search_fields = ("label", "reference", "counterparty_name", "counterparty_iban")
    ordering = ("-date", "-statement_id", "-sequence")
    fields = (
        "administration",
        ("bank_account", "statement_shown", "sequence"),
        ("day", "value_day"),
        ("amount_shown", "left", "foreign_shown"),
        "label",
        ("reference", "end_to_end_id", "bank_id"),
        ("counterparty_name", "counterparty_iban"),
        "note",
        ("transaction_type", "flags"),
        "looks_like",
    )
    readonly_fields = ("statement_shown", "day", "value_day", "amount_shown", "left", "foreign_shown", "flags")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.of_clearing)
        return [
            path("of-clearing/<uuid:pk>/", view, name="reconciliation_statementline_of_clearing"),
            *super().get_urls(),
        ]

    def of_clearing(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """From an entry to the bank line that it cleared."""
        clearing = get_object_or_404(Clearing, pk=pk)
        line = self.find(request, str(clearing.line_id), Act.READ_LEDGER)
        return HttpResponseRedirect(reverse("admin:reconciliation_statementline_change", args=[line.pk]))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.complete(changelist.result_list)
        return changelist

    def complete(self, rows: list[Any]) -> None:
        """Each line with the balance after it: one query for all of them."""
        balances = running_balances(rows)
        for line in rows:
            line.running_balance = balances[line.pk]

    @admin.display(description=_("date"), ordering="date")
    def day(self, line: StatementLine) -> str:
        return display.short_day(line.date)

    @admin.display(description=_("value date"))
    def value_day(self, line: StatementLine) -> str:
        return display.short_day(line.value_date) if line.value_date else display.NOTHING

    @admin.display(description=_("was paid in another currency"))
    def foreign_shown(self, line: StatementLine) -> SafeString | str:
        return display.amount(line.foreign_amount, line.foreign_currency) if line.foreign_currency else display.NOTHING

    @admin.display(description=_("marks"))
    def flags(self, line: StatementLine) -> str:
        marks = ((line.is_reversal, _("Reversal")), (line.to_check, _("To check")))
        return ", ".join(str(words) for is_set, words in marks if is_set) or display.NOTHING

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, line: StatementLine) -> SafeString:
        return amount_of(line, line.amount)

    @admin.display(description=_("description"))
    def about(self, line: StatementLine) -> str:
        said = " · ".join(filter(None, (line.counterparty_name, line.reference, line.label)))
        return said if len(said) <= 100 else f"{said[:100]}…"

    @admin.display(description=_("left"), ordering="residual")
    def left(self, line: StatementLine) -> SafeString:
        """What is left, which leads to where it is said what the line is, or what it was."""
        shown = amount_of(line, line.residual)
        if line.residual == 0:
            shown = display.status("DONE", _("Matched"))
        elif line.to_check:
            shown = display.status("REVIEW", _("To check"))
        address = page_of(line.bank_account_id, show=LEFT if line.residual else MATCHED, line=line.pk)
        return display.Shown(link(address, shown), shown.value)  # type: ignore[attr-defined]

    @admin.display(description=_("balance after it"))
    def running(self, line: Any) -> SafeString:
        return amount_of(line, line.running_balance)

    @admin.display(description=_("statement"))
    def statement_shown(self, line: StatementLine) -> SafeString:
        return link(reverse("admin:reconciliation_statement_change", args=[line.statement_id]), line.statement)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """What the bank says of the line, below what it was matched with, by whom and why."""
        line = self.find(request, object_id, Act.READ_LEDGER)
        above = {
            "line": line,
            "history": acts_of(line),
            "reconcile": page_of(line.bank_account_id, show=LEFT if line.residual else MATCHED, line=line.pk),
            "may_match": may(request.user, Act.MATCH_BANK, line.administration_id),  # type: ignore[arg-type]
            "key": str(uuid4()),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **above})
