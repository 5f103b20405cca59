"""Prove the sub-ledgers: every control account against its open items, with what explains the difference."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.models import Administration
from apps.core.money import text
from apps.ledger.reports.sync_status import ControlProof, sync_status

SHOWN = 100


class Command(BaseCommand):
    help = "Hold the control accounts against their open items; exit status 1 when a difference is not explained."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--administration", metavar="ID", help="one administration; all of them unless given")
        parser.add_argument("--as-of", type=date.fromisoformat, default=date.max, metavar="DATE", help="up to this day")
        parser.add_argument("--lines", action="store_true", help="also list the lines that explain a difference")

    def handle(self, *args: Any, **options: Any) -> None:
        administrations = Administration.objects.order_by("pk")
        if options["administration"]:
            try:
                administrations = administrations.filter(pk=options["administration"])
            except ValidationError:
                administrations = administrations.none()
            if not administrations:
                raise CommandError(f"There is no administration {options['administration']}.", returncode=2)
        unexplained = accounts = 0
        for administration in administrations:
            status = sync_status(administration, options["as_of"], limit=SHOWN)
            for proof in status.accounts:
                accounts += 1
                unexplained += bool(proof.unexplained)
                self._tell(administration, proof, lines=options["lines"])
        if unexplained:
            raise CommandError(f"{unexplained} accounts differ from their open items", returncode=1)
        self.stdout.write(f"{accounts} control accounts are proved")

    def _tell(self, administration: Administration, proof: ControlProof, *, lines: bool) -> None:
        def shown(amount: Any) -> str:
            return text(amount, administration.currency)

        if not (proof.gl_balance or proof.difference):
            return
        colour = "RED" if proof.unexplained else "OK"
        self.stdout.write(
            f"{colour} {administration} {proof.account}: books {shown(proof.gl_balance)},"
            f" sub-ledger {shown(proof.ledger_balance)}, difference {shown(proof.difference)},"
            f" unexplained {shown(proof.unexplained)}"
        )
        for why, amount in sorted(proof.explained_amounts.items()):
            self.stdout.write(f"  {why} {shown(amount)}")
        for line in proof.explained if lines else ():
            self.stdout.write(f"    {line.line.date} {line.line.entry} {line.kind} {shown(line.amount)}")
