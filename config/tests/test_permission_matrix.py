"""Every address, every role, a row of one's own, a foreign one and a missing one.

The addresses come from the URL configuration; what is allowed stands here, written by hand. An address that is not
listed fails with its name. Whoever adds an admin page for a model adds a line to MODELS; whoever adds another address
adds one to ADDRESSES (or OPEN, SIGNED_IN) and, for a new model, makes sure that ``fill`` makes a row of it.

Roles by letter: r receptionist, c cashier, m manager, o owner, a accountant, d administrator, s a superuser without
any membership. "Allowed" means that the role is not what says no: an empty form may still be refused as such.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils import timezone
from uuid_utils.compat import uuid7

from apps.billing.models import (
    Leak,
    NightlyClose,
    Patient,
    Payer,
    PaystackEvent,
    PaystackSettlement,
    PaystackTransaction,
    ServiceGroup,
)
from apps.billing.services.catalogue import register_patient, register_payer
from apps.billing.services.charging import Charge, issue_bill, register_visit
from apps.billing.services.claims import claim_for, submit_claim
from apps.billing.services.covers import enrol_patient
from apps.billing.services.days import day_for
from apps.billing.services.drawers import (
    add_drawer,
    change_drawer,
    count_drawer,
    enter_terminal_total,
    move_cash,
    shift_for,
)
from apps.billing.services.ordering import place_order
from apps.billing.services.payments import Tender, take_payment
from apps.billing.services.remitting import Settlement, record_remittance
from apps.billing.services.tariffs import set_tariff
from apps.billing.services.wallets import top_up
from apps.billing.services.writing_off import propose
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.core.events import record
from apps.core.models import Administration, Delivery, Event, Job, Membership, User
from apps.core.services.invitations import invite
from apps.core.services.uploads import store_upload
from apps.core.tests.factories import AdministrationFactory, UserFactory, member, operator
from apps.issues.services.validating import validate
from apps.ledger.models import Account, Batch, ExchangeRate, FixedAsset, Journal, Party, Period, VatCode
from apps.ledger.services.depreciating import dispose, post_depreciation
from apps.ledger.services.invoicing import InvoicedLine, post_customer_invoice, post_vendor_invoice
from apps.periods.models import FiledBox, VatFiling, VatRegistration
from apps.periods.services.exporting import export_books
from apps.periods.services.packing import pack_period
from apps.periods.tests.steps import brought_to
from apps.reconciliation.models import (
    BankAccount,
    CsvMapping,
    ReconciliationAttachment,
    ReconcilingItem,
    Statement,
    StatementLine,
)
from apps.reconciliation.services.account_reconciling import attach, begin_reconciliation, explain
from apps.reconciliation.services.bank_accounts import open_bank_account, save_mapping
from apps.reconciliation.services.clearing import Kind, Part, clear
from apps.reconciliation.services.importing import begin_import, import_statements
from apps.reconciliation.services.ruling import keep_model
from apps.reconciliation.services.running import begin_run
from apps.reconciliation.services.statements import TypedLine, type_statement
from config.sidebar import navigation

LETTERS = {
    "r": Membership.Role.RECEPTIONIST,
    "c": Membership.Role.CASHIER,
    "m": Membership.Role.MANAGER,
    "o": Membership.Role.OWNER,
    "a": Membership.Role.ACCOUNTANT,
    "d": Membership.Role.ADMIN,
}
EVERYBODY = "rcmoads"
CLINIC = "rcmoa"  # whoever reads what happens in the clinic
DESK = "rcmo"  # whoever works at the desk
BOOKS = "moa"  # whoever reads the ledger
NOBODY = ""

# The admin's pages of a model: who views, adds, changes and deletes.
MODELS: dict[str, tuple[str, str, str, str]] = {
    # model                    view     add      change   delete
    "core.Administration": ("ods", "s", "od", NOBODY),
    "core.User": ("ods", NOBODY, "s", NOBODY),
    "core.Membership": ("od", NOBODY, "od", "od"),
    "core.Invitation": ("mod", "mod", NOBODY, NOBODY),
    "core.Event": ("moas", NOBODY, NOBODY, NOBODY),
    "core.Delivery": ("s", NOBODY, NOBODY, NOBODY),
    "core.Job": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "core.Upload": (CLINIC, NOBODY, NOBODY, NOBODY),
    "ledger.Account": (BOOKS, "a", "a", NOBODY),
    "ledger.VatCode": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Journal": (BOOKS, "a", "a", NOBODY),
    "ledger.Period": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.JournalEntry": (BOOKS, "a", "a", "a"),
    "ledger.Invoice": (BOOKS, "a", NOBODY, NOBODY),
    "ledger.OpenItem": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Batch": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Party": (BOOKS, "a", "a", NOBODY),
    "ledger.Seal": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.FixedAsset": (BOOKS, "a", "a", NOBODY),
    "ledger.ExchangeRate": (BOOKS, "a", "a", NOBODY),
    "billing.Visit": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.Order": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Bill": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Discount": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Payment": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Patient": (CLINIC, DESK, DESK, NOBODY),
    "billing.Payer": (CLINIC, "mo", NOBODY, NOBODY),
    "billing.Cover": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.Claim": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Remittance": (BOOKS, BOOKS, NOBODY, NOBODY),
    "billing.WriteOff": (BOOKS, BOOKS, NOBODY, NOBODY),
    "billing.Service": (CLINIC, "mo", "mo", NOBODY),
    "billing.ServiceGroup": (CLINIC, "mo", "mo", NOBODY),
    "billing.EndOfDayReconciliation": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Leak": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.ClinicDay": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.NightlyClose": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Drawer": (CLINIC, "mo", "mo", NOBODY),
    "billing.Shift": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.CashMovement": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.DrawerCount": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.TerminalBatch": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.Wallet": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.TopUp": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.PaystackTransaction": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.PaystackSettlement": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.PaystackEvent": (CLINIC, NOBODY, NOBODY, NOBODY),
    "reconciliation.BankAccount": (BOOKS, "a", "a", NOBODY),
    "reconciliation.CsvMapping": (BOOKS, "a", "a", "a"),
    "reconciliation.StatementImport": (BOOKS, NOBODY, NOBODY, NOBODY),
    "reconciliation.Statement": (BOOKS, NOBODY, NOBODY, NOBODY),
    "reconciliation.StatementLine": (BOOKS, NOBODY, NOBODY, NOBODY),
    "reconciliation.ReconciliationModel": (BOOKS, "a", "a", "a"),
    "reconciliation.MatchingRun": (BOOKS, NOBODY, NOBODY, NOBODY),
    "reconciliation.AccountReconciliation": (BOOKS, NOBODY, NOBODY, NOBODY),
    "issues.Issue": (BOOKS, NOBODY, NOBODY, NOBODY),
    "issues.ValidationRun": (BOOKS, NOBODY, NOBODY, NOBODY),
    "periods.VatFiling": (BOOKS, NOBODY, NOBODY, NOBODY),
    "periods.VatRegistration": (BOOKS, "a", NOBODY, NOBODY),
    "periods.BooksExport": (BOOKS, NOBODY, NOBODY, NOBODY),
    "periods.EvidencePack": (BOOKS, NOBODY, NOBODY, NOBODY),
}


@dataclass(frozen=True)
class Address:
    """What an address takes: the roles by method, the model that its id names, a body that can be taken, a query."""

    methods: dict[str, str]
    names: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""


DAY = {"start_date": "2026-03-01", "end_date": "2026-03-31"}
CLOSE = "billing.EndOfDayReconciliation"
RECONCILIATION = "api/v1/billing/reconciliation/"
CLAIMS = "api/v1/billing/claims/"
REMITTANCES = "api/v1/billing/remittances/"
SETTLEMENTS = "api/v1/billing/claim-settlements/"
WRITE_OFFS = "api/v1/billing/write-offs/"
PAYERS = "api/v1/billing/payers/"
TARIFFS = "api/v1/billing/tariffs/"
COVERS = "api/v1/billing/covers/"
LEAKS = "api/v1/billing/leaks/"
FACTS = "api/v1/billing/"
UPLOADS = "api/v1/uploads/"
REPORTS = "api/v1/accountant/clients/<client_id>/"
BOOKS_OF = Address({"GET": BOOKS}, "core.Administration")
EXPORTS, PACKS = "api/v1/accountant/exports/", "api/v1/accountant/evidence-packs/"
LEDGER = "api/v1/ledger/"
ASSETS = LEDGER + "fixed-assets/"
WALLETS = "api/v1/billing/wallets/"
TOP_UPS = "api/v1/billing/top-ups/"
TOP_UP = {"patient_id": "x", "method": "CARD", "amount": "5.00"}
BILLING = "api/v1/billing/"
SHIFT = "admin/billing/shift/<object_id>/"
PAYSTACK = "api/v1/billing/paystack/"
PROVIDED = "billing.PaystackTransaction"
ENTRY = {"entry_date": "2026-03-03", "description": "By hand", "lines": []}

# Account reconciliations, at the address of their source and at ours. Approved by a manager or owner as well.
RECONCILED_AT = ("api/reconciliations/", "api/v1/reconciliations/")
OF_ACCOUNT = "reconciliation.AccountReconciliation"
RECONCILED = {
    "": Address({"GET": BOOKS, "POST": "a"}, body={"account_id": "x"}),
    "<pk>/": Address({"GET": BOOKS, "PUT": "a"}, OF_ACCOUNT, {"expected_balance": "1.00"}),
    "<pk>/approve/": Address({"POST": BOOKS}, OF_ACCOUNT),
    "<pk>/items/": Address({"GET": BOOKS, "POST": "a"}, OF_ACCOUNT, {"amount": "1.00"}),
    "<pk>/items/propose/": Address({"POST": "a"}, OF_ACCOUNT),
    "<pk>/items/<item_id>/": Address({"PUT": "a", "DELETE": "a"}, "reconciliation.ReconcilingItem"),
    "<pk>/items/<item_id>/resolve/": Address({"POST": "a"}, "reconciliation.ReconcilingItem"),
    "<pk>/attachments/": Address({"GET": BOOKS, "POST": "a"}, OF_ACCOUNT),
    "<pk>/attachments/<attachment_id>/": Address({"DELETE": "a"}, "reconciliation.ReconciliationAttachment"),
}
# Their pages.
ITEM, DOCUMENT = "reconciliation.ReconcilingItem", "reconciliation.ReconciliationAttachment"
KEPT_BY_ACCOUNTANT = {"GET": "a", "POST": "a"}
PROOFS = "admin/reconciliation/accountreconciliation/"
PROOF_PAGES = {
    PROOFS + "overview/": Address({"GET": BOOKS}),
    PROOFS + "begin/<account_id>/": Address(KEPT_BY_ACCOUNTANT, "ledger.Account"),
    PROOFS + "of/<account_id>/": Address({"GET": BOOKS}, "ledger.Account"),
    PROOFS + "<pk>/expect/": Address(KEPT_BY_ACCOUNTANT, OF_ACCOUNT),
    PROOFS + "<pk>/explain/": Address(KEPT_BY_ACCOUNTANT, OF_ACCOUNT),
    PROOFS + "<pk>/propose/": Address(KEPT_BY_ACCOUNTANT, OF_ACCOUNT),
    PROOFS + "<pk>/attach/": Address(KEPT_BY_ACCOUNTANT, OF_ACCOUNT),
    PROOFS + "<pk>/approve/": Address({"GET": BOOKS, "POST": BOOKS}, OF_ACCOUNT),
    PROOFS + "<pk>/items/<item_id>/": Address(KEPT_BY_ACCOUNTANT, ITEM),
    PROOFS + "<pk>/items/<item_id>/remove/": Address(KEPT_BY_ACCOUNTANT, ITEM),
    PROOFS + "<pk>/attachments/<attachment_id>/": Address({"GET": BOOKS}, DOCUMENT),
    PROOFS + "<pk>/attachments/<attachment_id>/remove/": Address(KEPT_BY_ACCOUNTANT, DOCUMENT),
}

BANK = "api/v1/reconciliation/"
STATEMENT, BANK_LINE = "reconciliation.Statement", "reconciliation.StatementLine"
STATEMENT_IMPORT, BANK_ACCOUNT = "reconciliation.StatementImport", "reconciliation.BankAccount"
CSV_MAPPING = "reconciliation.CsvMapping"
BANK_FILES = {
    BANK + "statements/import/": Address({"POST": "a"}),
    BANK + "statements/preview/": Address({"POST": "a"}),
    BANK + "statements/": Address({"GET": BOOKS, "POST": "a"}, body={"statement_name": "7"}),
    BANK + "statements/<pk>/": Address({"GET": BOOKS, "DELETE": "a"}, STATEMENT),
    BANK + "statements/<pk>/confirm/": Address({"POST": "a"}, STATEMENT, {"because": "As the paper says."}),
    BANK + "statements/<pk>/lines/": Address({"POST": "a"}, STATEMENT, {"line_amount": "1.00"}),
    BANK + "lines/": Address({"GET": BOOKS}),
    BANK + "lines/<pk>/candidates/": Address({"GET": BOOKS}, BANK_LINE),
    BANK + "auto-reconcile/": Address({"GET": BOOKS, "POST": "a"}),
    BANK + "auto-reconcile/<pk>/": Address({"GET": BOOKS}, "reconciliation.MatchingRun"),
    BANK + "auto-reconcile/<pk>/outcomes/": Address({"GET": BOOKS}, "reconciliation.MatchingRun"),
    BANK + "lines/<pk>/": Address({"GET": BOOKS, "DELETE": "a"}, BANK_LINE),
    BANK + "imports/": Address({"GET": BOOKS}),
    BANK + "imports/<pk>/": Address({"GET": BOOKS}, STATEMENT_IMPORT),
    BANK + "imports/<pk>/withdraw/": Address({"POST": "a"}, STATEMENT_IMPORT, {"because": "Of another clinic."}),
    BANK + "bank-accounts/": Address({"GET": BOOKS, "POST": "a"}, body={"name": "Savings"}),
    BANK + "bank-accounts/<pk>/": Address({"GET": BOOKS, "PATCH": "a"}, BANK_ACCOUNT, {"name": "Renamed"}),
    BANK + "mappings/": Address({"GET": BOOKS, "POST": "a"}, body={"name": "Mine"}),
    BANK + "mappings/<pk>/": Address({"GET": BOOKS, "PATCH": "a", "DELETE": "a"}, CSV_MAPPING, {"bank": "SNS"}),
    BANK + "mappings/shipped/": Address({"GET": BOOKS}),
    "admin/reconciliation/statementimport/import/": Address({"GET": "a", "POST": "a"}),
    "admin/reconciliation/statementimport/preview/": Address({"POST": "a"}),
    "admin/reconciliation/statementimport/<object_id>/withdraw/": Address({"GET": "a", "POST": "a"}, STATEMENT_IMPORT),
    "admin/reconciliation/statement/<object_id>/confirm/": Address({"GET": "a", "POST": "a"}, STATEMENT),
    "admin/reconciliation/statement/<object_id>/remove/": Address({"GET": "a", "POST": "a"}, STATEMENT),
    "admin/reconciliation/csvmapping/try/": Address({"POST": "a"}),
    "admin/reconciliation/bankaccount/reconcile/": Address({"GET": BOOKS}),
    "admin/reconciliation/statementline/of-clearing/<pk>/": Address({"GET": BOOKS}, "reconciliation.Clearing"),
    "admin/reconciliation/bankaccount/reconcile/<object_id>/": Address({"GET": BOOKS, "POST": "a"}, BANK_ACCOUNT),
    "admin/reconciliation/bankaccount/reconcile/<object_id>/between/": Address({"GET": BOOKS}, BANK_ACCOUNT),
}

BANK_MODEL = "reconciliation.ReconciliationModel"

# Periods: read by whoever reads the books, closed by the accountant, locked and reopened by the owner as well.
PERIODS, PERIOD, PERIOD_PAGES = REPORTS + "periods/", "ledger.Period", "admin/ledger/period/"
CLOSING = {
    PERIODS: BOOKS_OF,
    PERIODS + "<period_id>/": Address({"GET": BOOKS}, PERIOD),
    PERIODS + "<period_id>/review/": Address({"POST": "a"}, PERIOD),
    PERIODS + "<period_id>/finalize/": Address({"POST": "a"}, PERIOD),
    PERIODS + "<period_id>/lock/": Address({"POST": "oa"}, PERIOD),
    PERIODS + "<period_id>/reopen/": Address({"POST": "oa"}, PERIOD, {"reason": "An invoice came late."}),
    PERIODS + "<period_id>/snapshot/": Address({"GET": BOOKS}, PERIOD),
    PERIODS + "<period_id>/audit-logs/": Address({"GET": BOOKS}, PERIOD),
    PERIODS + "<period_id>/closing-checklist/": Address({"GET": BOOKS}, PERIOD),
    PERIOD_PAGES + "close/": Address({"GET": BOOKS}),
    PERIOD_PAGES + "<object_id>/closing/": Address({"GET": BOOKS}, PERIOD),
    PERIOD_PAGES + "<object_id>/closing/review/": Address({"GET": "a", "POST": "a"}, PERIOD),
    PERIOD_PAGES + "<object_id>/closing/acknowledge/": Address({"GET": "a", "POST": "a"}, PERIOD),
    PERIOD_PAGES + "<object_id>/closing/finalize/": Address({"GET": "a", "POST": "a"}, PERIOD),
    PERIOD_PAGES + "<object_id>/closing/lock/": Address({"GET": "oa", "POST": "oa"}, PERIOD),
    PERIOD_PAGES + "<object_id>/closing/reopen/": Address({"GET": "oa", "POST": "oa"}, PERIOD),
    PERIOD_PAGES + "<object_id>/snapshot/": Address({"GET": BOOKS}, PERIOD),
}

ISSUE = "api/v1/accountant/issues/<issue_id>/"
ISSUES = {
    REPORTS + "issues/": BOOKS_OF,
    REPORTS + "validation-runs/": BOOKS_OF,
    REPORTS + "journal/recalculate/": Address({"POST": "a"}, "core.Administration"),
    REPORTS + "journal/recalculation/": BOOKS_OF,
    ISSUE: Address({"GET": BOOKS}, "issues.Issue"),
    ISSUE + "sightings/": Address({"GET": BOOKS}, "issues.Issue"),
    ISSUE + "acknowledge/": Address({"POST": "a"}, "issues.Issue", {"note": "Looked at."}),
    "admin/issues/issue/validate/": Address({"GET": "a", "POST": "a"}),
    "admin/issues/issue/<object_id>/acknowledge/": Address({"GET": "a", "POST": "a"}, "issues.Issue"),
}

# VAT: whoever reads the books reads it; the accountant files.
VAT = "api/v1/accountant/"
OF_PERIOD = VAT + "clients/<client_id>/periods/<period_id>/"
VAT_PAGES = "admin/periods/vatfiling/"
VAT_ADDRESSES = {
    VAT + "vat-codes/": Address({"GET": BOOKS}),
    VAT + "vat-filings/": Address({"GET": BOOKS}),
    VAT + "clients/<client_id>/vat/deadlines/": BOOKS_OF,
    VAT + "clients/<client_id>/vat/registrations/": Address(
        {"GET": BOOKS, "POST": "a"}, "core.Administration", {"since": "2030-01-01"}
    ),
    VAT + "clients/<client_id>/vat/pro-rata/<year>/": Address({"GET": BOOKS, "POST": "a"}, "core.Administration"),
    OF_PERIOD + "reports/vat/": Address({"GET": BOOKS}, "core.Administration", query="allow_draft=true"),
    OF_PERIOD + "reports/vat/icp/": BOOKS_OF,
    OF_PERIOD + "vat/correction/": BOOKS_OF,
    OF_PERIOD + "vat/validate/": Address({"POST": "a"}, "core.Administration"),
    OF_PERIOD + "vat/file/": Address({"POST": "a"}, "core.Administration"),
    OF_PERIOD + "vat/correct/": Address({"POST": "a"}, "core.Administration"),
    VAT_PAGES + "return/": Address({"GET": BOOKS}),
    VAT_PAGES + "lines/": Address({"GET": BOOKS}),
    VAT_PAGES + "icp/": Address({"GET": BOOKS}),
    VAT_PAGES + "deadlines/": Address({"GET": BOOKS}),
    VAT_PAGES + "file/<administration_id>/<day>/": Address({"GET": "a", "POST": "a"}, "core.Administration"),
    VAT_PAGES + "correct/<administration_id>/<day>/": Address({"GET": "a", "POST": "a"}, "core.Administration"),
}

ADDRESSES: dict[str, Address] = {
    **BANK_FILES,
    **PROOF_PAGES,
    **CLOSING,
    **ISSUES,
    **VAT_ADDRESSES,
    BANK + "lines/<pk>/match/": Address({"POST": "a"}, BANK_LINE, {"matches": []}),
    BANK + "lines/<pk>/write-off/": Address({"POST": "a"}, BANK_LINE, {"model_id": "x"}),
    BANK + "lines/<pk>/undo/": Address({"POST": "a"}, BANK_LINE),
    BANK + "lines/<pk>/payouts/": Address({"GET": BOOKS}, BANK_LINE),
    BANK + "lines/<pk>/unpack/": Address({"POST": "a"}, BANK_LINE, {"key": "x"}),
    BANK + "lines/<pk>/transfers/": Address({"GET": BOOKS}, BANK_LINE),
    BANK + "lines/<pk>/transfer/": Address({"POST": "a"}, BANK_LINE, {"other_line_id": "x"}),
    BANK + "lines/<pk>/to-check/": Address({"POST": "a"}, BANK_LINE, {"to_check": True}),
    BANK + "lines/<pk>/clearings/": Address({"GET": BOOKS}, BANK_LINE),
    BANK + "models/": Address({"GET": BOOKS, "POST": "a"}, body={"model_name": "Fees"}),
    BANK + "models/<pk>/": Address({"GET": BOOKS, "PATCH": "a", "DELETE": "a"}, BANK_MODEL, {"model_name": "Renamed"}),
    "admin/core/job/<object_id>/": Address({"GET": EVERYBODY}, "core.Job"),
    "admin/core/job/<object_id>/state/": Address({"GET": EVERYBODY}, "core.Job"),
    "admin/mapping/": Address({"GET": "ods", "POST": "ods"}),
    "admin/core/user/<object_id>/personal-data/": Address({"GET": "ods", "POST": "ods"}, "core.User"),
    "admin/ledger/account/trial-balance/": Address({"GET": BOOKS}),
    "admin/ledger/account/balance-sheet/": Address({"GET": BOOKS}),
    "admin/ledger/account/profit-and-loss/": Address({"GET": BOOKS}),
    "admin/ledger/account/receivables/": Address({"GET": BOOKS}),
    "admin/ledger/account/payables/": Address({"GET": BOOKS}),
    "admin/ledger/account/vat-by-code/": Address({"GET": BOOKS}),
    "admin/ledger/account/vat-lines/<object_id>/": Address({"GET": BOOKS}, "ledger.VatCode"),
    "admin/ledger/account/find/<administration_id>/": Address({"GET": "a"}, "core.Administration"),
    "admin/ledger/party/find/<administration_id>/": Address({"GET": "a"}, "core.Administration"),
    # A manager or owner posts what is above the limit of manual entries.
    "admin/ledger/journalentry/<object_id>/post/": Address({"GET": BOOKS, "POST": BOOKS}, "ledger.JournalEntry"),
    "admin/ledger/journalentry/<object_id>/reverse/": Address({"GET": "a", "POST": "a"}, "ledger.JournalEntry"),
    "admin/ledger/account/<account_id>/ledger/": Address({"GET": BOOKS}, "ledger.Account"),
    "admin/ledger/batch/import/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/batch/import/<object_id>/": Address({"GET": "a", "POST": "a"}, "core.Upload"),
    "admin/ledger/fixedasset/depreciate/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/fixedasset/<object_id>/dispose/": Address({"GET": "a", "POST": "a"}, "ledger.FixedAsset"),
    "admin/ledger/fixedasset/of-depreciation/<pk>/": Address({"GET": BOOKS}, "ledger.Depreciation"),
    "admin/ledger/fixedasset/of-disposal/<pk>/": Address({"GET": BOOKS}, "ledger.Disposal"),
    "admin/ledger/exchangerate/revalue/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/open/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/opening-balance/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/spread/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/<object_id>/year-end/": Address({"GET": BOOKS}, "ledger.Period.YEAR"),
    "admin/ledger/period/<object_id>/appropriate/": Address({"GET": "a", "POST": "a"}, "ledger.Period.YEAR"),
    "admin/ledger/period/<object_id>/adjust/": Address({"GET": "a", "POST": "a"}, "ledger.Period.YEAR"),
    ASSETS: Address({"GET": BOOKS, "POST": "a"}, body={"code": "A", "name": "Scanner"}),
    ASSETS + "<pk>/": Address({"GET": BOOKS}, "ledger.FixedAsset"),
    ASSETS + "<pk>/dispose/": Address({"POST": "a"}, "ledger.FixedAsset", {"date": "2026-03-31"}),
    ASSETS + "depreciate/": Address({"POST": "a"}, body={"month": "2026-03-01"}),
    LEDGER + "entries/": Address({"GET": BOOKS, "POST": "a"}, body=ENTRY),
    LEDGER + "entries/<pk>/": Address({"GET": BOOKS}, "ledger.JournalEntry"),
    LEDGER + "entries/<pk>/reverse/": Address({"POST": "a"}, "ledger.JournalEntry", {"reason": "Typed twice."}),
    LEDGER + "entries/<pk>/post/": Address({"POST": BOOKS}, "ledger.JournalEntry"),  # a manager as the second person
    LEDGER + "vendor-invoices/": Address({"GET": BOOKS, "POST": "a"}, body={"reference": "F-1"}),
    LEDGER + "vendor-invoices/<pk>/": Address({"GET": BOOKS}, "ledger.Invoice.VENDOR"),
    LEDGER + "customer-invoices/": Address({"GET": BOOKS, "POST": "a"}, body={"invoice_date": "2026-03-03"}),
    LEDGER + "customer-invoices/<pk>/": Address({"GET": BOOKS}, "ledger.Invoice.CUSTOMER"),
    LEDGER + "supplier-ledger/": Address({"GET": BOOKS}),
    LEDGER + "customer-ledger/": Address({"GET": BOOKS}),
    LEDGER + "allocations/": Address({"GET": BOOKS, "POST": "a"}, body={"debit_id": "x"}),
    LEDGER + "sync-status/": Address({"GET": BOOKS}),
    LEDGER + "sync-backfill/": Address({"GET": BOOKS, "POST": "a"}, body={"dry_run": True}),
    LEDGER + "sync-backfill/<pk>/": Address({"GET": BOOKS}, "ledger.Batch.BACKFILL"),
    LEDGER + "sync-backfill/<pk>/reverse/": Address({"POST": "a"}, "ledger.Batch.BACKFILL"),
    LEDGER + "parties/": Address({"GET": BOOKS, "POST": "a"}, body={"kind": "SUPPLIER", "code": "S-9"}),
    LEDGER + "parties/<pk>/": Address({"GET": BOOKS, "PATCH": "a"}, "ledger.Party", {"name": "Renamed"}),
    LEDGER + "accounts/": Address({"GET": BOOKS}),
    LEDGER + "accounts/<pk>/": Address({"GET": BOOKS}, "ledger.Account"),
    LEDGER + "journals/": Address({"GET": BOOKS}),
    LEDGER + "journals/<pk>/": Address({"GET": BOOKS}, "ledger.Journal"),
    LEDGER + "vat-codes/": Address({"GET": BOOKS}),
    LEDGER + "vat-codes/<pk>/": Address({"GET": BOOKS}, "ledger.VatCode"),
    LEDGER + "exchange-rates/": Address(
        {"GET": BOOKS, "POST": "a"}, body={"currency": "CHF", "date": "2026-03-03", "rate": "1.05"}
    ),
    "admin/billing/patient/find/<administration_id>/": Address({"GET": DESK}, "core.Administration"),
    "admin/billing/patient/<object_id>/personal-data/": Address({"GET": "o", "POST": "o"}, "billing.Patient"),
    "admin/billing/service/find/<administration_id>/": Address({"GET": DESK}, "core.Administration"),
    "admin/billing/visit/<object_id>/bill/": Address({"GET": DESK, "POST": DESK}, "billing.Visit"),
    "admin/billing/visit/<object_id>/close/": Address({"GET": DESK, "POST": DESK}, "billing.Visit"),
    "admin/billing/visit/<object_id>/cancel/": Address({"GET": "mo", "POST": "mo"}, "billing.Visit"),
    "admin/billing/visit/<object_id>/order/": Address({"GET": DESK, "POST": DESK}, "billing.Visit"),
    "admin/billing/order/<object_id>/complete/": Address({"GET": DESK, "POST": DESK}, "billing.Order"),
    "admin/billing/order/<object_id>/cancel/": Address({"GET": DESK, "POST": DESK}, "billing.Order"),
    "admin/billing/order/<object_id>/cover/": Address({"GET": DESK, "POST": DESK}, "billing.Order"),
    "admin/billing/discount/<object_id>/approve/": Address({"GET": "mo", "POST": "mo"}, "billing.Discount"),
    "admin/billing/bill/<object_id>/pay/": Address({"GET": DESK, "POST": DESK}, "billing.Bill"),
    "admin/billing/bill/<object_id>/link/": Address({"GET": DESK, "POST": DESK}, "billing.Bill"),
    "admin/billing/bill/<object_id>/credit/": Address({"GET": "mo", "POST": "mo"}, "billing.Bill"),
    "admin/billing/bill/<object_id>/receipt/": Address({"GET": DESK}, "billing.Bill"),
    "admin/billing/payment/<object_id>/refund/": Address({"GET": "mo", "POST": "mo"}, "billing.Payment"),
    "admin/billing/nightlyclose/<object_id>/state/": Address({"GET": CLINIC}, "billing.NightlyClose"),
    "admin/billing/endofdayreconciliation/<object_id>/z-report/": Address({"GET": CLINIC}, CLOSE),
    "admin/billing/endofdayreconciliation/day/<administration_id>/<date>/x-report/": Address(
        {"GET": CLINIC}, "core.Administration"
    ),
    "admin/billing/endofdayreconciliation/<object_id>/reopen/": Address({"GET": CLINIC, "POST": "mo"}, CLOSE),
    "admin/billing/payment/<object_id>/chargeback/": Address({"GET": "mo", "POST": "mo"}, "billing.Payment"),
    "admin/billing/endofdayreconciliation/day/<administration_id>/<date>/": Address(
        {"GET": CLINIC}, "core.Administration"
    ),
    SHIFT + "count/": Address({"GET": DESK, "POST": DESK}, "billing.Shift"),
    SHIFT + "hand-over/": Address({"GET": DESK, "POST": DESK}, "billing.Shift"),
    SHIFT + "cash/": Address({"GET": DESK, "POST": DESK}, "billing.Shift"),
    SHIFT + "note/": Address({"GET": DESK, "POST": DESK}, "billing.Shift"),
    BILLING + "drawers/": Address({"GET": CLINIC, "POST": "mo"}, body={"code": "D-9"}),
    BILLING + "drawers/<pk>/": Address({"GET": CLINIC, "PATCH": "mo"}, "billing.Drawer", {"name": "Renamed"}),
    BILLING + "shifts/": Address({"GET": CLINIC, "POST": DESK}, body={"drawer_id": "x"}),
    BILLING + "shifts/<pk>/": Address({"GET": CLINIC}, "billing.Shift"),
    BILLING + "shifts/<pk>/hand-over/": Address({"POST": DESK}, "billing.Shift", {"total": "1.00"}),
    BILLING + "cash-movements/": Address({"GET": CLINIC, "POST": DESK}, body={"kind": "DEPOSIT"}),
    BILLING + "cash-movements/<pk>/": Address({"GET": CLINIC}, "billing.CashMovement"),
    BILLING + "counts/": Address({"GET": CLINIC, "POST": DESK}, body={"total": "1.00"}),
    BILLING + "counts/<pk>/": Address({"GET": CLINIC}, "billing.DrawerCount"),
    BILLING + "counts/<pk>/notes/": Address({"POST": DESK}, "billing.DrawerCount", {"text": "Found it."}),
    BILLING + "terminal-batches/": Address({"GET": CLINIC, "POST": DESK}, body={"terminal": "T-1"}),
    BILLING + "terminal-batches/<pk>/": Address({"GET": CLINIC}, "billing.TerminalBatch"),
    "admin/billing/payer/<object_id>/tariff/": Address({"GET": "mo", "POST": "mo"}, "billing.Payer"),
    "admin/billing/cover/<object_id>/end/": Address({"GET": DESK, "POST": DESK}, "billing.Cover"),
    "admin/billing/cover/<object_id>/replace/": Address({"GET": DESK, "POST": DESK}, "billing.Cover"),
    "admin/billing/claim/<object_id>/submit/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.Claim"),
    "admin/billing/claim/<object_id>/reject/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.Claim"),
    "admin/billing/claim/<object_id>/resubmit/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.Claim"),
    "admin/billing/claim/settlement/<pk>/take-back/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.ClaimSettlement"),
    "admin/billing/remittance/<object_id>/assign/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.Remittance"),
    "admin/billing/writeoff/<object_id>/approve/": Address({"GET": "mo", "POST": "mo"}, "billing.WriteOff"),
    "admin/billing/writeoff/<object_id>/reject/": Address({"GET": BOOKS, "POST": BOOKS}, "billing.WriteOff"),
    "admin/billing/wallet/<object_id>/link/": Address({"GET": DESK, "POST": DESK}, "billing.Wallet"),
    "admin/billing/wallet/<object_id>/pay-out/": Address({"GET": "mo", "POST": "mo"}, "billing.Wallet"),
    WALLETS: Address({"GET": CLINIC}),
    WALLETS + "<pk>/": Address({"GET": CLINIC}, "billing.Wallet"),
    WALLETS + "<pk>/movements/": Address({"GET": CLINIC}, "billing.Wallet"),
    TOP_UPS: Address({"GET": CLINIC, "POST": DESK}, body=TOP_UP),
    TOP_UPS + "<pk>/": Address({"GET": CLINIC}, "billing.TopUp"),
    TOP_UPS + "pay-out/": Address({"POST": "mo"}, body={**TOP_UP, "reason": "Moves away."}),
    BILLING + "services/": Address({"GET": CLINIC, "POST": "mo"}, body={"code": "S-9", "name": "Scan"}),
    BILLING + "services/<pk>/": Address({"GET": CLINIC, "PATCH": "mo"}, "billing.Service", {"name": "Renamed"}),
    BILLING + "service-groups/": Address({"GET": CLINIC, "POST": "mo"}, body={"code": "G-9", "name": "Scans"}),
    BILLING + "service-groups/<pk>/": Address(
        {"GET": CLINIC, "PATCH": "mo"}, "billing.ServiceGroup", {"name": "Renamed"}
    ),
    BILLING + "prices/": Address({"GET": CLINIC, "POST": "mo"}, body={"price": "5.00"}),
    BILLING + "prices/<pk>/": Address({"GET": CLINIC, "PATCH": "mo"}, "billing.ServicePrice", {"price": "5.00"}),
    BILLING + "patients/": Address({"GET": CLINIC, "POST": DESK}, body={"code": "P-9", "name": "Anna Invented"}),
    BILLING + "patients/<pk>/": Address({"GET": CLINIC}, "billing.Patient"),
    BILLING + "patients/<pk>/export/": Address({"GET": "o"}, "billing.Patient"),
    BILLING + "patients/<pk>/erase/": Address({"POST": "o"}, "billing.Patient", {"reason": "NOT_NEEDED"}),
    BILLING + "visits/": Address({"GET": CLINIC, "POST": DESK}, body={"charges": []}),
    BILLING + "visits/<pk>/": Address({"GET": CLINIC}, "billing.Visit"),
    BILLING + "visits/<pk>/close/": Address({"POST": DESK}, "billing.Visit"),
    BILLING + "visits/<pk>/cancel/": Address({"POST": "mo"}, "billing.Visit", {"reason": "Typed twice."}),
    BILLING + "orders/": Address({"GET": CLINIC, "POST": DESK}, body={"kind": "LAB"}),
    BILLING + "orders/<pk>/": Address({"GET": CLINIC}, "billing.Order"),
    BILLING + "orders/<pk>/complete/": Address({"POST": DESK}, "billing.Order", {"quantity": "1"}),
    BILLING + "orders/<pk>/cancel/": Address({"POST": DESK}, "billing.Order", {"reason": "Not needed."}),
    BILLING + "orders/<pk>/cover/": Address({"POST": DESK}, "billing.Order", {"reason": "BUNDLE"}),
    BILLING + "bills/": Address({"GET": CLINIC, "POST": DESK}, body={"charges": []}),
    BILLING + "bills/<pk>/": Address({"GET": CLINIC}, "billing.Bill"),
    BILLING + "bills/<pk>/credit/": Address({"POST": "mo"}, "billing.Bill", {"reason": "Wrong patient."}),
    BILLING + "discounts/": Address({"GET": CLINIC}),
    BILLING + "discounts/<pk>/": Address({"GET": CLINIC}, "billing.Discount"),
    BILLING + "discounts/<pk>/approve/": Address({"POST": "mo"}, "billing.Discount"),
    BILLING + "payments/": Address({"GET": CLINIC, "POST": DESK}, body={"method": "CASH", "amount": "1.00"}),
    BILLING + "payments/<pk>/": Address({"GET": CLINIC}, "billing.Payment"),
    BILLING + "payments/<pk>/refund/": Address(
        {"POST": "mo"}, "billing.Payment", {"amount": "1.00", "reason": "Too much."}
    ),
    BILLING + "payments/<pk>/chargeback/": Address(
        {"POST": "mo"}, "billing.Payment", {"amount": "1.00", "reason": "Disputed."}
    ),
    "admin/billing/paystacktransaction/<object_id>/assign/": Address({"GET": DESK, "POST": DESK}, PROVIDED),
    "admin/billing/paystacktransaction/<object_id>/refund/": Address({"GET": "mo"}, PROVIDED),
    "admin/billing/bill/<object_id>/advances/": Address({"GET": DESK, "POST": DESK}, "billing.Bill"),
    PAYSTACK + "payments/": Address({"GET": CLINIC}),
    PAYSTACK + "payments/<pk>/": Address({"GET": CLINIC}, PROVIDED),
    PAYSTACK + "payments/<pk>/verify/": Address({"POST": DESK}, PROVIDED),
    PAYSTACK + "payments/<pk>/assign/": Address({"POST": DESK}, PROVIDED, {"bill_id": "x"}),
    PAYSTACK + "payments/links/": Address({"POST": DESK}, body={"bill_id": "x", "email": "a@b.example"}),
    PAYSTACK + "settlements/": Address({"GET": CLINIC}),
    PAYSTACK + "settlements/<pk>/": Address({"GET": CLINIC}, "billing.PaystackSettlement"),
    PAYSTACK + "settlements/<pk>/parts/": Address({"GET": CLINIC}, "billing.PaystackSettlement"),
    UPLOADS: Address({"GET": CLINIC, "POST": CLINIC}),
    UPLOADS + "<pk>/": Address({"GET": CLINIC}, "core.Upload"),
    UPLOADS + "<pk>/content/": Address({"GET": CLINIC}, "core.Upload"),
    REPORTS + "overview/": BOOKS_OF,
    REPORTS + "reports/balance-sheet/": BOOKS_OF,
    REPORTS + "reports/pnl/": BOOKS_OF,
    REPORTS + "reports/trial-balance/": BOOKS_OF,
    REPORTS + "reports/ar/": BOOKS_OF,
    REPORTS + "reports/ap/": BOOKS_OF,
    REPORTS + "reports/account-ledger/<account_id>/": BOOKS_OF,
    REPORTS + "reports/vat-by-code/": BOOKS_OF,
    REPORTS + "reports/journal/": Address({"GET": BOOKS}, "core.Administration", query="format=csv"),
    PAYERS: Address({"GET": CLINIC, "POST": "mo"}, body={"code": "HM"}),
    PAYERS + "<pk>/": Address({"GET": CLINIC}, "billing.Payer"),
    PAYERS + "ageing/": Address({"GET": CLINIC}),
    TARIFFS: Address({"GET": CLINIC, "POST": "mo"}, body={"price": "5"}),
    TARIFFS + "<pk>/": Address({"GET": CLINIC}, "billing.Tariff"),
    TARIFFS + "<pk>/end/": Address({"POST": "mo"}, "billing.Tariff", {"last_day": "2030-12-31"}),
    COVERS: Address({"GET": CLINIC, "POST": DESK}, body={"member_number": "1"}),
    COVERS + "<pk>/": Address({"GET": CLINIC}, "billing.Cover"),
    COVERS + "<pk>/end/": Address({"POST": DESK}, "billing.Cover", {"last_day": "2030-12-31"}),
    CLAIMS: Address({"GET": CLINIC}),
    CLAIMS + "<pk>/": Address({"GET": CLINIC}, "billing.Claim"),
    CLAIMS + "submit/": Address({"POST": BOOKS}, body={"claim_ids": []}),
    CLAIMS + "<pk>/submit/": Address({"POST": BOOKS}, "billing.Claim"),
    CLAIMS + "<pk>/reject/": Address({"POST": BOOKS}, "billing.Claim", {"reason": "Not covered."}),
    CLAIMS + "<pk>/resubmit/": Address({"POST": BOOKS}, "billing.Claim"),
    REMITTANCES: Address({"GET": BOOKS, "POST": BOOKS}, body={"amount": "5"}),
    REMITTANCES + "<pk>/": Address({"GET": BOOKS}, "billing.Remittance"),
    REMITTANCES + "<pk>/assign/": Address({"POST": BOOKS}, "billing.Remittance", {"settlements": []}),
    SETTLEMENTS: Address({"GET": BOOKS}),
    SETTLEMENTS + "<pk>/": Address({"GET": BOOKS}, "billing.ClaimSettlement"),
    SETTLEMENTS + "<pk>/take-back/": Address({"POST": BOOKS}, "billing.ClaimSettlement", {"reason": "Wrong claim."}),
    WRITE_OFFS: Address({"GET": BOOKS, "POST": BOOKS}, body={"amount": "5"}),
    WRITE_OFFS + "<pk>/": Address({"GET": BOOKS}, "billing.WriteOff"),
    WRITE_OFFS + "<pk>/approve/": Address({"POST": "mo"}, "billing.WriteOff"),
    # Whoever proposed it may take it back; of the others whoever approves may refuse it.
    WRITE_OFFS + "<pk>/reject/": Address({"POST": "moa"}, "billing.WriteOff"),
    "admin/billing/leak/accrual/": Address({"GET": "a", "POST": "a"}),
    "admin/billing/leak/<object_id>/dismiss/": Address({"GET": "mo", "POST": "mo"}, "billing.Leak"),
    LEAKS: Address({"GET": CLINIC}),
    LEAKS + "<pk>/": Address({"GET": CLINIC}, "billing.Leak"),
    LEAKS + "<pk>/dismiss/": Address({"POST": "mo"}, "billing.Leak", {"reason": "A study."}),
    LEAKS + "summary/": Address({"GET": CLINIC}),
    EXPORTS: Address({"GET": BOOKS, "POST": BOOKS}, body={"format": "XAF_4_0", "fiscal_year": "2026"}),
    EXPORTS + "<pk>/": Address({"GET": BOOKS}, "periods.BooksExport"),
    EXPORTS + "<pk>/download/": Address({"GET": BOOKS}, "periods.BooksExport"),
    PACKS: Address({"GET": BOOKS}),
    PACKS + "<pk>/": Address({"GET": BOOKS}, "periods.EvidencePack"),
    PACKS + "<pk>/download/": Address({"GET": BOOKS}, "periods.EvidencePack"),
    REPORTS + "periods/<period_id>/evidence-pack/": Address({"POST": "a"}, "ledger.Period"),
    "admin/periods/booksexport/export/": Address({"GET": BOOKS, "POST": BOOKS}),
    "admin/periods/booksexport/<object_id>/download/": Address({"GET": BOOKS}, "periods.BooksExport"),
    "admin/periods/evidencepack/make/": Address({"GET": "a", "POST": "a"}),
    "admin/periods/evidencepack/<object_id>/download/": Address({"GET": BOOKS}, "periods.EvidencePack"),
    **{base + route: address for base in RECONCILED_AT for route, address in RECONCILED.items()},
    RECONCILIATION: Address({"GET": CLINIC, "POST": DESK}, body={"reconciliation_date": "2026-03-03"}),
    RECONCILIATION + "<pk>/": Address({"GET": CLINIC, "PATCH": DESK}, CLOSE, {"notes": "Seen."}),
    RECONCILIATION + "<pk>/refresh/": Address({"POST": DESK}, CLOSE),
    RECONCILIATION + "<pk>/review/": Address({"POST": "mo"}, CLOSE),
    RECONCILIATION + "<pk>/finalize/": Address({"POST": "rmo"}, CLOSE),
    RECONCILIATION + "<pk>/cancel/": Address({"POST": DESK}, CLOSE, {"reason": "Too early."}),
    RECONCILIATION + "<pk>/reopen/": Address({"POST": "mo"}, CLOSE, {"reason": "A bill was forgotten."}),
    RECONCILIATION + "<pk>/revisions/": Address({"GET": CLINIC}, CLOSE),
    RECONCILIATION + "<pk>/tie-out/": Address({"GET": CLINIC}, CLOSE),
    RECONCILIATION + "<pk>/z-report/": Address({"GET": CLINIC}, CLOSE),
    RECONCILIATION + "x-report/": Address({"GET": CLINIC}),
    RECONCILIATION + "today/": Address({"GET": CLINIC}),
    RECONCILIATION + "summary/": Address({"GET": CLINIC}, query="&".join(f"{key}={day}" for key, day in DAY.items())),
}

# Answers anybody, signed in or not: the method, and the status of an empty request.
OPEN: dict[str, tuple[str, int]] = {
    "": ("GET", 302),
    "health/": ("GET", 200),
    "api/v1/auth/register/": ("POST", 422),
    "api/v1/auth/resend-verification/": ("POST", 422),
    "api/v1/auth/verify-email/": ("GET", 400),
    "api/v1/auth/forgot-password/": ("POST", 422),
    "api/v1/auth/reset-password/": ("POST", 422),
    "metrics/": ("GET", 200),  # with a token, or on the machine itself: apps/core/tests/test_metrics.py
    # Signed by the provider, with the key of the administration that it names; without one it is not there, and what is
    # not signed is 401: apps/billing/tests/test_paystack.py
    "api/v1/billing/paystack/webhook/<administration_id>/": ("POST", 404),
    "api/v1/auth/token/": ("POST", 422),
    "api/v1/auth/token/refresh/": ("POST", 422),
    "account/register/": ("GET", 200),
    "account/verify-email/": ("GET", 200),
    "account/resend-verification/": ("GET", 200),
    "account/forgot-password/": ("GET", 200),
    "account/reset-password/": ("GET", 200),
    "account/invitation/": ("GET", 400),
    "api/schema/": ("GET", 200),
    "api/docs/": ("GET", 200),
    "i18n/setlang/": ("POST", 302),
}

# Answers whoever is signed in, with nothing of any administration: the status of an empty GET.
SIGNED_IN: dict[str, int] = {
    "api/v1/auth/me/": 200,
    "api/v1/auth/me/export/": 200,
    "admin/": 200,
    "admin/import-template/": 200,
    "account/": 200,
    "account/change-password/": 200,
    "account/recovery-codes/": 302,
    "account/second-factor/": 302,
    "account/second-factor/set-up/": 200,
    "admin/personal-data/": 200,
    "admin/login/": 302,
    "admin/logout/": 405,
    "admin/password_change/": 200,
    "admin/password_change/done/": 200,
    "admin/jsi18n/": 200,
    "admin/search/": 200,
    "admin/autocomplete/": 403,  # asked without a field; with one: test_choices_while_typing...
    "admin/r/<content_type_id>/<object_id>/": 404,
    "admin/<url>": 404,
}

STRANGER = "Stranger"  # in every name of the foreign administration, and so in no answer to anybody else


# The addresses -------------------------------------------------------------------------------------------------------


def walk(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = before + readable(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, here)
        else:
            yield here, pattern


def readable(pattern: Any) -> str:
    """``<path:object_id>`` and ``(?P<object_id>.+)`` alike as ``<object_id>``."""
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<\w+:", "<", str(pattern))
    return simplify_regex(str(pattern)).removeprefix("/")


ALL = {route: pattern for route, pattern in walk(get_resolver().url_patterns) if not route.startswith("static/")}
VERBS = {"changelist": 0, "add": 1, "change": 2, "delete": 3}


def address_of(route: str) -> Address | None:
    """What the tables above say of ``route``."""
    if route in ADDRESSES:
        return ADDRESSES[route]
    parts = route.removeprefix("admin/").split("/")
    label = next((label for label in MODELS if label.lower() == ".".join(parts[:2])), "")
    if not route.startswith("admin/") or not label:
        return None
    view, add, change, delete = MODELS[label]
    may_look = "".join(sorted(set(view) | set(change)))
    pages = {
        "": Address({"GET": may_look, "POST": may_look}),  # an action of the list: whoever reads it may export it
        "add/": Address({"GET": add, "POST": add}),
        "<object_id>/change/": Address({"GET": may_look, **({"POST": change} if change else {})}, label),
        "<object_id>/delete/": Address({"GET": delete}, label),
    }
    return pages.get("/".join(parts[2:]))


SCOPED = {route: address_of(route) for route in ALL}
CASES = [
    pytest.param(route, method, letter, id=f"{method} {route} {letter}")
    for route, address in SCOPED.items()
    if address is not None
    for method in address.methods
    for letter in EVERYBODY
]


def test_every_address_is_listed():
    known = {*OPEN, *SIGNED_IN, *(route for route, address in SCOPED.items() if address)}
    apps_pages = {route for route in ALL if route == "admin/<app_label>/"}
    assert sorted(set(ALL) - known - apps_pages) == []


def test_nothing_is_listed_that_is_not_there():
    assert sorted({*OPEN, *SIGNED_IN, *ADDRESSES} - set(ALL)) == []
    assert sorted(set(MODELS) - {model._meta.label for model in admin.site._registry}) == []


def test_every_method_of_an_api_address_is_listed():
    for route, pattern in ALL.items():
        actions = getattr(pattern.callback, "actions", None)
        if actions is not None:
            address = SCOPED[route]
            assert address is not None, route
            # Django REST framework adds head beside get when the first request comes.
            assert {method.upper() for method in actions} - {"HEAD"} == set(address.methods), route


# The world -----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    own: Administration
    foreign: Administration
    people: dict[str, User]
    clients: dict[str, Client]

    def row(self, label: str, letter: str, *, own: bool) -> Any:
        """A row of that model in the administration that is one's own, or in the foreign one."""
        model = apps.get_model(*label.split(".")[:2])
        person, there = self.people[letter], self.own if own else self.foreign
        if model is Job:
            return Job.objects.filter(by=person if own else self.people["a" if letter != "a" else "o"]).first()
        if model is Administration:
            return there
        if model is Delivery:
            return Delivery.objects.first()
        if model is User:
            return User.objects.filter(memberships__administration=there).exclude(pk=person.pk).first()
        if model is Membership:
            return Membership.objects.filter(administration=there).exclude(user=person).first()
        if model is Event and letter == "s" and own:
            return Event.objects.filter(administration=None).first()
        rows = model._default_manager.filter(administration=there)
        which = "type" if model is Period else "kind"
        return (rows.filter(**{which: label.split(".")[2]}) if label.count(".") > 1 else rows).first()


