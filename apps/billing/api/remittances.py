"""Remittances over HTTP: what payers sent, what it settled of their claims, what of that is taken back."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.claims import MOST_CLAIMS, SettlementSerializer
from apps.billing.models import Claim, ClaimSettlement, Payer, Remittance
from apps.billing.reports.claims import with_unassigned
from apps.billing.services import remitting
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.models import Administration
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row, named_rows
from apps.core.permissions import Act


class RemittanceRowSerializer(serializers.ModelSerializer[Remittance]):
    number = serializers.CharField(source="__str__", help_text="RM-000012.")
    date = serializers.DateField(source="clinic_day.date", help_text="The clinic day that it belongs to.")
    late_for = serializers.DateField(source="late_for.date", allow_null=True, default=None)
    payer_name = serializers.CharField(source="payer.name")
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField()
    unassigned = AmountField(help_text="What no claim was found for yet: a credit of the payer.")
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = Remittance
        fields: Any = (
            "id",
            "administration_id",
            "number",
            "date",
            "late_for",
            "payer_id",
            "payer_name",
            "received_on",
            "reference",
            "currency",
            "amount",
            "unassigned",
            "journal_entry_id",
            "by",
            "at",
        )


class RemittanceSerializer(RemittanceRowSerializer):
    settlements = SettlementSerializer(many=True)

    class Meta(RemittanceRowSerializer.Meta):
        fields = (*RemittanceRowSerializer.Meta.fields, "settlements")


class SettlementFormSerializer(serializers.Serializer[Any]):
    claim_id = serializers.UUIDField()
    kind = serializers.ChoiceField(
        [(value, label) for value, label in ClaimSettlement.Kind.choices if value != ClaimSettlement.Kind.WRITE_OFF]
    )
    amount = amount_input()
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class AssignmentSerializer(serializers.Serializer[Any]):
    settlements = serializers.ListField(child=SettlementFormSerializer(), min_length=1, max_length=MOST_CLAIMS)


class RemittanceFormSerializer(OwnerSerializer):
    payer_id = serializers.UUIDField()
    amount = amount_input(help_text="What was received; zero when the payer only answers.")
    received_on = serializers.DateField()
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    settlements = serializers.ListField(
        child=SettlementFormSerializer(), required=False, default=list, max_length=MOST_CLAIMS
    )


class RemittanceFilter(OwnedFilter):
    payer_id = django_filters.UUIDFilter(field_name="payer")
    reference = django_filters.CharFilter()
    start_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="lte")
    has_unassigned = django_filters.BooleanFilter(method="with_money_left", label="Not all of it is assigned.")

    class Meta:
        model = Remittance
        fields = ("reference",)

    def with_money_left(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(unassigned=0) if value else queryset.filter(unassigned=0)


SETTLED = {
    400: OpenApiResponse(
        RefusalSerializer, description="SETTLEMENT_BEYOND_CLAIM, PAID_BEYOND_REMITTANCE, CLAIM_OF_ANOTHER_PAYER"
    ),
    409: OpenApiResponse(RefusalSerializer, description="CLAIM_NOT_SUBMITTED, PERIOD_CLOSED"),
}


@extend_schema(tags=["claims"])
@extend_schema_view(list=extend_schema(summary="Remittances"), retrieve=extend_schema(summary="One remittance"))
class RemittanceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: what was settled wrongly is taken back."""

    queryset = with_unassigned(Remittance.objects.select_related("administration", "payer", "clinic_day", "late_for"))
    filterset_class = RemittanceFilter
    ordering_fields = ("number", "received_on", "amount")
    pagination_class = CursorPages
    acts = {"*": Act.KEEP_CLAIMS}

    def get_serializer_class(self) -> Any:
        return RemittanceRowSerializer if self.action == "list" else RemittanceSerializer

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        settled = ClaimSettlement.objects.select_related("administration", "clinic_day", "claim").order_by("id")
        return rows if self.action == "list" else rows.prefetch_related(Prefetch("settlements", settled))

    @extend_schema(
        summary="Enter what a payer sent, and what it says of its claims",
        request=RemittanceFormSerializer,
        responses={201: RemittanceSerializer, **SETTLED},
    )
    def create(self, request: Request) -> Response:
        form = self.form(RemittanceFormSerializer)
        administration = form.pop("administration")
        remittance = remitting.record_remittance(
            payer=named_row(Payer, form.pop("payer_id"), administration, "payer_id"),
            settlements=settlements_of(form.pop("settlements"), administration),
            **form,
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(remittance, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Settle claims from what is not assigned yet",
        request=AssignmentSerializer,
        responses={200: RemittanceSerializer, **SETTLED},
    )
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        remittance = self.get_object()
        rows = self.form(AssignmentSerializer)["settlements"]
        remitting.assign_remittance(
            remittance,
            settlements=settlements_of(rows, remittance.administration),
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(remittance)

    def _answer(self, remittance: Remittance, status_code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=remittance.pk)
        return Response(RemittanceSerializer(row).data, status=status_code)


def settlements_of(rows: list[dict[str, Any]], administration: Administration) -> list[remitting.Settlement]:
    """The settlements of a body, in one query."""
    found = named_rows(Claim, (row["claim_id"] for row in rows), administration, "claim_id")
    return [
        remitting.Settlement(found[row["claim_id"]], row["kind"], row["amount"], row["reason"])  # type: ignore[arg-type]
        for row in rows
    ]


class TakeBackSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)
    amount = amount_input(required=False, default=None, help_text="All that is left of it, unless given.")


class SettlementFilter(OwnedFilter):
    claim_id = django_filters.UUIDFilter(field_name="claim")
    remittance_id = django_filters.UUIDFilter(field_name="remittance")
    kind = django_filters.ChoiceFilter(choices=ClaimSettlement.Kind.choices)

    class Meta:
        model = ClaimSettlement
        fields = ("kind",)


@extend_schema(tags=["claims"])
@extend_schema_view(
    list=extend_schema(summary="What became of claims"), retrieve=extend_schema(summary="One settlement of a claim")
)
class SettlementViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = ClaimSettlement.objects.select_related("administration", "clinic_day", "claim")
    serializer_class = SettlementSerializer
    filterset_class = SettlementFilter
    ordering_fields = ("at", "amount")
    pagination_class = CursorPages
    acts = {"*": Act.KEEP_CLAIMS}

    @extend_schema(
        summary="Take a settlement back: the payer owes it again",
        request=TakeBackSerializer,
        responses={
            201: SettlementSerializer,
            400: OpenApiResponse(RefusalSerializer, description="TAKEN_BACK_BEYOND_SETTLED"),
        },
    )
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str) -> Response:
        settlement = self.get_object()
        row = remitting.take_back(settlement, **self.form(TakeBackSerializer), by=request.user)  # type: ignore[arg-type]
        return Response(SettlementSerializer(self.queryset.get(pk=row.pk)).data, status=status.HTTP_201_CREATED)
