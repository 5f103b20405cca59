"""Parties, accounts, journals, VAT codes and exchange rates over HTTP."""

from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer
from apps.core.permissions import Act
from apps.ledger.models import Account, ExchangeRate, Journal, Party, VatCode
from apps.ledger.services.parties import change_party, create_party
from apps.ledger.services.rates import add_rate


class CodePages(CursorPages):
    ordering = ("code", "id")


class _ListViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    ordering_fields = ("code", "name")
    pagination_class = CodePages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS, "partial_update": Act.KEEP_ACCOUNTS}


# Parties -------------------------------------------------------------------------------------------------------------

PARTY_FACTS = ("name", "country", "vat_number", "organization_number", "iban", "email", "payment_days")


class PartySerializer(serializers.ModelSerializer[Party]):
    client_id = serializers.UUIDField(source="administration_id")
    email = serializers.CharField()

    class Meta:
        model = Party
        fields = ("id", "client_id", "administration_id", "kind", "code", *PARTY_FACTS)


class PartyFactsSerializer(serializers.ModelSerializer[Party]):
    """What may change of a party; numbers are checked by the rules of their country."""

    class Meta:
        model = Party
        fields = PARTY_FACTS


class PartyFormSerializer(OwnerSerializer, serializers.ModelSerializer[Party]):
    class Meta:
        model = Party
        fields = ("client_id", "administration_id", "kind", "code", *PARTY_FACTS)


class PartyFilter(OwnedFilter):
    kind = django_filters.ChoiceFilter(choices=Party.Kind.choices)
    code = django_filters.CharFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")
    vat_number = django_filters.CharFilter()
    iban = django_filters.CharFilter()

    class Meta:
        model = Party
        fields = ("kind", "code", "name", "vat_number", "iban")


NUMBER = {422: OpenApiResponse(RefusalSerializer, description="VALIDATION_ERROR, PARTY_NUMBER_INVALID")}


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="Parties, by code"),
    retrieve=extend_schema(summary="One party"),
)
class PartyViewSet(_ListViewSet):
    queryset = Party.objects.all()
    serializer_class = PartySerializer
    filterset_class = PartyFilter
    http_method_names = ("get", "post", "patch", "head", "options")

    @extend_schema(summary="Register a party", request=PartyFormSerializer, responses={201: PartySerializer, **NUMBER})
    def create(self, request: Request) -> Response:
        form = self.form(PartyFormSerializer)
        party = create_party(form.pop("administration"), by=request.user, **form)  # type: ignore[arg-type]
        return Response(PartySerializer(party).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change a party", request=PartyFactsSerializer, responses={200: PartySerializer, **NUMBER})
    def partial_update(self, request: Request, pk: str) -> Response:
        form = PartyFactsSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        party = change_party(self.get_object(), by=request.user, **form.validated_data)  # type: ignore[arg-type]
        return Response(PartySerializer(party).data)


# Accounts, journals, VAT codes ---------------------------------------------------------------------------------------


class AccountSerializer(serializers.ModelSerializer[Account]):
    client_id = serializers.UUIDField(source="administration_id")

    class Meta:
        model = Account
        fields = (
            "id",
            "client_id",
            "administration_id",
            "code",
            "name",
            "type",
            "place",
            "standard_code",
            "control",
            "purpose",
        )


class AccountFilter(OwnedFilter):
    code = django_filters.CharFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")
    type = django_filters.ChoiceFilter(choices=Account.Type.choices)
    control = django_filters.ChoiceFilter(choices=Account.Control.choices)
    purpose = django_filters.CharFilter()

    class Meta:
        model = Account
        fields = ("code", "name", "type", "control", "purpose")


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="The chart of accounts, by code"),
    retrieve=extend_schema(summary="One account"),
)
class AccountViewSet(_ListViewSet):
    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    filterset_class = AccountFilter


class JournalSerializer(serializers.ModelSerializer[Journal]):
    client_id = serializers.UUIDField(source="administration_id")

    class Meta:
        model = Journal
        fields = ("id", "client_id", "administration_id", "code", "name", "type")


class JournalFilter(OwnedFilter):
    code = django_filters.CharFilter()
    type = django_filters.ChoiceFilter(choices=Journal.Type.choices)

    class Meta:
        model = Journal
        fields = ("code", "type")


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="Journals, by code"),
    retrieve=extend_schema(summary="One journal"),
)
class JournalViewSet(_ListViewSet):
    queryset = Journal.objects.all()
    serializer_class = JournalSerializer
    filterset_class = JournalFilter


class VatCodeSerializer(serializers.ModelSerializer[VatCode]):
    client_id = serializers.UUIDField(source="administration_id")

    class Meta:
        model = VatCode
        fields = (
            "id",
            "client_id",
            "administration_id",
            "code",
            "name",
            "description",
            "rate",
            "category",
            "account_id",
            "input_account_id",
            "deductible",
            "box_turnover",
            "box_vat",
            "box_deductible",
            "standard_code",
            "reverse_charge",
            "eu_only",
            "requires_vat_number",
            "icp",
            "valid_from",
            "valid_until",
        )


class VatCodeFilter(OwnedFilter):
    code = django_filters.CharFilter()
    category = django_filters.ChoiceFilter(choices=VatCode.Category.choices)
    valid_on = django_filters.DateFilter(method="on_day")
    active_only = django_filters.BooleanFilter(method="today")

    class Meta:
        model = VatCode
        fields = ("code", "category")

    def on_day(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.valid_on(value)

    def today(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.valid_on(timezone.localdate()) if value else queryset


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="VAT codes, by code"),
    retrieve=extend_schema(summary="One VAT code"),
)
class VatCodeViewSet(_ListViewSet):
    queryset = VatCode.objects.all()
    serializer_class = VatCodeSerializer
    filterset_class = VatCodeFilter


# Exchange rates ------------------------------------------------------------------------------------------------------


class ExchangeRateSerializer(serializers.ModelSerializer[ExchangeRate]):
    client_id = serializers.UUIDField(source="administration_id")

    class Meta:
        model = ExchangeRate
        fields = ("id", "client_id", "administration_id", "currency", "date", "rate", "source")


class ExchangeRateFormSerializer(OwnerSerializer):
    currency = serializers.CharField(max_length=3)
    date = serializers.DateField()
    rate = serializers.DecimalField(18, 8, help_text="What one unit of it is worth in the book currency.")
    source = serializers.CharField(required=False, allow_blank=True, default="", max_length=40)  # type: ignore[assignment]


class ExchangeRateFilter(OwnedFilter):
    currency = django_filters.CharFilter(lookup_expr="iexact")
    start_date = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = ExchangeRate
        fields = ("currency",)


class RatePages(CursorPages):
    ordering = ("-date", "-id")


@extend_schema(tags=["ledger"])
@extend_schema_view(list=extend_schema(summary="Exchange rates, newest first"))
class ExchangeRateViewSet(mixins.ListModelMixin, OwnedViewSet):
    queryset = ExchangeRate.objects.all()
    serializer_class = ExchangeRateSerializer
    filterset_class = ExchangeRateFilter
    ordering_fields = ("date", "currency")
    pagination_class = RatePages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS}

    @extend_schema(
        summary="Add the exchange rate of a day",
        request=ExchangeRateFormSerializer,
        responses={201: ExchangeRateSerializer},
    )
    def create(self, request: Request) -> Response:
        form = self.form(ExchangeRateFormSerializer)
        added = add_rate(form.pop("administration"), by=request.user, **form)  # type: ignore[arg-type]
        return Response(ExchangeRateSerializer(added).data, status=status.HTTP_201_CREATED)
