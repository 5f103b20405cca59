"""Refusals of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Invalid, Unprocessable, refusal_for


@contextmanager
def named_refusals() -> Iterator[None]:
    """A law that the database found broken leaves as the refusal that claims it; any other error as it is."""
    try:
        yield
    except IntegrityError as error:
        raise refusal_for(error) or error from error


class JournalUnbalanced(Invalid):
    code = "JOURNAL_UNBALANCED"
    message = _("Debits are {debits} and credits {credits}; an entry balances.")
    constraint = ("entry_balanced", "line_one_sided")


class EntryLinesNotAnnounced(Invalid):
    code = "ENTRY_LINES_NOT_ANNOUNCED"
    message = _("A posted entry has exactly the lines it announced, two at least.")
    constraint = "entry_lines_announced"


class PeriodClosed(Conflict):
    """``status`` is the period's own, such as LOCKED; ``way_out`` what there is to do where another date is none."""

    code = "PERIOD_CLOSED"
    event = "period.posting_blocked"
    message = _("{period} is {status}; post to an open period.")
    hint = _("{way_out}")
    constraint = ("period_open", "entry_in_smallest_period")

    def words(self) -> dict[str, Any]:
        words = {"way_out": _("Ask the accountant to reopen the period, or use a date in an open one."), **self.facts}
        status = {"FINALIZED": _("finalized"), "LOCKED": _("locked")}
        return {**words, "status": status.get(words["status"], words["status"])} if "status" in words else words


class PeriodMissing(Conflict):
    code = "PERIOD_MISSING"
    message = _("There is no period that holds {date}.")
    hint = _("Ask the accountant to open the fiscal year.")
    constraint = "period_missing"


class PeriodLocked(Conflict):
    code = "PERIOD_LOCKED"
    message = _("A locked period never changes, and a period keeps its days.")
    constraint = ("period_locked", "period_kept", "period_born_open")


class PeriodsOverlap(Conflict):
    code = "PERIODS_OVERLAP"
    message = _("Periods of one type do not overlap, and a larger period consists of whole smaller ones.")
    constraint = ("periods_do_not_overlap", "periods_nest", "year_end_is_one_day")


class LineDatedOtherwise(Invalid):
    code = "LINE_DATED_OTHERWISE"
    message = _("A line has the date of its entry, and none while that is a draft.")
    constraint = "line_dated_as_entry"


class EntryPosted(Conflict):
    code = "ENTRY_POSTED"
    message = _("A posted entry never changes; reverse it and post the right one.")
    constraint = ("entry_append_only", "line_append_only")


class DraftChanged(Conflict):
    code = "DRAFT_CHANGED"
    message = _("The draft was changed since this page was shown.")
    hint = _("Look at it again; nothing was posted.")


class EntryNotPosted(Conflict):
    code = "ENTRY_NOT_POSTED"
    message = _("Only a posted entry is reversed; a draft is deleted.")


class ReversalDiffers(Invalid):
    code = "REVERSAL_DIFFERS"
    message = _("A reversal is the opposite of the posted entry it reverses.")
    constraint = "reversal_mirrors"


class YearEndWithVat(Invalid):
    code = "YEAR_END_WITH_VAT"
    message = _("Year-end adjustments carry no VAT.")
    constraint = "year_end_without_vat"


class EntryAlreadyReversed(Conflict):
    code = "ENTRY_ALREADY_REVERSED"
    message = _("This entry was reversed before.")
    constraint = "ledger_journalentry_reverses_id_key"


class EntryOfSourceExists(Conflict):
    code = "ENTRY_OF_SOURCE_EXISTS"
    message = _("The entry of this source is posted already.")
    constraint = "one_entry_per_source"


class ControlLineDiffersFromItems(Invalid):
    code = "CONTROL_LINE_DIFFERS_FROM_ITEMS"
    message = _("A line on a control account names a party and equals the open items that name it.")
    constraint = "control_line_equals_items"


class OpenItemKept(Conflict):
    code = "OPEN_ITEM_KEPT"
    message = _("Open items and allocations never change, and a line opens one item.")
    constraint = ("open_item_append_only", "allocation_append_only")


class AllocationBeyondOpen(Conflict):
    code = "ALLOCATION_BEYOND_OPEN"
    message = _("An allocation stays within what is open on both sides.")
    constraint = "allocation_within_open"


class AllocationOfTwoParties(Invalid):
    code = "ALLOCATION_OF_TWO_PARTIES"
    message = _("An allocation joins a debit and a credit of one party and one account.")
    constraint = "allocation_of_one_party"


class AccountKept(Conflict):
    code = "ACCOUNT_KEPT"
    message = _("An account with lines keeps its type and its control flag.")
    constraint = "account_kept"


class CodeExists(Conflict):
    code = "CODE_EXISTS"
    message = _("This code is in use here, or another account has this purpose.")
    constraint = ("account_code", "one_account_per_purpose", "vat_code_code", "journal_code")


