"""Handlers of events: what follows a moment later. Each may be called twice."""

from django.core.mail import send_mail
from django.utils.translation import gettext as _

from apps.billing.models import EndOfDayReconciliation
from apps.billing.services.catalogue import open_catalogue
from apps.billing.services.days import local_date
from apps.core.models import Administration, Event, Membership
from apps.core.permissions import Act, roles_with
from apps.ledger.services.opening import open_books, open_years


def open_clinic(event: Event) -> None:
    """Give a new administration its chart, its journals, this year's periods and the usual service groups."""
    administration = Administration.objects.get(pk=event.subject_id)
    open_books(administration, chart="nl" if administration.country == "NL" else "general", by=event.by)
    year = local_date(administration).year
    open_years(administration, year, year)
    open_catalogue(administration)


def mail_signers(event: Event) -> None:
    """Tell those who may review that a day which the nightly close prepared waits for a signature."""
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
