"""Import statements from a bank's file: what is new in it, once, whatever was imported before; all of it or nothing."""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.models import Upload, User
from apps.core.permissions import Act, require
from apps.core.services.jobs import start_job
from apps.core.services.uploads import storage
from apps.reconciliation.errors import ImportWithdrawn, StatementKept
from apps.reconciliation.models import BankAccount, Clearing, MatchingOutcome, Statement, StatementImport, StatementLine
from apps.reconciliation.services import months
from apps.reconciliation.services.arranging import arrange
from apps.reconciliation.services.running import start_run
from apps.reconciliation.services.storing import holding, store
from apps.reconciliation.services.surveying import AMBIGUOUS, KNOWN, NEW, Survey, survey

TASK = "apps.reconciliation.tasks.import_statement_file"
LARGE = 1_000_000  # bytes: the worker imports what takes longer than a request should


@dataclass(frozen=True)
class Imported:
    """What an import added. ``statements`` are those that it added to, and those that have what was known already.

    ``others`` are accounts that were left out, with how many lines they have; ``not_booked`` counts what the bank only
    announced.
    """

    statement_import: StatementImport
    statements: tuple[Statement, ...]
    added: dict[UUID, int] = field(default_factory=dict)  # statement -> its new lines
    others: dict[str, int] = field(default_factory=dict)
    not_booked: int = 0


@transaction.atomic
def begin_import(
    upload: Upload, bank_account: BankAccount, *, by: User, format: str = "", mapping: str = ""
) -> StatementImport:
    """Note that the file of ``upload`` is to be imported; ``import_statements`` does it. Raises NotAllowed."""
    require(by, Act.MATCH_BANK, bank_account.administration_id)
    return StatementImport.objects.create(
        administration=bank_account.administration,
        bank_account=bank_account,
        upload=upload,
        format=format,
        mapping=mapping,
        created_by=by,
    )


@transaction.atomic
def start_import(
    upload: Upload, bank_account: BankAccount, *, by: User, format: str = "", mapping: str = ""
) -> StatementImport:
    """Have the worker import the file of ``upload``: ``job`` shows how far it is. Raises NotAllowed."""
    begun = begin_import(upload, bank_account, by=by, format=format, mapping=mapping)
    title = gettext_noop("Import of a bank statement")
    begun.job = start_job(TASK, title=title, by=by, arguments={"statement_import": str(begun.pk)}, total=1)
    begun.save(update_fields=["job"])
    return begun


@transaction.atomic
def import_statements(statement_import: StatementImport, *, by: User) -> Imported:
    """Add to the books of the bank account what is new in the file: each line once, however often files overlap.

    What does not bridge is kept and flagged by law: ``warnings_of`` each statement says so. A line that looks like one
    of another import is added, marked to be checked, and never matched by itself. Where lines were added the worker
    goes through what is open of the account, unless the account says otherwise.

    Raises NotAllowed, StatementFileInvalid, StatementOfAnotherAccount, BankCurrencyMismatch or CsvMappingUnknown;
    nothing is written then.
    """
    require(by, Act.MATCH_BANK, statement_import.administration_id)
    # Imports into one account wait for each other, so that each sees what the one before it added.
    account = BankAccount.objects.select_for_update(of=("self",)).get(pk=statement_import.bank_account_id)
    asked = statement_import.format, statement_import.mapping
    with storage().open(statement_import.upload.stored_as) as file:
        found = survey(file, account, by=by, format=asked[0], mapping=asked[1], keeps=True)
    planned = arrange(found)
    _remember(found, account)
    statement_import.format = found.opened.format.name
    statement_import.mapping = found.opened.mapping.name if found.opened.mapping else ""
    statement_import.lines_new = found.count(NEW)
    statement_import.lines_known = found.count(KNOWN)
    statement_import.lines_ambiguous = found.count(AMBIGUOUS)
    statement_import.ended_at = timezone.now()
    statement_import.save()
    written = store(found, planned, statement_import, by=by)
    if statement_import.lines_new and account.matches_imports:
        start_run(account.administration, by=by, bank_account=account)
    added = {statement.pk: len(one.lines) for statement, one in zip(written, planned, strict=True)}
    known = [statement for statement in holding(found) if statement.pk not in added]
    return Imported(statement_import, (*written, *known), added, found.others, found.not_booked)


def note_refusal(statement_import: StatementImport, refusal: DomainError) -> None:
    """Keep why nothing came of an import that the worker tried."""
    statement_import.refusal, statement_import.ended_at = refusal.detail(), timezone.now()
    statement_import.save(update_fields=["refusal", "ended_at"])


@transaction.atomic
def withdraw_import(statement_import: StatementImport, *, because: str, by: User) -> StatementImport:
    """Take out what an import brought, as long as no line of it was ever matched; the file stays.

    Raises NotAllowed, ImportWithdrawn, or StatementKept.
    """
    require(by, Act.MATCH_BANK, statement_import.administration_id)
    account = BankAccount.objects.select_for_update(of=("self",)).get(pk=statement_import.bank_account_id)
    statement_import = StatementImport.objects.select_for_update(of=("self",)).get(pk=statement_import.pk)
    if statement_import.withdrawn_at or statement_import.lines_new is None:
        raise ImportWithdrawn()
    lines = StatementLine.objects.of_import(statement_import)
    if Clearing.objects.filter(line__in=lines).exists():
        raise StatementKept()
    since = lines.order_by("date").values_list("date", flat=True).first()
    StatementLine.objects.filter(looks_like__in=lines).update(looks_like=None, to_check=False)
    MatchingOutcome.objects.filter(line__in=lines).delete()
    removed = lines._raw_delete(lines.db)
    emptied = Statement.objects.filter(bank_account=account, line_count=0)
    emptied.filter(statement_import=statement_import).delete()
    emptied.filter(month__isnull=False).delete()
    if since is not None:
        months.carry(account, since.replace(day=1))
    statement_import.withdrawn_at, statement_import.withdrawn_by = timezone.now(), by
    statement_import.withdrawn_because = because
    statement_import.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    record("bank.import.withdrawn", statement_import, by=by, line_count=removed, journal_id=account.journal_id)
    return statement_import


def _remember(found: Survey, account: BankAccount) -> None:
    """The account's number, when it had none, and the mapping, which is offered first the next time."""
    changed = {}
    if not account.iban and found.account:
        changed["iban"] = found.account[:34]
    if found.opened.mapping and account.mapping != found.opened.mapping.name:
        changed["mapping"] = found.opened.mapping.name
    if changed:
        BankAccount.objects.filter(pk=account.pk).update(**changed)
    if "iban" in changed:
        record("bank.account.numbered", account)
