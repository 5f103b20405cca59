"""The accounts and journals that Daybook posts to by itself, by what they are for."""

from apps.core.models import Administration
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account, Journal


def account_for(administration: Administration, purpose: str) -> Account:
    """The account with that purpose. Raises AccountMissing."""
    account = Account.objects.filter(administration=administration, purpose=purpose).first()
    if account is None:
        raise AccountMissing(purpose=purpose)
    return account


def journal_of(administration: Administration, code: str) -> Journal:
    """One of the journals that Daybook itself posts to: see ``opening.JOURNALS``."""
    journal: Journal = Journal.objects.get(administration=administration, code=code)
    return journal
