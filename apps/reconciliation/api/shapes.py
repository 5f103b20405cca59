"""What answers about bank statements look like."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api import AmountField
from apps.core.money import quantize
from apps.reconciliation.models import Statement, StatementLine
from apps.reconciliation.services.previewing import warnings_of


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class BankAmountField(AmountField):
    """An amount in the currency of the row's bank account."""

    def get_attribute(self, instance: Any) -> Any:
        amount = serializers.DecimalField.get_attribute(self, instance)
        return None if amount is None else quantize(amount, instance.bank_account.currency)


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class ForeignAmountField(AmountField):
    """An amount in the foreign currency of the row."""

    def get_attribute(self, instance: Any) -> Any:
        amount = serializers.DecimalField.get_attribute(self, instance)
        return None if amount is None else quantize(amount, instance.foreign_currency)


class WarningSerializer(serializers.Serializer[Any]):
    """What is suspect, as the refusal that confirming it without a reason meets."""

    code = serializers.CharField()
    message = serializers.CharField(source="__str__")


class StatementSerializer(serializers.ModelSerializer[Statement]):
    """Amounts are in the currency of the bank account. ``is_complete`` is null where the bank states no end."""

    client_id = serializers.UUIDField(source="administration_id")
    bank_account_id = serializers.UUIDField()
    journal_id = serializers.UUIDField(source="bank_account.journal_id")
    statement_name = serializers.CharField(source="name")
    statement_date = serializers.DateField(source="date")
    currency = serializers.CharField(source="bank_account.currency")
    balance_start = BankAmountField()
    balance_end = BankAmountField(help_text="Start and lines.")
    balance_end_real = BankAmountField(allow_null=True, help_text="What the bank says.")
    is_complete = serializers.BooleanField(allow_null=True)
    warnings = serializers.SerializerMethodField()
    statement_import_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Statement
        fields: Any = (
            "id",
            "client_id",
            "administration_id",
            "bank_account_id",
            "journal_id",
            "statement_name",
            "reference",
            "statement_date",
            "first_date",
            "currency",
            "balance_start",
            "balance_end",
            "balance_end_real",
            "is_complete",
            "is_valid",
            "line_count",
            "warnings",
            "statement_import_id",
            "confirmed_by",
            "confirmed_at",
            "confirmed_because",
            "created_at",
        )

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, statement: Statement) -> Any:
        return WarningSerializer(warnings_of(statement), many=True).data


class LineSerializer(serializers.ModelSerializer[StatementLine]):
    """Money in is positive. ``payment_ref`` is what the payer wrote, ``reference`` a structured reference."""

    client_id = serializers.UUIDField(source="administration_id")
    bank_account_id = serializers.UUIDField()
    journal_id = serializers.UUIDField(source="bank_account.journal_id")
    statement_id = serializers.UUIDField()
    line_date = serializers.DateField(source="date")
    line_amount = BankAmountField(source="amount")
    currency = serializers.CharField(source="bank_account.currency")
    foreign_amount = ForeignAmountField(allow_null=True)
    payment_ref = serializers.CharField(source="label")
    partner_id = serializers.UUIDField(source="party_id", allow_null=True)
    is_reconciled = serializers.SerializerMethodField()
    amount_residual = BankAmountField(source="residual")
    running_balance = BankAmountField(source="running", help_text="What the account held after the line.")
    looks_like_id = serializers.UUIDField(allow_null=True, help_text="A line of another import that may be the same.")

    class Meta:
        model = StatementLine
        fields: Any = (
            "id",
            "client_id",
            "administration_id",
            "bank_account_id",
            "journal_id",
            "statement_id",
            "sequence",
            "line_date",
            "value_date",
            "line_amount",
            "currency",
            "foreign_currency",
            "foreign_amount",
            "exchange_rate",
            "payment_ref",
            "reference",
            "note",
            "end_to_end_id",
            "bank_id",
            "transaction_type",
            "counterparty_name",
            "counterparty_iban",
            "is_reversal",
            "partner_id",
            "is_reconciled",
            "amount_residual",
            "running_balance",
            "to_check",
            "looks_like_id",
        )

    def get_is_reconciled(self, line: StatementLine) -> bool:
        return line.residual == 0
