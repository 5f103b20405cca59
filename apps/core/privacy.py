"""What is held about people, what becomes of it when they ask, and the law that keeps the books.

GDPR (Regulation (EU) 2016/679): a person may see and take along what is held about them (articles 15 and 20) and have
it erased (article 17), except what a law obliges us to keep (article 17(3)(b)). ``docs/privacy.md`` says it in words.

Every app has a ``privacy.py`` with ``FIELDS``: for each field that can hold words, a date of birth or a file, its
``Fate``. A test walks all models, so that a new field fails until somebody has decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class Fate(StrEnum):
    """What becomes of a field when the person of whom it may speak is erased."""

    ERASED = "erased"  # emptied or deleted with the person
    KEPT = "kept"  # part of the books: GDPR article 17(3)(b) and RETENTION below
    PASSES = "passes"  # deleted by the daily task, after seven days (answers) or ninety (jobs)
    IMPERSONAL = "impersonal"  # about no person


ERASED, KEPT, PASSES, IMPERSONAL = Fate.ERASED, Fate.KEPT, Fate.PASSES, Fate.IMPERSONAL

FIELDS: dict[str, dict[str, Fate]] = {
    "core.Administration": {
        # A practice may carry the name of its owner, and then so do its books.
        **dict.fromkeys(("name", "organization_number", "vat_number"), KEPT),
        **dict.fromkeys(("country", "currency", "time_zone", "source"), IMPERSONAL),
    },
    "core.User": dict.fromkeys(("email", "full_name", "password", "practice"), ERASED),
    "core.OneTimeToken": {"digest": ERASED},
    "core.Invitation": dict.fromkeys(("email", "full_name", "digest"), ERASED),
    "core.Mail": {"kind": IMPERSONAL, **dict.fromkeys(("address", "facts"), ERASED)},
    "core.Event": dict.fromkeys(("name", "subject_type", "facts"), IMPERSONAL),  # facts name keys, never people
    "core.Delivery": {"handler": IMPERSONAL, "last_error": ERASED},  # a mail server repeats addresses
    # A document of the books; somebody's picture or letter among them is deleted through the service.
    "core.Upload": {
        "file_name": KEPT,
        **dict.fromkeys(("purpose", "file_type", "sha256", "stored_as", "scan_verdict"), IMPERSONAL),
    },
    "core.Counter": {"series": IMPERSONAL},
    "core.Job": {"task": IMPERSONAL, **dict.fromkeys(("title", "arguments", "refusals"), PASSES)},
    "core.IdempotentRequest": dict.fromkeys(("key", "fingerprint", "answer", "content_type"), PASSES),
    # Of Django and of the libraries beside it.
    "otp_totp.TOTPDevice": dict.fromkeys(("name", "key"), ERASED),
    "axes.AccessAttempt": dict.fromkeys(
        ("user_agent", "ip_address", "username", "http_accept", "path_info", "get_data", "post_data"), ERASED
    ),
    "axes.AccessFailureLog": dict.fromkeys(  # never written either
        ("user_agent", "ip_address", "username", "http_accept", "path_info"), IMPERSONAL
    ),
    "axes.AccessLog": dict.fromkeys(  # never written: AXES_DISABLE_ACCESS_LOG
        ("user_agent", "ip_address", "username", "http_accept", "path_info", "session_hash"), IMPERSONAL
    ),
    "admin.LogEntry": dict.fromkeys(("object_id", "object_repr", "change_message"), IMPERSONAL),  # never written
    "auth.Group": {"name": IMPERSONAL},
    "auth.Permission": dict.fromkeys(("name", "codename"), IMPERSONAL),
    "contenttypes.ContentType": dict.fromkeys(("app_label", "model"), IMPERSONAL),
    "sessions.Session": dict.fromkeys(("session_key", "session_data"), ERASED),
}


@dataclass(frozen=True)
class Retention:
    """How many years after the end of a financial year a country wants its books kept, where that is written, and
    with whom a person may complain."""

    years: int
    source: Text
    authority: Text


RETENTION = {
    "NL": Retention(7, "AWR art. 52(4), BW art. 2:10(3)", "Autoriteit Persoonsgegevens"),
    "NO": Retention(5, "bokføringsloven § 13", "Datatilsynet"),
    # Six years from the day a record was made; the records of a year are kept together.
    "NG": Retention(6, "CAMA 2020 s. 375(2)", "Nigeria Data Protection Commission"),
}
# Of a country that is not listed: as long as the longest that is.
UNLISTED = Retention(7, _("no rule is listed for this country: ask an accountant"), _("the supervisory authority"))


def retention_in(country: str) -> Retention:
    return RETENTION.get(country, UNLISTED)


def kept_until(country: str, year_end: date) -> date:
    """The last day on which the books of the financial year that ends on ``year_end`` are kept."""
    years = retention_in(country).years
    leap_day = (year_end.month, year_end.day) == (2, 29)
    return year_end.replace(year=year_end.year + years, day=28 if leap_day else year_end.day)


class Ground(models.TextChoices):
    """Why somebody is erased: the grounds of GDPR article 17(1), so that the record of it needs no free text."""

    NOT_NEEDED = "NOT_NEEDED", _("It is no longer needed for what it was collected for (a)")
    CONSENT = "CONSENT", _("The person takes their consent back (b)")
    OBJECTION = "OBJECTION", _("The person objects (c)")
    UNLAWFUL = "UNLAWFUL", _("It should never have been held (d)")
    OBLIGATION = "OBLIGATION", _("A law obliges us to erase it (e)")


@dataclass(frozen=True)
class Held:
    """One kind of facts that is held about a person: why, who sees it, how it goes, and the facts themselves.

    ``columns`` gives each key of a row its name for people.
    """

    title: Text
    why: Text
    seen_by: Text
    goes: Text
    columns: Mapping[str, Text]
    rows: Sequence[Mapping[str, Any]]

    def table(self, most: int = 10) -> list[list[Any]]:
        """The first rows as people read them, in the order of the columns."""
        return [[row[name] for name in self.columns] for row in self.rows[:most]]


@dataclass(frozen=True)
class PersonalData:
    """All that is held about one person. ``person`` names them as the books do: a code or a key."""

    person: str
    authorities: tuple[Text, ...]
    held: tuple[Held, ...]
    made_at: Any = field(default_factory=timezone.now)

    def as_dict(self) -> dict[str, Any]:
        """For a file that a machine can read and a person as well (GDPR article 20)."""
        return {
            "person": self.person,
            "made_at": self.made_at,
            "rights": _(
                "You may ask to have this corrected, erased or restricted, and to object; "
                "you may complain with the supervisory authority. Nothing here is decided by a machine alone."
            ),
            "supervisory_authorities": self.authorities,
            "held": [
                {
                    "what": held.title,
                    "why": held.why,
                    "seen_by": held.seen_by,
                    "how_it_goes": held.goes,
                    "facts": list(held.rows),
                }
                for held in self.held
            ],
        }


@dataclass(frozen=True)
class Erasure:
    """What an erasure emptied, and what is kept with the reason and the date until which."""

    erased: tuple[Text, ...]
    kept: tuple[Held, ...]


def attachment(name: str) -> dict[str, str]:
    """Headers of a file that is saved, never shown, guessed at or cached."""
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
