"""Models of bank lines over HTTP."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.models import Administration
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row, named_rows
from apps.core.permissions import Act
from apps.ledger.models import Account, Journal, Party, VatCode
from apps.ledger.services.purposes import account_for
from apps.reconciliation.models import BankAccount, ReconciliationModel, ReconciliationModelLine
from apps.reconciliation.services.ruling import Booking, delete_model, keep_model

AmountType = ReconciliationModelLine.AmountType
MOST = 50  # lines of a model
# An amount as banks write it, for a model whose amount is read from the text and that does not say how.
ANY_AMOUNT = r"(\d[\d.,]*)"


class BankModelLineSerializer(serializers.ModelSerializer[ReconciliationModelLine]):
    account_id = serializers.UUIDField()
    party_id = serializers.UUIDField(allow_null=True)
    vat_code_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = ReconciliationModelLine
        fields = (
            "id",
            "position",
            "account_id",
            "amount_type",
            "amount",
            "amount_pattern",
            "party_id",
            "vat_code_id",
            "includes_vat",
            "memo",
        )


class BankModelSerializer(serializers.ModelSerializer[ReconciliationModel]):
    """A rule for bank lines; amounts are absolute. ``model_line_amount_type`` is that of its first line."""

    client_id = serializers.UUIDField(source="administration_id")
    model_name = serializers.CharField(source="name")
    model_kind = serializers.ChoiceField(ReconciliationModel.Kind.choices, source="kind")
    model_trigger = serializers.ChoiceField(ReconciliationModel.Trigger.choices, source="trigger")
    match_journal_ids = serializers.SerializerMethodField()
    match_amount_type = serializers.CharField(source="amount_type")
    match_amount_min = AmountField(source="amount_min", allow_null=True)
    match_amount_max = AmountField(source="amount_max", allow_null=True)
    match_label_pattern = serializers.CharField(source="label_pattern")
    match_party_id = serializers.UUIDField(source="party_id", allow_null=True)
    tolerance_account_id = serializers.UUIDField(allow_null=True)
    model_line_amount_type = serializers.SerializerMethodField()
    lines = BankModelLineSerializer(many=True)

    class Meta:
        model = ReconciliationModel
        fields = (
            "id",
            "client_id",
            "administration_id",
            "model_name",
            "model_kind",
            "model_trigger",
            "sequence",
            "match_journal_ids",
            "match_amount_type",
            "match_amount_min",
            "match_amount_max",
            "match_label_pattern",
            "match_party_id",
            "needs_party",
            "search_label",
            "search_reference",
            "search_note",
            "tolerance",
            "tolerance_account_id",
            "is_active",
            "model_line_amount_type",
            "lines",
        )

    def get_match_journal_ids(self, model: ReconciliationModel) -> list[str]:
        return [str(account.journal_id) for account in model.bank_accounts.all()]

    def get_model_line_amount_type(self, model: ReconciliationModel) -> str:
        """Empty for a model that books nothing."""
        return next((line.amount_type for line in model.lines.all()), "")


class BookingSerializer(serializers.Serializer[Any]):
    account_id = serializers.UUIDField()
    amount_type = serializers.ChoiceField(AmountType.choices, default=AmountType.PERCENTAGE)
    amount = amount_input(required=False, allow_null=True, help_text="Or a percentage: 100 unless given.")
    amount_pattern = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="Its first group is the amount."
    )
    party_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    vat_code_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    includes_vat = serializers.BooleanField(default=True)
    memo = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class BankModelChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is. ``model_line_amount_type`` and ``account_id`` make one line, where ``lines``
    does not say them all: without an account it books to the suspense account."""

    model_name = serializers.CharField(source="name", max_length=100, required=False)
    model_kind = serializers.ChoiceField(ReconciliationModel.Kind.choices, source="kind", required=False)
    model_trigger = serializers.ChoiceField(ReconciliationModel.Trigger.choices, source="trigger", required=False)
    sequence = serializers.IntegerField(min_value=0, max_value=32767, required=False)
    match_journal_ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST, required=False, help_text="Of bank accounts; none: every one."
    )
    match_amount_type = serializers.ChoiceField(
        [*ReconciliationModel.AmountType.choices, ("", "Any")], source="amount_type", required=False, allow_blank=True
    )
    match_amount_min = amount_input(source="amount_min", required=False, allow_null=True)
    match_amount_max = amount_input(source="amount_max", required=False, allow_null=True)
    match_label_pattern = serializers.CharField(
        source="label_pattern", max_length=200, required=False, allow_blank=True, trim_whitespace=False
    )
    match_party_id = serializers.UUIDField(required=False, allow_null=True)
    needs_party = serializers.BooleanField(required=False)
    search_label = serializers.BooleanField(required=False)
    search_reference = serializers.BooleanField(required=False)
    search_note = serializers.BooleanField(required=False)
    tolerance = serializers.DecimalField(7, 4, required=False, help_text="Percentage of an item.")
    tolerance_account_id = serializers.UUIDField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)
    model_line_amount_type = serializers.ChoiceField(AmountType.choices, required=False)
    account_id = serializers.UUIDField(required=False)
    amount = amount_input(required=False)
    amount_pattern = serializers.CharField(required=False, max_length=200)
    vat_code_id = serializers.UUIDField(required=False)
    lines = serializers.ListField(child=BookingSerializer(), max_length=MOST, required=False)


