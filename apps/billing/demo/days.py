"""An ordinary day of the demo clinic: visits, orders, bills, payments and the drawer, as rows with their own times."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from apps.billing.demo.clinic import COLLEAGUE, SEED, SERVICES, user_of
from apps.billing.denominations import coins_of, notes_of
from apps.billing.models import (
    Bill,
    BillLine,
    CashMovement,
    Claim,
    ClaimStep,
    ClinicDay,
    Cover,
    Discount,
    Drawer,
    DrawerCount,
    Order,
    Patient,
    Payer,
    Payment,
    ServicePrice,
    Shift,
    Tariff,
    Visit,
)
from apps.billing.reports.drawers import expected_in
from apps.billing.services.days import local_date
from apps.billing.services.drawers import note_count
from apps.core.models import Administration, Membership, User
from apps.core.money import ZERO, quantize, text, total
from apps.ledger.models import Account

Method = Payment.Method
OPENING, NOON, EVENING = time(8), time(12, 30), time(17, 45)
ORDERED = {  # services of these groups are ordered first, and billed once they were given
    "laboratory": Order.Kind.LAB,
    "imaging": Order.Kind.IMAGING,
    "procedure": Order.Kind.PROCEDURE,
    "pharmacy": Order.Kind.PHARMACY,
}
STILL_HERE = 4  # visits of today that have not ended


@dataclass
class Owing:
    """A bill that was not paid in full, on the day it was issued. Of some nothing is ever heard."""

    bill: Bill
    day: date
    amount: Decimal
    is_lost: bool


@dataclass
class Facts:
    """What happened on one day, before it is written."""

    day: ClinicDay
    chance: random.Random
    visits: list[Visit] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    lines: list[BillLine] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)


class Days:
    """Makes up the days of a clinic, and writes them one by one."""

    def __init__(self, clinic: Administration, now: datetime) -> None:
        self.clinic, self.now = clinic, now
        self.zone = ZoneInfo(clinic.time_zone)
        self.today = local_date(clinic, now)
        self.patients = list(Patient.objects.filter(administration=clinic).order_by("code"))
        prices = ServicePrice.objects.filter(administration=clinic).select_related("service__vat_code__account")
        self.prices = list(prices.select_related("service__vat_code", "service__group").order_by("service__code"))
        self.often = [often for *_rest, often in sorted(SERVICES)]
        self.payer = Payer.objects.filter(administration=clinic, code="POLDER").first()
        self.tariffs = {tariff.service_id: tariff for tariff in Tariff.objects.filter(payer=self.payer)}
        self.covered = set(Cover.objects.filter(payer=self.payer).values_list("patient", flat=True))
        self.drawer = Drawer.objects.filter(administration=clinic).order_by("code").first()
        self.receptionist, self.cashier = (
            user_of(Membership.Role.RECEPTIONIST),
            user_of(Membership.Role.CASHIER),
        )
        self.colleague = User.objects.filter(email=COLLEAGUE).first() or self.cashier
        self.owing: list[Owing] = []
        self.seen: list[Visit] = []  # the visits of the day that was made last

    def make(self, day: date, *, short: Decimal = ZERO) -> ClinicDay:
        """The day, with everything in it. ``short`` is missing in the drawer at its last count."""
        facts = Facts(ClinicDay.objects.create(administration=self.clinic, date=day), random.Random(f"{SEED} {day}"))
        moments = list(self._moments(day, facts.chance))
        for number, start in enumerate(moments):
            left = len(moments) - number
            self._visit(facts, start, still_here=left if day == self.today and left <= STILL_HERE else 0)
        Visit.objects.bulk_create(facts.visits)
        Order.objects.bulk_create(facts.orders)
        Bill.objects.bulk_create(facts.bills)
        BillLine.objects.bulk_create(facts.lines)
        Discount.objects.bulk_create(facts.discounts)
        self._till(facts, short)
        self._claims(facts)
        self.seen = facts.visits
        return facts.day

    def at(self, day: date, hour: time) -> datetime:
        return datetime.combine(day, hour, self.zone)

    # Visits and bills ------------------------------------------------------------------------------------------------

    def _moments(self, day: date, chance: random.Random) -> Iterator[datetime]:
        """When visits begin: through the day, or, today, through the hours before now."""
        visits = chance.randint(15, 25)
        opening = self.at(day, time(8, 10))
        length = timedelta(hours=8, minutes=40)
        if day == self.today:
            visits //= 2
            opening = max(self.at(day, time(0)), self.now - timedelta(hours=4))
            length = self.now - opening
        for number in range(visits):
            yield opening + length * ((number + chance.random() * 0.8) / visits)

    def _visit(self, facts: Facts, start: datetime, *, still_here: int) -> None:
        """``still_here`` counts today's last visits down: one has a bill to pay, one an order to wait for."""
        chance = facts.chance
        end = min(start + timedelta(minutes=chance.randint(10, 45)), self.now)
        visit = Visit(
            administration=self.clinic,
            patient=chance.choice(self.patients),
            date=facts.day.date,
            status=Visit.Status.ACTIVE if still_here else Visit.Status.CLOSED,
            started_at=start,
            ended_at=None if still_here else end,
            registered_by=self.receptionist,
        )
        facts.visits.append(visit)
        if still_here in (0, 4):
            bill = self._bill(facts, visit, end)
            if not still_here:
                self._pay(facts, bill)
        elif still_here == 3:
            price = next(price for price in self.prices if price.service.group.code == "laboratory")
            facts.orders.append(self._order(visit, price, start))

    def _bill(self, facts: Facts, visit: Visit, moment: datetime) -> Bill:
        chance = facts.chance
        payer = self.payer if visit.patient_id in self.covered else None
        wanted = chance.choices(self.prices, self.often, k=chance.choice((1, 1, 1, 2, 2, 3)))
        prices = list(dict.fromkeys(wanted))
        lines = [self._line(price, position, payer) for position, price in enumerate(prices, start=1)]
        if payer is None and chance.random() < 0.04:
            facts.discounts.append(self._discounted(lines[0], moment))
        for price, line in zip(prices, lines, strict=True):
            if price.service.group.code in ORDERED:
                line.order = self._order(visit, price, visit.started_at, given=moment, payer=payer)
                facts.orders.append(line.order)
        bill = Bill(
            id=uuid7(),
            administration=self.clinic,
            clinic_day=facts.day,
            patient=visit.patient,
            visit=visit,
            payer=payer,
            line_count=len(lines),
            net=total(line.net for line in lines),
            vat=total(line.vat for line in lines),
            gross=total(line.gross for line in lines),
            issued_by=self.receptionist,
            issued_at=moment,
        )
        for line in lines:
            line.bill = bill
        facts.bills.append(bill)
        facts.lines += lines
        return bill

    def _line(self, price: ServicePrice, position: int, payer: Payer | None) -> BillLine:
        service = price.service
        tariff = self.tariffs.get(service.pk) if payer else None
        line = BillLine(
            administration=self.clinic,
            position=position,
            service=service,
            group_id=service.group_id,
            code=service.code,
            description=service.name,
            unit_price=tariff.price if tariff else price.price,
            co_pay=tariff.co_pay if tariff else ZERO,
            vat_code=service.vat_code,
            vat_rate=service.vat_code.rate,
        )
        return self._for(line, line.unit_price)

    def _for(self, line: BillLine, gross: Decimal) -> BillLine:
        line.net = quantize(gross * 100 / (100 + line.vat_rate), self.clinic.currency)
        line.gross, line.vat = gross, gross - line.net
        return line

    def _discounted(self, line: BillLine, moment: datetime) -> Discount:
        """Eight per cent off: within the clinic's limit, so it needs nobody."""
        line.discount = quantize(line.unit_price * 8 / 100, self.clinic.currency)
        self._for(line, line.unit_price - line.discount)
        return Discount(
            administration=self.clinic,
            line=line,
            amount=line.discount,
            percentage=(line.discount * 100 / line.unit_price).quantize(Decimal("0.0001"), ROUND_CEILING),
            reason="Works at the clinic",
            given_by=self.receptionist,
            given_at=moment,
            approved_at=moment,
        )

    def _order(
        self,
        visit: Visit,
        price: ServicePrice,
        moment: datetime,
        *,
        given: datetime | None = None,
        payer: Payer | None = None,
    ) -> Order:
        service = price.service
        return Order(
            administration=self.clinic,
            visit=visit,
            kind=ORDERED[service.group.code],
            service=service,
            code=service.code,
            description=service.name,
            payer=payer,
            ordered_on=visit.date,
            ordered_at=moment,
            ordered_by=self.receptionist,
            completed_on=visit.date if given else None,
            completed_at=given,
            completed_quantity=1 if given else None,
            completed_by=self.receptionist if given else None,
        )

    # Payments and claims ---------------------------------------------------------------------------------------------

    def _pay(self, facts: Facts, bill: Bill) -> None:
        """How people pay: mostly at once by card, some in cash, some later, the insured with cover."""
        luck, gross = facts.chance.random(), bill.gross
        half = quantize(gross / 2, self.clinic.currency)
        if bill.payer:
            own = total(line.co_pay for line in facts.lines if line.bill is bill)
            self._take(facts, bill, bill.payer.method, gross - own)
            self._take(facts, bill, Method.CARD, own)
        elif luck < 0.56:
            self._take(facts, bill, Method.CARD, gross)
        elif luck < 0.86:
            self._take(facts, bill, Method.CASH, gross)
        elif luck < 0.95:
            self._take(facts, bill, Method.CASH, half)
            self._take(facts, bill, Method.CARD, gross - half)
        else:
            self.owing.append(Owing(bill, facts.day.date, gross, is_lost=facts.chance.random() < 0.15))

    def _take(self, facts: Facts, bill: Bill, method: str, amount: Decimal) -> None:
        if amount <= ZERO:
            return
        cashier = self.cashier if self._is_morning(bill.issued_at) else self.colleague
        facts.payments.append(
            Payment(
                id=uuid7(),
                administration=self.clinic,
                clinic_day=facts.day,
                bill=bill,
                method=method,
                amount=amount,
                payer=bill.payer if method in Payment.COVER else None,
                reference=f"{facts.chance.randrange(10**8):08d}" if method == Method.CARD else "",
                taken_by=cashier if method == Method.CASH else facts.chance.choice((self.receptionist, cashier)),
                taken_at=bill.issued_at,
            )
        )

    def _is_morning(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone)
        return local.date() == self.today or local.time() < NOON

    def _claims(self, facts: Facts) -> None:
        """What the payer took over is claimed from it: drafts, which somebody sends later."""
        claims = [
            Claim(
                administration=self.clinic,
                payer=payment.payer,
                bill=payment.bill,
                authorisation=f"A{facts.chance.randrange(10**6):06d}",
                created_at=payment.taken_at,
            )
            for payment in facts.payments
            if payment.payer
        ]
        Claim.objects.bulk_create(claims)
        ClaimStep.objects.bulk_create(
            ClaimStep(administration=self.clinic, claim=claim, status=claim.status, day=facts.day.date)
            for claim in claims
        )

    # The drawer ------------------------------------------------------------------------------------------------------

    def _till(self, facts: Facts, short: Decimal) -> None:
        """Two shifts with a hand-over at noon, each counted, and what is above the float taken to the bank. Today's is
        open."""
        payments = sorted(facts.payments, key=lambda payment: payment.taken_at)
        day = facts.day.date
        if self.drawer is None or day == self.today:
            # A drawer that waits for the count of an earlier day takes nothing: the cash waits, as it does at the desk.
            is_free = self.drawer and not Shift.objects.filter(drawer=self.drawer, closed_at=None).exists()
            shift = self._shift(facts.day, self.cashier, facts.visits[0].started_at) if is_free else None
            self._into(shift, payments)
            return
        morning = [payment for payment in payments if self._is_morning(payment.taken_at)]
        afternoon = payments[len(morning) :]
        shift = self._shift(facts.day, self.cashier, self.at(day, OPENING))
        self._into(shift, morning)
        if day.toordinal() % 9 == 4:
            self._move(shift, CashMovement.Kind.PAY_OUT, Decimal("12.40"), time(11, 15), reason="Milk and stamps")
        self._count(shift, self.at(day, NOON))
        shift = self._shift(facts.day, self.colleague, self.at(day, NOON) + timedelta(minutes=1))
        self._into(shift, afternoon)
        found = self._count(shift, self.at(day, EVENING), short)
        if found.total > self.drawer.standard_float:
            above, bag = found.total - self.drawer.standard_float, f"Bag {day:%m%d}"
            self._move(shift, CashMovement.Kind.DEPOSIT, above, time(17, 55), reference=bag)

    def _into(self, shift: Shift | None, payments: Iterable[Payment]) -> None:
        payments = list(payments)
        for payment in payments:
            payment.shift = shift if payment.method == Method.CASH else None
        Payment.objects.bulk_create(payments)

    def _shift(self, day: ClinicDay, cashier: User, opened_at: datetime) -> Shift:
        before = Shift.objects.filter(drawer=self.drawer).order_by("-opened_at").first()
        retained = None
        if before:
            count = before.counts.get(is_final=True)
            deposited = before.movements.filter(after_count=True)
            retained = count.total - total(movement.amount for movement in deposited)
        assert self.drawer  # noqa: S101 - for the type checker
        shift: Shift = Shift.objects.create(
            administration=self.clinic,
            clinic_day=day,
            drawer=self.drawer,
            cashier=cashier,
            opening_float=self.drawer.standard_float if retained is None else retained,
            retained=retained,
            opened_at=opened_at,
        )
        return shift

    def _move(self, shift: Shift, kind: str, amount: Decimal, hour: time, **words: str) -> None:
        petty = Account.objects.filter(administration=self.clinic, purpose="petty_cash_expense")
        CashMovement.objects.create(
            administration=self.clinic,
            clinic_day=shift.clinic_day,
            shift=shift,
            kind=kind,
            amount=amount,
            account=petty.get() if kind == CashMovement.Kind.PAY_OUT else None,
            by=shift.cashier,
            at=self.at(shift.clinic_day.date, hour),
            **words,
        )

    def _count(self, shift: Shift, at: datetime, short: Decimal = ZERO) -> DrawerCount:
        """What the cashier found. Where something is missing the drawer was counted twice, and a note says it."""
        expected = expected_in(shift)
        found = expected - short
        said: dict[str, Any] = {
            "administration": self.clinic,
            "clinic_day": shift.clinic_day,
            "shift": shift,
            "denominations": self._pieces(found),
            "total": found,
            "counted_by": shift.cashier,
        }
        if short:
            DrawerCount.objects.create(counted_at=at - timedelta(minutes=6), **said)
        final: DrawerCount = DrawerCount.objects.create(
            attempt=2 if short else 1,
            is_final=True,
            expected=expected,
            difference=found - expected,
            counted_at=at,
            **said,
        )
        Shift.objects.filter(pk=shift.pk).update(closed_at=at)
        if short:
            note = "Counted twice. I may have given change for 20 instead of 10 at the vaccinations."
            note_count(final, text=note, by=self.colleague)
        return final

    def _pieces(self, amount: Decimal) -> list[dict[str, Any]]:
        """``amount`` in the fewest notes and coins."""
        pieces, code = [], self.clinic.currency
        for value in (*notes_of(code), *coins_of(code)):
            count, amount = divmod(amount, value)
            if count:
                pieces.append({"value": text(value, code), "count": int(count)})
        return pieces
