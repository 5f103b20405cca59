"""Journal entries with their lines and open items: the list, and the page of one as it stands in the book."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.money import total
from apps.core.permissions import Act, may_somewhere
from apps.ledger.admin.base import SOURCES, came_from, document_of, ledger_address, source_of
from apps.ledger.admin.writing import WritingPages, name_of
from apps.ledger.models import JournalEntry, JournalLine, OpenItem

Status = JournalEntry.Status
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
class JournalEntryAdmin(WritingPages):
    when_empty = _("Day closes, invoices and the bank write entries; one by hand is added here.")
    add_act = change_act = Act.KEEP_ACCOUNTS

    actions = ("post_selected",)
    linked_by = ("batch__id__exact",)
    list_display = ("number_shown", "day", "memo", "amount", "state", "source", "administration")
    list_display_links = ("number_shown", "day")
    list_filter = ("administration", ("date", RangeDateFilter), "journal", StateFilter, SourceFilter)
    linked_by = ("batch__id__exact",)
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
        return format_html('<span class="ledger-whole">{}</span>', name_of(entry))

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

    def has_post_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.KEEP_ACCOUNTS)

    @admin.action(description=_("Post selected drafts"), permissions=["post"])
    def post_selected(self, request: HttpRequest, entries: QuerySet[Any]) -> HttpResponse | None:
        """Every chosen draft is named before, and what is refused is said with its reason."""
        return self.post_many(request, entries)

    def shown(self, request: HttpRequest, entry: JournalEntry) -> HttpResponse:
        """The entry as it stands in the book: nothing on the page can be changed."""
        items = OpenItem.objects.as_of().select_related("party")
        lines = list(
            entry.lines.select_related("account", "party", "vat_code", "vat_period").prefetch_related(
                Prefetch("open_items", queryset=items)
            )
        )
        return self.page(
            request,
            "journalentry/entry",
            name_of(entry),
            opts=self.opts,
            original=entry,
            entry=entry,
            state=state_of(entry),
            source=source_of(entry),
            currency=entry.administration.currency,
            lines=[(line, ledger_address(line.account, None, entry.date)) for line in lines],
            has_foreign=any(line.currency for line in lines),
            debit=total(line.debit for line in lines),
            credit=total(line.credit for line in lines),
            items=[(item, document_of(item)) for line in lines for item in line.open_items.all()],
            reversal=getattr(entry, "reversal", None),
            trail=came_from(request),
            **self.next_steps(request, entry),
        )
