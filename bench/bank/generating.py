"""Deterministic payments: who owes what, and what a bank says of those who pay it. Standard library only.

What is written here is how people and banks garble a payment; nothing here knows how matching reads it. Every line
keeps
the numbers of the documents that it really pays, none when it pays nothing that is open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

FIRST_DAY = date(2025, 1, 2)
DAYS = 300
EQUAL = 10  # documents of one amount
CUSTOMERS, SUPPLIERS = 20_000, 2_000

FIRST = (
    "Jan Piet Klaas Kees Anna Maria Sanne Lotte Emma Daan Bram Sem Lucas Finn Noah Eva Julia Tess Sara Fleur Isa Noor "
    "Ole Lars Nils Knut Ingrid Solveig Astrid Kari Liv Sigrid Bjorn Henrik Magnus Haakon Tor Erik Olav Jonas Ada Chidi "
    "Emeka Ngozi Amaka Tunde Bola Femi Kemi Yemi Sade Ife Uche Obi Ifeoma Bisi Wale Segun Ahmed Fatima Yusuf "
    "Aisha Omar "
    "Layla Hassan Zainab Peter Paul Hans Greta Karl Heidi Franz Luise Otto Klara Marc Claire Luc Sophie Jean "
    "Amelie Hugo"
).split()
LAST = (
    "Jansen|de Vries|Bakker|Visser|Smit|Meijer|de Boer|Mulder|de Groot|Bos|Vos|Peters|Hendriks|van Leeuwen|"
    "Dekker|Brouwer|"
    "de Wit|Dijkstra|Smits|de Graaf|van der Meer|van der Linden|Kok|Jacobs|de Haan|Vermeulen|van den Heuvel|"
    "van der Veen|"
    "van den Broek|de Bruijn|Schouten|van Beek|Willems|van Vliet|van de Ven|Hoekstra|Maas|Verhoeven|Koster|"
    "van Dam|Prins|"
    "Hansen|Johansen|Olsen|Larsen|Andersen|Pedersen|Nilsen|Kristiansen|Jensen|Karlsen|Johnsen|Pettersen|Eriksen|Berg|"
    "Haugen|Hagen|Johannessen|Andreassen|Jacobsen|Dahl|Halvorsen|Henriksen|Lund|Moen|Solberg|Strand|Iversen|Knutsen|"
    "Okafor|Adeyemi|Okonkwo|Balogun|Eze|Nwosu|Abubakar|Danjuma|Ogunleye|Afolabi|Adebayo|Chukwu|Nnamdi|Oyelaran|Musa|"
    "Muller|Schmidt|Schneider|Fischer|Weber|Wagner|Becker|Hoffmann|Schafer|Koch|Richter|Klein|Wolf|Neumann|Schwarz|"
    "Martin|Bernard|Dubois|Thomas|Robert|Petit|Durand|Leroy|Moreau|Simon|Laurent|Lefebvre|Michel|Garcia|David|Bertrand"
).split("|")
COMPANY = (
    "Noord Zuid Oost West Delta Alfa Orion Vega Atlas Boreas Fjord Polder Haven Linde Eik Berk Zilver Goud Koper "
    "Kristal "
    "Horizon Meridian Zenit Aurora Polaris Sirius Castor Hermes Mercator Neptun Triton Vesta Juno Ceres Flora Pomona"
).split()
TRADE = (
    "Bouw Techniek Logistiek Schoonmaak Catering Media Advies Medical Pharma Labs Energie Water Print Textiel".split()
)
FORM = ("B.V.", "BV", "NV", "AS", "Ltd", "GmbH")
CHATTER = (
    "",
    "payment",
    "invoice",
    "betaling",
    "thank you",
    "med vennlig hilsen",
    "online banking",
    "rekening",
    "part 1",
)


class Party(NamedTuple):
    number: int
    name: str
    iban: str
    is_supplier: bool
    is_known_by_iban: bool


class Document(NamedTuple):
    """An invoice: ``cents`` are owed to us, or by us when negative. A settled one was paid before the statement."""

    number: int
    party: Party
    reference: str
    date: date
    cents: int
    is_settled: bool


@dataclass(frozen=True)
class Line:
    """What the bank says, and in truth: the ``pays``, how the payer wrote what it is for, and whose account it came
    from. ``states`` is INTACT, STRUCTURED, CUT, MISSPELT or NOTHING."""

    number: int
    date: date
    cents: int
    label: str
    reference: str
    name: str
    iban: str
    pays: tuple[int, ...]
    is_whole: bool
    states: str
    is_own_account: bool


def parties(seed: int = 11) -> list[Party]:
    rng = Random(seed)
    made = []
    for number in range(CUSTOMERS + SUPPLIERS):
        is_supplier = number >= CUSTOMERS
        if is_supplier or rng.random() < 0.15:
            middle = rng.choice(("", "Groep ", "Nederland "))
            name = f"{rng.choice(COMPANY)} {rng.choice(TRADE)} {middle}{rng.choice(FORM)}"
        else:
            name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        made.append(Party(number, name, iban_of(number), is_supplier, rng.random() < (0.9 if is_supplier else 0.6)))
    return made


def iban_of(number: int) -> str:
    """A Dutch IBAN with its check digits (ISO 13616)."""
    account = f"INGB{number * 7919 % 10_000_000_000:010d}"
    digits = "".join(str(int(letter, 36)) for letter in f"{account}NL00")
    return f"NL{98 - int(digits) % 97:02d}{account}"


def documents(count: int, everybody: list[Party], seed: int = 12) -> list[Document]:
    """``count`` that are open, ten of each amount, and a fifth as many that were settled."""
    rng = Random(seed)
    amounts = [cents for cents in rng.sample(range(1_000, 900_000), -(-count // EQUAL)) for _ in range(EQUAL)]
    rng.shuffle(amounts)
    made = []
    for number in range(count + count // 5):
        is_settled = number >= count
        cents = rng.choice(amounts) if is_settled else amounts[number]
        day = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
        if rng.random() < 0.15:
            party = everybody[CUSTOMERS + rng.randrange(SUPPLIERS)]
            made.append(Document(number, party, vendor_reference(rng, day, number), day, -cents, is_settled))
        else:
            party = everybody[rng.randrange(CUSTOMERS)]
            made.append(Document(number, party, f"INV-2025-{number + 1:06d}", day, cents, is_settled))
    return made


def vendor_reference(rng: Random, day: date, number: int) -> str:
    """As suppliers number their invoices: each its own way."""
    return rng.choice(
        (
            f"F{number:07d}",
            f"{day.year}/{number:06d}",
            f"{day:%y%m}-{number:06d}",
            f"RE-{number:06d}-{rng.randrange(10)}",
            f"{number + 10_000_000}",
        )
    )


def lines(count: int, made: list[Document], everybody: list[Party], seed: int = 13) -> Iterator[Line]:
    """``count`` movements: most pay one invoice; some pay part of one, several, one that was paid before, or
    nothing."""
    rng = Random(seed)
    free: dict[int, list[Document]] = {}
    for document in made:
        if not document.is_settled:
            free.setdefault(document.party.number, []).append(document)
    settled = [document for document in made if document.is_settled and document.cents > 0]
    open_ = [document for document in made if not document.is_settled]
    rng.shuffle(open_)
    paid: set[int] = set()
    for number in range(count):
        roll = rng.random()
        if roll < 0.08:
            yield stranger(rng, number, rng.choice(open_), everybody)
            continue
        if roll < 0.12:
            yield paid_again(rng, number, rng.choice(settled), free)
            continue
        document = next_unpaid(open_, paid)
        with_it = [
            one for one in free[document.party.number] if one.number not in paid and one.cents * document.cents > 0
        ]
        if roll < 0.19 and len(with_it) > 1:
            several = rng.sample(with_it, min(len(with_it), rng.choice((2, 2, 2, 3, 4))))
            paid.update(one.number for one in several)
            yield of_documents(rng, number, several, sum(one.cents for one in several), made)
            continue
        paid.add(document.number)
        cents = document.cents
        if roll < 0.24:
            cents = cents * rng.randint(20, 90) // 100
        elif roll < 0.27:
            cents -= max(cents * rng.randint(10, 25) // 1000, 1)  # a fee was kept
        elif roll < 0.29:
            cents += rng.choice((100, 500, 1_000, 2_500))
        yield of_documents(rng, number, [document], cents, made)


def next_unpaid(open_: list[Document], paid: set[int]) -> Document:
    while (document := open_.pop()).number in paid:
        pass
    return document


def of_documents(rng: Random, number: int, paying: list[Document], cents: int, made: list[Document]) -> Line:
    party = paying[0].party
    states = rng.choices(("INTACT", "STRUCTURED", "CUT", "MISSPELT", "NOTHING"), (38, 12, 8, 10, 32))[0]
    if states == "STRUCTURED" and (len(paying) > 1 or party.is_supplier):
        states = "INTACT"
    label = reference = ""
    if states == "STRUCTURED":
        reference = structured(rng, paying[0].reference)
        label = rng.choice(CHATTER)
    elif states == "NOTHING":
        label = rng.choice(CHATTER)
    else:
        garble = {
            "INTACT": lambda text: text,
            "CUT": lambda text: cut(rng, text),
            "MISSPELT": lambda t: misspelt(rng, t),
        }
        label = ", ".join(garble[states](written(rng, one.reference)) for one in paying)
        label = f"{rng.choice(CHATTER)} {label} {rng.choice(CHATTER)}".strip()
    day = max(one.date for one in paying) + timedelta(days=rng.randint(1, 60))
    iban, is_own = account_of(rng, party)
    whole = len(paying) == 1 and cents == paying[0].cents
    pays = tuple(one.number for one in paying)
    return Line(number, day, cents, label, reference, name_of(rng, party.name), iban, pays, whole, states, is_own)


def account_of(rng: Random, party: Party) -> tuple[str, bool]:
    """Whose account it came from: mostly theirs, sometimes another one of theirs or a relative's, sometimes untold."""
    roll = rng.random()
    if roll < 0.85:
        return party.iban, True
    return (iban_of(rng.randrange(1_000_000, 9_000_000)), False) if roll < 0.93 else ("", False)


