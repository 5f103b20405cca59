"""Where the figures of a report lead, and what its address says."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.urls import reverse

from apps.core.models import Administration
from apps.ledger.admin.base import ledger_address
from apps.ledger.models import Account, Period
from apps.ledger.reports.figures import LinesOf


class Ways:
    """Where the figures of one page lead: each address carries the way back to that page, with its dates."""

    def __init__(self, request: HttpRequest, administration: Administration) -> None:
        self.here = request.get_full_path()
        self.books = {"administration": administration.pk}
        self.administration = administration
        self.known = request.GET.get("known_at", "")

    def to(self, name: str, **asked: Any) -> str:
        query = {**self.books, **asked, "known_at": self.known, "back": self.here}
        told = {name: value for name, value in query.items() if value}
        return f"{reverse(f'admin:ledger_{name}')}?{urlencode(told, doseq=True)}"

    def ledger(self, account: Account, since: date | None, until: date) -> str:
        return ledger_address(account, since, until, known_at=self.known, back=self.here)

    def entry(self, pk: UUID) -> str:
        return f"{reverse('admin:ledger_journalentry_change', args=[pk])}?{urlencode({'back': self.here})}"

    def item(self, pk: UUID) -> str:
        return f"{reverse('admin:ledger_openitem_change', args=[pk])}?{urlencode({'back': self.here})}"

    def lines(self, parts: tuple[LinesOf, ...]) -> str:
        """The lines behind a row: those of its account; what is computed from several is the result of a span."""
        if not parts:
            return ""
        part = parts[-1]
        if len(part.accounts) == 1:
            return self.ledger(part.accounts[0], part.since, part.until)
        return self.to("profit_and_loss", since=part.since or self.first_day, until=part.until, compare_since="")

    def places(self, places: tuple[str, ...], since: date | None, as_of: date) -> str:
        """The accounts behind a total."""
        return self.to("trial_balance", since=since, as_of=as_of, place=places)

    def with_party(self, pk: UUID) -> str:
        """This page, with the documents of one party."""
        where, _mark, asked = self.here.partition("?")
        query = {**dict(parse_qsl(asked)), "party": pk}
        return f"{where}?{urlencode(query)}#p-{pk}"

    @property
    def first_day(self) -> date | None:
        """Of the books: nothing was posted before their first period."""
        return Period.objects.filter(administration=self.administration).values_list("first_day", flat=True).last()


def asked_of(request: HttpRequest, form_class: type[forms.Form]) -> dict[str, Any]:
    """What the address asks; a name that may come several times as a list."""
    many = {"place"} & set(form_class.base_fields)
    return {name: request.GET.getlist(name) if name in many else request.GET[name] for name in request.GET}


def files_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Exactly what is seen, as a file."""
    return [(ending.upper(), with_(request, format=ending)) for ending in ("pdf", "xlsx", "csv")]


def with_(request: HttpRequest, **more: Any) -> str:
    query = request.GET.copy()
    for name, value in more.items():
        query[name] = str(value)
    return f"{request.path}?{query.urlencode()}"


def without(request: HttpRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return f"{request.path}?{query.urlencode()}"


def day_of(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def year_before(day: date) -> str:
    try:
        return day.replace(year=day.year - 1).isoformat()
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28).isoformat()


def quarter_of(administration: Administration, day: date) -> tuple[date, date]:
    """The quarter of the books that holds ``day``, otherwise that of the calendar."""
    quarters = Period.objects.filter(administration=administration, type=Period.Type.QUARTER)
    period = quarters.filter(first_day__lte=day, last_day__gte=day).first()
    if period:
        return period.first_day, period.last_day
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return first, (first + timedelta(days=95)).replace(day=1) - timedelta(days=1)


def uuid_of(text: str | None) -> UUID | None:
    """Raises Http404 for what is not one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None
