"""What waits in core, for Prometheus."""

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from apps.core.models import Delivery, Job

WAITING = Q(delivered_at=None, gave_up_at=None)


def deliveries() -> GaugeMetricFamily:
    """Events on their way to a handler, and those that nobody tries again by themselves."""
    told = GaugeMetricFamily("daybook_deliveries", "Deliveries of events.", labels=["state"])
    told.add_metric(["waiting"], Delivery.objects.filter(WAITING).count())
    told.add_metric(["gave_up"], Delivery.objects.filter(gave_up_at__isnull=False).count())
    return told


def oldest_delivery() -> GaugeMetricFamily:
    """Seconds since the oldest event that still waits; 0 when none does."""
    since = Delivery.objects.filter(WAITING).aggregate(since=Min("event__at"))["since"]
    age = (timezone.now() - since).total_seconds() if since else 0
    return GaugeMetricFamily("daybook_oldest_delivery_seconds", "Age of the oldest waiting event.", value=age)


def jobs() -> GaugeMetricFamily:
    """Jobs by state."""
    told = GaugeMetricFamily("daybook_jobs", "Jobs by state.", labels=["state"])
    counts = dict(Job.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Job.State.values:
        told.add_metric([state.lower()], counts.get(state, 0))
    return told


ALL = [deliveries, oldest_delivery, jobs]
