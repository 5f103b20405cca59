"""Shapes that several addresses of the clinic share: what is charged, how it is paid, bills and orders as rows."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import DecimalField, F, OuterRef, Prefetch, QuerySet, Subquery, Sum, prefetch_related_objects
from django.db.models.functions import Coalesce
from rest_framework import serializers

from apps.billing.models import Bill, BillLine, Coverage, Order, Outstanding, Payer, Payment, Service, TopUp
from apps.billing.services.charging import Charge
from apps.billing.services.payments import Tender
from apps.core.api import AmountField
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.core.owned_api import OwnedFilter, amount_input, named_rows


def quantity_input(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=12, decimal_places=3, **options)


class WhySerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class DatedFilter(OwnedFilter):
    """Rows of one date, or of a range, both days included. Whoever inherits has a ``date``."""

    date = django_filters.DateFilter()
    start_date = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="date", lookup_expr="lte")


# What is charged and how it is paid ----------------------------------------------------------------------------------


class ChargeFormSerializer(serializers.Serializer[Any]):
    """A service to be billed; its price is the tariff's or the price list's of the day."""

    service_id = serializers.UUIDField()
    quantity = quantity_input(required=False, default=1)
    order_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The order that it fulfils."
    )
    discount = amount_input(required=False, default=ZERO, help_text="An amount off quantity times price.")
    discount_reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    coverage_reason = serializers.ChoiceField(
        Coverage.choices, required=False, allow_blank=True, default="", help_text="Why the line costs nothing."
    )


class TenderFormSerializer(serializers.Serializer[Any]):
    """A part of what is paid."""

    method = serializers.ChoiceField(Payment.Method.choices)
    amount = amount_input()
    payer_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Of cover (HMO, INSURANCE), and only of cover."
    )
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    authorisation = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=64, help_text="The payer's code for its cover."
    )
    advance_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of WALLET: the advance that it comes out of, paid for a service of the bill.",
    )


def charges_of(rows: Sequence[dict[str, Any]], administration: Administration) -> list[Charge]:
    """The charges of a body, in three queries whatever their number."""
    services = named_rows(Service, (row["service_id"] for row in rows), administration, "service_id")
    orders = named_rows(Order, (row["order_id"] for row in rows), administration, "order_id")
    prefetch_related_objects([service for service in services.values() if service], "vat_code", "administration")
    said = ("quantity", "discount", "discount_reason", "coverage_reason")
    return [
        Charge(
            services[row["service_id"]],  # type: ignore[arg-type]
            order=orders[row["order_id"]],
            **{name: row[name] for name in said},
        )
        for row in rows
    ]


def tenders_of(rows: Sequence[dict[str, Any]], administration: Administration) -> list[Tender]:
    payers = named_rows(Payer, (row["payer_id"] for row in rows), administration, "payer_id")
    advances = named_rows(TopUp, (row["advance_id"] for row in rows), administration, "advance_id")
    return [
        Tender(
            row["method"],
            row["amount"],
            payers[row["payer_id"]],
            row["reference"],
            row["authorisation"],
            advances[row["advance_id"]],
        )
        for row in rows
    ]


# Bills and orders ----------------------------------------------------------------------------------------------------


def _owed(debtor: str) -> Any:
    rows = Outstanding.objects.now().filter(bill=OuterRef("pk"), debtor=debtor).order_by().values("bill")
    return Coalesce(Subquery(rows.annotate(owed=Sum("amount")).values("owed")), ZERO, output_field=DecimalField())


class BillRowSerializer(serializers.ModelSerializer[Bill]):
    """A bill or a credit note (negative). Every amount is in the administration's currency."""

    number = serializers.CharField(source="__str__", help_text="B-000123; CN-000124 for a credit note.")
    date = serializers.DateField(source="clinic_day.date", help_text="The clinic day that it belongs to.")
    late_for = serializers.DateField(
        source="late_for.date", allow_null=True, help_text="The finalized day for which it came too late."
    )
    patient_code = serializers.CharField(source="patient.code")
    currency = serializers.CharField(source="administration.currency")
    net = AmountField()
    vat = AmountField()
    gross = AmountField()
    owed = AmountField(help_text="What the patient owes on it now; negative is a credit.")
    owed_by_payer = AmountField(help_text="What payers owe on it now.")

    class Meta:
        model = Bill
        fields = (
            "id",
            "administration_id",
            "number",
            "kind",
            "date",
            "late_for",
            "patient_id",
            "patient_code",
            "visit_id",
            "payer_id",
            "credits_id",
            "currency",
            "net",
            "vat",
            "gross",
            "owed",
            "owed_by_payer",
            "reason",
            "issued_by",
            "issued_at",
        )


class BillLineSerializer(serializers.ModelSerializer[BillLine]):
    unit_price = AmountField()
    discount = AmountField()
    co_pay = AmountField()
    net = AmountField()
    vat = AmountField()
    gross = AmountField()

    class Meta:
        model = BillLine
        fields = (
            "id",
            "position",
            "service_id",
            "order_id",
            "code",
            "description",
            "quantity",
            "unit_price",
            "discount",
            "co_pay",
            "coverage_reason",
            "vat_rate",
            "net",
            "vat",
            "gross",
        )


class OrderSerializer(serializers.ModelSerializer[Order]):
    """Care that was ordered, and whether it was given."""

    status = serializers.SerializerMethodField()
    patient_id = serializers.UUIDField(source="visit.patient_id")

    class Meta:
        model = Order
        fields = (
            "id",
            "administration_id",
            "visit_id",
            "patient_id",
            "status",
            "kind",
            "service_id",
            "code",
            "description",
            "quantity",
            "payer_id",
            "is_emergency",
            "coverage_reason",
            "ordered_on",
            "ordered_by",
            "completed_quantity",
            "completed_on",
            "completed_by",
            "cancelled_at",
            "cancelled_by",
            "reason",
            "version",
        )

    def get_status(self, order: Order) -> str:
        """OPEN, COMPLETED or CANCELLED."""
        if order.cancelled_at:
            return "CANCELLED"
        return "COMPLETED" if order.completed_at else "OPEN"


def bills() -> QuerySet[Bill]:
    """Bills with what is owed on each, and their date."""
    owed = {"owed": _owed(Outstanding.Debtor.PATIENT), "owed_by_payer": _owed(Outstanding.Debtor.PAYER)}
    rows = Bill.objects.select_related("administration", "clinic_day", "late_for", "patient")
    return rows.annotate(date=F("clinic_day__date"), **owed)


LINES = Prefetch("lines", BillLine.objects.select_related("administration").order_by("position"))
