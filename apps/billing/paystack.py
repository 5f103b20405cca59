"""The payment provider's API, as far as it is used here: https://paystack.com/docs/api.

One function asks; what comes back is read strictly or refused. Amounts are in the currency's subunit (ISO 4217) on
the wire and in its unit everywhere else. The secret key of an administration is sent to PAYSTACK_URL alone, never
along a redirect, and stands in no message.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import UUID

from django.conf import settings
from django.utils.dateparse import parse_datetime

from apps.billing.errors import (
    ProviderAnswerUnreadable,
    ProviderKeyRefused,
    ProviderNotConnected,
    ProviderReferenceUnknown,
    ProviderRefused,
    ProviderUnreachable,
)
from apps.core.money import CURRENCIES

ANSWERS_WITHIN = 10  # seconds without a byte
MOST_BYTES = 8 * 1024 * 1024  # of an answer: a page of a hundred transactions takes a twentieth of it
A_PAGE = 100
MOST_PAGES = 1000

SUCCESS, REVERSED = "success", "reversed"
PAID = (SUCCESS, REVERSED)  # what was reversed was paid before


@dataclass(frozen=True)
class Stated:
    """What the provider states of one transaction. ``metadata`` is what was given along when it was begun."""

    reference: str
    provider_id: str
    status: str
    amount: Decimal
    fees: Decimal
    currency: str
    paid_at: datetime | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StatedSettlement:
    """What the provider states of one payout: ``net`` = ``gross`` less ``fees``, unless it deducted more."""

    provider_id: str
    status: str
    currency: str
    settled_on: date | None
    gross: Decimal
    fees: Decimal
    net: Decimal


@dataclass(frozen=True)
class StatedRefund:
    """What the provider states of money that it gave back: of which transaction (its reference or the provider's id of
    it), and which payout it was deducted from, where it says so."""

    provider_id: str
    status: str
    amount: Decimal
    currency: str
    refunded_at: datetime | None
    reference: str = ""
    transaction_id: str = ""
    settlement_id: str = ""


# Messages ------------------------------------------------------------------------------------------------------------


def is_connected(administration_id: UUID) -> bool:
    """Whether the environment names a secret key of that administration."""
    return bool(settings.PAYSTACK_SECRET_KEYS.get(str(administration_id)))


def is_signed(administration_id: UUID, body: bytes, signature: str) -> bool:
    """Whether ``signature``, the header x-paystack-signature, is the HMAC-SHA512 of the body as it came, in hex, by the
    secret key of that administration; told in constant time. Raises ProviderNotConnected."""
    right = hmac.new(_key(administration_id).encode(), body, hashlib.sha512).hexdigest()
    return hmac.compare_digest(right.encode(), signature.encode())


# Questions -----------------------------------------------------------------------------------------------------------


def initialize(
    administration_id: UUID,
    *,
    reference: str,
    amount: Decimal,
    currency: str,
    email: str,
    metadata: Mapping[str, str],
) -> str:
    """Begin a payment; the address of the provider's page where it is made."""
    asked = {
        "reference": reference,
        "amount": str(to_subunits(amount, currency)),
        "currency": currency,
        "email": email,
        "metadata": json.dumps(metadata),
    }
    address = _row(_ask(administration_id, "transaction/initialize", body=asked)).get("authorization_url")
    if not isinstance(address, str) or not address.startswith(("https://", settings.PAYSTACK_URL)):
        raise ProviderAnswerUnreadable()
    return address


def transaction(administration_id: UUID, reference: str) -> Stated:
    """What the provider states of ``reference``, and of no other. Raises ProviderReferenceUnknown."""
    asked = f"transaction/verify/{quote(reference, safe='')}"
    stated = _stated(_row(_ask(administration_id, asked, about=reference)))
    if stated.reference != reference:
        raise ProviderAnswerUnreadable()
    return stated


def transactions(administration_id: UUID, since: datetime) -> Iterator[Stated]:
    """Every transaction since ``since`` that was paid, also when it was given back since."""
    stated = map(_stated, _pages(administration_id, "transaction", {"from": _written(since)}))
    return (one for one in stated if one.status in PAID)


def settlements(administration_id: UUID, since: datetime) -> Iterator[StatedSettlement]:
    """Every payout since ``since``."""
    return map(_settlement, _pages(administration_id, "settlement", {"from": _written(since)}))


def settled_by(administration_id: UUID, provider_id: str) -> Iterator[Stated]:
    """The transactions that a payout pays out."""
    return map(_stated, _pages(administration_id, f"settlement/{quote(provider_id, safe='')}/transactions", {}))


def refunds(administration_id: UUID, *, since: datetime | None = None, transaction: str = "") -> Iterator[StatedRefund]:
    """Every refund since ``since``, or of the transaction that has that id there."""
    asked = {"from": _written(since)} if since else {"transaction": transaction}
    return map(_refund, _pages(administration_id, "refund", asked))


# Amounts -------------------------------------------------------------------------------------------------------------


def to_subunits(amount: Decimal, currency: str) -> int:
    """EUR 65.00 is 6500, JPY 65 is 65."""
    return int(amount / CURRENCIES[currency].unit)


def from_subunits(amount: Any, currency: str) -> Decimal:
    """The opposite. Some messages write the number as a text. Raises ProviderAnswerUnreadable."""
    whole = isinstance(amount, int) and not isinstance(amount, bool)
    if not whole and not (isinstance(amount, str) and amount.isascii() and amount.isdigit()):
        raise ProviderAnswerUnreadable()
    if currency not in CURRENCIES or not 0 <= int(amount) < 10**15:
        raise ProviderAnswerUnreadable()
    return int(amount) * CURRENCIES[currency].unit