# Of these an operator sees every row; none is foreign to them.
OPERATORS_OWN = {"core.Administration", "core.User", "core.Delivery", "core.Job"}


def fill(clinic: Clinic, n: int = 0) -> None:
    """One row more of everything that has a page; their names and codes say whose they are."""
    administration, day = clinic.administration, clinic.yesterday - timedelta(days=n)
    name = f"{administration}-{n}"
    patient = register_patient(administration, code=name, name=name)
    payer = register_payer(administration, code=name, name=name)
    group = clinic.service("65.00").group
    ServiceGroup.objects.create(administration=administration, code=name, name=name, account=group.account)
    charges = [Charge(clinic.service(f"{n + 1}.00"))]
    clinic.pay(clinic.bill("65.00", patient=patient, day=day), "65.00", day=day)
    clinic.bill("10.00", patient=patient, day=day)
    top_up(patient, method="CARD", amount=Decimal(20), reference=name[-60:], by=clinic.cashier, day=day)
    counted_drawer(clinic, name[-32:], day)
    provided(administration, name, day)
    claimed_and_answered(clinic, patient, payer, day)
    clinic.finalized(day)
    visit = register_visit(administration=administration, patient=patient, charges=charges, by=clinic.cashier)
    place_order(visit, kind="LAB", description=name, by=clinic.cashier)
    given = Charge(clinic.service("10.00"), discount=Decimal(5), discount_reason=name)
    issue_bill(patient=patient, charges=[given], day=day - timedelta(days=30), by=clinic.receptionist)
    NightlyClose.objects.create(administration=administration, date=day)
    leak = {"rule": "L05", "leak_class": "UNBILLED", "entity_type": "visit", "entity_id": uuid7(), "day": day}
    Leak.objects.create(administration=administration, **leak, amount=1, facts={"code": name})
    Party.objects.create(administration=administration, kind=Party.Kind.CUSTOMER, code=name)
    Account.objects.create(
        administration=administration, code=f"9{n}", name=name, type="EXPENSE", place="OPERATING_EXPENSES"
    )
    Journal.objects.create(administration=administration, code=f"X{n}", name=name)
    VatCode.objects.create(administration=administration, code=f"X{n}", name=name, rate=0)
    Account.objects.create(administration=administration, code=f"8{n}", name=name, type="ASSET", place="FIXED_ASSETS")
    ExchangeRate.objects.create(administration=administration, currency="USD", date=day, rate=1)
    own_and_disposed(administration, name, n, day)
    invoiced(administration, name, day)
    manager = clinic.people[Membership.Role.MANAGER]
    invite(administration, email=f"new{n}@clinic.example", full_name=name, role=Membership.Role.CASHIER, by=manager)
    statement = {"administration": administration, "purpose": "statement", "name": f"{name}.csv"}
    store_upload(BytesIO(name.encode()), **statement, by=clinic.cashier)
    banked(clinic, name)
    reconciled(administration, name, day)
    half_booked(administration, name, day)
    ahead = date(2040, n + 1, 1)  # beyond every other row
    month = {"type": "MONTH", "name": f"{ahead:%Y-%m}", "first_day": ahead, "last_day": ahead + timedelta(days=27)}
    brought_to(Period.objects.create(administration=administration, **month), Period.Status.FINALIZED, by=manager)
    filed(administration, name, n)
    exported_and_packed(administration, day)
    books = {"administration": administration, "purpose": "books", "name": f"{name}.csv"}
    Batch.objects.create(
        administration=administration,
        kind=Batch.Kind.IMPORT,
        title=name,
        upload=store_upload(BytesIO(name.encode()), **books, by=clinic.cashier),
    )
    validate(administration, clinic.today, full=True)


