"""What became of a period, step by step, and what the books said when it was finalized."""

import json
from typing import Any

from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, User
from apps.ledger.models import Period, Seal
from apps.periods import triggers

Status = Period.Status


class ClosingPeriod(Period):
    """A period as its workflows see it: its status is what its newest transition says."""

    class Meta:
        proxy = True
        verbose_name = _("period")
        verbose_name_plural = _("periods")
        triggers = (triggers.period_status_told,)


def sha256_of(field: str) -> Func:
    """The SHA-256 of a column of bytes, in hexadecimal, by the database."""
    digest = Func(F(field), function="sha256", output_field=models.BinaryField())
    return Func(digest, Value("hex"), function="encode", output_field=models.CharField())


class Snapshot(Owned):
    """What the reports of a period said when it was finalized: canonical JSON, byte for byte, and its SHA-256.

    ``known_at`` is the moment by which the books are read again to prove it; ``seal`` closes what it was read from.
    """

    class Type(models.TextChoices):
        FINALIZATION = "FINALIZATION", _("Finalization")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="snapshots", verbose_name=_("period"))
    type = models.CharField(max_length=12, choices=Type.choices, default=Type.FINALIZATION)
    known_at = models.DateTimeField(_("known at"))
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, related_name="snapshots", verbose_name=_("seal"))
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("made by"))

    class Meta:
        ordering = ("-known_at",)
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = (
            laws.owned("snapshot"),
            *laws.same_administration("snapshot", "period", "seal"),
            models.CheckConstraint(condition=Q(sha256=sha256_of("content")), name="snapshot_sha256"),
        )
        triggers = (laws.append_only("snapshot_frozen", "a snapshot never changes"), laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.period} {self.sha256[:12]}"

    @property
    def says(self) -> dict[str, Any]:
        """The content, parsed."""
        said: dict[str, Any] = json.loads(bytes(self.content))
        return said


class Transition(Owned):
    """One step of a period from one status to another: who, when, why. Together they are its audit log.

    ``along_with`` is the larger period that took this one along.
    """

    class Action(models.TextChoices):
        REVIEW_START = "REVIEW_START", _("Review begun")
        FINALIZE = "FINALIZE", _("Finalized")
        REOPEN = "REOPEN", _("Reopened")
        LOCK = "LOCK", _("Locked")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="transitions", verbose_name=_("period"))
    number = models.PositiveIntegerField(default=0, editable=False, help_text="Given by the database, from 1.")
    action = models.CharField(_("action"), max_length=12, choices=Action.choices)
    from_status = models.CharField(_("from"), max_length=9, choices=Status.choices)
    to_status = models.CharField(_("to"), max_length=9, choices=Status.choices)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False, help_text="By the clock of the database.")
    notes = models.TextField(_("notes"), blank=True)
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, null=True, related_name="transitions")
    along_with = models.ForeignKey(Period, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("number",)
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        constraints = (
            *laws.same_administration("transition", "period", "snapshot", "along_with"),
            models.UniqueConstraint(fields=["period", "number"], name="transition_number"),
            models.CheckConstraint(
                name="transition_step",
                condition=Q(action="REVIEW_START", from_status="OPEN", to_status="REVIEW")
                | Q(action="FINALIZE", from_status="REVIEW", to_status="FINALIZED")
                | Q(action="FINALIZE", from_status="OPEN", to_status="FINALIZED", along_with__isnull=False)
                | Q(action="REOPEN", from_status="FINALIZED", to_status="REVIEW") & ~Q(notes="")
                | Q(action="LOCK", from_status="FINALIZED", to_status="LOCKED"),
            ),
            models.CheckConstraint(
                name="transition_snapshot",
                condition=Q(action="FINALIZE", snapshot__isnull=False) | ~Q(action="FINALIZE") & Q(snapshot=None),
            ),
        )
        triggers = (
            triggers.transition_follows,
            triggers.transition_told,
            laws.append_only("transition_append_only", "the history of a period never changes"),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.period} {self.action} {self.number}"
