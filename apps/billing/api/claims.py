"""Claims over HTTP: sent, rejected, sent again, what became of them."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Claim, ClaimSettlement, ClaimStep
from apps.billing.reports.claims import of_age, with_open
from apps.billing.services import claims
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, named_rows
from apps.core.permissions import Act

MOST_CLAIMS = 500  # in one body


class SettlementSerializer(serializers.ModelSerializer[ClaimSettlement]):
    """What became of part of a claim; a negative one took an earlier one back."""

    date = serializers.DateField(source="clinic_day.date", help_text="The clinic day that it belongs to.")
    claim_number = serializers.CharField(source="claim.__str__")
    amount = AmountField()
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = ClaimSettlement
        fields = (
            "id",
            "administration_id",
            "date",
            "claim_id",
            "claim_number",
            "remittance_id",
            "kind",
            "amount",
            "takes_back_id",
            "reason",
            "journal_entry_id",
            "by",
            "approved_by",
            "at",
        )


class StepSerializer(serializers.ModelSerializer[ClaimStep]):
    class Meta:
        model = ClaimStep
        fields = ("status", "day", "reason", "by", "at")


class ClaimRowSerializer(serializers.ModelSerializer[Claim]):
    """A claim: what was accepted of its bill, what of that is settled and what is open."""

    number = serializers.CharField(source="__str__", help_text="C-000123.")
    bill_number = serializers.CharField(source="bill.__str__")
    bill_date = serializers.DateField(source="bill.clinic_day.date")
    patient_id = serializers.UUIDField(source="bill.patient_id")
    patient_code = serializers.CharField(source="bill.patient.code")
    payer_name = serializers.CharField(source="payer.name")
    currency = serializers.CharField(source="administration.currency")
    accepted = AmountField()
    settled = AmountField()
    open = AmountField()
    waiting_since = serializers.DateField(source="waiting", help_text="Submitted, or billed where it was not yet.")

    class Meta:
        model = Claim
        fields: Any = (
            "id",
            "administration_id",
            "number",
            "status",
            "payer_id",
            "payer_name",
            "bill_id",
            "bill_number",
            "bill_date",
            "patient_id",
            "patient_code",
            "authorisation",
            "submitted_on",
            "submissions",
            "answered_on",
            "reason",
            "currency",
            "accepted",
            "settled",
            "open",
            "waiting_since",
        )


class ClaimSerializer(ClaimRowSerializer):
    """A claim with what happened to it and what became of it."""

    steps = StepSerializer(many=True)
    settlements = SettlementSerializer(many=True)

    class Meta(ClaimRowSerializer.Meta):
        fields = (*ClaimRowSerializer.Meta.fields, "steps", "settlements")


class SubmitSerializer(serializers.Serializer[Any]):
    date = serializers.DateField(required=False, default=None, help_text="The clinic's today, unless given.")


class SubmitManySerializer(OwnerSerializer):
    claim_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_CLAIMS)
    date = serializers.DateField(required=False, default=None, help_text="The clinic's today, unless given.")


class ResubmitSerializer(SubmitSerializer):
    authorisation = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)


class RejectSerializer(SubmitSerializer):
    reason = serializers.CharField(max_length=200)


class ClaimFilter(OwnedFilter):
    status = django_filters.ChoiceFilter(choices=Claim.Status.choices)
    payer_id = django_filters.UUIDFilter(field_name="payer")
    bill_id = django_filters.UUIDFilter(field_name="bill")
    patient_id = django_filters.UUIDFilter(field_name="bill__patient")
    is_open = django_filters.BooleanFilter(method="that_are_open", label="Something is open of it, or nothing.")
    age_min = django_filters.NumberFilter(
        method="at_least_days_old", label="Days that it waits, at least.", min_value=0, max_value=36_500
    )
    age_max = django_filters.NumberFilter(
        method="at_most_days_old", label="Days that it waits, at most.", min_value=0, max_value=36_500
    )

    class Meta:
        model = Claim
        fields = ("status",)

    def that_are_open(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(open=0) if value else queryset.filter(open=0)

    def at_least_days_old(self, queryset: Any, name: str, value: Any) -> Any:
        return of_age(queryset, least=int(value))

    def at_most_days_old(self, queryset: Any, name: str, value: Any) -> Any:
        return of_age(queryset, most=int(value))


SENT = {
    400: OpenApiResponse(RefusalSerializer, description="DAY_IN_FUTURE"),
    409: OpenApiResponse(RefusalSerializer, description="CLAIM_NOT_SENDABLE, CLAIM_NOT_SUBMITTED, NOTHING_TO_CLAIM"),
}


@extend_schema(tags=["claims"])
@extend_schema_view(list=extend_schema(summary="Claims"), retrieve=extend_schema(summary="One claim"))
class ClaimViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No create: a claim is drafted as cover is accepted on its bill."""

    queryset = with_open(Claim.objects.select_related("administration", "payer", "bill__clinic_day", "bill__patient"))
    filterset_class = ClaimFilter
    ordering_fields = ("number", "waiting", "open")
    pagination_class = CursorPages
    acts = {
        "*": Act.READ_CLINIC,
        "submit": Act.KEEP_CLAIMS,
        "submit_many": Act.KEEP_CLAIMS,
        "reject": Act.KEEP_CLAIMS,
        "resubmit": Act.KEEP_CLAIMS,
    }

    def get_serializer_class(self) -> Any:
        return ClaimRowSerializer if self.action == "list" else ClaimSerializer

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action == "list":
            return rows
        settled = ClaimSettlement.objects.select_related("administration", "clinic_day", "claim").order_by("id")
        return rows.prefetch_related(
            Prefetch("steps", ClaimStep.objects.order_by("id")), Prefetch("settlements", settled)
        )

    @extend_schema(
        summary="Enter that a claim was sent", request=SubmitSerializer, responses={200: ClaimSerializer, **SENT}
    )
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        claim = self.get_object()
        form = self.form(SubmitSerializer)
        claims.submit_claim(claim, on=form["date"], by=request.user)  # type: ignore[arg-type]
        return self._answer(claim)

    @extend_schema(
        operation_id="billing_claims_submit_many",
        summary="Enter that many claims were sent, all or none",
        request=SubmitManySerializer,
        responses={200: ClaimRowSerializer(many=True), **SENT},
    )
    @action(detail=False, methods=["post"], url_path="submit", pagination_class=None, filterset_class=None)
    def submit_many(self, request: Request) -> Response:
        form = self.form(SubmitManySerializer)
        found = named_rows(Claim, form["claim_ids"], form["administration"], "claim_ids")
        sent = claims.submit_claims(
            [claim for claim in found.values() if claim],
            on=form["date"],
            by=request.user,  # type: ignore[arg-type]
        )
        rows = self.queryset.filter(pk__in=[claim.pk for claim in sent]).order_by("pk")
        return Response(ClaimRowSerializer(rows, many=True).data)

    @extend_schema(
        summary="Enter that the payer rejected a claim",
        request=RejectSerializer,
        responses={200: ClaimSerializer, **SENT},
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        claim = self.get_object()
        form = self.form(RejectSerializer)
        claims.reject_claim(claim, reason=form["reason"], on=form["date"], by=request.user)  # type: ignore[arg-type]
        return self._answer(claim)

    @extend_schema(
        summary="Send a rejected claim again", request=ResubmitSerializer, responses={200: ClaimSerializer, **SENT}
    )
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, pk: str) -> Response:
        claim = self.get_object()
        form = self.form(ResubmitSerializer)
        claims.resubmit_claim(
            claim,
            authorisation=form["authorisation"],
            on=form["date"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(claim)

    def _answer(self, claim: Claim) -> Response:
        return Response(ClaimSerializer(self.get_queryset().get(pk=claim.pk)).data)
