"""The nightly close as a card: how far it is, or why it could not close a day and where that is mended."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.buttons import Way
from apps.billing.models import ClinicDay, EndOfDayReconciliation, NightlyClose
from apps.core.errors import told_again
from apps.core.models import Administration

# The page on which the cause of a refusal is mended.
MENDED_ON: dict[str, tuple[str, Any]] = {
    "PERIOD_MISSING": ("ledger_period_changelist", _("Periods")),
    "PERIOD_CLOSED": ("ledger_period_changelist", _("Periods")),
    "PERIOD_LOCKED": ("ledger_period_changelist", _("Periods")),
    "ACCOUNT_MISSING": ("ledger_account_changelist", _("Accounts")),
    "PRICE_MISSING": ("billing_service_changelist", _("Services")),
}


@dataclass(frozen=True)
class Refused:
    """A day that the night could not close: what was said, and the page that mends it, where we know one."""

    date: date
    message: str
    mend: Way | None


@dataclass(frozen=True)
class Night:
    """A nightly close that is under way, or that could not close a day. ``left`` days wait while it runs."""

    run: NightlyClose
    is_running: bool
    done: int
    left: int
    refusals: list[Refused]
    link: str

    @property
    def total(self) -> int:
        return self.done + self.left

    @property
    def percent(self) -> int:
        return 100 * self.done // max(self.total, 1)

    @property
    def state_url(self) -> str:
        """Where a page that shows it asks how far it is."""
        return link("billing_nightlyclose_state", self.run.pk)


def refusals_of(run: NightlyClose) -> list[Refused]:
    """What ``run`` could not close, in the language of whoever reads it."""
    found = []
    for kept in run.refusals:
        told = told_again(kept)
        page, word = MENDED_ON.get(told.get("code", ""), ("", ""))
        where = link(page) if page else ""
        words = " ".join(str(told[part]) for part in ("message", "hint") if told.get(part))
        found.append(Refused(date.fromisoformat(kept["date"]), words, Way(word, where) if where else None))
    return found


def night_of(administration: Administration, day: date, *, prepared: bool) -> Night | None:
    """The nightly close that ``day`` belongs to, while there is something to say of it.

    A refusal of a day that was ``prepared`` since is past and not told.
    """
    run = NightlyClose.objects.filter(administration=administration, date__gte=day).order_by("date").first()
    if run is None:
        return None
    if run.state == NightlyClose.State.RUNNING:
        return running(run)
    refused = [] if prepared else [one for one in refusals_of(run) if one.date == day]
    where = link("billing_nightlyclose_change", run.pk)
    return Night(run, False, run.closes, 0, refused, where) if refused else None


def running(run: NightlyClose) -> Night:
    """How far a nightly close is."""
    mine = {"administration": run.administration_id}
    made = EndOfDayReconciliation.objects.filter(**mine, prepared_by=None, prepared_at__gte=run.started_at)
    left = ClinicDay.objects.filter(**mine).up_to(run.date).without_close()
    is_running = run.state == NightlyClose.State.RUNNING
    return Night(run, is_running, made.count(), left.count(), [], link("billing_nightlyclose_change", run.pk))