def filed(administration: Administration, name: str, n: int) -> None:
    """A VAT registration, and a return of long before it."""
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    VatRegistration.objects.create(administration=administration, since=date(2000 + n, 1, 1))
    filing = VatFiling.objects.create(
        administration=administration,
        first_day=date(1999 - n, 1, 1),
        last_day=date(1999 - n, 12, 31),
        frequency="YEAR",
        scheme="NORMAL",
        exact=0,
        declared=0,
        box_count=1,
        reference=name[-60:],
        filed_by=accountant,
    )
    FiledBox.objects.create(administration=administration, filing=filing, position=1, box="1a")


def counted_drawer(clinic: Clinic, code: str, day: date) -> None:
    """A drawer that was used, counted and put aside on ``day``, and what a terminal said."""
    manager, counter = clinic.people[Membership.Role.MANAGER], clinic.people[Membership.Role.RECEPTIONIST]
    drawer = add_drawer(
        clinic.administration, code=code, name=f"{clinic.administration}", standard_float=Decimal(100), by=manager
    )
    clinic_day, _late_for = day_for(clinic.administration, day)
    shift = shift_for(clinic_day, by=counter)
    assert shift is not None
    move_cash(shift, kind="DEPOSIT", amount=Decimal(5), by=counter)
    count_drawer(shift, total=Decimal(95), by=counter)
    change_drawer(drawer, is_active=False, by=manager)
    enter_terminal_total(clinic_day, terminal=f"{clinic.administration}", total=Decimal(20), by=manager)


