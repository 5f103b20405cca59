"""What people type into our own pages: numbers in their language; a form that is sent once, and what refuses it."""

import hashlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import formats
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import DomainError, IdempotencyKeyOfAnother, refusal_for, tell
from apps.core.models import Administration, IdempotentRequest
from apps.core.money import currency


def typed_number(text: str) -> Decimal:
    """A number as people type it: ``12,50``, ``12.50``, ``1,250.00`` and ``1.250,00`` mean what they say.

    Where one separator stands before exactly three digits the language decides. Raises ValueError.
    """
    plain = "".join(text.split()).replace("\N{NO-BREAK SPACE}", "").replace("'", "")
    marks = [mark for mark in plain if mark in ".,"]
    if len(set(marks)) == 2:
        decimal = plain[max(plain.rfind("."), plain.rfind(","))]
    elif len(marks) == 1:
        three = len(plain) - plain.index(marks[0]) == 4
        decimal = marks[0] if not three or marks[0] == formats.get_format("DECIMAL_SEPARATOR") else ""
    else:
        decimal = ""  # several of one kind group thousands
    whole, _mark, digits = plain.rpartition(decimal) if decimal else (plain, "", "")
    groups = whole.replace(",", ".").split(".")
    if not plain or any(len(group) != 3 for group in groups[1:]):
        raise ValueError(text)
    try:
        number = Decimal(f"{''.join(groups)}.{digits or 0}")
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


class NumberField(forms.Field):
    """A number in any of our languages. ``digits`` after the separator at most."""

    widget = forms.TextInput

    def __init__(self, *, digits: int, **options: Any) -> None:
        self.digits = digits
        super().__init__(**options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "autocomplete": "off", "class": "figure"}

    def to_python(self, value: Any) -> Decimal | None:
        if isinstance(value, Decimal):
            return value
        if not str(value or "").strip():
            return None
        try:
            number = typed_number(str(value))
        except ValueError:
            raise ValidationError(_("“%(typed)s” is no number."), code="invalid", params={"typed": value}) from None
        if number != round(number, self.digits):
            raise ValidationError(_("At most %(digits)s digits after the separator."), params={"digits": self.digits})
        if abs(number) >= 10**12:
            raise ValidationError(_("That is too large."))
        return number

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return formats.number_format(value.normalize(), use_l10n=True, force_grouping=False)


class AmountField(NumberField):
    """An amount in ``code``; one with more digits than the currency has is refused beside the field."""

    def __init__(self, *, code: str = "EUR", **options: Any) -> None:
        super().__init__(digits=currency(code).digits, **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return formats.number_format(value, decimal_pos=self.digits, use_l10n=True, force_grouping=False)


class AdministrationForm(forms.Form):
    """A form within one administration; its ``key`` makes a second sending answer what the first one did."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, *args: Any, administration: Administration, **kwargs: Any) -> None:
        self.administration = administration
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = lambda: str(uuid4())


def typed(request: HttpRequest) -> str:
    """What is being typed, as a form would clean it: the question of a list that is found while typing."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:200]


def once(request: HttpRequest, write: Callable[[], str]) -> tuple[str, bool]:
    """Do ``write`` and answer the address it gave, with True; the same form sent again answers that address and writes
    nothing. Raises IdempotencyKeyOfAnother when the form came back with other contents.

    The key is written first, in the same transaction: of two that are sent at once the second waits for the first.
    """
    user: Any = request.user
    key = f"form:{request.POST.get('key') or uuid4()}"[:200]
    asked = hashlib.sha256(f"{request.path}\n{_contents(request.POST)}".encode()).hexdigest()
    try:
        with transaction.atomic():
            mine = IdempotentRequest.objects.create(user=user, key=key, fingerprint=asked, status=302)
            address = write()
            mine.answer = address.encode()
            mine.save(update_fields=["answer"])
            return address, True
    except IntegrityError as error:
        known = IdempotentRequest.objects.filter(user=user, key=key).first()
        if known is None or known.answer is None:
            raise refusal_for(error) or error from error
    if known.fingerprint != asked:
        raise IdempotencyKeyOfAnother()
    return bytes(known.answer).decode(), False


def _contents(posted: MultiValueDict[str, str]) -> str:
    return repr(sorted((name, values) for name, values in posted.lists() if name != "csrfmiddlewaretoken"))


def said(refusal: DomainError, code: str) -> str:
    """What a refusal says, with its amounts as people read them, and the way out."""
    tell(refusal)
    facts = {name: _fact(fact, code) for name, fact in refusal.facts.items()}
    detail = type(refusal)(**facts).detail()
    return " ".join(str(detail[part]) for part in ("message", "hint") if detail.get(part))


def _fact(fact: Any, code: str) -> Any:
    if isinstance(fact, Decimal):
        return display.money(fact, code)
    return display.day(fact) if isinstance(fact, date) else fact
