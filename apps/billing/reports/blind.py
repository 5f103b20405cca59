"""What nobody sees of a day until its drawers are counted: who counts must not know what to find."""

from typing import Any

# Each says what the cash is, or lets it be reckoned from what stands beside it.
HIDDEN = ("total_cash", "total_revenue", "money_in", "total_billed", "total_refunds", "total_wallet_topups")
_OF_A_METHOD = ("gross", "refunds", "total")


def blinded(breakdown: dict[str, Any]) -> dict[str, Any]:
    """``breakdown`` of a day close with None for every amount that waits for the count; what was counted stays."""
    shown = dict(breakdown)
    for part in ("methods", "top_ups"):
        if part in shown:
            shown[part] = {**shown[part], "CASH": _without(shown[part]["CASH"], _OF_A_METHOD)}
    if "bills" in shown:
        shown["bills"] = _without(shown["bills"], ("billed", "credited", "vat"))
    if "advances" in shown:
        shown["advances"] = _without(shown["advances"], ("received", "given_back", "used", "vat"))
    if "late" in shown:
        shown["late"] = _without(shown["late"], ("amount",))
    late = ("payments_amount", "top_ups_amount", "bills_amount")
    shown["late_for"] = [_without(one, late) for one in shown.get("late_for", ())]
    shown["drawers"] = [_uncounted(one) if one["counted"] is None else one for one in shown.get("drawers", ())]
    return shown


def _uncounted(drawer: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name in ("drawer", "drawer_id") else None for name, value in drawer.items()}


def _without(part: dict[str, Any], names: Any) -> dict[str, Any]:
    return {**part, **dict.fromkeys(names)}
