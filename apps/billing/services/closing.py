"""Close a clinic day: prepare, refresh, review, finalize, cancel, note, reopen."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.billing.errors import (
    AlreadyFinalized,
    BornSinceReopened,
    CashNotCounted,
    CloseSuperseded,
    DayChanged,
    DayCloseCancelled,
    DayInFuture,
    NotACleanDay,
    NotFinalized,
    ReasonRequired,
)
from apps.billing.models import (
    Bill,
    CashMovement,
    ClaimSettlement,
    CloseNote,
    Discount,
    DrawerCount,
    EndOfDayReconciliation,
    Payment,
    Remittance,
    Shift,
    TerminalBatch,
    TopUp,
    Visit,
    WriteOff,
)
from apps.billing.reports.day import day_figures
from apps.billing.reports.drawers import cash_hidden
from apps.billing.services.day_entry import post_day
from apps.billing.services.days import held_alone, local_date
from apps.billing.services.leaks import refresh_leaks
from apps.billing.services.sealing import seal_day
from apps.billing.services.settings import settings_of
from apps.core.errors import SecondPersonRequired
from apps.core.events import record
from apps.core.models import Administration, Membership, User
from apps.core.permissions import Act, require, roles_of

Status = EndOfDayReconciliation.Status


@transaction.atomic
def close_day(
    administration: Administration, day: date, *, by: User | None, close_active_visits: bool = True
) -> tuple[EndOfDayReconciliation, bool]:
    """Prepare the close of ``day``: one lock, one transaction, one report, and whether this call made it.

    A report that is there, draft or finalized, is answered as it is; a cancelled one becomes a draft again. Without
    ``by`` the nightly job prepares, and a manager or the owner has to sign. Raises DayInFuture.
    """
    if by:
        require(by, Act.PREPARE_CLOSE, administration.pk)
    if day > local_date(administration):
        raise DayInFuture(date=day)
    clinic_day = held_alone(administration, day)
    close = clinic_day.closes.current().first()
    if close and close.status != Status.CANCELLED:
        return close, False

    close = close or EndOfDayReconciliation(administration=administration, clinic_day=clinic_day)
    close.status = Status.DRAFT
    close.active_visits_closed += _close_active_visits(administration, day) if close_active_visits else 0
    close.prepared_by, close.prepared_at = by, timezone.now()
    close.reviewed_by = close.reviewed_at = None
    refresh_leaks(clinic_day)
    day_figures(clinic_day).write_to(close)
    close.save()
    close.refresh_from_db(fields=["number", "reconciliation_date"])
    record("billing.day_prepared", close, by=by, date=day)  # no figure: whoever counts may read it before the count
    return close, True


@transaction.atomic
def refresh_day(close: EndOfDayReconciliation, *, by: User) -> EndOfDayReconciliation:
    """Compute the figures of a draft anew; a review of other figures falls away.

    Raises AlreadyFinalized or DayCloseCancelled.
    """
    require(by, Act.PREPARE_CLOSE, close.administration_id)
    close = _draft(close)
    _refresh(close)
    close.save()
    record("billing.day_refreshed", close, by=by)
    return close


@transaction.atomic
def review_day(close: EndOfDayReconciliation, *, by: User, note: str = "") -> EndOfDayReconciliation:
    """Say that the figures of a draft were looked at.

    Raises SecondPersonRequired, AlreadyFinalized or DayCloseCancelled.
    """
    require(by, Act.REVIEW_CLOSE, close.administration_id)
    close = _draft(close)
    if by.pk in preparers(close) and not close.administration.single_sign_off:
        raise SecondPersonRequired()
    close.reviewed_by, close.reviewed_at = by, timezone.now()
    close.save()
    _note(close, note, by)
    record("billing.day_reviewed", close, by=by)
    return close


@transaction.atomic
def finalize_day(
    close: EndOfDayReconciliation, *, by: User, note: str = "", seen: datetime | None = None
) -> EndOfDayReconciliation:
    """Sign the day: its figures are computed once more under the lock, its entry is posted, and it never changes.

    ``seen`` is the ``updated_at`` of the report that the person looked at; when the figures moved since, DayChanged
    is raised instead of signing what nobody saw. What was posted since the last seal is sealed. Raises
    AlreadyFinalized, DayCloseCancelled, CashNotCounted, SecondPersonRequired, NotACleanDay, and what posting may
    refuse.
    """
    require(by, Act.FINALIZE_CLOSE, close.administration_id)
    close = _draft(close)
    looked_at = close.updated_at
    changed = _refresh(close)
    if seen is not None and (changed or seen != looked_at):
        raise DayChanged()
    if cash_hidden(close.clinic_day):  # nobody signs what nobody may see; a drawer left open would stay so for ever
        raise CashNotCounted(date=close.reconciliation_date)
    alone = by.pk in preparers(close)
    if alone and not close.administration.single_sign_off:
        raise SecondPersonRequired()
    if roles_of(by).get(close.administration_id) == Membership.Role.RECEPTIONIST and not is_clean(close):
        raise NotACleanDay()

    posted = post_day(close, by=by)
    close.entry, close.reversal = posted.entry, posted.reversal
    close.status = Status.FINALIZED
    close.single_sign_off = alone
    close.finalized_by, close.finalized_at = by, timezone.now()
    close.save()
    close.clinic_day.is_finalized = True
    close.clinic_day.save(update_fields=["is_finalized"])
    _note(close, note, by)
    record("billing.day_finalized", close, by=by, total_revenue=close.total_revenue, entry=close.entry_id)
    seal_day(close, by=by)
    return close


@transaction.atomic
def cancel_day(close: EndOfDayReconciliation, *, by: User, reason: str) -> EndOfDayReconciliation:
    """Take a draft back; creating the close of that date again makes it a draft.

    A revision that is taken back leaves the day as it was signed before. Raises as refresh_day, and
    BornSinceReopened.
    """
    require(by, Act.PREPARE_CLOSE if close.revision == 1 else Act.REOPEN_CLOSE, close.administration_id)
    close = _draft(close)
    if close.revision > 1:
        if born := _born_since(close):
            raise BornSinceReopened(count=born, close=str(close))
        close.clinic_day.is_finalized = True
        close.clinic_day.save(update_fields=["is_finalized"])
    close.status = Status.CANCELLED
    close.save()
    _note(close, reason, by)
    record("billing.day_cancelled", close, by=by)
    return close


@transaction.atomic
def reopen_day(close: EndOfDayReconciliation, *, reason: str, by: User) -> EndOfDayReconciliation:
    """Begin the next revision of a finalized ``close``, a draft under its number; its day takes rows again.

    The day keeps its rows, and what was late for it stays where it is. Nothing is posted before the revision is
    finalized. Raises NotFinalized, CloseSuperseded, ReasonRequired, or SecondPersonRequired when
    ``by`` is who signed.
    """
    require(by, Act.REOPEN_CLOSE, close.administration_id)
    day = held_alone(close.administration, close.reconciliation_date)
    current = day.closes.current().select_related("administration").get()
    if current.status != Status.FINALIZED:
        raise NotFinalized(close=str(current))
    if close.pk != current.pk:
        raise CloseSuperseded(close=str(close), current=str(current))
    if not reason.strip():
        raise ReasonRequired()
    if by.pk == current.finalized_by_id and not current.administration.single_sign_off:
        raise SecondPersonRequired()
    # One that was taken back is taken up again: a revision follows a finalized one.
    revision = day.closes.filter(revision=current.revision + 1).first() or EndOfDayReconciliation(
        administration=day.administration,
        clinic_day=day,
        number=current.number,
        revision=current.revision + 1,
        active_visits_closed=current.active_visits_closed,
    )
    revision.status = Status.DRAFT
    revision.prepared_by = revision.reopened_by = by
    revision.prepared_at = revision.reopened_at = timezone.now()
    revision.reviewed_by = revision.reviewed_at = None
    revision.reopen_reason = reason.strip()
    refresh_leaks(day)
    day_figures(day).write_to(revision)
    revision.save()
    revision.refresh_from_db(fields=["reconciliation_date"])
    day.is_finalized = False  # once the draft is there: the law asks for it
    day.save(update_fields=["is_finalized"])
    record("billing.day_reopened", revision, by=by, date=day.date)
    return revision


def _born_since(close: EndOfDayReconciliation) -> int:
    """How many rows were added to the day of ``close`` after it was reopened."""
    rows = {"clinic_day": close.clinic_day_id}
    tables: tuple[tuple[Any, str], ...] = (
        (Bill, "issued_at"),
        (Payment, "taken_at"),
        (TopUp, "taken_at"),
        (Shift, "opened_at"),
        (CashMovement, "at"),
        (DrawerCount, "counted_at"),
        (TerminalBatch, "at"),
        (Remittance, "at"),
        (ClaimSettlement, "at"),
        (WriteOff, "approved_at"),
    )
    return sum(table.objects.filter(**rows, **{f"{at}__gt": close.reopened_at}).count() for table, at in tables)


@transaction.atomic
def add_note(close: EndOfDayReconciliation, *, text: str, by: User) -> EndOfDayReconciliation:
    """Add a note, also to a finalized close: the only change it takes."""
    require(by, Act.PREPARE_CLOSE, close.administration_id)
    _note(close, text, by)
    record("billing.day_noted", close, by=by)
    return close


def _draft(close: EndOfDayReconciliation) -> EndOfDayReconciliation:
    """The close as it stands now, its day held alone."""
    held_alone(close.administration, close.reconciliation_date)
    close = EndOfDayReconciliation.objects.select_related("administration", "clinic_day__administration").get(
        pk=close.pk
    )
    if close.status == Status.FINALIZED:
        raise AlreadyFinalized(close=str(close))
    if close.status == Status.CANCELLED:
        raise DayCloseCancelled(close=str(close))
    return close


def _refresh(close: EndOfDayReconciliation) -> bool:
    refresh_leaks(close.clinic_day)
    changed = day_figures(close.clinic_day).write_to(close)
    if changed:
        close.reviewed_by = close.reviewed_at = None
    return changed


def preparers(close: EndOfDayReconciliation) -> set[Any]:
    """Everyone who prepared the close, took money or gave it back, moved cash or counted it that day."""
    of_the_day = {"clinic_day": close.clinic_day_id}
    people = (
        Payment.objects.filter(**of_the_day).order_by().values_list("taken_by"),
        TopUp.objects.filter(**of_the_day).order_by().values_list("taken_by"),
        CashMovement.objects.filter(**of_the_day).order_by().values_list("by"),
        DrawerCount.objects.filter(shift__clinic_day=close.clinic_day_id).order_by().values_list("counted_by"),
    )
    return {close.prepared_by_id, *(person for (person,) in people[0].union(*people[1:]))} - {None}


def is_clean(close: EndOfDayReconciliation) -> bool:
    """Prepared by a person; nothing that does not agree, such as a drawer; no refund, no credit note, and no discount
    beyond the limit without approval."""
    of_the_day = {"clinic_day": close.clinic_day_id}
    limit = settings_of(close.administration).discount_limit
    blemishes = (
        Payment.objects.filter(~Q(kind=Payment.Kind.PAYMENT), **of_the_day),
        TopUp.objects.filter(amount__lt=0, **of_the_day),
        Bill.objects.filter(kind=Bill.Kind.CREDIT_NOTE, **of_the_day),
        Discount.objects.filter(line__bill__clinic_day=close.clinic_day_id, approved_at=None, percentage__gt=limit),
    )
    prepared = close.prepared_by_id is not None
    return prepared and not close.has_mismatches and not any(rows.exists() for rows in blemishes)


def _close_active_visits(administration: Administration, day: date) -> int:
    """End every visit up to ``day`` that is still active; inpatients stay."""
    active = Visit.objects.filter(
        administration=administration, date__lte=day, status=Visit.Status.ACTIVE, is_inpatient=False
    )
    return active.update(status=Visit.Status.CLOSED, ended_at=timezone.now(), closed_by_day_close=True)


def _note(close: EndOfDayReconciliation, text: str, by: User) -> None:
    if text.strip():
        CloseNote.objects.create(administration_id=close.administration_id, close=close, text=text.strip(), by=by)
