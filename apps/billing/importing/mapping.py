"""A mapping file: where each fact of a clinic stands in its CSV files."""

import codecs
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError, hint
from apps.billing.importing.fields import FLAG, MOMENT, NUMBER, TEXT, Compiler, Field, check_keys, read_formats
from apps.billing.importing.files import CsvFile, Format
from apps.billing.models import Payment
from apps.core.models import check_currency, check_time_zone
from apps.ledger.services.opening import charts

SHIPPED = Path(__file__).resolve().parent / "mappings"

_AMOUNTS = {
    "service": TEXT, "code": TEXT, "description": TEXT, "group": TEXT, "quantity": NUMBER, "unit_price": NUMBER,
    "amount": NUMBER, "net": NUMBER, "vat": NUMBER, "gross": NUMBER, "vat_code": TEXT, "vat_rate": NUMBER,
    "discount": NUMBER, "discount_reason": TEXT, "discount_approved": FLAG, "coverage": TEXT, "co_pay": NUMBER,
    "order": TEXT,
}  # fmt: skip
_WHOSE = {"administration": TEXT, "visit": TEXT, "patient": TEXT}

# What each entity may say, and the kind of each field. Order matters: what is named comes before what names it.
FIELDS: dict[str, dict[str, str]] = {
    "administrations": {
        "id": TEXT, "name": TEXT, "country": TEXT, "currency": TEXT, "time_zone": TEXT, "chart": TEXT,
        "organization_number": TEXT, "vat_number": TEXT,
    },
    "payers": {"id": TEXT, "name": TEXT},
    "services": {
        "id": TEXT, "name": TEXT, "group": TEXT, "vat_code": TEXT, "vat_rate": NUMBER, "price": NUMBER,
        "valid_from": MOMENT,
    },
    "tariffs": {
        "payer": TEXT, "service": TEXT, "price": NUMBER, "co_pay": NUMBER, "valid_from": MOMENT,
    },
    "patients": {"id": TEXT, "administration": TEXT, "name": TEXT, "birth_date": MOMENT, "email": TEXT},
    "visits": {
        "id": TEXT, "administration": TEXT, "patient": TEXT, "started": MOMENT, "ended": MOMENT, "status": TEXT,
        "inpatient": FLAG, "reason": TEXT,
    },
    "orders": {
        "id": TEXT, "administration": TEXT, "visit": TEXT, "kind": TEXT, "service": TEXT, "code": TEXT,
        "description": TEXT, "quantity": NUMBER, "payer": TEXT, "ordered": MOMENT, "completed": MOMENT,
        "completed_quantity": NUMBER, "cancelled": MOMENT, "coverage": TEXT, "emergency": FLAG, "reason": TEXT,
    },
    "bills": {"id": TEXT, "number": TEXT, **_WHOSE, "date": MOMENT, "credits": TEXT, "reason": TEXT, **_AMOUNTS},
    "lines": {"id": TEXT, "bill": TEXT, **_WHOSE, "date": MOMENT, **_AMOUNTS},
    "payments": {
        "id": TEXT, "bill": TEXT, "bill_number": TEXT, **_WHOSE, "date": MOMENT, "method": TEXT, "amount": NUMBER,
        "kind": TEXT, "refund_of": TEXT, "payer": TEXT, "reference": TEXT, "reason": TEXT, "drawer": TEXT,
        "advance": TEXT,
    },
    "claims": {
        "id": TEXT, "bill": TEXT, "bill_number": TEXT, **_WHOSE, "payer": TEXT, "status": TEXT, "submitted": MOMENT,
        "answered": MOMENT, "authorisation": TEXT, "reason": TEXT,
    },
    "top_ups": {
        "id": TEXT, "administration": TEXT, "patient": TEXT, "date": MOMENT, "method": TEXT, "amount": NUMBER,
        "reference": TEXT, "reason": TEXT, "drawer": TEXT, "service": TEXT, "advance": TEXT,
    },
    "wallets": {"administration": TEXT, "patient": TEXT, "balance": NUMBER, "date": MOMENT},
    "drawers": {"id": TEXT, "administration": TEXT, "name": TEXT, "float": NUMBER},
    "counts": {
        "administration": TEXT, "drawer": TEXT, "date": MOMENT, "opening_float": NUMBER, "counted": NUMBER,
        "deposited": NUMBER,
    },
}  # fmt: skip
REQUIRED: dict[str, tuple[str, ...]] = {
    "administrations": ("id",),
    "payers": ("id",),
    "services": ("id",),
    "patients": ("id",),
    "visits": ("id", "patient", "started"),
    "bills": ("id",),
    "lines": ("bill",),
    "payments": ("amount",),
    "tariffs": ("payer", "service", "price"),
    "orders": ("id", "visit", "kind"),
    "claims": (),
    "top_ups": ("id", "patient", "date", "method", "amount"),
    "wallets": ("patient", "balance", "date"),
    "drawers": ("id",),
    "counts": ("drawer", "date", "counted"),
}
# What a section may say beside fields: that several rows are one, that amounts include VAT, a payment per column.
OPTIONS = {
    "services": ("includes_vat",), "visits": ("merge",), "bills": ("merge", "includes_vat"),
    "lines": ("merge", "includes_vat"), "payments": ("merge", "amounts"), "tariffs": ("includes_vat",),
}  # fmt: skip