def provided(administration: Administration, name: str, day: date) -> None:
    """What the payment provider confirmed, paid out and told."""
    of: dict[str, Any] = {"administration": administration}
    amounts = {"gross": Decimal(5), "fees": Decimal(0), "net": Decimal(5)}
    payout = PaystackSettlement.objects.create(
        **of, provider_id=name[-60:], status="success", currency="EUR", **amounts
    )
    PaystackTransaction.objects.create(
        **of, reference=name[-60:], status="success", amount=5, currency="EUR", paid_on=day, settlement=payout
    )
    digest = hashlib.sha256(name.encode()).hexdigest()
    PaystackEvent.objects.create(**of, digest=digest, event="charge.success", reference=name[-60:])


def claimed_and_answered(clinic: Clinic, patient: Patient, payer: Payer, day: date) -> None:
    """A tariff, a cover, a claim that was partly paid, and a write-off of a patient's debt that is proposed."""
    owner, accountant = clinic.people[Membership.Role.OWNER], clinic.people[Membership.Role.ACCOUNTANT]
    tariff = {"payer": payer, "service": clinic.service("65.00"), "price": Decimal(60), "valid_from": day}
    set_tariff(**tariff, by=owner)
    enrol_patient(patient, payer=payer, member_number=payer.code[:64], valid_from=day, by=clinic.cashier)
    bill = clinic.bill("30.00", patient=patient, day=day)
    take_payment(bill, tender=Tender(payer.method, Decimal(20), payer), day=day, by=clinic.cashier)
    claim = submit_claim(claim_for(bill, payer), by=owner)
    parts = [Settlement(claim, "PAID", Decimal(5), payer.code)]
    sent = {"payer": payer, "amount": Decimal(8), "received_on": day, "reference": payer.code[-60:]}
    record_remittance(**sent, settlements=parts, by=accountant)
    propose(bill, amount=Decimal(10), reason=payer.code, by=accountant)


