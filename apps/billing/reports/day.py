"""The figures of one clinic day, each the sum of rows that can be listed."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Min, Model, Q, Sum, Window
from django.db.models.functions import Lag
from django.utils.translation import gettext_lazy as _

from apps.billing.models import (
    Bill,
    CashMovement,
    ClaimSettlement,
    ClinicDay,
    EndOfDayReconciliation,
    Outstanding,
    Payment,
    TerminalBatch,
    TopUp,
    Visit,
    WriteOff,
)
from apps.billing.reports import advances, drawers, paystack, wallets
from apps.billing.reports.drawers import DrawerOfDay
from apps.billing.reports.leaks.figures import leaks_of
from apps.core import display
from apps.core.money import ZERO, text, total
from apps.core.planner import by_index

Method = Payment.Method
MONEY = (Method.CASH, Method.CARD, Method.TRANSFER, Method.PAYSTACK)
DOCUMENTS: dict[str, type[Model]] = {
    "bills": Bill,
    "payments": Payment,
    "top_ups": TopUp,
    "cash_movements": CashMovement,
}

# What a mismatch says to a person; the report keeps its code and facts.
MISMATCHES = {
    "BILLS_AND_PAYMENTS_DISAGREE": _("What bills leave open does not follow from their payments: {amount}."),
    "REFERENCE_REPEATED": _("{receipt}: the {method} reference {reference} was used before."),
    "NUMBER_GAP": _("{count} numbers of {document} are missing."),
    **drawers.MISMATCHES,
    **paystack.MISMATCHES,
    **wallets.MISMATCHES,
}
# And how to mend it.
WAYS_OUT = {
    "BILLS_AND_PAYMENTS_DISAGREE": _("Nobody at the desk can cause or mend it: have verify_books run, and report it."),
    "REFERENCE_REPEATED": _("Hold the slip against both receipts. Refund the one that was entered twice."),
    "NUMBER_GAP": _("A document was removed behind Daybook's back: have verify_books run, and report it."),
    **drawers.WAYS_OUT,
    "WALLET_DIFFERS": _("Nobody at the desk can cause or mend it: have verify_books run, and report it."),
    "WALLET_OVERDRAWN": _("Top the wallet up, or refund what was paid from it and have it paid in another way."),
    "WALLET_BELOW_ADVANCES": _("Refund what was paid from the wallet for something else, and have it paid anew."),
    **paystack.WAYS_OUT,
    "WALLET_STATED_DIFFERS": _("Compare the movements with the earlier system, and enter what is missing."),
}
_AMOUNTS = {"amount", "balance", "stated", "counted", "expected", "said", "taken", "provider", "books"}


def describe(mismatch: dict[str, Any]) -> str:
    """A mismatch of a day close in the reader's language."""
    words = dict(mismatch)
    for name in _AMOUNTS & set(words):
        words[name] = display.number(Decimal(words[name]))
    if "method" in words:
        words["method"] = Method(words["method"]).label
    if "document" in words:
        words["document"] = DOCUMENTS[words["document"]]._meta.verbose_name_plural
    return str(MISMATCHES[mismatch["code"]]).format(**words)


def way_out(mismatch: dict[str, Any]) -> str:
    """How a mismatch is mended, in the reader's language."""
    return str(WAYS_OUT.get(mismatch["code"], ""))


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


