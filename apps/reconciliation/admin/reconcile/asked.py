"""What the address of the page asks for: which lines, and which of them is chosen."""

from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from apps.reconciliation.models import BankAccount

LEFT, BY_ITSELF, MATCHED = "left", "itself", "matched"
SHOWN = (LEFT, BY_ITSELF, MATCHED)
MOST_TAKEN = 50
LONGEST = 100  # characters of what is typed to find something


@dataclass(frozen=True)
class Asked:
    """Lines that are left, matched by themselves or matched at all; of one ``statement`` or of all; with ``q`` in
    them; the chosen ``line``; what was typed to ``find`` something for it, and what was found before to ``take`` a part
    of. What makes no sense is left out."""

    show: str = LEFT
    statement: UUID | None = None
    q: str = ""
    page: int = 1
    line: UUID | None = None
    find: str = ""
    take: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: QueryDict) -> Self:
        page = typed.get("page", "")
        return cls(
            show=show if (show := typed.get("show", "")) in SHOWN else LEFT,
            statement=known(typed.get("statement")),
            q=_text(typed.get("q")),
            page=int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 7 and int(page) else 1,
            line=known(typed.get("line")),
            find=_text(typed.get("find")),
            take=tuple(_text(key) for key in typed.getlist("take")[:MOST_TAKEN]),
        )

    def address(self, account: BankAccount, **changed: Any) -> str:
        """The page with what is asked, but for what is ``changed``."""
        wanted = {**asdict(self), "find": "", "take": (), **changed}
        if wanted["show"] == LEFT:
            wanted["show"] = ""
        if wanted["page"] == 1:
            wanted["page"] = ""
        query = urlencode({name: value for name, value in wanted.items() if value}, doseq=True)
        page = page_of(account.pk)
        return f"{page}?{query}" if query else page


def page_of(account: UUID, **query: Any) -> str:
    """Where lines of a bank account are matched."""
    address = reverse("admin:reconciliation_bankaccount_reconcile", args=[account])
    return f"{address}?{urlencode(query)}" if query else address


def known(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _text(typed: Any) -> str:
    return str(typed or "").replace("\x00", "").strip()[:LONGEST]
