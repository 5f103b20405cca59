"""Account reconciliations over HTTP: begun, held against what is expected, explained, proved by documents, approved."""

import re
from calendar import monthrange
from datetime import date
from typing import Any

import django_filters
from django.db.models import Count, Exists, OuterRef
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, parsers, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedViewSet, OwnerSerializer, amount_input, named_row
from apps.core.permissions import Act
from apps.ledger.models import Account
from apps.reconciliation.models import (
    AccountReconciliation,
    ReconciliationAttachment,
    ReconciliationSuspension,
    ReconcilingItem,
)
from apps.reconciliation.services import account_reconciling


class ReconciliationSerializer(serializers.ModelSerializer[AccountReconciliation]):
    """Balances in the book currency; debits are positive."""

    client_id = serializers.UUIDField(source="administration_id")
    account_number = serializers.CharField(source="account.code")
    account_name = serializers.CharField(source="account.name")
    opening_balance = AmountField(help_text="Posted lines before period_start.")
    closing_balance = AmountField(help_text="Posted lines up to and including period_end.")
    expected_balance = AmountField(allow_null=True)
    difference = AmountField(allow_null=True, help_text="Closing less expected.")
    explained = AmountField(help_text="The open reconciling items.")
    reconciliation_type = serializers.ChoiceField(source="type", choices=AccountReconciliation.Type.choices)
    attachments_count = serializers.IntegerField()
    is_suspended = serializers.BooleanField(help_text="A later posting moved the balance after approval.")

    class Meta:
        model = AccountReconciliation
        fields: Any = (
            "id",
            "client_id",
            "account_id",
            "account_number",
            "account_name",
            "period_start",
            "period_end",
            "opening_balance",
            "closing_balance",
            "expected_balance",
            "difference",
            "explained",
            "status",
            "is_suspended",
            "reconciliation_type",
            "notes",
            "attachments_count",
            "created_at",
            "created_by",
            "reconciled_at",
            "reconciled_by",
            "approved_at",
            "approved_by",
        )


