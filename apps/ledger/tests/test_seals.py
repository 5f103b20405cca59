"""Seals: what they cover, that they chain, and that nothing sealed changes without being found."""

import hashlib
import json
import re
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from apps.ledger import checks
from apps.ledger.models import JournalEntry, JournalLine, Seal, SealedEntry
from apps.ledger.reports import seals
from apps.ledger.services.posting import Line, reverse_entry
from apps.ledger.services.rolling_up import roll_up
from apps.ledger.services.sealing import seal
from apps.ledger.tests.factories import EntryFactory, draft, new_id, on_account, open_test_books
from apps.ledger.tests.laws import law_broken_by
from apps.ledger.tests.test_concurrency import threads

ERASED = """
    UPDATE ledger_journalentry SET memo = '', reference = '' WHERE id = %(entry)s;
    UPDATE ledger_journalline SET memo = '' WHERE entry_id = %(entry)s;
    UPDATE ledger_sealedentry SET salt = '' WHERE entry_id = %(entry)s
"""

# What somebody who may switch triggers off could do to what was sealed, and the codes of what is found.
TAMPERING = {
    "UPDATE ledger_journalentry SET memo = 'Sold nothing' WHERE id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalentry SET memo = '' WHERE id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalentry SET reference = 'x' WHERE id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalentry SET date = '2026-03-04' WHERE id = %(entry)s": [
        "LINE_DATED_OTHERWISE", "SEALED_ENTRY_CHANGED",
    ],
    "UPDATE ledger_journalentry SET posted_by_id = NULL WHERE id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalentry SET posted_at = posted_at + interval '1 us' WHERE id = %(entry)s": [
        "SEALED_ENTRY_CHANGED"
    ],
    "UPDATE ledger_journalline SET memo = 'x' WHERE id = %(line)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalline SET account_id = %(safe)s WHERE id = %(line)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_journalline SET debit = debit + 0.0001 WHERE id = %(line)s": [
        "JOURNAL_UNBALANCED", "SEALED_ENTRY_CHANGED",
    ],
    "UPDATE ledger_journalline SET debit = 2 * debit, credit = 2 * credit WHERE entry_id = %(entry)s": [
        "SEALED_ENTRY_CHANGED"
    ],
    "UPDATE ledger_journalline SET position = position + 2 WHERE entry_id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "INSERT INTO ledger_journalline (id, administration_id, entry_id, position, date, account_id, memo, debit, credit)"
    " SELECT gen_random_uuid(), administration_id, entry_id, position + 2, date, account_id, '', debit, credit"
    " FROM ledger_journalline WHERE entry_id = %(entry)s;"
    "UPDATE ledger_journalentry SET line_count = 4 WHERE id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "DELETE FROM ledger_journalline WHERE entry_id = %(entry)s": ["ENTRY_LINES_NOT_ANNOUNCED", "SEALED_ENTRY_CHANGED"],
    "DELETE FROM ledger_journalline WHERE entry_id = %(entry)s; DELETE FROM ledger_journalentry WHERE id = %(entry)s": [
        "NUMBER_GAP", "SEALED_ENTRY_MISSING",
    ],
    # The tail is cut off, the counters are moved back by hand or not.
    "DELETE FROM ledger_sealedentry WHERE seal_id = %(last)s; DELETE FROM ledger_seal WHERE id = %(last)s": [
        "SEAL_MISSING"
    ],
    "DELETE FROM ledger_sealedentry WHERE seal_id = %(first)s; DELETE FROM ledger_seal WHERE id = %(first)s": [
        "SEAL_BROKEN"
    ],
    "DELETE FROM ledger_sealedentry WHERE entry_id = %(entry)s": ["SEAL_BROKEN"],
    "UPDATE ledger_sealedentry SET hash = sha256('x') WHERE entry_id = %(entry)s": [
        "SEALED_ENTRY_CHANGED", "SEAL_BROKEN",
    ],
    "UPDATE ledger_sealedentry SET text_hash = sha256('x') WHERE entry_id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_sealedentry SET position = 0 WHERE entry_id = %(entry)s": ["SEAL_BROKEN"],
    "UPDATE ledger_seal SET entries = 99 WHERE id = %(last)s": ["SEAL_BROKEN"],
    "UPDATE ledger_seal SET head = md5('x') || md5('x') WHERE id = %(first)s": ["SEAL_BROKEN", "SEAL_BROKEN"],
    "UPDATE ledger_seal SET number = 9 WHERE id = %(last)s": ["SEAL_BROKEN", "SEAL_MISSING"],
    # A text that is gone took its salt along; any other text does not.
    ERASED: [],
    ERASED.replace("memo = ''", "memo = 'Anna'"): ["SEALED_ENTRY_CHANGED"],
    "UPDATE ledger_sealedentry SET salt = '' WHERE entry_id = %(entry)s": ["SEALED_ENTRY_CHANGED"],
    ERASED + "; UPDATE ledger_sealedentry SET text_hash = sha256('x') WHERE entry_id = %(entry)s": [
        "SEALED_ENTRY_CHANGED"
    ],
    ERASED + "; UPDATE ledger_journalline SET account_id = %(safe)s WHERE id = %(line)s": ["SEALED_ENTRY_CHANGED"],
}  # fmt: skip
TABLES = "ledger_journalentry ledger_journalline ledger_seal ledger_sealedentry core_counter".split()


