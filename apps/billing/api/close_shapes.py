"""What day closes, their reports, tie-out and revisions look like over HTTP."""

from decimal import Decimal
from typing import Any, cast

from drf_spectacular.utils import (
    extend_schema_field,
)
from rest_framework import serializers

from apps.billing.models import CloseNote, EndOfDayReconciliation
from apps.billing.reports.blind import HIDDEN, blinded
from apps.billing.reports.day import describe, way_out
from apps.billing.reports.drawers import days_hidden
from apps.billing.reports.tie_out import OfCashier
from apps.billing.reports.z_report import DayReport
from apps.core.api import AmountField
from apps.core.money import text


@extend_schema_field({"oneOf": [{"type": "string", "format": "decimal"}, {"type": "integer"}], "example": "65.00"})
class PlainAmountField(serializers.Field[Any, Any, str | int, Any]):
    """An amount of a report, with the digits of the currency in the context; a count stays a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, value: Any) -> str | int:
        return text(value, self.context["currency"]) if isinstance(value, Decimal) else int(value)


class CloseNoteSerializer(serializers.ModelSerializer[CloseNote]):
    class Meta:
        model = CloseNote
        fields = ("text", "by", "at")


class MismatchSerializer(serializers.Serializer[Any]):
    """A mismatch: its code, what it says, how it is mended, and the facts that its code has."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return {**instance, "message": describe(instance), "hint": way_out(instance)}


class DayCloseSerializer(serializers.ModelSerializer[EndOfDayReconciliation]):
    """A day close. Every amount is in the administration's currency.

    While ``cash_hidden``, a drawer of the day waits for its count, and what would tell the cash is null for everybody.
    """

    number = serializers.CharField(source="__str__", help_text="Z-000412, with its revision from the second on.")
    currency = serializers.CharField(source="administration.currency")
    notes = serializers.SerializerMethodField()
    note_entries = CloseNoteSerializer(many=True)
    mismatch_details = MismatchSerializer(many=True)
    breakdown = serializers.DictField(help_text="The parts that the figures are made of.")
    cash_hidden = serializers.SerializerMethodField()

    class Meta:
        model = EndOfDayReconciliation
        amounts = (
            "total_revenue",
            "total_cash",
            "total_wallet",
            "total_paystack",
            "total_hmo",
            "total_insurance",
            "total_card",
            "total_transfer",
            "total_refunds",
            "total_wallet_topups",
            "money_in",
            "total_billed",
            "total_outstanding",
            "revenue_leaks_amount",
        )
        fields = (
            "id",
            "administration_id",
            "number",
            "revision",
            "reconciliation_date",
            "status",
            "currency",
            *amounts,
            "outstanding_visits_count",
            "revenue_leaks_detected",
            "total_visits",
            "active_visits_closed",
            "has_mismatches",
            "mismatch_details",
            "breakdown",
            "cash_hidden",
            "prepared_by",
            "prepared_at",
            "reviewed_by",
            "reviewed_at",
            "finalized_by",
            "finalized_at",
            "single_sign_off",
            "entry_id",
            "reopened_by",
            "reopened_at",
            "reopen_reason",
            "reversal_id",
            "notes",
            "note_entries",
            "created_at",
            "updated_at",
        )

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Amounts go out as strings with the currency's digits."""
        if field_name in self.Meta.amounts:
            return AmountField, {"read_only": True, **({"allow_null": True} if field_name in HIDDEN else {})}
        return super().build_standard_field(field_name, model_field)

    def get_notes(self, close: EndOfDayReconciliation) -> str:
        return "\n".join(note.text for note in close.note_entries.all())

    def get_cash_hidden(self, close: EndOfDayReconciliation) -> bool:
        """Asked once for all closes that are shown; what is signed was counted."""
        finalized, context = EndOfDayReconciliation.Status.FINALIZED, cast(dict[str, Any], self.context)
        if "hidden" not in context:
            shown = self.root.instance if isinstance(self.root.instance, list) else [close]
            waiting = [one.clinic_day_id for one in shown if one.status != finalized]
            context["hidden"] = days_hidden(waiting) if waiting else set()
        return close.status != finalized and close.clinic_day_id in context["hidden"]

    def to_representation(self, close: EndOfDayReconciliation) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(close)
        if shown["cash_hidden"]:
            shown |= {**dict.fromkeys(HIDDEN), "breakdown": blinded(close.breakdown)}
        return shown


class DayCloseCreateSerializer(serializers.Serializer[Any]):
    reconciliation_date = serializers.DateField()
    close_active_visits = serializers.BooleanField(default=True)
    administration_id = serializers.UUIDField(required=False)


class NoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(max_length=10_000)


class OptionalNoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class CloseReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1_000)


class RangeSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)
    start_date = serializers.DateField()
    end_date = serializers.DateField()


class AdministrationQuerySerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)


class TakingsField(AmountField):
    """An amount that would tell the cash: null while a day of the range waits for a count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        return None if instance.cash_hidden else super().get_attribute(instance)


class RangeTotalsSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(source="administration.id")
    start_date = serializers.DateField()
    end_date = serializers.DateField()
    total_reconciliations = serializers.IntegerField()
    total_revenue = TakingsField()
    total_cash = TakingsField()
    total_wallet = AmountField()
    total_paystack = AmountField()
    total_hmo = AmountField()
    total_insurance = AmountField()
    total_card = AmountField()
    total_transfer = AmountField()
    total_outstanding = AmountField()
    total_revenue_leaks = serializers.IntegerField()
    total_revenue_leaks_amount = AmountField()
    days_without_close = serializers.ListField(child=serializers.DateField())
    cash_hidden = serializers.BooleanField()


class SummarySerializer(RangeTotalsSerializer):
    previous = RangeTotalsSerializer()


class TiedSerializer(serializers.Serializer[Any]):
    """One method: what was taken, and what the others say of it; null where nobody says anything, or not yet."""

    method = serializers.CharField()
    taken = PlainAmountField()
    counted = PlainAmountField()
    terminal = PlainAmountField()
    provider = PlainAmountField()
    books = PlainAmountField()
    agrees = serializers.BooleanField()


class CashierSerializer(serializers.Serializer[Any]):
    cashier = serializers.UUIDField(source="cashier.pk", default=None, allow_null=True)
    name = serializers.SerializerMethodField()
    method = serializers.CharField(source="tied.method")
    taken = PlainAmountField(source="tied.taken")
    counted = PlainAmountField(source="tied.counted")

    def get_name(self, of: OfCashier) -> str:
        return of.name


class TieOutSerializer(serializers.Serializer[Any]):
    cash_hidden = serializers.BooleanField()
    totals = TiedSerializer(many=True)
    cashiers = CashierSerializer(many=True)


class SignatureSerializer(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="asked, prepared, reviewed, finalized or reopened")
    by = serializers.UUIDField(source="by.pk", default=None, allow_null=True)
    at = serializers.DateTimeField()


class DayReportSerializer(serializers.Serializer[Any]):
    """An X report (so far) or a Z report (as stored). Amounts are in the administration's currency."""

    kind = serializers.ChoiceField(["X", "Z"])
    administration_id = serializers.UUIDField(source="administration.pk")
    currency = serializers.CharField(source="administration.currency")
    date = serializers.DateField()
    number = serializers.CharField()
    status = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    cash_hidden = serializers.BooleanField()
    figures = serializers.SerializerMethodField()
    breakdown = serializers.DictField()
    mismatches = MismatchSerializer(many=True)
    tie_out = TieOutSerializer(allow_null=True, help_text="null for a revision that another one followed")
    signatures = SignatureSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    reopen_reason = serializers.CharField()
    seal_head = serializers.CharField(help_text="What verify_books --head takes; empty until the day is signed.")
    seal_rows = serializers.IntegerField(allow_null=True)

    def get_figures(self, report: DayReport) -> dict[str, Any]:
        """Amounts as strings, counts as numbers; what waits for the count is null."""
        code = report.administration.currency
        return {
            name: text(value, code) if isinstance(value, Decimal) else value for name, value in report.figures.items()
        }


class ChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = PlainAmountField()
    after = PlainAmountField()
    difference = PlainAmountField()


class RevisionSerializer(serializers.Serializer[Any]):
    """A revision of a day, with what it states differently from the one before; null for the first."""

    id = serializers.UUIDField(source="close.pk")
    number = serializers.CharField(source="close")
    revision = serializers.IntegerField(source="close.revision")
    status = serializers.CharField(source="close.status")
    reopened_by = serializers.UUIDField(source="close.reopened_by_id", allow_null=True)
    reopened_at = serializers.DateTimeField(source="close.reopened_at", allow_null=True)
    reopen_reason = serializers.CharField(source="close.reopen_reason")
    finalized_by = serializers.UUIDField(source="close.finalized_by_id", allow_null=True)
    finalized_at = serializers.DateTimeField(source="close.finalized_at", allow_null=True)
    entry_id = serializers.UUIDField(source="close.entry_id", allow_null=True)
    reversal_id = serializers.UUIDField(source="close.reversal_id", allow_null=True)
    changes = ChangeSerializer(many=True, allow_null=True)


class XReportQuerySerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)
    date = serializers.DateField(required=False, help_text="Today, unless given.")
