"""Payments of a clinic's files, and what gives them back."""

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import exactly
from apps.billing.importing.errors import Refused, hint
from apps.billing.importing.facts import PaymentFact
from apps.billing.importing.rows import Found
from apps.billing.importing.settling import given_back
from apps.billing.importing.wallets import take_of
from apps.billing.models import Payment
from apps.core.money import ZERO

if TYPE_CHECKING:
    from apps.billing.importing.gathering import Gathering

# What tells payments without an id apart.
CONTENT = ("bill", "bill_number", "visit", "patient", "date", "method", "amount", "kind", "payer", "reference")
METHODS, KINDS = Payment.Method.values, Payment.Kind.values


class Payments:
    def __init__(self, gathering: "Gathering") -> None:
        self.of = gathering
        self.rows = gathering.rows

    def gather_payments(self) -> None:
        """Payments first, then what gives them back: a refund may stand before its payment in the files."""
        alike: Counter[str] = Counter()
        refunds: list[Found] = []
        for found in self.rows.single("payments"):
            if found.values.get("amount", ZERO) == 0:
                self.of.nothing_paid += 1
                continue
            self.name_payment(found, alike)
            try:
                if self.gives_back(found):
                    refunds.append(found)
                    continue
                payment = self.payment_of(found, Payment.Kind.PAYMENT)
                if known := self.of.payments.get(found.id):
                    self.check_same(payment, known)
                else:
                    self.draw(payment, found)
                    self.keep_payment(payment)
            except Refused as refusal:
                self.rows.lose(found, refusal)
        for found in refunds:
            try:
                refund = self.payment_of(found, self.gives_back(found))
                if known := self.of.payments.get(found.id) or self.of.payments.get(f"{found.id}/1"):
                    self.check_same(refund, known)
                    continue
                for part in given_back(refund, self.original(found)):
                    if part.refunds and part.refunds.advance:
                        part.advance = part.refunds.advance
                        part.advance.left -= part.amount
                    self.keep_payment(part)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def gives_back(self, found: Found) -> str:
        """REFUND or CHARGEBACK, by what the row says or by its sign; empty for a payment."""
        kind = found.values.get("kind", Payment.Kind.PAYMENT).upper()
        if kind not in KINDS:
            raise Refused(_("not a kind; map it.") + hint(kind, KINDS), field="kind", value=found.values["kind"])
        if kind != Payment.Kind.PAYMENT:
            return str(kind)
        return Payment.Kind.REFUND.value if found.values["amount"] < 0 or "refund_of" in found.values else ""

    def name_payment(self, found: Found, alike: Counter[str]) -> None:
        """Payments without an id are known by what they say, and identical ones by how many there are."""
        if found.id:
            return
        said = {**found.values, "amount": f"{found.values['amount'].normalize():f}"}
        content = hashlib.sha256(repr([str(said.get(name, "")) for name in CONTENT]).encode()).hexdigest()[:24]
        alike[content] += 1
        found.id = f"#{content}.{alike[content]}"

    def payment_of(self, found: Found, kind: str) -> PaymentFact:
        values = found.values
        original = self.original(found)
        method = values.get("method", original.method if original else "").upper()
        if method not in METHODS:
            raise Refused(_("not a method; map it.") + hint(method, METHODS), field="method", value=method)
        bill = (
            original.bill
            if original
            else self.of.billing.paid_bill(values, abs(values["amount"]), kind != Payment.Kind.PAYMENT)
        )
        bill = bill.credits or bill
        amount = exactly(abs(values["amount"]), bill.clinic.currency, "amount", found.section)
        day, taken = bill.date, bill.issued_at
        if "date" in found.section.fields:
            if "date" not in values:
                raise Refused(_("empty"), field="date")
            day, taken = bill.clinic.local(values["date"])
        return PaymentFact(
            id=found.id,
            bill=bill,
            kind=kind,
            method=method,
            amount=amount if kind == Payment.Kind.PAYMENT else -amount,
            payer=self.of.payer(values, bill.clinic, original) if method in Payment.COVER else "",
            date=day,
            taken_at=taken,
            reference=values.get("reference", "")[:100],
            reason=values.get("reason", "")[:200],
            drawer=values.get("drawer", "") if method == Payment.Method.CASH else "",
        )

    def original(self, found: Found) -> PaymentFact | None:
        """The payment that a refund names."""
        id = found.values.get("refund_of")
        if id is None:
            return None
        if payment := self.of.payments.get(id) or self.of.payments.get(id + found.section.suffix):
            return payment
        self.rows.check_not_lost("payments", id, "refund_of")
        raise Refused(_("no such payment"), field="refund_of", value=id)

    def draw(self, payment: PaymentFact, found: Found) -> None:
        """A payment out of a wallet that names an advance pays its service on the bill, up to what that costs there."""
        id = found.values.get("advance")
        if id is None:
            return
        if payment.method != Payment.Method.WALLET:
            raise Refused(_("an advance pays out of the wallet"), field="advance", value=id)
        advance = self.of.advances.get(id)
        if advance and payment.bill.lines:  # of a bill that was imported before the database knows them
            costs = sum((line.net + line.vat for line in payment.bill.lines if line.service == advance.service), ZERO)
            paid = sum(
                (one.amount for one in payment.bill.payments if one.advance and one.advance.service == advance.service),
                ZERO,
            )
            if payment.amount + paid > costs:
                raise Refused(_("more than the service costs on that bill"), field="advance", value=id)
        payment.advance = take_of(self.of, id, payment.bill.patient, payment.amount, payment.date)

    def keep_payment(self, payment: PaymentFact) -> None:
        payment.left = payment.amount
        payment.bill.paid += payment.amount
        payment.bill.payments.append(payment)
        payment.bill.clinic.payments.append(payment)
        self.of.payments[payment.id] = payment

    def check_same(self, payment: PaymentFact, known: PaymentFact) -> None:
        payment.bill.clinic.known["payments"] += 1
        amount = known.amount if known.id == payment.id else self.of.books.whole(known, self.of.payments)
        if (payment.method, payment.amount) != (known.method, amount):
            payment.bill.clinic.known["payments"] -= 1
            raise Refused(
                _("imported before as {method} {amount}; payments never change").format(
                    method=known.method, amount=amount
                ),
                field="amount",
                value=payment.amount,
            )
