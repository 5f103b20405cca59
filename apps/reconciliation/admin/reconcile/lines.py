"""The lines that are listed, and which of them is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core.forms import typed_number
from apps.reconciliation.admin.reconcile.asked import BY_ITSELF, LEFT, Asked
from apps.reconciliation.models import BankAccount, Clearing, StatementLine

PER_PAGE = 50
NEWEST = ("-date", "-statement_id", "-sequence")
TEXTS = ("counterparty_name", "label", "reference", "note", "end_to_end_id", "counterparty_iban")


@dataclass(frozen=True)
class Listed:
    """A page of lines, the newest first; ``chosen`` need not be among them."""

    rows: Sequence[StatementLine]
    page: int
    has_more: bool
    chosen: StatementLine | None
    before: StatementLine | None
    after: StatementLine | None


def listed(account: BankAccount, asked: Asked) -> Listed:
    """In two or three queries: nothing is counted, so that years of lines cost nothing."""
    lines = lines_of(account, asked)
    page = asked.page
    rows = _page(lines, page)
    while not rows and page > 1:  # the last ones of the last page were matched
        page = min(page - 1, max(1, -(-lines.count() // PER_PAGE)))
        rows = _page(lines, page)
    has_more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
    chosen = next((row for row in rows if row.pk == asked.line), None)
    if chosen is None and asked.line:
        chosen = with_all(StatementLine.objects.filter(bank_account=account, pk=asked.line)).first()
    if chosen is None and rows:
        chosen = rows[0]
    at = next((place for place, row in enumerate(rows) if chosen and row.pk == chosen.pk), None)
    before = rows[at - 1] if at else None
    after = rows[at + 1] if at is not None and at + 1 < len(rows) else None
    return Listed(rows, page, has_more, chosen, before, after)


def line_after(account: BankAccount, asked: Asked, line: StatementLine) -> StatementLine | None:
    """The line that is chosen once ``line`` is no more among those that are asked for: the next older, else the first
    of all."""
    lines = lines_of(account, asked).exclude(pk=line.pk)
    older = Q(date__lt=line.date) | Q(date=line.date) & (
        Q(statement_id__lt=line.statement_id) | Q(statement_id=line.statement_id, sequence__lt=line.sequence)
    )
    found: StatementLine | None = lines.filter(older).first() or lines.first()
    return found


def lines_of(account: BankAccount, asked: Asked) -> QuerySet[StatementLine]:
    """Those that are asked for, the newest first."""
    lines = StatementLine.objects.filter(bank_account=account)
    if asked.statement:
        lines = lines.filter(statement=asked.statement)
    if asked.show == LEFT:
        lines = lines.open()
    else:
        acts = Clearing.objects.filter(line=OuterRef("pk"), undone_at=None)
        lines = lines.filter(Exists(acts.filter(by=None) if asked.show == BY_ITSELF else acts))
    if asked.q:
        lines = lines.filter(_typed(asked.q))
    return with_all(lines).order_by(*NEWEST)


def with_all(lines: Any) -> Any:
    return lines.select_related("administration", "statement", "bank_account__account", "bank_account__journal")


def amount_typed(text: str) -> Decimal | None:
    """The amount that somebody types to find something; None for words."""
    try:
        return typed_number(text.lstrip("+-"))
    except ValueError:
        return None


def _typed(text: str) -> Q:
    wanted = Q()
    for name in TEXTS:
        wanted |= Q(**{f"{name}__icontains": text})
    amount = amount_typed(text)
    if amount is not None and abs(amount) < 10**15:
        wanted |= Q(amount__in=(amount, -amount)) | Q(residual__in=(amount, -amount))
    return wanted


def _page(lines: QuerySet[StatementLine], page: int) -> list[StatementLine]:
    first = (page - 1) * PER_PAGE
    return list(lines[first : first + PER_PAGE + 1])
