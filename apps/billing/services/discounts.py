"""Discounts: given with a line of a bill, approved by a second person where they are above the clinic's limit."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

from django.db import transaction
from django.utils import timezone

from apps.billing.errors import DiscountKept, DiscountNeedsAnother
from apps.billing.models import BillLine, Discount
from apps.billing.services.settings import settings_of
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.money import quantize
from apps.core.permissions import Act, require


def give_discounts(given: Sequence[tuple[BillLine, str]], *, administration: Administration, by: User) -> None:
    """Record the discount of each line, with its reason.

    Up to the clinic's limit it needs nobody: it counts as approved, by no one. Above it ``approved_at`` stays empty
    until approve_discount.
    """
    if not given:
        return
    limit, now = settings_of(administration).discount_limit, timezone.now()
    discounts = []
    for line, reason in given:
        percentage = _percentage(line, administration.currency)
        discounts.append(
            Discount(
                administration=administration,
                line=line,
                amount=line.discount,
                percentage=percentage,
                reason=reason,
                given_by=by,
                given_at=now,
                approved_at=now if percentage <= limit else None,
            )
        )
    Discount.objects.bulk_create(discounts)
    for discount in discounts:
        record("billing.discount_given", discount, by=by, amount=discount.amount, percentage=discount.percentage)


@transaction.atomic
def approve_discount(discount: Discount, *, by: User) -> Discount:
    """Let a discount above the limit count. Raises NotAllowed, DiscountKept when it was approved before, or
    DiscountNeedsAnother for one's own, unless one person may sign alone."""
    require(by, Act.APPROVE, discount.administration_id)
    discount = Discount.objects.select_for_update(of=("self",)).select_related("administration").get(pk=discount.pk)
    if discount.approved_at is not None:
        raise DiscountKept()
    own = discount.given_by_id == by.pk
    if own and not discount.administration.single_sign_off:
        raise DiscountNeedsAnother()
    discount.approved_by, discount.approved_at = by, timezone.now()
    discount.save(update_fields=["approved_by", "approved_at"])
    record("billing.discount_approved", discount, by=by, amount=discount.amount, single_sign_off=own)
    return discount


def _percentage(line: BillLine, code: str) -> Decimal:
    """Rounded up, so that what is a hair above the limit stays above it."""
    price = quantize(line.unit_price * line.quantity, code)
    return (line.discount * 100 / price).quantize(Decimal("0.0001"), ROUND_CEILING)
