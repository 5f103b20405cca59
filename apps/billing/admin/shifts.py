"""Shifts at a drawer: opened, counted blind, handed over, their petty cash.

No page here tells what should be in a drawer before its count is final.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import BillingAdmin, DayFilter, chosen, clinics, link
from apps.billing.drawer_forms import CashForm, CountForm, HandOverForm, ShiftForm
from apps.billing.forms import NoteForm
from apps.billing.models import CountNote, Drawer, DrawerCount, Shift
from apps.billing.reports.drawers import attempt_for, final_counts
from apps.billing.services import drawers
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Membership
from apps.core.money import currency
from apps.core.permissions import Act, may, roles_of


class OpenFilter(admin.SimpleListFilter):
    """Shifts that wait for their count."""

    title = _("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Open")), ("no", _("Counted"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(closed_at__isnull=self.value() == "yes") if self.value() in ("yes", "no") else rows


@admin.register(Shift)
class ShiftAdmin(BillingAdmin):
    add_act = Act.COUNT_DRAWER

    list_display = (
        "day",
        "drawer",
        "cashier",
        "state",
        "opened",
        "opening",
        "counted",
        "difference",
        "administration",
    )
    list_display_links = ("day", "drawer")
    list_filter = (DayFilter, OpenFilter, "drawer", "administration")
    list_select_related = ("administration", "clinic_day", "drawer", "cashier")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        newest = DrawerCount.objects.filter(shift=OuterRef("pk")).order_by("-revision", "-attempt")
        return (
            super()
            .get_queryset(request)
            .annotate(
                newest_is_final=Subquery(newest.values("is_final")[:1]),
                newest_total=Subquery(newest.values("total")[:1]),
                newest_difference=Subquery(newest.values("difference")[:1]),
            )
        )

    @admin.display(description=_("day"))
    def day(self, shift: Shift) -> str:
        return display.short_day(shift.clinic_day.date)

    @admin.display(description=_("state"))
    def state(self, shift: Any) -> SafeString:
        return _state(shift.newest_is_final, shift)

    @admin.display(description=_("opened"), ordering="opened_at")
    def opened(self, shift: Shift) -> str:
        return display.clock(shift.opened_at, shift.clinic_day.date, shift.administration.time_zone)

    @admin.display(description=_("opening float"), ordering="opening_float")
    def opening(self, shift: Shift) -> SafeString:
        return display.amount(shift.opening_float, shift.administration.currency)

    @admin.display(description=_("counted"))
    def counted(self, shift: Any) -> SafeString:
        return display.amount(shift.newest_total if shift.newest_is_final else None, shift.administration.currency)

    @admin.display(description=_("difference"))
    def difference(self, shift: Any) -> SafeString:
        return display.amount(shift.newest_difference, shift.administration.currency)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("<uuid:object_id>/count/", wrap(self.count_page), name="billing_shift_count"),
            path("<uuid:object_id>/hand-over/", wrap(self.hand_over_page), name="billing_shift_handover"),
            path("<uuid:object_id>/cash/", wrap(self.cash_page), name="billing_cash_movement"),
            path("<uuid:object_id>/note/", wrap(self.note_page), name="billing_shift_note"),
        ]
        return [*ours, *super().get_urls()]

    # Open ------------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Begin a shift at a drawer, for oneself or for somebody else."""
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)  # says why
        mine = clinics(request, Act.COUNT_DRAWER)
        administration, user = chosen(request, mine), request.user
        is_cashier = roles_of(user).get(administration.pk) == Membership.Role.CASHIER
        first = {"cashier": user.pk, "drawer": request.GET.get("drawer")}
        form = ShiftForm(
            request.POST or None,
            administration=administration,
            only=user if is_cashier else None,  # type: ignore[arg-type]
            initial=first,
        )

        def write() -> str:
            asked = {name: form.cleaned_data[name] for name in ("opening_float", "cashier")}
            shift = drawers.open_shift(form.cleaned_data["drawer"], **asked, by=user)  # type: ignore[arg-type]
            return link("billing_shift_change", shift.pk)

        answer = self._sent(request, form, write, _("The shift is open."))
        return answer or self.page(
            request,
            "shift_open",
            _("Open a shift"),
            form=form,
            clinics=mine,
            administration=administration,
            has_drawers=Drawer.objects.filter(administration=administration, is_active=True).exists(),
            may_set_up=may(user, Act.SET_PRICES, administration.pk),  # type: ignore[arg-type]
        )

    # Look ------------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The shift: what was moved, what was counted, and only after that what was expected."""
        shift = self.find(request, object_id, Act.READ_CLINIC)
        return self._shift(request, shift, NoteForm(administration=shift.administration))

    def note_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Say something about the count, beside it."""
        shift = self.find(request, str(object_id), Act.COUNT_DRAWER)
        count = final_counts([shift]).get(shift.pk)
        if count is None or request.method != "POST":
            return HttpResponseRedirect(link("billing_shift_change", shift.pk))
        form = NoteForm(request.POST, administration=shift.administration)

        def write() -> str:
            drawers.note_count(count, text=form.cleaned_data["text"], by=request.user)  # type: ignore[arg-type]
            return link("billing_shift_change", shift.pk)

        return self._sent(request, form, write, _("The note is added.")) or self._shift(request, shift, form)

    def _shift(self, request: HttpRequest, shift: Shift, form: NoteForm) -> HttpResponse:
        counts = list(shift.counts.select_related("counted_by").order_by("revision", "attempt"))
        final = next((count for count in reversed(counts) if count.is_final), None)
        may_count = drawers.may_count(shift, request.user)  # type: ignore[arg-type]
        return self.page(
            request,
            "shift",
            _("%(drawer)s, %(day)s") % {"drawer": shift.drawer, "day": display.day(shift.clinic_day.date)},
            shift=shift,
            administration=shift.administration,
            state=_state(counts[-1].is_final if counts else None, shift),
            counts=counts,
            newest=counts[-1] if counts and counts[-1].is_final else None,
            notes=CountNote.objects.filter(count__in=counts).select_related("by").order_by("id"),
            movements=shift.movements.select_related("by", "account").order_by("id"),
            form=form if final and may_count else None,
            why_not=_why_not(shift, request.user),
            attempt=attempt_for(shift),
        )

    # Count, hand over, move cash -------------------------------------------------------------------------------------

    def count_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Count the drawer by notes and coins, blind. A shift that was counted leads to what came of it."""
        shift = self.find(request, str(object_id), Act.COUNT_DRAWER)
        attempt = attempt_for(shift)
        if attempt is None and request.method != "POST":
            return HttpResponseRedirect(link("billing_shift_change", shift.pk))
        form = CountForm(request.POST or None, administration=shift.administration)

        def write() -> str:
            count = drawers.count_drawer(shift, **_counted(form), by=request.user)  # type: ignore[arg-type]
            return link("billing_shift_change" if count.is_final else "billing_shift_count", shift.pk)

        answer = self._sent(request, form, write, "")
        return answer or self._count(request, "count", shift, form, attempt)

    def hand_over_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Count the drawer and give it to somebody else; while a second count is needed nothing is handed over."""
        shift = self.find(request, str(object_id), Act.COUNT_DRAWER)
        attempt = attempt_for(shift)
        if attempt is None and request.method != "POST":
            return HttpResponseRedirect(link("billing_shift_change", shift.pk))
        form = HandOverForm(request.POST or None, administration=shift.administration)

        def write() -> str:
            to = form.cleaned_data["to"]
            count, _following = drawers.hand_over(shift, to=to, **_counted(form), by=request.user)  # type: ignore[arg-type]
            return link("billing_shift_change" if count.is_final else "billing_shift_handover", shift.pk)

        answer = self._sent(request, form, write, "")
        return answer or self._count(request, "hand_over", shift, form, attempt)

    def _count(
        self, request: HttpRequest, name: str, shift: Shift, form: CountForm, attempt: int | None
    ) -> HttpResponse:
        words = _("Hand over %(drawer)s") if name == "hand_over" else _("Count %(drawer)s")
        return self.page(
            request,
            "count",
            words % {"drawer": shift.drawer},
            shift=shift,
            form=form,
            administration=shift.administration,
            digits=currency(shift.administration.currency).digits,
            attempt=attempt,
            handing_over=name == "hand_over",
            is_of_earlier_day=shift.clinic_day.date < local_date(shift.administration),
            why_not=_why_not(shift, request.user),
        )

    def cash_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Petty cash, change that comes in, a deposit at the bank."""
        shift = self.find(request, str(object_id), Act.COUNT_DRAWER)
        form = CashForm(
            request.POST or None, administration=shift.administration, only_deposits=shift.closed_at is not None
        )

        def write() -> str:
            named = ("kind", "amount", "account", "reason", "reference")
            asked = {name: form.cleaned_data[name] for name in named}
            drawers.move_cash(shift, **asked, by=request.user)  # type: ignore[arg-type]
            return link("billing_shift_change", shift.pk)

        answer = self._sent(request, form, write, _("It is written down."))
        return answer or self.page(
            request,
            "cash",
            _("Cash in or out of %(drawer)s") % {"drawer": shift.drawer},
            shift=shift,
            form=form,
            administration=shift.administration,
            why_not=_why_not(shift, request.user),
        )

    def _sent(self, request: HttpRequest, form: Any, write: Callable[[], str], done: Any) -> HttpResponse | None:
        """The answer to a form that could be taken; otherwise nothing, and the form says why not."""
        if not form.is_valid():
            return None
        try:
            address, new = once(request, write)
        except DomainError as refusal:
            form.add_error(None, said(refusal, form.administration.currency))
            return None
        if new and (words := done or _counted_words(address)):
            self.message_user(request, words, messages.SUCCESS if words != SECOND else messages.WARNING)
        return HttpResponseRedirect(address)


def _state(newest_is_final: bool | None, shift: Shift) -> SafeString:
    if newest_is_final is False:
        return display.status("WAITING", _("count it a second time"))
    if shift.closed_at is None:
        return display.status("OPEN", _("open"))
    return display.status("DONE", _("counted"))


SECOND = _("Saved. Please count the drawer a second time.")


def _counted_words(address: str) -> Any:
    return SECOND if address.endswith(("/count/", "/hand-over/")) else _("The drawer is counted.")


def _counted(form: CountForm) -> dict[str, Any]:
    return {"total": form.cleaned_data["total"], "denominations": form.cleaned_data["denominations"]}


def _why_not(shift: Shift, user: Any) -> Any:
    """Why somebody cannot count this drawer or move its cash; empty when they can."""
    if not may(user, Act.COUNT_DRAWER, shift.administration_id):
        return _("Your role counts no drawer.")
    if not drawers.may_count(shift, user):
        return _("It is the shift of %(cashier)s: ask them, or the manager.") % {
            "cashier": shift.cashier or _("somebody else")
        }
    if shift.clinic_day.is_finalized:
        return _("The day is signed. The manager may reopen it.")
    return ""
