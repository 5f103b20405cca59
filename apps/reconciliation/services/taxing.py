"""The VAT in an amount that a bank line is booked with."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.core.money import quantize
from apps.ledger.errors import VatCodeDoesNotFit, VatCodeNotValid, VatNumberRequired
from apps.ledger.models import Account, JournalLine, VatCode
from apps.ledger.services.posting import Line, on_side
from apps.reconciliation.services.parts import Part
from apps.reconciliation.services.valuing import Worth

Role = JournalLine.VatRole


def taxed(part: Part, account: Account, debit: Decimal, worth: Worth, **more: Any) -> Iterator[Line]:
    """``debit`` (a credit when negative), VAT included, as lines: base and tax as an invoice has them.

    A code of purchases deducts what is deductible, the rest is cost; one of sales owes; one of reverse charge does
    both, and nothing of it is in the amount. Raises VatCodeNotValid, VatNumberRequired or VatCodeDoesNotFit.
    """
    code, books = part.vat_code, worth.administration.currency
    if code is None:
        yield on_side(account, debit, **more)
        return
    _refuse(code, part, worth)
    rate = code.rate / 100
    base = debit if code.reverse_charge else quantize(debit / (1 + rate), books)
    tax = quantize(base * rate, books) if code.reverse_charge else debit - base
    if base:
        yield on_side(account, base, vat_code=code, vat_role=Role.BASE.value, **_scaled(more, base, debit, worth))
    buys = code.input_account is not None
    if tax and code.account and not (buys and not code.reverse_charge):
        # Sales stand on the credit side: their base counts in the return with the sign of what was earned.
        owed, reckoned = (-tax, base) if code.reverse_charge else (tax, -base)
        yield on_side(code.account, owed, vat_code=code, vat_role=Role.TAX.value, vat_base=reckoned)
    if tax and code.input_account:
        deducted = quantize(tax * code.deductible / 100, books)
        if deducted:
            yield on_side(code.input_account, deducted, vat_code=code, vat_role=Role.DEDUCTIBLE.value, vat_base=base)
        if deducted != tax:
            yield on_side(account, tax - deducted, memo=_("VAT that is not deducted"))


def _scaled(more: dict[str, Any], base: Decimal, debit: Decimal, worth: Worth) -> dict[str, Any]:
    """The foreign amount of the base alone: tax is owed and deducted in the book currency."""
    if not more.get("currency"):
        return more
    return {**more, "amount_currency": quantize(more["amount_currency"] * base / debit, more["currency"])}


def _refuse(code: VatCode, part: Part, worth: Worth) -> None:
    day = worth.line.date
    if (code.valid_from and day < code.valid_from) or (code.valid_until and day > code.valid_until):
        raise VatCodeNotValid(vat_code=code.code, date=day)
    if code.requires_vat_number and not (part.party and part.party.vat_number):
        raise VatNumberRequired(vat_code=code.code, party=str(part.party or "?"))
    if code.rate and code.reverse_charge and code.account is None:
        raise VatCodeDoesNotFit(vat_code=code.code)
