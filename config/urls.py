"""Every address. Routes end with a slash; ``complete_path`` lets both spellings in."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.defaults import page_not_found, server_error
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from apps.billing.admin.home import import_template
from apps.core import api as core_api
from apps.core import uploads_api

api_v1: list[URLPattern | URLResolver] = [
    path("auth/token/", core_api.token, name="token"),
    path("auth/me/", core_api.me, name="me"),
    path("", include(uploads_api.router.urls)),
    path("billing/", include("apps.billing.urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health/", core_api.health_state, name="health"),
    path("api/v1/", include(api_v1)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="swagger"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/import-template/", admin.site.admin_view(import_template), name="import_template"),
    path("admin/", admin.site.urls),
]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer = core_api.not_found if request.path.startswith("/api/") else page_not_found
    return answer(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    answer = core_api.server_error if request.path.startswith("/api/") else server_error
    return answer(request)
