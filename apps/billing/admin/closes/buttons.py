"""The buttons of the close page: the service that each presses, and why one cannot be pressed now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.billing.admin.base import link
from apps.billing.admin.closes.addresses import Status
from apps.billing.errors import DayChanged, NotACleanDay
from apps.billing.forms import NoteForm, OptionalNoteForm, ReasonForm
from apps.billing.models import Bill, Discount, EndOfDayReconciliation, Payment, TopUp, Visit
from apps.billing.services import closing
from apps.billing.services.asking import ask_to_sign, signers
from apps.billing.services.charging import close_visit
from apps.billing.services.days import local_date
from apps.billing.services.settings import settings_of
from apps.core.errors import NotAllowed, SecondPersonRequired
from apps.core.models import Administration, Membership
from apps.core.permissions import Act, may, roles_of
from apps.ledger.models import Period

# So many visits are closed by one press; where more are open, preparing the close ends them all.
MOST_VISITS = 200


@dataclass(frozen=True)
class Button:
    """A button of the close page: the service it calls and what it says when that is done."""

    press: Callable[[HttpRequest, Administration, date, Any, Any], Any]
    done: Any
    form: Any = OptionalNoteForm
    needs_close: bool = True


def _close_visits(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    for visit in waiting_visits(administration, day).filter(is_inpatient=False)[:MOST_VISITS]:
        close_visit(visit, by=request.user)


def _prepare(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    closing.close_day(administration, day, by=request.user, close_active_visits="keep_visits" not in request.POST)


def _send(request: Any, administration: Administration, day: date, close: Any, form: Any) -> None:
    ask_to_sign(close, by=request.user)


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
    "visits": Button(_close_visits, _("The visits are closed; they still take payments."), needs_close=False),
    "prepare": Button(_prepare, _("The close is prepared and waits for a signature."), needs_close=False),
    "refresh": Button(_refresh, _("The figures are computed anew.")),
    "cancel": Button(_cancel, _("The close is taken back. Prepare it again when the day is right."), ReasonForm),
    "send": Button(_send, _("Sent: whoever may sign finds it on their page and in their mail.")),
    "review": Button(_review, _("Reviewed.")),
    "finalize": Button(_finalize, _("Finalized. The day's entry is in the ledger.")),
    "note": Button(_note, _("The note is added."), NoteForm),
}


def waiting_visits(administration: Administration, day: date) -> Any:
    """Visits that are still active, of that day and of those before; inpatients among them."""
    active = Visit.objects.filter(administration=administration, date__lte=day, status=Visit.Status.ACTIVE)
    return active.select_related("patient").order_by("started_at")


# Why not -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A link that leads to what mends something."""

    word: Any
    link: str


@dataclass(frozen=True)
class WhyNot:
    """Why a button cannot be pressed now, and what mends it."""

    words: Any
    ways: list[Way] = field(default_factory=list)

    def __str__(self) -> str:
        return str(self.words)


def why_not(
    user: Any, administration: Administration, day: date, close: Any, *, stale: bool, hidden: bool, uncounted: list[Way]
) -> dict[str, WhyNot]:
    """Why each button cannot be pressed now, by its name; the services say the same to whoever presses it anyway.

    ``uncounted`` are the drawers that wait for their count, each with the page that counts it.
    """
    reasons: dict[str, WhyNot] = {}
    if not may(user, Act.PREPARE_CLOSE, administration.pk):
        refused = WhyNot(NotAllowed.message)
        reasons |= dict.fromkeys(("visits", "prepare", "refresh", "cancel", "send", "note"), refused)
    elif day > local_date(administration):
        reasons["prepare"] = WhyNot(_("That day has not come yet."))
    if close is not None and close.revision > 1 and not may(user, Act.REOPEN_CLOSE, administration.pk):
        reasons["cancel"] = WhyNot(_("The manager or the owner does this."))
    for name, act in (("review", Act.REVIEW_CLOSE), ("finalize", Act.FINALIZE_CLOSE)):
        if not may(user, act, administration.pk):
            reasons[name] = WhyNot(_("The manager or the owner does this."))
    if close is None or close.status != Status.DRAFT:
        return reasons
    for name in ("review", "finalize"):
        if hidden:
            words = ngettext("A drawer waits for its count.", "Drawers wait for their count.", len(uncounted) or 1)
            reasons.setdefault(name, WhyNot(words, [way for way in uncounted if way.link]))
        if stale:
            reasons.setdefault(name, WhyNot(_("Something was added since the close was prepared: press Refresh.")))
    if "finalize" not in reasons:
        reasons |= _why_not_signed(user, administration, day, close)
    return reasons


