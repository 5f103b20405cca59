"""The reports on screen: every figure leads to its parts, these to their lines, and back along the same trail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from apps.core.errors import DomainError
from apps.core.forms import said
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.core.permissions import Act, may
from apps.core.tables import Table
from apps.core.tables.download import TYPES, download
from apps.ledger.admin.base import (
    DayInput,
    LedgerAdmin,
    account_or_404,
    books_meant,
    came_from,
    day_before,
    ledger_address,
    today,
    trial_balance_address,
)
from apps.ledger.models import Account, JournalLine, Period, VatCode
from apps.ledger.reports import tables
from apps.ledger.reports.account_ledger import account_ledger, whole_ledger
from apps.ledger.reports.ageing import Ageing, AgeingRow, Bucket, Kind, ageing
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.by_month import MonthResult, result_by_month
from apps.ledger.reports.figures import Figure, LinesOf
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.statements import Section, StatementRow
from apps.ledger.reports.trial_balance import TrialBalanceRow, trial_balance
from apps.ledger.reports.vat_by_code import Role, VatLines, vat_by_code, vat_periods

LINES_PER_PAGE = 200
MOST_DOCUMENTS = 60  # shown at once
MOST_MONTHS = 24  # of a chart that one can still read
Place = Account.Place


# What is asked for -------------------------------------------------------------------------------------------------


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


class ReportForm(forms.Form):
    """Which books, and what they said at which moment."""

    field_order: tuple[str, ...] = ()
    administration = forms.ChoiceField(label=_("Books"), required=False, widget=UnfoldAdminSelectWidget())
    back = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, readable: list[Administration], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["known_at"] = forms.DateTimeField(label=_("As known at"), required=False, widget=MomentInput())
        books: Any = self.fields["administration"]
        books.choices = [(one.pk, one) for one in readable]
        if len(readable) == 1:
            books.widget = forms.HiddenInput()
        self.order_fields(self.field_order)

    def in_order(self, first: str, last: str) -> None:
        since, until = self.cleaned_data.get(first), self.cleaned_data.get(last)
        if since and until and since > until:
            self.add_error(first, _("This is after the last day."))


def day_field(label: Any, *, required: bool = True) -> forms.DateField:
    return forms.DateField(label=label, required=required, widget=DayInput())


class AsOfForm(ReportForm):
    as_of = day_field(_("As of"))
    field_order: tuple[str, ...] = ("administration", "as_of", "known_at", "compare_to")
    compare_to = day_field(_("Beside"), required=False)


class TrialBalanceForm(AsOfForm):
    since = day_field(_("Movements from"), required=False)
    place = forms.MultipleChoiceField(choices=Place.choices, required=False, widget=forms.MultipleHiddenInput)
    field_order: tuple[str, ...] = ("administration", "since", "as_of", "known_at", "compare_to")

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "as_of")


class SpanForm(ReportForm):
    since = day_field(_("From"))
    until = day_field(_("Up to and including"))
    field_order: tuple[str, ...] = ("administration", "since", "until", "known_at")

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "until")


class ProfitAndLossForm(SpanForm):
    compare_since = day_field(_("Beside: from"), required=False)
    compare_until = day_field(_("Beside: up to"), required=False)
    field_order: tuple[str, ...] = ("administration", "since", "until", "known_at", "compare_since", "compare_until")

    def clean(self) -> None:
        super().clean()
        self.in_order("compare_since", "compare_until")
        asked = self.cleaned_data
        if bool(asked.get("compare_since")) != bool(asked.get("compare_until")):
            self.add_error("compare_until", _("Give both days, or neither."))

    @property
    def compared(self) -> tuple[date, date] | None:
        asked = self.cleaned_data
        return (asked["compare_since"], asked["compare_until"]) if asked["compare_since"] else None


class AccountLedgerForm(ReportForm):
    administration = None  # type: ignore[assignment]
    since = day_field(_("From"), required=False)
    until = day_field(_("Up to and including"))
    field_order: tuple[str, ...] = ("since", "until", "known_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.fields["known_at"] = forms.DateTimeField(label=_("As known at"), required=False, widget=MomentInput())
        self.order_fields(self.field_order)

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "until")


# Links -------------------------------------------------------------------------------------------------------------


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


# The pages ---------------------------------------------------------------------------------------------------------


class ReportPages(LedgerAdmin):
    """The reports, as pages of the admin of accounts."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages: dict[str, Callable[..., HttpResponseBase]] = {
            "trial-balance": self.trial_balance,
            "balance-sheet": self.balance_sheet,
            "profit-and-loss": self.profit_and_loss,
            "receivables": self.receivables,
            "payables": self.payables,
            "vat-by-code": self.vat_by_code,
        }
        ours = [path(f"{at}/", wrap(page), name=f"ledger_{at.replace('-', '_')}") for at, page in pages.items()]
        return [
            *ours,
            path("vat-lines/<uuid:object_id>/", wrap(self.vat_lines), name="ledger_vat_lines"),
            path("<uuid:account_id>/ledger/", wrap(self.account_ledger), name="ledger_account_ledger"),
            *super().get_urls(),
        ]

    def _report(
        self,
        request: HttpRequest,
        name: str,
        title: Any,
        form_class: type[ReportForm],
        defaults: Callable[[Administration], dict[str, Any]],
        read: Callable[[Administration, Any, Ways], tuple[Table, dict[str, Any]]],
    ) -> HttpResponseBase:
        """A page with its form; the same as a file when the address asks for ``format``."""
        administration, readable = books_meant(request)
        asked = {**defaults(administration), **_dict(request, form_class), "administration": administration.pk}
        with timezone.override(ZoneInfo(administration.time_zone)):
            form = form_class(asked, readable=readable)
            valid = form.is_valid()
        context: dict[str, Any] = {"form": form, "administration": administration, "currency": administration.currency}
        if valid:
            table, shown = read(administration, form, Ways(request, administration))
            answer = self._file(request, administration, table)
            if answer:
                return answer
            context |= {"files": _files(request), "known_at": form.cleaned_data["known_at"], **shown}
        context["trail"] = came_from(request)
        return self.page(request, name, title, **context)

    def _file(self, request: HttpRequest, administration: Administration, table: Table) -> HttpResponseBase | None:
        ending = request.GET.get("format", "")
        if ending not in TYPES:
            return None
        user: Any = request.user
        try:
            return download(table, ending, administration=administration, by=user)
        except DomainError as refusal:
            self.message_user(request, said(refusal, administration.currency), messages.ERROR)
            return HttpResponseRedirect(_without(request, "format"))

    # What stands ----------------------------------------------------------------------------------------------------

    def balance_sheet(self, request: HttpRequest) -> HttpResponseBase:
        """What there is and whose it is; each row leads to the lines of its account."""

        def read(administration: Administration, form: Any, ways: Ways) -> tuple[Table, dict[str, Any]]:
            asked = form.cleaned_data
            report = balance_sheet(
                administration, asked["as_of"], known_at=asked["known_at"], compare_to=asked["compare_to"]
            )
            assets = ("CURRENT_ASSETS", "FIXED_ASSETS")
            owed = ("CURRENT_LIABILITIES", "LONG_TERM_LIABILITIES")
            days = (report.as_of, report.compare_to)

            def rows() -> Iterator[dict[str, Any]]:
                yield from _section_rows(report.current_assets, ways, days)
                yield from _section_rows(report.fixed_assets, ways, days)
                yield _sum_row(_("Total assets"), report.total_assets, assets, ways, days, grand=True)
                yield from _section_rows(report.current_liabilities, ways, days)
                yield from _section_rows(report.long_term_liabilities, ways, days)
                yield _sum_row(_("Total liabilities"), report.total_liabilities, owed, ways, days)
                yield from _section_rows(report.equity, ways, days)
                yield _sum_row(
                    _("Total liabilities and equity"), report.total_liabilities_equity, (), ways, days, grand=True
                )

            sections = (
                (_("What there is"), (report.current_assets, report.fixed_assets)),
                (_("Whose it is"), (report.current_liabilities, report.long_term_liabilities, report.equity)),
            )
            shown = {
                "report": report,
                "rows": list(rows()),
                "is_empty": not any(section.rows for _words, group in sections for section in group),
                "composition": [
                    (words, _bars([(section.name, section.total.amount, "") for section in group]))
                    for words, group in sections
                ],
            }
            return tables.balance_sheet_table(report), shown

        def defaults(administration: Administration) -> dict[str, Any]:
            day = _day(request.GET.get("as_of")) or today(administration)
            year = fiscal_year(administration, day)
            return {"as_of": day.isoformat(), "compare_to": day_before(year.first_day).isoformat()}

        return self._report(request, "balance_sheet", _("Balance sheet"), AsOfForm, defaults, read)

    def trial_balance(self, request: HttpRequest) -> HttpResponseBase:
        """What stands on every account; each figure leads to its lines."""

        def read(administration: Administration, form: Any, ways: Ways) -> tuple[Table, dict[str, Any]]:
            asked = form.cleaned_data
            since, as_of = asked["since"], asked["as_of"]
            report = trial_balance(
                administration, as_of, since, known_at=asked["known_at"], compare_to=asked["compare_to"]
            )
            places = asked["place"]
            if places:
                report = replace(report, rows=tuple(row for row in report.rows if row.account.place in places))
            has_accounts = bool(report.rows) or Account.objects.filter(administration=administration).exists()
            rows = [(row, _ledger_links(row, ways, since, as_of, report.compare_to)) for row in report.rows]
            names = [str(Place(place).label) for place in places]
            shown = {"report": report, "rows": rows, "has_accounts": has_accounts, "places": names}
            return tables.trial_balance_table(report), shown | {"all_places": _without(request, "place")}

        def defaults(administration: Administration) -> dict[str, Any]:
            return {"as_of": today(administration).isoformat()}

        return self._report(request, "trial_balance", _("Trial balance"), TrialBalanceForm, defaults, read)

    # What happened --------------------------------------------------------------------------------------------------

    def profit_and_loss(self, request: HttpRequest) -> HttpResponseBase:
        """What was earned and spent, and how the result went from month to month."""

        def read(administration: Administration, form: Any, ways: Ways) -> tuple[Table, dict[str, Any]]:
            asked = form.cleaned_data
            span = (asked["since"], asked["until"])
            report = profit_and_loss(administration, *span, known_at=asked["known_at"], compared=form.compared)
            days = (report.until, report.compared[1] if report.compared else None)
            sinces = (report.since, report.compared[0] if report.compared else None)
            first, cost = ("REVENUE", "COST_OF_GOODS_SOLD"), "OPERATING_EXPENSES"

            def rows() -> Iterator[dict[str, Any]]:
                yield from _section_rows(report.revenue, ways, days, sinces)
                yield from _section_rows(report.cost_of_goods_sold, ways, days, sinces)
                yield _sum_row(_("Gross profit"), report.gross_profit, first, ways, days, sinces, grand=True)
                yield from _section_rows(report.operating_expenses, ways, days, sinces)
                yield _sum_row(
                    _("Operating income"), report.operating_income, (*first, cost), ways, days, sinces, grand=True
                )
                yield from _section_rows(report.other_income, ways, days, sinces)
                yield from _section_rows(report.other_expenses, ways, days, sinces)
                every = (*first, cost, "OTHER_INCOME", "OTHER_EXPENSES")
                yield _sum_row(_("Net income"), report.net_income, every, ways, days, sinces, grand=True)

            listed = list(rows())
            shown: dict[str, Any] = {
                "report": report,
                "rows": listed,
                "is_empty": not any(row["kind"] == "account" for row in listed),
            }
            if (report.until.year - report.since.year) * 12 + report.until.month - report.since.month < MOST_MONTHS:
                months = result_by_month(administration, *span, known_at=asked["known_at"])
                shown["months"] = _columns(months, ways) if len(months) > 1 else None
            return tables.profit_and_loss_table(report), shown

        def defaults(administration: Administration) -> dict[str, Any]:
            until = _day(request.GET.get("until")) or today(administration)
            since = _day(request.GET.get("since")) or fiscal_year(administration, until).first_day
            before = {"compare_since": _year_before(since), "compare_until": _year_before(until)}
            asks = "compare_since" in request.GET or "compare_until" in request.GET
            return {"since": since.isoformat(), "until": until.isoformat(), **({} if asks else before)}

        return self._report(request, "profit_and_loss", _("Profit and loss account"), ProfitAndLossForm, defaults, read)

    # Who owes -------------------------------------------------------------------------------------------------------

    def receivables(self, request: HttpRequest) -> HttpResponseBase:
        """Who owes us, and for how long it has been due."""
        return self._ageing(request, Kind.RECEIVABLE, _("Receivables by age"))

    def payables(self, request: HttpRequest) -> HttpResponseBase:
        """Whom we owe, and for how long it has been due."""
        return self._ageing(request, Kind.PAYABLE, _("Payables by age"))

    def _ageing(self, request: HttpRequest, kind: Kind, title: Any) -> HttpResponseBase:
        def read(administration: Administration, form: Any, ways: Ways) -> tuple[Table, dict[str, Any]]:
            asked = form.cleaned_data
            report = ageing(
                administration, kind, asked["as_of"], known_at=asked["known_at"], compare_to=asked["compare_to"]
            )
            bars = _bars([(bucket.label, amount, "") for bucket, amount in report.buckets.items()])
            opened = request.GET.get("party", "")
            parties = list(_ageing_rows(report, ways, opened, everybody=len(report.rows) <= MOST_DOCUMENTS))
            shown = {"report": report, "parties": parties, "bars": bars}
            return tables.ageing_table(report), shown | {"buckets": Bucket, "receivable": kind == Kind.RECEIVABLE}

        def defaults(administration: Administration) -> dict[str, Any]:
            return {"as_of": today(administration).isoformat()}

        return self._report(request, "ageing", title, AsOfForm, defaults, read)

    # VAT ------------------------------------------------------------------------------------------------------------

    def vat_by_code(self, request: HttpRequest) -> HttpResponseBase:
        """Turnover and tax per code, and the boxes of the return that they fill."""

        def read(administration: Administration, form: Any, ways: Ways) -> tuple[Table, dict[str, Any]]:
            asked = form.cleaned_data
            report = vat_by_code(administration, asked["since"], asked["until"], known_at=asked["known_at"])

            def lines(code: VatCode, role: str) -> str:
                asks = {"since": report.since, "until": report.until, "role": role}
                query = urlencode({**asks, **({"known_at": ways.known} if ways.known else {}), "back": ways.here})
                return f"{reverse('admin:ledger_vat_lines', args=[code.pk])}?{query}"

            rows = [(row, {role: lines(row.vat_code, role) for role in Role.values}) for row in report.rows]
            return tables.vat_table(report), {"report": report, "rows": rows}

        def defaults(administration: Administration) -> dict[str, Any]:
            since, until = _quarter(administration, today(administration))
            return {"since": since.isoformat(), "until": until.isoformat()}

        return self._report(request, "vat_by_code", _("VAT by code"), SpanForm, defaults, read)

    def vat_lines(self, request: HttpRequest, object_id: UUID) -> HttpResponseBase:
        """The lines behind a figure of the VAT report; each leads to its entry."""
        user: Any = request.user
        code = VatCode.objects.visible_to(user).select_related("administration").filter(pk=object_id).first()
        if code is None:
            raise Http404
        if not may(user, Act.READ_LEDGER, code.administration_id):
            raise PermissionDenied
        administration = code.administration
        since, until = _quarter(administration, today(administration))
        asked = {"since": since.isoformat(), "until": until.isoformat(), **request.GET.dict()}
        with timezone.override(ZoneInfo(administration.time_zone)):
            form = SpanForm({**asked, "administration": administration.pk}, readable=[administration])
            valid = form.is_valid()
        context: dict[str, Any] = {"form": form, "administration": administration, "currency": administration.currency}
        role = request.GET.get("role", "") if request.GET.get("role") in Role.values else ""
        if valid:
            span = (form.cleaned_data["since"], form.cleaned_data["until"])
            periods = tuple(vat_periods(administration, *span))
            found = VatLines(administration, periods, form.cleaned_data["known_at"], code, role).posted()
            found = found.select_related("entry__journal", "account", "party", "vat_period")
            pages = Paginator(found.order_by("date", "entry_id", "position"), LINES_PER_PAGE)
            ways = Ways(request, administration)
            page = pages.get_page(request.GET.get("page"))
            context |= {
                "role": Role(role).label if role else "",
                "lines": [(line, ways.entry(line.entry_id)) for line in page],
                "paged": page,
                "sum": sum(found.values_list("vat_amount", flat=True), ZERO),
                "next": _with(request, page=page.next_page_number()) if page.has_next() else "",
            }
        return self.page(request, "vat_lines", str(code), trail=came_from(request), **context)

    # One account ----------------------------------------------------------------------------------------------------

    def account_ledger(self, request: HttpRequest, account_id: UUID) -> HttpResponseBase:
        """The lines of one account with a running balance; each leads to its entry."""
        account = account_or_404(request, account_id)
        administration = account.administration
        asked = {"until": today(administration).isoformat(), **request.GET.dict()}
        with timezone.override(ZoneInfo(administration.time_zone)):
            form = AccountLedgerForm(asked)
            valid = form.is_valid()
        context: dict[str, Any] = {
            "form": form,
            "account": account,
            "administration": administration,
            "currency": administration.currency,
            "reversed": _("Reversed"),
            "opts": self.opts,
            "original": account,
        }
        if valid:
            since, until, known_at = (form.cleaned_data[name] for name in ("since", "until", "known_at"))
            if request.GET.get("format") in TYPES:
                table = tables.account_ledger_table(whole_ledger(account, since, until, known_at=known_at))
                return self._file(request, administration, table)  # type: ignore[return-value]
            after = _uuid(request.GET.get("after"))
            try:
                report = account_ledger(account, since, until, limit=LINES_PER_PAGE, after=after, known_at=known_at)
            except JournalLine.DoesNotExist:
                raise Http404 from None
            ways = Ways(request, administration)
            context |= {
                "report": report,
                "rows": [(row, ways.entry(row.line.entry_id)) for row in report.rows],
                "files": _files(request),
                "start": _without(request, "after") if after else "",
                "next": _with(request, after=report.next) if report.next else "",
                "trail": came_from(request)
                or [(trial_balance_address(administration, since, until), str(_("Trial balance")))],
            }
        return self.page(request, "account_ledger", str(account), **context)


