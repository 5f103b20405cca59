"""The official forms: which boxes a return has, what they are called, and how their amounts are written.

Names stand in the language of the form, as the tax administration prints them, and are never translated.

NL: Belastingdienst, "Aangifte omzetbelasting" and its "Toelichting bij de digitale btw-aangifte"; Wet op de
omzetbelasting 1968. NO: Skatteetaten, "Mva-melding": a line for each SAF-T standard tax code. Elsewhere the codes of
the books are the boxes, to the cent.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Coalesce

from apps.core.models import Administration
from apps.core.money import ZERO, currency
from apps.ledger.models import JournalLine, VatCode

Role = JournalLine.VatRole


class Side(StrEnum):
    """What the VAT of a box is: owed, deducted, none of it (turnover alone), or the sum of other boxes."""

    OWED = "OWED"
    DEDUCTED = "DEDUCTED"
    NONE = "NONE"
    TOTAL = "TOTAL"


@dataclass(frozen=True)
class Box:
    code: str
    name: str
    side: Side
    is_supply: bool = False  # what we sold: it counts in the turnover


@dataclass(frozen=True)
class Form:
    """The form of one country. ``unit`` is what amounts are rounded to; ``yearly`` boxes are filled in the last return
    of the year; ``carry_limit`` is what a correction may come to that the next return carries, ``weeks`` how soon
    another one is filed after it was found."""

    country: str
    boxes: tuple[Box, ...]
    unit: Decimal
    yearly: frozenset[str] = frozenset()
    carry_limit: Decimal | None = None
    weeks: int | None = None

    def places(self, code: VatCode) -> tuple[str, str, str]:
        """The boxes for the base, the VAT owed and the VAT deducted of ``code``; empty where it stands in none."""
        if not self.country:
            return code.code, code.code, f"{code.code} -"
        return code.box_turnover, code.box_vat, self._deducted(code.box_deductible)

    def _deducted(self, box: str) -> str:
        # Norway writes what is owed and what is deducted under one code, on two lines.
        return f"{box}F" if box and any(one.code == box and one.side == Side.OWED for one in self.boxes) else box

    def box_of_line(self) -> Case:
        """The box that a line fills, in SQL: what ``places`` says, without the mark of a deduction."""
        if not self.country:
            return Case(default=F("vat_code__code"), output_field=CharField())
        return Case(
            When(vat_role=Role.BASE, then=F("vat_code__box_turnover")),
            When(vat_role=Role.TAX, then=F("vat_code__box_vat")),
            default=Coalesce(F("vat_code__box_deductible"), Value("")),
            output_field=CharField(),
        )

    def place(self, box: str, role: str) -> str:
        """The box that a line with ``role`` fills, by what ``box_of_line`` answered for it."""
        if role != Role.DEDUCTIBLE:
            return box
        return self._deducted(box) if self.country else f"{box} -"

    def declared(self, amount: Decimal, side: Side) -> Decimal:
        """``amount`` as it is written: in the taxpayer's favour, what is owed towards minus infinity, what comes back
        towards plus infinity."""
        way = ROUND_CEILING if side == Side.DEDUCTED else ROUND_FLOOR
        return (amount / self.unit).to_integral_value(way) * self.unit + ZERO


def form_of(administration: Administration, codes: Any = ()) -> Form:
    """The form of the administration's country; ``codes`` are the VAT codes in use, where they are the boxes."""
    if administration.country in FORMS:
        return FORMS[administration.country]
    return Form("", tuple(_own_boxes(codes)), currency(administration.currency).unit)


def _own_boxes(codes: Any) -> Any:
    for code in codes:
        if code.input_account_id is None:
            supply = code.category != VatCode.Category.PURCHASES
            yield Box(code.code, code.name, Side.OWED if code.account_id else Side.NONE, supply)
        else:
            yield Box(code.code, code.name, Side.OWED if code.account_id else Side.NONE)
            yield Box(f"{code.code} -", code.name, Side.DEDUCTED)