# Asking --------------------------------------------------------------------------------------------------------------


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the key to wherever it points."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


_opener = build_opener(_NoRedirect)


def _key(administration_id: UUID) -> str:
    key: str = settings.PAYSTACK_SECRET_KEYS.get(str(administration_id), "")
    if not key:
        raise ProviderNotConnected()
    return key


def _ask(administration_id: UUID, path: str, *, body: Mapping[str, Any] | None = None, about: str = "") -> Any:
    """The provider's answer, read as JSON and said to be good. What is wrong with it is raised, without its words
    where they could be anybody's."""
    request = Request(  # noqa: S310 - the scheme is settled in the settings
        f"{settings.PAYSTACK_URL}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {_key(administration_id)}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "Daybook",
        },
    )
    try:
        with _opener.open(request, timeout=ANSWERS_WITHIN) as answer:
            read = answer.read(MOST_BYTES + 1)
    except HTTPError as error:
        with error:
            raise _refusal(error.code, about) from None
    except (OSError, HTTPException) as error:
        raise ProviderUnreachable() from error
    if len(read) > MOST_BYTES:
        raise ProviderAnswerUnreadable()
    try:
        said = json.loads(read)
    except ValueError:
        raise ProviderAnswerUnreadable() from None
    if not isinstance(said, dict) or said.get("status") is not True:
        raise ProviderAnswerUnreadable()
    return said


def _refusal(status: int, about: str) -> Exception:
    if status in (401, 403):
        return ProviderKeyRefused()
    if status == 429 or status >= 500:
        return ProviderUnreachable()
    if about and status in (400, 404):  # "Transaction reference not found"
        return ProviderReferenceUnknown(reference=about)
    return ProviderRefused(answer=status)


def _pages(administration_id: UUID, path: str, asked: Mapping[str, str]) -> Iterator[Any]:
    for page in range(1, MOST_PAGES + 1):
        query = urlencode({**asked, "perPage": A_PAGE, "page": page})
        said = _ask(administration_id, f"{path}?{query}")
        rows, meta = said.get("data"), said.get("meta")
        if not isinstance(rows, list):
            raise ProviderAnswerUnreadable()
        yield from rows
        last = meta.get("pageCount") if isinstance(meta, dict) else None
        if len(rows) < A_PAGE and not (isinstance(last, int) and page < last):
            return
        if isinstance(last, int) and page >= last:
            return
    raise ProviderAnswerUnreadable()


# Reading -------------------------------------------------------------------------------------------------------------


def _row(said: Any) -> dict[str, Any]:
    row = said.get("data")
    if not isinstance(row, dict):
        raise ProviderAnswerUnreadable()
    return row


def _stated(row: Any) -> Stated:
    try:
        currency = str(row["currency"])
        return Stated(
            reference=_text(row["reference"], 100),
            provider_id=_text(str(row["id"]), 64),
            status=_text(row["status"], 32),
            amount=from_subunits(row["amount"], currency),
            fees=from_subunits(row.get("fees") or 0, currency),
            currency=currency,
            paid_at=_moment(row.get("paid_at") or row.get("paidAt")),
            metadata=_metadata(row.get("metadata")),
        )
    except (KeyError, TypeError, AttributeError):
        raise ProviderAnswerUnreadable() from None


def _settlement(row: Any) -> StatedSettlement:
    try:
        currency = str(row["currency"])
        fees = from_subunits(row.get("total_fees") or 0, currency)
        net = from_subunits(row.get("effective_amount", row.get("total_amount")), currency)
        settled = _moment(row.get("settlement_date"))
        return StatedSettlement(
            provider_id=_text(str(row["id"]), 64),
            status=_text(row["status"], 32),
            currency=currency,
            settled_on=settled.date() if settled else None,
            gross=from_subunits(row["total_processed"], currency) if row.get("total_processed") else net + fees,
            fees=fees,
            net=net,
        )
    except (KeyError, TypeError, AttributeError):
        raise ProviderAnswerUnreadable() from None


def _refund(row: Any) -> StatedRefund:
    """A transaction or a payout stands there as its id, or whole."""
    try:
        of, out_of, currency = row.get("transaction"), row.get("settlement"), str(row["currency"])
        reference = row.get("transaction_reference") or (of.get("reference") if isinstance(of, dict) else "")
        return StatedRefund(
            provider_id=_text(str(row["id"]), 64),
            status=_text(row["status"], 32),
            amount=from_subunits(row["amount"], currency),
            currency=currency,
            refunded_at=_moment(row.get("refunded_at") or row.get("created_at") or row.get("createdAt")),
            reference=_text(reference, 100) if reference else "",
            transaction_id=_id(of),
            settlement_id=_id(out_of),
        )
    except (KeyError, TypeError, AttributeError):
        raise ProviderAnswerUnreadable() from None


def _id(value: Any) -> str:
    value = value.get("id") if isinstance(value, dict) else value
    return _text(str(value), 64) if value not in (None, "") else ""


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= most or "\x00" in value:
        raise ProviderAnswerUnreadable()
    return value


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment(value: Any) -> datetime | None:
    """The provider's moments are UTC, with or without saying so."""
    if not value:
        return None
    try:
        moment = parse_datetime(str(value))
    except ValueError:
        moment = None
    if moment is None:
        raise ProviderAnswerUnreadable()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _metadata(value: Any) -> dict[str, Any]:
    """An object, the text of one, or nothing: all three come."""
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
