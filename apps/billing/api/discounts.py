"""Discounts over HTTP: which wait for a second person, and their approval."""

from typing import Any

import django_filters
from django.db.models import F
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.shapes import DatedFilter
from apps.billing.models import Discount
from apps.billing.services.discounts import approve_discount
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedViewSet
from apps.core.permissions import Act


class DiscountSerializer(serializers.ModelSerializer[Discount]):
    """What a line costs less than its price. Up to the clinic's limit it counts at once, approved by nobody."""

    bill_id = serializers.UUIDField(source="line.bill_id")
    bill_number = serializers.CharField(source="line.bill.__str__")
    date = serializers.DateField(help_text="The clinic day of the bill.")
    line_id = serializers.UUIDField()
    description = serializers.CharField(source="line.description")
    amount = AmountField()
    is_approved = serializers.SerializerMethodField()

    class Meta:
        model = Discount
        fields = (
            "id",
            "administration_id",
            "bill_id",
            "bill_number",
            "date",
            "line_id",
            "description",
            "amount",
            "percentage",
            "reason",
            "given_by",
            "given_at",
            "is_approved",
            "approved_by",
            "approved_at",
        )

    def get_is_approved(self, discount: Discount) -> bool:
        return discount.approved_at is not None


class DiscountFilter(DatedFilter):
    approved = django_filters.BooleanFilter(field_name="approved_at", lookup_expr="isnull", exclude=True)
    patient_id = django_filters.UUIDFilter(field_name="line__bill__patient")
    bill_id = django_filters.UUIDFilter(field_name="line__bill")
    given_by = django_filters.UUIDFilter()

    class Meta:
        model = Discount
        fields = ("given_by",)


REFUSED = {
    403: OpenApiResponse(RefusalSerializer, description="DISCOUNT_NEEDS_ANOTHER"),
    409: OpenApiResponse(RefusalSerializer, description="DISCOUNT_KEPT"),
}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Discounts, newest first; approved=false lists those that wait"),
    retrieve=extend_schema(summary="One discount"),
)
class DiscountViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """A discount is given with its line, on a bill."""

    queryset = Discount.objects.select_related("administration", "line__bill").annotate(
        date=F("line__bill__clinic_day__date")
    )
    serializer_class = DiscountSerializer
    filterset_class = DiscountFilter
    ordering_fields = ("date", "amount", "percentage")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "approve": Act.APPROVE}

    @extend_schema(
        summary="Approve a discount that somebody else gave",
        request=None,
        responses={200: DiscountSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        user: Any = request.user
        approved = approve_discount(self.get_object(), by=user)
        return Response(DiscountSerializer(self.queryset.get(pk=approved.pk)).data)
