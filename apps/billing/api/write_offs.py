"""Debt that is given up, over HTTP: one proposes, another decides."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Bill, Claim, WriteOff
from apps.billing.services import writing_off
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row, named_rows
from apps.core.permissions import Act


class WriteOffSerializer(serializers.ModelSerializer[WriteOff]):
    """Debt of a bill that somebody proposed to give up: of the patient, or with a claim of its payer."""

    state = serializers.SerializerMethodField()
    bill_number = serializers.CharField(source="bill.__str__")
    claim_number = serializers.CharField(source="claim.__str__", allow_null=True, default=None)
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField()
    date = serializers.DateField(source="clinic_day.date", allow_null=True, default=None)
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = WriteOff
        fields = (
            "id",
            "administration_id",
            "state",
            "bill_id",
            "bill_number",
            "claim_id",
            "claim_number",
            "currency",
            "amount",
            "reason",
            "date",
            "journal_entry_id",
            "proposed_by",
            "proposed_at",
            "approved_by",
            "approved_at",
            "rejected_by",
            "rejected_at",
        )

    @extend_schema(responses={"type": "string", "enum": ["PROPOSED", "APPROVED", "REJECTED"]})
    def get_state(self, write_off: WriteOff) -> str:
        if write_off.approved_at:
            return "APPROVED"
        return "REJECTED" if write_off.rejected_at else "PROPOSED"


class WriteOffFormSerializer(OwnerSerializer):
    bill_id = serializers.UUIDField()
    claim_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Of the payer's debt; without one, the patient's."
    )
    amount = amount_input()
    reason = serializers.CharField(max_length=200)


class WriteOffFilter(OwnedFilter):
    bill_id = django_filters.UUIDFilter(field_name="bill")
    claim_id = django_filters.UUIDFilter(field_name="claim")
    state = django_filters.ChoiceFilter(
        method="in_state", choices=[("PROPOSED", "PROPOSED"), ("APPROVED", "APPROVED"), ("REJECTED", "REJECTED")]
    )

    class Meta:
        model = WriteOff
        fields = ("bill_id",)

    def in_state(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(approved_at__isnull=value != "APPROVED", rejected_at__isnull=value != "REJECTED")


DECIDED = {
    400: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_BEYOND_OPEN"),
    403: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_NEEDS_ANOTHER"),
    409: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_KEPT: decided before"),
}


@extend_schema(tags=["claims"])
@extend_schema_view(list=extend_schema(summary="Write-offs"), retrieve=extend_schema(summary="One write-off"))
class WriteOffViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = WriteOff.objects.select_related("administration", "bill", "claim", "clinic_day")
    serializer_class = WriteOffSerializer
    filterset_class = WriteOffFilter
    ordering_fields = ("proposed_at", "amount")
    pagination_class = CursorPages
    # Whoever proposed one may take it back; the service asks everybody else for more.
    acts = {"*": Act.KEEP_CLAIMS, "approve": Act.APPROVE}

    @extend_schema(
        summary="Propose to give debt up",
        request=WriteOffFormSerializer,
        responses={201: WriteOffSerializer, 400: DECIDED[400]},
    )
    def create(self, request: Request) -> Response:
        form = self.form(WriteOffFormSerializer)
        administration = form["administration"]
        write_off = writing_off.propose(
            named_row(Bill, form["bill_id"], administration, "bill_id"),
            claim=named_rows(Claim, [form["claim_id"]], administration, "claim_id")[form["claim_id"]],
            amount=form["amount"],
            reason=form["reason"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(write_off, status.HTTP_201_CREATED)

    @extend_schema(summary="Give the debt up", request=None, responses={200: WriteOffSerializer, **DECIDED})
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._answer(writing_off.approve(self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Do not give the debt up", request=None, responses={200: WriteOffSerializer, **DECIDED})
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._answer(writing_off.reject(self.get_object(), by=request.user))  # type: ignore[arg-type]

    def _answer(self, write_off: WriteOff, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(WriteOffSerializer(self.queryset.get(pk=write_off.pk)).data, status=status_code)
