"""What stands beside the books: the steps of a period, the issues that were seen, the VAT return as it was reckoned and
filed. A period that has none of one, as year-end adjustments have no return, names it in the manifest as left out.
"""

from collections.abc import Callable
from datetime import datetime

from apps.core.errors import DomainError
from apps.issues.reports.found import found as found_by
from apps.issues.reports.found import latest_run
from apps.ledger.models import Period
from apps.periods.models import FiledBox, Snapshot, Transition
from apps.periods.packs.chain import moment
from apps.periods.packs.listing import Listing, person, plain
from apps.periods.reports.icp import icp_listing
from apps.periods.reports.vat_anomalies import vat_anomalies
from apps.periods.reports.vat_return import vat_return


def trail(period: Period, known_at: datetime) -> tuple[list[Listing], list[str]]:
    """The steps of ``period``, its snapshots, and the issues that its last run saw; and what of that is left out."""
    return _gathered(period, known_at, {"transitions": _transitions, "snapshots": _snapshots, "issues": _issues})


def vat(period: Period, known_at: datetime) -> tuple[list[Listing], list[str]]:
    """The return, the ICP listing, what looks wrong, and what was filed; and what of that is left out."""
    return _gathered(period, known_at, {"return": _return, "icp": _icp, "anomalies": _anomalies, "filed": _filed})


def _gathered(
    period: Period, known_at: datetime, wanted: dict[str, Callable[[Period, datetime], Listing]]
) -> tuple[list[Listing], list[str]]:
    tables, left_out = [], []
    for name, listing in wanted.items():
        try:
            tables.append(listing(period, known_at))
        except DomainError:
            left_out.append(name)
    return tables, left_out


def _transitions(period: Period, known_at: datetime) -> Listing:
    steps = Transition.objects.filter(period=period, at__lte=known_at)
    rows = [
        (
            *(one.number, one.action, one.from_status, one.to_status, person(one.by), moment(one.at), one.notes),
            *(one.snapshot and one.snapshot.sha256, one.along_with and one.along_with.name),
        )
        for one in steps.select_related("by", "snapshot", "along_with").order_by("number")
    ]
    heads = ("number", "action", "from", "to", "by", "at", "notes", "snapshot_sha256", "along_with")
    return Listing("transitions.csv", heads, rows)


def _snapshots(period: Period, known_at: datetime) -> Listing:
    found = Snapshot.objects.filter(period=period, known_at__lte=known_at)
    rows = [
        (one.type, moment(one.known_at), one.sha256, one.seal.number, one.seal.head, person(one.made_by))
        for one in found.select_related("seal", "made_by").order_by("known_at")
    ]
    return Listing("snapshots.csv", ("type", "known_at", "sha256", "seal", "seal_head", "made_by"), rows)


def _issues(period: Period, known_at: datetime) -> Listing:
    """What the last run for the period saw: each issue with its severity and amount then."""
    run = latest_run(period)
    seen = found_by(run) if run is not None and run.ended_at <= known_at else None
    rows = [
        (
            *(one.severity, one.issue.code, one.issue.subject_type, one.issue.subject_id, one.issue.since),
            *(plain(one.amount), one.is_acknowledged, person(one.issue.acknowledged_by), one.issue.acknowledged_note),
        )
        for one in ((*seen.red, *seen.yellow) if seen else ())
    ]
    heads = (
        *("severity", "code", "about", "about_id", "since", "amount", "is_acknowledged", "acknowledged_by"),
        "acknowledged_note",
    )
    return Listing("issues.csv", heads, rows)


def _return(period: Period, known_at: datetime) -> Listing:
    stated = vat_return(period, known_at)
    rows = [
        (
            *(figure.box.code, plain(figure.turnover), plain(figure.vat)),
            *(plain(figure.turnover_declared), plain(figure.vat_declared), figure.transactions),
        )
        for figure in stated.boxes
    ]
    heads = ("box", "turnover", "vat", "turnover_declared", "vat_declared", "transactions")
    return Listing("vat/return.csv", heads, rows)


def _icp(period: Period, known_at: datetime) -> Listing:
    listing = icp_listing(period, known_at)
    rows = [(one.vat_number, one.country, one.name, plain(one.base), one.transactions) for one in listing.entries]
    return Listing("vat/icp.csv", ("vat_number", "country", "name", "base", "transactions"), rows)


def _anomalies(period: Period, known_at: datetime) -> Listing:
    found = vat_anomalies(period, known_at).found
    rows = [(one.id, one.code, one.severity, one.title, one.entry, plain(one.discrepancy)) for one in found]
    return Listing("vat/anomalies.csv", ("id", "code", "severity", "title", "entry", "discrepancy"), rows)


def _filed(period: Period, known_at: datetime) -> Listing:
    """Every revision that was filed of the days of ``period``, box by box."""
    boxes = FiledBox.objects.filter(
        administration=period.administration_id,
        filing__first_day__gte=period.first_day,
        filing__last_day__lte=period.last_day,
        filing__filed_at__lte=known_at,
    )
    rows = [
        (
            *(one.filing.first_day, one.filing.last_day, one.filing.revision, one.filing.kind),
            *(moment(one.filing.filed_at), person(one.filing.filed_by), one.filing.reference, one.box),
            *map(plain, (one.turnover, one.vat, one.exact_turnover, one.exact_vat)),
        )
        for one in boxes.select_related("filing__filed_by").order_by(
            "filing__first_day", "filing__revision", "position"
        )
    ]
    heads = (
        *("first_day", "last_day", "revision", "kind", "filed_at", "filed_by", "reference", "box", "turnover", "vat"),
        *("exact_turnover", "exact_vat"),
    )
    return Listing("vat/filed.csv", heads, rows)
