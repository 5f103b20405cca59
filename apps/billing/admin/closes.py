"""The day close: "Does it tie out?" on one page; the lists of closes, clinic days and nightly closes."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, ngettext

from apps.billing.admin.base import BillingAdmin, clinic_or_404, link, parsed_day
from apps.billing.errors import DayChanged, NotACleanDay
from apps.billing.forms import NoteForm, OptionalNoteForm, ReasonForm
from apps.billing.models import ClinicDay, EndOfDayReconciliation, NightlyClose, Payment, Visit
from apps.billing.reports.day import DayFigures, day_figures, describe
from apps.billing.services import closing
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import DomainError, NotAllowed, SecondPersonRequired, told_again
from apps.core.forms import once, said
from apps.core.models import Administration, Membership
from apps.core.money import ZERO
from apps.core.permissions import Act, may, roles_of
from apps.core.services.jobs import start_job

Status = EndOfDayReconciliation.Status
MOST_SHOWN = 20

# What to do about a finding; what it says stands in reports.day.
WHAT_TO_DO = {
    "BILLS_AND_PAYMENTS_DISAGREE": _("Press Refresh. If it stays, tell whoever runs the site: this should not happen."),
    "REFERENCE_REPEATED": _(
        "Look at the terminal slip. If it was charged once, ask the manager to refund one of the two."
    ),
    "NUMBER_GAP": _("Tell whoever runs the site: numbers are given without gaps."),
}


@dataclass(frozen=True)
class Taking:
    """One method on the close page: what came in, what went back, and where both are listed."""

    word: str
    payments: Decimal
    payments_count: int
    refunds: Decimal
    refunds_count: int
    total: Decimal
    link: str
    before: list[Decimal | None]


@dataclass(frozen=True)
class Step:
    """A signature: who and when, or that it is still awaited."""

    word: Any
    by: str
    at: str
    done: bool


@admin.register(EndOfDayReconciliation)
class DayCloseAdmin(BillingAdmin):
    list_display = (
        "number_shown",
        "day",
        "state",
        "settled",
        "billed",
        "outstanding",
        "findings",
        "prepared",
        "signed",
        "administration",
    )
    list_display_links = ("number_shown", "day")
    list_filter = ("status", "has_mismatches", "administration")
    list_select_related = ("administration", "prepared_by", "finalized_by")
    date_hierarchy = "reconciliation_date"
    search_fields = ("number",)
    search_help_text = _("Number of the close")
    ordering = ("-reconciliation_date", "-revision")
    actions = ("finalize_selected",)

    def get_search_results(self, request: HttpRequest, rows: Any, term: str) -> tuple[Any, bool]:
        digits = term.strip().upper().removeprefix("Z-")
        if not digits:
            return rows, False
        return (rows.filter(number=int(digits)) if digits.isdecimal() and len(digits) < 10 else rows.none()), False

    @admin.display(description=_("close"), ordering="number")
    def number_shown(self, close: EndOfDayReconciliation) -> str:
        return str(close)

    @admin.display(description=_("date"), ordering="reconciliation_date")
    def day(self, close: EndOfDayReconciliation) -> str:
        return display.short_day(close.reconciliation_date)

    @admin.display(description=_("state"), ordering="status")
    def state(self, close: EndOfDayReconciliation) -> SafeString:
        return display.status(close.status, close.get_status_display())

    @admin.display(description=_("settled"), ordering="total_revenue")
    def settled(self, close: EndOfDayReconciliation) -> SafeString:
        return display.amount(close.total_revenue, close.administration.currency)

    @admin.display(description=_("billed"), ordering="total_billed")
    def billed(self, close: EndOfDayReconciliation) -> SafeString:
        return display.amount(close.total_billed, close.administration.currency)

    @admin.display(description=_("outstanding"), ordering="total_outstanding")
    def outstanding(self, close: EndOfDayReconciliation) -> SafeString:
        return display.amount(close.total_outstanding, close.administration.currency)

    @admin.display(description=_("findings"))
    def findings(self, close: EndOfDayReconciliation) -> str:
        return str(len(close.mismatch_details) or "")

    @admin.display(description=_("prepared by"))
    def prepared(self, close: EndOfDayReconciliation) -> str:
        return str(close.prepared_by or _("nightly close"))

    @admin.display(description=_("finalized by"))
    def signed(self, close: EndOfDayReconciliation) -> str:
        return str(close.finalized_by or "")

    def has_finalize_permission(self, request: HttpRequest) -> bool:
        return any(may(request.user, Act.FINALIZE_CLOSE, pk) for pk in roles_of(request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Finalize selected closes"), permissions=["finalize"])
    def finalize_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        closes = [str(pk) for pk in rows.filter(status=Status.DRAFT).order_by().values_list("pk", flat=True)]
        return _start(
            self, request, "finalize_days", gettext_noop("Finalize day closes: %(count)s"), {"closes": closes}
        )

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.close_page)
        return [
            path("day/<uuid:administration_id>/<str:date>/", page, name="billing_close_day"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A close is looked at on the page of its day."""
        close = self.find(request, object_id, Act.READ_CLINIC)
        return HttpResponseRedirect(day_link(close.administration_id, close.reconciliation_date))

    # The page of one day ---------------------------------------------------------------------------------------------

    def close_page(self, request: HttpRequest, administration_id: UUID, date: str) -> HttpResponse:
        """Does it tie out? Five steps on one page: visits, takings, count, findings, signatures."""
        administration = clinic_or_404(request, administration_id, Act.READ_CLINIC)
        day = parsed_day(date)
        if day is None:
            raise Http404
        forms: dict[str, Any] = {}
        if request.method == "POST":
            answer = self._do(request, administration, day, forms)
            if answer:
                return answer
        return self.page(
            request,
            "close_day",
            _("Close %(day)s") % {"day": display.day(day)},
            **_shown(request, administration, day, forms),
        )

    def _do(
        self, request: HttpRequest, administration: Administration, day: date, forms: dict[str, Any]
    ) -> HttpResponse | None:
        """One button of the page: its service, then the page again. A form with an error is kept in ``forms``."""
        name = request.POST.get("do", "")
        button = BUTTONS.get(name)
        if button is None:
            raise Http404
        form = button.form(request.POST, administration=administration)
        if not form.is_valid():
            forms[name] = form
            return None
        address = day_link(administration.pk, day)
        close = _current(administration, day)
        if button.needs_close and close is None:
            raise Http404

        def write() -> str:
            button.press(request, administration, day, close, form)
            return address

        try:
            _address, new = once(request, write)
        except DomainError as refusal:
            if "text" in form.fields or "reason" in form.fields:
                forms[name] = form
            self.message_user(request, said(refusal, administration.currency), messages.ERROR)
            return None if name in forms else HttpResponseRedirect(address)
        if new:
            self.message_user(request, button.done, messages.SUCCESS)
        return HttpResponseRedirect(address)


