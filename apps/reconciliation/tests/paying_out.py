"""Payouts of Paystack and of a card acquirer, made as billing keeps them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal as D
from typing import Any

from django.utils import timezone

from apps.billing.models import (
    Payment,
    PaystackRefund,
    PaystackSettlement,
    PaystackTransaction,
    TerminalBatch,
    TopUp,
)
from apps.billing.services.days import day_for
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import Clinic
from apps.ledger.models import Account, Journal, JournalLine
from apps.ledger.tests.factories import Books
from apps.reconciliation.models import BankAccount
from apps.reconciliation.tests.bank import Bank


def bank_of(clinic: Clinic, **fields: Any) -> Bank:
    """The clinic's own account, or a further one."""
    mine = {"administration": clinic.administration}
    account = BankAccount.objects.create(
        **mine,
        journal=fields.pop("journal", None) or Journal.objects.get(**mine, code="BNK"),
        account=fields.pop("account", None) or Account.objects.get(**mine, purpose="bank"),
        **{"name": "ING", "currency": "EUR", **fields},
    )
    return Bank(Books(clinic.administration, clinic.owner), account, clinic.accountant)


def balance(clinic: Clinic, purpose: str) -> D:
    return JournalLine.objects.filter(administration=clinic.administration, account__purpose=purpose).balance()


@dataclass
class Provider:
    """What Paystack states of a clinic: payments that were taken here, refunds, payouts."""

    clinic: Clinic
    count: int = 0

    def paid(self, amount: str, *, day: date | None = None, fee: str = "0.50", **stated: Any) -> PaystackTransaction:
        """A bill that somebody paid there, taken here on ``day``."""
        self.count += 1
        reference = f"ref-{self.count}"
        bill = self.clinic.bill(amount, day=day or self.clinic.yesterday)
        if stated.pop("taken", True):
            self.clinic.pay(bill, amount, "PAYSTACK", day=day or self.clinic.yesterday, reference=reference)
        return self._stated(reference, amount, fee, **stated)

    def topped_up(self, amount: str, *, day: date | None = None, fee: str = "0.50") -> PaystackTransaction:
        self.count += 1
        reference = f"ref-{self.count}"
        TopUp.objects.create(
            administration=self.clinic.administration,
            clinic_day=day_for(self.clinic.administration, day or self.clinic.yesterday)[0],
            patient=self.clinic.patient(),
            method=TopUp.Method.PAYSTACK,
            amount=D(amount),
            reference=reference,
            taken_by=self.clinic.receptionist,
        )
        return self._stated(reference, amount, fee)

    def _stated(self, reference: str, amount: str, fee: str, **stated: Any) -> PaystackTransaction:
        return PaystackTransaction.objects.create(
            administration=self.clinic.administration,
            reference=reference,
            amount=D(amount),
            fees=D(fee),
            paid_on=self.clinic.yesterday,
            paid_at=timezone.now(),
            **{"status": "success", "currency": "EUR", **stated},
        )

    def gave_back(self, stated: PaystackTransaction, amount: str, *, entered: bool = True) -> PaystackRefund:
        """A refund there, entered here today."""
        if entered:
            payment = Payment.objects.get(reference=stated.reference, kind="PAYMENT")
            refund_payment(payment, amount=D(amount), reason="Half", by=self.clinic.manager)
        return PaystackRefund.objects.create(
            administration=self.clinic.administration,
            transaction=stated,
            provider_id=f"{stated.reference}-{PaystackRefund.objects.count()}",
            amount=D(amount),
            currency="EUR",
            status=PaystackRefund.PROCESSED,
        )

    def payout(
        self, number: str, *paid: PaystackTransaction, deducts: tuple[PaystackRefund, ...] = (), **stated: Any
    ) -> PaystackSettlement:
        gross, fees = sum(one.amount for one in paid), sum(one.fees for one in paid)
        made = PaystackSettlement.objects.create(
            administration=self.clinic.administration,
            provider_id=number,
            **{
                "status": "success",
                "currency": "EUR",
                "settled_on": self.clinic.today,
                "gross": gross,
                "fees": fees,
                "net": gross - fees - sum(one.amount for one in deducts),
                **stated,
            },
        )
        PaystackTransaction.objects.filter(pk__in=[one.pk for one in paid]).update(settlement=made)
        PaystackRefund.objects.filter(pk__in=[one.pk for one in deducts]).update(settlement=made)
        return made


def printed(clinic: Clinic, day: date, batch: str, amount: str, terminal: str = "T-1") -> TerminalBatch:
    """What a card terminal printed of ``day``."""
    return TerminalBatch.objects.create(
        administration=clinic.administration,
        clinic_day=day_for(clinic.administration, day)[0],
        terminal=terminal,
        batch=batch,
        total=D(amount),
        by=clinic.receptionist,
    )
