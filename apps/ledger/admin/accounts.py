"""The chart of accounts, VAT codes, journals and periods; trial balance and account ledger."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core import display
from apps.core.permissions import Act
from apps.ledger.admin.base import (
    DayInput,
    LedgerAdmin,
    account_or_404,
    books_meant,
    day_before,
    ledger_address,
    link,
    today,
    trial_balance_address,
)
from apps.ledger.models import Account, Journal, JournalLine, Period, VatCode
from apps.ledger.reports.account_ledger import account_ledger
from apps.ledger.reports.trial_balance import TrialBalanceRow, trial_balance

LINES_PER_PAGE = 200


class TrialBalanceForm(forms.Form):
    """Which books, up to which day, and from when movements are told apart."""

    administration = forms.ChoiceField(label=_("Books"), required=False, widget=UnfoldAdminSelectWidget())
    since = forms.DateField(label=_("From"), required=False, widget=DayInput())
    as_of = forms.DateField(label=_("Up to and including"), widget=DayInput())

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        _first_before_last(self, "since", "as_of")
        return asked


class AccountLedgerForm(forms.Form):
    """From which day to which."""

    since = forms.DateField(label=_("From"), required=False, widget=DayInput())
    until = forms.DateField(label=_("Up to and including"), widget=DayInput())

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        _first_before_last(self, "since", "until")
        return asked


def _first_before_last(form: forms.Form, first: str, last: str) -> None:
    since, until = form.cleaned_data.get(first), form.cleaned_data.get(last)
    if since and until and since > until:
        form.add_error(first, _("This is after the last day."))


@admin.register(Account)
class AccountAdmin(LedgerAdmin):
    add_act = change_act = Act.KEEP_ACCOUNTS

    list_display = ("code", "name", "type", "control", "ledger", "administration")
    list_display_links = ("code", "name")
    list_filter = ("administration", "type", "control")
    list_select_related = ("administration",)
    search_fields = ("code", "name")
    ordering = ("administration", "code")
    fields = ("administration", "code", "name", "type", "control", "purpose")

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return ("code", "type", "control", "purpose") if obj else ("purpose",)

    def get_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return self.fields if obj else self.fields[:-1]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("trial-balance/", view(self.trial_balance), name="ledger_trial_balance"),
            path("<uuid:account_id>/ledger/", view(self.account_ledger), name="ledger_account_ledger"),
            *super().get_urls(),
        ]

    @admin.display(description=_("lines"))
    def ledger(self, account: Account) -> SafeString:
        return link(ledger_address(account, None, today(account.administration)), _("Account ledger"))

    def trial_balance(self, request: HttpRequest) -> HttpResponse:
        """What stands on every account; each figure leads to its lines."""
        administration, readable = books_meant(request)
        asked = {"as_of": today(administration).isoformat(), **request.GET.dict(), "administration": administration.pk}
        form = TrialBalanceForm(asked)
        form.fields["administration"].choices = [(books.pk, books) for books in readable]  # type: ignore[attr-defined]
        if len(readable) == 1:
            form.fields["administration"].widget = forms.HiddenInput()
        context: dict[str, Any] = {"form": form, "administration": administration, "currency": administration.currency}
        if form.is_valid():
            since, as_of = form.cleaned_data["since"], form.cleaned_data["as_of"]
            report = trial_balance(administration, as_of, since)
            context |= {
                "report": report,
                "rows": [(row, _ledger_links(row, since, as_of)) for row in report.rows],
                "has_accounts": bool(report.rows) or Account.objects.filter(administration=administration).exists(),
            }
        return self.page(request, "trial_balance", _("Trial balance"), **context)

    def account_ledger(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """The lines of one account with a running balance; each leads to its entry."""
        account = account_or_404(request, account_id)
        asked = {"until": today(account.administration).isoformat(), **request.GET.dict()}
        form = AccountLedgerForm(asked)
        administration = account.administration
        context: dict[str, Any] = {
            "form": form,
            "account": account,
            "administration": administration,
            "currency": administration.currency,
            "reversed": _("Reversed"),
            "opts": self.opts,
            "original": account,
        }
        if form.is_valid():
            since, until = form.cleaned_data["since"], form.cleaned_data["until"]
            try:
                report = account_ledger(
                    account, since, until, limit=LINES_PER_PAGE, after=_uuid(request.GET.get("after"))
                )
            except JournalLine.DoesNotExist:
                raise Http404 from None
            context |= {
                "report": report,
                "trail": trial_balance_address(account.administration, since, until),
                "start": ledger_address(account, since, until) if request.GET.get("after") else "",
                "next": ledger_address(account, since, until, after=report.next) if report.next else "",
            }
        return self.page(request, "account_ledger", str(account), **context)


def _ledger_links(row: TrialBalanceRow, since: date | None, as_of: date) -> dict[str, str]:
    return {
        "opening": ledger_address(row.account, None, day_before(since)) if since else "",
        "moved": ledger_address(row.account, since, as_of),
        "all": ledger_address(row.account, None, as_of),
    }


def _uuid(text: str | None) -> UUID | None:
    """Raises Http404 for what is not one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


@admin.register(VatCode)
class VatCodeAdmin(LedgerAdmin):
    list_display = ("code", "name", "rate", "account", "administration")
    list_filter = ("administration",)
    list_select_related = ("account", "administration")
    fields = ("administration", "code", "name", "rate", "account")


@admin.register(Journal)
class JournalAdmin(LedgerAdmin):
    list_display = ("code", "name", "entries_shown", "administration")
    list_filter = ("administration",)
    list_select_related = ("administration",)
    fields = ("administration", "code", "name")

    @admin.display(description=_("entries"))
    def entries_shown(self, journal: Journal) -> SafeString:
        entries = reverse("admin:ledger_journalentry_changelist")
        return link(f"{entries}?journal__id__exact={journal.pk}", _("Entries"))


@admin.register(Period)
class PeriodAdmin(LedgerAdmin):
    list_display = ("name", "type", "first", "last", "state", "entries_shown", "administration")
    list_filter = ("administration", "type", "status")
    list_select_related = ("administration",)
    ordering = ("-last_day", "type")
    fields = ("administration", "name", "type", "first", "last", "state")

    @admin.display(description=_("first day"), ordering="first_day")
    def first(self, period: Period) -> str:
        return display.day(period.first_day)

    @admin.display(description=_("last day"), ordering="last_day")
    def last(self, period: Period) -> str:
        return display.day(period.last_day)

    @admin.display(description=_("status"), ordering="status")
    def state(self, period: Period) -> SafeString:
        return display.status(period.status, period.get_status_display())

    @admin.display(description=_("entries"))
    def entries_shown(self, period: Period) -> SafeString:
        span = f"date_from={period.first_day}&date_to={period.last_day}"
        books = f"administration__id__exact={period.administration_id}"
        return link(f"{reverse('admin:ledger_journalentry_changelist')}?{span}&{books}", _("Entries"))
