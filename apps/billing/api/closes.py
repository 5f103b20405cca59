"""The day close over HTTP (contract area end_of_day)."""

from decimal import Decimal
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
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import CloseNote, EndOfDayReconciliation
from apps.billing.reports.blind import HIDDEN, blinded
from apps.billing.reports.day import describe, way_out
from apps.billing.reports.drawers import days_hidden
from apps.billing.reports.revisions import revisions_of
from apps.billing.reports.summary import summary
from apps.billing.reports.tie_out import OfCashier, tie_out
from apps.billing.reports.z_report import DayReport, day_table, x_report, z_report
from apps.billing.services import closing
from apps.billing.services.days import local_date
from apps.core.api import AmountField, AnswersFiles, CursorPages, RefusalSerializer, ScopedViewSet, renderer
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import text
from apps.core.permissions import Act
from apps.core.tables.download import download


@extend_schema_field({"oneOf": [{"type": "string", "format": "decimal"}, {"type": "integer"}], "example": "65.00"})
class PlainAmountField(serializers.Field[Any, Any, str | int, Any]):
    """An amount of a report, with the digits of the currency in the context; a count stays a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, value: Any) -> str | int:
        return text(value, self.context["currency"]) if isinstance(value, Decimal) else int(value)


class CloseNoteSerializer(serializers.ModelSerializer[CloseNote]):
    class Meta:
        model = CloseNote
        fields = ("text", "by", "at")


class MismatchSerializer(serializers.Serializer[Any]):
    """A mismatch: its code, what it says, how it is mended, and the facts that its code has."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return {**instance, "message": describe(instance), "hint": way_out(instance)}


class DayCloseSerializer(serializers.ModelSerializer[EndOfDayReconciliation]):
    """A day close. Every amount is in the administration's currency.

    While ``cash_hidden``, a drawer of the day waits for its count, and what would tell the cash is null for everybody.
    """

    number = serializers.CharField(source="__str__", help_text="Z-000412, with its revision from the second on.")
    currency = serializers.CharField(source="administration.currency")
    notes = serializers.SerializerMethodField()
    note_entries = CloseNoteSerializer(many=True)
    mismatch_details = MismatchSerializer(many=True)
    breakdown = serializers.DictField(help_text="The parts that the figures are made of.")
    cash_hidden = serializers.SerializerMethodField()

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
            "cash_hidden",
            "prepared_by",
            "prepared_at",
            "reviewed_by",
            "reviewed_at",
            "finalized_by",
            "finalized_at",
            "single_sign_off",
            "entry_id",
            "reopened_by",
            "reopened_at",
            "reopen_reason",
            "reversal_id",
            "notes",
            "note_entries",
            "created_at",
            "updated_at",
        )

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Amounts go out as strings with the currency's digits."""
        if field_name in self.Meta.amounts:
            return AmountField, {"read_only": True, **({"allow_null": True} if field_name in HIDDEN else {})}
        return super().build_standard_field(field_name, model_field)

    def get_notes(self, close: EndOfDayReconciliation) -> str:
        return "\n".join(note.text for note in close.note_entries.all())

    def get_cash_hidden(self, close: EndOfDayReconciliation) -> bool:
        """Asked once for all closes that are shown; what is signed was counted."""
        finalized, context = EndOfDayReconciliation.Status.FINALIZED, cast(dict[str, Any], self.context)
        if "hidden" not in context:
            shown = self.root.instance if isinstance(self.root.instance, list) else [close]
            waiting = [one.clinic_day_id for one in shown if one.status != finalized]
            context["hidden"] = days_hidden(waiting) if waiting else set()
        return close.status != finalized and close.clinic_day_id in context["hidden"]

    def to_representation(self, close: EndOfDayReconciliation) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(close)
        if shown["cash_hidden"]:
            shown |= {**dict.fromkeys(HIDDEN), "breakdown": blinded(close.breakdown)}
        return shown


class DayCloseCreateSerializer(serializers.Serializer[Any]):
    reconciliation_date = serializers.DateField()
    close_active_visits = serializers.BooleanField(default=True)
    administration_id = serializers.UUIDField(required=False)


class NoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(max_length=10_000)


class OptionalNoteSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class CloseReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1_000)


class RangeSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)
    start_date = serializers.DateField()
    end_date = serializers.DateField()


class AdministrationQuerySerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)


class TakingsField(AmountField):
    """An amount that would tell the cash: null while a day of the range waits for a count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        return None if instance.cash_hidden else super().get_attribute(instance)


class RangeTotalsSerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(source="administration.id")
    start_date = serializers.DateField()
    end_date = serializers.DateField()
    total_reconciliations = serializers.IntegerField()
    total_revenue = TakingsField()
    total_cash = TakingsField()
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
    cash_hidden = serializers.BooleanField()


class SummarySerializer(RangeTotalsSerializer):
    previous = RangeTotalsSerializer()


class TiedSerializer(serializers.Serializer[Any]):
    """One method: what was taken, and what the others say of it; null where nobody says anything, or not yet."""

    method = serializers.CharField()
    taken = PlainAmountField()
    counted = PlainAmountField()
    terminal = PlainAmountField()
    provider = PlainAmountField()
    books = PlainAmountField()
    agrees = serializers.BooleanField()


class CashierSerializer(serializers.Serializer[Any]):
    cashier = serializers.UUIDField(source="cashier.pk", default=None, allow_null=True)
    name = serializers.SerializerMethodField()
    method = serializers.CharField(source="tied.method")
    taken = PlainAmountField(source="tied.taken")
    counted = PlainAmountField(source="tied.counted")

    def get_name(self, of: OfCashier) -> str:
        return str(of.cashier or "")


class TieOutSerializer(serializers.Serializer[Any]):
    cash_hidden = serializers.BooleanField()
    totals = TiedSerializer(many=True)
    cashiers = CashierSerializer(many=True)


class SignatureSerializer(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="asked, prepared, reviewed, finalized or reopened")
    by = serializers.UUIDField(source="by.pk", default=None, allow_null=True)
    at = serializers.DateTimeField()


class DayReportSerializer(serializers.Serializer[Any]):
    """An X report (so far) or a Z report (as stored). Amounts are in the administration's currency."""

    kind = serializers.ChoiceField(["X", "Z"])
    administration_id = serializers.UUIDField(source="administration.pk")
    currency = serializers.CharField(source="administration.currency")
    date = serializers.DateField()
    number = serializers.CharField()
    status = serializers.CharField()
    revision = serializers.IntegerField(allow_null=True)
    cash_hidden = serializers.BooleanField()
    figures = serializers.SerializerMethodField()
    breakdown = serializers.DictField()
    mismatches = MismatchSerializer(many=True)
    tie_out = TieOutSerializer(allow_null=True, help_text="null for a revision that another one followed")
    signatures = SignatureSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    reopen_reason = serializers.CharField()
    seal_head = serializers.CharField(help_text="What verify_books --head takes; empty until the day is signed.")
    seal_rows = serializers.IntegerField(allow_null=True)

    def get_figures(self, report: DayReport) -> dict[str, Any]:
        """Amounts as strings, counts as numbers; what waits for the count is null."""
        code = report.administration.currency
        return {
            name: text(value, code) if isinstance(value, Decimal) else value for name, value in report.figures.items()
        }


class ChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = PlainAmountField()
    after = PlainAmountField()
    difference = PlainAmountField()


class RevisionSerializer(serializers.Serializer[Any]):
    """A revision of a day, with what it states differently from the one before; null for the first."""

    id = serializers.UUIDField(source="close.pk")
    number = serializers.CharField(source="close")
    revision = serializers.IntegerField(source="close.revision")
    status = serializers.CharField(source="close.status")
    reopened_by = serializers.UUIDField(source="close.reopened_by_id", allow_null=True)
    reopened_at = serializers.DateTimeField(source="close.reopened_at", allow_null=True)
    reopen_reason = serializers.CharField(source="close.reopen_reason")
    finalized_by = serializers.UUIDField(source="close.finalized_by_id", allow_null=True)
    finalized_at = serializers.DateTimeField(source="close.finalized_at", allow_null=True)
    entry_id = serializers.UUIDField(source="close.entry_id", allow_null=True)
    reversal_id = serializers.UUIDField(source="close.reversal_id", allow_null=True)
    changes = ChangeSerializer(many=True, allow_null=True)


class XReportQuerySerializer(serializers.Serializer[Any]):
    administration_id = serializers.UUIDField(required=False)
    date = serializers.DateField(required=False, help_text="Today, unless given.")


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
