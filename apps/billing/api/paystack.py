"""The payment provider over HTTP: its signed messages, links to pay by, what it confirmed, what it paid out."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Count
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action, api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Bill, Patient, PaystackSettlement, PaystackTransaction, Service
from apps.billing.paystack import is_connected
from apps.billing.reports.payouts import Deducted, PaidOut, Payout, payout_of
from apps.billing.reports.paystack import unmatched
from apps.billing.services import paystack
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.errors import BodyTooLarge
from apps.core.money import text
from apps.core.owned_api import CurrencyAmountField, OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act

MOST_BYTES = 256 * 1024  # of a message: the documented ones take a hundredth of it


@extend_schema(
    tags=["payment provider"],
    summary="Where Paystack sends its messages",
    description="Signed in x-paystack-signature (HMAC-SHA512 of the body by the secret key). A message is taken once, "
    "answered at once, and believed only as far as the provider then confirms it.",
    request={"application/json": {"type": "object"}},
    responses={
        200: OpenApiResponse({"type": "object"}, description="Taken, now or before."),
        401: OpenApiResponse(RefusalSerializer, description="SIGNATURE_WRONG"),
        404: RefusalSerializer,
        413: OpenApiResponse(RefusalSerializer, description="BODY_TOO_LARGE"),
        422: OpenApiResponse(RefusalSerializer, description="MESSAGE_UNREADABLE"),
    },
    auth=[],
)
@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def webhook(request: Request, administration_id: UUID) -> Response:
    """Open to anybody who can sign: what is not signed is not read, and costs no query."""
    if not is_connected(administration_id):
        raise Http404
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise BodyTooLarge()
    given = request.headers.get("x-paystack-signature", "")
    paystack.take_message(administration_id, request._request.body, given)
    return Response({})


class ProviderPaymentSerializer(serializers.ModelSerializer[PaystackTransaction]):
    """A payment as the provider states it; amounts in its own currency. ``bill_id`` or ``patient_id`` (whose wallet)
    is what it is for, if that is known."""

    client_id = serializers.UUIDField(source="administration_id")
    amount = CurrencyAmountField()
    fees = CurrencyAmountField()

    class Meta:
        model = PaystackTransaction
        fields = (
            "id",
            "client_id",
            "administration_id",
            "reference",
            "provider_id",
            "status",
            "amount",
            "fees",
            "currency",
            "paid_on",
            "paid_at",
            "verified_at",
            "bill_id",
            "patient_id",
            "service_id",
            "settlement_id",
        )


class AssignSerializer(serializers.Serializer[Any]):
    """What a payment is for: a bill, or the wallet of a patient."""

    bill_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    patient_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    service_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Of a wallet: what it was paid for in advance."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["bill_id"] is None) == (attrs["patient_id"] is None):
            raise serializers.ValidationError({"bill_id": ["Say either bill_id or patient_id."]})
        return attrs


class LinkFormSerializer(OwnerSerializer):
    bill_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    patient_id = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="For their wallet.")
    service_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of a wallet: the taxed service that is paid in advance.",
    )
    amount = amount_input(required=False, allow_null=True, default=None, help_text="Of a bill: what it owes.")
    email = serializers.EmailField(max_length=200, help_text="Where the provider sends its receipt.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if (attrs["bill_id"] is None) == (attrs["patient_id"] is None):
            raise serializers.ValidationError({"bill_id": ["Say either bill_id or patient_id."]})
        if attrs["patient_id"] and attrs["amount"] is None:
            raise serializers.ValidationError({"amount": ["Say how much goes into the wallet."]})
        return attrs


class LinkSerializer(serializers.Serializer[Any]):
    """Where the patient pays, and the reference by which the payment will be known."""

    reference = serializers.CharField()
    address = serializers.URLField()


class ProviderPaymentFilter(OwnedFilter):
    reference = django_filters.CharFilter()
    status = django_filters.CharFilter()
    bill_id = django_filters.UUIDFilter(field_name="bill")
    patient_id = django_filters.UUIDFilter(field_name="patient")
    settlement_id = django_filters.UUIDFilter(field_name="settlement")
    start_date = django_filters.DateFilter(field_name="paid_on", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="paid_on", lookup_expr="lte")
    unmatched = django_filters.BooleanFilter(method="of_unmatched", help_text="Paid, and not taken for what they are.")

    class Meta:
        model = PaystackTransaction
        fields = ("reference", "status")

    def of_unmatched(self, queryset: Any, name: str, value: bool) -> Any:
        return unmatched(queryset) if value else queryset


ASKED = {
    400: OpenApiResponse(RefusalSerializer, description="PROVIDER_REFERENCE_UNKNOWN, PAYMENT_BEYOND_BILL, ..."),
    409: OpenApiResponse(RefusalSerializer, description="PROVIDER_NOT_CONNECTED, PROVIDER_PAYMENT_USED"),
    503: OpenApiResponse(RefusalSerializer, description="PROVIDER_UNREACHABLE"),
}


@extend_schema(tags=["payment provider"])
@extend_schema_view(
    list=extend_schema(summary="Payments that the provider stated, newest first"),
    retrieve=extend_schema(summary="One of them"),
)
class ProviderPaymentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = PaystackTransaction.objects.select_related("administration")
    serializer_class = ProviderPaymentSerializer
    filterset_class = ProviderPaymentFilter
    ordering_fields = ("paid_at", "amount")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "verify": Act.TAKE_PAYMENTS, "assign": Act.TAKE_PAYMENTS, "links": Act.TAKE_PAYMENTS}

    @extend_schema(summary="Ask the provider again", request=None, responses={200: ProviderPaymentSerializer, **ASKED})
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self._answer(paystack.verify(row.administration, row.reference))

    @extend_schema(
        summary="Say what a payment is for, and take it",
        request=AssignSerializer,
        responses={200: ProviderPaymentSerializer, **ASKED},
    )
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        row, form = self.get_object(), self.form(AssignSerializer)
        administration, user = row.administration, request.user
        bill = form["bill_id"] and named_row(Bill, form["bill_id"], administration, "bill_id")
        patient = form["patient_id"] and named_row(Patient, form["patient_id"], administration, "patient_id")
        service = form["service_id"] and named_row(Service, form["service_id"], administration, "service_id")
        paystack.assign(row, bill=bill, patient=patient, service=service, by=user)  # type: ignore[arg-type]
        return self._answer(row)

    @extend_schema(
        summary="A link by which a bill is paid, or a wallet topped up",
        request=LinkFormSerializer,
        responses={201: LinkSerializer, **ASKED},
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def links(self, request: Request) -> Response:
        form = self.form(LinkFormSerializer)
        asked: dict[str, Any] = {"amount": form["amount"], "email": form["email"], "by": request.user}
        if form["bill_id"]:
            bill = named_row(Bill, form["bill_id"], form["administration"], "bill_id")
            made = paystack.initialize_payment(bill, **asked)
        else:
            patient = named_row(Patient, form["patient_id"], form["administration"], "patient_id")
            service = form["service_id"]
            if service:
                service = named_row(Service, service, form["administration"], "service_id")
            made = paystack.initialize_top_up(patient, service=service, **asked)
        return Response(LinkSerializer(made).data, status=status.HTTP_201_CREATED)

    def _answer(self, row: PaystackTransaction) -> Response:
        return Response(ProviderPaymentSerializer(self.queryset.get(pk=row.pk)).data)


class PayoutSerializer(serializers.ModelSerializer[PaystackSettlement]):
    """A payout to the clinic's bank account: ``net`` of ``currency`` arrives there under ``bank_reference``."""

    client_id = serializers.UUIDField(source="administration_id")
    bank_reference = serializers.CharField(source="__str__")
    gross = CurrencyAmountField()
    fees = CurrencyAmountField()
    net = CurrencyAmountField()
    payments_count = serializers.IntegerField()

    class Meta:
        model = PaystackSettlement
        fields = (
            "id",
            "client_id",
            "administration_id",
            "provider_id",
            "bank_reference",
            "status",
            "currency",
            "settled_on",
            "gross",
            "fees",
            "net",
            "payments_count",
            "verified_at",
        )


