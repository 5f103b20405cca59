"""The catalogues of the site's languages: collect every marked string, merge, compile. No GNU gettext is needed.

Collected are our own strings and those of the packages in ``THEIRS`` that come without one of our languages. What is
translated stays, what is new comes in empty, what is gone goes. A ``.po`` names files without lines, and no dates, so
that it changes only when a string does; the ``.mo`` beside it is committed, so that a bare machine can read it.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
LANGUAGES = ("nl", "nb")
OURS = ("apps", "config", "templates")
# Whose words people see as well, and who brings a catalogue.
THEIRS = ("unfold", "unfold.contrib.filters", "rest_framework.fields", "rest_framework.serializers",
          "rest_framework_simplejwt.authentication", "rest_framework_simplejwt.exceptions")  # fmt: skip
THEIR_CATALOGUES = ("django.conf", "django.contrib.admin", "django.contrib.auth", "rest_framework", "unfold")

Words = str | tuple[str, ...] | list[str]
Key = tuple[str | None, Words]

_KEYWORDS = {f"{name}{lazy}": places for name, places in DEFAULT_KEYWORDS.items() for lazy in ("", "_lazy")}
_KEYWORDS |= {"gettext_noop": None, "_": None}


def main() -> None:
    found = collect()
    for language in LANGUAGES:
        catalogue = merge(found, read(language))
        po(language).parent.mkdir(parents=True, exist_ok=True)
        po(language).write_bytes(written(catalogue))
        po(language).with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = sum(not complete(message) for message in messages(catalogue))
        print(f"{po(language).relative_to(ROOT)}: {len(catalogue)} strings, {missing} to translate")


def po(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The catalogue as it is committed; an empty one for a new language."""
    if not po(language).exists():
        return Catalog(language)
    with po(language).open("rb") as file:
        return read_po(file, language)


def messages(catalogue: Catalog) -> list[Message]:
    """The messages of a catalogue without its header."""
    return [message for message in catalogue if message.id]


def complete(message: Message) -> bool:
    """Whether every form of a message is translated, by a person and not by likeness."""
    forms = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(forms) and not message.fuzzy


def collect() -> dict[Key, dict[str, Any]]:
    """Every marked string that needs a translation, with the files or the package it stands in."""
    found: dict[Key, dict[str, Any]] = {}
    for folder in OURS:
        for path in sources(ROOT / folder):
            for key in strings(path):
                entry = found.setdefault(key, {"locations": []})
                entry["locations"].append((str(path.relative_to(ROOT)), None))
    known = [_shipped(language) for language in LANGUAGES]
    for package in THEIRS:
        for path in sources(_place(package)):
            for key in strings(path):
                if key not in found and not all(_singular(*key) in words for words in known):
                    found[key] = {"locations": [(package, None)]}
    return found


def sources(place: Path) -> list[Path]:
    """The Python files and templates of a folder, without tests and the theme's additions that are not installed."""
    if place.is_file():
        return [place]
    files = [path for path in place.rglob("*") if path.suffix in (".py", ".html", ".txt")]
    return sorted(path for path in files if not {"tests", "contrib"} & set(path.relative_to(place).parts))


def strings(path: Path) -> Iterator[Key]:
    """The marked strings of one file: the context, if any, and the words."""
    text = path.read_text()
    if path.suffix != ".py":
        # Whitespace before a tag is no Python indentation.
        text = "\n".join(line.lstrip() for line in templatize(text).splitlines())
    file = BytesIO(text.encode())
    for _line, words, _comments, context in extract("python", file, _KEYWORDS):
        if words:
            yield context, words


def merge(found: dict[Key, dict[str, Any]], before: Catalog) -> Catalog:
    """A catalogue of what was found, with the translations that ``before`` has."""
    merged = _Catalogue(before.locale, header_comment="", fuzzy=False)
    for (context, words), details in found.items():
        known = before.get(words, context)
        merged.add(words, known.string if known else "", context=context, **details)
    return merged


def written(catalogue: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, catalogue, width=120, include_lineno=False)
    return file.getvalue().lstrip()


def compiled(catalogue: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


class _Catalogue(Catalog):
    """A catalogue whose header holds what Django reads, and nothing that changes by itself."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", str(self.locale_identifier)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]


def _shipped(language: str) -> set[Key]:
    """What Django and the packages translate themselves."""
    known: set[Key] = set()
    for package in THEIR_CATALOGUES:
        path = _place(package) / "locale" / language / "LC_MESSAGES" / "django.mo"
        if path.exists():
            with path.open("rb") as file:
                known |= {_singular(message.context, message.id) for message in read_mo(file)}
    return known


def _singular(context: str | None, words: Words) -> Key:
    return context, words if isinstance(words, str) else words[0]


def _place(module: str) -> Path:
    """The folder of a package, the file of a module."""
    spec = find_spec(module)
    assert spec
    assert spec.origin
    file = Path(spec.origin)
    return file.parent if spec.submodule_search_locations else file


if __name__ == "__main__":
    main()
