"""Bills of a clinic's files: their lines, what they credit, and the bill that a row means without naming it."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import line_of
from apps.billing.importing.errors import Refused
from apps.billing.importing.facts import BillFact, Clinic, VisitFact
from apps.billing.importing.rows import Found
from apps.billing.importing.settling import fitting
from apps.core.money import ZERO

if TYPE_CHECKING:
    from apps.billing.importing.gathering import Gathering


class Bills:
    def __init__(self, gathering: "Gathering") -> None:
        self.of = gathering
        self.rows = gathering.rows

    def gather_bills(self) -> None:
        drafts = {found.id: found for found in self.rows.single("bills")}
        self.attach_lines(drafts)
        credit_notes: list[tuple[Found, BillFact]] = []
        for found in drafts.values():
            try:
                self.rows.check_not_lost("bills", found.id, "id")
                bill = self.bill_of(found)
                if known := self.of.bills.get(found.id):
                    self.of.check_same_clinic(found, bill.clinic, known.clinic)
                    self.note_number(found, known)
                    self.check_unchanged(bill, known)
                    bill.clinic.known["bills"] += 1
                elif bill.gross < 0 or "credits" in found.values:
                    credit_notes.append((found, bill))
                else:
                    self.keep_bill(found, bill)
            except Refused as refusal:
                self.rows.lose(found, refusal)
        for found, bill in credit_notes:
            try:
                bill.credits = self.credited(found, bill)
                bill.credits.paid -= bill.gross
                self.keep_bill(found, bill)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def attach_lines(self, drafts: dict[str, Found]) -> None:
        """Give every bill its lines; without [[bills]] the lines of one bill id are the bill."""
        derived = not self.of.mapping.sections["bills"]
        for found in self.rows.single("lines"):
            bill = found.values["bill"]
            try:
                if bill not in drafts:
                    self.rows.check_not_lost("bills", bill, "bill")
                    if not derived:
                        raise Refused(_("no such bill"), field="bill", value=bill)
                    drafts[bill] = Found(found.section, found.place, bill, {"bill": bill})
                drafts[bill].parts.append(found)
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def bill_of(self, found: Found) -> BillFact:
        """The bill with its lines priced; one without lines has one of its own amount."""
        parts = found.parts or [found]
        values = dict(found.values)
        for part in found.parts:
            for name in ("administration", "visit", "patient"):
                if name in part.values:
                    values.setdefault(name, part.values[name])
        visit = self.of.visit(values)
        clinic = self.of.clinic_of(values, visit.clinic if visit else None)
        if "patient" not in values and visit is None:
            raise Refused(_("no patient"), field="patient")
        patient = self.of.patient(values.get("patient") or visit.patient, clinic)  # type: ignore[union-attr]
        day, issued = self.issued(found, values, clinic, visit)
        bill = BillFact(found.id, clinic, patient, day, issued, visit, reason=values.get("reason", "")[:200])
        for part in parts:
            try:
                self.check_order(part.values)
                bill.lines.append(line_of(part.values, day, clinic, part.section, self.of.settings, part.id))
            except Refused as refusal:
                if part is found:
                    raise
                self.rows.lose(part, refusal)
        self.rows.check_not_lost("bills", found.id, "id")
        bill.net = sum((line.net for line in bill.lines), ZERO)
        bill.vat = sum((line.vat for line in bill.lines), ZERO)
        self.check_stated(found, bill)
        return bill

    def check_order(self, values: dict[str, Any]) -> None:
        """A line that names an order names one that is there."""
        if (id := values.get("order")) and id not in self.of.orders:
            self.rows.check_not_lost("orders", id, "order")
            raise Refused(_("no such order"), field="order", value=id)

    def issued(
        self, found: Found, values: dict[str, Any], clinic: Clinic, visit: VisitFact | None
    ) -> tuple[date, datetime]:
        """The bill's own date, or the earliest of its lines, or that of the visit."""
        if "date" in values:
            return clinic.local(values["date"])
        dates = [clinic.local(part.values["date"]) for part in found.parts if "date" in part.values]
        if dates:
            return min(dates)
        if visit is None:
            raise Refused(_("no date"), field="date")
        return visit.date, visit.started_at

    def check_stated(self, found: Found, bill: BillFact) -> None:
        """What the bill's own row says must be what its lines make."""
        if not found.parts:
            return
        values = found.values
        made = {"net": bill.net, "vat": bill.vat, "gross": bill.gross}
        made["amount"] = bill.gross if found.section.includes_vat else bill.net
        for name, amount in made.items():
            if name in values and values[name] != amount:
                raise Refused(_("its lines make {amount}").format(amount=amount), field=name, value=values[name])

    def check_unchanged(self, bill: BillFact, known: BillFact) -> None:
        if Counter(line.key() for line in bill.lines) != self.of.books.lines_of(known):
            raise Refused(
                _("this bill was imported before with other lines; bills never change"), field="id", value=bill.id
            )

    def credited(self, found: Found, bill: BillFact) -> BillFact:
        """The bill that a credit note is about: the one it names, or the latest one of that amount before it."""
        if bill.gross > 0:
            raise Refused(_("a credit note is negative; use negate"), field="amount", value=bill.gross)
        if id := found.values.get("credits"):
            self.rows.check_not_lost("bills", id, "credits")
            if id not in self.of.bills or self.of.bills[id].credits:
                raise Refused(_("no such bill"), field="credits", value=id)
            return self.of.bills[id]
        same = self.of.bills_of["visit"].get(bill.visit.id, []) if bill.visit else []
        theirs = self.of.bills_of["patient"].get(f"{bill.clinic.id}/{bill.patient}", [])
        for other in (*reversed(same), *reversed(theirs)):
            if (
                other.gross == -bill.gross
                and other.date <= bill.date
                and other.open - bill.paid >= ZERO
                and not other.credits
            ):
                return other
        raise Refused(_("a negative bill that names no bill it credits"), field="credits", value=bill.gross)

    def keep_bill(self, found: Found, bill: BillFact) -> None:
        bill.clinic.bills.append(bill)
        self.of.add_bill(bill)
        self.note_number(found, bill)

    def note_number(self, found: Found, bill: BillFact) -> None:
        if number := found.values.get("number"):
            self.of.bills_of["number"].setdefault(number, []).append(bill)

    def paid_bill(self, values: dict[str, Any], amount: Decimal, gives_back: bool) -> BillFact:
        """The bill that was paid: by its id, its number, its visit or its patient, whichever the row gives first."""
        if id := values.get("bill"):
            if id in self.of.bills:
                return self.of.bills[id]
            self.rows.check_not_lost("bills", id, "bill")
            raise Refused(_("no such bill"), field="bill", value=id)
        if number := values.get("bill_number"):
            return fitting(
                self.of.bills_of["number"].get(number, []),
                amount,
                gives_back=gives_back,
                field="bill_number",
                value=number,
            )
        if visit := self.of.visit(values):
            return fitting(
                self.of.bills_of["visit"].get(visit.id, []),
                amount,
                gives_back=gives_back,
                field="visit",
                value=visit.id,
            )
        if code := values.get("patient"):
            clinic = self.of.clinic_of(values)
            return fitting(
                self.of.bills_of["patient"].get(f"{clinic.id}/{code}", []),
                amount,
                gives_back=gives_back,
                field="patient",
                value=code,
            )
        raise Refused(_("does not say what was paid"), field="bill")
