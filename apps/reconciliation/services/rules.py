"""Models of bank lines: what one makes of a line, and the difference that a tolerance lets a person write off."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from apps.core.errors import ForeignRow
from apps.core.models import User
from apps.core.money import ZERO, currency, quantize, total
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import OpenItem
from apps.ledger.reports.open_items import left_in_currency
from apps.ledger.services.purposes import account_for
from apps.reconciliation.errors import BankLineAlreadyReconciled, MatchEmpty
from apps.reconciliation.models import Clearing, ReconciliationModel, ReconciliationModelLine, StatementLine
from apps.reconciliation.patterns import DoesNotEnd, find
from apps.reconciliation.reports.rules import searched_texts
from apps.reconciliation.services.clearing import Kind, Part, clear, hold_line

AmountType = ReconciliationModelLine.AmountType
OF_WHAT_IS_LEFT = (AmountType.PERCENTAGE, AmountType.PERCENTAGE_OF_LINE)


@named_refusals()
@transaction.atomic
def write_off(line: StatementLine, model: ReconciliationModel, *, by: User | None) -> Clearing:
    """Book what is left of ``line`` as ``model`` says: a line of which nothing was matched yet as a whole (MODEL),
    otherwise the difference (WRITE_OFF). Nobody: Daybook by itself, which books whole lines by models that say so, and
    no difference.

    Raises BankLineAlreadyReconciled, MatchEmpty where the model makes nothing of the line, and what ``clear`` raises.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, line.administration_id)
    if model.administration_id != line.administration_id:
        raise ForeignRow()
    line = hold_line(line.pk)
    if not line.residual:
        raise BankLineAlreadyReconciled()
    return clear(line, parts_of(model, line), by=by, model=model)


def parts_of(model: ReconciliationModel, line: StatementLine) -> list[Part]:
    """What ``model`` makes of what is left of ``line``, VAT included.

    A fixed amount and one that is read from the text have the sign of the line; a percentage is of what the lines of
    the model before it left, or of the bank line. VAT that is not included comes on top, but a percentage never takes
    more than there is left. A model for open items writes what is left to where its differences go. Raises MatchEmpty.
    """
    kind = Kind.MODEL if line.residual == line.amount else Kind.WRITE_OFF
    if model.kind == ReconciliationModel.Kind.MATCH_ITEMS:
        account = model.tolerance_account or account_for(line.administration, "payment_difference")
        return [Part(Kind.WRITE_OFF, line.residual, account=account, memo=model.name)]
    parts = list(_parts(model, line, kind))
    if not parts:
        raise MatchEmpty()
    return parts


def within_tolerance(
    line: StatementLine, items: Sequence[OpenItem], model: ReconciliationModel | None = None
) -> list[Part] | None:
    """Parts by which ``line`` pays ``items`` (read with what is ``open`` of them), which are in the currency of its
    account; None when it pays less than they are and the difference is beyond the tolerance.

    The tolerance is a percentage of the items, held against the difference alone; at the boundary it is within. What is
    paid beyond them stays open on the line.
    """
    parts = [Part(Kind.ITEM, _open(item), open_item=item) for item in items]
    owed = total(part.amount for part in parts)
    short = abs(owed) - abs(line.residual)
    if short <= 0:
        return parts
    tolerance = model.tolerance if model else ZERO
    if model is None or short * 100 > tolerance * abs(owed):
        return None
    account = model.tolerance_account or account_for(line.administration, "payment_difference")
    return [*parts, Part(Kind.WRITE_OFF, line.residual - owed, account=account, memo=model.name)]


def _open(item: Any) -> Decimal:
    """What is open of ``item`` in its own currency."""
    return left_in_currency(item) if item.currency else Decimal(item.open)


def _parts(model: ReconciliationModel, line: StatementLine, kind: str) -> Iterator[Part]:
    left, code = line.residual, line.bank_account.currency
    for row in model.lines.select_related("account", "party", "vat_code").order_by("position"):
        amount = _amount(model, row, line, left)
        if row.vat_code and not row.includes_vat and not row.vat_code.reverse_charge:
            gross = amount * (1 + row.vat_code.rate / 100)
            capped = row.amount_type in OF_WHAT_IS_LEFT and abs(gross) > abs(left)
            amount = left if capped else gross
        amount = quantize(amount, code)
        if amount:
            left -= amount
            yield Part(
                kind,
                amount,
                account=row.account,
                party=row.party,
                vat_code=row.vat_code,
                memo=row.memo or model.name,
            )


def _amount(model: ReconciliationModel, row: ReconciliationModelLine, line: StatementLine, left: Decimal) -> Decimal:
    sign = 1 if line.amount > 0 else -1
    if row.amount_type == AmountType.REGEX:
        return sign * _read(model, row, line)
    amount = row.amount or ZERO
    if row.amount_type == AmountType.FIXED:
        return sign * amount
    return (left if row.amount_type == AmountType.PERCENTAGE else line.amount) * amount / 100


def _read(model: ReconciliationModel, row: ReconciliationModelLine, line: StatementLine) -> Decimal:
    """What the first group of the pattern holds, in the first of the texts that it holds in; otherwise nothing."""
    for text in searched_texts(model, line):
        try:
            found = find(row.amount_pattern, text)
        except DoesNotEnd:
            return ZERO
        if found and found[1]:
            return amount_in(found[1], line.bank_account.currency)
    return ZERO


def amount_in(text: str, code: str) -> Decimal:
    """The amount that ``text`` writes, zero for none: what follows the last comma or point are decimals, if they are as
    many as the currency may have."""
    digits = currency(code).digits
    whole, mark, rest = re.sub(r"[^\d.,]", "", text).rpartition("," if text.rfind(",") > text.rfind(".") else ".")
    decimals = bool(mark) and 0 < len(rest) <= digits
    number = re.sub(r"\D", "", whole if decimals else whole + rest)
    try:
        return Decimal(f"{number}.{rest}" if decimals else number)
    except InvalidOperation:
        return ZERO
