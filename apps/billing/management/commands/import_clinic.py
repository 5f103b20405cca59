"""Import a clinic from a folder of CSV files."""

import csv
from argparse import ArgumentParser
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError
from apps.billing.importing.facts import Clinic
from apps.billing.importing.gathering import Gathered, gather
from apps.billing.importing.mapping import SHIPPED, read_mapping
from apps.billing.importing.writing import write
from apps.billing.models import Payment
from apps.core.errors import DomainError, refusal_for
from apps.core.models import Membership, User
from apps.core.money import quantize

ENTITIES = (
    *("patients", "payers", "tariffs", "visits", "orders", "bills", "lines", "payments"),
    *("claims", "top_ups", "drawers", "counts"),
)
SHOWN = 50


class Command(BaseCommand):
    help = (
        "Import a clinic's visits, bills and payments from a folder of CSV files, as a mapping says (docs/import.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, help="the folder with the CSV files")
        parser.add_argument("--mapping", help="a mapping file (.toml), or the name of one that comes with Daybook")
        parser.add_argument("--preview", action="store_true", help="write nothing; say what an import would do")
        parser.add_argument(
            "--member",
            action="append",
            default=[],
            metavar="EMAIL:ROLE",
            help="give this person that role in every imported administration (may be repeated)",
        )
        parser.add_argument("--by", metavar="EMAIL", help="who imports: named on the event and on what is added")
        parser.add_argument("--refused", type=Path, metavar="CSV", help="write every refused row to this file")
        parser.add_argument("--allow-refused", action="store_true", help="end with status 0 although rows were refused")
        parser.add_argument("--template", action="store_true", help="print a commented mapping to start from")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["template"]:
            self.stdout.write((SHIPPED / "template.toml").read_text(encoding="utf-8"))
            return
        if options["folder"] is None or options["mapping"] is None:
            raise CommandError(_("Name a folder and a --mapping, or ask for a --template."))
        members = [member(said) for said in options["member"]]
        by = person(options["by"]) if options["by"] else None
        try:
            gathered = gather(read_mapping(options["mapping"], options["folder"]))
            self.tell_found(gathered)
            self.tell_refused(gathered, options["refused"])
            failed = 0 if options["preview"] else self.write(gathered, members, by)
        except MappingError as error:
            raise CommandError(str(error)) from None
        if options["preview"]:
            self.stdout.write(_("Preview: nothing was written."))
        if failed or (gathered.refusals and not options["allow_refused"]):
            raise CommandError(_("Not everything was imported; the lines above say what and why."))

    def write(self, gathered: Gathered, members: list[tuple[User, str]], by: User | None) -> int:
        """Each clinic in a transaction of its own; how many could not be written."""
        failed = 0
        for clinic in gathered.clinics:
            try:
                added = write(clinic, gathered.mapping, members=members, by=by)
            except (DatabaseError, DomainError) as error:
                failed += 1
                reason = error if isinstance(error, DomainError) else refusal_for(error) or error
                self.stderr.write(
                    _("{clinic}: nothing was written. {reason}").format(clinic=clinic.name, reason=reason)
                )
            else:
                self.stdout.write(_("{clinic}: {added} added.").format(clinic=clinic.name, added=listed(added)))
        return failed

    def tell_found(self, gathered: Gathered) -> None:
        """What is new and what is known per clinic, and what the new payments come to by method."""
        for clinic in gathered.clinics:
            state = _("known") if clinic.administration else _("new")
            self.stdout.write(f"{clinic.name} ({clinic.currency}, {clinic.time_zone}, {state})")
            self.stdout.write("  " + _("new: {counts}").format(counts=listed(new_in(clinic))))
            if clinic.known:
                self.stdout.write("  " + _("known: {counts}").format(counts=listed(clinic.known)))
            self.stdout.write("  " + totals([clinic]))
        for currency in sorted({clinic.currency for clinic in gathered.clinics}):
            clinics = [clinic for clinic in gathered.clinics if clinic.currency == currency]
            counts = sum((new_in(clinic) for clinic in clinics), Counter())
            known = sum((clinic.known for clinic in clinics), Counter())
            self.stdout.write(
                _("All {number} clinics in {currency}. New: {counts}. Known: {known}.").format(
                    number=len(clinics), currency=currency, counts=listed(counts), known=listed(known)
                )
            )
            self.stdout.write("  " + totals(clinics))
        if gathered.nothing_paid:
            self.stdout.write(_("Payments of nothing, passed over: {number}.").format(number=gathered.nothing_paid))

    def tell_refused(self, gathered: Gathered, path: Path | None) -> None:
        refusals = sorted(gathered.refusals, key=lambda refusal: (refusal.place, refusal.entity))
        if refusals:
            counts = Counter(refusal.entity for refusal in refusals)
            self.stdout.write(_("Refused: {counts}.").format(counts=listed(counts)))
        for refusal in refusals[:SHOWN]:
            file, line = refusal.place
            said = f" {refusal.column} '{refusal.value}'" if refusal.column else ""
            self.stdout.write(f"  {file}:{line} {refusal.entity}{said}: {refusal.reason}")
        if len(refusals) > SHOWN:
            self.stdout.write(
                "  " + _("... and {number} more; --refused FILE writes them all.").format(number=len(refusals) - SHOWN)
            )
        if path is not None:
            with path.open("w", encoding="utf-8", newline="") as file_:
                rows = csv.writer(file_)
                rows.writerow(["file", "line", "entity", "column", "value", "reason"])
                rows.writerows([*r.place, r.entity, r.column, r.value, r.reason] for r in refusals)


def member(said: str) -> tuple[User, str]:
    """A person and a role, from EMAIL:ROLE."""
    email, _colon, role = said.rpartition(":")
    if role not in Membership.Role.values:
        raise CommandError(
            _("--member {said}: the role is one of {roles}.").format(said=said, roles=", ".join(Membership.Role.values))
        )
    return person(email), role


def person(email: str) -> User:
    try:
        return User.objects.get(email=email.lower())
    except User.DoesNotExist:
        raise CommandError(_("Nobody signs in as {email}.").format(email=email)) from None


def new_in(clinic: Clinic) -> Counter[str]:
    counts = Counter({entity: len(getattr(clinic, entity, ())) for entity in ENTITIES})
    counts["lines"] = sum(len(bill.lines) for bill in clinic.bills)
    return counts


def listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or _("nothing")


def totals(clinics: list[Clinic]) -> str:
    """What the new bills and payments of clinics in one currency come to."""
    currency = clinics[0].currency
    amounts: Counter[str] = Counter()
    for clinic in clinics:
        amounts[_("billed")] += sum((bill.gross for bill in clinic.bills), Decimal(0))  # type: ignore[assignment]
        for payment in clinic.payments:
            amounts[payment.method] += payment.amount  # type: ignore[assignment]
    order = [_("billed"), *Payment.Method.values]
    return ", ".join(f"{name} {quantize(Decimal(amounts[name]), currency):,f}" for name in order if name in amounts)
