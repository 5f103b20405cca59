"""What payers sent, and what it says of their claims: paid, back to the patient, adjusted, withheld, taken back."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSubmitted,
    ClaimOfAnotherPayer,
    ClaimsRequired,
    DayInFuture,
    PaidBeyondRemittance,
    PaymentNotPositive,
    RemittanceEmpty,
    SettlementBeyondClaim,
    TakenBackBeyondSettled,
    WriteOffNotApproved,
)
from apps.billing.models import Bill, Claim, ClaimSettlement, ClinicDay, Payer, Remittance
from apps.billing.services.claims import hold_claims, settle_what_is_answered
from apps.billing.services.days import day_for, local_date
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, exact, total
from apps.core.permissions import Act, require
from apps.ledger.models import JournalEntry
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line, Source, on_side, post_entry
from apps.ledger.services.purposes import account_for, journal_of

Kind = ClaimSettlement.Kind
# Where a part of a claim goes that the payer does not owe any more; what it paid came out of its remittance.
SHORTFALLS = {
    Kind.ADJUSTMENT: "contractual_adjustment",
    Kind.WITHHOLDING: "withholding_receivable",
    Kind.WRITE_OFF: "bad_debt",
}


@dataclass(frozen=True)
class Settlement:
    """What becomes of ``amount`` of a claim, more than zero in the book currency."""

    claim: Claim
    kind: str
    amount: Decimal
    reason: str = ""


@transaction.atomic
def record_remittance(
    *,
    payer: Payer,
    amount: Decimal,
    received_on: date,
    reference: str = "",
    settlements: Sequence[Settlement] = (),
    by: User,
    idempotency_key: str = "",
) -> Remittance:
    """Enter ``amount`` that ``payer`` sent, and what it says of its claims; nothing is zero, and then it only answers.

    It is born into the clinic day of ``received_on`` and posted with that date: Dr the payer's money in transit,
    contractual adjustment, withholding tax and the patients who owe again, Cr the payer's debt of each bill. What is
    not assigned to a claim stays a credit of the payer, for ``assign_remittance``. The same ``idempotency_key`` answers
    the remittance that it made before. Raises NotAllowed, RemittanceEmpty, DayInFuture, PaymentNotPositive,
    AmountHasTooManyDigits, WriteOffNotApproved, ClaimOfAnotherPayer, ClaimNotSubmitted, PaidBeyondRemittance,
    SettlementBeyondClaim, IdempotencyKeyOfAnother, and what post_entry raises.
    """
    administration = payer.administration
    require(by, Act.KEEP_CLAIMS, administration.pk)
    amount = exact(amount, administration.currency)
    if amount < 0 or not (amount or settlements):
        raise RemittanceEmpty()
    if received_on > local_date(administration):
        raise DayInFuture(date=received_on)
    if known := _known(payer, idempotency_key, amount):
        return known
    held = _refuse(payer, settlements, spare=amount)
    clinic_day, late_for = day_for(administration, received_on)
    remittance = Remittance(
        administration=administration,
        clinic_day=clinic_day,
        late_for=late_for,
        payer=payer,
        received_on=received_on,
        reference=reference,
        amount=amount,
        by=by,
        idempotency_key=idempotency_key,
    )
    with language_of_books(administration):
        memo = _("Remittance of %(payer)s %(reference)s") % {"payer": payer.name, "reference": reference}
    lines = [
        *_line(account_for(administration, "payer_in_transit"), amount),
        *_settled(settlements, held),
        *_spare(remittance, _paid(settlements) - amount),
    ]
    # The entry first: a remittance names it from the moment that it is there.
    remittance.entry = _post(clinic_day, memo, lines, Source("remittance", remittance.pk), by)
    remittance.save()
    remittance.refresh_from_db(fields=["number"])
    _keep(settlements, clinic_day, remittance, remittance.entry, by)
    record("billing.remittance_recorded", remittance, by=by, amount=amount, claims=len(held), date=clinic_day.date)
    return remittance


@transaction.atomic
def assign_remittance(
    remittance: Remittance, *, settlements: Sequence[Settlement], by: User, on: date | None = None
) -> list[ClaimSettlement]:
    """Settle claims from what is not assigned yet of ``remittance``, on the clinic day of ``on`` (today, when not
    given). Raises ClaimsRequired, and as record_remittance."""
    administration = remittance.administration
    require(by, Act.KEEP_CLAIMS, administration.pk)
    if not settlements:
        raise ClaimsRequired()
    today = local_date(administration)
    if on and on > today:
        raise DayInFuture(date=on)
    remittance = Remittance.objects.select_for_update(of=("self",), no_key=True).get(pk=remittance.pk)
    held = _refuse(remittance.payer, settlements, spare=unassigned(remittance))
    clinic_day, _late_for = day_for(administration, max(on or today, remittance.clinic_day.date))
    with language_of_books(administration):
        memo = _("%(remittance)s of %(payer)s assigned") % {"remittance": remittance, "payer": remittance.payer.name}
    rows = _rows(settlements, clinic_day, remittance, by)
    lines = [*_settled(settlements, held), *_spare(remittance, _paid(settlements))]
    entry = _post(clinic_day, memo, lines, Source("claim_settlement", rows[0].pk), by)
    for row in rows:
        row.entry = entry
    ClaimSettlement.objects.bulk_create(rows)
    settle_what_is_answered(held, day=clinic_day.date, by=by)
    record("billing.remittance_assigned", remittance, by=by, amount=_paid(settlements), claims=len(held))
    return rows


@transaction.atomic
def take_back(
    settlement: ClaimSettlement, *, reason: str, by: User, amount: Decimal | None = None, on: date | None = None
) -> ClaimSettlement:
    """Take ``amount`` of ``settlement`` back (all that is left of it, when not given): the payer owes it again.

    A negative settlement of today's clinic day (of ``on``, when given) with the opposite entry of that part. What was
    paid is a credit of the payer again; taking a write-off back needs somebody who approves. Raises NotAllowed,
    ClaimNeedsReason, PaymentNotPositive, AmountHasTooManyDigits, TakenBackBeyondSettled and DayInFuture.
    """
    administration = settlement.administration
    require(by, Act.KEEP_CLAIMS, administration.pk)
    if settlement.kind == Kind.WRITE_OFF:
        require(by, Act.APPROVE, administration.pk)
    if not reason.strip():
        raise ClaimNeedsReason()
    today = local_date(administration)
    if on and on > today:
        raise DayInFuture(date=on)
    held = hold_claims([settlement.claim_id])
    left = left_of(settlement)
    amount = left if amount is None else exact(amount, administration.currency)
    if amount > left or left <= 0:
        raise TakenBackBeyondSettled(amount=amount, left=max(left, ZERO))
    if amount <= 0:
        raise PaymentNotPositive()
    back = Settlement(held[settlement.claim_id], settlement.kind, -amount, reason.strip())
    clinic_day, _late_for = day_for(administration, max(on or today, settlement.clinic_day.date))
    with language_of_books(administration):
        memo = _("Taken back from %(claim)s: %(reason)s") % {"claim": back.claim, "reason": back.reason}
    (row,) = _rows([back], clinic_day, settlement.remittance, by)
    lines = [*_settled([back], held)]
    if settlement.kind == Kind.PAID:
        assert settlement.remittance is not None  # noqa: S101 - what was paid names its remittance, by law
        lines += _spare(settlement.remittance, -amount)
    row.takes_back = settlement
    row.entry = _post(clinic_day, memo, lines, Source("claim_settlement", row.pk), by)
    row.save()
    settle_what_is_answered(held, day=clinic_day.date, by=by)
    record("billing.settlement_taken_back", row, by=by, of=settlement.pk, amount=amount, kind=row.kind)
    return row


def unassigned(remittance: Remittance) -> Decimal:
    """What no claim was found for yet of ``remittance``."""
    paid = ClaimSettlement.objects.filter(remittance=remittance, kind=Kind.PAID)
    rest: Decimal = remittance.amount - paid.aggregate(sum=Sum("amount", default=ZERO))["sum"]
    return rest


def left_of(settlement: ClaimSettlement) -> Decimal:
    """What can still be taken back of ``settlement``.

    Of one that an earlier version took back without naming it, no more than its claim, kind and remittance add up to.
    """
    back = ClaimSettlement.objects.filter(takes_back=settlement).aggregate(sum=Sum("amount", default=ZERO))["sum"]
    alike = ClaimSettlement.objects.filter(
        claim=settlement.claim_id, kind=settlement.kind, remittance=settlement.remittance_id
    )
    left: Decimal = min(settlement.amount + back, alike.aggregate(sum=Sum("amount", default=ZERO))["sum"])
    return left


def post_settlements(
    settlements: Sequence[Settlement],
    held: dict[UUID, Claim],
    *,
    clinic_day: ClinicDay,
    memo: str,
    source: Source,
    by: User,
    approved_by: User,
) -> JournalEntry:
    """Post and keep settlements that need no remittance: what was given up by two people. ``held``: see hold_claims."""
    entry = _post(clinic_day, memo, [*_settled(settlements, held)], source, by)
    _keep(settlements, clinic_day, None, entry, by, approved_by)
    return entry


def _known(payer: Payer, key: str, amount: Decimal) -> Remittance | None:
    if not key:
        return None
    hold_key("remittance", payer.administration_id, key)
    known = Remittance.objects.filter(administration=payer.administration_id, idempotency_key=key).first()
    if known and (known.payer_id, known.amount) != (payer.pk, amount):
        raise IdempotencyKeyOfAnother()
    return known


def _refuse(payer: Payer, settlements: Sequence[Settlement], *, spare: Decimal) -> dict[UUID, Claim]:
    """The claims that ``settlements`` are about, held, once nothing speaks against settling them."""
    wanted: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for settlement in settlements:
        if exact(settlement.amount, payer.administration.currency) <= 0:
            raise PaymentNotPositive()
        if settlement.kind == Kind.WRITE_OFF:
            raise WriteOffNotApproved()
        wanted[settlement.claim.pk] += settlement.amount
    if _paid(settlements) > spare:
        raise PaidBeyondRemittance()
    held = hold_claims(wanted)
    for claim in held.values():
        if claim.payer_id != payer.pk:
            raise ClaimOfAnotherPayer(claim=str(claim), payer=payer.name)
        if claim.submitted_on is None:
            raise ClaimNotSubmitted(claim=str(claim), status=claim.get_status_display())
        if wanted[claim.pk] > claim.open:  # type: ignore[attr-defined]
            raise SettlementBeyondClaim(claim=str(claim))
    return held


def _paid(settlements: Sequence[Settlement]) -> Decimal:
    return total(settlement.amount for settlement in settlements if settlement.kind == Kind.PAID)


def _line(account: Any, amount: Decimal, **more: Any) -> list[Line]:
    return [on_side(account, amount, **more)] if amount else []


def _settled(settlements: Sequence[Settlement], held: dict[UUID, Claim]) -> list[Line]:
    """Cr the payer's debt of each claim; Dr what it gave up, and the patient who owes again. Paid parts come out of
    the remittance, and are the caller's."""
    if not held:
        return []
    administration = next(iter(held.values())).administration
    given_up: defaultdict[str, Decimal] = defaultdict(Decimal)
    patients: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    claims: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for settlement in settlements:
        claims[settlement.claim.pk] -= settlement.amount
        if settlement.kind == Kind.PATIENT:
            patients[settlement.claim.pk] += settlement.amount
        elif purpose := SHORTFALLS.get(Kind(settlement.kind)):
            given_up[purpose] += settlement.amount
    lines = [
        line for purpose, amount in given_up.items() for line in _line(account_for(administration, purpose), amount)
    ]
    for key, amount in patients.items():
        bill = held[key].bill
        account = account_for(administration, "patient_receivable")
        lines += _line(account, amount, party=bill.patient.party, document=_bill(bill))
    for key, amount in claims.items():
        account = account_for(administration, "payer_receivable")
        lines += _line(account, amount, party=held[key].payer.party, document=_bill(held[key].bill))
    return lines


