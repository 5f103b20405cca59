"""What the clinic offers, over HTTP: services with their prices by date, and groups of services."""

from typing import Any

import django_filters
from django.db.models import Prefetch, Q
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Service, ServiceGroup, ServicePrice
from apps.billing.services import catalogue
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act
from apps.ledger.models import Account, VatCode


class CodePages(CursorPages):
    ordering = ("code", "id")


class _CatalogueViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No destroy: bills name what is here."""

    http_method_names = ("get", "post", "patch", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.SET_PRICES, "partial_update": Act.SET_PRICES}

    def changes(
        self, serializer: type[serializers.Serializer[Any]], named: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The row, and what the body changes of it; ``named`` are the models of the rows that it names by id."""
        row = self.get_object()
        form = serializer(data=self.request.data, partial=True)
        form.is_valid(raise_exception=True)
        taken = dict(form.validated_data)
        for field, model in named.items():
            if f"{field}_id" in taken:
                taken[field] = named_row(model, taken.pop(f"{field}_id"), row.administration, f"{field}_id")
        return row, taken


# Groups --------------------------------------------------------------------------------------------------------------


class ServiceGroupSerializer(serializers.ModelSerializer[ServiceGroup]):
    account_code = serializers.CharField(source="account.code")

    class Meta:
        model = ServiceGroup
        fields = ("id", "administration_id", "code", "name", "account_id", "account_code")


class GroupFactsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    account_id = serializers.UUIDField(help_text="The revenue account.")


class GroupFormSerializer(OwnerSerializer, GroupFactsSerializer):
    code = serializers.CharField(max_length=32)


class GroupFilter(OwnedFilter):
    code = django_filters.CharFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = ServiceGroup
        fields = ("code", "name")


