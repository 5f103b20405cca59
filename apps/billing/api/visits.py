"""Visits over HTTP: registered with what is charged and paid, closed, cancelled."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.shapes import (
    BillRowSerializer,
    ChargeFormSerializer,
    DatedFilter,
    OrderSerializer,
    TenderFormSerializer,
    WhySerializer,
    bills,
    charges_of,
    tenders_of,
)
from apps.billing.models import Order, Patient, Payer, Visit
from apps.billing.services import charging
from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedViewSet, OwnerSerializer, named_row
from apps.core.permissions import Act


class VisitRowSerializer(serializers.ModelSerializer[Visit]):
    patient_code = serializers.CharField(source="patient.code")

    class Meta:
        model = Visit
        fields = (
            "id",
            "administration_id",
            "patient_id",
            "patient_code",
            "date",
            "status",
            "is_inpatient",
            "reason",
            "started_at",
            "registered_by",
            "ended_at",
            "ended_by",
            "closed_by_day_close",
            "cancel_reason",
        )


class VisitSerializer(VisitRowSerializer):
    """A visit with its bills and orders."""

    bills = BillRowSerializer(many=True)
    orders = OrderSerializer(many=True)

    class Meta(VisitRowSerializer.Meta):
        fields = (*VisitRowSerializer.Meta.fields, "bills", "orders")  # type: ignore[assignment]


class VisitFormSerializer(OwnerSerializer):
    patient_id = serializers.UUIDField()
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    is_inpatient = serializers.BooleanField(required=False, default=False)
    payer_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="By whose tariffs the charges are priced."
    )
    charges = ChargeFormSerializer(many=True, required=False, default=list)
    tenders = TenderFormSerializer(many=True, required=False, default=list)


class VisitFilter(DatedFilter):
    status = django_filters.CharFilter(method="of_status", help_text="ACTIVE, CLOSED or CANCELLED, in any case.")
    patient_id = django_filters.UUIDFilter(field_name="patient")
    is_inpatient = django_filters.BooleanFilter()

    class Meta:
        model = Visit
        fields = ("date", "is_inpatient")

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        if value.upper() not in Visit.Status:
            raise serializers.ValidationError({"status": [_("One of %s.") % ", ".join(Visit.Status)]})
        return queryset.filter(status=value.upper())


REFUSED = {409: OpenApiResponse(RefusalSerializer, description="VISIT_CANCELLED, VISIT_BILLED")}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Visits, newest first", responses=VisitRowSerializer(many=True)),
    retrieve=extend_schema(summary="One visit with its bills and orders"),
)
class VisitViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: a visit is closed or cancelled."""

    queryset = Visit.objects.select_related("patient")
    serializer_class = VisitSerializer
    filterset_class = VisitFilter
    ordering_fields = ("date", "started_at")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.TAKE_PAYMENTS, "close": Act.TAKE_PAYMENTS, "cancel": Act.APPROVE}

    def get_serializer_class(self) -> Any:
        return VisitRowSerializer if self.action == "list" else VisitSerializer

    def get_queryset(self) -> Any:
        visits = super().get_queryset()
        return visits.prefetch_related(*_INSIDE) if self.action == "retrieve" else visits

    @extend_schema(
        summary="Register a visit, bill it and take what is paid, all or nothing",
        request=VisitFormSerializer,
        responses={201: VisitSerializer},
    )
    def create(self, request: Request) -> Response:
        form = self.form(VisitFormSerializer)
        administration, payer = form["administration"], form["payer_id"]
        visit = charging.register_visit(
            administration=administration,
            patient=named_row(Patient, form["patient_id"], administration, "patient_id"),
            charges=charges_of(form["charges"], administration),
            tenders=tenders_of(form["tenders"], administration),
            payer=payer and named_row(Payer, payer, administration, "payer_id"),
            reason=form["reason"],
            is_inpatient=form["is_inpatient"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(visit, status.HTTP_201_CREATED)

    @extend_schema(summary="End a visit; it still takes payments", request=None, responses={200: VisitSerializer})
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        return self._answer(charging.close_visit(self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Say that a visit should not count",
        request=WhySerializer,
        responses={200: VisitSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        visit, form = self.get_object(), self.form(WhySerializer)
        return self._answer(charging.cancel_visit(visit, reason=form["reason"], by=request.user))  # type: ignore[arg-type]

    def _answer(self, visit: Visit, status_code: int = status.HTTP_200_OK) -> Response:
        whole = self.queryset.prefetch_related(*_INSIDE).get(pk=visit.pk)
        return Response(VisitSerializer(whole).data, status=status_code)


_INSIDE = (
    Prefetch("bills", bills().order_by("id")),
    Prefetch("orders", Order.objects.select_related("visit").order_by("id")),
)
