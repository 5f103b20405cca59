"""Handlers of billing's events: what a person is told a moment later."""

from django.core.mail import send_mail
from django.utils.translation import gettext as _

from apps.billing.models import EndOfDayReconciliation
from apps.core.models import Event, Membership
from apps.core.permissions import Act, roles_with


def mail_signers(event: Event) -> None:
    """Tell those who may review that a day which the nightly job prepared waits for a signature."""
    if event.by_id:
        return
    close = EndOfDayReconciliation.objects.select_related("administration").get(pk=event.subject_id)
    if close.status != EndOfDayReconciliation.Status.DRAFT:
        return
    signers = Membership.objects.filter(
        administration=event.administration_id, role__in=roles_with(Act.REVIEW_CLOSE), user__is_active=True
    )
    send_mail(
        _("%(close)s waits for your signature") % {"close": close},
        _("%(clinic)s, %(date)s: the day was prepared by the nightly close. Look at it and sign.")
        % {"clinic": close.administration, "date": close.reconciliation_date},
        None,
        list(signers.values_list("user__email", flat=True)),
    )
