"""Claims: drafted as cover is accepted, sent, rejected, sent again, settled once nothing is open of them."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import transaction

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSendable,
    ClaimNotSubmitted,
    ClaimsRequired,
    DayInFuture,
    NothingToClaim,
)
from apps.billing.models import Bill, Claim, ClaimStep, Payer
from apps.billing.reports.claims import with_open
from apps.billing.services.days import local_date
from apps.core.events import record
from apps.core.models import User
from apps.core.permissions import Act, require

Status = Claim.Status


@transaction.atomic
def claim_for(bill: Bill, payer: Payer, *, authorisation: str = "") -> Claim:
    """The claim for what ``payer`` covers of ``bill``, drafted when there is none; a settled one, of which more was
    covered now, is a draft again."""
    claim, made = Claim.objects.get_or_create(
        bill=bill,
        payer=payer,
        defaults={"administration_id": bill.administration_id, "authorisation": authorisation},
    )
    if made:
        claim.refresh_from_db(fields=["number"])
    more = not made and claim.status == Status.PAID
    if not made and (more or (authorisation and claim.authorisation != authorisation)):
        claim.authorisation = authorisation or claim.authorisation
        claim.status = Status.DRAFT if more else claim.status
        claim.save(update_fields=["authorisation", "status"])
    if made or more:
        _step(claim, local_date(claim.administration))
    return claim


def submit_claim(claim: Claim, *, by: User, on: date | None = None) -> Claim:
    """Enter that ``claim`` was sent to its payer on that date (today, when not given).

    Raises NotAllowed, DayInFuture, ClaimNotSendable or NothingToClaim.
    """
    return submit_claims([claim], by=by, on=on)[0]


@transaction.atomic
def submit_claims(claims: Iterable[Claim], *, by: User, on: date | None = None) -> list[Claim]:
    """Enter that ``claims`` of one administration were sent, all or none. Raises ClaimsRequired, and as above."""
    wanted = list(claims)
    if not wanted:
        raise ClaimsRequired()
    require(by, Act.KEEP_CLAIMS, wanted[0].administration_id)
    day = _day(wanted[0], on)
    found = _locked(claim.pk for claim in wanted)
    for claim in found:
        if claim.status not in (Status.DRAFT, Status.REJECTED):
            raise ClaimNotSendable(claim=str(claim), status=claim.get_status_display())
        if claim.open <= 0:  # type: ignore[attr-defined]
            raise NothingToClaim(claim=str(claim))
    for claim in found:
        _send(claim, day, by)
    return found


@transaction.atomic
def resubmit_claim(claim: Claim, *, authorisation: str = "", by: User, on: date | None = None) -> Claim:
    """Send a rejected claim again, under another authorisation code when one is given. Raises as submit_claim."""
    require(by, Act.KEEP_CLAIMS, claim.administration_id)
    day = _day(claim, on)
    (found,) = _locked([claim.pk])
    if found.status != Status.REJECTED:
        raise ClaimNotSendable(claim=str(found), status=found.get_status_display())
    if found.open <= 0:  # type: ignore[attr-defined]
        raise NothingToClaim(claim=str(found))
    found.authorisation = authorisation or found.authorisation
    _send(found, day, by)
    return found


@transaction.atomic
def reject_claim(claim: Claim, *, reason: str, by: User, on: date | None = None) -> Claim:
    """Enter that the payer rejected ``claim`` on that date (today, when not given), and why.

    Nothing moves in the books: the claim is sent again, or what is open of it goes to the patient, to an adjustment or
    to a write-off. Raises NotAllowed, DayInFuture, ClaimNeedsReason or ClaimNotSubmitted.
    """
    require(by, Act.KEEP_CLAIMS, claim.administration_id)
    if not reason.strip():
        raise ClaimNeedsReason()
    day = _day(claim, on)
    (found,) = _locked([claim.pk])
    if found.status != Status.SUBMITTED:
        raise ClaimNotSubmitted(claim=str(found), status=found.get_status_display())
    found.status, found.answered_on, found.reason = Status.REJECTED, day, reason.strip()
    found.save(update_fields=["status", "answered_on", "reason"])
    _step(found, day, by=by, reason=found.reason)
    record("billing.claim_rejected", found, by=by, date=day)
    return found


def hold_claims(claims: Iterable[UUID]) -> dict[UUID, Claim]:
    """The claims with what is ``open`` of them, nobody else's until the transaction ends. Their bills are locked
    first, as whoever takes a payment does."""
    wanted = set(claims)
    bills = Bill.objects.filter(claims__in=wanted).order_by("pk")
    list(bills.select_for_update(of=("self",), no_key=True).values_list("pk"))
    return {claim.pk: claim for claim in _locked(wanted)}


def settle_what_is_answered(claims: Iterable[UUID], *, day: date, by: User | None) -> None:
    """Claims of which nothing is open any more are settled, and those of which something is open again wait again.

    Call it in the transaction that settled something of them, took that back, or gave cover back.
    """
    for claim in _locked(claims):
        answered = claim.open <= 0  # type: ignore[attr-defined]
        if claim.submitted_on is None or answered == (claim.status == Status.PAID):
            continue
        claim.status = Status.PAID if answered else Status.SUBMITTED
        claim.answered_on = day if answered else None
        claim.save(update_fields=["status", "answered_on"])
        _step(claim, day, by=by)
        record("billing.claim_settled" if answered else "billing.claim_open_again", claim, by=by, date=day)


def _locked(claims: Iterable[UUID]) -> list[Claim]:
    wanted = set(claims)
    rows = Claim.objects.filter(pk__in=wanted).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))
    # Read once the locks are held: what another settlement left open is what we see.
    return list(with_open(rows.select_related("administration", "bill__patient__party", "payer__party")))


def _day(claim: Claim, on: date | None) -> date:
    today = local_date(claim.administration)
    if on and on > today:
        raise DayInFuture(date=on)
    return on or today


def _send(claim: Claim, day: date, by: User) -> None:
    claim.status, claim.submitted_on, claim.answered_on, claim.reason = Status.SUBMITTED, day, None, ""
    claim.submissions += 1
    claim.save(update_fields=["status", "submitted_on", "answered_on", "reason", "submissions", "authorisation"])
    _step(claim, day, by=by)
    record("billing.claim_submitted", claim, by=by, date=day, submissions=claim.submissions)


def _step(claim: Claim, day: date, *, by: User | None = None, reason: str = "") -> None:
    ClaimStep.objects.create(
        administration_id=claim.administration_id,
        claim=claim,
        status=claim.status,
        day=day,
        reason=reason[:200],
        by=by,
    )