@pytest.fixture
def facts(owned):
    """Two seals over three entries; the middle one is tampered with."""
    books = open_test_books()
    EntryFactory(books=books)
    entry = EntryFactory(books=books, reference="2026-77", lines=_lines_with_memos(books))
    first = seal(books.administration, reason="test", by=books.owner)
    EntryFactory(books=books)
    last = seal(books.administration, reason="test", by=books.owner)
    return {
        "books": books,
        "entry": entry.pk,
        "line": entry.lines.get(position=1).pk,
        "safe": books.account("cash_safe").pk,
        "first": first.pk,
        "last": last.pk,
    }


def _lines_with_memos(books):
    return [
        Line(books.account("cash_drawer"), debit=Decimal(65), memo='Anna “Ann” \\ Invented\n\t"x" \x7f é'),
        Line(books.account("revenue_consultation"), credit=Decimal(65)),
    ]


def found(administration):
    return [finding.code for check in checks.ALL for finding in check(administration, "2026-12-31")]


def laws_switched_off(own):
    """What an owner of the tables can do: from here on only reading finds out."""
    keys = "SELECT conname FROM pg_constraint WHERE conrelid = 'ledger_sealedentry'::regclass AND contype = 'f'"
    for (key,) in own.execute(keys).fetchall():
        own.execute(f'ALTER TABLE ledger_sealedentry DROP CONSTRAINT "{key}"')
    for table in TABLES:
        own.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


@pytest.mark.parametrize("tampering", TAMPERING)
def test_whatever_was_sealed_and_is_not_the_same_is_found(facts, owned, tampering):
    administration = facts["books"].administration
    assert found(administration) == []
    laws_switched_off(owned)
    facts.pop("books")
    for statement in tampering.split(";"):
        owned.execute(statement, facts)
    assert found(administration) == TAMPERING[tampering]


def test_every_column_of_an_entry_and_its_lines_is_covered():
    counted_elsewhere = {
        JournalEntry: {"status"},  # what is sealed is posted
        JournalLine: {"entry_id"},  # a line is hashed with its entry
    }
    for model, covered in (
        (JournalEntry, {*seals.ENTRY, *seals.ENTRY_TEXTS}),
        (JournalLine, {*seals.LINE, seals.LINE_TEXT}),
    ):
        assert {field.attname for field in model._meta.concrete_fields} == covered | counted_elsewhere[model]


