"""Refusals of billing."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, DomainError, Forbidden, Invalid, Unprocessable


class AlreadyFinalized(Conflict):
    code = "ALREADY_FINALIZED"
    message = _("{what} is finalized and never changes.")
    hint = _("Add a note to a day close instead; a period is reopened before its VAT return is filed.")
    constraint = "close_append_only"

    def words(self) -> dict[str, Any]:
        """A day close, or a period."""
        return {"what": self.facts.get("close") or self.facts.get("period", "?"), **self.facts}


class DayCloseCancelled(Conflict):
    code = "DAY_CLOSE_CANCELLED"
    message = _("{close} was cancelled.")
    hint = _("Create the close of that date again: it becomes a draft.")


class NotFinalized(Conflict):
    code = "NOT_FINALIZED"
    message = _("{close} is not finalized: there is nothing to reopen.")


class CloseSuperseded(Conflict):
    code = "CLOSE_SUPERSEDED"
    message = _("{close} was followed by {current}.")
    hint = _("Reopen the revision that holds.")


class BornSinceReopened(Conflict):
    code = "BORN_SINCE_REOPENED"
    message = _("{count} rows were added to the day since it was reopened, so {close} cannot be taken back.")
    hint = _("Finalize it: the earlier revision stays beside it.")


class CashNotCounted(Conflict):
    code = "CASH_NOT_COUNTED"
    message = _("The cash of {date} waits for a count, and nobody signs what nobody may see.")
    hint = _("Count every drawer, then sign.")


class DayChanged(Conflict):
    code = "DAY_CHANGED"
    message = _("Something was added to the day after you looked.")
    hint = _("Look at the figures again, then sign.")


class DayFinalized(Conflict):
    code = "DAY_FINALIZED"
    message = _("That day is finalized: nothing is born into it any more.")
    constraint = ("clinic_day_open", "clinic_day_kept")


class DayInFuture(Invalid):
    code = "DAY_IN_FUTURE"
    message = _("{date} has not come yet.")


class NotACleanDay(Forbidden):
    code = "NOT_A_CLEAN_DAY"
    message = _("A receptionist signs only a clean day that others took and prepared.")
    hint = _("Ask the manager or the owner to sign.")


class BillKept(Conflict):
    code = "BILL_KEPT"
    message = _("A bill never changes; a credit note corrects it.")
    constraint = ("bill_append_only", "bill_equals_lines")


class BillWithoutLines(Unprocessable):
    code = "BILL_WITHOUT_LINES"
    message = _("A bill has one line at least.")


class PriceMissing(Invalid):
    code = "PRICE_MISSING"
    message = _("{service} has no price on {date}.")
    hint = _("Ask the manager to add a price for that date.")


class PriceOverlaps(Conflict):
    code = "PRICE_OVERLAPS"
    message = _("{service} has a price from {valid_from} already.")
    hint = _("End that one on the day before the new one begins.")
    constraint = "one_price_a_day"


class PriceNegative(Unprocessable):
    code = "PRICE_NEGATIVE"
    message = _("A price is not below zero.")
    constraint = "price_not_negative"


class PriceDaysReversed(Unprocessable):
    code = "PRICE_DAYS_REVERSED"
    message = _("A price that begins on {valid_from} cannot end on {valid_until}.")
    constraint = "price_days"


class AccountNotRevenue(Invalid):
    code = "ACCOUNT_NOT_REVENUE"
    message = _("{account} is no revenue account.")


class AlreadyCredited(Conflict):
    code = "ALREADY_CREDITED"
    message = _("{bill} was credited before.")


class PaymentKept(Conflict):
    code = "PAYMENT_KEPT"
    message = _("A payment never changes; a refund corrects it.")
    constraint = (
        "payment_append_only",
        "payment_sign",
        "cover_names_its_payer",
        "payment_shift_is_cash",
        "advance_drawn_by_wallet",
    )


class PaymentNotPositive(Unprocessable):
    code = "PAYMENT_NOT_POSITIVE"
    message = _("An amount is more than zero.")


class PaymentBeyondBill(Invalid):
    code = "PAYMENT_BEYOND_BILL"
    message = _("{amount} is more than the {open} that {bill} still owes.")
    hint = _("Take what is owed, or say that the rest stays as a credit of the patient.")


class PayerRequired(Unprocessable):
    code = "PAYER_REQUIRED"
    message = _("Cover by {method} names its payer, and only cover does.")


class PayerOfAnotherKind(Invalid):
    code = "PAYER_OF_ANOTHER_KIND"
    message = _("{payer} does not cover by {method}.")


class WalletBeyondBalance(Invalid):
    code = "WALLET_BEYOND_BALANCE"
    message = _("{amount} is more than the {balance} in the wallet that may pay for anything.")
    hint = _("Take the rest by another method, or top the wallet up first.")


class RefundBeyondPayment(Invalid):
    code = "REFUND_BEYOND_PAYMENT"
    message = _("A refund gives back part of one payment, by its method, and no more than is left of it.")
    constraint = "refund_within_payment"


class RefundNeedsAnother(Forbidden):
    code = "REFUND_NEEDS_ANOTHER"
    message = _("Cash is given back by somebody else than who took it.")
    hint = _("Ask another manager or the owner.")


class TransferSigned(Conflict):
    code = "TRANSFER_SIGNED"
    message = _("{payment} is in the takings of {date}, which are signed.")
    hint = _("A manager refunds the payment or reopens the day; then undo the bank match again.")


class NotChargedBack(Invalid):
    code = "NOT_CHARGED_BACK"
    message = _("Only card and Paystack payments are charged back, not {method}.")
    hint = _("Give it back as a refund.")


class NoteKept(Conflict):
    code = "NOTE_KEPT"
    message = _("Notes are added, never changed.")
    constraint = ("close_note_append_only", "count_note_append_only")


class PatientErased(Conflict):
    code = "PATIENT_ERASED"
    message = _("An erased patient stays erased.")
    hint = _("Register the person anew: they get a new code.")
    constraint = "patient_erased"


class PatientNotSettled(Conflict):
    code = "PATIENT_NOT_SETTLED"
    message = _("{patient} has {visits} open visits and {bills} unsettled bills, and the name is needed until then.")
    hint = _("Close the visits; take, give back or credit what is open; then erase.")


class WalletNotEmpty(Conflict):
    code = "WALLET_NOT_EMPTY"
    message = _("{patient} has {balance} in the wallet, and the name is needed until it is given back.")
    hint = _("Pay it out, then erase.")


class RangeReversed(Invalid):
    code = "RANGE_REVERSED"
    message = _("The range ends on {end_date}, before it starts on {start_date}.")


class CodeTaken(Conflict):
    code = "CODE_TAKEN"
    message = _("{code} is in use.")
    constraint = (
        "patient_code",
        "payer_code",
        "party_code",
        "drawer_code",
        "service_code",
        "service_group_code",
    )


class RevisionOutOfTurn(Conflict):
    code = "REVISION_OUT_OF_TURN"
    message = _("A revision follows the finalized close before it, with a reason.")
    constraint = ("close_revises", "revision_has_a_reason")


class QuantityNotPositive(Unprocessable):
    code = "QUANTITY_NOT_POSITIVE"
    message = _("A quantity is more than zero.")
    constraint = "order_of_something"


class LineForNothing(Invalid):
    code = "LINE_FOR_NOTHING"
    message = _("{service} would cost nothing.")
    hint = _("Say why: part of a bundle, capitation or a free follow-up.")


class VisitCancelled(Conflict):
    code = "VISIT_CANCELLED"
    message = _("That visit was cancelled.")
    hint = _("Register a new visit.")


class VisitBilled(Conflict):
    code = "VISIT_BILLED"
    message = _("{bills} of that visit is not credited.")
    hint = _("Credit what was billed, then cancel the visit.")


class OrderOfNothing(Unprocessable):
    code = "ORDER_OF_NOTHING"
    message = _("An order names a service, or says in words what is ordered.")


class OrderBeforeVisit(Invalid):
    code = "ORDER_BEFORE_VISIT"
    message = _("{date} is before the visit of {visit}.")


class OrderCancelled(Conflict):
    code = "ORDER_CANCELLED"
    message = _("{order} was cancelled.")
    hint = _("Place a new order.")


class OrderCompleted(Conflict):
    code = "ORDER_COMPLETED"
    message = _("{order} was given already.")


class OrderBilled(Conflict):
    code = "ORDER_BILLED"
    message = _("{order} is billed already, as far as it was given or ordered.")
    hint = _("Credit the bill first, or order what comes on top.")


class OrderOfAnother(Invalid):
    code = "ORDER_OF_ANOTHER"
    message = _("{order} was ordered for another patient, or is another service.")


class OrderKept(Conflict):
    code = "ORDER_KEPT"
    message = _("An order keeps its visit, its kind and its date, and is cancelled, never deleted.")
    constraint = ("order_kept", "order_completed_or_not")


class DiscountBeyondPrice(Invalid):
    code = "DISCOUNT_BEYOND_PRICE"
    message = _("A discount of {discount} is not between nothing and the price, {price}.")


class DiscountNeedsReason(Unprocessable):
    code = "DISCOUNT_NEEDS_REASON"
    message = _("A discount has a reason.")


class DiscountKept(Conflict):
    code = "DISCOUNT_KEPT"
    message = _("A discount never changes; all that happens to it is that it is approved, once.")
    constraint = ("discount_kept", "discount_positive")


class DiscountNeedsAnother(Forbidden):
    code = "DISCOUNT_NEEDS_ANOTHER"
    message = _("A discount is approved by somebody else than who gave it.")
    constraint = "discount_second_person"


class ShiftKept(Conflict):
    code = "SHIFT_KEPT"
    message = _("A shift stays as it was opened; its final count closes it.")
    constraint = ("shift_kept", "opening_float_not_negative")


class ShiftClosed(Conflict):
    code = "SHIFT_CLOSED"
    message = _("The drawer of that shift was counted.")
    hint = _("Open the next shift at the drawer; what comes in now belongs to it.")
    constraint = ("shift_open", "shift_of_the_day")


class DrawerHasShift(Conflict):
    code = "DRAWER_HAS_SHIFT"
    message = _("Somebody's shift at that drawer is still open.")
    hint = _("Count the drawer: that closes the shift.")
    constraint = "one_open_shift_per_drawer"


class CashMovementKept(Conflict):
    code = "CASH_MOVEMENT_KEPT"
    message = _("A cash movement is more than zero and never changes; enter the opposite.")
    constraint = ("cash_movement_append_only", "cash_movement_positive")


class CountKept(Conflict):
    code = "COUNT_KEPT"
    message = _("A counted drawer never changes.")
    hint = _("A manager may reopen the day and have it counted again.")
    constraint = ("count_append_only", "one_final_count_per_shift", "count_attempt", "final_count_has_difference")


class CountDoesNotAddUp(Unprocessable):
    code = "COUNT_DOES_NOT_ADD_UP"
    message = _("The notes and coins do not add up to the total.")
    constraint = ("count_equals_denominations", "count_not_negative")


class DrawerNotInUse(Conflict):
    code = "DRAWER_NOT_IN_USE"
    message = _("{drawer} is no longer in use.")
    hint = _("Take another drawer, or ask the manager to take this one into use again.")


class DrawerHeld(Conflict):
    code = "DRAWER_HELD"
    message = _("{drawer} still has an open shift.")
    hint = _("Count it first; then it can be taken out of use.")


class OwnShiftOnly(Forbidden):
    code = "OWN_SHIFT_ONLY"
    message = _("A cashier opens, counts and hands over only their own shift.")
    hint = _("Ask the cashier whose shift it is, or the manager.")


class CashierNotHere(Unprocessable):
    code = "CASHIER_NOT_HERE"
    message = _("That person takes no cash here.")
    hint = _("Name somebody who works at the desk.")


class CashNegative(Unprocessable):
    code = "CASH_NEGATIVE"
    message = _("There is nothing or something in a drawer, never less.")


class CashMovementIncomplete(Unprocessable):
    code = "CASH_MOVEMENT_INCOMPLETE"
    message = _("A pay-out names a cost account and a reason, a pay-in where it comes from and a reason.")
    hint = _("A deposit goes to the bank; it may name a bank account. Accounts that name a party take no cash.")


class DepositBeyondCount(Invalid):
    code = "DEPOSIT_BEYOND_COUNT"
    message = _("{amount} is more than the {left} that is left of the count.")


class UnknownDenomination(Unprocessable):
    code = "UNKNOWN_DENOMINATION"
    message = _("There is no note or coin of {value} {currency}.")


class TerminalBatchKept(Conflict):
    code = "TERMINAL_BATCH_KEPT"
    message = _("A terminal's total never changes; enter a newer one.")
    constraint = "terminal_batch_append_only"


class TopUpKept(Conflict):
    code = "TOP_UP_KEPT"
    message = _("A top-up never changes; pay the opposite.")
    constraint = (
        "top_up_append_only",
        "top_up_of_something",
        "top_up_shift_is_cash",
        "advance_whole",
        "advance_given_back_as_paid",
    )


class TopUpMethodUnknown(Unprocessable):
    code = "TOP_UP_METHOD_UNKNOWN"
    message = _("A wallet is filled and emptied by cash, card, transfer or Paystack, not by {method}.")


class BeyondWallet(Invalid):
    code = "BEYOND_WALLET"
    message = _("{amount} is more than the {balance} in the wallet of {patient}.")
    hint = _("Take no more than is in it.")


class AdvanceUntaxed(Invalid):
    code = "ADVANCE_UNTAXED"
    message = _("No VAT is due on {service}, so nothing falls due before it is billed.")
    hint = _("Leave the service empty: the money stands in the wallet, and pays for it all the same.")


class AdvanceOfAnother(Invalid):
    code = "ADVANCE_OF_ANOTHER"
    message = _("{advance} was paid for {service}: it pays for that on bills of its own patient, and no more.")
    constraint = "advance_pays_its_service"


class AdvanceBeyondLeft(Invalid):
    code = "ADVANCE_BEYOND_LEFT"
    message = _("{amount} is more than the {left} that is left of {advance}.")
    hint = _("Take what is left, and the rest by another method.")
    constraint = "advance_within_left"


class AdvanceReceivedLater(Invalid):
    code = "ADVANCE_RECEIVED_LATER"
    message = _("An advance is used and given back from the day on that it was received.")
    hint = _("Take it today, or on the day that it came in.")
    constraint = "advance_received_before"


class ReasonRequired(Unprocessable):
    code = "REASON_REQUIRED"
    message = _("Say why: the reason stays with it.")


class WalletKept(Conflict):
    code = "WALLET_KEPT"
    message = _("A wallet holds what its top-ups and payments add up to.")
    constraint = "wallet_kept"


class ClaimKept(Conflict):
    code = "CLAIM_KEPT"
    message = _("A claim keeps its number, its bill and its payer, and what happened to it.")
    constraint = ("claim_kept", "claim_step_append_only", "claim_sent_has_a_date", "one_claim_per_bill_and_payer")


class RemittanceKept(Conflict):
    code = "REMITTANCE_KEPT"
    message = _("A remittance and what it settled never change; a negative settlement takes one back.")
    constraint = (
        "remittance_append_only",
        "remittance_is_posted",
        "remittance_not_negative",
        "claim_settlement_append_only",
        "claim_settlement_of_something",
        "claim_settlement_taken_back_is_negative",
        "paid_claim_names_its_remittance",
    )


class SettlementBeyondClaim(Invalid):
    code = "SETTLEMENT_BEYOND_CLAIM"
    message = _("A claim is settled within what is open of it.")
    constraint = "claim_settlement_within_open"


class PaidBeyondRemittance(Invalid):
    code = "PAID_BEYOND_REMITTANCE"
    message = _("Claims are paid within what the payer sent.")
    constraint = "paid_within_remittance"


class ClaimNotSendable(Conflict):
    code = "CLAIM_NOT_SENDABLE"
    message = _("{claim} is {status}: only a draft or a rejected claim is sent.")


class ClaimNotSubmitted(Conflict):
    code = "CLAIM_NOT_SUBMITTED"
    message = _("{claim} is {status}: a payer answers what was sent to it.")
    hint = _("Submit it with the date on which it was sent. Cover that will not be claimed is given back instead.")


class NothingToClaim(Conflict):
    code = "NOTHING_TO_CLAIM"
    message = _("Nothing is open of {claim}.")


class ClaimsRequired(Unprocessable):
    code = "CLAIMS_REQUIRED"
    message = _("Choose one claim at least.")


class ClaimNeedsReason(Unprocessable):
    code = "CLAIM_NEEDS_REASON"
    message = _("A rejection, a write-off and a settlement that is taken back say why.")


class ClaimOfAnotherPayer(Invalid):
    code = "CLAIM_OF_ANOTHER_PAYER"
    message = _("{claim} is not a claim on {payer}.")


class ClaimOfAnotherBill(Invalid):
    code = "CLAIM_OF_ANOTHER_BILL"
    message = _("{claim} is not about {bill}.")


class RemittanceEmpty(Unprocessable):
    code = "REMITTANCE_EMPTY"
    message = _("A remittance has an amount, or says what became of a claim; it is not negative.")


class WriteOffNotApproved(Invalid):
    code = "WRITE_OFF_NOT_APPROVED"
    message = _("Debt is written off by somebody who proposes it and somebody who approves it.")
    hint = _("Propose a write-off of the claim instead.")


class TakenBackBeyondSettled(Invalid):
    code = "TAKEN_BACK_BEYOND_SETTLED"
    message = _("{amount} is more than the {left} that is left of this settlement.")
    constraint = "claim_settlement_takes_back"


class WriteOffBeyondOpen(Invalid):
    code = "WRITE_OFF_BEYOND_OPEN"
    message = _("{amount} is more than the {open} that is open.")


class TariffInvalid(Unprocessable):
    code = "TARIFF_INVALID"
    message = _("A tariff is not negative, and the patient's part is within it.")
    constraint = ("co_pay_within_price", "tariff_days")


class TariffOverlaps(Conflict):
    code = "TARIFF_OVERLAPS"
    message = _("That payer has a tariff for that service in those days.")
    constraint = "one_tariff_a_day"


class CoverOverlaps(Conflict):
    code = "COVER_OVERLAPS"
    message = _("{payer} covers that patient in those days already.")
    hint = _("End that cover first.")


class CoverDaysReversed(Unprocessable):
    code = "COVER_DAYS_REVERSED"
    message = _("What holds ends on or after the day on which it begins.")
    constraint = "cover_days"


class WriteOffKept(Conflict):
    code = "WRITE_OFF_KEPT"
    message = _("A write-off stays as it was proposed, and is decided once.")
    constraint = ("write_off_kept", "write_off_positive", "write_off_takes_effect_once_approved")


class WriteOffNeedsAnother(Forbidden):
    code = "WRITE_OFF_NEEDS_ANOTHER"
    message = _("A write-off is approved by somebody else than who proposed it.")
    constraint = "write_off_second_person"


class ProviderPaymentKept(Conflict):
    code = "PROVIDER_PAYMENT_KEPT"
    message = _("A payment that the provider confirmed never changes.")
    constraint = "paystack_transaction_kept"
    hint = _("If Paystack now states something else, tell whoever runs the site: this should not happen.")


class ProviderNotConnected(Conflict):
    code = "PROVIDER_NOT_CONNECTED"
    message = _("Paystack is not connected to this administration.")
    hint = _("Whoever runs the site enters its secret key: PAYSTACK_SECRET_KEYS.")


class ProviderKeyRefused(Conflict):
    code = "PROVIDER_KEY_REFUSED"
    message = _("Paystack does not accept the secret key of this administration.")
    hint = _("Whoever runs the site enters the key that Paystack's dashboard shows: PAYSTACK_SECRET_KEYS.")


class ProviderUnreachable(DomainError):
    status = 503
    code = "PROVIDER_UNREACHABLE"
    message = _("Paystack does not answer at the moment.")
    hint = _("Try again in a few minutes. What is paid there meanwhile is asked for by itself.")


class ProviderAnswerUnreadable(DomainError):
    status = 502
    code = "PROVIDER_ANSWER_UNREADABLE"
    message = _("Paystack answered something that cannot be read, so nothing was believed.")
    hint = _("Try again; if it stays so, tell whoever runs the site.")


class ProviderRefused(Invalid):
    code = "PROVIDER_REFUSED"
    message = _("Paystack refused with status {answer}.")
    hint = _("Look whether the currency and the e-mail address are ones that it takes.")


class ProviderReferenceUnknown(Invalid):
    code = "PROVIDER_REFERENCE_UNKNOWN"
    message = _("Paystack knows no payment {reference}.")
    hint = _("Compare the reference with the patient's receipt.")


class ProviderPaymentNotSuccessful(Invalid):
    code = "PROVIDER_PAYMENT_NOT_SUCCESSFUL"
    message = _("Paystack says of {reference}: {state}. Nothing was paid.")
    hint = _("Ask the patient to pay again.")


class ProviderAmountDiffers(Invalid):
    code = "PROVIDER_AMOUNT_DIFFERS"
    message = _("{reference} is {amount} {currency}, and another amount was asked for.")
    hint = _("Assign it to a bill or to the patient's wallet by hand.")


class ProviderCurrencyDiffers(Invalid):
    code = "PROVIDER_CURRENCY_DIFFERS"
    message = _("{reference} is in {currency}; the books are kept in {book_currency}.")
    hint = _("Give it back through Paystack's dashboard, or post it by hand at the rate of the day.")


class ProviderPaymentUnmatched(Invalid):
    code = "PROVIDER_PAYMENT_UNMATCHED"
    message = _("{reference} was paid, and nothing says for which bill.")
    hint = _("Assign it to a bill or to the patient's wallet by hand.")


class ProviderPaymentUsed(Conflict):
    code = "PROVIDER_PAYMENT_USED"
    message = _("{reference} was taken before, as {document}.")


class SignatureWrong(DomainError):
    status = 401
    code = "SIGNATURE_WRONG"
    message = _("The message is not signed with the key of this administration.")


class MessageUnreadable(Unprocessable):
    code = "MESSAGE_UNREADABLE"
    message = _("The message is signed and not of the documented form.")


class LeakNeedsReason(Unprocessable):
    code = "LEAK_NEEDS_REASON"
    message = _("Say why this is no leak, or why it is accepted.")


class LeakNotOpen(Conflict):
    code = "LEAK_NOT_OPEN"
    message = _("This leak is {state}; only an open one is dismissed.")
    hint = _("Look at what is open now.")


class PeriodNotOver(Invalid):
    code = "PERIOD_NOT_OVER"
    message = _("{date} is not the last day of a period that is over.")
    hint = _("Choose the last day of a month that has ended.")


class NothingToAccrue(Conflict):
    code = "NOTHING_TO_ACCRUE"
    message = _("All care up to {date} that has a price is billed: there is nothing to accrue.")


# Imports on screen ---------------------------------------------------------------------------------------------------


class ImportRefused(Invalid):
    """What a MappingError says, to whoever imports on screen."""

    code = "IMPORT_REFUSED"
    message = _("Nothing was imported. {reason}.")
    hint = _("Change the mapping or the files, and import them again: what is there already is not added twice.")

    def words(self) -> dict[str, Any]:
        """What is wrong is a sentence already."""
        return {**self.facts, "reason": str(self.facts.get("reason", "?")).removesuffix(".")}


class ImportRowRefused(Invalid):
    code = "IMPORT_ROW_REFUSED"
    message = _("{row} was left out: {reason}.")

    def words(self) -> dict[str, Any]:
        """What is wrong is a sentence already."""
        return {**self.facts, "reason": str(self.facts.get("reason", "?")).removesuffix(".")}


class ImportFileTwice(Invalid):
    code = "IMPORT_FILE_TWICE"
    message = _("Two of the files are called {name}.")
    hint = _("Give one of them another name: the mapping finds files by their names.")
