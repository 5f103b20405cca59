"""Invoices and credit notes over HTTP (contract area ledger_sync)."""

from typing import Any, ClassVar

import django_filters
from django.db.models import OuterRef, Prefetch, Q, Subquery
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CursorPages, RefusalSerializer
from apps.core.money import quantize, text
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
from apps.ledger.models import Account, Batch, Invoice, InvoiceLine, OpenItem, Party, VatCode
from apps.ledger.reports.open_items import ItemStatus, in_status, item_status
from apps.ledger.services.invoicing import InvoicedLine, Terms, post_customer_invoice, post_vendor_invoice

REGISTERED, REVERSED = "registered", "reversed"
STATUSES = (*(status.value for status in ItemStatus), REGISTERED, REVERSED)


class LineAmountField(CurrencyAmountField):
    """An amount in the currency of the line's invoice."""

    def get_attribute(self, instance: Any) -> Any:
        invoice = instance.invoice
        return quantize(getattr(instance, self.source or ""), invoice.currency or invoice.administration.currency)


class InvoiceLineSerializer(serializers.ModelSerializer[InvoiceLine]):
    net = LineAmountField()
    vat = LineAmountField()
    quantity = serializers.DecimalField(max_digits=15, decimal_places=4, allow_null=True)
    unit_price = serializers.DecimalField(max_digits=19, decimal_places=4, allow_null=True)

    class Meta:
        model = InvoiceLine
        fields = ("id", "position", "account_id", "description", "quantity", "unit_price", "net", "vat_code_id", "vat")


class InvoiceRowSerializer(serializers.ModelSerializer[Invoice]):
    """An invoice without its lines. Amounts are in its own currency, negative on a credit note; what is open is in
    the book currency, positive as long as somebody is to pay."""

    client_id = serializers.UUIDField(source="administration_id")
    number = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()
    net_amount = CurrencyAmountField()
    vat_amount = CurrencyAmountField()
    total_amount = CurrencyAmountField()
    open_amount = serializers.SerializerMethodField()
    party_name = serializers.CharField(source="party.__str__")
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)
    open_item_id = serializers.UUIDField(allow_null=True)
    status = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = (
            "id",
            "client_id",
            "administration_id",
            "kind",
            "type",
            "number",
            "reference",
            "party_id",
            "party_name",
            "invoice_date",
            "due_date",
            "tax_point",
            "currency",
            "exchange_rate",
            "net_amount",
            "vat_amount",
            "total_amount",
            "open_amount",
            "description",
            "credits_id",
            "journal_entry_id",
            "open_item_id",
            "status",
            "created_by",
            "created_at",
        )

    def get_number(self, invoice: Invoice) -> str:
        """The supplier's own number, or ours: INV-2026-0042."""
        return str(invoice)

    @extend_schema(responses={"type": "string", "nullable": True})
    def get_open_amount(self, invoice: Any) -> str | None:
        side = -1 if invoice.kind == Invoice.Kind.VENDOR else 1
        return None if invoice.open is None else text(side * invoice.open, invoice.administration.currency)

    def get_currency(self, invoice: Invoice) -> str:
        return invoice.currency or invoice.administration.currency

    @extend_schema(responses={"type": "string", "enum": list(STATUSES)})
    def get_status(self, invoice: Any) -> str:
        """Today's; registered is history without an open item, reversed what its entry was."""
        if invoice.entry and hasattr(invoice.entry, "reversal"):
            return REVERSED
        if invoice.open is None:
            return REGISTERED
        return item_status(invoice.amount, invoice.open, invoice.due_date, timezone.localdate()).value


class InvoiceSerializer(InvoiceRowSerializer):
    """An invoice with its lines."""

    lines = InvoiceLineSerializer(many=True)

    class Meta(InvoiceRowSerializer.Meta):
        fields = (*InvoiceRowSerializer.Meta.fields, "lines")  # type: ignore[assignment]


class InvoiceLineFormSerializer(serializers.Serializer[Any]):
    account_id = serializers.UUIDField()
    net = amount_input(required=False, allow_null=True, default=None)
    vat_code_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)
    quantity = serializers.DecimalField(15, 4, required=False, allow_null=True, default=None)
    unit_price = amount_input(required=False, allow_null=True, default=None)
    vat = amount_input(
        required=False,
        allow_null=True,
        default=None,
        help_text="As printed, where the supplier rounds in another way than once for each VAT code.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["net"] is None and None in (attrs["quantity"], attrs["unit_price"]):
            raise serializers.ValidationError({"net": ["Say it, or quantity and unit_price."]})
        return attrs


class InvoiceFormSerializer(OwnerSerializer):
    """An invoice as it is printed: amounts are positive, on a credit note as well."""

    party_id = serializers.UUIDField()
    type = serializers.ChoiceField(Invoice.Type.choices, required=False, default=Invoice.Type.INVOICE)
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    invoice_date = serializers.DateField()
    due_date = serializers.DateField(required=False, allow_null=True, default=None)
    tax_point = serializers.DateField(required=False, allow_null=True, default=None)
    entry_date = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="The invoice date, unless its period is closed."
    )
    currency = serializers.CharField(required=False, allow_blank=True, default="", max_length=3)
    exchange_rate = serializers.DecimalField(18, 8, required=False, allow_null=True, default=None)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)
    credits_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The invoice that a credit note credits."
    )
    net_amount = amount_input(required=False, allow_null=True, default=None)
    vat_amount = amount_input(required=False, allow_null=True, default=None)
    total_amount = amount_input(required=False, allow_null=True, default=None)
    lines = InvoiceLineFormSerializer(many=True, allow_empty=False)


class VendorInvoiceFormSerializer(InvoiceFormSerializer):
    reference = serializers.CharField(max_length=64, help_text="The number that the supplier gave it.")


