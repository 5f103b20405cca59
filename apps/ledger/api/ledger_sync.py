"""The sub-ledgers over HTTP: open items of suppliers and customers, their proof, backfill, allocations."""

from typing import Any
from uuid import UUID

import django_filters
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_noop
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.models import Job
from apps.core.money import quantize
from apps.core.owned_api import (
    OwnedFilter,
    OwnedViewSet,
    OwnerSerializer,
    amount_input,
    named_row,
)
from apps.core.permissions import Act
from apps.core.services.jobs import start_job
from apps.ledger.models import Account, Allocation, Batch, OpenItem
from apps.ledger.reports.open_items import ItemStatus, in_status, item_status
from apps.ledger.reports.sync_status import KINDS, sync_status
from apps.ledger.services import backfilling
from apps.ledger.services.settling import allocate

Control = Account.Control
MANUAL = "manual"
STATUSES = tuple(one.value for one in ItemStatus)
# A backfill of more lines than this is a job of the worker's.
LARGE = 500
TASK = "apps.ledger.tasks.backfill_history"
# Lines that an answer about many lists; it counts all of them.
LISTED = 1000


# Open items ----------------------------------------------------------------------------------------------------------


class OpenItemSerializer(serializers.ModelSerializer[OpenItem]):
    """An open item at the date that was asked for, positive on the usual side of its ledger: what we owe a supplier,
    what a customer owes us. A credit note or a prepayment is negative."""

    client_id = serializers.UUIDField(source="administration_id")
    party_name = serializers.CharField(source="party.__str__")
    document_number = serializers.CharField(source="reference")
    original_amount = serializers.SerializerMethodField()
    open_amount = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()  # type: ignore[assignment]
    journal_entry_id = serializers.UUIDField(source="line.entry_id")

    class Meta:
        model = OpenItem
        fields = (
            "id",
            "client_id",
            "administration_id",
            "account_id",
            "party_id",
            "party_name",
            "document_number",
            "document_id",
            "date",
            "due_date",
            "original_amount",
            "open_amount",
            "currency",
            "amount_currency",
            "status",
            "source",
            "journal_entry_id",
        )

    @extend_schema(responses={"type": "string"})
    def get_original_amount(self, item: OpenItem) -> str:
        return self._told(item, item.amount)

    @extend_schema(responses={"type": "string"})
    def get_open_amount(self, item: Any) -> str:
        return self._told(item, item.open)

    @extend_schema(responses={"type": "string", "enum": list(STATUSES)})
    def get_status(self, item: Any) -> str:
        return item_status(item.amount, item.open, item.due_date, self.context["view"].as_of).value

    def get_source(self, item: OpenItem) -> str:
        """The kind of document it is about, or manual."""
        return item.document_type or MANUAL

    def _told(self, item: OpenItem, amount: Any) -> str:
        side = self.context["view"].side
        return str(quantize(side * amount, item.administration.currency))


class OpenItemFilter(OwnedFilter):
    party_id = django_filters.UUIDFilter(field_name="party")
    account_id = django_filters.UUIDFilter(field_name="account")
    status = django_filters.CharFilter(method="of_status", help_text=f"One of {', '.join(STATUSES)}, in any case.")
    as_of_date = django_filters.DateFilter(method="read_as_of", help_text="Today unless given.")

    class Meta:
        model = OpenItem
        fields = ()

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        """``open`` takes whatever is not settled."""
        if value.lower() not in STATUSES:
            raise serializers.ValidationError({"status": [f"{', '.join(STATUSES)}, not {value}."]})
        return in_status(queryset, value.lower(), self.request.parser_context["view"].as_of)

    def read_as_of(self, queryset: Any, name: str, value: Any) -> Any:
        """The viewset has read the items as of that day: what is open of them depends on it."""
        return queryset


class AsOfSerializer(serializers.Serializer[Any]):
    as_of_date = serializers.DateField(required=False)


class ItemPages(CursorPages):
    ordering = ("date", "id")


