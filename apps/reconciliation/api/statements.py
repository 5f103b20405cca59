"""Bank statements and their lines over HTTP: listed, confirmed, typed from paper."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input
from apps.core.permissions import Act
from apps.reconciliation.api.bank_accounts import AccountNamed, account_named
from apps.reconciliation.api.shapes import LineSerializer, StatementSerializer
from apps.reconciliation.errors import DatesReversed
from apps.reconciliation.models import Statement, StatementLine
from apps.reconciliation.reports.running import running_balances
from apps.reconciliation.services import statements
from apps.reconciliation.services.statements import TypedLine

MOST_TYPED = 500  # lines in one body


class DatedFilter(OwnedFilter):
    """From one day to another, both included. Days the wrong way round are refused, as no list would be meant."""

    start_date = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="date", lookup_expr="lte")

    def filter_queryset(self, queryset: Any) -> Any:
        start, end = self.form.cleaned_data.get("start_date"), self.form.cleaned_data.get("end_date")
        if start and end and end < start:
            raise DatesReversed(start=start, end=end)
        return super().filter_queryset(queryset)


class StatementFilter(DatedFilter):
    journal_id = django_filters.UUIDFilter(field_name="bank_account__journal")
    bank_account_id = django_filters.UUIDFilter(field_name="bank_account")
    is_valid = django_filters.BooleanFilter()
    is_complete = django_filters.BooleanFilter()

    class Meta:
        model = Statement
        fields = ("is_valid",)


class StatementPages(CursorPages):
    ordering = ("-date", "-id")


class ConfirmSerializer(serializers.Serializer[Any]):
    because = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=300,
        help_text="Needed for a statement that does not bridge or add up.",
    )


class TypedLineSerializer(serializers.Serializer[Any]):
    line_date = serializers.DateField(source="date")
    line_amount = amount_input(source="amount", help_text="Money in is positive.")
    payment_ref = serializers.CharField(source="label", required=False, allow_blank=True, default="", max_length=2000)
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    counterparty_name = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    counterparty_iban = serializers.CharField(required=False, allow_blank=True, default="", max_length=34)
    foreign_currency = serializers.CharField(required=False, allow_blank=True, default="", max_length=3)
    foreign_amount = amount_input(required=False, allow_null=True, default=None)


class TypedStatementSerializer(OwnerSerializer, AccountNamed):
    statement_name = serializers.CharField(max_length=100)
    statement_date = serializers.DateField()
    balance_start = amount_input()
    balance_end_real = amount_input(required=False, allow_null=True, default=None, help_text="What the bank says.")
    lines = serializers.ListField(child=TypedLineSerializer(), required=False, default=list, max_length=MOST_TYPED)


UNCONFIRMED = {400: OpenApiResponse(RefusalSerializer, description="BANK_STATEMENT_INVALID, BANK_STATEMENT_INCOMPLETE")}
TYPED = {
    400: OpenApiResponse(RefusalSerializer, description="BANK_CURRENCY_MISMATCH"),
    409: OpenApiResponse(RefusalSerializer, description="STATEMENT_NOT_TYPED, STATEMENT_KEPT"),
}


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(
    list=extend_schema(summary="Bank statements, newest first"), retrieve=extend_schema(summary="One bank statement")
)
class StatementViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = Statement.objects.select_related("bank_account")
    serializer_class = StatementSerializer
    filterset_class = StatementFilter
    ordering_fields = ("date",)
    pagination_class = StatementPages
    acts = {
        "*": Act.READ_LEDGER,
        "create": Act.MATCH_BANK,
        "destroy": Act.MATCH_BANK,
        "confirm": Act.MATCH_BANK,
        "add_line": Act.MATCH_BANK,
    }

    @extend_schema(
        summary="Enter a statement from paper",
        request=TypedStatementSerializer,
        responses={201: StatementSerializer, **TYPED},
    )
    def create(self, request: Request) -> Response:
        form = self.form(TypedStatementSerializer)
        statement = statements.type_statement(
            account_named(form),
            name=form["statement_name"],
            date=form["statement_date"],
            balance_start=form["balance_start"],
            balance_end_real=form["balance_end_real"],
            lines=[TypedLine(**line) for line in form["lines"]],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(statement, status.HTTP_201_CREATED)

    @extend_schema(summary="Take out a statement that was entered from paper", responses={204: None, **TYPED})
    def destroy(self, request: Request, pk: str) -> Response:
        statements.remove_statement(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Say that a statement is right",
        request=ConfirmSerializer,
        responses={200: StatementSerializer, **UNCONFIRMED},
    )
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        statement = self.get_object()
        form = self.form(ConfirmSerializer)
        return self._answer(statements.confirm_statement(statement, **form, by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Add a line to a statement that was entered from paper",
        request=TypedLineSerializer,
        responses={201: LineSerializer, **TYPED},
    )
    @action(detail=True, methods=["post"], url_path="lines")
    def add_line(self, request: Request, pk: str) -> Response:
        statement = self.get_object()
        form = self.form(TypedLineSerializer)
        line = statements.add_line(statement, TypedLine(**form), by=request.user)  # type: ignore[arg-type]
        line = with_running([LineViewSet.queryset.get(pk=line.pk)])[0]
        return Response(LineSerializer(line).data, status=status.HTTP_201_CREATED)

    def _answer(self, statement: Statement, status_code: int = status.HTTP_200_OK) -> Response:
        found = Statement.objects.select_related("bank_account").get(pk=statement.pk)
        return Response(StatementSerializer(found).data, status=status_code)


# Lines ---------------------------------------------------------------------------------------------------------------


def with_running(lines: Any) -> list[StatementLine]:
    """The lines, each with the balance after it; one query for all of them."""
    found = list(lines)
    balances = running_balances(found)
    for line in found:
        line.running = balances[line.pk]
    return found


@extend_schema_field({"type": "string", "format": "decimal"})
class AmountFilter(django_filters.NumberFilter):
    """An amount as a string."""


class LineFilter(DatedFilter):
    statement_id = django_filters.UUIDFilter(field_name="statement")
    journal_id = django_filters.UUIDFilter(field_name="bank_account__journal")
    bank_account_id = django_filters.UUIDFilter(field_name="bank_account")
    is_reconciled = django_filters.BooleanFilter(method="that_are_reconciled", label="Nothing of it is open, or some.")
    to_check = django_filters.BooleanFilter()
    amount_min = AmountFilter(field_name="amount", lookup_expr="gte")
    amount_max = AmountFilter(field_name="amount", lookup_expr="lte")

    class Meta:
        model = StatementLine
        fields = ("to_check",)

    def that_are_reconciled(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(residual=0) if value else queryset.exclude(residual=0)


class LinePages(CursorPages):
    ordering = ("-date", "-statement_id", "-sequence")


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(retrieve=extend_schema(summary="One bank line"))
class LineViewSet(mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = StatementLine.objects.select_related("bank_account")
    serializer_class = LineSerializer
    filterset_class = LineFilter
    ordering_fields = ("date", "amount", "residual")
    pagination_class = LinePages
    acts = {"*": Act.READ_LEDGER, "destroy": Act.MATCH_BANK}

    def get_object(self) -> Any:
        return with_running([super().get_object()])[0]

    @extend_schema(summary="Bank lines, newest first")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(LineSerializer(with_running(page), many=True).data)

    @extend_schema(summary="Take a line out of a statement that was entered from paper", responses={204: None, **TYPED})
    def destroy(self, request: Request, pk: str) -> Response:
        statements.remove_line(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)
