"""Bank accounts and CSV mappings over HTTP."""

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, named_rows
from apps.core.permissions import Act
from apps.ledger.models import Account, Journal
from apps.reconciliation.formats.mapping import CsvReading, shipped
from apps.reconciliation.models import BankAccount, CsvMapping
from apps.reconciliation.services import bank_accounts


class AccountNamed(serializers.Serializer[Any]):
    """The bank account that a body names, by its id or by its journal."""

    bank_account_id = serializers.UUIDField(required=False)
    journal_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("bank_account_id") and not attrs.get("journal_id"):
            raise serializers.ValidationError({"journal_id": [_("Name the journal of the bank account.")]})
        return super().validate(attrs)


def account_named(form: dict[str, Any]) -> BankAccount:
    """The bank account that a form names. A foreign one and one that is not there are refused alike."""
    rows = BankAccount.objects.filter(administration=form["administration"]).select_related("administration")
    named = {"bank_account_id": "pk", "journal_id": "journal"}
    for name, lookup in named.items():
        if form.get(name):
            found: BankAccount | None = rows.filter(**{lookup: form[name]}).first()
            if found is None:
                raise serializers.ValidationError({name: [_("There is no such bank account here.")]})
            return found
    raise serializers.ValidationError({"journal_id": [_("Name the journal of the bank account.")]})


class BankAccountSerializer(serializers.ModelSerializer[BankAccount]):
    client_id = serializers.UUIDField(source="administration_id")

    class Meta:
        model = BankAccount
        fields: Any = (
            "id",
            "client_id",
            "administration_id",
            "name",
            "iban",
            "currency",
            "journal_id",
            "account_id",
            "statements_kept",
            "matches_imports",
            "mapping",
            "is_active",
        )


class BankAccountFactsSerializer(serializers.ModelSerializer[BankAccount]):
    """What may change of a bank account; its number only before its first statement."""

    class Meta:
        model = BankAccount
        fields: Any = ("name", "iban", "statements_kept", "matches_imports", "is_active")


class BankAccountFormSerializer(OwnerSerializer):
    name = serializers.CharField(max_length=100)
    iban = serializers.CharField(required=False, allow_blank=True, default="", max_length=50)
    currency = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=3, help_text="That of the books, unless given."
    )
    journal_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="One of type BANK; its own, unless given."
    )
    account_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="A ledger account of its own, unless given."
    )
    statements_kept = serializers.ChoiceField(
        BankAccount.Statements.choices, required=False, default=BankAccount.Statements.AS_FILED
    )


class BankAccountFilter(OwnedFilter):
    journal_id = django_filters.UUIDFilter(field_name="journal")
    iban = django_filters.CharFilter()
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = BankAccount
        fields = ("iban", "is_active")


class NamePages(CursorPages):
    ordering = ("name", "id")


