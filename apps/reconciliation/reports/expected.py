"""What an account should stand at by another source than its lines, and which source that is."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum
from django.db.models.functions import Coalesce

from apps.core.money import ZERO, quantize
from apps.ledger.models import Account, ExchangeRate, OpenItem
from apps.reconciliation.models import BankAccount
from apps.reconciliation.reports.bank_balance import BankBalance, bank_balance


@dataclass(frozen=True, slots=True)
class Expected:
    """``amount`` in the book currency: of the bank's statement (``stated``, at ``rate`` where it is in another
    currency), otherwise of the account's open items."""

    amount: Decimal
    stated: BankBalance | None = None
    rate: ExchangeRate | None = None


def bank_of(account: Account) -> BankAccount | None:
    """The bank account whose lines stand on ``account``."""
    found: BankAccount | None = getattr(account, "bank_account", None)
    return found


def expected_balance(account: Account, day: date) -> Expected | None:
    """What ``account`` should stand at: by its bank, or by its open items. None where only a person can say it, before
    the first statement, and where a rate is missing."""
    currency = account.administration.currency
    if bank := bank_of(account):
        stated = bank_balance(bank, day)
        if stated is None or bank.currency == currency:
            return Expected(stated.amount, stated) if stated else None
        rate = ExchangeRate.objects.on(bank.administration_id, bank.currency, day)
        return Expected(quantize(stated.amount * rate.rate, currency), stated, rate) if rate else None
    if account.control:
        items = OpenItem.objects.filter(account=account).as_of(day)
        return Expected(items.aggregate(sum=Coalesce(Sum("open"), ZERO))["sum"])
    return None
