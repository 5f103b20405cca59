"""Prove every law of the books again by reading."""

from collections.abc import Callable, Iterator
from datetime import date
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.findings import Finding
from apps.core.models import Administration
from apps.ledger.models import JournalEntry


class Command(BaseCommand):
    help = "Read the books and prove every law again; exit status 1 when one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--administration", metavar="ID", help="one administration; all of them unless given")
        parser.add_argument("--as-of", type=date.fromisoformat, default=date.max, metavar="DATE", help="up to this day")

    def handle(self, *args: Any, **options: Any) -> None:
        administrations = Administration.objects.all()
        if options["administration"]:
            try:
                administrations = administrations.filter(pk=options["administration"])
            except ValidationError:
                administrations = administrations.none()
            if not administrations:
                raise CommandError(f"There is no administration {options['administration']}.")
        checks = book_checks()
        entries = (
            JournalEntry.objects.filter(administration__in=administrations).posted().up_to(options["as_of"]).count()
        )
        found = 0
        for administration in administrations:
            for check in checks:
                for finding in check(administration, options["as_of"]):
                    found += 1
                    self.stdout.write(f"{finding.severity} {finding.code} {administration}: {finding}")
        if found:
            raise CommandError(f"{found} findings", returncode=1)
        self.stdout.write(f"{len(checks)} laws hold over {entries} entries")


def book_checks() -> list[Callable[[Administration, date], Iterator[Finding]]]:
    """The checks of every module that ``BOOK_CHECKS`` names, in that order."""
    return [check for module in settings.BOOK_CHECKS for check in import_module(module).ALL]
