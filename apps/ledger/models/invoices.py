"""Invoices and credit notes, of suppliers and to customers."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import ExtractYear
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, User
from apps.core.money import amount_field, exchange_rate_field
from apps.ledger import triggers
from apps.ledger.models.accounts import Account, Party, VatCode
from apps.ledger.models.entries import JournalEntry


class Invoice(Owned):
    """A supplier's invoice or one of ours to a customer, or a credit note, whose amounts are negative.

    Amounts are in ``currency``, the book currency when blank; ``exchange_rate`` is what one unit of it is worth. An
    invoice without an entry is registered history, which a backfill may join to its line. ``number`` counts what we
    issue ourselves, gap-free per year; ``reference`` is the number that a supplier gave.
    """

    class Kind(models.TextChoices):
        VENDOR = "VENDOR", _("Supplier's invoice")
        CUSTOMER = "CUSTOMER", _("Customer invoice")

    class Type(models.TextChoices):
        INVOICE = "INVOICE", _("Invoice")
        CREDIT_NOTE = "CREDIT_NOTE", _("Credit note")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    type = models.CharField(_("type"), max_length=11, choices=Type.choices, default=Type.INVOICE)
    year = models.PositiveSmallIntegerField(_("year"), editable=False)
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="invoices", verbose_name=_("party"))
    invoice_date = models.DateField(_("invoice date"))
    due_date = models.DateField(_("due date"))
    tax_point = models.DateField(_("tax point"))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    exchange_rate = exchange_rate_field(verbose_name=_("exchange rate"), null=True, blank=True)
    net_amount = amount_field(verbose_name=_("net"))
    vat_amount = amount_field(verbose_name=_("VAT"))
    total_amount = amount_field(verbose_name=_("total"))
    description = models.CharField(_("description"), max_length=300, blank=True)
    credits = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes", verbose_name=_("credits")
    )
    entry = models.OneToOneField(
        JournalEntry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoice",
        verbose_name=_("journal entry"),
    )
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("entered by")
    )
    created_at = models.DateTimeField(_("entered"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("-invoice_date", "-id")
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints = (
            laws.owned("invoice"),
            *laws.same_administration("invoice", "party", "credits", "entry"),
            models.UniqueConstraint(fields=["administration", "year", "number"], name="invoice_number"),
            models.UniqueConstraint(
                fields=["administration", "party", "type", "reference"],
                condition=Q(kind="VENDOR") & ~Q(reference=""),
                name="one_invoice_per_reference",
            ),
            models.CheckConstraint(
                condition=Q(total_amount=F("net_amount") + F("vat_amount")), name="invoice_total_is_net_and_vat"
            ),
            models.CheckConstraint(condition=Q(year=ExtractYear("invoice_date")), name="invoice_year"),
            models.CheckConstraint(
                condition=Q(kind="VENDOR", number=None)
                | Q(kind="CUSTOMER", entry=None, number=None)
                | Q(kind="CUSTOMER", entry__isnull=False, number__isnull=False),
                name="invoice_numbered",
            ),
            models.CheckConstraint(
                condition=Q(currency="", exchange_rate=None)
                | Q(~Q(currency=""), exchange_rate__isnull=False, exchange_rate__gt=0),
                name="invoice_currency",
            ),
            models.CheckConstraint(
                condition=Q(type="INVOICE") | Q(type="CREDIT_NOTE", total_amount__lte=0), name="credit_note_is_negative"
            ),
        )
        indexes = (models.Index(fields=["administration", "kind", "-invoice_date"], name="invoice_date"),)
        triggers = (
            triggers.invoice_append_only,
            *laws.numbered("'invoice:' || NEW.year", when="NEW.kind = 'CUSTOMER' AND NEW.entry_id IS NOT NULL"),
            triggers.invoice_complete,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        letters = "CN" if self.type == self.Type.CREDIT_NOTE else "INV"
        return f"{letters}-{self.year}-{self.number:04d}" if self.number else self.reference or str(self.type)

    @property
    def document_type(self) -> str:
        """How its open item names it."""
        return f"{self.kind.lower()}_invoice"


class InvoiceLine(Owned):
    """What is charged: ``net`` and ``vat`` in the invoice's currency, negative on a credit note."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("account"))
    description = models.CharField(_("description"), max_length=300, blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=15, decimal_places=4, null=True, blank=True)
    unit_price = amount_field(verbose_name=_("unit price"), null=True, blank=True)
    net = amount_field(verbose_name=_("net"))
    vat_code = models.ForeignKey(
        VatCode, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("VAT code")
    )
    vat = amount_field(verbose_name=_("VAT"), default=0)

    class Meta:
        ordering = ("position",)
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        constraints = (
            laws.owned("invoice_line"),
            *laws.same_administration("invoice_line", "invoice", "account", "vat_code"),
            models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_position"),
        )
        triggers = (triggers.invoice_line_append_only, triggers.invoice_line_counted, laws.no_truncate())

    def __str__(self) -> str:
        return self.description or f"{self.account}"
