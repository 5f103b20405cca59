"""Prove the snapshots of finalized periods: read the books again by the moment of each."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.periods.models import Snapshot
from apps.periods.reports.snapshot import differences


class Command(BaseCommand):
    help = "Read the books again as they were known when periods were finalized; exit status 1 when one differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--administration", metavar="ID", help="one administration; all of them unless given")
        parser.add_argument("--snapshot", metavar="ID", help="one snapshot")

    def handle(self, *args: Any, **options: Any) -> None:
        named = {"administration": options["administration"], "pk": options["snapshot"]}
        try:
            snapshots = Snapshot.objects.filter(**{name: key for name, key in named.items() if key})
        except ValidationError as error:
            raise CommandError("This is no id.") from error
        if options["snapshot"] and not snapshots.exists():
            raise CommandError("There is no such snapshot.")
        wrong = 0
        rows = snapshots.select_related("period__administration", "seal").order_by("known_at")
        for snapshot in rows.iterator():
            found = differences(snapshot)
            wrong += bool(found)
            state = f"differs in {', '.join(found)}" if found else "holds"
            self.stdout.write(f"{snapshot.period} {snapshot.sha256} {state}")
        if wrong:
            raise CommandError(f"{wrong} snapshots differ from the books", returncode=1)
        self.stdout.write(f"{snapshots.count()} snapshots hold")
