"""Post the annual correction of what was deducted of mixed costs."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import JournalEntry, JournalLine, Period
from apps.ledger.services.posting import Source, first_open_day, on_side, post_entry
from apps.ledger.services.purposes import account_for, journal_of
from apps.periods.errors import VatProRataDone
from apps.periods.reports.pro_rata import SOURCE, pro_rata


@named_refusals()
@transaction.atomic
def correct_pro_rata(administration: Administration, year: int, *, by: User) -> JournalEntry:
    """Deduct what the turnover of ``year`` says of its mixed costs, in the last return of the year.

    Posted again it posts what changed since. Raises NotAllowed, VatProRataDone, PeriodClosed or PeriodMissing.
    """
    require(by, Act.CLOSE_PERIODS, administration.pk)
    hold_key("pro rata", administration.pk, year)
    found = pro_rata(administration, year)
    costs = [cost for cost in found.costs if cost.correction]
    if not costs:
        raise VatProRataDone(year=year)
    last = date(year, 12, 31)
    period = Period.objects.covering(administration, last)
    with language_of_books(administration):
        memo = _("Deduction of mixed costs %(year)s: %(percentage)s %%") % {
            "year": year,
            "percentage": f"{found.percentage:f}",
        }
    lines = [
        on_side(
            cost.vat_code.input_account,  # type: ignore[arg-type]
            cost.correction,
            vat_code=cost.vat_code,
            vat_role=JournalLine.VatRole.DEDUCTIBLE.value,
            vat_period=period,
            tax_point=last,
        )
        for cost in costs
    ]
    if found.correction:
        lines.append(on_side(account_for(administration, "vat_cost"), -found.correction))
    entry = post_entry(
        administration=administration,
        journal=journal_of(administration, "GEN"),
        date=first_open_day(administration, last),
        memo=memo,
        lines=lines,
        by=by,
        source=Source(SOURCE, uuid7()),
    )
    record("periods.vat_pro_rata_corrected", entry, by=by, year=year, correction=found.correction)
    return entry
