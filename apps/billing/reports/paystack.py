"""Where the provider and the books disagree about a day."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.billing.models import ClinicDay, Payment, PaystackEvent, PaystackTransaction, TopUp
from apps.billing.paystack import REVERSED, SUCCESS, is_connected
from apps.core.money import ZERO, text

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
    "PROVIDER_REFUND_NOT_ENTERED": _("Open the payment and enter the refund or chargeback."),
    "PROVIDER_DISPUTE_OPEN": _("Answer it in Paystack's dashboard before it is decided without you."),
}

REFUNDED, DISPUTED, RESOLVED = "refund.processed", "charge.dispute.create", "charge.dispute.resolve"
MOST = 100  # of each kind: a day that has more has another problem


def with_taken(rows: QuerySet[PaystackTransaction]) -> QuerySet[Any]:
    """Each provider payment with ``taken``, what bills and wallets took by its reference, and ``given_back``, how many
    refunds and chargebacks were entered for it."""
    same = {"administration": OuterRef("administration"), "reference": OuterRef("reference"), "method": "PAYSTACK"}
    paid = Payment.objects.filter(**same, kind=Payment.Kind.PAYMENT)
    topped = TopUp.objects.filter(**same, amount__gt=0)
    back = Payment.objects.filter(
        administration=OuterRef("administration"), refunds__reference=OuterRef("reference"), method="PAYSTACK"
    )
    return rows.annotate(
        taken=_each(paid, "reference", Sum("amount")) + _each(topped, "reference", Sum("amount")),
        given_back=_each(back, "refunds__reference", Count("*")),
    )


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
    used = {
        *Payment.objects.filter(clinic_day=day, method="PAYSTACK").values_list("reference", flat=True),
        *TopUp.objects.filter(clinic_day=day, method="PAYSTACK").values_list("reference", flat=True),
    } - {""}
    about = with_taken(ours.filter(Q(paid_on=day.date) | Q(reference__in=used), status__in=(SUCCESS, REVERSED)))
    confirmed = set()
    for row in about.order_by("id"):
        confirmed.add(row.reference)
        yield from _of_transaction(row, code)
    if is_connected(administration.pk) or ours.exists():
        yield from _not_confirmed(day, confirmed, code)
    yield from _messages(day)


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
    if row.taken and row.status == REVERSED and not row.given_back:
        yield {"code": "PROVIDER_REFUND_NOT_ENTERED", **facts}


def _not_confirmed(day: ClinicDay, confirmed: set[str], code: str) -> Iterator[dict[str, Any]]:
    payments = Payment.objects.filter(clinic_day=day, method="PAYSTACK", kind=Payment.Kind.PAYMENT)
    top_ups = TopUp.objects.filter(clinic_day=day, method="PAYSTACK", amount__gt=0)
    for rows, name in ((payments, "payment_id"), (top_ups, "top_up_id")):
        for row in rows.exclude(reference__in=confirmed).order_by("number")[:MOST]:
            yield {
                "code": "PROVIDER_PAYMENT_NOT_CONFIRMED",
                name: str(row.pk),
                "receipt": str(row),
                "reference": row.reference,
                "amount": text(row.amount, code),
            }


def _messages(day: ClinicDay) -> Iterator[dict[str, Any]]:
    """Refunds and disputes that the provider told of on ``day``: entered by a person, or open."""
    zone = ZoneInfo(day.administration.time_zone)
    began = datetime.combine(day.date, time(), zone)
    ended = datetime.combine(day.date + timedelta(days=1), time(), zone)
    told = PaystackEvent.objects.filter(administration=day.administration_id)
    today = told.filter(received_at__gte=began, received_at__lt=ended)
    references = set(today.filter(event=REFUNDED).exclude(reference="").values_list("reference", flat=True))
    reversed_ = PaystackTransaction.objects.filter(
        administration=day.administration_id, reference__in=references, status=REVERSED, paid_on=day.date
    )
    references -= set(reversed_.values_list("reference", flat=True))  # told above
    if references:
        back = Payment.objects.filter(
            administration=day.administration_id, method="PAYSTACK", refunds__reference__in=references
        )
        entered = dict(back.order_by().values_list("refunds__reference").annotate(count=Count("*")))
        refunds = told.filter(event=REFUNDED, reference__in=references)
        for reference, count in refunds.order_by("reference").values_list("reference").annotate(count=Count("*")):
            if count > entered.get(reference, 0):
                yield {"code": "PROVIDER_REFUND_NOT_ENTERED", "reference": reference}
    resolved = told.filter(event=RESOLVED).values("reference")
    disputes = today.filter(event=DISPUTED).exclude(reference__in=resolved).exclude(reference="")
    for reference in disputes.order_by("reference").values_list("reference", flat=True).distinct()[:MOST]:
        yield {"code": "PROVIDER_DISPUTE_OPEN", "reference": reference}


def _each(rows: QuerySet[Any], of: str, what: Any) -> Any:
    return Coalesce(Subquery(rows.order_by().values(of).annotate(each=what).values("each")), _nothing(what))


def _nothing(what: Any) -> Decimal | int:
    return 0 if isinstance(what, Count) else ZERO
