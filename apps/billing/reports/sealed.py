"""What a seal covers of the documents of billing. ``docs/seals.md`` says it in words."""

from apps.billing.models import (
    Bill,
    BillLine,
    CashMovement,
    DrawerCount,
    EndOfDayReconciliation,
    Payment,
    TerminalBatch,
    TopUp,
)
from apps.ledger.models import Seal
from apps.ledger.reports.seals import Kind, Parts

BILL = Kind(
    Bill,
    "id administration_id clinic_day_id late_for_id number kind credits_id patient_id visit_id payer_id line_count net "
    "vat gross issued_by_id issued_at source",
    texts="reason",
    parts=Parts(
        BillLine,
        of="bill_id",
        order="position",
        columns="id administration_id position service_id group_id order_id code description quantity unit_price "
        "discount co_pay coverage_reason vat_code_id vat_rate net vat gross source",
    ),
)
PAYMENT = Kind(
    Payment,
    "id administration_id clinic_day_id late_for_id number bill_id kind method amount payer_id refunds_id shift_id "
    "reference repeats_reference taken_by_id taken_at idempotency_key source",
    texts="reason",
    later="advance_id advance_vat",
)
TOP_UP = Kind(
    TopUp,
    "id administration_id clinic_day_id late_for_id number patient_id method amount shift_id reference taken_by_id "
    "taken_at idempotency_key source",
    texts="reason",
    later="service_id vat_code_id vat_rate net vat advance_id",
)
CASH_MOVEMENT = Kind(
    CashMovement,
    "id administration_id clinic_day_id shift_id number kind amount account_id after_count reference by_id at "
    "idempotency_key source",
    texts="reason",
)
COUNT = Kind(
    DrawerCount,
    "id administration_id clinic_day_id shift_id revision attempt denominations total is_final expected difference "
    "counted_by_id counted_at idempotency_key source",
)
TERMINAL_BATCH = Kind(
    TerminalBatch,
    "id administration_id clinic_day_id terminal batch total payments_count by_id at idempotency_key source",
)
REPORT = Kind(
    EndOfDayReconciliation,
    "id administration_id clinic_day_id reconciliation_date number revision status total_revenue total_cash total_card "
    "total_transfer total_wallet total_paystack total_hmo total_insurance total_refunds total_wallet_topups money_in "
    "total_billed total_outstanding outstanding_visits_count revenue_leaks_detected revenue_leaks_amount total_visits "
    "active_visits_closed has_mismatches mismatch_details breakdown prepared_by_id prepared_at reviewed_by_id "
    "reviewed_at finalized_by_id finalized_at single_sign_off entry_id reopened_by_id reopened_at "
    "reversal_id created_at",
    texts="reopen_reason",
)

KINDS = (BILL, PAYMENT, TOP_UP, CASH_MOVEMENT, COUNT, TERMINAL_BATCH, REPORT)


def seal_reason(close: EndOfDayReconciliation) -> str:
    """The occasion of the seal that signing ``close`` makes; a revision has its own."""
    return f"day_close:{close}"


def seal_of(close: EndOfDayReconciliation) -> Seal | None:
    """The seal that was made when ``close`` was finalized: its head and count of rows are what is printed."""
    seals = Seal.objects.filter(administration=close.administration_id, reason=seal_reason(close))
    found: Seal | None = seals.order_by("number").first()
    return found
