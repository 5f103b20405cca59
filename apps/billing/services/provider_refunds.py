"""What the payment provider gave back: kept as it states it, for a person to enter as a refund."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.billing import paystack
from apps.billing.errors import ProviderUnreachable
from apps.billing.models import PaystackRefund, PaystackSettlement, PaystackTransaction
from apps.billing.paystack import StatedRefund
from apps.billing.services.days import local_date
from apps.core.errors import DomainError
from apps.core.models import Administration


def fetch_refunds(administration: Administration, *, since: datetime | None = None, reference: str = "") -> int:
    """Keep every refund since ``since``, or of the payment ``reference``; how many there were.

    An account that may not list its refunds has none here: its messages tell that there was one. Raises
    ProviderUnreachable.
    """
    of = PaystackTransaction.objects.filter(administration=administration, reference=reference).first()
    if since is None and (of is None or not of.provider_id):
        return 0
    try:
        asked = {"since": since} if since else {"transaction": of.provider_id if of else ""}
        stated = list(paystack.refunds(administration.pk, **asked))
    except ProviderUnreachable:
        raise
    except DomainError:
        return 0
    return sum(_keep(administration, one) for one in stated)


@transaction.atomic
def _keep(administration: Administration, stated: StatedRefund) -> bool:
    """Keep it with its payment and the payout that it was deducted from; False where the payment is unknown here."""
    of = PaystackTransaction.objects.filter(administration=administration)
    by = {"reference": stated.reference} if stated.reference else {"provider_id": stated.transaction_id or None}
    paid = of.filter(**by).first()
    if paid is None or not stated.amount:
        return False
    payouts = PaystackSettlement.objects.filter(administration=administration)
    PaystackRefund.objects.update_or_create(
        administration=administration,
        provider_id=stated.provider_id,
        defaults={
            "transaction": paid,
            "status": stated.status,
            "amount": stated.amount,
            "currency": stated.currency,
            "refunded_on": local_date(administration, stated.refunded_at) if stated.refunded_at else None,
            "settlement": payouts.filter(provider_id=stated.settlement_id).first() if stated.settlement_id else None,
            "verified_at": timezone.now(),
        },
    )
    return True
