"""Catching up with the payment provider: what no message told, what people typed, and what it paid out."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.billing import paystack
from apps.billing.errors import ProviderUnreachable
from apps.billing.models import Payment, PaystackEvent, PaystackSettlement, PaystackTransaction, TopUp
from apps.billing.paystack import PAID, Stated, StatedSettlement
from apps.billing.services.paystack import believe, verify
from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.models import Administration


def fetch_transactions(administration: Administration, since: datetime) -> int:
    """Take every payment that was made since ``since``, so that a lost message is none; how many there were.

    What a rule refuses stands open as success without payment. Raises ProviderUnreachable.
    """
    fetched = 0
    for stated in paystack.transactions(administration.pk, since):
        _believed(administration, stated)
        fetched += 1
    return fetched


def fetch_settlements(administration: Administration, since: datetime) -> int:
    """Keep every payout since ``since``, in its currency, with the payments of that currency that it pays out; how many
    there were. Raises ProviderUnreachable."""
    fetched = 0
    for stated in paystack.settlements(administration.pk, since):
        paid = [
            one for one in paystack.settled_by(administration.pk, stated.provider_id) if one.currency == stated.currency
        ]
        for one in paid:
            _believed(administration, one)
        _keep_settlement(administration, stated, [one.reference for one in paid])
        fetched += 1
    return fetched


def ask_about_typed(administration: Administration, since: datetime) -> int:
    """Ask about the references that people typed since ``since`` and that the provider has not confirmed."""
    confirmed = PaystackTransaction.objects.filter(
        administration=OuterRef("administration"), reference=OuterRef("reference"), status__in=PAID
    )
    typed: set[str] = set()
    for rows in (Payment.objects.filter(kind=Payment.Kind.PAYMENT), TopUp.objects.filter(amount__gt=0)):
        of = rows.filter(administration=administration, method="PAYSTACK", taken_at__gte=since)
        typed.update(of.exclude(Exists(confirmed)).exclude(reference="").values_list("reference", flat=True))
    for reference in sorted(typed):
        ask_about(administration, reference)
    return len(typed)


def ask_about(administration: Administration, reference: str) -> None:
    """Ask about a reference that somebody typed; one without success is what the day's figures list.

    Raises ProviderUnreachable.
    """
    try:
        verify(administration, reference)
    except ProviderUnreachable:
        raise
    except DomainError:
        pass


def waiting_messages(administration: Administration) -> Iterable[PaystackEvent]:
    """Messages that nobody asked the provider about yet, oldest first."""
    return (
        PaystackEvent.objects.filter(administration=administration, handled_at=None)
        .select_related("administration")
        .order_by("received_at")[:500]
    )


def _believed(administration: Administration, stated: Stated) -> None:
    """Take it, or leave it open as success without payment, which the day's figures list."""
    try:
        believe(administration, stated)
    except DomainError:
        pass


@transaction.atomic
def _keep_settlement(administration: Administration, stated: StatedSettlement, references: list[str]) -> None:
    row, new = PaystackSettlement.objects.update_or_create(
        administration=administration,
        provider_id=stated.provider_id,
        defaults={
            "status": stated.status,
            "currency": stated.currency,
            "settled_on": stated.settled_on,
            "gross": stated.gross,
            "fees": stated.fees,
            "net": stated.net,
            "verified_at": timezone.now(),
        },
    )
    rows = PaystackTransaction.objects.filter(administration=administration, reference__in=references)
    rows.exclude(settlement=row).update(settlement=row)
    if new:
        record("billing.provider_settlement_kept", row, net=row.net)
