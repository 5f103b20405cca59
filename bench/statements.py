"""Bank statements of any length, as a Dutch and a Norwegian bank write them, straight to the disk.

A year of a busy clinic: patients who pay by transfer with a structured reference, card settlements, suppliers, fees.
The same ``count`` and year give the same file. Each function answers the balance that the file ends with.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

YEAR = 2026
OPENING = Decimal("25000.00")
IBAN = "NL91ABNA0417164300"
_NAMES = ("J. de Vries", "A. Jansen", "M. Hansen", "K. Olsen", "P. Bakker", "S. Visser", "L. Smit", "E. Berg")
_SUPPLIERS = ("Medisch Centrum Groothandel B.V.", "Apotheek Plein", "Energie Direct N.V.", "Laboratorium Noord B.V.")


@dataclass(frozen=True)
class Movement:
    number: int
    date: date
    amount: Decimal
    name: str
    iban: str
    reference: str
    text: str


def movements(count: int, year: int = YEAR) -> Iterator[Movement]:
    """``count`` movements over ``year``; two of three come in, and the account stays above nothing."""
    chance, balance, first_day = random.Random(f"{count} in {year}"), OPENING, date(year, 1, 1)
    for number in range(1, count + 1):
        amount = Decimal(chance.randrange(500, 40_000)) / 100
        money_in = number % 3 != 0 or balance < amount
        balance += amount if money_in else -amount
        yield Movement(
            number=number,
            date=first_day + timedelta(days=number * 365 // (count + 1)),
            amount=amount if money_in else -amount,
            name=chance.choice(_NAMES if money_in else _SUPPLIERS),
            iban=f"NL{chance.randrange(10, 99)}INGB{chance.randrange(10**10):010}",
            reference=f"{chance.randrange(10**15):015}7" if money_in and number % 2 else "",
            text=f"Factuur {year}-{number:06} consult en behandeling, met dank",
        )


def write_camt(path: Path, count: int, year: int = YEAR) -> Decimal:
    """One statement of CAMT.053.001.02 with ``count`` entries of one transaction each."""
    before, last_day = date(year - 1, 12, 31), date(year, 12, 31)
    closing = OPENING + sum((one.amount for one in movements(count, year)), Decimal(0))
    with path.open("w", encoding="utf-8") as file:
        file.write(_CAMT_HEAD.format(iban=IBAN, opening=_balance("OPBD", OPENING, before)))
        file.write(_balance("CLBD", closing, last_day))
        for one in movements(count, year):
            side, owner = ("Dbtr", "Cdtr") if one.amount > 0 else ("Cdtr", "Dbtr")
            file.write(
                _CAMT_ENTRY.format(
                    one=one,
                    amount=abs(one.amount),
                    mark="CRDT" if one.amount > 0 else "DBIT",
                    family="RCDT" if one.amount > 0 else "ICDT",
                    side=side,
                    owner=owner,
                    own=IBAN,
                    remittance=_REFERENCE.format(one.reference) if one.reference else f"<Ustrd>{one.text}</Ustrd>",
                )
            )
        file.write("    </Stmt>\n  </BkToCstmrStmt>\n</Document>\n")
    return closing


def write_mt940(path: Path, count: int, year: int = YEAR) -> Decimal:
    """A statement for each day, with ``count`` movements in all, structured as ING writes them."""
    balance, day, number = OPENING, None, 0
    with path.open("w", encoding="ascii", newline="\r\n") as file:
        for one in movements(count, year):
            if one.date != day:
                if day is not None:
                    file.write(f":62F:{_mt940_balance(balance, day)}\n-}}\n")
                number += 1
                file.write(f"{{1:F01INGBNL2ABXXX0000000000}}\n{{2:I940INGBNL2AXXXN}}\n{{4:\n:20:P{one.date:%y%m%d}\n")
                file.write(f":25:{IBAN}EUR\n:28C:{number:05}\n:60F:{_mt940_balance(balance, day or one.date)}\n")
                day = one.date
            balance += one.amount
            mark, amount = "C" if one.amount > 0 else "D", _comma(abs(one.amount))
            file.write(f":61:{one.date:%y%m%d%m%d}{mark}{amount}NTRFEREF//{one.number:014}\n/TRCD/00100/\n")
            remittance = f"STRD/CUR/{one.reference}" if one.reference else f"USTD//{one.text}"
            about = f"/EREF/E2E{one.number:012}//CNTP/{one.iban}/INGBNL2A/{one.name}///REMI/{remittance}/"
            file.write(":86:" + "\n".join(about[at : at + 65] for at in range(0, len(about), 65)) + "\n")
        if day is not None:
            file.write(f":62F:{_mt940_balance(balance, day)}\n-}}\n")
    return balance


def _balance(code: str, amount: Decimal, day: date) -> str:
    mark = "CRDT" if amount >= 0 else "DBIT"
    return (
        f'      <Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{abs(amount)}</Amt>'
        f"<CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def _mt940_balance(amount: Decimal, day: date) -> str:
    return f"{'C' if amount >= 0 else 'D'}{day:%y%m%d}EUR{_comma(abs(amount))}"


def _comma(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")


_CAMT_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">
  <BkToCstmrStmt>
    <GrpHdr><MsgId>DAYBOOK-BENCH</MsgId><CreDtTm>2027-01-01T05:00:00+01:00</CreDtTm></GrpHdr>
    <Stmt>
      <Id>BENCH-2026</Id>
      <ElctrncSeqNb>1</ElctrncSeqNb>
      <CreDtTm>2027-01-01T05:00:00+01:00</CreDtTm>
      <Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy><Ownr><Nm>Clinic</Nm></Ownr></Acct>
{opening}"""
_REFERENCE = (
    "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry><Issr>CUR</Issr></Tp><Ref>{}</Ref></CdtrRefInf></Strd>"
)
_CAMT_ENTRY = """      <Ntry>
        <NtryRef>{one.number}</NtryRef>
        <Amt Ccy="EUR">{amount}</Amt>
        <CdtDbtInd>{mark}</CdtDbtInd>
        <RvslInd>false</RvslInd>
        <Sts>BOOK</Sts>
        <BookgDt><Dt>{one.date}</Dt></BookgDt>
        <ValDt><Dt>{one.date}</Dt></ValDt>
        <AcctSvcrRef>ASR{one.number:012}</AcctSvcrRef>
        <BkTxCd>
          <Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>
          <Prtry><Cd>586</Cd><Issr>BANK</Issr></Prtry>
        </BkTxCd>
        <NtryDtls>
          <TxDtls>
            <Refs>
              <AcctSvcrRef>ASR{one.number:012}</AcctSvcrRef>
              <EndToEndId>E2E{one.number:012}</EndToEndId>
            </Refs>
            <AmtDtls>
              <InstdAmt><Amt Ccy="EUR">{amount}</Amt></InstdAmt>
              <TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt>
            </AmtDtls>
            <RltdPties>
              <{side}>
                <Nm>{one.name}</Nm>
                <PstlAdr><Ctry>NL</Ctry><AdrLine>Dorpsstraat {one.number}</AdrLine></PstlAdr>
              </{side}>
              <{side}Acct><Id><IBAN>{one.iban}</IBAN></Id></{side}Acct>
              <{owner}><Nm>Clinic</Nm></{owner}>
              <{owner}Acct><Id><IBAN>{own}</IBAN></Id></{owner}Acct>
            </RltdPties>
            <RltdAgts><{side}Agt><FinInstnId><BIC>INGBNL2A</BIC></FinInstnId></{side}Agt></RltdAgts>
            <RmtInf>{remittance}</RmtInf>
          </TxDtls>
        </NtryDtls>
      </Ntry>
"""
