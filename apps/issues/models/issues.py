"""Issues and the runs that saw them."""

from decimal import Decimal
from typing import Any, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import DecimalField, F, Q, Value
from django.db.models.functions import Abs, Coalesce
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.findings import RED, YELLOW
from apps.core.models import Owned, ScopedQuerySet
from apps.core.money import ZERO, amount_field
from apps.issues import triggers
from apps.issues.models.runs import ValidationRun
from apps.ledger.models import Account, FixedAsset, JournalEntry, OpenItem, Party
from apps.ledger.models.keys import named, person

SEVERITIES = ((RED.value, _("Red")), (YELLOW.value, _("Yellow")))


class IssueQuerySet(ScopedQuerySet):
    def open(self) -> Self:
        return self.filter(resolved_at=None)

    def acknowledged(self) -> Self:
        """Those that a person looked at, whose amount did not move beyond the materiality since."""
        zero = Value(ZERO, output_field=amount_field())
        moved = Abs(Coalesce("amount", zero) - Coalesce("acknowledged_amount", zero), output_field=DecimalField())
        rows = self.filter(acknowledged_at__isnull=False, severity=YELLOW.value).alias(moved=moved)
        return rows.filter(moved__lte=Coalesce("administration__materiality", zero))


class Issue(Owned):
    """A fact about the books that is wrong or suspect, and its life.

    Its fingerprint is the code of the rule and the subject (with ``part``, where a subject may break a rule more than
    once): found again, it is the same row. ``since`` is the business date from which it is true, ``amount`` what is at
    stake, in the book currency. Words are made of code and facts when somebody reads them: see ``words.py``.
    """

    code = models.CharField(_("code"), max_length=40)
    subject_type = models.CharField(_("about"), max_length=60)
    subject_id = models.UUIDField(_("its id"))
    part = models.CharField(_("part"), max_length=80, blank=True)
    severity = models.CharField(_("severity"), max_length=6, choices=SEVERITIES)
    facts: Any = models.JSONField(_("facts"), default=dict, encoder=DjangoJSONEncoder)
    amount = amount_field(verbose_name=_("amount"), null=True)
    since = models.DateField(_("since"))
    entry = named(JournalEntry, null=True, verbose_name=_("journal entry"))
    account = named(Account, null=True, verbose_name=_("account"), db_index=False)
    party = named(Party, null=True, verbose_name=_("party"), db_index=False)
    open_item = named(OpenItem, null=True, verbose_name=_("open item"), db_index=False)
    fixed_asset = named(FixedAsset, null=True, verbose_name=_("fixed asset"), db_index=False)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    reopened_at = models.DateTimeField(_("came back"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    acknowledged_by = person(verbose_name=_("acknowledged by"))
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_amount = amount_field(verbose_name=_("acknowledged at"), null=True)
    acknowledged_note = models.CharField(_("note"), max_length=1000, blank=True)

    objects = IssueQuerySet.as_manager()

    class Meta:
        ordering = ("severity", "since", "id")
        verbose_name = _("issue")
        verbose_name_plural = _("issues")
        constraints = (
            laws.owned("issue"),
            *laws.same_administration("issue", "entry", "account", "party", "open_item", "fixed_asset"),
            models.UniqueConstraint(
                fields=["administration", "code", "subject_type", "subject_id", "part"], name="issue_fingerprint"
            ),
            models.CheckConstraint(condition=Q(first_seen_at__lte=F("last_seen_at")), name="issue_seen_in_order"),
            models.CheckConstraint(
                name="issue_acknowledged_by_somebody",
                condition=Q(acknowledged_at=None, acknowledged_by=None, acknowledged_amount=None, acknowledged_note="")
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
            ),
        )
        indexes = (
            models.Index(
                fields=["administration", "severity", "since"], condition=Q(resolved_at=None), name="issue_open"
            ),
        )
        triggers = (triggers.issue_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.code

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        return self.code, self.subject_type, self.subject_id, self.part

    def acknowledges(self, severity: str, amount: Decimal | None, materiality: Decimal | None) -> bool:
        """Whether it was acknowledged as what a run saw of it: yellow, and no further from the amount than that."""
        if self.acknowledged_at is None or severity != YELLOW:
            return False
        return abs((amount or ZERO) - (self.acknowledged_amount or ZERO)) <= (materiality or ZERO)

    @property
    def is_acknowledged(self) -> bool:
        """As it stands now. What is red is mended, not acknowledged."""
        return self.acknowledges(self.severity, self.amount, self.administration.materiality)


class Sighting(Owned):
    """An issue as one run saw it: how bad, and how much was at stake."""

    run = models.ForeignKey(
        ValidationRun, on_delete=models.PROTECT, related_name="sightings", verbose_name=_("validation run")
    )
    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="sightings", verbose_name=_("issue"))
    severity = models.CharField(_("severity"), max_length=6, choices=SEVERITIES)
    amount = amount_field(verbose_name=_("amount"), null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("sighting")
        verbose_name_plural = _("sightings")
        constraints = (
            *laws.same_administration("sighting", "run", "issue"),
            models.UniqueConstraint(fields=["run", "issue"], name="one_sighting_per_run"),
        )
        triggers = (triggers.sighting_append_only, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.severity} {self.amount}"
