"""Advances: what a patient pays for one taxed service before it is given, and the VAT that falls due with it.

Money for a service that is known falls due for VAT when it is received, whatever the bill says later: Council Directive
2006/112/EC, article 65, so in article 13 of the Dutch Wet op de omzetbelasting 1968, also where VAT is declared by what
was received (article 26). Money that may pay for anything is no payment for a supply yet: Court of Justice, C-419/02
(BUPA Hospitals), paragraphs 48 to 50, as with vouchers for several purposes (article 30b of the Directive): that is a
plain top-up. So the service, its VAT code, rate, net and VAT are kept as they were on that day; the bill of the
service then declares its own VAT, and the VAT of what is used of the advance is taken back: declared once.
"""

from decimal import Decimal
from typing import Any

from apps.billing.errors import AdvanceOfAnother, AdvanceUntaxed
from apps.billing.models import Bill, BillLine, Payment, Service, TopUp
from apps.billing.reports.advances import vat_of, with_left
from apps.core.money import ZERO, quantize, total


def is_taxed(service: Service) -> bool:
    """Whether VAT is due on what is paid for ``service``."""
    return bool(service.vat_code.rate) and service.vat_code.account_id is not None


def declared(service: Service, amount: Decimal) -> dict[str, Any]:
    """What an advance of ``amount`` for ``service`` declares, as fields of TopUp: the VAT is in the amount.

    Raises AdvanceUntaxed for a service without VAT.
    """
    code = service.vat_code
    if not is_taxed(service):
        raise AdvanceUntaxed(service=str(service))
    net = quantize(amount / (1 + code.rate / 100), service.administration.currency)
    return {"service": service, "vat_code": code, "vat_rate": code.rate, "net": net, "vat": amount - net}


def taken_back(advance: Any, amount: Decimal) -> dict[str, Any]:
    """What giving ``amount`` of ``advance`` (which has what is left) back takes back, as fields of TopUp."""
    vat = vat_of(advance, amount)
    same = {name: getattr(advance, name) for name in ("service_id", "vat_code_id", "vat_rate")}
    return {**same, "advance": advance, "net": vat - amount, "vat": -vat}


def held_advance(advance: TopUp) -> Any:
    """``advance`` with what is left of it and of its VAT, held until the transaction ends.

    Hold the wallet before it: whoever takes of an advance does.
    """
    rows = TopUp.objects.filter(pk=advance.pk)
    list(rows.select_for_update(no_key=True).values_list("pk"))
    # Read once the lock is held: what another left of it is what we see.
    return with_left(rows.select_related("administration", "patient", "service", "vat_code")).get()


def payable_from(advance: Any, bill: Bill) -> Decimal:
    """How much of ``bill`` the ``advance`` may pay: what its service costs there, less what advances paid of it.

    Raises AdvanceOfAnother for another patient's bill, for one without the service, and for a top-up that is none.
    """
    lines = list(BillLine.objects.filter(bill=bill, service=advance.service_id).values_list("gross", flat=True))
    if advance.left is None or advance.patient_id != bill.patient_id or not lines:
        raise AdvanceOfAnother(advance=str(advance), service=str(advance.service))
    drawn = Payment.objects.filter(bill=bill, advance__service=advance.service_id).values_list("amount", flat=True)
    return max(total(lines) - total(drawn), ZERO)
