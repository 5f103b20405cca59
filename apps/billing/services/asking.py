"""Ask for a signature under a prepared day close."""

from django.conf import settings
from django.db import transaction
from django.utils import translation

from apps.billing.errors import AlreadyFinalized, DayCloseCancelled
from apps.billing.models import EndOfDayReconciliation
from apps.billing.services.closing import preparers
from apps.core import display
from apps.core.events import record
from apps.core.models import Event, Membership, User
from apps.core.permissions import Act, require, roles_with
from apps.core.services import mail

Status = EndOfDayReconciliation.Status
SENT = "billing.day_sent_to_sign"


@transaction.atomic
def ask_to_sign(close: EndOfDayReconciliation, *, by: User) -> bool:
    """Ask everybody who may sign ``close`` for it by e-mail, and return whether anybody was asked now.

    Who was asked about these figures is not asked again. Raises AlreadyFinalized or DayCloseCancelled.
    """
    require(by, Act.PREPARE_CLOSE, close.administration_id)
    close = (
        EndOfDayReconciliation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("administration", "clinic_day")
        .get(pk=close.pk)
    )
    if close.status == Status.FINALIZED:
        raise AlreadyFinalized(close=str(close))
    if close.status == Status.CANCELLED:
        raise DayCloseCancelled(close=str(close))
    if sent_to_sign(close):
        return False
    record(SENT, close, by=by)
    for user in signers(close):
        language = user.language or settings.LANGUAGE_CODE
        with translation.override(language):
            day = str(display.day(close.reconciliation_date))
        mail.ask(
            "day_to_sign",
            user.email,
            language=language,
            clinic=close.administration.name,
            close=str(close),
            day=day,
            administration=str(close.administration_id),
            date=close.reconciliation_date.isoformat(),
        )
    return True


def sent_to_sign(close: EndOfDayReconciliation) -> Event | None:
    """When and by whom a signature was asked for under the figures as they are; None when nobody asked yet."""
    sent = Event.objects.filter(name=SENT, subject_id=close.pk, at__gte=close.updated_at)
    found: Event | None = sent.select_related("by").order_by("-id").first()
    return found


def signers(close: EndOfDayReconciliation) -> list[User]:
    """Who may review and sign ``close``: not its preparers, unless one person's signature is enough here."""
    members = Membership.objects.filter(
        administration=close.administration_id, role__in=roles_with(Act.REVIEW_CLOSE), user__is_active=True
    )
    people = User.objects.filter(memberships__in=members).order_by("full_name", "pk")
    alone = set() if close.administration.single_sign_off else preparers(close)
    return [user for user in people if user.pk not in alone]