# Rows --------------------------------------------------------------------------------------------------------------

Days = tuple[date, date | None]
Sinces = tuple[date | None, date | None]
ALWAYS: Sinces = (None, None)


def _section_rows(section: Section, ways: Ways, days: Days, sinces: Sinces = ALWAYS) -> Iterator[dict[str, Any]]:
    """A heading, its accounts and its total; nothing for a section without accounts."""
    if not section.rows:
        return
    yield {"kind": "heading", "name": section.name}
    for row in section.rows:
        yield _account_row(row, ways)
    words = _("Total %(section)s") % {"section": section.name[:1].lower() + section.name[1:]}
    yield _sum_row(words, section.total, (section.place,), ways, days, sinces)


def _account_row(row: StatementRow, ways: Ways) -> dict[str, Any]:
    figure = row.balance
    return {
        "kind": "account",
        "code": row.account.code if row.account and not row.computed else "",
        "name": row.name,
        "figure": figure,
        "link": ways.lines(figure.lines),
        "earlier_link": ways.lines(figure.earlier_lines),
    }


def _sum_row(
    name: Any,
    figure: Figure,
    places: tuple[str, ...],
    ways: Ways,
    days: Days,
    sinces: Sinces = ALWAYS,
    *,
    grand: bool = False,
) -> dict[str, Any]:
    """A total. Equity counts the result as well, which stands on no account: its parts are the rows above it."""
    linked = places and "EQUITY" not in places
    return {
        "kind": "grand" if grand else "total",
        "name": name,
        "figure": figure,
        "link": ways.places(places, sinces[0], days[0]) if linked else "",
        "earlier_link": ways.places(places, sinces[1], days[1]) if linked and days[1] else "",
    }


