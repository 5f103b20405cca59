"""Leaks: "What did we give away?": a list with charts, one leak with what mends it, unbilled care at a period's end."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.billing.admin.base import BillingAdmin, DayFilter, chosen, clinics, link
from apps.billing.forms import ReasonForm
from apps.billing.models import Leak, Payment
from apps.billing.reports.leaks import BY_NAME
from apps.billing.reports.leaks.figures import by_month, open_as_of
from apps.billing.services.accruing_care import post_accrual, propose_accrual
from apps.billing.services.days import local_date
from apps.billing.services.leaks import dismiss_leak
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may, may_somewhere

State = Leak.State
MONTHS = 12  # of recovered amounts in the chart

# Where a leak is mended: the page of the row that it names, by entity type.
PAGES = {
    "claim": "billing_claim_change",
    "payment": "billing_payment_change",
    "bill": "billing_bill_change",
    "wallet": "billing_wallet_change",
    "shift": "billing_shift_change",
    "write_off": "billing_writeoff_change",
    "top_up": "billing_topup_change",
    "paystack_transaction": "billing_paystacktransaction_change",
}
# What the rules note beside a leak, in words; and which of it are amounts, days, methods and numbers of documents.
FACTS: dict[str, Any] = {
    "balance": _("In the wallet"),
    "bill": _("Bill"),
    "claim": _("Claim"),
    "code": _("Service"),
    "covered": _("Covered"),
    "drawer": _("Drawer"),
    "float": _("Opened with"),
    "from": _("Given back by"),
    "given": _("Given"),
    "late_for": _("Entered late, for"),
    "lines": _("Bill lines"),
    "missing": _("Missing"),
    "movements": _("By its movements"),
    "movements_then": _("By its movements then"),
    "number": _("Number"),
    "original": _("Gives back"),
    "paid": _("Paid"),
    "percentage": _("Of the price"),
    "price": _("Price"),
    "refunded": _("Refunded"),
    "retained": _("Was left in it"),
    "stated": _("Stated by the provider"),
    "taken": _("Taken"),
    "to": _("Taken again by"),
    "usual": _("Usual price"),
}
AMOUNTS = {
    *("balance", "covered", "float", "movements", "movements_then", "paid", "price", "refunded", "retained", "stated"),
    *("taken", "usual"),
}
PREFIXES = {"bill": "B", "claim": "C", "original": "R"}
OF_ENTITY = {"bill": "B", "payment": "R", "top_up": "W", "claim": "C"}
CREDIT_NOTES = {"L10", "L11", "L12"}
UNBILLED_AT = "billing_visit_bill"
UNPAID_AT = "billing_bill_pay"


def mended_at(leak: Leak) -> str:
    """The address of the page where ``leak`` is mended, otherwise of the nearest row; empty when there is none."""
    address = ""
    if leak.leak_class == Leak.Class.UNBILLED and leak.visit_id:
        address = link(UNBILLED_AT, leak.visit_id)
    elif leak.rule in ("L15", "L19") and leak.bill_id:
        address = link(UNPAID_AT, leak.bill_id)
    elif leak.entity_type in PAGES:
        address = link(PAGES[leak.entity_type], leak.entity_id)
    if address:
        return address
    if leak.bill_id:
        return link("billing_bill_change", leak.bill_id)
    return link("billing_visit_change", leak.visit_id) if leak.visit_id else ""


def told(leak: Leak) -> list[tuple[Any, Any]]:
    """What the rule noted, in words, as people read numbers and amounts."""
    return [(FACTS.get(name, name), _told(leak, name, fact)) for name, fact in sorted(leak.facts.items())]


def _told(leak: Leak, name: str, fact: Any) -> Any:
    if name in AMOUNTS:
        return display.money(Decimal(fact), leak.administration.currency)
    if name == "late_for":
        return display.day(date.fromisoformat(fact))
    if name in ("from", "to"):
        return Payment.Method(fact).label
    if name == "percentage":
        return f"{display.number(round(Decimal(fact), 1).normalize())} %"
    if name in ("number", *PREFIXES):
        prefix = PREFIXES.get(name) or ("CN" if leak.rule in CREDIT_NOTES else OF_ENTITY.get(leak.entity_type, "No."))
        return f"{prefix}-{int(fact):06d}"
    return fact


class LeakDayFilter(DayFilter):
    path = "day"


class StateFilter(admin.SimpleListFilter):
    """Leaks by state: the open ones, unless all or others are asked for."""

    title = _("state")
    parameter_name = "state__exact"
    every = "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [*State.choices, (self.every, _("All"))]

    def value(self) -> str:
        asked = super().value()
        return asked if asked in (*State.values, self.every) else State.OPEN

    def choices(self, changelist: Any) -> Any:
        """No "All" of Django's that leaves the question out: it would mean the open ones."""
        return list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows if self.value() == self.every else rows.filter(state=self.value())


