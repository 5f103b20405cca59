"""Addresses of bank reconciliation; account reconciliations have theirs in ``account_urls``."""

from rest_framework.routers import SimpleRouter

from apps.reconciliation.api.bank_accounts import BankAccountViewSet, MappingViewSet
from apps.reconciliation.api.candidates import LineCandidatesViewSet
from apps.reconciliation.api.clearings import LineMatchingViewSet
from apps.reconciliation.api.imports import FileViewSet, ImportViewSet
from apps.reconciliation.api.models import ModelViewSet
from apps.reconciliation.api.payouts import LinePayoutsViewSet
from apps.reconciliation.api.running import MatchingRunViewSet
from apps.reconciliation.api.statements import LineViewSet, StatementViewSet

router = SimpleRouter()
router.register("statements", FileViewSet, basename="statement-file")
router.register("statements", StatementViewSet, basename="statement")
router.register("lines", LineViewSet, basename="statement-line")
router.register("lines", LineCandidatesViewSet, basename="line-candidates")
router.register("lines", LineMatchingViewSet, basename="line-matching")
router.register("lines", LinePayoutsViewSet, basename="line-payouts")
router.register("models", ModelViewSet, basename="reconciliation-model")
router.register("imports", ImportViewSet, basename="statement-import")
router.register("bank-accounts", BankAccountViewSet, basename="bank-account")
router.register("auto-reconcile", MatchingRunViewSet, basename="auto-reconcile")
router.register("mappings", MappingViewSet, basename="csv-mapping")

urlpatterns = router.urls
