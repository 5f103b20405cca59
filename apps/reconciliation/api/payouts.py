"""Bank lines that are payouts, or one side of a transfer, over HTTP: what they may be, and saying that they are."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import RefusalSerializer
from apps.core.money import text
from apps.core.owned_api import OwnedViewSet, named_row
from apps.core.permissions import Act
from apps.ledger.models import Account
from apps.reconciliation.api.candidates import ReasonSerializer
from apps.reconciliation.api.clearings import MatchedLineSerializer
from apps.reconciliation.models import Match, StatementLine
from apps.reconciliation.reports.candidates import Reason
from apps.reconciliation.reports.candidates.telling import in_words
from apps.reconciliation.reports.payouts import Share, Unpacked, payouts_for
from apps.reconciliation.reports.transfers import OtherSide, transfers_for
from apps.reconciliation.services.transferring import transfer
from apps.reconciliation.services.unpacking import unpack

WHAT = ("PAYMENT", "TOP_UP", "REFUND", "DAY", "FEE")


class PayoutPartSerializer(serializers.Serializer[Any]):
    """A part of the line. Fees and refunds that were deducted are negative."""

    what = serializers.ChoiceField(WHAT)
    kind = serializers.ChoiceField(Match.Kind.choices)
    amount = serializers.CharField()
    document = serializers.CharField(help_text="A receipt, or the day of a card settlement.")
    payment_id = serializers.UUIDField(allow_null=True)
    journal_line_id = serializers.UUIDField(allow_null=True)


class LinePayoutSerializer(serializers.Serializer[Any]):
    """One way to take the line apart: gross less refunds and fees, and what that does not explain."""

    key = serializers.CharField(help_text="Names it when the line is unpacked.")
    called = serializers.CharField()
    gross = serializers.CharField()
    refunded = serializers.CharField()
    fees = serializers.CharField()
    unexplained = serializers.CharField(help_text="What the line has beyond its parts, or, negative, lacks.")
    parts = PayoutPartSerializer(many=True)
    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = ReasonSerializer(many=True)
    is_alone = serializers.BooleanField(help_text="No other fits as well.")
    by_itself = serializers.BooleanField(help_text="Daybook would unpack it without a person.")


class LinePayoutsSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField()
    currency = serializers.CharField()
    payouts = LinePayoutSerializer(many=True)


class OtherSideSerializer(serializers.Serializer[Any]):
    """The line of another account of yours by which the same amount went the other way."""

    line_id = serializers.UUIDField()
    bank_account_id = serializers.UUIDField()
    date = serializers.DateField()
    amount = serializers.CharField()
    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = ReasonSerializer(many=True)
    by_itself = serializers.BooleanField(help_text="Daybook would match both without a person.")


class LineTransfersSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField()
    currency = serializers.CharField()
    transfers = OtherSideSerializer(many=True)


class UnpackFormSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=600, help_text="Of a payout; the best, unless given."
    )
    difference_account_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Where what is not explained is written off to; refused, unless given.",
    )


class TransferFormSerializer(serializers.Serializer[Any]):
    other_line_id = serializers.UUIDField()


NOT_UNPACKED = {
    400: OpenApiResponse(
        RefusalSerializer,
        description=(
            "NO_PAYOUT, PAYOUT_AMBIGUOUS, PAYOUT_UNEXPLAINED, BANK_LINE_ALREADY_RECONCILED, WRITE_OFF_ABOVE_LIMIT"
        ),
    ),
    409: OpenApiResponse(RefusalSerializer, description="MATCH_BEYOND_ENTRY, PERIOD_CLOSED"),
}
NOT_TRANSFERRED = {
    400: OpenApiResponse(RefusalSerializer, description="NOT_ONE_TRANSFER, BANK_LINE_ALREADY_RECONCILED"),
    409: OpenApiResponse(RefusalSerializer, description="PERIOD_CLOSED"),
}


@extend_schema(tags=["bank reconciliation"])
class LinePayoutsViewSet(OwnedViewSet):
    """A line that is many payments, or that is one side of two."""

    queryset = StatementLine.objects.select_related("administration", "bank_account")
    serializer_class = LinePayoutsSerializer
    acts = {"*": Act.MATCH_BANK, "payouts": Act.READ_LEDGER, "transfers": Act.READ_LEDGER}

    @extend_schema(summary="The payouts that a bank line may be, by their parts", responses=LinePayoutsSerializer)
    @action(detail=True, pagination_class=None, filter_backends=())
    def payouts(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        ways, code = payouts_for([line]).get(line.pk, ()), line.bank_account.currency
        said = [_payout(way, code) for way in ways]
        return Response({"line_id": line.pk, "currency": code, "payouts": said})

    @extend_schema(
        summary="Take a bank line apart as a payout",
        request=UnpackFormSerializer,
        responses={200: MatchedLineSerializer, **NOT_UNPACKED},
    )
    @action(detail=True, methods=["post"])
    def unpack(self, request: Request, pk: str) -> Response:
        line, form = self.get_object(), self.form(UnpackFormSerializer)
        account = form["difference_account_id"]
        account = account and named_row(Account, account, line.administration, "difference_account_id")
        unpack(line, by=request.user, key=form["key"], difference_account=account)  # type: ignore[arg-type]
        return self._answer(line)

    @extend_schema(summary="The other sides that a bank line may have", responses=LineTransfersSerializer)
    @action(detail=True, pagination_class=None, filter_backends=())
    def transfers(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        sides, code = transfers_for([line]).get(line.pk, ()), line.bank_account.currency
        said = [_side(side, code) for side in sides]
        return Response({"line_id": line.pk, "currency": code, "transfers": said})

    @extend_schema(
        summary="Match two bank lines as one transfer between own accounts",
        request=TransferFormSerializer,
        responses={200: MatchedLineSerializer, **NOT_TRANSFERRED},
    )
    @action(detail=True, methods=["post"])
    def transfer(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        named = self.form(TransferFormSerializer)["other_line_id"]
        other = named_row(StatementLine, named, line.administration, "other_line_id")
        transfer(line, other, by=request.user)  # type: ignore[arg-type]
        return self._answer(line)

    def _answer(self, line: StatementLine) -> Response:
        line = self.queryset.get(pk=line.pk)
        return Response(MatchedLineSerializer(line, context={"line": line}).data)


def _payout(way: Unpacked, code: str) -> dict[str, Any]:
    return {
        "key": way.key,
        "called": way.called,
        "gross": text(way.gross, code),
        "refunded": text(way.refunded, code),
        "fees": text(way.fees, code),
        "unexplained": text(way.unexplained, code),
        "parts": [_part(share, code) for share in way.shares],
        "score": way.score,
        "reasons": _reasons(way.reasons),
        "is_alone": way.is_alone,
        "by_itself": way.by_itself,
    }


def _part(share: Share, code: str) -> dict[str, Any]:
    return {
        "what": share.what,
        "kind": share.kind,
        "amount": text(share.amount, code),
        "document": share.called,
        "payment_id": share.payment and share.payment.pk,
        "journal_line_id": share.entry_line and share.entry_line.pk,
    }


def _side(side: OtherSide, code: str) -> dict[str, Any]:
    return {
        "line_id": side.other,
        "bank_account_id": side.other_account,
        "date": side.date,
        "amount": text(-side.amount, code),
        "score": side.score,
        "reasons": _reasons(side.reasons),
        "by_itself": side.by_itself,
    }


def _reasons(reasons: tuple[Reason, ...]) -> list[dict[str, Any]]:
    return [{"code": why.code, "points": why.points, "facts": why.facts, "words": in_words(why)} for why in reasons]
