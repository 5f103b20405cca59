"""Addresses of billing below /api/v1/billing/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.billing.api.bills import BillViewSet
from apps.billing.api.catalogue import PriceViewSet, ServiceGroupViewSet, ServiceViewSet
from apps.billing.api.claims import ClaimViewSet
from apps.billing.api.closes import DayCloseViewSet
from apps.billing.api.discounts import DiscountViewSet
from apps.billing.api.drawers import (
    CashMovementViewSet,
    CountViewSet,
    DrawerViewSet,
    ShiftViewSet,
    TerminalBatchViewSet,
)
from apps.billing.api.leaks import LeakViewSet
from apps.billing.api.orders import OrderViewSet
from apps.billing.api.patients import PatientViewSet
from apps.billing.api.payers import CoverViewSet, PayerViewSet, TariffViewSet
from apps.billing.api.payments import PaymentViewSet
from apps.billing.api.paystack import PayoutViewSet, ProviderPaymentViewSet, webhook
from apps.billing.api.remittances import RemittanceViewSet, SettlementViewSet
from apps.billing.api.visits import VisitViewSet
from apps.billing.api.wallets import TopUpViewSet, WalletViewSet
from apps.billing.api.write_offs import WriteOffViewSet

router = SimpleRouter()
router.register("reconciliation", DayCloseViewSet, basename="reconciliation")
router.register("wallets", WalletViewSet, basename="wallet")
router.register("top-ups", TopUpViewSet, basename="top-up")
router.register("services", ServiceViewSet, basename="service")
router.register("service-groups", ServiceGroupViewSet, basename="service-group")
router.register("prices", PriceViewSet, basename="price")
router.register("patients", PatientViewSet, basename="patient")
router.register("visits", VisitViewSet, basename="visit")
router.register("orders", OrderViewSet, basename="order")
router.register("bills", BillViewSet, basename="bill")
router.register("discounts", DiscountViewSet, basename="discount")
router.register("payments", PaymentViewSet, basename="payment")
router.register("drawers", DrawerViewSet, basename="drawer")
router.register("shifts", ShiftViewSet, basename="shift")
router.register("cash-movements", CashMovementViewSet, basename="cash-movement")
router.register("counts", CountViewSet, basename="count")
router.register("terminal-batches", TerminalBatchViewSet, basename="terminal-batch")
router.register("paystack/payments", ProviderPaymentViewSet, basename="provider-payment")
router.register("paystack/settlements", PayoutViewSet, basename="provider-settlement")
router.register("payers", PayerViewSet, basename="payer")
router.register("tariffs", TariffViewSet, basename="tariff")
router.register("covers", CoverViewSet, basename="cover")
router.register("claims", ClaimViewSet, basename="claim")
router.register("remittances", RemittanceViewSet, basename="remittance")
router.register("claim-settlements", SettlementViewSet, basename="claim-settlement")
router.register("write-offs", WriteOffViewSet, basename="write-off")
router.register("leaks", LeakViewSet, basename="leaks")

urlpatterns = [
    path("paystack/webhook/<uuid:administration_id>/", webhook, name="paystack_webhook"),
    *router.urls,
]
