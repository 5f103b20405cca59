"""Write what a clinic's files hold besides visits and bills: orders, tariffs, discounts, money, claims, drawers."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError
from apps.billing.importing.facts import CountFact, PaymentFact, TopUpFact
from apps.billing.models import (
    CashMovement,
    Claim,
    ClaimStep,
    Discount,
    Drawer,
    DrawerCount,
    Order,
    Patient,
    Payment,
    Service,
    Shift,
    Tariff,
    TopUp,
    Wallet,
)
from apps.billing.reports.advances import IS_ADVANCE, vat_of, with_left
from apps.billing.services.advances import declared, is_taxed
from apps.core.money import ZERO, total

if TYPE_CHECKING:
    from apps.billing.importing.facts import Clinic
    from apps.billing.importing.writing import Day, Writing


class WritingFurther:
    def __init__(self, writing: "Writing") -> None:
        self.writing, self.clinic = writing, writing.clinic
        self.mine: dict[str, Any] = {"administration": writing.administration}
        self.drawers: dict[str, Drawer] = {}

    # Orders, tariffs, discounts --------------------------------------------------------------------------------------

    def add_orders(self) -> None:
        writing = self.writing
        writing.orders = {
            writing.id_of(source): pk
            for source, pk in Order.objects.filter(**self.mine).exclude(source="").values_list("source", "pk")
        }
        facts = sorted(self.clinic.orders, key=lambda fact: fact.ordered_at)
        writing.add(
            (
                Order(
                    id=fact.pk,
                    **self.mine,
                    visit_id=fact.visit.pk,
                    kind=fact.kind,
                    service_id=writing.services[fact.service] if fact.service else None,
                    code=fact.code,
                    description=fact.description,
                    quantity=fact.quantity,
                    payer_id=writing.payers[fact.payer] if fact.payer else None,
                    is_emergency=fact.is_emergency,
                    coverage_reason=fact.coverage,
                    ordered_on=fact.ordered_on,
                    ordered_at=fact.ordered_at,
                    ordered_by=writing.by,
                    completed_quantity=fact.quantity_given,
                    completed_on=fact.completed_on,
                    completed_at=fact.completed_at,
                    completed_by=writing.by if fact.completed_at else None,
                    cancelled_at=fact.cancelled_at,
                    cancelled_by=writing.by if fact.cancelled_at else None,
                    reason=fact.reason,
                    source=writing.source(fact.id),
                )
                for fact in facts
            ),
            "orders",
        )
        writing.orders |= {fact.id: fact.pk for fact in facts}

    def add_tariffs(self) -> None:
        """Tariffs from later days than those in the books; each ends the day before the next begins."""
        by_service = defaultdict(list)
        for fact in self.clinic.tariffs:
            by_service[fact.payer, fact.service].append(fact)
        for (payer, service), facts in by_service.items():
            named = {"payer_id": self.writing.payers[payer], "service_id": self.writing.services[service]}
            last = Tariff.objects.filter(**named).order_by("valid_from").last()
            new = sorted({fact.valid_from: fact for fact in facts}.values(), key=lambda fact: fact.valid_from)
            new = [fact for fact in new if last is None or fact.valid_from > last.valid_from]
            if last is not None and new and last.valid_until is None:
                Tariff.objects.filter(pk=last.pk).update(valid_until=new[0].valid_from - date.resolution)
            self.writing.add(
                (
                    Tariff(
                        **self.mine,
                        **named,
                        price=fact.price,
                        co_pay=fact.co_pay,
                        includes_vat=fact.includes_vat,
                        valid_from=fact.valid_from,
                        valid_until=following.valid_from - date.resolution if following else None,
                    )
                    for fact, following in zip_longest(new, new[1:])
                ),
                "tariffs",
            )

    def add_discounts(self) -> None:
        """Who gave and who approved them there is nobody here: what was approved names who imports."""
        writing = self.writing
        lines = [(bill, line) for bill in self.clinic.bills for line in bill.lines if line.discount > 0]
        writing.add(
            (
                Discount(
                    **self.mine,
                    line_id=line.pk,
                    amount=line.discount,
                    percentage=_percentage(line.discount, line.unit_price * line.quantity),
                    reason=line.discount_reason or _("Not said"),
                    given_at=bill.issued_at,
                    approved_by=writing.by if line.discount_approved else None,
                    approved_at=bill.issued_at if line.discount_approved else None,
                )
                for bill, line in lines
            ),
            "discounts",
        )

    # Money and drawers -----------------------------------------------------------------------------------------------

    def add_money(self, days: "dict[date, Day]") -> None:
        """Payments and top-ups. Where drawers were counted, day by day: a drawer has one open shift at a time."""
        self.open_drawers()
        writing, clinic = self.writing, self.clinic
        payments, top_ups = writing.payments(), sorted(clinic.top_ups, key=lambda fact: fact.taken_at)
        self.advances = Advances(self.mine, clinic)
        if not clinic.counts:
            self.add_turn(payments, top_ups, days)
            return
        turns: dict[date, tuple[list[CountFact], list[PaymentFact], list[TopUpFact]]] = defaultdict(
            lambda: ([], [], [])
        )
        for count in clinic.counts:
            turns[count.date][0].append(count)
        for payment in payments:
            turns[_turn(payment)][1].append(payment)
        for top_up in top_ups:
            turns[top_up.date][2].append(top_up)
        for day in sorted(turns):
            counted, paid, topped_up = turns[day]
            shifts = {fact.drawer: self.open_shift(fact, days) for fact in counted}
            only = next(iter(shifts.values())) if len(shifts) == 1 else None

            def shift_of(
                fact: PaymentFact | TopUpFact,
                day: date = day,
                shifts: dict[str, Shift] = shifts,
                only: Shift | None = only,
            ) -> Shift | None:
                if fact.method != Payment.Method.CASH or fact.date != day:
                    return None
                return shifts.get(fact.drawer) if fact.drawer else only

            self.add_turn(paid, topped_up, days, shift_of)
            for fact in counted:
                self.count(fact, shifts[fact.drawer])

    def add_turn(
        self,
        paid: list[PaymentFact],
        topped_up: list[TopUpFact],
        days: "dict[date, Day]",
        shift_of: Callable[[PaymentFact | TopUpFact], Shift | None] = lambda fact: None,
    ) -> None:
        """What came in first, then what bills used of it, and what of it was given back at last."""
        writing = self.writing
        came = [fact for fact in topped_up if fact.advance is None]
        gone = [fact for fact in topped_up if fact.advance]
        writing.add((self.top_up(fact, days, shift_of(fact)) for fact in came), "top_ups")
        writing.add((self.payment(fact, days, shift_of(fact)) for fact in paid), "payments")
        writing.add((self.top_up(fact, days, shift_of(fact)) for fact in gone), "top_ups")

    def payment(self, fact: PaymentFact, days: "dict[date, Day]", shift: Shift | None) -> Payment:
        payment = self.writing.payment(fact, days, shift)
        if fact.advance and fact.advance.pk in self.advances.rows:
            payment.advance_id = fact.advance.pk
            payment.advance_vat = self.advances.take(fact.advance, fact.amount)
        return payment

    def top_up(self, fact: TopUpFact, days: "dict[date, Day]", shift: Shift | None = None) -> TopUp:
        day, late_for = days[fact.date]
        return TopUp(
            id=fact.pk,
            **self.mine,
            **self.advances.parts(fact),
            clinic_day=day,
            late_for=late_for,
            patient_id=self.writing.patients[fact.patient],
            method=fact.method,
            amount=fact.amount,
            shift=shift,
            reference=fact.reference,
            reason=fact.reason,
            taken_by=self.writing.by,
            taken_at=fact.taken_at,
            source=self.writing.source(f"top_up:{fact.id}"),
        )

    def open_drawers(self) -> None:
        there = {drawer.code: drawer for drawer in Drawer.objects.filter(**self.mine)}
        new = [
            Drawer(**self.mine, code=code, name=name, standard_float=standard, source=self.writing.source(code))
            for code, (name, standard) in self.clinic.drawers.items()
            if code not in there
        ]
        self.writing.add(new, "drawers")
        self.drawers = there | {drawer.code: drawer for drawer in new}

    def open_shift(self, fact: CountFact, days: "dict[date, Day]") -> Shift:
        clinic_day, late_for = days[fact.date]
        if late_for:
            raise MappingError(
                _("{drawer}, {date}: that day is finalized, and takes no count any more.").format(
                    drawer=fact.drawer, date=fact.date
                )
            )
        return Shift.objects.create(
            **self.mine,
            clinic_day=clinic_day,
            drawer=self.drawers[fact.drawer],
            cashier=self.writing.by,
            opening_float=fact.opening_float,
            opened_at=fact.counted_at.replace(hour=0, minute=0),
            source=self.writing.source(f"count:{fact.id}"),
        )

    def count(self, fact: CountFact, shift: Shift) -> None:
        amounts = [fact.opening_float]
        for rows in (Payment.objects.filter(shift=shift), TopUp.objects.filter(shift=shift)):
            amounts += rows.values_list("amount", flat=True)
        expected = total(amounts)
        DrawerCount.objects.create(
            **self.mine,
            clinic_day_id=shift.clinic_day_id,
            shift=shift,
            total=fact.counted,
            is_final=True,
            expected=expected,
            difference=fact.counted - expected,
            counted_by=self.writing.by,
            counted_at=fact.counted_at,
            source=self.writing.source(f"count:{fact.id}"),
        )
        Shift.objects.filter(pk=shift.pk).update(closed_at=fact.counted_at)
        if fact.deposited:
            CashMovement.objects.create(
                **self.mine,
                clinic_day_id=shift.clinic_day_id,
                shift=shift,
                kind=CashMovement.Kind.DEPOSIT,
                amount=fact.deposited,
                by=self.writing.by,
                at=fact.counted_at,
                source=self.writing.source(f"count:{fact.id}"),
            )
        self.writing.added["counts"] += 1

    # Claims and wallets ----------------------------------------------------------------------------------------------

    def add_claims(self) -> None:
        """A claim for everything that a payer covered; as the files say where they say something of it."""
        writing = self.writing
        said = {(fact.bill.pk, fact.payer): fact for fact in self.clinic.claims}
        covered: dict[tuple[Any, str], PaymentFact] = {}
        for payment in self.clinic.payments:
            if payment.payer:
                covered.setdefault((payment.bill.pk, payment.payer), payment)
        for fact in self.clinic.claims:
            covered.setdefault((fact.bill.pk, fact.payer), fact.bill.payments[0])
        bills = {bill for bill, _payer in covered}
        there = set(Claim.objects.filter(bill__in=bills).values_list("bill", "payer__code"))
        claims = []
        for (bill, payer), payment in sorted(covered.items(), key=lambda one: one[1].taken_at):
            if (bill, payer) in there:
                continue
            told = said.get((bill, payer))
            claims.append(
                Claim(
                    **self.mine,
                    payer_id=writing.payers[payer],
                    bill_id=bill,
                    status=told.status if told else Claim.Status.DRAFT,
                    authorisation=told.authorisation if told else "",
                    submitted_on=told.submitted_on if told else None,
                    submissions=1 if told and told.submitted_on else 0,
                    answered_on=told.answered_on if told else None,
                    reason=told.reason if told else "",
                    created_at=payment.taken_at,
                    source=writing.source(f"claim:{told.id}") if told else "",
                )
            )
        writing.add(claims, "claims")
        writing.add(
            ClaimStep(
                **self.mine,
                claim=claim,
                status=claim.status,
                day=claim.answered_on or claim.submitted_on or claim.created_at.date(),
                reason=claim.reason,
                by=writing.by,
            )
            for claim in claims
        )

    def state_wallets(self) -> None:
        """What the earlier system says that a wallet held stands beside what its movements add up to."""
        patients = Patient.objects.filter(**self.mine, code__in=self.clinic.wallets).in_bulk(field_name="pk")
        for patient in patients.values():
            balance, day = self.clinic.wallets[patient.code]
            wallet, _made = Wallet.objects.get_or_create(patient=patient, defaults=self.mine)
            wallet.stated_balance, wallet.stated_on = balance, day
            wallet.save(update_fields=["stated_balance", "stated_on"])


class Advances:
    """What advances declared, and how much of that is left as they are used and given back, in the order of writing."""

    def __init__(self, mine: dict[str, Any], clinic: "Clinic") -> None:
        named = {fact.service for fact in clinic.top_ups if fact.service}
        services = Service.objects.filter(**mine, code__in=named).select_related("vat_code", "administration")
        self.services = {service.code: service for service in services}
        used = {fact.advance.pk for fact in clinic.top_ups if fact.advance}
        used |= {fact.advance.pk for fact in clinic.payments if fact.advance}
        before = with_left(TopUp.objects.filter(IS_ADVANCE, pk__in=used)).select_related("administration")
        self.rows: dict[Any, Any] = {row.pk: row for row in before}

    def parts(self, fact: TopUpFact) -> dict[str, Any]:
        """What a top-up says of a service, as fields of TopUp; nothing where it says none, or one without VAT here."""
        if fact.advance and fact.advance.pk in self.rows:
            row, vat = self.rows[fact.advance.pk], self.take(fact.advance, -fact.amount)
            same = {name: getattr(row, name) for name in ("service_id", "vat_code_id", "vat_rate")}
            return {**same, "advance_id": row.pk, "net": fact.amount + vat, "vat": -vat}
        if not fact.service or not is_taxed(self.services[fact.service]):
            return {}
        parts = declared(self.services[fact.service], fact.amount)
        row = TopUp(id=fact.pk, amount=fact.amount, administration=self.services[fact.service].administration, **parts)
        row.left, row.left_vat = row.amount, row.vat  # type: ignore[attr-defined]
        self.rows[fact.pk] = row
        return parts

    def take(self, advance: TopUpFact, amount: Decimal) -> Decimal:
        """The VAT that goes along with ``amount`` of ``advance``."""
        row = self.rows[advance.pk]
        vat = vat_of(row, amount)
        row.left, row.left_vat = row.left - amount, row.left_vat - vat
        return vat


def _turn(fact: PaymentFact) -> date:
    """The day with which a payment is written: a refund never before what it gives back."""
    return max(fact.date, fact.refunds.date) if fact.refunds else fact.date


def _percentage(discount: Decimal, price: Decimal) -> Decimal:
    return min(discount * 100 / price, Decimal(100)) if price > ZERO else Decimal(100)
