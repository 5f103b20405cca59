"""The closing checklist: what stands between a period and finalized, each item with the place that mends it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing.models import ClinicDay
from apps.core import display
from apps.core.findings import RED
from apps.ledger.models import Period
from apps.periods.reports.vat_anomalies import VatAnomaly, vat_anomalies
from apps.periods.reports.verdicts import Verdict
from apps.reconciliation.models import BankAccount, StatementLine
from apps.reconciliation.reports.standing import State, period_standing

MOST_NAMED = 5  # accounts or banks in one line


class Outcome(StrEnum):
    PASSED = "PASSED"
    WARNING = "WARNING"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Item:
    """``key`` never changes, ``name`` is in the reader's language. Only a required item blocks. ``link`` leads to the
    place that mends it."""

    key: str
    name: str
    description: str
    status: Outcome
    details: str
    value: str
    required: bool
    link: str


@dataclass(frozen=True)
class Checklist:
    """``verdict`` is what the last run found; None before the first one."""

    period: Period
    verdict: Verdict | None
    items: tuple[Item, ...]

    @property
    def blocking(self) -> list[Item]:
        return [item for item in self.items if item.required and item.status == Outcome.FAILED]

    @property
    def warnings(self) -> list[Item]:
        return [item for item in self.items if item.status == Outcome.WARNING]

    @property
    def passed(self) -> int:
        return sum(item.status == Outcome.PASSED for item in self.items)

    @property
    def can_finalize(self) -> bool:
        """Nothing is missing: in review, nothing blocks and no warning waits for a word."""
        judged = self.verdict is not None and not self.verdict.unacknowledged
        return judged and not self.blocking and self.period.status == Period.Status.REVIEW

    def item(self, key: str) -> Item:
        return next(item for item in self.items if item.key == key)


def checklist(period: Period, verdict: Verdict | None) -> Checklist:
    """The list as of now. What the engine knows is what its last run found; the rest is read from what is open."""
    return Checklist(period, verdict, tuple(ask(period, verdict) for ask in ITEMS))


def unfinished_days(period: Period) -> Any:
    """Days of the period with activity whose day close is not finalized."""
    if period.type == Period.Type.YEAR_END:
        return ClinicDay.objects.none()
    return ClinicDay.objects.filter(
        administration=period.administration_id,
        date__gte=period.first_day,
        date__lte=period.last_day,
        is_finalized=False,
    )


# The items -----------------------------------------------------------------------------------------------------------


def _documents(period: Period, verdict: Verdict | None) -> Item:
    return Item(
        key="documents_posted",
        name=_("Documents Posted"),
        description=_("All documents in period must be posted or rejected"),
        status=Outcome.PASSED,
        details=_("No document waits"),
        value="0/0 (100%)",
        required=True,
        link=page_of(period),
    )


def _critical(period: Period, verdict: Verdict | None) -> Item:
    red = len(verdict.red) if verdict else 0
    if verdict is None:
        details = _("Not checked yet: begin the review")
    elif red:
        words = ngettext(
            "%(count)s critical issue requires resolution", "%(count)s critical issues require resolution", red
        )
        details = words % {"count": red}
    else:
        details = _("No critical issues")
    return Item(
        key="critical_issues",
        name=_("Critical Issues"),
        description=_("All RED issues must be resolved"),
        status=Outcome.PASSED if verdict and not red else Outcome.FAILED,
        details=details,
        value=str(red) if verdict else display.NOTHING,
        required=True,
        link=f"{page_of(period)}#issues",
    )


def _warnings(period: Period, verdict: Verdict | None) -> Item:
    left = len(verdict.unacknowledged) if verdict else 0
    if verdict is None:
        details = _("Not checked yet: begin the review")
    elif left:
        words = ngettext("%(count)s warning needs acknowledgment", "%(count)s warnings need acknowledgment", left)
        details = words % {"count": left}
    else:
        details = _("Every warning is acknowledged") if verdict.yellow else _("No warnings")
    return Item(
        key="warning_issues",
        name=_("Warning Issues"),
        description=_("All YELLOW issues must be acknowledged or resolved"),
        status=Outcome.WARNING if left or verdict is None else Outcome.PASSED,
        details=details,
        value=_("%(count)s unacknowledged") % {"count": left},
        required=False,
        link=f"{page_of(period)}#issues",
    )


def _vat(period: Period, verdict: Verdict | None) -> Item:
    """What the return refuses to be filed with blocks here too; what it only warns of is a warning."""
    found = anomalies(period)
    red = any(one.severity == RED for one in found)
    words = _("VAT anomalies: %(count)s") % {"count": len(found)}
    return Item(
        key="vat_report_ready",
        name=_("VAT Report Ready"),
        description=_("VAT report must be ready with no anomalies"),
        status=Outcome.FAILED if red else Outcome.WARNING if found else Outcome.PASSED,
        details=words if found else _("No VAT anomalies detected"),
        value=str(len(found)) if found else _("Ready"),
        required=True,
        link=_of_books(period, "admin:periods_vat_return", day=period.last_day),
    )


def anomalies(period: Period) -> tuple[VatAnomaly, ...]:
    """What is wrong or suspect in the VAT of ``period``; year-end adjustments carry none."""
    return () if period.type == Period.Type.YEAR_END else vat_anomalies(period).found


def _receivables(period: Period, verdict: Verdict | None) -> Item:
    return _by_issues(
        period,
        verdict,
        codes=("AR_RECON_MISMATCH",),
        key="ar_reconciled",
        name=_("AR Reconciled"),
        description=_("Accounts Receivable must reconcile with subledger"),
        passed=(_("AR reconciled"), _("OK")),
        words=_("Accounts whose open items differ: %(count)s"),
        required=True,
        link=_of_books(period, "admin:ledger_receivables", as_of=period.last_day),
    )


def _payables(period: Period, verdict: Verdict | None) -> Item:
    return _by_issues(
        period,
        verdict,
        codes=("AP_RECON_MISMATCH",),
        key="ap_reconciled",
        name=_("AP Reconciled"),
        description=_("Accounts Payable must reconcile with subledger"),
        passed=(_("AP reconciled"), _("OK")),
        words=_("Accounts whose open items differ: %(count)s"),
        required=True,
        link=_of_books(period, "admin:ledger_payables", as_of=period.last_day),
    )


def _assets(period: Period, verdict: Verdict | None) -> Item:
    return _by_issues(
        period,
        verdict,
        codes=("DEPRECIATION_",),
        key="assets_consistent",
        name=_("Asset Schedules Consistent"),
        description=_("All asset depreciation must be posted and consistent"),
        passed=(_("Asset schedules are consistent"), _("OK")),
        words=_("Assets whose depreciation is missing or differs: %(count)s"),
        required=False,
        link=reverse("admin:ledger_fixedasset_changelist"),
    )


def _days(period: Period, verdict: Verdict | None) -> Item:
    open_days = list(unfinished_days(period).order_by("date"))
    details = _("Every day is finalized")
    if left := len(open_days):
        words = ngettext(
            "%(count)s day is not finalized, from %(first)s", "%(count)s days are not finalized, from %(first)s", left
        )
        details = words % {"count": left, "first": display.short_day(open_days[0].date)}
    return Item(
        key="days_closed",
        name=_("Days Closed"),
        description=_("Every day with activity has a finalized day close"),
        status=Outcome.FAILED if left else Outcome.PASSED,
        details=details,
        value=str(left),
        required=True,
        link=f"{reverse('admin:billing_clinicday_changelist')}?{urlencode(_month_of(period, open_days))}",
    )


def _bank(period: Period, verdict: Verdict | None) -> Item:
    """An account that no statement was read for is nobody's yet."""
    read_until = BankAccount.objects.filter(administration=period.administration_id).annotate(
        until=Max("statements__date")
    )
    told = list(read_until.exclude(until=None).order_by("pk"))
    lines = StatementLine.objects.filter(bank_account__in=told, date__lte=period.last_day).open()
    left = dict(lines.order_by().values_list("bank_account").annotate(count=Count("pk")))
    behind = []
    for account in told:
        if count := left.get(account.pk):
            words = ngettext("%(bank)s: %(count)s line open", "%(bank)s: %(count)s lines open", count)
            behind.append(words % {"bank": account, "count": count})
        elif account.until < period.last_day:
            until = display.short_day(account.until)
            behind.append(_("%(bank)s: read until %(day)s") % {"bank": account, "day": until})
    details = "; ".join(behind[:MOST_NAMED]) or _("Every bank line is matched")
    return Item(
        key="bank_reconciled",
        name=_("Bank Reconciled"),
        description=_("The bank is read and matched up to the last day"),
        status=Outcome.WARNING if behind else Outcome.PASSED,
        details=details if told else _("No bank statements"),
        value=f"{len(told) - len(behind)}/{len(told)}",
        required=False,
        link=reverse("admin:reconciliation_reconcile"),
    )


