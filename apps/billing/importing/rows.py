"""The rows of a mapping's sections: read, merged, held against their ids; and what is refused of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.billing.importing.amounts import short
from apps.billing.importing.errors import Refused
from apps.billing.importing.facts import Refusal
from apps.billing.importing.fields import Moment
from apps.billing.importing.files import Place, Row
from apps.billing.importing.mapping import Mapping, Section

FIRST_YEAR, LAST_YEAR = 1900, 2100
LONGEST_ID = 120
# What a row cannot do without; an id, where nothing stands here.
NEEDED: dict[str, tuple[str, ...]] = {
    "lines": ("bill",),
    "payments": (),
    "claims": (),
    "tariffs": ("payer", "service", "price"),
    "orders": ("id", "visit", "kind"),
    "top_ups": ("id", "patient", "date", "method", "amount"),
    "wallets": ("patient", "balance", "date"),
    "counts": ("drawer", "date", "counted"),
}
MOMENTS = (
    *("started", "ended", "date", "valid_from", "birth_date", "ordered", "completed", "cancelled"),
    *("submitted", "answered"),
)


@dataclass(slots=True)
class Found:
    """A row (or several of one id) of a section: the values of its fields, those that are empty left out."""

    section: Section
    place: Place
    id: str
    values: dict[str, Any]
    parts: "list[Found]" = field(default_factory=list)  # the lines of a bill

    @property
    def entity(self) -> str:
        return "bills" if self.parts else self.section.entity


class Rows:
    """The rows of one mapping over one folder. Each is read, or refused and remembered for what names it."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.refusals: dict[tuple[Any, ...], Refusal] = {}
        self.lost: dict[str, dict[str, Place]] = defaultdict(dict)  # entity -> ids of refused rows

    def found(self, entity: str) -> Iterator[Found]:
        """The rows of every source of ``entity`` that can be read."""
        for section in self.mapping.sections[entity]:
            yield from self.found_in(section)

    def found_in(self, section: Section) -> Iterator[Found]:
        if section.file is None:
            nothing = Row(Place("", 0), {})
            values = {name: value for name, one in section.fields.items() if (value := one.read(nothing)) is not None}
            yield Found(section, nothing.place, values.get("id", ""), values)
            return
        for row in section.file.rows(self.mapping.folder):
            if not row.broken and section.where is not None and not section.where(row):
                continue
            found = Found(section, row.place, "", {})
            try:
                # Ids come first: a row that fails later has said which one it is, and which bill is not whole.
                for name, one in section.fields.items():
                    if row.broken and name not in ("id", "bill"):
                        raise Refused(row.broken)
                    if (value := one.read(row)) is not None:
                        found.values[name] = value
                        found.id = value if name == "id" else found.id
                self.check_required(found)
            except Refused as refusal:
                self.lose(found, refusal)
                continue
            yield found

    def merged(self, rows: Iterable[Found]) -> Iterator[Found]:
        """Rows of one id as one: the first value of each field counts; the earliest start and date, the latest end."""
        together: dict[str, Found] = {}
        for found in rows:
            known = together.setdefault(found.id, found)
            if known is found:
                continue
            for name, value in found.values.items():
                choose = {"started": min, "date": min, "ended": max}.get(name)
                if name not in known.values:
                    known.values[name] = value
                elif choose is not None:
                    known.values[name] = choose(known.values[name], value, key=_sortable)
        yield from together.values()

    def single(self, entity: str) -> Iterator[Found]:
        """Rows of one id are one where the section says ``group``; elsewhere the second is refused."""
        seen: dict[str, Place] = {}
        for section in self.mapping.sections[entity]:
            rows = self.found_in(section)
            for found in self.merged(rows) if section.merge else rows:
                found.id += section.suffix if found.id else ""
                if found.id and found.id in seen:
                    self.lose_repeated(found, seen[found.id])
                    continue
                seen[found.id] = found.place
                yield found

    def lose_repeated(self, found: Found, before: Place) -> None:
        """Refuse the second row of an id; the first stands, unless it is a line of a bill."""
        refusal = Refused(
            _("the same id stands in {file}, line {line}; say merge = true if both are one").format(
                file=before.file, line=before.line
            ),
            field="id",
            value=found.id,
        )
        if found.entity == "lines":
            self.lose(found, refusal)
        else:
            self.refuse(found.entity, found.place, refusal, found.section)

    def check_required(self, found: Found) -> None:
        needed = NEEDED.get(found.section.entity, ("id",))
        for name in needed:
            if name not in found.values:
                raise Refused(_("empty"), field=name)
        for name in ("id", "bill"):
            short(found.values.get(name, ""), LONGEST_ID, name)
        for name in MOMENTS:
            moment = found.values.get(name)
            if moment is not None and not FIRST_YEAR <= moment.year <= LAST_YEAR:
                raise Refused(_("a year beyond belief"), field=name, value=moment)

    def lose(self, found: Found, refusal: Refused) -> None:
        """Refuse a row, and remember it for what names it; a line takes its whole bill along."""
        entity = found.entity
        if found.id:
            self.lost[entity].setdefault(found.id, found.place)
        if entity == "lines" and "bill" in found.values:
            self.lost["bills"].setdefault(found.values["bill"], found.place)
        self.refuse(entity, found.place, refusal, found.section)

    def refuse(self, entity: str, place: Place, refusal: Refused, section: Section | None = None) -> None:
        field = (
            "bill"
            if entity == "bills" and section and section.entity == "lines" and refusal.field == "id"
            else refusal.field
        )
        column = refusal.column or (section.columns(field) if section else "") or field
        known = Refusal(entity, place, column, refusal.value, refusal.reason)
        self.refusals.setdefault((entity, place, refusal.reason), known)

    def check_not_lost(self, entity: str, id: str, field: str) -> None:
        if place := self.lost[entity].get(id):
            raise Refused(
                _("refused with {file}, line {line}").format(file=place.file, line=place.line), field=field, value=id
            )


def _sortable(moment: Moment) -> str:
    """Moments of one field are written alike, so that their texts sort as they do."""
    return moment.isoformat()
