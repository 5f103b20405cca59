"""The route of a request: the pattern that its address matched, such as ``/admin/core/job/<object_id>/``."""

import re
from functools import cache

from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest

STATIC, UNMATCHED = "static", "unmatched"


def route_of(request: HttpRequest) -> str:
    """For logs and metrics: an address itself may hold an id, an e-mail address or a token."""
    if request.resolver_match is not None:
        return _readable(request.resolver_match.route)
    return STATIC if request.path.startswith(settings.STATIC_URL) else UNMATCHED


@cache
def _readable(route: str) -> str:
    return re.sub(r"<\w+:", "<", simplify_regex(route))  # <path:object_id> is <object_id>