SETTINGS = (
    "country", "currency", "time_zone", "chart", "vat_code", "vat_codes", "service_group", "groups", "payer",
    "includes_vat", "encoding", "delimiter", "quote", "decimal", "thousands", "dates", "empty",
)  # fmt: skip
FILE_KEYS = (
    "match", "encoding", "delimiter", "quote", "skip", "header", "optional", "where",
    "decimal", "thousands", "dates", "time_zone", "empty",
)  # fmt: skip
LONGEST_NAME = 60
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class Settings:
    """What holds for the whole import unless a section says otherwise."""

    country: str
    currency: str
    time_zone: str
    chart: str
    vat_code: str = "EXEMPT"
    vat_codes: dict[str, Decimal] = field(default_factory=dict)
    service_group: str = "other"
    groups: dict[str, str] = field(default_factory=dict)
    payer: str = "Insurer"
    includes_vat: bool = True


@dataclass(frozen=True)
class Section:
    """One source of one entity: a file, the rows of it that count, and where its fields stand."""

    entity: str
    place: str
    file: CsvFile | None
    where: Any
    fields: dict[str, Field]
    merge: bool = False  # several rows of one id are one
    includes_vat: bool = True
    suffix: str = ""  # tells apart the payments that one row holds

    def columns(self, name: str) -> str:
        return ", ".join(self.fields[name].columns) if name in self.fields else ""


@dataclass(frozen=True)
class Mapping:
    name: str
    folder: Path
    settings: Settings
    files: dict[str, CsvFile]
    sections: dict[str, list[Section]]

    def says(self, entity: str, field: str = "id") -> bool:
        """Whether any source of ``entity`` gives ``field``."""
        return any(field in section.fields for section in self.sections[entity])


def read_mapping(said: str, folder: Path) -> Mapping:
    """The mapping named or stored at ``said``, held against ``folder``. Raises MappingError for the first thing wrong.

    Every file is there, every column is in its file, every key has a meaning: what is left to go wrong is in rows.
    """
    path = SHIPPED / f"{said}.toml" if not said.endswith(".toml") else Path(said)
    if not path.is_file():
        raise MappingError(
            _("There is no mapping {path}.").format(path=said)
            + hint(said, sorted(p.stem for p in SHIPPED.glob("*.toml")))
        )
    if not folder.is_dir():
        raise MappingError(_("There is no folder {folder}.").format(folder=folder))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MappingError(_("{path} is not TOML: {error}.").format(path=path, error=error)) from None
    return read_text(text, folder, str(path))