class BeginSerializer(OwnerSerializer):
    account_id = serializers.UUIDField()
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    reconciliation_type = serializers.ChoiceField(AccountReconciliation.Type.choices, required=False)
    expected_balance = amount_input(
        required=False, allow_null=True, help_text="Unless given: of the bank statement, or of the open items."
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class UpdateSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    expected_balance = amount_input(required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class ItemSerializer(serializers.ModelSerializer[ReconcilingItem]):
    amount = AmountField(help_text="Books less expected.")
    age_in_days = serializers.SerializerMethodField(help_text="From its date to the end of the period.")

    class Meta:
        model = ReconcilingItem
        fields = (
            "id",
            "date",
            "description",
            "amount",
            "age_in_days",
            "carried_from",
            "resolved_on",
            "created_by",
            "created_at",
        )

    def get_age_in_days(self, item: ReconcilingItem) -> int:
        return (item.reconciliation.period_end - item.date).days


class ExplainSerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    description = serializers.CharField(max_length=300)
    amount = amount_input()


class ItemChangeSerializer(ExplainSerializer):
    resolved_on = serializers.DateField(required=False, allow_null=True, default=None)


class ResolveSerializer(serializers.Serializer[Any]):
    resolved_on = serializers.DateField()


class AttachmentSerializer(serializers.ModelSerializer[ReconciliationAttachment]):
    file_name = serializers.CharField(source="upload.file_name")
    file_type = serializers.CharField(source="upload.file_type")
    file_size = serializers.IntegerField(source="upload.file_size", help_text="Bytes.")
    upload_id = serializers.UUIDField()
    uploaded_at = serializers.DateTimeField(source="upload.uploaded_at")
    uploaded_by = serializers.UUIDField(source="upload.uploaded_by_id")

    class Meta:
        model = ReconciliationAttachment
        fields: Any = (
            "id",
            "reconciliation_id",
            "file_name",
            "file_type",
            "file_size",
            "upload_id",
            "uploaded_at",
            "uploaded_by",
        )


class FileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)  # an empty one is refused with the others, in their words


class ReconciliationFilter(django_filters.FilterSet):
    client_id = django_filters.UUIDFilter(field_name="administration", required=True)
    period = django_filters.CharFilter(method="in_period", help_text="YYYY-MM: those that end in that month.")
    status = django_filters.ChoiceFilter(choices=AccountReconciliation.Status.choices)
    type = django_filters.ChoiceFilter(choices=AccountReconciliation.Type.choices)

    class Meta:
        model = AccountReconciliation
        fields = ("client_id", "period", "status", "type")

    def in_period(self, rows: Any, name: str, value: str) -> Any:
        if not re.fullmatch(r"[1-9]\d{3}-(0[1-9]|1[0-2])", value):
            raise serializers.ValidationError({"period": [_("A month, such as 2026-03.")]})
        first = date.fromisoformat(f"{value}-01")
        return rows.filter(
            period_end__gte=first, period_end__lte=first.replace(day=monthrange(first.year, first.month)[1])
        )


class PlainPages(CursorPages):
    """A list as a bare array; the header Link names the next page and the one before."""

    def get_paginated_response(self, data: Any) -> Response:
        around = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        link = ", ".join(f'<{address}>; rel="{name}"' for name, address in around.items() if address)
        return Response(data, headers={"Link": link} if link else None)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


@extend_schema(tags=["account reconciliation"])
@extend_schema_view(
    list=extend_schema(
        summary="Account reconciliations of an administration",
        parameters=[OpenApiParameter("period", str, pattern=r"^\d{4}-\d{2}$", description="YYYY-MM")],
    ),
    retrieve=extend_schema(summary="One account reconciliation"),
)
class AccountReconciliationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = AccountReconciliation.objects.select_related("account", "administration").annotate(
        attachments_count=Count("attachments", distinct=True),
        is_suspended=Exists(ReconciliationSuspension.objects.filter(reconciliation=OuterRef("pk"))),
    )
    serializer_class = ReconciliationSerializer
    filterset_class = ReconciliationFilter
    pagination_class = PlainPages
    ordering_fields = ("period_end", "account__code", "status", "created_at")
    acts = {
        "*": Act.KEEP_ACCOUNTS,
        "list": Act.READ_LEDGER,
        "retrieve": Act.READ_LEDGER,
        "items": Act.READ_LEDGER,
        "attachments": Act.READ_LEDGER,
        "approve": Act.APPROVE_RECONCILIATIONS,
    }

    def filter_queryset(self, rows: Any) -> Any:
        """A list says of which administration; one row needs no filter."""
        return rows if self.detail else super().filter_queryset(rows)

    def _answer(self, reconciliation: AccountReconciliation, code: int = status.HTTP_200_OK) -> Response:
        shown = AccountReconciliationViewSet.queryset.get(pk=reconciliation.pk)
        return Response(ReconciliationSerializer(shown).data, status=code)

    @extend_schema(summary="Begin a reconciliation", request=BeginSerializer, responses={201: ReconciliationSerializer})
    def create(self, request: Request) -> Response:
        asked = self.form(BeginSerializer)
        administration = asked.pop("administration")
        account = named_row(Account, asked.pop("account_id"), administration, "account_id")
        user: Any = request.user
        begun = account_reconciling.begin_reconciliation(
            account, type=asked.pop("reconciliation_type", ""), by=user, **asked
        )
        return self._answer(begun, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Say what the balance should be",
        description="The difference is closing less expected: zero makes it reconciled, another value pending again.",
        request=UpdateSerializer,
        responses={200: ReconciliationSerializer},
    )
    def update(self, request: Request, pk: str) -> Response:
        reconciliation = self.get_object()
        kept = {"expected_balance": reconciliation.expected_balance, "notes": reconciliation.notes}
        asked = {**kept, **self.form(UpdateSerializer)}
        user: Any = request.user
        return self._answer(account_reconciling.update_reconciliation(reconciliation, by=user, **asked))

    @extend_schema(
        summary="Approve",
        request=None,
        responses={200: ReconciliationSerializer, 400: OpenApiResponse(RefusalSerializer, "ALREADY_APPROVED")},
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._answer(account_reconciling.approve_reconciliation(self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Reconciling items, oldest first", responses=ItemSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def items(self, request: Request, pk: str) -> Response:
        items = self.get_object().items.select_related("administration", "reconciliation")
        return Response(ItemSerializer(items, many=True).data)

    @extend_schema(summary="Add a reconciling item", request=ExplainSerializer, responses={201: ItemSerializer})
    @items.mapping.post
    def explain(self, request: Request, pk: str) -> Response:
        reconciliation = self.get_object()
        user: Any = request.user
        item = account_reconciling.explain(reconciliation, by=user, **self.form(ExplainSerializer))
        return Response(ItemSerializer(item).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Add what books and bank do not share",
        description="An item by which they no longer differ is resolved. The answer holds the items that are new.",
        request=None,
        responses={201: ItemSerializer(many=True)},
    )
    @action(detail=True, methods=["post"], url_path="items/propose")
    def propose(self, request: Request, pk: str) -> Response:
        items = account_reconciling.propose_items(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(ItemSerializer(items, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change a reconciling item", request=ItemChangeSerializer, responses={200: ItemSerializer})
    @action(detail=True, methods=["put"], url_path="items/(?P<item_id>[0-9a-f-]{36})")
    def change(self, request: Request, pk: str, item_id: str) -> Response:
        item, asked = self._item(item_id), self.form(ItemChangeSerializer)
        changed = account_reconciling.change_item(item, by=request.user, **asked)  # type: ignore[arg-type]
        return Response(ItemSerializer(changed).data)

    @extend_schema(summary="Remove a reconciling item", responses={204: None})
    @change.mapping.delete
    def remove(self, request: Request, pk: str, item_id: str) -> Response:
        account_reconciling.remove_item(self._item(item_id), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Resolve a reconciling item", request=ResolveSerializer, responses={200: ItemSerializer})
    @action(detail=True, methods=["post"], url_path="items/(?P<item_id>[0-9a-f-]{36})/resolve")
    def resolve(self, request: Request, pk: str, item_id: str) -> Response:
        item, day = self._item(item_id), self.form(ResolveSerializer)["resolved_on"]
        resolved = account_reconciling.resolve_item(item, on=day, by=request.user)  # type: ignore[arg-type]
        return Response(ItemSerializer(resolved).data)

    def _item(self, item_id: str) -> ReconcilingItem:
        items = self.get_object().items.select_related("administration", "reconciliation")
        found: ReconcilingItem = get_object_or_404(items, pk=item_id)
        return found

    @extend_schema(summary="Documents, newest first", responses=AttachmentSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, parser_classes=(parsers.MultiPartParser, parsers.JSONParser))
    def attachments(self, request: Request, pk: str) -> Response:
        documents = self.get_object().attachments.select_related("upload").order_by("-upload__uploaded_at", "-id")
        return Response(AttachmentSerializer(documents, many=True).data)

    @extend_schema(
        summary="Attach a document",
        request={"multipart/form-data": FileSerializer},
        responses={
            201: AttachmentSerializer,
            400: OpenApiResponse(RefusalSerializer, "FILE_TYPE_NOT_ALLOWED"),
            413: OpenApiResponse(RefusalSerializer, "FILE_TOO_LARGE"),
        },
    )
    @attachments.mapping.post
    def attach(self, request: Request, pk: str) -> Response:
        reconciliation = self.get_object()
        sent = self.form(FileSerializer)["file"]
        kept = account_reconciling.attach(reconciliation, sent, name=sent.name, by=request.user)  # type: ignore[arg-type]
        return Response(AttachmentSerializer(kept).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Remove a document and its file", responses={204: None})
    @action(detail=True, methods=["delete"], url_path="attachments/(?P<attachment_id>[0-9a-f-]{36})")
    def detach(self, request: Request, pk: str, attachment_id: str) -> Response:
        documents = self.get_object().attachments.select_related("upload", "reconciliation")
        account_reconciling.detach(get_object_or_404(documents, pk=attachment_id), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)
