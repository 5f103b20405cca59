"""Which format a file has, by its content."""

from io import BytesIO

import pytest

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import sniffing
from apps.reconciliation.tests.statement_files import ING_NEW, OFX_HEAD, camt, entry, moved, mt940, ofx

CSV = '"Datum","Naam / Omschrijving","Bedrag (EUR)"\n"20260302","Rent","1,00"\n'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (camt(entry("1.00")), "camt"),
        (camt(entry("1.00"), namespace="urn:other").replace("<Document", "<!-- a comment -->\n<Document"), "camt"),
        (mt940(), "mt940"),
        (ING_NEW, "mt940"),
        ("0000 01INGBNL2AXXXX00001\n940 00\n" + mt940(), "mt940"),
        (ofx(moved("1.00")), "ofx"),
        (" \n\n" + ofx(moved("1.00")), "ofx"),
        (ofx(moved("1.00")).removeprefix(OFX_HEAD), "ofx"),
        (CSV, "csv"),
        ("2026-03-02;1,00;Rent\n", "csv"),
        ("date\tamount\n", "csv"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_format_is_known_by_its_content_in_every_encoding(content, expected, encoding):
    file = BytesIO(content.encode(encoding))
    assert sniffing.recognised(file) == expected
    assert file.tell() == 0
    if expected in sniffing.PARSERS and encoding != "utf-16":
        assert list(sniffing.PARSERS[expected](file))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: the file is empty."),
        (b" \r\n\r\n", "line 1: the file is empty."),
        (b"%PDF-1.7", "this is PDF."),
        (b"PK\x03\x04", "this is ZIP/XLSX."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "this is XLS."),
        (b"<html><body>sign in</body></html>", "this is html, and neither CAMT"),
        (b'<?xml?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"/>', "this is pain.001.001.03"),
        (b"<auditfile/>", "this is auditfile"),
        (b"Dear accountant\n", "it begins with “Dear accountant”, as no statement does."),
        (b"1\n2\n3\n", "it begins with “1”"),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused_by_what_it_is(content, problem):
    with pytest.raises(StatementFileInvalid) as refused:
        sniffing.recognised(BytesIO(content))
    assert problem in refused.value.facts["problem"]
    assert refused.value.facts["line"] == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [("auto", "auto"), ("CAMT.053", "camt"), ("camt053", "camt"), ("QFX", "ofx"), (" MT942 ", "mt940"), ("csv", "csv"),
     ("xls", ""), ("", "")],
)  # fmt: skip
def test_a_format_goes_by_the_names_that_people_give_it(written, expected):
    assert sniffing.named(written) == expected


@pytest.mark.parametrize("format", sniffing.PARSERS)
@pytest.mark.parametrize("content", [CSV, camt(entry("1.00")), mt940(), ofx(moved("1.00")), "<html/>"])
def test_a_file_of_another_format_is_refused_whatever_somebody_calls_it(format, content):
    if sniffing.named(format) == (sniffing.recognised(BytesIO(content.encode())) if "<html" not in content else ""):
        return
    with pytest.raises(StatementFileInvalid):
        list(sniffing.PARSERS[format](BytesIO(content.encode())))
