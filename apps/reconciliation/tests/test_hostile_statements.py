"""Files that were made to harm, or to be believed: refused at once, with their place, in the memory of a small file."""

import time
import tracemalloc
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import camt, mt940, ofx
from apps.reconciliation.tests import statement_files as files
from apps.reconciliation.tests.statement_files import Endless

SECOND, MEGABYTE = 1.0, 1024 * 1024
OPEN = f'<Document xmlns="{files.CAMT_053}"><BkToCstmrStmt>'
MESSAGE = ":20:X\n:25:1\n:60F:C260301EUR1,00\n:61:2603020302C1,00NTRFNONREF\n:86:"
OFX = "<OFX><STMTRS><CURDEF>EUR<STMTTRN><MEMO>"
BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
PASSWD = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
ELSEWHERE = '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/statement.dtd">'


def endless(head, body, tail=""):
    return lambda: Endless(head.encode(), body.encode(), tail.encode())


def whole(content):
    return lambda: BytesIO(content if isinstance(content, bytes) else content.encode())


# what each is called, the parser, the file (made when the test runs), what the refusal says
HOSTILE = {
    "an entity bomb": (camt, whole(f"{BOMB}{OPEN}<Stmt><Id>&b;</Id></Stmt>"), "line 1: a document type"),
    "an external entity": (camt, whole(f"{PASSWD}{OPEN}<Stmt><Id>&a;</Id></Stmt>"), "line 1: a document type"),
    "a document type from elsewhere": (camt, whole(f"{ELSEWHERE}{OPEN}"), "line 1: a document type"),
    "an endless document type": (camt, endless("<!DOCTYPE l [", "<!ENTITY a 'x'>", f"]>{OPEN}"), "a document type"),
    "an entity without a document type": (camt, whole(f"{OPEN}<Stmt><Id>&a;</Id></Stmt>"), "the XML is damaged"),
    "levels without end": (camt, endless(OPEN, "<a>"), "entry 1: more levels than any message has."),
    "names without end": (camt, whole(OPEN + "".join(f"<a{n}/>" for n in range(6000))), "more kinds of elements"),
    "elements without end": (
        camt,
        endless(f"{OPEN}<Stmt><Ntry>", "<a/>"),
        "entry 1: more elements than any entry has.",
    ),
    "texts without end": (
        camt,
        endless(f"{OPEN}<Stmt><Ntry>", "<a>xxxxxxxxxxxxxxxxxxxx</a>"),
        "more text than any bank",
    ),
    "a text of 100 MB": (camt, endless(f"{OPEN}<Stmt><Id>", "a" * 99), "entry 1: more text than any bank writes."),
    "a tag of 100 MB": (camt, endless(f"{OPEN}<Stmt x='", "a" * 99), "entry 1: a tag or comment without end."),
    "a comment of 100 MB": (camt, endless(f"{OPEN}<!--", "a" * 99), "a tag or comment without end."),
    "blanks of 100 MB": (camt, endless("<?xml version='1.0'?>", " " * 99), "a tag or comment without end."),
    "Latin-1 that is called UTF-8": (camt, whole(f"{OPEN}<Stmt><Id>é</Id>".encode("latin-1")), "the XML is damaged"),
    "a byte of zero in XML": (camt, whole(f"{OPEN}<Stmt><Id>a\0</Id></Stmt>"), "the XML is damaged"),
    "an amount in powers": (camt, whole(files.camt(files.entry("1e999"))), "entry 1: “1e999” is no amount."),
    "no number": (camt, whole(files.camt(files.entry("NaN"))), "entry 1: “NaN” is no amount."),
    "an infinite amount": (camt, whole(files.camt(files.entry("Infinity"))), "entry 1: “Infinity” is no amount."),
    "two signs": (camt, whole(files.camt(files.entry("1.00").replace(">1.00", ">-1.00"))), "“-1.00” is no amount."),
    "Arabic digits": (camt, whole(files.camt(files.entry("١٢"))), "is no amount."),
    "too large an amount": (camt, whole(files.camt(files.entry("1000000000000000"))), "more than any account holds."),
    "too many digits": (camt, whole(files.camt(files.entry("1" * 500))), "is no amount."),
    "the year 0": (camt, whole(files.camt(files.entry("1.00", day="0000-00-00"))), "“0000-00-00” is no date"),
    "the year 9999": (camt, whole(files.camt(files.entry("1.00", day="9999-12-31"))), "“9999-12-31” is no date"),
    "a line of 100 MB": (mt940, endless(MESSAGE, "a" * 99), "line 5: longer than a line of any bank."),
    "a byte of zero": (mt940, whole(":20:X\n\0:25:1\n"), "line 2: a byte of zero: this is no text."),
    "UTF-16 without its mark": (mt940, whole(MESSAGE.encode("utf-16-le")), "line 1: a byte of zero"),
    "bytes of no encoding": (mt940, whole(b":20:X\x81\x8d\n"), "line 1: bytes that are no text"),
    "MT940: an amount in powers": (mt940, whole(files.mt940(":61:260302C1e999NTRF")), "is no movement."),
    "MT940: powers behind a comma": (mt940, whole(files.mt940(":61:260302C1,0e9NTRF")), "is no movement."),
    "MT940: the month 0": (mt940, whole(files.mt940(":61:2600000302C1,00NTRF")), "2026-00-00 is no date"),
    "MT940: too large an amount": (mt940, whole(files.mt940(f":61:260302C{'9' * 18},00NTRF")), "more than any account"),
    "OFX with entities": (ofx, whole(f"{BOMB}<OFX></OFX>"), "a tag that cannot be read"),
    "OFX: a value of 100 MB": (ofx, endless(OFX, "a" * 99), "line 1: a tag that cannot be read"),
    "OFX: a tag of 100 MB": (ofx, endless(f"{OFX}<", "a" * 99), "line 1: a tag that cannot be read"),
    "OFX: CDATA of 100 MB": (ofx, endless(f"{OFX}<![CDATA[", "a" * 99), "line 1: a tag that cannot be read"),
    "OFX: levels without end": (ofx, endless(OFX, "<STMTTRN>"), "more levels than any statement has."),
    "OFX: elements without end": (ofx, endless(OFX, "<A>x"), "more elements than any movement has."),
    "OFX: an amount in powers": (ofx, whole(files.ofx(files.moved("1e999"))), "entry 1: “1e999” is no amount."),
    "OFX: no number": (ofx, whole(files.ofx(files.moved("-NaN"))), "entry 1: “NaN” is no amount."),
    "OFX: the year 0": (ofx, whole(files.ofx(files.moved("1", day="00000000"))), "entry 1: 0000-00-00 is no date"),
}