@dataclass(frozen=True)
class Button:
    """A button of the close page: the service it calls and what it says when that is done."""

    press: Callable[[HttpRequest, Administration, date, Any, Any], Any]
    done: Any
    form: Any = OptionalNoteForm
    needs_close: bool = True


def _prepare(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.close_day(administration, day, by=request.user, close_active_visits="keep_visits" not in request.POST)


def _finalize(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    try:
        seen = parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        seen = None
    if seen is None:
        raise DayChanged()  # a person signs what they have seen
    closing.finalize_day(close, by=request.user, note=form.cleaned_data["text"], seen=seen)


def _refresh(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.refresh_day(close, by=request.user)


def _cancel(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.cancel_day(close, by=request.user, reason=form.cleaned_data["reason"])


def _review(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.review_day(close, by=request.user, note=form.cleaned_data["text"])


def _note(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.add_note(close, text=form.cleaned_data["text"], by=request.user)


BUTTONS = {
    "prepare": Button(_prepare, _("The close is prepared and waits for a signature."), needs_close=False),
    "refresh": Button(_refresh, _("The figures are computed anew.")),
    "cancel": Button(_cancel, _("The close is taken back. Prepare it again when the day is right."), ReasonForm),
    "review": Button(_review, _("Reviewed.")),
    "finalize": Button(_finalize, _("Finalized. The day's entry is in the ledger.")),
    "note": Button(_note, _("The note is added."), NoteForm),
}


def day_link(administration_id: Any, day: date) -> str:
    return link("billing_close_day", administration_id, day.isoformat())


def _current(administration: Administration, day: date) -> EndOfDayReconciliation | None:
    closes = EndOfDayReconciliation.objects.select_related(
        "administration", "clinic_day", "prepared_by", "reviewed_by", "finalized_by", "entry__journal"
    )
    return closes.filter(administration=administration, reconciliation_date=day).order_by("-revision").first()


def _shown(request: HttpRequest, administration: Administration, day: date, forms: dict[str, Any]) -> dict[str, Any]:
    """All that the page of one day shows."""
    user: Any = request.user
    clinic_day = (
        ClinicDay.objects.select_related("administration").filter(administration=administration, date=day).first()
    )
    close = _current(administration, day)
    draft = close is not None and close.status == Status.DRAFT
    signed = close is not None and close.status == Status.FINALIZED
    now = day_figures(clinic_day) if clinic_day and not signed else None
    figures: Any = close if draft or signed else now
    is_stale = bool(draft and now and now.write_to(copy(close)))  # type: ignore[arg-type]
    may_look_back = may(user, Act.REVIEW_CLOSE, administration.pk)
    before = _days_before(administration, day) if may_look_back else []
    active = Visit.objects.filter(administration=administration, date__lte=day, status=Visit.Status.ACTIVE)
    late_elsewhere = (
        Payment.objects.filter(late_for=clinic_day).aggregate(sum=Sum("amount", default=ZERO), count=Count("*"))
        if clinic_day
        else {"count": 0}
    )
    reasons = _why_not(user, administration, day, close, is_stale)
    count = sum(one["payments_count"] for one in figures.breakdown["methods"].values()) if figures else 0
    return {
        "administration": administration,
        "day": day,
        "is_today": day == local_date(administration),
        "previous_link": day_link(administration.pk, day - timedelta(days=1)),
        "next_link": day_link(administration.pk, day + timedelta(days=1)) if day < local_date(administration) else "",
        "close": close,
        "draft": draft,
        "signed": signed,
        "cancelled": close is not None and close.status == Status.CANCELLED,
        "figures": figures,
        "is_stale": is_stale,
        "active": list(active.select_related("patient").order_by("started_at")[:MOST_SHOWN]),
        "active_count": active.count(),
        "active_link": link(
            "billing_visit_changelist", administration__id__exact=administration.pk, status__exact="ACTIVE"
        ),
        "takings": _takings(figures, administration, day, [one for _word, one in before]),
        "before": [word for word, _one in before],
        "before_settled": [one.total_revenue if one else None for _word, one in before],
        "before_billed": [one.total_billed if one else None for _word, one in before],
        "before_outstanding": [one.total_outstanding if one else None for _word, one in before],
        "open": _open(figures, administration, day),
        "bills": _bills(figures, administration, day),
        "late": _late(figures, administration, day),
        "late_elsewhere": late_elsewhere,
        "findings": _findings(figures),
        "steps": _steps(close, administration) if close and close.status != Status.CANCELLED else [],
        "reasons": reasons,
        "buttons": {name: _button_form(name, administration, forms) for name in BUTTONS},
        "open_forms": forms,
        "sentence": ngettext(
            "Finalize %(day)s: %(count)s payment, %(amount)s. Cannot be changed afterwards.",
            "Finalize %(day)s: %(count)s payments, %(amount)s. Cannot be changed afterwards.",
            count,
        )
        % {
            "day": display.day(day).rsplit(" ", 1)[0],
            "count": count,
            "amount": display.money(figures.total_revenue, administration.currency) if figures else "",
        },
        "seen": close.updated_at.isoformat() if close else "",
        "notes": list(close.note_entries.select_related("by")) if close else [],
        "may_prepare": may(user, Act.PREPARE_CLOSE, administration.pk),
        "reads_ledger": may(user, Act.READ_LEDGER, administration.pk),
        "reviews_here": may(user, Act.REVIEW_CLOSE, administration.pk),
        "seal": closing.seal_of(close) if close and close.status == Status.FINALIZED else None,
        "entry_link": link("ledger_journalentry_change", close.entry_id) if close and close.entry_id else "",
    }


def _button_form(name: str, administration: Administration, forms: dict[str, Any]) -> Any:
    """The form of a button; each has its own prefix-free names, so ids are told apart by the button."""
    form = forms.get(name) or BUTTONS[name].form(administration=administration)
    form.auto_id = f"id_{name}_%s"
    return form


def _days_before(administration: Administration, day: date) -> list[tuple[str, EndOfDayReconciliation | None]]:
    """Yesterday and the same weekday a week ago, to hold the day against."""
    wanted = {_("The day before"): day - timedelta(days=1), _("A week before"): day - timedelta(days=7)}
    closes = EndOfDayReconciliation.objects.filter(
        administration=administration, reconciliation_date__in=wanted.values()
    )
    known = {close.reconciliation_date: close for close in closes.exclude(status=Status.CANCELLED).order_by("revision")}
    return [(str(word), known.get(then)) for word, then in wanted.items()]


def _takings(figures: Any, administration: Administration, day: date, before: list[Any]) -> dict[str, list[Taking]]:
    """The methods, money and cover apart; each links to its payments of the day."""
    if figures is None:
        return {"money": [], "cover": []}
    rows: dict[str, list[Taking]] = {"money": [], "cover": []}
    for method in Payment.Method:
        parts = figures.breakdown["methods"][method]
        rows["cover" if method in Payment.COVER else "money"].append(
            Taking(
                word=str(method.label),
                payments=Decimal(parts["gross"]),
                payments_count=parts["payments_count"],
                refunds=-Decimal(parts["refunds"]),
                refunds_count=parts["refunds_count"],
                total=Decimal(parts["total"]),
                link=link(
                    "billing_payment_changelist",
                    administration__id__exact=administration.pk,
                    day=day.isoformat(),
                    method__exact=method,
                ),
                before=[getattr(one, f"total_{method.lower()}") if one else None for one in before],
            )
        )
    return rows


def _open(figures: Any, administration: Administration, day: date) -> dict[str, list[tuple[Any, Decimal, str]]]:
    """What is unpaid at the end of the day, each with the bills that make it up."""
    if figures is None:
        return {}
    parts, at = figures.breakdown["outstanding"], day.isoformat()

    def bills(**query: Any) -> str:
        return link("billing_bill_changelist", administration__id__exact=administration.pk, **query)

    return {
        "parts": [
            (_("owed by patients"), Decimal(parts["patient"]), bills(owed=f"patient@{at}")),
            (_("owed by payers"), Decimal(parts["payer"]), bills(owed=f"payer@{at}")),
        ],
        "beside": [
            (_("of which billed this day"), Decimal(parts["own_day"]), bills(owed=f"any@{at}", day=at)),
            (_("credits of patients, not deducted"), Decimal(parts["credits"]), bills(owed=f"credit@{at}")),
        ],
    }


def _bills(figures: Any, administration: Administration, day: date) -> list[tuple[Any, Decimal, str]]:
    if figures is None:
        return []
    parts = figures.breakdown["bills"]
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat()}
    return [
        (
            _("bills, VAT included"),
            Decimal(parts["billed"]),
            link("billing_bill_changelist", **mine, kind__exact="BILL"),
        ),
        (
            _("credit notes"),
            -Decimal(parts["credited"]),
            link("billing_bill_changelist", **mine, kind__exact="CREDIT_NOTE"),
        ),
        (_("VAT in them"), -Decimal(parts["vat"]), ""),
    ]


def _late(figures: Any, administration: Administration, day: date) -> dict[str, Any]:
    late = figures.breakdown["late"] if figures else {"payments_count": 0}
    if not late["payments_count"]:
        return {}
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat(), "late": "yes"}
    return {
        "count": late["payments_count"],
        "amount": Decimal(late["amount"]),
        "link": link("billing_payment_changelist", **mine),
    }


def _findings(figures: DayFigures | EndOfDayReconciliation | None) -> list[dict[str, Any]]:
    """What does not agree: what it says, what to do, where to look."""
    return [
        {
            "says": describe(mismatch),
            "do": WHAT_TO_DO.get(mismatch["code"], ""),
            "link": link("billing_payment_change", mismatch["payment_id"]) if "payment_id" in mismatch else "",
            "code": mismatch["code"],
        }
        for mismatch in (figures.mismatch_details if figures else [])
    ]


def _steps(close: EndOfDayReconciliation, administration: Administration) -> list[Step]:
    def step(word: Any, person: Any, at: Any, nobody: Any = "") -> Step:
        return Step(
            word, str(person or nobody), display.moment(at, administration.time_zone) if at else "", at is not None
        )

    return [
        step(_("Prepared"), close.prepared_by, close.prepared_at, _("the nightly close")),
        step(_("Reviewed"), close.reviewed_by, close.reviewed_at),
        step(_("Finalized"), close.finalized_by, close.finalized_at),
    ]


def _why_not(user: Any, administration: Administration, day: date, close: Any, is_stale: bool) -> dict[str, Any]:
    """Why a button cannot be pressed now, by its name; the services say the same to whoever presses it anyway."""
    reasons: dict[str, Any] = {}
    if not may(user, Act.PREPARE_CLOSE, administration.pk):
        reasons["prepare"] = reasons["refresh"] = reasons["cancel"] = reasons["note"] = NotAllowed.message
    elif day > local_date(administration):
        reasons["prepare"] = _("That day has not come yet.")
    for name, act in (("review", Act.REVIEW_CLOSE), ("finalize", Act.FINALIZE_CLOSE)):
        if not may(user, act, administration.pk):
            reasons[name] = _("The manager or the owner does this.")
        elif is_stale:
            reasons[name] = _("Something was added since the close was prepared: press Refresh and look again.")
    if close is None or close.status != Status.DRAFT or {"review", "finalize"} <= set(reasons):
        return reasons
    if user.pk in closing.preparers(close) and not administration.single_sign_off:
        second = f"{SecondPersonRequired.message} {SecondPersonRequired.hint}"
        reasons.setdefault("review", second)
        reasons.setdefault("finalize", second)
    if roles_of(user)[administration.pk] == Membership.Role.RECEPTIONIST and not closing.is_clean(close):
        reasons.setdefault("finalize", f"{NotACleanDay.message} {NotACleanDay.hint}")
    return reasons


# Lists ---------------------------------------------------------------------------------------------------------------


class CloseFilter(admin.SimpleListFilter):
    """Days by how far their close is."""

    title = _("close")
    parameter_name = "close"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("none", _("Not prepared")), ("draft", _("Waits for a signature")), ("done", _("Finalized"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        if self.value() == "none":
            return rows.without_close()
        if self.value() == "draft":
            return rows.filter(pk__in=EndOfDayReconciliation.objects.filter(status=Status.DRAFT).values("clinic_day"))
        return rows.filter(is_finalized=True) if self.value() == "done" else rows


@admin.register(ClinicDay)
class ClinicDayAdmin(BillingAdmin):
    list_display = ("day", "state", "close_shown", "administration")
    list_filter = (CloseFilter, "administration")
    list_select_related = ("administration",)
    date_hierarchy = "date"
    ordering = ("-date",)
    actions = ("prepare_selected",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("closes")

    @admin.display(description=_("day"), ordering="date")
    def day(self, clinic_day: ClinicDay) -> str:
        return display.short_day(clinic_day.date)

    @admin.display(description=_("state"))
    def state(self, clinic_day: ClinicDay) -> SafeString:
        close = newest(clinic_day)
        if close is None or close.status == Status.CANCELLED:
            return display.status("OPEN", _("Not prepared"))
        return display.status(close.status, close.get_status_display())

    @admin.display(description=_("close"))
    def close_shown(self, clinic_day: ClinicDay) -> str:
        return str(newest(clinic_day) or "")

    def has_prepare_permission(self, request: HttpRequest) -> bool:
        return any(may(request.user, Act.PREPARE_CLOSE, pk) for pk in roles_of(request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Prepare the close"), permissions=["prepare"])
    def prepare_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        days = [str(pk) for pk in rows.filter(is_finalized=False).order_by().values_list("pk", flat=True)]
        return _start(self, request, "prepare_days", gettext_noop("Prepare day closes: %(count)s"), {"days": days})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        clinic_day = self.find(request, object_id, Act.READ_CLINIC)
        return HttpResponseRedirect(day_link(clinic_day.administration_id, clinic_day.date))


def newest(clinic_day: ClinicDay) -> EndOfDayReconciliation | None:
    """The day's last revision, of closes that are read already."""
    return max(clinic_day.closes.all(), key=lambda close: close.revision, default=None)


@transaction.atomic
def _start(
    page: BillingAdmin, request: HttpRequest, task: str, title: str, arguments: dict[str, list[str]]
) -> HttpResponse:
    """Hand long work to the worker and show how far it is. Doors do not import each other: a task goes by its name."""
    (chosen,) = arguments.values()
    if not chosen:
        page.message_user(request, _("None of these days is open: there is nothing to do."), messages.WARNING)
        return HttpResponseRedirect(request.get_full_path())
    job = start_job(
        f"apps.billing.tasks.{task}",
        title=title,
        by=request.user,  # type: ignore[arg-type]
        arguments=arguments,
        total=len(chosen),
    )
    return HttpResponseRedirect(link("core_job_change", job.pk))


@admin.register(NightlyClose)
class NightlyCloseAdmin(BillingAdmin):
    list_display = ("day", "state_shown", "closes", "refused", "finished", "administration")
    list_filter = ("state", "administration")
    list_select_related = ("administration",)
    date_hierarchy = "date"
    ordering = ("-date",)
    fields = ("administration", "date", "state_shown", "closes", "refusals_shown", "started_at", "finished_at")
    readonly_fields = fields

    @admin.display(description=_("night of"), ordering="date")
    def day(self, run: NightlyClose) -> str:
        return display.short_day(run.date)

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, run: NightlyClose) -> SafeString:
        return display.status(run.state, run.get_state_display())

    @admin.display(description=_("could not close"))
    def refused(self, run: NightlyClose) -> str:
        return str(len(run.refusals) or "")

    @admin.display(description=_("finished"), ordering="finished_at")
    def finished(self, run: NightlyClose) -> str:
        return display.moment(run.finished_at, run.administration.time_zone)

    @admin.display(description=_("could not close"))
    def refusals_shown(self, run: NightlyClose) -> SafeString:
        """Each day with its reason, and the page where it is mended."""
        rows = (
            (
                day_link(run.administration_id, date.fromisoformat(one["date"])),
                display.day(date.fromisoformat(one["date"])),
                one["message"],
            )
            for one in map(told_again, run.refusals)
        )
        return format_html("<ul>{}</ul>", format_html_join("", '<li><a href="{}">{}</a>: {}</li>', rows))
