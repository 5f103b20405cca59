"""Balance sheet, profit and loss account, trial balance, ageing, VAT and account ledger, as pages and files."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.forms import said
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.core.permissions import Act, may
from apps.core.tables import Table
from apps.core.tables.download import TYPES, download
from apps.ledger.admin.base import (
    LedgerAdmin,
    account_or_404,
    books_meant,
    came_from,
    day_before,
    of_another_app,
    today,
    trial_balance_address,
)
from apps.ledger.admin.reports.addresses import (
    Ways,
    asked_of,
    day_of,
    files_of,
    quarter_of,
    uuid_of,
    with_,
    without,
    year_before,
)
from apps.ledger.admin.reports.asking import (
    AccountLedgerForm,
    AsOfForm,
    ProfitAndLossForm,
    ReportForm,
    SpanForm,
    TrialBalanceForm,
)
from apps.ledger.admin.reports.charts import bars_of, columns_of
from apps.ledger.admin.reports.rows import ageing_rows, ledger_links, section_rows, sum_row
from apps.ledger.models import Account, JournalLine, VatCode
from apps.ledger.reports import tables
from apps.ledger.reports.account_ledger import account_ledger, whole_ledger
from apps.ledger.reports.ageing import Bucket, Kind, ageing
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.by_month import result_by_month
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.reports.vat_by_code import Role, VatLines, vat_by_code, vat_periods

LINES_PER_PAGE = 200
MOST_DOCUMENTS = 60  # shown at once
MOST_MONTHS = 24  # of a chart that one can still read
Place = Account.Place
IN_RESULT = (Account.Type.REVENUE, Account.Type.EXPENSE)


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
        asked = {**defaults(administration), **asked_of(request, form_class), "administration": administration.pk}
        with timezone.override(ZoneInfo(administration.time_zone)):
            form = form_class(asked, readable=readable)
            valid = form.is_valid()
        context: dict[str, Any] = {"form": form, "administration": administration, "currency": administration.currency}
        if valid:
            table, shown = read(administration, form, Ways(request, administration))
            answer = self._file(request, administration, table)
            if answer:
                return answer
            context |= {"files": files_of(request), "known_at": form.cleaned_data["known_at"], **shown}
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
            return HttpResponseRedirect(without(request, "format"))

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
                yield from section_rows(report.current_assets, ways, days)
                yield from section_rows(report.fixed_assets, ways, days)
                yield sum_row(_("Total assets"), report.total_assets, assets, ways, days, grand=True)
                yield from section_rows(report.current_liabilities, ways, days)
                yield from section_rows(report.long_term_liabilities, ways, days)
                yield sum_row(_("Total liabilities"), report.total_liabilities, owed, ways, days)
                yield from section_rows(report.equity, ways, days)
                yield sum_row(
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
                    (words, bars_of([(section.name, section.total.amount, "") for section in group]))
                    for words, group in sections
                ],
            }
            return tables.balance_sheet_table(report), shown

        def defaults(administration: Administration) -> dict[str, Any]:
            day = day_of(request.GET.get("as_of")) or today(administration)
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
            rows = [(row, ledger_links(row, ways, since, as_of, report.compare_to)) for row in report.rows]
            names = [str(Place(place).label) for place in places]
            shown = {"report": report, "rows": rows, "has_accounts": has_accounts, "places": names}
            return tables.trial_balance_table(report), shown | {"all_places": without(request, "place")}

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
                yield from section_rows(report.revenue, ways, days, sinces)
                yield from section_rows(report.cost_of_goods_sold, ways, days, sinces)
                yield sum_row(_("Gross profit"), report.gross_profit, first, ways, days, sinces, grand=True)
                yield from section_rows(report.operating_expenses, ways, days, sinces)
                yield sum_row(
                    _("Operating income"), report.operating_income, (*first, cost), ways, days, sinces, grand=True
                )
                yield from section_rows(report.other_income, ways, days, sinces)
                yield from section_rows(report.other_expenses, ways, days, sinces)
                every = (*first, cost, "OTHER_INCOME", "OTHER_EXPENSES")
                yield sum_row(_("Net income"), report.net_income, every, ways, days, sinces, grand=True)

            listed = list(rows())
            shown: dict[str, Any] = {
                "report": report,
                "rows": listed,
                "is_empty": not any(row["kind"] == "account" for row in listed),
            }
            if (report.until.year - report.since.year) * 12 + report.until.month - report.since.month < MOST_MONTHS:
                months = result_by_month(administration, *span, known_at=asked["known_at"])
                shown["months"] = columns_of(months, ways) if len(months) > 1 else None
            return tables.profit_and_loss_table(report), shown

        def defaults(administration: Administration) -> dict[str, Any]:
            until = day_of(request.GET.get("until")) or today(administration)
            since = day_of(request.GET.get("since")) or fiscal_year(administration, until).first_day
            before = {"compare_since": year_before(since), "compare_until": year_before(until)}
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
            bars = bars_of([(bucket.label, amount, "") for bucket, amount in report.buckets.items()])
            opened = request.GET.get("party", "")
            parties = list(ageing_rows(report, ways, opened, everybody=len(report.rows) <= MOST_DOCUMENTS))
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
            since, until = quarter_of(administration, today(administration))
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
        since, until = quarter_of(administration, today(administration))
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
                "next": with_(request, page=page.next_page_number()) if page.has_next() else "",
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
            "proof": "" if account.type in IN_RESULT else of_another_app("reconciliation_of_account", account.pk),
        }
        if valid:
            since, until, known_at = (form.cleaned_data[name] for name in ("since", "until", "known_at"))
            if request.GET.get("format") in TYPES:
                table = tables.account_ledger_table(whole_ledger(account, since, until, known_at=known_at))
                return self._file(request, administration, table)  # type: ignore[return-value]
            after = uuid_of(request.GET.get("after"))
            try:
                report = account_ledger(account, since, until, limit=LINES_PER_PAGE, after=after, known_at=known_at)
            except JournalLine.DoesNotExist:
                raise Http404 from None
            ways = Ways(request, administration)
            context |= {
                "report": report,
                "rows": [(row, ways.entry(row.line.entry_id)) for row in report.rows],
                "files": files_of(request),
                "start": without(request, "after") if after else "",
                "next": with_(request, after=report.next) if report.next else "",
                "trail": came_from(request)
                or [(trial_balance_address(administration, since, until), str(_("Trial balance")))],
            }
        return self.page(request, "account_ledger", str(account), **context)
