"""Read the files of a mapping into facts, entity by entity; what cannot stand is refused with its reason.

Nothing is written here. Every row ends in one of three places: new, known (an earlier import brought it) or
refused. What names a refused row is refused with it, so that a bill is whole or not there.
"""

import csv
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import code_of_rate, exactly, line_of, short
from apps.billing.importing.books import Books
from apps.billing.importing.errors import MappingError, Refused, hint
from apps.billing.importing.facts import (
    BillFact,
    Clinic,
    OrderFact,
    PatientFact,
    PaymentFact,
    Refusal,
    ServiceFact,
    VisitFact,
)
from apps.billing.importing.further import Further
from apps.billing.importing.mapping import Mapping, check_settings
from apps.billing.importing.rows import FIRST_YEAR, Found, Rows
from apps.billing.importing.settling import fitting, given_back
from apps.billing.models import Payment, Visit
from apps.core.money import ZERO
from apps.ledger.services.opening import CHARTS

# What tells payments without an id apart.
CONTENT = ("bill", "bill_number", "visit", "patient", "date", "method", "amount", "kind", "payer", "reference")
METHODS, KINDS = Payment.Method.values, Payment.Kind.values


@dataclass
class Gathered:
    """What an import holds: the clinics with what is new, and every refusal."""

    mapping: Mapping
    clinics: list[Clinic]
    refusals: list[Refusal]
    nothing_paid: int  # payments of nothing, which are none


def gather(mapping: Mapping, administrations: Any = None) -> Gathered:
    """The facts in the files of ``mapping`` that the books do not hold yet: those of ``administrations``, or all."""
    return Gathering(mapping, administrations).run()


