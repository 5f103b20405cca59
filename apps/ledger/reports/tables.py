"""The reports as tables, for files: CSV, XLSX and PDF."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.core.display import moment
from apps.core.models import Administration
from apps.core.tables import Column, Kind, Row, Table
from apps.ledger.reports.account_ledger import WholeLedger
from apps.ledger.reports.ageing import Ageing, Bucket
from apps.ledger.reports.ageing import Kind as AgeingKind
from apps.ledger.reports.balance_sheet import BalanceSheet
from apps.ledger.reports.figures import Figure
from apps.ledger.reports.journal import WholeJournal
from apps.ledger.reports.profit_and_loss import ProfitAndLoss
from apps.ledger.reports.statements import Section
from apps.ledger.reports.trial_balance import TrialBalance
from apps.ledger.reports.vat_by_code import VatByCode

Facts = tuple[tuple[str, str], ...]


def balance_sheet_table(report: BalanceSheet) -> Table:
    rows = [
        *_section(report.current_assets),
        *_section(report.fixed_assets),
        _sum(_("Total assets"), report.total_assets),
        *_section(report.current_liabilities),
        *_section(report.long_term_liabilities),
        *_section(report.equity),
        _sum(_("Total liabilities and equity"), report.total_liabilities_equity),
    ]
    note = "" if report.is_balanced else _("Assets do not equal liabilities and equity.")
    return Table(
        name=f"balance-sheet-{report.as_of}",
        title=_("Balance sheet"),
        facts=_facts(report.administration, _as_of(report.as_of, report.compare_to), report.known_at),
        columns=_statement_columns(str(report.as_of), str(report.compare_to) if report.compare_to else None),
        rows=_wide(rows, bool(report.compare_to)),
        count=len(rows),
        currency=report.administration.currency,
        footnote=note,
    )


def profit_and_loss_table(report: ProfitAndLoss) -> Table:
    rows = [
        *_section(report.revenue),
        *_section(report.cost_of_goods_sold),
        _sum(_("Gross profit"), report.gross_profit),
        *_section(report.operating_expenses),
        _sum(_("Operating income"), report.operating_income),
        *_section(report.other_income),
        *_section(report.other_expenses),
        _sum(_("Net income"), report.net_income),
    ]
    spans = [_span(report.since, report.until), *([_span(*report.compared)] if report.compared else [])]
    return Table(
        name=f"profit-and-loss-{report.since}-{report.until}",
        title=_("Profit and loss account"),
        facts=_facts(report.administration, [(_("Period"), span) for span in spans], report.known_at),
        columns=_statement_columns(spans[0], spans[1] if report.compared else None),
        rows=_wide(rows, bool(report.compared)),
        count=len(rows),
        currency=report.administration.currency,
    )


def trial_balance_table(report: TrialBalance) -> Table:
    columns = [Column(_("Code"), width=8), Column(_("Account"), width=32)]
    columns += [Column(title, Kind.AMOUNT) for title in (_("Opening"), _("Debit"), _("Credit"), _("Balance"))]
    if report.compare_to:
        columns += [Column(str(report.compare_to), Kind.AMOUNT), Column(_("Difference"), Kind.AMOUNT)]

    def cells(code: str, name: str, row: Any) -> tuple[Any, ...]:
        figures = (code, name, row.opening, row.debit, row.credit, row.balance)
        return (*figures, row.earlier, row.balance - row.earlier) if report.compare_to else figures

    rows = [Row(cells(row.account.code, row.account.name, row)) for row in report.rows]
    rows.append(Row(cells("", _("Total"), report), bold=True))
    days = _as_of(report.as_of, report.compare_to)
    if report.since:
        days.append((_("Movements from"), str(report.since)))
    return Table(
        name=f"trial-balance-{report.as_of}",
        title=_("Trial balance"),
        facts=_facts(report.administration, days, report.known_at),
        columns=tuple(columns),
        rows=rows,
        count=len(rows),
        currency=report.administration.currency,
        footnote=_("Debits are positive, credits negative."),
    )


def ageing_table(report: Ageing) -> Table:
    """Per document, with a total per party."""
    columns = [
        Column(_("Code"), width=12),
        Column(_("Party"), width=24),
        Column(_("Document"), width=16),
        Column(_("Date"), Kind.DATE, 11),
        Column(_("Due"), Kind.DATE, 11),
        Column(_("Original"), Kind.AMOUNT, 13),
        Column(_("Paid"), Kind.AMOUNT, 13),
        Column(_("Open"), Kind.AMOUNT, 13),
        *(Column(str(bucket.label), Kind.AMOUNT, 13) for bucket in Bucket),
    ]
    compared = bool(report.compare_to)
    if compared:
        columns += [Column(str(report.compare_to), Kind.AMOUNT, 13), Column(_("Difference"), Kind.AMOUNT, 13)]

    def row(*cells: Any, than: Any = None, level: int = 0) -> Row:
        """``than`` is what knows the comparison: a party or the report."""
        earlier = (than.earlier, than.difference) if than else (None, None)
        return Row((*cells, *earlier) if compared else cells, level, bold=than is not None)

    rows = []
    for party in report.parties:
        who = (party.party.code, str(party.party))
        for found in party.rows:
            buckets = [found.open if found.bucket == bucket else None for bucket in Bucket]
            days = (found.item.date, found.due_date)
            rows.append(row(*who, found.document, *days, found.original, found.paid, found.open, *buckets, level=1))
        rows.append(row(*who, _("Total"), None, None, None, None, party.open, *party.buckets.values(), than=party))
    sums = (report.original, report.paid, report.open, *report.buckets.values())
    rows.append(row("", _("Total"), "", None, None, *sums, than=report))
    receivable = report.kind == AgeingKind.RECEIVABLE
    return Table(
        name=f"{'receivables' if receivable else 'payables'}-{report.as_of}",
        title=_("Receivables by age") if receivable else _("Payables by age"),
        facts=_facts(report.administration, _as_of(report.as_of, report.compare_to), report.known_at),
        columns=tuple(columns),
        rows=rows,
        count=len(rows),
        currency=report.administration.currency,
    )


def account_ledger_table(report: WholeLedger) -> Table:
    """Line by line, with the running balance; rows are read as they are written."""
    administration = report.account.administration
    columns = (
        Column(_("Date"), Kind.DATE, 11),
        Column(_("Entry"), width=14),
        Column(_("Text"), width=36),
        Column(_("Party"), width=18),
        Column(_("Debit"), Kind.AMOUNT),
        Column(_("Credit"), Kind.AMOUNT),
        Column(_("Balance"), Kind.AMOUNT),
    )

    def rows() -> Iterator[Row]:
        yield Row((report.since, "", _("Opening balance"), "", None, None, report.opening), bold=True)
        closing = report.opening
        for row in report.rows:
            line, closing = row.line, row.balance
            party = str(line.party) if line.party else ""
            words = line.memo or line.entry.memo
            amounts = (line.debit or None, line.credit or None, row.balance)
            yield Row((line.date, str(line.entry), words, party, *amounts))
        yield Row((report.until, "", _("Closing balance"), "", None, None, closing), bold=True)

    return Table(
        name=f"account-{report.account.code}-{report.until}",
        title=_("Account %(account)s") % {"account": report.account},
        facts=_facts(administration, [(_("Period"), _span(report.since, report.until))], report.known_at),
        columns=columns,
        rows=rows(),
        count=report.count + 2,
        currency=administration.currency,
    )


def journal_table(report: WholeJournal) -> Table:
    """Every line with its entry; rows are read as they are written."""
    columns = (
        Column(_("Date"), Kind.DATE, 11),
        Column(_("Entry"), width=14),
        Column(_("Text"), width=32),
        Column(_("Reference"), width=14),
        Column(_("Code"), width=8),
        Column(_("Account"), width=26),
        Column(_("Party"), width=16),
        Column(_("VAT code"), width=10),
        Column(_("Debit"), Kind.AMOUNT),
        Column(_("Credit"), Kind.AMOUNT),
    )
    rows = (
        Row(
            (
                line.date,
                str(line.entry),
                line.memo or line.entry.memo,
                line.entry.reference,
                line.account.code,
                line.account.name,
                str(line.party) if line.party else "",
                line.vat_code.code if line.vat_code else "",
                line.debit or None,
                line.credit or None,
            )
        )
        for line in report.lines
    )
    days = [(_("Period"), _span(report.since, report.until))]
    if report.journal:
        days.append((_("Journal"), str(report.journal)))
    return Table(
        name=f"journal-{report.since}-{report.until}",
        title=_("Journal"),
        facts=_facts(report.administration, days, report.known_at),
        columns=columns,
        rows=rows,
        count=report.count,
        currency=report.administration.currency,
    )


def vat_table(report: VatByCode) -> Table:
    columns = (
        Column(_("VAT code"), width=14),
        Column(_("Name"), width=32),
        Column(_("Rate (%)"), width=8),
        Column(_("Boxes"), width=12),
        Column(_("Turnover"), Kind.AMOUNT),
        Column(_("VAT owed"), Kind.AMOUNT),
        Column(_("VAT deducted"), Kind.AMOUNT),
    )
    rows = [
        Row(
            (
                row.vat_code.code,
                row.vat_code.name,
                f"{row.vat_code.rate.normalize():f}",
                " ".join(dict.fromkeys(filter(None, _boxes(row.vat_code)))),
                row.turnover,
                row.vat_owed,
                row.vat_deducted,
            )
        )
        for row in report.rows
    ]
    rows.append(Row((_("Total"), "", "", "", report.turnover, report.vat_owed, report.vat_deducted), bold=True))
    rows += [
        Row((_("Box %(box)s") % {"box": box.box}, "", "", box.box, box.turnover, box.vat, None)) for box in report.boxes
    ]
    rows.append(Row((_("To pay"), "", "", "", None, report.vat_payable, None), bold=True))
    return Table(
        name=f"vat-by-code-{report.since}-{report.until}",
        title=_("VAT by code"),
        facts=_facts(report.administration, [(_("VAT periods"), _span(report.since, report.until))], report.known_at),
        columns=columns,
        rows=rows,
        count=len(rows),
        currency=report.administration.currency,
        footnote=_("A VAT period counts where its last day lies."),
    )


def _boxes(code: Any) -> tuple[str, str, str]:
    return code.box_turnover, code.box_vat, code.box_deductible


def _statement_columns(now: str, earlier: str | None) -> tuple[Column, ...]:
    columns = [Column(_("Code"), width=8), Column(_("Account"), width=36), Column(now, Kind.AMOUNT, 18)]
    if earlier:
        columns += [Column(earlier, Kind.AMOUNT, 18), Column(_("Difference"), Kind.AMOUNT)]
    return tuple(columns)


def _section(section: Section) -> Iterator[Row]:
    """A heading, its accounts and its total, with room for a comparison."""
    yield Row(("", section.name, None, None, None), bold=True)
    for row in section.rows:
        yield Row((row.account.code if row.account else "", row.name, *_figures(row.balance)), level=1)
    yield _sum(_("Total %(section)s") % {"section": section.name[:1].lower() + section.name[1:]}, section.total)


def _sum(name: str, figure: Figure) -> Row:
    return Row(("", name, *_figures(figure)), bold=True)


def _figures(figure: Figure) -> tuple[Decimal, Decimal | None, Decimal | None]:
    return figure.amount, figure.earlier, figure.difference


def _wide(rows: Iterable[Row], compared: bool) -> list[Row]:
    """The rows with the columns of a comparison, or without."""
    return [Row(row.cells if compared else row.cells[:3], row.level, row.bold) for row in rows]


def _facts(administration: Administration, days: list[tuple[str, str]], known_at: datetime | None) -> Facts:
    facts = [(_("Administration"), administration.name), *days]
    if known_at:
        facts.append((_("As known at"), moment(known_at, administration.time_zone)))
    return (*facts, (_("Currency"), administration.currency))


def _as_of(as_of: date, compare_to: date | None) -> list[tuple[str, str]]:
    compared = [(_("Compared with"), str(compare_to))] if compare_to else []
    return [(_("As of"), str(as_of)), *compared]


def _span(since: date | None, until: date) -> str:
    return (
        _("%(since)s to %(until)s") % {"since": since, "until": until}
        if since
        else _("up to %(until)s") % {"until": until}
    )