class InvoiceFilter(OwnedFilter):
    party_id = django_filters.UUIDFilter(field_name="party")
    type = django_filters.ChoiceFilter(choices=Invoice.Type.choices)
    reference = django_filters.CharFilter()
    start_date = django_filters.DateFilter(field_name="invoice_date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="invoice_date", lookup_expr="lte")
    status = django_filters.CharFilter(method="of_status", help_text=f"One of {', '.join(STATUSES)}, in any case.")

    class Meta:
        model = Invoice
        fields = ("type", "reference")

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        """``open`` takes whatever is not settled."""
        value = value.lower()
        if value not in STATUSES:
            raise serializers.ValidationError({"status": [f"{', '.join(STATUSES)}, not {value}."]})
        if value == REVERSED:
            return queryset.filter(entry__reversal__isnull=False)
        queryset = queryset.filter(entry__reversal=None)
        if value == REGISTERED:
            return queryset.filter(open=None)
        return in_status(queryset.exclude(open=None), value, timezone.localdate())


class InvoicePages(CursorPages):
    ordering = ("-invoice_date", "-id")


def _of_own_item(column: str) -> Any:
    """``column`` of the open item that the invoice itself opened, at its posting or by a backfill."""
    opened = Q(line__entry=OuterRef("entry")) | Q(batch__kind=Batch.Kind.BACKFILL, batch__reversed_at=None)
    items = OpenItem.objects.filter(opened, document_id=OuterRef("pk")).as_of().order_by("date", "id")
    return Subquery(items.values(column)[:1])


REFUSED = {
    409: OpenApiResponse(RefusalSerializer, description="PERIOD_CLOSED, DUPLICATE_INVOICE, EXCHANGE_RATE_MISSING"),
    422: OpenApiResponse(RefusalSerializer, description="VALIDATION_ERROR, INVOICE_TOTALS_DIFFER"),
}


class _InvoiceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: a posted invoice is credited."""

    kind: ClassVar[str]
    queryset = Invoice.objects.select_related("administration", "party", "entry__reversal").annotate(
        open_item_id=_of_own_item("id"), open=_of_own_item("open"), amount=_of_own_item("amount")
    )
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter
    ordering_fields = ("invoice_date", "due_date", "created_at")
    pagination_class = InvoicePages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS}

    def get_serializer_class(self) -> Any:
        return InvoiceRowSerializer if self.action == "list" else InvoiceSerializer

    def get_queryset(self) -> Any:
        invoices = super().get_queryset().filter(kind=self.kind)
        return invoices if self.action == "list" else invoices.prefetch_related(_LINES)

    def terms(self, form: dict[str, Any]) -> dict[str, Any]:
        """What the services of both kinds take."""
        administration, credited = form["administration"], form["credits_id"]
        accounts = named_rows(Account, (row["account_id"] for row in form["lines"]), administration, "account_id")
        codes = named_rows(VatCode, (row["vat_code_id"] for row in form["lines"]), administration, "vat_code_id")
        named = ("net", "description", "quantity", "unit_price", "vat")
        lines = [
            InvoicedLine(
                account=accounts[row["account_id"]],  # type: ignore[arg-type]
                vat_code=codes[row["vat_code_id"]],
                **{name: row[name] for name in named},
            )
            for row in form["lines"]
        ]
        said = (
            "due_date tax_point entry_date currency exchange_rate description net_amount vat_amount total_amount"
        ).split()
        return {
            "administration": administration,
            "party": named_row(Party, form["party_id"], administration, "party_id"),
            "reference": form["reference"],
            "invoice_date": form["invoice_date"],
            "lines": lines,
            "by": self.request.user,
            "terms": Terms(
                credit_note=form["type"] == Invoice.Type.CREDIT_NOTE,
                credits=credited and named_row(Invoice, credited, administration, "credits_id"),
                **{name: form[name] for name in said},
            ),
        }

    def answer(self, invoice: Invoice) -> Response:
        whole = self.queryset.prefetch_related(_LINES).get(pk=invoice.pk)
        return Response(InvoiceSerializer(whole).data, status=status.HTTP_201_CREATED)


_LINES = Prefetch("lines", InvoiceLine.objects.select_related("invoice__administration").order_by("position"))


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="Suppliers' invoices, newest first", responses=InvoiceRowSerializer(many=True)),
    retrieve=extend_schema(summary="One supplier's invoice with its lines"),
)
class VendorInvoiceViewSet(_InvoiceViewSet):
    kind = Invoice.Kind.VENDOR

    @extend_schema(
        summary="Post a supplier's invoice or credit note",
        description="Its entry and its open item are made in the same transaction.",
        request=VendorInvoiceFormSerializer,
        responses={201: InvoiceSerializer, **REFUSED},
    )
    def create(self, request: Request) -> Response:
        return self.answer(post_vendor_invoice(**self.terms(self.form(VendorInvoiceFormSerializer))))


@extend_schema(tags=["ledger"])
@extend_schema_view(
    list=extend_schema(summary="Customer invoices, newest first", responses=InvoiceRowSerializer(many=True)),
    retrieve=extend_schema(summary="One customer invoice with its lines"),
)
class CustomerInvoiceViewSet(_InvoiceViewSet):
    kind = Invoice.Kind.CUSTOMER

    @extend_schema(
        summary="Issue an invoice or credit note to a customer",
        description="It gets the next number of its year. Its entry and open item are made in the same transaction.",
        request=InvoiceFormSerializer,
        responses={201: InvoiceSerializer, **REFUSED},
    )
    def create(self, request: Request) -> Response:
        return self.answer(post_customer_invoice(**self.terms(self.form(InvoiceFormSerializer))))
