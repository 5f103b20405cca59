"""Lists of files that were made, with their download."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Job
from apps.core.permissions import Act, may
from apps.ledger.admin.base import LedgerAdmin, link
from apps.periods.downloading import as_download
from apps.periods.services.storing import open_proved


class AskForm(forms.Form):
    """A form whose ``key`` makes a second sending answer what the first one did."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = lambda: str(uuid4())


class FileAdmin(LedgerAdmin):
    """Files of one kind: read here, made by services alone."""

    asked_at = ""  # the last part of the address of the page on which one is asked for
    view_name = ""  # of the model, as addresses name it
    ordering = ("-created_at",)
    list_select_related: Any = ("administration", "created_by")
    search_fields = ("sha256",)
    search_help_text = _("SHA-256 of the file")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(f"{self.asked_at}/", view(self.ask), name=f"periods_{self.view_name}_ask"),
            path("<uuid:object_id>/download/", view(self.download), name=f"periods_{self.view_name}_download"),
            *super().get_urls(),
        ]

    @admin.display(description=_("made"), ordering="created_at")
    def made(self, row: Any) -> str:
        return display.moment(row.created_at, row.administration.time_zone)

    @admin.display(description=_("size"), ordering="file_size")
    def size(self, row: Any) -> str:
        return f"{number_format(-(-row.file_size // 1024), use_l10n=True, force_grouping=True)} kB"

    @admin.display(description=_("file"))
    def file(self, row: Any) -> SafeString:
        return link(reverse(f"admin:periods_{self.view_name}_download", args=[row.pk]), _("Download"))

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file; the page of its job follows."""
        raise NotImplementedError

    def asked(self, request: HttpRequest, form: Any, currency: str, write: Any) -> HttpResponse | None:
        """Start the job once, however often the form is sent; None when the form is shown again with what refused."""

        def start() -> str:
            job: Job = write()
            return reverse("admin:core_job_change", args=[job.pk])

        try:
            address, _new = once(request, start)
        except DomainError as refusal:
            form.add_error(None, said(refusal, currency))
            return None
        return HttpResponseRedirect(address)

    def shown(self, request: HttpRequest, **context: Any) -> TemplateResponse:
        return TemplateResponse(
            request, "admin/periods/ask.html", {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )

    def download(self, request: HttpRequest, object_id: UUID) -> HttpResponseBase:
        """Raises Http404 for a file that is missing or foreign, PermissionDenied for a wrong role."""
        user: Any = request.user
        row = self.model._default_manager.visible_to(user).filter(pk=object_id).first()
        if row is None:
            raise Http404
        if not may(user, Act.READ_LEDGER, row.administration_id):
            raise PermissionDenied
        try:
            return as_download(row, open_proved(row, by=user))
        except DomainError as refusal:
            self.message_user(request, said(refusal, "EUR"), messages.ERROR)
            return HttpResponseRedirect(reverse(f"admin:periods_{self.view_name}_changelist"))
