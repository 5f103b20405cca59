"""What makes days of the demo clinic special: each thing done by the service and the person that would do it."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal as D

from django.db.models import QuerySet

from apps.billing.demo.clinic import SEED, user_of
from apps.billing.demo.days import Days, Method
from apps.billing.models import (
    Bill,
    Claim,
    ClaimSettlement,
    ClinicDay,
    Coverage,
    Discount,
    Order,
    Patient,
    Payment,
    PaystackSettlement,
    PaystackTransaction,
    Service,
    TopUp,
    Visit,
)
from apps.billing.reports.claims import with_open
from apps.billing.services.charging import Charge, issue_bill
from apps.billing.services.claims import reject_claim, resubmit_claim, submit_claims
from apps.billing.services.discounts import approve_discount
from apps.billing.services.drawers import enter_terminal_total
from apps.billing.services.ordering import complete_order, cover_order, place_order
from apps.billing.services.payments import Tender, owed, refund_payment, take_payment
from apps.billing.services.remitting import Settlement, record_remittance
from apps.billing.services.wallets import top_up
from apps.billing.services.writing_off import propose
from apps.core.models import Administration, Membership
from apps.core.money import ZERO, total

Role = Membership.Role
SHORT_AGO, SHORT = 2, D("10.00")  # working days before today, and what is missing in the drawer then
PAYOUT = "359143"  # the provider's number of it
SLIP = D("23.75")  # on the terminal's slip of yesterday, and entered nowhere


class Story:
    """``tell`` it once for each day, oldest first, before the day is closed."""

    def __init__(self, clinic: Administration, days: Days) -> None:
        self.clinic, self.days = clinic, days
        self.receptionist, self.manager = user_of(Role.RECEPTIONIST), user_of(Role.MANAGER)
        self.owner, self.accountant = user_of(Role.OWNER), user_of(Role.ACCOUNTANT)
        self.services = {service.code: service for service in Service.objects.filter(administration=clinic)}
        self.savers = list(Patient.objects.filter(administration=clinic).order_by("-code")[:3])
        self.events: dict[int, list[Callable[[date], None]]] = {
            20: [self._large_discount],
            19: [self._reject],  # never sent again
            18: [lambda day: self._never_billed(day, "L10", Order.Kind.LAB)],
            16: [self._save_up],
            14: [self._reject],
            12: [self._spend],
            11: [self._refund],
            9: [self._send_again],
            8: [lambda day: self._never_billed(day, "I20", Order.Kind.IMAGING)],
            7: [self._online],
            6: [self._pay_late],
            4: [self._save_up],
            3: [self._free_follow_up, self._reject],
            1: [
                lambda day: self._never_billed(day, "P10", Order.Kind.PROCEDURE),
                self._give_out_more,
                self._large_discount,
                self._spend,
                self._give_up,
            ],
        }

    @staticmethod
    def short_of(ago: int) -> D:
        """What is missing in the drawer that many working days before today."""
        return SHORT if ago == SHORT_AGO else ZERO

    @staticmethod
    def note_of(ago: int) -> str:
        """What the manager says as she signs."""
        return "Spoke with Kim about the 10.00 that is missing; no receipt explains it." if ago == SHORT_AGO else ""

    def tell(self, day: date, ago: int) -> None:
        """What happened on ``day``, ``ago`` working days before today."""
        self._transfers(day)
        self._send_claims(day)
        if ago % 10 == 2:
            self._remit(day)
        for event in self.events.get(ago, ()):
            event(day)
        for discount in Discount.objects.filter(administration=self.clinic, approved_at=None):
            if ago > 1:
                approve_discount(discount, by=self.manager)
        self._terminal(day, SLIP if ago == 1 else ZERO)

    # Money -----------------------------------------------------------------------------------------------------------

    def _transfers(self, day: date) -> None:
        """What was left owing comes by transfer after some days."""
        chance = random.Random(f"{SEED} transfers {day}")
        for owing in list(self.days.owing):
            if (day - owing.day).days >= 5 and not owing.is_lost and chance.random() < 0.3:
                tender = Tender(Method.TRANSFER, owing.amount, reference=str(owing.bill.pk)[-8:])
                take_payment(owing.bill, tender=tender, day=day, by=self.receptionist)
                self.days.owing.remove(owing)

    def _billed(self, day: date, *charges: Charge, patient: Patient | None = None, method: str = Method.CARD) -> Bill:
        """A bill that is paid at once; for the visit that ended last, unless it is somebody else's."""
        visit = None if patient else self._visit()
        bill = issue_bill(
            patient=patient or visit.patient,  # type: ignore[union-attr]
            charges=charges,
            visit=visit,
            day=day,
            by=self.receptionist,
        )
        reference = _reference(bill) if method in (Method.CARD, Method.PAYSTACK) else ""
        take_payment(bill, tender=Tender(method, bill.gross, reference=reference), day=day, by=self.receptionist)
        return bill

    def _online(self, day: date) -> None:
        """Two paid by a link; the provider paid that out on the next day, less its fees."""
        paid = []
        for code, fee in (("C20", "1.48"), ("P30", "0.74")):
            bill = self._billed(day, Charge(self.services[code]), method=Method.PAYSTACK)
            at = Payment.objects.get(bill=bill).taken_at
            paid.append(
                PaystackTransaction(
                    administration=self.clinic,
                    reference=_reference(bill),
                    status="success",
                    amount=bill.gross,
                    fees=D(fee),
                    currency=self.clinic.currency,
                    paid_on=day,
                    paid_at=at,
                    bill=bill,
                )
            )
        gross, fees = total(one.amount for one in paid), total(one.fees for one in paid)
        earlier = PaystackSettlement.objects.filter(administration=self.clinic).count()
        payout = PaystackSettlement.objects.create(
            administration=self.clinic,
            provider_id=str(int(PAYOUT) + earlier),
            status="success",
            currency=self.clinic.currency,
            settled_on=day + timedelta(days=1),
            gross=gross,
            fees=fees,
            net=gross - fees,
        )
        for one in paid:
            one.settlement = payout
        PaystackTransaction.objects.bulk_create(paid)

    def _visit(self) -> Visit:
        """A visit of the day whose patient pays on their own; another one each time."""
        visits = self.days.seen
        found = next(visit for visit in reversed(visits) if visit.patient_id not in self.days.covered)
        self.days.seen = [visit for visit in visits if visit is not found]
        return found

    def _large_discount(self, day: date) -> None:
        """A quarter off: above the limit, so that it waits for a second person."""
        self._billed(day, Charge(self.services["C20"], discount=D("20.50"), discount_reason="Waited for an hour"))

    def _save_up(self, day: date) -> None:
        for patient, amount in zip(self.savers, ("120.00", "80.00", "60.00"), strict=True):
            method = TopUp.Method.TRANSFER if amount == "60.00" else TopUp.Method.CARD
            top_up(patient, method=method, amount=D(amount), by=self.receptionist, day=day)

    def _spend(self, day: date) -> None:
        for patient in self.savers[:2]:
            self._billed(day, Charge(self.services["C10"]), patient=patient, method=Method.WALLET)

    def _refund(self, day: date) -> None:
        """The owner gives it back, so that the manager may still sign the day."""
        taken = Payment.objects.filter(bill__administration=self.clinic, method=Method.CARD, kind="PAYMENT", payer=None)
        payment = taken.filter(clinic_day__date__lt=day, amount__gte=40, bill__payer=None).latest("number")
        refund_payment(payment, amount=D("15.00"), reason="Charged twice for the dressing", by=self.owner, day=day)

    def _pay_late(self, day: date) -> None:
        """Entered for a day that is signed: it is born into this one, and says for which it is late."""
        owing = next((owing for owing in reversed(self.days.owing) if owing.day < day), None)
        if owing is None:
            return
        self.days.owing.remove(owing)
        tender = Tender(Method.TRANSFER, owing.amount, reference="found in the post")
        take_payment(owing.bill, tender=tender, day=owing.day, by=self.receptionist)

    def _give_up(self, _day: date) -> None:
        """Debt that the accountant would give up; somebody else has to approve it."""
        lost = next((owing for owing in self.days.owing if owing.is_lost), next(iter(self.days.owing), None))
        if lost:
            propose(lost.bill, amount=owed(lost.bill), reason="Moved abroad, letters come back", by=self.accountant)

    def _terminal(self, day: date, more: D) -> None:
        """What the terminal printed: the day's card payments and top-ups, and a slip that nobody entered."""
        rows = {"clinic_day__administration": self.clinic, "clinic_day__date": day, "method": Method.CARD}
        amounts = [
            *Payment.objects.filter(**rows).values_list("amount", flat=True),
            *TopUp.objects.filter(**rows).values_list("amount", flat=True),
        ]
        enter_terminal_total(
            ClinicDay.objects.get(administration=self.clinic, date=day),
            terminal="Desk",
            batch=f"{day:%m%d}",
            total=total(amounts) + more,
            payments_count=len(amounts) + bool(more),
            by=self.days.colleague,
        )

    # Care ------------------------------------------------------------------------------------------------------------

    def _given(self, day: date, code: str, kind: str, *, quantity: int = 1, given: int | None = None) -> Order:
        order = place_order(
            self._visit(), kind=kind, service=self.services[code], quantity=quantity, day=day, by=self.receptionist
        )
        return complete_order(order, quantity=None if given is None else D(given), day=day, by=self.receptionist)

    def _never_billed(self, day: date, code: str, kind: str) -> None:
        self._given(day, code, kind)

    def _give_out_more(self, day: date) -> None:
        """Two were billed, three were given out."""
        order = self._given(day, "M20", Order.Kind.PHARMACY, quantity=2, given=3)
        bill = issue_bill(
            patient=order.visit.patient,
            charges=[Charge(self.services["M20"], D(2), order)],
            visit=order.visit,
            day=day,
            by=self.receptionist,
        )
        tender = Tender(Method.CARD, bill.gross, reference=str(bill.pk)[-8:])
        take_payment(bill, tender=tender, day=day, by=self.receptionist)

    def _free_follow_up(self, day: date) -> None:
        """Given and not billed, and no leak: it says why it costs nothing."""
        order = self._given(day, "C30", Order.Kind.CONSULTATION)
        cover_order(order, reason=Coverage.FREE_FOLLOW_UP, by=self.receptionist)

    # Claims ----------------------------------------------------------------------------------------------------------

    def _send_claims(self, day: date) -> None:
        """What was covered some days ago goes to the insurer."""
        drafts = self._claims(Claim.Status.DRAFT).filter(bill__clinic_day__date__lte=day - timedelta(days=4))
        if found := list(drafts):
            submit_claims(found, by=self.accountant, on=day)

    def _reject(self, day: date) -> None:
        claim = self._claims(Claim.Status.SUBMITTED).filter(submissions=1).last()
        if claim:
            reject_claim(claim, reason="The authorisation code is not known to us", by=self.accountant, on=day)

    def _send_again(self, day: date) -> None:
        claim = self._claims(Claim.Status.REJECTED).last()
        if claim:
            resubmit_claim(claim, authorisation="A900417", by=self.accountant, on=day)

    def _remit(self, day: date) -> None:
        """The insurer pays what it had for a week, and the largest claim short: the patient's part and its rebate."""
        waiting = self._claims(Claim.Status.SUBMITTED).filter(submitted_on__lte=day - timedelta(days=7))
        claims = sorted(with_open(waiting), key=lambda claim: -claim.open)
        back, adjusted = D("12.50"), D("4.00")
        if not claims or claims[0].open <= back + adjusted:
            return
        kinds, (largest, *others) = ClaimSettlement.Kind, claims
        settlements = [
            Settlement(largest, kinds.PAID, largest.open - back - adjusted),
            Settlement(largest, kinds.PATIENT, back, "Deductible"),
            Settlement(largest, kinds.ADJUSTMENT, adjusted, "Rebate of the contract"),
            *(Settlement(claim, kinds.PAID, claim.open) for claim in others),
        ]
        record_remittance(
            payer=largest.payer,
            amount=total(one.amount for one in settlements if one.kind == kinds.PAID),
            received_on=day,
            reference=f"PZ {day:%Y%m%d}",
            settlements=settlements,
            by=self.accountant,
        )

    def _claims(self, status: str) -> QuerySet[Claim]:
        claims = Claim.objects.filter(administration=self.clinic, status=status)
        return claims.select_related("administration", "payer").order_by("number")


def _reference(bill: Bill) -> str:
    """What a terminal or a provider calls the payment of a bill."""
    return str(bill.pk)[-8:]
