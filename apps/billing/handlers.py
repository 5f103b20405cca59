"""Handlers of events: what follows a moment later. Each may be called twice."""

from datetime import date

from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing.models import NightlyClose
from apps.billing.services.catalogue import open_catalogue
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.errors import told_again
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
    """Tell those who may review what the nightly close prepared and what it could not close; silence when nothing."""
    run = NightlyClose.objects.select_related("administration").get(pk=event.subject_id)
    if not run.closes and not run.refusals:
        return
    signers = Membership.objects.filter(
        administration=event.administration_id, role__in=roles_with(Act.REVIEW_CLOSE), user__is_active=True
    )
    refused = [
        f"{display.day(date.fromisoformat(refusal['date']))}: {refusal['message']}"
        for refusal in map(told_again, run.refusals)
    ]
    waiting = ngettext(
        "%(clinic)s: %(count)d day waits for your signature",
        "%(clinic)s: %(count)d days wait for your signature",
        run.closes,
    )
    send_mail(
        waiting % {"clinic": run.administration, "count": run.closes},
        "\n".join([_("The nightly close prepared them. Look at them and sign."), *refused]),
        None,
        list(signers.values_list("user__email", flat=True)),
    )
