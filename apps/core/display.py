"""How amounts and dates are shown to people: in their language, the same on every page.

The API writes amounts in one way for machines (``api.amount_text``); pages write them as here. How a date is put
together is a string to translate, since Django's own formats name no weekday.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from apps.core.money import quantize

NOTHING = "\N{EN DASH}"


class Figure(NamedTuple):
    """An amount and the currency that it is in; None where there is none."""

    amount: Decimal | None
    currency: str


class Shown(SafeString):
    """What a page shows, which still knows the value that it shows: a list is exported with it."""

    value: Any

    def __new__(cls, text: str, value: Any) -> Self:
        shown = super().__new__(cls, text)
        shown.value = value
        return shown


def number(value: Decimal) -> str:
    """``value`` with the digits that it has, the language's thousands separator, and parentheses when negative."""
    digits = number_format(abs(value), use_l10n=True, force_grouping=True)
    return f"({digits})" if value < 0 else digits


def figure(value: Decimal, code: str) -> str:
    """``value`` with the currency's digits, written as ``number`` does."""
    return number(quantize(value, code))


def money(value: Decimal | None, code: str) -> str:
    """An amount inside a sentence: ``EUR 3,205.40``."""
    return NOTHING if value is None else f"{code}\N{NO-BREAK SPACE}{figure(value, code)}"


def amount(value: Decimal | None, code: str) -> SafeString:
    """An amount in a column: to the right, digits of one width, negative in parentheses and not only red."""
    if value is None:
        return Shown(format_html('<span class="amount">{}</span>', NOTHING), Figure(None, code))
    text = format_html(
        '<span class="amount{}"><abbr class="currency">{}</abbr> <span class="figure">{}</span></span>',
        " negative" if value < 0 else "",
        code,
        figure(value, code),
    )
    return Shown(text, Figure(value, code))


def day(value: date | None) -> str:
    """A date with its weekday: ``Tuesday 3 March 2026``."""
    return (
        NOTHING
        if value is None
        else Shown(date_format(value, pgettext("date format", "l j F Y"), use_l10n=False), value)
    )


def short_day(value: date) -> str:
    """A date with its weekday where there is little room: ``Tue 3 Mar 2026``."""
    return Shown(date_format(value, pgettext("date format", "D j M Y"), use_l10n=False), value)


def moment(value: datetime | None, time_zone: str) -> str:
    """A moment on the clock of an administration: ``Tue 3 Mar 2026 14:10``."""
    if value is None:
        return NOTHING
    local = value.astimezone(ZoneInfo(time_zone))
    return Shown(f"{short_day(local)} {local:%H:%M}", local)


def clock(value: datetime, day_shown: date, time_zone: str) -> str:
    """The hour of a moment beside its day, which stands there already; the whole moment where it fell on another."""
    local = value.astimezone(ZoneInfo(time_zone))
    return Shown(f"{local:%H:%M}", local) if local.date() == day_shown else moment(value, time_zone)


# An icon of the Material set beside the word, so that a state is never told by colour alone.
_ICONS = {
    "ACTIVE": ("schedule", "info"),
    "OPEN": ("lock_open", "info"),
    "DRAFT": ("edit", "info"),
    "WAITING": ("hourglass_empty", "info"),
    "RUNNING": ("sync", "info"),
    "REVIEW": ("rate_review", "warning"),
    "CLOSED": ("check", "success"),
    "DONE": ("check", "success"),
    "POSTED": ("check", "success"),
    "DELIVERED": ("check", "success"),
    "PAID": ("check", "success"),
    "APPROVED": ("check", "success"),
    "RESOLVED": ("check", "success"),
    "SUBMITTED": ("send", "info"),
    "FINALIZED": ("verified", "success"),
    "LOCKED": ("lock", "success"),
    "CANCELLED": ("block", "warning"),
    "DISMISSED": ("block", "warning"),
    "REVERSED": ("undo", "warning"),
    "REFUSED": ("error", "danger"),
    "REJECTED": ("error", "danger"),
    "FAILED": ("error", "danger"),
    "GAVE_UP": ("error", "danger"),
}


def status(value: str, word: object = None) -> SafeString:
    """A state as a word with its icon. ``word`` is what people read, by default the state itself."""
    icon, tone = _ICONS.get(str(value).upper(), ("circle", "info"))
    text = format_html(
        '<span class="status {}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone,
        icon,
        word or value,
    )
    return Shown(text, word or value)
