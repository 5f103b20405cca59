"""Account reconciliations in the admin: the list, the overview of a period, and how one is begun."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.forms import AdministrationForm
from apps.core.permissions import Act, may
from apps.ledger.admin.base import account_or_404
from apps.ledger.models import Account, Period
from apps.reconciliation.admin.proof import span_of
from apps.reconciliation.admin.proof_pages import ProofPages, page_of
from apps.reconciliation.admin.standing import MOST_PERIODS, overview, overview_address, periods_of, state_shown
from apps.reconciliation.models import AccountReconciliation, ReconciliationSuspension
from apps.reconciliation.reports.standing import State
from apps.reconciliation.services.account_reconciling import begin_reconciliation

Status = AccountReconciliation.Status


class BeginForm(AdministrationForm):
    period = forms.ModelChoiceField(Period.objects.none(), label=_("Period"), empty_label=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = periods_of(self.administration).values("pk")[:MOST_PERIODS]
        rows = Period.objects.filter(pk__in=newest).order_by("-last_day", "-first_day")
        self.fields["period"].queryset = rows  # type: ignore[attr-defined]


class StateFilter(admin.SimpleListFilter):
    """How it stands: what was approved and no longer holds is told apart."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [*Status.choices, ("suspended", _("Suspended"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "suspended":
            return rows.filter(is_suspended=True)
        return rows.filter(status=self.value(), is_suspended=False) if self.value() in Status.values else rows


@admin.register(AccountReconciliation)
class AccountReconciliationAdmin(ProofPages):
    when_empty = _("Go by period: each balance account is begun from there.")
    list_display = (
        "account",
        "span",
        "closing",
        "expected",
        "difference_shown",
        "state",
        "created_by",
        "approved_by",
        "administration",
    )
    list_display_links = ("account", "span")
    list_filter = ("administration", "account", StateFilter, "type", ("period_end", RangeDateFilter))
    linked_by = ("account__id__exact",)
    list_select_related = ("administration", "account", "created_by", "approved_by")
    search_fields = ("account__code", "account__name")
    ordering = ("-period_end", "account__code", "-id")

    class Media:
        css = {"all": ("daybook/balances.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        suspended = ReconciliationSuspension.objects.filter(reconciliation=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_suspended=Exists(suspended))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("overview/", view(self.overview), name="reconciliation_overview"),
            path("begin/<uuid:account_id>/", view(self.begin), name="reconciliation_begin"),
            path("of/<uuid:account_id>/", view(self.of_account), name="reconciliation_of_account"),
            *super().get_urls(),
        ]

    # The list --------------------------------------------------------------------------------------------------------

    @admin.display(description=_("period"), ordering="period_end")
    def span(self, one: AccountReconciliation) -> str:
        return span_of(one)

    @admin.display(description=_("closing balance"), ordering="closing_balance")
    def closing(self, one: AccountReconciliation) -> SafeString:
        return display.amount(one.closing_balance, one.administration.currency)

    @admin.display(description=_("expected balance"), ordering="expected_balance")
    def expected(self, one: AccountReconciliation) -> SafeString:
        return display.amount(one.expected_balance, one.administration.currency)

    @admin.display(description=_("difference"), ordering="difference")
    def difference_shown(self, one: AccountReconciliation) -> SafeString:
        return display.amount(one.difference, one.administration.currency)

    @admin.display(description=_("state"), ordering="status")
    def state(self, one: Any) -> SafeString:
        if one.is_suspended:
            return state_shown(State.SUSPENDED)
        states = {Status.PENDING: State.DRAFT, Status.RECONCILED: State.RECONCILED, Status.APPROVED: State.APPROVED}
        return state_shown(states[one.status])

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = [(reverse("admin:reconciliation_overview"), _("By period"))]
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    # A period, an account --------------------------------------------------------------------------------------------

    def overview(self, request: HttpRequest) -> HttpResponseBase:
        return overview(self, request)

    def begin(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """Begin the reconciliation of an account over a period: one press on the overview, a question elsewhere."""
        account = self._account(request, account_id, Act.KEEP_ACCOUNTS)
        initial = {"period": request.GET.get("period")}
        form = BeginForm(request.POST or None, administration=account.administration, initial=initial)

        def write(form: BeginForm) -> str:
            period = form.cleaned_data["period"]
            days = {"period_start": period.first_day, "period_end": period.last_day}
            return page_of(begin_reconciliation(account, **days, by=request.user))  # type: ignore[arg-type]

        return self.confirmed(
            request,
            form,
            write,
            done=_("Begun: the balances are read from the books."),
            title=_("Reconcile %(account)s") % {"account": account},
            sentence=_("Read what %(account)s stood at, and hold it against another source.") % {"account": account},
            button=_("Begin"),
            back=overview_address(account.administration),
        )

    def of_account(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """The newest reconciliation of an account, or the page that begins one."""
        account = account_or_404(request, account_id)
        newest = AccountReconciliation.objects.filter(account=account).order_by("-period_end", "-id").first()
        if newest:
            return HttpResponseRedirect(page_of(newest))
        if may(request.user, Act.KEEP_ACCOUNTS, account.administration_id):  # type: ignore[arg-type]
            return HttpResponseRedirect(reverse("admin:reconciliation_begin", args=[account.pk]))
        return HttpResponseRedirect(overview_address(account.administration))

    def _account(self, request: HttpRequest, account_id: UUID, act: Act) -> Account:
        """Raises Http404 for a missing or foreign account, PermissionDenied where the role lacks ``act``."""
        account = account_or_404(request, account_id)
        if not may(request.user, act, account.administration_id):  # type: ignore[arg-type]
            raise PermissionDenied
        return account
