"""What an accountant is told of the bank and of the balance accounts: what does not follow, add up or hold."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef

from apps.core.findings import RED, YELLOW, Finding, Findings
from apps.core.models import Administration
from apps.reconciliation.models import AccountReconciliation, ReconciliationSuspension, Statement


def statements_follow(administration: Administration, as_of: date) -> Findings:
    """Every bank statement begins where the one before it ended, unless a person said why it does not."""
    for statement in _unconfirmed(administration, as_of).filter(is_valid=False):
        facts = {"statement": statement.name, "date": statement.date, "start": statement.balance_start}
        facts["currency"] = statement.bank_account.currency
        names = {"account": statement.bank_account.account_id}
        yield Finding("STATEMENT_INVALID", statement, "", RED, facts, since=statement.date, names=names)


def statements_add_up(administration: Administration, as_of: date) -> Findings:
    """Every bank statement ends where the bank says, unless a person said why it does not."""
    for statement in _unconfirmed(administration, as_of).filter(is_complete=False):
        amount = statement.balance_end - statement.balance_end_real
        facts = {
            "statement": statement.name,
            "reckoned": statement.balance_end,
            "stated": statement.balance_end_real,
            "difference": amount,
            "currency": statement.bank_account.currency,
        }
        names = {"account": statement.bank_account.account_id}
        yield Finding("STATEMENT_INCOMPLETE", statement, "", RED, facts, amount, since=statement.date, names=names)


def balances_are_explained(administration: Administration, as_of: date) -> Findings:
    """No reconciliation of an account that is at work leaves something that its items do not explain."""
    rows = AccountReconciliation.objects.filter(administration=administration, period_end__lte=as_of)
    rows = rows.filter(difference__isnull=False).exclude(status=AccountReconciliation.Status.APPROVED)
    for one in rows.select_related("account").order_by("period_end", "account__code", "id"):
        amount = one.difference - one.explained
        if amount:
            facts = {"account": str(one.account), "date": one.period_end, "balance": one.closing_balance}
            facts |= {"expected": one.expected_balance, "explained": one.explained, "unexplained": amount}
            names = {"account": one.account_id}
            yield Finding("BALANCE_UNEXPLAINED", one, "", YELLOW, facts, amount, since=one.period_end, names=names)


def balances_stand(administration: Administration, as_of: date) -> Findings:
    """No approved balance was moved by a later posting without a new reconciliation in its place."""
    newer = AccountReconciliation.objects.filter(
        account=OuterRef("reconciliation__account"),
        period_start=OuterRef("reconciliation__period_start"),
        period_end=OuterRef("reconciliation__period_end"),
        pk__gt=OuterRef("reconciliation"),
    )
    suspended: Any = ReconciliationSuspension.objects.filter(
        administration=administration, reconciliation__period_end__lte=as_of
    ).exclude(Exists(newer))
    latest = suspended.order_by("reconciliation_id", "-found_at").distinct("reconciliation_id")
    for one in latest.select_related("reconciliation__account"):
        approved = one.reconciliation
        amount = one.closing_balance - approved.closing_balance
        facts = {"account": str(approved.account), "date": approved.period_end, "approved": approved.closing_balance}
        facts["balance"] = one.closing_balance
        names = {"account": approved.account_id}
        yield Finding("BALANCE_MOVED", approved, "", YELLOW, facts, amount, since=approved.period_end, names=names)


def _unconfirmed(administration: Administration, as_of: date) -> Any:
    statements = Statement.objects.filter(administration=administration, date__lte=as_of, confirmed_at=None)
    return statements.select_related("bank_account").order_by("date", "id")


LARGE: list[Callable[..., Findings]] = []
ALL: list[Callable[..., Findings]] = [statements_follow, statements_add_up, balances_are_explained, balances_stand]
