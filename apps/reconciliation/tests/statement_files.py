"""Small statements in every format, and how a test reads what a parser yields of them."""

from dataclasses import dataclass, field
from io import BytesIO, RawIOBase

from apps.reconciliation.formats import ParsedLine, StatementBegins, StatementEnds

OWN = "NL91ABNA0417164300"
THEIRS = "NL32INGB0000012345"
CAMT_053 = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
STMT = ("BkToCstmrStmt", "Stmt")


@dataclass
class Read:
    """One statement as it was read."""

    begins: StatementBegins
    lines: list[ParsedLine] = field(default_factory=list)
    ends: StatementEnds | None = None

    @property
    def line(self):
        (line,) = self.lines
        return line

    @property
    def amounts(self):
        return [str(line.amount) for line in self.lines]

    @property
    def balances(self):
        return tuple(
            None if one is None else str(one)
            for one in (self.begins.balance_start, self.ends and self.ends.balance_end)
        )


def read(parse, content):
    """The statements of ``content``; proves that each begins, has its lines, and ends."""
    statements = []
    for part in parse(BytesIO(content if isinstance(content, bytes) else content.encode())):
        if isinstance(part, StatementBegins):
            assert not statements or statements[-1].ends
            statements.append(Read(part))
        elif isinstance(part, ParsedLine):
            assert statements[-1].ends is None
            statements[-1].lines.append(part)
        else:
            statements[-1].ends = part
    assert all(statement.ends for statement in statements)
    return statements


# CAMT ---------------------------------------------------------------------------------------------


def camt(*entries, balances="", head="", namespace=CAMT_053, message=STMT, account=f"<IBAN>{OWN}</IBAN>"):
    """A message of one statement; ``head`` stands after the account, ``balances`` before the entries."""
    root, statement = message
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}"><{root}>\n'
        f"<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-31T06:00:00+02:00</CreDtTm></GrpHdr>\n"
        f"<{statement}><Id>S-2026-03</Id><ElctrncSeqNb>3</ElctrncSeqNb><CreDtTm>2026-03-31T06:00:00+02:00</CreDtTm>"
        f"<Acct><Id>{account}</Id><Ccy>EUR</Ccy></Acct>{head}\n{balances}{''.join(entries)}</{statement}>"
        f"</{root}></Document>\n"
    )


def balance(code, amount, day="2026-03-01", currency="EUR"):
    mark = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount.lstrip("-")}</Amt>'
        f"<CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def entry(amount, *details, about="", status="BOOK", day="2026-03-02", reference="ASR-1", currency="EUR"):
    """An entry with transaction ``details``; ``about`` is what else it says."""
    mark = "DBIT" if amount.startswith("-") else "CRDT"
    inside = "".join(f"<TxDtls>{detail}</TxDtls>" for detail in details)
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount.lstrip("-")}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts>{status}</Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef>{about}<NtryDtls>{inside}</NtryDtls></Ntry>\n"
    )


def party(side, name, iban):
    return f"<{side}><Nm>{name}</Nm></{side}><{side}Acct><Id><IBAN>{iban}</IBAN></Id></{side}Acct>"


# MT940 --------------------------------------------------------------------------------------------


def mt940(*fields, opening="C260301EUR100,00", closing="C260331EUR100,00", account=OWN, number="00012/001"):
    """A message with the fields 61 and 86 in ``fields``."""
    lines = [":20:STARTUMS", f":25:{account}", f":28C:{number}", f":60F:{opening}", *fields, f":62F:{closing}", "-"]
    return "\r\n".join(lines) + "\r\n"


