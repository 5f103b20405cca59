"""Leaks: found by the rules, kept by fingerprint, resolved by facts or dismissed by a person."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.billing.errors import LeakNeedsReason, LeakNotOpen
from apps.billing.models import ClinicDay, Leak
from apps.billing.reports.leaks import BY_NAME, LeakFinding, Scope, find
from apps.billing.services.days import local_date
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import User
from apps.core.money import ZERO
from apps.core.permissions import Act, require

State = Leak.State
Fingerprint = tuple[str, str, UUID, str]
SEEN_LATELY = timedelta(minutes=1)  # a day that is refreshed again and again writes nothing where nothing changed


@transaction.atomic(savepoint=False)
def refresh_leaks(day: ClinicDay) -> None:
    """Run every rule for ``day`` and look again at what is open from before; keep what they find.

    Dates without a clinic day of their own, such as a Sunday, are looked at with the day that follows.
    What a rule no longer finds is resolved, with what came in for it. A leak that was resolved or dismissed does not
    come back while its facts are the same.
    """
    administration, first = day.administration, _since_the_day_before(day)
    hold_key("leaks", administration.pk)  # two refreshes of one clinic wait: each resolves what it did not find
    open_ = {_fingerprint(leak): leak for leak in _open_leaks(day)}
    found = {finding.fingerprint: finding for finding in find(Scope(administration, first, day.date))}
    before = [leak for fingerprint, leak in open_.items() if fingerprint not in found]
    if before:
        upto = max(day.date, local_date(administration))
        again = Scope(administration, day.date, upto, _by_entity(before))
        found |= {finding.fingerprint: finding for finding in find(again)}
    known = _known(day, found)
    _keep(day, [finding for fingerprint, finding in found.items() if fingerprint not in known])
    _go_on([(leak, found[fingerprint]) for fingerprint, leak in open_.items() if fingerprint in found])
    _resolve([leak for fingerprint, leak in open_.items() if fingerprint not in found], found.values())


@transaction.atomic
def dismiss_leak(leak: Leak, *, reason: str, by: User) -> Leak:
    """Say that ``leak`` is none, or is accepted, and why; while its facts stay the same it does not come back.

    Raises NotAllowed, LeakNeedsReason, or LeakNotOpen for one that was resolved or dismissed before.
    """
    require(by, Act.APPROVE, leak.administration_id)
    reason = reason.strip()
    if not reason:
        raise LeakNeedsReason()
    leak = Leak.objects.select_for_update(of=("self",)).select_related("administration").get(pk=leak.pk)
    if leak.state != State.OPEN:
        raise LeakNotOpen(state=leak.get_state_display())
    leak.state, leak.resolved_at, leak.resolved_by, leak.reason = State.DISMISSED, timezone.now(), by, reason
    leak.save(update_fields=["state", "resolved_at", "resolved_by", "reason"])
    record("billing.leak_dismissed", leak, by=by, rule=leak.rule, amount=leak.amount)
    return leak


def _since_the_day_before(day: ClinicDay) -> date:
    """The first date after the clinic day before ``day``; its own date where there was none before."""
    before = ClinicDay.objects.filter(administration=day.administration_id, date__lt=day.date)
    last: date | None = before.order_by("-date").values_list("date", flat=True).first()
    return last + timedelta(days=1) if last else day.date


def _open_leaks(day: ClinicDay) -> Iterable[Leak]:
    open_ = Leak.objects.filter(administration=day.administration_id, state=State.OPEN)
    return open_.order_by("pk")


def _fingerprint(leak: Leak) -> Fingerprint:
    return leak.rule, leak.entity_type, leak.entity_id, leak.version


def _by_entity(leaks: Iterable[Leak]) -> dict[str, list[UUID]]:
    named: defaultdict[str, list[UUID]] = defaultdict(list)
    for leak in leaks:
        named[leak.entity_type].append(leak.entity_id)
    return dict(named)


def _known(day: ClinicDay, found: dict[Fingerprint, LeakFinding]) -> set[Fingerprint]:
    """The fingerprints that are kept already, in whatever state."""
    entities = {finding.entity_id for finding in found.values()}
    leaks = Leak.objects.filter(administration=day.administration_id, rule__in={rule for rule, *_rest in found})
    leaks = leaks.filter(entity_id__in=entities).order_by()
    return set(leaks.values_list("rule", "entity_type", "entity_id", "version")) if entities else set()


def _keep(day: ClinicDay, findings: list[LeakFinding]) -> None:
    now = timezone.now()
    leaks = [
        Leak(
            administration_id=day.administration_id,
            rule=finding.rule,
            leak_class=finding.leak_class,
            entity_type=finding.entity_type,
            entity_id=finding.entity_id,
            version=finding.version,
            day=finding.day,
            amount=finding.amount,
            facts=finding.facts,
            visit_id=finding.visit,
            bill_id=finding.bill,
            first_seen_at=now,
            last_seen_at=now,
        )
        for finding in findings
    ]
    Leak.objects.bulk_create(leaks, batch_size=1000, ignore_conflicts=True)


def _go_on(pairs: list[tuple[Leak, LeakFinding]]) -> None:
    """Open leaks that are still found: seen again, and worth what they are worth now. What is less came in, as far
    as the rule can tell."""
    less = [leak for leak, finding in pairs if (finding.amount or ZERO) < (leak.amount or ZERO)]
    came = _came(less)
    changed = []
    for leak, finding in pairs:
        if (leak.amount, leak.facts) != (finding.amount, finding.facts):
            if leak.pk in came:
                fell = (leak.amount or ZERO) - (finding.amount or ZERO)
                leak.recovered_amount = min(came[leak.pk], leak.recovered_amount + fell)
            leak.amount, leak.facts = finding.amount, finding.facts
            changed.append(leak)
    Leak.objects.bulk_update(changed, ["amount", "facts", "recovered_amount"], batch_size=1000)
    now = timezone.now()
    stale = [leak.pk for leak, _finding in pairs if now - leak.last_seen_at > SEEN_LATELY]
    if stale:
        Leak.objects.filter(pk__in=stale).update(last_seen_at=now)


def _resolve(leaks: list[Leak], found: Iterable[LeakFinding]) -> None:
    """Leaks that no rule finds any more. Where the same row is found anew, changed, only the difference came in."""
    still = Leak.objects.select_for_update().filter(pk__in=[leak.pk for leak in leaks], state=State.OPEN)
    leaks = list(still) if leaks else []  # one that somebody dismissed meanwhile stays dismissed
    rests = {(finding.rule, finding.entity_id): finding.amount or ZERO for finding in found}
    now, came = timezone.now(), _came(leaks)
    for leak in leaks:
        leak.state, leak.resolved_at = State.RESOLVED, now
        rest = rests.get((leak.rule, leak.entity_id))
        leak.recovered_amount = came.get(leak.pk, ZERO)
        if rest is not None:
            leak.recovered_amount = min(leak.recovered_amount, max((leak.amount or ZERO) - rest, ZERO))
    Leak.objects.bulk_update(leaks, ["state", "resolved_at", "recovered_amount"], batch_size=1000)


def _came(leaks: Iterable[Leak]) -> dict[UUID, Decimal]:
    """What came in for each of ``leaks`` since it was first seen, as its rule can tell; in the book currency."""
    by_rule: defaultdict[tuple[str, str], list[Leak]] = defaultdict(list)
    for leak in leaks:
        by_rule[leak.rule, leak.entity_type].append(leak)
    came: dict[UUID, Decimal] = {}
    for name, mine in by_rule.items():
        rule = BY_NAME.get(name)
        if rule and rule.recovers:
            came |= rule.recovers(mine)
    return came
