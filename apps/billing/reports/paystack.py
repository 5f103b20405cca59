"""Where the provider and the books disagree about a day."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from apps.billing.models import ClinicDay, Payment, PaystackEvent, PaystackRefund, PaystackTransaction, TopUp
from apps.billing.paystack import PAID, REVERSED, SUCCESS, is_connected
from apps.core.money import ZERO, amount_field, text

# What a mismatch says to a person; a report keeps its code and facts.
MISMATCHES = {
    "PROVIDER_SUCCESS_WITHOUT_PAYMENT": _("Paystack took {amount} {currency} by {reference}; nothing was paid here."),
    "PROVIDER_PAYMENT_NOT_CONFIRMED": _("{receipt}: Paystack has not confirmed {amount} by “{reference}”."),
    "PROVIDER_PAYMENT_DIFFERS": _("By {reference} Paystack took {amount}, and {taken} was taken here."),
    "PROVIDER_REFERENCE_OVERUSED": _("By {reference} {taken} was taken here, more than the {amount} that was paid."),
    "PROVIDER_CURRENCY": _("{reference} was paid in {currency}, and taken here as if in the currency of the books."),
    "PROVIDER_REFUND_NOT_ENTERED": _("Paystack gave {reference} back, and no refund was entered here."),
    "PROVIDER_DISPUTE_OPEN": _("A patient disputes {reference} at Paystack."),
}
# And how to mend it.
WAYS_OUT = {
    "PROVIDER_SUCCESS_WITHOUT_PAYMENT": _("Open the provider payment and assign it to a bill or a wallet."),
    "PROVIDER_PAYMENT_NOT_CONFIRMED": _("Compare the reference with the patient's receipt; refund what was not paid."),
    "PROVIDER_PAYMENT_DIFFERS": _("Take what is missing, or ask the manager to refund what is too much."),
    "PROVIDER_REFERENCE_OVERUSED": _("Ask the manager to refund what was taken twice."),
    "PROVIDER_CURRENCY": _("Ask the accountant: it is posted by hand at the rate of the day."),
    "PROVIDER_REFUND_NOT_ENTERED": _("Enter what the provider gave back: as a refund, or as a chargeback."),
    "PROVIDER_DISPUTE_OPEN": _("Answer it in Paystack's dashboard before it is decided without you."),
}

REFUNDED, DISPUTED, RESOLVED = "refund.processed", "charge.dispute.create", "charge.dispute.resolve"
MOST = 100  # of each kind: a day that has more has another problem


def with_taken(rows: QuerySet[PaystackTransaction]) -> QuerySet[Any]:
    """Each provider payment with ``taken``, what bills and wallets took by its reference, and ``given_back``, what was
    entered of it as refunds, as chargebacks and as money paid out of a wallet."""
    # Indexes hold the references that are one; a reference that is asked for row by row has to say that it is.
    same = {"administration": OuterRef("administration"), "reference": OuterRef("reference"), "method": "PAYSTACK"}
    paid = Payment.objects.filter(~Q(reference=""), **same, kind=Payment.Kind.PAYMENT)
    topped = TopUp.objects.filter(~Q(reference=""), **same, amount__gt=0)
    paid_out = TopUp.objects.filter(~Q(reference=""), **same, amount__lt=0)
    return rows.annotate(
        taken=_each(paid, "reference") + _each(topped, "reference"),
        given_back=-_each(paid, "reference", "refunded_by__amount") - _each(paid_out, "reference"),
    )


def with_stated_back(rows: QuerySet[PaystackTransaction]) -> QuerySet[Any]:
    """As ``with_taken``, and ``stated_back``: what the provider gave back. One that is reversed went back whole."""
    refunds = PaystackRefund.objects.filter(transaction=OuterRef("pk"), status=PaystackRefund.PROCESSED)
    whole = Case(When(status=REVERSED, then=F("amount")), default=Value(ZERO), output_field=amount_field())
    return with_taken(rows).annotate(stated_back=Greatest(_each(refunds, "transaction"), whole))


def unmatched(rows: QuerySet[PaystackTransaction]) -> QuerySet[Any]:
    """Those that succeeded and were not taken for what they are."""
    return with_taken(rows).filter(~Q(taken=F("amount")), status=SUCCESS)


def mismatches_of(day: ClinicDay) -> Iterator[dict[str, Any]]:
    """Provider success without payment, the reverse, different amounts and currencies, references used beyond their
    amount, and what the provider gave back that nobody entered. Each as {code, facts}.

    Payments are held against the provider only where it is connected, or its payments were imported.
    """
    administration, code = day.administration, day.administration.currency
    ours = PaystackTransaction.objects.filter(administration=administration)
    if is_connected(administration.pk) or ours.exists():
        asked = {"a": administration.pk, "day": day.pk, "date": day.date, "code": code, "most": MOST}
        for row in PaystackTransaction.objects.raw(DIFFERING, asked):
            yield from _of_transaction(row, code)
        for model, name in ((Payment, "payment_id"), (TopUp, "top_up_id")):
            yield from _not_confirmed(model, name, asked)
    yield from _messages(day)


# Payments of the provider that are of the day, or by whose reference something was taken on it, and differ from what
# was taken for them. LATERAL ... OFFSET 0 keeps the planner from reading all of them for those of a day; a reference
# that is compared row by row says that it is one, since the indexes hold no others.
DIFFERING = """
WITH used AS MATERIALIZED (
    SELECT reference FROM billing_payment
    WHERE clinic_day_id = %(day)s AND method = 'PAYSTACK' AND reference <> ''
    UNION
    SELECT reference FROM billing_topup WHERE clinic_day_id = %(day)s AND method = 'PAYSTACK' AND reference <> ''
), about AS (
    SELECT known.id FROM (SELECT %(date)s AS date OFFSET 0) asked CROSS JOIN LATERAL (
        SELECT id FROM billing_paystacktransaction
        WHERE administration_id = %(a)s AND paid_on = asked.date OFFSET 0
    ) known
    UNION
    SELECT known.id FROM used CROSS JOIN LATERAL (
        SELECT id FROM billing_paystacktransaction
        WHERE administration_id = %(a)s AND reference = used.reference OFFSET 0
    ) known
)
SELECT stated.*, paid.amount + topped.amount AS taken
FROM about CROSS JOIN LATERAL (SELECT * FROM billing_paystacktransaction WHERE id = about.id OFFSET 0) stated
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_payment
    WHERE administration_id = %(a)s AND method = 'PAYSTACK' AND reference = stated.reference AND reference <> ''
      AND kind = 'PAYMENT'
) paid
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_topup
    WHERE administration_id = %(a)s AND reference = stated.reference AND reference <> '' AND method = 'PAYSTACK'
      AND amount > 0
) topped
WHERE stated.status IN ('success', 'reversed')
  AND (paid.amount + topped.amount <> stated.amount OR stated.currency <> %(code)s)
