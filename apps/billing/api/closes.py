"""The day close over HTTP (contract area end_of_day)."""

from typing import Any, cast
from uuid import UUID

import django_filters
from django.db.models import Prefetch
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.close_shapes import (
    AdministrationQuerySerializer,
    CloseReasonSerializer,
    DayCloseCreateSerializer,
    DayCloseSerializer,
    DayReportSerializer,
    NoteSerializer,
    OptionalNoteSerializer,
    RangeSerializer,
    RevisionSerializer,
    SummarySerializer,
    TieOutSerializer,
    XReportQuerySerializer,
)
from apps.billing.models import CloseNote, EndOfDayReconciliation
from apps.billing.reports.revisions import revisions_of
from apps.billing.reports.summary import summary
from apps.billing.reports.tie_out import tie_out
from apps.billing.reports.z_report import DayReport, day_table, x_report, z_report
from apps.billing.services import closing
from apps.billing.services.days import local_date
from apps.core.api import AnswersFiles, CursorPages, RefusalSerializer, ScopedViewSet, renderer
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.permissions import Act
from apps.core.tables.download import download


class DayCloseFilter(django_filters.FilterSet):
    administration_id = django_filters.UUIDFilter(field_name="administration")
    status = django_filters.CharFilter(method="of_status")
    start_date = django_filters.DateFilter(field_name="reconciliation_date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="reconciliation_date", lookup_expr="lte")
    has_mismatches = django_filters.BooleanFilter()

    class Meta:
        model = EndOfDayReconciliation
        fields = ("administration_id", "status", "start_date", "end_date", "has_mismatches")

    def of_status(self, queryset: Any, name: str, value: str) -> Any:
        """Statuses are taken in any case; an unknown one is refused, not ignored."""
        if value.upper() not in EndOfDayReconciliation.Status:
            raise serializers.ValidationError({"status": [f"DRAFT, FINALIZED or CANCELLED, not {value}."]})
        return queryset.filter(status=value.upper())


class DayClosePages(CursorPages):
    ordering = ("-reconciliation_date", "-id")


AS_PDF: Any = {(200, "application/pdf"): OpenApiTypes.BINARY}
CONFLICT = {409: OpenApiResponse(RefusalSerializer, description="ALREADY_FINALIZED, DAY_CLOSE_CANCELLED")}
ADMINISTRATION = OpenApiParameter("administration_id", UUID, description="Needed only by a caller who has several.")


@extend_schema(tags=["end of day"])
@extend_schema_view(
    list=extend_schema(summary="Day closes, newest first"),
    retrieve=extend_schema(summary="One day close"),
)
class DayCloseViewSet(
    AnswersFiles, mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet
):  # no update, no destroy: by absence
    queryset = EndOfDayReconciliation.objects.select_related(
        "administration", "clinic_day__administration"
    ).prefetch_related(Prefetch("note_entries", CloseNote.objects.order_by("id")))
    serializer_class = DayCloseSerializer
    filterset_class = DayCloseFilter
    ordering_fields = ("reconciliation_date", "number", "created_at")
    pagination_class = DayClosePages
    http_method_names = ("get", "post", "patch", "head", "options")
    acts = {
        "*": Act.READ_CLINIC,
        "create": Act.PREPARE_CLOSE,
        "refresh": Act.PREPARE_CLOSE,
        "cancel": Act.PREPARE_CLOSE,
        "partial_update": Act.PREPARE_CLOSE,
        "review": Act.REVIEW_CLOSE,
        "finalize": Act.FINALIZE_CLOSE,
        "reopen": Act.REOPEN_CLOSE,
    }

    def get_queryset(self) -> Any:
        """A list holds one close for each day, the one that holds; an earlier revision is found by its id."""
        closes: Any = super().get_queryset()
        return closes.current() if self.action in ("list", "today") else closes

    @extend_schema(
        summary="Prepare the close of a day",
        request=DayCloseCreateSerializer,
        responses={
            201: DayCloseSerializer,
            200: OpenApiResponse(DayCloseSerializer, description="The close that the day has already."),
        },
    )
    def create(self, request: Request) -> Response:
        form = DayCloseCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        close, created = closing.close_day(
            self.administration(form.validated_data.get("administration_id")),
            form.validated_data["reconciliation_date"],
            by=request.user,  # type: ignore[arg-type]
            close_active_visits=form.validated_data["close_active_visits"],
        )
        return self._answer(close, status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    @extend_schema(summary="Add a note", request=NoteSerializer, responses={200: DayCloseSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        form = self._form(NoteSerializer)
        return self._answer(closing.add_note(self.get_object(), text=form["notes"], by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Sign a day: it never changes after this",
        request=OptionalNoteSerializer,
        responses={200: DayCloseSerializer, **CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def finalize(self, request: Request, pk: str) -> Response:
        form = self._form(OptionalNoteSerializer)
        return self._answer(closing.finalize_day(self.get_object(), by=request.user, note=form["notes"]))  # type: ignore[arg-type]

    @extend_schema(
        summary="Compute the figures of a draft anew", request=None, responses={200: DayCloseSerializer, **CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, pk: str) -> Response:
        return self._answer(closing.refresh_day(self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Say that the figures were looked at",
        request=OptionalNoteSerializer,
        responses={200: DayCloseSerializer, **CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: str) -> Response:
        form = self._form(OptionalNoteSerializer)
        return self._answer(closing.review_day(self.get_object(), by=request.user, note=form["notes"]))  # type: ignore[arg-type]

    @extend_schema(
        summary="Take a draft back", request=CloseReasonSerializer, responses={200: DayCloseSerializer, **CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        form = self._form(CloseReasonSerializer)
        return self._answer(closing.cancel_day(self.get_object(), by=request.user, reason=form["reason"]))  # type: ignore[arg-type]

    @extend_schema(
        summary="Begin the next revision of a finalized day",
        request=CloseReasonSerializer,
        responses={
            201: DayCloseSerializer,
            409: OpenApiResponse(RefusalSerializer, description="NOT_FINALIZED, CLOSE_SUPERSEDED"),
        },
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        form = self._form(CloseReasonSerializer)
        revision = closing.reopen_day(self.get_object(), reason=form["reason"], by=request.user)  # type: ignore[arg-type]
        return self._answer(revision, status.HTTP_201_CREATED)

    @extend_schema(summary="The revisions of a day and their differences", responses=RevisionSerializer(many=True))
    @action(detail=True)
    def revisions(self, request: Request, pk: str) -> Response:
        close = self.get_object()
        shown = RevisionSerializer(revisions_of(close), many=True, context={"currency": close.administration.currency})
        return Response(shown.data)

    @extend_schema(
        summary="The day as it was signed", responses={(200, "application/json"): DayReportSerializer, **AS_PDF}
    )
    @action(detail=True, url_path="z-report", renderer_classes=[JSONRenderer, renderer("pdf")])
    def z_report(self, request: Request, pk: str) -> HttpResponseBase:
        return self._report(z_report(self.get_object()))

    @extend_schema(
        summary="The day so far: nothing is changed",
        parameters=[XReportQuerySerializer],
        responses={(200, "application/json"): DayReportSerializer, **AS_PDF},
    )
    @action(
        detail=False,
        url_path="x-report",
        pagination_class=None,
        filterset_class=None,
        renderer_classes=[JSONRenderer, renderer("pdf")],
    )
    def x_report(self, request: Request) -> HttpResponseBase:
        named = self._named(XReportQuerySerializer)
        administration = named["administration"]
        day = named.get("date") or local_date(administration)
        return self._report(x_report(administration, day, request.user))  # type: ignore[arg-type]

    @extend_schema(summary="What was taken, beside what the others say of it", responses=TieOutSerializer)
    @action(detail=True, url_path="tie-out")
    def tie_out(self, request: Request, pk: str) -> Response:
        close = self.get_object()
        context = {"currency": close.administration.currency}
        return Response(TieOutSerializer(tie_out(close.clinic_day), context=context).data)

    @extend_schema(
        summary="Today's day close",
        parameters=[ADMINISTRATION],
        responses={200: DayCloseSerializer, 404: RefusalSerializer},
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def today(self, request: Request) -> Response:
        administration = self._named(AdministrationQuerySerializer)["administration"]
        close = (
            self.get_queryset()
            .filter(administration=administration, reconciliation_date=local_date(administration))
            .first()
        )
        if close is None:
            raise Http404
        return self._answer(close)

    @extend_schema(
        summary="What the day closes of a range add up to",
        parameters=[RangeSerializer],
        responses={200: SummarySerializer, 404: RefusalSerializer},
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def summary(self, request: Request) -> Response:
        named = self._named(RangeSerializer)
        return Response(
            SummarySerializer(summary(named["administration"], named["start_date"], named["end_date"])).data
        )

    def _form(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        form = serializer(data=self.request.data)
        form.is_valid(raise_exception=True)
        return form.validated_data

    def _named(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The query parameters, with the administration that they mean."""
        query = serializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        named = query.validated_data
        return {**named, "administration": self.administration(named.get("administration_id"))}

    def _report(self, report: DayReport) -> HttpResponseBase:
        administration, user = report.administration, cast(User, self.request.user)
        if self.request.accepted_renderer.format == "pdf":
            with language_of_books(administration):
                return download(day_table(report), "pdf", administration=administration, by=user)
        return Response(DayReportSerializer(report, context={"currency": administration.currency}).data)

    def _answer(self, close: EndOfDayReconciliation, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(DayCloseSerializer(self.queryset.get(pk=close.pk)).data, status=status_code)
