"""Matching by itself over HTTP: asked for, and what came of it line by line."""

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CursorPages
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, named_row
from apps.core.permissions import Act
from apps.ledger.models import Journal
from apps.reconciliation.models import MatchingOutcome, MatchingRun
from apps.reconciliation.services import running


class AutoReconcileSerializer(OwnerSerializer):
    journal_id = serializers.UUIDField(required=False, allow_null=True, help_text="One bank account; otherwise all.")


class RunSerializer(serializers.ModelSerializer[MatchingRun]):
    """The counts are null until the run ended."""

    client_id = serializers.UUIDField(source="administration_id")
    task_id = serializers.UUIDField(source="job_id", allow_null=True)
    journal_id = serializers.UUIDField(source="bank_account.journal_id", allow_null=True, default=None)

    class Meta:
        model = MatchingRun
        fields: Any = (
            "id",
            "client_id",
            "journal_id",
            "task_id",
            "matched",
            "left",
            "ambiguous",
            "by",
            "created_at",
            "ended_at",
        )


class OutcomeSerializer(serializers.ModelSerializer[MatchingOutcome]):
    line_id = serializers.UUIDField()
    clearing_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = MatchingOutcome
        fields: Any = ("id", "line_id", "outcome", "clearing_id", "reasons")


class RunFilter(OwnedFilter):
    journal_id = django_filters.UUIDFilter(field_name="bank_account__journal")

    class Meta:
        model = MatchingRun
        fields = ("client_id", "journal_id")


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(
    list=extend_schema(summary="Runs of matching, newest first"), retrieve=extend_schema(summary="One run")
)
class MatchingRunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = MatchingRun.objects.select_related("bank_account")
    serializer_class = RunSerializer
    filterset_class = RunFilter
    pagination_class = CursorPages
    ordering_fields = ("created_at", "ended_at")
    acts = {"*": Act.READ_LEDGER, "create": Act.MATCH_BANK}

    @extend_schema(
        summary="Match what is beyond doubt",
        description="The worker does it. A tie, a difference and what a person must say are left, with the reason.",
        request=AutoReconcileSerializer,
        responses={202: RunSerializer},
        filters=False,
    )
    def create(self, request: Request) -> Response:
        asked, by = self.form(AutoReconcileSerializer), request.user
        administration = asked["administration"]
        account = None
        if asked.get("journal_id"):
            journal = named_row(Journal, asked["journal_id"], administration, "journal_id")
            account = getattr(journal, "bank_account", None)
            if account is None:
                raise serializers.ValidationError({"journal_id": [_("This is no journal of a bank account.")]})
        run = running.start_run(administration, by=by, bank_account=account)  # type: ignore[arg-type]
        return Response(RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="What came of each line", responses=OutcomeSerializer(many=True), filters=False)
    @action(detail=True)
    def outcomes(self, request: Request, pk: str) -> Response:
        rows = self.paginate_queryset(self.get_object().outcomes.order_by("-id"))
        return self.get_paginated_response(OutcomeSerializer(rows, many=True).data)