def _spare(remittance: Remittance, amount: Decimal) -> list[Line]:
    """What is not assigned of ``remittance``, a credit of its payer: more of it when ``amount`` is negative."""
    return _line(
        account_for(remittance.administration, "payer_receivable"),
        amount,
        party=remittance.payer.party,
        document=Document("remittance", remittance.pk, remittance.reference[:64]),
    )


def _bill(bill: Bill) -> Document:
    return Document("bill", bill.pk, str(bill))


def _post(clinic_day: ClinicDay, memo: str, lines: list[Line], source: Source, by: User) -> JournalEntry:
    administration: Administration = clinic_day.administration
    lines.sort(key=lambda line: line.credit > 0)  # debits first, as entries are read
    entry = post_entry(
        administration=administration,
        journal=journal_of(administration, "GEN"),
        date=clinic_day.date,
        memo=memo.strip()[:300],
        lines=lines,
        by=by,
        source=source,
    )
    # Where the day of a bill is not finalized yet its item comes later, and is settled by the day's own entry.
    settle_documents(administration, {line.document.id for line in lines if line.document})
    return entry


def _rows(
    settlements: Sequence[Settlement],
    clinic_day: ClinicDay,
    remittance: Remittance | None,
    by: User,
    approved_by: User | None = None,
) -> list[ClaimSettlement]:
    return [
        ClaimSettlement(
            administration_id=clinic_day.administration_id,
            clinic_day=clinic_day,
            claim=settlement.claim,
            remittance=remittance,
            kind=settlement.kind,
            amount=settlement.amount,
            reason=settlement.reason[:200],
            by=by,
            approved_by=approved_by,
        )
        for settlement in settlements
    ]


def _keep(
    settlements: Sequence[Settlement],
    clinic_day: ClinicDay,
    remittance: Remittance | None,
    entry: JournalEntry,
    by: User,
    approved_by: User | None = None,
) -> None:
    rows = _rows(settlements, clinic_day, remittance, by, approved_by)
    for row in rows:
        row.entry = entry
    ClaimSettlement.objects.bulk_create(rows)
    settle_what_is_answered({settlement.claim.pk for settlement in settlements}, day=clinic_day.date, by=by)
