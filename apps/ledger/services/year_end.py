"""The ends of a fiscal year: its opening balance, its adjustments, its result and what becomes of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, total
from apps.core.permissions import Act, require
from apps.ledger.errors import NotAFiscalYear, OpeningBalanceExists, OpeningItemsDiffer, ResultExceeded
from apps.ledger.models import Account, Journal, JournalEntry, Party, Period
from apps.ledger.reports.result import year_result
from apps.ledger.services.drafts import post_manual_entry
from apps.ledger.services.posting import Document, Item, Line, Source, on_side, post_entry
from apps.ledger.services.purposes import account_for

OPENING, APPROPRIATION, ADJUSTMENT = "opening_balance", "result_appropriation", "year_end_adjustment"  # sources


@dataclass(frozen=True)
class OpeningItem:
    """What one document of ``party`` leaves owing on a control account when the books open; a debit is positive."""

    account: Account
    party: Party
    amount: Decimal
    document: Document
    currency: str = ""
    amount_currency: Decimal | None = None


@transaction.atomic
def opening_balance(
    administration: Administration,
    date: date,
    *,
    balances: Mapping[Account, Decimal],
    items: Sequence[OpeningItem] = (),
    by: User,
) -> JournalEntry:
    """Post what every account stands at when the books begin, with the open items that its control accounts are made
    of. A debit is positive. One opening balance stands at a time; after its reversal another may take its place.

    Raises NotAllowed, OpeningBalanceExists, OpeningItemsDiffer and what ``post_entry`` raises.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key(OPENING, administration.pk)
    before = JournalEntry.objects.filter(administration=administration, source_type=OPENING)
    standing = before.filter(reversal=None).select_related("journal").first()
    if standing is not None:
        raise OpeningBalanceExists(entry=str(standing))
    for account in {*balances, *(item.account for item in items)}:
        itemized = total(item.amount for item in items if item.account == account)
        balance = balances.get(account, ZERO)
        if (account.control or itemized) and balance != itemized:
            raise OpeningItemsDiffer(account=str(account), balance=balance, items=itemized)
    with language_of_books(administration):
        memo = _("Opening balance on %(date)s") % {"date": date}
    return post_entry(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="OPN"),
        date=date,
        memo=memo,
        lines=[
            *(on_side(account, amount) for account, amount in balances.items() if amount and not account.control),
            *_item_lines(items),
        ],
        by=by,
        source=Source(OPENING, uuid5(administration.pk, f"{OPENING} {before.count()}")),
    )


def _item_lines(items: Sequence[OpeningItem]) -> list[Line]:
    """One line for each account, party, currency and side, which opens its items."""

    def line(item: OpeningItem) -> tuple[str, str, str, bool]:
        return item.account.code, str(item.party.pk), item.currency, item.amount > 0

    lines = []
    for _key, group in groupby(sorted(items, key=line), key=line):
        same = list(group)
        foreign = {"currency": same[0].currency, "amount_currency": total(one.amount_currency or ZERO for one in same)}
        lines.append(
            on_side(
                same[0].account,
                total(one.amount for one in same),
                party=same[0].party,
                items=tuple(Item(one.document, one.amount, one.amount_currency) for one in same),
                **(foreign if same[0].currency else {}),
            )
        )
    return lines


@transaction.atomic
def appropriate_result(
    administration: Administration,
    fiscal_year: Period,
    *,
    shares: Mapping[Account, Decimal],
    date: date,
    by: User,
    source: UUID,
) -> JournalEntry:
    """Draw ``shares`` from the unappropriated result to reserves, a dividend to be paid, the owner. ``source`` names
    the decision: it is posted once.

    A loss is charged with negative shares. All together stay between nothing and what is left up to the end of
    ``fiscal_year``. Raises NotAllowed, ResultExceeded, AccountMissing and what ``post_entry`` raises.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    own = account_for(administration, "unappropriated_result")
    hold_key(APPROPRIATION, administration.pk)  # of two decisions the second sees what the first has left
    asked, left = total(shares.values()), year_result(fiscal_year).left
    if not min(left, ZERO) <= asked <= max(left, ZERO):
        raise ResultExceeded(asked=asked, left=left)
    with language_of_books(administration):
        memo = _("Appropriation of the result of %(year)s") % {"year": fiscal_year}
    return post_entry(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="GEN"),
        date=date,
        memo=memo,
        lines=[
            *([on_side(own, asked)] if asked else ()),
            *(on_side(account, -amount) for account, amount in shares.items() if amount),
        ],
        by=by,
        source=Source(APPROPRIATION, source),
    )


def post_adjustment(
    administration: Administration, fiscal_year: Period, *, lines: Sequence[Line], memo: str, by: User, source: UUID
) -> JournalEntry:
    """Post ``lines`` on the last day of ``fiscal_year``, into the period of its adjustments and without VAT; above the
    limit of manual entries they wait for a second person as a draft.

    ``source`` names the form that was filled in: it is posted once. Raises NotAllowed, NotAFiscalYear, YearEndWithVat
    and what ``post_entry`` raises.
    """
    return post_manual_entry(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="GEN"),
        date=fiscal_year.last_day,
        memo=memo,
        lines=lines,
        by=by,
        source=Source(ADJUSTMENT, source),
        period=adjustments_of(fiscal_year),
    )


def adjustments_of(fiscal_year: Period) -> Period:
    """The YEAR_END period of a fiscal year. Raises NotAFiscalYear."""
    found: Period | None = Period.objects.filter(
        administration=fiscal_year.administration_id, type=Period.Type.YEAR_END, last_day=fiscal_year.last_day
    ).first()
    if found is None or fiscal_year.type != Period.Type.YEAR:
        raise NotAFiscalYear(period=str(fiscal_year))
    return found
