"""Handlers of core's own events."""

from apps.core.models import Event, Mail
from apps.core.services import mail


def send_mail(event: Event) -> None:
    """Send the e-mail that the event asked for, unless it was sent or dropped before."""
    asked = Mail.objects.select_for_update().filter(pk=event.subject_id).first()
    if asked is not None:
        mail.send(asked)
