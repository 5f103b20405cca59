"""Files over HTTP: sent as a form, judged, and only ever given back as a download."""

from typing import Any

import django_filters
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, parsers, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from apps.core.api import CursorPages, RefusalSerializer, ScopedViewSet
from apps.core.models import Upload
from apps.core.permissions import Act
from apps.core.services import uploads
from apps.core.uploads.kinds import PURPOSES

_NAMES = tuple((purpose, purpose) for purpose in PURPOSES)


def as_attachment(upload: Upload) -> FileResponse:
    """The content of ``upload`` as a download: whatever is in it, no browser runs it here or guesses what it is."""
    answer = FileResponse(
        uploads.storage().open(upload.stored_as),
        as_attachment=True,
        filename=upload.file_name,
        content_type=upload.file_type,
    )
    answer["Content-Length"] = str(upload.file_size)
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


class UploadSerializer(serializers.ModelSerializer[Upload]):
    class Meta:
        model = Upload
        fields = (
            "id",
            "administration_id",
            "purpose",
            "file_name",
            "file_type",
            "file_size",
            "sha256",
            "uploaded_by",
            "uploaded_at",
        )


class UploadFormSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)  # an empty one is refused with the others, in their words
    purpose = serializers.ChoiceField(_NAMES)
    administration_id = serializers.UUIDField(required=False)


class UploadFilter(django_filters.FilterSet):
    administration_id = django_filters.UUIDFilter(field_name="administration")
    purpose = django_filters.ChoiceFilter(choices=_NAMES)

    class Meta:
        model = Upload
        fields = ("administration_id", "purpose")


@extend_schema(tags=["files"])
@extend_schema_view(
    list=extend_schema(summary="Files, newest first"),
    retrieve=extend_schema(summary="What is known of one file"),
)
class UploadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    queryset = Upload.objects.all()
    serializer_class = UploadSerializer
    filterset_class = UploadFilter
    ordering_fields = ("uploaded_at", "file_name", "file_size")
    pagination_class = CursorPages
    parser_classes = (parsers.MultiPartParser,)
    acts = {"*": Act.READ_FILES, "create": Act.UPLOAD_FILES}

    def get_queryset(self) -> Any:
        return uploads.readable_by(self.request.user, super().get_queryset())  # type: ignore[arg-type]

    @extend_schema(
        summary="Send a file",
        request={"multipart/form-data": UploadFormSerializer},
        responses={
            201: UploadSerializer,
            400: OpenApiResponse(RefusalSerializer, description="FILE_TYPE_NOT_ALLOWED, FILE_REFUSED, FILE_DAMAGED"),
            413: OpenApiResponse(RefusalSerializer, description="FILE_TOO_LARGE"),
            503: OpenApiResponse(RefusalSerializer, description="SCANNER_UNAVAILABLE"),
        },
    )
    def create(self, request: Request) -> Response:
        form = UploadFormSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data["file"]
        upload = uploads.store_upload(
            sent,
            administration=self.administration(form.validated_data.get("administration_id")),
            purpose=form.validated_data["purpose"],
            name=sent.name,
            by=request.user,  # type: ignore[arg-type]
        )
        return Response(UploadSerializer(upload).data, status=status.HTTP_201_CREATED)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # A download comes as what it is, whatever the client would rather have.
        return super().perform_content_negotiation(request, force=force or self.action == "content")

    @extend_schema(
        summary="The file itself, as a download",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True)
    def content(self, request: Request, pk: str) -> FileResponse:
        return as_attachment(self.get_object())


router = SimpleRouter()
router.register("uploads", UploadViewSet, basename="upload")
