"""Bills over HTTP: issued, credited, read with their lines."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.shapes import (
    LINES,
    BillLineSerializer,
    BillRowSerializer,
    ChargeFormSerializer,
    DatedFilter,
    WhySerializer,
    bills,
    charges_of,
)
from apps.billing.models import Bill, Outstanding, Patient, Payer, Visit
from apps.billing.services import charging
from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedViewSet, OwnerSerializer, named_row
from apps.core.permissions import Act


class BillSerializer(BillRowSerializer):
    lines = BillLineSerializer(many=True)

    class Meta(BillRowSerializer.Meta):
        fields = (*BillRowSerializer.Meta.fields, "lines")  # type: ignore[assignment]


class BillFormSerializer(OwnerSerializer):
    """Say the visit, or for a bill without one the patient."""

    visit_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    patient_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    payer_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="By whose tariffs it is priced; it is asked to pay.",
    )
    charges = ChargeFormSerializer(many=True, allow_empty=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["visit_id"] is None) == (attrs["patient_id"] is None):
            raise serializers.ValidationError({"visit_id": [_("Say the visit or the patient, one of the two.")]})
        return super().validate(attrs)


class BillFilter(DatedFilter):
    kind = django_filters.ChoiceFilter(choices=Bill.Kind.choices)
    patient_id = django_filters.UUIDFilter(field_name="patient")
    visit_id = django_filters.UUIDFilter(field_name="visit")
    payer_id = django_filters.UUIDFilter(field_name="payer")
    unpaid = django_filters.BooleanFilter(method="of_unpaid", help_text="Whether the patient still owes on it.")

    class Meta:
        model = Bill
        fields = ("kind",)

    def of_unpaid(self, queryset: Any, name: str, value: bool) -> Any:
        owing = Exists(
            Outstanding.objects.now().filter(bill=OuterRef("pk"), debtor=Outstanding.Debtor.PATIENT, amount__gt=0)
        )
        return queryset.filter(owing if value else ~owing)


REFUSED = {409: OpenApiResponse(RefusalSerializer, description="ORDER_BILLED, ORDER_CANCELLED, VISIT_CANCELLED")}
CREDITED = {409: OpenApiResponse(RefusalSerializer, description="ALREADY_CREDITED")}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Bills and credit notes, newest first", responses=BillRowSerializer(many=True)),
    retrieve=extend_schema(summary="One bill with its lines"),
)
class BillViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: a bill is credited."""

    queryset = bills()
    serializer_class = BillSerializer
    filterset_class = BillFilter
    ordering_fields = ("date", "number", "gross")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.TAKE_PAYMENTS, "credit": Act.APPROVE}

    def get_serializer_class(self) -> Any:
        return BillRowSerializer if self.action == "list" else BillSerializer

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.prefetch_related(LINES) if self.action == "retrieve" else rows

    @extend_schema(
        summary="Issue a bill at today's prices", request=BillFormSerializer, responses={201: BillSerializer, **REFUSED}
    )
    def create(self, request: Request) -> Response:
        form = self.form(BillFormSerializer)
        administration, payer = form["administration"], form["payer_id"]
        visit = form["visit_id"] and named_row(Visit, form["visit_id"], administration, "visit_id")
        bill = charging.issue_bill(
            patient=visit.patient if visit else named_row(Patient, form["patient_id"], administration, "patient_id"),
            visit=visit,
            charges=charges_of(form["charges"], administration),
            payer=payer and named_row(Payer, payer, administration, "payer_id"),
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(bill)

    @extend_schema(
        summary="Credit a bill: the credit note over the whole of it",
        request=WhySerializer,
        responses={201: BillSerializer, **CREDITED},
    )
    @action(detail=True, methods=["post"])
    def credit(self, request: Request, pk: str) -> Response:
        bill, form = self.get_object(), self.form(WhySerializer)
        return self._answer(charging.credit_bill(bill, reason=form["reason"], by=request.user))  # type: ignore[arg-type]

    def _answer(self, bill: Bill) -> Response:
        whole = self.queryset.prefetch_related(LINES).get(pk=bill.pk)
        return Response(BillSerializer(whole).data, status=status.HTTP_201_CREATED)
