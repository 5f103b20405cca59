"""Journal entries over HTTP (contract area ledger_sync)."""

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, Prefetch, Subquery, Sum
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.models import Administration
from apps.core.money import ZERO, currency
from apps.core.owned_api import (
    CurrencyAmountField,
    OwnedFilter,
    OwnedViewSet,
    OwnerSerializer,
    amount_input,
    named_row,
    named_rows,
)
from apps.core.permissions import Act
from apps.ledger.models import Account, Invoice, Journal, JournalEntry, JournalLine, Party, VatCode
from apps.ledger.reports.sync_status import INVOICE_SOURCES
from apps.ledger.services import drafts
from apps.ledger.services.posting import Document, Line, Source, reverse_entry
from apps.ledger.services.purposes import journal_of

# What somebody outside may name as the source of an entry; the others are Daybook's own.
SOURCES = (drafts.MANUAL, *INVOICE_SOURCES, "payroll", "bank", "import", "other")
RATE = Decimal("0.00000001")
REVERSED = "REVERSED"
STATUSES = (*JournalEntry.Status.values, REVERSED)


class EntryLineSerializer(serializers.ModelSerializer[JournalLine]):
    account_code = serializers.CharField(source="account.code")
    debit = AmountField()
    credit = AmountField()
    amount_currency = CurrencyAmountField(allow_null=True)
    description = serializers.CharField(source="memo")

    class Meta:
        model = JournalLine
        fields = (
            "id",
            "position",
            "account_id",
            "account_code",
            "party_id",
            "debit",
            "credit",
            "currency",
            "amount_currency",
            "exchange_rate",
            "vat_code_id",
            "vat_role",
            "tax_point",
            "vat_period_id",
            "description",
        )


class EntryRowSerializer(serializers.ModelSerializer[JournalEntry]):
    """An entry without its lines. Amounts are in the administration's currency."""

    client_id = serializers.UUIDField(source="administration_id")
    number = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    entry_date = serializers.DateField(source="date")
    description = serializers.CharField(source="memo")
    currency = serializers.CharField(source="administration.currency")
    total_debit = AmountField()
    total_credit = AmountField()
    reversed_by_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = JournalEntry
        fields = (
            "id",
            "client_id",
            "administration_id",
            "number",
            "status",
            "entry_date",
            "period_id",
            "journal_id",
            "description",
            "reference",
            "source_type",
            "source_id",
            "currency",
            "total_debit",
            "total_credit",
            "reversed_by_id",
            "reverses_id",
            "created_by",
            "approved_by",
            "posted_by",
            "created_at",
            "posted_at",
        )

    def get_number(self, entry: JournalEntry) -> str | None:
        """GEN-2026-0042; a draft has none."""
        return str(entry) if entry.number else None

    @extend_schema(responses={"type": "string", "enum": list(STATUSES)})
    def get_status(self, entry: Any) -> str:
        """DRAFT, POSTED or, when another entry reverses it, REVERSED."""
        return REVERSED if entry.reversed_by_id else str(entry.status)


class EntrySerializer(EntryRowSerializer):
    """An entry with its lines."""

    lines = EntryLineSerializer(many=True)

    class Meta(EntryRowSerializer.Meta):
        fields = (*EntryRowSerializer.Meta.fields, "lines")  # type: ignore[assignment]


class LineFormSerializer(serializers.Serializer[Any]):
    account_id = serializers.UUIDField()
    debit = amount_input(required=False, default=ZERO, min_value=ZERO)
    credit = amount_input(required=False, default=ZERO, min_value=ZERO)
    party_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    vat_code_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    currency = serializers.CharField(required=False, allow_blank=True, default="", max_length=3)
    amount_currency = amount_input(
        required=False, allow_null=True, default=None, help_text="The same amount in currency; a debit is positive."
    )
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class EntryFormSerializer(OwnerSerializer):
    journal_id = serializers.UUIDField(required=False, help_text="The general journal unless given.")
    entry_date = serializers.DateField()
    description = serializers.CharField(max_length=300)
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    source_type = serializers.ChoiceField(SOURCES, required=False, default=drafts.MANUAL)
    source_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    lines = LineFormSerializer(many=True, allow_empty=False)


class ReversalFormSerializer(serializers.Serializer[Any]):
    reversal_date = serializers.DateField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=200)


