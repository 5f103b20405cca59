"""Read the files of a mapping into facts, entity by entity; what cannot stand is refused with its reason.

Nothing is written here. Every row ends in one of three places: new, known (an earlier import brought it) or
refused. What names a refused row is refused with it, so that a bill is whole or not there.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import code_of_rate, exactly, short
from apps.billing.importing.bills import Bills
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
    TopUpFact,
    VisitFact,
)
from apps.billing.importing.further import Further
from apps.billing.importing.mapping import Mapping, check_settings
from apps.billing.importing.payments import Payments
from apps.billing.importing.rows import FIRST_YEAR, Found, Rows
from apps.billing.importing.wallets import Wallets
from apps.billing.models import Visit
from apps.core.models import Administration
from apps.ledger.services.opening import CHARTS


@dataclass
class Gathered:
    """What an import holds: the clinics with what is new, and every refusal."""

    mapping: Mapping
    clinics: list[Clinic]
    refusals: list[Refusal]
    nothing_paid: int  # payments of nothing, which are none


def gather(mapping: Mapping, administrations: Any = None, *, into: Administration | None = None) -> Gathered:
    """The facts in the files of ``mapping`` that the books do not hold yet: those of ``administrations``, or all.

    With ``into`` the files hold one clinic, and that administration is it. Raises MappingError.
    """
    return Gathering(mapping, administrations, into).run()


class Gathering:
    def __init__(self, mapping: Mapping, administrations: Any = None, into: Administration | None = None) -> None:
        self.mapping, self.settings = mapping, mapping.settings
        self.books, self.into = Books(mapping.name, administrations), into
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
        self.advances: dict[str, TopUpFact] = {}
        self.nothing_paid = 0
        self.billing = Bills(self)

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
        for id in () if self.into else self.books.administrations:
            if not self.named or id in self.named:
                self.clinic(id)
        self.gather_visits()
        further = Further(self)
        further.gather_orders()
        self.billing.gather_bills()
        wallets = Wallets(self)
        wallets.gather_top_ups()
        Payments(self).gather_payments()
        wallets.gather_given_back()
        wallets.gather_balances()
        further.gather_tariffs()
        further.gather_claims()
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
        administration = self.into or self.books.administration(id)
        if self.into:
            self.check_into(id, one["currency"])
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
        self.advances |= known.advances
        clinic.there["sources"] = known.sources
        return clinic

    def check_into(self, id: str, currency: str) -> None:
        """Raises MappingError for a second clinic in the files, and for books in another currency."""
        if other := next(iter(self.clinics), None):
            raise MappingError(
                _("The files hold several clinics, '{one}' and '{other}': one administration takes one.").format(
                    one=other, other=id
                )
            )
        if currency != self.into.currency:  # type: ignore[union-attr]
            raise MappingError(
                _("The files are in {currency}, the books of {clinic} in {books}.").format(
                    currency=currency,
                    clinic=self.into,
                    books=self.into.currency,  # type: ignore[union-attr]
                )
            )

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

    def payer(self, values: dict[str, Any], clinic: Clinic, original: PaymentFact | None) -> str:
        if original and original.payer and "payer" not in values:
            return original.payer
        code = short(values.get("payer", self.settings.payer), 64, "payer")
        if "payer" in values and self.mapping.sections["payers"] and code not in self.payers:
            raise Refused(_("no such payer.") + hint(code, self.payers), field="payer", value=code)
        if code not in clinic.there["payers"]:
            clinic.payers[code] = self.payers.get(code, code)[:200]
        return code

    def add_bill(self, bill: BillFact) -> None:
        self.bills[bill.id] = bill
        if bill.visit:
            self.bills_of["visit"].setdefault(bill.visit.id, []).append(bill)
        self.bills_of["patient"].setdefault(f"{bill.clinic.id}/{bill.patient}", []).append(bill)


def vat_codes(chart: str) -> dict[str, Decimal]:
    """The VAT codes of a chart of accounts and their rates."""
    with (CHARTS / chart / "vat_codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: Decimal(row["rate"]) for row in csv.DictReader(file)}
