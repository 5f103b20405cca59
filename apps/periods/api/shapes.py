"""How periods look over HTTP."""

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.ledger.models import JournalEntry, Period
from apps.periods.models import Snapshot, Transition


class PeriodSerializer(serializers.ModelSerializer[Period]):
    """Moments are of the newest review, finalization and lock; null while the period does not stand there."""

    period_type = serializers.ChoiceField(source="type", choices=Period.Type.choices)
    start_date = serializers.DateField(source="first_day")
    end_date = serializers.DateField(source="last_day", help_text="Inclusive.")
    is_closed = serializers.SerializerMethodField(help_text="Nothing is posted into it any more.")
    created_at = serializers.SerializerMethodField()
    review_started_at = serializers.DateTimeField(allow_null=True)
    finalized_at = serializers.SerializerMethodField()
    locked_at = serializers.SerializerMethodField()

    class Meta:
        model = Period
        fields = (
            "id",
            "name",
            "period_type",
            "start_date",
            "end_date",
            "status",
            "is_closed",
            "created_at",
            "review_started_at",
            "finalized_at",
            "locked_at",
        )

    def get_is_closed(self, period: Period) -> bool:
        return not period.admits_posting

    def get_created_at(self, period: Period) -> datetime:
        """Its key begins with the moment at which it was made (UUIDv7)."""
        return datetime.fromtimestamp((period.pk.int >> 80) / 1000, UTC)

    def get_finalized_at(self, period: Any) -> datetime | None:
        return None if period.admits_posting else period.finalized_at

    def get_locked_at(self, period: Any) -> datetime | None:
        return period.locked_at if period.status == Period.Status.LOCKED else None


@extend_schema_serializer(many=False)
class PeriodsSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField()
    periods = PeriodSerializer(many=True)
    total_count = serializers.IntegerField(help_text="Of all that the filter lets through, beyond the limit as well.")


class PeriodIssueSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="pk")
    code = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    is_acknowledged = serializers.BooleanField()


class IssueCountsSerializer(serializers.Serializer[Any]):
    total_issues = serializers.IntegerField()
    red_count = serializers.IntegerField()
    yellow_count = serializers.IntegerField()


class PeriodValidationSerializer(serializers.Serializer[Any]):
    """What the last run for the period found."""

    run_id = serializers.UUIDField(allow_null=True, help_text="Null before the first run.")
    red_issues = PeriodIssueSerializer(many=True)
    yellow_issues = PeriodIssueSerializer(many=True)
    can_finalize = serializers.BooleanField()
    validation_summary = IssueCountsSerializer()


class PostedEntrySerializer(serializers.ModelSerializer[JournalEntry]):
    number = serializers.CharField(source="__str__")

    class Meta:
        model = JournalEntry
        fields: Any = ("id", "number", "date", "posted_at", "posted_by")


class PostedSinceSerializer(serializers.Serializer[Any]):
    """What was posted since the review began: the newest entries."""

    count = serializers.IntegerField()
    entries = PostedEntrySerializer(many=True)


class PeriodStandingSerializer(serializers.Serializer[Any]):
    period = PeriodSerializer()
    validation = PeriodValidationSerializer()
    posted_since_review = PostedSinceSerializer()


class PeriodNotesSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=10_000, default="")

    def validate_notes(self, notes: str | None) -> str:
        return notes or ""


class PeriodFinalizeSerializer(PeriodNotesSerializer):
    acknowledged_yellow_issues = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=10_000,
        help_text="The ids of the warnings that are taken as they are.",
    )


class PeriodLockSerializer(PeriodNotesSerializer):
    confirm_irreversible = serializers.BooleanField(default=False, help_text="There is no way back from LOCKED.")


class PeriodReopenSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=10_000)


class PeriodReviewedSerializer(serializers.Serializer[Any]):
    period = PeriodSerializer()
    validation_run_id = serializers.UUIDField()
    issues_found = serializers.IntegerField()
    message = serializers.CharField()


