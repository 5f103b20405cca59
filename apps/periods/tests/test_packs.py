"""Evidence packs: what is inside, that it proves itself, and that whoever changes it is found out."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from apps.core.errors import NotAllowed
from apps.core.models import Event, Membership
from apps.core.tests.factories import member
from apps.ledger.reports.seals import head
from apps.ledger.services.sealing import seal
from apps.ledger.tests.factories import EntryFactory
from apps.periods.models import EvidencePack
from apps.periods.packs import ENTRIES, MANIFEST, SEALS
from apps.periods.packs.verifying import differences
from apps.periods.services.packing import pack_period
from apps.periods.services.storing import open_proved
from apps.periods.tests.exported import ODD, full_books

pytestmark = pytest.mark.usefixtures("folder")
MADE_AT = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
TYPES = ("AUDIT_TRAIL", "VAT_EVIDENCE")


@pytest.fixture
def ledger(db):
    """Books in which all of March is sealed, in two seals, and an entry of April is in the second."""
    ledger = full_books()
    seal(ledger.administration, reason="first", by=None)
    EntryFactory(books=ledger.books, memo="Sealed later")
    seal(ledger.administration, reason="second", by=None)
    return ledger


def packed(ledger, pack_type="AUDIT_TRAIL", period="2026-Q1", **more):
    return pack_period(ledger.books.period(period), pack_type, by=ledger.accountant, **more)


def content_of(ledger, pack):
    with open_proved(pack, by=ledger.accountant) as file:
        return file.read()


def parts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def rows(content, name):
    return list(csv.DictReader(io.StringIO(parts(content)[name].decode())))


def rebuilt(content, **changed):
    """The same pack with other parts, its manifest as it was unless that is changed too."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as pack:
        for name, part in {**parts(content), **changed}.items():
            if part is not None:
                pack.writestr(name, part)
    return file.getvalue()


def forged(content, name, part):
    """The same by somebody who also mends the manifest."""
    import hashlib

    manifest = json.loads(parts(content)[MANIFEST])
    manifest["files"][name] = {"sha256": hashlib.sha256(part).hexdigest(), "bytes": len(part)}
    return rebuilt(content, **{name: part, MANIFEST: json.dumps(manifest).encode()})


def said_of(content):
    return list(differences(io.BytesIO(content)))


@pytest.mark.parametrize("pack_type", TYPES)
def test_a_pack_proves_itself(ledger, pack_type):
    pack = packed(ledger, pack_type)
    content = content_of(ledger, pack)
    assert said_of(content) == []
    manifest = json.loads(parts(content)[MANIFEST])
    sealed = head(ledger.administration)
    assert manifest["seal"] == {"head": sealed.head, "count": sealed.rows}
    assert (pack.seal_head, pack.seal_count) == (sealed.head, sealed.rows)
    assert set(manifest["files"]) == set(parts(content)) - {MANIFEST}
    assert manifest["chain"]["unsealed"] == 0
    assert manifest["chain"]["entries"] == (5 if pack_type == "AUDIT_TRAIL" else 2)


def test_the_trail_tells_entries_lines_and_who(ledger):
    content = content_of(ledger, packed(ledger))
    told = rows(content, "entries.csv")
    assert len({row["entry"] for row in told}) == 5
    assert sum(Decimal(row["debit"]) - Decimal(row["credit"]) for row in told) == 0
    [patient] = [row for row in told if row["party"] == "P-10482"]
    assert (patient["memo"], patient["debit"], patient["posted_by"]) == (ODD, "65.0000", ledger.books.owner.full_name)
    assert {"approvals.csv", "day_closes.csv", "account_reconciliations.csv", "events.csv"} <= set(parts(content))


def test_vat_evidence_lists_the_lines_behind_each_box(ledger):
    content = content_of(ledger, packed(ledger, "VAT_EVIDENCE"))
    boxes = {row["box"]: row for row in rows(content, "vat/boxes.csv")}
    assert (boxes["1a"]["turnover"], boxes["1a"]["vat"]) == ("133.3300", "28.0000")
    assert boxes["5b"]["vat"] == "10.5000"
    lines = rows(content, "vat/lines.csv")
    for box, role, total in (("1a", "BASE", "133.33"), ("1a", "TAX", "28.00"), ("5b", "DEDUCTIBLE", "10.50")):
        amounts = [Decimal(row["amount"]) for row in lines if (row["box"], row["role"]) == (box, role)]
        assert sum(amounts) == Decimal(total)
    documents = rows(content, "vat/documents.csv")
    assert [(row["number"], row["total"]) for row in documents] == [("INV-2026-0001", "161.3300"), ("F-1", "60.5000")]


def test_the_same_books_and_moments_give_the_same_bytes(ledger):
    moment = timezone.now()
    one, two = (packed(ledger, known_at=moment, made_at=MADE_AT) for _turn in range(2))
    assert one.sha256 == two.sha256
    EntryFactory(books=ledger.books)
    assert packed(ledger, known_at=moment, made_at=MADE_AT).sha256 == one.sha256
    assert packed(ledger, made_at=MADE_AT).sha256 != one.sha256


def test_entries_that_no_seal_holds_yet_are_counted_as_such(ledger):
    EntryFactory(books=ledger.books)
    content = content_of(ledger, packed(ledger))
    assert said_of(content) == []
    chain = json.loads(parts(content)[MANIFEST])["chain"]
    assert (chain["entries"], chain["unsealed"]) == (6, 1)