class BankModelFormSerializer(OwnerSerializer, BankModelChangeSerializer):
    model_name = serializers.CharField(source="name", max_length=100)
    model_trigger = serializers.ChoiceField(
        ReconciliationModel.Trigger.choices, source="trigger", default=ReconciliationModel.Trigger.MANUAL
    )


class ModelFilter(OwnedFilter):
    model_trigger = django_filters.ChoiceFilter(field_name="trigger", choices=ReconciliationModel.Trigger.choices)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = ReconciliationModel
        fields = ("is_active",)


class ModelPages(CursorPages):
    ordering = ("sequence", "name", "id")


REFUSED = {
    400: OpenApiResponse(RefusalSerializer, description="MODEL_INVALID"),
    409: OpenApiResponse(RefusalSerializer, description="MODEL_NAME_TAKEN"),
    422: OpenApiResponse(RefusalSerializer, description="PATTERN_INVALID, PATTERN_ENDLESS, VALIDATION_ERROR"),
}


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(
    list=extend_schema(summary="Models of bank lines, in the order in which they are tried"),
    retrieve=extend_schema(summary="One model"),
)
class ModelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = ReconciliationModel.objects.select_related("administration").prefetch_related(
        Prefetch("bank_accounts", BankAccount.objects.order_by("name")),
        Prefetch("lines", ReconciliationModelLine.objects.order_by("position")),
    )
    serializer_class = BankModelSerializer
    filterset_class = ModelFilter
    ordering_fields = ("sequence", "name")
    pagination_class = ModelPages
    acts = {
        "*": Act.READ_LEDGER,
        "create": Act.MATCH_BANK,
        "partial_update": Act.MATCH_BANK,
        "destroy": Act.MATCH_BANK,
    }

    @extend_schema(
        summary="Set a model up", request=BankModelFormSerializer, responses={201: BankModelSerializer, **REFUSED}
    )
    def create(self, request: Request) -> Response:
        form = self.form(BankModelFormSerializer)
        administration = form.pop("administration")
        kept = keep_model(administration, **_values(form, administration, new=True), by=request.user)  # type: ignore[arg-type]
        return self._answer(kept, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a model, or put it aside",
        request=BankModelChangeSerializer,
        responses={200: BankModelSerializer, **REFUSED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        model = self.get_object()
        values = _values(self.form(BankModelChangeSerializer), model.administration)
        return self._answer(keep_model(model.administration, model=model, **values, by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Throw a model away that booked nothing",
        responses={204: None, 409: OpenApiResponse(RefusalSerializer, description="MODEL_USED")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_model(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, model: ReconciliationModel, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(BankModelSerializer(self.queryset.get(pk=model.pk)).data, status=status_code)


def _values(form: dict[str, Any], administration: Administration, *, new: bool = False) -> dict[str, Any]:
    """What the body says of a model: its rows for their ids, and its lines."""
    for key, field, row in (("match_party_id", "party", Party), ("tolerance_account_id", "tolerance_account", Account)):
        if key in form:
            pk = form.pop(key)
            form[field] = pk and named_row(row, pk, administration, key)
    if "match_journal_ids" in form:
        form["bank_accounts"] = _bank_accounts(form.pop("match_journal_ids"), administration)
    one = {key: form.pop(key) for key in ("account_id", "amount", "amount_pattern", "vat_code_id") if key in form}
    kind = form.pop("model_line_amount_type", None)
    books = form.get("kind", ReconciliationModel.Kind.WRITE_OFF) == ReconciliationModel.Kind.WRITE_OFF
    if "lines" not in form and (one or kind or new) and books:
        form["lines"] = [{**one, "amount_type": kind or AmountType.PERCENTAGE}]
    if "lines" in form:
        form["lines"] = _bookings(form["lines"], administration)
    return form


def _bank_accounts(journals: list[Any], administration: Administration) -> list[BankAccount]:
    named_rows(Journal, journals, administration, "match_journal_ids")
    accounts = list(BankAccount.objects.filter(administration=administration, journal__in=journals))
    if len(accounts) < len(set(journals)):
        raise serializers.ValidationError({"match_journal_ids": ["Each is the journal of a bank account."]})
    return accounts


def _bookings(rows: list[dict[str, Any]], administration: Administration) -> list[Booking]:
    accounts = named_rows(Account, (row.get("account_id") for row in rows), administration, "account_id")
    parties = named_rows(Party, (row.get("party_id") for row in rows), administration, "party_id")
    codes = named_rows(VatCode, (row.get("vat_code_id") for row in rows), administration, "vat_code_id")
    bookings = []
    for row in rows:
        read = row["amount_type"] == AmountType.REGEX
        percentage = row["amount_type"] != AmountType.FIXED and not read
        bookings.append(
            Booking(
                account=accounts[row.get("account_id")] or account_for(administration, "suspense"),
                amount_type=row["amount_type"],
                amount=row.get("amount", 100 if percentage else None),
                amount_pattern=row.get("amount_pattern") or (ANY_AMOUNT if read else ""),
                party=parties[row.get("party_id")],
                vat_code=codes[row.get("vat_code_id")],
                includes_vat=row.get("includes_vat", True),
                memo=row.get("memo", ""),
            )
        )
    return bookings
