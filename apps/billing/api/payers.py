"""Payers over HTTP: who they are, what they agreed to pay, whom they cover, what they owe and for how long."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Cover, Patient, Payer, Service, Tariff
from apps.billing.reports.claims import BUCKETS, PayerAgeing, ageing
from apps.billing.services import covers, tariffs
from apps.billing.services.catalogue import register_payer
from apps.billing.services.days import local_date
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.money import ZERO, text
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act


class PayerSerializer(serializers.ModelSerializer[Payer]):
    class Meta:
        model = Payer
        fields = ("id", "administration_id", "code", "name", "method", "is_active")


class PayerFormSerializer(OwnerSerializer):
    code = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    method = serializers.ChoiceField(
        Payer._meta.get_field("method").choices,  # type: ignore[arg-type]
        required=False,
        default="INSURANCE",
    )


class AgeingQuerySerializer(OwnerSerializer):
    as_of = serializers.DateField(required=False, default=None, help_text="The clinic's today, unless given.")


class PayerAgeingSerializer(serializers.Serializer[Any]):
    """What a payer owes, by days since its claims were submitted, or billed where they were not."""

    payer_id = serializers.UUIDField(source="payer.id")
    payer_name = serializers.CharField(source="payer.name")
    claims_count = serializers.IntegerField(source="claims")
    days_0_30 = serializers.CharField()
    days_31_60 = serializers.CharField()
    days_61_90 = serializers.CharField()
    days_over_90 = serializers.CharField()
    total = serializers.CharField()
    unassigned = serializers.CharField(help_text="Its money that no claim was found for.")

    def to_representation(self, instance: PayerAgeing) -> dict[str, Any]:
        code = instance.payer.administration.currency
        names = ("days_0_30", "days_31_60", "days_61_90", "days_over_90")
        assert len(names) == len(BUCKETS)  # noqa: S101 - the names say what the report counts
        return {
            "payer_id": str(instance.payer.pk),
            "payer_name": instance.payer.name,
            "claims_count": instance.claims,
            **{name: text(amount, code) for name, amount in zip(names, instance.buckets, strict=True)},
            "total": text(instance.total, code),
            "unassigned": text(instance.unassigned, code),
        }


class PayerFilter(OwnedFilter):
    code = django_filters.CharFilter()
    method = django_filters.CharFilter()
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Payer
        fields = ("code", "method", "is_active")


@extend_schema(tags=["payers"])
@extend_schema_view(list=extend_schema(summary="Payers"), retrieve=extend_schema(summary="One payer"))
class PayerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = Payer.objects.select_related("administration")
    serializer_class = PayerSerializer
    filterset_class = PayerFilter
    ordering_fields = ("name", "code")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.SET_PRICES}

    @extend_schema(summary="Register a payer", request=PayerFormSerializer, responses={201: PayerSerializer})
    def create(self, request: Request) -> Response:
        form = self.form(PayerFormSerializer)
        payer = register_payer(form.pop("administration"), **form, by=request.user)  # type: ignore[arg-type]
        return Response(PayerSerializer(payer).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="What payers owe, by age",
        parameters=[AgeingQuerySerializer],
        responses={200: PayerAgeingSerializer(many=True)},
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def ageing(self, request: Request) -> Response:
        query = self.query(AgeingQuerySerializer)
        administration = query["administration"]
        rows = ageing(administration, query["as_of"] or local_date(administration))
        return Response(PayerAgeingSerializer(rows, many=True).data)


# Tariffs -------------------------------------------------------------------------------------------------------------


class TariffSerializer(serializers.ModelSerializer[Tariff]):
    price = AmountField()
    co_pay = AmountField()
    currency = serializers.CharField(source="administration.currency")

    class Meta:
        model = Tariff
        fields = (
            "id",
            "administration_id",
            "payer_id",
            "service_id",
            "currency",
            "price",
            "co_pay",
            "includes_vat",
            "valid_from",
            "valid_until",
        )


class TariffFormSerializer(OwnerSerializer):
    payer_id = serializers.UUIDField()
    service_id = serializers.UUIDField()
    price = amount_input()
    co_pay = amount_input(required=False, default=ZERO, help_text="Of it, by the patient.")
    includes_vat = serializers.BooleanField(required=False, default=True)
    valid_from = serializers.DateField()


class LastDaySerializer(serializers.Serializer[Any]):
    last_day = serializers.DateField()


class TariffFilter(OwnedFilter):
    payer_id = django_filters.UUIDFilter(field_name="payer")
    service_id = django_filters.UUIDFilter(field_name="service")
    on = django_filters.DateFilter(method="that_hold_on", label="Tariffs that hold on this day.")

    class Meta:
        model = Tariff
        fields = ("payer_id", "service_id")

    def that_hold_on(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.on(value)


@extend_schema(tags=["payers"])
@extend_schema_view(list=extend_schema(summary="Tariffs"), retrieve=extend_schema(summary="One tariff"))
class TariffViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = Tariff.objects.select_related("administration")
    serializer_class = TariffSerializer
    filterset_class = TariffFilter
    ordering_fields = ("valid_from", "price")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.SET_PRICES, "end": Act.SET_PRICES}

    @extend_schema(
        summary="Set a tariff; the one before it ends", request=TariffFormSerializer, responses={201: TariffSerializer}
    )
    def create(self, request: Request) -> Response:
        form = self.form(TariffFormSerializer)
        administration = form.pop("administration")
        tariff = tariffs.set_tariff(
            payer=named_row(Payer, form.pop("payer_id"), administration, "payer_id"),
            service=named_row(Service, form.pop("service_id"), administration, "service_id"),
            **form,
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(TariffSerializer(tariff).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="End a tariff", request=LastDaySerializer, responses={200: TariffSerializer})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        tariff = self.get_object()
        tariff = tariffs.end_tariff(tariff, **self.form(LastDaySerializer), by=request.user)  # type: ignore[arg-type]
        return Response(TariffSerializer(tariff).data)


# Covers --------------------------------------------------------------------------------------------------------------


class CoverSerializer(serializers.ModelSerializer[Cover]):
    patient_code = serializers.CharField(source="patient.code")

    class Meta:
        model = Cover
        fields = (
            "id",
            "administration_id",
            "patient_id",
            "patient_code",
            "payer_id",
            "member_number",
            "plan",
            "valid_from",
            "valid_until",
        )


class CoverFormSerializer(OwnerSerializer):
    patient_id = serializers.UUIDField()
    payer_id = serializers.UUIDField()
    member_number = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    plan = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(required=False, allow_null=True, default=None)


class CoverFilter(OwnedFilter):
    payer_id = django_filters.UUIDFilter(field_name="payer")
    patient_id = django_filters.UUIDFilter(field_name="patient")
    patient_code = django_filters.CharFilter(field_name="patient__code")
    on = django_filters.DateFilter(method="that_hold_on", label="Covers that hold on this day.")

    class Meta:
        model = Cover
        fields = ("payer_id", "patient_id")

    def that_hold_on(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.on(value)


@extend_schema(tags=["payers"])
@extend_schema_view(list=extend_schema(summary="Who is covered"), retrieve=extend_schema(summary="One cover"))
class CoverViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = Cover.objects.select_related("administration", "patient")
    serializer_class = CoverSerializer
    filterset_class = CoverFilter
    ordering_fields = ("valid_from", "patient__code")
    pagination_class = CursorPages
    acts = {"*": Act.READ_CLINIC, "create": Act.TAKE_PAYMENTS, "end": Act.TAKE_PAYMENTS}

    @extend_schema(
        summary="Enter that a payer covers a patient",
        request=CoverFormSerializer,
        responses={201: CoverSerializer, 409: OpenApiResponse(RefusalSerializer, description="COVER_OVERLAPS")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(CoverFormSerializer)
        administration = form.pop("administration")
        cover = covers.enrol_patient(
            named_row(Patient, form.pop("patient_id"), administration, "patient_id"),
            payer=named_row(Payer, form.pop("payer_id"), administration, "payer_id"),
            **form,
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(CoverSerializer(cover).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="End a cover", request=LastDaySerializer, responses={200: CoverSerializer})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        cover = covers.end_cover(self.get_object(), **self.form(LastDaySerializer), by=request.user)  # type: ignore[arg-type]
        return Response(CoverSerializer(cover).data)
