"""What every request passes: its line in the log, its headers, its slash; a refusal in a page becomes a page."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.utils import timezone
from django.utils.functional import LazyObject
from django.utils.translation import gettext as _

from apps.core import logs
from apps.core.errors import DomainError, refusal_for, tell
from apps.core.metrics import count_request
from apps.core.routes import STATIC, route_of

Answer = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)

PLAUSIBLE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
TOLD_AS = {429: (logging.WARNING, "system.rate_limit_exceeded")}
NO_DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


def observe(get_response: Answer) -> Answer:
    """Give each request an id, which its tasks carry on, and leave one line and one measurement when it ends."""

    def answer(request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        asked = request.headers.get("X-Request-ID", "")
        known = asked if PLAUSIBLE_ID.fullmatch(asked) else str(uuid.uuid4())
        logs.request_id.set(known)
        try:
            response = get_response(request)
            response.headers["X-Request-ID"] = known
            _tell(request, response, time.monotonic() - began)
        finally:
            logs.request_id.set("")
        return response

    return answer


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    route, status = route_of(request), response.status_code
    level, event = TOLD_AS.get(status, (logging.DEBUG if route == STATIC else logging.INFO, ""))
    facts = {"method": request.method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 1)}
    extra = {**facts, "user_id": _known_user(request), "event": event}
    logger.log(level, "%s %s %s in %s ms", *facts.values(), extra=extra)
    count_request(route=route, method=request.method or "", status=status, seconds=seconds)


def _known_user(request: HttpRequest) -> Any:
    """Who asked, as far as the request had to find out: it is not asked for the log's sake."""
    user = vars(request).get("user")  # of a token; of a session it is lazy, and cached beside
    if isinstance(user, LazyObject):
        user = getattr(request, "_cached_user", None)
    return getattr(user, "pk", None)


def protect(get_response: Answer) -> Answer:
    """Headers that Django's own SecurityMiddleware lacks; an answer of the API is kept by nobody unless it says so."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", NO_DEVICES)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


class ContentSecurityPolicy(CSPMiddleware):
    """Our own origin only; for pages of the admin the wider policy that their theme needs (docs/security.md)."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if "admin" in getattr(request.resolver_match, "namespaces", ()):
            parts.replace = {**settings.ADMIN_CONTENT_SECURITY_POLICY, **(parts.replace or {})}
        return parts


def complete_path(get_response: Answer) -> Answer:
    """Add the slash that routes end with before they are resolved: no redirect, so that no body is lost."""

    def answer(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.endswith("/") and not is_valid_path(path) and is_valid_path(f"{path}/"):
            request.path_info = f"{path}/"
            request.path = f"{request.path}/"
        return get_response(request)

    return answer


def session_limits(get_response: Answer) -> Answer:
    """End a session after SESSION_IDLE without a request, and SESSION_COOKIE_AGE after the sign-in in any case
    (OWASP ASVS 7.3). A request that a page sends by itself, with ``X-Background``, is nobody's activity.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now, session = timezone.now().timestamp(), request.session
            began, seen = session.setdefault("began", now), session.setdefault("seen", now)
            if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE.total_seconds():
                logout(request)
                messages.info(request, _("You were signed out after a while without work. Please sign in again."))
            elif now - seen > 60 and "X-Background" not in request.headers:
                session["seen"] = now
        return get_response(request)

    return answer


class RefusalMiddleware:
    """A rule that said no inside a page: said in words with the way out. The API has its own handler."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = error if isinstance(error, DomainError) else None
        if isinstance(error, IntegrityError):
            refusal = refusal_for(error)
        if refusal is None:
            return None
        tell(refusal)
        page = render_to_string("refusal.html", {"refusal": refusal.detail()}, request)
        return HttpResponse(page, status=refusal.status, headers=refusal.headers())
