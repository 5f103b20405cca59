"""Prove a pack from the file alone: every checksum, every hash of an entry, the chain of seals."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from apps.periods.packs import ENTRIES, MANIFEST, SEALS, VERSION
from apps.periods.packs.chain import hash_of, head_of, text_hash_of

_PART = 1024 * 1024


def differences(file: BinaryIO) -> Iterator[str]:
    """What is not as the pack says of itself, one sentence each; nothing where all of it holds."""
    try:
        pack = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        yield "This is no pack: it is no ZIP file."
        return
    with pack:
        try:
            yield from _of(pack)
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as error:
            yield f"The pack cannot be read to its end: {type(error).__name__}."


def manifest_of(file: BinaryIO) -> dict[str, Any]:
    """What the pack says of itself. Raises BadZipFile, KeyError or ValueError for what is no pack."""
    with zipfile.ZipFile(file) as pack:
        manifest: dict[str, Any] = json.loads(pack.read(MANIFEST))
        return manifest


def _of(pack: zipfile.ZipFile) -> Iterator[str]:
    names = pack.namelist()
    if MANIFEST not in names:
        yield f"{MANIFEST} is missing."
        return
    manifest = json.loads(pack.read(MANIFEST))
    if manifest["version"] != VERSION:
        yield f"The pack is of version {manifest['version']}; this program knows version {VERSION}."
        return
    stated: dict[str, dict[str, Any]] = manifest["files"]
    for name in sorted({*stated} - {*names}):
        yield f"{name} is missing."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} stands in the pack twice."
    for name in sorted({*names} - {*stated, MANIFEST}):
        yield f"{name} is not in the manifest."
    for name in sorted({*names} & {*stated}):
        if _sha256(pack, name) != stated[name]["sha256"]:
            yield f"{name} is not the file that was packed: its SHA-256 differs."
    if {ENTRIES, SEALS} <= {*names}:
        yield from _chain(pack, manifest)
    elif {ENTRIES, SEALS} & {*stated}:
        yield "The chain cannot be followed."


def _chain(pack: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[str]:
    """Each entry hashes to what its seal holds in its place, each seal follows from the one before, and the last is the
    one that the manifest names. One seal is in memory at a time with its hashes, and the places of the entries."""
    places: dict[tuple[int, int], str] = {}
    count = unsealed = 0
    for told in _values(pack, ENTRIES):
        count += 1
        sealed = told["sealed"]
        if sealed is None:
            unsealed += 1
            continue
        if text_hash_of(told) != sealed["text_hash"]:
            yield f"{told['number']}: its texts are not those that were sealed."
        elif hash_of(told) != sealed["hash"]:
            yield f"{told['number']}: the entry is not what was sealed."
        places[sealed["seal"], sealed["position"]] = sealed["hash"]
    stated = manifest["chain"]
    if (count, unsealed) != (stated["entries"], stated["unsealed"]):
        yield f"The manifest counts {stated['entries']} entries; there are {count}, {unsealed} of them not sealed."
    before: dict[str, Any] | None = None
    for seal in _values(pack, SEALS):
        if head_of(seal) != seal["head"]:
            yield f"Seal {seal['number']} does not follow from its hashes."
        if before and (seal["previous_head"], seal["number"]) != (before["head"], before["number"] + 1):
            yield f"Seal {seal['number']} does not follow from the one before it."
        for position, hash_ in enumerate(seal["hashes"], start=1):
            told_hash = places.pop((seal["number"], position), hash_)
            if told_hash != hash_:
                yield f"Seal {seal['number']} holds another hash in place {position}."
        before = seal
    if places:
        yield f"{len(places)} entries name a place that no seal of the pack has."
    if (before and before["head"]) != stated["last_head"]:
        yield "The last seal of the pack is not the one that the manifest names."


def _sha256(pack: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with pack.open(name) as inside:
        while part := inside.read(_PART):
            digest.update(part)
    return digest.hexdigest()


def _values(pack: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    with pack.open(name) as inside:
        for line in inside:
            yield json.loads(line)
