"""Accounts at banks, and how their CSV is read."""

from itertools import count
from typing import Any

from django.db import IntegrityError, transaction

from apps.core.errors import refusal_for
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import currency as known_currency
from apps.core.permissions import Act, require
from apps.ledger.models import Account, Journal
from apps.ledger.services.purposes import account_for
from apps.reconciliation.errors import BankAccountInUse, BankAccountUnfit, CsvMappingInvalid
from apps.reconciliation.formats.mapping import CsvReading, problems
from apps.reconciliation.models import BankAccount, CsvMapping, Statement

FIRST = "BNK"  # the journal of the first bank account, which every chart has


@transaction.atomic
def open_bank_account(
    administration: Administration,
    *,
    name: str,
    iban: str = "",
    currency: str = "",
    journal: Journal | None = None,
    account: Account | None = None,
    statements_kept: str = BankAccount.Statements.AS_FILED,
    by: User | None = None,
) -> BankAccount:
    """A bank account with its journal and its ledger account. Unless given, the first one takes those that the chart
    has for a bank, and a further one gets its own beside them. ``by=None``: Daybook by itself.

    Raises NotAllowed, UnknownCurrency, BankAccountUnfit or BankAccountKnown.
    """
    if by is not None:
        require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key("open_bank_account", administration.pk)
    opened = BankAccount(
        administration=administration,
        journal=journal or _journal(administration, name),
        account=account or _account(administration, name),
        name=name,
        iban=account_number(iban),
        currency=known_currency(currency or administration.currency).code,
        statements_kept=statements_kept,
    )
    if opened.journal.type != Journal.Type.BANK or opened.account.control or not _holds_money(opened.account):
        raise BankAccountUnfit()
    return _saved(opened, "bank.account.opened", by)


def open_first_bank_account(administration: Administration) -> BankAccount | None:
    """The bank account that books begin with; None where there is one already."""
    with language_of_books(administration):
        if BankAccount.objects.filter(administration=administration).exists():
            return None
        journal = Journal.objects.filter(administration=administration, code=FIRST).first()
        return open_bank_account(administration, name=journal.name if journal else FIRST)


@transaction.atomic
def change_bank_account(bank_account: BankAccount, *, by: User, **facts: Any) -> BankAccount:
    """Change name, number, statements kept, or whether it is active.

    Raises NotAllowed, BankAccountKnown, or BankAccountInUse for the number of one that has statements.
    """
    require(by, Act.KEEP_ACCOUNTS, bank_account.administration_id)
    changed = BankAccount.objects.select_for_update(of=("self",)).get(pk=bank_account.pk)
    if "iban" in facts:
        facts["iban"] = account_number(facts["iban"])
        if facts["iban"] != changed.iban and changed.iban and Statement.objects.filter(bank_account=changed).exists():
            raise BankAccountInUse(account=changed.name)
    for name, value in facts.items():
        setattr(changed, name, value)
    return _saved(changed, "bank.account.changed", by, fields=sorted(facts))


@transaction.atomic
def save_mapping(mapping: CsvMapping, *, by: User) -> CsvMapping:
    """Keep a mapping that somebody made or changed. Raises NotAllowed, CsvMappingInvalid or CsvMappingKnown."""
    require(by, Act.MATCH_BANK, mapping.administration_id)
    found = list(problems(CsvReading.of(mapping)))
    if found:
        raise CsvMappingInvalid(problem=found[0], problems=found)
    verb = "added" if mapping._state.adding else "changed"
    return _saved(mapping, f"bank.csv_mapping.{verb}", by)


@transaction.atomic
def delete_mapping(mapping: CsvMapping, *, by: User) -> None:
    """Forget a mapping; what was imported by it stays. Raises NotAllowed."""
    require(by, Act.MATCH_BANK, mapping.administration_id)
    record("bank.csv_mapping.deleted", mapping, by=by)
    mapping.delete()


def account_number(text: str) -> str:
    """An IBAN or number as statements compare it: capitals, without blanks."""
    return "".join(text.split()).upper()


def _holds_money(account: Account) -> bool:
    return account.type in (Account.Type.ASSET, Account.Type.LIABILITY)


def _journal(administration: Administration, name: str) -> Journal:
    """The chart's journal for a bank, or one more: BNK2, BNK3."""
    of: dict[str, Any] = {"administration": administration}
    first = Journal.objects.filter(**of, code=FIRST, bank_account=None).first()
    if first is not None:
        return first
    taken = set(Journal.objects.filter(**of).values_list("code", flat=True))
    code = next(code for code in (f"{FIRST}{number}" for number in count(2)) if code not in taken)
    return Journal.objects.create(**of, code=code, name=name, type=Journal.Type.BANK)


def _account(administration: Administration, name: str) -> Account:
    """The chart's account for a bank, or one more with the next code that is free."""
    first = account_for(administration, "bank")
    if not BankAccount.objects.filter(account=first).exists():
        return first
    of: dict[str, Any] = {"administration": administration}
    taken = set(Account.objects.filter(**of).values_list("code", flat=True))
    if first.code.isdigit():
        codes = (str(number) for number in count(int(first.code) + 1))
    else:
        codes = (f"{first.code}-{number}" for number in count(2))
    code = next(code for code in codes if code not in taken)
    return Account.objects.create(**of, code=code, name=name[:200], type=first.type, place=first.place)


def _saved(row: Any, event: str, by: User | None, **facts: Any) -> Any:
    """The row, saved and recorded; a law's no is told as its refusal."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        refusal = refusal_for(error)
        if refusal is None:
            raise
        raise refusal from error
    record(event, row, by=by, **facts)
    return row
