"""Prometheus metrics: requests as they end, and what waits, counted when somebody asks.

Each process of gunicorn counts in files of its own (``gunicorn.conf.py`` names the folder); an answer adds them up.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.core import health

Gauge = Callable[[], GaugeMetricFamily]

COUNTED = CollectorRegistry()
REQUESTS = Histogram(
    "daybook_request_duration_seconds",
    "Requests by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=COUNTED,
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def count_request(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that ended; a method that nobody knows is ``other``, so that callers cannot add series."""
    REQUESTS.labels(route, method if method in METHODS else "other", str(status)).observe(seconds)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus scrapes; for whoever may not ask it is not there."""
    if not _may_scrape(request):
        raise Http404
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(COUNTED)
    registry.register(_Gauges())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    """Whoever has the token; without one configured, whoever asks on this machine and not through a proxy."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    proxied = any(name == "Forwarded" or name.startswith("X-Forwarded-") for name in request.headers)
    return request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and not proxied


class _Gauges(Collector):
    """The gauges that ``settings.GAUGES`` names, read from the database at each scrape."""

    def collect(self) -> Iterator[Any]:
        yield _healthy()
        try:
            yield from [gauge() for module in settings.GAUGES for gauge in import_string(f"{module}.ALL")]
        except DatabaseError:
            pass  # daybook_healthy says so


def _healthy() -> GaugeMetricFamily:
    told = GaugeMetricFamily("daybook_healthy", "1 when the part is healthy, as /health says.", labels=["component"])
    for name, component in health.components().items():
        told.add_metric([name], component.status == health.HEALTHY)
    return told
