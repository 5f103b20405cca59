"""Open items: what is outstanding, and what settles it."""

from datetime import date, datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet
from apps.core.money import ZERO, amount_field
from apps.ledger import triggers
from apps.ledger.models.accounts import Account, Party
from apps.ledger.models.entries import Batch, JournalLine
from apps.ledger.models.keys import administration_of_many, named


class OpenItemQuerySet(ScopedQuerySet):
    def as_of(self, day: date | None = None, known_at: datetime | None = None) -> Self:
        """Items dated up to ``day``, each with what is ``open`` of it then: positive for a debit, negative for a
        credit. Without a day: as of now. ``known_at``: from what stood in the books by that moment."""
        settled = Allocation.objects.all()
        items = self
        if known_at is not None:
            settled = settled.filter(created_at__lte=known_at)
            items = items.filter(created_at__lte=known_at)
        if day is not None:
            settled = settled.filter(date__lte=day)
            items = items.filter(date__lte=day)

        def allocated(side: str) -> Any:
            sums = settled.filter(**{side: OuterRef("pk")}).order_by().values(side).annotate(sum=Sum("amount"))
            return Coalesce(Subquery(sums.values("sum")), Value(ZERO), output_field=amount_field())

        return items.annotate(open=F("amount") - allocated("debit") + allocated("credit"))


class OpenItem(Owned):
    """What one line on a control account leaves owing: a debit (positive) or a credit (negative) of one party.

    ``document_type`` and ``document_id`` name what it is about, such as a bill; items of one document settle
    each other. ``reference`` is the number people call it by.
    """

    administration = administration_of_many()
    line = named(JournalLine, related_name="open_items")
    account = named(Account, related_name="open_items", verbose_name=_("account"), db_index=False)
    party = named(Party, related_name="open_items", verbose_name=_("party"))
    date = models.DateField(_("date"))
    due_date = models.DateField(_("due date"), null=True, blank=True)
    amount = amount_field(verbose_name=_("amount"))
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="", db_default="")
    amount_currency = amount_field(verbose_name=_("amount in currency"), null=True, blank=True)
    document_type = models.CharField(max_length=40, blank=True)
    document_id = models.UUIDField(null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    batch = named(Batch, null=True, blank=True, related_name="open_items", verbose_name=_("batch"))
    created_at = models.DateTimeField(
        _("made"),
        default=timezone.now,
        db_default=Now(),
        editable=False,
        help_text="By the clock of the database; nobody else sets it.",
    )

    objects = OpenItemQuerySet.as_manager()

    class Meta:
        ordering = ("date", "id")
        verbose_name = _("open item")
        verbose_name_plural = _("open items")
        constraints = (
            laws.owned("open_item"),
            *laws.same_administration("open_item", "line", "account", "party", "batch"),
            models.CheckConstraint(condition=~Q(amount=0), name="open_item_amount"),
            models.CheckConstraint(
                name="open_item_currency",
                condition=Q(currency="", amount_currency=None)
                | Q(~Q(currency=""), amount_currency__isnull=False, amount_currency__gte=0, amount__gt=0)
                | Q(~Q(currency=""), amount_currency__isnull=False, amount_currency__lte=0, amount__lt=0),
            ),
        )
        indexes = (
            models.Index(fields=["administration", "document_id"], name="open_item_document"),
            models.Index(fields=["account", "party", "date"], name="open_item_party"),
        )
        triggers = (
            triggers.open_item_append_only,
            triggers.open_item_dated,
            triggers.open_item_equals_line,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return self.reference or str(self.party)


class Allocation(Owned):
    """A credit item settles a debit item of the same party and account, from the later of their dates."""

    debit = models.ForeignKey(OpenItem, on_delete=models.PROTECT, related_name="allocations_as_debit")
    credit = models.ForeignKey(OpenItem, on_delete=models.PROTECT, related_name="allocations_as_credit")
    amount = amount_field()
    date = models.DateField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("date", "id")
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = (
            *laws.same_administration("allocation", "debit", "credit"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="allocation_amount"),
        )
        triggers = (triggers.allocation_append_only, triggers.allocation_within_open, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.amount} {self.debit_id} ← {self.credit_id}"
