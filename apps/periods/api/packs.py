"""Evidence packs over HTTP (contract area work)."""

from typing import Any
from uuid import UUID

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.core.models import Job
from apps.core.owned_api import OwnedFilter, OwnedViewSet
from apps.core.permissions import Act
from apps.ledger.models import Period
from apps.periods.api.files import StoredFileSerializer, StoredFileViewSet, job_of, waiting
from apps.periods.models import EvidencePack
from apps.periods.services.packing import TASK, ask_for_pack, is_large, pack_period

CLIENT = OpenApiParameter("client_id", UUID, OpenApiParameter.PATH)
PERIOD = OpenApiParameter("period_id", UUID, OpenApiParameter.PATH)


class PackFactsSerializer(serializers.Serializer[Any]):
    administration_name = serializers.CharField()
    kvk_number = serializers.CharField(allow_null=True)
    period_name = serializers.CharField()
    period_status = serializers.CharField()
    generated_at = serializers.DateTimeField()


class PackSerializer(StoredFileSerializer):
    """An evidence pack. ``seal_head`` and ``seal_count`` are the chain of seals as it stood when the pack was made."""

    period_id = serializers.UUIDField()
    pack_type = serializers.ChoiceField(EvidencePack.Type.choices)
    seal_head = serializers.CharField(allow_null=True)
    seal_count = serializers.IntegerField(allow_null=True)
    metadata = PackFactsSerializer(source="facts", allow_null=True)


@extend_schema_serializer(many=False)
class PacksSerializer(serializers.Serializer[Any]):
    packs = PackSerializer(many=True)
    total_count = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()


class PackQuerySerializer(serializers.Serializer[Any]):
    pack_type = serializers.CharField(default=EvidencePack.Type.VAT_EVIDENCE, help_text="VAT_EVIDENCE or AUDIT_TRAIL.")

    def validate_pack_type(self, given: str) -> str:
        """In any case of letters."""
        if given.upper() not in EvidencePack.Type.values:
            raise serializers.ValidationError(", ".join(EvidencePack.Type.values))
        return given.upper()


class PageSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=100)
    offset = serializers.IntegerField(required=False, default=0, min_value=0, max_value=1_000_000)


class PackFilter(OwnedFilter):
    period_id = django_filters.UUIDFilter(field_name="period")
    pack_type = django_filters.MultipleChoiceFilter(choices=EvidencePack.Type.choices)

    class Meta:
        model = EvidencePack
        fields = ("pack_type",)


@extend_schema(tags=["evidence"], parameters=[CLIENT, PERIOD])
class PeriodPackViewSet(OwnedViewSet):
    """The pack of one period."""

    queryset = Period.objects.select_related("administration")
    lookup_url_kwarg = "period_id"
    acts = {"*": Act.CLOSE_PERIODS}
    limit = "evidence_pack"

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.filter(administration=self.kwargs["client_id"]) if self.kwargs else rows

    @extend_schema(
        summary="Make an evidence pack: at once when it is small, otherwise by the worker",
        parameters=[PackQuerySerializer],
        request=None,
        responses={201: PackSerializer, 202: PackSerializer},
        filters=False,
    )
    def create(self, request: Request, client_id: UUID, period_id: UUID) -> Response:
        period, by = self.get_object(), request.user
        pack_type = self.query(PackQuerySerializer)["pack_type"]
        if is_large(period, pack_type):
            job = ask_for_pack(period, pack_type, by=by)  # type: ignore[arg-type]
            return Response(PackSerializer(_asked(job, period)).data, status=status.HTTP_202_ACCEPTED)
        pack = pack_period(period, pack_type, by=by)  # type: ignore[arg-type]
        return Response(PackSerializer(pack).data, status=status.HTTP_201_CREATED)


@extend_schema(tags=["evidence"])
class EvidencePackViewSet(StoredFileViewSet):
    queryset = EvidencePack.objects.all()
    filterset_class = PackFilter
    ordering_fields = ("created_at", "file_size", "pack_type")
    ordering = ("-created_at", "-id")
    pagination_class = None
    acts = {"*": Act.READ_LEDGER}

    @extend_schema(summary="Evidence packs, newest first", parameters=[PageSerializer], responses=PacksSerializer)
    def list(self, request: Request) -> Response:
        page = self.query(PageSerializer)
        rows = self.filter_queryset(self.get_queryset())
        found = list(rows[page["offset"] : page["offset"] + page["limit"]])
        return Response(PacksSerializer({"packs": found, "total_count": rows.count(), **page}).data)

    @extend_schema(summary="One evidence pack, and how far it is", responses=PackSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_queryset().filter(pk=pk).first()
        if row is None:
            job = job_of(TASK, "pack", pk, request.user)
            period = Period.objects.get(pk=job.arguments["period"])
            self.administration(period.administration_id)
            return Response(PackSerializer(_asked(job, period)).data)
        self.check_object_permissions(request, row)
        return Response(PackSerializer(row).data)


def _asked(job: Job, period: Period) -> dict[str, Any]:
    key = job.arguments["pack"]
    return waiting(
        job,
        key,
        reverse("evidence-pack-detail", args=[key]),
        administration_id=period.administration_id,
        period_id=period.pk,
        pack_type=job.arguments["pack_type"],
        seal_head=None,
        seal_count=None,
        facts=None,
    )
