"""How a clinic works: the limits that its checks and rules go by."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Owned, call
from apps.core.money import amount_field, rate_field


class ClinicSettings(Owned):
    """The limits of one clinic. A clinic without a row goes by the defaults."""

    administration = models.OneToOneField("core.Administration", on_delete=models.PROTECT, related_name="+")
    discount_limit = rate_field(
        default=10,
        verbose_name=_("discount limit (%)"),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("A discount above it counts only once a second person has approved it."),
    )
    count_threshold = amount_field(
        default=5,
        verbose_name=_("count threshold"),
        validators=[MinValueValidator(0)],
        help_text=_("A drawer that is off by more is counted a second time before anybody sees the difference."),
    )
    emergency_within_days = models.PositiveSmallIntegerField(
        _("emergencies billed within (days)"), default=2, help_text=_("Care given before it was billed.")
    )
    claim_within_days = models.PositiveSmallIntegerField(_("claims sent within (days)"), default=7)
    resubmit_within_days = models.PositiveSmallIntegerField(_("rejections sent again within (days)"), default=14)
    deposit_within_days = models.PositiveSmallIntegerField(_("deposits at the bank within (days)"), default=3)

    class Meta:
        verbose_name = _("limits of the clinic")
        verbose_name_plural = _("limits of the clinic")

    def __str__(self) -> str:
        return str(self.administration)


call(ClinicSettings, administration=_("administration"))
