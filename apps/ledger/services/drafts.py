"""Entries that a person writes: drafts, their posting, and the second person above the limit."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction

from apps.core.errors import SecondPersonRequired
from apps.core.events import record
from apps.core.laws import prove_deferred
from apps.core.models import Administration, User
from apps.core.money import exact, total
from apps.core.permissions import Act, may, require
from apps.ledger.errors import EntryPosted, JournalUnbalanced, PeriodMissing, named_refusals
from apps.ledger.models import Journal, JournalEntry, JournalLine, OpenItem, Period
from apps.ledger.services.posting import Line, Source, admitting, admitting_period, post_entry

MANUAL = "manual"  # the source of what somebody wrote by hand


def post_manual_entry(
    *,
    administration: Administration,
    journal: Journal,
    date: date,
    memo: str,
    lines: Sequence[Line],
    by: User,
    reference: str = "",
    source: Source | None = None,
    period: Period | None = None,
) -> JournalEntry:
    """Post what ``by`` wrote, or keep it as a draft where its amount is above the limit: a second person posts it then.

    ``period`` names one of year-end adjustments. Raises NotAllowed and what ``post_entry`` raises.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    written: dict[str, Any] = {
        "administration": administration,
        "journal": journal,
        "date": date,
        "memo": memo,
        "lines": lines,
        "reference": reference,
        "source": source or Source(MANUAL, None),
        "period": period,
        "by": by,
    }
    debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
    if debits == credits and _above_limit(administration, debits):
        admitting(period) if period else admitting_period(administration, date)
        return save_draft(**written)
    return post_entry(**written)


@named_refusals()
@transaction.atomic
def save_draft(
    *,
    administration: Administration,
    journal: Journal,
    date: date,
    memo: str,
    lines: Sequence[Line],
    by: User,
    reference: str = "",
    source: Source | None = None,
    period: Period | None = None,
    entry: JournalEntry | None = None,
) -> JournalEntry:
    """Keep a draft, in place of ``entry`` when that is given. A draft need not balance yet, and counts nowhere.

    Raises NotAllowed, EntryPosted or PeriodMissing.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    period = period or Period.objects.covering(administration, date)
    if period is None:
        raise PeriodMissing(date=date)
    for line in lines:
        exact(line.amount, administration.currency)
    if entry is None:
        entry = JournalEntry(administration=administration)
    else:
        entry = _locked_draft(entry)
        entry.lines.all().delete()
    entry.journal, entry.period, entry.date, entry.memo, entry.reference = journal, period, date, memo, reference
    if source is not None:
        entry.source_type, entry.source_id = source.type, source.id
    entry.source_type = entry.source_type or MANUAL
    # Whoever wrote the last word is the one who cannot post it alone.
    entry.created_by, entry.line_count = by, len(lines)
    entry.save()
    JournalLine.objects.bulk_create(_row(entry, position, line, period) for position, line in enumerate(lines, start=1))
    return entry


@named_refusals()
@transaction.atomic
def post_draft(entry: JournalEntry, *, by: User) -> JournalEntry:
    """Post a draft; above the limit by another person than who wrote it, a manager or owner among them.

    Raises NotAllowed, SecondPersonRequired, EntryPosted and what ``post_entry`` raises.
    """
    entry = _locked_draft(entry)
    administration = entry.administration
    lines = list(entry.lines.select_related("account", "party"))
    debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
    if debits != credits:
        raise JournalUnbalanced(debits=debits, credits=credits)
    above = _above_limit(administration, debits)
    if not (above and may(by, Act.APPROVE, administration.pk)):
        require(by, Act.KEEP_ACCOUNTS, administration.pk)
    if above and by.pk == entry.created_by_id:
        raise SecondPersonRequired()
    if entry.period.type == Period.Type.YEAR_END:
        admitting(entry.period)
    else:
        entry.period = admitting_period(administration, entry.date)
    entry.line_count, entry.posted_by, entry.approved_by = len(lines), by, by if above else None
    entry.status = JournalEntry.Status.POSTED
    entry.save()
    entry.refresh_from_db(fields=["number", "year", "posted_at"])
    known: Any = entry.posted_at
    OpenItem.objects.bulk_create(
        OpenItem(
            administration=administration,
            line=line,
            account=line.account,
            party=line.party,
            date=entry.date,
            amount=line.debit - line.credit,
            currency=line.currency,
            amount_currency=line.amount_currency,
            document_id=line.pk,
            reference=entry.reference,
            created_at=known,
        )
        for line in lines
        if line.account.control and line.party
    )
    prove_deferred()
    record("ledger.entry_posted", entry, by=by, date=entry.date, amount=debits, lines=len(lines))
    return entry


@transaction.atomic
def delete_draft(entry: JournalEntry, *, by: User) -> None:
    """Throw a draft away. Raises NotAllowed or EntryPosted."""
    require(by, Act.KEEP_ACCOUNTS, entry.administration_id)
    entry = _locked_draft(entry)
    entry.lines.all().delete()
    entry.delete()


def waits_for_second_person(entry: JournalEntry) -> bool:
    """Whether a draft is above the limit of its administration, so that its writer cannot post it alone."""
    return _above_limit(entry.administration, total(line.debit for line in entry.lines.all()))


def _above_limit(administration: Administration, amount: Any) -> bool:
    limit = administration.manual_entry_limit
    return limit is not None and amount > limit and not administration.single_sign_off


def _locked_draft(entry: JournalEntry) -> JournalEntry:
    locked: JournalEntry = (
        JournalEntry.objects.select_for_update(of=("self",)).select_related("administration").get(pk=entry.pk)
    )
    if locked.status != JournalEntry.Status.DRAFT:
        raise EntryPosted()
    return locked


def _row(entry: JournalEntry, position: int, line: Line, period: Period) -> JournalLine:
    taxed = line.vat_code is not None
    return JournalLine(
        administration_id=entry.administration_id,
        entry=entry,
        position=position,
        account=line.account,
        party=line.party,
        memo=line.memo,
        debit=line.debit,
        credit=line.credit,
        currency=line.currency,
        amount_currency=line.amount_currency,
        exchange_rate=line.exchange_rate,
        vat_code=line.vat_code,
        vat_role=line.vat_role or (JournalLine.VatRole.BASE if taxed else ""),
        vat_base=line.vat_base,
        tax_point=(line.tax_point or entry.date) if taxed else None,
        vat_period=(line.vat_period or period) if taxed else None,
        corrected_period=line.corrected_period,
    )
