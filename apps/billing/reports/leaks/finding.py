"""What a rule about leaks is, what it answers, and where it looks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from apps.billing.models import ClinicSettings, Leak
from apps.core.models import Administration
from apps.core.money import quantize


class Found(NamedTuple):
    """What a rule says of one row. ``amount`` is what was lost, in the book currency with VAT; None is unpriced."""

    id: UUID
    day: date
    amount: Decimal | None
    version: str = "1"
    visit: UUID | None = None
    bill: UUID | None = None
    facts: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class LeakFinding:
    """A leak as a rule found it. ``day`` is the local date on which it became one.

    ``amount`` is in the book currency; None where no tariff and no price of the service date says it. ``facts`` are
    codes and numbers, never a name.
    """

    rule: str
    leak_class: str
    entity_type: str
    entity_id: UUID
    version: str
    day: date
    amount: Decimal | None
    visit: UUID | None = None
    bill: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> tuple[str, str, UUID, str]:
        return self.rule, self.entity_type, self.entity_id, self.version


@dataclass(frozen=True)
class Scope:
    """Where the rules look: what became a leak from ``first`` to ``last``, or what ``among`` names, by entity type,
    whenever it became one up to ``last``.

    Rules that read the same rows share one reading, kept in ``read``. What a visit became by ending is looked for from
    the day before ``first``: that one was perhaps signed when the visit ended.
    """

    administration: Administration
    first: date
    last: date
    among: Mapping[str, list[UUID]] | None = None
    read: dict[Any, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def limits(self) -> ClinicSettings:
        found = ClinicSettings.objects.filter(administration=self.administration).first()
        return found or ClinicSettings(administration=self.administration)

    def rows(self, sql: str, *entities: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of ``sql``, told whether it goes ``by_day`` or by the ``ids`` of ``entities``; nothing is asked
        where none of them is named."""
        ids = [pk for entity in entities for pk in (self.among or {}).get(entity, ())]
        if self.among is not None and not ids:
            return []
        asked = {"a": self.administration.pk, "first": self.first, "last": self.last, **values}
        with connection.cursor() as cursor:
            cursor.execute(sql, {**asked, "by_day": self.among is None, "ids": ids})
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def rounded(self, amount: Decimal) -> Decimal:
        """``amount`` with the digits of the book currency."""
        return quantize(amount, self.administration.currency)

    @property
    def ended(self) -> dict[str, Any]:
        """From when until when visits are asked for that ended, and in which time zone that is a date."""
        zone = ZoneInfo(self.administration.time_zone)
        since, until = self.first - timedelta(days=1), self.last + timedelta(days=1)
        moments = {"since": datetime.combine(since, time(), zone), "until": datetime.combine(until, time(), zone)}
        return {**moments, "zone": self.administration.time_zone}

    def admits(self, day: date, *, ended: bool = False) -> bool:
        """Whether a leak that became one on ``day``, because its visit ``ended`` then or not, is looked for here."""
        first = self.first - timedelta(days=ended)
        return day <= self.last and (self.among is not None or day >= first)

    def once(self, reading: "Callable[[Scope], Any]") -> Any:
        """What ``reading`` answers, read once for all the rules that ask for it."""
        if reading not in self.read:
            self.read[reading] = reading(self)
        return self.read[reading]


@dataclass(frozen=True)
class Rule:
    """One way in which a clinic loses what it earned. ``find`` looks; the rest is what people are told.

    ``recovers`` answers what came in after all, for leaks that the rule no longer finds; without it nothing did.
    """

    code: str
    leak_class: str
    entity: str
    title: Any
    what_to_do: Any
    find: Callable[[Scope], Iterable[Found]]
    recovers: Callable[[list[Leak]], dict[UUID, Decimal]] | None = None

    def findings(self, scope: Scope) -> Iterator[LeakFinding]:
        code = scope.administration.currency
        for found in self.find(scope):
            yield LeakFinding(
                rule=self.code,
                leak_class=self.leak_class,
                entity_type=self.entity,
                entity_id=found.id,
                version=found.version,
                day=found.day,
                amount=None if found.amount is None else quantize(found.amount, code),
                visit=found.visit,
                bill=found.bill,
                facts=dict(found.facts),
            )
