"""How a bank's CSV is read: the mapping beside what it makes of a file, at once, while one chooses its columns."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.forms import said
from apps.core.models import Administration
from apps.core.permissions import Act, roles_with
from apps.core.rate_limits import limited
from apps.core.uploads.checks import inspect
from apps.reconciliation.admin.base import BankAdmin
from apps.reconciliation.formats.mapping import FIELDS, CsvReading, shipped
from apps.reconciliation.models import CsvMapping
from apps.reconciliation.services.bank_accounts import delete_mapping, save_mapping
from apps.reconciliation.services.trying import try_mapping

DELIMITERS = [("", _("Recognised")), (";", ";"), (",", ","), ("\t", _("Tab")), ("|", "|")]
ENCODINGS = [("", _("Recognised")), ("utf-8", "UTF-8"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16")]
DATES = [
    ("%Y-%m-%d", "2026-12-31"),
    ("%d-%m-%Y", "31-12-2026"),
    ("%d/%m/%Y", "31/12/2026"),
    ("%d.%m.%Y", "31.12.2026"),
    ("%m/%d/%Y", "12/31/2026"),
    ("%Y%m%d", "20261231"),
    ("%d-%m-%y", "31-12-26"),
    ("%d.%m.%y", "31.12.26"),
    ("%d %b %Y", "31 Dec 2026"),
]
BY_HAND = ("name", "bank", "date_format", "decimal_mark", "sign", "debit_words", "has_headings")
APART = ("delimiter", "encoding", "skip_rows", "skip_footer")


class MappingForm(forms.ModelForm[CsvMapping]):
    """A mapping, with a field for what each column may be: a heading or a position; several are joined with ``+``."""

    delimiter = forms.ChoiceField(choices=DELIMITERS, required=False, label=_("Separator"))
    encoding = forms.ChoiceField(choices=ENCODINGS, required=False, label=_("Encoding"))
    decimal_mark = forms.ChoiceField(choices=[(",", "1.234,56"), (".", "1,234.56")], label=_("Amounts are written"))

    class Meta:
        model = CsvMapping
        fields = ("administration", *BY_HAND, *APART)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {value for value, _words in DATES}
        own = self.instance.date_format
        dates = DATES if own in known else [*DATES, (own, own)]
        self.fields["date_format"] = forms.ChoiceField(choices=dates, label=_("Dates are written"))
        columns = self.instance.columns or {}
        for name, words in FIELDS.items():
            self.fields[f"column_{name}"] = forms.CharField(
                label=words,
                required=False,
                max_length=500,
                initial=_written(columns.get(name, "")),
                widget=forms.TextInput(attrs={"list": "headings", "autocomplete": "off"}),
            )

    def clean_delimiter(self) -> str:
        return self.data.get(self.add_prefix("delimiter"), "")[:1]  # Django strips a tab

    def columns(self) -> dict[str, Any]:
        """What was chosen, as the mapping keeps it."""
        return {
            name: _column(text)
            for name in FIELDS
            if (text := (self.data.get(self.add_prefix(f"column_{name}")) or "").strip())
        }

    def reading(self) -> CsvReading:
        """What stands in the form, also before it can be saved."""
        plain = CsvReading.of(self.instance)
        given = {name: self.cleaned_data[name] for name in (*BY_HAND, *APART) if name in self.cleaned_data}
        return replace(plain, **given, columns=self.columns())

    def _post_clean(self) -> None:
        self.instance.validate_constraints = lambda **_options: None  # type: ignore[method-assign]
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            del self.instance.validate_constraints

    def parts(self) -> list[tuple[Any, list[Any]]]:
        """The fields as the page groups them."""
        needed = ("date", "amount", "debit", "credit", "indicator", "label", "counterparty_name", "counterparty_iban")
        return [
            (_("How it is written"), [self[name] for name in (*BY_HAND, *APART)]),
            (_("Columns"), [self[f"column_{name}"] for name in needed]),
            (_("Further columns"), [self[f"column_{name}"] for name in FIELDS if name not in needed]),
        ]


def _written(column: Any) -> str:
    parts = column if isinstance(column, list) else [column]
    return " + ".join(str(part) for part in parts)


def _column(text: str) -> Any:
    parts: list[Any] = [part.strip() for part in text.split(" + ")]
    found = [int(part) if part.isascii() and part.isdigit() and len(part) < 4 else part for part in parts if part]
    return found[0] if len(found) == 1 else found


@admin.register(CsvMapping)
class CsvMappingAdmin(BankAdmin):
    add_act = change_act = delete_act = Act.MATCH_BANK

    list_display = ("name", "bank", "sign", "administration")
    list_filter = ("administration",)
    list_select_related = ("administration",)
    search_fields = ("name", "bank")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("try/", view(self.try_view), name="reconciliation_csvmapping_try"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """An empty mapping, or one that begins as a shipped one."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says no
        books = self._books(request)
        first = next((one for one in shipped() if one.name == request.GET.get("like")), None)
        mapping = CsvMapping(administration=books[0] if books else None)
        if first is not None:
            for name in (*BY_HAND, *APART, "columns"):
                setattr(mapping, name, getattr(first, name) or getattr(mapping, name))
            mapping.name = ""
        return self._edit(request, mapping, _("New CSV mapping"), books)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        mapping = self.find(request, object_id, Act.READ_LEDGER)
        if not self.has_change_permission(request, mapping):
            return super().change_view(request, object_id, form_url, extra_context)
        return self._edit(request, mapping, mapping.name, [mapping.administration])

    def _books(self, request: HttpRequest) -> list[Administration]:
        return list(Administration.objects.visible_to(request.user, roles=roles_with(Act.MATCH_BANK)))  # type: ignore[arg-type]

    def _form(self, request: HttpRequest, mapping: CsvMapping, books: list[Administration]) -> MappingForm:
        form = MappingForm(request.POST if request.method == "POST" else None, instance=mapping)
        field: Any = form.fields["administration"]
        field.queryset = Administration.objects.filter(pk__in=[one.pk for one in books])
        if len(books) < 2:
            field.widget = forms.HiddenInput()
        return form

    def _edit(self, request: HttpRequest, mapping: CsvMapping, title: Any, books: list[Administration]) -> HttpResponse:
        form = self._form(request, mapping, books)
        if request.method == "POST" and form.is_valid():
            mapping.columns = form.columns()
            try:
                save_mapping(mapping, by=request.user)  # type: ignore[arg-type]
            except DomainError as refusal:
                form.add_error("name" if refusal.code == "CSV_MAPPING_KNOWN" else None, said(refusal, "EUR"))
            else:
                self.message_user(request, _("The mapping is kept."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:reconciliation_csvmapping_changelist"))
        likes = [one.name for one in shipped()] if mapping._state.adding else []
        delete = "" if mapping._state.adding else reverse("admin:reconciliation_csvmapping_delete", args=[mapping.pk])
        try_address = reverse("admin:reconciliation_csvmapping_try")
        return self.page(
            request, "mapping", title, form=form, likes=likes, delete_address=delete, try_address=try_address
        )

    @method_decorator(limited("try_mapping", methods=("POST",)))
    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What the mapping in the form makes of the file beside it; nothing that is sent is kept."""
        if not self.has_add_permission(request):
            return super().add_view(request)  # says no
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        books = self._books(request)
        form = self._form(request, CsvMapping(), books)
        form.is_valid()
        currency = (form.cleaned_data.get("administration") or books[0]).currency
        sent: Any = request.FILES.get("file")
        if sent is None:
            return self.page(request, "mapping_trial", "", trial=None)
        try:
            inspect(sent, name=sent.name, purpose="statement")
        except DomainError as refusal:
            return self.page(request, "mapping_trial", "", trial=None, refusal=said(refusal, currency))
        trial = try_mapping(sent, form.reading())
        return self.page(request, "mapping_trial", "", trial=trial, currency=currency)

    def delete_model(self, request: HttpRequest, obj: CsvMapping) -> None:
        delete_mapping(obj, by=request.user)  # type: ignore[arg-type]
