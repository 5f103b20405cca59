"""Orders over HTTP: placed, completed, cancelled, said to cost nothing."""

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.shapes import OrderSerializer, WhySerializer, quantity_input
from apps.billing.models import Coverage, Order, Payer, Service, Visit
from apps.billing.services import ordering
from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, named_row
from apps.core.permissions import Act

STATUSES: dict[str, dict[str, Any]] = {
    "OPEN": {"completed_at": None, "cancelled_at": None},
    "COMPLETED": {"completed_at__isnull": False},
    "CANCELLED": {"cancelled_at__isnull": False},
}


class OrderFormSerializer(OwnerSerializer):
    visit_id = serializers.UUIDField()
    kind = serializers.ChoiceField(Order.Kind.choices)
    service_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="Needed where no service is named."
    )
    quantity = quantity_input(required=False, default=1)
    is_emergency = serializers.BooleanField(required=False, default=False)
    payer_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    ordered_on = serializers.DateField(required=False, allow_null=True, default=None, help_text="Today, if not given.")


class CompletionSerializer(serializers.Serializer[Any]):
    quantity = quantity_input(
        required=False, allow_null=True, default=None, min_value=0, help_text="What was given, if not what was ordered."
    )
    completed_on = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="Today, if not given."
    )


class CoverageSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(Coverage.choices)


class OrderFilter(OwnedFilter):
    status = django_filters.CharFilter(method="of_status", help_text=f"One of {', '.join(STATUSES)}, in any case.")
    visit_id = django_filters.UUIDFilter(field_name="visit")
    patient_id = django_filters.UUIDFilter(field_name="visit__patient")
    kind = django_filters.ChoiceFilter(choices=Order.Kind.choices)
    is_emergency = django_filters.BooleanFilter()
    ordered_on = django_filters.DateFilter()
    completed_from = django_filters.DateFilter(field_name="completed_on", lookup_expr="gte")
    completed_to = django_filters.DateFilter(field_name="completed_on", lookup_expr="lte")

    class Meta:
        model = Order
        fields = ("kind", "is_emergency", "ordered_on")

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        if value.upper() not in STATUSES:
            raise serializers.ValidationError({"status": [_("One of %s.") % ", ".join(STATUSES)]})
        return queryset.filter(**STATUSES[value.upper()])


REFUSED = {
    409: OpenApiResponse(
        RefusalSerializer, description="ORDER_CANCELLED, ORDER_COMPLETED, ORDER_BILLED, VISIT_CANCELLED"
    )
}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Orders, newest first"),
    retrieve=extend_schema(summary="One order"),
)
class OrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: an order keeps what was ordered."""

    queryset = Order.objects.select_related("visit")
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    ordering_fields = ("ordered_on", "ordered_at")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, **dict.fromkeys(("create", "complete", "cancel", "cover"), Act.TAKE_PAYMENTS)}

    @extend_schema(
        summary="Order care on a visit", request=OrderFormSerializer, responses={201: OrderSerializer, **REFUSED}
    )
    def create(self, request: Request) -> Response:
        form = self.form(OrderFormSerializer)
        administration, service, payer = form["administration"], form["service_id"], form["payer_id"]
        order = ordering.place_order(
            named_row(Visit, form["visit_id"], administration, "visit_id"),
            kind=form["kind"],
            service=service and named_row(Service, service, administration, "service_id"),
            description=form["description"],
            quantity=form["quantity"],
            is_emergency=form["is_emergency"],
            payer=payer and named_row(Payer, payer, administration, "payer_id"),
            day=form["ordered_on"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(order, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Say that it was given", request=CompletionSerializer, responses={200: OrderSerializer, **REFUSED}
    )
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        order, form = self.get_object(), self.form(CompletionSerializer)
        user: Any = request.user
        return self._answer(
            ordering.complete_order(order, quantity=form["quantity"], day=form["completed_on"], by=user)
        )

    @extend_schema(summary="Take it back", request=WhySerializer, responses={200: OrderSerializer, **REFUSED})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        order, form = self.get_object(), self.form(WhySerializer)
        return self._answer(ordering.cancel_order(order, reason=form["reason"], by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Say why it costs nothing", request=CoverageSerializer, responses={200: OrderSerializer, **REFUSED}
    )
    @action(detail=True, methods=["post"])
    def cover(self, request: Request, pk: str) -> Response:
        order, form = self.get_object(), self.form(CoverageSerializer)
        return self._answer(ordering.cover_order(order, reason=form["reason"], by=request.user))  # type: ignore[arg-type]

    def _answer(self, order: Order, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(OrderSerializer(self.queryset.get(pk=order.pk)).data, status=status_code)
