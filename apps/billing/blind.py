"""Amounts that nobody sees until the drawers of a day are counted: whoever counts must not know what to find."""

from decimal import Decimal
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display


class AfterTheCount:
    """Stands where an amount will stand once the drawers are counted."""

    is_hidden = True

    def __str__(self) -> str:
        return str(_("after the count"))


AFTER_THE_COUNT: Final = AfterTheCount()
Seen = Decimal | AfterTheCount | None


def seen(value: Seen, *, hidden: bool) -> Seen:
    """``value``, or that it waits for the count."""
    return AFTER_THE_COUNT if hidden and value is not None else value


def amount(value: Seen, code: str) -> SafeString:
    """An amount in a column, as every page shows it, or that it waits for the count."""
    if isinstance(value, AfterTheCount):
        return format_html('<span class="after-count">{}</span>', value)
    return display.amount(value, code)


def money(value: Seen, code: str) -> Any:
    """An amount inside a sentence."""
    return str(value) if isinstance(value, AfterTheCount) else display.money(value, code)
