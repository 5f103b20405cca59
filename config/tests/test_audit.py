"""``make audit`` never takes silence for safety."""

import pytest

from tools.audit import verdict

SAFE = {"name": "django", "version": "5.2.1", "vulns": []}
FLAWED = {"name": "celery", "version": "5.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.1"]}]}
UNKNOWN = {"name": "kombu", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "failure", "words"),
    [
        ([SAFE], False, "1 checked, none with a known vulnerability"),
        ([SAFE, FLAWED], True, "celery 5.0: PYSEC-1, mended in 5.1"),
        ([SAFE, UNKNOWN], True, "NOT CHECKED: kombu"),
        ([UNKNOWN], True, "NOTHING WAS CHECKED"),
        ([], True, "NOTHING WAS CHECKED"),
    ],
)
def test_only_packages_that_were_checked_pass(packages, failure, words):
    assert verdict(packages)[0] is failure
    assert words in verdict(packages)[1]
