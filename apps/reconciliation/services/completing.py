"""Full reconciles: a set of matches by which bank lines and what they were matched with leave nothing open."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from apps.core.events import record
from apps.ledger.models import JournalLine, OpenItem
from apps.reconciliation.models import ClearedLine, Clearing, FullReconcile, Match, StatementLine


def complete(clearing: Clearing) -> FullReconcile | None:
    """Group the matches that hang together with ``clearing``, if nothing is open of any line, document or entry line
    among them. The search ends at the first that is open."""
    lines, documents, entry_lines = {clearing.line_id}, set[UUID](), set[UUID]()
    new = lines
    while new:
        if _lines_open(new):
            return None
        more_documents, more_entries = _matched_with(new)
        more_documents -= documents
        more_entries -= entry_lines
        if _documents_open(clearing.administration_id, more_documents) or _entry_lines_open(more_entries):
            return None
        documents |= more_documents
        entry_lines |= more_entries
        new = _lines_of(clearing.administration_id, more_documents, more_entries) - lines
        lines = lines | new
    full: FullReconcile = FullReconcile.objects.create(administration_id=clearing.administration_id)
    Match.objects.filter(clearing__line__in=lines, active=True).update(full_reconcile=full)
    record("bank.reconciliation.complete", full, by=clearing.by, full_reconcile_id=full.pk, line_ids=sorted(lines))
    return full


def dissolve(clearing: Clearing) -> None:
    """Something of the sets that ``clearing`` belongs to is open again."""
    fulls = FullReconcile.objects.filter(matches__clearing=clearing, dissolved_at=None)
    FullReconcile.objects.filter(pk__in=list(fulls.values_list("pk", flat=True))).update(dissolved_at=timezone.now())


def _matched_with(lines: Iterable[UUID]) -> tuple[set[UUID], set[UUID]]:
    """What ``lines`` were matched with: the documents of items, otherwise the entry lines that were cleared. What one
    put on its way to another account of our own is an entry line for that one to clear."""
    documents, entry_lines, sent = set(), set(), Q(pk=None)
    matches = Match.objects.filter(clearing__line__in=lines, active=True).select_related("open_item", "clearing")
    for match in matches:
        if item := match.open_item:
            documents.add(item.document_id or item.pk)
        elif match.entry_line_id:
            entry_lines.add(match.entry_line_id)
        elif match.kind == Match.Kind.TRANSFER:
            sent |= Q(entry=match.clearing.entry_id, account=match.account_id)
    if sent != Q(pk=None):
        entry_lines |= set(JournalLine.objects.filter(sent).values_list("pk", flat=True))
    return documents, entry_lines


def _lines_open(lines: Iterable[UUID]) -> bool:
    return bool(StatementLine.objects.filter(pk__in=lines).open().exists())


def _of(documents: Iterable[UUID]) -> Q:
    documents = list(documents)
    return Q(document_id__in=documents) | Q(document_id=None, pk__in=documents)


def _documents_open(administration: UUID, documents: set[UUID]) -> bool:
    items = OpenItem.objects.filter(_of(documents), administration=administration)
    return bool(documents) and bool(items.as_of().exclude(open=0).exists())


def _entry_lines_open(lines: set[UUID]) -> bool:
    """Whether one of ``lines`` is not cleared as a whole."""
    return ClearedLine.objects.filter(entry_line__in=lines, amount=F("cleared")).count() < len(lines)


def _lines_of(administration: UUID, documents: set[UUID], entry_lines: set[UUID]) -> set[UUID]:
    items = OpenItem.objects.filter(_of(documents), administration=administration)
    matches = Match.objects.filter(Q(open_item__in=items) | Q(entry_line__in=entry_lines), active=True)
    return set(matches.values_list("clearing__line", flat=True))
