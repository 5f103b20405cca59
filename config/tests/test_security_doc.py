"""docs/security.md names tests that exist, and each requirement once; where no test is named, it says why."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)))
ROWS = [row for row in TEXT.splitlines() if re.match(r"\| V\d", row)]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_is_there(path, name):
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_row_says_what_shows_it():
    assert len(ROWS) > 80
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row
        by_design = re.search("by (design|deployment)|`make lint`|^none$|in `make lint`", cells[3])
        assert "::" in cells[3] or by_design, row
        assert "::" in cells[3] or cells[3] != "none" or "**Not met**" in cells[2], row


def test_a_requirement_is_named_once():
    ids = [one for row in ROWS for one in re.findall(r"V\d+\.\d+\.\d+", row.split("|")[1])]
    assert sorted({one for one in ids if ids.count(one) > 1}) == []
