"""Fixed assets over HTTP: the register, an asset's schedule, depreciation, disposal."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import AmountField, CursorPages, RefusalSerializer, ScopedViewSet
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.core.permissions import Act
from apps.ledger.models import Account, Depreciation, FixedAsset
from apps.ledger.reports.depreciation import register
from apps.ledger.services import depreciating


class FixedAssetSerializer(serializers.Serializer[Any]):
    """An asset as it stands in the books. Every amount is in the administration's currency."""

    id = serializers.UUIDField(source="asset.pk")
    administration_id = serializers.UUIDField(source="asset.administration_id")
    code = serializers.CharField(source="asset.code")
    name = serializers.CharField(source="asset.name")
    account_id = serializers.UUIDField(source="asset.account_id")
    depreciation_account_id = serializers.UUIDField(source="asset.depreciation_account_id")
    expense_account_id = serializers.UUIDField(source="asset.expense_account_id")
    acquired_on = serializers.DateField(source="asset.acquired_on")
    in_use_from = serializers.DateField(source="asset.in_use_from")
    currency = serializers.CharField(source="administration.currency")
    cost = AmountField(source="asset.cost")
    residual_value = AmountField(source="asset.residual_value")
    method = serializers.ChoiceField(FixedAsset.Method.choices, source="asset.method")
    life_months = serializers.IntegerField(source="asset.life_months")
    declining_rate = serializers.DecimalField(7, 4, source="asset.declining_rate", allow_null=True)
    opening_depreciation = AmountField(source="asset.opening_depreciation")
    depreciated = AmountField(help_text="All that was written off, before these books and in them.")
    book_value = AmountField()
    next_month = serializers.DateField(source="next.month", default=None, help_text="The month to be posted next.")
    next_amount = AmountField(source="next.amount", default=None)
    disposed_on = serializers.DateField(source="disposal.date", default=None)
    proceeds = AmountField(source="disposal.proceeds", default=None)


class ScheduledMonthSerializer(serializers.Serializer[Any]):
    """A month, by its first day; ``entry_id`` once it is posted."""

    month = serializers.DateField(source="scheduled.month")
    amount = AmountField(source="scheduled.amount")
    book_value = AmountField(source="scheduled.book_value", help_text="What is left of the cost after it.")
    entry_id = serializers.UUIDField(source="posted.entry_id", default=None)


class FixedAssetDetailSerializer(FixedAssetSerializer):
    schedule = ScheduledMonthSerializer(source="months", many=True)


class NewFixedAssetSerializer(serializers.ModelSerializer[FixedAsset]):
    administration_id = serializers.UUIDField(required=False)
    account_id = serializers.UUIDField()
    depreciation_account_id = serializers.UUIDField()
    expense_account_id = serializers.UUIDField()

    class Meta:
        model = FixedAsset
        fields = (
            "administration_id",
            "code",
            "name",
            "account_id",
            "depreciation_account_id",
            "expense_account_id",
            "acquired_on",
            "in_use_from",
            "cost",
            "residual_value",
            "method",
            "life_months",
            "declining_rate",
            "opening_depreciation",
        )


class DepreciateSerializer(serializers.Serializer[Any]):
    month = serializers.DateField(help_text="Up to and including the month that holds this day.")
    administration_id = serializers.UUIDField(required=False)


class DepreciationSerializer(serializers.ModelSerializer[Depreciation]):
    amount = AmountField()
    entry_number = serializers.CharField(source="entry")

    class Meta:
        model = Depreciation
        fields = ("id", "asset_id", "month", "revision", "amount", "entry_id", "entry_number")


class DisposeSerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    proceeds = AmountField(default=ZERO, help_text="Before VAT; nothing for what is scrapped.")
    proceeds_account_id = serializers.UUIDField(required=False, help_text="Where the proceeds go to, such as the bank.")


