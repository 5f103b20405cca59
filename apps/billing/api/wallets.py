"""Wallets over HTTP: what is in one, what moved it, top-ups and advances, money paid out."""

from typing import Any

import django_filters
from django.db.models import Q
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Patient, Service, TopUp, Wallet
from apps.billing.reports.advances import earmarked, with_left
from apps.billing.reports.wallets import movements_of
from apps.billing.services import wallets
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.money import text
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act


class WalletSerializer(serializers.ModelSerializer[Wallet]):
    """What a patient has in their wallet, in the book currency. ``stated_balance`` is what an earlier system said.

    Of the ``balance`` the part ``earmarked`` was paid in advance for services; the rest pays for anything.
    """

    client_id = serializers.UUIDField(source="administration_id")
    patient_code = serializers.CharField(source="patient.code")
    balance = AmountField()
    earmarked = AmountField()
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
            "earmarked",
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
    service = serializers.CharField(
        allow_null=True, help_text="The code of the service that it was paid for in advance."
    )

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
    """A top-up, or money paid out of a wallet (negative). Born into the clinic day of ``date``.

    With a ``service_id`` it is an advance: ``amount`` is ``net`` and ``vat``, declared when it was received, and
    ``left`` is what no bill used and nobody gave back yet. Money given back of an advance names it in ``advance_id``.
    """

    client_id = serializers.UUIDField(source="administration_id")
    number = serializers.CharField(source="__str__")
    patient_code = serializers.CharField(source="patient.code")
    date = serializers.DateField(source="clinic_day.date")
    late_for = serializers.DateField(source="late_for.date", allow_null=True, default=None)
    amount = AmountField()
    service_code = serializers.CharField(source="service.code", allow_null=True, default=None)
    vat_code = serializers.CharField(source="vat_code.code", allow_null=True, default=None)
    net = AmountField(allow_null=True)
    vat = AmountField(allow_null=True)
    left = AmountField(allow_null=True)

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
            "service_id",
            "service_code",
            "vat_code",
            "vat_rate",
            "net",
            "vat",
            "left",
            "advance_id",
            "shift_id",
            "reference",
            "reason",
            "taken_by",
            "taken_at",
        )


class MoneyFormSerializer(OwnerSerializer):
    patient_id = serializers.UUIDField()
    method = serializers.ChoiceField(TopUp.Method.choices)
    amount = amount_input()
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    date = serializers.DateField(required=False, default=None, help_text="The clinic's today, unless given.")


class TopUpFormSerializer(MoneyFormSerializer):
    service_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="What it is paid for in advance, when that is one taxed service: its VAT is declared on receipt.",
    )


class PayOutFormSerializer(MoneyFormSerializer):
    reason = serializers.CharField(max_length=200)
    advance_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The advance that goes back, with its VAT."
    )


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
    service_id = django_filters.UUIDFilter(field_name="service")
    advance_id = django_filters.UUIDFilter(field_name="advance", help_text="What was given back of that advance.")
    open = django_filters.BooleanFilter(method="of_open", help_text="Advances of which something is left, or the rest.")
    start_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="lte")

    class Meta:
        model = TopUp
        fields = ("method", "reference")

    def of_open(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(left__gt=0) if value else queryset.filter(Q(left=None) | Q(left=0))


@extend_schema(tags=["wallets"])
@extend_schema_view(
    list=extend_schema(summary="Wallets of patients"), retrieve=extend_schema(summary="One wallet with its balance")
)
class WalletViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No create, no update: a wallet is there from its first top-up, and its balance follows from its movements."""

    queryset = Wallet.objects.select_related("administration", "patient").annotate(earmarked=earmarked())
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
    400: OpenApiResponse(RefusalSerializer, description="BEYOND_WALLET, ADVANCE_UNTAXED, ADVANCE_BEYOND_LEFT"),
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

    queryset = with_left(
        TopUp.objects.select_related("administration", "patient", "clinic_day", "late_for", "service", "vat_code")
    )
    serializer_class = TopUpSerializer
    filterset_class = TopUpFilter
    ordering_fields = ("taken_at", "amount", "number")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.TAKE_PAYMENTS, "pay_out": Act.APPROVE}

    @extend_schema(
        summary="Put money into a wallet, for anything or in advance for one taxed service",
        request=TopUpFormSerializer,
        responses={201: TopUpSerializer, **REFUSED},
    )
    def create(self, request: Request) -> Response:
        asked = self._asked(TopUpFormSerializer)
        return self._answer(wallets.top_up(service=self._named(Service, asked, "service_id"), **asked))

    @extend_schema(
        summary="Give money out of a wallet back",
        description="Never more than is in it, or than is left of the advance that it names. The manager or the owner "
        "does it, with a reason.",
        request=PayOutFormSerializer,
        responses={201: TopUpSerializer, **REFUSED},
    )
    @action(detail=False, methods=["post"], url_path="pay-out", pagination_class=None, filterset_class=None)
    def pay_out(self, request: Request) -> Response:
        asked = self._asked(PayOutFormSerializer)
        return self._answer(wallets.pay_out(advance=self._named(TopUp, asked, "advance_id"), **asked))

    def _named(self, model: Any, asked: dict[str, Any], name: str) -> Any:
        """The row of the patient's administration that the body names, taken out of what was ``asked``."""
        key = asked.pop(name)
        return key and named_row(model, key, asked["patient"].administration, name)

    def _asked(self, serializer: type[MoneyFormSerializer]) -> dict[str, Any]:
        """What the services of both take."""
        form = self.form(serializer)
        patient = named_row(Patient, form.pop("patient_id"), form.pop("administration"), "patient_id")
        return {"patient": patient, "day": form.pop("date"), "by": self.request.user, **form}

    def _answer(self, made: TopUp) -> Response:
        return Response(TopUpSerializer(self.queryset.get(pk=made.pk)).data, status=status.HTTP_201_CREATED)
