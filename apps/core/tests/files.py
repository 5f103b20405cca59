"""Files as bytes, whole ones and hostile ones, each made by a few lines."""

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

MB = 1024 * 1024

# Pictures ------------------------------------------------------------------------------------------------------------


def picture(kind: str, size: tuple[int, int] = (8, 6), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def png(size: tuple[int, int] = (8, 6), mode: str = "RGB", **remarks: str) -> bytes:
    text = PngImagePlugin.PngInfo()
    for name, words in remarks.items():
        text.add_text(name, words, zip=True)
    return picture("PNG", size, mode, pnginfo=text)


def jpeg(size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    return picture("JPEG", size, **options)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("!L", len(content)) + kind + content + struct.pack("!L", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, with hardly anything in it."""
    header = png_chunk(b"IHDR", struct.pack("!LLBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    content = jpeg()
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack("!HH", height, width) + content[at + 4 :]


# PDF -----------------------------------------------------------------------------------------------------------------


def pdf(*objects: bytes | str, head: bytes = b"%PDF-1.7\n", catalog: str = "", end: bytes = b"%%EOF\n") -> bytes:
    """A document of one empty page, with further ``objects`` from number 4 on."""
    first = [f"<</Type/Catalog/Pages 2 0 R{catalog}>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    bodies = [*first, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>", *objects]
    out, places = head, []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + (body if isinstance(body, bytes) else body.encode()) + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}".encode()
    start = out.rindex(b"xref\n")
    return out + f"trailer\n<</Size {len(bodies) + 1}/Root 1 0 R>>\nstartxref\n{start}\n".encode() + end


def stream(content: bytes, about: str = "", *, packed: bool = True) -> bytes:
    body = zlib.compress(content) if packed else content
    filters = "/Filter/FlateDecode" if packed else ""
    return f"<<{about}{filters}/Length {len(body)}>>\nstream\n".encode() + body + b"\nendstream"


def objects(content: str, about: str = "") -> bytes:
    """An object stream of one object."""
    return stream(f"9 0 {content}".encode(), f"/Type/ObjStm/N 1/First 4{about}")


def attached(name: str, content: bytes, *, packed: bool = True, kind: str = "/text#2Fxml") -> tuple[bytes | str, ...]:
    """Objects 4 and 5: a file inside the document, as Factur-X has one."""
    about = f"<</Type/Filespec/F({name})/UF({name})/AFRelationship/Data/EF<</F 5 0 R>>>>"
    return about, stream(content, f"/Type/EmbeddedFile/Subtype{kind}", packed=packed)


# Workbooks -----------------------------------------------------------------------------------------------------------

TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="xml" ContentType="application/xml"/>%s</Types>"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>"""
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>%s</sheetData></worksheet>"
)


def relation(kind: str, target: str, mode: str = "") -> str:
    outside = f' TargetMode="{mode}"' if mode else ""
    return f'<Relationship Id="r1" Type="{OFFICE}/{kind}" Target="{target}"{outside}/>'


def workbook_parts(rows: str = "<row/>", **more: str | bytes) -> dict[str, str | bytes]:
    return {
        "[Content_Types].xml": TYPES % "",
        "_rels/.rels": RELATIONS % relation("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": '<?xml version="1.0"?><workbook/>',
        "xl/worksheets/sheet1.xml": SHEET % rows,
    } | more


def rows(count: int) -> str:
    """So many rows of a sheet, about 40 bytes each, that pack as figures do."""
    return "".join(f"<row r='{n}'><c><v>{n * 7919 % 99991}</v></c></row>" for n in range(count))


def archive(parts: dict[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def xlsx(more: dict[str, str | bytes] | None = None, **options: Any) -> bytes:
    return archive(workbook_parts() | (more or {}), **options)


def repacked(name: str, packed: bytes, size: int, crc: int = 0) -> bytes:
    """A workbook with one part more, whose packed bytes, size and checksum are given."""
    changed = bytearray(xlsx({name: packed}, packing=zipfile.ZIP_STORED))
    local = changed.index(packed) - len(name) - 30
    central = changed.rindex(b"PK\x01\x02")
    for method, rest in ((local + 8, local + 14), (central + 10, central + 16)):
        struct.pack_into("<H", changed, method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<L", changed, rest, crc)
        struct.pack_into("<L", changed, rest + 8, size)
    return bytes(changed)


def deflated(content: bytes) -> bytes:
    return zlib.compress(content, wbits=-15)


def big_xlsx(name: str, megabytes: int, *, says: int | None = None) -> bytes:
    """A workbook with one part of so many megabytes of nothing, which ``says`` that it has so many bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"\0" * MB) + packer.flush(zlib.Z_FULL_FLUSH)  # stands by itself, so it can be repeated
    return repacked(name, block * megabytes + packer.flush(), megabytes * MB if says is None else says)


def lying(content: bytes, name: str, *, size: int, crc: int | None = None) -> bytes:
    """The same archive, whose directory gives part ``name`` another unpacked size (and checksum)."""
    changed = bytearray(content)
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    struct.pack_into("<L", changed, at + 24, size)
    if crc is not None:
        struct.pack_into("<L", changed, at + 16, crc)
    return bytes(changed)


def overlapping(copies: int = 200) -> bytes:
    """Many entries that all point at the same packed bytes (David Fifield's bomb, in its simplest form)."""
    base = xlsx({"xl/media/image1.png": b"\0" * MB})
    end = base.rindex(b"PK\x05\x06")
    directory_at = struct.unpack_from("<L", base, end + 16)[0]
    directory = base[directory_at:end]
    last = directory[directory.rindex(b"PK\x01\x02") :]
    directory += last * copies
    count = struct.unpack_from("<H", base, end + 10)[0] + copies
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), directory_at, 0)
    return base[:directory_at] + directory + tail


def quoting() -> bytes:
    """One part inside the bytes of another (David Fifield's bomb with quoted headers)."""
    content = b"\0" * 1000
    own = archive({"xl/media/image2.png": content}, zipfile.ZIP_STORED)
    quoted = b"\0" + own[: own.index(b"PK\x01\x02")]
    pictures = {"xl/media/image1.png": quoted, "xl/media/image2.png": content}
    changed = bytearray(xlsx(pictures, packing=zipfile.ZIP_STORED))
    struct.pack_into("<L", changed, changed.rindex(b"PK\x01\x02") + 42, changed.index(quoted) + 1)
    return bytes(changed)


def with_flag(content: bytes, flag: int) -> bytes:
    """Every entry with a general purpose flag set, in both of its places."""
    changed = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            flags = struct.unpack_from("<H", changed, at + offset)[0]
            struct.pack_into("<H", changed, at + offset, flags | flag)
            at = content.find(mark, at + 1)
    return bytes(changed)


# Text ----------------------------------------------------------------------------------------------------------------

CSV = "Datum;Omschrijving;Bedrag\r\n20260302;Huur praktijk;-1250,00\r\n"
MT940 = """:20:940S260302
:25:NL69INGB0123456789EUR
:28C:00000
:60F:C260301EUR1000,00
:61:260302D1250,00NTRFEREF//26061234567890
:86:/TRCD/01028/REMI/USTD//Huur maart/
:62F:D260302EUR250,00
-}
"""
OFX1 = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS></SONRS></SIGNONMSGSRSV1></OFX>
"""
OFX2 = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE"?>
<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0</CODE></STATUS></SONRS></SIGNONMSGSRSV1></OFX>
"""
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>
<Id>1</Id><Ntry><Amt Ccy="EUR">1250.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></Ntry></Stmt></BkToCstmrStmt></Document>
"""
UBL = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:ID>2026-17</cbc:ID><cbc:PayableAmount currencyID="EUR">121.00</cbc:PayableAmount></Invoice>
"""
CII = """<?xml version='1.0' encoding='UTF-8'?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100">
<rsm:ExchangedDocument/></rsm:CrossIndustryInvoice>
"""


def xml(inside: str = "", *, before: str = "", root: str = "Invoice", attributes: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<{root}{attributes}>{inside}</{root}>'.encode()
