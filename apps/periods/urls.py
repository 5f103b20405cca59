"""Addresses of periods, VAT and evidence, under those of the accountant."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from apps.periods.api import vat
from apps.periods.api.exports import ExportViewSet
from apps.periods.api.packs import EvidencePackViewSet, PeriodPackViewSet
from apps.periods.api.periods import PeriodViewSet

router = SimpleRouter()
router.register("clients/(?P<client_id>[^/.]+)/periods", PeriodViewSet, basename="period")
router.register("exports", ExportViewSet, basename="books-export")
router.register("evidence-packs", EvidencePackViewSet, basename="evidence-pack")

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "clients/<uuid:client_id>/periods/<uuid:period_id>/evidence-pack/",
        PeriodPackViewSet.as_view({"post": "create"}, detail=True),
        name="evidence-pack-of-period",
    ),
    *router.urls,
    *vat.router.urls,
]
