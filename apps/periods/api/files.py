"""What exports and evidence packs have in common over HTTP: how far the worker is, and the file as a download."""

from typing import Any
from uuid import UUID

from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from apps.core.api import RefusalSerializer
from apps.core.models import Job
from apps.core.owned_api import OwnedViewSet
from apps.periods.downloading import as_download
from apps.periods.services.storing import open_proved


class StoredFileSerializer(serializers.Serializer[Any]):
    """A file and how far it is: while the worker is at it, what only the file knows is null."""

    id = serializers.UUIDField()
    administration_id = serializers.UUIDField()
    created_at = serializers.DateTimeField(allow_null=True)
    file_name = serializers.CharField(allow_null=True)
    file_size_bytes = serializers.IntegerField(source="file_size", allow_null=True)
    checksum = serializers.CharField(source="sha256", allow_null=True, help_text="SHA-256 of the file.")
    download_count = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(Job.State.choices)
    task_id = serializers.UUIDField(allow_null=True)
    task_url = serializers.CharField(allow_null=True, help_text="Where to ask how far it is.")
    refusals = serializers.ListField(child=serializers.DictField(), help_text="Why there is no file.")

    def to_representation(self, instance: Any) -> Any:
        """A row, or what is ``waiting``."""
        return super().to_representation(instance if isinstance(instance, dict) else _made(instance))


def _made(row: Any) -> dict[str, Any]:
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {**fields, "state": Job.State.DONE, "task_id": None, "task_url": None, "refusals": []}


def waiting(job: Job, key: UUID | str, task_url: str, **known: Any) -> dict[str, Any]:
    """What is known of a file that the worker has not made."""
    nothing = dict.fromkeys(("created_at", "file_name", "file_size", "sha256", "download_count"))
    asked = {"state": job.state, "task_id": job.pk, "task_url": task_url, "refusals": job.refusals}
    return {**nothing, "id": key, **asked, **known}


def job_of(task: str, name: str, key: str, by: Any) -> Job:
    """The job by which ``by`` asked for the file ``key``. Raises Http404."""
    job = Job.objects.filter(task=task, by=by, **{f"arguments__{name}": str(key)}).first()
    if job is None:
        raise Http404
    return job


class StoredFileViewSet(OwnedViewSet):
    """Files that were made, and their download."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # A download comes as what it is, whatever the client would rather have.
        return super().perform_content_negotiation(request, force=force or self.action == "download")

    @extend_schema(
        summary="The file, as a download: its checksum is proved before a byte is sent",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            409: OpenApiResponse(RefusalSerializer, description="STORED_FILE_DAMAGED"),
        },
    )
    @action(detail=True)
    def download(self, request: Request, pk: str) -> FileResponse:
        row = self.get_object()
        return as_download(row, open_proved(row, by=request.user))  # type: ignore[arg-type]