def test_the_document_names_the_columns_in_their_order():
    text = (Path(settings.BASE_DIR) / "docs" / "seals.md").read_text()
    for columns in (seals.ENTRY, seals.LINE):
        assert ", ".join(f"`{column}`" for column in columns) in re.sub(r"\s+", " ", text)


# The same bytes, put together as docs/seals.md tells anybody to.


def in_json(value):
    return json.dumps(value, ensure_ascii=False)


def stated(row, columns):
    def value(column):
        found = getattr(row, column)
        if found is None or isinstance(found, int):
            return found
        if column in seals.MOMENTS:
            return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return str(found)

    return in_json([value(column) for column in columns])


def hash_of(sealed):
    entry, lines = sealed.entry, list(sealed.entry.lines.order_by("position"))
    texts = in_json([entry.memo, entry.reference, [line.memo for line in lines]])
    text_hash = hashlib.sha256(bytes(sealed.salt) + texts.encode())
    assert text_hash.digest() == bytes(sealed.text_hash)
    of_lines = ", ".join(stated(line, seals.LINE) for line in lines)
    canonical = f'[{stated(entry, seals.ENTRY)}, "{text_hash.hexdigest()}", [{of_lines}]]'
    return hashlib.sha256(canonical.encode()).digest()


def test_a_head_is_what_anybody_reckons_from_the_rows(books):
    EntryFactory(books=books, lines=_lines_with_memos(books), memo="Día “één”", reference="1/2")
    EntryFactory(books=books, lines=on_account(books, "100.00", books.party("P-1"), new_id()))
    reverse_entry(EntryFactory(books=books), by=books.owner, reason="typed twice")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")  # which does not show in the bytes
        made = seal(books.administration, reason="test", by=books.owner)
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert found(books.administration) == []
    head = hashlib.sha256()
    for sealed in made.sealed_entries.select_related("entry").order_by("position"):
        assert hash_of(sealed) == bytes(sealed.hash)
        head.update(hash_of(sealed))
    assert (made.head, made.entries, made.previous_head) == (head.hexdigest(), 4, "")


def test_a_seal_takes_what_is_new_and_follows_from_the_one_before(books):
    first_entries = [EntryFactory(books=books) for _entry in range(3)]
    first = seal(books.administration, reason="one", by=books.owner)
    draft(books)
    new = EntryFactory(books=books, date=first_entries[0].date.replace(month=1))
    second = seal(books.administration, reason="two", by=None)
    assert [first.entries, second.entries] == [3, 4]
    assert [sealed.entry for sealed in first.sealed_entries.all()] == first_entries
    assert [sealed.entry for sealed in second.sealed_entries.all()] == [new]
    (sealed,) = second.sealed_entries.all()
    follows = hashlib.sha256(bytes.fromhex(first.head) + bytes(sealed.hash)).hexdigest()
    assert (second.previous_head, second.head) == (first.head, follows)


def test_a_seal_over_nothing_new_says_just_that(books):
    empty = seal(books.administration, reason="empty", by=None)
    EntryFactory(books=books)
    one, again = (seal(books.administration, reason="test", by=None) for _seal in range(2))
    assert [empty.entries, one.entries, again.entries] == [0, 1, 1]
    assert again.previous_head == one.head != again.head
    assert found(books.administration) == []


def test_other_books_are_another_chain(books):
    other = open_test_books()
    EntryFactory(books=books)
    EntryFactory(books=other)
    made, elsewhere = seal(books.administration, reason="x", by=None), seal(other.administration, reason="x", by=None)
    assert (made.number, elsewhere.number, made.entries, elsewhere.entries) == (1, 1, 1, 1)
    assert found(books.administration) == found(other.administration) == []


def test_seals_at_once_make_one_chain_over_every_entry_once(committed):
    books = open_test_books()
    books.account("cash_drawer"), books.account("revenue_consultation")

    def post_20():
        for _turn in range(20):
            EntryFactory(books=books)

    def seal_10():
        for _turn in range(10):
            seal(books.administration, reason="test", by=None)

    with threads() as start:
        for running in [start(work) for work in (post_20, seal_10) * 4]:
            running.result()
    last = seal(books.administration, reason="last", by=None)
    assert (Seal.objects.count(), last.number, last.entries) == (41, 41, 80)
    assert SealedEntry.objects.count() == 80
    assert found(books.administration) == []