def invoiced(administration: Administration, name: str, day: date) -> None:
    """An invoice of a supplier, one to a customer, and a backfill."""
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    asked: dict[str, Any] = {"administration": administration, "invoice_date": day, "by": accountant}
    for kind, account, post in (("SUPPLIER", "4630", post_vendor_invoice), ("CUSTOMER", "8090", post_customer_invoice)):
        party, _new = Party.objects.get_or_create(administration=administration, kind=kind, code=name)
        line = InvoicedLine(Account.objects.get(administration=administration, code=account), Decimal(10))
        post(**asked, party=party, lines=[line], reference=name[-60:])
    Batch.objects.create(administration=administration, kind=Batch.Kind.BACKFILL, title=name)


def banked(clinic: Clinic, name: str) -> None:
    """A bank account, a mapping, a typed statement and a file that was imported: all of them say whose they are."""
    accountant = clinic.people[Membership.Role.ACCOUNTANT]
    of: dict[str, Any] = {"administration": clinic.administration}
    account = open_bank_account(**of, name=name, by=accountant)
    save_mapping(CsvMapping(**of, name=name, columns={"date": "Date", "amount": name}), by=accountant)
    line = TypedLine(date(2026, 3, 3), Decimal(1), label=name)
    typed = {"name": name[:100], "date": date(2026, 3, 3), "balance_start": Decimal(0), "lines": [line]}
    type_statement(account, **typed, by=accountant)
    file = BytesIO(f"Date,Description,Amount\n2026-03-04,{name},2.00\n".encode())
    upload = store_upload(file, **of, purpose="statement", name=f"{name}.csv", by=accountant)
    import_statements(begin_import(upload, account, by=accountant), by=accountant)


