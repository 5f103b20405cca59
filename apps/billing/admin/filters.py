"""What the list of bills is asked: what is open and of whom, which payer covers it, how old it is."""

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import parsed_day
from apps.billing.models import Outstanding, Payer, Payment
from apps.billing.reports.review import AGES
from apps.billing.services.days import local_date
from apps.core import display
from apps.core.models import Administration


class OwedFilter(admin.SimpleListFilter):
    """Bills that leave something open: ``patient``, ``payer``, ``any`` or ``credit``, as of now or of ``@date``."""

    title = _("open")
    parameter_name = "owed"
    words = {
        "any": _("Anything open"),
        "patient": _("Owed by the patient"),
        "payer": _("Owed by a payer"),
        "credit": _("Credits of patients"),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        choices = list(self.words.items())
        kind, day = parsed_owed(self.value())
        if kind and day:
            choices.append((self.value(), f"{self.words[kind]}, {display.day(day)}"))  # type: ignore[arg-type]
        return choices

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        kind, day = parsed_owed(self.value())
        if not kind:
            return rows
        open_ = Outstanding.objects.as_of(day) if day else Outstanding.objects.now()
        open_ = open_.filter(amount__lt=0) if kind == "credit" else open_.filter(amount__gt=0)
        if kind in ("patient", "payer"):
            open_ = open_.filter(debtor=kind.upper())
        administrations = Administration.objects.visible_to(request.user)  # type: ignore[arg-type]
        return rows.filter(pk__in=open_.filter(administration__in=administrations).values("bill"))


def parsed_owed(text: str | None) -> tuple[str, date | None]:
    """``patient@2026-03-03`` as its two parts; an unknown kind is empty."""
    kind, _at, day = (text or "").partition("@")
    return (kind if kind in OwedFilter.words else ""), parsed_day(day)


class CoveredFilter(admin.SimpleListFilter):
    """Bills that one payer alone covers, or several together: as the ageing of payers counts them."""

    title = _("covered by")
    parameter_name = "covered"
    several = "several"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        payers = Payer.objects.visible_to(request.user).order_by("name")  # type: ignore[arg-type]
        choices: list[tuple[str, Any]] = [(str(payer.pk), payer.name) for payer in payers]
        return [*choices, (self.several, _("Several payers"))] if choices else []

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        payer: Any = self.value()
        if payer not in {value for value, _word in self.lookup_choices}:
            return rows
        if payer == self.several:
            others = _covers("bill").exclude(payer=OuterRef("payer"))
            return rows.filter(Exists(_covers("pk").filter(Exists(others))))
        return rows.filter(Exists(_covers("pk").filter(payer=payer)), ~Exists(_covers("pk").exclude(payer=payer)))


def _covers(bill: str) -> QuerySet[Payment]:
    """The cover that was accepted on the bill that the row outside names."""
    return Payment.objects.filter(bill=OuterRef(bill), method__in=Payment.COVER, kind=Payment.Kind.PAYMENT)


class AgeFilter(admin.SimpleListFilter):
    """Bills by their age in days: on the date that ``owed`` names, otherwise today."""

    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(str(column), word) for column, word in enumerate(age_words())]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        somewhere = Administration.objects.visible_to(request.user).first()  # type: ignore[arg-type]
        if self.value() not in {value for value, _word in self.lookup_choices} or somewhere is None:
            return rows
        day = parsed_owed(request.GET.get("owed"))[1] or local_date(somewhere)
        column = int(self.value() or 0)
        if column:
            rows = rows.filter(clinic_day__date__lt=day - timedelta(days=AGES[column - 1]))
        return rows.filter(clinic_day__date__gte=day - timedelta(days=AGES[column])) if column < len(AGES) else rows


def age_words() -> list[Any]:
    """What the columns of ``AGES`` are called, and the one of all that is older."""
    firsts = (0, *(age + 1 for age in AGES))
    words: list[Any] = [
        _("%(first)s to %(last)s days") % {"first": first, "last": last}
        for first, last in zip(firsts, AGES, strict=False)
    ]
    return [*words, _("over %(days)s days") % {"days": AGES[-1]}]
