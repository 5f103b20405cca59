"""Validation runs: each look of the engine at the books of one administration."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned
from apps.issues import triggers
from apps.ledger.models import Period
from apps.ledger.models.keys import person


class ValidationRun(Owned):
    """One look at the books as of the end of ``as_of``: all of them, or what changed since the run before it.

    It is written when it has ended and never changes. ``marks`` are the last numbers that every series had given and
    the batches that were there when it began: the next run looks at what came after them.
    """

    as_of = models.DateField(_("as of"))
    period = models.ForeignKey(
        Period, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("period")
    )
    is_full = models.BooleanField(_("whole"), default=True)
    by = person(verbose_name=_("asked by"))
    started_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"))
    red_count = models.PositiveIntegerField(_("red"))
    yellow_count = models.PositiveIntegerField(_("yellow"))
    new_count = models.PositiveIntegerField(_("new"))
    resolved_count = models.PositiveIntegerField(_("resolved"))
    marks: Any = models.JSONField(default=dict, encoder=DjangoJSONEncoder, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("validation run")
        verbose_name_plural = _("validation runs")
        constraints = (
            laws.owned("validation_run"),
            *laws.same_administration("validation_run", "period"),
            models.CheckConstraint(condition=Q(started_at__lte=F("ended_at")), name="validation_run_ends"),
        )
        indexes = (models.Index(fields=["administration", "-id"], name="validation_run_latest"),)
        triggers = (triggers.run_append_only, laws.no_truncate())

    def __str__(self) -> str:
        return self.as_of.isoformat()

    @property
    def issues_found(self) -> int:
        return self.red_count + self.yellow_count
