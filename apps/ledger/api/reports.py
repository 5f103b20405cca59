"""The reports over HTTP (contract area ledger), as JSON or as a file."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from apps.core.api import AnswersFiles, ScopedViewSet, renderer
from apps.core.models import Administration
from apps.core.permissions import Act
from apps.core.tables import Table
from apps.core.tables.download import TYPES, download
from apps.ledger.api import shapes
from apps.ledger.models import Account, Journal, JournalLine
from apps.ledger.reports import tables
from apps.ledger.reports.account_ledger import account_ledger, whole_ledger
from apps.ledger.reports.ageing import Kind, ageing
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.journal import whole_journal
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.reports.vat_by_code import vat_by_code


def _documented(
    summary: str, query: type[serializers.Serializer[Any]], shape: type[serializers.Serializer[Any]], *path: Any
) -> Any:
    files = {(200, kind): OpenApiTypes.BINARY for kind in TYPES.values()}
    return extend_schema(
        summary=summary, parameters=[query, *path], responses={(200, "application/json"): shape, **files}
    )


@extend_schema(tags=["ledger"])
class ClientReportsViewSet(AnswersFiles, ScopedViewSet):
    """What the books of one administration say: ``client_id`` is its id."""

    queryset = Administration.objects.all()
    lookup_url_kwarg = "client_id"
    acts = {"*": Act.READ_LEDGER}
    pagination_class = None
    renderer_classes = (JSONRenderer, *(renderer(ending) for ending in TYPES))

    @_documented("Balance sheet", shapes.AsOfSerializer, shapes.BalanceSheetSerializer)
    @action(detail=True, url_path="reports/balance-sheet")
    def balance_sheet(self, request: Request, client_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.AsOfSerializer)
        report = balance_sheet(
            administration,
            asked.get("as_of_date") or _today(administration),
            known_at=asked.get("known_at"),
            compare_to=asked.get("compare_to"),
        )
        return self._answer(administration, report, shapes.BalanceSheetSerializer, tables.balance_sheet_table)

    @_documented("Profit and loss account", shapes.ComparedSpanSerializer, shapes.ProfitAndLossSerializer)
    @action(detail=True, url_path="reports/pnl")
    def pnl(self, request: Request, client_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.ComparedSpanSerializer)
        since, until = _span(administration, asked)
        compared = (asked["compare_start"], asked["compare_end"]) if "compare_start" in asked else None
        report = profit_and_loss(administration, since, until, known_at=asked.get("known_at"), compared=compared)
        return self._answer(administration, report, shapes.ProfitAndLossSerializer, tables.profit_and_loss_table)

    @_documented("Trial balance", shapes.TrialBalanceQuerySerializer, shapes.TrialBalanceSerializer)
    @action(detail=True, url_path="reports/trial-balance")
    def trial_balance(self, request: Request, client_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.TrialBalanceQuerySerializer)
        asked = shapes.in_order({"as_of_date": _today(administration), **asked}, "start_date", "as_of_date")
        report = trial_balance(
            administration,
            asked["as_of_date"],
            asked.get("start_date"),
            known_at=asked.get("known_at"),
            compare_to=asked.get("compare_to"),
        )
        return self._answer(administration, report, shapes.TrialBalanceSerializer, tables.trial_balance_table)

    @_documented("What is owed to us, by age", shapes.AsOfSerializer, shapes.AgeingSerializer)
    @action(detail=True, url_path="reports/ar")
    def ar(self, request: Request, client_id: str) -> HttpResponseBase:
        return self._ageing(client_id, Kind.RECEIVABLE)

    @_documented("What we owe, by age", shapes.AsOfSerializer, shapes.AgeingSerializer)
    @action(detail=True, url_path="reports/ap")
    def ap(self, request: Request, client_id: str) -> HttpResponseBase:
        return self._ageing(client_id, Kind.PAYABLE)

    @_documented(
        "The lines of one account",
        shapes.LinesQuerySerializer,
        shapes.AccountLedgerSerializer,
        OpenApiParameter("account_id", UUID, OpenApiParameter.PATH),
    )
    @action(detail=True, url_path=r"reports/account-ledger/(?P<account_id>[^/.]+)", url_name="account-ledger")
    def account_ledger(self, request: Request, client_id: str, account_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.LinesQuerySerializer)
        account = _row(Account.objects.select_related("administration"), administration, account_id)
        asked = shapes.in_order({"end_date": _today(administration), **asked}, "start_date", "end_date")
        since, until, known_at = asked.get("start_date"), asked["end_date"], asked.get("known_at")
        if self._ending() != "json":
            return self._file(
                administration, tables.account_ledger_table(whole_ledger(account, since, until, known_at=known_at))
            )
        try:
            page = account_ledger(
                account, since, until, limit=asked["limit"], after=asked.get("after"), known_at=known_at
            )
        except JournalLine.DoesNotExist:
            raise exceptions.ValidationError({"after": [_("This is no line of these.")]}) from None
        return self._json(shapes.AccountLedgerSerializer, page, administration)

    @_documented("VAT by code and by box", shapes.SpanSerializer, shapes.VatByCodeSerializer)
    @action(detail=True, url_path="reports/vat-by-code")
    def vat_by_code(self, request: Request, client_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.SpanSerializer)
        since, until = _span(administration, asked)
        report = vat_by_code(administration, since, until, known_at=asked.get("known_at"))
        return self._answer(administration, report, shapes.VatByCodeSerializer, tables.vat_table)

    @extend_schema(
        summary="Every posted line, as a file",
        parameters=[shapes.JournalQuerySerializer],
        responses={(200, kind): OpenApiTypes.BINARY for kind in TYPES.values()},
    )
    @action(detail=True, url_path="reports/journal", renderer_classes=renderer_classes[1:])
    def journal(self, request: Request, client_id: str) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.JournalQuerySerializer)
        since, until = _span(administration, asked)
        named = asked.get("journal_id")
        journal = _row(Journal.objects.all(), administration, named) if named else None
        report = whole_journal(administration, since, until, journal=journal, known_at=asked.get("known_at"))
        return self._file(administration, tables.journal_table(report))

    def _ageing(self, client_id: str, kind: Kind) -> HttpResponseBase:
        administration, asked = self._asked(client_id, shapes.AsOfSerializer)
        report = ageing(
            administration,
            kind,
            asked.get("as_of_date") or _today(administration),
            known_at=asked.get("known_at"),
            compare_to=asked.get("compare_to"),
        )
        return self._answer(administration, report, shapes.AgeingSerializer, tables.ageing_table)

    def _asked(self, client_id: str, query: type[serializers.Serializer[Any]]) -> tuple[Administration, dict[str, Any]]:
        """The administration, and the parameters once they can be taken."""
        administration = self.administration(client_id)
        form = query(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return administration, form.validated_data

    def _ending(self) -> str:
        ending: str = self.request.accepted_renderer.format
        return ending

    def _answer(
        self,
        administration: Administration,
        report: Any,
        shape: type[serializers.Serializer[Any]],
        table: Callable[[Any], Table],
    ) -> HttpResponseBase:
        if self._ending() == "json":
            return self._json(shape, report, administration)
        return self._file(administration, table(report))

    def _json(self, shape: type[serializers.Serializer[Any]], report: Any, administration: Administration) -> Response:
        return Response(shape(report, context={"currency": administration.currency}).data)

    def _file(self, administration: Administration, table: Table) -> HttpResponseBase:
        user: Any = self.request.user
        return download(table, self._ending(), administration=administration, by=user)


def _today(administration: Administration) -> date:
    """The date that the administration's clock shows."""
    return timezone.localdate(timezone=ZoneInfo(administration.time_zone))


def _span(administration: Administration, asked: dict[str, Any]) -> tuple[date, date]:
    """The days asked for: this fiscal year until today unless given."""
    until = asked.get("end_date") or _today(administration)
    since = asked.get("start_date") or fiscal_year(administration, until).first_day
    shapes.in_order({"start_date": since, "end_date": until}, "start_date", "end_date")
    return since, until


def _row(rows: Any, administration: Administration, pk: Any) -> Any:
    """A row of ``administration``. Raises Http404 for any other."""
    try:
        return rows.get(administration=administration, pk=pk)
    except (rows.model.DoesNotExist, ValidationError):
        raise Http404 from None


router = SimpleRouter()
router.register("clients", ClientReportsViewSet, basename="client")
