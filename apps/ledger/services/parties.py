"""Register and change parties: their numbers are checked before anybody pays or declares by them."""

from typing import Any

from django.db import transaction
from stdnum import get_cc_module

from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger import numbers
from apps.ledger.errors import PartyCodeTaken, PartyNumberInvalid, named_refusals
from apps.ledger.models import Party

FACTS = ("name", "country", "vat_number", "organization_number", "iban", "email", "payment_days")


@named_refusals()
@transaction.atomic
def create_party(administration: Administration, *, kind: str, code: str, by: User, **facts: Any) -> Party:
    """Register a party. ``facts`` are those of FACTS. Raises NotAllowed, PartyCodeTaken or PartyNumberInvalid."""
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key("party", administration.pk, kind, code)
    if Party.objects.filter(administration=administration, kind=kind, code=code).exists():
        raise PartyCodeTaken()
    party: Party = Party.objects.create(administration=administration, kind=kind, code=code, **_checked(facts))
    record("ledger.party_registered", party, by=by, kind=kind)
    return party


@named_refusals()
@transaction.atomic
def change_party(party: Party, *, by: User, **facts: Any) -> Party:
    """Change what is known of a party; its kind and code stay. Raises NotAllowed or PartyNumberInvalid."""
    require(by, Act.KEEP_ACCOUNTS, party.administration_id)
    party = Party.objects.select_for_update().get(pk=party.pk)
    facts.setdefault("country", party.country)
    changed = {name: value for name, value in _checked(facts).items() if value != getattr(party, name)}
    for name, value in changed.items():
        setattr(party, name, value)
    if changed:
        party.save(update_fields=list(changed))
        record("ledger.party_changed", party, by=by, fields=sorted(changed))
    return party


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    """``facts`` with their numbers as they are written without spaces. Raises PartyNumberInvalid."""
    unknown = set(facts) - set(FACTS)
    if unknown:
        raise TypeError(f"a party has no {', '.join(sorted(unknown))}")
    country = facts.get("country", "").upper()
    plain = {
        "vat_number": lambda text: _vat_number(text, country),
        "organization_number": lambda text: _organization_number(text, country),
        "iban": numbers.iban,
    }
    checked = {**facts, **({"country": country} if "country" in facts else {})}
    for name, compact in plain.items():
        if facts.get(name):
            checked[name] = compact(facts[name])
            if not checked[name]:
                raise PartyNumberInvalid(field=name, number=facts[name])
    return checked


def _organization_number(text: str, country: str) -> str:
    """Of the Netherlands and Norway, whose rules are known; of another country what was written."""
    return numbers.organization_number(text) if country in ("", "NL", "NO") else text.strip()


def _vat_number(text: str, country: str) -> str:
    """A VAT number of the EU or Norway, or of another country whose rules are known; empty when it is none.

    Of a country without known rules, such as Nigeria, what was written is kept.
    """
    found = numbers.vat_number(text, country)
    rules = get_cc_module(country.lower(), "vat") if country else None
    if found or (rules is None and not country):
        return found
    if rules is None:
        return text.strip()
    return str(rules.compact(text)) if rules.is_valid(text) else ""