class FixedAssetFilter(django_filters.FilterSet):
    administration_id = django_filters.UUIDFilter(field_name="administration")
    disposed = django_filters.BooleanFilter(method="of_disposal")

    class Meta:
        model = FixedAsset
        fields = ("administration_id", "code", "disposed")

    def of_disposal(self, queryset: Any, name: str, value: bool) -> Any:
        alive = FixedAsset.objects.alive()
        return queryset.exclude(pk__in=alive.values("pk")) if value else queryset.alive()


class FixedAssetPages(CursorPages):
    ordering = ("code", "id")


@extend_schema(tags=["fixed assets"])
@extend_schema_view(
    list=extend_schema(summary="Fixed assets by code", responses=FixedAssetSerializer(many=True)),
    retrieve=extend_schema(summary="One fixed asset with its schedule", responses=FixedAssetDetailSerializer),
)
class FixedAssetViewSet(ScopedViewSet):  # no update, no destroy: by absence
    queryset = FixedAsset.objects.with_accounts()
    serializer_class = FixedAssetSerializer
    filterset_class = FixedAssetFilter
    ordering_fields = ("code", "acquired_on", "cost")
    pagination_class = FixedAssetPages
    acts = {
        "*": Act.READ_LEDGER,
        "create": Act.KEEP_ACCOUNTS,
        "depreciate": Act.KEEP_ACCOUNTS,
        "dispose": Act.KEEP_ACCOUNTS,
    }

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(FixedAssetSerializer(register(page or ()), many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._answer(self.get_object())

    @extend_schema(
        summary="Register a fixed asset",
        request=NewFixedAssetSerializer,
        responses={201: FixedAssetDetailSerializer},
    )
    def create(self, request: Request) -> Response:
        form = NewFixedAssetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        administration = self.administration(asked.pop("administration_id", None))
        for name in ("account", "depreciation_account", "expense_account"):
            asked[name] = _account(administration, f"{name}_id", asked.pop(f"{name}_id"))
        asset = FixedAsset(administration=administration, **asked)
        return self._answer(depreciating.save_asset(asset, by=request.user), status.HTTP_201_CREATED)  # type: ignore[arg-type]

    @extend_schema(
        summary="Post all depreciation that is due up to a month",
        request=DepreciateSerializer,
        responses={200: OpenApiResponse(DepreciationSerializer(many=True), description="What was posted just now.")},
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def depreciate(self, request: Request) -> Response:
        form = DepreciateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        posted = depreciating.post_depreciation(
            self.administration(form.validated_data.get("administration_id")),
            form.validated_data["month"].replace(day=1),
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(DepreciationSerializer(posted, many=True).data)

    @extend_schema(
        summary="Take a fixed asset off the books",
        request=DisposeSerializer,
        responses={
            200: FixedAssetDetailSerializer,
            409: OpenApiResponse(RefusalSerializer, description="FIXED_ASSET_DISPOSED, DISPOSAL_TOO_EARLY"),
        },
    )
    @action(detail=True, methods=["post"])
    def dispose(self, request: Request, pk: str) -> Response:
        asset = self.get_object()
        form = DisposeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked, named = form.validated_data, form.validated_data.pop("proceeds_account_id", None)
        to = _account(asset.administration, "proceeds_account_id", named) if named else None
        depreciating.dispose(asset, **asked, proceeds_account=to, by=request.user)  # type: ignore[arg-type]
        return self._answer(asset)

    def _answer(self, asset: FixedAsset, status_code: int = status.HTTP_200_OK) -> Response:
        row = register([self.queryset.get(pk=asset.pk)])[0]
        return Response(FixedAssetDetailSerializer(row).data, status=status_code)


def _account(administration: Administration, field: str, pk: Any) -> Account:
    """Raises ValidationError for an account that these books do not have."""
    account = Account.objects.filter(administration=administration, pk=pk).first()
    if account is None:
        raise serializers.ValidationError({field: ["There is no such account in these books."]})
    return account
