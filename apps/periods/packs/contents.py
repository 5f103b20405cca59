"""What each type of pack holds beside the chain: tables of a period, read as they are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.billing.models import EndOfDayReconciliation
from apps.core.models import Event
from apps.ledger.models import Invoice, JournalEntry, JournalLine, Period, VatCode
from apps.ledger.reports.vat_by_code import VatByCode, VatLines, vat_by_code
from apps.periods.packs import beside
from apps.periods.packs.chain import moment
from apps.periods.packs.listing import Listing, person, plain
from apps.reconciliation.models import AccountReconciliation

AT_ONCE = 1000  # rows in memory
Role = JournalLine.VatRole


@dataclass(frozen=True)
class Contents:
    """``entries`` are those whose hashes the pack proves; ``tables`` its CSV files; ``left_out`` what is not there."""

    entries: Any
    tables: tuple[Listing, ...]
    left_out: tuple[str, ...] = ()


def entries_of(period: Period, known_at: datetime) -> Any:
    """The posted entries of ``period`` and of the smaller ones inside it. Adjustments at year-end belong to the year
    and to their own period, not to the last month."""
    inside = Q(period__first_day__gte=period.first_day, period__last_day__lte=period.last_day)
    if period.type == Period.Type.YEAR_END:
        inside = Q(period=period)
    elif period.type != Period.Type.YEAR:
        inside &= ~Q(period__type=Period.Type.YEAR_END)
    posted = JournalEntry.objects.filter(inside, administration=period.administration_id, posted_at__lte=known_at)
    return posted.posted()


def taxed_entries(period: Period, known_at: datetime) -> Any:
    """The posted entries with a line that counts in the VAT return of ``period``."""
    lines = _taxed(_return(period, known_at)).values("entry")
    return JournalEntry.objects.filter(administration=period.administration_id, pk__in=lines)


def audit_trail(period: Period, known_at: datetime) -> Contents:
    entries = entries_of(period, known_at)
    steps, left_out = beside.trail(period, known_at)
    return Contents(
        entries=entries,
        tables=(
            _lines("entries.csv", JournalLine.objects.filter(entry__in=entries)),
            _approvals(entries),
            _day_closes(period, known_at),
            _reconciliations(period, known_at),
            _events(period, known_at),
            *steps,
        ),
        left_out=tuple(left_out),
    )


def vat_evidence(period: Period, known_at: datetime) -> Contents:
    stated = _return(period, known_at)
    entries = taxed_entries(period, known_at)
    declared, left_out = beside.vat(period, known_at)
    return Contents(
        entries=entries,
        tables=(
            _boxes(stated),
            _codes(stated),
            _taxed_lines(stated),
            _documents(entries),
            _vat_codes(period),
            _lines("entries.csv", JournalLine.objects.filter(entry__in=entries)),
            *declared,
        ),
        left_out=tuple(left_out),
    )


def _return(period: Period, known_at: datetime) -> VatByCode:
    return vat_by_code(period.administration, period.first_day, period.last_day, known_at=known_at)


def _taxed(stated: VatByCode) -> Any:
    return VatLines(stated.administration, stated.periods, stated.known_at).posted()


def _boxes(stated: VatByCode) -> Listing:
    rows = [(box.box, plain(box.turnover), plain(box.vat)) for box in stated.boxes]
    return Listing("vat/boxes.csv", ("box", "turnover", "vat"), rows)


def _codes(stated: VatByCode) -> Listing:
    rows = [
        (row.vat_code.code, row.vat_code.name, plain(row.turnover), plain(row.vat_owed), plain(row.vat_deducted))
        for row in stated.rows
    ]
    return Listing("vat/by_code.csv", ("code", "name", "turnover", "vat_owed", "vat_deducted"), rows)


def _taxed_lines(stated: VatByCode) -> Listing:
    """Each line with the box that it fills; one that fills none is listed with an empty box."""
    lines = (
        _taxed(stated)
        .select_related("entry__journal", "account", "party", "vat_code", "vat_period", "corrected_period")
        .order_by("vat_code__code", "vat_role", "date", "entry_id", "position")
    )
    box = {Role.BASE: "box_turnover", Role.TAX: "box_vat", Role.DEDUCTIBLE: "box_deductible"}

    def rows() -> Iterator[tuple[Any, ...]]:
        for line in lines.iterator(chunk_size=AT_ONCE):
            yield (
                getattr(line.vat_code, box[line.vat_role]),
                line.vat_role,
                line.vat_code.code,
                plain(line.vat_amount),
                plain(line.vat_base),
                line.entry,
                line.position,
                line.date,
                line.tax_point,
                line.vat_period.name,
                line.corrected_period and line.corrected_period.name,
                line.account.code,
                line.party and line.party.code,
                line.party and line.party.vat_number,
            )

    heads = (
        *("box", "role", "vat_code", "amount", "vat_base", "entry", "line", "date", "tax_point", "vat_period"),
        *("corrected_period", "account", "party", "party_vat_number"),
    )
    return Listing("vat/lines.csv", heads, rows())


def _documents(entries: Any) -> Listing:
    found = Invoice.objects.filter(entry__in=entries).select_related("party", "entry__journal")
    found = found.order_by("kind", "invoice_date", "id")
    rows = (
        (
            *(one.kind, one.type, one, one.party.code, one.party.vat_number, one.invoice_date, one.tax_point),
            *(plain(one.net_amount), plain(one.vat_amount), plain(one.total_amount), one.currency, one.entry),
        )
        for one in found.iterator(chunk_size=AT_ONCE)
    )
    heads = (
        *("kind", "type", "number", "party", "party_vat_number", "invoice_date", "tax_point", "net", "vat", "total"),
        *("currency", "entry"),
    )
    return Listing("vat/documents.csv", heads, rows)


def _vat_codes(period: Period) -> Listing:
    heads = "code name rate category deductible box_turnover box_vat box_deductible standard_code".split()
    rows = VatCode.objects.filter(administration=period.administration_id).order_by("code").values_list(*heads)
    return Listing("vat/codes.csv", tuple(heads), rows)


def _lines(name: str, chosen: Any) -> Listing:
    lines = chosen.select_related(
        "entry__journal", "entry__posted_by", "entry__reverses__journal", "account", "party", "vat_code"
    )
    ordered = lines.order_by("entry__journal__code", "entry__year", "entry__number", "position")
    rows = (
        (
            *(line.entry, line.date, line.entry.memo, line.entry.reference, line.position, line.account.code),
            *(line.account.name, line.party and line.party.code, line.memo, plain(line.debit), plain(line.credit)),
            *(line.currency, plain(line.amount_currency), line.vat_code and line.vat_code.code, line.vat_role),
            *(line.entry.source_type, line.entry.reverses, person(line.entry.posted_by), moment(line.entry.posted_at)),
        )
        for line in ordered.iterator(chunk_size=AT_ONCE)
    )
    heads = (
        *("entry", "date", "memo", "reference", "line", "account", "account_name", "party", "line_memo", "debit"),
        *("credit", "currency", "amount_currency", "vat_code", "vat_role", "source", "reverses", "posted_by"),
        "posted_at",
    )
    return Listing(name, heads, rows)


def _approvals(entries: Any) -> Listing:
    """Entries that a second person posted: above the limit of manual entries."""
    found = entries.filter(approved_by__isnull=False).select_related("journal", "created_by", "approved_by")
    rows = (
        (one, one.date, person(one.created_by), moment(one.created_at), person(one.approved_by), moment(one.posted_at))
        for one in found.order_by("date", "id").iterator(chunk_size=AT_ONCE)
    )
    return Listing("approvals.csv", ("entry", "date", "drafted_by", "drafted_at", "approved_by", "posted_at"), rows)


def _day_closes(period: Period, known_at: datetime) -> Listing:
    found = EndOfDayReconciliation.objects.filter(
        administration=period.administration_id,
        reconciliation_date__gte=period.first_day,
        reconciliation_date__lte=period.last_day,
        created_at__lte=known_at,
    )
    people = ("prepared_by", "reviewed_by", "finalized_by", "reopened_by")
    found = found.select_related(*people, "entry__journal").order_by("reconciliation_date", "revision")
    rows = (
        (
            *(one.reconciliation_date, one.number, one.revision, one.status, plain(one.total_revenue), one.entry),
            *(person(getattr(one, name)) for name in people),
            *(at and moment(at) for at in (one.prepared_at, one.reviewed_at, one.finalized_at, one.reopened_at)),
            one.single_sign_off,
        )
        for one in found.iterator(chunk_size=AT_ONCE)
    )
    heads = (
        *("date", "number", "revision", "status", "settled", "entry", *people),
        *("prepared_at", "reviewed_at", "finalized_at", "reopened_at", "single_sign_off"),
    )
    return Listing("day_closes.csv", heads, rows)


def _reconciliations(period: Period, known_at: datetime) -> Listing:
    found = AccountReconciliation.objects.filter(
        administration=period.administration_id,
        period_start__gte=period.first_day,
        period_end__lte=period.last_day,
        created_at__lte=known_at,
    )
    found = found.select_related("account", "created_by", "approved_by").order_by("account__code", "period_end", "id")
    rows = (
        (
            *(one.account.code, one.account.name, one.period_start, one.period_end, one.status),
            *map(plain, (one.opening_balance, one.closing_balance, one.expected_balance, one.difference)),
            *(person(one.created_by), person(one.approved_by), one.approved_at and moment(one.approved_at)),
        )
        for one in found.iterator(chunk_size=AT_ONCE)
    )
    heads = (
        *("account", "name", "from", "to", "status", "opening", "closing", "expected", "difference", "prepared_by"),
        *("approved_by", "approved_at"),
    )
    return Listing("account_reconciliations.csv", heads, rows)


def _events(period: Period, known_at: datetime) -> Listing:
    """What the event log has of the period itself and of its VAT."""
    found = Event.objects.filter(administration=period.administration_id, subject_id=period.pk, at__lte=known_at)
    rows = (
        (one.at and moment(one.at), one.name, person(one.by))
        for one in found.select_related("by").order_by("at", "id").iterator(chunk_size=AT_ONCE)
    )
    return Listing("events.csv", ("at", "event", "by"), rows)
