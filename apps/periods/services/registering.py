"""Say how an administration stands towards the tax administration from a day on."""

from datetime import date
from decimal import Decimal

from django.db import transaction

from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.periods.models import VatRegistration
from apps.periods.models.vat import Frequency


@named_refusals()
@transaction.atomic
def register_vat(
    administration: Administration,
    *,
    since: date,
    by: User,
    scheme: str = VatRegistration.Scheme.NORMAL,
    basis: str = VatRegistration.Basis.INVOICE,
    frequency: str = Frequency.QUARTER,
    icp_frequency: str = Frequency.QUARTER,
    is_obliged: bool = True,
    pro_rata: Decimal | None = None,
) -> VatRegistration:
    """Register from ``since``, the first day of a month, until another registration begins; one of that day is
    replaced while nothing was filed under it.

    Raises NotAllowed, VatRegistrationKept, VatRegistrationInvalid.
    """
    require(by, Act.CLOSE_PERIODS, administration.pk)
    facts = {
        "scheme": scheme,
        "basis": basis,
        "frequency": frequency,
        "icp_frequency": icp_frequency,
        "is_obliged": is_obliged,
        "pro_rata": pro_rata,
    }
    registration, _created = VatRegistration.objects.update_or_create(
        administration=administration, since=since, defaults=facts
    )
    record("periods.vat_registered", registration, by=by, since=since, **facts)
    return registration
