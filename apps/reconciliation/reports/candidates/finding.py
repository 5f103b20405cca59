"""What a person finds by typing among everything that a line can clear: a number, a party, an amount."""

from collections.abc import Collection
from decimal import Decimal

from django.db.models import Q

from apps.ledger.models import Party
from apps.reconciliation.models import BankAccount, StatementLine
from apps.reconciliation.reports.candidates.matching import Shape
from apps.reconciliation.reports.candidates.shapes import Candidate
from apps.reconciliation.reports.candidates.sources import Open, everything_open, units
from apps.reconciliation.reports.candidates.together import Scored

MOST = 20
KEYS = ("payment", "bill", "other_line", "open_item", "entry_line")
PARTIES = 500  # whose code or name holds what was typed


def find_open(
    line: StatementLine, typed: str, amount: Decimal | None = None, *, keys: Collection[str] = ()
) -> tuple[Candidate, ...]:
    """What is open and has ``typed`` in its number or its party, or is as much as ``amount``: what goes the way of
    ``line`` first, then the newest. Without score or reasons: a person chose it. ``keys`` name what is wanted in any
    case, such as ``open_item:`` and its id."""
    account = BankAccount.objects.select_related("administration").get(pk=line.bank_account_id)
    wanted, want = plain(typed), units(line.residual)
    parties = _parties(account, typed)
    size = None if amount is None else units(abs(amount))

    def is_meant(one: Open) -> bool:
        if keys and any(f"{name}:{getattr(one, name)}" in keys for name in KEYS):
            return True
        named = bool(wanted) and (wanted in plain(one.document) or wanted in plain(one.further))
        as_much = size is not None and size in (abs(one.amount), abs(one.in_currency))
        return named or as_much or one.party in parties

    found = [one for one in everything_open(account, [line]) if is_meant(one)]
    found.sort(key=lambda one: (((one.amount or one.in_currency) > 0) != (want > 0), -one.date.toordinal()))
    shape = Shape(want, account.currency)
    return tuple(shape(Scored(0, one, 0, _clears(one, want), ())) for one in found[: MOST + len(keys)])


def plain(text: str) -> str:
    """``text`` as numbers are compared: letters and digits alone."""
    return "".join(filter(str.isalnum, text.casefold()))


def _clears(one: Open, want: int) -> int:
    """How much of ``one`` the line would clear: no more than there is; of what goes the other way all."""
    if one.currency:
        return want
    same_way = (one.amount > 0) == (want > 0)
    return min(one.amount, want, key=abs) if same_way else one.amount


def _parties(account: BankAccount, typed: str) -> set[str | None]:
    if len(typed) < 2:
        return set()
    named = Party.objects.filter(Q(code__icontains=typed) | Q(name__icontains=typed))
    keys = named.filter(administration=account.administration_id).order_by().values_list("pk", flat=True)
    return {str(key) for key in keys[:PARTIES]}
