"""Fixed assets, their depreciation month by month, and their disposal."""

from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet
from apps.core.money import amount_field, rate_field
from apps.ledger import triggers
from apps.ledger.models.accounts import Account
from apps.ledger.models.entries import JournalEntry
from apps.ledger.models.invoices import InvoiceLine


class FixedAssetQuerySet(ScopedQuerySet):
    def alive(self) -> Self:
        """Those that were not disposed of."""
        gone = Disposal.objects.standing().filter(asset=OuterRef("pk"))
        return self.filter(~Exists(gone))

    def with_accounts(self) -> Self:
        return self.select_related("administration", "account", "depreciation_account", "expense_account")


class FixedAsset(Owned):
    """Something that lasts longer than a year and is written off over the months it serves, in the book currency.

    ``opening_depreciation`` is what had been written off before these books began. Straight-line spreads cost less
    residual value evenly over ``life_months``; declining takes ``declining_rate`` percent a year of what is left.
    """

    class Method(models.TextChoices):
        STRAIGHT_LINE = "STRAIGHT_LINE", _("Straight-line")
        DECLINING = "DECLINING", _("Declining balance")

    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=200)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("asset account"))
    depreciation_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("accumulated depreciation account")
    )
    expense_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("depreciation expense account")
    )
    acquired_on = models.DateField(_("acquired on"))
    in_use_from = models.DateField(_("in use from"), help_text=_("Depreciation starts here, also within a month."))
    cost = amount_field(verbose_name=_("cost"))
    residual_value = amount_field(verbose_name=_("residual value"), default=0)
    method = models.CharField(_("method"), max_length=13, choices=Method.choices, default=Method.STRAIGHT_LINE)
    life_months = models.PositiveSmallIntegerField(_("life in months"))
    declining_rate = rate_field(verbose_name=_("rate a year (%)"), null=True, blank=True)
    opening_depreciation = amount_field(verbose_name=_("depreciated before"), default=0)
    invoice_line = models.ForeignKey(
        InvoiceLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fixed_assets",
        verbose_name=_("invoice line"),
    )

    objects = FixedAssetQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        verbose_name = _("fixed asset")
        verbose_name_plural = _("fixed assets")
        constraints = (
            laws.owned("fixed_asset"),
            *laws.same_administration(
                "fixed_asset", "account", "depreciation_account", "expense_account", "invoice_line"
            ),
            models.UniqueConstraint(fields=["administration", "code"], name="fixed_asset_code"),
            models.CheckConstraint(
                name="fixed_asset_value",
                condition=Q(
                    cost__gt=0,
                    residual_value__gte=0,
                    opening_depreciation__gte=0,
                    opening_depreciation__lte=F("cost") - F("residual_value"),
                    life_months__gt=0,
                ),
            ),
            models.CheckConstraint(
                name="fixed_asset_method",
                condition=Q(method="STRAIGHT_LINE", declining_rate=None)
                | Q(method="DECLINING", declining_rate__isnull=False, declining_rate__gt=0, declining_rate__lte=100),
            ),
            models.CheckConstraint(condition=Q(in_use_from__gte=F("acquired_on")), name="fixed_asset_in_use"),
        )
        triggers = (triggers.fixed_asset_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class StandingQuerySet(ScopedQuerySet):
    def standing(self) -> Self:
        """Those whose entry was not reversed."""
        return self.filter(entry__reversal=None)


class Depreciation(Owned):
    """What one month took off an asset. After its entry was reversed, the next ``revision`` may take its place."""

    asset = models.ForeignKey(FixedAsset, on_delete=models.PROTECT, related_name="depreciations")
    month = models.DateField(_("month"), help_text="Its first day.")
    revision = models.PositiveSmallIntegerField(default=1)
    amount = amount_field(verbose_name=_("amount"))
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="depreciations", verbose_name=_("journal entry")
    )

    objects = StandingQuerySet.as_manager()

    class Meta:
        ordering = ("month", "revision")
        verbose_name = _("depreciation")
        verbose_name_plural = _("depreciations")
        constraints = (
            laws.owned("depreciation"),
            *laws.same_administration("depreciation", "asset", "entry"),
            models.UniqueConstraint(fields=["asset", "month", "revision"], name="one_depreciation_per_month"),
            models.CheckConstraint(condition=Q(amount__gt=0, month__day=1), name="depreciation_of_a_month"),
        )
        triggers = (triggers.depreciation_append_only, triggers.depreciation_within_cost, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.asset.code} {self.month:%Y-%m}"


class Disposal(Owned):
    """The end of an asset: sold for ``proceeds`` before VAT, or scrapped for nothing."""

    asset = models.ForeignKey(FixedAsset, on_delete=models.PROTECT, related_name="disposals")
    date = models.DateField(_("date"))
    proceeds = amount_field(verbose_name=_("proceeds"), default=0)
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, related_name="disposal", verbose_name=_("journal entry")
    )

    objects = StandingQuerySet.as_manager()

    class Meta:
        ordering = ("date",)
        verbose_name = _("disposal")
        verbose_name_plural = _("disposals")
        constraints = (
            laws.owned("disposal"),
            *laws.same_administration("disposal", "asset", "entry"),
            models.CheckConstraint(condition=Q(proceeds__gte=0), name="disposal_proceeds"),
        )
        triggers = (triggers.disposal_append_only, triggers.disposal_once, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.asset.code} {self.date}"
