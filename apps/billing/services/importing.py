"""A clinic's files that were sent on screen: kept as they came, and imported as the command imports a folder."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from apps.billing.errors import ImportFileTwice, ImportRefused, ImportRowRefused
from apps.billing.importing.errors import MappingError
from apps.billing.importing.facts import Refusal
from apps.billing.importing.gathering import Gathered, gather
from apps.billing.importing.mapping import read_text
from apps.billing.importing.writing import write
from apps.billing.models import (
    Bill,
    BillLine,
    Claim,
    Drawer,
    DrawerCount,
    Order,
    Patient,
    Payer,
    Payment,
    Service,
    Tariff,
    TopUp,
    Visit,
)
from apps.core.errors import refusal_for
from apps.core.models import Administration, Upload, User
from apps.core.permissions import Act, require
from apps.core.services.uploads import storage, store_upload
from apps.core.uploads.names import cleaned

PURPOSE = "import"
MOST_TOLD = 200  # rows that were left out; the preview on screen says why others are
# What the writing calls each kind of row.
MADE: dict[str, type[Model]] = {
    "patients": Patient,
    "payers": Payer,
    "services": Service,
    "tariffs": Tariff,
    "visits": Visit,
    "orders": Order,
    "bills": Bill,
    "lines": BillLine,
    "payments": Payment,
    "top_ups": TopUp,
    "claims": Claim,
    "drawers": Drawer,
    "counts": DrawerCount,
}


@dataclass(frozen=True)
class Kept:
    """The files of an import and the mapping that reads them."""

    mapping: Upload
    files: list[Upload]


@dataclass(frozen=True)
class Imported:
    """How many rows of each model were added, and which rows of the files were left out, by file and line."""

    made: dict[str, int]
    left_out: list[tuple[str, ImportRowRefused]]


@transaction.atomic
def keep_files(files: Iterable[Any], *, mapping: str, administration: Administration, by: User) -> Kept:
    """Keep the ``files`` of a clinic and the text of their mapping.

    Raises NotAllowed, ImportFileTwice, and whatever store_upload raises.
    """
    require(by, Act.MANAGE_SETTINGS, administration.pk)
    named = [(cleaned(file.name), file) for file in files]
    twice = [name for name, count in Counter(name.casefold() for name, _file in named).items() if count > 1]
    if twice:
        raise ImportFileTwice(name=twice[0])
    mine: dict[str, Any] = {"administration": administration, "purpose": PURPOSE, "by": by}
    return Kept(
        store_upload(BytesIO(mapping.encode()), name="mapping.toml", **mine),
        [store_upload(file, name=name, **mine) for name, file in named],
    )


def import_files(kept: Kept, *, administration: Administration, by: User) -> Imported:
    """Import the one clinic in the files into ``administration``: everything that can be read, or nothing.

    Raises NotAllowed, ImportRefused, and whatever law of the database the facts break.
    """
    require(by, Act.MANAGE_SETTINGS, administration.pk)
    with TemporaryDirectory() as place:
        folder = Path(place)
        for upload in kept.files:
            with storage().open(upload.stored_as) as content, (folder / upload.file_name).open("wb") as file:
                copyfileobj(content, file)
        with storage().open(kept.mapping.stored_as) as content:
            text = content.read().decode()
        try:
            gathered = gather(read_text(text, folder), into=administration)
            _check_new_here(gathered, administration, by)
            added = sum((write(clinic, gathered.mapping, by=by) for clinic in gathered.clinics), Counter[str]())
        except MappingError as error:
            raise ImportRefused(reason=str(error)) from None
        except IntegrityError as error:
            raise refusal_for(error) or error from error
    made = {model._meta.label: added[name] for name, model in MADE.items() if added[name]}
    return Imported(made, list(_left_out(gathered.refusals)))


def _left_out(refusals: list[Refusal]) -> Iterator[tuple[str, ImportRowRefused]]:
    for row in sorted(refusals, key=lambda one: (one.place, one.entity))[:MOST_TOLD]:
        what = " ".join(part for part in (row.entity, row.column, row.value and f"“{row.value}”") if part)
        yield f"{row.place.file}:{row.place.line}", ImportRowRefused(row=what, reason=row.reason)
    if len(refusals) > MOST_TOLD:
        yield "…", ImportRowRefused(row=str(len(refusals) - MOST_TOLD), reason=_("mend these rows first"))


def _check_new_here(gathered: Gathered, administration: Administration, by: User) -> None:
    """Raises MappingError where no clinic is found, or one that was imported into other books of the same person."""
    if not gathered.clinics:
        raise MappingError(_("No row of the files says of which clinic it is."))
    source = f"import:{gathered.mapping.name}:{gathered.clinics[0].id}"
    elsewhere = Administration.objects.visible_to(by).filter(source=source).exclude(pk=administration.pk).first()
    if elsewhere:
        raise MappingError(_("This clinic was imported into {books} before.").format(books=elsewhere))
