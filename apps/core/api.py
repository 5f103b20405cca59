"""The API's house style: one shape for refusals, scoped viewsets, amounts as strings; health."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, ValidationError
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import IntegrityError, models
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.utils import Direction, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, permissions, serializers, status, viewsets
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.filters import OrderingFilter
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import health
from apps.core.errors import AdministrationRequired, BodyTooLarge, DomainError, refusal_for, tell
from apps.core.idempotency import HEADER, Idempotent
from apps.core.models import Administration
from apps.core.money import quantize
from apps.core.permissions import MAY, Act, may, may_somewhere, roles_of, roles_with
from apps.core.rate_limits import LIMITS
from apps.core.tables.download import TYPES

# Refusals ------------------------------------------------------------------------------------------------------------

_CODES: list[tuple[type[Exception], str]] = [
    (exceptions.NotAuthenticated, "NOT_AUTHENTICATED"),
    (exceptions.AuthenticationFailed, "INVALID_TOKEN"),
    (exceptions.PermissionDenied, "NOT_ALLOWED"),
    (exceptions.NotFound, "NOT_FOUND"),
    (exceptions.MethodNotAllowed, "METHOD_NOT_ALLOWED"),
    (exceptions.NotAcceptable, "NOT_ACCEPTABLE"),
    (exceptions.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"),
]


def refuse(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render any refusal in the one shape; what is none of ours goes on to Django, is logged whole and answers 500."""
    if isinstance(error, IntegrityError):
        error = refusal_for(error) or error
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    if isinstance(error, DomainError):
        tell(error)
        return _answer(error.status, error.detail(), error.headers())
    if isinstance(error, Http404 | ObjectDoesNotExist):
        error = exceptions.NotFound()
    if isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError | exceptions.ParseError):
        # A body that cannot be taken is 422, a parameter 400.
        reading = context["request"].method in permissions.SAFE_METHODS
        code, answered = ("INVALID_PARAMETER", 400) if reading else ("VALIDATION_ERROR", 422)
        fields = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return _answer(answered, {"code": code, "message": _("Some fields need mending."), "fields": fields})
    if not isinstance(error, exceptions.APIException):
        return None
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "ERROR")
    nobody = isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed)
    answer = _answer(401 if nobody else error.status_code, {"code": code, "message": str(error.detail)})
    wait = getattr(error, "wait", None)
    if wait is not None:
        answer["Retry-After"] = str(int(wait) + 1)
    if nobody:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


