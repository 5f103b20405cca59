"""Claims over HTTP: sent, rejected, sent again, what became of them; remittances; debt that is given up."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Bill, Claim, ClaimSettlement, ClaimStep, Payer, Remittance, WriteOff
from apps.billing.reports.claims import of_age, with_open, with_unassigned
from apps.billing.services import claims, remitting, writing_off
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.models import Administration
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer, amount_input, named_row, named_rows
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


# Remittances ---------------------------------------------------------------------------------------------------------


class RemittanceRowSerializer(serializers.ModelSerializer[Remittance]):
    number = serializers.CharField(source="__str__", help_text="RM-000012.")
    date = serializers.DateField(source="clinic_day.date", help_text="The clinic day that it belongs to.")
    late_for = serializers.DateField(source="late_for.date", allow_null=True, default=None)
    payer_name = serializers.CharField(source="payer.name")
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField()
    unassigned = AmountField(help_text="What no claim was found for yet: a credit of the payer.")
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = Remittance
        fields: Any = (
            "id",
            "administration_id",
            "number",
            "date",
            "late_for",
            "payer_id",
            "payer_name",
            "received_on",
            "reference",
            "currency",
            "amount",
            "unassigned",
            "journal_entry_id",
            "by",
            "at",
        )


class RemittanceSerializer(RemittanceRowSerializer):
    settlements = SettlementSerializer(many=True)

    class Meta(RemittanceRowSerializer.Meta):
        fields = (*RemittanceRowSerializer.Meta.fields, "settlements")


class SettlementFormSerializer(serializers.Serializer[Any]):
    claim_id = serializers.UUIDField()
    kind = serializers.ChoiceField(
        [(value, label) for value, label in ClaimSettlement.Kind.choices if value != ClaimSettlement.Kind.WRITE_OFF]
    )
    amount = amount_input()
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class AssignmentSerializer(serializers.Serializer[Any]):
    settlements = serializers.ListField(child=SettlementFormSerializer(), min_length=1, max_length=MOST_CLAIMS)


class RemittanceFormSerializer(OwnerSerializer):
    payer_id = serializers.UUIDField()
    amount = amount_input(help_text="What was received; zero when the payer only answers.")
    received_on = serializers.DateField()
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    settlements = serializers.ListField(
        child=SettlementFormSerializer(), required=False, default=list, max_length=MOST_CLAIMS
    )


class RemittanceFilter(OwnedFilter):
    payer_id = django_filters.UUIDFilter(field_name="payer")
    reference = django_filters.CharFilter()
    start_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="lte")
    has_unassigned = django_filters.BooleanFilter(method="with_money_left", label="Not all of it is assigned.")

    class Meta:
        model = Remittance
        fields = ("reference",)

    def with_money_left(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(unassigned=0) if value else queryset.filter(unassigned=0)


SETTLED = {
    400: OpenApiResponse(
        RefusalSerializer, description="SETTLEMENT_BEYOND_CLAIM, PAID_BEYOND_REMITTANCE, CLAIM_OF_ANOTHER_PAYER"
    ),
    409: OpenApiResponse(RefusalSerializer, description="CLAIM_NOT_SUBMITTED, PERIOD_CLOSED"),
}


@extend_schema(tags=["claims"])
@extend_schema_view(list=extend_schema(summary="Remittances"), retrieve=extend_schema(summary="One remittance"))
class RemittanceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: what was settled wrongly is taken back."""

    queryset = with_unassigned(Remittance.objects.select_related("administration", "payer", "clinic_day", "late_for"))
    filterset_class = RemittanceFilter
    ordering_fields = ("number", "received_on", "amount")
    pagination_class = CursorPages
    acts = {"*": Act.KEEP_CLAIMS}

    def get_serializer_class(self) -> Any:
        return RemittanceRowSerializer if self.action == "list" else RemittanceSerializer

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        settled = ClaimSettlement.objects.select_related("administration", "clinic_day", "claim").order_by("id")
        return rows if self.action == "list" else rows.prefetch_related(Prefetch("settlements", settled))

    @extend_schema(
        summary="Enter what a payer sent, and what it says of its claims",
        request=RemittanceFormSerializer,
        responses={201: RemittanceSerializer, **SETTLED},
    )
    def create(self, request: Request) -> Response:
        form = self.form(RemittanceFormSerializer)
        administration = form.pop("administration")
        remittance = remitting.record_remittance(
            payer=named_row(Payer, form.pop("payer_id"), administration, "payer_id"),
            settlements=settlements_of(form.pop("settlements"), administration),
            **form,
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(remittance, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Settle claims from what is not assigned yet",
        request=AssignmentSerializer,
        responses={200: RemittanceSerializer, **SETTLED},
    )
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        remittance = self.get_object()
        rows = self.form(AssignmentSerializer)["settlements"]
        remitting.assign_remittance(
            remittance,
            settlements=settlements_of(rows, remittance.administration),
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(remittance)

    def _answer(self, remittance: Remittance, status_code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=remittance.pk)
        return Response(RemittanceSerializer(row).data, status=status_code)


def settlements_of(rows: list[dict[str, Any]], administration: Administration) -> list[remitting.Settlement]:
    """The settlements of a body, in one query."""
    found = named_rows(Claim, (row["claim_id"] for row in rows), administration, "claim_id")
    return [
        remitting.Settlement(found[row["claim_id"]], row["kind"], row["amount"], row["reason"])  # type: ignore[arg-type]
        for row in rows
    ]


class TakeBackSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)
    amount = amount_input(required=False, default=None, help_text="All that is left of it, unless given.")


class SettlementFilter(OwnedFilter):
    claim_id = django_filters.UUIDFilter(field_name="claim")
    remittance_id = django_filters.UUIDFilter(field_name="remittance")
    kind = django_filters.ChoiceFilter(choices=ClaimSettlement.Kind.choices)

    class Meta:
        model = ClaimSettlement
        fields = ("kind",)


@extend_schema(tags=["claims"])
@extend_schema_view(
    list=extend_schema(summary="What became of claims"), retrieve=extend_schema(summary="One settlement of a claim")
)
class SettlementViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = ClaimSettlement.objects.select_related("administration", "clinic_day", "claim")
    serializer_class = SettlementSerializer
    filterset_class = SettlementFilter
    ordering_fields = ("at", "amount")
    pagination_class = CursorPages
    acts = {"*": Act.KEEP_CLAIMS}

    @extend_schema(
        summary="Take a settlement back: the payer owes it again",
        request=TakeBackSerializer,
        responses={
            201: SettlementSerializer,
            400: OpenApiResponse(RefusalSerializer, description="TAKEN_BACK_BEYOND_SETTLED"),
        },
    )
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str) -> Response:
        settlement = self.get_object()
        row = remitting.take_back(settlement, **self.form(TakeBackSerializer), by=request.user)  # type: ignore[arg-type]
        return Response(SettlementSerializer(self.queryset.get(pk=row.pk)).data, status=status.HTTP_201_CREATED)


