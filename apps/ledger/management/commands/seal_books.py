"""Seal what was posted since the last seal."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.ledger.management.commands.verify_books import administrations_named
from apps.ledger.services.sealing import seal


class Command(BaseCommand):
    help = "Chain the hashes of what was posted since the last seal, and print head and count: keep them elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--administration", metavar="ID", help="one administration; all of them unless given")
        parser.add_argument("--reason", default="seal_books", help="what the seal is called (seal_books)")

    def handle(self, *args: Any, **options: Any) -> None:
        for administration in administrations_named(options["administration"]):
            made = seal(administration, reason=options["reason"], by=None)
            self.stdout.write(f"{administration}: {made.rows} rows sealed, head {made.head}")
