"""Wallets over HTTP: what is in one, what moved it, top-ups and money paid out."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Patient, TopUp, Wallet
from apps.billing.reports.wallets import movements_of
from apps.billing.services import wallets
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.money import text
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act


class WalletSerializer(serializers.ModelSerializer[Wallet]):
    """What a patient has in their wallet, in the book currency. ``stated_balance`` is what an earlier system said."""

    client_id = serializers.UUIDField(source="administration_id")
    patient_code = serializers.CharField(source="patient.code")
    balance = AmountField()
    stated_balance = AmountField(allow_null=True)

    class Meta:
        model = Wallet
        fields = (
            "id",
            "client_id",
            "administration_id",
            "patient_id",
            "patient_code",
            "balance",
            "stated_balance",
            "stated_on",
        )


class MovementSerializer(serializers.Serializer[Any]):
    """One movement: positive into the wallet. ``balance`` is what was in it afterwards."""

    id = serializers.UUIDField()
    document = serializers.CharField()
    date = serializers.DateField()
    method = serializers.CharField()
    amount = serializers.DecimalField(19, 4)
    balance = serializers.DecimalField(19, 4)
    reference = serializers.CharField()
    reason = serializers.CharField()
    bill_id = serializers.UUIDField(allow_null=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        code = self.context["currency"]
        shown = super().to_representation(instance)
        return {**shown, "amount": text(instance.amount, code), "balance": text(instance.balance, code)}


class MovementQuerySerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=1000)
    before = serializers.UUIDField(
        required=False, default=None, help_text="The id of the last movement of the page before."
    )


class TopUpSerializer(serializers.ModelSerializer[TopUp]):
    """A top-up, or money paid out of a wallet (negative). Born into the clinic day of ``date``."""

    client_id = serializers.UUIDField(source="administration_id")
    number = serializers.CharField(source="__str__")
    patient_code = serializers.CharField(source="patient.code")
    date = serializers.DateField(source="clinic_day.date")
    late_for = serializers.DateField(source="late_for.date", allow_null=True, default=None)
    amount = AmountField()

    class Meta:
        model = TopUp
        fields = (
            "id",
            "client_id",
            "administration_id",
            "number",
            "patient_id",
            "patient_code",
            "date",
            "late_for",
            "method",
            "amount",
            "shift_id",
            "reference",
            "reason",
            "taken_by",
            "taken_at",
        )


class TopUpFormSerializer(OwnerSerializer):
    patient_id = serializers.UUIDField()
    method = serializers.ChoiceField(TopUp.Method.choices)
    amount = amount_input()
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    date = serializers.DateField(required=False, default=None, help_text="The clinic's today, unless given.")


class PayOutFormSerializer(TopUpFormSerializer):
    reason = serializers.CharField(max_length=200)


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class AmountFilter(django_filters.NumberFilter):
    """An amount in a query, a string as everywhere."""


class WalletFilter(OwnedFilter):
    patient_id = django_filters.UUIDFilter(field_name="patient")
    patient_code = django_filters.CharFilter(field_name="patient__code")
    balance_min = AmountFilter(field_name="balance", lookup_expr="gte")
    balance_max = AmountFilter(field_name="balance", lookup_expr="lte")

    class Meta:
        model = Wallet
        fields = ("patient_id",)


class TopUpFilter(OwnedFilter):
    patient_id = django_filters.UUIDFilter(field_name="patient")
    method = django_filters.ChoiceFilter(choices=TopUp.Method.choices)
    reference = django_filters.CharFilter()
    start_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="lte")

    class Meta:
        model = TopUp
        fields = ("method", "reference")


@extend_schema(tags=["wallets"])
@extend_schema_view(
    list=extend_schema(summary="Wallets of patients"), retrieve=extend_schema(summary="One wallet with its balance")
)
class WalletViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No create, no update: a wallet is there from its first top-up, and its balance follows from its movements."""

    queryset = Wallet.objects.select_related("administration", "patient")
    serializer_class = WalletSerializer
    filterset_class = WalletFilter
    ordering_fields = ("balance", "patient__code")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC}

    @extend_schema(
        summary="What went into a wallet and out of it, newest first",
        parameters=[MovementQuerySerializer],
        responses=MovementSerializer(many=True),
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def movements(self, request: Request, pk: str) -> Response:
        wallet, asked = self.get_object(), self.query(MovementQuerySerializer)
        moved = movements_of(wallet, most=asked["limit"], before=asked["before"])
        context = {"currency": wallet.administration.currency}
        return Response(MovementSerializer(moved, many=True, context=context).data)


REFUSED = {
    400: OpenApiResponse(RefusalSerializer, description="BEYOND_WALLET"),
    409: OpenApiResponse(RefusalSerializer, description="PATIENT_ERASED, SHIFT_CLOSED"),
    422: OpenApiResponse(RefusalSerializer, description="VALIDATION_ERROR, PAYMENT_NOT_POSITIVE"),
}


@extend_schema(tags=["wallets"])
@extend_schema_view(
    list=extend_schema(summary="Top-ups and money paid out, newest first"),
    retrieve=extend_schema(summary="One top-up"),
)
class TopUpViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: the opposite is entered."""

    queryset = TopUp.objects.select_related("administration", "patient", "clinic_day", "late_for")
    serializer_class = TopUpSerializer
    filterset_class = TopUpFilter
    ordering_fields = ("taken_at", "amount", "number")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.TAKE_PAYMENTS, "pay_out": Act.APPROVE}

    @extend_schema(
        summary="Put money into a wallet", request=TopUpFormSerializer, responses={201: TopUpSerializer, **REFUSED}
    )
    def create(self, request: Request) -> Response:
        return self._answer(wallets.top_up(**self._asked(TopUpFormSerializer)))

    @extend_schema(
        summary="Give money out of a wallet back",
        description="Never more than is in it. The manager or the owner does it, with a reason.",
        request=PayOutFormSerializer,
        responses={201: TopUpSerializer, **REFUSED},
    )
    @action(detail=False, methods=["post"], url_path="pay-out", pagination_class=None, filterset_class=None)
    def pay_out(self, request: Request) -> Response:
        return self._answer(wallets.pay_out(**self._asked(PayOutFormSerializer)))

    def _asked(self, serializer: type[TopUpFormSerializer]) -> dict[str, Any]:
        """What the services of both take."""
        form = self.form(serializer)
        patient = named_row(Patient, form.pop("patient_id"), form.pop("administration"), "patient_id")
        return {"patient": patient, "day": form.pop("date"), "by": self.request.user, **form}

    def _answer(self, made: TopUp) -> Response:
        return Response(TopUpSerializer(self.queryset.get(pk=made.pk)).data, status=status.HTTP_201_CREATED)
