"""Addresses of issues, under those of the accountant."""

from apps.issues.api.issues import router

urlpatterns = router.urls
