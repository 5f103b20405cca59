"""The chart of accounts: accounts, VAT codes, parties, exchange rates."""

from datetime import date
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, check_currency
from apps.core.money import exchange_rate_field, rate_field
from apps.ledger import triggers


class Account(Owned):
    """A general ledger account. A control account is one whose every line names a party and equals open items."""

    class Type(models.TextChoices):
        ASSET = "ASSET", _("Asset")
        LIABILITY = "LIABILITY", _("Liability")
        EQUITY = "EQUITY", _("Equity")
        REVENUE = "REVENUE", _("Revenue")
        EXPENSE = "EXPENSE", _("Expense")

    class Control(models.TextChoices):
        PATIENTS = "PATIENTS", _("Patients")
        PAYERS = "PAYERS", _("Payers")
        CUSTOMERS = "CUSTOMERS", _("Customers")
        SUPPLIERS = "SUPPLIERS", _("Suppliers")
        WALLETS = "WALLETS", _("Wallets")

    class Place(models.TextChoices):
        """Where an account stands: the first five on the balance sheet, the others on the profit and loss account."""

        CURRENT_ASSETS = "CURRENT_ASSETS", _("Current assets")
        FIXED_ASSETS = "FIXED_ASSETS", _("Fixed assets")
        CURRENT_LIABILITIES = "CURRENT_LIABILITIES", _("Current liabilities")
        LONG_TERM_LIABILITIES = "LONG_TERM_LIABILITIES", _("Long-term liabilities")
        EQUITY = "EQUITY", _("Equity")
        REVENUE = "REVENUE", _("Revenue")
        COST_OF_GOODS_SOLD = "COST_OF_GOODS_SOLD", _("Cost of goods sold")
        OPERATING_EXPENSES = "OPERATING_EXPENSES", _("Operating expenses")
        OTHER_INCOME = "OTHER_INCOME", _("Other income")
        OTHER_EXPENSES = "OTHER_EXPENSES", _("Other expenses")

    # The places that an account of each type may have; the first is where it stands unless said otherwise.
    PLACES: ClassVar[dict[str, tuple[str, ...]]] = {
        Type.ASSET: (Place.CURRENT_ASSETS, Place.FIXED_ASSETS),
        Type.LIABILITY: (Place.CURRENT_LIABILITIES, Place.LONG_TERM_LIABILITIES),
        Type.EQUITY: (Place.EQUITY,),
        Type.REVENUE: (Place.REVENUE, Place.OTHER_INCOME),
        Type.EXPENSE: (Place.OPERATING_EXPENSES, Place.COST_OF_GOODS_SOLD, Place.OTHER_EXPENSES),
    }

    code = models.CharField(_("code"), max_length=16)
    name = models.CharField(_("name"), max_length=200)
    type = models.CharField(_("type"), max_length=9, choices=Type.choices)
    place = models.CharField(_("place on the reports"), max_length=21, choices=Place.choices)
    standard_code = models.CharField(
        _("standard code"),
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text=_("RGS code in the Netherlands, SAF-T account in Norway."),
    )
    control = models.CharField(_("control account of"), max_length=9, choices=Control.choices, blank=True)
    purpose = models.CharField(
        _("purpose"), max_length=40, blank=True, help_text=_("What Daybook posts here by itself, such as cash_drawer.")
    )

    class Meta:
        ordering = ("code",)
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = (
            laws.owned("account"),
            models.UniqueConstraint(fields=["administration", "code"], name="account_code"),
            models.UniqueConstraint(
                fields=["administration", "purpose"], condition=~Q(purpose=""), name="one_account_per_purpose"
            ),
            models.CheckConstraint(
                name="account_place_fits_type",
                condition=Q(type="ASSET", place__in=("CURRENT_ASSETS", "FIXED_ASSETS"))
                | Q(type="LIABILITY", place__in=("CURRENT_LIABILITIES", "LONG_TERM_LIABILITIES"))
                | Q(type="EQUITY", place="EQUITY")
                | Q(type="REVENUE", place__in=("REVENUE", "OTHER_INCOME"))
                | Q(type="EXPENSE", place__in=("COST_OF_GOODS_SOLD", "OPERATING_EXPENSES", "OTHER_EXPENSES")),
            ),
        )
        triggers = (triggers.account_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class VatCodeQuerySet(ScopedQuerySet):
    def valid_on(self, day: date) -> Self:
        """Codes that may be used with a tax point of ``day``."""
        return self.filter(Q(valid_from=None) | Q(valid_from__lte=day), Q(valid_until=None) | Q(valid_until__gte=day))


class VatCode(Owned):
    """A VAT rate as it is used on a line, with the boxes of the return that it fills.

    ``box_turnover`` takes the base, ``box_vat`` the tax that is owed and ``box_deductible`` what is deducted of it.
    """

    class Category(models.TextChoices):
        SALES = "SALES", _("Sales")
        PURCHASES = "PURCHASES", _("Purchases")
        REVERSE_CHARGE = "REVERSE_CHARGE", _("Reverse charge")
        INTRA_EU = "INTRA_EU", _("Within the EU")
        EXEMPT = "EXEMPT", _("Exempt")
        ZERO_RATE = "ZERO_RATE", _("Zero rate")

    code = models.CharField(_("code"), max_length=16)
    name = models.CharField(_("name"), max_length=100)
    rate = rate_field(verbose_name=_("rate (%)"))
    description = models.CharField(_("description"), max_length=300, blank=True, default="", db_default="")
    category = models.CharField(
        _("category"), max_length=14, choices=Category.choices, default=Category.SALES, db_default=Category.SALES
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("output VAT account")
    )
    input_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("input VAT account")
    )
    deductible = rate_field(
        verbose_name=_("deductible (%)"),
        default=100,
        db_default=100,
        help_text=_("Of input VAT; the rest is part of the cost."),
    )
    box_turnover = models.CharField(_("box for turnover"), max_length=4, blank=True, default="", db_default="")
    box_vat = models.CharField(_("box for VAT"), max_length=4, blank=True, default="", db_default="")
    box_deductible = models.CharField(_("box for deductible VAT"), max_length=4, blank=True, default="", db_default="")
    standard_code = models.CharField(
        _("standard code"),
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text=_("SAF-T tax code in Norway."),
    )
    reverse_charge = models.BooleanField(_("reverse charge"), default=False, db_default=False)
    eu_only = models.BooleanField(_("only within the EU"), default=False, db_default=False)
    requires_vat_number = models.BooleanField(_("needs a VAT number"), default=False, db_default=False)
    icp = models.BooleanField(_("on the ICP listing"), default=False, db_default=False)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    objects = VatCodeQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        verbose_name = _("VAT code")
        verbose_name_plural = _("VAT codes")
        constraints = (
            laws.owned("vat_code"),
            *laws.same_administration("vat_code", "account", "input_account"),
            models.UniqueConstraint(fields=["administration", "code"], name="vat_code_code"),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lte=100), name="vat_code_rate"),
            models.CheckConstraint(
                condition=Q(rate=0) | Q(account__isnull=False) | Q(input_account__isnull=False),
                name="vat_code_has_account",
            ),
            models.CheckConstraint(condition=Q(deductible__gte=0, deductible__lte=100), name="vat_code_deductible"),
            models.CheckConstraint(
                condition=Q(valid_from=None) | Q(valid_until=None) | Q(valid_from__lte=F("valid_until")),
                name="vat_code_validity",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} ({self.rate.normalize():f} %)"


