"""Statement files over HTTP: previewed, imported at once or by the worker, withdrawn."""

from typing import Any

import django_filters
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, parsers, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.errors import told_again
from apps.core.money import quantize
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer
from apps.core.permissions import Act
from apps.core.services.uploads import store_upload
from apps.core.uploads.checks import inspect
from apps.reconciliation.api.bank_accounts import AccountNamed, account_named
from apps.reconciliation.api.shapes import StatementSerializer, WarningSerializer
from apps.reconciliation.models import Statement, StatementImport
from apps.reconciliation.services import importing
from apps.reconciliation.services.previewing import preview, warnings_of
from apps.reconciliation.services.statement_files import FORMATS, format_named

PREVIEWED = 10_000  # lines of a long file


class StatementFileSerializer(OwnerSerializer, AccountNamed):
    """A file, and the bank account that it is about."""

    file = serializers.FileField(allow_empty_file=True)  # an empty one is refused with the others, in their words
    format = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="csv, camt, mt940 or ofx; recognised unless given."
    )
    mapping = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=100,
        help_text="Of a CSV file, by name; recognised unless given.",
    )

    def validate_format(self, value: str) -> str:
        found = format_named(value)
        if found is None:
            raise serializers.ValidationError(_("One of %s.") % ", ".join(FORMATS))
        return found


class AddedSerializer(StatementSerializer):
    """A statement that an import added to; without new lines one that has what was known already."""

    lines_new = serializers.IntegerField(source="added")

    class Meta(StatementSerializer.Meta):
        fields = (*StatementSerializer.Meta.fields, "lines_new")


class ImportedSerializer(serializers.Serializer[Any]):
    """The counts are null while the worker imports; ``task_url`` says how far it is."""

    import_id = serializers.UUIDField()
    statements = AddedSerializer(many=True)
    lines_new = serializers.IntegerField(allow_null=True)
    lines_known = serializers.IntegerField(allow_null=True)
    lines_ambiguous = serializers.IntegerField(
        allow_null=True, help_text="Added, but they look like lines of another import: a person decides."
    )
    warnings = WarningSerializer(many=True)
    other_accounts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Accounts that were left out, and how many lines they have."
    )
    not_booked = serializers.IntegerField(help_text="Movements that the bank only announces: they are no lines yet.")
    task_id = serializers.UUIDField(allow_null=True)
    task_url = serializers.CharField(allow_null=True)


class _AccountAmountField(AmountField):
    def get_attribute(self, instance: Any) -> Any:
        amount = serializers.DecimalField.get_attribute(self, instance)
        return None if amount is None else quantize(amount, self.context["currency"])


class PreviewedStatementSerializer(serializers.Serializer[Any]):
    statement_name = serializers.CharField(source="name")
    statement_date = serializers.DateField(source="date")
    first_date = serializers.DateField()
    balance_start = _AccountAmountField()
    balance_end = _AccountAmountField()
    balance_end_real = _AccountAmountField(allow_null=True)
    lines_new = serializers.IntegerField()
    lines_ambiguous = serializers.IntegerField()
    is_new = serializers.BooleanField(help_text="False: the statement of that month is there and grows.")
    is_valid = serializers.BooleanField()  # type: ignore[assignment] # taken by DRF's metaclass
    is_complete = serializers.BooleanField(allow_null=True)


class PreviewedLineSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField(source="line.row", help_text="The line or record of the file.")
    line_date = serializers.DateField(source="line.date")
    line_amount = _AccountAmountField(source="line.amount")
    payment_ref = serializers.CharField(source="line.label")
    reference = serializers.CharField(source="line.reference")
    counterparty_name = serializers.CharField(source="line.counterparty_name")
    counterparty_iban = serializers.CharField(source="line.counterparty_iban")
    state = serializers.ChoiceField(["NEW", "KNOWN", "AMBIGUOUS"])


class PreviewSerializer(serializers.Serializer[Any]):
    """What importing the file would add. Of a long file the first 10,000 lines: ``is_cut``."""

    format = serializers.CharField()
    mapping = serializers.CharField()
    account = serializers.CharField(help_text="As the file names it.")
    currency = serializers.CharField()
    lines_new = serializers.IntegerField()
    lines_known = serializers.IntegerField()
    lines_ambiguous = serializers.IntegerField()
    is_cut = serializers.BooleanField()
    statements = PreviewedStatementSerializer(many=True)
    lines = PreviewedLineSerializer(many=True, help_text="The first ones, as they are read.")
    warnings = WarningSerializer(many=True)
    other_accounts = serializers.DictField(source="others", child=serializers.IntegerField())
    not_booked = serializers.IntegerField()


class StatementImportSerializer(serializers.ModelSerializer[StatementImport]):
    """One file and what came of it; the counts are null until it ended."""

    client_id = serializers.UUIDField(source="administration_id")
    bank_account_id = serializers.UUIDField()
    journal_id = serializers.UUIDField(source="bank_account.journal_id")
    file_name = serializers.CharField(source="upload.file_name")
    upload_id = serializers.UUIDField()
    task_id = serializers.UUIDField(source="job_id", allow_null=True)
    state = serializers.CharField(source="job.state", allow_null=True, default=None, help_text="Of the worker.")
    refusal = serializers.SerializerMethodField()

    class Meta:
        model = StatementImport
        fields: Any = (
            "id",
            "client_id",
            "administration_id",
            "bank_account_id",
            "journal_id",
            "upload_id",
            "file_name",
            "format",
            "mapping",
            "lines_new",
            "lines_known",
            "lines_ambiguous",
            "refusal",
            "task_id",
            "state",
            "created_by",
            "created_at",
            "ended_at",
            "withdrawn_by",
            "withdrawn_at",
            "withdrawn_because",
        )

    def get_refusal(self, statement_import: StatementImport) -> dict[str, Any] | None:
        return told_again(statement_import.refusal) if statement_import.refusal else None


