"""The home page: what is open today, for the desk; what to sign, for the manager; where to look, for the others."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import blind
from apps.billing.admin.base import chosen, clinics, link, name_of
from apps.billing.admin.closes import Status, day_link, newest
from apps.billing.importing.mapping import SHIPPED
from apps.billing.models import (
    Bill,
    BillLine,
    Claim,
    ClinicDay,
    Discount,
    Drawer,
    Leak,
    NightlyClose,
    Order,
    Outstanding,
    Payment,
    Service,
    Shift,
    Visit,
)
from apps.billing.reports.claims import with_open
from apps.billing.reports.drawers import cash_hidden, days_hidden
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import told_again
from apps.core.models import Administration, Delivery
from apps.core.money import ZERO
from apps.core.permissions import Act, may

MOST_VISITS = 20
MOST_DAYS = 8


@dataclass(frozen=True)
class ActiveVisit:
    """Somebody who is here, what they owe, and the bill to take it for."""

    visit: Visit
    name: str
    owed: Decimal
    bill: Any
    since: str
    waited: str
    to_give: int  # orders that are not done yet
    to_bill: bool  # something was done and is on no bill


@dataclass(frozen=True)
class Bar:
    """The takings of one method, and their share of the largest in percent."""

    word: str
    amount: Decimal
    share: int
    link: str


def shown(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows to this person: a constant number of queries, whatever history holds."""
    user: Any = request.user
    mine = clinics(request)
    context = {**context, "operator": user.is_superuser}
    if user.is_superuser:
        context["gave_up"] = Delivery.objects.filter(gave_up_at__isnull=False).count()
    if not mine:
        return {**context, "nobody": not user.is_superuser}
    administration = chosen(request, mine)
    pk = administration.pk
    today = local_date(administration)
    page = {
        **context,
        "clinics": mine,
        "administration": administration,
        "today": today,
        "close_link": day_link(pk, today),
        "desk": may(user, Act.TAKE_PAYMENTS, pk),
        "signs": may(user, Act.REVIEW_CLOSE, pk),
        "reads_ledger": may(user, Act.READ_LEDGER, pk),
        "manages": may(user, Act.MANAGE_PEOPLE, pk),
    }
    if may(user, Act.READ_CLINIC, pk):
        page |= _waiting(administration, today) | _leaks(administration, today)
    if may(user, Act.APPROVE, pk):
        page |= _discounts(administration)
    if may(user, Act.KEEP_CLAIMS, pk):
        page["claims"] = _claims(administration)
    if page["desk"]:
        page |= _desk(administration, today, user)
    return page


def import_template(request: HttpRequest) -> HttpResponse:
    """The commented mapping to start an import from, as a file to keep."""
    kept = {"Content-Disposition": 'attachment; filename="daybook-import.toml"'}
    return HttpResponse((SHIPPED / "template.toml").read_bytes(), content_type="application/toml", headers=kept)


# Pages of the drawer that the desk opens from home.
DRAWER = (
    ("billing_cash_movement", _("Petty cash")),
    ("billing_shift_count", _("Count the drawer")),
    ("billing_shift_handover", _("Hand over the shift")),
)


def _drawer_links(administration: Administration, shift: Shift | None) -> list[tuple[Any, str]]:
    """The pages of the drawer that there are: of the open shift, otherwise the one that opens it."""
    if shift:
        found = [(word, link(name, shift.pk)) for name, word in DRAWER]
    elif Drawer.objects.filter(administration=administration, is_active=True).exists():
        found = [(_("Open a shift"), link("billing_shift_add", administration=administration.pk))]
    else:
        found = []
    return [(word, where) for word, where in found if where]


def _shift(day: ClinicDay | None, user: Any) -> Shift | None:
    """The open shift of the day: one's own, otherwise the only one."""
    open_ = list(Shift.objects.filter(clinic_day=day, closed_at=None).order_by("opened_at")) if day else []
    own = [shift for shift in open_ if shift.cashier_id == user.pk]
    return next(iter(own or (open_ if len(open_) == 1 else [])), None)


def _discounts(administration: Administration) -> dict[str, Any]:
    """Discounts above the limit, which count only once somebody approves them."""
    waiting = Discount.objects.filter(administration=administration, approved_at=None)
    sums = waiting.aggregate(count=Count("*"), sum=Sum("amount", default=ZERO))
    where = link("billing_discount_changelist", administration__id__exact=administration.pk, approval="waiting")
    return {"discounts": sums, "discounts_link": where}


