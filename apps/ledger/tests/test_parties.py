import pytest

from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.ledger.errors import PartyCodeTaken, PartyNumberInvalid
from apps.ledger.services.parties import change_party, create_party


@pytest.mark.parametrize(
    ("country", "field", "written", "kept"),
    [
        ("NL", "vat_number", "NL 0044.95.445.B01", "NL004495445B01"),
        ("NL", "vat_number", "004495445B01", "NL004495445B01"),
        ("de", "vat_number", "DE 136,695 976", "DE136695976"),
        ("NO", "vat_number", "NO 995 525 828 MVA", "995525828MVA"),
        ("GB", "vat_number", "GB 980 7806 84", "980780684"),
        ("NG", "vat_number", "12345678-0001", "12345678-0001"),  # no rules are known: as it was written
        ("NL", "organization_number", "3412 3456", "34123456"),
        ("NO", "organization_number", "988 077 917", "988077917"),
        ("DE", "organization_number", "HRB 86891", "HRB 86891"),
        ("NL", "iban", "nl91 abna 0417 1643 00", "NL91ABNA0417164300"),
    ],
)
def test_numbers_are_checked_and_kept_without_spaces(ledger, country, field, written, kept):
    party = create_party(
        ledger.administration, kind="SUPPLIER", code="S", by=ledger.accountant, country=country, **{field: written}
    )
    party.refresh_from_db()
    assert (getattr(party, field), party.country) == (kept, country.upper())


@pytest.mark.parametrize(
    ("country", "field", "number"),
    [
        ("NL", "vat_number", "NL004495446B01"),  # a check digit off
        ("NL", "vat_number", "12345"),
        ("", "vat_number", "12345"),
        ("GB", "vat_number", "GB980780685"),
        ("NL", "organization_number", "3412345"),
        ("NO", "organization_number", "988077918"),
        ("NL", "iban", "NL91ABNA0417164301"),
        ("NL", "iban", "NL91"),
    ],
)
def test_a_wrong_number_is_refused_by_the_name_of_its_field(ledger, country, field, number):
    with pytest.raises(PartyNumberInvalid) as refused:
        ledger.supplier(country=country, **{field: number})
    assert refused.value.facts == {"field": field, "number": number}


def test_a_code_is_taken_once_in_each_kind(ledger):
    ledger.supplier("S-1")
    ledger.customer("S-1")
    with pytest.raises(PartyCodeTaken):
        create_party(ledger.administration, kind="SUPPLIER", code="S-1", by=ledger.accountant)


def test_a_party_is_changed_with_the_same_checks_and_the_event_names_no_person(ledger):
    party = ledger.supplier(country="NL", name="Jansen")
    changed = change_party(party, by=ledger.accountant, iban="NL91 ABNA 0417 1643 00", name="Janssen", country="NL")
    assert (changed.iban, changed.name) == ("NL91ABNA0417164300", "Janssen")
    assert Event.objects.get(name="ledger.party_changed").facts == {"fields": ["iban", "name"]}
    with pytest.raises(PartyNumberInvalid):
        change_party(party, by=ledger.accountant, vat_number="1")
    assert change_party(party, by=ledger.accountant, vat_number="004495445B01").vat_number == "NL004495445B01"


def test_a_change_that_changes_nothing_is_no_event(ledger):
    change_party(ledger.supplier(name="Jansen"), by=ledger.accountant, name="Jansen")
    assert not Event.objects.filter(name="ledger.party_changed").exists()


def test_only_an_accountant_keeps_the_parties(ledger):
    with pytest.raises(NotAllowed):
        create_party(ledger.administration, kind="SUPPLIER", code="S", by=ledger.books.owner)
    with pytest.raises(NotAllowed):
        change_party(ledger.supplier(), by=ledger.books.owner, name="x")
