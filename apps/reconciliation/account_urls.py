"""Addresses of account reconciliations: below /api/ as the source has them, and below /api/v1/ like all others."""

from rest_framework.routers import SimpleRouter

from apps.reconciliation.api.accounts import AccountReconciliationViewSet

router = SimpleRouter()
router.register("", AccountReconciliationViewSet, basename="account-reconciliation")

urlpatterns = router.urls
