"""Refusals: one small class per rule that can say no; ``docs/errors.md`` lists them all.

A refusal names its rule (``code``, never renamed), the HTTP status of its family, and, where the database keeps
the same rule, the constraint or trigger that says so (``constraint``).
"""

import json
import logging
from collections.abc import Mapping
from string import Formatter
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

logger = logging.getLogger(__name__)


class DomainError(Exception):
    """A rule said no. Facts given as keywords fill the message and travel in the answer."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = ""
    message: ClassVar[Text] = ""
    hint: ClassVar[Text] = ""
    constraint: ClassVar[str | tuple[str, ...]] = ()
    event: ClassVar[str] = ""  # the name under which the log tells that this rule said no, where an operator reads it

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
        said = {"code": self.code, "message": str(self), **({"hint": hint} if hint else {})}
        return {**said, **self.facts, **said}  # a fact that is called code takes the place of none of these

    def headers(self) -> dict[str, str]:
        """What the head of the answer says as well: after how many seconds it is worth asking again."""
        return {"Retry-After": str(self.facts["retry_after"])} if "retry_after" in self.facts else {}


class _Facts(dict[str, Any]):
    """Facts for a message: a law that the database found broken knows fewer of them than a service."""

    def __missing__(self, name: str) -> str:
        return "?"


def refusal_for(error: BaseException) -> DomainError | None:
    """The refusal that claims the database law which ``error`` reports, if any does, with the facts that it gave."""
    diagnosis = getattr(error.__cause__, "diag", None)
    law = getattr(diagnosis, "constraint_name", None) or ""
    refused = ForeignRow if law.endswith("_same_administration") else DomainError.by_constraint.get(law)
    detail = getattr(diagnosis, "message_detail", None) or ""
    facts = json.loads(detail) if detail.startswith("{") else {}
    return refused(**facts) if refused else None


def tell(refusal: DomainError) -> None:
    """Tell the log of a refusal that has an ``event``. Whoever shows a refusal to a person calls this."""
    if refusal.event:
        logger.warning("Refused: %s", refusal.code, extra={"event": refusal.event})


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
    constraint = (
        "event_append_only",
        "upload_unchanged",
        "counter_counts_documents",
        "numbers_without_gaps",
        "no_truncate",
    )


class ForeignRow(Invalid):
    code = "FOREIGN_ROW"
    message = _("A row can only name rows of its own administration.")


class OwnRole(Forbidden):
    code = "OWN_ROLE"
    message = _("Nobody gives, changes or ends a role of their own.")
    hint = _("Ask another owner or administrator.")


class LastOwner(Conflict):
    code = "LAST_OWNER"
    message = _("{person} is the last owner of {administration}.")
    hint = _("Give somebody else the role of owner there first.")


class AlreadyMember(Conflict):
    code = "ALREADY_MEMBER"
    message = _("{person} has a role here already.")
    hint = _("Change that role instead.")
    constraint = "one_role_per_membership"


class InvalidCredentials(DomainError):
    status = 401
    code = "INVALID_CREDENTIALS"
    message = _("Incorrect e-mail address or password.")


class EmailAlreadyRegistered(Invalid):
    code = "EMAIL_ALREADY_REGISTERED"
    message = _("This e-mail address is registered already.")
    hint = _("Sign in, or ask for a new password.")
    constraint = ("user_email", "core_user_email_key")


class InvalidToken(Invalid):
    code = "INVALID_TOKEN"
    message = _("This link is not good any more: it was used, it is too old, or a newer one was sent.")
    hint = _("Ask for a new e-mail.")


class TokenUsedOnce(Conflict):
    code = "TOKEN_USED_ONCE"
    message = _("A one-time link or code is used once and never changed.")
    constraint = "token_used_once"


class SignInLocked(DomainError):
    status = 429
    code = "SIGN_IN_LOCKED"
    message = _("Too many wrong passwords: this account is locked for a while where you are.")
    hint = _("Wait {minutes} minutes, or choose a new password by e-mail.")


class SecondFactorRequired(DomainError):
    status = 401
    code = "SECOND_FACTOR_REQUIRED"
    message = _("This account signs in with a code as well.")
    hint = _("Send the code of your app, or a recovery code, as otp.")


class WrongSecondFactor(DomainError):
    status = 401
    code = "WRONG_SECOND_FACTOR"
    message = _("This code is wrong, was used before, or comes too soon after a wrong one.")
    hint = _("Wait for the next code of your app, or use a recovery code.")


class SecondFactorNotSetUp(Forbidden):
    code = "SECOND_FACTOR_NOT_SET_UP"
    message = _("An administration of yours wants a second factor, and yours is not set up.")
    hint = _("Sign in on the site once: it leads you through.")


class AlreadyInvited(Conflict):
    code = "ALREADY_INVITED"
    message = _("{email} has an open invitation already.")
    hint = _("Send it again, or withdraw it first.")
    constraint = "one_open_invitation"


class InvitedAsAnother(Forbidden):
    code = "INVITED_AS_ANOTHER"
    message = _("This invitation is for {email}.")
    hint = _("Sign out, and sign in with that address.")


class EmailNotVerified(Forbidden):
    code = "EMAIL_NOT_VERIFIED"
    message = _("Please verify your e-mail address before signing in.")
    hint = _("Look for the verification e-mail, or ask for a new one.")


class RateLimitExceeded(DomainError):
    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    message = _("Too many requests; wait {retry_after} s.")
    hint = _("Then try again. Asking sooner does not prolong the wait.")


class RateLimitsUnavailable(DomainError):
    status = 503
    code = "RATE_LIMITS_UNAVAILABLE"
    message = _("Requests cannot be counted at the moment, so this one is refused.")
    hint = _("Try again in {retry_after} s; if it stays, tell whoever runs the site that the broker does not answer.")


class IdempotencyKeyReused(Unprocessable):
    code = "IDEMPOTENCY_KEY_REUSED"
    message = _("This Idempotency-Key was used with another request.")
    hint = _("Use a new key for a new request.")


class IdempotencyKeyInFlight(Conflict):
    code = "IDEMPOTENCY_KEY_IN_FLIGHT"
    message = _("The first request with this Idempotency-Key is still running.")
    hint = _("Ask again in a moment.")


class IdempotencyKeyOfAnother(Unprocessable):
    code = "KEY_USED_FOR_ANOTHER"
    message = _("This form was sent before with other contents.")
    hint = _("Open a new form.")


class ReportTooLong(Invalid):
    code = "REPORT_TOO_LONG"
    message = _("This report has {rows} rows; as {format} it has {most} at most.")
    hint = _("Take it as CSV, which has no limit, or choose fewer days.")


class FileTypeNotAllowed(Invalid):
    code = "FILE_TYPE_NOT_ALLOWED"
    message = _("Name and content of a file must both be one of: {allowed}.")
    hint = _("Open it in the program that made it and export it as one of these; a new name alone does not do.")


class FileNameRefused(Invalid):
    code = "FILE_NAME_REFUSED"
    message = _("The name of the file has characters or endings that are not taken.")
    hint = _("Rename it: letters, digits, spaces, dashes and one ending, 255 characters at most.")


class FileTooLarge(DomainError):
    status = 413
    code = "FILE_TOO_LARGE"
    message = _("The file is larger than {limit} MB.")
    hint = _("Send it in parts, or scan it with a lower resolution.")


class BodyTooLarge(DomainError):
    status = 413
    code = "BODY_TOO_LARGE"
    message = _("The request is larger than anything that is taken here.")


class FileDamaged(Invalid):
    code = "FILE_DAMAGED"
    message = _("The file is empty, cut off or damaged.")
    hint = _("Open it on your own machine; if it opens, save it again and send that.")


class FileRefused(Invalid):
    code = "FILE_REFUSED"
    message = _("The file holds {what}, which is not taken in.")
    hint = _("Save a copy without that, for instance by printing it to a PDF, and send the copy.")


class FileInfected(Invalid):
    code = "FILE_INFECTED"
    message = _("The virus scanner found {found} in the file.")
    hint = _("Do not open it. Ask whoever sent it to you for a clean copy.")


class ScannerUnavailable(DomainError):
    status = 503
    code = "SCANNER_UNAVAILABLE"
    message = _("The virus scanner does not answer, so no file is taken in.")
    hint = _("Try again in a few minutes; if it stays so, tell whoever runs the site.")
