"""Patients over HTTP: found by code, name or birth date, registered, handed out, erased."""

from typing import Any

import django_filters
from django.db.models import Q
from django.utils.dateparse import parse_date
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Patient
from apps.billing.services import privacy
from apps.billing.services.catalogue import register_patient
from apps.core.api import CursorPages, RefusalSerializer
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer
from apps.core.permissions import Act, may, roles_of
from apps.core.privacy import Ground, attachment

NO_STORE = {"Cache-Control": "no-store"}


class PatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient. Who they are is said to those who meet patients, and is null for everybody else."""

    name = serializers.SerializerMethodField()
    birth_date = serializers.SerializerMethodField()
    email = serializers.SerializerMethodField()

    class Meta:
        model = Patient
        fields = ("id", "administration_id", "code", "name", "birth_date", "email", "created_at", "erased_at")

    def get_name(self, patient: Patient) -> str | None:
        return self._identity(patient, "name")

    @extend_schema(responses={"type": "string", "format": "date", "nullable": True})
    def get_birth_date(self, patient: Patient) -> str | None:
        return self._identity(patient, "birth_date")

    def get_email(self, patient: Patient) -> str | None:
        return self._identity(patient, "email")

    def _identity(self, patient: Patient, field: str) -> Any:
        identity = getattr(patient, "identity", None)
        if identity is None or not may(self.context["request"].user, Act.TAKE_PAYMENTS, patient.administration_id):
            return None
        return getattr(identity, field) or None


class PatientFormSerializer(OwnerSerializer):
    code = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=64, help_text="Left empty, one is made."
    )
    name = serializers.CharField(max_length=200)
    birth_date = serializers.DateField(required=False, allow_null=True, default=None)
    email = serializers.EmailField(required=False, allow_blank=True, default="")


class GroundSerializer(serializers.Serializer[Any]):
    """Why somebody is erased: a ground of GDPR article 17(1)."""

    reason = serializers.ChoiceField(Ground.choices)


class KeptSerializer(serializers.Serializer[Any]):
    what = serializers.CharField(source="title")
    how_it_goes = serializers.CharField(source="goes")


class ErasureSerializer(serializers.Serializer[Any]):
    """What was emptied, and what the law keeps under the code."""

    erased = serializers.ListField(child=serializers.CharField())
    kept = KeptSerializer(many=True)


class PatientFilter(OwnedFilter):
    """Names and birth dates are asked only where the caller meets patients."""

    code = django_filters.CharFilter(lookup_expr="istartswith")
    name = django_filters.CharFilter(method="of_name", help_text="A part of it.")
    birth_date = django_filters.DateFilter(method="of_birth_date")
    search = django_filters.CharFilter(
        method="of_any", help_text="The beginning of a code, part of a name, a birth date."
    )

    class Meta:
        model = Patient
        fields = ("code",)

    def of_name(self, queryset: Any, field: str, value: str) -> Any:
        return queryset.filter(self._known(identity__name__icontains=value))

    def of_birth_date(self, queryset: Any, field: str, value: Any) -> Any:
        return queryset.filter(self._known(identity__birth_date=value))

    def of_any(self, queryset: Any, field: str, value: str) -> Any:
        wanted = Q(code__istartswith=value) | self._known(identity__name__icontains=value)
        try:
            born = parse_date(value)
        except ValueError:  # 2026-02-31
            born = None
        return queryset.filter(wanted | self._known(identity__birth_date=born) if born else wanted)

    def _known(self, **of_identity: Any) -> Q:
        user = self.request.user
        return Q(administration__in=[pk for pk in roles_of(user) if may(user, Act.TAKE_PAYMENTS, pk)], **of_identity)


class PatientPages(CursorPages):
    ordering = ("code", "id")


TAKEN = {409: OpenApiResponse(RefusalSerializer, description="CODE_TAKEN")}
NOT_YET = {409: OpenApiResponse(RefusalSerializer, description="PATIENT_NOT_SETTLED, WALLET_NOT_EMPTY")}


@extend_schema(tags=["clinic"])
@extend_schema_view(
    list=extend_schema(summary="Patients, by code"),
    retrieve=extend_schema(summary="One patient"),
)
class PatientViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: a code is for good, and a person is erased."""

    queryset = Patient.objects.select_related("administration", "identity")
    serializer_class = PatientSerializer
    filterset_class = PatientFilter
    ordering_fields = ("code", "created_at")
    pagination_class = PatientPages
    acts = {
        "*": Act.READ_CLINIC,
        "create": Act.TAKE_PAYMENTS,
        "export": Act.ERASE_PERSON,
        "erase": Act.ERASE_PERSON,
    }

    def list(self, request: Request) -> Response:
        return _unstored(super().list(request))

    def retrieve(self, request: Request, pk: str) -> Response:
        return _unstored(super().retrieve(request))

    @extend_schema(
        summary="Register a patient", request=PatientFormSerializer, responses={201: PatientSerializer, **TAKEN}
    )
    def create(self, request: Request) -> Response:
        form = self.form(PatientFormSerializer)
        made = register_patient(form.pop("administration"), by=request.user, **form)  # type: ignore[arg-type]
        patient = self.get_serializer(self.queryset.get(pk=made.pk))
        return Response(patient.data, status=status.HTTP_201_CREATED, headers=NO_STORE)

    @extend_schema(
        summary="What is held about a patient, as a file (GDPR articles 15 and 20)",
        responses={200: {"type": "object"}},
    )
    @action(detail=True)
    def export(self, request: Request, pk: str) -> Response:
        patient = self.get_object()
        held = privacy.export_patient(patient, by=request.user)  # type: ignore[arg-type]
        return Response(held.as_dict(), headers=attachment(f"personal-data-{patient.pk}.json"))

    @extend_schema(
        summary="Erase who a patient is; the books stay, under the code",
        request=GroundSerializer,
        responses={200: ErasureSerializer, **NOT_YET},
    )
    @action(detail=True, methods=["post"])
    def erase(self, request: Request, pk: str) -> Response:
        patient, form = self.get_object(), self.form(GroundSerializer)
        erasure = privacy.erase_patient(patient, by=request.user, reason=form["reason"])  # type: ignore[arg-type]
        return Response(ErasureSerializer(erasure).data)


def _unstored(answer: Response) -> Response:
    """Names are not kept by whoever passes them on."""
    answer["Cache-Control"] = NO_STORE["Cache-Control"]
    return answer