@dataclass(frozen=True)
class _Rows:
    """What the rows of a day add up to, grouped as the database answered them."""

    payments: list[dict[str, Any]]
    top_ups: list[dict[str, Any]]
    bills: list[dict[str, Any]]
    movements: list[dict[str, Any]]

    @property
    def numbered(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        yield from {
            "payments": self.payments,
            "bills": self.bills,
            "top_ups": self.top_ups,
            "cash_movements": self.movements,
        }.items()


@by_index()
def day_figures(day: ClinicDay) -> DayFigures:
    """Compute the figures of ``day`` from its rows, as of the end of that date.

    Leaks are those that stand open: the service that prepares a close looks for new ones first, a read never does.
    """
    code = day.administration.currency
    rows = _rows(day)
    settled = {method: total(row["sum"] for row in rows.payments if row["method"] == method) for method in Method}
    topped = {method: total(row["sum"] for row in rows.top_ups if row["method"] == method) for method in MONEY}
    outstanding, leaks = _outstanding(day), leaks_of(day)
    counted, terminals = drawers.drawers_of(day), drawers.terminal_totals(day)
    taken = {method: settled[method] + topped[method] for method in MONEY}
    mismatches = [
        *_bills_and_payments(day, rows, outstanding, code),
        *drawers.mismatches_of(day, counted, taken[Method.CASH]),
        *drawers.terminals_differing(terminals, taken[Method.CARD], code),
        *paystack.mismatches_of(day),
        *wallets.mismatches_of(day),
        *_repeated_references(day, rows, code),
        *_number_gaps(day, rows),
    ]
    return DayFigures(
        **{f"total_{method.lower()}": settled[method] for method in Method},
        total_revenue=total(settled.values()),
        total_refunds=-total(row["sum"] for row in rows.payments if row["given"]),
        total_wallet_topups=total(topped.values()),
        money_in=total(taken.values()),
        total_billed=total(row["sum_net"] for row in rows.bills),
        total_outstanding=outstanding["patient"] + outstanding["payer"],
        outstanding_visits_count=outstanding["visits"],
        revenue_leaks_detected=leaks.count,
        revenue_leaks_amount=leaks.amount,
        total_visits=Visit.objects.filter(administration=day.administration_id, date=day.date).count(),
        has_mismatches=bool(mismatches),
        mismatch_details=mismatches,
        breakdown={
            "methods": {method: _method(method, rows.payments, code) for method in Method},
            "top_ups": {method: _method(method, rows.top_ups, code) for method in MONEY},
            "bills": {
                "billed": text(total(row["sum"] for row in rows.bills if row["kind"] == Bill.Kind.BILL), code),
                "credited": text(-total(row["sum"] for row in rows.bills if row["kind"] != Bill.Kind.BILL), code),
                "vat": text(total(row["sum_vat"] for row in rows.bills), code),
                "count": sum(row["rows"] for row in rows.bills),
            },
            "advances": _advances(day, code),
            "outstanding": {name: text(outstanding[name], code) for name in ("patient", "payer", "own_day", "credits")},
            "late": {
                "payments_count": sum(row["late"] for row in rows.payments),
                "amount": text(total(row["late_sum"] for row in rows.payments), code),
            },
            "late_for": _late_for(day, rows, code),
            "drawers": [_drawer(one, code) for one in counted],
            "terminals": [
                {
                    "terminal": one.terminal,
                    "batch": one.batch,
                    "total": text(one.total, code),
                    "count": one.payments_count,
                }
                for one in terminals
            ],
            "leaks": {
                "older_count": leaks.older_count,
                "older_amount": text(leaks.older_amount, code),
                "unpriced_count": leaks.unpriced_count,
            },
        },
    )


def _rows(day: ClinicDay) -> _Rows:
    return _Rows(
        payments=_grouped(
            Payment, day, "method", given=~Q(kind=Payment.Kind.PAYMENT), repeats=Count("id", filter=_REPEATED)
        ),
        top_ups=_grouped(TopUp, day, "method", given=Q(amount__lt=0)),
        bills=_grouped(Bill, day, "kind", of="gross", sum_net=Sum("net"), sum_vat=Sum("vat")),
        movements=_grouped(CashMovement, day, "kind", late=False),
    )


_REPEATED = Q(repeats_reference=True)


def _grouped(
    model: Any, day: ClinicDay, by: str, *, of: str = "amount", given: Q | None = None, late: bool = True, **more: Any
) -> list[dict[str, Any]]:
    """Sum, number of rows and first and last number by ``by``; what was ``given`` back stands apart."""
    keys = {} if given is None else {"given": given}
    if late:
        more["late"] = Count("late_for")
        more["late_sum"] = Sum(of, filter=Q(late_for__isnull=False), default=ZERO)
    grouped = model.objects.filter(clinic_day=day).order_by().annotate(**keys).values(by, *keys)
    return list(grouped.annotate(sum=Sum(of), rows=Count("*"), low=Min("number"), high=Max("number"), **more))


def _method(method: str, rows: list[dict[str, Any]], code: str) -> dict[str, Any]:
    taken = [row for row in rows if row["method"] == method and not row["given"]]
    given = [row for row in rows if row["method"] == method and row["given"]]
    return {
        "gross": text(total(row["sum"] for row in taken), code),
        "refunds": text(-total(row["sum"] for row in given), code),
        "total": text(total(row["sum"] for row in (*taken, *given)), code),
        "payments_count": sum(row["rows"] for row in taken),
        "refunds_count": sum(row["rows"] for row in given),
    }


def _advances(day: ClinicDay, code: str) -> dict[str, Any]:
    """What stands in the top-ups and was paid for one taxed service, and the VAT that is declared for it."""
    of = advances.of_day(day)
    amounts = ("received", "given_back", "used", "vat")
    return {**{name: text(getattr(of, name), code) for name in amounts}, "count": of.count}


def _drawer(drawer: DrawerOfDay, code: str) -> dict[str, Any]:
    amounts = (
        *("opening_float", "payments", "top_ups", "refunds", "pay_ins", "pay_outs", "deposits"),
        *("expected", "counted", "difference", "retained"),
    )
    stated = {name: getattr(drawer, name) for name in amounts}
    return {
        "drawer_id": str(drawer.drawer.pk),
        "drawer": str(drawer.drawer),
        **{name: None if amount is None else text(amount, code) for name, amount in stated.items()},
    }


def _terminal(said: TerminalBatch, code: str) -> dict[str, Any]:
    total_ = text(said.total, code)
    return {"terminal": said.terminal, "batch": said.batch, "total": total_, "count": said.payments_count}


def _late_for(day: ClinicDay, rows: _Rows, code: str) -> list[dict[str, Any]]:
    """What was born into the day but belongs to finalized ones: by the day, with its close."""
    documents: dict[str, tuple[Any, str, list[dict[str, Any]]]] = {
        "payments": (Payment, "amount", rows.payments),
        "top_ups": (TopUp, "amount", rows.top_ups),
        "bills": (Bill, "gross", rows.bills),
    }
    found: dict[Any, dict[str, Any]] = defaultdict(dict)
    for name, (model, amount, grouped) in documents.items():
        if any(row["late"] for row in grouped):
            late = model.objects.filter(clinic_day=day, late_for__isnull=False).order_by().values("late_for")
            for row in late.annotate(rows=Count("*"), sum=Sum(amount)):
                found[row["late_for"]][name] = row
    if not found:
        return []
    days = ClinicDay.objects.filter(pk__in=found).order_by("date")
    closes = EndOfDayReconciliation.objects.filter(clinic_day__in=found, revision=1)
    names = {close.clinic_day_id: str(close) for close in closes}
    nothing = {"rows": 0, "sum": ZERO}
    return [
        {
            "close": names.get(late.pk, ""),
            "date": late.date.isoformat(),
            **{f"{name}_count": found[late.pk].get(name, nothing)["rows"] for name in documents},
            **{f"{name}_amount": text(found[late.pk].get(name, nothing)["sum"], code) for name in documents},
        }
        for late in days
    ]


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
            patients_balance=Sum("amount", filter=patient, default=ZERO),
            payers_balance=Sum("amount", filter=payer, default=ZERO),
        )
    )
    return sums


