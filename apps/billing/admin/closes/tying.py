"""How the money of a day ties out on the close page: each cell with the rows that it is the sum of, or why it waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import CashierFilter, link
from apps.billing.blind import AFTER_THE_COUNT, Seen
from apps.billing.models import Payment
from apps.billing.paystack import SUCCESS
from apps.billing.reports.tie_out import OfCashier, Tied
from apps.core.models import Administration, User
from apps.core.money import ZERO

Method = Payment.Method


@dataclass(frozen=True)
class Told:
    """One cell: who tells it, what they say, where that is listed. Of several lists it has ``parts`` and no link."""

    word: Any
    amount: Seen
    link: str = ""
    parts: tuple["Told", ...] = ()
    why_empty: Any = ""


@dataclass(frozen=True)
class TiedRow:
    """One method, of the whole day or of one cashier: what was taken, and what the others say of it."""

    name: str
    word: str
    amounts: list[Told]
    agrees: bool


@dataclass(frozen=True)
class Ties:
    """Makes the rows of one day. ``entry_link`` is empty for whoever reads no books."""

    administration: Administration
    day: date
    entry_link: str
    signed: bool
    hidden: bool

    def totals(self, tied: Iterable[Tied]) -> list[TiedRow]:
        """By method, those of which somebody says something."""
        return [self._row("", one, self._rows(one.method)) for one in tied if self._says_something(one)]

    def cashiers(self, tied: Iterable[OfCashier]) -> list[TiedRow]:
        """By person and method; terminals, the provider and the books know no person."""
        return [
            self._row(one.name or str(_("nobody")), one.tied, self._rows(one.tied.method, one.cashier, alone=True))
            for one in tied
        ]

    def _says_something(self, one: Tied) -> bool:
        said = (one.taken, one.counted, one.terminal, one.provider, one.books)
        return any(said) or (self.hidden and one.method == Method.CASH)

    def _rows(self, method: str, cashier: User | None = None, *, alone: bool = False) -> dict[str, Any]:
        """What the lists of payments and top-ups are asked for."""
        mine: dict[str, Any] = {
            "administration__id__exact": self.administration.pk,
            "day": self.day.isoformat(),
            "method__exact": method,
        }
        return mine | {CashierFilter.parameter_name: cashier.pk if cashier else CashierFilter.nobody} if alone else mine

    def _row(self, name: str, one: Tied, rows: dict[str, Any]) -> TiedRow:
        blind = self.hidden and one.method == Method.CASH
        amounts = [
            Told(_("Taken"), AFTER_THE_COUNT) if blind else self._taken(one, rows),
            Told(_("Counted"), AFTER_THE_COUNT if blind else one.counted, "" if blind else "#count"),
            Told(_("Terminal"), one.terminal, self._listed("billing_terminalbatch_changelist", day=self.day)),
            Told(
                _("Provider"),
                one.provider,
                self._listed("billing_paystacktransaction_changelist", paid_on=self.day, status__exact=SUCCESS),
            ),
            Told(_("Books"), one.books, self.entry_link, why_empty=self._why_no_books(one, name)),
        ]
        return TiedRow(name, str(Method(one.method).label), amounts, one.agrees)

    def _taken(self, one: Tied, rows: dict[str, Any]) -> Told:
        """Payments, or top-ups, or both: each stands in a list of its own."""
        taken: Decimal = one.taken or ZERO
        parts = [
            Told(word, amount, link(f"billing_{model}_changelist", **rows))
            for word, amount, model in (
                (_("payments"), taken - one.top_ups, "payment"),
                (_("top-ups"), one.top_ups, "topup"),
            )
            if amount
        ]
        if len(parts) == 1:
            return Told(_("Taken"), one.taken, parts[0].link)
        return Told(_("Taken"), one.taken, parts=tuple(parts))

    def _listed(self, page: str, **query: Any) -> str:
        return link(page, administration__id__exact=self.administration.pk, **query)

    def _why_no_books(self, one: Tied, name: str) -> Any:
        if self.signed or name or one.books is not None or one.method in Payment.COVER:
            return ""
        return _("after signing")
