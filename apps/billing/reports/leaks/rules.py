"""The rules about leaks, in one list: DESIGN's table as code."""

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Leak
from apps.billing.reports.leaks import care, claims, corrections, prices, provider, tampering, unpaid
from apps.billing.reports.leaks.finding import LeakFinding, Rule, Scope
from apps.core.planner import by_index

Class = Leak.Class
UNBILLED, UNDERBILLED, TAMPERED = Class.UNBILLED.value, Class.UNDERBILLED.value, Class.TAMPERED.value
UNPAID, UNCLAIMED = Class.UNPAID.value, Class.UNCLAIMED.value

BILL_IT = _("Bill the order, or say why it costs nothing.")
LOOK = _("Ask who did it and why; dismiss it with their answer.")
GAP = _("Numbers before this one belong to no document: ask an operator to look at the database.")

RULES: tuple[Rule, ...] = (
    Rule("L01", UNBILLED, "order", _("Lab result without bill"), BILL_IT, care.lab_result, care.billed_since),
    Rule("L02", UNBILLED, "order", _("Imaging report without bill"), BILL_IT, care.imaging_report, care.billed_since),
    Rule(
        "L03",
        UNBILLED,
        "order",
        _("Given out above what is billed"),
        _("Bill what was given out, or correct the order."),
        care.dispensed_above_billed,
        care.billed_since,
    ),
    Rule("L04", UNBILLED, "order", _("Procedure without bill"), BILL_IT, care.procedure, care.billed_since),
    Rule("L05", UNBILLED, "order", _("Consultation without bill"), BILL_IT, care.consultation, care.billed_since),
    Rule(
        "L05",
        UNBILLED,
        "visit",
        _("Visit without bill"),
        _("Bill the visit, or cancel it."),
        care.visit_without_bill,
        care.visit_billed_since,
    ),
    Rule("L25", UNBILLED, "order", _("Emergency not billed in time"), BILL_IT, care.emergency, care.billed_since),
    Rule(
        "L07",
        UNDERBILLED,
        "line",
        _("Below tariff without discount"),
        _("Credit the bill and bill it by the price of the day."),
        prices.below_price,
        prices.billed_again,
    ),
    Rule(
        "L08",
        UNDERBILLED,
        "line",
        _("Line for nothing"),
        _("Credit the bill and bill it, or name a coverage reason."),
        prices.for_nothing,
        prices.billed_again,
    ),
    Rule(
        "L09",
        UNDERBILLED,
        "discount",
        _("Discount above the limit"),
        _("Approve the discount, or credit the bill."),
        prices.discount_over_limit,
    ),
    Rule(
        "L10",
        TAMPERED,
        "bill",
        _("Voided after payment"),
        LOOK,
        corrections.void_after_payment,
        corrections.reposted_since,
    ),
    Rule(
        "L11",
        TAMPERED,
        "bill",
        _("Charge and payment removed"),
        LOOK,
        corrections.removed_without_repost,
        corrections.reposted_since,
    ),
    Rule(
        "L12",
        TAMPERED,
        "bill",
        _("Bill cut afterwards"),
        LOOK,
        corrections.cut_after_payment,
        corrections.reposted_since,
    ),
    Rule("L13", TAMPERED, "payment", _("Refunded by its cashier"), LOOK, tampering.refunded_by_cashier),
    Rule("L14", TAMPERED, "payment", _("Payment entered for a signed day"), LOOK, tampering.payment_backdated),
    Rule("L14", TAMPERED, "bill", _("Bill entered for a signed day"), LOOK, tampering.bill_backdated),
    Rule("L14", TAMPERED, "top_up", _("Top-up entered for a signed day"), LOOK, tampering.top_up_backdated),
    Rule(
        "L21",
        TAMPERED,
        "wallet",
        _("Wallet against its movements"),
        _("Compare the wallet's movements with what the patient can show."),
        tampering.wallet_disagrees,
    ),
    Rule("L22", TAMPERED, "bill", _("Gap in bill numbers"), GAP, tampering.bill_number_gap),
    Rule("L22", TAMPERED, "payment", _("Gap in receipt numbers"), GAP, tampering.receipt_number_gap),
    Rule("L22", TAMPERED, "top_up", _("Gap in top-up numbers"), GAP, tampering.top_up_number_gap),
    Rule(
        "L24",
        TAMPERED,
        "paystack_transaction",
        _("Reference used beyond its amount"),
        _("Compare the payments under this reference with the provider's own list."),
        provider.taken_beyond_reference,
    ),
    Rule("L26", TAMPERED, "payment", _("Method changed after the receipt"), LOOK, tampering.method_changed),
    Rule(
        "L27",
        TAMPERED,
        "order",
        _("Cancelled visit with completed care"),
        _("Register the visit again and bill what was given."),
        care.cancelled_visit,
        care.billed_since,
    ),
    Rule("L28", TAMPERED, "price", _("Price lowered, then restored"), LOOK, prices.price_restored),
    Rule("L29", TAMPERED, "write_off", _("Written off by a taker of cash"), LOOK, tampering.written_off_by_taker),
    Rule(
        "L15",
        UNPAID,
        "bill",
        _("Visit closed owing"),
        _("Take the payment, or name who covers it."),
        unpaid.closed_owing,
        unpaid.paid_since,
    ),
    Rule(
        "L18",
        UNPAID,
        "claim",
        _("Claim paid short"),
        _("Ask the payer for the rest, or settle it by contract."),
        claims.paid_short,
        claims.settled_since,
    ),
    Rule(
        "L19",
        UNPAID,
        "bill",
        _("Co-pay not taken"),
        _("Take the patient's part."),
        unpaid.co_pay_not_taken,
        unpaid.paid_since,
    ),
    Rule(
        "L20",
        UNPAID,
        "paystack_transaction",
        _("Confirmed by the provider, not taken"),
        _("Record the payment or top-up that the provider confirmed."),
        provider.confirmed_and_not_taken,
        provider.taken_since,
    ),
    Rule(
        "L20",
        UNPAID,
        "payment",
        _("Taken, not confirmed by the provider"),
        _("Verify the reference with the provider, or give the payment back."),
        provider.taken_and_not_confirmed,
        provider.confirmed_since,
    ),
    Rule(
        "L30",
        UNPAID,
        "shift",
        _("Cash not at the bank in time"),
        _("Bring the cash to the bank and enter the deposit."),
        unpaid.deposit_late,
        unpaid.deposited_since,
    ),
    Rule(
        "L31",
        UNPAID,
        "shift",
        _("Opening float differs"),
        _("Count the drawer with whoever closed it before."),
        unpaid.float_differs,
    ),
    Rule(
        "L16",
        UNCLAIMED,
        "bill",
        _("Covered and not claimed"),
        _("Send the claim."),
        claims.not_claimed,
        claims.claimed_since,
    ),
    Rule(
        "L17",
        UNCLAIMED,
        "claim",
        _("Rejection not sent again"),
        _("Send the claim again, or settle it otherwise."),
        claims.rejection_rests,
        claims.sent_again,
    ),
)
BY_NAME = {(rule.code, rule.entity): rule for rule in RULES}


@by_index()
def find(scope: Scope) -> list[LeakFinding]:
    """What every rule says of ``scope``."""
    return [finding for rule in RULES for finding in rule.findings(scope)]
