"""The accounts and journals that Daybook posts to by itself, by what they are for."""

from itertools import count

from django.db import transaction

from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account, Journal
from apps.ledger.services.opening import accounts_of, chart_of


def account_for(administration: Administration, purpose: str) -> Account:
    """The account with that purpose, opened from the chart of the administration's country when it is missing.

    Raises AccountMissing for a purpose that the chart does not know.
    """
    if not purpose:
        raise AccountMissing(purpose=purpose)
    found = Account.objects.filter(administration=administration, purpose=purpose).first()
    return found or _opened(administration, purpose)


def journal_of(administration: Administration, code: str) -> Journal:
    """One of the journals that Daybook itself posts to: see ``opening.JOURNALS``."""
    journal: Journal = Journal.objects.get(administration=administration, code=code)
    return journal


@transaction.atomic
def _opened(administration: Administration, purpose: str) -> Account:
    row = next((row for row in accounts_of(chart_of(administration.country)) if row["purpose"] == purpose), None)
    if row is None:
        raise AccountMissing(purpose=purpose)
    # Two that miss an account wait for each other: the second finds what the first one opened.
    hold_key("account_for", administration.pk)
    mine = Account.objects.filter(administration=administration)
    if known := mine.filter(purpose=purpose).first():
        return known
    same = {name: row[name] for name in ("code", "name", "type", "control")}
    if unnamed := mine.filter(**same, purpose="").first():  # of a chart that did not say yet what it is for
        unnamed.purpose = purpose
        unnamed.save(update_fields=["purpose"])
        record("ledger.account_given_purpose", unnamed, purpose=purpose)
        return unnamed
    taken = set(mine.values_list("code", flat=True))
    width = len(row["code"])
    code = next(code for code in (f"{at:0{width}d}" for at in count(int(row["code"]))) if code not in taken)
    account = Account.objects.create(administration=administration, **{**row, "code": code})
    record("ledger.account_opened", account, purpose=purpose, code=code)
    return account
