"""The balance accounts of a period on one page: what is proved, what is missing, and the next step of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.models import Administration
from apps.core.permissions import Act, may
from apps.core.tables import Column, Kind, Row, Table
from apps.core.tables.download import TYPES, download
from apps.ledger.admin.base import books_meant, day_before, ledger_address, today
from apps.ledger.models import Period
from apps.reconciliation.models import AccountReconciliation
from apps.reconciliation.reports.preparing import preparers_of
from apps.reconciliation.reports.standing import AccountStanding, PeriodStanding, State, period_standing

ACCOUNTS_PER_PAGE = 50
MOST_PERIODS = 60  # offered at once: five years of months
MOST_NAMED = 12  # codes of missing accounts
WORDS: dict[State, tuple[str, Any]] = {
    State.MISSING: ("REFUSED", _("Missing")),
    State.SUSPENDED: ("REVERSED", _("Suspended")),
    State.DRAFT: ("DRAFT", _("Draft")),
    State.RECONCILED: ("WAITING", _("Reconciled")),
    State.APPROVED: ("FINALIZED", _("Approved")),
}


@dataclass(frozen=True)
class Shown:
    """An account as the page shows it: where its figures lead, and what comes next."""

    standing: AccountStanding
    state: SafeString
    opening_link: str
    lines_link: str
    begin: str  # where a form begins a reconciliation, empty where that is not the next step
    key: str
    link: str
    next: Any
    note: Any = ""


def state_shown(state: State) -> SafeString:
    return display.status(*WORDS[state])


def overview_address(administration: Administration, period: Period | None = None, state: str = "") -> str:
    query = {"administration": administration.pk, "period": period.pk if period else "", "state": state}
    return f"{reverse('admin:reconciliation_overview')}?{urlencode({name: one for name, one in query.items() if one})}"


def periods_of(administration: Administration) -> QuerySet[Period]:
    """Periods that began, newest first; the smallest of those that end on one day comes first."""
    rows = Period.objects.filter(administration=administration, first_day__lte=today(administration))
    return rows.exclude(type=Period.Type.YEAR_END).order_by("-last_day", "-first_day")


def period_of(administration: Administration, reconciliation: AccountReconciliation) -> Period | None:
    """The period of exactly the dates of ``reconciliation``."""
    days = {"first_day": reconciliation.period_start, "last_day": reconciliation.period_end}
    found: Period | None = periods_of(administration).filter(**days).first()
    return found


def period_meant(request: HttpRequest, administration: Administration) -> Period | None:
    """The period that the address names, otherwise the newest that ended, otherwise the newest that began."""
    periods = periods_of(administration)
    try:
        named = periods.filter(pk=UUID(request.GET.get("period", ""))).first()
    except ValueError:
        named = None
    return named or periods.filter(last_day__lt=today(administration)).first() or periods.first()


def overview(page: Any, request: HttpRequest) -> HttpResponseBase:
    """What stands between a period and done, for whoever reads the ledger."""
    administration, readable = books_meant(request)
    period = period_meant(request, administration)
    shown: dict[str, Any] = {"administration": administration, "readable": readable, "period": period}
    if period is None:
        return _page(page, request, shown)
    standing = period_standing(administration, period.first_day, period.last_day)
    wanted = request.GET.get("state", "")
    rows = standing.of(State(wanted)) if wanted in list(State) else list(standing.accounts)
    ending = request.GET.get("format", "")
    if ending in TYPES:
        user: Any = request.user
        return download(_table(administration, period, rows), ending, administration=administration, by=user)
    pages = Paginator(rows, ACCOUNTS_PER_PAGE).get_page(request.GET.get("page"))
    shown |= {
        "periods": _offered(administration, period),
        "standing": standing,
        "states": _states(administration, period, standing, wanted),
        "wanted": wanted if wanted in list(State) else "",
        "missing": _missing(administration, period, standing),
        "approved": len(standing.of(State.APPROVED)),
        "pages": pages,
        "rows": list(_rows(request, administration, period, pages)),
        "files": [(one.upper(), _with(request, format=one)) for one in TYPES],
        "before": _with(request, page=pages.previous_page_number()) if pages.has_previous() else "",
        "after": _with(request, page=pages.next_page_number()) if pages.has_next() else "",
    }
    return _page(page, request, shown)


def _page(page: Any, request: HttpRequest, shown: dict[str, Any]) -> TemplateResponse:
    currency = shown["administration"].currency
    answer: TemplateResponse = page.page(request, "accounts", _("Account reconciliations"), currency=currency, **shown)
    return answer


def _offered(administration: Administration, period: Period) -> list[Period]:
    offered = list(periods_of(administration)[:MOST_PERIODS])
    return offered if period in offered else [*offered, period]


def _states(administration: Administration, period: Period, standing: PeriodStanding, wanted: str) -> list[Any]:
    """The filter: each state that there is with its count and its address."""
    counts = standing.counts
    every = (_("All"), len(standing.accounts), overview_address(administration, period), not wanted)
    return [
        every,
        *(
            (WORDS[state][1], counts[state], overview_address(administration, period, state), wanted == state)
            for state in State
            if counts[state]
        ),
    ]


def _missing(administration: Administration, period: Period, standing: PeriodStanding) -> dict[str, Any]:
    """What nobody began, and what was approved and no longer holds."""
    left = [one.account for state in (State.MISSING, State.SUSPENDED) for one in standing.of(state)]
    named = [(account.code, f"#account-{account.code}") for account in left[:MOST_NAMED]]
    return {"named": named, "more": len(left) - len(named)}


def _rows(
    request: HttpRequest, administration: Administration, period: Period, accounts: Page[AccountStanding]
) -> Iterator[Shown]:
    user: Any = request.user
    keeps, approves = (may(user, act, administration.pk) for act in (Act.KEEP_ACCOUNTS, Act.APPROVE_RECONCILIATIONS))
    prepared = preparers_of(one.reconciliation for one in accounts if one.reconciliation)
    for one in accounts:
        back = request.get_full_path()
        mine = one.reconciliation is not None and user.pk in prepared[one.reconciliation.pk]
        link, next_step, note = _next(one, approves=approves, mine=mine and not administration.single_sign_off)
        begins = keeps and one.state in (State.MISSING, State.SUSPENDED)
        yield Shown(
            standing=one,
            state=state_shown(one.state),
            opening_link=ledger_address(one.account, None, day_before(period.first_day), back=back),
            lines_link=ledger_address(one.account, period.first_day, period.last_day, back=back),
            begin=begin_address(one.account.pk) if begins else "",
            key=str(uuid4()),
            link=link,
            next=next_step,
            note=note if keeps or one.state != State.MISSING else _("The accountant begins it."),
        )


def _next(one: AccountStanding, *, approves: bool, mine: bool) -> tuple[str, Any, Any]:
    """Where the next step is, what it is called, and why somebody else takes it."""
    if one.reconciliation is None:
        return "", "", ""
    link = reverse("admin:reconciliation_accountreconciliation_change", args=[one.reconciliation.pk])
    if one.state in (State.APPROVED, State.SUSPENDED):
        return link, _("Look"), ""
    if one.can_be_approved:
        if approves and not mine:
            return f"{link}#approve", _("Approve"), ""
        return link, _("Look"), _("Waits for another person.") if mine else _("Waits for its approval.")
    if one.moved:
        return link, _("Read again"), _("Something was posted since.")
    if one.expected is None:
        return f"{link}#expected", _("Say what it should be"), ""
    return f"{link}#items", _("Explain the difference"), ""


def begin_address(account: UUID, period: Period | None = None) -> str:
    address = reverse("admin:reconciliation_begin", args=[account])
    return f"{address}?period={period.pk}" if period else address


def _with(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


# As a file -----------------------------------------------------------------------------------------------------------

COLUMNS: tuple[tuple[Any, Kind, int], ...] = (
    (_("Account"), Kind.TEXT, 8),
    (_("Name"), Kind.TEXT, 30),
    (_("State"), Kind.TEXT, 12),
    (_("Opening balance"), Kind.AMOUNT, 14),
    (_("Debit"), Kind.AMOUNT, 14),
    (_("Credit"), Kind.AMOUNT, 14),
    (_("Closing balance"), Kind.AMOUNT, 14),
    (_("Expected balance"), Kind.AMOUNT, 14),
    (_("Difference"), Kind.AMOUNT, 14),
    (_("Explained"), Kind.AMOUNT, 14),
    (_("Prepared by"), Kind.TEXT, 18),
    (_("Approved by"), Kind.TEXT, 18),
)


def _table(administration: Administration, period: Period, rows: list[AccountStanding]) -> Table:
    facts = (
        (_now("Books"), str(administration)),
        (_now("Period"), f"{period} ({period.first_day.isoformat()} / {period.last_day.isoformat()})"),
    )
    return Table(
        name=f"account-reconciliations-{period}",
        title=_now("Account reconciliations"),
        facts=facts,
        columns=tuple(Column(str(title), kind, width) for title, kind, width in COLUMNS),
        rows=[Row(_cells(one)) for one in rows],
        count=len(rows),
        currency=administration.currency,
    )


def _cells(one: AccountStanding) -> tuple[str | Decimal | None, ...]:
    by = one.reconciliation
    return (
        one.account.code,
        one.account.name,
        str(WORDS[one.state][1]),
        *(one.opening, one.debit, one.credit, one.closing, one.expected, one.difference, one.explained),
        str(by.created_by or "") if by else "",
        str(by.approved_by or "") if by else "",
    )
