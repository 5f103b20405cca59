"""Refusals: one small class per rule that can say no; ``docs/errors.md`` lists them all.

A refusal names its rule (``code``, never renamed), the HTTP status of its family, and, where the database keeps
the same rule, the constraint or trigger that says so (``constraint``).
"""

from collections.abc import Mapping
from string import Formatter
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class DomainError(Exception):
    """A rule said no. Facts given as keywords fill the message and travel in the answer."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = ""
    message: ClassVar[Text] = ""
    hint: ClassVar[Text] = ""
    constraint: ClassVar[str | tuple[str, ...]] = ()

    by_constraint: ClassVar[dict[str, type["DomainError"]]] = {}
    by_code: ClassVar[dict[str, type["DomainError"]]] = {}

    def __init_subclass__(cls) -> None:
        names = (cls.constraint,) if isinstance(cls.constraint, str) else cls.constraint
        DomainError.by_code[cls.code] = cls
        if "constraint" in cls.__dict__:
            DomainError.by_constraint.update(dict.fromkeys(names, cls))

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(facts)

    def __str__(self) -> str:
        return str(self.message).format_map(_Facts(self.words()))

    def words(self) -> dict[str, Any]:
        """The facts as the message tells them; a code among them is told as a word."""
        return self.facts

    def detail(self) -> dict[str, Any]:
        """The one shape of every refusal, without its envelope."""
        hint = str(self.hint).format_map(_Facts(self.words()))
        return {"code": self.code, "message": str(self), **({"hint": hint} if hint else {}), **self.facts}


class _Facts(dict[str, Any]):
    """Facts for a message: a law that the database found broken knows fewer of them than a service."""

    def __missing__(self, name: str) -> str:
        return "?"


def refusal_for(error: BaseException) -> DomainError | None:
    """The refusal that claims the database law which ``error`` reports, if any does."""
    diagnosis = getattr(error.__cause__, "diag", None)
    law = getattr(diagnosis, "constraint_name", None) or ""
    refused = ForeignRow if law.endswith("_same_administration") else DomainError.by_constraint.get(law)
    return refused() if refused else None


def told_again(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal that was kept as its ``detail``, in the language of whoever reads it now."""
    kind = DomainError.by_code.get(kept.get("code", ""), DomainError)
    facts = {name: fact for name, fact in kept.items() if name not in ("code", "message", "hint")}
    needed = {name for _text, name, _format, _conversion in Formatter().parse(str(kind.message)) if name}
    return {**kept, **kind(**facts).detail()} if kind.code and needed <= set(facts) else dict(kept)


class Invalid(DomainError):
    """The input breaks a rule of the domain."""

    status = 400


class Forbidden(DomainError):
    """The person may not do this."""

    status = 403


class Conflict(DomainError):
    """The state of things does not admit this now."""

    status = 409


class Unprocessable(DomainError):
    """The body cannot be taken as it stands."""

    status = 422


class NotAllowed(Forbidden):
    code = "NOT_ALLOWED"
    message = _("Your role does not allow this here.")
    hint = _("Ask the owner of the administration.")


class SecondPersonRequired(Forbidden):
    code = "SECOND_PERSON_REQUIRED"
    message = _("Whoever prepared, counted or took money cannot sign.")
    hint = _("Ask a manager or the owner who took no money that day.")


class AdministrationRequired(Invalid):
    code = "ADMINISTRATION_REQUIRED"
    message = _("You work in several administrations: say which one with administration_id.")


class AmountHasTooManyDigits(Unprocessable):
    code = "AMOUNT_HAS_TOO_MANY_DIGITS"
    message = _("{amount} has more digits than {currency} knows ({digits}).")


class UnknownCurrency(Unprocessable):
    code = "UNKNOWN_CURRENCY"
    message = _("{currency} is not an ISO 4217 currency.")


class AppendOnly(Conflict):
    code = "APPEND_ONLY"
    message = _("What is recorded here never changes; correct it with a new row.")
    constraint = ("event_append_only", "counter_counts_documents", "numbers_without_gaps", "no_truncate")


class ForeignRow(Invalid):
    code = "FOREIGN_ROW"
    message = _("A row can only name rows of its own administration.")


class OwnRole(Forbidden):
    code = "OWN_ROLE"
    message = _("Nobody gives, changes or ends a role of their own.")
    hint = _("Ask another owner or administrator.")


class AlreadyMember(Conflict):
    code = "ALREADY_MEMBER"
    message = _("{person} has a role here already.")
    hint = _("Change that role instead.")
    constraint = "one_role_per_membership"


class InvalidCredentials(DomainError):
    status = 401
    code = "INVALID_CREDENTIALS"
    message = _("Incorrect e-mail address or password.")


class EmailNotVerified(Forbidden):
    code = "EMAIL_NOT_VERIFIED"
    message = _("Please verify your e-mail address before signing in.")
    hint = _("Look for the verification e-mail, or ask for a new one.")


class IdempotencyKeyReused(Unprocessable):
    code = "IDEMPOTENCY_KEY_REUSED"
    message = _("This Idempotency-Key was used with another request.")
    hint = _("Use a new key for a new request.")


class IdempotencyKeyInFlight(Conflict):
    code = "IDEMPOTENCY_KEY_IN_FLIGHT"
    message = _("The first request with this Idempotency-Key is still running.")
    hint = _("Ask again in a moment.")
