"""The sidebar: by workflow, in the order of a day, and only what the person's role may open."""

from functools import cache
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from apps.billing.admin import home
from apps.core.permissions import Act, may_somewhere

# title -> (title, icon, where): a model ("billing.Visit") or a page of ours (its name, and the act it takes).
GROUPS: list[tuple[Any, list[tuple[Any, str, Any]]]] = [
    (_("Today"), [(_("Home"), "home", ("admin:index", None))]),
    (
        _("Clinic"),
        [
            (_("Visits"), "clinical_notes", "billing.Visit"),
            (_("Orders"), "assignment", "billing.Order"),
            (_("Bills"), "receipt_long", "billing.Bill"),
            (_("Discounts"), "percent_discount", "billing.Discount"),
            (_("Payments"), "payments", "billing.Payment"),
            (_("Patients"), "group", "billing.Patient"),
            (_("Wallets"), "account_balance_wallet", "billing.Wallet"),
            (_("Wallet top-ups"), "savings", "billing.TopUp"),
        ],
    ),
    (
        _("Cash"),
        [
            (_("Shifts"), "point_of_sale", "billing.Shift"),
            (_("Cash movements"), "currency_exchange", "billing.CashMovement"),
            (_("Counts"), "calculate", "billing.DrawerCount"),
            (_("Terminal totals"), "credit_card", "billing.TerminalBatch"),
        ],
    ),
    (
        _("Paystack"),
        [
            (_("Provider payments"), "credit_score", "billing.PaystackTransaction"),
            (_("Payouts"), "account_balance", "billing.PaystackSettlement"),
            (_("Messages"), "mark_email_read", "billing.PaystackEvent"),
        ],
    ),
    (
        _("Payers"),
        [
            (_("Claims"), "assignment_turned_in", "billing.Claim"),
            (_("Remittances"), "move_to_inbox", "billing.Remittance"),
            (_("Write-offs"), "money_off", "billing.WriteOff"),
            (_("Payers"), "health_and_safety", "billing.Payer"),
            (_("Covers"), "badge", "billing.Cover"),
        ],
    ),
    (
        _("Day closes"),
        [
            (_("Day closes"), "event_available", "billing.EndOfDayReconciliation"),
            (_("Leaks"), "water_drop", "billing.Leak"),
            (_("Clinic days"), "calendar_today", "billing.ClinicDay"),
            (_("Nightly closes"), "bedtime", "billing.NightlyClose"),
        ],
    ),
    (
        _("Bank"),
        [
            (_("Reconcile"), "join_inner", ("admin:reconciliation_reconcile", Act.READ_LEDGER)),
            (_("Import a file"), "upload_file", ("admin:reconciliation_import", Act.MATCH_BANK)),
            (_("Statements"), "receipt", "reconciliation.Statement"),
            (_("Bank lines"), "list_alt", "reconciliation.StatementLine"),
            (_("Imports"), "history", "reconciliation.StatementImport"),
            (_("Matched by itself"), "auto_mode", "reconciliation.MatchingRun"),
            (_("Bank accounts"), "account_balance", "reconciliation.BankAccount"),
            (_("CSV mappings"), "table_view", "reconciliation.CsvMapping"),
        ],
    ),
    (
        _("Ledger"),
        [
            (_("Journal entries"), "menu_book", "ledger.JournalEntry"),
            (_("Invoices"), "request_quote", "ledger.Invoice"),
            (_("Open items"), "pending_actions", "ledger.OpenItem"),
            (_("Parties"), "contacts", "ledger.Party"),
            (_("Fixed assets"), "precision_manufacturing", "ledger.FixedAsset"),
            (_("Accounts"), "account_tree", "ledger.Account"),
            (_("Close a period"), "lock_clock", ("admin:periods_next", Act.READ_LEDGER)),
            (_("Periods"), "date_range", "ledger.Period"),
            (_("Issues"), "report", "issues.Issue"),
            (_("Validation runs"), "rule_settings", "issues.ValidationRun"),
            (_("Account reconciliations"), "fact_check", ("admin:reconciliation_overview", Act.READ_LEDGER)),
            (_("Seals"), "verified_user", "ledger.Seal"),
            (_("Import books"), "upload_file", ("admin:ledger_import", Act.KEEP_ACCOUNTS)),
            (_("Batches"), "inventory", "ledger.Batch"),
            (_("Export books"), "ios_share", ("admin:periods_booksexport_ask", Act.READ_LEDGER)),
            (_("Exports"), "folder_zip", "periods.BooksExport"),
            (_("Evidence packs"), "inventory_2", "periods.EvidencePack"),
        ],
    ),
    (
        _("VAT"),
        [
            (_("VAT return"), "receipt_long", ("admin:periods_vat_return", Act.READ_LEDGER)),
            (_("ICP listing"), "public", ("admin:periods_vat_icp", Act.READ_LEDGER)),
            (_("VAT deadlines"), "event_upcoming", ("admin:periods_vat_deadlines", Act.READ_LEDGER)),
            (_("Filed returns"), "outgoing_mail", "periods.VatFiling"),
            (_("VAT registrations"), "badge", "periods.VatRegistration"),
        ],
    ),
    (
        _("Reports"),
        [
            (_("Balance sheet"), "account_balance", ("admin:ledger_balance_sheet", Act.READ_LEDGER)),
            (_("Profit and loss account"), "trending_up", ("admin:ledger_profit_and_loss", Act.READ_LEDGER)),
            (_("Trial balance"), "balance", ("admin:ledger_trial_balance", Act.READ_LEDGER)),
            (_("Receivables by age"), "call_received", ("admin:ledger_receivables", Act.READ_LEDGER)),
            (_("Payables by age"), "call_made", ("admin:ledger_payables", Act.READ_LEDGER)),
            (_("VAT by code"), "receipt", ("admin:ledger_vat_by_code", Act.READ_LEDGER)),
        ],
    ),
    (
        _("Set-up"),
        [
            (_("Services"), "medical_services", "billing.Service"),
            (_("Service groups"), "category", "billing.ServiceGroup"),
            (_("Prices"), "sell", "billing.ServicePrice"),
            (_("Payers"), "health_and_safety", "billing.Payer"),
            (_("Drawers"), "inbox", "billing.Drawer"),
            (_("VAT codes"), "percent", "ledger.VatCode"),
            (_("Journals"), "library_books", "ledger.Journal"),
            (_("Exchange rates"), "currency_exchange", "ledger.ExchangeRate"),
            (_("Models of bank lines"), "rule", "reconciliation.ReconciliationModel"),
            (_("Administrations"), "domain", "core.Administration"),
            (_("People"), "person", "core.User"),
            (_("Memberships"), "badge", "core.Membership"),
            (_("Invitations"), "mail", "core.Invitation"),
        ],
    ),
    (
        _("Operation"),
        [
            (_("Events"), "history", "core.Event"),
            (_("Jobs"), "sync", "core.Job"),
            (_("Files"), "attach_file", "core.Upload"),
            (_("Deliveries"), "outgoing_mail", "core.Delivery"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups that hold at least one page which the person may open."""
    home_page, groups = reverse("admin:index"), []
    for title, entries in GROUPS:
        items = []
        for name, icon, where in entries:
            link = _link(request, where)
            if link:
                items.append({"title": name, "icon": icon, "link": link, "active": _is_open(request, link, home_page)})
        if items:
            groups.append({"title": title, "items": items})
    _only_the_nearest(groups)
    return groups


def _only_the_nearest(groups: list[dict[str, Any]]) -> None:
    """A page below another one's address is that page alone."""
    open_ = [item for group in groups for item in group["items"] if item["active"]]
    nearest = max(open_, key=lambda item: len(item["link"]), default=None)
    for item in open_:
        item["active"] = item is nearest


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows: the day of the clinic."""
    return home.shown(request, context)


def _link(request: HttpRequest, where: Any) -> str | None:
    """The address of a page that exists and that the person may open."""
    if isinstance(where, str):
        app, model = where.lower().split(".")
        page = _page_of(where)
        name, allowed = f"admin:{app}_{model}_changelist", page is not None and page.has_view_permission(request)
    else:
        name, act = where
        allowed = act is None or may_somewhere(request.user, act)
    try:
        return reverse(name) if allowed else None
    except NoReverseMatch:
        return None


@cache
def _page_of(label: str) -> Any:
    """The admin's page of a model; None where it has none."""
    return next((page for kind, page in admin.site._registry.items() if kind._meta.label == label), None)


def _is_open(request: HttpRequest, link: str, home_page: str) -> bool:
    return request.path == link or (link != home_page and request.path.startswith(link))