class PlaceDoesNotFit(Invalid):
    code = "PLACE_DOES_NOT_FIT"
    message = _("The place of an account on the reports fits its type.")
    constraint = "account_place_fits_type"


class LineCurrencyInvalid(Invalid):
    code = "LINE_CURRENCY_INVALID"
    message = _("An amount in a foreign currency names the currency and stands on the side of the line.")
    constraint = ("line_currency", "open_item_currency", "invoice_currency")


class LineVatInvalid(Invalid):
    code = "LINE_VAT_INVALID"
    message = _("A line with a VAT code says what it is in the return, its tax point and its VAT period.")
    constraint = "line_vat"


class VatCodeInvalid(Invalid):
    code = "VAT_CODE_INVALID"
    message = _(
        "A VAT code has a rate and a deductible share of 0 to 100 %, an account for its tax, an end after its start."
    )
    constraint = ("vat_code_rate", "vat_code_deductible", "vat_code_has_account", "vat_code_validity")


class BatchKept(Conflict):
    code = "BATCH_KEPT"
    message = _("A batch stays; all that happens to it is that it is reversed, once.")
    constraint = ("batch_kept", "batch_reversed_by_somebody")


class InvoicePosted(Conflict):
    code = "INVOICE_POSTED"
    message = _("A posted invoice never changes.")
    hint = _("Post a credit note for it.")
    constraint = "invoice_append_only"


class InvoiceTotalsDiffer(Unprocessable):
    """``differences``: for each amount that does not agree, what was given and what the lines come to."""

    code = "INVOICE_TOTALS_DIFFER"
    message = _("The lines of an invoice, its net, VAT and total, and its open item agree.")
    constraint = (
        "invoice_equals_lines",
        "invoice_equals_item",
        "invoice_total_is_net_and_vat",
        "invoice_year",
        "invoice_numbered",
        "credit_note_is_negative",
    )


class DuplicateInvoice(Conflict):
    code = "DUPLICATE_INVOICE"
    message = _("This supplier's invoice {reference} is in the books already.")
    hint = _("Look at the invoice that is there; a correction is a credit note.")
    constraint = "one_invoice_per_reference"


class InvoiceWithoutLines(Unprocessable):
    code = "INVOICE_WITHOUT_LINES"
    message = _("An invoice has one line at least.")


class InvoiceNotPositive(Unprocessable):
    code = "INVOICE_NOT_POSITIVE"
    message = _("The total is {total}; an invoice and a credit note are above zero.")
    hint = _("What is given back is a credit note, with amounts as it is printed.")


class CreditsAnother(Invalid):
    code = "CREDITS_ANOTHER"
    message = _("A credit note credits a posted invoice of the same party and currency.")


class CreditBeyondInvoice(Invalid):
    code = "CREDIT_BEYOND_INVOICE"
    message = _("{invoice} can be credited for {left} more, not for {amount}.")


class PartyKindDiffers(Invalid):
    code = "PARTY_KIND_DIFFERS"
    message = _("{party} is no party of this kind; here it is {kind}.")


class PartyCodeTaken(Conflict):
    code = "PARTY_CODE_TAKEN"
    message = _("There is a party of this kind with that code already.")


class PartyNumberInvalid(Unprocessable):
    """``field`` is vat_number, organization_number or iban."""

    code = "PARTY_NUMBER_INVALID"
    message = _("{number} cannot be a number of this kind ({field}): its form or its check digit is wrong.")


class VatCodeNotValid(Invalid):
    code = "VAT_CODE_NOT_VALID"
    message = _("VAT code {vat_code} is not valid on {date}.")


class VatCodeDoesNotFit(Invalid):
    code = "VAT_CODE_DOES_NOT_FIT"
    message = _("VAT code {vat_code} does not fit this invoice: it lacks the account for its tax, or is not for sales.")
    hint = _("Choose a code for purchases on a supplier's invoice and one for sales on your own.")


class VatNumberRequired(Invalid):
    code = "VAT_NUMBER_REQUIRED"
    message = _("VAT code {vat_code} needs a VAT number, and {party} has none.")


class VatCodeOnlyInEu(Invalid):
    code = "VAT_CODE_ONLY_IN_EU"
    message = _("VAT code {vat_code} is for parties in other countries of the EU; {party} is in {country}.")


class AccountIsControl(Invalid):
    code = "ACCOUNT_IS_CONTROL"
    message = _("{account} is a control account; choose another.")


class ItemSettled(Conflict):
    code = "ITEM_SETTLED"
    message = _("Nothing is open of {item} any more.")


class NothingForeign(Invalid):
    code = "NOTHING_FOREIGN"
    message = _("An exchange difference belongs to an item in a foreign currency; neither of these is.")
    hint = _("Allocate what is there, and write off the rest.")