def written(rng: Random, reference: str) -> str:
    """A number as people copy it."""
    return rng.choice(
        (
            reference,
            reference,
            reference.lower(),
            reference.replace("-", " ").replace("/", " "),
            reference.replace("-", "").replace("/", ""),
            f"nr. {reference}",
            reference.replace("INV-", "factuur "),
        )
    )


def cut(rng: Random, text: str) -> str:
    """A field that ends too early, or the end of a number alone."""
    keep = rng.randint(3, max(len(text) - 1, 3))
    return text[:keep] if rng.random() < 0.6 else text[-keep:]


def misspelt(rng: Random, text: str) -> str:
    """One digit wrong, doubled or left out, or two of them swapped."""
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    at = rng.choice(digits[-6:])
    kind = rng.randrange(4)
    if kind == 0:
        return text[:at] + rng.choice([digit for digit in "0123456789" if digit != text[at]]) + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2:
        return text[:at] + text[at + 1 :]
    swapped = next((at for at in reversed(digits[:-1]) if text[at + 1].isdigit() and text[at] != text[at + 1]), None)
    if swapped is None:
        return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
    return text[:swapped] + text[swapped + 1] + text[swapped] + text[swapped + 2 :]


def structured(rng: Random, reference: str) -> str:
    """The invoice's digits as KID (modulus 10) or as creditor reference (ISO 11649)."""
    digits = "".join(filter(str.isdigit, reference))
    if rng.random() < 0.6:
        doubled = [int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits))]
        return f"{digits}{-sum(one // 10 + one % 10 for one in doubled) % 10}"
    return f"RF{98 - int(f'{digits}271500') % 97:02d}{digits}"


