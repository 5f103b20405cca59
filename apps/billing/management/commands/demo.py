"""The demo clinic of ``make run``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from apps.billing.demo import (
    COLLEAGUE,
    OPERATOR,
    PASSWORD,
    PEOPLE,
    demo_clinic,
    email_of,
    make_demo,
    real_administrations,
)

TRY = {
    "receptionist": _("registers visits, takes payments, closes the day"),
    "cashier": _("takes payments; counts the drawer that is open today, blind"),
    "manager": _("signs yesterday, which waits with a mismatch; approves the discount; looks at the leaks"),
    "owner": _("everything in the clinic, its people and settings"),
    "accountant": _("reads the books: entries, trial balance, open items; sends claims, enters remittances"),
    "admin": _("people and settings, no money"),
}


class Command(BaseCommand):
    help = "Make the demo clinic, unless there are real books here, and print who signs in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="make it beside real administrations")

    def handle(self, *args: Any, **options: Any) -> None:
        if demo_clinic() is None and real_administrations() and not options["force"]:
            # No failure: make run starts on a database of your own too.
            self.stdout.write(_("No demo: this database holds real administrations (manage.py demo --force)."))
            return
        clinic = make_demo()
        self.stdout.write(_("{clinic}: every password is {password}").format(clinic=clinic.name, password=PASSWORD))
        for role in PEOPLE:
            self.stdout.write(f"  {email_of(role):28}{TRY[role]}")
        self.stdout.write(f"  {COLLEAGUE:28}" + _("another cashier, to hand the drawer over to"))
        self.stdout.write(f"  {OPERATOR:28}" + _("operator: users, administrations, the state of the site"))
