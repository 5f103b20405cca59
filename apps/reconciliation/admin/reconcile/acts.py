"""What can be done with a line: each parses a form, calls one service, and says what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.models import User
from apps.reconciliation.admin.reconcile.forms import (
    BookForm,
    CheckForm,
    LineForm,
    MatchForm,
    SplitForm,
    TransferForm,
    UndoForm,
    UnpackForm,
)
from apps.reconciliation.admin.reconcile.history import matched_with
from apps.reconciliation.models import BankAccount, Clearing, StatementLine
from apps.reconciliation.services import naming, rules
from apps.reconciliation.services.clearing import Kind, Part, clear, set_to_check, undo
from apps.reconciliation.services.transferring import transfer
from apps.reconciliation.services.unpacking import unpack

SITTING = timedelta(hours=12)  # one key undoes no act that is older


@dataclass(frozen=True)
class Act:
    """A button of the page: its form, and what it does, which answers what to say."""

    form: type[LineForm]
    do: Callable[[StatementLine, Any, User], str]


def match(line: StatementLine, form: MatchForm, by: User) -> str:
    """With what was chosen. Another account's line is a transfer, an account is where the whole line is booked."""
    chosen = form.cleaned_data["choice"]
    name, row, amount = chosen[0]
    if len(chosen) == 1 and name == "other_line":
        return _said(transfer(line, row, by=by))
    if len(chosen) == 1 and name == "account":
        return _said(clear(line, [Part(_kind(line, amount), amount, account=row)], by=by))
    if any(name in ("other_line", "account") for name, _row, _amount in chosen):
        raise ValidationError(_("Choose what it is first."))
    given = form.cleaned_data
    return _said(naming.match(line, form.named, by=by, in_full=given["in_full"], model=given["model"]))


def split(line: StatementLine, form: SplitForm, by: User) -> str:
    return _said(naming.match(line, form.cleaned_data["named"], by=by, further=form.further))


def book(line: StatementLine, form: BookForm, by: User) -> str:
    given = form.cleaned_data
    if given["model"]:
        return _said(rules.write_off(line, given["model"], by=by))
    amount = given["amount"] or line.residual
    return _said(clear(line, [form.part(_kind(line, amount), amount)], by=by))


def move(line: StatementLine, form: TransferForm, by: User) -> str:
    """To or from an own account: both lines, or this one alone while the other statement has not come."""
    other = form.cleaned_data["other"]
    if other is None:
        return _said(clear(line, [Part(Kind.TRANSFER, line.residual)], by=by))
    return _said(transfer(line, other, by=by))


def take_apart(line: StatementLine, form: UnpackForm, by: User) -> str:
    return _said(unpack(line, by=by, key=form.cleaned_data["way"], difference_account=form.cleaned_data["account"]))


def duplicate(line: StatementLine, form: LineForm, by: User) -> str:
    clear(line, [Part(Kind.DUPLICATE, line.residual)], by=by)
    return _("Marked as the same as another line; nothing was posted. Z undoes it.")


def check(line: StatementLine, form: CheckForm, by: User) -> str:
    set_to_check(line, form.cleaned_data["to_check"], by=by)
    return _("Marked to be looked at again.") if form.cleaned_data["to_check"] else _("Not marked any more.")


def take_back(line: StatementLine, form: UndoForm, by: User) -> str:
    clearing = Clearing.objects.filter(line=line, pk=form.cleaned_data["clearing"]).first()
    if clearing is None:
        raise Http404
    undo(clearing, by=by)
    return _("Undone: the line is open again.")


ACTS = {
    "match": Act(MatchForm, match),
    "split": Act(SplitForm, split),
    "book": Act(BookForm, book),
    "transfer": Act(TransferForm, move),
    "unpack": Act(UnpackForm, take_apart),
    "duplicate": Act(LineForm, duplicate),
    "check": Act(CheckForm, check),
    "undo": Act(UndoForm, take_back),
}


def last_of(by: User, account: BankAccount) -> Clearing | None:
    """What somebody matched last on ``account``, in this sitting."""
    since = timezone.now() - SITTING
    mine = Clearing.objects.filter(administration=account.administration_id, by=by, undone_at=None)
    found: Clearing | None = (
        mine.filter(line__bank_account=account, created_at__gte=since)
        .select_related("line")
        .order_by("-created_at", "-id")
        .first()
    )
    return found


def _kind(line: StatementLine, amount: Any) -> str:
    """A whole line is booked; a part of one is written off."""
    return Kind.MODEL if amount == line.residual == line.amount else Kind.WRITE_OFF


def _said(clearing: Clearing) -> str:
    words = matched_with(clearing)
    return _("Matched with %(what)s. Z undoes it.") % {"what": words}
