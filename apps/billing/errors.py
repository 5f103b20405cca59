"""Refusals of billing."""

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Forbidden, Invalid, Unprocessable


class AlreadyFinalized(Conflict):
    code = "ALREADY_FINALIZED"
    message = _("{close} is finalized and never changes; add a note instead.")
    constraint = "close_append_only"


class DayCloseCancelled(Conflict):
    code = "DAY_CLOSE_CANCELLED"
    message = _("{close} was cancelled.")
    hint = _("Create the close of that date again: it becomes a draft.")


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


class AlreadyCredited(Conflict):
    code = "ALREADY_CREDITED"
    message = _("{bill} was credited before.")


class PaymentKept(Conflict):
    code = "PAYMENT_KEPT"
    message = _("A payment never changes; a refund corrects it.")
    constraint = ("payment_append_only", "payment_sign", "cover_names_its_payer")


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


class RefundBeyondPayment(Invalid):
    code = "REFUND_BEYOND_PAYMENT"
    message = _("A refund gives back part of one payment, by its method, and no more than is left of it.")
    constraint = "refund_within_payment"


class NoteKept(Conflict):
    code = "NOTE_KEPT"
    message = _("Notes are added, never changed.")
    constraint = "close_note_append_only"


class PatientErased(Conflict):
    code = "PATIENT_ERASED"
    message = _("An erased patient stays erased.")
    hint = _("Register the person anew: they get a new code.")
    constraint = "patient_erased"


class PatientNotSettled(Conflict):
    code = "PATIENT_NOT_SETTLED"
    message = _("{patient} has {visits} open visits and {bills} unsettled bills, and the name is needed until then.")
    hint = _("Close the visits; take, give back or credit what is open; then erase.")


class RangeReversed(Invalid):
    code = "RANGE_REVERSED"
    message = _("The range ends on {end_date}, before it starts on {start_date}.")


class CodeTaken(Conflict):
    code = "CODE_TAKEN"
    message = _("{code} is in use.")
    constraint = ("patient_code", "payer_code", "party_code")
