"""Prove every law of the books again by reading."""

from collections.abc import Callable, Iterator
from datetime import date
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F, QuerySet

from apps.core.findings import RED, Finding
from apps.core.models import Administration
from apps.ledger.models import JournalEntry, Seal
from apps.ledger.reports.seals import head


class Command(BaseCommand):
    help = "Read the books and prove every law again; exit status 1 when one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--administration", metavar="ID", help="one administration; all of them unless given")
        parser.add_argument("--as-of", type=date.fromisoformat, default=date.max, metavar="DATE", help="up to this day")
        parser.add_argument("--head", metavar="HASH", help="a head that was printed or mailed: the chain must hold it")
        parser.add_argument("--count", type=int, metavar="N", help="the number of rows that stood beside it")

    def handle(self, *args: Any, **options: Any) -> None:
        administrations = administrations_named(options["administration"])
        if options["count"] is not None and not options["head"]:
            raise CommandError("--count stands beside a --head.")
        checks = book_checks()
        entries = (
            JournalEntry.objects.filter(administration__in=administrations).posted().up_to(options["as_of"]).count()
        )
        found = 0
        for administration in administrations:
            for check in checks:
                for finding in check(administration, options["as_of"]):
                    found += finding.severity == RED
                    self.stdout.write(f"{finding.severity} {finding.code} {administration}: {finding}")
        if options["head"] and not _sealed(administrations, options["head"], options["count"]):
            found += 1
            self.stdout.write(f"RED SEAL_NOT_FOUND: no seal has the head {options['head']} and that many rows")
        for administration in administrations:
            if (last := head(administration)).head:
                self.stdout.write(f"{administration}: {last.rows} rows sealed, head {last.head}")
        if found:
            raise CommandError(f"{found} findings", returncode=1)
        self.stdout.write(f"{len(checks)} laws hold over {entries} entries")


def administrations_named(key: str | None) -> QuerySet[Administration]:
    """The administration with this id, or all without one. Raises CommandError where there is none."""
    administrations: QuerySet[Administration] = Administration.objects.all()
    if key:
        try:
            administrations = administrations.filter(pk=key)
        except ValidationError:
            administrations = administrations.none()
        if not administrations:
            raise CommandError(f"There is no administration {key}.")
    return administrations


def _sealed(administrations: QuerySet[Administration], head: str, count: int | None) -> bool:
    seals = Seal.objects.filter(administration__in=administrations, head=head.strip().lower())
    return (seals if count is None else seals.filter(entries=count - F("documents"))).exists()


def book_checks() -> list[Callable[[Administration, date], Iterator[Finding]]]:
    """The checks of every module that ``BOOK_CHECKS`` names, in that order."""
    return [check for module in settings.BOOK_CHECKS for check in import_module(module).ALL]