class Party(Owned):
    """Somebody who owes or is owed. A patient is known here by code only; the name stays in billing."""

    class Kind(models.TextChoices):
        PATIENT = "PATIENT", _("Patient")
        PAYER = "PAYER", _("Payer")
        CUSTOMER = "CUSTOMER", _("Customer")
        SUPPLIER = "SUPPLIER", _("Supplier")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=200, blank=True)
    country = models.CharField(
        _("country"), max_length=2, blank=True, default="", db_default="", help_text=_("ISO 3166-1: NL, NO, NG")
    )
    vat_number = models.CharField(_("VAT number"), max_length=32, blank=True, default="", db_default="")
    organization_number = models.CharField(
        _("KVK or organisation number"), max_length=32, blank=True, default="", db_default=""
    )
    iban = models.CharField(_("IBAN"), max_length=34, blank=True, default="", db_default="")
    email = models.EmailField(_("e-mail address"), blank=True, default="", db_default="")
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=30, db_default=30)

    class Meta:
        ordering = ("code",)
        verbose_name = _("party")
        verbose_name_plural = _("parties")
        constraints = (
            laws.owned("party"),
            models.UniqueConstraint(fields=["administration", "kind", "code"], name="party_code"),
        )

    def __str__(self) -> str:
        return self.name or self.code


class ExchangeRateQuerySet(ScopedQuerySet):
    def on(self, administration: Any, currency: str, day: date) -> "ExchangeRate | None":
        """The last rate of ``currency`` on or before ``day``."""
        return self.filter(administration=administration, currency=currency, date__lte=day).order_by("-date").first()


class ExchangeRate(Owned):
    """What one unit of ``currency`` was worth in the book currency at the end of ``date``, and who said so."""

    currency = models.CharField(_("currency"), max_length=3, validators=[check_currency])
    date = models.DateField(_("date"))
    rate = exchange_rate_field(verbose_name=_("rate"))
    source = models.CharField(_("source"), max_length=40, blank=True, help_text=_("Such as ECB, or the bank."))

    objects = ExchangeRateQuerySet.as_manager()

    class Meta:
        ordering = ("currency", "-date")
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = (
            models.UniqueConstraint(fields=["administration", "currency", "date"], name="one_exchange_rate_per_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_positive"),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.date} {self.rate.normalize():f}"