class _SubOwnedViewSet(mixins.ListModelMixin, OwnedViewSet):
    queryset = OpenItem.objects.select_related("administration", "party", "line")
    serializer_class = OpenItemSerializer
    filterset_class = OpenItemFilter
    ordering_fields = ("date", "due_date")
    pagination_class = ItemPages
    acts = {"*": Act.READ_LEDGER}
    controls: tuple[str, ...]
    side: int

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.as_of = self.query(AsOfSerializer).get("as_of_date") or timezone.localdate()

    def get_queryset(self) -> Any:
        items: Any = super().get_queryset().filter(account__control__in=self.controls)
        # Those of a backfill that was reversed cancel out.
        items = items.exclude(batch__reversed_at__isnull=False)
        return items.as_of(getattr(self, "as_of", None))


@extend_schema(tags=["ledger"])
@extend_schema_view(list=extend_schema(summary="What is owed to suppliers, item by item"))
class SupplierLedgerViewSet(_SubOwnedViewSet):
    controls, side = (Control.SUPPLIERS,), -1


@extend_schema(tags=["ledger"])
@extend_schema_view(list=extend_schema(summary="What customers, patients and payers owe, item by item"))
class CustomerLedgerViewSet(_SubOwnedViewSet):
    controls, side = (Control.CUSTOMERS, Control.PATIENTS, Control.PAYERS), 1


# Allocations ---------------------------------------------------------------------------------------------------------


class AllocationSerializer(serializers.ModelSerializer[Allocation]):
    amount = AmountField()

    class Meta:
        model = Allocation
        fields = ("id", "administration_id", "debit_id", "credit_id", "amount", "date", "created_at")


class AllocatedSerializer(serializers.Serializer[Any]):
    """What was settled, and a second time where an exchange difference was realised."""

    allocations = AllocationSerializer(many=True)


class AllocationFormSerializer(OwnerSerializer):
    debit_id = serializers.UUIDField()
    credit_id = serializers.UUIDField()
    amount = amount_input(
        required=False,
        allow_null=True,
        default=None,
        help_text="As far as both go, unless given. In the currency of both, if that is one foreign currency.",
    )
    fully = serializers.BooleanField(
        default=False, help_text="Post what is left as an exchange difference: a foreign item, paid in book currency."
    )


class AllocationFilter(OwnedFilter):
    debit_id = django_filters.UUIDFilter(field_name="debit")
    credit_id = django_filters.UUIDFilter(field_name="credit")

    class Meta:
        model = Allocation
        fields = ()


