"""Shapes of VAT over HTTP. Amounts are strings in the digits of the books' currency."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.core.money import quantize
from apps.issues.models.issues import SEVERITIES
from apps.ledger.models import VatCode
from apps.periods.models import VatFiling, VatRegistration
from apps.periods.models.vat import Frequency
from apps.periods.reports.vat_filed import State
from apps.periods.reports.vat_forms import Side


@extend_schema_field({"type": "string", "format": "decimal", "example": "2100.00"})
class Amount(serializers.DecimalField):
    """An amount of a report, in the currency that the context names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=19, decimal_places=4, **options)

    def to_representation(self, value: Any) -> str:
        return str(quantize(Decimal(value), self.context["currency"]))


class ReturnQuerySerializer(serializers.Serializer[Any]):
    allow_draft = serializers.BooleanField(default=False, help_text="Answer for a period that is still open.")
    known_at = serializers.DateTimeField(required=False, help_text="What the books said at that moment.")


class VatBoxFigureSerializer(serializers.Serializer[Any]):
    """A box: exact, and as it is declared in whole units of the currency."""

    box_code = serializers.CharField(source="box.code")
    box_name = serializers.CharField(source="box.name", help_text="As the official form has it.")
    box_side = serializers.ChoiceField([side.value for side in Side], source="box.side")
    turnover_amount = Amount(source="turnover")
    vat_amount = Amount(source="vat")
    turnover_declared = Amount()
    vat_declared = Amount()
    transaction_count = serializers.IntegerField(source="transactions")


class VatCodeFigureSerializer(serializers.Serializer[Any]):
    vat_code_id = serializers.UUIDField(source="vat_code.id")
    vat_code = serializers.CharField(source="vat_code.code")
    vat_code_name = serializers.CharField(source="vat_code.name")
    vat_rate = serializers.DecimalField(source="vat_code.rate", max_digits=7, decimal_places=2)
    category = serializers.ChoiceField(VatCode.Category.choices, source="vat_code.category")
    base_amount = Amount(source="base")
    vat_amount = Amount(source="vat")
    vat_owed = Amount(source="owed")
    vat_deducted = Amount(source="deducted")
    transaction_count = serializers.IntegerField(source="transactions")


class VatAnomalySerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    code = serializers.CharField()
    severity = serializers.ChoiceField(SEVERITIES)
    title = serializers.CharField()
    description = serializers.CharField()
    journal_entry_id = serializers.UUIDField(source="entry.id")
    journal_line_id = serializers.UUIDField(source="line_id")
    document_id = serializers.UUIDField(allow_null=True)
    suggested_fix = serializers.CharField(source="mend")
    amount_discrepancy = Amount(source="discrepancy")


class IcpEntrySerializer(serializers.Serializer[Any]):
    customer_vat_number = serializers.CharField(source="vat_number")
    country_code = serializers.CharField(source="country")
    customer_name = serializers.CharField(source="name")
    customer_id = serializers.UUIDField(source="customer.id", allow_null=True, default=None)
    taxable_base = Amount(source="base")
    transaction_count = serializers.IntegerField(source="transactions")


class _OfPeriodSerializer(serializers.Serializer[Any]):
    """About the span of the calendar that a period stands for: its days are those of the return."""

    period_id = serializers.UUIDField(source="period.id")
    period_name = serializers.CharField(source="period.name")


class _OfSpanSerializer(_OfPeriodSerializer):
    start_date = serializers.DateField(source="report.span.first_day")
    end_date = serializers.DateField(source="report.span.last_day")


class VatReturnSerializer(_OfSpanSerializer):
    generated_at = serializers.DateTimeField()
    known_at = serializers.DateTimeField(source="report.known_at", allow_null=True)
    currency = serializers.CharField()
    state = serializers.ChoiceField([state.value for state in State])
    due_date = serializers.DateField(source="report.due", allow_null=True)
    scheme = serializers.ChoiceField(VatRegistration.Scheme.choices, source="report.standing.scheme")
    boxes = serializers.DictField(child=VatBoxFigureSerializer(), source="report.by_code")
    vat_code_summaries = VatCodeFigureSerializer(many=True, source="report.codes")
    total_turnover = Amount(source="report.turnover")
    total_vat_payable = Amount(source="report.owed")
    total_vat_receivable = Amount(source="report.deducted")
    net_vat = Amount(source="report.net", help_text="To pay; negative is to be received back.")
    net_declared = Amount(source="report.net_declared", help_text="The same in whole units, as it is declared.")
    rounding_difference = Amount(source="report.rounding")
    anomalies = VatAnomalySerializer(many=True, source="anomalies.found")
    has_red_anomalies = serializers.SerializerMethodField()
    has_yellow_anomalies = serializers.SerializerMethodField()
    icp_entries = IcpEntrySerializer(many=True, source="icp.entries")
    total_icp_supplies = Amount(source="icp.total")

    def get_has_red_anomalies(self, answer: Any) -> bool:
        return bool(answer["anomalies"].red)

    def get_has_yellow_anomalies(self, answer: Any) -> bool:
        return bool(answer["anomalies"].yellow)