BATCH = files.camt(
    files.entry("-6.00", *(f'<Amt Ccy="EUR">{amount}</Amt>' for amount in ("3.50", "2.50"))),
    balances=files.balance("OPBD", "1.00") + files.balance("CLBD", "-5.00"),
)
WHOLE = [
    (camt, BATCH.encode()),
    (mt940, files.ING_NEW.encode()),
    (mt940, files.mt940(":61:2603020302C1,00NTRFNONREF", ":86:166?00GUTSCHRIFT?20EREF+1?32NAME").encode()),
    (ofx, files.ofx(files.moved("1.00", ORIGCURRENCY="<CURRATE>0.9<CURSYM>USD</ORIGCURRENCY>")).encode()),
]
DAMAGE = [
    b"",
    b"\0",
    b"<",
    b">",
    b"&a;",
    b"\xff",
    b"9" * 40,
    b"-",
    b",",
    b"\n:61:",
    b"\n:60M:",
    b"<TxDtls/>",
    b"<STMTTRN>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once_with_its_place(name):
    parser, made, problem = HOSTILE[name]
    file = made()
    began = time.process_time()
    with pytest.raises(StatementFileInvalid) as refused:
        for _part in parser.parse(file):
            pass
    assert problem in refused.value.facts["problem"]
    assert refused.value.facts["line"] >= 1
    assert len(str(refused.value)) < 400
    assert time.process_time() - began < SECOND


@pytest.mark.parametrize("name", [name for name in HOSTILE if "100 MB" in name or "without end" in name])
def test_a_file_without_end_is_never_held(name):
    parser, made, _problem = HOSTILE[name]
    file = made()
    tracemalloc.start()
    with pytest.raises(StatementFileInvalid):
        list(parser.parse(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * MEGABYTE


@given(st.data())
@settings(max_examples=150)
def test_a_file_that_was_damaged_anywhere_is_read_or_refused(data):
    parser, content = data.draw(st.sampled_from(WHOLE))
    at = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(at, min(len(content), at + 60)))
    broken = content[:at] + data.draw(st.sampled_from(DAMAGE)) + content[end:]
    with suppress(StatementFileInvalid):
        list(parser.parse(BytesIO(broken)))


def test_texts_are_cut_to_what_a_line_holds():
    long = files.entry("1.00", f"<RmtInf><Ustrd>{'x' * 5000}</Ustrd></RmtInf>", reference="R" * 500)
    (statement,) = files.read(camt.parse, files.camt(long))
    assert (len(statement.line.label), len(statement.line.bank_id)) == (2000, 100)


@pytest.mark.parametrize(
    ("parse", "content"),
    [
        (camt.parse, lambda count: files.camt(*(files.entry("1.00", "<Refs/>") for _ in range(count)))),
        (mt940.parse, lambda count: files.mt940(*[":61:2603020302C1,00NTRFNONREF", ":86:Rent"] * count)),
        (ofx.parse, lambda count: files.ofx(*[files.moved("1.00", MEMO="Rent")] * count)),
    ],
)
def test_memory_does_not_grow_with_the_file(parse, content):
    peaks = []
    for count in (200, 4000):
        file = BytesIO(content(count).encode())
        tracemalloc.start()
        assert sum(hasattr(part, "amount") for part in parse(file)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + MEGABYTE