def _answer(status_code: int, detail: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response({"detail": detail}, status=status_code, headers=headers)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """An address that is not there, under /api/."""
    return JsonResponse({"detail": {"code": "NOT_FOUND", "message": _("Not found.")}}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    """A bug, under /api/: logged whole by Django, said without its insides."""
    return JsonResponse({"detail": {"code": "INTERNAL_ERROR", "message": _("This is our mistake.")}}, status=500)


class DetailSerializer(serializers.Serializer[Any]):
    """What every refusal carries."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(required=False)


class RefusalSerializer(serializers.Serializer[Any]):
    """The one shape of every refusal."""

    detail = DetailSerializer()


class BearerScheme(SimpleJWTScheme):
    target_class = "apps.core.sign_in.Bearer"


class AutoSchema(SpectacularSchema):
    """Adds the refusals that every operation may answer, so that clients know their shape, and the header of writes."""

    def get_override_parameters(self) -> list[Any]:
        if self.method in permissions.SAFE_METHODS or not isinstance(self.view, Idempotent):
            return []
        words = "The same key and body give the first answer again."
        return [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=words)]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        refusals = [401, 403, 404]
        limit = LIMITS.get(getattr(self.view, "limit", None) or "")
        if limit:
            refusals += [429, 503] if limit.when_broken == "refuse" else [429]
        refusals += [400] if self.method == "GET" else [400, 409, 422]
        for code in map(str, refusals):
            bodies.setdefault(code, self._get_response_for_code(RefusalSerializer, code, ["application/json"]))
        return dict(sorted(bodies.items()))


# Shapes --------------------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class AmountField(serializers.DecimalField):
    """An amount as a string with exactly the digits of its currency, which the row's administration names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=19, decimal_places=4, **options)

    def get_attribute(self, instance: Any) -> Any:
        amount = super().get_attribute(instance)
        return None if amount is None else quantize(Decimal(amount), instance.administration.currency)

    def to_representation(self, value: Any) -> str:
        return str(value)


# Files ---------------------------------------------------------------------------------------------------------------


def renderer(ending: str) -> type[BaseRenderer]:
    """Lets Accept and ``format`` choose ``ending``; the file itself is written by ``download``."""
    return type(f"{ending.title()}Renderer", (BaseRenderer,), {"format": ending, "media_type": TYPES[ending]})


class JsonOrFile(DefaultContentNegotiation):
    """An unknown ``format`` is a bad parameter, not a page that is missing."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        try:
            return super().filter_renderers(renderers, format)
        except Http404:
            known = ", ".join(renderer.format for renderer in renderers)
            raise exceptions.ValidationError({"format": [_("One of %s.") % known]}) from None


class AnswersFiles:
    """A viewset, some of whose actions list ``renderer`` of an ending: ``?format=`` chooses it."""

    content_negotiation_class: Any = JsonOrFile

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response):  # a refusal is told as JSON, whatever was asked for
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]


# Viewsets ------------------------------------------------------------------------------------------------------------


class MayAct(permissions.BasePermission):
    """Holds the viewset's ``acts`` against the caller's role: in the administration of the row, or in any of theirs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        # About one row the row decides, so that a foreign one answers 404 whatever the caller's role.
        return bool(view.detail) or may_somewhere(request.user, view.act())

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        user: Any = request.user
        return may(user, view.act(), obj.administration_id)


class Ordering(OrderingFilter):
    """``?ordering=-date``; a field that the list does not offer is refused, not ignored."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Any) -> list[str]:
        offered = {name for name, _label in self.get_valid_fields(queryset, view, {"request": request})}
        unknown = [field for field in fields if field.lstrip("-") not in offered]
        if unknown:
            raise exceptions.ValidationError({"ordering": [_("One of %s.") % ", ".join(sorted(offered))]})
        return list(fields)


class ScopedViewSet(Idempotent, viewsets.GenericViewSet[Any]):
    """Rows of the caller's administrations only: a foreign row and a missing one answer the same 404."""

    permission_classes = (permissions.IsAuthenticated, MayAct)
    filter_backends = (DjangoFilterBackend, Ordering)
    acts: dict[str, Act]  # action -> what it takes; "*" stands for the others
    limit: str | None = None  # the rate limit of every action, or of one: @action(..., limit="bulk_post")

    def act(self) -> Act:
        return self.acts.get(self.action or "*", self.acts["*"])

    def get_queryset(self) -> models.QuerySet[Any]:
        rows: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        # One row: any membership finds it, so that a wrong role is told 403. Many: only where the role may look.
        roles = None if self.detail else roles_with(self.act())
        return rows.visible_to(self.request.user, roles=roles)

    def administration(self, named: Any = None) -> Administration:
        """The administration that a request without a row is about: the one named, or the caller's only one.

        Raises AdministrationRequired when there are several, Http404 for one that is not the caller's, and
        PermissionDenied where the caller's role does not allow the action.
        """
        user: Any = self.request.user
        if named is None:
            allowed = [pk for pk, role in roles_of(user).items() if self.act() in MAY[role]]
            if len(allowed) > 1:
                raise AdministrationRequired()
            named = allowed[0] if allowed else None
        try:
            administration = Administration.objects.visible_to(user).get(pk=named)
        except (Administration.DoesNotExist, ValidationError):
            raise Http404 from None
        if not may(user, self.act(), administration.pk):
            raise exceptions.PermissionDenied()
        return administration


class CursorPages(CursorPagination):
    """A list as pages that stay put while rows are added: ``results`` with ``next`` and ``previous``."""

    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1000
    ordering: str | tuple[str, ...] = "-id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except ValidationError as error:  # a forged cursor whose place is no value of the field
            raise exceptions.NotFound(self.invalid_cursor_message) from error


# Health --------------------------------------------------------------------------------------------------------------


class ComponentSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(health.STATUSES)
    message = serializers.CharField()


class ComponentsSerializer(serializers.Serializer[Any]):
    database = ComponentSerializer()
    redis = ComponentSerializer()
    migrations = ComponentSerializer()
    background_tasks = ComponentSerializer()


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(health.STATUSES)
    timestamp = serializers.DateTimeField()
    components = ComponentsSerializer()


@extend_schema(
    summary="Is it working?",
    tags=["operation"],
    responses={200: HealthSerializer, 503: HealthSerializer},
    auth=[],
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([permissions.AllowAny])
def health_state(request: Request) -> Response:
    """The state of every part. 200 while the site can serve, even if something that it hands on lies still."""
    parts = health.components()
    found = health.overall(parts)
    return Response(
        HealthSerializer({"status": found, "timestamp": timezone.now(), "components": parts}).data,
        status=status.HTTP_503_SERVICE_UNAVAILABLE if found == health.UNHEALTHY else status.HTTP_200_OK,
    )
