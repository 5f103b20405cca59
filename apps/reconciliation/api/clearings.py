"""What bank lines were matched with, over HTTP: match, write off, undo, and the history of a line."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Bill, Payment
from apps.core.api import AmountField, RefusalSerializer
from apps.core.models import Administration
from apps.core.money import quantize
from apps.core.owned_api import OwnedViewSet, amount_input, named_row, named_rows
from apps.core.permissions import Act
from apps.ledger.models import Account, JournalLine, OpenItem
from apps.reconciliation.models import Clearing, Match, ReconciliationModel, StatementLine
from apps.reconciliation.services import naming, rules
from apps.reconciliation.services.clearing import set_to_check, undo, undo_line
from apps.reconciliation.services.naming import Named

MOST = 500  # of what one line is matched with
ROWS: dict[str, Any] = {
    "journal_line_id": ("entry_line", JournalLine),
    "open_item_id": ("open_item", OpenItem),
    "payment_id": ("payment", Payment),
    "bill_id": ("bill", Bill),
}


class LineAmountField(AmountField):
    """An amount in the currency of the bank account that ``line`` of the context is on."""

    def get_attribute(self, instance: Any) -> Any:
        amount = serializers.DecimalField.get_attribute(self, instance)
        return None if amount is None else quantize(amount, self.context["line"].bank_account.currency)


class LineMatchSerializer(serializers.ModelSerializer[Match]):
    """What a part of the line is. ``amount`` is in the account's currency, ``book_amount`` in that of the books."""

    clearing_id = serializers.UUIDField()
    amount = LineAmountField()
    book_amount = AmountField()
    account_id = serializers.UUIDField(allow_null=True)
    journal_line_id = serializers.UUIDField(source="entry_line_id", allow_null=True)
    open_item_id = serializers.UUIDField(allow_null=True)
    payment_id = serializers.UUIDField(allow_null=True)
    full_reconcile_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Match
        fields = (
            "id",
            "clearing_id",
            "kind",
            "amount",
            "book_amount",
            "account_id",
            "journal_line_id",
            "open_item_id",
            "payment_id",
            "full_reconcile_id",
            "active",
        )


class MatchedLineSerializer(serializers.ModelSerializer[StatementLine]):
    """A bank line and what it is matched with now."""

    line_amount = LineAmountField(source="amount")
    currency = serializers.CharField(source="bank_account.currency")
    is_reconciled = serializers.SerializerMethodField()
    amount_residual = LineAmountField(source="residual")
    matches = serializers.SerializerMethodField()

    class Meta:
        model = StatementLine
        fields = ("id", "line_amount", "currency", "is_reconciled", "amount_residual", "to_check", "matches")

    def get_is_reconciled(self, line: StatementLine) -> bool:
        return not line.residual

    @extend_schema(responses=LineMatchSerializer(many=True))
    def get_matches(self, line: StatementLine) -> Any:
        active = Match.objects.filter(clearing__line=line, active=True).select_related("administration")
        return LineMatchSerializer(active.order_by("clearing", "position"), many=True, context=self.context).data


class ClearingSerializer(serializers.ModelSerializer[Clearing]):
    """One act on a line. By nobody: Daybook did it by itself, with its score and reasons."""

    model_id = serializers.UUIDField(allow_null=True)
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)
    reversal_id = serializers.UUIDField(allow_null=True)
    other_side_id = serializers.UUIDField(allow_null=True)
    matches = LineMatchSerializer(many=True)

    class Meta:
        model = Clearing
        fields = (
            "id",
            "by",
            "created_at",
            "model_id",
            "score",
            "reasons",
            "journal_entry_id",
            "other_side_id",
            "undone_by",
            "undone_at",
            "reversal_id",
            "matches",
        )


class MatchedWithSerializer(serializers.Serializer[Any]):
    """Exactly one of the four, and how much of it: all that both have, unless said."""

    journal_line_id = serializers.UUIDField(
        required=False, help_text="Of an open item, of money in transit, or on the bank's own account."
    )
    open_item_id = serializers.UUIDField(required=False)
    payment_id = serializers.UUIDField(required=False)
    bill_id = serializers.UUIDField(required=False, help_text="An unpaid bill: its payment is recorded as a transfer.")
    amount = amount_input(
        required=False, allow_null=True, default=None, help_text="In the account's currency; money in is positive."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(ROWS.keys() & attrs.keys()) != 1:
            raise serializers.ValidationError({"journal_line_id": [f"Exactly one of {', '.join(ROWS)}."]})
        return attrs


class LineMatchFormSerializer(serializers.Serializer[Any]):
    matches = serializers.ListField(child=MatchedWithSerializer(), allow_empty=False, max_length=MOST)
    mark_fully_paid = serializers.BooleanField(
        default=False, help_text="Open items are paid in full; the difference to the line is written off."
    )
    difference_account_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Where that goes: payment differences, unless given."
    )
    model_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="A model whose tolerance lets the line be less."
    )