# Write-offs ----------------------------------------------------------------------------------------------------------


class WriteOffSerializer(serializers.ModelSerializer[WriteOff]):
    """Debt of a bill that somebody proposed to give up: of the patient, or with a claim of its payer."""

    state = serializers.SerializerMethodField()
    bill_number = serializers.CharField(source="bill.__str__")
    claim_number = serializers.CharField(source="claim.__str__", allow_null=True, default=None)
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField()
    date = serializers.DateField(source="clinic_day.date", allow_null=True, default=None)
    journal_entry_id = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = WriteOff
        fields = (
            "id",
            "administration_id",
            "state",
            "bill_id",
            "bill_number",
            "claim_id",
            "claim_number",
            "currency",
            "amount",
            "reason",
            "date",
            "journal_entry_id",
            "proposed_by",
            "proposed_at",
            "approved_by",
            "approved_at",
            "rejected_by",
            "rejected_at",
        )

    @extend_schema(responses={"type": "string", "enum": ["PROPOSED", "APPROVED", "REJECTED"]})
    def get_state(self, write_off: WriteOff) -> str:
        if write_off.approved_at:
            return "APPROVED"
        return "REJECTED" if write_off.rejected_at else "PROPOSED"


class WriteOffFormSerializer(OwnerSerializer):
    bill_id = serializers.UUIDField()
    claim_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Of the payer's debt; without one, the patient's."
    )
    amount = amount_input()
    reason = serializers.CharField(max_length=200)


class WriteOffFilter(OwnedFilter):
    bill_id = django_filters.UUIDFilter(field_name="bill")
    claim_id = django_filters.UUIDFilter(field_name="claim")
    state = django_filters.ChoiceFilter(
        method="in_state", choices=[("PROPOSED", "PROPOSED"), ("APPROVED", "APPROVED"), ("REJECTED", "REJECTED")]
    )

    class Meta:
        model = WriteOff
        fields = ("bill_id",)

    def in_state(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(approved_at__isnull=value != "APPROVED", rejected_at__isnull=value != "REJECTED")


DECIDED = {
    400: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_BEYOND_OPEN"),
    403: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_NEEDS_ANOTHER"),
    409: OpenApiResponse(RefusalSerializer, description="WRITE_OFF_KEPT: decided before"),
}


@extend_schema(tags=["claims"])
@extend_schema_view(list=extend_schema(summary="Write-offs"), retrieve=extend_schema(summary="One write-off"))
class WriteOffViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = WriteOff.objects.select_related("administration", "bill", "claim", "clinic_day")
    serializer_class = WriteOffSerializer
    filterset_class = WriteOffFilter
    ordering_fields = ("proposed_at", "amount")
    pagination_class = CursorPages
    # Whoever proposed one may take it back; the service asks everybody else for more.
    acts = {"*": Act.KEEP_CLAIMS, "approve": Act.APPROVE}

    @extend_schema(
        summary="Propose to give debt up",
        request=WriteOffFormSerializer,
        responses={201: WriteOffSerializer, 400: DECIDED[400]},
    )
    def create(self, request: Request) -> Response:
        form = self.form(WriteOffFormSerializer)
        administration = form["administration"]
        write_off = writing_off.propose(
            named_row(Bill, form["bill_id"], administration, "bill_id"),
            claim=named_rows(Claim, [form["claim_id"]], administration, "claim_id")[form["claim_id"]],
            amount=form["amount"],
            reason=form["reason"],
            by=request.user,  # type: ignore[arg-type]
        )
        return self._answer(write_off, status.HTTP_201_CREATED)

    @extend_schema(summary="Give the debt up", request=None, responses={200: WriteOffSerializer, **DECIDED})
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._answer(writing_off.approve(self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Do not give the debt up", request=None, responses={200: WriteOffSerializer, **DECIDED})
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._answer(writing_off.reject(self.get_object(), by=request.user))  # type: ignore[arg-type]

    def _answer(self, write_off: WriteOff, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(WriteOffSerializer(self.queryset.get(pk=write_off.pk)).data, status=status_code)
