"""The figures of one clinic day, each the sum of rows that can be listed."""

from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Min, Q, Sum, Window
from django.db.models.functions import Lag
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Bill, ClinicDay, EndOfDayReconciliation, Outstanding, Payment, Visit
from apps.core.money import ZERO, text, total

Method = Payment.Method
MONEY = (Method.CASH, Method.CARD, Method.TRANSFER, Method.PAYSTACK)


# What a mismatch says to a person; the report keeps its code and facts.
MISMATCHES = {
    "BILLS_AND_PAYMENTS_DISAGREE": _("What bills leave open does not follow from their payments: {amount}."),
    "REFERENCE_REPEATED": _("{receipt}: the {method} reference {reference} was used before."),
    "NUMBER_GAP": _("{count} numbers of {document} are missing."),
}


def describe(mismatch: dict[str, Any]) -> str:
    """A mismatch of a day close in the reader's language."""
    words = dict(mismatch)
    if "amount" in words:
        words["amount"] = number_format(Decimal(words["amount"]), use_l10n=True, force_grouping=True)
    if "method" in words:
        words["method"] = Method(words["method"]).label
    if "document" in words:
        words["document"] = {"bills": Bill, "payments": Payment}[words["document"]]._meta.verbose_name_plural
    return str(MISMATCHES[mismatch["code"]]).format(**words)


@dataclass(frozen=True)
class DayFigures:
    """What a day close states. Names and meaning as ``EndOfDayReconciliation``; amounts in the book currency."""

    total_cash: Decimal
    total_card: Decimal
    total_transfer: Decimal
    total_wallet: Decimal
    total_paystack: Decimal
    total_hmo: Decimal
    total_insurance: Decimal
    total_revenue: Decimal
    total_refunds: Decimal
    total_wallet_topups: Decimal
    money_in: Decimal
    total_billed: Decimal
    total_outstanding: Decimal
    outstanding_visits_count: int
    revenue_leaks_detected: int
    revenue_leaks_amount: Decimal
    total_visits: int
    has_mismatches: bool
    mismatch_details: list[dict[str, Any]]
    breakdown: dict[str, Any]

    def write_to(self, close: EndOfDayReconciliation) -> bool:
        """Set the figures of ``close``; True when one of them changed."""
        changed = False
        for name in (field.name for field in fields(self)):
            changed |= getattr(close, name) != getattr(self, name)
            setattr(close, name, getattr(self, name))
        return changed


def day_figures(day: ClinicDay) -> DayFigures:
    """Compute the figures of ``day`` from its rows, as of the end of that date."""
    code = day.administration.currency
    payments: list[Any] = list(
        Payment.objects.filter(clinic_day=day)
        .order_by()
        .values("method", "kind")
        .annotate(
            sum=Sum("amount"),
            rows=Count("*"),
            low=Min("number"),
            high=Max("number"),
            late=Count("late_for"),
            late_sum=Sum("amount", filter=Q(late_for__isnull=False), default=ZERO),
            repeats=Count("number", filter=Q(repeats_reference=True)),
        )
    )
    bills: list[Any] = list(
        Bill.objects.filter(clinic_day=day)
        .order_by()
        .values("kind")
        .annotate(
            sum_net=Sum("net"),
            sum_vat=Sum("vat"),
            sum_gross=Sum("gross"),
            rows=Count("*"),
            low=Min("number"),
            high=Max("number"),
        )
    )
    settled = {method: total(row["sum"] for row in payments if row["method"] == method) for method in Method}
    refunds = -total(row["sum"] for row in payments if row["kind"] != Payment.Kind.PAYMENT)
    outstanding = _outstanding(day)
    mismatches = [*_mismatches(day, payments, bills, outstanding, total(settled.values()), code)]
    return DayFigures(
        **{f"total_{method.lower()}": settled[method] for method in Method},
        total_revenue=total(settled.values()),
        total_refunds=refunds,
        total_wallet_topups=ZERO,
        money_in=total(settled[method] for method in MONEY),
        total_billed=total(row["sum_net"] for row in bills),
        total_outstanding=outstanding["patient"] + outstanding["payer"],
        outstanding_visits_count=outstanding["visits"],
        revenue_leaks_detected=0,
        revenue_leaks_amount=ZERO,
        total_visits=Visit.objects.filter(administration=day.administration_id, date=day.date).count(),
        has_mismatches=bool(mismatches),
        mismatch_details=mismatches,
        breakdown={
            "methods": {method: _method(method, payments, code) for method in Method},
            "bills": {
                "billed": text(total(row["sum_gross"] for row in bills if row["kind"] == Bill.Kind.BILL), code),
                "credited": text(-total(row["sum_gross"] for row in bills if row["kind"] != Bill.Kind.BILL), code),
                "vat": text(total(row["sum_vat"] for row in bills), code),
                "count": sum(row["rows"] for row in bills),
            },
            "outstanding": {name: text(outstanding[name], code) for name in ("patient", "payer", "own_day", "credits")},
            "late": {
                "payments_count": sum(row["late"] for row in payments),
                "amount": text(total(row["late_sum"] for row in payments), code),
            },
            "not_yet_counted": ["wallet_topups", "revenue_leaks", "drawers"],
        },
    )


