"""The charts of accounts and VAT codes that come with Daybook, as files."""

import csv
import os
import re
import warnings
from pathlib import Path

import pytest

from apps.core.uploads.kinds import PURPOSES
from apps.ledger.models import Account
from apps.ledger.services.opening import CHARTS, charts

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or ROOT.parent / "shared" / "corpus")
# The boxes of the Dutch return, but for its totals.
DUTCH_BOXES = "1a 1b 1c 1d 1e 2a 3a 3b 3c 4a 4b 5b".split()
# The code that Daybook calls by a purpose, whatever stands between: purpose="bank", account(day, "bank").
PURPOSE_IN_CODE = re.compile(r"""(?:purpose=|_?account\((?:\w+, )?|account_for\([\w.]+, )["']([a-z_]+)["']""")


def rows(chart, name):
    with (CHARTS / chart / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def standard_codes(pattern, column, encoding):
    """The codes of an official list in the corpus."""
    found = list(CORPUS.glob(pattern))
    if not found:
        warnings.warn(f"SKIPPED, {CORPUS} is not here: the official codes were NOT compared", stacklevel=1)
        pytest.skip(f"{CORPUS} is not here: the official codes were NOT compared")
    (path,) = found
    with path.open(encoding=encoding, newline="") as file:
        return {row[column] for row in csv.DictReader(file, delimiter=";")}


@pytest.mark.parametrize("chart", charts())
def test_the_code_needs_no_purpose_that_a_chart_lacks(chart):
    known = {row["purpose"] for row in rows(chart, "accounts")}
    sources = [path for path in (ROOT / "apps").rglob("*.py") if "tests" not in path.parts]
    needed = {purpose for path in sources for purpose in PURPOSE_IN_CODE.findall(path.read_text(encoding="utf-8"))}
    needed -= set(PURPOSES)  # of files that people send
    assert "cash_drawer" in needed  # the pattern finds what it looks for
    assert needed <= known


@pytest.mark.parametrize("chart", charts())
def test_an_account_stands_where_its_type_belongs(chart):
    for row in rows(chart, "accounts"):
        assert row["place"] in Account.PLACES[row["type"]], row


@pytest.mark.parametrize("chart", ["nl", "no"])
def test_every_account_has_its_standard_code(chart):
    codes = [row["code"] for row in rows(chart, "accounts")]
    assert len(codes) == len(set(codes))
    assert all(row["standard_code"] for row in rows(chart, "accounts"))


def test_dutch_standard_codes_are_shaped_like_rgs_and_stand_on_the_side_of_their_account():
    """referentiegrootboekschema.nl, "Beschrijving velddefinities": B or W, then groups of three letters."""
    for row in rows("nl", "accounts"):
        code = row["standard_code"]
        assert re.fullmatch(r"[BW](?:[A-Z][a-z0-9]{2}){1,4}", code), row
        assert (code[0] == "B") == (row["type"] in ("ASSET", "LIABILITY", "EQUITY")), row


def test_dutch_vat_codes_fill_every_box_of_the_form_and_no_other():
    codes = rows("nl", "vat_codes")
    boxes = {row[box] for row in codes for box in ("box_turnover", "box_vat", "box_deductible")} - {""}
    assert sorted(boxes) == DUTCH_BOXES
    assert len(codes) >= 12
    for row in codes:
        assert row["box_deductible"] in ("", "5b"), row
        assert row["box_turnover"] != "5b", row
        assert (row["box_vat"] or row["box_turnover"]) == row["box_turnover"], row
        assert (row["icp"] == "yes") == (row["box_turnover"] == "3b"), row


def test_dutch_exempt_care_stands_in_no_box():
    (exempt,) = (row for row in rows("nl", "vat_codes") if row["code"] == "EXEMPT")
    assert {exempt[box] for box in ("box_turnover", "box_vat", "box_deductible")} == {""}


def test_norwegian_accounts_map_to_accounts_of_the_official_list():
    official = standard_codes("coa/*Standard_Accounts_4_character.csv", "AccountID", "latin-1")
    assert {row["standard_code"] for row in rows("no", "accounts")} <= official


def test_norwegian_vat_codes_map_to_codes_of_the_official_list():
    official = standard_codes("saft_no/*Standard_Tax_Codes.csv", "Code", "utf-8-sig")
    codes = rows("no", "vat_codes")
    assert {row["standard_code"] for row in codes} <= official
    for row in codes:
        assert {row["box_turnover"], row["box_vat"], row["box_deductible"]} <= {"", row["standard_code"]}, row
    by_code = {row["code"]: row["standard_code"] for row in codes}
    assert (by_code["EXEMPT"], by_code["IMPORT_HIGH_NONE"], by_code["ABROAD_IN_COST"]) == ("6", "82", "87")


def test_norwegian_accounts_have_the_numbers_that_everybody_knows():
    by_purpose = {row["purpose"]: row["code"] for row in rows("no", "accounts") if row["purpose"]}
    wanted = {"customer_receivable": "1500", "supplier_payable": "2400", "bank": "1920", "output_vat": "2700"}
    assert wanted.items() <= by_purpose.items()
