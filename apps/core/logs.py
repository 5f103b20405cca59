"""The log: one JSON object on a line, or readable lines, and never a name, an address or a secret.

Whoever writes a line gives ids, not names. What stands here is the second line of defence: an exception is told by
its type and its place, since its words may quote a patient or a row; an address of a page by its route; and what
looks like an e-mail address or a secret is struck out wherever it stands.
"""

import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# Of the request or task that is being worked on.
request_id: ContextVar[str] = ContextVar("request_id", default="")

SEVERITY = {"WARNING": "WARN", "CRITICAL": "ERROR"}
# What a line may carry beside its message, given as ``extra``; anything else is left out.
CARRIED = ["request_id", "event", "entity_type", "entity_id", "client_id", "period_id", "user_id", "task"]
CARRIED += ["method", "route", "status", "duration_ms"]

REMOVED = "[removed]"
_SECRETS = [
    (re.compile(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), REMOVED),  # e-mail addresses
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]*){1,4}"), REMOVED),  # JSON Web Tokens
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=:-]{8,}"), rf"\1 {REMOVED}"),
    (
        re.compile(
            r"(?i)([\w-]*(?:token|password|secret|api_?key)[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&,;)}\]\"']+)"
        ),
        rf"\1{REMOVED}",
    ),
    (re.compile(r"(/[^\s?\"']*)\?[^\s\"']+"), rf"\1?{REMOVED}"),  # the query of an address
    (re.compile(r"(://)[^/@\s]+@"), rf"\1{REMOVED}@"),  # the password in an address
]


def settings_for(*, level: str, form: str) -> dict[str, Any]:
    """What ``logging.config`` is told by Django, gunicorn and Celery; ``form`` is "json" or "line"."""
    propagate = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": f"{__name__}.Context"}},
        "formatters": {
            "json": {"()": f"{__name__}.Json"},
            "line": {"()": f"{__name__}.Line", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": form,
                "filters": ["context"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": propagate,  # without Django's own handlers: one mails whole requests to ADMINS
            "django.server": propagate,
            "django.request": {"level": "ERROR"},  # a 4xx has its access line
            "django.db.backends": {"level": "INFO"},  # below it, SQL with its values
            "gunicorn.error": propagate,
            "gunicorn.access": {"level": "CRITICAL"},  # addresses as they came; the middleware has its own line
            "celery": {"level": "WARNING"},
            "celery.app.trace": {"level": "CRITICAL"},  # quotes exceptions; config/celery.py tells of failed tasks
        },
    }


def redact(text: str) -> str:
    """``text`` without what looks like an e-mail address, a token, a password or the query of an address."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class Context(logging.Filter):
    """Adds what the line is about: the request or task, and for Django's own lines the route instead of the address."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.severity = SEVERITY.get(record.levelname, record.levelname)
        if record.name == "django.request":
            record.event = "system.operation_failed"
        request: Any = getattr(record, "request", None)
        if hasattr(request, "resolver_match") and isinstance(record.args, tuple):
            from apps.core.routes import route_of  # gunicorn reads this module before Django is set up

            route = route_of(request)
            record.args = tuple(route if str(arg).startswith("/") else arg for arg in record.args)
        return True


class Discreet(logging.Formatter):
    """Tells an exception by its type and its place, without its words."""

    def formatException(self, ei: Any) -> str:
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        told = ["".join(traceback.format_tb(one.__traceback__)) + _named(one) for one in reversed(chain)]
        return "\n\nThen:\n\n".join(told)


class Json(Discreet, JsonFormatter):
    """One line as a JSON object with the names of the structured log."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["severity"] = getattr(record, "severity", record.levelname)
        log_data["logger"] = record.name
        log_data["message"] = redact(record.getMessage())
        for name in CARRIED:
            value = getattr(record, name, None)
            if value not in (None, ""):
                log_data[name] = value if isinstance(value, int | float) else redact(str(value))
        if "exc_info" in message_dict:
            log_data["exception"] = redact(message_dict["exc_info"])


class Line(Discreet):
    """One line for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # what another formatter may have kept of an exception is not ours
        return redact(super().format(record))


def _named(error: BaseException) -> str:
    """The type of ``error``, and for a refusal of the database its SQLSTATE and constraint."""
    kind = type(error)
    law = getattr(getattr(error, "diag", None), "constraint_name", None)
    known = [f"{kind.__module__}.{kind.__qualname__}", getattr(error, "sqlstate", None), law]
    return " ".join(str(part) for part in known if part)
