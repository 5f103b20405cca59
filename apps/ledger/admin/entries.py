"""Journal entries with their lines, open items and the parties they are of. Read here, written by services alone."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.money import total
from apps.core.permissions import Act
from apps.ledger.admin.base import LedgerAdmin, ledger_address, link, page_of
from apps.ledger.models import JournalEntry, JournalLine, OpenItem, Party

Status = JournalEntry.Status
SOURCES = {"day_close": _("Day close")}  # what entries come from, as people call it
NUMBER = re.compile(r"([A-Z]+)-(\d{4})-0*(\d+)", re.IGNORECASE)  # as entries are called: GEN-2026-0042


class StateFilter(admin.SimpleListFilter):
    """Draft, posted, or reversed, which is derived: a posted entry points back."""

    title = _("status")
    parameter_name = "state"
    states = {
        "DRAFT": (_("Draft"), Q(status=Status.DRAFT)),
        "POSTED": (_("Posted"), Q(status=Status.POSTED) & ~Q(reversal__status=Status.POSTED)),
        "REVERSED": (_("Reversed"), Q(reversal__status=Status.POSTED)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(state, word) for state, (word, _rows) in self.states.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        _word, rows = self.states.get(self.value() or "", ("", Q()))
        return queryset.filter(rows)


class SourceFilter(admin.SimpleListFilter):
    """Entries by what they come from."""

    title = _("source")
    parameter_name = "source_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(SOURCES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source_type=self.value()) if self.value() else queryset


def state_of(entry: JournalEntry) -> SafeString:
    reversal = getattr(entry, "reversal", None)
    if reversal is not None and reversal.status == Status.POSTED:
        return display.status("REVERSED", _("Reversed"))
    return display.status(entry.status, entry.get_status_display())


@admin.register(JournalEntry)
class JournalEntryAdmin(LedgerAdmin):
    list_display = ("number_shown", "day", "memo", "amount", "state", "source", "administration")
    list_display_links = ("number_shown", "day")
    list_filter = ("administration", ("date", RangeDateFilter), "journal", StateFilter, SourceFilter)
    list_select_related = ("administration", "journal", "reversal")
    search_fields = ("memo",)
    search_help_text = _("Number, such as DAY-2026-0042, or words of the memo")
    ordering = ("-date", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        debits = JournalLine.objects.filter(entry=OuterRef("pk")).order_by().values("entry").annotate(sum=Sum("debit"))
        return super().get_queryset(request).annotate(debits=Subquery(debits.values("sum")))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        named = NUMBER.fullmatch(search_term.strip())
        if named:
            journal, year, number = named.groups()
            return queryset.filter(journal__code__iexact=journal, year=year, number=number), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("number"), ordering="number")
    def number_shown(self, entry: JournalEntry) -> SafeString:
        return format_html('<span class="ledger-whole">{}</span>', entry)

    @admin.display(description=_("date"), ordering="date")
    def day(self, entry: JournalEntry) -> str:
        return display.day(entry.date)

    @admin.display(description=_("amount"))
    def amount(self, entry: Any) -> SafeString:
        return display.amount(entry.debits, entry.administration.currency)

    @admin.display(description=_("status"))
    def state(self, entry: JournalEntry) -> SafeString:
        return state_of(entry)

    @admin.display(description=_("source"))
    def source(self, entry: JournalEntry) -> SafeString | str:
        return source_of(entry)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The entry as it stands in the book: nothing here can be changed."""
        entry = self.find(request, object_id, Act.READ_LEDGER)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        items = OpenItem.objects.as_of().select_related("party")
        lines = list(
            entry.lines.select_related("account", "party", "vat_code").prefetch_related(
                Prefetch("open_items", queryset=items)
            )
        )
        return self.page(
            request,
            "journalentry/entry",
            str(entry),
            opts=self.opts,
            original=entry,
            entry=entry,
            state=state_of(entry),
            source=source_of(entry),
            currency=entry.administration.currency,
            lines=[(line, ledger_address(line.account, None, entry.date)) for line in lines],
            debit=total(line.debit for line in lines),
            credit=total(line.credit for line in lines),
            items=[(item, document_of(item)) for line in lines for item in line.open_items.all()],
            reversal=getattr(entry, "reversal", None),
        )