class ReceiptSerializer(serializers.Serializer[Any]):
    """A receipt of a bill (R-...) or of a wallet (W-...), in the currency of the books."""

    id = serializers.UUIDField()
    number = serializers.CharField(source="__str__")
    amount = AmountField()


class PaidOutSerializer(serializers.Serializer[Any]):
    """A payment that is paid out, less its ``fees``."""

    transaction_id = serializers.UUIDField(source="stated.pk")
    reference = serializers.CharField(source="stated.reference")
    paid_on = serializers.DateField(source="stated.paid_on", allow_null=True)
    amount = serializers.SerializerMethodField()
    fees = serializers.SerializerMethodField()
    receipts = ReceiptSerializer(many=True)

    def get_amount(self, one: PaidOut) -> str:
        return text(one.stated.amount, one.stated.currency)

    def get_fees(self, one: PaidOut) -> str:
        return text(one.stated.fees, one.stated.currency)


class DeductedSerializer(serializers.Serializer[Any]):
    """A refund that was deducted; ``receipts`` are what was entered for it here."""

    refund_id = serializers.UUIDField(source="stated.pk")
    transaction_id = serializers.UUIDField(source="stated.transaction_id")
    reference = serializers.CharField(source="stated.transaction.reference")
    refunded_on = serializers.DateField(source="stated.refunded_on", allow_null=True)
    amount = serializers.SerializerMethodField()
    receipts = ReceiptSerializer(many=True)

    def get_amount(self, one: Deducted) -> str:
        return text(one.stated.amount, one.stated.currency)