@extend_schema(tags=["ledger"])
@extend_schema_view(list=extend_schema(summary="What settled what, newest first"))
class AllocationViewSet(mixins.ListModelMixin, OwnedViewSet):
    queryset = Allocation.objects.select_related("administration")
    serializer_class = AllocationSerializer
    filterset_class = AllocationFilter
    pagination_class = CursorPages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS}

    @extend_schema(
        summary="Settle a debit item with a credit item of the same party",
        request=AllocationFormSerializer,
        responses={
            201: AllocatedSerializer,
            409: OpenApiResponse(RefusalSerializer, description="ALLOCATION_BEYOND_OPEN, ITEM_SETTLED"),
        },
        filters=False,
    )
    def create(self, request: Request) -> Response:
        form = self.form(AllocationFormSerializer)
        administration = form["administration"]
        made = allocate(
            named_row(OpenItem, form["debit_id"], administration, "debit_id"),
            named_row(OpenItem, form["credit_id"], administration, "credit_id"),
            amount=form["amount"],
            fully=form["fully"],
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(AllocatedSerializer({"allocations": made}).data, status=status.HTTP_201_CREATED)


# The proof -----------------------------------------------------------------------------------------------------------


class ExplanationSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(KINDS)
    journal_entry_id = serializers.UUIDField(source="line.entry_id")
    journal_line_id = serializers.UUIDField(source="line.id")
    number = serializers.CharField(source="line.entry.__str__")
    entry_date = serializers.DateField(source="line.date")
    party_id = serializers.UUIDField(source="line.party_id", allow_null=True)
    description = serializers.CharField(source="line.entry.memo")
    amount = serializers.SerializerMethodField()

    @extend_schema(responses={"type": "string"})
    def get_amount(self, one: Any) -> str:
        return str(quantize(one.amount, self.context["currency"]))


class ControlProofSerializer(serializers.Serializer[Any]):
    """A control account; amounts are debit less credit. ``explained`` lists the first lines, the count is of all."""

    account_id = serializers.UUIDField(source="account.id")
    account_code = serializers.CharField(source="account.code")
    account_name = serializers.CharField(source="account.name")
    control = serializers.CharField(source="account.control")
    gl_balance = AmountField()
    ledger_balance = AmountField()
    difference = AmountField()
    explained = ExplanationSerializer(many=True)
    explained_count = serializers.IntegerField()
    explained_amounts = serializers.SerializerMethodField()
    unexplained = AmountField()

    @extend_schema(responses={"type": "object", "additionalProperties": {"type": "string"}})
    def get_explained_amounts(self, proof: Any) -> dict[str, str]:
        """By kind."""
        return {
            why.value: str(quantize(amount, self.context["currency"]))
            for why, amount in sorted(proof.explained_amounts.items())
        }


@extend_schema_serializer(many=False)
class SyncStatusSerializer(serializers.Serializer[Any]):
    client_id = serializers.UUIDField(source="administration.id")
    administration_id = serializers.UUIDField(source="administration.id")
    as_of_date = serializers.DateField(source="as_of")
    currency = serializers.CharField(source="administration.currency")
    accounts = ControlProofSerializer(many=True)
    is_proved = serializers.BooleanField()


class SyncQuerySerializer(OwnerSerializer):
    as_of_date = serializers.DateField(required=False)
    limit = serializers.IntegerField(required=False, default=LISTED, min_value=0, max_value=LISTED)


@extend_schema(tags=["ledger"])
class SyncStatusViewSet(OwnedViewSet):
    queryset = Account.objects.all()
    acts = {"*": Act.READ_LEDGER}

    @extend_schema(
        summary="Control accounts against their open items, and what explains the difference",
        parameters=[SyncQuerySerializer],
        responses=SyncStatusSerializer,
    )
    def list(self, request: Request) -> Response:
        named = self.query(SyncQuerySerializer)
        administration = named["administration"]
        status_ = sync_status(administration, named.get("as_of_date") or timezone.localdate(), limit=named["limit"])
        context = {**self.get_serializer_context(), "currency": administration.currency}
        return Response(SyncStatusSerializer(status_, context=context).data)


# Backfill ------------------------------------------------------------------------------------------------------------


class MatchSerializer(serializers.Serializer[Any]):
    journal_line_id = serializers.UUIDField(source="line.id")
    journal_entry_id = serializers.UUIDField(source="line.entry_id")
    entry_date = serializers.DateField(source="line.date")
    amount = serializers.SerializerMethodField()
    invoice_id = serializers.UUIDField(source="invoice.id")
    invoice_number = serializers.CharField(source="invoice.__str__")
    party_id = serializers.UUIDField(source="invoice.party_id")
    confidence = serializers.DecimalField(3, 2)
    reasons = serializers.ListField(child=serializers.CharField())

    @extend_schema(responses={"type": "string"})
    def get_amount(self, match: Any) -> str:
        return _amount_of(match.line)


class UnmatchedSerializer(serializers.Serializer[Any]):
    journal_line_id = serializers.UUIDField(source="id")
    journal_entry_id = serializers.UUIDField(source="entry_id")
    entry_date = serializers.DateField(source="date")
    amount = serializers.SerializerMethodField()

    @extend_schema(responses={"type": "string"})
    def get_amount(self, line: Any) -> str:
        return _amount_of(line)


def _amount_of(line: Any) -> str:
    return str(quantize(line.debit - line.credit, line.administration.currency))


class BackfillSerializer(serializers.Serializer[Any]):
    """Each list has at most a thousand lines; the counts are of all. While a job runs, ``task_id`` says which."""

    batch_id = serializers.UUIDField(allow_null=True)
    dry_run = serializers.BooleanField()
    matched = MatchSerializer(many=True)
    proposed = MatchSerializer(many=True)
    unmatched = UnmatchedSerializer(many=True)
    matched_count = serializers.IntegerField(allow_null=True)
    proposed_count = serializers.IntegerField(allow_null=True)
    unmatched_count = serializers.IntegerField(allow_null=True)
    task_id = serializers.UUIDField(allow_null=True)
    task_url = serializers.CharField(allow_null=True)


class BackfillFormSerializer(OwnerSerializer):
    dry_run = serializers.BooleanField(default=True)


class BatchSerializer(serializers.ModelSerializer[Batch]):
    client_id = serializers.UUIDField(source="administration_id")
    items = serializers.IntegerField(help_text="Open items that it made.")

    class Meta:
        model = Batch
        fields = (
            "id",
            "client_id",
            "administration_id",
            "title",
            "items",
            "created_by",
            "created_at",
            "reversed_by",
            "reversed_at",
        )


class BackfillStateSerializer(BatchSerializer):
    """With how far the worker is, where it was the worker's: null otherwise."""

    state = serializers.CharField(allow_null=True)
    done = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    refusals = serializers.ListField(child=serializers.DictField())

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "state", "done", "total", "refusals")  # type: ignore[assignment]


