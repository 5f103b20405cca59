"""Make an evidence pack: what proves a period to somebody outside, in one file that proves itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext_noop
from uuid_utils.compat import uuid7

from apps.core.events import record
from apps.core.models import Job, User
from apps.core.permissions import Act, require
from apps.core.services.jobs import start_job
from apps.ledger.models import Period, Seal
from apps.ledger.reports.seals import head
from apps.periods.models import EvidencePack
from apps.periods.packs import ENTRIES, SEALS, VERSION
from apps.periods.packs.chain import entries, moment, seals
from apps.periods.packs.contents import Contents, audit_trail, entries_of, taxed_entries, vat_evidence
from apps.periods.packs.zipping import Zipping
from apps.periods.services.storing import kept

TASK = "apps.periods.tasks.pack_period"
# A pack of more entries, or of seals with more rows, than this is a job of the worker's: up to here it takes a second.
LARGE, LARGE_SEALS = 500, 20_000

Type = EvidencePack.Type
CONTENTS: dict[str, tuple[Callable[[Period, datetime], Any], Callable[[Period, datetime], Contents]]] = {
    Type.AUDIT_TRAIL: (entries_of, audit_trail),
    Type.VAT_EVIDENCE: (taxed_entries, vat_evidence),
}


def is_large(period: Period, pack_type: str) -> bool:
    """Whether a pack is too much for a request. Reads no more than it takes to know."""
    chosen = CONTENTS[pack_type][0](period, timezone.now())
    few = list(chosen.order_by().values_list("pk", flat=True)[: LARGE + 1])
    if len(few) > LARGE:
        return True
    first, last = _span(period, chosen.model.objects.filter(pk__in=few))
    return _rows(period, last) - _rows(period, first - 1) > LARGE_SEALS


@transaction.atomic
def ask_for_pack(period: Period, pack_type: str, *, by: User) -> Job:
    """A job that makes the pack. Raises NotAllowed."""
    require(by, Act.CLOSE_PERIODS, period.administration_id)
    arguments = {"pack": str(uuid7()), "period": str(period.pk), "pack_type": pack_type}
    return start_job(TASK, title=gettext_noop("Evidence pack"), by=by, arguments=arguments, total=1)


def pack_period(
    period: Period,
    pack_type: str,
    *,
    by: User,
    key: UUID | None = None,
    known_at: datetime | None = None,
    made_at: datetime | None = None,
) -> EvidencePack:
    """Make the pack of ``period`` as the books are known now, or were at ``known_at``, and keep it with its checksum.

    ``key`` is what it will be known by. The same books and moments give the same bytes. Raises NotAllowed.
    """
    require(by, Act.CLOSE_PERIODS, period.administration_id)
    if key and (made := EvidencePack.objects.filter(pk=key).first()):
        return made  # a worker that died had kept it
    made_at = made_at or timezone.now()
    administration = period.administration
    with transaction.atomic():
        contents = CONTENTS[pack_type][1](period, known_at or made_at)
        sealed = head(administration)
        facts = {
            "administration_name": administration.name,
            "kvk_number": administration.organization_number or None,
            "period_name": period.name,
            "period_status": period.status,
            "generated_at": moment(made_at),
        }
        pack = EvidencePack(
            id=key or uuid7(),
            administration=administration,
            period=period,
            pack_type=pack_type,
            seal_head=sealed.head,
            seal_count=sealed.rows,
            facts=facts,
            file_name=f"{pack_type.lower()}-{period.name}.zip".replace("/", "-"),
            file_type="application/zip",
            created_by=by,
            created_at=made_at,
        )
        with kept(pack) as file:
            zipping = Zipping(file, made_at)
            for listing in contents.tables:
                zipping.rows(listing.name, listing.heads, listing.rows)
            chain = _chain(zipping, period, contents)
            zipping.end(
                version=VERSION,
                pack_type=pack_type,
                administration={
                    "id": str(administration.pk),
                    "name": administration.name,
                    "organization_number": administration.organization_number,
                    "vat_number": administration.vat_number,
                    "currency": administration.currency,
                },
                period={
                    "id": str(period.pk),
                    "name": period.name,
                    "type": period.type,
                    "status": period.status,
                    "first_day": period.first_day,
                    "last_day": period.last_day,
                },
                generated_at=moment(made_at),
                known_at=moment(known_at or made_at),
                seal={"head": sealed.head, "count": sealed.rows},
                chain=chain,
                left_out=list(contents.left_out),
            )
        record("periods.evidence_packed", pack, by=by, pack_type=pack_type, period=period.pk, sha256=pack.sha256)
    return pack


def _chain(zipping: Zipping, period: Period, contents: Contents) -> dict[str, Any]:
    """Write the entries and the seals that hold them, and say how many there are and where they end."""
    count = {"entries": 0, "unsealed": 0}

    def counted() -> Any:
        for told in entries(contents.entries):
            count["entries"] += 1
            count["unsealed"] += told["sealed"] is None
            yield told

    zipping.lines(ENTRIES, counted())
    first, last = _span(period, contents.entries)
    zipping.lines(SEALS, seals(period.administration, first, last) if last else ())
    end = Seal.objects.filter(administration=period.administration_id, number=last).first()
    return {**count, "first_seal": first if last else None, "last_seal": last or None, "last_head": end and end.head}


def _span(period: Period, chosen: Any) -> tuple[int, int]:
    """The numbers of the first and the last seal that hold one of the entries; 1 and 0 where none does."""
    found = chosen.order_by().aggregate(first=Min("sealed__seal__number"), last=Max("sealed__seal__number"))
    return found["first"] or 1, found["last"] or 0


def _rows(period: Period, number: int) -> int:
    """How many rows the seals up to ``number`` cover."""
    seal = Seal.objects.filter(administration=period.administration_id, number=number).first()
    return seal.rows if seal else 0
