"""Write an entry: the draft with its lines, its posting, its reversal. A posted entry has no form."""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Administration
from apps.core.money import currency, total
from apps.core.permissions import Act, may
from apps.ledger.admin.base import LedgerAdmin, books_meant, today
from apps.ledger.errors import DraftChanged, EntryAlreadyReversed, EntryPosted, JournalUnbalanced, PeriodClosed
from apps.ledger.forms import (
    ConfirmForm,
    EntryForm,
    EntryLineFormSet,
    ReverseForm,
    initial_line,
    vat_codes_of,
)
from apps.ledger.models import Journal, JournalEntry, JournalLine
from apps.ledger.services.drafts import delete_draft, post_draft, save_draft, waits_for_second_person
from apps.ledger.services.posting import first_open_day, reverse_entry

Status = JournalEntry.Status


class WritingPages(LedgerAdmin):
    """The pages of the admin of entries that write."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/post/", wrap(self.post_page), name="ledger_journalentry_post"),
            path("<uuid:object_id>/reverse/", wrap(self.reverse_page), name="ledger_journalentry_reverse"),
            path("<uuid:object_id>/delete/", wrap(self.delete_page), name="ledger_journalentry_delete"),
        ]
        return [*ours, *super().get_urls()]

    # The draft -------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A new entry, in the books that the address names."""
        administration, mine = books_meant(request, Act.KEEP_ACCOUNTS)
        return self._draft(request, administration, None, mine)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft to whoever keeps the accounts is a form; everything else is only looked at."""
        writes = request.method not in ("GET", "HEAD")
        entry = self.find(request, object_id, Act.KEEP_ACCOUNTS if writes else Act.READ_LEDGER)
        if entry.status == Status.DRAFT and may(request.user, Act.KEEP_ACCOUNTS, entry.administration_id):  # type: ignore[arg-type]
            return self._draft(request, entry.administration, entry, [])
        if writes:
            return self._refused(request, entry, EntryPosted())
        return self.shown(request, entry)

    def _draft(
        self, request: HttpRequest, administration: Administration, entry: JournalEntry | None, books: list[Any]
    ) -> HttpResponse:
        posted = request.POST or None
        lines = list(entry.lines.select_related("account", "party")) if entry else []
        form = EntryForm(posted, administration=administration, initial=_head(administration, entry))
        rows = EntryLineFormSet(
            posted,
            prefix="lines",
            initial=[initial_line(line) for line in lines],
            form_kwargs={"administration": administration, "vat_codes": vat_codes_of(administration)},
        )
        if posted and all([form.is_valid(), rows.is_valid()]):
            answer = self._write(request, form, rows, entry)
            if answer:
                return answer
        steps = self.next_steps(request, entry) if entry else {}
        return self.page(
            request,
            "journalentry/draft",
            name_of(entry) if entry else _("New journal entry"),
            form=form,
            rows=rows,
            entry=entry,
            books=books,
            administration=administration,
            digits=currency(administration.currency).digits,
            find_account=reverse("admin:ledger_account_find", args=[administration.pk]),
            find_party=reverse("admin:ledger_party_find", args=[administration.pk]),
            has_foreign=any(row["currency"].value() for row in rows),
            **steps,
        )

    def _write(
        self, request: HttpRequest, form: EntryForm, rows: Any, entry: JournalEntry | None
    ) -> HttpResponse | None:
        """Keep the draft; on to its posting when that is asked. None when the form is shown again."""
        asked, administration, lines = form.cleaned_data, form.administration, rows.lines
        user: Any = request.user
        posts = request.POST.get("do") == "post"
        if not lines:
            form.add_error(None, _("Type a line first: an account, and an amount as debit or credit."))
            return None
        debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
        if posts and debits != credits:
            form.add_error(None, said(JournalUnbalanced(debits=debits, credits=credits), administration.currency))
            return None
        if entry and not (
            {*form.changed_data} - {"key"} or rows.has_changed()
        ):  # whoever only looks does not become its writer
            return HttpResponseRedirect(_page(entry, "post" if posts else "change"))

        def write() -> str:
            head = {name: asked[name] for name in ("journal", "date", "memo", "reference")}
            return _page(save_draft(administration=administration, lines=lines, by=user, entry=entry, **head), "change")

        try:
            address, _new = once(request, write)
        except DomainError as refusal:
            field = "date" if refusal.code in ("PERIOD_MISSING", "PERIOD_CLOSED") else None
            form.add_error(field, said(refusal, administration.currency))
            return None
        if posts:
            return HttpResponseRedirect(address.replace("/change/", "/post/"))
        self.message_user(request, _("The draft is kept. It counts nowhere until it is posted."), messages.SUCCESS)
        return HttpResponseRedirect(address)

    def next_steps(self, request: HttpRequest, entry: JournalEntry) -> dict[str, Any]:
        """What the person may do with ``entry``, and why something cannot be done."""
        user: Any = request.user
        keeps = may(user, Act.KEEP_ACCOUNTS, entry.administration_id)
        is_draft = entry.status == Status.DRAFT
        waits = is_draft and waits_for_second_person(entry)
        return {
            "keeps": keeps,
            "is_draft": is_draft,
            "waits": waits,
            "limit": entry.administration.manual_entry_limit,
            "may_post": is_draft and _may_post(user, entry, waits),
            "may_reverse": keeps and not is_draft and not hasattr(entry, "reversal"),
        }

    def shown(self, request: HttpRequest, entry: JournalEntry) -> HttpResponse:
        """The page of an entry that is only looked at."""
        raise NotImplementedError

    # Post ------------------------------------------------------------------------------------------------------------

    def post_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Asks once, in a sentence that names what happens, then posts."""
        entry = self.find(request, str(object_id), Act.READ_LEDGER)
        user: Any = request.user
        if entry.status == Status.POSTED:
            return self._refused(request, entry, EntryPosted())
        if not _may_post(user, entry, waits := waits_for_second_person(entry)) and not (
            waits and may(user, Act.KEEP_ACCOUNTS, entry.administration_id)
        ):
            raise PermissionDenied
        code = entry.administration.currency
        form = ConfirmForm(
            request.POST or None, administration=entry.administration, initial={"seen": face_of([entry])}
        )
        if request.method == "POST" and form.is_valid():
            try:
                address, _new = once(request, lambda: self._post(entry, form.cleaned_data["seen"], user))
            except DraftChanged as refusal:
                self.message_user(request, said(refusal, code), messages.WARNING)
                return HttpResponseRedirect(request.path)
            except DomainError as refusal:
                form.add_error(None, said(refusal, code))
            else:
                entry.refresh_from_db()
                self.message_user(request, _is_posted(entry), messages.SUCCESS)
                return HttpResponseRedirect(address)
        return self._confirm(
            request,
            _("Post this entry?"),
            form=form,
            sentences=[sentence_of(entry)],
            refusals=[why] if (why := why_not(user, entry, waits)) else [],
            button=_("Yes, approve and post") if waits else _("Yes, post"),
            back=_page(entry, "change"),
        )

    def _post(self, entry: JournalEntry, seen: str, user: Any) -> str:
        JournalEntry.objects.select_for_update().get(pk=entry.pk)
        if face_of([entry]) != seen:
            raise DraftChanged()
        return _page(post_draft(entry, by=user), "change")

    def post_many(self, request: HttpRequest, entries: Any) -> HttpResponse | None:
        """The action of the list: every draft is named before, what is refused is said beside it."""
        user: Any = request.user
        drafts = list(entries.filter(status=Status.DRAFT).select_related("administration", "journal").order_by("date"))
        if not drafts:
            self.message_user(request, _("None of these is a draft: choose drafts to post."), messages.WARNING)
            return None
        if "post" not in request.POST or request.POST.get("seen") != face_of(drafts):
            refusals = {draft: why_not(user, draft, waits_for_second_person(draft)) for draft in drafts}
            ready = [draft for draft, why in refusals.items() if not why]
            return self._confirm(
                request,
                _("Post these drafts?"),
                form=AdministrationForm(administration=drafts[0].administration),
                sentences=[sentence_of(draft) for draft in ready],
                refusals=[f"{_what(draft)}: {why}" for draft, why in refusals.items() if why],
                hidden=[
                    ("action", "post_selected"),
                    ("post", "yes"),
                    ("seen", face_of(ready)),
                    *((ACTION_CHECKBOX_NAME, draft.pk) for draft in ready),
                ],
                button=_("Yes, post"),
                blocked=not ready,
                back=reverse("admin:ledger_journalentry_changelist"),
            )
        for draft in drafts:
            try:
                entry = post_draft(draft, by=user)
            except DomainError as refusal:
                words = f"{_what(draft)}: {said(refusal, draft.administration.currency)}"
                self.message_user(request, words, messages.ERROR)
            else:
                self.message_user(request, _is_posted(entry), messages.SUCCESS)
        return None

    # Reverse, delete -------------------------------------------------------------------------------------------------

    def reverse_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Asks when and why, then posts the opposite entry."""
        entry = self.find(request, str(object_id), Act.KEEP_ACCOUNTS)
        administration, user = entry.administration, request.user
        if entry.status == Status.DRAFT:
            return HttpResponseRedirect(_page(entry, "change"))
        if hasattr(entry, "reversal"):
            return self._refused(request, entry, EntryAlreadyReversed(entry=str(entry)))
        first, words = _first_day(entry)
        form = ReverseForm(request.POST or None, administration=administration, first_day=first, said=words)
        if request.method == "POST" and form.is_valid():
            day, reason = form.cleaned_data["date"], form.cleaned_data["reason"]
            moved = None if day == first else day  # the service says in the memo why the day is another one

            def write() -> str:
                return _page(reverse_entry(entry, by=user, reason=reason, date=moved), "change")  # type: ignore[arg-type]

            try:
                address, _new = once(request, write)
            except DomainError as refusal:
                field = "date" if refusal.code in ("PERIOD_MISSING", "PERIOD_CLOSED") else None
                form.add_error(field, said(refusal, administration.currency))
            else:
                self.message_user(request, _("%(entry)s is reversed by this entry.") % {"entry": entry})
                return HttpResponseRedirect(address)
        sentence = _("Reverse %(entry)s: the opposite entry is posted. Both stay in the books and cannot be changed.")
        return self._confirm(
            request,
            _("Reverse %(entry)s?") % {"entry": entry},
            form=form,
            sentences=[f"{_what(entry)}.", sentence % {"entry": entry}],
            button=_("Yes, reverse"),
            back=_page(entry, "change"),
        )

    def delete_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Throws a draft away, once asked."""
        entry = self.find(request, str(object_id), Act.KEEP_ACCOUNTS)
        if entry.status == Status.POSTED:
            return self._refused(request, entry, EntryPosted())
        if request.method == "POST":
            words = _("Deleted: %(what)s.") % {"what": _what(entry)}
            try:
                delete_draft(entry, by=request.user)  # type: ignore[arg-type]
            except DomainError as refusal:
                return self._refused(request, entry, refusal)
            self.message_user(request, words, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:ledger_journalentry_changelist"))
        return self._confirm(
            request,
            _("Delete this draft?"),
            form=AdministrationForm(administration=entry.administration),
            sentences=[_("Delete the draft %(what)s. Nothing of it stays.") % {"what": _what(entry)}],
            button=_("Yes, delete"),
            back=_page(entry, "change"),
        )

    def _confirm(self, request: HttpRequest, title: Any, **context: Any) -> HttpResponse:
        return self.page(request, "confirm", title, **context)

    def _refused(self, request: HttpRequest, entry: JournalEntry, refusal: DomainError) -> HttpResponse:
        """Back to the page of the entry, which says why."""
        self.message_user(request, said(refusal, entry.administration.currency), messages.ERROR)
        return HttpResponseRedirect(_page(entry, "change"))


# Words ---------------------------------------------------------------------------------------------------------------


def name_of(entry: JournalEntry) -> str:
    """What an entry is called: its number, and a draft by its journal."""
    return str(entry) if entry.number else str(_("Draft in %(journal)s") % {"journal": entry.journal.code})


def amount_of(entry: JournalEntry) -> Any:
    return total(line.debit for line in entry.lines.all())


def _what(entry: JournalEntry) -> str:
    """``GEN Tuesday 3 March 2026: EUR 1,234.50``; a number where there is one."""
    name = str(entry) if entry.number else entry.journal.code
    return f"{name} {display.day(entry.date)}: {display.money(amount_of(entry), entry.administration.currency)}"


def sentence_of(entry: JournalEntry) -> str:
    """What posting does, as it is asked before."""
    return str(_("Post %(what)s. Cannot be changed afterwards.") % {"what": _what(entry)})


def _is_posted(entry: JournalEntry) -> str:
    words = _("%(what)s is posted.") % {"what": _what(entry)}
    return format_html('<a href="{}">{}</a>', _page(entry, "change"), words)


def _may_post(user: Any, entry: JournalEntry, waits: bool) -> bool:
    """As ``post_draft`` will say: above the limit anybody who keeps the accounts or approves, but not its writer."""
    if waits and user.pk == entry.created_by_id:
        return False
    return may(user, Act.KEEP_ACCOUNTS, entry.administration_id) or (
        waits and may(user, Act.APPROVE, entry.administration_id)
    )


def why_not(user: Any, entry: JournalEntry, waits: bool) -> str:
    """Why ``user`` cannot post the draft; empty when they can."""
    lines = list(entry.lines.all())
    debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
    code = entry.administration.currency
    if debits != credits:
        return said(JournalUnbalanced(debits=debits, credits=credits), code)
    if len(lines) < 2:
        return str(_("An entry has two lines at least."))
    if not _may_post(user, entry, waits):
        limit = display.money(entry.administration.manual_entry_limit, code)
        return str(_("Above %(limit)s a second person posts what you wrote.") % {"limit": limit})
    try:
        moved = first_open_day(entry.administration, entry.date) != entry.date
    except DomainError as refusal:
        return said(refusal, code)
    if moved:
        return str(_("The period of %(day)s no longer admits posting: give it another date.") % {"day": entry.date})
    return ""


def _first_day(entry: JournalEntry) -> tuple[date | None, str]:
    """The day a reversal gets unless another is typed, and why that one."""
    try:
        day = first_open_day(entry.administration, entry.date)
    except PeriodClosed:
        return None, str(_("No open period holds its own date or a later one."))
    if day == entry.date:
        return day, str(_("Its own date, %(day)s.") % {"day": display.day(day)})
    words = _("Its own date, %(own)s, no longer admits posting; %(day)s is the first day that does.")
    return day, str(words % {"own": display.day(entry.date), "day": display.day(day)})


def face_of(entries: Iterable[JournalEntry]) -> str:
    """A digest of what is posted, so that nobody confirms one thing and posts another."""
    keys = sorted(entry.pk for entry in entries)
    heads = JournalEntry.objects.filter(pk__in=keys).order_by("pk").values_list("journal", "date", "memo", "reference")
    lines = JournalLine.objects.filter(entry__in=keys).order_by("entry", "position")
    facts = lines.values_list("entry", "account", "party", "debit", "credit", "vat_code", "currency", "amount_currency")
    return hashlib.sha256(repr([list(heads), list(facts)]).encode()).hexdigest()


def _page(entry: JournalEntry, verb: str) -> str:
    return reverse(f"admin:ledger_journalentry_{verb}", args=[entry.pk])


def _head(administration: Administration, entry: JournalEntry | None) -> dict[str, Any]:
    if entry:
        return {"journal": entry.journal_id, "date": entry.date, "memo": entry.memo, "reference": entry.reference}
    general = Journal.objects.filter(administration=administration, type=Journal.Type.GENERAL).first()
    return {"journal": general and general.pk, "date": today(administration)}