class BatchFilter(OwnedFilter):
    class Meta:
        model = Batch
        fields = ()


class BatchPages(CursorPages):
    ordering = ("-created_at", "-id")


@extend_schema(tags=["ledger"])
@extend_schema_view(list=extend_schema(summary="Backfills, newest first"))
class BackfillViewSet(mixins.ListModelMixin, OwnedViewSet):
    queryset = Batch.objects.filter(kind=Batch.Kind.BACKFILL).annotate(items=Count("open_items"))
    serializer_class = BatchSerializer
    filterset_class = BatchFilter
    pagination_class = BatchPages
    acts = {"*": Act.READ_LEDGER, "create": Act.KEEP_ACCOUNTS, "reverse": Act.KEEP_ACCOUNTS}

    @extend_schema(summary="One backfill, and how far it is", responses=BackfillStateSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        batch = self.get_object()
        job = Job.objects.filter(task=TASK, arguments__batch=str(batch.pk)).first()
        for name in ("state", "done", "total", "refusals"):
            setattr(batch, name, getattr(job, name, [] if name == "refusals" else None))
        return Response(BackfillStateSerializer(batch).data)

    @extend_schema(
        summary="Give imported history its open items, where it plainly is a registered invoice or its payment",
        description="A dry run, which is the default, writes nothing. Large books are done by the worker: 202.",
        request=BackfillFormSerializer,
        responses={200: BackfillSerializer, 202: BackfillSerializer},
        filters=False,
    )
    def create(self, request: Request) -> Response:
        form, by = self.form(BackfillFormSerializer), request.user
        administration = form["administration"]
        if not form["dry_run"] and backfilling.history_of(administration) > LARGE:
            with transaction.atomic():
                batch = backfilling.open_batch(administration, by=by)  # type: ignore[arg-type]
                job = start_job(
                    TASK,
                    title=gettext_noop("Backfill of the sub-ledgers"),
                    by=by,  # type: ignore[arg-type]
                    arguments={"batch": str(batch.pk)},
                    total=len(backfilling.backfilled_accounts(administration)),
                )
            started = _answer(batch, backfilling.Plan(), dry_run=False, task_id=job.pk)
            return Response(started, status=status.HTTP_202_ACCEPTED)
        done, plan = backfilling.backfill(administration, by=by, dry_run=form["dry_run"])  # type: ignore[arg-type]
        return Response(_answer(done, plan, dry_run=form["dry_run"]))

    @extend_schema(
        summary="Take a backfill back",
        request=None,
        responses={
            200: BatchSerializer,
            409: OpenApiResponse(RefusalSerializer, description="BATCH_KEPT, BACKFILL_SETTLED"),
        },
    )
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: str) -> Response:
        batch = backfilling.reverse_backfill(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(BatchSerializer(self.queryset.get(pk=batch.pk)).data)


def _answer(
    batch: Batch | None, plan: backfilling.Plan, *, dry_run: bool, task_id: UUID | None = None
) -> dict[str, Any]:
    told = {
        "batch_id": batch and batch.pk,
        "dry_run": dry_run,
        "matched": plan.matched[:LISTED],
        "proposed": plan.proposed[:LISTED],
        "unmatched": plan.unmatched[:LISTED],
        "matched_count": None if task_id else len(plan.matched),
        "proposed_count": None if task_id else len(plan.proposed),
        "unmatched_count": None if task_id else len(plan.unmatched),
        "task_id": task_id,
        "task_url": task_id and batch and reverse("sync-backfill-detail", args=[batch.pk]),
    }
    return BackfillSerializer(told).data