def test_an_entry_that_is_not_committed_yet_waits_for_the_next_seal(committed):
    books = open_test_books()
    with threads() as start:
        with transaction.atomic():
            EntryFactory(books=books)
            meanwhile = start(lambda: seal(books.administration, reason="meanwhile", by=None)).result()
        assert (meanwhile.entries, seal(books.administration, reason="after", by=None).entries) == (0, 1)


def test_what_is_sealed_never_changes(books):
    EntryFactory(books=books)
    made = seal(books.administration, reason="test", by=None)
    for rows in (Seal.objects, SealedEntry.objects):
        assert law_broken_by(lambda rows=rows: rows.update(administration=books.administration)) == "seal_append_only"
        assert law_broken_by(lambda rows=rows: rows.all()._raw_delete("default")) == "seal_append_only"
    assert law_broken_by(made.delete) is not None


def test_a_rollup_that_differs_from_its_lines_is_found(owned):
    books = open_test_books()
    EntryFactory(books=books)
    roll_up(books.administration)
    EntryFactory(books=books)  # beyond the mark
    assert found(books.administration) == []
    owned.execute("UPDATE ledger_accountmonth SET debit = debit + 1, credit = credit + 1 WHERE debit > 0")
    assert found(books.administration) == ["ROLLUP_DIFFERS"]
    owned.execute("DELETE FROM ledger_accountmonth")
    assert found(books.administration) == ["ROLLUP_DIFFERS"] * 2


# The commands.


def test_seal_books_prints_what_is_to_be_kept_elsewhere(books, capsys):
    EntryFactory(books=books)
    call_command("seal_books", administration=str(books.administration.pk))
    made = Seal.objects.get()
    assert capsys.readouterr().out == f"{books.administration}: 1 rows sealed, head {made.head}\n"
    assert made.reason == "seal_books"


def test_verify_books_prints_the_head_and_knows_the_ones_that_were_printed(books, capsys):
    EntryFactory(books=books)
    first = seal(books.administration, reason="test", by=None)
    EntryFactory(books=books)
    last = seal(books.administration, reason="test", by=None)
    call_command("verify_books", head=first.head.upper(), count=1)
    assert f"{books.administration}: 2 rows sealed, head {last.head}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("head", "count"), [("first", 2), ("0" * 64, 1), ("0" * 64, None)])
def test_verify_books_misses_a_head_that_was_printed(books, capsys, head, count):
    EntryFactory(books=books)
    first = seal(books.administration, reason="test", by=None)
    with pytest.raises(CommandError, match="1 finding"):
        call_command("verify_books", head=first.head if head == "first" else head, count=count)
    assert "RED SEAL_NOT_FOUND" in capsys.readouterr().out


def test_a_chain_made_anew_after_its_tail_was_cut_is_found_by_the_head_that_was_printed(facts, owned):
    administration = facts.pop("books").administration
    printed = Seal.objects.get(pk=facts["last"])
    laws_switched_off(owned)
    owned.execute("DELETE FROM ledger_sealedentry WHERE seal_id = %(last)s", facts)
    owned.execute("DELETE FROM ledger_seal WHERE id = %(last)s", facts)
    owned.execute("UPDATE core_counter SET last = last - 1 WHERE series = 'seal'")
    owned.execute("UPDATE ledger_journalentry SET memo = 'x' WHERE number = 3")
    for table in TABLES:
        owned.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    seal(administration, reason="anew", by=None)
    assert found(administration) == []
    with pytest.raises(CommandError):
        call_command("verify_books", head=printed.head, count=printed.entries)


def test_a_count_without_a_head_says_nothing(books):
    with pytest.raises(CommandError, match="beside"):
        call_command("verify_books", count=1)
