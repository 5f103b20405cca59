"""The admin's site."""

from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Put together only where a page shows it. Every page is given it, and the sidebar is our own: asking each
        model for its permissions and sorting their translated names would take a quarter of the time of every page."""
        whole = super().get_app_list
        return SimpleLazyObject(lambda: whole(request, app_label))


class Admin(AdminConfig):
    default_site = "apps.core.site.Site"