ING_HEAD = "{1:F01INGBNL2ABXXX0000000000}\n{2:I940INGBNL2AXXXN}\n{4:\n"
# The same eight movements, as ING wrote them before and after it gave each movement an entry date and a code.
ING_NEW = f"""{ING_HEAD}:20:P140220000000001
:25:NL69INGB0123456789EUR
:28C:00000
:60F:C140219EUR662,23
:61:1402200220C1,56NTRFEREF//00000000001005
/TRCD/00100/
:86:/EREF/EV12341REP1231456T1234//CNTP/{THEIRS}/INGBNL2A/ING BANK
 NV INZAKE WEB///REMI/USTD//EV10001REP1000000T1000/
:61:1402200220D1,57NTRFPREF//00000000001006
/TRCD/00200/
:86:/PREF/M000000003333333//REMI/USTD//TOTAAL 1 VZ/
:61:1402200220C1,57NRTIEREF//00000000001007
/TRCD/00190/
:86:/RTRN/MS03//EREF/20120123456789//CNTP/{THEIRS}/INGBNL2A/J.
Janssen///REMI/USTD//Factuurnr 123456 Klantnr 00123/
:61:1402200220D1,14NDDTEREF//00000000001009
/TRCD/010
16/
:86:/EREF/EV123REP123412T1234//MARF/MND
-EV01//CSID/NL32ZZZ999999991234//CNTP/{THEIRS}/INGBNL2A/ING Ba
nk N.V. inzake WeB///REMI/USTD//EV123REP123412T1234/
:61:1402200220C1,45NDDTPREF//00000000001008
/TRCD/01000/
:86:/PREF/M000000001111111//CSID/NL32ZZZ999999991234//REMI/USTD//TOTAA
L 1 POSTEN/
:61:1402200220D12,75NRTIEREF//00000000001010
/TRCD/01315/
:86:/RTRN/MS03//EREF/20120501P0123478//MARF/MND-120123//CSID/NL32ZZZ99
9999991234//CNTP/{THEIRS}/INGBNL2A/J.Janssen///REMI/USTD//CONTRIBUT
IE FEB 2014/
:61:1402200220C32,00NTRF9001123412341234//00000000001011
/TRCD/00108/
:86:/EREF/15814016000676480//CNTP/{THEIRS}/INGBNL2A/J.Janssen///RE
MI/STRD/CUR/9001123412341234/
:61:1402200220D119,00NTRF1070123412341234//00000000001012
/TRCD/00108/
:86:/EREF/15614016000384600//CNTP/{THEIRS}/INGBNL2A/ING BANK NV IN
ZAKE WEB///REMI/STRD/CUR/1070123412341234/
:62F:C140220EUR564,35
:64:C140220EUR564,35
:65:C140221EUR564,35
:86:/SUM/4/4/134,46/36,58/
-}}
"""
ING_OLD = "\n".join(
    line.replace(":61:1402200220", ":61:140220")
    for line in ING_NEW.split("\n")
    if not line.startswith(("/TRCD/", "16/"))
)


# OFX ----------------------------------------------------------------------------------------------

OFX_HEAD = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n\n"


def ofx(*movements, balance="2156.56", currency="EUR", account="BE02123456789012", kind="STMT"):
    """A statement in SGML, without the ends of elements; ``kind`` CCSTMT for a card."""
    holder = "CCACCT" if kind == "CCSTMT" else "BANKACCT"
    return (
        f"{OFX_HEAD}<OFX>\n<BANKMSGSRSV1>\n<{kind}TRNRS>\n<STATUS><CODE>0<SEVERITY>INFO</STATUS>\n"
        f"<{kind}RS>\n<CURDEF>{currency}\n<{holder}FROM><ACCTID>{account}</{holder}FROM>\n"
        f"<BANKTRANLIST><DTSTART>20130801\n{''.join(movements)}</BANKTRANLIST>\n"
        f"<LEDGERBAL><BALAMT>{balance}<DTASOF>20130831120000[+2:CEST]</LEDGERBAL>\n"
        f"</{kind}RS>\n</{kind}TRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
    )


def moved(amount, day="20130824", **facts):
    said = "".join(f"<{name}>{value}\n" for name, value in facts.items())
    return f"<STMTTRN>\n<TRNTYPE>OTHER\n<DTPOSTED>{day}\n<TRNAMT>{amount}\n{said}</STMTTRN>\n"


# Files without an end -----------------------------------------------------------------------------


class Endless(RawIOBase):
    """``head``, then ``body`` until ``size`` bytes were read, then ``tail``: never whole in memory."""

    def __init__(self, head, body, tail=b"", size=100 * 1024 * 1024):
        self._head, self._body, self._tail, self._size = head, body, tail, size
        self.seek(0)

    def seek(self, place, whence=0):
        assert place == 0
        self._ready, self._left, self._ended = self._head, self._size, False
        self.most_read = 0
        return 0

    def read(self, size=-1):
        while len(self._ready) < size and self._left > 0:
            times = min(self._left, size) // len(self._body) + 1
            self._ready += self._body * times
            self._left -= len(self._body) * times
        if self._left <= 0 and not self._ended:
            self._ready, self._ended = self._ready + self._tail, True
        answer, self._ready = self._ready[:size], self._ready[size:]
        return answer
