"""Periods over HTTP (contract area periods)."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_filters.fields import MultipleChoiceField
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import RefusalSerializer
from apps.core.owned_api import OwnedViewSet
from apps.core.permissions import Act
from apps.ledger.models import Period
from apps.periods.api import shapes
from apps.periods.errors import SnapshotMissing
from apps.periods.models import Snapshot
from apps.periods.reports.checklist import Checklist, Outcome, checklist
from apps.periods.reports.history import posted_since_review, snapshot_of, timeline, with_moments
from apps.periods.reports.verdicts import last_verdict
from apps.periods.services.finalizing import finalize_period
from apps.periods.services.locking import lock_period
from apps.periods.services.reopening import reopen_period
from apps.periods.services.reviewing import review_period

CLIENT = OpenApiParameter("client_id", UUID, OpenApiParameter.PATH)


class WordsField(MultipleChoiceField):
    """Several words, each in any letter case."""

    def to_python(self, value: Any) -> list[str]:
        return [word.upper() for word in super().to_python(value)]


class WordsFilter(django_filters.MultipleChoiceFilter):
    field_class = WordsField


class PeriodFilter(django_filters.FilterSet):
    status = WordsFilter(choices=Period.Status.choices)
    type = WordsFilter(choices=Period.Type.choices)

    class Meta:
        model = Period
        fields = ("status", "type")


class LimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=1000)


ASKED = (
    OpenApiParameter("status", str, many=True, enum=Period.Status.values, description="In any case."),
    OpenApiParameter("type", str, many=True, enum=Period.Type.values, description="In any case."),
    OpenApiParameter("ordering", str, description="Such as -last_day: first_day, last_day, name, status, type."),
)


def _refusal(code: str) -> OpenApiResponse:
    return OpenApiResponse(RefusalSerializer, code)


@extend_schema(tags=["periods"], parameters=[CLIENT])
class PeriodViewSet(OwnedViewSet):
    """The periods of one administration and what becomes of them."""

    queryset = Period.objects.select_related("administration")
    lookup_url_kwarg = "period_id"
    filterset_class = PeriodFilter
    ordering_fields = ("first_day", "last_day", "name", "status", "type")
    ordering = ("-last_day", "first_day", "id")
    pagination_class = None
    acts = {
        "*": Act.READ_LEDGER,
        "review": Act.CLOSE_PERIODS,
        "finalize": Act.CLOSE_PERIODS,
        "lock": Act.LOCK_PERIODS,
        "reopen": Act.LOCK_PERIODS,
    }

    def get_queryset(self) -> QuerySet[Any]:
        rows = with_moments(super().get_queryset())
        try:
            return rows.filter(administration=self.kwargs["client_id"]) if self.kwargs else rows
        except ValidationError:  # no id at all
            raise Http404 from None

    def filter_queryset(self, rows: Any) -> Any:
        """One row needs no filter."""
        return rows if self.detail else super().filter_queryset(rows)

    def _shown(self, period: Period) -> dict[str, Any]:
        """``period`` as it is after its status changed."""
        return {"period": self.get_queryset().get(pk=period.pk)}

    @extend_schema(
        summary="Periods, newest first", responses=shapes.PeriodsSerializer, parameters=[LimitSerializer, *ASKED]
    )
    def list(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        limit = self.query(LimitSerializer)["limit"]
        rows = self.filter_queryset(self.get_queryset())
        found = list(rows[:limit])
        total = len(found) if len(found) < limit else rows.count()
        answer = {"administration_id": administration.pk, "periods": found, "total_count": total}
        return Response(shapes.PeriodsSerializer(answer).data)

    @extend_schema(
        summary="One period, and what the last run found", responses=shapes.PeriodStandingSerializer, filters=False
    )
    def retrieve(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self.get_object()
        verdict = last_verdict(period)
        validation = {
            "run_id": verdict.run.pk if verdict else None,
            "red_issues": verdict.red if verdict else (),
            "yellow_issues": verdict.yellow if verdict else (),
            "can_finalize": checklist(period, verdict).can_finalize,
            "validation_summary": _counts(verdict),
        }
        answer = {"period": period, "validation": validation, "posted_since_review": posted_since_review(period)}
        return Response(shapes.PeriodStandingSerializer(answer).data)

    @extend_schema(
        summary="Begin the review",
        description="Runs every check. Posting goes on; in review already, the checks run again.",
        request=shapes.PeriodNotesSerializer,
        responses={200: shapes.PeriodReviewedSerializer, 409: _refusal("ALREADY_FINALIZED")},
    )
    @action(detail=True, methods=["post"])
    def review(self, request: Request, client_id: str, period_id: str) -> Response:
        period, asked = self.get_object(), self.form(shapes.PeriodNotesSerializer)
        verdict = review_period(period, by=request.user, **asked)  # type: ignore[arg-type]
        words = ngettext(
            "Period review started. Found %(count)s issue.",
            "Period review started. Found %(count)s issues.",
            verdict.count,
        )
        answer = {
            **self._shown(period),
            "validation_run_id": verdict.run.pk,
            "issues_found": verdict.count,
            "message": words % {"count": verdict.count},
        }
        return Response(shapes.PeriodReviewedSerializer(answer).data)

    @extend_schema(
        summary="Finalize",
        description="Needs no RED issue and every YELLOW one acknowledged by its id. Takes the smaller periods along.",
        request=shapes.PeriodFinalizeSerializer,
        responses={
            200: shapes.PeriodFinalizedSerializer,
            400: _refusal("CANNOT_FINALIZE, with red_issues and yellow_issues; ISSUE_NOT_OF_PERIOD"),
            409: _refusal("ALREADY_FINALIZED"),
        },
    )
    @action(detail=True, methods=["post"], limit="period_finalize")
    def finalize(self, request: Request, client_id: str, period_id: str) -> Response:
        period, asked = self.get_object(), self.form(shapes.PeriodFinalizeSerializer)
        user: Any = request.user
        period, snapshot = finalize_period(
            period, by=user, acknowledged=asked["acknowledged_yellow_issues"], notes=asked["notes"]
        )
        words = _("Period finalized successfully. A snapshot of all financial reports has been created.")
        answer = {**self._shown(period), "snapshot_id": snapshot.pk, "message": words}
        return Response(shapes.PeriodFinalizedSerializer(answer).data)

    @extend_schema(
        summary="Lock, for good",
        request=shapes.PeriodLockSerializer,
        responses={
            200: shapes.PeriodChangedSerializer,
            400: _refusal("LOCK_NOT_CONFIRMED"),
            409: _refusal("PERIOD_NOT_FINALIZED, PERIOD_LOCKED"),
        },
    )
    @action(detail=True, methods=["post"])
    def lock(self, request: Request, client_id: str, period_id: str) -> Response:
        period = lock_period(self.get_object(), by=request.user, **self.form(shapes.PeriodLockSerializer))  # type: ignore[arg-type]
        words = _("Period locked permanently. This action cannot be undone.")
        return Response(shapes.PeriodChangedSerializer({**self._shown(period), "message": words}).data)

    @extend_schema(
        summary="Reopen for review",
        description="Before the VAT return is filed, by another person than finalized it. The snapshot stays.",
        request=shapes.PeriodReopenSerializer,
        responses={
            200: shapes.PeriodChangedSerializer,
            403: _refusal("REOPENED_BY_FINALIZER"),
            409: _refusal("PERIOD_NOT_FINALIZED, PERIOD_LOCKED, RETURN_FILED, LARGER_PERIOD_FINALIZED"),
        },
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, client_id: str, period_id: str) -> Response:
        period = reopen_period(self.get_object(), by=request.user, **self.form(shapes.PeriodReopenSerializer))  # type: ignore[arg-type]
        return Response(shapes.PeriodChangedSerializer({**self._shown(period), "message": _("In review again.")}).data)

    @extend_schema(
        summary="What the books said when it was finalized", responses=shapes.SnapshotSerializer, filters=False
    )
    @action(detail=True)
    def snapshot(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self.get_object()
        snapshot = snapshot_of(period)
        if snapshot is None:
            raise SnapshotMissing(period=str(period))
        return Response(shapes.SnapshotSerializer(_told(snapshot)).data)

    @extend_schema(summary="Who did what, newest first", responses=shapes.PeriodLogsSerializer, filters=False)
    @action(detail=True, url_path="audit-logs")
    def audit_logs(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self.get_object()
        logs = list(timeline(period))
        answer = {"period_id": period.pk, "logs": logs, "total_count": len(logs)}
        return Response(shapes.PeriodLogsSerializer(answer).data)

    @extend_schema(
        summary="What stands between it and finalized", responses=shapes.ClosingChecklistSerializer, filters=False
    )
    @action(detail=True, url_path="closing-checklist")
    def checklist(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self.get_object()
        return Response(shapes.ClosingChecklistSerializer(_listed(checklist(period, last_verdict(period)))).data)


def _counts(verdict: Any) -> dict[str, int]:
    red, yellow = (len(verdict.red), len(verdict.yellow)) if verdict else (0, 0)
    return {"total_issues": red + yellow, "red_count": red, "yellow_count": yellow}


def _told(snapshot: Snapshot) -> dict[str, Any]:
    said = snapshot.says
    issues = said["issues"]
    return {
        **said,
        "id": snapshot.pk,
        "period_id": snapshot.period_id,
        "snapshot_type": snapshot.type,
        "created_at": snapshot.known_at,
        "known_at": snapshot.known_at,
        "sha256": snapshot.sha256,
        "acknowledged_yellow_issues": issues["acknowledged"],
        "issue_summary": {
            "total_issues": issues["red"] + issues["yellow"],
            "red_count": issues["red"],
            "yellow_count": issues["yellow"],
        },
    }


def _listed(found: Checklist) -> dict[str, Any]:
    period, verdict = found.period, found.verdict
    passed = {item.key: item.status == Outcome.PASSED for item in found.items}
    counts = _counts(verdict)
    return {
        "client_id": period.administration_id,
        "client_name": period.administration.name,
        "period_id": period.pk,
        "period_name": period.name,
        "period_status": period.status,
        "can_finalize": found.can_finalize,
        "blocking_items": len(found.blocking),
        "warning_items": len(found.warnings),
        "items": found.items,
        "documents_posted_percent": Decimal(100),
        "documents_pending_review": 0,
        "red_issues_count": counts["red_count"],
        "yellow_issues_count": counts["yellow_count"],
        "unacknowledged_yellow_count": len(verdict.unacknowledged) if verdict else 0,
        "vat_report_ready": passed["vat_report_ready"],
        "ar_reconciled": passed["ar_reconciled"],
        "ap_reconciled": passed["ap_reconciled"],
        "assets_consistent": passed["assets_consistent"],
    }
