"""References of the payment provider that people type: asked about a moment later, and not in their request."""

from apps.billing.models import Payment, PaystackTransaction, TopUp
from apps.billing.paystack import PAID, is_connected
from apps.core.events import record
from apps.core.models import User


def have_asked(row: Payment | TopUp, *, by: User | None) -> None:
    """Have the provider asked about the reference of ``row``, where a person typed one that it has not confirmed.

    Call it in the transaction that takes the money. Whatever the provider says, the row stays: what it does not confirm
    is a finding of the day.
    """
    typed = by is not None and row.method == Payment.Method.PAYSTACK and row.amount > 0 and row.reference
    if not typed or not is_connected(row.administration_id):
        return
    confirmed = PaystackTransaction.objects.filter(
        administration=row.administration_id, reference=row.reference, status__in=PAID
    )
    if not confirmed.exists():
        record("billing.provider_reference_typed", row, by=by, reference=row.reference)