def read_text(text: str, folder: Path, path: str = "") -> Mapping:
    """The mapping that TOML ``text`` says, held against ``folder``. Raises MappingError."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(
            _("{path} is not TOML: {error}.").format(path=path or _("The mapping"), error=error)
        ) from None
    return build(table, folder)


def build(table: dict[str, Any], folder: Path) -> Mapping:
    """The mapping that a TOML ``table`` says. Raises MappingError."""
    check_keys(table, ("name", "settings", "files", *FIELDS), "mapping", required=("name", "settings"))
    said = table["settings"]
    check_keys(said, SETTINGS, "settings", required=("country", "currency", "time_zone", "chart"))
    settings = _settings(said)
    files = {name: _file(name, spec, said) for name, spec in table.get("files", {}).items()}
    compiler = Compiler(files, folder)
    for name, spec in table.get("files", {}).items():
        if "where" in spec:
            files[name].where.append(compiler.condition(spec["where"], files[name], f"files.{name}.where"))
    sections = {
        entity: [
            section
            for number, source in enumerate(_sources(table, entity), start=1)
            for section in _sections(entity, source, f"{entity}[{number}]", files, compiler, settings)
        ]
        for entity in FIELDS
    }
    if not 0 < len(str(table["name"])) <= LONGEST_NAME:
        raise MappingError(_("mapping: name has up to {length} characters.").format(length=LONGEST_NAME))
    mapping = Mapping(str(table["name"]), folder, settings, files, sections)
    _check_whole(mapping)
    for file in files.values():
        file.check(folder)
    return mapping


def _sources(table: dict[str, Any], entity: str) -> list[dict[str, Any]]:
    said = table.get(entity, [])
    return said if isinstance(said, list) else [said]


def _settings(said: dict[str, Any]) -> Settings:
    names = [name for name in Settings.__dataclass_fields__ if name in said]
    values = {name: said[name] for name in names}
    values["vat_codes"] = {code: Decimal(str(rate)) for code, rate in said.get("vat_codes", {}).items()}
    settings = Settings(**values)
    check_settings(settings.country, settings.currency, settings.time_zone, settings.chart, "settings")
    return settings


def check_settings(country: str, currency: str, time_zone: str, chart: str, place: str) -> None:
    """Raises MappingError for a country, currency, time zone or chart that is none."""
    try:
        check_currency(currency)
        check_time_zone(time_zone)
    except ValidationError as error:
        raise MappingError(f"{place}: {error.messages[0]}") from None
    if len(country) != 2 or not country.isalpha():
        raise MappingError(
            _("{place}: '{country}' is no ISO 3166-1 code such as NL.").format(place=place, country=country)
        )
    if chart not in charts():
        raise MappingError(
            _("{place}: there is no chart of accounts '{chart}'.").format(place=place, chart=chart)
            + hint(chart, charts())
        )


def _file(name: str, said: dict[str, Any], settings: dict[str, Any]) -> CsvFile:
    place = f"files.{name}"
    check_keys(said, FILE_KEYS, place, required=("match",))
    shared = {key: settings[key] for key in ("encoding", "delimiter", "quote", *FORMAT_KEYS) if key in settings}
    said = {**shared, **said}
    encoding = said.get("encoding", "utf-8-sig")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise MappingError(
            _("{place}: '{encoding}' is no encoding.").format(place=place, encoding=encoding)
            + hint(encoding, ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
        ) from None
    delimiter = DELIMITERS.get(said.get("delimiter", ","), said.get("delimiter", ","))
    if len(delimiter) != 1:
        raise MappingError(_("{place}: a delimiter is one character.").format(place=place))
    match = said["match"]
    return CsvFile(
        name=name,
        match=(match,) if isinstance(match, str) else tuple(match),
        encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding,
        delimiter=delimiter,
        quote=said.get("quote", '"'),
        skip=said.get("skip", 0),
        header=tuple(said.get("header", ())),
        optional=said.get("optional", False),
        format=Format(**read_formats({key: said[key] for key in (*FORMAT_KEYS, "time_zone") if key in said}, place)),
    )


FORMAT_KEYS = ("decimal", "thousands", "dates", "empty")


def _sections(
    entity: str,
    said: dict[str, Any],
    place: str,
    files: dict[str, CsvFile],
    compiler: Compiler,
    settings: Settings,
) -> list[Section]:
    check_keys(said, (*FIELDS[entity], "file", "where", *OPTIONS.get(entity, ())), place)
    if entity == "payments" and "amounts" in said:
        return _one_per_method(said, place, files, compiler, settings)
    check_keys(said, tuple(said), place, required=REQUIRED[entity])
    file = None
    if "file" in said:
        if said["file"] not in files:
            raise MappingError(
                _("{place}: there is no [files.{name}].").format(place=place, name=said["file"])
                + hint(said["file"], files)
            )
        file = files[said["file"]]
    elif entity not in ("administrations", "payers", "services", "drawers"):
        raise MappingError(_("{place}: '{key}' is missing.").format(place=place, key="file"))
    where = compiler.condition(said["where"], file, f"{place}.where") if "where" in said and file else None
    fields = {
        name: compiler.field(said[name], kind, file, f"{place}.{name}")
        for name, kind in FIELDS[entity].items()
        if name in said
    }
    return [
        Section(
            entity,
            place,
            file,
            where,
            fields,
            said.get("merge", False),
            said.get("includes_vat", settings.includes_vat),
        )
    ]


def _one_per_method(
    said: dict[str, Any], place: str, files: dict[str, CsvFile], compiler: Compiler, settings: Settings
) -> list[Section]:
    """``amounts = { CASH = "cash_amount", CARD = "card_amount" }``: a row with several payments."""
    for key in ("amount", "method"):
        if key in said:
            raise MappingError(_("{place}: '{key}' and 'amounts' say the same twice.").format(place=place, key=key))
    sections = []
    for method, amount in said["amounts"].items():
        if method not in Payment.Method.values:
            raise MappingError(
                _("{place}.amounts: '{method}' is no method.").format(place=place, method=method)
                + hint(method, Payment.Method.values)
            )
        one = {key: value for key, value in said.items() if key != "amounts"}
        one |= {"method": {"value": method}, "amount": amount}
        (section,) = _sections("payments", one, f"{place}.amounts.{method}", files, compiler, settings)
        sections.append(Section(**{**section.__dict__, "suffix": f"/{method}"}))
    return sections


def _check_whole(mapping: Mapping) -> None:
    """What no section sees alone."""
    if not any(mapping.sections[entity] for entity in ("visits", "bills", "lines")):
        raise MappingError(_("mapping: nothing to import; say at least [[visits]], [[bills]] or [[lines]]."))
    for entity in ("bills", "lines", "payments", "orders", "claims"):
        if mapping.says(entity, "visit") and not mapping.sections["visits"]:
            raise MappingError(_("{entity}: 'visit' names visits, but there is no [[visits]].").format(entity=entity))
    ways = ("bill", "bill_number", "visit", "patient", "refund_of")
    for section in mapping.sections["payments"]:
        if not any(way in section.fields for way in ways):
            raise MappingError(
                _("{place}: say what was paid: one of {ways}.").format(place=section.place, ways=", ".join(ways))
            )
        if "method" not in section.fields and "refund_of" not in section.fields:
            raise MappingError(_("{place}: '{key}' is missing.").format(place=section.place, key="method"))
        if section.merge and "id" not in section.fields:
            raise MappingError(_("{place}: '{key}' is missing.").format(place=section.place, key="id"))
    for section in mapping.sections["claims"]:
        if not any(way in section.fields for way in ("bill", "bill_number", "visit")):
            raise MappingError(
                _("{place}: say what was claimed: one of {ways}.").format(
                    place=section.place, ways="bill, bill_number, visit"
                )
            )
    for entity in ("lines", "bills"):
        if mapping.says(entity, "order") and not mapping.sections["orders"]:
            raise MappingError(_("{entity}: 'order' names orders, but there is no [[orders]].").format(entity=entity))
    clinics = [entity for entity in FIELDS if entity != "administrations" and mapping.says(entity, "administration")]
    if not mapping.sections["administrations"] and not clinics:
        raise MappingError(
            _("mapping: whose books are these? Name the clinic in [[administrations]], or a column that does.")
        )