class IcpSerializer(_OfSpanSerializer):
    entries = IcpEntrySerializer(many=True, source="report.entries")
    total_supplies = Amount(source="report.total")
    total_customers = serializers.SerializerMethodField()
    box_3b = Amount(source="report.on_return", help_text="What the return says for the same days.")
    ties = serializers.BooleanField(source="report.ties")
    due_date = serializers.DateField(source="report.due", allow_null=True)

    def get_total_customers(self, answer: Any) -> int:
        return len(answer["report"].entries)


class VatValidationSerializer(_OfPeriodSerializer):
    anomalies = VatAnomalySerializer(many=True, source="report.found")
    total_anomalies = serializers.SerializerMethodField()
    red_count = serializers.SerializerMethodField()
    yellow_count = serializers.SerializerMethodField()
    is_valid = serializers.SerializerMethodField()  # type: ignore[assignment]
    message = serializers.CharField()

    def get_total_anomalies(self, answer: Any) -> int:
        return len(answer["report"].found)

    def get_red_count(self, answer: Any) -> int:
        return len(answer["report"].red)

    def get_yellow_count(self, answer: Any) -> int:
        return len(answer["report"].yellow)

    def get_is_valid(self, answer: Any) -> bool:
        return not answer["report"].red


# Filing ---------------------------------------------------------------------------------------------------------------


class VatFileSerializer(serializers.Serializer[Any]):
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class VatFileReturnSerializer(VatFileSerializer):
    carry_corrections = serializers.BooleanField(
        default=False, help_text="Declare small corrections of earlier periods in this return."
    )


class FiledBoxSerializer(serializers.Serializer[Any]):
    box_code = serializers.CharField(source="box")
    turnover_amount = Amount(source="turnover")
    vat_amount = Amount(source="vat")
    exact_turnover = Amount()
    exact_vat = Amount()
    carried_turnover = Amount()
    carried_vat = Amount()
    transaction_count = serializers.IntegerField(source="transactions")


class VatFilingSerializer(serializers.Serializer[Any]):
    """A return as it was filed: whole units of the currency. ``exact`` is what the lines added up to."""

    id = serializers.UUIDField()
    client_id = serializers.UUIDField(source="administration_id")
    administration_id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")
    start_date = serializers.DateField(source="first_day")
    end_date = serializers.DateField(source="last_day")
    frequency = serializers.ChoiceField(Frequency.choices)
    revision = serializers.IntegerField()
    kind = serializers.ChoiceField(VatFiling.Kind.choices)
    net_declared = Amount(source="declared")
    net_exact = Amount(source="exact")
    carried_in_id = serializers.UUIDField(allow_null=True)
    reference = serializers.CharField()
    note = serializers.CharField()
    filed_by_id = serializers.UUIDField()
    filed_at = serializers.DateTimeField()
    boxes = FiledBoxSerializer(many=True, source="boxes.all")

    def to_representation(self, filing: Any) -> Any:
        told: Any = self.context
        told["currency"] = filing.administration.currency  # a list may hold those of several books
        return super().to_representation(filing)


class VatBoxChangeSerializer(serializers.Serializer[Any]):
    box_code = serializers.CharField(source="box")
    turnover_filed = Amount()
    vat_filed = Amount()
    turnover_now = Amount(source="turnover")
    vat_now = Amount(source="vat")
    turnover_change = Amount()
    vat_change = Amount()


class VatCorrectionSerializer(_OfPeriodSerializer):
    """``has_changes`` is false, and the rest null, where the books still say what was filed."""

    filing_id = serializers.UUIDField(source="filed.id")
    has_changes = serializers.BooleanField()
    net_change = Amount(source="correction.net", allow_null=True, default=None)
    needs_form = serializers.BooleanField(
        source="correction.needs_form", allow_null=True, default=None, help_text="The next return may not carry it."
    )
    due_date = serializers.DateField(source="correction.due", allow_null=True, default=None)
    known_since = serializers.DateTimeField(source="correction.known_since", allow_null=True, default=None)
    boxes = VatBoxChangeSerializer(many=True, source="correction.boxes", default=list)


class VatDeadlineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="span.name")
    start_date = serializers.DateField(source="span.first_day")
    end_date = serializers.DateField(source="span.last_day")
    frequency = serializers.ChoiceField(Frequency.choices, source="span.frequency")
    due_date = serializers.DateField(source="due", allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    is_late = serializers.BooleanField()
    state = serializers.ChoiceField([state.value for state in State])


class VatDeadlinesSerializer(serializers.Serializer[Any]):
    client_id = serializers.UUIDField()
    deadlines = VatDeadlineSerializer(many=True)
    total_count = serializers.IntegerField()


class VatRegistrationSerializer(serializers.ModelSerializer[VatRegistration]):
    client_id = serializers.UUIDField(source="administration_id", read_only=True)

    class Meta:
        model = VatRegistration
        fields = (
            "id",
            "client_id",
            "administration_id",
            "since",
            "scheme",
            "basis",
            "frequency",
            "icp_frequency",
            "is_obliged",
            "pro_rata",
        )
        read_only_fields = ("id", "administration_id")
        validators: list[Any] = []  # the service says what a registration must be


class VatRegistrationsSerializer(serializers.Serializer[Any]):
    client_id = serializers.UUIDField()
    registrations = VatRegistrationSerializer(many=True)
    total_count = serializers.IntegerField()


class MixedCostSerializer(serializers.Serializer[Any]):
    vat_code_id = serializers.UUIDField(source="vat_code.id")
    vat_code = serializers.CharField(source="vat_code.code")
    vat_amount = Amount(source="vat", help_text="All of the VAT on these costs.")
    deducted = Amount()
    correction = Amount()


class ProRataSerializer(serializers.Serializer[Any]):
    """``percentage`` is what the turnover of the year says; ``correction`` is more to deduct, negative to pay back."""

    client_id = serializers.UUIDField(source="administration.id")
    year = serializers.IntegerField()
    taxed_turnover = Amount(source="taxed")
    exempt_turnover = Amount(source="exempt")
    provisional_percentage = serializers.DecimalField(
        source="provisional", max_digits=7, decimal_places=2, allow_null=True
    )
    percentage = serializers.DecimalField(max_digits=7, decimal_places=2, allow_null=True)
    costs = MixedCostSerializer(many=True)
    correction = Amount()


class ProRataPostedSerializer(serializers.Serializer[Any]):
    journal_entry_id = serializers.UUIDField(source="id")
    entry_number = serializers.CharField(source="__str__")
    date = serializers.DateField()


# Codes ----------------------------------------------------------------------------------------------------------------


class VatCodesQuerySerializer(serializers.Serializer[Any]):
    active_only = serializers.BooleanField(default=True)
    administration_id = serializers.UUIDField(required=False)
    client_id = serializers.UUIDField(required=False, help_text="The same as administration_id.")


class BoxMappingSerializer(serializers.Serializer[Any]):
    turnover_box = serializers.CharField(required=False)
    vat_box = serializers.CharField(required=False)
    deductible_box = serializers.CharField(required=False)


class ListedVatCodeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField(source="administration_id")
    administration_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    rate = serializers.DecimalField(max_digits=7, decimal_places=2)
    category = serializers.ChoiceField(VatCode.Category.choices)
    box_mapping = serializers.SerializerMethodField()
    standard_code = serializers.CharField()
    eu_only = serializers.BooleanField()
    requires_vat_number = serializers.BooleanField()
    is_reverse_charge = serializers.BooleanField(source="reverse_charge")
    is_icp = serializers.BooleanField(source="icp")
    is_active = serializers.SerializerMethodField()

    @extend_schema_field(BoxMappingSerializer)
    def get_box_mapping(self, code: VatCode) -> dict[str, str]:
        boxes = {
            "turnover_box": code.box_turnover,
            "vat_box": code.box_vat,
            "deductible_box": code.box_deductible,
        }
        return {name: box for name, box in boxes.items() if box}

    def get_is_active(self, code: VatCode) -> bool:
        today = self.context["today"]
        return not ((code.valid_from and today < code.valid_from) or (code.valid_until and today > code.valid_until))


@extend_schema_serializer(many=False)
class ListedVatCodesSerializer(serializers.Serializer[Any]):
    vat_codes = ListedVatCodeSerializer(many=True)
    total_count = serializers.IntegerField()