KEPT = {
    409: OpenApiResponse(RefusalSerializer, description="BANK_ACCOUNT_KNOWN, BANK_ACCOUNT_IN_USE"),
    422: OpenApiResponse(RefusalSerializer, description="VALIDATION_ERROR, BANK_ACCOUNT_UNFIT, UNKNOWN_CURRENCY"),
}


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(list=extend_schema(summary="Bank accounts"), retrieve=extend_schema(summary="One bank account"))
class BankAccountViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = BankAccount.objects.all()
    serializer_class = BankAccountSerializer
    filterset_class = BankAccountFilter
    ordering_fields = ("name",)
    pagination_class = NamePages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS, "partial_update": Act.KEEP_ACCOUNTS}

    @extend_schema(
        summary="Open a bank account",
        request=BankAccountFormSerializer,
        responses={201: BankAccountSerializer, **KEPT},
    )
    def create(self, request: Request) -> Response:
        form = self.form(BankAccountFormSerializer)
        administration = form.pop("administration")
        journal, account = form.pop("journal_id"), form.pop("account_id")
        opened = bank_accounts.open_bank_account(
            administration,
            journal=named_rows(Journal, [journal], administration, "journal_id")[journal],
            account=named_rows(Account, [account], administration, "account_id")[account],
            **form,
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(BankAccountSerializer(opened).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a bank account",
        request=BankAccountFactsSerializer,
        responses={200: BankAccountSerializer, **KEPT},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        bank_account = self.get_object()
        form = BankAccountFactsSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = bank_accounts.change_bank_account(bank_account, **form.validated_data, by=request.user)  # type: ignore[arg-type]
        return Response(BankAccountSerializer(changed).data)


# Mappings ------------------------------------------------------------------------------------------------------------

READING = (
    "name",
    "bank",
    "encoding",
    "delimiter",
    "skip_rows",
    "skip_footer",
    "has_headings",
    "date_format",
    "decimal_mark",
    "sign",
    "debit_words",
    "columns",
)


class MappingFactsSerializer(serializers.ModelSerializer[CsvMapping]):
    """How a bank's CSV is read. ``columns``: field -> heading, position from 1, or a list of these."""

    columns = serializers.DictField(
        help_text='Such as {"date": "Datum", "amount": "Bedrag|Amount", "label": ["Omschrijving-1", 21]}.'
    )

    class Meta:
        model = CsvMapping
        fields: Any = READING
        extra_kwargs = {
            "skip_rows": {"max_value": 100},
            "skip_footer": {"max_value": 100},
            "delimiter": {"trim_whitespace": False},  # a tab is one
        }
        validators: Any = []  # a name that is taken is refused by the service


class MappingSerializer(serializers.ModelSerializer[CsvMapping]):
    client_id = serializers.UUIDField(source="administration_id")
    columns = serializers.DictField()

    class Meta:
        model = CsvMapping
        fields: Any = ("id", "client_id", "administration_id", *READING)


class MappingFormSerializer(OwnerSerializer, MappingFactsSerializer):
    class Meta(MappingFactsSerializer.Meta):
        fields = ("client_id", "administration_id", *READING)


class ShippedSerializer(serializers.Serializer[Any]):
    """A mapping that comes with Daybook. Empty date format, decimal mark and sign are recognised in the file."""

    name = serializers.CharField()
    bank = serializers.CharField()
    encoding = serializers.CharField()
    delimiter = serializers.CharField()
    skip_rows = serializers.IntegerField()
    skip_footer = serializers.IntegerField()
    has_headings = serializers.BooleanField()
    date_format = serializers.CharField()
    decimal_mark = serializers.CharField()
    sign = serializers.CharField()
    debit_words = serializers.CharField()
    columns = serializers.DictField()


class MappingFilter(OwnedFilter):
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = CsvMapping
        fields = ("name",)


MADE = {
    409: OpenApiResponse(RefusalSerializer, description="CSV_MAPPING_KNOWN"),
    422: OpenApiResponse(RefusalSerializer, description="VALIDATION_ERROR, CSV_MAPPING_INVALID"),
}


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(list=extend_schema(summary="CSV mappings"), retrieve=extend_schema(summary="One CSV mapping"))
class MappingViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = CsvMapping.objects.all()
    serializer_class = MappingSerializer
    filterset_class = MappingFilter
    ordering_fields = ("name",)
    pagination_class = NamePages
    acts = {
        "*": Act.READ_LEDGER,
        "create": Act.MATCH_BANK,
        "partial_update": Act.MATCH_BANK,
        "destroy": Act.MATCH_BANK,
    }

    @extend_schema(
        summary="Make a CSV mapping", request=MappingFormSerializer, responses={201: MappingSerializer, **MADE}
    )
    def create(self, request: Request) -> Response:
        mapping = CsvMapping(**self.form(MappingFormSerializer))
        saved = bank_accounts.save_mapping(mapping, by=request.user)  # type: ignore[arg-type]
        return Response(MappingSerializer(saved).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a CSV mapping", request=MappingFactsSerializer, responses={200: MappingSerializer, **MADE}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        mapping = self.get_object()
        form = MappingFactsSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        for name, value in form.validated_data.items():
            setattr(mapping, name, value)
        return Response(MappingSerializer(bank_accounts.save_mapping(mapping, by=request.user)).data)  # type: ignore[arg-type]

    @extend_schema(summary="Forget a CSV mapping", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        bank_accounts.delete_mapping(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="The CSV mappings that come with Daybook", filters=False, responses=ShippedSerializer(many=True)
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def shipped(self, request: Request) -> Response:
        found: tuple[CsvReading, ...] = shipped()
        return Response(ShippedSerializer(found, many=True).data)
