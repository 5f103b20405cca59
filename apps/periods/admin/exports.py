"""Exports of books: the list, and the page on which one is asked for."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core import display
from apps.core.models import Administration
from apps.ledger.admin.base import DayInput, books_meant, today
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.periods.admin.files import AskForm, FileAdmin
from apps.periods.exports import formats_of
from apps.periods.models import BooksExport
from apps.periods.services.exporting import ask_for_export


class ExportForm(AskForm):
    """Whose books, which days, in which format."""

    administration = forms.ModelChoiceField(
        Administration.objects.none(), label=_("Books"), widget=UnfoldAdminSelectWidget()
    )
    format = forms.ChoiceField(label=_("Format"), widget=UnfoldAdminSelectWidget())
    first_day = forms.DateField(label=_("First day"), widget=DayInput())
    last_day = forms.DateField(
        label=_("Last day"), widget=DayInput(), help_text=_("A fiscal year, or days within one.")
    )


@admin.register(BooksExport)
class BooksExportAdmin(FileAdmin):
    asked_at, view_name = "export", "booksexport"
    when_empty = _("An export is asked for on the page “Export books”.")
    list_display = ("file_name", "format", "days", "made", "created_by", "size", "download_count", "file",
                    "administration")  # fmt: skip
    list_filter = ("administration", "format")
    fields = ("administration", "format", "days", "known", "made", "created_by", "entries", "lines", "size", "sha256",
              "download_count", "file")  # fmt: skip

    @admin.display(description=_("days"), ordering="first_day")
    def days(self, row: BooksExport) -> str:
        return f"{display.short_day(row.first_day)} {display.NOTHING} {display.short_day(row.last_day)}"

    @admin.display(description=_("as known at"), ordering="known_at")
    def known(self, row: BooksExport) -> str:
        return display.moment(row.known_at, row.administration.time_zone)

    def ask(self, request: HttpRequest) -> HttpResponse:
        books, readable = books_meant(request)
        year = fiscal_year(books, today(books))
        days = {"first_day": year.first_day, "last_day": year.last_day}
        form = ExportForm(request.POST or None, initial={"administration": books, **days})
        offered: Any = form.fields["administration"]
        offered.queryset = Administration.objects.filter(pk__in=[one.pk for one in readable])
        formats: Any = form.fields["format"]
        formats.choices = [
            (code, one.name) for country in sorted({one.country for one in readable})
            for code, one in formats_of(country).items()
        ]  # fmt: skip
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data

            def write() -> Any:
                return ask_for_export(
                    given["administration"],
                    given["format"],
                    given["first_day"],
                    given["last_day"],
                    by=request.user,  # type: ignore[arg-type]
                )

            if answer := self.asked(request, form, books.currency, write):
                return answer
        return self.shown(
            request,
            title=_("Export books"),
            form=form,
            button=_("Export"),
            explanation=_("The file that a tax administration asks for. It is made in the background."),
        )
