"""Official exports over HTTP: ask for one, see how far it is, take it along."""

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnerSerializer
from apps.core.permissions import Act
from apps.ledger.models import Period
from apps.periods.api.files import StoredFileSerializer, StoredFileViewSet, job_of, waiting
from apps.periods.models import BooksExport
from apps.periods.services.exporting import TASK, ask_for_export


class ExportSerializer(StoredFileSerializer):
    """An export of books. ``entries`` and ``lines`` are those beside the opening balance."""

    format = serializers.ChoiceField(BooksExport.Format.choices)
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    known_at = serializers.DateTimeField()
    entries = serializers.IntegerField(allow_null=True)
    lines = serializers.IntegerField(allow_null=True)


class ExportFormSerializer(OwnerSerializer):
    """A fiscal year by its name, or a span of days within one."""

    format = serializers.ChoiceField(BooksExport.Format.choices)
    fiscal_year = serializers.CharField(required=False, max_length=40, help_text="Its name, such as 2026.")
    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)
    known_at = serializers.DateTimeField(required=False, help_text="As the books were known then; now unless given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days = {"first_day", "last_day"} & attrs.keys()
        if "fiscal_year" in attrs and days:
            raise serializers.ValidationError({"fiscal_year": [_("Give a fiscal year or days, not both.")]})
        if "fiscal_year" not in attrs and len(days) < 2:
            raise serializers.ValidationError({"first_day": [_("Give a fiscal year, or its first and its last day.")]})
        return super().validate(attrs)


class ExportFilter(OwnedFilter):
    format = django_filters.MultipleChoiceFilter(choices=BooksExport.Format.choices)

    class Meta:
        model = BooksExport
        fields = ("format",)


class ExportPages(CursorPages):
    ordering = ("-created_at", "-id")


@extend_schema(tags=["exports"])
@extend_schema_view(list=extend_schema(summary="Exports of books, newest first"))
class ExportViewSet(mixins.ListModelMixin, StoredFileViewSet):
    """The books as a tax administration asks for them. Whoever reads the ledger may take it along."""

    queryset = BooksExport.objects.all()
    serializer_class = ExportSerializer
    filterset_class = ExportFilter
    ordering_fields = ("created_at", "first_day", "last_day", "file_size")
    pagination_class = ExportPages
    acts = {"*": Act.READ_LEDGER}

    @extend_schema(
        summary="Ask for an export: the worker writes it",
        request=ExportFormSerializer,
        responses={
            202: ExportSerializer,
            400: OpenApiResponse(RefusalSerializer, description="FORMAT_NOT_OF_COUNTRY, EXPORT_BEYOND_YEAR"),
            409: OpenApiResponse(RefusalSerializer, description="EXPORT_NEEDS_NUMBER"),
        },
        filters=False,
    )
    def create(self, request: Request) -> Response:
        form = self.form(ExportFormSerializer)
        first, last = form.get("first_day"), form.get("last_day")
        if name := form.get("fiscal_year"):
            years = Period.objects.filter(administration=form["administration"], type=Period.Type.YEAR)
            year = years.filter(name=name).first()
            if year is None:
                raise serializers.ValidationError({"fiscal_year": [_("There is no such fiscal year here.")]})
            first, last = year.first_day, year.last_day
        job = ask_for_export(
            form["administration"],
            form["format"],
            first,  # type: ignore[arg-type]
            last,  # type: ignore[arg-type]
            by=request.user,  # type: ignore[arg-type]
            known_at=form.get("known_at"),
        )
        return Response(ExportSerializer(_asked(job)).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="One export, and how far it is", responses=ExportSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_queryset().filter(pk=pk).first()
        if row is None:
            job = job_of(TASK, "export", pk, request.user)
            self.administration(job.arguments["administration"])
            return Response(ExportSerializer(_asked(job)).data)
        self.check_object_permissions(request, row)
        return Response(ExportSerializer(row).data)


def _asked(job: Any) -> dict[str, Any]:
    asked = job.arguments
    return waiting(
        job,
        asked["export"],
        reverse("books-export-detail", args=[asked["export"]]),
        administration_id=asked["administration"],
        format=asked["format"],
        first_day=asked["first_day"],
        last_day=asked["last_day"],
        known_at=asked["known_at"],
        entries=None,
        lines=None,
    )
