"""Every address answers with and without its trailing slash; a refusal in a page becomes a page."""

from collections.abc import Callable

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import is_valid_path

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
