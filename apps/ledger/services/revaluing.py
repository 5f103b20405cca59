"""Unrealised exchange differences: what is kept in a foreign currency, at the rate of a day."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import total
from apps.core.permissions import Act, require
from apps.ledger.models import Account, Journal, JournalEntry, JournalLine
from apps.ledger.reports.exposures import exposures
from apps.ledger.services.posting import Line, Source, on_side, post_entry, reverse_entry
from apps.ledger.services.purposes import account_for

REVALUATION = "revaluation"  # source of entries


@transaction.atomic
def revalue(administration: Administration, as_of: date, *, by: User) -> JournalEntry | None:
    """Post what open foreign items and foreign accounts differ from the books at the rates of ``as_of``, and its
    reversal on the next day (IAS 21.23: monetary items at the closing rate).

    The difference stands on accounts of its own, gains and losses apart; a control account still equals its open
    items. Done again for the same day only what changed since is posted: None when nothing did. Raises NotAllowed,
    ExchangeRateMissing, AccountMissing, PeriodClosed or PeriodMissing, also for the next day.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key(REVALUATION, administration.pk, as_of)
    found = [one for one in exposures(administration, as_of) if one.difference]
    earlier = JournalEntry.objects.filter(administration=administration, date=as_of, source_type=REVALUATION)
    turn = earlier.count()
    if not found and not turn:
        return None
    own = account_for(administration, "exchange_revaluation")
    changes = [(one.difference, f"{one.account} {one.words}"[:300]) for one in found]
    if turn:
        posted = JournalLine.objects.filter(entry__in=earlier, account=own).balance()
        changes = [(total(amount for amount, _words in changes) - posted, "")]
    lines = [line for amount, words in changes if amount for line in _lines(administration, own, amount, words)]
    if not lines:
        return None
    with language_of_books(administration):
        memo = _("Exchange differences on %(date)s") % {"date": as_of}
        reason = _("counts at the end of a period only")
    entry = post_entry(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="GEN"),
        date=as_of,
        memo=memo,
        lines=lines,
        by=by,
        source=Source(REVALUATION, uuid5(administration.pk, f"{as_of} {turn}")),
    )
    reverse_entry(entry, by=by, reason=reason, date=as_of + timedelta(days=1))
    return entry


def _lines(administration: Administration, own: Account, amount: Decimal, words: str) -> list[Line]:
    """A gain when ``amount`` is positive, otherwise a loss."""
    result = account_for(administration, f"unrealised_exchange_{'gain' if amount > 0 else 'loss'}")
    return [on_side(own, amount, memo=words), on_side(result, -amount, memo=words)]
