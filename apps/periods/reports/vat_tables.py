"""The VAT return and the ICP listing as tables, for files."""

from django.utils.translation import gettext as _

from apps.core.display import moment
from apps.core.models import Administration
from apps.core.tables import Column, Kind, Row, Table
from apps.periods.reports.icp import IcpListing
from apps.periods.reports.vat_forms import Side
from apps.periods.reports.vat_return import VatReturn
from apps.periods.reports.vat_spans import VatSpan


def vat_return_table(report: VatReturn) -> Table:
    """The boxes as on the form, to the cent and as they are declared."""
    rows = [
        Row(
            (
                figure.box.code,
                figure.box.name,
                figure.turnover if figure.box.side not in (Side.TOTAL, Side.DEDUCTED) else None,
                figure.vat if figure.box.side != Side.NONE else None,
                figure.turnover_declared if figure.box.side not in (Side.TOTAL, Side.DEDUCTED) else None,
                figure.vat_declared if figure.box.side != Side.NONE else None,
            ),
            bold=figure.box.side == Side.TOTAL,
        )
        for figure in report.boxes
    ]
    rows.append(Row((_("To pay"), "", None, report.net, None, report.net_declared), bold=True))
    return Table(
        name=f"vat-return-{report.span.name}",
        title=_("VAT return %(span)s") % {"span": report.span.name},
        facts=_facts(report.administration, report.span, report.known_at),
        columns=(
            Column(_("Box"), width=6),
            Column(_("Name"), width=46),
            Column(_("Turnover"), Kind.AMOUNT),
            Column(_("VAT"), Kind.AMOUNT),
            Column(_("Turnover declared"), Kind.AMOUNT),
            Column(_("VAT declared"), Kind.AMOUNT),
        ),
        rows=rows,
        count=len(rows),
        currency=report.administration.currency,
        footnote=_("Declared amounts are whole units, rounded in the taxpayer's favour."),
    )


def icp_table(report: IcpListing) -> Table:
    rows = [
        Row(
            (
                entry.vat_number,
                entry.country,
                entry.name,
                " ".join(code.code for code, _amount in entry.codes),
                entry.transactions,
                entry.base,
            )
        )
        for entry in report.entries
    ]
    rows.append(Row((_("Total"), "", "", "", None, report.total), bold=True))
    return Table(
        name=f"icp-{report.span.name}",
        title=_("ICP listing %(span)s") % {"span": report.span.name},
        facts=_facts(report.span.administration, report.span, report.known_at),
        columns=(
            Column(_("VAT number"), width=18),
            Column(_("Country"), width=8),
            Column(_("Customer"), width=32),
            Column(_("VAT code"), width=18),
            Column(_("Transactions"), Kind.NUMBER, width=10),
            Column(_("Supplies"), Kind.AMOUNT),
        ),
        rows=rows,
        count=len(rows),
        currency=report.span.administration.currency,
        footnote="" if report.ties else _("The total differs from box 3b of the return."),
    )


def _facts(administration: Administration, span: VatSpan, known_at: object) -> tuple[tuple[str, str], ...]:
    facts = [
        (_("Administration"), str(administration)),
        (_("VAT number"), administration.vat_number),
        (_("Period"), _("%(since)s to %(until)s") % {"since": span.first_day, "until": span.last_day}),
    ]
    if known_at:
        facts.append((_("As known at"), moment(known_at, administration.time_zone)))  # type: ignore[arg-type]
    return tuple(facts)
