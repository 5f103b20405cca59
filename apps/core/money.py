"""Money: Decimal in, Decimal out, rounded half up to the currency's own digits, in this one place.

Digits follow ISO 4217 (minor units, list one). Amounts never pass through float.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import models

from apps.core.errors import AmountHasTooManyDigits, UnknownCurrency

ZERO = Decimal(0)

# ISO 4217 active codes; those that do not have two digits are told apart below.
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
    "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_DIGITS = dict.fromkeys(_TWO.split(), 2)
_DIGITS |= dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0)
_DIGITS |= dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)


@dataclass(frozen=True)
class Currency:
    """An ISO 4217 currency: its code and the number of digits that its smallest unit has."""

    code: str
    digits: int

    @property
    def unit(self) -> Decimal:
        """The smallest amount: 0.01 EUR, 1 JPY, 0.001 KWD."""
        return Decimal(1).scaleb(-self.digits)

    def __str__(self) -> str:
        return self.code


CURRENCIES = {code: Currency(code, digits) for code, digits in sorted(_DIGITS.items())}


def currency(code: str) -> Currency:
    """The currency of an ISO 4217 code. Raises UnknownCurrency."""
    try:
        return CURRENCIES[code.upper()]
    except KeyError:
        raise UnknownCurrency(currency=code) from None


def quantize(amount: Decimal, code: str) -> Decimal:
    """``amount`` rounded half up to the digits of currency ``code``; nothing has no sign."""
    return amount.quantize(currency(code).unit, rounding=ROUND_HALF_UP) + ZERO


def exact(amount: Decimal, code: str) -> Decimal:
    """``amount`` as typed, refused with AmountHasTooManyDigits when it is finer than the currency's unit."""
    rounded = quantize(amount, code)
    if rounded != amount:
        raise AmountHasTooManyDigits(amount=str(amount), currency=code, digits=currency(code).digits)
    return rounded


def text(amount: Decimal, code: str) -> str:
    """``amount`` as the API writes it: exactly the currency's digits, no thousands separator."""
    return str(quantize(Decimal(amount), code))


def split(total: Decimal, parts: int, code: str) -> list[Decimal]:
    """Share ``total`` out to the currency's last digit; the first shares carry the odd units."""
    unit = currency(code).unit
    share, odd = divmod(int(total / unit), parts)
    return [(share + (i < odd)) * unit for i in range(parts)]


def shares(total: Decimal, weights: Sequence[Decimal], code: str) -> list[Decimal]:
    """Share ``total`` out by ``weights``, each share rounded to the currency's last digit; together they are ``total``.

    Weights that cancel out share equally, as far as the digits go.
    """
    whole = sum(weights, ZERO)
    if not whole:
        return split(total, len(weights), code)
    upto, given, parts = ZERO, ZERO, []
    for weight in weights:
        upto += weight
        parts.append(quantize(total * upto / whole, code) - given)
        given += parts[-1]
    return parts


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of ``amounts``, a Decimal also when there are none."""
    return sum(amounts, ZERO)


def amount_field(**options: Any) -> models.DecimalField:
    """A column for an amount in the book currency: numeric(19,4)."""
    return models.DecimalField(max_digits=19, decimal_places=4, **options)


def rate_field(**options: Any) -> models.DecimalField:
    """A column for a percentage such as a VAT rate: 21.00 means 21 %."""
    return models.DecimalField(max_digits=7, decimal_places=4, **options)


def exchange_rate_field(**options: Any) -> models.DecimalField:
    """A column for what one unit of a foreign currency is worth in the book currency: 11.85340000 NOK for 1 EUR."""
    return models.DecimalField(max_digits=18, decimal_places=8, **options)
