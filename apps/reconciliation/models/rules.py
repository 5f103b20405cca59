"""What recognises bank lines: models that a person set up, and what was learned from matches."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned
from apps.core.money import amount_field, rate_field
from apps.ledger.models import Account, Party, VatCode
from apps.reconciliation.models.banks import BankAccount


class ReconciliationModel(Owned):
    """A rule for bank lines: when all of its conditions hold, it matches open items, books the line, or takes it apart
    as days of card takings.

    Empty conditions hold for every line. Amounts are absolute, in the account's currency. ``tolerance`` is the
    percentage of an item by which a line may differ from it; the difference is a write-off, which a person confirms.
    Of card takings it is what the acquirer may have kept of them: a fee.
    Models are tried in the order of ``sequence``.
    """

    class Kind(models.TextChoices):
        MATCH_ITEMS = "MATCH_ITEMS", _("Match open items")
        WRITE_OFF = "WRITE_OFF", _("Book the line, or what is left of it")
        SETTLEMENT = "SETTLEMENT", _("Take a card settlement apart")

    class Trigger(models.TextChoices):
        MANUAL = "manual", _("Manual")
        AUTO_RECONCILE = "auto_reconcile", _("By itself")

    class AmountType(models.TextChoices):
        LOWER = "lower", _("Lower")
        GREATER = "greater", _("Greater")
        BETWEEN = "between", _("Between")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("what it does"), max_length=11, choices=Kind.choices, default=Kind.WRITE_OFF)
    trigger = models.CharField(_("trigger"), max_length=14, choices=Trigger.choices, default=Trigger.MANUAL)
    sequence = models.PositiveSmallIntegerField(_("order"), default=10)
    bank_accounts = models.ManyToManyField(BankAccount, blank=True, related_name="+", verbose_name=_("bank accounts"))
    amount_type = models.CharField(_("amount"), max_length=7, choices=AmountType.choices, blank=True)
    amount_min = amount_field(verbose_name=_("from"), null=True, blank=True)
    amount_max = amount_field(verbose_name=_("to"), null=True, blank=True)
    label_pattern = models.CharField(
        _("pattern"), max_length=200, blank=True, help_text=_("A regular expression that the line's text holds.")
    )
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    needs_party = models.BooleanField(_("only with a party"), default=False)
    search_label = models.BooleanField(_("search the description"), default=True)
    search_reference = models.BooleanField(_("search the reference"), default=True)
    search_note = models.BooleanField(_("search the note"), default=True)
    tolerance = rate_field(verbose_name=_("tolerance (%)"), default=0)
    tolerance_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("differences go to")
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ("sequence", "name")
        verbose_name = _("reconciliation model")
        verbose_name_plural = _("reconciliation models")
        constraints = (
            laws.owned("reconciliation_model"),
            *laws.same_administration("reconciliation_model", "party", "tolerance_account"),
            models.UniqueConstraint(fields=["administration", "name"], name="reconciliation_model_name"),
            models.CheckConstraint(
                name="reconciliation_model_amounts",
                condition=Q(amount_type="", amount_min=None, amount_max=None)
                | Q(amount_type="lower", amount_min=None, amount_max__isnull=False)
                | Q(amount_type="greater", amount_min__isnull=False, amount_max=None)
                | Q(amount_type="between", amount_min__isnull=False, amount_max__gte=F("amount_min")),
            ),
            models.CheckConstraint(
                condition=Q(tolerance__gte=0, tolerance__lte=100), name="reconciliation_model_tolerance"
            ),
        )

    def __str__(self) -> str:
        return self.name


class ReconciliationModelLine(Owned):
    """One account that a model books to, and how much: the rest of the line unless said otherwise."""

    class AmountType(models.TextChoices):
        FIXED = "fixed", _("Fixed")
        PERCENTAGE = "percentage", _("Percentage of what is left")
        PERCENTAGE_OF_LINE = "percentage_of_statement_line", _("Percentage of the bank line")
        REGEX = "regex", _("Read from the text")

    model = models.ForeignKey(ReconciliationModel, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField(_("place"), default=1)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("account"))
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    amount_type = models.CharField(
        _("amount type"), max_length=28, choices=AmountType.choices, default=AmountType.PERCENTAGE
    )
    amount = models.DecimalField(
        _("amount or percentage"), max_digits=19, decimal_places=4, null=True, blank=True, default=100
    )
    amount_pattern = models.CharField(
        _("pattern of the amount"), max_length=200, blank=True, help_text=_("Its first group is the amount.")
    )
    vat_code = models.ForeignKey(
        VatCode, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("VAT code")
    )
    includes_vat = models.BooleanField(_("includes VAT"), default=True)
    memo = models.CharField(_("memo"), max_length=200, blank=True)

    class Meta:
        ordering = ("model", "position")
        verbose_name = _("line of a model")
        verbose_name_plural = _("lines of a model")
        constraints = (
            laws.owned("reconciliation_model_line"),
            *laws.same_administration("reconciliation_model_line", "model", "account", "party", "vat_code"),
            models.UniqueConstraint(fields=["model", "position"], name="reconciliation_model_line_place"),
            models.CheckConstraint(
                name="reconciliation_model_line_amount",
                condition=Q(~Q(amount_pattern=""), amount_type="regex", amount=None)
                | Q(~Q(amount_type="regex"), amount_pattern="", amount__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}"


class PartyPattern(Owned):
    """Texts by which a person says that a line is of a party: both patterns hold, an empty one always does."""

    label_pattern = models.CharField(_("pattern of the description"), max_length=200, blank=True)
    note_pattern = models.CharField(_("pattern of the note"), max_length=200, blank=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))

    class Meta:
        ordering = ("party", "label_pattern")
        verbose_name = _("party pattern")
        verbose_name_plural = _("party patterns")
        constraints = (
            laws.owned("party_pattern"),
            *laws.same_administration("party_pattern", "party"),
            models.CheckConstraint(
                condition=~Q(label_pattern="", note_pattern=""), name="party_pattern_says_something"
            ),
        )

    def __str__(self) -> str:
        return self.label_pattern or self.note_pattern


class KnownParty(Owned):
    """What the accountant's matches taught: an account number or a name, and the party or account that it meant."""

    class Kind(models.TextChoices):
        IBAN = "IBAN", _("IBAN or number")
        NAME = "NAME", _("Name")

    kind = models.CharField(_("by"), max_length=4, choices=Kind.choices)
    key = models.CharField(_("IBAN or name"), max_length=200)
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("account")
    )
    confirmed = models.PositiveIntegerField(_("times confirmed"), default=0)
    undone = models.PositiveIntegerField(_("times undone"), default=0)
    last_on = models.DateField(_("last"))

    class Meta:
        ordering = ("-last_on", "key")
        verbose_name = _("known counterparty")
        verbose_name_plural = _("known counterparties")
        constraints = (
            laws.owned("known_party"),
            *laws.same_administration("known_party", "party", "account"),
            models.UniqueConstraint(
                fields=["administration", "kind", "key", "party", "account"],
                nulls_distinct=False,
                name="known_party_once",
            ),
            models.CheckConstraint(
                condition=Q(party__isnull=False) | Q(account__isnull=False), name="known_party_is_somebody"
            ),
        )

    def __str__(self) -> str:
        return self.key
