"""Addresses of billing below /api/v1/billing/."""

from rest_framework.routers import SimpleRouter

from apps.billing.api import DayCloseViewSet

router = SimpleRouter()
router.register("reconciliation", DayCloseViewSet, basename="reconciliation")

urlpatterns = router.urls