TAKEN = {409: OpenApiResponse(RefusalSerializer, description="CODE_TAKEN")}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Groups of services, by code"),
    retrieve=extend_schema(summary="One group"),
)
class ServiceGroupViewSet(_CatalogueViewSet):
    queryset = ServiceGroup.objects.select_related("administration", "account")
    serializer_class = ServiceGroupSerializer
    filterset_class = GroupFilter
    ordering_fields = ("code", "name")
    pagination_class = CodePages

    @extend_schema(summary="Add a group", request=GroupFormSerializer, responses={201: ServiceGroupSerializer, **TAKEN})
    def create(self, request: Request) -> Response:
        form = self.form(GroupFormSerializer)
        administration = form["administration"]
        group = catalogue.create_group(
            administration,
            code=form["code"],
            name=form["name"],
            account=named_row(Account, form["account_id"], administration, "account_id"),
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(ServiceGroupSerializer(group).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change a group", request=GroupFactsSerializer, responses={200: ServiceGroupSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        group, facts = self.changes(GroupFactsSerializer, {"account": Account})
        group = catalogue.change_group(group, by=request.user, **facts)  # type: ignore[arg-type]
        return Response(ServiceGroupSerializer(group).data)


# Prices --------------------------------------------------------------------------------------------------------------


class PriceSerializer(serializers.ModelSerializer[ServicePrice]):
    """What a service costs from one day to another, both included."""

    service_id = serializers.UUIDField()
    price = AmountField()

    class Meta:
        model = ServicePrice
        fields = ("id", "service_id", "price", "includes_vat", "valid_from", "valid_until", "created_at")


class PriceFactsSerializer(serializers.Serializer[Any]):
    price = amount_input()
    includes_vat = serializers.BooleanField(required=False, default=True)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="The last day it holds."
    )


class PriceFormSerializer(OwnerSerializer, PriceFactsSerializer):
    service_id = serializers.UUIDField()


class PriceFilter(OwnedFilter):
    service_id = django_filters.UUIDFilter(field_name="service")
    valid_on = django_filters.DateFilter(method="on_day", help_text="Those that hold on that day.")

    class Meta:
        model = ServicePrice
        fields = ()

    def on_day(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.filter(Q(valid_until=None) | Q(valid_until__gte=value), valid_from__lte=value)


OVERLAPS = {409: OpenApiResponse(RefusalSerializer, description="PRICE_OVERLAPS")}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Prices, newest first"),
    retrieve=extend_schema(summary="One price"),
)
class PriceViewSet(_CatalogueViewSet):
    queryset = ServicePrice.objects.select_related("administration", "service__administration")
    serializer_class = PriceSerializer
    filterset_class = PriceFilter
    ordering_fields = ("valid_from", "price")
    pagination_class = CursorPages

    @extend_schema(summary="Add a price", request=PriceFormSerializer, responses={201: PriceSerializer, **OVERLAPS})
    def create(self, request: Request) -> Response:
        form = self.form(PriceFormSerializer)
        service = named_row(Service, form.pop("service_id"), form.pop("administration"), "service_id")
        price = catalogue.add_price(service, catalogue.Priced(**form), by=request.user)  # type: ignore[arg-type]
        return Response(PriceSerializer(price).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="End a price, or mend it; bills keep what they say",
        request=PriceFactsSerializer,
        responses={200: PriceSerializer, **OVERLAPS},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        price, facts = self.changes(PriceFactsSerializer, {})
        price = catalogue.change_price(price, by=request.user, **facts)  # type: ignore[arg-type]
        return Response(PriceSerializer(price).data)


# Services ------------------------------------------------------------------------------------------------------------


class ServiceSerializer(serializers.ModelSerializer[Service]):
    group_code = serializers.CharField(source="group.code")
    vat_code = serializers.CharField(source="vat_code.code")
    vat_rate = serializers.DecimalField(7, 4, source="vat_code.rate")
    currency = serializers.CharField(source="administration.currency")
    prices = PriceSerializer(many=True, help_text="Newest first.")

    class Meta:
        model = Service
        fields = (
            "id",
            "administration_id",
            "code",
            "name",
            "group_id",
            "group_code",
            "vat_code_id",
            "vat_code",
            "vat_rate",
            "is_active",
            "currency",
            "prices",
        )


class ServiceFactsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    group_id = serializers.UUIDField()
    vat_code_id = serializers.UUIDField()
    is_active = serializers.BooleanField(required=False, default=True)


class ServiceFormSerializer(OwnerSerializer, ServiceFactsSerializer):
    code = serializers.CharField(max_length=32)
    prices = PriceFactsSerializer(many=True, required=False, default=list)


class ServiceFilter(OwnedFilter):
    code = django_filters.CharFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")
    group_id = django_filters.UUIDFilter(field_name="group")
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Service
        fields = ("code", "name", "is_active")


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Services with their prices, by code"),
    retrieve=extend_schema(summary="One service with its prices"),
)
class ServiceViewSet(_CatalogueViewSet):
    queryset = Service.objects.select_related("administration", "group", "vat_code").prefetch_related(
        Prefetch("prices", ServicePrice.objects.select_related("administration").order_by("-valid_from"))
    )
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilter
    ordering_fields = ("code", "name")
    pagination_class = CodePages

    @extend_schema(
        summary="Add a service with its prices",
        request=ServiceFormSerializer,
        responses={
            201: ServiceSerializer,
            409: OpenApiResponse(RefusalSerializer, description="CODE_TAKEN, PRICE_OVERLAPS"),
        },
    )
    def create(self, request: Request) -> Response:
        form = self.form(ServiceFormSerializer)
        administration = form["administration"]
        service = catalogue.create_service(
            administration,
            code=form["code"],
            name=form["name"],
            group=named_row(ServiceGroup, form["group_id"], administration, "group_id"),
            vat_code=named_row(VatCode, form["vat_code_id"], administration, "vat_code_id"),
            is_active=form["is_active"],
            prices=[catalogue.Priced(**row) for row in form["prices"]],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(service, status.HTTP_201_CREATED)

    @extend_schema(summary="Change a service", request=ServiceFactsSerializer, responses={200: ServiceSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        service, facts = self.changes(ServiceFactsSerializer, {"group": ServiceGroup, "vat_code": VatCode})
        return self._answer(catalogue.change_service(service, by=request.user, **facts))  # type: ignore[arg-type]

    def _answer(self, service: Service, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(ServiceSerializer(self.queryset.get(pk=service.pk)).data, status=status_code)
