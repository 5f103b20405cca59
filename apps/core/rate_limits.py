"""Rate limits: one registry of who may call what how often, counted exactly in the broker.

The window slides: a call passes when fewer than ``calls`` passed in the ``seconds`` before it. The broker decides, by
its own clock and in one step, whatever number of web processes ask. What is refused is not counted, so that asking
again and again does not prolong the wait. Keys are hashed with the site's secret: no address, no e-mail is stored.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any, Literal, TypeVar
from uuid import UUID

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.core.errors import RateLimitExceeded, RateLimitsUnavailable

logger = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Limit:
    """At most ``calls`` in any ``seconds`` seconds, for each one that ``per`` tells apart.

    ``when_broken`` is what happens while the broker does not answer.
    """

    name: str
    calls: int
    seconds: int
    per: Literal["address", "account", "user_and_administration"] = "user_and_administration"
    when_broken: Literal["refuse", "admit"] = "refuse"


# The figures are the contract's (document 004). A call that reads the books, or computes again what it could compute
# at any time, is admitted while nobody counts. Sign-in and its letters are refused: uncounted, passwords could be
# guessed. So is what cannot be taken back (an entry, a sealed period, a reminder) or is heavy work for a worker that
# a broken broker would not reach either.
LIMITS = {
    limit.name: limit
    for limit in (
        Limit("register", 5, 60, per="address"),
        Limit("resend_verification", 5, 60, per="address"),
        Limit("verify_email", 20, 60, per="address"),
        Limit("token", 10, 60, per="address"),
        Limit("forgot_password", 5, 60, per="address"),
        Limit("reset_password", 5, 60, per="address"),
        # OWASP ASVS 4.0 2.2.1 (5.0: 6.3.1): many addresses together guess no faster than this.
        Limit("sign_in_account", 100, 60 * 60, per="account"),
        # Whoever registers may write to anybody through us: not to many.
        Limit("invitation", 20, 60 * 60),
        Limit("recalculate", 5, 60, when_broken="admit"),
        Limit("vat_return", 10, 60, when_broken="admit"),
        Limit("document_reprocess", 20, 60),
        Limit("period_finalize", 3, 300),
        Limit("bulk_post", 5, 60),
        Limit("try_mapping", 60, 60, when_broken="admit"),  # asked for while somebody types
        Limit("reminders_send", 10, 60),
        Limit("reminders_schedule", 10, 60),
        Limit("evidence_pack", 5, 60),
    )
}

# The moments of the last calls that passed, the newest first, in microseconds. Answers 0 when this one passes, else
# the whole seconds after which it will.
SLIDING_WINDOW = """
local time = redis.call('TIME')
local now, calls, window = time[1] * 1000000 + time[2], tonumber(ARGV[1]), ARGV[2] * 1000000
local earliest = redis.call('LINDEX', KEYS[1], calls - 1)
if earliest and now < earliest + window then
    return math.ceil((earliest + window - now) / 1000000)
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, calls - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
"""

ANSWERS_WITHIN = 1  # seconds that a broker has: a hanging one must not hang the site
TRY_AGAIN = 10  # seconds, when nobody can count


def hold(name: str, *, key: str) -> None:
    """Count a call of ``key`` against the limit ``name``.

    Raises RateLimitExceeded with the seconds to wait, or RateLimitsUnavailable when the broker does not answer and
    the limit refuses then.
    """
    limit = LIMITS[name]
    counted = salted_hmac("apps.core.rate_limits", key, algorithm="sha256").hexdigest()
    broker = _broker(settings.CELERY_BROKER_URL)
    try:
        wait: Any = broker.eval(SLIDING_WINDOW, 1, f"rate:{name}:{counted}", limit.calls, limit.seconds)
    except redis.RedisError as error:
        logger.error("the limit %s cannot be counted, so it will %s: %s", name, limit.when_broken, error)
        if limit.when_broken == "refuse":
            raise RateLimitsUnavailable(retry_after=TRY_AGAIN) from error
        return
    if wait:
        logger.warning("system.rate_limit_exceeded", extra={"limit": name, "retry_after": wait})
        raise RateLimitExceeded(retry_after=wait)


@cache
def _broker(url: str) -> redis.Redis:
    """One pool for all threads; redis-py gives a forked process connections of its own."""
    return redis.Redis.from_url(url, socket_timeout=ANSWERS_WITHIN, socket_connect_timeout=ANSWERS_WITHIN)


# Requests ------------------------------------------------------------------------------------------------------------


def hold_request(name: str, request: HttpRequest | Request, named: Mapping[str, Any]) -> None:
    """Count ``request`` by its address, or by its user and the administration that the address names (``named``)."""
    if LIMITS[name].per == "address":
        hold(name, key=client_address(request))
    else:
        hold(name, key=f"{request.user.pk} {_administration(named)}")


def client_address(request: HttpRequest | Request) -> str:
    """Who is calling: an IPv4 address, or the /64 network that one subscriber has in IPv6.

    X-Forwarded-For is read only as far as our own proxies wrote it: each adds one address on the right, and
    ``TRUSTED_PROXIES`` says how many they are. Whatever a caller wrote stands further left.
    """
    written = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = settings.TRUSTED_PROXIES
    forwarded = written[-proxies].strip() if 0 < proxies <= len(written) else ""
    return _network(forwarded) or _network(request.META.get("REMOTE_ADDR", ""))


def _network(written: str) -> str:
    try:
        address = ip_address(written)
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


def _administration(named: Mapping[str, Any]) -> UUID | None:
    """None counts the user over all administrations, so that no spelling of an id makes a count of its own."""
    try:
        return UUID(str(named.get("client_id") or named.get("administration_id")))
    except ValueError:
        return None


def limited(name: str, *, methods: Collection[str] = ()) -> Callable[[View], View]:
    """Hold the limit ``name`` before a view of Django (only for ``methods``, when given) or a function of the API.

    It stands above ``api_view``, so that the API's handler and schema know of it.
    """

    def limit(view: Any) -> Any:
        if hasattr(view, "cls"):
            view.cls.limit = name
            return view

        @wraps(view)
        def held(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not methods or request.method in methods:
                hold_request(name, request, kwargs)
            return view(request, *args, **kwargs)

        return held

    return limit


class Throttle(BaseThrottle):
    """The API's hook: holds the limit that a view names, for one action with ``@action(..., limit="bulk_post")``."""

    def allow_request(self, request: Request, view: Any) -> bool:
        name = getattr(view, "limit", None)
        if name:
            hold_request(name, request, view.kwargs)
        return True
