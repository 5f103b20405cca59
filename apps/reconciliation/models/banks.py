"""Accounts at banks, and how their CSV files are read."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, check_currency
from apps.ledger.models import Account, Journal


class CsvMapping(Owned):
    """How a bank's CSV is read, made by a user. Those that come with Daybook stand in ``formats/mappings``.

    ``columns`` names the column of each field by its heading or by its position from 1; ``formats.csv`` says which
    fields there are.
    """

    class Sign(models.TextChoices):
        AS_WRITTEN = "AS_WRITTEN", _("As written: money in is positive")
        INVERSE = "INVERSE", _("Inverse: money out is positive")
        INDICATOR = "INDICATOR", _("A column says debit or credit")
        TWO_COLUMNS = "TWO_COLUMNS", _("Debit and credit have a column each")

    name = models.CharField(_("name"), max_length=100)
    bank = models.CharField(_("bank"), max_length=100, blank=True)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True, help_text=_("Empty: recognised."))
    delimiter = models.CharField(_("delimiter"), max_length=1, blank=True, help_text=_("Empty: recognised."))
    skip_rows = models.PositiveSmallIntegerField(_("rows before the headings"), default=0)
    skip_footer = models.PositiveSmallIntegerField(_("rows after the lines"), default=0)
    has_headings = models.BooleanField(_("has headings"), default=True)
    date_format = models.CharField(_("date format"), max_length=20, default="%Y-%m-%d")
    decimal_mark = models.CharField(_("decimal mark"), max_length=1, default=",")
    sign = models.CharField(_("sign"), max_length=11, choices=Sign.choices, default=Sign.AS_WRITTEN)
    debit_words = models.CharField(
        _("words for debit"), max_length=100, blank=True, help_text=_("Such as: D, Af, Debit. Separated by commas.")
    )
    columns = models.JSONField(_("columns"), default=dict)

    class Meta:
        ordering = ("name",)
        verbose_name = _("CSV mapping")
        verbose_name_plural = _("CSV mappings")
        constraints = (
            laws.owned("csv_mapping"),
            models.UniqueConstraint(F("administration"), Lower("name"), name="csv_mapping_name"),
            models.CheckConstraint(condition=Q(decimal_mark__in=(",", ".")), name="csv_mapping_decimal_mark"),
        )

    def __str__(self) -> str:
        return self.name


class BankAccount(Owned):
    """An account at a bank, a payment provider or a card acquirer: its journal, and where it stands in the ledger.

    ``currency`` is the account's own (ISO 4217), which need not be that of the books. ``iban`` is the account as its
    statements name it; for one without an IBAN, its number in capitals without blanks.
    """

    class Statements(models.TextChoices):
        AS_FILED = "AS_FILED", _("As the file has them; a file without any is one")
        BY_MONTH = "BY_MONTH", _("One for each month, for files without statements of their own")

    journal = models.OneToOneField(
        Journal, on_delete=models.PROTECT, related_name="bank_account", verbose_name=_("journal")
    )
    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, related_name="bank_account", verbose_name=_("ledger account")
    )
    name = models.CharField(_("name"), max_length=100)
    iban = models.CharField(_("IBAN or number"), max_length=34, blank=True)
    currency = models.CharField(_("currency"), max_length=3, validators=[check_currency])
    mapping = models.CharField(
        _("CSV mapping"), max_length=100, blank=True, help_text=_("The one that was used last: offered first.")
    )
    statements_kept = models.CharField(
        _("statements"), max_length=8, choices=Statements.choices, default=Statements.AS_FILED
    )
    matches_imports = models.BooleanField(
        _("match by itself after an import"), default=True, help_text=_("What is beyond doubt, in the background.")
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("bank account")
        verbose_name_plural = _("bank accounts")
        constraints = (
            laws.owned("bank_account"),
            *laws.same_administration("bank_account", "journal", "account"),
            models.UniqueConstraint(
                fields=["administration", "iban", "currency"], condition=~Q(iban=""), name="one_bank_account_per_iban"
            ),
        )

    def __str__(self) -> str:
        return self.name
