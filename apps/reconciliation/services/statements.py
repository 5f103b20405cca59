"""Statements by hand: confirmed, typed from paper, mended line by line. What came from a file is the bank's word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from apps.core.events import record
from apps.core.models import User
from apps.core.money import exact
from apps.core.permissions import Act, require
from apps.reconciliation.errors import (
    BankCurrencyMismatch,
    StatementKept,
    StatementNotTyped,
)
from apps.reconciliation.formats import ParsedLine
from apps.reconciliation.models import BankAccount, Clearing, Statement, StatementLine
from apps.reconciliation.services.identity import digests_of
from apps.reconciliation.services.previewing import warnings_of


@dataclass(frozen=True)
class TypedLine:
    """A line as a person types it; money in is positive, in the account's currency."""

    date: date
    amount: Decimal
    label: str = ""
    reference: str = ""
    counterparty_name: str = ""
    counterparty_iban: str = ""
    foreign_currency: str = ""
    foreign_amount: Decimal | None = None


@transaction.atomic
def confirm_statement(statement: Statement, *, by: User, because: str = "") -> Statement:
    """Say that a statement is right. One that does not bridge or add up is confirmed with the reason alone.

    Raises NotAllowed, BankStatementInvalid or BankStatementIncomplete.
    """
    require(by, Act.MATCH_BANK, statement.administration_id)
    statement = Statement.objects.select_for_update(of=("self",)).get(pk=statement.pk)
    if not because.strip():
        for warning in warnings_of(statement):
            raise warning
    if statement.confirmed_at is None:
        statement.confirmed_at, statement.confirmed_by = timezone.now(), by
        statement.confirmed_because = because.strip()[:300]
        statement.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_because"])
        facts = {"is_valid": statement.is_valid, "is_complete": statement.is_complete}
        record("bank.statement.confirmed", statement, by=by, **facts)
    return statement


@transaction.atomic
def type_statement(
    bank_account: BankAccount,
    *,
    name: str,
    date: date,
    balance_start: Decimal,
    lines: Sequence[TypedLine],
    by: User,
    balance_end_real: Decimal | None = None,
) -> Statement:
    """A statement typed from paper. Raises NotAllowed, AmountHasTooManyDigits or BankCurrencyMismatch."""
    require(by, Act.MATCH_BANK, bank_account.administration_id)
    account = BankAccount.objects.select_for_update(of=("self",)).get(pk=bank_account.pk)
    statement = Statement.objects.create(
        administration_id=account.administration_id,
        bank_account=account,
        name=name,
        date=date,
        first_date=min((line.date for line in lines), default=None),
        balance_start=exact(balance_start, account.currency),
        balance_end_real=None if balance_end_real is None else exact(balance_end_real, account.currency),
    )
    _add(statement, account, lines)
    statement.refresh_from_db()
    facts = {"balance_start": statement.balance_start, "balance_end": statement.balance_end}
    record("bank.statement.typed", statement, by=by, line_count=len(lines), **facts)
    return statement


@transaction.atomic
def add_line(statement: Statement, line: TypedLine, *, by: User) -> StatementLine:
    """Raises NotAllowed, StatementNotTyped, AmountHasTooManyDigits or BankCurrencyMismatch."""
    statement = _typed(statement, by)
    added = _add(statement, statement.bank_account, [line])[0]
    record("bank.line.typed", added, by=by, statement_id=statement.pk)
    return added


@transaction.atomic
def remove_line(line: StatementLine, *, by: User) -> None:
    """Take a typed line out. Raises NotAllowed, StatementNotTyped, or StatementKept for one that was ever matched."""
    statement = _typed(line.statement, by)
    _remove(StatementLine.objects.filter(pk=line.pk))
    record("bank.line.removed", statement, by=by, line_id=line.pk)


@transaction.atomic
def remove_statement(statement: Statement, *, by: User) -> None:
    """Take a typed statement out. Raises NotAllowed, StatementNotTyped, or StatementKept where a line was matched."""
    statement = _typed(statement, by)
    _remove(statement.lines.all())
    record("bank.statement.removed", statement, by=by)
    Statement.objects.filter(pk=statement.pk).delete()


def _typed(statement: Statement, by: User) -> Statement:
    """The statement, with its account locked. Raises NotAllowed or StatementNotTyped."""
    require(by, Act.MATCH_BANK, statement.administration_id)
    BankAccount.objects.select_for_update(of=("self",)).get(pk=statement.bank_account_id)
    statement = Statement.objects.select_related("bank_account").get(pk=statement.pk)
    if statement.statement_import_id is not None:
        raise StatementNotTyped(statement=statement.name)
    return statement


def _remove(lines: QuerySet[StatementLine]) -> None:
    if Clearing.objects.filter(line__in=lines).exists():
        raise StatementKept()
    StatementLine.objects.filter(looks_like__in=lines).update(looks_like=None, to_check=False)
    lines.delete()


def _add(statement: Statement, account: BankAccount, lines: Sequence[TypedLine]) -> list[StatementLine]:
    place = statement.lines.aggregate(last=Max("sequence"))["last"] or 0
    made: list[StatementLine] = []
    for number, typed in enumerate(lines, start=place + 1):
        if typed.foreign_currency and typed.foreign_amount is None:
            raise BankCurrencyMismatch(line=number, found=typed.foreign_currency, expected=account.currency)
        amount = exact(typed.amount, account.currency)
        facts = {name: getattr(typed, name) for name in TypedLine.__dataclass_fields__}
        fingerprint = digests_of(ParsedLine(row=number, **{**facts, "amount": amount}))[1].hex()
        same = StatementLine.objects.filter(bank_account=account, fingerprint=fingerprint)
        last = same.aggregate(last=Max("occurrence"))["last"] or 0
        made.append(
            StatementLine(
                **{**facts, "amount": amount},
                administration_id=account.administration_id,
                bank_account=account,
                statement=statement,
                sequence=number,
                residual=amount,
                fingerprint=fingerprint,
                occurrence=last + 1 + sum(one.fingerprint == fingerprint for one in made),
            )
        )
    return StatementLine.objects.bulk_create(made)
