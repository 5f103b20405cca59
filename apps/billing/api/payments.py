"""Payments over HTTP: taken, given back, taken back by a bank."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import F
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.shapes import DatedFilter, TenderFormSerializer, tenders_of
from apps.billing.models import Bill, Payment
from apps.billing.services import payments
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """Money or cover that was accepted; negative where it was given back."""

    number = serializers.CharField(source="__str__", help_text="The receipt: R-000123.")
    date = serializers.DateField(help_text="The clinic day that it belongs to.")
    late_for = serializers.DateField(
        source="late_for.date", allow_null=True, help_text="The finalized day for which it came too late."
    )
    bill_number = serializers.CharField(source="bill.__str__")
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField()
    advance_vat = AmountField(
        allow_null=True, help_text="Of the amount: the VAT that was declared when the advance was received."
    )

    class Meta:
        model = Payment
        fields = (
            "id",
            "administration_id",
            "number",
            "kind",
            "date",
            "late_for",
            "bill_id",
            "bill_number",
            "method",
            "currency",
            "amount",
            "payer_id",
            "refunds_id",
            "advance_id",
            "advance_vat",
            "reference",
            "repeats_reference",
            "shift_id",
            "reason",
            "taken_by",
            "taken_at",
        )


class PaymentFormSerializer(OwnerSerializer, TenderFormSerializer):
    bill_id = serializers.UUIDField()
    allow_excess = serializers.BooleanField(
        required=False, default=False, help_text="What goes beyond the bill stays as a credit of the patient."
    )


class GivenBackSerializer(serializers.Serializer[Any]):
    amount = amount_input()
    reason = serializers.CharField(max_length=200)
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)


class PaymentFilter(DatedFilter):
    method = django_filters.ChoiceFilter(choices=Payment.Method.choices)
    kind = django_filters.ChoiceFilter(choices=Payment.Kind.choices)
    taken_by = django_filters.UUIDFilter()
    reference = django_filters.CharFilter()
    bill_id = django_filters.UUIDFilter(field_name="bill")
    patient_id = django_filters.UUIDFilter(field_name="bill__patient")
    payer_id = django_filters.UUIDFilter(field_name="payer")
    advance_id = django_filters.UUIDFilter(field_name="advance")

    class Meta:
        model = Payment
        fields = ("method", "kind", "taken_by", "reference")


TAKEN = {
    400: OpenApiResponse(
        RefusalSerializer,
        description="PAYMENT_BEYOND_BILL, WALLET_BEYOND_BALANCE, ADVANCE_OF_ANOTHER, ADVANCE_BEYOND_LEFT",
    )
}
REFUSED = {
    400: OpenApiResponse(RefusalSerializer, description="REFUND_BEYOND_PAYMENT, NOT_CHARGED_BACK"),
    403: OpenApiResponse(RefusalSerializer, description="REFUND_NEEDS_ANOTHER"),
}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Payments and refunds, newest first"),
    retrieve=extend_schema(summary="One payment"),
)
class PaymentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy, and no sums: what a drawer should hold is said after its count."""

    queryset = Payment.objects.select_related("administration", "bill", "late_for").annotate(date=F("clinic_day__date"))
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilter
    ordering_fields = ("date", "number")
    pagination_class = CursorPages
    acts = {
        "*": Act.READ_CLINIC,
        "create": Act.TAKE_PAYMENTS,
        "refund": Act.APPROVE,
        "chargeback": Act.APPROVE,
    }

    @extend_schema(
        summary="Take a payment, or accept cover",
        request=PaymentFormSerializer,
        responses={201: PaymentSerializer, **TAKEN},
    )
    def create(self, request: Request) -> Response:
        form = self.form(PaymentFormSerializer)
        (tender,) = tenders_of([form], form["administration"])
        payment = payments.take_payment(
            named_row(Bill, form["bill_id"], form["administration"], "bill_id"),
            tender=tender,
            allow_excess=form["allow_excess"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(payment)

    @extend_schema(
        summary="Give back part of a payment, by its own method",
        request=GivenBackSerializer,
        responses={201: PaymentSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: str) -> Response:
        return self._back(payments.refund_payment)

    @extend_schema(
        summary="Enter that a bank or the provider took a payment back",
        request=GivenBackSerializer,
        responses={201: PaymentSerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"])
    def chargeback(self, request: Request, pk: str) -> Response:
        return self._back(payments.charge_back)

    def _back(self, give_back: Callable[..., Payment]) -> Response:
        payment, form = self.get_object(), self.form(GivenBackSerializer)
        return self._answer(give_back(payment, by=self.request.user, **form))

    def _answer(self, payment: Payment) -> Response:
        whole = self.queryset.get(pk=payment.pk)
        return Response(PaymentSerializer(whole).data, status=status.HTTP_201_CREATED)
