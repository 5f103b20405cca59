"""What the outbox holds, sent at once, as the dispatcher would a moment later."""

import re

from django.core import mail as sent_mail

from apps.core.models import Mail
from apps.core.services import mail


def delivered():
    """Send what waits; the messages of this test so far."""
    for waiting in Mail.objects.filter(sent_at=None).order_by("id"):
        mail.send(waiting)
    return sent_mail.outbox


def secret_for(address):
    """The token of the link in the latest e-mail to ``address``."""
    bodies = [message.body for message in delivered() if message.to == [address]]
    return re.search(r"\?token=([\w-]+)", bodies[-1]).group(1)
