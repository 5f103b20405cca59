"""Refusals of reconciliation."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Forbidden, Invalid, Unprocessable


class StatementFileInvalid(Invalid):
    """``line`` is the line or record of the file where it stopped; ``problem`` says what is wrong there."""

    code = "STATEMENT_FILE_INVALID"
    message = _("This file cannot be read as a bank statement: {problem}.")
    hint = _("Nothing was written. Export the statement from the bank once more, or choose another format.")

    def words(self) -> dict[str, Any]:
        """What is wrong is a sentence already."""
        return {**self.facts, "problem": str(self.facts.get("problem", "?")).removesuffix(".")}


class StatementOfAnotherAccount(Invalid):
    code = "STATEMENT_OF_ANOTHER_ACCOUNT"
    message = _("The file is about {found}; this is {expected}.")
    hint = _("Choose the bank account that the file is about.")


class BankCurrencyMismatch(Invalid):
    code = "BANK_CURRENCY_MISMATCH"
    message = _("Foreign currency amount required when transaction currency differs from journal currency.")
    constraint = "bank_currency_mismatch"


class CsvMappingUnknown(Invalid):
    code = "CSV_MAPPING_UNKNOWN"
    message = _("There is no CSV mapping called {name}.")


class CsvMappingInvalid(Unprocessable):
    """``problems`` says all that is wrong."""

    code = "CSV_MAPPING_INVALID"
    message = _("This mapping cannot be used: {problem}.")
    constraint = "csv_mapping_decimal_mark"

    def words(self) -> dict[str, Any]:
        """What is wrong is a sentence already."""
        return {**self.facts, "problem": str(self.facts.get("problem", "?")).removesuffix(".")}


class CsvMappingKnown(Conflict):
    code = "CSV_MAPPING_KNOWN"
    message = _("There is a mapping of that name.")
    constraint = "csv_mapping_name"


class BankAccountKnown(Conflict):
    code = "BANK_ACCOUNT_KNOWN"
    message = _("There is a bank account with that number, journal or ledger account.")
    constraint = (
        "one_bank_account_per_iban",
        "reconciliation_bankaccount_account_id_key",
        "reconciliation_bankaccount_journal_id_key",
    )


class BankAccountUnfit(Unprocessable):
    code = "BANK_ACCOUNT_UNFIT"
    message = _("A bank account stands on a balance-sheet account without open items, and in a journal of type Bank.")


class BankAccountInUse(Conflict):
    code = "BANK_ACCOUNT_IN_USE"
    message = _("{account} has statements, so its number and currency stay.")


class BankStatementInvalid(Invalid):
    code = "BANK_STATEMENT_INVALID"
    message = _("Starting balance does not match the previous statement's ending balance.")
    hint = _("Import the statement that is missing between them, or confirm with the reason why it is right.")


class BankStatementIncomplete(Invalid):
    code = "BANK_STATEMENT_INCOMPLETE"
    message = _("Computed ending balance does not match the bank-reported balance.")
    hint = _("Import the lines that are missing, or confirm with the reason why it is right.")


class StatementKept(Conflict):
    code = "STATEMENT_KEPT"
    message = _("What a bank stated never changes, and a bank line that was ever matched stays.")
    constraint = ("statement_kept", "statement_line_kept", "line_residual")


class StatementNotTyped(Conflict):
    code = "STATEMENT_NOT_TYPED"
    message = _("{statement} came from a file, and what a bank stated never changes.")
    hint = _("Withdraw the import, or say of a line that it is a duplicate.")


class ImportWithdrawn(Conflict):
    code = "IMPORT_WITHDRAWN"
    message = _("This import was withdrawn, or nothing came of it.")


class StatementLineKnown(Conflict):
    code = "STATEMENT_LINE_KNOWN"
    message = _("This line is there already.")
    constraint = ("statement_line_once", "statement_line_place", "one_statement_per_month", "statement_month_begins")


class BankLineAlreadyReconciled(Invalid):
    code = "BANK_LINE_ALREADY_RECONCILED"
    message = _("This statement line is already fully reconciled.")
    hint = _("Undo its match first.")


class BankLineNotMatched(Invalid):
    code = "BANK_LINE_NOT_MATCHED"
    message = _("Nothing was matched with this line, so there is nothing to undo.")


class MatchEmpty(Invalid):
    code = "MATCH_EMPTY"
    message = _("A match names what it is, once, with amounts that do not cancel out.")


class MatchWrongWay(Invalid):
    code = "MATCH_WRONG_WAY"
    message = _("Money in settles what is owed to us, money out what we owe; this goes the other way.")


class MatchOfTwoParties(Invalid):
    code = "MATCH_OF_TWO_PARTIES"
    message = _("Items that go against each other in one bank line are of one party.")
    hint = _("Match each party's own part.")


class EntryNotClearable(Invalid):
    code = "ENTRY_NOT_CLEARABLE"
    message = _("A bank line does not clear {account} in this way.")
    hint = _("Choose an open item, money in transit, or an entry on the bank's own account that is not cleared yet.")


class ItemOfBilling(Invalid):
    code = "ITEM_OF_BILLING"
    message = _("What is paid of {item} is entered in billing.")
    hint = _("Enter the payer's remittance, the refund or the pay-out there; then match the money that is in transit.")


class PersonRequired(Invalid):
    code = "PERSON_REQUIRED"
    message = _("A write-off, an exchange difference and a duplicate are for a person to decide.")


class NoPayout(Invalid):
    code = "NO_PAYOUT"
    message = _("This line is no payout, and no card settlement, that Daybook knows.")
    hint = _("Paystack is asked every ten minutes; a card settlement needs a model that says which lines are one.")


class PayoutAmbiguous(Invalid):
    """``payouts`` are the keys of those that fit."""

    code = "PAYOUT_AMBIGUOUS"
    message = _("Several fit this line equally.")
    hint = _("Name the one that it is.")


class PayoutUnexplained(Invalid):
    code = "PAYOUT_UNEXPLAINED"
    message = _("{amount} of {payout} is not explained by its payments, fees and refunds.")
    hint = _("Enter what is missing in billing, as a chargeback; or name the account that it is written off to.")


class NotOneTransfer(Invalid):
    code = "NOT_ONE_TRANSFER"
    message = _("A transfer is two lines of two accounts in one currency, both open, with opposite amounts.")
    hint = _("Match the sides one by one: the second with what the first left on transfers between own accounts.")


class WriteOffAboveLimit(Invalid):
    code = "WRITE_OFF_ABOVE_LIMIT"
    message = _("{amount} is above the limit of {limit} for what one person books without a document.")
    hint = _(
        "Write the entry on the bank's account as a draft, have a second person post it, and match the line with it."
    )


class MatchBeyondLine(Invalid):
    code = "MATCH_BEYOND_LINE"
    message = _("A match is within what is open of the bank line, and goes its way: {asked} of {open}.")
    constraint = "match_within_line"


class MatchBeyondEntry(Conflict):
    code = "MATCH_BEYOND_ENTRY"
    message = _("Somebody has matched this entry already, or less of it is open.")
    hint = _("Load the candidates again.")
    constraint = ("match_within_entry_line", "payment_cleared_once")


class ModelInvalid(Invalid):
    code = "MODEL_INVALID"
    message = _("A model has the amounts that its conditions and lines need, and a tolerance of 0 to 100 %.")
    hint = _("Lower has an amount up to, greater one from, between both; what is read from the text has a pattern.")
    constraint = (
        *("reconciliation_model_amounts", "reconciliation_model_tolerance"),
        *("reconciliation_model_line_amount", "reconciliation_model_line_place"),
    )


class ModelNameTaken(Conflict):
    code = "MODEL_NAME_TAKEN"
    message = _("Another model has this name.")
    constraint = "reconciliation_model_name"


class ModelUsed(Conflict):
    code = "MODEL_USED"
    message = _("{model} has booked bank lines, so it stays.")
    hint = _("Put it aside: it is not tried any more.")


class PatternInvalid(Unprocessable):
    code = "PATTERN_INVALID"
    message = _("{pattern} is no regular expression: {problem}.")
    hint = _("The pattern of an amount has the amount in a group: Fee ([0-9.,]+).")


class PatternEndless(Unprocessable):
    code = "PATTERN_ENDLESS"
    message = _("{pattern} takes too long on some texts.")
    hint = _("Do not repeat what is repeated already: (a+)+ is a+.")


class MatchKept(Conflict):
    code = "MATCH_KEPT"
    message = _("A match never changes: undo it and match again.")
    constraint = (
        *("match_kept", "clearing_kept", "clearing_undone_whole", "cleared_line_derived"),
        *("full_reconcile_kept", "match_says_what"),
    )


class ReconciliationFrozen(Conflict):
    code = "RECONCILIATION_FROZEN"
    message = _("An approved account reconciliation never changes.")
    hint = _("Begin a new one for the same period.")
    constraint = (
        "account_reconciliation_kept",
        "account_reconciliation_explained",
        "reconciling_item_kept",
        "reconciliation_attachment_kept",
        "suspension_kept",
    )


class AlreadyApproved(Invalid):
    code = "ALREADY_APPROVED"
    message = _("This account reconciliation is approved already.")


class OwnReconciliation(Forbidden):
    code = "OWN_RECONCILIATION"
    message = _("Whoever prepared an account reconciliation does not approve it.")
    hint = _("Ask another accountant, the manager or the owner.")


class DifferenceUnexplained(Invalid):
    code = "DIFFERENCE_UNEXPLAINED"
    message = _("The difference is {difference} and the items explain {explained}.")
    hint = _("Add the reconciling items that are missing, or mend the expected balance.")


class BalanceMoved(Conflict):
    code = "BALANCE_MOVED"
    message = _("Something was posted since: the balance was {before} and is {now}.")
    hint = _("Save the reconciliation once more: it reads the balance again.")


class ReconciliationChanged(Conflict):
    code = "RECONCILIATION_CHANGED"
    message = _("This reconciliation was changed after you looked.")
    hint = _("Look at it again, then approve.")


class TooManyDifferences(Invalid):
    code = "TOO_MANY_DIFFERENCES"
    message = _("Books and bank do not share {count} lines; at most {most} become items.")
    hint = _("Match the bank lines first: what is left of them is explained.")


class ReconciliationAtWork(Conflict):
    code = "RECONCILIATION_EXISTS"
    message = _("This account has a reconciliation for these dates.")
    constraint = "one_account_reconciliation_at_work"


class AccountNotReconciled(Invalid):
    code = "ACCOUNT_NOT_RECONCILED"
    message = _("{account} is no balance-sheet account; only those are reconciled.")


class DatesReversed(Invalid):
    code = "DATES_REVERSED"
    message = _("The period begins on {start} and ends before that, on {end}.")
    constraint = "account_reconciliation_dates"
