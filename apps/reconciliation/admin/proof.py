"""What the page of one account reconciliation shows: the figures and where they lead, items, documents, signatures."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import NotAllowed
from apps.core.models import Event, Membership
from apps.core.money import ZERO
from apps.core.permissions import Act, may, roles_with
from apps.ledger.admin.base import day_before, ledger_address
from apps.ledger.reports.balances import AccountBalance, balances
from apps.reconciliation.admin.standing import overview_address, period_of, state_shown
from apps.reconciliation.errors import BalanceMoved, OwnReconciliation
from apps.reconciliation.models import AccountReconciliation, ReconcilingItem
from apps.reconciliation.reports.expected import Expected, bank_of, expected_balance
from apps.reconciliation.reports.posted_since import posted_since
from apps.reconciliation.reports.preparing import preparers_of
from apps.reconciliation.reports.standing import State, state_of
from apps.reconciliation.reports.whence import Whence, differences_of, not_itemised, whence
from apps.reconciliation.services.account_reconciling import MOST_PROPOSED

ITEMS_PER_PAGE = 100
MOST_EVENTS = 50
MOST_PERIODS = 12  # of the same account, shown beside
Status = AccountReconciliation.Status

TOLD: dict[str, Any] = {
    "reconciliation.begun": _("Begun; the books say %(closing)s"),
    "reconciliation.updated": _("Balance read again; it should be %(expected)s"),
    "reconciliation.item_added": _("Item of %(amount)s added"),
    "reconciliation.item_changed": _("Item of %(before)s changed, now %(amount)s"),
    "reconciliation.item_resolved": _("Item of %(amount)s resolved"),
    "reconciliation.item_removed": _("Item of %(amount)s removed"),
    "reconciliation.items_proposed": _("%(count)s items of bank and books added, %(amount)s together"),
    "reconciliation.attached": _("Document attached"),
    "reconciliation.detached": _("Document removed"),
    "reconciliation.approved": _("Approved"),
    "reconciliation.suspended": _("Suspended: the books say %(now)s, not %(approved)s"),
}


@dataclass(frozen=True)
class ItemShown:
    """A reconciling item, its age in days at the end of the period, and what it names."""

    item: ReconcilingItem
    age: int
    link: str
    settled: bool  # it names a line or an entry by which books and bank no longer differ


@dataclass(frozen=True)
class Figure:
    """A row of the proof: its amount, where it leads and what is said beside it."""

    word: Any
    amount: Decimal | None
    link: str = ""
    note: Any = ""
    total: bool = False


def proof_of(request: HttpRequest, reconciliation: AccountReconciliation) -> dict[str, Any]:
    """Everything that stands on the page. The number of queries does not grow with items, documents or history."""
    user, administration = request.user, reconciliation.administration
    pk = administration.pk
    now = _balance_now(reconciliation)
    state = state_of(reconciliation, now.balance)
    at_work = reconciliation.status != Status.APPROVED
    moved = now.balance - reconciliation.closing_balance
    expected = expected_balance(reconciliation.account, reconciliation.period_end)
    documents = list(reconciliation.attachments.select_related("upload").order_by("-upload__uploaded_at", "-id"))
    period = period_of(administration, reconciliation)
    newest = list(Event.objects.filter(subject_id=reconciliation.pk).select_related("by")[:MOST_EVENTS])
    suspension = next(iter(reconciliation.suspensions.select_related("replaced_by")), None)
    keeps = may(user, Act.KEEP_ACCOUNTS, pk)  # type: ignore[arg-type]
    unexplained = None if reconciliation.difference is None else reconciliation.difference - reconciliation.explained
    return {
        "original": reconciliation,
        "one": reconciliation,
        "currency": administration.currency,
        "span": span_of(reconciliation),
        "state": state_shown(state),
        "state_name": state.value,
        "at_work": at_work,
        "keeps": keeps,
        "works": keeps and at_work,
        "figures": _figures(request, reconciliation, now, expected, moved=bool(moved), documents=len(documents)),
        "unexplained": unexplained,
        "moved": moved,
        "now": now.balance,
        "since": posted_since(reconciliation, _read_at(reconciliation, newest)) if moved else None,
        "suspension": suspension,
        "begin": reverse("admin:reconciliation_begin", args=[reconciliation.account_id]),
        "period": period,
        "overview": overview_address(administration, period),
        "all_lines": _lines_link(request, reconciliation),
        "expected": expected,
        "bank": bank_of(reconciliation.account),
        "offered": expected.amount if expected and expected.amount != reconciliation.expected_balance else None,
        "documents": documents,
        "beside": _beside(reconciliation, state),
        "history": [(event, told(event, administration.currency)) for event in newest],
        "seen": newest[0].pk if newest else "",
        "signatures": _signatures(reconciliation),
        "why_not": why_not_approved(user, reconciliation, moved=moved, now=now.balance, unexplained=unexplained),
        "sentence": sentence_of(reconciliation),
        **_items(request, reconciliation, at_work=at_work),
    }


def span_of(reconciliation: AccountReconciliation) -> str:
    """``March 2026`` for a whole month, otherwise its first and last day."""
    first, last = reconciliation.period_start, reconciliation.period_end
    if first.day == 1 and (first.year, first.month) == (last.year, last.month) and _next_day(last).day == 1:
        return date_format(first, "F Y", use_l10n=False)
    return f"{display.short_day(first)} \N{EN DASH} {display.short_day(last)}"


def title_of(reconciliation: AccountReconciliation) -> str:
    return f"{reconciliation.account}, {span_of(reconciliation)}"


def sentence_of(reconciliation: AccountReconciliation) -> str:
    """What a person says by approving."""
    currency = reconciliation.administration.currency
    parts = [
        _now("Approve %(what)s: %(closing)s.")
        % {"what": title_of(reconciliation), "closing": display.money(reconciliation.closing_balance, currency)}
    ]
    if reconciliation.difference:
        said = {
            "expected": display.money(reconciliation.expected_balance, currency),
            "difference": display.money(reconciliation.difference, currency),
        }
        parts.append(_now("It should be %(expected)s; the items explain the difference of %(difference)s.") % said)
    parts.append(_now("It cannot be changed afterwards; a later posting that moves the balance suspends it."))
    return " ".join(parts)


def why_not_approved(
    user: Any, reconciliation: AccountReconciliation, *, moved: Decimal, now: Decimal, unexplained: Decimal | None
) -> str:
    """Why it cannot be approved now, and what mends it; the service says the same to whoever tries."""
    administration = reconciliation.administration
    currency = administration.currency
    if not may(user, Act.APPROVE_RECONCILIATIONS, administration.pk):
        return str(NotAllowed.message)
    if moved:
        before = display.money(reconciliation.closing_balance, currency)
        refusal = BalanceMoved(before=before, now=display.money(now, currency)).detail()
        return f"{refusal['message']} {refusal['hint']}"
    if unexplained is None:
        return _now("Nobody has said yet what the balance should be.")
    if unexplained:
        return _now("%(amount)s of the difference is not explained yet.") % {
            "amount": display.money(unexplained, currency)
        }
    preparers = preparers_of([reconciliation])[reconciliation.pk]
    if user.pk in preparers and not administration.single_sign_off:
        words = [str(OwnReconciliation.message), str(OwnReconciliation.hint)]
        members = Membership.objects.filter(
            administration=administration, role__in=roles_with(Act.APPROVE_RECONCILIATIONS), user__is_active=True
        ).exclude(user__in=preparers)
        names = [str(one.user) for one in members.select_related("user")[:5]]
        if names:
            words.append(_now("It can be approved by %(names)s.") % {"names": ", ".join(names)})
        return " ".join(words)
    return ""


def told(event: Event, currency: str) -> str:
    """What happened, in words."""
    words = TOLD.get(event.name)
    if words is None:
        return event.name
    text = words % {name: _fact(fact, currency) for name, fact in event.facts.items()}
    return _now("Approved by who prepared it: one person may sign alone here") if event.facts.get("alone") else text


def _fact(fact: Any, currency: str) -> Any:
    if fact is None:
        return display.NOTHING
    if not isinstance(fact, str):
        return fact
    try:
        return display.money(Decimal(fact), currency)
    except InvalidOperation:
        return fact


# Figures -------------------------------------------------------------------------------------------------------------


def _figures(
    request: HttpRequest,
    one: AccountReconciliation,
    now: AccountBalance,
    expected: Expected | None,
    *,
    moved: bool,
    documents: int,
) -> list[Figure]:
    back = request.get_full_path()
    lines = _lines_link(request, one)
    before = ledger_address(one.account, None, day_before(one.period_start), back=back)
    if moved:
        movements = [Figure(_("Movements"), one.closing_balance - one.opening_balance, lines)]
    else:
        movements = [Figure(_("Debit"), now.debit, lines), Figure(_("Credit"), -now.credit, lines)]
    return [
        Figure(_("Opening balance"), one.opening_balance, before, _follows(one)),
        *movements,
        Figure(_("Closing balance"), one.closing_balance, lines, total=True),
        Figure(
            _("Expected balance"), one.expected_balance, _source_link(one, expected), _source(one, expected, documents)
        ),
        Figure(_("Difference"), one.difference, total=True),
        Figure(_("Explained by the items"), one.explained, "#items"),
    ]


def _follows(one: AccountReconciliation) -> SafeString | str:
    """Whether it opens with what the last one closed with."""
    if one.previous is None:
        return _now("No earlier reconciliation.")
    said = {"what": span_of(one.previous)}
    if one.previous.closing_balance == one.opening_balance:
        return _now("As %(what)s closed.") % said
    said["closing"] = display.money(one.previous.closing_balance, one.administration.currency)
    return _now("%(what)s closed at %(closing)s: something was posted between.") % said


def _source(one: AccountReconciliation, expected: Expected | None, documents: int) -> str:
    """Where the expected balance comes from."""
    if one.expected_balance is None:
        return ""
    if expected is None or expected.amount != one.expected_balance:
        return _now("Typed; the documents prove it.") if documents else _now("Typed; no document proves it.")
    if expected.stated is None:
        return _now("The open items of this account.")
    said = {"statement": expected.stated.statement, "day": display.short_day(expected.stated.known_to)}
    words = [_now("Statement %(statement)s, known to %(day)s.") % said]
    if expected.stated.known_to < one.period_end:
        words.append(_now("No statement reaches the end of the period yet."))
    if expected.rate:
        words.append(_now("At the rate of %(rate)s.") % {"rate": expected.rate})
    return " ".join(words)


def _source_link(one: AccountReconciliation, expected: Expected | None) -> str:
    if expected is None or expected.amount != one.expected_balance:
        return "#documents" if one.expected_balance is not None else ""
    if expected.stated:
        return reverse("admin:reconciliation_statement_change", args=[expected.stated.statement.pk])
    return f"{reverse('admin:ledger_openitem_changelist')}?account__id__exact={one.account_id}"


def _lines_link(request: HttpRequest, one: AccountReconciliation) -> str:
    return ledger_address(one.account, one.period_start, one.period_end, back=request.get_full_path())


def _balance_now(one: AccountReconciliation) -> AccountBalance:
    found = balances(one.administration, one.period_end, since=one.period_start, accounts=[one.account])
    return found[0] if found else AccountBalance(one.account)


def _read_at(one: AccountReconciliation, newest: list[Event]) -> Any:
    """When the balance that stands there was read."""
    if one.approved_at:
        return one.approved_at
    reads = ("reconciliation.begun", "reconciliation.updated")
    return next((event.at for event in newest if event.name in reads), one.created_at)


# Items ---------------------------------------------------------------------------------------------------------------


def _items(request: HttpRequest, one: AccountReconciliation, *, at_work: bool) -> dict[str, Any]:
    rows = list(one.items.select_related("created_by"))
    pages = Paginator(rows, ITEMS_PER_PAGE).get_page(request.GET.get("items"))
    differences = differences_of(one) if at_work else []
    left = not_itemised(differences, rows)
    named = whence(one, rows, differences)
    shown = [_item_shown(one, item, named.get(item.pk), at_work=at_work) for item in rows]
    first = pages.start_index() - 1 if rows else 0
    return {
        "item_pages": pages,
        "items": shown[first : first + ITEMS_PER_PAGE],
        "left": len(left),
        "too_many": len(left) > MOST_PROPOSED,
        "left_amount": sum((found.amount for found in left), ZERO),
        "settled": sum(1 for item in shown if item.settled),
    }


def _item_shown(one: AccountReconciliation, item: ReconcilingItem, names: Whence | None, *, at_work: bool) -> ItemShown:
    link, settled = "", False
    if names:
        settled = at_work and not names.stands and item.resolved_on is None
        if names.line:
            link = reverse("admin:reconciliation_statementline_change", args=[names.line.pk])
        elif names.entry:
            link = reverse("admin:ledger_journalentry_change", args=[names.entry.pk])
    return ItemShown(item, (one.period_end - item.date).days, link, settled)


# Around it -----------------------------------------------------------------------------------------------------------


def _signatures(one: AccountReconciliation) -> list[dict[str, Any]]:
    zone = one.administration.time_zone
    by_items = one.reconciled_at is None and one.difference and one.difference == one.explained
    steps = [
        (_("Prepared"), one.created_by, one.created_at),
        *([] if by_items else [(_("Reconciled"), one.reconciled_by, one.reconciled_at)]),
        (_("Approved"), one.approved_by, one.approved_at),
    ]
    return [{"word": word, "by": by or "", "at": display.moment(at, zone), "done": bool(at)} for word, by, at in steps]


def _beside(one: AccountReconciliation, state: State) -> list[tuple[AccountReconciliation, str, SafeString]]:
    """The newest reconciliations of the same account, among them ``one`` in its ``state``."""
    rows = AccountReconciliation.objects.filter(account=one.account_id).prefetch_related("suspensions")
    newest = rows.order_by("-period_end", "-id")[:MOST_PERIODS]
    return [
        (row, span_of(row), state_shown(state if row == one else state_of(row, row.closing_balance))) for row in newest
    ]


def _next_day(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
