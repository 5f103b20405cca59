"""The addresses below /api/v1/billing/, called as somebody, each answer held against the OpenAPI document."""

from functools import cache

from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.tests.test_closes_api import plain_schema

BASE = "/api/v1/billing/"


@cache
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


class Caller:
    """``call("post", "visits/{id}/close/", id=visit.pk)`` as ``user``."""

    def __init__(self, user):
        self.http = APIClient()
        self.http.force_authenticate(user)

    def __call__(self, method, path, body=None, *, query=None, key=None, **named):
        headers = {"Idempotency-Key": key} if key else {}
        shape = {} if method == "get" else {"format": "json"}
        sent = query if method == "get" else body
        answer = getattr(self.http, method)(BASE + path.format(**named), sent, headers=headers, **shape)
        documented = document()["paths"][BASE + path][method]["responses"][str(answer.status_code)]
        schema = documented["content"]["application/json"]["schema"]
        whole = {**plain_schema(schema), "components": plain_schema(document()["components"])}
        Draft202012Validator(whole).validate(answer.json())
        return answer

    def rows(self, path, **query):
        """The ids of a list, in its order."""
        return [row["id"] for row in self("get", path, query=query).json()["results"]]


def code_of(answer):
    """The status of a refusal and its code."""
    return answer.status_code, answer.json()["detail"]["code"]


def refused_fields(answer):
    assert code_of(answer) in ((422, "VALIDATION_ERROR"), (400, "INVALID_PARAMETER"))
    return set(answer.json()["detail"]["fields"])


def queries_of(work):
    work()  # the roles of a person are read once
    with CaptureQueriesContext(connection) as asked:
        work()
    return len(asked)
