"""What waits in the clinics, for Prometheus."""

from prometheus_client.core import GaugeMetricFamily

from apps.billing.models import EndOfDayReconciliation


def day_closes() -> GaugeMetricFamily:
    """Day closes that wait for a signature, over all administrations."""
    waiting = EndOfDayReconciliation.objects.filter(status=EndOfDayReconciliation.Status.DRAFT).count()
    return GaugeMetricFamily("daybook_day_closes_waiting", "Day closes that wait for a signature.", value=waiting)


ALL = [day_closes]
