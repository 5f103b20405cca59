"""Make the mapping of an import on screen, and see at once what it makes of a clinic's files."""

from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.billing.importing.mapping import SHIPPED
from apps.billing.importing.trying import LINES, try_mapping
from apps.core.models import Administration
from apps.core.permissions import Act, may_somewhere
from apps.core.rate_limits import limited

MOST_FILES, LONGEST_MAPPING = 30, 100_000


@csp_replace(settings.ADMIN_CONTENT_SECURITY_POLICY)  # in the admin's frame, but at an address outside of it
@limited("try_mapping", methods=("POST",))
def mapping_page(request: HttpRequest) -> HttpResponse:
    """A mapping beside what it makes of the files; POST answers that part alone, for the page to show while one types.

    Nothing that is sent is kept. For those who set up a clinic: its owner, its administrators, the operator.
    """
    user: Any = request.user
    if not (user.is_superuser or may_somewhere(user, Act.MANAGE_SETTINGS)):
        raise PermissionDenied
    if request.method == "POST":
        text, files = request.POST.get("mapping", "").replace("\r\n", "\n"), request.FILES.getlist("files")
        shown: dict[str, Any] = {"lines": LINES}
        if len(files) > MOST_FILES or len(text) > LONGEST_MAPPING:
            shown["problem"] = _("Up to 30 files, and a mapping of up to 100,000 characters.")
        elif not files:
            shown["problem"] = _("Choose the files of the clinic: what the mapping makes of them is shown here.")
        else:
            shown["trial"] = try_mapping(text, files, Administration.objects.visible_to(user))
        return TemplateResponse(request, "admin/billing/mapping_trial.html", shown)
    template = (SHIPPED / "template.toml").read_text(encoding="utf-8")
    page = {**admin.site.each_context(request), "title": _("Mapping of an import"), "mapping": template, "lines": LINES}
    return TemplateResponse(request, "admin/billing/mapping.html", page)