def _method(method: str, payments: list[dict[str, Any]], code: str) -> dict[str, Any]:
    taken = [row for row in payments if row["method"] == method and row["kind"] == Payment.Kind.PAYMENT]
    given = [row for row in payments if row["method"] == method and row["kind"] != Payment.Kind.PAYMENT]
    return {
        "gross": text(total(row["sum"] for row in taken), code),
        "refunds": text(-total(row["sum"] for row in given), code),
        "total": text(total(row["sum"] for row in (*taken, *given)), code),
        "payments_count": sum(row["rows"] for row in taken),
        "refunds_count": sum(row["rows"] for row in given),
    }


def _outstanding(day: ClinicDay) -> dict[str, Any]:
    """Everything unpaid at the end of the date, split by debtor, with the day's own and the credits beside it."""
    owed = Q(amount__gt=0)
    patient, payer = Q(debtor=Outstanding.Debtor.PATIENT), Q(debtor=Outstanding.Debtor.PAYER)
    sums: dict[str, Any] = (
        Outstanding.objects.filter(administration=day.administration_id)
        .as_of(day.date)
        .aggregate(
            patient=Sum("amount", filter=owed & patient, default=ZERO),
            payer=Sum("amount", filter=owed & payer, default=ZERO),
            own_day=Sum("amount", filter=owed & Q(clinic_day=day), default=ZERO),
            credits=-Sum("amount", filter=Q(amount__lt=0), default=ZERO),
            visits=Count("visit", filter=owed, distinct=True),
            balance=Sum("amount", filter=patient, default=ZERO),
        )
    )
    return sums


def _mismatches(
    day: ClinicDay,
    payments: list[dict[str, Any]],
    bills: list[dict[str, Any]],
    outstanding: dict[str, Any],
    settled: Decimal,
    code: str,
) -> Any:
    """What does not agree, each as {code, message, ...}: computed from the rows, not believed."""
    before = Outstanding.objects.filter(
        administration=day.administration_id,
        debtor=Outstanding.Debtor.PATIENT,
        during__contains=day.date - timedelta(days=1),
    ).aggregate(balance=Sum("amount", default=ZERO))["balance"]
    moved = total(row["sum_gross"] for row in bills) - settled
    if difference := outstanding["balance"] - before - moved:
        yield {"code": "BILLS_AND_PAYMENTS_DISAGREE", "amount": text(difference, code)}
    repeated = Payment.objects.filter(clinic_day=day, repeats_reference=True).order_by("number")
    for payment in repeated[:100] if any(row["repeats"] for row in payments) else ():
        yield {
            "code": "REFERENCE_REPEATED",
            "payment_id": str(payment.pk),
            "receipt": str(payment),
            "method": payment.method,
            "reference": payment.reference,
            "amount": text(payment.amount, code),
        }
    for document, model, rows in (("payments", Payment, payments), ("bills", Bill, bills)):
        if missing := _missing_numbers(model, day, rows):
            yield {"code": "NUMBER_GAP", "document": document, "count": missing}


def _missing_numbers(model: type[Payment] | type[Bill], day: ClinicDay, rows: list[dict[str, Any]]) -> int:
    """How many of the day's numbers follow none: each run of them is asked for the number before its first."""
    if not rows:
        return 0
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    firsts = {low}
    if high - low + 1 != sum(row["rows"] for row in rows):  # other days took numbers in between
        before = Window(Lag("number"), order_by="number")
        numbers = model.objects.filter(clinic_day=day).annotate(before=before)
        firsts |= set(numbers.exclude(before=F("number") - 1).order_by().values_list("number", flat=True))
    wanted = {first - 1 for first in firsts} - {0}
    there = model.objects.filter(administration=day.administration_id, number__in=wanted).count() if wanted else 0
    return len(wanted) - there
