"""What earlier imports of a mapping brought: read once per clinic, so that nothing is added twice."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.importing.facts import BillFact, Clinic, OrderFact, PaymentFact, TopUpFact, VisitFact
from apps.billing.models import (
    Bill,
    BillLine,
    Claim,
    Drawer,
    DrawerCount,
    Order,
    Patient,
    Payer,
    Payment,
    TopUp,
    Visit,
)
from apps.billing.reports.advances import IS_ADVANCE, with_left
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import VatCode


@dataclass
class Known:
    visits: dict[str, VisitFact] = field(default_factory=dict)
    bills: list[BillFact] = field(default_factory=list)
    payments: dict[str, PaymentFact] = field(default_factory=dict)
    orders: dict[str, OrderFact] = field(default_factory=dict)
    advances: dict[str, TopUpFact] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)  # of top-ups, claims and counts: nothing of them changes


class Books:
    """The books as an import under one name sees them: a row's ``source`` is ``import:<name>:<id in the files>``."""

    def __init__(self, name: str, administrations: Any = None) -> None:
        self.prefix = f"import:{name}:"
        among = Administration.objects.all() if administrations is None else administrations
        found = among.filter(source__startswith=self.prefix)
        self.administrations = {self.id_of(one.source): one for one in found}
        self._lines: dict[str, dict[UUID, Counter[Any]]] = {}

    def id_of(self, source: str) -> str:
        return source.removeprefix(self.prefix) if source.startswith(self.prefix) else ""

    def administration(self, id: str) -> Administration | None:
        return self.administrations.get(id)

    def read(self, clinic: Clinic) -> Known:
        """Visits, bills and payments of ``clinic`` that came from this mapping, and the codes that are in use."""
        known, of = Known(), {"administration": clinic.administration}
        if clinic.administration is None:
            return known
        clinic.vat_codes |= dict(VatCode.objects.filter(**of).values_list("code", "rate"))
        clinic.there["patients"] = set(Patient.objects.filter(**of).values_list("code", flat=True))
        clinic.there["payers"] = set(Payer.objects.filter(**of).values_list("code", flat=True))
        mine = {**of, "source__startswith": self.prefix}
        visits: dict[UUID, VisitFact] = {}
        for pk, source, patient, started, day in Visit.objects.filter(**mine).values_list(
            "pk", "source", "patient__code", "started_at", "date"
        ):
            visits[pk] = VisitFact(self.id_of(source), clinic, patient, started, day, pk=pk)
        known.visits = {visit.id: visit for visit in visits.values()}

        bills: dict[UUID, BillFact] = {}
        credits: list[tuple[UUID, UUID]] = []
        for pk, source, patient, day, issued, visit, net, vat, credited in (
            Bill.objects.filter(**mine).order_by("issued_at").values_list(
                "pk", "source", "patient__code", "clinic_day__date", "issued_at", "visit", "net", "vat", "credits"
            )
        ):  # fmt: skip
            bills[pk] = BillFact(
                self.id_of(source), clinic, patient, day, issued, visits.get(visit), net=net, vat=vat, pk=pk
            )
            if credited:
                credits.append((pk, credited))
        known.bills = list(bills.values())
        for pk, credited in credits:
            if credited in bills:
                bills[pk].credits = bills[credited]
                bills[credited].paid -= bills[pk].gross
        known.payments = self._payments(of, bills)
        for order in Order.objects.filter(**mine):
            known.orders[self.id_of(order.source)] = OrderFact(
                self.id_of(order.source), visits[order.visit_id], order.kind, None, order.code, order.description,
                order.quantity, "", order.ordered_on, order.ordered_at, pk=order.pk,
            )  # fmt: skip
        advances = with_left(TopUp.objects.filter(IS_ADVANCE, **mine)).select_related(
            "patient", "service", "clinic_day"
        )
        for advance in advances:
            id = self.id_of(advance.source).removeprefix("top_up:")
            known.advances[id] = TopUpFact(
                id, advance.patient.code, advance.method, advance.amount, advance.clinic_day.date, advance.taken_at,
                service=advance.service.code, left=advance.left, pk=advance.pk,
            )  # fmt: skip
        for model in (TopUp, Claim, DrawerCount):
            known.sources |= {
                self.id_of(source) for source in model.objects.filter(**mine).values_list("source", flat=True)
            }
        clinic.there["drawers"] = set(Drawer.objects.filter(**of).values_list("code", flat=True))
        return known

    def _payments(self, of: dict[str, Any], bills: dict[UUID, BillFact]) -> dict[str, PaymentFact]:
        """Every payment of those bills, whoever took it; those of this mapping by their id."""
        rows: dict[UUID, PaymentFact] = {}
        given_back: Counter[UUID] = Counter()
        for pk, source, bill, kind, method, amount, payer, day, taken, refunds in (
            Payment.objects.filter(**of, bill__source__startswith=self.prefix).values_list(
                "pk", "source", "bill", "kind", "method", "amount", "payer__code", "clinic_day__date", "taken_at",
                "refunds",
            )
        ):  # fmt: skip
            rows[pk] = PaymentFact(
                self.id_of(source), bills[bill], kind, method, amount, payer or "", day, taken, left=amount, pk=pk
            )
            bills[bill].payments.append(rows[pk])
            bills[bill].paid += amount
            if refunds:
                given_back[refunds] -= amount
        for pk, amount in given_back.items():
            rows[pk].left -= amount
        return {payment.id: payment for payment in rows.values() if payment.id}

    def lines_of(self, bill: BillFact) -> Counter[Any]:
        """The lines of a known bill, as ``LineFact.key`` says them."""
        if bill.clinic.id not in self._lines:
            lines: dict[UUID, Counter[Any]] = defaultdict(Counter)
            rows = BillLine.objects.filter(
                administration=bill.clinic.administration, bill__source__startswith=self.prefix
            ).order_by()
            for pk, *key in rows.values_list("bill", "code", "quantity", "net", "vat").iterator(5000):
                lines[pk][tuple(key)] += 1
            self._lines[bill.clinic.id] = lines
        return self._lines[bill.clinic.id][bill.pk]

    def whole(self, part: PaymentFact, payments: dict[str, PaymentFact]) -> Decimal:
        """A refund that gave back several payments has one row for each, told apart by ``/1``, ``/2``."""
        id, amount, number = part.id.rpartition("/")[0], ZERO, 1
        while f"{id}/{number}" in payments:
            amount += payments[f"{id}/{number}"].amount
            number += 1
        return amount
