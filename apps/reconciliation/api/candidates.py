"""What a bank line may be, over HTTP."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.owned_api import OwnedViewSet
from apps.core.permissions import Act
from apps.ledger.models import JournalLine, Party
from apps.reconciliation.models import Match, StatementLine
from apps.reconciliation.reports.candidates import Candidate, applied_by_itself, candidates_for
from apps.reconciliation.reports.candidates.telling import in_words


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a candidate fits; fewer than no points speak against it."""

    code = serializers.CharField()
    points = serializers.IntegerField()
    facts = serializers.DictField()
    words = serializers.CharField()


class CandidateSerializer(serializers.Serializer[Any]):
    """One way to explain the line. ``amount`` is what it would clear, in the account's currency, with the line's
    sign."""

    kind = serializers.ChoiceField(Match.Kind.choices)
    journal_line_id = serializers.UUIDField(allow_null=True)
    open_item_id = serializers.UUIDField(allow_null=True)
    payment_id = serializers.UUIDField(allow_null=True)
    bill_id = serializers.UUIDField(allow_null=True)
    account_id = serializers.UUIDField(allow_null=True)
    other_line_id = serializers.UUIDField(allow_null=True, help_text="The line of another account of yours.")
    party_id = serializers.UUIDField(allow_null=True)
    party_name = serializers.CharField(help_text="A patient's code; empty where it is of nobody.")
    document = serializers.CharField(help_text="Its number, or that of its entry.")
    date = serializers.DateField(allow_null=True)
    amount = serializers.CharField()
    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = ReasonSerializer(many=True)


class CandidatesSerializer(serializers.Serializer[Any]):
    """The best first, ten at most unless more are the line together."""

    line_id = serializers.UUIDField()
    currency = serializers.CharField()
    candidates = CandidateSerializer(many=True)
    combination = serializers.ListField(
        child=serializers.IntegerField(), help_text="The places of those that together are the line, from 0."
    )
    is_ambiguous = serializers.BooleanField(help_text="The best is not alone: nothing is matched by itself.")
    by_itself = serializers.BooleanField(help_text="Daybook would match it without a person.")
    model_id = serializers.UUIDField(allow_null=True, help_text="The model for open items that holds for the line.")


@extend_schema(tags=["bank reconciliation"])
class LineCandidatesViewSet(OwnedViewSet):
    queryset = StatementLine.objects.select_related("administration", "bank_account")
    serializer_class = CandidatesSerializer
    acts = {"*": Act.READ_LEDGER}

    @extend_schema(summary="What a bank line may be, with score and reasons", responses=CandidatesSerializer)
    @action(detail=True, pagination_class=None, filter_backends=())
    def candidates(self, request: Request, pk: str) -> Response:
        line = self.get_object()
        found = candidates_for([line])[line.pk]
        return Response(
            {
                "line_id": line.pk,
                "currency": line.bank_account.currency,
                "candidates": _said(found.ranked),
                "combination": found.combination,
                "is_ambiguous": found.is_ambiguous,
                "by_itself": bool(applied_by_itself(found)),
                "model_id": found.model,
            }
        )


def _said(ranked: Sequence[Candidate]) -> list[dict[str, Any]]:
    parties = Party.objects.in_bulk({one.party for one in ranked if one.party})
    unnumbered = [one.entry_line for one in ranked if one.entry_line and not one.document]
    lines = JournalLine.objects.select_related("entry__journal").in_bulk(unnumbered)
    return [
        {
            "kind": one.kind,
            "journal_line_id": one.entry_line,
            "open_item_id": one.open_item,
            "payment_id": one.payment,
            "bill_id": one.bill,
            "account_id": one.account,
            "other_line_id": one.other_line,
            "party_id": one.party,
            "party_name": str(parties[one.party]) if one.party else "",
            "document": one.document or (str(lines[one.entry_line].entry) if one.entry_line else ""),
            "date": one.date,
            "amount": str(one.amount),
            "score": one.score,
            "reasons": [
                {"code": why.code, "points": why.points, "facts": why.facts, "words": in_words(why)}
                for why in one.reasons
            ],
        }
        for one in ranked
    ]
