"""Every address. Routes end with a slash; ``complete_path`` lets both spellings in."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.defaults import page_not_found, server_error
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.billing.admin.home import import_template
from apps.billing.admin.mappings import mapping_page
from apps.core import api as core_api
from apps.core import auth_api, pages, uploads_api
from apps.core.admin import own_data
from apps.core.admin_site import choices_while_typing
from apps.core.metrics import metrics
from apps.ledger.api import reports

api_v1: list[URLPattern | URLResolver] = [
    path("auth/register/", auth_api.register, name="register"),
    path("auth/resend-verification/", auth_api.resend_verification, name="resend_verification"),
    path("auth/verify-email/", auth_api.verify_email, name="verify_email"),
    path("auth/forgot-password/", auth_api.forgot_password, name="forgot_password"),
    path("auth/reset-password/", auth_api.reset_password, name="reset_password"),
    path("auth/token/", auth_api.token, name="token"),
    path("auth/token/refresh/", auth_api.refresh, name="refresh"),
    path("auth/me/", auth_api.me, name="me"),
    path("auth/me/export/", auth_api.me_export, name="me_export"),
    path("", include(uploads_api.router.urls)),
    path("billing/", include("apps.billing.urls")),
    path("accountant/", include(reports.router.urls)),
    path("accountant/", include("apps.issues.urls")),
    path("accountant/", include("apps.periods.urls")),
    path("ledger/", include("apps.ledger.urls")),
    path("reconciliation/", include("apps.reconciliation.urls")),
    path("reconciliations/", include("apps.reconciliation.account_urls")),
]

account: list[URLPattern | URLResolver] = [
    path("", pages.account_page, name="account"),
    path("register/", pages.register_page, name="register_page"),
    path("verify-email/", pages.verify_email_page, name="verify_email_page"),
    path("resend-verification/", pages.resend_verification_page, name="resend_verification_page"),
    path("forgot-password/", pages.forgot_password_page, name="forgot_password_page"),
    path("reset-password/", pages.reset_password_page, name="reset_password_page"),
    path("change-password/", pages.change_password_page, name="change_password_page"),
    path("second-factor/", pages.prove_second_factor, name="prove_second_factor"),
    path("second-factor/set-up/", pages.set_up_second_factor, name="set_up_second_factor"),
    path("recovery-codes/", pages.recovery_codes_page, name="recovery_codes_page"),
    path("invitation/", pages.invitation_page, name="invitation_page"),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health/", core_api.health_state, name="health"),
    path("metrics/", metrics, name="metrics"),
    path("api/v1/", include(api_v1)),
    path("api/reconciliations/", include("apps.reconciliation.account_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"),
        name="swagger",
    ),
    path("account/", include(account)),
    path("i18n/setlang/", pages.choose_language, name="set_language"),
    path("admin/import-template/", admin.site.admin_view(import_template), name="import_template"),
    path("admin/mapping/", admin.site.admin_view(mapping_page), name="mapping"),
    path("admin/login/", pages.sign_in_page),  # instead of the admin's own, under its name
    path("admin/password_change/", pages.change_password_page),
    path("admin/personal-data/", admin.site.admin_view(own_data), name="own_data"),
    path("admin/autocomplete/", admin.site.admin_view(choices_while_typing)),
    path("admin/", admin.site.urls),
]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    answer = core_api.not_found if request.path.startswith("/api/") else page_not_found
    return answer(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    answer = core_api.server_error if request.path.startswith("/api/") else server_error
    return answer(request)
