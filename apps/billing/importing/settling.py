"""Which bill a payment settles, and which payments a refund gives back, when the files do not say it."""

from dataclasses import replace
from decimal import Decimal

from django.utils.translation import gettext as _

from apps.billing.importing.errors import Refused
from apps.billing.importing.facts import BillFact, PaymentFact
from apps.billing.models import Payment


def fitting(bills: list[BillFact], amount: Decimal, *, gives_back: bool, field: str, value: str) -> BillFact:
    """Of several bills the one with exactly that open, then the oldest with room for it, then the newest.

    A refund looks at what was paid instead of what is open. Raises Refused when there is no bill.
    """
    bills = [bill for bill in bills if bill.credits is None]
    if not bills:
        raise Refused(_("no bill for it"), field=field, value=value)
    rooms = [(bill.paid if gives_back else bill.open, bill) for bill in bills]
    exact = [bill for room, bill in rooms if room == amount]
    wide = [bill for room, bill in rooms if room >= amount]
    return (exact or wide or bills[-1:])[0]


def given_back(refund: PaymentFact, original: PaymentFact | None) -> list[PaymentFact]:
    """The refund as one row for each payment that it gives back, in whole or in part.

    The ``original`` when the files name it; otherwise, of the same bill, method and payer, the payment of exactly
    that amount, then the latest one that covers it, then several from the latest back. Raises Refused for more
    than was paid.
    """
    amount = -refund.amount
    candidates = [
        payment
        for payment in ([original] if original else refund.bill.payments)
        if payment.kind == Payment.Kind.PAYMENT
        and (payment.method, payment.payer) == (refund.method, refund.payer)
        and payment.left > 0
    ]
    candidates.sort(
        key=lambda one: (one.date <= refund.date, one.left == amount, one.left >= amount, one.taken_at), reverse=True
    )
    shares: list[tuple[PaymentFact, Decimal]] = []
    for payment in candidates:
        if amount:
            shares.append((payment, min(amount, payment.left)))
            amount -= shares[-1][1]
    if amount:
        raise Refused(
            _("gives back more than was paid on that bill by {method}").format(method=refund.method),
            field="amount",
            value=refund.amount,
        )
    for payment, share in shares:
        payment.left -= share
    return [
        replace(
            refund,
            id=refund.id if len(shares) == 1 else f"{refund.id}/{number}",
            amount=-share,
            refunds=payment,
        )
        for number, (payment, share) in enumerate(shares, start=1)
    ]
