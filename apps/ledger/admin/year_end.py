"""The pages of fiscal years: opening one, the opening balance, the result and its appropriation, adjustments."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin
from django.forms import BaseFormSet, formset_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from apps.core import display
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.core.permissions import Act, may_somewhere
from apps.ledger.admin.acts import (
    POSTED,
    ActForm,
    account_field,
    act_page,
    amount_field,
    books_kept,
    day_field,
    may_keep,
)
from apps.ledger.admin.base import LedgerAdmin, link, today
from apps.ledger.errors import NotAFiscalYear
from apps.ledger.models import Account, JournalEntry, Party, Period
from apps.ledger.reports.result import year_result
from apps.ledger.services import year_end
from apps.ledger.services.accruing import spread
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.services.posting import Document, Line

PARTIES = {"PATIENTS": "PATIENT", "PAYERS": "PAYER", "CUSTOMERS": "CUSTOMER", "SUPPLIERS": "SUPPLIER"}
PARTIES |= {"WALLETS": "PATIENT"}


class FiscalYearForm(ActForm):
    first_day = day_field(_("First day"))
    months = forms.IntegerField(
        label=_("Months"),
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("12, unless the first year is short or long. A month that has begun counts."),
    )


class AdjustmentForm(ActForm):
    memo = forms.CharField(label=_("Memo"), max_length=300, widget=UnfoldAdminTextInputWidget())


class SpreadForm(ActForm):
    amount = amount_field(_("Amount"), help_text=_("Negative for revenue."))
    account = account_field(_("Account of the cost or the revenue"))
    accrual_account = account_field(_("Prepaid, received in advance, or still to be paid"))
    first_month = day_field(_("First month"))
    months = forms.IntegerField(label=_("Months"), widget=UnfoldAdminIntegerFieldWidget())
    memo = forms.CharField(label=_("Memo"), max_length=260, widget=UnfoldAdminTextInputWidget())


class DayForm(ActForm):
    date = day_field(_("Date"))


class RowForm(forms.Form):
    """A row of a table that is typed; ``administration`` is that of the page."""

    def __init__(self, *args: Any, administration: Administration, **options: Any) -> None:
        self.administration = administration
        super().__init__(*args, **options)
        accounts: Any = self.fields["account"]
        accounts.queryset = accounts.queryset.filter(administration=administration)


class ShareForm(RowForm):
    account = account_field(_("To"), required=False)
    amount = amount_field(_("Amount"), required=False)


class LineForm(RowForm):
    account = account_field(_("Account"), required=False)
    debit = amount_field(_("Debit"), required=False, min_value=0)
    credit = amount_field(_("Credit"), required=False, min_value=0)

    @property
    def amount(self) -> Decimal:
        """Debit less credit."""
        return (self.cleaned_data.get("debit") or ZERO) - (self.cleaned_data.get("credit") or ZERO)

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("debit") and typed.get("credit"):
            self.add_error(None, _("A debit or a credit, not both."))
        if bool(typed.get("account")) != bool(self.amount):
            self.add_error(None, _("A row has an account and an amount."))
        return typed


class OpeningRowForm(LineForm):
    account = account_field(_("Account"), required=False, queryset=Account.objects.all())
    party = forms.CharField(label=_("Party"), max_length=64, required=False, widget=UnfoldAdminTextInputWidget())
    reference = forms.CharField(
        label=_("Reference"), max_length=64, required=False, widget=UnfoldAdminTextInputWidget()
    )
    due_date = day_field(_("Due"), required=False)

    def clean(self) -> dict[str, Any]:
        typed = super().clean()
        account, code = typed.get("account"), typed.get("party")
        typed["of"] = None
        if account and account.control:
            found = Party.objects.filter(administration=self.administration, kind=PARTIES[account.control], code=code)
            typed["of"] = found.first()
            if typed["of"] is None:
                self.add_error("party", _("An open item names a party by its code."))
        return typed


def table(request: HttpRequest, row: type[RowForm], administration: Administration, rows: int) -> BaseFormSet[Any]:
    """``rows`` empty rows, or what was typed into them."""
    made = formset_factory(row, extra=rows, max_num=1000, absolute_max=1000)
    return made(request.POST if request.method == "POST" else None, form_kwargs={"administration": administration})


def filled(rows: BaseFormSet[Any]) -> list[Any]:
    return [row for row in rows if row.cleaned_data.get("account")]


class YearEndPages(LedgerAdmin):
    """What the list of periods leads to, beside the periods themselves."""

    list_before_template = "admin/ledger/list_acts.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = []
        if may_somewhere(request.user, Act.KEEP_ACCOUNTS):
            acts = [
                (reverse("admin:ledger_open_fiscal_year"), _("Open a fiscal year")),
                (reverse("admin:ledger_opening_balance"), _("Opening balance")),
                (reverse("admin:ledger_spread"), _("Spread an amount")),
            ]
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    @admin.display(description=_("year end"))
    def year_end_shown(self, period: Period) -> SafeString | str:
        if period.type != Period.Type.YEAR:
            return ""
        return link(reverse("admin:ledger_year_end", args=[period.pk]), _("Year end"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("open/", view(self.open_page), name="ledger_open_fiscal_year"),
            path("opening-balance/", view(self.opening_page), name="ledger_opening_balance"),
            path("spread/", view(self.spread_page), name="ledger_spread"),
            path("<uuid:object_id>/year-end/", view(self.year_end_page), name="ledger_year_end"),
            path("<uuid:object_id>/appropriate/", view(self.appropriation_page), name="ledger_appropriate"),
            path("<uuid:object_id>/adjust/", view(self.adjustment_page), name="ledger_adjust"),
            *super().get_urls(),
        ]

    def open_page(self, request: HttpRequest) -> HttpResponse:
        """A fiscal year with its months, its quarters and the period of its adjustments."""
        administration = books_kept(request)
        last = Period.objects.filter(administration=administration, type=Period.Type.YEAR).order_by("last_day").last()
        first_day = last.last_day + timedelta(days=1) if last else today(administration).replace(month=1, day=1)

        def open_year(asked: dict[str, Any]) -> str:
            facts = {"first_day": asked["first_day"], "months": asked["months"]}
            year = open_fiscal_year(administration, **facts, by=request.user)  # type: ignore[arg-type]
            return _("%(year)s is open, from %(first)s to %(last)s.") % {
                "year": year,
                "first": year.first_day,
                "last": year.last_day,
            }

        sentence = _(
            "%(books)s gets the months, the quarters, the year and a period for the adjustments at its end. The year "
            "ends with a calendar month. What is open already stays as it is."
        )
        return act_page(
            self,
            request,
            FiscalYearForm(request, administration, initial={"first_day": first_day, "months": 12}),
            title=_("Open a fiscal year"),
            sentence=sentence % {"books": administration},
            button=_("Open the year"),
            back=reverse("admin:ledger_period_changelist"),
            work=open_year,
        )

    def opening_page(self, request: HttpRequest) -> HttpResponse:
        """What every account stands at when the books begin, and the documents that are open."""
        administration = books_kept(request)
        first = Period.objects.filter(administration=administration).order_by("first_day").first()
        rows = table(request, OpeningRowForm, administration, _count(request, 20))

        def post(asked: dict[str, Any]) -> str:
            balances: defaultdict[Account, Decimal] = defaultdict(Decimal)
            items = []
            for row in filled(rows):
                typed = row.cleaned_data
                balances[typed["account"]] += row.amount
                if typed["of"]:
                    document = Document("opening", uuid4(), typed["reference"], typed["due_date"])
                    items.append(year_end.OpeningItem(typed["account"], typed["of"], row.amount, document))
            entry = year_end.opening_balance(
                administration,
                asked["date"],
                balances=balances,
                items=items,
                by=request.user,  # type: ignore[arg-type]
            )
            return POSTED % {"entry": entry}

        sentence = _(
            "One row for each account, and one for each open document of a customer, supplier, patient or payer: with "
            "the party's code, its reference and when it is due. Debits and credits are equal."
        )
        return act_page(
            self,
            request,
            DayForm(request, administration, initial={"date": first.first_day if first else today(administration)}),
            title=_("Opening balance of %(books)s") % {"books": administration},
            sentence=sentence,
            button=_("Post the opening balance"),
            back=reverse("admin:ledger_period_changelist"),
            work=post,
            rows=rows,
        )

    def spread_page(self, request: HttpRequest) -> HttpResponse:
        """A prepayment or an accrual, month by month."""
        administration = books_kept(request)
        form = SpreadForm(request, administration, initial={"first_month": today(administration), "months": 12})

        def post(asked: dict[str, Any]) -> str:
            facts = {name: fact for name, fact in asked.items() if name != "key"}
            entries = spread(administration, **facts, by=request.user, source=form.source)  # type: ignore[arg-type]
            words = ngettext("%(count)s entry is posted.", "%(count)s entries are posted.", len(entries))
            return words % {"count": len(entries)}

        sentence = _(
            "A cost that was paid before, or will be paid later, is taken to the months that it belongs to: an entry "
            "on the last day of each, in equal parts. Their periods must be open."
        )
        return act_page(
            self,
            request,
            form,
            title=_("Spread an amount over months"),
            sentence=sentence,
            button=_("Post the entries"),
            back=reverse("admin:ledger_period_changelist"),
            work=post,
        )

    def year_end_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The result of a year, what became of it, its adjustments, and what is still to do."""
        year = self._year(request, object_id, Act.READ_LEDGER)
        try:
            adjustments = year_end.adjustments_of(year)
        except NotAFiscalYear:
            adjustments = None
        entries = JournalEntry.objects.filter(administration=year.administration_id).select_related(
            "journal", "reversal"
        )
        posted = entries.filter(source_type=year_end.APPROPRIATION, date__gte=year.first_day)
        return self.page(
            request,
            "year_end",
            _("Year end %(year)s") % {"year": year},
            opts=self.opts,
            year=year,
            found=year_result(year),
            currency=year.administration.currency,
            adjustments=adjustments,
            adjusted=entries.filter(period=adjustments).order_by("id") if adjustments else (),
            appropriated=posted.order_by("date", "id"),
            may_keep=may_keep(request, year.administration_id),
        )

    def appropriation_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Draw from the unappropriated result."""
        year = self._year(request, object_id, Act.KEEP_ACCOUNTS)
        administration, code = year.administration, year.administration.currency
        form = DayForm(request, administration, initial={"date": today(administration)})
        rows = table(request, ShareForm, administration, _count(request, 4))

        def post(asked: dict[str, Any]) -> str:
            shares: dict[Account, Decimal] = defaultdict(lambda: ZERO)
            for row in filled(rows):
                shares[row.cleaned_data["account"]] += row.cleaned_data["amount"] or ZERO
            facts = {"shares": shares, "date": asked["date"], "source": form.source}
            return POSTED % {
                "entry": year_end.appropriate_result(administration, year, **facts, by=request.user)  # type: ignore[arg-type]
            }

        sentence = _(
            "%(left)s is left to be appropriated, up to the end of %(year)s. A reserve or a dividend to be paid takes "
            "its part; a loss is charged with negative amounts."
        )
        left = display.money(year_result(year).left, code)
        return act_page(
            self,
            request,
            form,
            title=_("Appropriate the result of %(year)s") % {"year": year},
            sentence=sentence % {"left": left, "year": year},
            button=_("Post the appropriation"),
            back=reverse("admin:ledger_year_end", args=[year.pk]),
            work=post,
            rows=rows,
        )

    def adjustment_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """An entry into the period of year-end adjustments."""
        year = self._year(request, object_id, Act.KEEP_ACCOUNTS)
        administration = year.administration
        form = AdjustmentForm(request, administration)
        rows = table(request, LineForm, administration, _count(request, 6))

        def post(asked: dict[str, Any]) -> str:
            entry = year_end.post_adjustment(
                administration,
                year,
                lines=[
                    Line(
                        row.cleaned_data["account"],
                        debit=row.cleaned_data["debit"] or ZERO,
                        credit=row.cleaned_data["credit"] or ZERO,
                    )
                    for row in filled(rows)
                ],
                memo=asked["memo"],
                by=request.user,  # type: ignore[arg-type]
                source=form.source,
            )
            if entry.status == JournalEntry.Status.DRAFT:
                return str(_("This is above the limit: a second person posts the draft."))
            return POSTED % {"entry": entry}

        sentence = _("Dated %(date)s, the last day of %(year)s, without VAT. Debits and credits are equal.")
        return act_page(
            self,
            request,
            form,
            title=_("Adjust %(year)s") % {"year": year},
            sentence=sentence % {"date": year.last_day, "year": year},
            button=_("Post the adjustment"),
            back=reverse("admin:ledger_year_end", args=[year.pk]),
            work=post,
            rows=rows,
        )

    def _year(self, request: HttpRequest, object_id: UUID, act: Act) -> Period:
        """Raises Http404 for a period that is no year."""
        year: Period = self.find(request, str(object_id), act)
        if year.type != Period.Type.YEAR:
            raise Http404
        return year


def _count(request: HttpRequest, usual: int) -> int:
    """How many rows the address asks for."""
    asked = request.GET.get("rows", "")
    return min(int(asked), 500) if asked.isdecimal() else usual
