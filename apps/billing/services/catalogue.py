"""Who is treated, who pays for them, and what is offered."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.billing.errors import CodeTaken
from apps.billing.models import Patient, PatientIdentity, Payer, ServiceGroup
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account, Party

# Groups of services and the purpose of the account on which their revenue stands.
GROUPS = {
    "consultation": _("Consultations"),
    "laboratory": _("Laboratory"),
    "imaging": _("Imaging"),
    "pharmacy": _("Pharmacy"),
    "procedure": _("Procedures"),
    "other": _("Other"),
}


def open_catalogue(administration: Administration) -> None:
    """Give ``administration`` the usual service groups. Raises AccountMissing where the chart lacks their accounts."""
    for code in GROUPS:
        service_group(administration, code)


def service_group(administration: Administration, code: str) -> ServiceGroup:
    """The group of that code, made when it is not there: one of the usual ones, or one beside them on the account
    for other revenue. Raises AccountMissing."""
    known = ServiceGroup.objects.filter(administration=administration, code=code).first()
    if known:
        return known
    purpose = f"revenue_{code if code in GROUPS else 'other'}"
    account = Account.objects.filter(administration=administration, purpose=purpose).first()
    if account is None:
        raise AccountMissing(purpose=purpose)
    with language_of_books(administration):
        name = str(GROUPS.get(code, code))
    return ServiceGroup.objects.create(administration=administration, code=code, name=name, account=account)


@transaction.atomic
def register_patient(
    administration: Administration, *, code: str, name: str = "", birth_date: date | None = None, by: User | None = None
) -> Patient:
    """A new patient: a code for the books, and the name in an erasable row beside it.

    Without ``by`` an import registers. Raises NotAllowed or CodeTaken.
    """
    if by:
        require(by, Act.TAKE_PAYMENTS, administration.pk)
    if Patient.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    party = Party.objects.create(administration=administration, kind=Party.Kind.PATIENT, code=code)
    patient = Patient.objects.create(administration=administration, code=code, party=party)
    if name:
        PatientIdentity.objects.create(administration=administration, patient=patient, name=name, birth_date=birth_date)
    record("billing.patient_registered", patient, by=by)
    return patient


@transaction.atomic
def register_payer(administration: Administration, *, code: str, name: str, by: User | None = None) -> Payer:
    """A new HMO or insurer. Without ``by`` an import registers. Raises NotAllowed or CodeTaken."""
    if by:
        require(by, Act.SET_PRICES, administration.pk)
    if Payer.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    party = Party.objects.create(administration=administration, kind=Party.Kind.PAYER, code=code, name=name)
    payer = Payer.objects.create(administration=administration, code=code, name=name, party=party)
    record("billing.payer_registered", payer, by=by)
    return payer