def _ledger_links(
    row: TrialBalanceRow, ways: Ways, since: date | None, as_of: date, compare_to: date | None
) -> dict[str, str]:
    return {
        "opening": ways.ledger(row.account, None, day_before(since)) if since else "",
        "moved": ways.ledger(row.account, since, as_of),
        "all": ways.ledger(row.account, None, as_of),
        "earlier": ways.ledger(row.account, None, compare_to) if compare_to else "",
    }


def _ageing_rows(report: Ageing, ways: Ways, opened: str, *, everybody: bool) -> Iterator[dict[str, Any]]:
    """Each party with its documents; where there are many, those of the party that is ``opened``."""
    for party in report.parties:
        shows = everybody or str(party.party.pk) == opened
        yield {
            "party": party,
            "documents": [(row, ways.item(row.item.pk), _cells(row)) for row in party.rows] if shows else [],
            "buckets": list(party.buckets.values()),
            "open_link": "" if shows else ways.with_party(party.party.pk),
        }


def _cells(row: AgeingRow) -> list[Decimal | None]:
    return [row.open if row.bucket == bucket else None for bucket in Bucket]


# Charts ------------------------------------------------------------------------------------------------------------


def _bars(parts: list[tuple[Any, Decimal, str]]) -> list[dict[str, Any]]:
    """Each part with the width of its bar, and its share of all when none is negative."""
    largest = max((abs(amount) for _name, amount, _link in parts), default=ZERO)
    whole = sum((amount for _name, amount, _link in parts), ZERO)
    shares = whole > 0 and all(amount >= 0 for _name, amount, _link in parts)
    return [
        {
            "name": name,
            "amount": amount,
            "link": link,
            "width": _hundredths(abs(amount), largest),
            "negative": amount < 0,
            "share": f"{100 * amount / whole:.0f} %" if shares else "",
        }
        for name, amount, link in parts
        if amount
    ]


