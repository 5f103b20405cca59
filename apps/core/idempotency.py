"""Idempotency-Key: a write that is sent again gives the first answer again, byte for byte.

The unique key of ``IdempotentRequest`` decides who is first, not a look beforehand. The reservation is committed
before the work begins. An answer of 5xx, or none, releases it; one whose process died is taken over after a minute.
"""

import hashlib
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from apps.core.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from apps.core.models import IdempotentRequest, User

HEADER = "Idempotency-Key"
LOST_AFTER = timedelta(seconds=60)
KEPT_FOR = timedelta(days=7)


class Replay(Exception):
    """The request was answered before."""

    def __init__(self, first: IdempotentRequest) -> None:
        self.first = first
        super().__init__(first.key)


def reserve(*, user: User, key: str, fingerprint: str) -> IdempotentRequest:
    """The reservation of ``key``, ours from now on.

    Raises Replay when it was answered, IdempotencyKeyReused when it was another request, and
    IdempotencyKeyInFlight while the first is running.
    """
    asked = IdempotentRequest(user=user, key=key, fingerprint=fingerprint)
    while True:
        IdempotentRequest.objects.bulk_create([asked], ignore_conflicts=True)
        first = IdempotentRequest.objects.filter(user=user, key=key).first()
        if first is not None:
            break  # else it was released between the two statements
    if first.pk == asked.pk:
        return first
    if first.fingerprint != fingerprint:
        raise IdempotencyKeyReused()
    if first.status is not None:
        raise Replay(first)
    now = timezone.now()
    if first.asked_at < now - LOST_AFTER and _still(first).update(asked_at=now):
        first.asked_at = now
        return first
    raise IdempotencyKeyInFlight()


def keep(reservation: IdempotentRequest, *, status: int, answer: bytes) -> None:
    """Keep the answer, unless the reservation was taken over meanwhile."""
    _still(reservation).update(status=status, answer=answer)


def release(reservation: IdempotentRequest) -> None:
    """Let the key be used again: the request had no answer that it could keep."""
    _still(reservation).delete()


def forget() -> int:
    """Delete what is older than anybody's retries, and return how many there were."""
    return IdempotentRequest.objects.filter(asked_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _still(reservation: IdempotentRequest) -> Any:
    return IdempotentRequest.objects.filter(pk=reservation.pk, asked_at=reservation.asked_at, status=None)


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        _add_parts(digest, request)
    else:
        digest.update(request._request.body)
    return digest.hexdigest()


def _add_parts(digest: Any, request: Request) -> None:
    """A form with files is the same by its parts: the boundary is another each time, and files stay on the disk."""
    for name, values in sorted(request.POST.lists()):
        digest.update(repr((name, values)).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            content = hashlib.sha256()
            for chunk in file.chunks():
                content.update(chunk)
            file.seek(0)
            digest.update(repr((name, file.name, content.hexdigest())).encode())


class Idempotent:
    """Makes every write of an API view accept an Idempotency-Key, after sign-in and permissions have passed."""

    reservation: IdempotentRequest | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except BaseException:
            if self.reservation:
                release(self.reservation)
            raise

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER, "")
        if not key or request.method in SAFE_METHODS:
            return
        if len(key) > 200:
            raise ValidationError({HEADER: [_("At most 200 characters.")]})
        self.reservation = reserve(user=request.user, key=key, fingerprint=_fingerprint(request))  # type: ignore[arg-type]

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, Replay):
            body = error.first.answer or b""
            headers = {"Idempotent-Replay": "true"}
            return HttpResponse(body, status=error.first.status, content_type="application/json", headers=headers)
        return super().handle_exception(error)  # type: ignore[misc]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if self.reservation is None:
            return response
        if hasattr(response, "render"):
            response.render()  # here, so that an answer that cannot be written releases the key
        if response.status_code >= 500 or response.streaming:
            release(self.reservation)
        else:
            keep(self.reservation, status=response.status_code, answer=response.content)
        return response
