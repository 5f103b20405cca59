"""Addresses of the ledger below /api/v1/ledger/."""

from rest_framework.routers import SimpleRouter

from apps.ledger.api.entries import EntryViewSet
from apps.ledger.api.fixed_assets import FixedAssetViewSet
from apps.ledger.api.invoices import CustomerInvoiceViewSet, VendorInvoiceViewSet
from apps.ledger.api.ledger_sync import (
    AllocationViewSet,
    BackfillViewSet,
    CustomerLedgerViewSet,
    SupplierLedgerViewSet,
    SyncStatusViewSet,
)
from apps.ledger.api.lists import AccountViewSet, ExchangeRateViewSet, JournalViewSet, PartyViewSet, VatCodeViewSet

router = SimpleRouter()
router.register("entries", EntryViewSet, basename="entry")
router.register("vendor-invoices", VendorInvoiceViewSet, basename="vendor-invoice")
router.register("customer-invoices", CustomerInvoiceViewSet, basename="customer-invoice")
router.register("supplier-ledger", SupplierLedgerViewSet, basename="supplier-ledger")
router.register("customer-ledger", CustomerLedgerViewSet, basename="customer-ledger")
router.register("allocations", AllocationViewSet, basename="allocation")
router.register("sync-status", SyncStatusViewSet, basename="sync-status")
router.register("sync-backfill", BackfillViewSet, basename="sync-backfill")
router.register("parties", PartyViewSet, basename="party")
router.register("accounts", AccountViewSet, basename="account")
router.register("journals", JournalViewSet, basename="journal")
router.register("vat-codes", VatCodeViewSet, basename="vat-code")
router.register("exchange-rates", ExchangeRateViewSet, basename="exchange-rate")
router.register("fixed-assets", FixedAssetViewSet, basename="fixed-asset")

urlpatterns = router.urls
