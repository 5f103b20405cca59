"""Give debt up: one person proposes it with a reason, another approves it, and then it is posted."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSubmitted,
    ClaimOfAnotherBill,
    PaymentNotPositive,
    WriteOffBeyondOpen,
    WriteOffKept,
    WriteOffNeedsAnother,
)
from apps.billing.models import Bill, Claim, ClaimSettlement, ClinicDay, WriteOff
from apps.billing.services.claims import hold_claims
from apps.billing.services.days import day_for, local_date
from apps.billing.services.payments import owed
from apps.billing.services.remitting import Settlement, post_settlements
from apps.core.errors import NotAllowed
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.core.permissions import Act, may, require
from apps.ledger.models import JournalEntry
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line, Source, post_entry
from apps.ledger.services.purposes import account_for, journal_of


@transaction.atomic
def propose(bill: Bill, *, claim: Claim | None = None, amount: Decimal, reason: str, by: User) -> WriteOff:
    """Propose to give up ``amount`` of what the patient owes of ``bill``, or its payer by ``claim``.

    Nothing moves before it is approved. Raises NotAllowed, ClaimNeedsReason, PaymentNotPositive,
    AmountHasTooManyDigits, ClaimOfAnotherBill, ClaimNotSubmitted or WriteOffBeyondOpen.
    """
    if not any(may(by, act, bill.administration_id) for act in (Act.KEEP_ACCOUNTS, Act.KEEP_CLAIMS)):
        raise NotAllowed()
    if not reason.strip():
        raise ClaimNeedsReason()
    amount = exact(amount, bill.administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if claim and claim.bill_id != bill.pk:
        raise ClaimOfAnotherBill(claim=str(claim), bill=str(bill))
    _refuse_beyond_open(bill, claim, amount)
    write_off = WriteOff.objects.create(
        administration_id=bill.administration_id,
        bill=bill,
        claim=claim,
        amount=amount,
        reason=reason.strip(),
        proposed_by=by,
    )
    record("billing.write_off_proposed", write_off, by=by, amount=amount)
    return write_off


@transaction.atomic
def approve(write_off: WriteOff, *, by: User) -> WriteOff:
    """Give the debt up on today's clinic day: Dr bad debt, Cr the debt of the patient or the payer.

    Raises NotAllowed, WriteOffKept when it was decided before, WriteOffNeedsAnother for whoever proposed it unless one
    person may sign alone, and WriteOffBeyondOpen when less is open by now.
    """
    require(by, Act.APPROVE, write_off.administration_id)
    write_off = _undecided(write_off)
    administration = write_off.administration
    if by.pk == write_off.proposed_by_id and not administration.single_sign_off:
        raise WriteOffNeedsAnother()
    bill, claim = write_off.bill, write_off.claim
    _refuse_beyond_open(bill, claim, write_off.amount)
    clinic_day, _late_for = day_for(administration, local_date(administration))
    with language_of_books(administration):
        memo = _("Write-off of %(item)s: %(reason)s") % {"item": claim or bill, "reason": write_off.reason}
    source = Source("write_off", write_off.pk)
    if claim:
        entry = post_settlements(
            [Settlement(claim, ClaimSettlement.Kind.WRITE_OFF, write_off.amount, write_off.reason)],
            hold_claims([claim.pk]),
            clinic_day=clinic_day,
            memo=memo,
            source=source,
            by=write_off.proposed_by or by,
            approved_by=by,
        )
    else:
        entry = _post(write_off, clinic_day, memo, source, by)
    write_off.approved_by, write_off.approved_at = by, timezone.now()
    write_off.clinic_day, write_off.entry = clinic_day, entry
    write_off.save(update_fields=["approved_by", "approved_at", "clinic_day", "entry"])
    record("billing.write_off_approved", write_off, by=by, amount=write_off.amount, date=clinic_day.date)
    return write_off


@transaction.atomic
def reject(write_off: WriteOff, *, by: User) -> WriteOff:
    """Decide that the debt is not given up; whoever proposed it may take it back as well. Raises NotAllowed or
    WriteOffKept."""
    if by.pk != write_off.proposed_by_id:
        require(by, Act.APPROVE, write_off.administration_id)
    write_off = _undecided(write_off)
    write_off.rejected_by, write_off.rejected_at = by, timezone.now()
    write_off.save(update_fields=["rejected_by", "rejected_at"])
    record("billing.write_off_rejected", write_off, by=by, amount=write_off.amount)
    return write_off


def _undecided(write_off: WriteOff) -> WriteOff:
    """The write-off as it stands now, nobody else's to decide."""
    rows = WriteOff.objects.select_for_update(of=("self",)).select_related(
        "administration", "bill__patient__party", "claim"
    )
    found = rows.get(pk=write_off.pk)
    if found.approved_at or found.rejected_at:
        raise WriteOffKept()
    return found


def _refuse_beyond_open(bill: Bill, claim: Claim | None, amount: Decimal) -> None:
    if claim is None:
        Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)  # whoever takes a payment waits
        open_ = owed(bill)
    else:
        held = hold_claims([claim.pk])[claim.pk]
        if held.submitted_on is None:
            raise ClaimNotSubmitted(claim=str(held), status=held.get_status_display())
        open_ = held.open  # type: ignore[attr-defined]
    if amount > open_:
        raise WriteOffBeyondOpen(amount=amount, open=max(open_, ZERO))


def _post(write_off: WriteOff, clinic_day: ClinicDay, memo: str, source: Source, by: User) -> JournalEntry:
    administration, bill, amount = write_off.administration, write_off.bill, write_off.amount
    document = Document("bill", bill.pk, str(bill))
    entry = post_entry(
        administration=administration,
        journal=journal_of(administration, "GEN"),
        date=clinic_day.date,
        memo=memo[:300],
        lines=[
            Line(account_for(administration, "bad_debt"), debit=amount),
            Line(
                account_for(administration, "patient_receivable"),
                credit=amount,
                party=bill.patient.party,
                document=document,
            ),
        ],
        by=by,
        source=source,
    )
    settle_documents(administration, [bill.pk])
    return entry