class LineWriteOffSerializer(serializers.Serializer[Any]):
    model_id = serializers.UUIDField()


class UndoFormSerializer(serializers.Serializer[Any]):
    clearing_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="One act alone; otherwise all of the line."
    )


class ToCheckFormSerializer(serializers.Serializer[Any]):
    to_check = serializers.BooleanField()


REFUSED = {
    400: OpenApiResponse(
        RefusalSerializer,
        description=(
            "BANK_LINE_ALREADY_RECONCILED, MATCH_BEYOND_LINE, MATCH_EMPTY, MATCH_WRONG_WAY, MATCH_OF_TWO_PARTIES, "
            "ENTRY_NOT_CLEARABLE, ITEM_OF_BILLING, WRITE_OFF_ABOVE_LIMIT"
        ),
    ),
    409: OpenApiResponse(RefusalSerializer, description="MATCH_BEYOND_ENTRY, PERIOD_CLOSED, EXCHANGE_RATE_MISSING"),
}
NOT_UNDONE = {
    400: OpenApiResponse(RefusalSerializer, description="BANK_LINE_NOT_MATCHED"),
    409: OpenApiResponse(RefusalSerializer, description="PERIOD_CLOSED, TRANSFER_SIGNED"),
}


@extend_schema(tags=["bank reconciliation"])
class LineMatchingViewSet(OwnedViewSet):
    """What is done with one bank line."""

    queryset = StatementLine.objects.select_related("administration", "bank_account")
    serializer_class = MatchedLineSerializer
    acts = {"*": Act.MATCH_BANK, "clearings": Act.READ_LEDGER}

    @extend_schema(
        summary="Match a bank line",
        request=LineMatchFormSerializer,
        responses={200: MatchedLineSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"])
    def match(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        form = self.form(LineMatchFormSerializer)
        administration, account, model = line.administration, form["difference_account_id"], form["model_id"]
        naming.match(
            line,
            _named(form["matches"], administration),
            by=request.user,  # type: ignore[arg-type]
            in_full=form["mark_fully_paid"],
            difference_account=account and named_row(Account, account, administration, "difference_account_id"),
            model=model and named_row(ReconciliationModel, model, administration, "model_id"),
        )
        return self._answer(line)

    @extend_schema(
        summary="Book what is left of a bank line as a model says",
        request=LineWriteOffSerializer,
        responses={200: MatchedLineSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"], url_path="write-off")
    def write_off(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        form = self.form(LineWriteOffSerializer)
        model = named_row(ReconciliationModel, form["model_id"], line.administration, "model_id")
        rules.write_off(line, model, by=request.user)  # type: ignore[arg-type]
        return self._answer(line)

    @extend_schema(
        summary="Undo what a bank line was matched with",
        request=UndoFormSerializer,
        responses={200: MatchedLineSerializer, **NOT_UNDONE},
    )
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        clearing = self.form(UndoFormSerializer)["clearing_id"]
        if clearing is None:
            undo_line(line, by=request.user)  # type: ignore[arg-type]
        else:
            found = named_rows(Clearing, [clearing], line.administration, "clearing_id")[clearing]
            undo(_of_line(found, line), by=request.user)  # type: ignore[arg-type]
        return self._answer(line)

    @extend_schema(
        summary="Mark a bank line to be looked at again, or no more",
        request=ToCheckFormSerializer,
        responses=MatchedLineSerializer,
    )
    @action(detail=True, methods=["post"], url_path="to-check")
    def to_check(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        set_to_check(line, **self.form(ToCheckFormSerializer), by=request.user)  # type: ignore[arg-type]
        return self._answer(line)

    @extend_schema(summary="Everything a bank line was ever matched with", responses=ClearingSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def clearings(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        matches = Prefetch("matches", Match.objects.select_related("administration").order_by("position"))
        acts = Clearing.objects.filter(line=line).order_by("-created_at", "-id").prefetch_related(matches)
        return Response(ClearingSerializer(acts, many=True, context={"line": line}).data)

    def _answer(self, line: StatementLine) -> Response:
        line = self.queryset.get(pk=line.pk)
        return Response(MatchedLineSerializer(line, context={"line": line}).data)


def _of_line(clearing: Clearing | None, line: StatementLine) -> Clearing:
    if clearing is None or clearing.line_id != line.pk:
        raise serializers.ValidationError({"clearing_id": ["Of another bank line."]})
    return clearing


def _named(rows: list[dict[str, Any]], administration: Administration) -> list[Named]:
    """What the body points at, each kind in one query."""
    found: dict[str, dict[Any, Any]] = {
        key: named_rows(model, (row.get(key) for row in rows), administration, key)
        for key, (_field, model) in ROWS.items()
    }
    return [
        Named(row["amount"], **{field: found[key][row.get(key)] for key, (field, _model) in ROWS.items()})
        for row in rows
    ]
