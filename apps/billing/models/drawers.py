"""Cash: drawers, the shifts at them, what else goes in and out, and blind counts. Card terminals' own totals."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.days import ClinicDay
from apps.core import laws
from apps.core.models import Owned, User
from apps.core.money import amount_field
from apps.ledger.models import Account


class Drawer(Owned):
    """A place where cash is kept."""

    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=100)
    standard_float = amount_field(
        default=0, verbose_name=_("standard float"), help_text=_("What stays in it overnight, for change.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("code",)
        verbose_name = _("drawer")
        verbose_name_plural = _("drawers")
        constraints = (
            laws.owned("drawer"),
            models.UniqueConstraint(fields=["administration", "code"], name="drawer_code"),
            models.CheckConstraint(condition=Q(standard_float__gte=0), name="standard_float_not_negative"),
        )

    def __str__(self) -> str:
        return self.name


class Shift(Owned):
    """Somebody's time at a drawer on one clinic day. It ends with the final count; the next one starts from that."""

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="shifts", verbose_name=_("day"))
    drawer = models.ForeignKey(Drawer, on_delete=models.PROTECT, related_name="shifts", verbose_name=_("drawer"))
    cashier = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("cashier"))
    opening_float = amount_field(verbose_name=_("opening float"))
    retained = amount_field(
        null=True,
        editable=False,
        verbose_name=_("retained before"),
        help_text=_("What the shift before left in the drawer; empty for the first."),
    )
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-opened_at", "-id")
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        constraints: Any = (
            laws.owned("shift"),
            *laws.same_administration("shift", "clinic_day", "drawer"),
            models.UniqueConstraint(fields=["drawer"], condition=Q(closed_at=None), name="one_open_shift_per_drawer"),
            models.CheckConstraint(condition=Q(opening_float__gte=0), name="opening_float_not_negative"),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="shift_source"),
        )
        triggers = (triggers.shift_kept, triggers.day_open, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.drawer} · {self.opened_at:%Y-%m-%d}"


class CashMovement(Owned):
    """Cash that goes into or out of a drawer and is no payment: petty cash, change, a deposit at the bank."""

    class Kind(models.TextChoices):
        PAY_IN = "PAY_IN", _("Pay-in")
        PAY_OUT = "PAY_OUT", _("Pay-out")
        DEPOSIT = "DEPOSIT", _("Deposit at the bank")

    clinic_day = models.ForeignKey(
        ClinicDay, on_delete=models.PROTECT, related_name="cash_movements", verbose_name=_("day")
    )
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="movements", verbose_name=_("shift"))
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    amount = amount_field(verbose_name=_("amount"))
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("account"),
        help_text=_("What it was spent on, or where it comes from; a deposit goes to the bank."),
    )
    after_count = models.BooleanField(
        _("after the count"), default=False, editable=False, help_text=_("A deposit out of what was counted.")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    reference = models.CharField(_("reference"), max_length=100, blank=True, help_text=_("Bag or slip number."))
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("cash movement")
        verbose_name_plural = _("cash movements")
        constraints: Any = (
            laws.owned("cash_movement"),
            *laws.same_administration("cash_movement", "clinic_day", "shift", "account"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="cash_movement_positive"),
            models.UniqueConstraint(fields=["administration", "number"], name="cash_movement_number"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="cash_movement_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="cash_movement_source"
            ),
        )
        triggers = (
            triggers.cash_movement_append_only,
            triggers.day_open,
            triggers.cash_movement_shift_open,
            *laws.numbered("'cash_movement'"),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"K-{self.number or 0:06d}"


class DrawerCount(Owned):
    """What somebody counted in a drawer, blind. ``expected`` and ``difference`` stand in the final count alone."""

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="counts", verbose_name=_("day"))
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="counts", verbose_name=_("shift"))
    revision = models.PositiveSmallIntegerField(_("revision"), default=1, editable=False)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1, editable=False)
    denominations: Any = models.JSONField(
        _("denominations"), default=list, blank=True, help_text=_('Such as [{"value": "50.00", "count": 3}].')
    )
    total = amount_field(verbose_name=_("counted"))
    is_final = models.BooleanField(_("final"), default=False, editable=False)
    expected = amount_field(verbose_name=_("expected"), null=True, editable=False)
    difference = amount_field(verbose_name=_("difference"), null=True, editable=False)
    counted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("counted by")
    )
    counted_at = models.DateTimeField(_("counted at"), default=timezone.now)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("count")
        verbose_name_plural = _("counts")
        constraints: Any = (
            laws.owned("count"),
            *laws.same_administration("count", "clinic_day", "shift"),
            models.CheckConstraint(condition=Q(total__gte=0), name="count_not_negative"),
            models.UniqueConstraint(fields=["shift", "revision", "attempt"], name="count_attempt"),
            models.UniqueConstraint(
                fields=["shift", "revision"], condition=Q(is_final=True), name="one_final_count_per_shift"
            ),
            models.CheckConstraint(
                condition=Q(is_final=False, expected=None, difference=None)
                | Q(is_final=True, expected__isnull=False, difference=F("total") - F("expected")),
                name="final_count_has_difference",
            ),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="count_idempotency_key",
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="count_source"),
        )
        triggers = (
            triggers.count_append_only,
            triggers.day_open,
            triggers.count_adds_up,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.shift} {self.attempt}"


class CountNote(Owned):
    """What somebody said about the difference of a count, once it was known. Added, never changed."""

    count = models.ForeignKey(DrawerCount, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField(_("note"))
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        verbose_name = _("note on a count")
        verbose_name_plural = _("notes on counts")
        constraints = (*laws.same_administration("count_note", "count"),)
        triggers = (laws.append_only("count_note_append_only", "notes are added, never changed"), laws.no_truncate())

    def __str__(self) -> str:
        return self.text[:60]


class TerminalBatch(Owned):
    """The total that a card terminal printed for a day. The newest of a terminal and batch is the one that counts."""

    clinic_day = models.ForeignKey(
        ClinicDay, on_delete=models.PROTECT, related_name="terminal_batches", verbose_name=_("day")
    )
    terminal = models.CharField(_("terminal"), max_length=64)
    batch = models.CharField(_("batch"), max_length=64, blank=True)
    total = amount_field(verbose_name=_("total"))
    payments_count = models.PositiveIntegerField(_("number of payments"), null=True, blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("terminal total")
        verbose_name_plural = _("terminal totals")
        constraints: Any = (
            laws.owned("terminal_batch"),
            *laws.same_administration("terminal_batch", "clinic_day"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="terminal_batch_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="terminal_batch_source"
            ),
        )
        triggers = (triggers.terminal_batch_append_only, triggers.day_open, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.terminal} {self.batch}".strip()
