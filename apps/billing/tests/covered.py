"""Bills that a payer covers, for tests: made and claimed through the services."""

from datetime import date
from decimal import Decimal as D

from django.db.models import Sum

from apps.billing.models import Claim, Payer
from apps.billing.services.claims import claim_for, submit_claim
from apps.billing.services.payments import Tender, take_payment
from apps.billing.services.remitting import Settlement, record_remittance
from apps.billing.tests.clinic import Clinic
from apps.ledger.models import JournalEntry, JournalLine, OpenItem


def claimed(
    clinic: Clinic,
    price: str,
    *,
    cover: str = "",
    day: date | None = None,
    payer: Payer | None = None,
    submitted: date | bool | None = None,
    patient: str = "P-1",
) -> Claim:
    """The claim for ``cover`` (all, when not given) of a bill of ``price``, submitted unless told otherwise."""
    bill = clinic.bill(price, day=day, patient=clinic.patient(patient))
    payer = payer or clinic.payer()
    tender = Tender(payer.method, D(cover or price), payer)
    take_payment(bill, tender=tender, day=day, by=clinic.receptionist)
    claim = claim_for(bill, payer)
    if submitted is False:
        return claim
    return submit_claim(claim, by=clinic.manager, on=submitted or None)


def remit(clinic: Clinic, amount: str, *parts: tuple[Claim, str, str], on: date | None = None, **more: object):
    """A remittance of ``amount`` with ``parts`` of (claim, kind, amount)."""
    return record_remittance(
        payer=more.pop("payer", None) or (parts[0][0].payer if parts else clinic.payer()),
        amount=D(amount),
        received_on=on or clinic.today,
        settlements=[Settlement(claim, kind, D(part)) for claim, kind, part in parts],
        by=more.pop("by", clinic.accountant),
        **more,
    )


def lines(entry: JournalEntry) -> dict[str, D]:
    """What an entry says: debit less credit by the purpose of the account."""
    sums = entry.lines.order_by().values_list("account__purpose").annotate(d=Sum("debit"), c=Sum("credit"))
    return {purpose: debit - credit for purpose, debit, credit in sums}


def balance(clinic: Clinic, purpose: str, day: date | None = None) -> D:
    rows = JournalLine.objects.filter(account__administration=clinic.administration, account__purpose=purpose)
    return rows.posted().up_to(day or date.max).balance()


def items(clinic: Clinic, purpose: str, day: date | None = None) -> dict[tuple[str, object], D]:
    """What is open on a control account at the end of ``day``, by document."""
    found: dict[tuple[str, object], D] = {}
    rows = OpenItem.objects.filter(account__administration=clinic.administration, account__purpose=purpose)
    for item in rows.as_of(day):
        key = (item.document_type, item.document_id)
        found[key] = found.get(key, D(0)) + item.open
    return {key: amount for key, amount in found.items() if amount}