CHART = (640, 160)  # units of the picture; the page scales it


def _columns(months: tuple[MonthResult, ...], ways: Ways) -> dict[str, Any] | None:
    """A column a month, up from the line of zero or down from it."""
    top = max((month.amount for month in months), default=ZERO)
    bottom = min((month.amount for month in months), default=ZERO)
    top, bottom = max(top, ZERO), min(bottom, ZERO)
    if top == bottom:
        return None
    width, height = CHART
    step = Decimal(width) / len(months)
    scale = Decimal(height) / (top - bottom)
    columns = [
        {
            "month": month,
            "x": _plain(at * step + step / 8),
            "width": _plain(step * 3 / 4),
            "y": _plain((top - max(month.amount, ZERO)) * scale),
            "height": _plain(abs(month.amount) * scale),
            "middle": _plain(at * step + step / 2),
            "negative": month.amount < 0,
            "link": ways.to("profit_and_loss", since=month.first_day, until=month.last_day),
        }
        for at, month in enumerate(months)
    ]
    return {"columns": columns, "zero": _plain(top * scale), "every": len(months) // 13 + 1}


def _hundredths(part: Decimal, whole: Decimal) -> str:
    return _plain(100 * part / whole) if whole else "0"


def _plain(value: Decimal) -> str:
    """A number as SVG reads it, in any language."""
    return f"{value:.2f}"


# Addresses and days ------------------------------------------------------------------------------------------------


def _dict(request: HttpRequest, form_class: type[ReportForm]) -> dict[str, Any]:
    """What the address asks; a name that may come several times as a list."""
    many = {"place"} & set(form_class.base_fields)
    return {name: request.GET.getlist(name) if name in many else request.GET[name] for name in request.GET}


def _files(request: HttpRequest) -> list[tuple[str, str]]:
    """Exactly what is seen, as a file."""
    return [(ending.upper(), _with(request, format=ending)) for ending in ("pdf", "xlsx", "csv")]


def _with(request: HttpRequest, **more: Any) -> str:
    query = request.GET.copy()
    for name, value in more.items():
        query[name] = str(value)
    return f"{request.path}?{query.urlencode()}"


def _without(request: HttpRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return f"{request.path}?{query.urlencode()}"


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _year_before(day: date) -> str:
    try:
        return day.replace(year=day.year - 1).isoformat()
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28).isoformat()


def _quarter(administration: Administration, day: date) -> tuple[date, date]:
    """The quarter of the books that holds ``day``, otherwise that of the calendar."""
    quarters = Period.objects.filter(administration=administration, type=Period.Type.QUARTER)
    period = quarters.filter(first_day__lte=day, last_day__gte=day).first()
    if period:
        return period.first_day, period.last_day
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return first, (first + timedelta(days=95)).replace(day=1) - timedelta(days=1)


def _uuid(text: str | None) -> UUID | None:
    """Raises Http404 for what is not one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None
