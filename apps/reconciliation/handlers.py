"""Handlers of events: what follows a moment later. Each may be called twice."""

from django.db.models import Q

from apps.core.models import Administration, Event
from apps.reconciliation.demo import keep_demo_bank
from apps.reconciliation.models import Clearing, Match
from apps.reconciliation.services.bank_accounts import open_first_bank_account
from apps.reconciliation.services.clearing import undo


def open_bank_account(event: Event) -> None:
    """New books begin with a bank account."""
    open_first_bank_account(Administration.objects.get(pk=event.subject_id))


def undo_what_was_reversed(event: Event) -> None:
    """Somebody reversed an entry in the ledger: the bank lines that posted it, or were matched with it as booked, are
    open again."""
    own = Q(entry=event.subject_id)
    booked = Q(matches__kind=Match.Kind.BOOKED, matches__active=True, matches__entry_line__entry=event.subject_id)
    for clearing in Clearing.objects.filter(own | booked, undone_at=None).distinct():
        undo(clearing, by=None)


def keep_bank_of_demo(event: Event) -> None:
    """The demo clinic of ``make run`` has bank statements as well, a moment after it was made."""
    keep_demo_bank(Administration.objects.get(pk=event.subject_id))