class EntryFilter(OwnedFilter):
    journal_id = django_filters.UUIDFilter(field_name="journal")
    status = django_filters.CharFilter(method="of_status", help_text=f"One of {', '.join(STATUSES)}, in any case.")
    start_date = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="date", lookup_expr="lte")
    source_type = django_filters.CharFilter()
    source_id = django_filters.UUIDFilter()
    reference = django_filters.CharFilter()
    account_id = django_filters.UUIDFilter(method="on_account")
    party_id = django_filters.UUIDFilter(method="of_party")

    class Meta:
        model = JournalEntry
        fields = ("source_type", "source_id", "reference")

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        if value.upper() not in STATUSES:
            raise serializers.ValidationError({"status": [f"{', '.join(STATUSES)}, not {value}."]})
        if value.upper() == REVERSED:
            return queryset.exclude(reversed_by_id=None)
        return queryset.filter(status=value.upper(), reversed_by_id=None)

    def on_account(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.filter(Exists(JournalLine.objects.filter(entry=OuterRef("pk"), account=value)))

    def of_party(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.filter(Exists(JournalLine.objects.filter(entry=OuterRef("pk"), party=value)))


class EntryPages(CursorPages):
    ordering = ("-date", "-id")


def _total(side: str) -> Any:
    sums = JournalLine.objects.filter(entry=OuterRef("pk")).order_by().values("entry").annotate(sum=Sum(side))
    return Subquery(sums.values("sum"))


REFUSED = {
    400: OpenApiResponse(RefusalSerializer, description="JOURNAL_UNBALANCED"),
    409: OpenApiResponse(RefusalSerializer, description="PERIOD_CLOSED, PERIOD_MISSING, ENTRY_OF_SOURCE_EXISTS"),
}


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="Journal entries, newest first", responses=EntryRowSerializer(many=True)),
    retrieve=extend_schema(summary="One journal entry with its lines"),
)
class EntryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: what is posted is reversed."""

    queryset = JournalEntry.objects.select_related("administration", "journal").annotate(
        total_debit=_total("debit"), total_credit=_total("credit"), reversed_by_id=F("reversal")
    )
    serializer_class = EntrySerializer
    filterset_class = EntryFilter
    ordering_fields = ("date", "created_at")
    pagination_class = EntryPages
    acts = {
        "*": Act.READ_LEDGER,
        "create": Act.KEEP_ACCOUNTS,
        "reverse": Act.KEEP_ACCOUNTS,
    }

    def get_serializer_class(self) -> Any:
        return EntryRowSerializer if self.action == "list" else EntrySerializer

    def get_queryset(self) -> Any:
        entries = super().get_queryset()
        if self.action == "list":
            return entries
        lines = JournalLine.objects.select_related("account", "administration").order_by("position")
        return entries.prefetch_related(Prefetch("lines", lines))

    @extend_schema(
        summary="Post an entry",
        description=(
            "An entry above the administration's limit of manual entries is kept as a DRAFT until a second person "
            "posts it. A line on a control account names a party and opens an item of the sub-ledger; it belongs to "
            "the invoice that source_id names, if there is such an invoice."
        ),
        request=EntryFormSerializer,
        responses={201: EntrySerializer, **REFUSED},
    )
    def create(self, request: Request) -> Response:
        form = self.form(EntryFormSerializer)
        administration = form["administration"]
        journal_id, source_id = form.get("journal_id"), form["source_id"]
        entry = drafts.post_manual_entry(
            administration=administration,
            journal=named_row(Journal, journal_id, administration, "journal_id")
            if journal_id
            else journal_of(administration, "GEN"),
            date=form["entry_date"],
            memo=form["description"],
            lines=_lines(form["lines"], administration, _document(form, administration)),
            by=request.user,  # type: ignore[arg-type]
            reference=form["reference"],
            source=Source(form["source_type"], source_id),
        )
        return self._answer(entry, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Reverse a posted entry by its opposite",
        request=ReversalFormSerializer,
        responses={201: EntrySerializer, 409: OpenApiResponse(RefusalSerializer, description="ENTRY_ALREADY_REVERSED")},
    )
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: str) -> Response:
        form = self.form(ReversalFormSerializer)
        reversal = reverse_entry(
            self.get_object(),
            by=request.user,  # type: ignore[arg-type]
            reason=form["reason"],
            date=form["reversal_date"],
        )
        return self._answer(reversal, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Post a draft, as the second person where it is above the limit",
        request=None,
        responses={200: EntrySerializer, **REFUSED},
    )
    @action(detail=True, methods=["post"], url_path="post")
    def post_draft(self, request: Request, pk: str) -> Response:
        return self._answer(drafts.post_draft(self.get_object(), by=request.user), status.HTTP_200_OK)  # type: ignore[arg-type]

    def _answer(self, entry: JournalEntry, status_code: int) -> Response:
        lines = JournalLine.objects.select_related("account", "administration").order_by("position")
        whole = self.queryset.prefetch_related(Prefetch("lines", lines)).get(pk=entry.pk)
        return Response(EntrySerializer(whole).data, status=status_code)


def _document(form: dict[str, Any], administration: Administration) -> Document | None:
    """What the open items of an entry are about: the invoice that its source names, if it is there."""
    if form["source_type"] not in INVOICE_SOURCES:
        return None
    invoice = Invoice.objects.filter(administration=administration, pk=form["source_id"]).first()
    if invoice is None:
        return None
    return Document(invoice.document_type, invoice.pk, str(invoice)[:64], invoice.due_date)


def _lines(rows: list[dict[str, Any]], administration: Administration, document: Document | None) -> list[Line]:
    accounts = named_rows(Account, (row["account_id"] for row in rows), administration, "account_id")
    parties = named_rows(Party, (row["party_id"] for row in rows), administration, "party_id")
    codes = named_rows(VatCode, (row["vat_code_id"] for row in rows), administration, "vat_code_id")
    return [
        Line(
            account=accounts[row["account_id"]],  # type: ignore[arg-type]
            debit=row["debit"],
            credit=row["credit"],
            party=parties[row["party_id"]],
            vat_code=codes[row["vat_code_id"]],
            vat_role=_vat_role(codes[row["vat_code_id"]], row["account_id"]),
            memo=row["description"],
            document=document,
            **_foreign(row, administration),
        )
        for row in rows
    ]


def _vat_role(code: VatCode | None, account_id: Any) -> str:
    """What a line is in the return, by its account."""
    if code is None:
        return ""
    roles = {code.account_id: JournalLine.VatRole.TAX, code.input_account_id: JournalLine.VatRole.DEDUCTIBLE}
    return str(roles.get(account_id, JournalLine.VatRole.BASE))


def _foreign(row: dict[str, Any], administration: Administration) -> dict[str, Any]:
    if not row["currency"] or row["currency"].upper() == administration.currency:
        return {}
    amount, in_currency = row["debit"] - row["credit"], row["amount_currency"]
    return {
        "currency": currency(row["currency"]).code,
        "amount_currency": in_currency,
        "exchange_rate": abs(amount / in_currency).quantize(RATE) if in_currency else None,
    }