def reconciled(administration: Administration, name: str, day: date) -> None:
    """An account reconciliation with an item and a document."""
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    bank = Account.objects.get(administration=administration, purpose="bank")
    begun = begin_reconciliation(bank, period_start=day, period_end=day, by=accountant, notes=name)
    explain(begun, date=day, description=name, amount=Decimal(1), by=accountant)
    attach(begun, BytesIO(f"day,amount\n{name},1\n".encode()), name=f"{name}.csv", by=accountant)


def half_booked(administration: Administration, name: str, day: date) -> None:
    """A statement of one line, half of which was booked, and an unused model of bank lines."""
    of: dict[str, Any] = {"administration": administration}
    accountant = Membership.objects.get(**of, role=Membership.Role.ACCOUNTANT).user
    account, _new = BankAccount.objects.get_or_create(
        **of,
        journal=Journal.objects.get(**of, code="BNK"),
        account=Account.objects.get(**of, purpose="bank"),
        defaults={"name": name, "currency": administration.currency},
    )
    statement = Statement.objects.create(**of, bank_account=account, name=name, date=day, balance_start=0)
    line = StatementLine(**of, bank_account=account, statement=statement, sequence=1, date=day, label=name)
    line.amount = line.residual = Decimal(20)
    line.fingerprint = name[-60:]
    line.save()
    keep_model(administration, by=accountant, name=name, label_pattern="fees?")
    begin_run(administration, by=accountant)
    fees = Account.objects.get(**of, purpose="provider_fees")
    clear(line, [Part(Kind.MODEL, Decimal(10), account=fees)], by=accountant)