class AccrualForm(AdministrationForm):
    period_end = forms.DateField(
        label=_("Last day of the period"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


@admin.register(Leak)
class LeakAdmin(BillingAdmin):
    when_empty = _("No care leaks: all that was given was billed, claimed and paid, as far as the rules see.")
    list_display = (
        "title",
        "class_shown",
        "day_shown",
        "age",
        "amount_shown",
        "state_shown",
        "recovered",
        "what_to_do",
        "administration",
    )
    list_display_links = ("title",)
    list_filter = (StateFilter, "leak_class", LeakDayFilter, "administration")
    list_select_related = ("administration",)
    list_before_template = "admin/billing/leaks_open.html"
    ordering = ("-day", "-id")

    class Media:
        css = {"all": ("ledger/ledger.css",)}  # its bars

    @admin.display(description=_("leak"), ordering="rule")
    def title(self, leak: Leak) -> str:
        rule = BY_NAME.get((leak.rule, leak.entity_type))
        return f"{leak.rule} {rule.title}" if rule else leak.rule

    @admin.display(description=_("class"), ordering="leak_class")
    def class_shown(self, leak: Leak) -> str:
        return leak.get_leak_class_display()

    @admin.display(description=_("day"), ordering="day")
    def day_shown(self, leak: Leak) -> str:
        return display.short_day(leak.day)

    @admin.display(description=_("age"))
    def age(self, leak: Leak) -> str:
        days = (local_date(leak.administration) - leak.day).days
        words = ngettext("%(days)s day", "%(days)s days", days) % {"days": days}
        return words if leak.state == State.OPEN else display.NOTHING

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, leak: Leak) -> SafeString | str:
        if leak.amount is None:
            return str(_("unpriced"))
        return display.amount(leak.amount, leak.administration.currency)

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, leak: Leak) -> SafeString:
        return display.status(leak.state, leak.get_state_display())

    @admin.display(description=_("recovered"), ordering="recovered_amount")
    def recovered(self, leak: Leak) -> SafeString:
        return display.amount(leak.recovered_amount, leak.administration.currency)

    @admin.display(description=_("what to do"))
    def what_to_do(self, leak: Leak) -> SafeString | str:
        rule = BY_NAME.get((leak.rule, leak.entity_type))
        if rule is None or leak.state != State.OPEN:
            return display.NOTHING
        address = mended_at(leak)
        return format_html('<a href="{}">{}</a>', address, rule.what_to_do) if address else str(rule.what_to_do)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("accrual/", wrap(self.accrual_page), name="billing_leak_accrual"),
            path("<uuid:object_id>/dismiss/", wrap(self.dismiss_page), name="billing_leak_dismiss"),
        ]
        return [*ours, *super().get_urls()]

    # The list --------------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Without a question the open ones are shown, so what is asked for is never the way to all of them."""
        changelist = super().get_changelist_instance(request)
        changelist.full_result_count = changelist.result_count
        return changelist

    def get_list_display(self, request: HttpRequest) -> Any:
        """Of open leaks nothing is recovered, and all are open."""
        columns = super().get_list_display(request)
        asked = request.GET.get(StateFilter.parameter_name, State.OPEN)
        return columns if asked != State.OPEN else [one for one in columns if one not in ("state_shown", "recovered")]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        mine = clinics(request, Act.READ_CLINIC) if request.method == "GET" else []
        shown = _charts(chosen(request, mine)) if mine else {}
        keeps = may_somewhere(request.user, Act.KEEP_ACCOUNTS)
        accrual = link("billing_leak_accrual") if keeps else ""
        return super().changelist_view(request, {**(extra_context or {}), **shown, "accrual": accrual})

    # One leak --------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What is wrong, since when, what it is worth, and what mends it."""
        leak = self.find(request, object_id, Act.READ_CLINIC)
        rule = BY_NAME.get((leak.rule, leak.entity_type))
        return self.page(
            request,
            "leak",
            self.title(leak),
            leak=leak,
            administration=leak.administration,
            what_to_do=rule.what_to_do if rule else "",
            address=mended_at(leak),
            age=self.age(leak),
            facts=told(leak),
            state=self.state_shown(leak),
            is_open=leak.state == State.OPEN,
            may_dismiss=may(request.user, Act.APPROVE, leak.administration_id),  # type: ignore[arg-type]
            list=link("billing_leak_changelist"),
        )

    def dismiss_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say why a leak is none, or is accepted."""
        leak = self.find(request, str(object_id), Act.APPROVE)
        form = ReasonForm(request.POST or None, administration=leak.administration)
        back = link("billing_leak_change", leak.pk)

        def write() -> str:
            dismiss_leak(leak, reason=form.cleaned_data["reason"], by=request.user)  # type: ignore[arg-type]
            return back

        if form.is_valid():
            try:
                address, _new = once(request, write)
            except DomainError as refusal:
                form.add_error(None, said(refusal, leak.administration.currency))
            else:
                self.message_user(request, _("The leak is dismissed."), messages.SUCCESS)
                return HttpResponseRedirect(address)
        worth = display.money(leak.amount, leak.administration.currency) if leak.amount is not None else _("unpriced")
        sentence = _("“%(leak)s” of %(day)s, %(amount)s, is none or is accepted. It does not come back by itself.")
        return self.page(
            request,
            "confirm",
            _("Dismiss the leak"),
            form=form,
            sentence=sentence % {"leak": self.title(leak), "day": display.day(leak.day), "amount": worth},
            button=_("Dismiss it"),
            back=back,
        )

    # Unbilled care at a period's end ---------------------------------------------------------------------------------

    def accrual_page(self, request: HttpRequest) -> HttpResponse:
        """What was given and not billed by the end of a period, and the button that posts it."""
        mine = clinics(request, Act.KEEP_ACCOUNTS)
        if not mine:
            raise PermissionDenied
        administration = chosen(request, mine)
        last_month = local_date(administration).replace(day=1) - timedelta(days=1)
        asked = request.GET.get("period_end") or last_month.isoformat()
        form = AccrualForm(request.POST or None, administration=administration, initial={"period_end": asked})
        try:
            period_end: date | None = form.fields["period_end"].clean(form["period_end"].value())
        except ValidationError:
            period_end = None  # the form says so
        if form.is_valid():
            answer = self._accrue(request, form, administration)
            if answer:
                return answer
        return self.page(
            request,
            "accrual",
            _("Care given and not billed"),
            form=form,
            administration=administration,
            period_end=period_end,
            proposed=propose_accrual(administration, period_end) if period_end else None,
            back=link("billing_leak_changelist"),
        )

    def _accrue(self, request: HttpRequest, form: AccrualForm, administration: Administration) -> HttpResponse | None:
        period_end = form.cleaned_data["period_end"]

        def write() -> str:
            entry = post_accrual(administration, period_end, by=request.user)  # type: ignore[arg-type]
            return link("ledger_journalentry_change", entry.pk)

        try:
            address, _new = once(request, write)
        except DomainError as refusal:
            form.add_error(None, said(refusal, administration.currency))
            return None
        self.message_user(request, _("The accrual and its reversal are posted."), messages.SUCCESS)
        return HttpResponseRedirect(address)


def _charts(administration: Administration) -> dict[str, Any]:
    """Open leaks by class, and by month what became one and what came in after all."""
    today = local_date(administration)
    open_ = open_as_of(administration, today)
    most = max((one.amount + one.older_amount for one in open_), default=Decimal(0))
    bars = [
        {
            "name": one.word,
            "share": ngettext("%(count)s, up to %(age)s day", "%(count)s, up to %(age)s days", one.age)
            % {"count": one.count + one.older_count, "age": one.age},
            "amount": one.amount + one.older_amount,
            "width": _width(one.amount + one.older_amount, most),
            "link": link("billing_leak_changelist", leak_class__exact=one.leak_class, state__exact="OPEN"),
        }
        for one in open_
    ]
    first = (today.replace(day=1) - timedelta(days=31 * (MONTHS - 1))).replace(day=1)
    months: dict[date, list[Decimal]] = {}
    for row in by_month(administration, first, today):
        sums = months.setdefault(row.month, [Decimal(0), Decimal(0)])
        sums[0] += row.amount
        sums[1] += row.recovered
    most = max((sums[0] for sums in months.values()), default=Decimal(0))
    recovered = [
        {
            "name": date_format(month, "YEAR_MONTH_FORMAT"),
            "share": _("of %(amount)s") % {"amount": display.money(sums[0], administration.currency)},
            "amount": sums[1],
            "width": _width(sums[1], most),
        }
        for month, sums in months.items()
    ]
    return {"bars": bars, "recovered": recovered, "clinic": administration}


def _width(amount: Decimal, most: Decimal) -> int:
    return int(amount * 100 / most) if most else 0