ORDER BY stated.id
"""
NOT_CONFIRMED = """
SELECT row.* FROM {table} row
LEFT JOIN LATERAL (
    SELECT true AS found FROM billing_paystacktransaction
    WHERE administration_id = %(a)s AND reference = row.reference AND row.reference <> ''
      AND status IN ('success', 'reversed')
    LIMIT 1
) confirmed ON true
WHERE row.clinic_day_id = %(day)s AND row.method = 'PAYSTACK' AND row.amount > 0 AND confirmed.found IS NULL
ORDER BY row.number LIMIT %(most)s
"""


def _of_transaction(row: Any, code: str) -> Iterator[dict[str, Any]]:
    facts = {
        "transaction_id": str(row.pk),
        "reference": row.reference,
        "amount": text(row.amount, row.currency),
        "currency": row.currency,
    }
    taken = {"taken": text(row.taken, code)}
    if not row.taken:
        if row.status == SUCCESS:  # what was reversed before anybody took it is settled
            yield {"code": "PROVIDER_SUCCESS_WITHOUT_PAYMENT", **facts}
    elif row.currency != code:
        yield {"code": "PROVIDER_CURRENCY", **facts, **taken}
    elif row.taken > row.amount:
        yield {"code": "PROVIDER_REFERENCE_OVERUSED", **facts, **taken}
    elif row.taken < row.amount:
        yield {"code": "PROVIDER_PAYMENT_DIFFERS", **facts, **taken}


def _not_confirmed(model: type[Payment] | type[TopUp], name: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was taken on the day by a reference that the provider did not confirm, or by none."""
    for row in model._default_manager.raw(NOT_CONFIRMED.format(table=model._meta.db_table), asked):
        yield {
            "code": "PROVIDER_PAYMENT_NOT_CONFIRMED",
            name: str(row.pk),
            "receipt": str(row),
            "reference": row.reference,
            "amount": text(row.amount, asked["code"]),
        }


