"""Keep the models of bank lines: set up, change, put aside."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.core.errors import ForeignRow
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account, Party, VatCode
from apps.reconciliation.errors import ModelUsed, PatternEndless, PatternInvalid
from apps.reconciliation.models import BankAccount, Clearing, ReconciliationModel, ReconciliationModelLine
from apps.reconciliation.patterns import regex
from apps.reconciliation.reports.rules import LONGEST

PATIENCE = 0.1  # seconds


@dataclass(frozen=True)
class Booking:
    """A line of a model: the account, and how much goes there."""

    account: Account
    amount_type: str = ReconciliationModelLine.AmountType.PERCENTAGE
    amount: Decimal | None = Decimal(100)
    amount_pattern: str = ""
    party: Party | None = None
    vat_code: VatCode | None = None
    includes_vat: bool = True
    memo: str = ""


@named_refusals()
@transaction.atomic
def keep_model(
    administration: Administration,
    *,
    by: User,
    model: ReconciliationModel | None = None,
    bank_accounts: Sequence[BankAccount] | None = None,
    lines: Sequence[Booking] | None = None,
    **values: Any,
) -> ReconciliationModel:
    """Set a model up, or change the ``values`` of one that is there; ``lines`` and ``bank_accounts`` replace those that
    it has, where they are given. What it has booked stays as it was.

    Raises NotAllowed, ForeignRow, PatternInvalid, PatternEndless, ModelInvalid or ModelNameTaken.
    """
    require(by, Act.MATCH_BANK, administration.pk)
    new = model is None or model._state.adding
    model = model or ReconciliationModel(administration=administration)
    for name, value in values.items():
        setattr(model, name, value)
    check_pattern(model.label_pattern)
    for line in lines or ():
        check_pattern(line.amount_pattern, groups=bool(line.amount_pattern))
    named = [*(bank_accounts or ()), model.party, model.tolerance_account]
    if any(row is not None and row.administration_id != administration.pk for row in named):
        raise ForeignRow()
    model.save()
    if bank_accounts is not None:
        model.bank_accounts.set(bank_accounts)
    if lines is not None:
        model.lines.all().delete()
        ReconciliationModelLine.objects.bulk_create(
            ReconciliationModelLine(administration=administration, model=model, position=position, **_values(line))
            for position, line in enumerate(lines, start=1)
        )
    record("bank.model_set_up" if new else "bank.model_changed", model, by=by)
    return model


@transaction.atomic
def delete_model(model: ReconciliationModel, *, by: User) -> None:
    """Throw a model away that booked nothing yet. Raises NotAllowed, or ModelUsed: that one is put aside."""
    require(by, Act.MATCH_BANK, model.administration_id)
    if Clearing.objects.filter(model=model).exists():
        raise ModelUsed(model=model.name)
    record("bank.model_deleted", model, by=by)
    model.delete()


def check_pattern(pattern: str, *, groups: bool = False) -> None:
    """Raises PatternInvalid for what is no regular expression or lacks the group of an amount, PatternEndless for one
    that does not end in time."""
    if not pattern:
        return
    try:
        compiled = regex.compile(pattern, regex.IGNORECASE)
    except (regex.error, OverflowError, RecursionError) as error:
        raise PatternInvalid(pattern=pattern, problem=str(error)) from None
    if groups and not compiled.groups:
        raise PatternInvalid(pattern=pattern, problem="( )")
    # Long runs of each letter that the pattern is about, and an end that it is not, behind which stands whatever it may
    # look for: what backtracks without end does so here. An honest pattern takes a thousandth of the time.
    end = "\u0001" + "".join(dict.fromkeys(pattern))
    try:
        for letter in dict.fromkeys([*filter(str.isalnum, pattern), *"a1 -,"]):
            compiled.search(letter * LONGEST + end, timeout=PATIENCE)
    except TimeoutError:
        raise PatternEndless(pattern=pattern) from None


def _values(line: Booking) -> dict[str, Any]:
    return {one.name: getattr(line, one.name) for one in fields(line)}
