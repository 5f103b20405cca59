"""Prove an evidence pack from the file alone."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.periods.packs.verifying import differences, manifest_of
from apps.periods.services.storing import measured


class Command(BaseCommand):
    help = "Recompute every checksum and hash of an evidence pack; exit status 1 when something differs. No database."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the pack")
        parser.add_argument("--checksum", metavar="SHA256", help="what the list of packs says the file is")
        parser.add_argument("--head", metavar="HASH", help="a seal head that was printed or mailed when it was made")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            file = options["file"].open("rb")
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        with file:
            found = list(differences(file))
            sha256 = measured(file)[1]
            if options["checksum"] and options["checksum"].strip().lower() != sha256:
                found.append("The file is not the one with that checksum.")
            if options["head"] and not found and manifest_of(file)["seal"]["head"] != options["head"].strip().lower():
                found.append("The pack was not made at that seal head.")
            for difference in found:
                self.stdout.write(difference)
            if found:
                raise CommandError(f"{len(found)} differences", returncode=1)
            manifest = manifest_of(file)
        chain, seal = manifest["chain"], manifest["seal"]
        self.stdout.write(
            f"{manifest['pack_type']} of {manifest['period']['name']}, made {manifest['generated_at']}:"
            f" {len(manifest['files'])} files and {chain['entries']} entries are as they were packed"
            f" ({chain['unsealed']} not sealed yet), head {seal['head'] or 'none'}, {seal['count']} rows sealed,"
            f" SHA-256 {sha256}"
        )
