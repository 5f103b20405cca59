"""docs/openapi.yaml says what the API does: ``make schema`` writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                yield f"{method.upper()} {path}", methods[method]


def test_the_document_is_what_the_code_says_today(tmp_path, settings):
    settings.SESSION_COOKIE_NAME = "__Host-session"  # as over https, which `make schema` takes for granted
    call_command("spectacular", "--file", str(tmp_path / "openapi.yaml"), "--validate", "--fail-on-warn")
    written, now = yaml.safe_load(DOCUMENT.read_text()), yaml.safe_load((tmp_path / "openapi.yaml").read_text())
    assert written == now, "run: make schema"


def test_every_operation_says_in_a_line_what_it_does(schema):
    assert [name for name, operation in operations(schema) if not operation.get("summary")] == []


def test_every_operation_belongs_to_an_area(schema):
    assert [name for name, operation in operations(schema) if operation.get("tags", ["api"]) == ["api"]] == []


def test_no_amount_is_a_number(schema):
    """A number would pass through floating point in most clients; an amount, a rate and a quantity are strings."""
    assert sorted(numbers(schema)) == []


def numbers(part: Any, where: str = "") -> Iterator[str]:
    if isinstance(part, dict):
        if part.get("type") == "number":
            yield where
        for name, inner in part.items():
            yield from numbers(inner, f"{where}/{name}")
    elif isinstance(part, list):
        for inner in part:
            yield from numbers(inner, where)


def test_every_operation_that_asks_who_you_are_may_answer_401_in_the_one_shape(schema):
    for name, operation in operations(schema):
        if operation.get("security", [{}]) == [{}] or {} in operation.get("security", []):
            continue
        refusal = operation["responses"]["401"]["content"]["application/json"]["schema"]
        assert refusal == {"$ref": "#/components/schemas/Refusal"}, name


def test_every_write_of_a_row_accepts_an_idempotency_key(schema):
    without = [
        name
        for name, operation in operations(schema)
        if not name.startswith("GET")
        and "/auth/" not in name
        and "/webhook/" not in name  # a provider's message is its own key: the same bytes are taken once
        and "Idempotency-Key" not in {parameter["name"] for parameter in operation.get("parameters", ())}
    ]
    assert without == []