class PeriodFinalizedSerializer(serializers.Serializer[Any]):
    period = PeriodSerializer()
    snapshot_id = serializers.UUIDField()
    message = serializers.CharField()


class PeriodChangedSerializer(serializers.Serializer[Any]):
    period = PeriodSerializer()
    message = serializers.CharField()


class SnapshotSummarySerializer(serializers.Serializer[Any]):
    total_assets = serializers.CharField()
    total_liabilities = serializers.CharField()
    total_equity = serializers.CharField()
    net_income = serializers.CharField()
    total_ar = serializers.CharField()
    total_ap = serializers.CharField()


class SnapshotSealSerializer(serializers.Serializer[Any]):
    head = serializers.CharField()
    entries = serializers.IntegerField()
    documents = serializers.IntegerField()


class SnapshotSerializer(serializers.Serializer[Any]):
    """What the reports said when the period was finalized. Amounts are strings in ``currency``; accounts, parties and
    VAT codes go by their ids, and ``names`` says what each was called then."""

    id = serializers.UUIDField()
    period_id = serializers.UUIDField()
    snapshot_type = serializers.ChoiceField(choices=Snapshot.Type.choices)
    created_at = serializers.DateTimeField()
    known_at = serializers.DateTimeField(help_text="What was posted by this moment counts.")
    sha256 = serializers.CharField(help_text="Of the canonical JSON that is kept.")
    currency = serializers.CharField()
    summary = SnapshotSummarySerializer()
    balance_sheet = serializers.DictField()
    profit_and_loss = serializers.DictField()
    vat_summary = serializers.DictField()
    open_ar_balances = serializers.DictField()
    open_ap_balances = serializers.DictField()
    names = serializers.DictField()
    acknowledged_yellow_issues = serializers.ListField(child=serializers.UUIDField())
    issue_summary = IssueCountsSerializer()
    seal = SnapshotSealSerializer()


class PeriodLogSerializer(serializers.ModelSerializer[Transition]):
    performed_by_id = serializers.UUIDField(source="by_id")
    performed_at = serializers.DateTimeField(source="at")
    notes = serializers.SerializerMethodField()
    along_with_id = serializers.UUIDField(allow_null=True, help_text="The larger period that took this one along.")
    snapshot_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Transition
        fields: Any = (
            "id",
            "action",
            "from_status",
            "to_status",
            "performed_by_id",
            "performed_at",
            "notes",
            "snapshot_id",
            "along_with_id",
        )

    def get_notes(self, step: Transition) -> str | None:
        return step.notes or None


class PeriodLogsSerializer(serializers.Serializer[Any]):
    period_id = serializers.UUIDField()
    logs = PeriodLogSerializer(many=True)
    total_count = serializers.IntegerField()


class ChecklistItemSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Never changes, whatever the language of the name.")
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=("PASSED", "WARNING", "FAILED"))
    details = serializers.CharField()
    value = serializers.CharField()
    required: Any = serializers.BooleanField(help_text="A required item that failed blocks finalizing.")
    link = serializers.CharField(help_text="The page of the site that mends it.")


class ClosingChecklistSerializer(serializers.Serializer[Any]):
    client_id = serializers.UUIDField()
    client_name = serializers.CharField()
    period_id = serializers.UUIDField()
    period_name = serializers.CharField()
    period_status = serializers.ChoiceField(choices=Period.Status.choices)
    can_finalize = serializers.BooleanField()
    blocking_items = serializers.IntegerField()
    warning_items = serializers.IntegerField()
    items = ChecklistItemSerializer(many=True)
    documents_posted_percent = serializers.DecimalField(max_digits=4, decimal_places=1)
    documents_pending_review = serializers.IntegerField()
    red_issues_count = serializers.IntegerField()
    yellow_issues_count = serializers.IntegerField()
    unacknowledged_yellow_count = serializers.IntegerField()
    vat_report_ready = serializers.BooleanField()
    ar_reconciled = serializers.BooleanField()
    ap_reconciled = serializers.BooleanField()
    assets_consistent = serializers.BooleanField()