def _claims(administration: Administration) -> list[dict[str, Any]]:
    """Claims that wait for somebody here, not for their payer: drafts, and what was rejected and not sent again."""
    words = {Claim.Status.DRAFT: _("to submit"), Claim.Status.REJECTED: _("rejected, to mend and send again")}
    waiting = Claim.objects.filter(administration=administration, status__in=words)
    rows = with_open(waiting).exclude(open=0).order_by().values("status").annotate(count=Count("pk"), sum=Sum("open"))
    mine = {"administration__id__exact": administration.pk, "open": "yes"}
    return [
        {
            **row,
            "word": words[row["status"]],
            "link": link("billing_claim_changelist", **mine, status__exact=row["status"]),
        }
        for row in sorted(rows, key=lambda row: str(row["status"]))
    ]


def _leaks(administration: Administration, today: date) -> dict[str, Any]:
    """Care that was given and not, or not fully, billed or paid, and that nobody has looked at yet."""
    rows = Leak.objects.filter(administration=administration, state=Leak.State.OPEN, day__lte=today)
    return {
        "leaks": rows.aggregate(count=Count("*"), sum=Sum("amount", default=ZERO)),
        "leaks_link": link("billing_leak_changelist", administration__id__exact=administration.pk),
    }


def _desk(administration: Administration, today: date, user: Any) -> dict[str, Any]:
    mine = {"administration__id__exact": administration.pk}
    day = ClinicDay.objects.filter(administration=administration, date=today).first()
    visits = Visit.objects.filter(administration=administration)
    active = visits.filter(status=Visit.Status.ACTIVE, date__lte=today)
    unpaid = (
        Outstanding.objects.now()
        .filter(clinic_day=day, debtor=Outstanding.Debtor.PATIENT, amount__gt=0)
        .aggregate(sum=Sum("amount", default=ZERO), count=Count("*"))
    )
    sums = dict(Payment.objects.filter(clinic_day=day).order_by().values_list("method").annotate(sum=Sum("amount")))
    here = _active(active, today, user)
    longest = next((one for one in here if one.waited), None)
    hidden = day is not None and cash_hidden(day)
    return {
        "visits_count": visits.filter(date=today).count(),
        "active_count": active.count(),
        "bills_count": Bill.objects.filter(clinic_day=day, kind=Bill.Kind.BILL).count(),
        "unpaid": unpaid,
        "visits_link": link("billing_visit_changelist", **mine, day=today.isoformat()),
        "active_link": link("billing_visit_changelist", **mine, status__exact="ACTIVE"),
        "bills_link": link("billing_bill_changelist", **mine, day=today.isoformat(), kind__exact="BILL"),
        "unpaid_link": link("billing_bill_changelist", **mine, day=today.isoformat(), owed="patient"),
        "bars": _bars(sums, mine, today, with_cash=not hidden),
        "cash_shown": not hidden,
        "drawer": _drawer_links(administration, _shift(day, user)),
        "active": here,
        "longest": longest.waited if longest else "",
        "longest_link": link("billing_visit_change", longest.visit.pk)
        if longest
        else link("billing_visit_changelist", **mine, day=today.isoformat()),
        "no_services": not Service.objects.filter(administration=administration, is_active=True).exists(),
        "sets_prices": may(user, Act.SET_PRICES, administration.pk),
    }


def _bars(sums: dict[str, Decimal], mine: dict[str, Any], today: date, *, with_cash: bool) -> list[Bar]:
    methods = [method for method in Payment.Method if with_cash or method != Payment.Method.CASH]
    largest = max((sums.get(method, ZERO) for method in methods), default=ZERO)
    return [
        Bar(
            str(method.label),
            sums.get(method, ZERO),
            int(100 * max(sums.get(method, ZERO), ZERO) / largest) if largest > 0 else 0,
            link("billing_payment_changelist", **mine, day=today.isoformat(), method__exact=method),
        )
        for method in methods
    ]


