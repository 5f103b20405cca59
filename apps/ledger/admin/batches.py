"""What came into the books together, and the way in: a file, what importing it would make, and the word to do it."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core import display
from apps.core.errors import DomainError, tell, told_again
from apps.core.models import Administration, Job, Upload
from apps.core.permissions import Act, may, may_somewhere, roles_with
from apps.core.services.jobs import start_job
from apps.core.services.uploads import store_upload
from apps.ledger.admin.base import DayInput, LedgerAdmin, link
from apps.ledger.models import Batch

# Doors do not import each other: a task goes by its name.
PREVIEW, IMPORT = "apps.ledger.tasks.preview_books", "apps.ledger.tasks.import_books"


class ImportForm(forms.Form):
    """Whose books, and the file of them."""

    administration = forms.ModelChoiceField(
        Administration.objects.none(), label=_("Books"), widget=UnfoldAdminSelectWidget()
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("XAF 3.2 or 4.0, SAF-T Financial, or CSV: a chart of accounts, a trial balance, journal entries."),
    )
    day = forms.DateField(
        label=_("Date of a trial balance"),
        required=False,
        widget=DayInput(),
        help_text=_("Only for a trial balance that does not say its date."),
    )


@admin.register(Batch)
class BatchAdmin(LedgerAdmin):
    when_empty = _("A batch is made by an import of books.")
    list_display = ("title", "kind", "made", "created_by", "state", "entries_shown", "administration")
    list_filter = ("administration", "kind")
    list_select_related = ("administration", "created_by")
    search_fields = ("title",)
    fields = ("administration", "title", "kind", "made", "created_by", "state", "entries_shown")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_books), name="ledger_import"),
            path("import/<uuid:object_id>/", view(self.import_preview), name="ledger_import_preview"),
            *super().get_urls(),
        ]

    @admin.display(description=_("made"), ordering="created_at")
    def made(self, batch: Batch) -> str:
        return display.moment(batch.created_at, batch.administration.time_zone)

    @admin.display(description=_("state"))
    def state(self, batch: Batch) -> SafeString:
        return display.status("REVERSED", _("Reversed")) if batch.reversed_at else display.status("POSTED", _("Posted"))

    @admin.display(description=_("entries"))
    def entries_shown(self, batch: Batch) -> SafeString:
        return link(f"{reverse('admin:ledger_journalentry_changelist')}?batch__id__exact={batch.pk}", _("Entries"))

    def import_books(self, request: HttpRequest) -> HttpResponse:
        """Take a file in and have it read; its preview follows."""
        user: Any = request.user
        if not may_somewhere(user, Act.KEEP_ACCOUNTS):
            raise PermissionDenied
        books = Administration.objects.visible_to(user, roles=roles_with(Act.KEEP_ACCOUNTS))
        form = ImportForm(request.POST or None, request.FILES or None, initial={"administration": books.first()})
        form.fields["administration"].queryset = books  # type: ignore[attr-defined]
        if request.method == "POST" and form.is_valid():
            try:
                return self._take(request, form)
            except DomainError as refusal:
                tell(refusal)
                form.add_error("file", str(refusal))
        return self.page(request, "import_books", _("Import books"), form=form, opts=self.opts)

    @transaction.atomic
    def _take(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        given = form.cleaned_data
        upload = store_upload(
            given["file"],
            administration=given["administration"],
            purpose="books",
            name=given["file"].name,
            by=request.user,  # type: ignore[arg-type]
        )
        self._start(request, PREVIEW, gettext_noop("Read a file of books"), upload, given["day"])
        return HttpResponseRedirect(reverse("admin:ledger_import_preview", args=[upload.pk]))

    def import_preview(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """What importing the file would make. Sent back, it is done; where there is no preview, the file is read."""
        upload = self._upload(request, object_id)
        job = Job.objects.filter(task=PREVIEW, arguments__upload=str(upload.pk)).order_by("-id").first()
        preview = job.arguments.get("preview") if job else None
        if request.method == "POST":
            return self._go_on(request, upload, job, imports=bool(preview and not preview["refused"]))
        return self.page(
            request,
            "import_preview",
            upload.file_name,
            administration=upload.administration,
            currency=upload.administration.currency,
            reading=job is not None and job.finished_at is None,
            preview=_shown(preview),
            refusals=[told_again(refusal) for refusal in job.refusals] if job else [],
            opts=self.opts,
        )

    @transaction.atomic
    def _go_on(self, request: HttpRequest, upload: Upload, job: Job | None, *, imports: bool) -> HttpResponse:
        day = job.arguments.get("day") if job else None
        if imports:
            started = self._start(request, IMPORT, gettext_noop("Import books"), upload, day)
            return HttpResponseRedirect(reverse("admin:core_job_change", args=[started.pk]))
        self._start(request, PREVIEW, gettext_noop("Read a file of books"), upload, day)
        return HttpResponseRedirect(request.get_full_path())

    def _start(self, request: HttpRequest, task: str, title: str, upload: Upload, day: Any) -> Job:
        arguments = {"upload": str(upload.pk), "day": day and str(day)}
        return start_job(task, title=title, by=request.user, arguments=arguments, total=1)  # type: ignore[arg-type]

    def _upload(self, request: HttpRequest, object_id: UUID) -> Upload:
        """Raises Http404 for a file that is missing, foreign or of no books, PermissionDenied for a wrong role."""
        user: Any = request.user
        uploads = Upload.objects.visible_to(user).filter(purpose="books").select_related("administration")
        upload: Upload | None = uploads.filter(pk=object_id).first()
        if upload is None:
            raise Http404
        if not may(user, Act.KEEP_ACCOUNTS, upload.administration_id):
            raise PermissionDenied
        return upload


def _shown(preview: dict[str, Any] | None) -> dict[str, Any] | None:
    """A preview as a job keeps it, with its amounts and dates."""
    if preview is None:
        return None
    amounts = ("debit", "credit", "stated_debit", "stated_credit", "opening")
    days = ("first_day", "last_day")
    return {
        **preview,
        **{name: preview[name] and Decimal(preview[name]) for name in amounts},
        **{name: preview[name] and display.day(date.fromisoformat(preview[name])) for name in days},
    }