NL_BOXES = (
    Box("1a", "Leveringen/diensten belast met hoog tarief", Side.OWED, True),
    Box("1b", "Leveringen/diensten belast met laag tarief", Side.OWED, True),
    Box("1c", "Leveringen/diensten belast met overige tarieven, behalve 0%", Side.OWED, True),
    Box("1d", "Privégebruik", Side.OWED, True),
    Box("1e", "Leveringen/diensten belast met 0% of niet bij u belast", Side.NONE, True),
    Box("2a", "Leveringen/diensten waarbij de omzetbelasting naar u is verlegd", Side.OWED),
    Box("3a", "Leveringen naar landen buiten de EU (uitvoer)", Side.NONE, True),
    Box("3b", "Leveringen naar of diensten in landen binnen de EU", Side.NONE, True),
    Box("3c", "Installatie/afstandsverkopen binnen de EU", Side.NONE, True),
    Box("4a", "Leveringen/diensten uit landen buiten de EU", Side.OWED),
    Box("4b", "Leveringen/diensten uit landen binnen de EU", Side.OWED),
    Box("5a", "Verschuldigde omzetbelasting (rubrieken 1 t/m 4)", Side.TOTAL),
    Box("5b", "Voorbelasting", Side.DEDUCTED),
    Box("5c", "Subtotaal (5a min 5b)", Side.TOTAL),
    Box("5g", "Totaal te betalen of terug te vragen", Side.TOTAL),
)

NO_BOXES = (
    Box("3", "Utgående mva, alminnelig sats", Side.OWED, True),
    Box("31", "Utgående mva, middels sats", Side.OWED, True),
    Box("32", "Utgående mva, råfisk", Side.OWED, True),
    Box("33", "Utgående mva, lav sats", Side.OWED, True),
    Box("5", "Innenlands omsetning fritatt for mva (nullsats)", Side.NONE, True),
    Box("6", "Omsetning unntatt fra merverdiavgiftsloven", Side.NONE, True),
    Box("51", "Salg av klimakvoter og gull til næringsdrivende", Side.NONE, True),
    Box("52", "Utførsel av varer og tjenester, nullsats", Side.NONE, True),
    Box("1", "Fradrag for inngående mva, alminnelig sats", Side.DEDUCTED),
    Box("11", "Fradrag for inngående mva, middels sats", Side.DEDUCTED),
    Box("12", "Fradrag for inngående mva, råfisk", Side.DEDUCTED),
    Box("13", "Fradrag for inngående mva, lav sats", Side.DEDUCTED),
    Box("14", "Fradrag for innførselsmva, alminnelig sats", Side.DEDUCTED),
    Box("15", "Fradrag for innførselsmva, middels sats", Side.DEDUCTED),
    Box("81", "Innførsel av varer, alminnelig sats", Side.OWED),
    Box("81F", "Innførsel av varer, alminnelig sats: fradrag", Side.DEDUCTED),
    Box("82", "Innførsel av varer, alminnelig sats, uten fradragsrett", Side.OWED),
    Box("83", "Innførsel av varer, middels sats", Side.OWED),
    Box("83F", "Innførsel av varer, middels sats: fradrag", Side.DEDUCTED),
    Box("84", "Innførsel av varer, middels sats, uten fradragsrett", Side.OWED),
    Box("85", "Innførsel av varer som det ikke skal beregnes mva av", Side.NONE),
    Box("86", "Tjenester kjøpt fra utlandet, alminnelig sats", Side.OWED),
    Box("86F", "Tjenester kjøpt fra utlandet, alminnelig sats: fradrag", Side.DEDUCTED),
    Box("87", "Tjenester kjøpt fra utlandet, alminnelig sats, uten fradragsrett", Side.OWED),
    Box("88", "Tjenester kjøpt fra utlandet, lav sats", Side.OWED),
    Box("88F", "Tjenester kjøpt fra utlandet, lav sats: fradrag", Side.DEDUCTED),
    Box("89", "Tjenester kjøpt fra utlandet, lav sats, uten fradragsrett", Side.OWED),
    Box("91", "Kjøp av klimakvoter eller gull", Side.OWED),
    Box("91F", "Kjøp av klimakvoter eller gull: fradrag", Side.DEDUCTED),
    Box("92", "Kjøp av klimakvoter eller gull, uten fradragsrett", Side.OWED),
)

# NL: privégebruik in the last return of the year (Wet OB article 4 and 15); suppletie above EUR 1,000, the form within
# eight weeks (AWR article 10a with Uitvoeringsbesluit OB article 15). NO: a changed term is always sent anew.
FORMS = {
    "NL": Form("NL", NL_BOXES, Decimal(1), frozenset({"1d"}), carry_limit=Decimal(1000), weeks=8),
    "NO": Form("NO", NO_BOXES, Decimal(1)),
}
