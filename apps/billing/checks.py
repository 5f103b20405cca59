"""What must always be true of billing, proved again by reading."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Bill, EndOfDayReconciliation, Payment
from apps.billing.triggers import MOVEMENTS_OF_A_BILL
from apps.core.findings import Finding
from apps.core.models import Administration
from apps.core.money import ZERO


def finalized_closes_equal_their_rows(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Each total of a finalized close is the sum of the payments and bills of its day."""
    closes = _finalized(administration, as_of).annotate(
        paid=Coalesce(Sum("clinic_day__payments__amount"), ZERO),
        cash=Coalesce(Sum("clinic_day__payments__amount", filter=Q(clinic_day__payments__method="CASH")), ZERO),
    )
    for close in closes.filter(~Q(paid=F("total_revenue")) | ~Q(cash=F("total_cash"))):
        yield Finding(
            "DAY_CLOSE_DIFFERS_FROM_PAYMENTS",
            close,
            _("states {stated}, its payments add up to {found}"),
            facts={"stated": close.total_revenue, "found": close.paid},
        )
    billed = _finalized(administration, as_of).annotate(net=Coalesce(Sum("clinic_day__bills__net"), ZERO))
    for differing in billed.filter(~Q(net=F("total_billed"))):
        yield Finding(
            "DAY_CLOSE_DIFFERS_FROM_BILLS",
            differing,
            _("states {stated} billed, its bills add up to {found}"),
            facts={"stated": differing.total_billed, "found": differing.net},
        )


def finalized_closes_are_posted(administration: Administration, as_of: date) -> Iterator[Finding]:
    """The entry of a finalized day holds its cash, and a day with amounts has an entry dated that day."""
    closes = _finalized(administration, as_of).annotate(
        cash=Coalesce(
            Sum("entry__lines__debit", filter=Q(entry__lines__account__purpose="cash_drawer"))
            - Sum("entry__lines__credit", filter=Q(entry__lines__account__purpose="cash_drawer")),
            ZERO,
        )
    )
    moved = ~Q(total_billed=0) | ~Q(total_revenue=0)
    wrong = ~Q(cash=F("total_cash")) | (moved & Q(entry=None)) | Q(entry__isnull=False, clinic_day__is_finalized=False)
    for close in closes.filter(wrong | (Q(entry__isnull=False) & ~Q(entry__date=F("reconciliation_date")))):
        yield Finding("DAY_CLOSE_NOT_POSTED", close, _("its journal entry does not say the same"))


def outstanding_follows_from_the_rows(administration: Administration, as_of: date) -> Iterator[Finding]:
    """What each bill leaves open, step by step, is what its own rows say."""
    for bill, derived, found in _outstanding_differences(administration):
        yield Finding(
            "OUTSTANDING_DIFFERS",
            bill,
            _("{derived} is kept as open, its rows leave {found}"),
            facts={"derived": derived, "found": found},
        )


def documents_are_numbered_without_gaps(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Bills, receipts and day closes count from one without a gap."""
    for model in (Bill, Payment, EndOfDayReconciliation):
        numbers = model.objects.filter(administration=administration).aggregate(
            documents=Count("number", distinct=True), first=Min("number"), last=Max("number")
        )
        if numbers["documents"] and (numbers["first"] != 1 or numbers["last"] != numbers["documents"]):
            yield Finding(
                "NUMBER_GAP",
                administration,
                _("{documents} {kind} are numbered {first} to {last}"),
                facts={**numbers, "kind": model._meta.verbose_name_plural},
            )


def _finalized(administration: Administration, as_of: date) -> QuerySet[EndOfDayReconciliation]:
    return EndOfDayReconciliation.objects.filter(
        administration=administration,
        status=EndOfDayReconciliation.Status.FINALIZED,
        reconciliation_date__lte=as_of,
    )


def _outstanding_differences(administration: Administration) -> Iterator[tuple[Bill, Decimal, Decimal]]:
    """Bills whose kept open amount, by debtor, is not the sum of their movements."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT touched.bill_id, coalesce(kept.open, 0), coalesce(moved.open, 0)
            FROM (SELECT id AS bill_id FROM billing_bill WHERE administration_id = %(a)s AND credits_id IS NULL) touched
            CROSS JOIN LATERAL (
                SELECT debtor, sum(amount) AS open FROM ({MOVEMENTS_OF_A_BILL}) AS movement GROUP BY debtor
            ) AS moved
            FULL JOIN (
                SELECT bill_id, debtor, sum(amount) AS open FROM billing_outstanding
                WHERE administration_id = %(a)s AND upper_inf(during) GROUP BY bill_id, debtor
            ) AS kept ON kept.bill_id = touched.bill_id AND kept.debtor = moved.debtor
            WHERE coalesce(kept.open, 0) <> coalesce(moved.open, 0)
            """,  # noqa: S608
            {"a": administration.pk},
        )
        rows = cursor.fetchall()
    bills = Bill.objects.in_bulk([bill for bill, _kept, _found in rows])
    for bill, kept, found in rows:
        if bill in bills:
            yield bills[bill], kept, found


ALL = (
    finalized_closes_equal_their_rows,
    finalized_closes_are_posted,
    outstanding_follows_from_the_rows,
    documents_are_numbered_without_gaps,
)
