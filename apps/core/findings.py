"""Findings: what a check returns. A check is a function ``(administration, as_of) -> Iterator[Finding]``."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import models

from apps.core.errors import Text


class Severity(StrEnum):
    """RED: the books are wrong. YELLOW: somebody should look."""

    RED = "RED"
    YELLOW = "YELLOW"


RED, YELLOW = Severity.RED, Severity.YELLOW


@dataclass(frozen=True)
class Finding:
    """A fact about the books that is wrong or suspect: ``code`` names the rule, ``subject`` the row that breaks it.

    ``facts`` fill the message and travel with it.
    """

    code: str
    subject: models.Model
    message: Text
    severity: Severity = RED
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.subject}: {str(self.message).format_map(self.facts)}"
