"""Exchange rates by date."""

from datetime import date
from decimal import Decimal

from django.db import transaction

from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.money import currency as known_currency
from apps.core.permissions import Act, require
from apps.ledger.errors import ExchangeRateInvalid, named_refusals
from apps.ledger.models import ExchangeRate


@named_refusals()
@transaction.atomic
def add_rate(
    administration: Administration, *, currency: str, date: date, rate: Decimal, by: User, source: str = ""
) -> ExchangeRate:
    """Say what one unit of ``currency`` was worth in the book currency on ``date``, and who says so.

    Raises NotAllowed, UnknownCurrency, or ExchangeRateInvalid for a second rate of a day or for the book currency.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    code = known_currency(currency).code
    if code == administration.currency:
        raise ExchangeRateInvalid()
    added: ExchangeRate = ExchangeRate.objects.create(
        administration=administration, currency=code, date=date, rate=rate, source=source
    )
    record("ledger.exchange_rate_added", added, by=by, currency=code, date=date, rate=rate)
    return added
