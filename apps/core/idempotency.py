"""Idempotency-Key: a write that is sent again gives the first answer again, byte for byte.

Who asks first commits the row of the key, so that everybody sees what was asked. Whoever holds that row's lock does
the work; the work and its kept answer are one transaction. A process that dies lets go of lock and work together, so
a key is free again at once and never has a second effect.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from apps.core.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from apps.core.laws import prove_deferred
from apps.core.models import IdempotentRequest, User

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=7)
# A process that hangs between two statements loses its transaction, and with it the key, after so many seconds.
MOST_SILENCE = 60


def answer_once(*, user: User, key: str, fingerprint: str, work: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of ``work``, done and kept in one transaction; the kept one when the key was answered before.

    An answer of 5xx and an exception are not kept: the same request may try again. Raises IdempotencyKeyReused when
    the key was another request's, and IdempotencyKeyInFlight while the first is running.
    """
    asked = IdempotentRequest.objects.filter(user=user, key=key)
    mine = IdempotentRequest(user=user, key=key, fingerprint=fingerprint)
    IdempotentRequest.objects.bulk_create([mine], ignore_conflicts=True)
    with transaction.atomic():
        # Only whoever will do the work may take the lock, so that a lock always means work under way.
        undone = asked.filter(fingerprint=fingerprint, status=None)
        if not undone.select_for_update(skip_locked=True):
            return _known(asked.first() or mine, fingerprint)
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{MOST_SILENCE}s'")
        answer = work()
        if answer.status_code < 500:
            kind = answer.get("Content-Type", "")
            asked.update(status=answer.status_code, content_type=kind, answer=answer.content)
    return answer


def forget() -> int:
    """Delete what is older than anybody's retries, and return how many there were."""
    return IdempotentRequest.objects.filter(asked_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _known(first: IdempotentRequest, fingerprint: str) -> HttpResponse:
    if first.fingerprint != fingerprint:
        raise IdempotencyKeyReused()
    if first.status is None:
        raise IdempotencyKeyInFlight()
    answer = HttpResponse(first.answer, status=first.status, content_type=first.content_type or None)
    if not first.content_type:
        del answer["Content-Type"]
    answer["Idempotent-Replay"] = "true"
    return answer


def _fingerprint(request: Request) -> str:
    """SHA-256 of method, address and body: a form by its parts, since each sending draws another boundary and files
    stay on disk; anything else by its bytes."""
    asked = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if "form" not in request.content_type.partition(";")[0]:
        asked.update(request._request.body)
        return asked.hexdigest()
    parts: Any = request.data
    for name, values in sorted(parts.lists()):
        asked.update(repr((name, [str(value) for value in values])).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            asked.update(repr((name, file.name, file.content_type, file.size)).encode())
            for chunk in file.chunks():
                asked.update(chunk)
            file.seek(0)
    return asked.hexdigest()


class Idempotent:
    """Makes every write of an API view accept an Idempotency-Key, after sign-in and permissions have passed."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER, "")
        if not key or request.method in SAFE_METHODS:
            return
        if len(key) > 200:
            raise ValidationError({HEADER: [_("At most 200 characters.")]})
        method = str(request.method).lower()
        handler = getattr(self, method, self.http_method_not_allowed)  # type: ignore[attr-defined]
        setattr(self, method, partial(self._once, key, handler))

    def _once(self, key: str, handler: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        work = partial(self._answered, handler, request, *args, **kwargs)
        user: Any = request.user
        return answer_once(user=user, key=key, fingerprint=_fingerprint(request), work=work)

    def _answered(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The rendered answer of ``handler``; what it wrote is undone when the answer is a refusal."""
        try:
            with transaction.atomic():
                answer = handler(request, *args, **kwargs)
                if answer.status_code >= 400:
                    transaction.set_rollback(True)
                else:
                    prove_deferred()  # here, where a law's no is still an answer
        except Exception as error:
            answer = self.handle_exception(error)  # type: ignore[attr-defined]
        if answer.streaming:
            raise TypeError("a write that takes an Idempotency-Key cannot stream its answer")
        answer = self.finalize_response(request, answer, *args, **kwargs)  # type: ignore[attr-defined]
        return answer.render() if hasattr(answer, "render") else answer
