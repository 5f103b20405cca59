"""Every refusal is documented, and every law of the database is claimed by a refusal."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.utils import translation

from apps.core.errors import DomainError, NotAllowed, refusal_for

ROOT = Path(__file__).parents[3]
DOCUMENTED = ROOT / "docs" / "errors.md"
for module in sorted(ROOT.glob("apps/**/errors.py")):
    import_module(".".join(module.relative_to(ROOT).with_suffix("").parts))


def refusals(base=DomainError):
    for kind in base.__subclasses__():
        if kind.code and kind.__module__.startswith("apps.") and ".tests." not in kind.__module__:
            yield kind
        yield from refusals(kind)


REFUSALS = sorted(set(refusals()), key=lambda kind: kind.code)


def rows_of_the_document():
    """``| `CODE` | status | when |`` of docs/errors.md."""
    return dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (\d{3}) \|", DOCUMENTED.read_text(), re.MULTILINE))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda kind: kind.code)
def test_a_refusal_is_documented_with_its_status(refusal):
    assert rows_of_the_document().get(refusal.code) == str(refusal.status)


def test_no_two_refusals_share_a_code():
    codes = [refusal.code for refusal in REFUSALS]
    assert len(codes) == len(set(codes))


def test_the_document_names_no_refusal_that_does_not_exist():
    elsewhere = {  # answers of the API itself, apps/core/api.py
        "NOT_AUTHENTICATED", "NOT_FOUND", "METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", "INTERNAL_ERROR",
        "UNSUPPORTED_MEDIA_TYPE", "INVALID_PARAMETER", "VALIDATION_ERROR",
    }  # fmt: skip
    assert set(rows_of_the_document()) - elsewhere == {refusal.code for refusal in REFUSALS}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda kind: kind.code)
def test_a_refusal_reads_well_also_when_the_database_found_it(refusal):
    said = refusal().detail()
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", said["code"])
    assert said["message"].endswith(".")
    with translation.override("nl"):
        assert refusal().detail()["code"] == said["code"]


def test_a_fact_that_is_called_code_is_not_taken_for_the_code():
    said = NotAllowed(code="P-9", message="x", role="cashier").detail()
    assert (said["code"], said["role"]) == ("NOT_ALLOWED", "cashier")
    assert said["message"] == str(NotAllowed.message)


@pytest.fixture
def laws_of_the_database(db):
    """Names of all constraints, of unique indexes, and of what our trigger functions raise."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind = 'i'")
        constraints = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        raised = {law for (body,) in cursor.fetchall() for law in re.findall(r"CONSTRAINT = '(\w+)'", body)}
    return constraints, raised


def test_a_law_that_a_refusal_claims_is_in_the_database(laws_of_the_database):
    constraints, raised = laws_of_the_database
    assert set(DomainError.by_constraint) - constraints - raised == set()


def test_a_law_that_a_trigger_raises_is_claimed_by_a_refusal(laws_of_the_database):
    _, raised = laws_of_the_database
    assert raised - set(DomainError.by_constraint) == set()


def test_every_trigger_of_ours_is_a_law_without_an_off_switch(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname, prosrc, proconfig FROM pg_proc JOIN pg_trigger ON tgfoid = pg_proc.oid"
                       " WHERE NOT tgisinternal")  # fmt: skip
        functions = cursor.fetchall()
    assert len(functions) >= len([1 for model in apps.get_models() for _ in getattr(model._meta, "triggers", ())])
    for name, body, settings in functions:
        assert not re.search(r"pgtrigger.ignore", body), name
        assert any(setting.startswith("search_path=") for setting in settings or ()), name


def test_an_error_that_is_no_law_of_ours_has_no_refusal():
    assert refusal_for(ValueError("no database in sight")) is None


def test_a_fact_never_stands_in_the_place_of_the_rule():
    """Facts may be called as they like, also ``code``: a client goes by the code of the rule."""
    taken = DomainError.by_code["CODE_TAKEN"](code="D1")
    assert taken.detail() == {"code": "CODE_TAKEN", "message": "D1 is in use."}