class Gathering:
    def __init__(self, mapping: Mapping, administrations: Any = None) -> None:
        self.mapping, self.settings = mapping, mapping.settings
        self.books = Books(mapping.name, administrations)
        self.rows = Rows(mapping)
        self.clinics: dict[str, Clinic] = {}
        self.named: dict[str, dict[str, Any]] = {}  # administrations as [[administrations]] says them
        self.patients: dict[str, Found] = {}
        self.services: dict[str, Found] = {}
        self.prices: dict[str, dict[date, Decimal]] = defaultdict(dict)
        self.payers: dict[str, str] = {}
        self.visits: dict[str, VisitFact] = {}
        self.bills: dict[str, BillFact] = {}
        self.bills_of: dict[str, dict[str, list[BillFact]]] = {"number": {}, "visit": {}, "patient": {}}
        self.payments: dict[str, PaymentFact] = {}
        self.orders: dict[str, OrderFact] = {}
        self.nothing_paid = 0

    def run(self) -> Gathered:
        self.named = {found.id: found.values for found in self.rows.merged(self.rows.found("administrations"))}
        payers = self.rows.merged(self.rows.found("payers"))
        self.payers = {found.id: found.values.get("name", found.id) for found in payers}
        for found in self.rows.found("services"):
            known = self.services.setdefault(found.id, found)
            known.values = {**found.values, **known.values}
            if "price" in found.values:
                day = found.values.get("valid_from", date(FIRST_YEAR, 1, 1))
                self.prices[found.id][day.date() if isinstance(day, datetime) else day] = found.values["price"]
        self.patients = {found.id: found for found in self.rows.merged(self.rows.found("patients"))}
        for id in self.books.administrations:
            if not self.named or id in self.named:
                self.clinic(id)
        self.gather_visits()
        further = Further(self)
        further.gather_orders()
        self.gather_bills()
        self.gather_payments()
        further.gather_tariffs()
        further.gather_claims()
        further.gather_wallets()
        further.gather_drawers()
        self.add_patients_without_visits()
        clinics = sorted(self.clinics.values(), key=lambda clinic: clinic.name)
        return Gathered(self.mapping, clinics, list(self.rows.refusals.values()), self.nothing_paid)

    # Whose it is -----------------------------------------------------------------------------------------------------

    def clinic_of(self, values: dict[str, Any], *others: Clinic | None) -> Clinic:
        """The administration that a row names, or that what it names belongs to, or the only one there is."""
        if "administration" in values:
            return self.clinic(values["administration"])
        for other in others:
            if other is not None:
                return other
        patient = self.patients.get(values.get("patient", ""))
        if patient is not None and "administration" in patient.values:
            return self.clinic(patient.values["administration"])
        if len(self.named) == 1:
            return self.clinic(next(iter(self.named)))
        raise Refused(_("no administration"), field="administration")

    def clinic(self, id: str) -> Clinic:
        if id in self.clinics:
            return self.clinics[id]
        if self.named and id not in self.named:
            raise Refused(_("no such administration.") + hint(id, self.named), field="administration", value=id)
        said = self.named.get(id, {})
        one = {
            name: said.get(name, getattr(self.settings, name)) for name in ("country", "currency", "time_zone", "chart")
        }
        check_settings(one["country"], one["currency"], one["time_zone"], one["chart"], f"administrations.{id}")
        administration = self.books.administration(id)
        if administration is not None:
            one |= {name: getattr(administration, name) for name in ("country", "currency", "time_zone")}
        clinic = Clinic(
            id=id,
            name=said.get("name", id)[:200],
            administration=administration,
            vat_codes=self.settings.vat_codes | vat_codes(one["chart"]),
            organization_number=said.get("organization_number", "")[:32],
            vat_number=said.get("vat_number", "")[:32],
            **one,
        )
        if self.settings.vat_code not in clinic.vat_codes:
            raise MappingError(
                _("settings.vat_code: the chart '{chart}' has no '{code}'.").format(
                    chart=clinic.chart, code=self.settings.vat_code
                )
                + hint(self.settings.vat_code, clinic.vat_codes)
            )
        self.clinics[id] = clinic
        known = self.books.read(clinic)
        self.add_services(clinic)
        self.visits |= known.visits
        for bill in known.bills:
            self.add_bill(bill)
        self.payments |= known.payments
        self.orders |= known.orders
        clinic.there["sources"] = known.sources
        return clinic

    def add_services(self, clinic: Clinic) -> None:
        for id, found in self.services.items():
            values = found.values
            try:
                prices = {day: exactly(price, clinic.currency, "price") for day, price in self.prices[id].items()}
                if negative := [price for price in prices.values() if price < 0]:
                    raise Refused(_("a price is not negative"), field="price", value=negative[0])
                code = values.get("vat_code")
                if code is None and "vat_rate" in values:
                    code = code_of_rate(values["vat_rate"], clinic, self.settings)
                clinic.services[id] = ServiceFact(
                    short(id, 32, "id"), values.get("name", id)[:200], values.get("group"), code,
                    found.section.includes_vat, prices,
                )  # fmt: skip
            except Refused as refusal:
                self.rows.lose(found, refusal)

    def patient(self, code: str, clinic: Clinic) -> str:
        """``code``, with the patient put down in ``clinic``. Raises Refused for one that the patient files lack."""
        self.rows.check_not_lost("patients", code, "patient")
        if code not in clinic.patients and code not in clinic.there["patients"]:
            found = self.patients.get(code)
            if found is None and self.mapping.sections["patients"]:
                raise Refused(_("no such patient"), field="patient", value=code)
            values = found.values if found else {}
            born = values.get("birth_date")
            clinic.patients[code] = PatientFact(
                short(code, 64, "patient"),
                values.get("name", "")[:200],
                born.date() if isinstance(born, datetime) else born,
                values.get("email", "")[:254],
            )
        return code

    def add_patients_without_visits(self) -> None:
        """Everybody on the list of a clinic, when the files say whose patients they are."""
        for code, found in self.patients.items():
            if "administration" in found.values or len(self.named) == 1:
                try:
                    self.patient(code, self.clinic_of(found.values))
                except Refused as refusal:
                    self.rows.lose(found, refusal)

    # Visits ----------------------------------------------------------------------------------------------------------

    def gather_visits(self) -> None:
        ends = self.mapping.says("visits", "ended") or self.mapping.says("visits", "status")
        for found in self.rows.single("visits"):
            try:
                visit = self.visit_of(found, ends)
            except Refused as refusal:
                self.rows.lose(found, refusal)
                continue
            if visit is not None:
                visit.clinic.visits.append(visit)
                self.visits[found.id] = visit
                self.rows.lost["visits"].pop(found.id, None)  # another row of it could not be read; this one could

    def visit_of(self, found: Found, ends: bool) -> VisitFact | None:
        values = found.values
        for name in ("patient", "started"):
            if name not in values:
                raise Refused(_("empty"), field=name)
        clinic = self.clinic_of(values)
        if known := self.visits.get(found.id):
            self.check_same_clinic(found, clinic, known.clinic)
            clinic.known["visits"] += 1
            return None
        day, started = clinic.local(values["started"])
        status = values.get("status", Visit.Status.CLOSED if "ended" in values or not ends else Visit.Status.ACTIVE)
        if status.upper() not in Visit.Status.values:
            raise Refused(_("not a status; map it.") + hint(status, Visit.Status.values), field="status", value=status)
        ended = clinic.local(values["ended"])[1] if "ended" in values else started
        return VisitFact(
            id=found.id,
            clinic=clinic,
            patient=self.patient(values["patient"], clinic),
            started_at=started,
            date=day,
            ended_at=max(ended, started) if status.upper() == Visit.Status.CLOSED else None,
            inpatient=values.get("inpatient", False),
            reason=values.get("reason", "")[:200],
        )

    def check_same_clinic(self, found: Found, clinic: Clinic, known: Clinic) -> None:
        if clinic is not known:
            raise Refused(
                _("this id was imported for {clinic}; compose ids with the clinic's").format(clinic=known.name),
                field="id", value=found.id,
            )  # fmt: skip

    def visit(self, values: dict[str, Any]) -> VisitFact | None:
        id = values.get("visit")
        if id is None:
            return None
        if id not in self.visits:
            self.rows.check_not_lost("visits", id, "visit")
            raise Refused(_("no such visit"), field="visit", value=id)
        return self.visits[id]

    # Bills -----------------------------------------------------------------------------------------------------------

    def gather_bills(self) -> None:
        drafts = {found.id: found for found in self.rows.single("bills")}
        self.attach_lines(drafts)
        credit_notes: list[tuple[Found, BillFact]] = []
        for found in drafts.values():
            try:
                self.rows.check_not_lost("bills", found.id, "id")
                bill = self.bill_of(found)
                if known := self.bills.get(found.id):
                    self.check_same_clinic(found, bill.clinic, known.clinic)
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
        derived = not self.mapping.sections["bills"]
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
        visit = self.visit(values)
        clinic = self.clinic_of(values, visit.clinic if visit else None)
        if "patient" not in values and visit is None:
            raise Refused(_("no patient"), field="patient")
        patient = self.patient(values.get("patient") or visit.patient, clinic)  # type: ignore[union-attr]
        day, issued = self.issued(found, values, clinic, visit)
        bill = BillFact(found.id, clinic, patient, day, issued, visit, reason=values.get("reason", "")[:200])
        for part in parts:
            try:
                self.check_order(part.values)
                bill.lines.append(line_of(part.values, day, clinic, part.section, self.settings, part.id))
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
        if (id := values.get("order")) and id not in self.orders:
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
        if Counter(line.key() for line in bill.lines) != self.books.lines_of(known):
            raise Refused(
                _("this bill was imported before with other lines; bills never change"), field="id", value=bill.id
            )

    def credited(self, found: Found, bill: BillFact) -> BillFact:
        """The bill that a credit note is about: the one it names, or the latest one of that amount before it."""
        if bill.gross > 0:
            raise Refused(_("a credit note is negative; use negate"), field="amount", value=bill.gross)
        if id := found.values.get("credits"):
            self.rows.check_not_lost("bills", id, "credits")
            if id not in self.bills or self.bills[id].credits:
                raise Refused(_("no such bill"), field="credits", value=id)
            return self.bills[id]
        same = self.bills_of["visit"].get(bill.visit.id, []) if bill.visit else []
        theirs = self.bills_of["patient"].get(f"{bill.clinic.id}/{bill.patient}", [])
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
        self.add_bill(bill)
        self.note_number(found, bill)

    def note_number(self, found: Found, bill: BillFact) -> None:
        if number := found.values.get("number"):
            self.bills_of["number"].setdefault(number, []).append(bill)

    def add_bill(self, bill: BillFact) -> None:
        self.bills[bill.id] = bill
        if bill.visit:
            self.bills_of["visit"].setdefault(bill.visit.id, []).append(bill)
        self.bills_of["patient"].setdefault(f"{bill.clinic.id}/{bill.patient}", []).append(bill)

    # Payments --------------------------------------------------------------------------------------------------------

    def gather_payments(self) -> None:
        """Payments first, then what gives them back: a refund may stand before its payment in the files."""
        alike: Counter[str] = Counter()
        refunds: list[Found] = []
        for found in self.rows.single("payments"):
            if found.values.get("amount", ZERO) == 0:
                self.nothing_paid += 1
                continue
            self.name_payment(found, alike)
            try:
                if self.gives_back(found):
                    refunds.append(found)
                    continue
                payment = self.payment_of(found, Payment.Kind.PAYMENT)
                if known := self.payments.get(found.id):
                    self.check_same(payment, known)
                else:
                    self.keep_payment(payment)
            except Refused as refusal:
                self.rows.lose(found, refusal)
        for found in refunds:
            try:
                refund = self.payment_of(found, self.gives_back(found))
                if known := self.payments.get(found.id) or self.payments.get(f"{found.id}/1"):
                    self.check_same(refund, known)
                    continue
                for part in given_back(refund, self.original(found)):
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
            original.bill if original else self.paid_bill(values, abs(values["amount"]), kind != Payment.Kind.PAYMENT)
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
            payer=self.payer(values, bill.clinic, original) if method in Payment.COVER else "",
            date=day,
            taken_at=taken,
            reference=values.get("reference", "")[:100],
            reason=values.get("reason", "")[:200],
            drawer=values.get("drawer", "") if method == Payment.Method.CASH else "",
        )

    def paid_bill(self, values: dict[str, Any], amount: Decimal, gives_back: bool) -> BillFact:
        """The bill that was paid: by its id, its number, its visit or its patient, whichever the row gives first."""
        if id := values.get("bill"):
            if id in self.bills:
                return self.bills[id]
            self.rows.check_not_lost("bills", id, "bill")
            raise Refused(_("no such bill"), field="bill", value=id)
        if number := values.get("bill_number"):
            return fitting(
                self.bills_of["number"].get(number, []),
                amount,
                gives_back=gives_back,
                field="bill_number",
                value=number,
            )
        if visit := self.visit(values):
            return fitting(
                self.bills_of["visit"].get(visit.id, []), amount, gives_back=gives_back, field="visit", value=visit.id
            )
        if code := values.get("patient"):
            clinic = self.clinic_of(values)
            return fitting(
                self.bills_of["patient"].get(f"{clinic.id}/{code}", []),
                amount,
                gives_back=gives_back,
                field="patient",
                value=code,
            )
        raise Refused(_("does not say what was paid"), field="bill")

    def original(self, found: Found) -> PaymentFact | None:
        """The payment that a refund names."""
        id = found.values.get("refund_of")
        if id is None:
            return None
        if payment := self.payments.get(id) or self.payments.get(id + found.section.suffix):
            return payment
        self.rows.check_not_lost("payments", id, "refund_of")
        raise Refused(_("no such payment"), field="refund_of", value=id)

    def payer(self, values: dict[str, Any], clinic: Clinic, original: PaymentFact | None) -> str:
        if original and original.payer and "payer" not in values:
            return original.payer
        code = short(values.get("payer", self.settings.payer), 64, "payer")
        if "payer" in values and self.mapping.sections["payers"] and code not in self.payers:
            raise Refused(_("no such payer.") + hint(code, self.payers), field="payer", value=code)
        if code not in clinic.there["payers"]:
            clinic.payers[code] = self.payers.get(code, code)[:200]
        return code

    def keep_payment(self, payment: PaymentFact) -> None:
        payment.left = payment.amount
        payment.bill.paid += payment.amount
        payment.bill.payments.append(payment)
        payment.bill.clinic.payments.append(payment)
        self.payments[payment.id] = payment

    def check_same(self, payment: PaymentFact, known: PaymentFact) -> None:
        payment.bill.clinic.known["payments"] += 1
        amount = known.amount if known.id == payment.id else self.books.whole(known, self.payments)
        if (payment.method, payment.amount) != (known.method, amount):
            payment.bill.clinic.known["payments"] -= 1
            raise Refused(
                _("imported before as {method} {amount}; payments never change").format(
                    method=known.method, amount=amount
                ),
                field="amount",
                value=payment.amount,
            )


def vat_codes(chart: str) -> dict[str, Decimal]:
    """The VAT codes of a chart of accounts and their rates."""
    with (CHARTS / chart / "vat_codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: Decimal(row["rate"]) for row in csv.DictReader(file)}
