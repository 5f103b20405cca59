"""Tables of billing: the catalogue, the clinic day and what is born into it, the day close."""

from apps.billing.models.bills import Bill, BillLine, Outstanding, Payment
from apps.billing.models.catalogue import Patient, PatientIdentity, Payer, Service, ServiceGroup, ServicePrice
from apps.billing.models.closes import CloseNote, EndOfDayReconciliation
from apps.billing.models.days import ClinicDay, NightlyClose, Visit

__all__ = [
    "Bill",
    "BillLine",
    "ClinicDay",
    "CloseNote",
    "EndOfDayReconciliation",
    "NightlyClose",
    "Outstanding",
    "Patient",
    "PatientIdentity",
    "Payer",
    "Payment",
    "Service",
    "ServiceGroup",
    "ServicePrice",
    "Visit",
]
