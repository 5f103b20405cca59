"""Every address answers with and without its trailing slash; a refusal in a page becomes a page."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.errors import DomainError, refusal_for

Answer = Callable[[HttpRequest], HttpResponse]


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
        page = render_to_string("refusal.html", {"refusal": refusal.detail()}, request)
        return HttpResponse(page, status=refusal.status, headers=refusal.headers())