def _proofs(period: Period, verdict: Verdict | None) -> Item:
    accounts = period_standing(period.administration, period.first_day, period.last_day).accounts
    if period.type == Period.Type.YEAR_END:  # they are proved at the end of the year itself
        accounts = ()
    left = [one.account.code for one in accounts if one.state != State.APPROVED]
    named = ", ".join(left[:MOST_NAMED]) + (" …" if len(left) > MOST_NAMED else "")
    return Item(
        key="accounts_reconciled",
        name=_("Account Reconciliations"),
        description=_("The balance accounts are proved and approved"),
        status=Outcome.WARNING if left else Outcome.PASSED,
        details=_("Not approved: %(accounts)s") % {"accounts": named} if left else _("Every account is approved"),
        value=f"{len(accounts) - len(left)}/{len(accounts)}",
        required=False,
        link=_of_books(period, "admin:reconciliation_overview", period=period.pk),
    )


ITEMS: tuple[Callable[[Period, Verdict | None], Item], ...] = (
    _documents,
    _critical,
    _warnings,
    _vat,
    _receivables,
    _payables,
    _assets,
    _days,
    _bank,
    _proofs,
)


# What they share -----------------------------------------------------------------------------------------------------


def _by_issues(
    period: Period,
    verdict: Verdict | None,
    *,
    codes: tuple[str, ...],
    passed: tuple[str, str],
    words: str,
    required: bool,
    **item: Any,
) -> Item:
    """An item that passes unless the last run found an issue of ``codes``; one is acknowledged is done."""
    if verdict is None:
        state, details, value = Outcome.WARNING, _("Not checked yet: begin the review"), display.NOTHING
    else:
        red, yellow = verdict.of(*codes)
        left = [*red, *(seen for seen in yellow if not seen.is_acknowledged)]
        state, (details, value) = Outcome.PASSED, passed
        if left:
            state = Outcome.FAILED if red else Outcome.WARNING
            details, value = words % {"count": len(left)}, str(len(left))
    return Item(status=state, details=details, value=value, required=required, **item)


def page_of(period: Period) -> str:
    """The closing page of a period."""
    return reverse("admin:periods_closing", args=[period.pk])


def _of_books(of: Period, page: str, /, **asked: Any) -> str:
    return f"{reverse(page)}?{urlencode({'administration': of.administration_id, **asked})}"


def _month_of(period: Period, open_days: list[ClinicDay]) -> dict[str, Any]:
    """The month of the first day that is open, as the list of days asks for it."""
    day = open_days[0].date if open_days else period.first_day
    return {"administration__id__exact": period.administration_id, "date__year": day.year, "date__month": day.month}