def name_of(rng: Random, name: str) -> str:
    """A name as banks show it."""
    first, _space, rest = name.partition(" ")
    roll = rng.random()
    if roll < 0.45:
        return name
    if roll < 0.60:
        return f"{rest} {first}".upper()
    if roll < 0.75:
        return f"{first[0]}. {rest}"
    if roll < 0.83:
        at = rng.randrange(len(name) - 1)
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    if roll < 0.90:
        return name[:12]
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}" if roll < 0.95 else ""


def stranger(rng: Random, number: int, like: Document, everybody: list[Party]) -> Line:
    """Somebody who pays nothing of ours, by chance an amount that is open: of a name nobody here bears, or that of
    somebody who owes another amount, from an account that nobody knows."""
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}sson"
    if rng.random() < 0.3 and (namesake := rng.choice(everybody)).number != like.party.number:
        name = namesake.name if not namesake.is_supplier and namesake.name != like.party.name else name
    label = rng.choice((*CHATTER, "rent", "gift", "order 5512", f"ref {rng.randrange(10**6)}"))
    day = like.date + timedelta(days=rng.randint(1, 60))
    return Line(
        number, day, like.cents, label, "", name, iban_of(rng.randrange(10**7, 10**8)), (), False, "NOTHING", False
    )


def paid_again(rng: Random, number: int, document: Document, free: dict[int, list[Document]]) -> Line:
    """An invoice that was settled already, paid once more; where the payer owes another one, by chance its amount."""
    others = [one for one in free.get(document.party.number, ()) if one.cents > 0]
    cents = rng.choice(others).cents if others and rng.random() < 0.3 else document.cents
    day = document.date + timedelta(days=rng.randint(30, 90))
    iban, is_own = account_of(rng, document.party)
    name = name_of(rng, document.party.name)
    return Line(number, day, cents, written(rng, document.reference), "", name, iban, (), False, "INTACT", is_own)
