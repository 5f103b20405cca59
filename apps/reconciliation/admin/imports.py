"""Files of banks: what came of each, and the way in with what would come of it, before it is imported."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.core import display
from apps.core.errors import DomainError, told_again
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may, may_somewhere, roles_with
from apps.core.rate_limits import limited
from apps.core.services.uploads import store_upload
from apps.core.uploads.checks import inspect
from apps.reconciliation.admin.base import BankAdmin, adds_up, follows, link
from apps.reconciliation.formats.mapping import shipped
from apps.reconciliation.models import BankAccount, CsvMapping, Statement, StatementImport
from apps.reconciliation.services import importing
from apps.reconciliation.services.previewing import preview, warnings_of
from apps.reconciliation.services.statement_files import FORMATS

PREVIEWED = 10_000  # lines of a long file
MOST_STATEMENTS = 50  # that a page shows


class ImportForm(forms.Form):
    """Which account, the file, and how it is read: recognised unless chosen."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    bank_account = forms.ModelChoiceField(BankAccount.objects.none(), label=_("Bank account"))
    file = forms.FileField(
        label=_("File"), help_text=_("CAMT.053, 052, 054, MT940, OFX or CSV, as the bank exports it.")
    )
    format = forms.ChoiceField(label=_("Format"), required=False)
    mapping = forms.ChoiceField(label=_("CSV mapping"), required=False, help_text=_("How the columns of CSV are read."))

    def __init__(self, *args: Any, accounts: QuerySet[BankAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["bank_account"].queryset = accounts  # type: ignore[attr-defined]
        recognised = ("", _("Recognised"))
        self.fields["format"].choices = [recognised, *((one.name, one.words) for one in FORMATS.values())]  # type: ignore[attr-defined]
        own = CsvMapping.objects.filter(administration__in=accounts.values("administration"))
        names = dict.fromkeys([*own.values_list("name", flat=True), *(one.name for one in shipped())])
        self.fields["mapping"].choices = [recognised, *((name, name) for name in names)]  # type: ignore[attr-defined]


class WithdrawForm(AdministrationForm):
    because = forms.CharField(label=_("Why"), max_length=300)


class EndedFilter(admin.SimpleListFilter):
    """What came of imports."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("refused", _("Refused")), ("ambiguous", _("With lines to check")), ("withdrawn", _("Withdrawn"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        wanted: dict[str, dict[str, Any]] = {
            "refused": {"refusal__isnull": False},
            "ambiguous": {"lines_ambiguous__gt": 0},
            "withdrawn": {"withdrawn_at__isnull": False},
        }
        return rows.filter(**wanted.get(self.value() or "", {}))


@admin.register(StatementImport)
class StatementImportAdmin(BankAdmin):
    when_empty = _("Import a file of the bank to begin.")
    list_display = ("file_shown", "bank_account", "made", "created_by", "state", "counts", "administration")
    list_display_links = ("file_shown",)
    list_filter = ("administration", "bank_account", EndedFilter)
    list_select_related = ("administration", "bank_account", "upload", "created_by", "job")
    search_fields = ("upload__file_name",)
    ordering = ("-created_at", "-id")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_view), name="reconciliation_import"),
            path("preview/", view(self.preview_view), name="reconciliation_import_preview"),
            path("<path:object_id>/withdraw/", view(self.withdraw), name="reconciliation_statementimport_withdraw"),
            *super().get_urls(),
        ]

    # The list --------------------------------------------------------------------------------------------------------

    @admin.display(description=_("file"), ordering="upload__file_name")
    def file_shown(self, one: StatementImport) -> str:
        return one.upload.file_name

    @admin.display(description=_("imported"), ordering="created_at")
    def made(self, one: StatementImport) -> str:
        return display.moment(one.created_at, one.administration.time_zone)

    @admin.display(description=_("state"))
    def state(self, one: StatementImport) -> SafeString:
        return state_of(one)

    @admin.display(description=_("lines"))
    def counts(self, one: StatementImport) -> str:
        return counted(one) if one.lines_new is not None else display.NOTHING

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = []
        if may_somewhere(request.user, Act.MATCH_BANK):
            acts = [(reverse("admin:reconciliation_import"), _("Import a file"))]
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    # One import ------------------------------------------------------------------------------------------------------

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """What came of a file: its statements, what is suspect in them, or why it was refused."""
        one = self.find(request, object_id, Act.READ_LEDGER)
        statements = Statement.objects.filter(statement_import=one).select_related("bank_account").in_order()
        shown = list(statements[:MOST_STATEMENTS])
        address = reverse("admin:reconciliation_statement_changelist")
        return self.page(
            request,
            "import",
            one.upload.file_name,
            original=one,
            one=one,
            state=state_of(one),
            counts=counted(one) if one.lines_new is not None else "",
            refusal=told_again(one.refusal) if one.refusal else None,
            statements=[(row, follows(row.is_valid), adds_up(row.is_complete)) for row in shown],
            all_statements=link(f"{address}?statement_import__id__exact={one.pk}", _("All statements of this file")),
            warnings=[warning for row in shown for warning in warnings_of(row)],
            currency=one.bank_account.currency,
            may_withdraw=one.lines_new is not None
            and one.withdrawn_at is None
            and may(request.user, Act.MATCH_BANK, one.administration_id),  # type: ignore[arg-type]
        )

    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        one = self.find(request, object_id, Act.MATCH_BANK)
        back = reverse("admin:reconciliation_statementimport_change", args=[one.pk])

        def write(form: WithdrawForm) -> str:
            importing.withdraw_import(one, because=form.cleaned_data["because"], by=request.user)  # type: ignore[arg-type]
            return back

        words = _("Take out what %(file)s brought: %(count)s lines and their statements. The file itself stays.")
        added = (one.lines_new or 0) + (one.lines_ambiguous or 0)
        return self.confirmed(
            request,
            WithdrawForm(request.POST or None, administration=one.administration),
            write,
            done=_("The import is withdrawn."),
            title=_("Withdraw an import"),
            sentence=words % {"file": one.upload.file_name, "count": added},
            button=_("Withdraw"),
            danger=True,
            back=back,
        )

    # The way in ------------------------------------------------------------------------------------------------------

    def _form(self, request: HttpRequest) -> ImportForm:
        """Raises PermissionDenied where the person imports nowhere."""
        user: Any = request.user
        if not may_somewhere(user, Act.MATCH_BANK):
            raise PermissionDenied
        books = Administration.objects.visible_to(user, roles=roles_with(Act.MATCH_BANK))
        accounts = BankAccount.objects.filter(administration__in=books, is_active=True)
        initial = {"bank_account": request.GET.get("bank_account") or accounts.first()}
        posted = request.method == "POST"
        given = (request.POST, request.FILES) if posted else (None, None)
        return ImportForm(*given, accounts=accounts.select_related("administration"), initial=initial)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file in; what it would add is shown beside it as soon as it is chosen."""
        form = self._form(request)
        if request.method == "POST" and form.is_valid():
            try:
                address, _new = once(request, lambda: self._import(request, form))
            except DomainError as refusal:
                form.add_error("file", said(refusal, form.cleaned_data["bank_account"].currency))
            else:
                return HttpResponseRedirect(address)
        preview_address = reverse("admin:reconciliation_import_preview")
        new_mapping = reverse("admin:reconciliation_csvmapping_add")
        return self.page(
            request,
            "import_file",
            _("Import a bank statement"),
            form=form,
            preview_address=preview_address,
            new_mapping=new_mapping,
        )

    @transaction.atomic
    def _import(self, request: HttpRequest, form: ImportForm) -> str:
        given, by = form.cleaned_data, request.user
        account = given["bank_account"]
        facts = {"administration": account.administration, "purpose": "statement", "name": given["file"].name}
        upload = store_upload(given["file"], **facts, by=by)  # type: ignore[arg-type]
        asked: dict[str, Any] = {"format": given["format"], "mapping": given["mapping"], "by": by}
        if upload.file_size > importing.LARGE:
            job = importing.start_import(upload, account, **asked).job
            return reverse("admin:core_job_change", args=[job and job.pk])
        done = importing.import_statements(importing.begin_import(upload, account, **asked), by=by)  # type: ignore[arg-type]
        self.message_user(request, counted(done.statement_import), messages.SUCCESS)
        return reverse("admin:reconciliation_statementimport_change", args=[done.statement_import.pk])

    @method_decorator(limited("try_mapping", methods=("POST",)))
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What the file in the form would add; nothing that is sent is kept."""
        form = self._form(request)
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        if not form.is_valid():
            return self.page(request, "import_preview", "", shown=None)
        given = form.cleaned_data
        account = given["bank_account"]
        try:
            inspect(given["file"], name=given["file"].name, purpose="statement")
            shown = preview(
                given["file"],
                account,
                by=request.user,  # type: ignore[arg-type]
                format=given["format"],
                mapping=given["mapping"],
                most=PREVIEWED,
            )
        except DomainError as refusal:
            return self.page(request, "import_preview", "", shown=None, refusal=said(refusal, account.currency))
        states = {
            "NEW": display.status("DONE", _("New")),
            "KNOWN": display.status("CANCELLED", _("Known")),
            "AMBIGUOUS": display.status("REVIEW", _("Ambiguous")),
        }
        statements = shown.statements[:MOST_STATEMENTS]
        return self.page(
            request,
            "import_preview",
            "",
            shown=shown,
            sentence=_counted(shown.lines_new, shown.lines_known, shown.lines_ambiguous),
            statements=[(one, follows(one.is_valid), adds_up(one.is_complete)) for one in statements],
            more=len(shown.statements) - len(statements),
            lines=[(one.line, states[one.state]) for one in shown.lines],
            format=FORMATS[shown.format].words,
            previewed=PREVIEWED,
        )


def state_of(one: StatementImport) -> SafeString:
    if one.withdrawn_at:
        return display.status("REVERSED", _("Withdrawn"))
    if one.refusal:
        return display.status("REFUSED", _("Refused"))
    if one.ended_at:
        return display.status("DONE", _("Imported"))
    return display.status("RUNNING", _("Running"))


def counted(one: StatementImport) -> str:
    return _counted(one.lines_new or 0, one.lines_known or 0, one.lines_ambiguous or 0)


def _counted(new: int, known: int, ambiguous: int) -> str:
    """``12 new, 30 known, 1 ambiguous``."""
    parts = [
        ngettext("%(count)s new", "%(count)s new", new) % {"count": new},
        ngettext("%(count)s known", "%(count)s known", known) % {"count": known},
        ngettext("%(count)s ambiguous", "%(count)s ambiguous", ambiguous) % {"count": ambiguous},
    ]
    return ", ".join(parts)
