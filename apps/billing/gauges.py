"""What waits in the clinics, for Prometheus."""

from prometheus_client.core import GaugeMetricFamily

from apps.billing.models import EndOfDayReconciliation, PaystackEvent


def day_closes() -> GaugeMetricFamily:
    """Day closes that wait for a signature, over all administrations."""
    waiting = EndOfDayReconciliation.objects.filter(status=EndOfDayReconciliation.Status.DRAFT).count()
    return GaugeMetricFamily("daybook_day_closes_waiting", "Day closes that wait for a signature.", value=waiting)


def provider_messages() -> GaugeMetricFamily:
    """Messages of the payment provider that it was not asked about yet, over all administrations."""
    waiting = PaystackEvent.objects.filter(handled_at=None).count()
    words = "Messages of the payment provider that it was not asked about yet."
    return GaugeMetricFamily("daybook_provider_messages_waiting", words, value=waiting)


ALL = [day_closes, provider_messages]
