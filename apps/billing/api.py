"""The day close over HTTP (contract area end_of_day)."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Prefetch
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import CloseNote, EndOfDayReconciliation
from apps.billing.reports.day import describe
from apps.billing.reports.summary import summary
from apps.billing.services import closing
from apps.billing.services.days import local_date
from apps.core.api import AmountField, CursorPages, RefusalSerializer, ScopedViewSet
from apps.core.permissions import Act


class CloseNoteSerializer(serializers.ModelSerializer[CloseNote]):
    class Meta:
        model = CloseNote
        fields = ("text", "by", "at")


class MismatchSerializer(serializers.Serializer[Any]):
    """A mismatch: its code, what it says, and the facts that its code has."""

    code = serializers.CharField()
    message = serializers.CharField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return {**instance, "message": describe(instance)}


class DayCloseSerializer(serializers.ModelSerializer[EndOfDayReconciliation]):
    """A day close. Every amount is in the administration's currency."""

    number = serializers.CharField(source="__str__", help_text="Z-000412, with its revision from the second on.")
    currency = serializers.CharField(source="administration.currency")
    notes = serializers.SerializerMethodField()
    note_entries = CloseNoteSerializer(many=True)
    mismatch_details = MismatchSerializer(many=True)
    breakdown = serializers.DictField(help_text="The parts that the figures are made of.")

    class Meta:
        model = EndOfDayReconciliation
        amounts = (
            "total_revenue",
            "total_cash",
            "total_wallet",
            "total_paystack",
            "total_hmo",
            "total_insurance",
            "total_card",
            "total_transfer",
            "total_refunds",
            "total_wallet_topups",
            "money_in",
            "total_billed",
            "total_outstanding",
            "revenue_leaks_amount",
        )
        fields = (
            "id",
            "administration_id",
            "number",
            "revision",
            "reconciliation_date",
            "status",
            "currency",
            *amounts,
            "outstanding_visits_count",
            "revenue_leaks_detected",
            "total_visits",
            "active_visits_closed",
            "has_mismatches",
            "mismatch_details",
            "breakdown",
            "prepared_by",
            "prepared_at",
            "reviewed_by",
            "reviewed_at",
            "finalized_by",
            "finalized_at",
            "single_sign_off",
            "entry_id",
            "notes",
            "note_entries",
            "created_at",
            "updated_at",
        )

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Amounts go out as strings with the currency's digits."""
        if field_name in self.Meta.amounts:
            return AmountField, {"read_only": True}
        return super().build_standard_field(field_name, model_field)

    def get_notes(self, close: EndOfDayReconciliation) -> str:
        return "\n".join(note.text for note in close.note_entries.all())


class DayCloseCreateSerializer(serializers.Serializer[Any]):
    reconciliation_date = serializers.DateField()
    close_active_visits = serializers.BooleanField(default=True)
    administration_id = serializers.UUIDField(required=False)


class NoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(max_length=10_000)


class OptionalNoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1_000)


class RangeSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)
    start_date = serializers.DateField()
    end_date = serializers.DateField()


class AdministrationQuerySerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)


class RangeTotalsSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(source="administration.id")
    start_date = serializers.DateField()
    end_date = serializers.DateField()
    total_reconciliations = serializers.IntegerField()
    total_revenue = AmountField()
    total_cash = AmountField()
    total_wallet = AmountField()
    total_paystack = AmountField()
    total_hmo = AmountField()
    total_insurance = AmountField()
    total_card = AmountField()
    total_transfer = AmountField()
    total_outstanding = AmountField()
    total_revenue_leaks = serializers.IntegerField()
    total_revenue_leaks_amount = AmountField()
    days_without_close = serializers.ListField(child=serializers.DateField())


class SummarySerializer(RangeTotalsSerializer):
    previous = RangeTotalsSerializer()


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


CONFLICT = {409: OpenApiResponse(RefusalSerializer, description="ALREADY_FINALIZED, DAY_CLOSE_CANCELLED")}
ADMINISTRATION = OpenApiParameter("administration_id", UUID, description="Needed only by a caller who has several.")


@extend_schema(tags=["end of day"])
@extend_schema_view(
    list=extend_schema(summary="Day closes, newest first"),
    retrieve=extend_schema(summary="One day close"),
)
class DayCloseViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet
):  # no update, no destroy: by absence
    queryset = EndOfDayReconciliation.objects.select_related("administration").prefetch_related(
        Prefetch("note_entries", CloseNote.objects.order_by("id"))
    )
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
    }

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
        summary="Take a draft back", request=ReasonSerializer, responses={200: DayCloseSerializer, **CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        form = self._form(ReasonSerializer)
        return self._answer(closing.cancel_day(self.get_object(), by=request.user, reason=form["reason"]))  # type: ignore[arg-type]

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
            .order_by("-revision")
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

    def _answer(self, close: EndOfDayReconciliation, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(DayCloseSerializer(self.queryset.get(pk=close.pk)).data, status=status_code)