def source_of(entry: JournalEntry) -> SafeString | str:
    """What the entry comes from, with a link where there is a page for it."""
    words = SOURCES.get(entry.source_type, entry.source_type) or display.NOTHING
    address = page_of(entry.source_type, entry.source_id)
    return link(address, words) if address else str(words)


def document_of(item: OpenItem) -> SafeString | str:
    """What the item is about, with a link where there is a page for it."""
    words = item.reference or item.document_type or display.NOTHING
    address = page_of(item.document_type, item.document_id)
    return link(address, words) if address else words


class OpenFilter(admin.SimpleListFilter):
    """What is still open, unless all is asked for."""

    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("settled", _("Settled")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("Open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(open=0) if self.value() == "settled" else queryset.exclude(open=0)


@admin.register(OpenItem)
class OpenItemAdmin(LedgerAdmin):
    list_display = ("party", "document", "account", "day", "due", "original", "open_amount", "administration")
    list_filter = ("administration", OpenFilter, "account")
    linked_by = ("party__id__exact",)
    list_select_related = ("administration", "account", "party", "line__entry__journal")
    search_fields = ("party__code", "party__name", "reference")
    search_help_text = _("Party or reference")
    ordering = ("date", "id")
    fields = (
        "administration",
        "party",
        "account",
        "document",
        "day",
        "due",
        "original",
        "open_amount",
        "entry",
        "settled_by",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        items: Any = super().get_queryset(request)
        return items.as_of()

    @admin.display(description=_("document"), ordering="reference")
    def document(self, item: OpenItem) -> SafeString | str:
        return document_of(item)

    @admin.display(description=_("date"), ordering="date")
    def day(self, item: OpenItem) -> str:
        return display.day(item.date)

    @admin.display(description=_("due date"), ordering="due_date")
    def due(self, item: OpenItem) -> str:
        return display.day(item.due_date)

    @admin.display(description=_("amount"), ordering="amount")
    def original(self, item: OpenItem) -> SafeString:
        return display.amount(item.amount, item.administration.currency)

    @admin.display(description=_("open"), ordering="open")
    def open_amount(self, item: Any) -> SafeString:
        return display.amount(item.open, item.administration.currency)

    @admin.display(description=_("entry"))
    def entry(self, item: OpenItem) -> SafeString:
        return entry_link(item.line.entry)

    @admin.display(description=_("settled by"))
    def settled_by(self, item: OpenItem) -> Any:
        """The allocations of this item: what it was settled with, when, and in which entry."""
        with_credit = item.allocations_as_debit.select_related("credit__line__entry__journal")
        with_debit = item.allocations_as_credit.select_related("debit__line__entry__journal")
        rows = [(one, one.credit) for one in with_credit] + [(one, one.debit) for one in with_debit]
        if not rows:
            return _("Nothing so far")
        currency = item.administration.currency
        return format_html(
            "<ul>{}</ul>",
            format_html_join(
                "",
                "<li>{} · {} · {}</li>",
                (
                    (display.money(one.amount, currency), display.day(one.date), entry_link(other.line.entry))
                    for one, other in rows
                ),
            ),
        )


def entry_link(entry: JournalEntry) -> SafeString:
    return link(reverse("admin:ledger_journalentry_change", args=[entry.pk]), entry)


@admin.register(Party)
class PartyAdmin(LedgerAdmin):
    list_display = ("code", "name", "kind", "items", "administration")
    list_filter = ("administration", "kind")
    list_select_related = ("administration",)
    search_fields = ("code", "name")
    fields = ("administration", "kind", "code", "name", "items")

    @admin.display(description=_("open items"))
    def items(self, party: Party) -> SafeString:
        return link(f"{reverse('admin:ledger_openitem_changelist')}?party__id__exact={party.pk}", _("Open items"))