def _why_not_signed(user: Any, administration: Administration, day: date, close: Any) -> dict[str, WhyNot]:
    if user.pk in closing.preparers(close) and not administration.single_sign_off:
        others = [str(one) for one in signers(close) if one.pk != user.pk]
        words = [str(SecondPersonRequired.message), str(SecondPersonRequired.hint)]
        if others:
            words.append(_now("It can be signed by %(names)s.") % {"names": ", ".join(others)})
        second = WhyNot(" ".join(words))
        return {"review": second, "finalize": second}
    if roles_of(user)[administration.pk] == Membership.Role.RECEPTIONIST and not closing.is_clean(close):
        words = [str(NotACleanDay.message), str(NotACleanDay.hint)]
        return {"finalize": WhyNot(" ".join(words), not_clean(close))}
    return _why_not_posted(user, administration, day)


def _why_not_posted(user: Any, administration: Administration, day: date) -> dict[str, WhyNot]:
    """A day is signed into an open period."""
    period = Period.objects.covering(administration, day)
    if period is not None and period.admits_posting:
        return {}
    ways = (
        [Way(_("Periods"), link("ledger_period_changelist"))] if may(user, Act.READ_LEDGER, administration.pk) else []
    )
    if period is None:
        return {"finalize": WhyNot(_("No accounting period holds this day: the accountant opens one."), ways)}
    words = _("%(period)s is %(status)s, so the day's entry cannot be posted: the accountant decides.")
    return {"finalize": WhyNot(words % {"period": period, "status": period.get_status_display()}, ways)}


def not_clean(close: EndOfDayReconciliation) -> list[Way]:
    """What keeps a receptionist from signing a day, each with the rows that are meant."""
    mine: dict[str, Any] = {
        "administration__id__exact": close.administration_id,
        "day": close.reconciliation_date.isoformat(),
    }
    payments = Payment.objects.filter(clinic_day=close.clinic_day_id).order_by().values_list("kind")
    given_back = dict(payments.exclude(kind=Payment.Kind.PAYMENT).annotate(count=Count("*")))
    credited = Bill.objects.filter(clinic_day=close.clinic_day_id, kind=Bill.Kind.CREDIT_NOTE).count()
    limit = settings_of(close.administration).discount_limit
    waiting = Discount.objects.filter(
        line__bill__clinic_day=close.clinic_day_id, approved_at=None, percentage__gt=limit
    ).count()
    paid_out = TopUp.objects.filter(clinic_day=close.clinic_day_id, amount__lt=0).count()
    differing = sum(1 for one in close.breakdown.get("drawers", ()) if Decimal(one["difference"] or 1))
    found: list[tuple[int, Any, str]] = [
        (
            given_back.get(kind, 0),
            word,
            link("billing_payment_changelist", **mine, kind__exact=kind),
        )
        for kind, word in ((Payment.Kind.REFUND, _("refunds")), (Payment.Kind.CHARGEBACK, _("chargebacks")))
    ]
    found += [
        (credited, _("credit notes"), link("billing_bill_changelist", **mine, kind__exact=Bill.Kind.CREDIT_NOTE)),
        (paid_out, _("money taken out of wallets"), link("billing_topup_changelist", **mine)),
        (differing, _("drawers with a difference"), "#count"),
        (waiting, _("discounts that nobody approved"), link("billing_discount_changelist", **mine)),
        (len(close.mismatch_details), _("things that do not agree"), "#findings"),
        (int(close.prepared_by_id is None), _("prepared by the nightly close"), "#sign"),
    ]
    return [Way(f"{count} {word}" if count > 1 else word, where) for count, word, where in found if count]
