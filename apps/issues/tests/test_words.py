"""Every issue is told whole, in the language of whoever reads."""

import re
from pathlib import Path
from string import Formatter

import pytest
from django.utils.translation import override

from apps.billing import watch as billing
from apps.core.models import Administration
from apps.issues.models import Issue
from apps.issues.words import AMOUNTS, DATES, WORDS, title_of, told
from apps.ledger import watch as ledger
from apps.reconciliation import watch as reconciliation


def test_every_code_that_is_found_has_words_and_no_other():
    sources = [Path(module.__file__).read_text() for module in (ledger, billing, reconciliation)]
    found = {code for source in sources for code in re.findall(r'Finding\(\s*"([A-Z_]+)"', source)}
    found |= {"AR_RECON_MISMATCH", "AP_RECON_MISMATCH", "OVERDUE_RECEIVABLE", "OVERDUE_PAYABLE"}  # by the account
    found |= {"DEPRECIATION_NOT_POSTED"}  # by the law
    assert found == set(WORDS)


@pytest.mark.parametrize("code", WORDS)
def test_words_are_filled_from_facts(code):
    words = WORDS[code]
    names = {name for text in (words.title, words.description) for _t, name, _f, _c in Formatter().parse(str(text))}
    facts = {name: _fact(name) for name in names if name}
    issue = Issue(administration=Administration(currency="EUR"), code=code, facts=facts)
    with override("en"):
        shown = told(issue)
        assert title_of(code)
    for text in (shown.title, shown.description, shown.why, shown.suggested_action):
        assert text
        assert "…" not in text
        assert "{" not in text


def _fact(name):
    if name in AMOUNTS:
        return "12.50"
    if name in DATES:
        return "2026-03-31"
    return {"kind": "ledger.Invoice", "class": "UNBILLED", "prepared": True}.get(name, "7")


def test_an_issue_of_an_earlier_release_that_lacks_a_fact_is_told_all_the_same():
    issue = Issue(administration=Administration(currency="EUR"), code="NEGATIVE_CASH", facts={})
    assert told(issue).title == "… holds less than nothing"
