"""After repeated failures an account is locked for the address that they came from (django-axes)."""

from math import ceil

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone

from apps.core.errors import SignInLocked
from apps.core.models import User
from apps.core.rate_limits import client_address


def address(request: HttpRequest) -> str | None:
    """Where a failure comes from, as the column of django-axes takes it: of a /64 network its first address."""
    return client_address(request).partition("/")[0] or None


def check(request: HttpRequest, email: str) -> None:
    """Raises SignInLocked while ``email`` is locked for the request's address, whether or not anybody has it."""
    if AxesProxyHandler.is_allowed(request, {"username": email}):
        return
    failures = AccessAttempt.objects.filter(username=email, ip_address=address(request))
    last = failures.aggregate(at=Max("attempt_time"))["at"] or timezone.now()
    seconds = max(1, ceil((last + settings.AXES_COOLOFF_TIME - timezone.now()).total_seconds()))
    raise SignInLocked(retry_after=seconds, minutes=ceil(seconds / 60))


def forgive(request: HttpRequest, user: User) -> None:
    """Whoever has passed every step begins anew where they are."""
    AccessAttempt.objects.filter(username=user.email, ip_address=address(request)).delete()


def lift(user: User) -> None:
    """Forget the failures of ``user`` from every address."""
    AccessAttempt.objects.filter(username=user.email).delete()


def forget() -> int:
    """Delete failures that no longer count, and return how many rows there were."""
    return AccessAttempt.objects.filter(attempt_time__lt=timezone.now() - settings.AXES_COOLOFF_TIME).delete()[0]
