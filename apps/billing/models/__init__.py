"""Tables of billing: the catalogue, the clinic day and what is born into it, the day close."""

from apps.billing.models.bills import Bill, BillLine, Discount, Outstanding, Payment
from apps.billing.models.catalogue import Patient, PatientIdentity, Payer, Service, ServiceGroup, ServicePrice
from apps.billing.models.clinic import ClinicSettings
from apps.billing.models.closes import CloseNote, EndOfDayReconciliation
from apps.billing.models.days import ClinicDay, NightlyClose, Visit
from apps.billing.models.drawers import CashMovement, CountNote, Drawer, DrawerCount, Shift, TerminalBatch
from apps.billing.models.leaks import Leak
from apps.billing.models.orders import Coverage, Order
from apps.billing.models.payers import Claim, ClaimSettlement, ClaimStep, Cover, Remittance, Tariff, WriteOff
from apps.billing.models.paystack import PaystackEvent, PaystackRefund, PaystackSettlement, PaystackTransaction
from apps.billing.models.wallets import TopUp, Wallet

__all__ = [
    "Bill",
    "BillLine",
    "CashMovement",
    "Claim",
    "ClaimSettlement",
    "ClaimStep",
    "ClinicDay",
    "ClinicSettings",
    "CloseNote",
    "CountNote",
    "Cover",
    "Coverage",
    "Discount",
    "Drawer",
    "DrawerCount",
    "EndOfDayReconciliation",
    "Leak",
    "NightlyClose",
    "Order",
    "Outstanding",
    "Patient",
    "PatientIdentity",
    "Payer",
    "Payment",
    "PaystackEvent",
    "PaystackRefund",
    "PaystackSettlement",
    "PaystackTransaction",
    "Remittance",
    "Service",
    "ServiceGroup",
    "ServicePrice",
    "Shift",
    "Tariff",
    "TerminalBatch",
    "TopUp",
    "Visit",
    "Wallet",
    "WriteOff",
]
