"""What issues and validations look like over HTTP, as the contract area ledger names them."""

from typing import Any

from rest_framework import serializers

from apps.core.api import AmountField
from apps.core.models import Job
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.words import WORDS, told
from apps.ledger.api.shapes import OverviewSerializer

CODES = [(code, code) for code in WORDS]


class IssueSerializer(serializers.ModelSerializer[Issue]):
    """Title, description, why and suggested_action are in the reader's language; decide by ``issue_code``."""

    client_id = serializers.UUIDField(source="administration_id")
    issue_code = serializers.ChoiceField(CODES, source="code")
    title = serializers.CharField()
    description = serializers.CharField()
    why = serializers.CharField()
    suggested_action = serializers.CharField()
    document_id = serializers.UUIDField(allow_null=True, default=None, help_text="Null until documents are kept here.")
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)
    account_id = serializers.UUIDField(allow_null=True)
    fixed_asset_id = serializers.UUIDField(allow_null=True)
    party_id = serializers.UUIDField(allow_null=True)
    open_item_id = serializers.UUIDField(allow_null=True)
    amount_discrepancy = AmountField(source="amount", allow_null=True)
    is_resolved = serializers.SerializerMethodField()
    is_acknowledged = serializers.BooleanField()
    created_at = serializers.DateTimeField(source="first_seen_at")
    acknowledged_amount = AmountField(allow_null=True)

    class Meta:
        model = Issue
        fields = (
            "id",
            "client_id",
            "issue_code",
            "severity",
            "title",
            "description",
            "why",
            "suggested_action",
            "document_id",
            "journal_entry_id",
            "account_id",
            "fixed_asset_id",
            "party_id",
            "open_item_id",
            "subject_type",
            "subject_id",
            "amount_discrepancy",
            "since",
            "is_resolved",
            "resolved_at",
            "created_at",
            "last_seen_at",
            "reopened_at",
            "is_acknowledged",
            "acknowledged_by",
            "acknowledged_at",
            "acknowledged_amount",
            "acknowledged_note",
        )

    def get_is_resolved(self, issue: Issue) -> bool:
        return issue.resolved_at is not None

    def to_representation(self, instance: Any) -> Any:
        words = told(instance)
        for name in ("title", "description", "why", "suggested_action"):
            setattr(instance, name, getattr(words, name))
        return super().to_representation(instance)


class IssuesSerializer(serializers.Serializer[Any]):
    """The counts are of all that the filters leave; ``issues`` holds at most ``limit`` of them."""

    client_id = serializers.UUIDField()
    client_name = serializers.CharField()
    total_issues = serializers.IntegerField()
    red_count = serializers.IntegerField()
    yellow_count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True, help_text="The address of the next page; also the Link header.")
    previous = serializers.CharField(allow_null=True)
    issues = IssueSerializer(many=True)


class AcknowledgeSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class RecalculateFormSerializer(serializers.Serializer[Any]):
    force = serializers.BooleanField(default=False, help_text="Look at all of history again.")


class RecalculatedSerializer(serializers.Serializer[Any]):
    """Large books are looked at by the worker: 202, with the job in the place of the run."""

    success = serializers.BooleanField()
    validation_run_id = serializers.UUIDField(allow_null=True)
    issues_found = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    task_id = serializers.UUIDField(allow_null=True)
    task_url = serializers.CharField(allow_null=True)


class ValidationRunSerializer(serializers.ModelSerializer[ValidationRun]):
    client_id = serializers.UUIDField(source="administration_id")
    period_id = serializers.UUIDField(allow_null=True)
    issues_found = serializers.IntegerField()

    class Meta:
        model = ValidationRun
        fields = (
            "id",
            "client_id",
            "as_of",
            "period_id",
            "is_full",
            "by",
            "started_at",
            "ended_at",
            "issues_found",
            "red_count",
            "yellow_count",
            "new_count",
            "resolved_count",
        )


class SightingSerializer(serializers.ModelSerializer[Sighting]):
    """What one run saw of an issue."""

    validation_run_id = serializers.UUIDField(source="run_id")
    seen_at = serializers.DateTimeField(source="run.started_at")
    as_of = serializers.DateField(source="run.as_of")
    amount = AmountField(allow_null=True)

    class Meta:
        model = Sighting
        fields = ("id", "validation_run_id", "seen_at", "as_of", "severity", "amount")


class StateSerializer(serializers.Serializer[Any]):
    """``task_id``, ``state`` and what follows are null where no recalculation was the worker's."""

    task_id = serializers.UUIDField(source="job.id", allow_null=True, default=None)
    state = serializers.ChoiceField(Job.State.choices, source="job.state", allow_null=True, default=None)
    done = serializers.IntegerField(source="job.done", allow_null=True, default=None)
    total = serializers.IntegerField(source="job.total", allow_null=True, default=None)
    refusals = serializers.ListField(source="job.refusals", child=serializers.DictField(), default=list)
    validation_run = ValidationRunSerializer(source="run", allow_null=True, help_text="The last one, whoever asked.")


class ClientOverviewSerializer(OverviewSerializer):
    """How much there is in the books, what is open, and what is wrong as the last validation saw it."""

    error_count = serializers.IntegerField(help_text="Issues that are red.")
    warning_count = serializers.IntegerField(help_text="Issues that are yellow.")
