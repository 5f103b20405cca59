"""What the reports ask for and answer, as the contract area ``ledger`` names it."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.money import text
from apps.core.tables.download import TYPES
from apps.ledger.models import Account
from apps.ledger.reports.ageing import Bucket
from apps.ledger.reports.ageing import Kind as AgeingKind
from apps.ledger.reports.ageing import Status as AgeingStatus
from apps.ledger.reports.figures import LinesOf

# What is asked for ---------------------------------------------------------------------------------------------------


class FormatSerializer(serializers.Serializer[Any]):
    """``format``, or the header Accept, asks for a file."""

    format = serializers.ChoiceField(
        ["json", *TYPES], required=False, help_text="json unless the header Accept asks for a file."
    )


class AsOfSerializer(FormatSerializer):
    as_of_date = serializers.DateField(required=False, help_text="The end of this day; today unless given.")
    known_at = serializers.DateTimeField(
        required=False, help_text="What the books said at this moment; UTC unless it says otherwise."
    )
    compare_to = serializers.DateField(required=False, help_text="Another day, shown beside it with the difference.")


class TrialBalanceQuerySerializer(AsOfSerializer):
    start_date = serializers.DateField(required=False, help_text="Tell movements from this day from what was before.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return in_order(attrs, "start_date", "as_of_date")


class SpanSerializer(FormatSerializer):
    start_date = serializers.DateField(
        required=False, help_text="The first day of the fiscal year of end_date unless given."
    )
    end_date = serializers.DateField(required=False, help_text="The last day; today unless given.")
    known_at = serializers.DateTimeField(
        required=False, help_text="What the books said at this moment; UTC unless it says otherwise."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return in_order(attrs, "start_date", "end_date")


class ComparedSpanSerializer(SpanSerializer):
    compare_start = serializers.DateField(required=False, help_text="Another span, shown beside with the difference.")
    compare_end = serializers.DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (("compare_start", "compare_end"), ("compare_end", "compare_start")):
            if one in attrs and other not in attrs:
                raise serializers.ValidationError({other: [_("Give both days of the other span.")]})
        return in_order(super().validate(attrs), "compare_start", "compare_end")


class JournalQuerySerializer(SpanSerializer):
    journal_id = serializers.UUIDField(required=False, help_text="Only this journal.")


class LinesQuerySerializer(SpanSerializer):
    start_date = serializers.DateField(required=False, help_text="The beginning of the books unless given.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=1000, default=200)
    after = serializers.UUIDField(required=False, help_text="The next of the page before.")


def in_order(asked: dict[str, Any], first: str, last: str) -> dict[str, Any]:
    """Raises ValidationError when the span ends before it begins."""
    since: date | None = asked.get(first)
    until: date | None = asked.get(last)
    if since and until and since > until:
        raise serializers.ValidationError({first: [_("This is after the last day.")]})
    return asked


# What is answered ----------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class BookAmount(serializers.Field[Any, Any, str, Any]):
    """An amount as a string with the digits of the currency that the whole report is in."""

    def to_representation(self, value: Any) -> str:
        return text(value, self.context["currency"])


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "uri-reference"}})
class LinesField(serializers.Field[Any, Any, list[str], Any]):
    """The addresses at which the lines behind a figure are: one, or several that add up to it."""

    def to_representation(self, value: tuple[LinesOf, ...]) -> list[str]:
        return [lines_address(part) for part in value]


def lines_address(lines: LinesOf) -> str:
    """The ledger of one account; the profit and loss account for a result of several."""
    account, since = lines.accounts[0], lines.since
    if len(lines.accounts) == 1:
        address = reverse("client-account-ledger", args=[account.administration_id, account.pk])
    else:
        address, since = reverse("client-pnl", args=[account.administration_id]), since or date.min
    asked = {"start_date": since, "end_date": lines.until, "known_at": lines.known_at}
    return f"{address}?{urlencode({name: value.isoformat() for name, value in asked.items() if value})}"


class OverviewSerializer(serializers.Serializer[Any]):
    """The figures of the ledger; what is wrong in it is counted by the app that answers it."""

    client_id = serializers.UUIDField(source="administration.id")
    client_name = serializers.CharField(source="administration.name")
    currency = serializers.CharField(source="administration.currency")
    missing_docs_count = serializers.IntegerField(default=0, help_text="0 until documents are kept here.")
    upcoming_deadlines = serializers.ListField(
        child=serializers.DictField(), default=list, help_text="Empty until VAT returns are kept here."
    )
    total_journal_entries = serializers.IntegerField(source="entries")
    draft_entries_count = serializers.IntegerField(source="drafts")
    posted_entries_count = serializers.IntegerField(source="posted")
    total_open_receivables = BookAmount(source="receivables")
    total_open_payables = BookAmount(source="payables")


class StatementRowSerializer(serializers.Serializer[Any]):
    """One account; ``balance`` is positive on the side of its section. A computed result names the account that it will
    stand on, if the chart has one."""

    account_id = serializers.UUIDField(source="account.id", allow_null=True)
    account_code = serializers.CharField(source="account.code", allow_null=True)
    account_name = serializers.CharField(source="name")
    account_type = serializers.ChoiceField(Account.Type.choices, source="account.type", allow_null=True)
    computed = serializers.BooleanField()
    debit_total = BookAmount(source="debit")
    credit_total = BookAmount(source="credit")
    balance = BookAmount(source="balance.amount")
    earlier = BookAmount(source="balance.earlier", allow_null=True)
    difference = BookAmount(source="balance.difference", allow_null=True)
    lines = LinesField(source="balance.lines", help_text="Where the lines behind the balance are.")


class SectionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    accounts = StatementRowSerializer(many=True, source="rows")
    total = BookAmount(source="total.amount")
    total_earlier = BookAmount(source="total.earlier", allow_null=True)
    total_difference = BookAmount(source="total.difference", allow_null=True)


class BalanceSheetTotalsSerializer(serializers.Serializer[Any]):
    compare_to = serializers.DateField()
    total_assets = BookAmount(source="total_assets.earlier")
    total_assets_difference = BookAmount(source="total_assets.difference")
    total_liabilities_equity = BookAmount(source="total_liabilities_equity.earlier")
    total_liabilities_equity_difference = BookAmount(source="total_liabilities_equity.difference")


class ReportSerializer(serializers.Serializer[Any]):
    """What every report says of itself."""

    client_id = serializers.UUIDField(source="administration.id")
    currency = serializers.CharField(source="administration.currency")
    known_at = serializers.DateTimeField(allow_null=True)


class BalanceSheetSerializer(ReportSerializer):
    """Accounts of income and costs are not closed by entries: their result stands computed in equity."""

    as_of_date = serializers.DateField(source="as_of")
    current_assets = SectionSerializer()
    fixed_assets = SectionSerializer()
    total_assets = BookAmount(source="total_assets.amount")
    current_liabilities = SectionSerializer()
    long_term_liabilities = SectionSerializer()
    equity = SectionSerializer()
    total_liabilities_equity = BookAmount(source="total_liabilities_equity.amount")
    is_balanced = serializers.BooleanField()
    comparison = serializers.SerializerMethodField()

    @extend_schema_field(BalanceSheetTotalsSerializer(allow_null=True))
    def get_comparison(self, report: Any) -> Any:
        return BalanceSheetTotalsSerializer(report, context=self.context).data if report.compare_to else None


class ProfitAndLossTotalsSerializer(serializers.Serializer[Any]):
    compare_start = serializers.SerializerMethodField()
    compare_end = serializers.SerializerMethodField()
    gross_profit = BookAmount(source="gross_profit.earlier")
    gross_profit_difference = BookAmount(source="gross_profit.difference")
    operating_income = BookAmount(source="operating_income.earlier")
    operating_income_difference = BookAmount(source="operating_income.difference")
    net_income = BookAmount(source="net_income.earlier")
    net_income_difference = BookAmount(source="net_income.difference")

    def get_compare_start(self, report: Any) -> date:
        return report.compared[0]

    def get_compare_end(self, report: Any) -> date:
        return report.compared[1]


class ProfitAndLossSerializer(ReportSerializer):
    start_date = serializers.DateField(source="since")
    end_date = serializers.DateField(source="until")
    revenue = SectionSerializer()
    cost_of_goods_sold = SectionSerializer()
    gross_profit = BookAmount(source="gross_profit.amount")
    operating_expenses = SectionSerializer()
    operating_income = BookAmount(source="operating_income.amount")
    other_income = SectionSerializer()
    other_expenses = SectionSerializer()
    net_income = BookAmount(source="net_income.amount")
    comparison = serializers.SerializerMethodField()

    @extend_schema_field(ProfitAndLossTotalsSerializer(allow_null=True))
    def get_comparison(self, report: Any) -> Any:
        return ProfitAndLossTotalsSerializer(report, context=self.context).data if report.compared else None


class TrialBalanceRowSerializer(serializers.Serializer[Any]):
    """Positive is a debit."""

    account_id = serializers.UUIDField(source="account.id")
    account_code = serializers.CharField(source="account.code")
    account_name = serializers.CharField(source="account.name")
    account_type = serializers.ChoiceField(Account.Type.choices, source="account.type")
    opening_balance = BookAmount(source="opening")
    debit_total = BookAmount(source="debit")
    credit_total = BookAmount(source="credit")
    balance = BookAmount()
    earlier = BookAmount(allow_null=True)
    difference = BookAmount(allow_null=True)


class TrialBalanceSerializer(ReportSerializer):
    as_of_date = serializers.DateField(source="as_of")
    start_date = serializers.DateField(source="since", allow_null=True)
    compare_to = serializers.DateField(allow_null=True)
    accounts = TrialBalanceRowSerializer(many=True, source="rows")
    debit_total = BookAmount(source="debit")
    credit_total = BookAmount(source="credit")
    balance = BookAmount(help_text="Zero, as long as every entry balances.")


class AgeingItemSerializer(serializers.Serializer[Any]):
    party_id = serializers.UUIDField(source="party.id")
    party_name = serializers.CharField(source="party")
    party_code = serializers.CharField(source="party.code")
    document_number = serializers.CharField(source="document")
    document_date = serializers.DateField(source="item.date")
    due_date = serializers.DateField()
    original_amount = BookAmount(source="original")
    paid_amount = BookAmount(source="paid")
    open_amount = BookAmount(source="open")
    days_overdue = serializers.IntegerField()
    bucket = serializers.ChoiceField(Bucket.choices)
    status = serializers.ChoiceField(AgeingStatus.choices)
    open_item_id = serializers.UUIDField(source="item.id")
    journal_entry_id = serializers.UUIDField(source="item.line.entry_id")


class BucketsSerializer(serializers.Serializer[Any]):
    not_due = BookAmount(source="NOT_DUE")
    days_1_30 = BookAmount(source="DAYS_1_30")
    days_31_60 = BookAmount(source="DAYS_31_60")
    days_61_90 = BookAmount(source="DAYS_61_90")
    over_90 = BookAmount(source="OVER_90")


class AgeingPartySerializer(serializers.Serializer[Any]):
    party_id = serializers.UUIDField(source="party.id")
    party_name = serializers.CharField(source="party")
    party_code = serializers.CharField(source="party.code")
    open_amount = BookAmount(source="open")
    buckets = BucketsSerializer()
    earlier = BookAmount(allow_null=True)
    difference = BookAmount(allow_null=True)


class AgeingSerializer(ReportSerializer):
    """Amounts are positive when they are owed in the direction of the report."""

    report_type = serializers.ChoiceField(AgeingKind.choices, source="kind")
    as_of_date = serializers.DateField(source="as_of")
    compare_to = serializers.DateField(allow_null=True)
    items = AgeingItemSerializer(many=True, source="rows")
    parties = AgeingPartySerializer(many=True)
    buckets = BucketsSerializer()
    total_original = BookAmount(source="original")
    total_paid = BookAmount(source="paid")
    total_open = BookAmount(source="open")
    overdue_amount = BookAmount(source="overdue")
    total_earlier = BookAmount(source="earlier", allow_null=True)
    total_difference = BookAmount(source="difference", allow_null=True)


class LedgerRowSerializer(serializers.Serializer[Any]):
    line_id = serializers.UUIDField(source="line.id")
    journal_entry_id = serializers.UUIDField(source="line.entry_id")
    entry_number = serializers.CharField(source="line.entry")
    date = serializers.DateField(source="line.date")
    description = serializers.SerializerMethodField()
    party_id = serializers.UUIDField(source="line.party_id", allow_null=True)
    debit = BookAmount(source="line.debit")
    credit = BookAmount(source="line.credit")
    balance = BookAmount(help_text="Of the account, after this line; positive is a debit.")

    def get_description(self, row: Any) -> str:
        return row.line.memo or row.line.entry.memo


class AccountLedgerSerializer(serializers.Serializer[Any]):
    """A page of lines. ``opening_balance`` and ``closing_balance`` are of the whole span; positive is a debit."""

    client_id = serializers.UUIDField(source="account.administration_id")
    currency = serializers.CharField(source="account.administration.currency")
    known_at = serializers.DateTimeField(allow_null=True)
    account_id = serializers.UUIDField(source="account.id")
    account_code = serializers.CharField(source="account.code")
    account_name = serializers.CharField(source="account.name")
    start_date = serializers.DateField(source="since", allow_null=True)
    end_date = serializers.DateField(source="until")
    opening_balance = BookAmount(source="opening")
    closing_balance = BookAmount(source="closing")
    brought_forward = BookAmount(help_text="What the account stood at before this page.")
    lines = LedgerRowSerializer(many=True, source="rows")
    next = serializers.UUIDField(allow_null=True, help_text="Ask with after=... for the next page.")


class VatCodeRowSerializer(serializers.Serializer[Any]):
    vat_code_id = serializers.UUIDField(source="vat_code.id")
    code = serializers.CharField(source="vat_code.code")
    name = serializers.CharField(source="vat_code.name")
    rate = serializers.DecimalField(source="vat_code.rate", max_digits=7, decimal_places=4, help_text="Percent.")
    box_turnover = serializers.CharField(source="vat_code.box_turnover")
    box_vat = serializers.CharField(source="vat_code.box_vat")
    box_deductible = serializers.CharField(source="vat_code.box_deductible")
    turnover = BookAmount()
    vat_owed = BookAmount()
    vat_deducted = BookAmount()


class VatBoxSerializer(serializers.Serializer[Any]):
    box = serializers.CharField()
    turnover = BookAmount()
    vat = BookAmount()


class VatByCodeSerializer(ReportSerializer):
    """The VAT periods that end from start_date until end_date, to the cent."""

    start_date = serializers.DateField(source="since")
    end_date = serializers.DateField(source="until")
    vat_periods = serializers.ListField(source="periods", child=serializers.CharField())
    codes = VatCodeRowSerializer(many=True, source="rows")
    boxes = VatBoxSerializer(many=True)
    turnover = BookAmount()
    vat_owed = BookAmount()
    vat_deducted = BookAmount()
    vat_payable = BookAmount(help_text="Owed less deducted; negative is to be received back.")
