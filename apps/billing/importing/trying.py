"""Try a mapping on the beginnings of a clinic's files, without writing anything."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError
from apps.billing.importing.facts import Clinic, Refusal
from apps.billing.importing.gathering import gather
from apps.billing.importing.mapping import read_text
from apps.billing.models import Payment
from apps.core.money import ZERO, total

LINES, BYTES, SHOWN = 1000, 2_000_000, 50  # of each file, and refusals


class SentFile(Protocol):
    """A file as a browser sends it."""

    name: str | None

    def __iter__(self) -> Any: ...


@dataclass(frozen=True)
class Found:
    """What a mapping makes of one clinic: how many rows of each kind, what was billed, what was paid by method."""

    clinic: Clinic
    rows: list[tuple[str, int]]
    billed: Decimal
    paid: list[tuple[str, Decimal]]


@dataclass(frozen=True)
class Trial:
    """What came of a try. With a ``problem`` the mapping cannot be right, and nothing else is said."""

    problem: str = ""
    clinics: tuple[Found, ...] = ()
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()
    cut: tuple[str, ...] = ()  # names of files of which only the beginning was read


def try_mapping(text: str, files: Iterable[SentFile], administrations: Any) -> Trial:
    """Read the beginning of ``files`` as the mapping ``text`` says, beside what ``administrations`` hold already."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        cut = tuple(name for file in files if (name := _keep(file, folder)))
        try:
            gathered = gather(read_text(text, folder), administrations)
        except MappingError as error:
            return Trial(problem=str(error), cut=cut)
    refusals = sorted(gathered.refusals, key=lambda refusal: (refusal.place, refusal.entity))
    clinics = tuple(_found(clinic) for clinic in gathered.clinics)
    return Trial("", clinics, len(refusals), tuple(refusals[:SHOWN]), cut)


def _keep(file: SentFile, folder: Path) -> str:
    """Write the beginning of ``file``; its name, when there was more of it."""
    name = Path(file.name or "").name or "file.csv"
    size = 0
    with (folder / name).open("wb") as kept:
        for number, line in enumerate(file):
            size += len(line)
            if number >= LINES or size > BYTES:
                return name
            kept.write(line)
    return ""


def _found(clinic: Clinic) -> Found:
    counts = {
        _("Patients"): len(clinic.patients),
        _("Services"): len(clinic.services),
        _("Visits"): len(clinic.visits),
        _("Orders"): len(clinic.orders),
        _("Bills"): len(clinic.bills),
        _("Bill lines"): sum(len(bill.lines) for bill in clinic.bills),
        _("Payments"): len(clinic.payments),
        _("Claims"): len(clinic.claims),
        _("Wallet top-ups"): len(clinic.top_ups),
        _("Counts"): len(clinic.counts),
    }
    paid: Counter[str] = Counter()
    for payment in clinic.payments:
        paid[payment.method] += payment.amount  # type: ignore[assignment]
    return Found(
        clinic,
        [(word, number) for word, number in counts.items() if number],
        total(bill.gross for bill in clinic.bills),
        [(str(method.label), Decimal(paid.get(method, ZERO))) for method in Payment.Method if method in paid],
    )