# What does not agree, each as {code, ...facts}: computed from the rows, not believed. --------------------------------


def _bills_and_payments(
    day: ClinicDay, rows: _Rows, outstanding: dict[str, Any], code: str
) -> Iterator[dict[str, Any]]:
    """What is open moved by what was billed, paid, taken over by payers, settled by them and written off."""
    patient, payer = Q(debtor=Outstanding.Debtor.PATIENT), Q(debtor=Outstanding.Debtor.PAYER)
    mine = Outstanding.objects.filter(administration=day.administration_id)
    before = mine.as_of(day.date - timedelta(days=1)).aggregate(
        patients=Sum("amount", filter=patient, default=ZERO), payers=Sum("amount", filter=payer, default=ZERO)
    )
    claims = ClaimSettlement.objects.filter(clinic_day=day).aggregate(
        all=Sum("amount", default=ZERO),
        back=Sum("amount", filter=Q(kind=ClaimSettlement.Kind.PATIENT), default=ZERO),
    )
    given_up = WriteOff.objects.filter(clinic_day=day, claim=None, approved_at__isnull=False).aggregate(
        sum=Sum("amount", default=ZERO)
    )["sum"]
    billed, settled = total(row["sum"] for row in rows.bills), total(row["sum"] for row in rows.payments)
    covered = total(row["sum"] for row in rows.payments if row["method"] in Payment.COVER)
    for difference in (
        outstanding["patients_balance"] - before["patients"] - (billed - settled + claims["back"] - given_up),
        outstanding["payers_balance"] - before["payers"] - (covered - claims["all"]),
    ):
        if difference:
            yield {"code": "BILLS_AND_PAYMENTS_DISAGREE", "amount": text(difference, code)}


def _repeated_references(day: ClinicDay, rows: _Rows, code: str) -> Iterator[dict[str, Any]]:
    repeated = Payment.objects.filter(clinic_day=day, repeats_reference=True).order_by("number")
    for payment in repeated[:100] if any(row["repeats"] for row in rows.payments) else ():
        yield {
            "code": "REFERENCE_REPEATED",
            "payment_id": str(payment.pk),
            "receipt": str(payment),
            "method": payment.method,
            "reference": payment.reference,
            "amount": text(payment.amount, code),
        }


def _number_gaps(day: ClinicDay, rows: _Rows) -> Iterator[dict[str, Any]]:
    for document, grouped in rows.numbered:
        if missing := _missing_numbers(DOCUMENTS[document], day, grouped):
            yield {"code": "NUMBER_GAP", "document": document, "count": missing}


def _missing_numbers(model: Any, day: ClinicDay, rows: list[dict[str, Any]]) -> int:
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