class PayoutPartsSerializer(serializers.Serializer[Any]):
    """A payout by its parts. ``unexplained`` is what its ``net`` has too much or lacks beside them."""

    id = serializers.UUIDField(source="settlement.pk")
    currency = serializers.CharField()
    gross = serializers.SerializerMethodField()
    fees = serializers.SerializerMethodField()
    refunded = serializers.SerializerMethodField()
    net = serializers.SerializerMethodField()
    unexplained = serializers.SerializerMethodField()
    payments = PaidOutSerializer(many=True)
    refunds = DeductedSerializer(many=True)

    def get_gross(self, payout: Payout) -> str:
        return text(payout.gross, payout.currency)

    def get_fees(self, payout: Payout) -> str:
        return text(payout.fees, payout.currency)

    def get_refunded(self, payout: Payout) -> str:
        return text(payout.refunded, payout.currency)

    def get_net(self, payout: Payout) -> str:
        return text(payout.net, payout.currency)

    def get_unexplained(self, payout: Payout) -> str:
        return text(payout.unexplained, payout.currency)


class SettlementFilter(OwnedFilter):
    status = django_filters.CharFilter()
    currency = django_filters.CharFilter()
    start_date = django_filters.DateFilter(field_name="settled_on", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="settled_on", lookup_expr="lte")

    class Meta:
        model = PaystackSettlement
        fields = ("status", "currency")


@extend_schema(tags=["payment provider"])
@extend_schema_view(
    list=extend_schema(summary="Payouts of the provider, newest first"),
    retrieve=extend_schema(summary="One payout; its payments are the provider payments with its settlement_id"),
)
class PayoutViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = PaystackSettlement.objects.select_related("administration").annotate(
        payments_count=Count("transactions")
    )
    serializer_class = PayoutSerializer
    filterset_class = SettlementFilter
    ordering_fields = ("settled_on", "net")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC}

    @extend_schema(
        summary="A payout by its payments, its fees and what was given back", responses=PayoutPartsSerializer
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def parts(self, request: Request, pk: str) -> Response:
        return Response(PayoutPartsSerializer(payout_of(self.get_object())).data)
