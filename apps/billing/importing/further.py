"""What a clinic's files hold besides visits, bills, payments and wallets: orders, tariffs, claims, drawers.

A row ends as elsewhere: new, known or refused. Payments and bills are gathered before what names them.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import COVERAGES, THOUSANDTH, exactly, one_of, short
from apps.billing.importing.errors import Refused, hint
from apps.billing.importing.facts import (
    BillFact,
    ClaimFact,
    Clinic,
    CountFact,
    OrderFact,
    TariffFact,
)
from apps.billing.importing.rows import FIRST_YEAR, Found
from apps.billing.models import Claim, Order, Payment
from apps.core.money import ZERO

if TYPE_CHECKING:
    from apps.billing.importing.gathering import Gathering

KINDS, STATUSES = Order.Kind.values, Claim.Status.values


class Further:
    def __init__(self, gathering: "Gathering") -> None:
        self.of = gathering
        self.rows = gathering.rows

    def each(self, entity: str, keep: Any) -> None:
        for found in self.rows.single(entity):
            try:
                keep(found)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    # Orders and tariffs ----------------------------------------------------------------------------------------------

    def gather_orders(self) -> None:
        self.each("orders", self.keep_order)

    def keep_order(self, found: Found) -> None:
        values = found.values
        visit = self.of.visit(values)
        if visit is None:
            raise Refused(_("empty"), field="visit")
        clinic = visit.clinic
        if found.id in self.of.orders:
            self.of.check_same_clinic(found, clinic, self.of.orders[found.id].visit.clinic)
            clinic.known["orders"] += 1
            return
        service = clinic.services.get(values.get("service", ""))
        named = values.get("code") or values.get("service") or ""
        ordered_on, ordered_at = visit.date, visit.started_at
        if "ordered" in values:
            ordered_on, ordered_at = clinic.local(values["ordered"])
        order = OrderFact(
            id=found.id,
            visit=visit,
            kind=one_of(values["kind"], KINDS, "kind"),
            service=service.code if service else None,
            code=short(named, 32, "code"),
            description=(values.get("description") or (service and service.name) or named or _("Care"))[:200],
            quantity=values.get("quantity", Decimal(1)).quantize(THOUSANDTH),
            payer=self.of.payer(values, clinic, None) if "payer" in values else "",
            ordered_on=ordered_on,
            ordered_at=ordered_at,
            coverage=one_of(values.get("coverage", ""), COVERAGES, "coverage"),
            is_emergency=values.get("emergency", False),
            reason=values.get("reason", "")[:200],
        )
        if order.quantity <= 0:
            raise Refused(_("an order of nothing"), field="quantity", value=order.quantity)
        if "completed" in values:
            order.completed_on, order.completed_at = clinic.local(values["completed"])
            order.quantity_given = values.get("completed_quantity", order.quantity).quantize(THOUSANDTH)
            if order.quantity_given < 0:
                raise Refused(_("less than nothing"), field="completed_quantity", value=order.quantity_given)
        if "cancelled" in values:
            if order.completed_at:
                raise Refused(_("completed and cancelled"), field="cancelled", value=values["cancelled"])
            order.cancelled_at = clinic.local(values["cancelled"])[1]
        clinic.orders.append(order)
        self.of.orders[found.id] = order

    def gather_tariffs(self) -> None:
        """What payers agreed to pay, for every clinic that has the payer."""
        for found in self.rows.found("tariffs"):
            try:
                for clinic in self.of.clinics.values():
                    self.keep_tariff(found, clinic)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def keep_tariff(self, found: Found, clinic: Clinic) -> None:
        values = found.values
        if values["service"] not in clinic.services:
            raise Refused(
                _("no such service.") + hint(values["service"], clinic.services),
                field="service",
                value=values["service"],
            )
        price = exactly(values["price"], clinic.currency, "price")
        co_pay = exactly(values.get("co_pay", ZERO), clinic.currency, "co_pay")
        if not 0 <= co_pay <= price:
            raise Refused(_("the co-pay is part of the price"), field="co_pay", value=co_pay)
        first = values.get("valid_from", date(FIRST_YEAR, 1, 1))
        clinic.tariffs.append(
            TariffFact(
                self.of.payer(values, clinic, None),
                values["service"],
                price,
                co_pay,
                found.section.includes_vat,
                first.date() if isinstance(first, datetime) else first,
            )
        )

    # Claims ----------------------------------------------------------------------------------------------------------

    def gather_claims(self) -> None:
        self.each("claims", self.keep_claim)

    def keep_claim(self, found: Found) -> None:
        values = found.values
        bill = self.claimed_bill(values)
        clinic = bill.clinic
        covers = {one.payer for one in bill.payments if one.method in Payment.COVER}
        payer = self.of.payer(values, clinic, None) if "payer" in values else next(iter(sorted(covers)), "")
        if payer not in covers:
            raise Refused(_("nothing of that bill was covered by this payer"), field="payer", value=payer)
        id = found.id or f"{bill.id}/{payer}"
        if f"claim:{id}" in clinic.there["sources"]:
            clinic.known["claims"] += 1
            return
        status = one_of(values.get("status", Claim.Status.DRAFT), STATUSES, "status")
        submitted = clinic.local(values["submitted"])[0] if "submitted" in values else None
        if status != Claim.Status.DRAFT:
            submitted = submitted or bill.date
        clinic.claims.append(
            ClaimFact(
                id=id,
                bill=bill,
                payer=payer,
                # What a payer sent is a remittance with its entry in the books; until it is entered the claim is open.
                status=Claim.Status.SUBMITTED if status == Claim.Status.PAID else status,
                authorisation=values.get("authorisation", "")[:64],
                submitted_on=submitted,
                answered_on=clinic.local(values["answered"])[0] if "answered" in values else None,
                reason=values.get("reason", "")[:200],
            )
        )
        clinic.there["sources"].add(f"claim:{id}")

    def claimed_bill(self, values: dict[str, Any]) -> BillFact:
        if visit := self.of.visit(values):
            bills = self.of.bills_of["visit"].get(visit.id, [])
            covered = [bill for bill in bills if any(one.method in Payment.COVER for one in bill.payments)]
            if len(covered) != 1:
                raise Refused(
                    _("{count} bills of that visit were covered; name the bill").format(count=len(covered)),
                    field="visit",
                    value=visit.id,
                )
            return covered[0]
        return self.of.billing.paid_bill(values, ZERO, False)

    # Drawers ---------------------------------------------------------------------------------------------------------

    def gather_drawers(self) -> None:
        for found in self.rows.merged(self.rows.found("drawers")):
            try:
                clinic = self.of.clinic_of(found.values)
                standard = exactly(found.values.get("float", ZERO), clinic.currency, "float")
                clinic.drawers[short(found.id, 32, "id")] = (found.values.get("name", found.id)[:100], standard)
            except Refused as refusal:
                self.rows.lose(found, refusal)
        self.each("counts", self.keep_count)

    def keep_count(self, found: Found) -> None:
        values = found.values
        clinic = self.of.clinic_of(values)
        drawer = short(values["drawer"], 32, "drawer")
        if drawer not in clinic.drawers and drawer not in clinic.there["drawers"]:
            if self.of.mapping.sections["drawers"]:
                raise Refused(_("no such drawer.") + hint(drawer, clinic.drawers), field="drawer", value=drawer)
            clinic.drawers[drawer] = (drawer, ZERO)
        day, _moment = clinic.local(values["date"])
        id = f"{clinic.id}/{drawer}/{day}"
        if f"count:{id}" in clinic.there["sources"]:
            clinic.known["counts"] += 1
            return
        amounts = {
            name: exactly(values.get(name, ZERO), clinic.currency, name)
            for name in ("opening_float", "counted", "deposited")
        }
        for name, amount in amounts.items():
            if amount < 0:
                raise Refused(_("less than nothing"), field=name, value=amount)
        clinic.there["sources"].add(f"count:{id}")
        counted_at = clinic.local(day)[1].replace(hour=23, minute=59) - timedelta(minutes=1)
        clinic.counts.append(CountFact(id, drawer, day, counted_at, **amounts))
