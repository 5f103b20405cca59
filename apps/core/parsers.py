"""How the API reads a body: never more into memory than DATA_UPLOAD_MAX_MEMORY_SIZE."""

from typing import Any

from django.conf import settings
from rest_framework import parsers

from apps.core.errors import BodyTooLarge


class Bounded:
    """A body that is read into memory is refused by its announced length; one without a length is not read at all."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH") or 0
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge()
        return super().parse(stream, media_type, parser_context)  # type: ignore[misc]


class JsonBody(Bounded, parsers.JSONParser):
    pass


class FormBody(Bounded, parsers.FormParser):
    pass
