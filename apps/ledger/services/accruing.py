"""Prepayments and accruals: an amount that belongs to several months, month by month."""

from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, exact, split
from apps.core.permissions import Act, require
from apps.ledger.errors import SpreadInvalid
from apps.ledger.models import Account, Journal, JournalEntry
from apps.ledger.reports.depreciation import next_month
from apps.ledger.services.depreciating import last_day_of
from apps.ledger.services.posting import Source, on_side, post_entry

SPREAD = "spread"  # source of entries


@transaction.atomic
def spread(
    administration: Administration,
    *,
    amount: Decimal,
    account: Account,
    accrual_account: Account,
    first_month: date,
    months: int,
    memo: str,
    by: User,
    source: UUID,
) -> list[JournalEntry]:
    """Post ``amount`` to ``account`` in equal parts on the last days of ``months`` months, against ``accrual_account``.

    A prepaid cost is a debit of its expense account against what was prepaid, an accrued one against what is still to
    be paid; negative amounts are revenue received before, or still to be received. ``source`` names what is spread:
    what is posted of it already is left alone. Raises NotAllowed, SpreadInvalid and what ``post_entry`` raises.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    exact(amount, administration.currency)
    if not 1 <= months <= 120 or not amount:
        raise SpreadInvalid()
    hold_key(SPREAD, source)
    parts = split(abs(amount), months, administration.currency)
    known = JournalEntry.objects.filter(administration=administration, source_type=SPREAD)
    journal = Journal.objects.get(administration=administration, code="GEN")
    entries, month = [], first_month.replace(day=1)
    for turn, part in enumerate(parts, start=1):
        key = uuid5(source, str(turn))
        if part and not known.filter(source_id=key).exists():
            signed = part if amount > ZERO else -part
            with language_of_books(administration):
                words = _("%(memo)s (%(turn)s of %(months)s)") % {"memo": memo[:260], "turn": turn, "months": months}
            entries.append(
                post_entry(
                    administration=administration,
                    journal=journal,
                    date=last_day_of(month),
                    memo=words,
                    lines=[on_side(account, signed), on_side(accrual_account, -signed)],
                    by=by,
                    source=Source(SPREAD, key),
                )
            )
        month = next_month(month)
    return entries