def _given_back(day: ClinicDay, told: set[str]) -> Iterator[dict[str, Any]]:
    """What the provider gave back, of payments of ``day`` and on it, and nobody entered, or not all of it.

    A refund has its amount; a payment that is reversed is given back whole; a message alone, of ``told`` references,
    tells that there was one.
    """
    ours = PaystackTransaction.objects.filter(administration=day.administration_id)
    refunded = PaystackRefund.objects.filter(
        administration=day.administration_id, refunded_on=day.date, status=PaystackRefund.PROCESSED
    )
    wanted = {  # by three indexes, and not by all payments there ever were
        *ours.filter(paid_on=day.date, status=REVERSED).values_list("pk", flat=True)[:MOST],
        *refunded.values_list("transaction", flat=True)[:MOST],
        *(ours.filter(reference__in=told).values_list("pk", flat=True)[:MOST] if told else ()),
    }
    if wanted:
        for row in with_stated_back(ours.filter(pk__in=wanted, status__in=PAID)).order_by("id"):
            told.discard(row.reference)
            if row.taken and row.stated_back > row.given_back:
                yield _not_entered(row, row.stated_back - row.given_back)
            elif row.taken and not row.stated_back:
                told.add(row.reference)
    if told:
        yield from _told_alone(day, told)


def _not_entered(row: Any, amount: Decimal) -> dict[str, Any]:
    return {
        "code": "PROVIDER_REFUND_NOT_ENTERED",
        "transaction_id": str(row.pk),
        "reference": row.reference,
        "amount": text(amount, row.currency),
        "currency": row.currency,
    }


def _told_alone(day: ClinicDay, references: set[str]) -> Iterator[dict[str, Any]]:
    """Refunds of which messages tell and nothing else: more of them than were entered."""
    of = {"administration": day.administration_id, "reference__in": references}
    paid = Payment.objects.filter(**of, method="PAYSTACK", refunded_by__isnull=False).order_by()
    paid_out = TopUp.objects.filter(**of, method="PAYSTACK", amount__lt=0).order_by()
    entered = Counter(dict(paid.values_list("reference").annotate(count=Count("refunded_by"))))
    entered.update(dict(paid_out.values_list("reference").annotate(count=Count("*"))))
    told = PaystackEvent.objects.filter(**of, event=REFUNDED).order_by("reference")
    for reference, count in told.values_list("reference").annotate(count=Count("*")):
        if count > entered[reference]:
            yield {"code": "PROVIDER_REFUND_NOT_ENTERED", "reference": reference}


def _messages(day: ClinicDay) -> Iterator[dict[str, Any]]:
    """What was given back, and disputes that the provider told of on ``day`` and that are open."""
    zone = ZoneInfo(day.administration.time_zone)
    began = datetime.combine(day.date, time(), zone)
    ended = datetime.combine(day.date + timedelta(days=1), time(), zone)
    told = PaystackEvent.objects.filter(administration=day.administration_id)
    today = told.filter(received_at__gte=began, received_at__lt=ended, event__in=(REFUNDED, DISPUTED))
    events = set(today.exclude(reference="").order_by().values_list("event", "reference"))
    yield from _given_back(day, {reference for event, reference in events if event == REFUNDED})
    disputed = {reference for event, reference in events if event == DISPUTED}
    if disputed:
        resolved = told.filter(event=RESOLVED, reference__in=disputed)
        for reference in sorted(disputed - set(resolved.values_list("reference", flat=True)))[:MOST]:
            yield {"code": "PROVIDER_DISPUTE_OPEN", "reference": reference}


def _each(rows: QuerySet[Any], of: str, what: str = "amount") -> Any:
    return Coalesce(Subquery(rows.order_by().values(of).annotate(each=Sum(what)).values("each")), ZERO)