def exported_and_packed(administration: Administration, day: date) -> None:
    """An export of the books of a day, and the evidence of its month."""
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    export_books(administration, "XAF_4_0", day, day, known_at=timezone.now(), by=accountant)
    month = Period.objects.covering(administration, day)
    assert month is not None
    pack_period(month, "VAT_EVIDENCE", by=accountant)


def own_and_disposed(administration: Administration, name: str, n: int, day: date) -> None:
    """A fixed asset that was depreciated, and one that was disposed of."""
    accounts = Account.objects.filter(administration=administration)
    asset = {
        "administration": administration,
        "name": name,
        "account": accounts.filter(place="FIXED_ASSETS").earliest("code"),
        "depreciation_account": accounts.filter(place="FIXED_ASSETS").latest("code"),
        "expense_account": accounts.get(purpose="depreciation_expense"),
        "acquired_on": day.replace(day=1),
        "in_use_from": day.replace(day=1),
        "cost": Decimal(12),
        "residual_value": Decimal(0),
        "opening_depreciation": Decimal(0),
        "life_months": 12,
    }
    kept = FixedAsset.objects.create(code=f"A-{n}", **asset)
    gone = FixedAsset.objects.create(code=f"Z-{n}", **asset)
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    post_depreciation(administration, day.replace(day=1), by=accountant, asset=kept)
    dispose(gone, date=day, by=accountant)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Two clinics with the same things in them; one transaction, rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        foreign = make_clinic(f"{STRANGER} Clinic")
        own = make_clinic("Clinic Zuid")
        Membership.objects.filter(administration=foreign.administration).delete()
        strangers = {role: member(foreign.administration, role, full_name=STRANGER) for role in LETTERS.values()}
        foreign.people = strangers
        for clinic in (foreign, own):
            fill(clinic)
            clinic.close()
        people = {letter: own.people[role] for letter, role in LETTERS.items()} | {"s": operator()}
        for person in people.values():
            Job.objects.create(task="import", title="Import", by=person)
        record("core.person_tried", UserFactory())
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
        clients = {letter: Client(raise_request_exception=False) for letter in ("", *people)}
        for letter, person in people.items():
            clients[letter].force_login(person)
        yield World(own.administration, foreign.administration, people, clients)
        transaction.set_rollback(True)