class WithdrawSerializer(serializers.Serializer[Any]):
    because = serializers.CharField(max_length=300)


REFUSED = {
    400: OpenApiResponse(
        RefusalSerializer,
        description=(
            "STATEMENT_FILE_INVALID, BANK_CURRENCY_MISMATCH, STATEMENT_OF_ANOTHER_ACCOUNT, CSV_MAPPING_UNKNOWN, "
            "FILE_TYPE_NOT_ALLOWED, FILE_REFUSED, FILE_DAMAGED"
        ),
    ),
    413: OpenApiResponse(RefusalSerializer, description="FILE_TOO_LARGE"),
}


class ImportFilter(OwnedFilter):
    journal_id = django_filters.UUIDFilter(field_name="bank_account__journal")
    bank_account_id = django_filters.UUIDFilter(field_name="bank_account")
    is_withdrawn = django_filters.BooleanFilter(field_name="withdrawn_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = StatementImport
        fields = ("format",)


class ImportPages(CursorPages):
    ordering = ("-created_at", "-id")


@extend_schema(tags=["bank reconciliation"])
class FileViewSet(OwnedViewSet):
    """The way in for files, below the statements that they become."""

    queryset = Statement.objects.all()
    parser_classes = (parsers.MultiPartParser,)
    acts = {"*": Act.MATCH_BANK}

    @extend_schema(
        operation_id="reconciliation_statements_import",
        summary="Import a bank's file",
        description=(
            "CSV, OFX/QFX, CAMT.052, 053, 054 and MT940. Lines that are there already are not added again. Large files "
            "are imported by the worker: 202 with the address of the import."
        ),
        request={"multipart/form-data": StatementFileSerializer},
        responses={201: ImportedSerializer, 202: ImportedSerializer, **REFUSED},
    )
    @action(detail=False, methods=["post"], url_path="import")
    @transaction.atomic
    def import_file(self, request: Request) -> Response:
        form, by = self.form(StatementFileSerializer), request.user
        account, sent = account_named(form), form["file"]
        facts = {"administration": account.administration, "purpose": "statement", "name": sent.name}
        upload = store_upload(sent, **facts, by=by)  # type: ignore[arg-type]
        asked: dict[str, Any] = {"format": form["format"], "mapping": form["mapping"], "by": by}
        if upload.file_size > importing.LARGE:
            begun = importing.start_import(upload, account, **asked)
            return Response(_answer(begun), status=status.HTTP_202_ACCEPTED)
        done = importing.import_statements(importing.begin_import(upload, account, **asked), by=by)  # type: ignore[arg-type]
        return Response(_answer(done.statement_import, done), status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="reconciliation_statements_preview",
        summary="What importing a bank's file would add; nothing is kept or written",
        request={"multipart/form-data": StatementFileSerializer},
        responses={200: PreviewSerializer, **REFUSED},
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        form = self.form(StatementFileSerializer)
        account, sent = account_named(form), form["file"]
        inspect(sent, name=sent.name, purpose="statement")
        shown = preview(
            sent,
            account,
            by=request.user,  # type: ignore[arg-type]
            format=form["format"],
            mapping=form["mapping"],
            most=PREVIEWED,
        )
        return Response(PreviewSerializer(shown, context={"currency": shown.currency}).data)


def _answer(statement_import: StatementImport, done: importing.Imported | None = None) -> Any:
    keys = [statement.pk for statement in done.statements] if done else []
    by_id = Statement.objects.select_related("bank_account").in_bulk(keys)
    found = [by_id[pk] for pk in keys]
    for statement in found:
        statement.added = done.added.get(statement.pk, 0) if done else 0
    job = statement_import.job_id
    told = {
        "import_id": statement_import.pk,
        "statements": found,
        "lines_new": statement_import.lines_new,
        "lines_known": statement_import.lines_known,
        "lines_ambiguous": statement_import.lines_ambiguous,
        "warnings": [warning for statement in found for warning in warnings_of(statement)],
        "other_accounts": done.others if done else {},
        "not_booked": done.not_booked if done else 0,
        "task_id": job,
        "task_url": job and reverse("statement-import-detail", args=[statement_import.pk]),
    }
    return ImportedSerializer(told).data


@extend_schema(tags=["bank reconciliation"])
@extend_schema_view(
    list=extend_schema(summary="Imports of statement files, newest first"),
    retrieve=extend_schema(summary="One import, and how far it is"),
)
class ImportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = StatementImport.objects.select_related("bank_account", "upload", "job")
    serializer_class = StatementImportSerializer
    filterset_class = ImportFilter
    pagination_class = ImportPages
    acts = {"*": Act.READ_LEDGER, "withdraw": Act.MATCH_BANK}

    @extend_schema(
        summary="Take out what an import brought",
        request=WithdrawSerializer,
        responses={
            200: StatementImportSerializer,
            409: OpenApiResponse(RefusalSerializer, description="IMPORT_WITHDRAWN, STATEMENT_KEPT: a line was matched"),
        },
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        statement_import = self.get_object()
        form = self.form(WithdrawSerializer)
        importing.withdraw_import(statement_import, **form, by=request.user)  # type: ignore[arg-type]
        return Response(StatementImportSerializer(self.queryset.get(pk=statement_import.pk)).data)
