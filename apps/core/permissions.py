"""Who may do what: DESIGN's table of roles, once, for the API, the admin and the services alike."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from apps.core.errors import NotAllowed
from apps.core.models import Membership

if TYPE_CHECKING:
    from apps.core.models import User

Role = Membership.Role


class Act(StrEnum):
    """Something a role may do."""

    READ_CLINIC = "read_clinic"
    TAKE_PAYMENTS = "take_payments"
    COUNT_DRAWER = "count_drawer"  # a cashier only their own
    PREPARE_CLOSE = "prepare_close"
    REVIEW_CLOSE = "review_close"
    FINALIZE_CLOSE = "finalize_close"
    REOPEN_CLOSE = "reopen_close"
    APPROVE = "approve"
    SET_PRICES = "set_prices"
    KEEP_CLAIMS = "keep_claims"  # send claims to payers, and enter what became of them
    READ_LEDGER = "read_ledger"
    KEEP_ACCOUNTS = "keep_accounts"
    MATCH_BANK = "match_bank"  # bank statements: import, match, write off, undo
    APPROVE_RECONCILIATIONS = "approve_reconciliations"  # of accounts; never what one prepared oneself
    CLOSE_PERIODS = "close_periods"  # validate, review, finalize, file the VAT return
    LOCK_PERIODS = "lock_periods"  # for good; of the owner as a second person
    INVITE = "invite"
    READ_FILES = "read_files"
    UPLOAD_FILES = "upload_files"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_SETTINGS = "manage_settings"
    ERASE_PERSON = "erase_person"  # and hand out what is held about one: both answer a patient's request


_FILES = {Act.READ_FILES, Act.UPLOAD_FILES}
_DESK = {Act.READ_CLINIC, Act.TAKE_PAYMENTS, Act.COUNT_DRAWER, Act.PREPARE_CLOSE, *_FILES}
_MANAGER = {
    *_DESK,
    Act.REVIEW_CLOSE,
    Act.FINALIZE_CLOSE,
    Act.REOPEN_CLOSE,
    Act.APPROVE,
    Act.SET_PRICES,
    Act.KEEP_CLAIMS,
    Act.READ_LEDGER,
    Act.APPROVE_RECONCILIATIONS,
    Act.INVITE,
}

MAY: dict[str, frozenset[Act]] = {
    # A receptionist finalizes too, but only a clean day that others took and prepared: finalize_day keeps that rule.
    Role.RECEPTIONIST: frozenset({*_DESK, Act.FINALIZE_CLOSE}),
    Role.CASHIER: frozenset(_DESK),
    Role.MANAGER: frozenset(_MANAGER),
    Role.OWNER: frozenset({*_MANAGER, Act.LOCK_PERIODS, Act.MANAGE_PEOPLE, Act.MANAGE_SETTINGS, Act.ERASE_PERSON}),
    Role.ACCOUNTANT: frozenset(
        {
            *(Act.READ_CLINIC, Act.READ_LEDGER, Act.KEEP_ACCOUNTS, Act.KEEP_CLAIMS, *_FILES),
            *(Act.MATCH_BANK, Act.APPROVE_RECONCILIATIONS, Act.CLOSE_PERIODS, Act.LOCK_PERIODS),
        }
    ),
    Role.ADMIN: frozenset({Act.INVITE, Act.MANAGE_PEOPLE, Act.MANAGE_SETTINGS}),
}

# Whom a manager may invite: those who work at the desk. Other roles are given by who manages people.
STAFF = frozenset({Role.RECEPTIONIST, Role.CASHIER})


def roles_of(user: Any) -> dict[UUID, str]:
    """The role of ``user`` in each of their administrations; read once per user object, that is once per request."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return {}
    if "_roles" not in user.__dict__:
        user.__dict__["_roles"] = dict(Membership.objects.filter(user=user).values_list("administration_id", "role"))
    roles: dict[UUID, str] = user.__dict__["_roles"]
    return roles


def roles_with(act: Act) -> Iterable[str]:
    """The roles that may do ``act``."""
    return [role for role, acts in MAY.items() if act in acts]


def may(user: "User", act: Act, administration_id: UUID) -> bool:
    """Whether ``user`` may do ``act`` in that administration."""
    return act in MAY.get(roles_of(user).get(administration_id, ""), ())


def may_somewhere(user: Any, act: Act) -> bool:
    """Whether ``user`` may do ``act`` in at least one administration."""
    return any(act in MAY[role] for role in roles_of(user).values())


def require(user: "User", act: Act, administration_id: UUID) -> None:
    """Raises NotAllowed unless ``user`` may do ``act`` in that administration."""
    if not may(user, act, administration_id):
        raise NotAllowed()
