"""Issues over HTTP (contract area ledger): what was found, what to do, and a validation now."""

from typing import Any

import django_filters
from django.db.models import CharField, Count, DecimalField, Q, Value
from django.db.models.functions import Abs, Cast, Coalesce, Concat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.routers import SimpleRouter

from apps.core.api import CursorPages, RefusalSerializer, ScopedViewSet
from apps.core.findings import RED, YELLOW
from apps.core.models import Administration, Job
from apps.core.money import ZERO
from apps.core.permissions import Act
from apps.issues.api.shapes import (
    CODES,
    AcknowledgeSerializer,
    ClientOverviewSerializer,
    IssueSerializer,
    IssuesSerializer,
    RecalculatedSerializer,
    RecalculateFormSerializer,
    SightingSerializer,
    StateSerializer,
    ValidationRunSerializer,
)
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.models.issues import SEVERITIES
from apps.issues.reports.runs import last_recalculation
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.recalculating import recalculate, today
from apps.issues.words import WORDS
from apps.ledger.reports.overview import overview

OVERVIEW = ("administration", "entries", "drafts", "posted", "receivables", "payables")


class IssueFilter(django_filters.FilterSet):
    severity = django_filters.ChoiceFilter(choices=SEVERITIES)
    code = django_filters.ChoiceFilter(choices=CODES)
    include_resolved = django_filters.BooleanFilter(method="resolved_too", help_text="False unless given.")
    acknowledged = django_filters.BooleanFilter(method="in_acknowledged")

    class Meta:
        model = Issue
        fields = ("severity", "code")

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("include_resolved") else rows.open()

    def resolved_too(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset

    def in_acknowledged(self, queryset: Any, name: str, value: bool) -> Any:
        known = queryset.acknowledged()
        return known if value else queryset.exclude(pk__in=known.values("pk"))


class IssuePages(CursorPages):
    """By a column that no two rows share: a page ends between two of them."""

    ordering = "rank"


@extend_schema(tags=["ledger"])
class ClientIssuesViewSet(ScopedViewSet):
    """The issues of one administration: ``client_id`` is its id."""

    queryset = Administration.objects.all()
    serializer_class = IssueSerializer
    lookup_url_kwarg = "client_id"
    filterset_class = IssueFilter
    pagination_class = IssuePages
    ordering_fields = ("rank", "since", "size")
    acts = {"*": Act.READ_LEDGER, "recalculate": Act.CLOSE_PERIODS}

    @extend_schema(
        summary="Issues, the red ones first and of those the oldest",
        responses=IssuesSerializer,
        parameters=[
            OpenApiParameter("severity", str, enum=[RED.value, YELLOW.value]),
            OpenApiParameter("code", str, enum=list(WORDS)),
            OpenApiParameter("include_resolved", bool, description="False unless given."),
            OpenApiParameter("acknowledged", bool),
            OpenApiParameter(
                "ordering",
                str,
                description="rank (red first, then the oldest), since or size; - before it turns it around.",
            ),
            OpenApiParameter("limit", int, description="100 unless given, 1000 at most."),
            OpenApiParameter("cursor", str),
        ],
    )
    @action(detail=True)
    def issues(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        rows: Any = Issue.objects.filter(administration=administration)
        rows = self.filter_queryset(rows.annotate(size=_size(), rank=_rank()).select_related("administration"))
        counts = rows.order_by().aggregate(total=Count("pk"), red=Count("pk", filter=Q(severity=RED.value)))
        page = self.paginate_queryset(rows)
        following = self.paginator.get_next_link()  # type: ignore[union-attr]
        shown = {
            "client_id": administration.pk,
            "client_name": administration.name,
            "total_issues": counts["total"],
            "red_count": counts["red"],
            "yellow_count": counts["total"] - counts["red"],
            "next": following,
            "previous": self.paginator.get_previous_link(),  # type: ignore[union-attr]
            "issues": page,
        }
        headers = {"Link": f'<{following}>; rel="next"'} if following else None
        return Response(IssuesSerializer(shown).data, headers=headers)

    @extend_schema(summary="How much there is, what is open, and what is wrong", responses=ClientOverviewSerializer)
    @action(detail=True)
    def overview(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        books = overview(administration, today(administration))
        issues = Issue.objects.filter(administration=administration).open().order_by()
        counts = dict(issues.values_list("severity").annotate(Count("pk")))
        shown = {name: getattr(books, name) for name in OVERVIEW}
        shown |= {"error_count": counts.get(RED.value, 0), "warning_count": counts.get(YELLOW.value, 0)}
        context = {"currency": administration.currency}
        return Response(ClientOverviewSerializer(shown, context=context).data)

    @extend_schema(
        summary="Validate the books now",
        description="Looks at what changed since the last run, which answers at once and finds the same as a whole one."
        " A whole look (force, or nothing to go on from) at large books is done by the worker: 202.",
        request=RecalculateFormSerializer,
        responses={200: RecalculatedSerializer, 202: RecalculatedSerializer},
    )
    @action(detail=True, methods=["post"], url_path="journal/recalculate", limit="recalculate")
    def recalculate(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        form = RecalculateFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = recalculate(administration, by=request.user, full=form.validated_data["force"])  # type: ignore[arg-type]
        if isinstance(made, Job):
            return Response(_started(made, administration), status=status.HTTP_202_ACCEPTED)
        words = ngettext(
            "Validation completed. Found %(count)s issue.",
            "Validation completed. Found %(count)s issues.",
            made.issues_found,
        )
        told_ = {"success": True, "validation_run_id": made.pk, "issues_found": made.issues_found}
        told_ |= {"message": words % {"count": made.issues_found}, "task_id": None, "task_url": None}
        return Response(RecalculatedSerializer(told_).data)

    @extend_schema(summary="Validations, newest first", responses=ValidationRunSerializer(many=True), filters=False)
    @action(detail=True, url_path="validation-runs", url_name="runs")
    def validation_runs(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        pages = CursorPages()
        rows = pages.paginate_queryset(ValidationRun.objects.filter(administration=administration), request, self)
        return pages.get_paginated_response(ValidationRunSerializer(rows, many=True).data)

    @extend_schema(summary="How far the last recalculation is, and the last validation", responses=StateSerializer)
    @action(detail=True, url_path="journal/recalculation", url_name="recalculation")
    def recalculation(self, request: Request, client_id: str) -> Response:
        return Response(StateSerializer(last_recalculation(self.administration(client_id))).data)


@extend_schema(tags=["ledger"])
@extend_schema_view(retrieve=extend_schema(summary="One issue"))
class IssueViewSet(mixins.RetrieveModelMixin, ScopedViewSet):
    queryset = Issue.objects.select_related("administration")
    serializer_class = IssueSerializer
    lookup_url_kwarg = "issue_id"
    pagination_class = CursorPages
    acts = {"*": Act.READ_LEDGER, "acknowledge": Act.CLOSE_PERIODS}

    @extend_schema(
        summary="Let a yellow issue stand, until its amount moves by more than the materiality",
        request=AcknowledgeSerializer,
        responses={
            200: IssueSerializer,
            409: OpenApiResponse(RefusalSerializer, description="ISSUE_RESOLVED, ISSUE_MUST_BE_MENDED"),
        },
    )
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, issue_id: str) -> Response:
        issue = self.get_object()
        form = AcknowledgeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        known = acknowledge(issue, by=request.user, note=form.validated_data["note"])  # type: ignore[arg-type]
        return Response(IssueSerializer(known).data)

    @extend_schema(
        summary="What each run saw of it, newest first", responses=SightingSerializer(many=True), filters=False
    )
    @action(detail=True)
    def sightings(self, request: Request, issue_id: str) -> Response:
        seen = Sighting.objects.filter(issue=self.get_object()).select_related("run", "administration")
        rows = self.paginate_queryset(seen)
        return self.get_paginated_response(SightingSerializer(rows, many=True).data)


def _rank() -> Any:
    parts = ("severity", Cast("since", CharField()), Cast("id", CharField()))
    return Concat(parts[0], Value(" "), parts[1], Value(" "), parts[2], output_field=CharField())


def _size() -> Any:
    zero = Value(ZERO, output_field=DecimalField(max_digits=19, decimal_places=4))
    return Abs(Coalesce("amount", zero))


def _started(job: Job, administration: Administration) -> dict[str, Any]:
    address = reverse("client-validation-recalculation", args=[administration.pk])
    return RecalculatedSerializer(
        {
            "success": True,
            "validation_run_id": None,
            "issues_found": None,
            "message": _("Validation started; its progress is at task_url."),
            "task_id": job.pk,
            "task_url": address,
        }
    ).data


router = SimpleRouter()
router.register("clients", ClientIssuesViewSet, basename="client-validation")
router.register("issues", IssueViewSet, basename="issue")