def ask(world: World, letter: str, method: str, path: str, address: Address) -> Any:
    """The answer, after which everything is as before."""
    client = world.clients[letter]
    api = path.startswith("/api/")
    with transaction.atomic():
        body: Any = {"data": address.body, "content_type": "application/json"} if api and method != "GET" else {}
        answer = getattr(client, method.lower())(path + (f"?{address.query}" if address.query else ""), **body)
        transaction.set_rollback(True)
    assert answer.status_code < 500, answer.content[:2000]
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert letter in ("", "s") or STRANGER not in content.decode(errors="replace")
    return answer


def refused_by_role(answer: Any) -> bool:
    if answer.status_code != 403:
        return False
    text = answer.content.decode()
    return '"NOT_ALLOWED"' in text or "Your role does not allow this here" in text


# What stands below an account reconciliation: its own id is the one that is tried.
INSIDE: dict[str, Any] = {"item_id": ReconcilingItem, "attachment_id": ReconciliationAttachment}


def filled(route: str, pk: Any) -> str:
    """``route`` with ``pk`` as its id; one that names an administration and an account names an account of it."""
    route = route.replace("<date>", "2026-03-03").replace("<year>", "2026")
    if "<period_id>" in route or "<day>" in route:
        month = Period.objects.filter(administration=pk or None, type=Period.Type.MONTH).order_by("first_day").first()
        period = Period.objects.filter(pk=pk or None).first() or month
        route = route.replace("<period_id>", str(period.pk if period else pk or uuid7()))
        route = route.replace("<day>", str(period.first_day if period else "2026-01-01"))
        if period:
            route = route.replace("<client_id>", str(period.administration_id))
    if "<client_id>" in route:
        account = Account.objects.filter(administration=pk or None).first()
        route = route.replace("<account_id>", str(account.pk if account else uuid7()))
    if "<period_id>" in route:
        period = Period.objects.filter(pk=pk or None).first()
        route = route.replace("<client_id>", str(period.administration_id if period else uuid7()))
        route = route.replace("<period_id>", str(pk))
    for name, model in INSIDE.items():
        if f"<{name}>" in route:
            row = model.objects.filter(pk=pk or None).first()
            route = route.replace("<pk>", str(row.reconciliation_id if row else uuid7())).replace(f"<{name}>", str(pk))
    return "/" + re.sub(r"<(object_id|pk|administration_id|account_id|client_id|issue_id)>", str(pk), route)


# The matrix ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method", "letter"), CASES)
def test_a_role_may_exactly_what_is_written_here(world, route, method, letter):
    address = SCOPED[route]
    allowed = letter in address.methods[method]
    if not address.names:
        answer = ask(world, letter, method, filled(route, ""), address)
        assert refused_by_role(answer) is not allowed
        assert answer.status_code != 404
        return

    missing = ask(world, letter, method, filled(route, uuid7()), address)
    assert missing.status_code == 404 if allowed else missing.status_code in (403, 404)

    foreign = world.row(address.names, letter, own=False)
    if address.names != "core.Delivery" and not (letter == "s" and allowed and address.names in OPERATORS_OWN):
        found = ask(world, letter, method, filled(route, foreign.pk), address)
        assert (found.status_code, found.content) == (missing.status_code, missing.content)

    own = world.row(address.names, letter, own=True)
    assert own is not None, f"no row of {address.names}: extend fill()"
    answer = ask(world, letter, method, filled(route, own.pk), address)
    if letter == "s" and not allowed:
        assert answer.status_code in (403, 404)  # nothing that belongs to an administration is an operator's own
        return
    assert refused_by_role(answer) is not allowed
    assert answer.status_code != 404


@pytest.mark.parametrize("label", [label for label, (_, _, change, _) in MODELS.items() if not change])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_a_page_that_nobody_may_change_writes_nothing_whatever_is_sent(world, label, letter):
    row = world.row(label, letter, own=True)
    page = f"admin/{label.lower().replace('.', '/')}/<object_id>/"
    route = page if page in ALL else f"{page}change/"
    with CaptureQueriesContext(connection) as asked:
        ask(world, letter, "POST", filled(route, row.pk), Address({}))
    written = re.compile(r"^(INSERT|UPDATE|DELETE)(?!.*django_session)", re.IGNORECASE)
    assert [query["sql"] for query in asked if written.match(query["sql"])] == []


@pytest.mark.parametrize("route", [route for route, address in SCOPED.items() if address])
def test_whoever_is_not_signed_in_is_asked_to_sign_in(world, route):
    address = SCOPED[route]
    for method in address.methods:
        answer = ask(world, "", method, filled(route, uuid7()), address)
        if route.startswith("api/"):
            assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "NOT_AUTHENTICATED")
        else:
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("route", OPEN)
def test_an_open_address_answers_anybody(world, route):
    method, status = OPEN[route]
    for letter in ("", "r"):
        assert ask(world, letter, method, f"/{route}", Address({})).status_code == status


@pytest.mark.parametrize("route", SIGNED_IN)
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_address_for_all_answers_whoever_is_signed_in(world, route, letter):
    path = filled(route.replace("<content_type_id>", "1").replace("<url>", "nothing/"), uuid7())
    assert ask(world, letter, "GET", path, Address({})).status_code == SIGNED_IN[route]


@pytest.mark.parametrize("app", ["core", "ledger", "billing", "auth"])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_page_of_an_app_is_there_for_whoever_finds_a_model_on_it(world, app, letter):
    some = any(letter in roles for label, pages in MODELS.items() if label.startswith(app) for roles in pages)
    assert ask(world, letter, "GET", f"/admin/{app}/", Address({})).status_code == (200 if some else 404)


@pytest.mark.parametrize("route", [route for route, address in ADDRESSES.items() if not address.names])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_administration_that_is_named_and_foreign_answers_as_one_that_is_missing(world, route, letter):
    address = ADDRESSES[route]
    for method in address.methods:
        answers = []
        for pk in (world.foreign.pk, uuid7()):
            named = {"administration_id": str(pk), "administration": str(pk)}
            query = "&".join([address.query, *(f"{name}={value}" for name, value in named.items())])
            body = {**address.body, **named}
            answer = ask(world, letter, method, f"/{route}", Address({}, body=body, query=query))
            content = re.sub(
                rb'((?:csrfmiddlewaretoken|"key)" value=|nonce=)"[^"]+"', b"", answer.content
            )  # new each time
            answers.append((answer.status_code, content.replace(str(pk).encode(), b"the id")))
        assert answers[0] == answers[1]


TYPED = [
    (model._meta.label, name)
    for model, page in admin.site._registry.items()
    for name in page.autocomplete_fields
]  # fmt: skip


@pytest.mark.parametrize("letter", EVERYBODY)
def test_choices_while_typing_are_rows_of_ones_own_administrations(world, letter):
    for label, name in TYPED:
        app, model = label.lower().split(".")
        query = f"app_label={app}&model_name={model}&field_name={name}&term="
        ask(world, letter, "GET", "/admin/autocomplete/", Address({}, query=query))


@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_sidebar_leads_only_where_the_role_may_go(world, letter):
    request = world.clients[letter].get("/admin/").wsgi_request
    links = [item["link"] for group in navigation(request) for item in group["items"]]
    assert "/admin/" in links
    for link in links:
        page = ask(world, letter, "GET", link, Address({}))
        if page.status_code == 302:  # to the one that is meant now: the period that is closed next
            page = ask(world, letter, "GET", page.url, Address({}))
        assert page.status_code == 200, link


# Lists ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lists(world):
    """What each list asks and shows, before and after there was more of everything."""
    with transaction.atomic():
        before = {label: list_of(world.clients[reader_of(label)], label) for label in MODELS}
        grow(world)
        after = {label: list_of(world.clients[reader_of(label)], label) for label in MODELS}
        transaction.set_rollback(True)
    return before, after


@pytest.mark.parametrize("label", MODELS)
def test_a_list_asks_no_more_of_the_database_when_it_grows(lists, label):
    (few, rows), (many, more_rows) = (shown[label] for shown in lists)
    assert more_rows > rows, f"no more rows of {label}: extend fill()"
    assert many == few
    assert many < 20  # also where the first page was full before


def reader_of(label: str) -> str:
    return "s" if label == "core.Administration" else next(one for one in "omrds" if one in MODELS[label][0])


def list_of(client: Client, label: str) -> tuple[int, int]:
    """How many queries the list takes, and how many rows it shows."""
    path = f"/admin/{label.lower().replace('.', '/')}/"
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    return len(asked), answer.context["cl"].result_count


def grow(world: World) -> None:
    """More rows of everything that has a list."""
    clinic = Clinic(world.own, {role: world.people[letter] for letter, role in LETTERS.items()})
    for n in range(1, 4):
        fill(clinic, n)
        member(world.own, Membership.Role.CASHIER)
        for person in world.people.values():
            Job.objects.create(task="import", title="Import", by=person)
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
        day = date(1990 + n, 1, 1)
        Period.objects.create(administration=world.own, type="YEAR", name=str(day.year), first_day=day, last_day=day)