def _active(active: Any, today: date, user: Any) -> list[ActiveVisit]:
    """Who is here, longest first, with the oldest bill that they still owe on."""
    visits = list(active.select_related("administration", "patient__identity").order_by("started_at")[:MOST_VISITS])
    owed: dict[Any, Decimal] = {}
    bills: dict[Any, Any] = {}
    rows = Outstanding.objects.now().filter(visit__in=visits, debtor=Outstanding.Debtor.PATIENT, amount__gt=0)
    for visit, bill, amount in rows.order_by("bill").values_list("visit", "bill", "amount"):
        owed[visit] = owed.get(visit, ZERO) + amount
        bills.setdefault(visit, bill)
    to_give, to_bill = _orders(visits)
    return [
        ActiveVisit(
            visit,
            name_of(visit.patient, user),
            owed.get(visit.pk, ZERO),
            bills.get(visit.pk),
            _since(visit, today),
            _waited(visit) if visit.date == today else "",
            to_give.get(visit.pk, 0),
            visit.pk in to_bill,
        )
        for visit in visits
    ]


def _orders(visits: list[Visit]) -> tuple[dict[Any, int], set[Any]]:
    """How many orders of each visit wait to be given, and the visits on which something given is on no bill."""
    orders = Order.objects.filter(visit__in=visits, cancelled_at=None).order_by()
    to_give = orders.filter(completed_at=None).values_list("visit").annotate(count=Count("*"))
    given = orders.filter(completed_quantity__gt=0, coverage_reason="")
    billed = BillLine.objects.filter(order=OuterRef("pk"), bill__kind=Bill.Kind.BILL, bill__credit_notes=None)
    return dict(to_give), set(given.exclude(Exists(billed)).values_list("visit", flat=True))


def _since(visit: Visit, today: date) -> str:
    """The clock for today's visits, the whole moment for older ones."""
    moment = display.moment(visit.started_at, visit.administration.time_zone)
    return moment.rsplit(" ", 1)[1] if visit.date == today else moment


def _waited(visit: Visit) -> str:
    minutes = int((timezone.now() - visit.started_at) / timedelta(minutes=1))
    return f"{minutes // 60}:{minutes % 60:02d}"


def _waiting(administration: Administration, today: date) -> dict[str, Any]:
    """Days that are not finalized: those that wait for a signature and those that nobody prepared; and the night."""
    days = (
        ClinicDay.objects.filter(administration=administration, is_finalized=False, date__lte=today)
        .order_by("-date")
        .prefetch_related("closes__prepared_by")[: 4 * MOST_DAYS]
    )
    to_sign, unprepared, close_of_today = [], [], None
    for day in days:
        close = newest(day)
        if close is not None and close.status == Status.DRAFT:
            to_sign.append(close)
        elif day.date < today:
            unprepared.append(day.date)
        if day.date == today and close is not None and close.status != Status.CANCELLED:
            close_of_today = close
    night = NightlyClose.objects.filter(administration=administration).order_by("-date").first()
    if close_of_today is None:
        finalized = ClinicDay.objects.filter(administration=administration, is_finalized=True, date=today).first()
        close_of_today = newest(finalized) if finalized else None
    hidden = days_hidden({close.clinic_day_id for close in to_sign[:MOST_DAYS]})
    return {
        "to_sign": [
            (
                close,
                day_link(administration.pk, close.reconciliation_date),
                blind.money(
                    blind.seen(close.total_revenue, hidden=close.clinic_day_id in hidden), administration.currency
                ),
            )
            for close in to_sign[:MOST_DAYS]
        ],
        "to_sign_more": max(len(to_sign) - MOST_DAYS, 0),
        "to_sign_link": link(
            "billing_endofdayreconciliation_changelist",
            administration__id__exact=administration.pk,
            status__exact="DRAFT",
        ),
        "unprepared": [(day, day_link(administration.pk, day)) for day in unprepared[:MOST_DAYS]],
        "unprepared_more": max(len(unprepared) - MOST_DAYS, 0),
        "unprepared_link": link(
            "billing_clinicday_changelist", administration__id__exact=administration.pk, close="none"
        ),
        "night": night if night and night.state == NightlyClose.State.REFUSED else None,
        "night_refusals": [
            (display.day(date.fromisoformat(one["date"])), told_again(one)["message"])
            for one in (night.refusals if night else ())
        ],
        "night_link": link("billing_nightlyclose_change", night.pk) if night else "",
        "close_of_today": close_of_today,
    }
