"""Wallets of a clinic's files: top-ups, what was paid in advance for taxed services, balances stated."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import exactly, one_of
from apps.billing.importing.errors import Refused, hint
from apps.billing.importing.facts import TopUpFact
from apps.billing.importing.rows import Found
from apps.billing.models import TopUp

if TYPE_CHECKING:
    from apps.billing.importing.gathering import Gathering

METHODS = TopUp.Method.values


class Wallets:
    def __init__(self, gathering: "Gathering") -> None:
        self.of = gathering
        self.rows = gathering.rows
        self.giving_back: list[tuple[Found, TopUpFact]] = []

    def gather_top_ups(self) -> None:
        """What goes into wallets; what gives an advance back waits until it is known what bills used of it."""
        for found in self.rows.single("top_ups"):
            try:
                self.keep_top_up(found)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def keep_top_up(self, found: Found) -> None:
        values = found.values
        clinic = self.of.clinic_of(values)
        if f"top_up:{found.id}" in clinic.there["sources"]:
            clinic.known["top_ups"] += 1
            return
        day, taken = clinic.local(values["date"])
        amount = exactly(values["amount"], clinic.currency, "amount", found.section)
        if not amount:
            raise Refused(_("a top-up of nothing"), field="amount", value=amount)
        method = one_of(values["method"], METHODS, "method")
        top_up = TopUpFact(
            found.id,
            self.of.patient(values["patient"], clinic),
            method,
            amount,
            day,
            taken,
            drawer=values.get("drawer", "") if method == TopUp.Method.CASH else "",
            reference=values.get("reference", "")[:100],
            reason=values.get("reason", "")[:200],
            service=self.taxed(values, clinic) if amount > 0 else "",
            left=amount,
        )
        if "advance" in values and amount < 0:
            self.giving_back.append((found, top_up))
            return
        clinic.top_ups.append(top_up)
        if top_up.service:
            self.of.advances[found.id] = top_up

    def taxed(self, values: dict[str, Any], clinic: Any) -> str:
        """The service that it was paid in advance for; without VAT it is a plain top-up, which pays for it all the
        same."""
        named = values.get("service", "")
        if named and named not in clinic.services:
            raise Refused(_("no such service.") + hint(named, clinic.services), field="service", value=named)
        return named if named and clinic.rate_of(named, self.of.settings) else ""

    def gather_given_back(self) -> None:
        """Money that went back of an advance: within what no bill used of it."""
        for found, back in self.giving_back:
            clinic = self.of.clinic_of(found.values)
            try:
                back.advance = take_of(self.of, found.values["advance"], back.patient, -back.amount, back.date)
            except Refused as refusal:
                self.rows.lose(found, refusal)
            else:
                clinic.top_ups.append(back)

    def gather_balances(self) -> None:
        """What the earlier system says that a wallet held."""
        for found in self.rows.found("wallets"):
            try:
                clinic = self.of.clinic_of(found.values)
                patient = self.of.patient(found.values["patient"], clinic)
                balance = exactly(found.values["balance"], clinic.currency, "balance")
                clinic.wallets[patient] = (balance, clinic.local(found.values["date"])[0])
            except Refused as refusal:
                self.rows.lose(found, refusal)


def take_of(gathering: "Gathering", id: str, patient: str, amount: Decimal, day: Any) -> TopUpFact | None:
    """The advance that ``id`` names, with ``amount`` taken of it for ``patient``; None for one that pays for anything.

    A negative amount puts it back. Raises Refused for one of somebody else, for more than is left, and for a day before
    it came in.
    """
    advance = gathering.advances.get(id)
    if advance is None:
        gathering.rows.check_not_lost("top_ups", id, "advance")
        if any(top_up.id == id for clinic in gathering.clinics.values() for top_up in clinic.top_ups):
            return None
        raise Refused(_("no such advance"), field="advance", value=id)
    if advance.patient != patient:
        raise Refused(_("another patient paid that in advance"), field="advance", value=id)
    if day < advance.date:
        raise Refused(_("before it came in, on {date}").format(date=advance.date), field="advance", value=id)
    if amount > advance.left:
        raise Refused(_("only {left} is left of it").format(left=advance.left), field="advance", value=id)
    advance.left -= amount
    return advance
