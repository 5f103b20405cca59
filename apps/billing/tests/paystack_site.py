"""A provider on this machine that speaks Paystack's documented protocol over HTTP: https://paystack.com/docs/api.

It knows transactions, refunds, payouts and one secret key; asked with another key it answers 401, for what it does not
know 400. It can be away, and it sends signed messages. Everything that it was asked is kept in ``asked``.
"""

import hashlib
import hmac
import json
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class PaystackSite:
    """Run with ``with``; ``url`` is its address."""

    def __init__(self, key: str = "sk_test_of_the_stand_in") -> None:
        self.key = key
        self.transactions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.settlements: dict[str, dict[str, Any]] = {}
        self.settled: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.status = 200  # what every question is answered with, when it is another
        self.refuses: set[str] = set()  # what the account may not ask for, such as "refund"
        self.per_page = 100
        self.port = 0

    def __enter__(self) -> "PaystackSite":
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer at the port that it had before, if it had one."""
        handler = type("Handler", (_Handler,), {"site": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # What happens there -----------------------------------------------------------------------------------------------

    def paid(
        self, reference: str, amount: int, *, currency: str = "EUR", status: str = "success", **more: Any
    ) -> dict[str, Any]:
        """Somebody pays ``amount`` subunits, by a link or elsewhere."""
        known = self.transactions.get(reference, {})
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = {
            "id": known.get("id", 4_000_000_000 + len(self.transactions)),
            "domain": "test",
            "status": status,
            "reference": reference,
            "amount": amount,
            "fees": amount // 100,
            "currency": currency,
            "paid_at": moment if status == "success" else None,
            "created_at": moment,
            "channel": "card",
            "metadata": known.get("metadata", ""),
            "customer": {"email": "somebody@patients.example", "first_name": None},
            **more,
        }
        self.transactions[reference] = row
        return row

    def refunded(self, reference: str, amount: int, *, status: str = "processed", **more: Any) -> dict[str, Any]:
        """``amount`` subunits of a payment go back to who paid; a payout that deducts them comes to be named."""
        of = self.transactions[reference]
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = {
            "id": 3_000_000 + len(self.refunds),
            "domain": "test",
            "transaction": of["id"],
            "transaction_reference": reference,
            "settlement": None,
            "amount": amount,
            "deducted_amount": 0,
            "fully_deducted": False,
            "currency": of["currency"],
            "status": status,
            "refunded_at": moment if status == "processed" else None,
            "created_at": moment,
            **more,
        }
        self.refunds.append(row)
        return row

    def payout(self, number: int, *references: str, deducts: tuple[dict[str, Any], ...] = (), **more: Any) -> None:
        """Pay these transactions out to the bank, less their fees and the refunds that it ``deducts``."""
        rows = [self.transactions[reference] for reference in references]
        gross, fees = sum(row["amount"] for row in rows), sum(row["fees"] for row in rows)
        for refund in deducts:
            refund |= {"settlement": number, "deducted_amount": refund["amount"], "fully_deducted": True}
        paid = gross - fees - sum(refund["amount"] for refund in deducts)
        self.settled[str(number)] = list(references)
        self.settlements[str(number)] = {
            "id": number,
            "status": "success",
            "currency": "EUR",
            "total_processed": gross,
            "total_fees": fees,
            "total_amount": gross - fees,
            "effective_amount": paid,
            "settlement_date": datetime.now(UTC).strftime("%Y-%m-%dT00:00:00.000Z"),
            **more,
        }

    def signed(self, body: bytes) -> str:
        return hmac.new(self.key.encode(), body, hashlib.sha512).hexdigest()

    def message(self, event: str, about: dict[str, Any]) -> bytes:
        return json.dumps({"event": event, "data": about}).encode()

    def send(self, port: int, administration_id: Any, body: bytes, *, signature: str | None = None) -> int:
        """Send a message over a raw socket, as bytes on the wire; the status of the answer."""
        given = self.signed(body) if signature is None else signature
        head = (
            f"POST /api/v1/billing/paystack/webhook/{administration_id}/ HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"X-Paystack-Signature: {given}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            wire.sendall(head.encode() + body)
            return int(wire.makefile("rb").readline().split()[1])


class _Handler(BaseHTTPRequestHandler):
    site: PaystackSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _answer(self, body: Any) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.site.asked.append((self.command, parts.path, body or query))
        if self.site.status != 200:
            return self._say(self.site.status, {"status": False, "message": "Away"})
        if self.headers["Authorization"] != f"Bearer {self.site.key}":
            return self._say(401, {"status": False, "message": "Invalid key"})
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        if steps[0] in self.site.refuses:
            return self._say(403, {"status": False, "message": "Not enabled for this integration"})
        match (self.command, steps):
            case ("POST", ["transaction", "initialize"]):
                return self._begin(body)
            case ("GET", ["transaction", "verify", reference]) if reference in self.site.transactions:
                return self._good(self.site.transactions[reference])
            case ("GET", ["transaction", "verify", _reference]):
                return self._say(400, {"status": False, "message": "Transaction reference not found."})
            case ("GET", ["transaction"]):
                wanted = query.get("status")
                rows = [row for row in self.site.transactions.values() if wanted in (None, row["status"])]
                since = datetime.fromisoformat(query["from"])
                return self._page([row for row in rows if datetime.fromisoformat(row["created_at"]) >= since], query)
            case ("GET", ["refund"]):
                wanted = query.get("transaction")
                refunds = [row for row in self.site.refunds if wanted in (None, str(row["transaction"]))]
                return self._page(refunds, query)
            case ("GET", ["settlement"]):
                return self._page(list(self.site.settlements.values()), query)
            case ("GET", ["settlement", number, "transactions"]) if number in self.site.settlements:
                rows = [self.site.transactions[reference] for reference in self.site.settled[number]]
                return self._page(rows, query)
        return self._say(404, {"status": False, "message": "Not found"})

    def _begin(self, body: dict[str, Any]) -> None:
        if not body.get("email") or not str(body.get("amount", "")).isdigit():
            return self._say(400, {"status": False, "message": "Invalid Email Address Passed"})
        reference = body["reference"]
        if reference in self.site.transactions:
            return self._say(400, {"status": False, "message": "Duplicate Transaction Reference"})
        amount, currency = int(body["amount"]), body["currency"]
        metadata = json.loads(body["metadata"])
        self.site.paid(reference, amount, currency=currency, status="abandoned", metadata=metadata)
        address = f"{self.site.url}/pay/{reference}"
        return self._good({"authorization_url": address, "access_code": "x", "reference": reference})

    def _page(self, rows: list[Any], query: dict[str, str]) -> None:
        each, page = min(int(query["perPage"]), self.site.per_page), int(query["page"])
        meta = {"total": len(rows), "page": page, "perPage": each, "pageCount": -(-len(rows) // each)}
        self._say(200, {"status": True, "message": "", "data": rows[(page - 1) * each : page * each], "meta": meta})

    def _good(self, row: Any) -> None:
        self._say(200, {"status": True, "message": "", "data": row})

    def _say(self, status: int, answer: Any) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
