"""Make the mapping of an import on screen, see at once what it makes of a clinic's files, and import them."""

from typing import Any
from uuid import uuid4

from csp.decorators import csp_replace
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from apps.billing.admin.base import link
from apps.billing.importing.mapping import SHIPPED
from apps.billing.importing.trying import BYTES, LINES, try_mapping
from apps.billing.services.importing import keep_files
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may, may_somewhere, roles_of
from apps.core.rate_limits import limited
from apps.core.services.jobs import start_job

MOST_FILES, LONGEST_MAPPING = 30, 100_000
TASK = "apps.billing.tasks.import_clinic"  # doors do not import each other: a task goes by its name


class ImportForm(forms.Form):
    """Into whose books; the files and the mapping stand in the page."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False, initial=lambda: str(uuid4()))
    administration = forms.ModelChoiceField(Administration.objects.none(), label=gettext_lazy("Into"), empty_label=None)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        books: Any = self.fields["administration"]
        books.queryset = _into(user)


def _into(user: Any) -> Any:
    """The administrations into which ``user`` may import: theirs to set up, and theirs to send files to."""
    acts = (Act.MANAGE_SETTINGS, Act.UPLOAD_FILES)
    mine = Administration.objects.visible_to(user)
    return mine.filter(pk__in=[pk for pk in roles_of(user) if all(may(user, act, pk) for act in acts)])


@csp_replace(settings.ADMIN_CONTENT_SECURITY_POLICY)  # in the admin's frame, but at an address outside of it
@limited("try_mapping", methods=("POST",))
def mapping_page(request: HttpRequest) -> HttpResponse:
    """A mapping beside what it makes of the files; POST answers that part alone, for the page to show while one types.

    For those who set up a clinic: its owner, its administrators, the operator. Of a try nothing is kept; who may also
    send files imports them here.
    """
    user: Any = request.user
    if not (user.is_superuser or may_somewhere(user, Act.MANAGE_SETTINGS)):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, (SHIPPED / "template.toml").read_text(encoding="utf-8"), ImportForm(user=user))
    text, files = request.POST.get("mapping", "").replace("\r\n", "\n"), request.FILES.getlist("files")
    if request.POST.get("do") == "import":
        return _import(request, text, files)
    shown: dict[str, Any] = {"lines": LINES}
    if problem := _problem(text, files):
        shown["problem"] = problem
    else:
        shown["trial"] = try_mapping(text, files, Administration.objects.visible_to(user))
    return TemplateResponse(request, "admin/billing/mapping_trial.html", shown)


def _problem(text: str, files: list[Any]) -> str:
    if len(files) > MOST_FILES or len(text) > LONGEST_MAPPING:
        return _("Up to 30 files, and a mapping of up to 100,000 characters.")
    return "" if files else _("Choose the files of the clinic: what the mapping makes of them is shown here.")


def _import(request: HttpRequest, text: str, files: list[Any]) -> HttpResponse:
    """Keep the files and hand the work over. Raises PermissionDenied where no books are the person's to fill."""
    user: Any = request.user
    if not _into(user):
        raise PermissionDenied
    form = ImportForm(request.POST, user=user)
    if problem := _problem(text, files):
        form.add_error(None, problem)
    if form.is_valid():
        administration = form.cleaned_data["administration"]
        try:
            address, _new = once(request, lambda: _begun(administration, text, files, user))
        except DomainError as refusal:
            form.add_error(None, said(refusal, administration.currency))
        else:
            return HttpResponseRedirect(address)
    return _page(request, text, form)


def _begun(administration: Administration, text: str, files: list[Any], user: Any) -> str:
    kept = keep_files(files, mapping=text, administration=administration, by=user)
    arguments = {
        "administration": str(administration.pk),
        "mapping": str(kept.mapping.pk),
        "files": [str(file.pk) for file in kept.files],
    }
    job = start_job(TASK, title=gettext_noop("Import a clinic"), by=user, arguments=arguments, total=1)
    return link("core_job_change", job.pk)


def _page(request: HttpRequest, mapping: str, form: ImportForm) -> HttpResponse:
    page = {
        **admin.site.each_context(request),
        "title": _("Import a clinic"),
        "mapping": mapping,
        "form": form,
        "into": list(_into(request.user)),
        "lines": LINES,
        "bytes": BYTES,
    }
    return TemplateResponse(request, "admin/billing/mapping.html", page)