def test_adjustments_at_year_end_belong_to_the_year_and_not_to_december(db):
    ledger = full_books()
    assert json.loads(parts(content_of(ledger, packed(ledger, period="2026-12")))[MANIFEST])["chain"]["entries"] == 0
    assert json.loads(parts(content_of(ledger, packed(ledger, period="2026")))[MANIFEST])["chain"]["entries"] == 5


# Found out -----------------------------------------------------------------------------------------------------------


def test_a_file_that_was_changed_added_or_taken_away_is_named(ledger):
    content = content_of(ledger, packed(ledger))
    changed = parts(content)["entries.csv"].replace(b"65.0000", b"56.0000")
    assert said_of(rebuilt(content, **{"entries.csv": changed})) == [
        "entries.csv is not the file that was packed: its SHA-256 differs."
    ]
    assert said_of(rebuilt(content, **{"approvals.csv": None})) == ["approvals.csv is missing."]
    assert said_of(rebuilt(content, **{"more.csv": b"x"})) == ["more.csv is not in the manifest."]
    assert said_of(rebuilt(content, **{MANIFEST: None})) == ["manifest.json is missing."]


def _entries(content):
    return [json.loads(line) for line in parts(content)[ENTRIES].splitlines()]


def _lines(values):
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def test_whoever_mends_the_manifest_as_well_is_found_out_by_the_hashes(ledger):
    content = content_of(ledger, packed(ledger))
    entries = _entries(content)
    name = entries[0]["number"]
    entries[0]["lines"][0][6] = "9999.0000"
    assert said_of(forged(content, ENTRIES, _lines(entries))) == [f"{name}: the entry is not what was sealed."]
    entries = _entries(content)
    entries[0]["texts"][0] = "Nothing"
    assert said_of(forged(content, ENTRIES, _lines(entries))) == [f"{name}: its texts are not those that were sealed."]


def test_whoever_makes_the_hashes_anew_is_found_out_by_the_chain(ledger):
    from apps.periods.packs.chain import hash_of

    content = content_of(ledger, packed(ledger))
    entries = _entries(content)
    entries[0]["lines"][0][6] = "9999.0000"
    entries[0]["sealed"]["hash"] = hash_of(entries[0])
    [said] = said_of(forged(content, ENTRIES, _lines(entries)))
    assert said == f"Seal 1 holds another hash in place {entries[0]['sealed']['position']}."


def test_an_entry_that_is_left_out_is_found_out(ledger):
    content = content_of(ledger, packed(ledger))
    [said] = said_of(forged(content, ENTRIES, _lines(_entries(content)[1:])))
    assert said == "The manifest counts 5 entries; there are 4, 0 of them not sealed."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head": "0" * 64}, "Seal 1 does not follow from its hashes."),
        ({"previous_head": "0" * 64}, "Seal 1 does not follow from its hashes."),
    ],
)
def test_a_seal_that_was_changed_is_named(ledger, change, said):
    content = content_of(ledger, packed(ledger))
    seals = [json.loads(line) for line in parts(content)[SEALS].splitlines()]
    seals[0] |= change
    assert said in said_of(forged(content, SEALS, _lines(seals)))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_what_is_no_pack_is_told_so(content):
    assert said_of(content) == ["This is no pack: it is no ZIP file."]


def test_a_pack_of_nonsense_is_told_so(ledger):
    content = content_of(ledger, packed(ledger))
    for nonsense in (b"{}", b"[]", b"no json"):
        [said] = said_of(rebuilt(content, **{MANIFEST: nonsense}))
        assert said.startswith("The pack cannot be read to its end")


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_needs_no_database(ledger, tmp_path, monkeypatch, capsys):
    pack = packed(ledger)
    file = tmp_path / "pack.zip"
    file.write_bytes(content_of(ledger, pack))

    def refuse(*_args, **_more):
        raise AssertionError("the command asked the database")

    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "cursor", refuse)
        patched.setattr(connections["default"], "connect", refuse)
        call_command("verify_pack", str(file), checksum=pack.sha256, head=pack.seal_head)
    said = capsys.readouterr().out
    assert "AUDIT_TRAIL of 2026-Q1" in said
    assert pack.sha256 in said
    assert pack.seal_head in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"checksum": "0" * 64}, "The file is not the one with that checksum."),
        ({"head": "0" * 64}, "The pack was not made at that seal head."),
    ],
)
def test_what_was_kept_elsewhere_is_held_against_it(ledger, tmp_path, capsys, options, said):
    file = tmp_path / "pack.zip"
    file.write_bytes(content_of(ledger, packed(ledger)))
    with pytest.raises(CommandError) as error:
        call_command("verify_pack", str(file), **options)
    assert error.value.returncode == 1
    assert said in capsys.readouterr().out


def test_a_changed_pack_ends_with_status_1(ledger, tmp_path, capsys):
    content = content_of(ledger, packed(ledger))
    file = tmp_path / "pack.zip"
    file.write_bytes(rebuilt(content, **{"approvals.csv": None}))
    with pytest.raises(CommandError, match="1 differences") as error:
        call_command("verify_pack", str(file))
    assert error.value.returncode == 1
    assert "approvals.csv is missing." in capsys.readouterr().out


def test_a_file_that_is_not_there_is_told_so(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("verify_pack", str(tmp_path / "none.zip"))


# Who may -------------------------------------------------------------------------------------------------------------


def test_only_who_closes_periods_makes_a_pack(ledger):
    for role in set(Membership.Role) - {Membership.Role.ACCOUNTANT}:
        with pytest.raises(NotAllowed):
            pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=member(ledger.administration, role))
    assert not EvidencePack.objects.exists()
    pack = packed(ledger)
    told = Event.objects.get(name="periods.evidence_packed")
    assert (told.subject_id, told.facts["sha256"]) == (pack.pk, pack.sha256)
