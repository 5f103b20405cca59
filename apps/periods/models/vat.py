"""How an administration stands towards the tax administration, and the VAT returns that it filed."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User
from apps.core.money import amount_field, rate_field
from apps.ledger.models.periods import DateRange
from apps.periods import vat_triggers


class Frequency(models.TextChoices):
    """How often a return, or a listing, is filed: always by whole months of the calendar."""

    MONTH = "MONTH", _("Every month")
    TWO_MONTH = "TWO_MONTH", _("Every two months")
    QUARTER = "QUARTER", _("Every quarter")
    YEAR = "YEAR", _("Every year")


class VatRegistrationQuerySet(ScopedQuerySet):
    def on(self, administration: Any, day: date) -> "VatRegistration | None":
        """How ``administration`` stood on ``day``; None where nothing was said."""
        return self.filter(administration=administration, since__lte=day).order_by("-since").first()


class VatRegistration(Owned):
    """How an administration stands towards the tax administration from ``since`` on, until the next one begins.

    ``pro_rata`` is the part of the VAT on mixed costs, in percent, that is deducted during the year; empty where
    everything or nothing is deducted. It is held against the turnover of the year in the year's last return.
    """

    class Scheme(models.TextChoices):
        NORMAL = "NORMAL", _("Normal")
        KOR = "KOR", _("Small businesses' scheme (KOR)")
        EXEMPT = "EXEMPT", _("Only exempt services")

    class Basis(models.TextChoices):
        INVOICE = "INVOICE", _("By invoice")
        CASH = "CASH", _("By payment")

    since = models.DateField(_("since"), help_text=_("The first day of a month."))
    scheme = models.CharField(_("scheme"), max_length=6, choices=Scheme.choices, default=Scheme.NORMAL)
    basis = models.CharField(_("VAT falls due"), max_length=7, choices=Basis.choices, default=Basis.INVOICE)
    frequency = models.CharField(_("returns"), max_length=9, choices=Frequency.choices, default=Frequency.QUARTER)
    icp_frequency = models.CharField(
        _("ICP listings"), max_length=9, choices=Frequency.choices, default=Frequency.QUARTER
    )
    is_obliged = models.BooleanField(_("must file"), default=True)
    pro_rata = rate_field(
        verbose_name=_("deducted of mixed costs (%)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )

    objects = VatRegistrationQuerySet.as_manager()

    class Meta:
        ordering = ("-since",)
        verbose_name = _("VAT registration")
        verbose_name_plural = _("VAT registrations")
        constraints = (
            models.UniqueConstraint(fields=["administration", "since"], name="one_vat_registration_per_day"),
            models.CheckConstraint(condition=Q(since__day=1), name="vat_registration_from_a_month"),
            models.CheckConstraint(
                condition=Q(pro_rata=None) | Q(pro_rata__gte=0, pro_rata__lte=100), name="vat_registration_pro_rata"
            ),
        )
        triggers = (vat_triggers.registration_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.since} {self.get_scheme_display()}"


class VatFilingQuerySet(ScopedQuerySet):
    def latest_of_each(self) -> Self:
        """The newest revision of each span: what the tax administration knows."""
        newer = VatFiling.objects.filter(
            administration=OuterRef("administration"), first_day=OuterRef("first_day"), last_day=OuterRef("last_day")
        )
        return self.filter(revision=Subquery(newer.order_by("-revision").values("revision")[:1]))

    def of(self, administration: Any, first_day: date, last_day: date) -> Self:
        """The revisions of one span, the newest first."""
        found = self.filter(administration=administration, first_day=first_day, last_day=last_day)
        return found.order_by("-revision")


class VatFiling(Owned):
    """A VAT return as it was filed: who, when, and its boxes. It never changes; what changed later is a revision.

    Its figures are those that the books held at ``filed_at``. ``declared`` is what is to be paid in whole units of the
    currency, negative to be received; ``exact`` is the same to the cent. A revision says the whole of its span anew.
    One that is ``carried_in`` another return was declared there, and stands here for what its span came to.
    """

    class Kind(models.TextChoices):
        RETURN = "RETURN", _("Return")
        CORRECTION = "CORRECTION", _("Correction")
        CARRIED = "CARRIED", _("Carried in a later return")

    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    frequency = models.CharField(_("frequency"), max_length=9, choices=Frequency.choices)
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.RETURN)
    scheme = models.CharField(_("scheme"), max_length=6, choices=VatRegistration.Scheme.choices)
    exact = amount_field(verbose_name=_("to the cent"))
    declared = amount_field(verbose_name=_("declared"))
    box_count = models.PositiveSmallIntegerField(editable=False)
    carried_in = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="carries", verbose_name=_("carried in")
    )
    reference = models.CharField(_("reference"), max_length=64, blank=True, default="")
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    filed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("filed by"))
    filed_at = models.DateTimeField(_("filed"), default=timezone.now, editable=False)

    objects = VatFilingQuerySet.as_manager()

    class Meta:
        ordering = ("-last_day", "-revision")
        verbose_name = _("VAT return")
        verbose_name_plural = _("VAT returns")
        constraints = (
            laws.owned("vat_filing"),
            *laws.same_administration("vat_filing", "carried_in"),
            models.CheckConstraint(condition=Q(first_day__lte=F("last_day")), name="vat_filing_days"),
            models.UniqueConstraint(fields=["administration", "first_day", "revision"], name="vat_return_filed_once"),
            models.CheckConstraint(
                condition=Q(kind="RETURN", revision=0, carried_in=None)
                | Q(kind="CORRECTION", revision__gt=0, carried_in=None)
                | Q(kind="CARRIED", revision__gt=0, carried_in__isnull=False),
                name="vat_filing_kind",
            ),
            ExclusionConstraint(
                name="vat_returns_do_not_overlap",
                expressions=[
                    ("administration", RangeOperators.EQUAL),
                    (DateRange("first_day", "last_day", RangeBoundary(True, True)), RangeOperators.OVERLAPS),
                ],
                condition=Q(revision=0),
            ),
        )
        triggers = (
            vat_triggers.filing_append_only,
            vat_triggers.filing_follows,
            vat_triggers.filing_complete,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        span = span_name(self.frequency, self.last_day)
        return f"{span} r{self.revision}" if self.revision else span


class FiledBox(Owned):
    """A box of a filed return. ``turnover`` and ``vat`` are what was declared, in whole units of the currency;
    ``exact_*`` is what the lines of the span add up to, ``carried_*`` what corrections of earlier spans add to it."""

    filing = models.ForeignKey(VatFiling, on_delete=models.PROTECT, related_name="boxes", verbose_name=_("VAT return"))
    position = models.PositiveSmallIntegerField()
    box = models.CharField(_("box"), max_length=8)
    turnover = amount_field(verbose_name=_("turnover"), default=0)
    vat = amount_field(verbose_name=_("VAT"), default=0)
    exact_turnover = amount_field(verbose_name=_("turnover to the cent"), default=0)
    exact_vat = amount_field(verbose_name=_("VAT to the cent"), default=0)
    carried_turnover = amount_field(default=0)
    carried_vat = amount_field(default=0)
    transactions = models.PositiveIntegerField(_("transactions"), default=0)

    class Meta:
        ordering = ("position",)
        verbose_name = _("box")
        verbose_name_plural = _("boxes")
        constraints = (
            *laws.same_administration("filed_box", "filing"),
            models.UniqueConstraint(fields=["filing", "box"], name="one_row_per_filed_box"),
        )
        triggers = (vat_triggers.filed_box_append_only, vat_triggers.filed_box_counted, laws.no_truncate())

    def __str__(self) -> str:
        return self.box


def span_name(frequency: str, last_day: date) -> str:
    """What people call a span: 2026-03, 2026-T2 (two months), 2026-Q1, 2026."""
    names = {
        Frequency.MONTH: f"{last_day:%Y-%m}",
        Frequency.TWO_MONTH: f"{last_day.year}-T{last_day.month // 2}",
        Frequency.QUARTER: f"{last_day.year}-Q{last_day.month // 3}",
        Frequency.YEAR: f"{last_day.year}",
    }
    return names[Frequency(frequency)]
