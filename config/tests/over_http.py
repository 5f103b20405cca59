"""The API as a careful client calls it: the same again until it is answered."""

import http.client
import json
import time
from contextlib import closing
from typing import Any, NamedTuple

from apps.core.models import User
from apps.core.sign_in import refresh_token

CLOSES = "/api/v1/billing/reconciliation/"
PAYMENTS = "/api/v1/billing/payments/"


class Answer(NamedTuple):
    status: int
    body: Any

    @property
    def code(self) -> str:
        return self.body["detail"]["code"]


class Caller:
    """Somebody with a token, who opens a connection for every request."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Connection": "close"}

    def __call__(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        """The answer. Raises OSError or HTTPException where there is none."""
        headers = {**self.headers, "Idempotency-Key": key} if key else self.headers
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            with connection.getresponse() as answer:
                return Answer(answer.status, json.loads(answer.read() or "null"))

    def until_answered(self, method: str, path: str, body: Any = None, key: str = "", seconds: float = 600) -> Answer:
        """The same again while nobody answers, the site says that it failed, or the first sending is under way."""
        deadline, last = time.monotonic() + seconds, "no answer"
        while time.monotonic() < deadline:
            try:
                answer = self(method, path, body, key)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
            else:
                if answer.status < 500 and not (answer.status == 409 and answer.code == "IDEMPOTENCY_KEY_IN_FLIGHT"):
                    return answer
                last = str(answer)
            time.sleep(0.05)
        raise AssertionError(f"{method} {path} {body} was never answered: {last}")


def token_of(user: User) -> str:
    return str(refresh_token(user).access_token)