class FixedAssetInvalid(Invalid):
    code = "FIXED_ASSET_INVALID"
    message = _(
        "A fixed asset has a cost above its residual value, a life, a method with its rate, and is used once acquired."
    )
    constraint = ("fixed_asset_value", "fixed_asset_method", "fixed_asset_in_use", "depreciation_of_a_month")


class FixedAssetCodeTaken(Conflict):
    code = "FIXED_ASSET_CODE_TAKEN"
    message = _("Another fixed asset has this code.")
    constraint = "fixed_asset_code"


class FixedAssetKept(Conflict):
    code = "FIXED_ASSET_KEPT"
    message = _("An asset that was depreciated keeps its cost, its dates and its accounts.")
    constraint = ("fixed_asset_kept", "depreciation_append_only", "disposal_append_only")


class DepreciationPosted(Conflict):
    code = "DEPRECIATION_POSTED"
    message = _("This month of the asset is depreciated already.")
    constraint = "one_depreciation_per_month"


class DepreciationBeyondCost(Invalid):
    code = "DEPRECIATION_BEYOND_COST"
    message = _("An asset is written off to its residual value, not below.")
    constraint = "depreciation_within_cost"


class FixedAssetDisposed(Conflict):
    code = "FIXED_ASSET_DISPOSED"
    message = _("This asset is disposed of already.")
    constraint = "disposal_once"


class DisposalInvalid(Invalid):
    code = "DISPOSAL_INVALID"
    message = _("The proceeds of a disposal are zero or more, and name the account that they go to.")
    constraint = "disposal_proceeds"


class DisposalTooEarly(Conflict):
    code = "DISPOSAL_TOO_EARLY"
    message = _("{asset} is acquired or depreciated up to {date}.")
    hint = _("Take that day or a later one, or reverse the depreciation after it first.")


class ExchangeRateInvalid(Invalid):
    code = "EXCHANGE_RATE_INVALID"
    message = _("An exchange rate is above zero, and each currency has one a day.")
    constraint = ("exchange_rate_positive", "one_exchange_rate_per_day")


class ExchangeRateMissing(Conflict):
    code = "EXCHANGE_RATE_MISSING"
    message = _("There is no exchange rate of {currency} on or before {date}.")
    hint = _("Add it to the table of exchange rates, or give the rate with the invoice.")


class BackfillNotProved(Conflict):
    code = "BACKFILL_NOT_PROVED"
    message = _("At {date}, {account} would differ from its open items by {unexplained} that nothing explains.")
    hint = _("Run verify_books first: something is wrong with these books.")


class BackfillSettled(Conflict):
    code = "BACKFILL_SETTLED"
    message = _("{count} open items of this batch were settled with others since.")
    hint = _("Reverse what settled them first.")


class NoBackfill(Invalid):
    code = "NO_BACKFILL"
    message = _("{batch} is no backfill.")


class FiscalYearInvalid(Invalid):
    code = "FISCAL_YEAR_INVALID"
    message = _("A fiscal year has 1 to 24 months.")


class NotAFiscalYear(Invalid):
    code = "NOT_A_FISCAL_YEAR"
    message = _("{period} is not a fiscal year with a period for its adjustments.")
    hint = _("Open the fiscal year first.")


class SpreadInvalid(Invalid):
    code = "SPREAD_INVALID"
    message = _("An amount other than zero is spread over 1 to 120 months.")


class ResultExceeded(Conflict):
    code = "RESULT_EXCEEDED"
    message = _("{asked} cannot be drawn from the unappropriated result: {left} is left.")


class OpeningBalanceExists(Conflict):
    code = "OPENING_BALANCE_EXISTS"
    message = _("The opening balance is posted already: {entry}.")
    hint = _("Reverse that entry first.")


class OpeningItemsDiffer(Invalid):
    code = "OPENING_ITEMS_DIFFER"
    message = _("{account} opens with {balance}, its open items with {items}.")


class SealKept(Conflict):
    code = "SEAL_KEPT"
    message = _("Seals never change, and each follows the one before it.")
    constraint = ("seal_append_only", "seal_chained")


class AccountMissing(Conflict):
    code = "ACCOUNT_MISSING"
    message = _("No account has the purpose {purpose}.")
    hint = _("Give an account that purpose in the chart of accounts.")


class UnknownChart(Invalid):
    code = "UNKNOWN_CHART"
    message = _("There is no chart of accounts named {chart}; there are: {known}.")


class BooksFileRefused(Invalid):
    """``rows`` are the lines that were refused, each with its reason; ``count`` says how many there are."""

    code = "BOOKS_FILE_REFUSED"
    message = _("Line {line}: {reason} Refused in all: {count}. Nothing of the file was imported.")
    hint = _("Correct the file and send it again.")


class BooksImportedBefore(Conflict):
    code = "BOOKS_IMPORTED_BEFORE"
    message = _("{file} was imported before.")
    hint = _("Reverse that import first, or send another file.")
