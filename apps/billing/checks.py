"""What must always be true of billing, proved again by reading."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from apps.billing.models import (
    Bill,
    CashMovement,
    DrawerCount,
    EndOfDayReconciliation,
    Payment,
    TopUp,
    Wallet,
)
from apps.billing.reports.advances import earmarked
from apps.billing.reports.sealed import KINDS
from apps.billing.reports.wallets import with_movements
from apps.billing.triggers import MOVEMENTS_OF_A_BILL
from apps.core.findings import Finding
from apps.core.models import Administration
from apps.core.money import ZERO, total
from apps.ledger.models import Seal
from apps.ledger.reports.seals import Kind, document_hashes


def finalized_closes_equal_their_rows(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Each total of a finalized close is the sum of the payments, top-ups and bills of its day."""
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
    topped = _finalized(administration, as_of).annotate(sum=Coalesce(Sum("clinic_day__top_ups__amount"), ZERO))
    for other in topped.filter(~Q(sum=F("total_wallet_topups"))):
        yield Finding(
            "DAY_CLOSE_DIFFERS_FROM_TOP_UPS",
            other,
            _("states {stated} topped up, its top-ups add up to {found}"),
            facts={"stated": other.total_wallet_topups, "found": other.sum},
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
    """What the revisions of a finalized day posted holds its cash, and a day with amounts has an entry: dated that day,
    unless a later revision found the day closed to posting."""
    with connection.cursor() as cursor:
        cursor.execute(CASH_OF_DAYS, {"administration": administration.pk})
        cash: dict[UUID, tuple[Decimal, Decimal]] = {day: (posted, moved) for day, posted, moved in cursor.fetchall()}
    entries = EndOfDayReconciliation.objects.filter(clinic_day=OuterRef("clinic_day"), entry__isnull=False)
    for close in (
        _finalized(administration, as_of).select_related("entry", "clinic_day").annotate(is_posted=Exists(entries))
    ):
        posted, moved = cash.get(close.clinic_day_id, (ZERO, ZERO))
        has_amounts = bool(close.total_billed or close.total_revenue or close.total_wallet_topups)
        days_late = (close.entry.date - close.reconciliation_date).days if close.entry else 0
        if (
            not close.clinic_day.is_finalized
            or posted != close.total_cash + moved
            or (has_amounts and not close.is_posted)
            or days_late < 0
            or (days_late and close.revision == 1)
        ):
            yield Finding("DAY_CLOSE_NOT_POSTED", close, _("its journal entry does not say the same"))


# What the day closes posted to the drawers' account, and what moved it beside the payments: top-ups, pay-ins, pay-outs,
# deposits, and what counts found beyond or short of what was expected.
CASH_OF_DAYS = """
    SELECT day, sum(posted), sum(moved) FROM (
        SELECT close.clinic_day_id AS day, line.debit - line.credit AS posted, 0 AS moved
        FROM billing_endofdayreconciliation close
        CROSS JOIN LATERAL (VALUES (close.entry_id), (close.reversal_id)) AS entry (id)
        JOIN ledger_journalline line ON line.entry_id = entry.id
        JOIN ledger_account account ON account.id = line.account_id AND account.purpose = 'cash_drawer'
        WHERE close.administration_id = %(administration)s
        UNION ALL
        SELECT clinic_day_id, 0, amount FROM billing_topup
        WHERE administration_id = %(administration)s AND method = 'CASH'
        UNION ALL
        SELECT clinic_day_id, 0, CASE kind WHEN 'PAY_IN' THEN amount ELSE -amount END FROM billing_cashmovement
        WHERE administration_id = %(administration)s
        UNION ALL
        SELECT * FROM (
            SELECT DISTINCT ON (shift.id) shift.clinic_day_id, 0, count.difference
            FROM billing_drawercount count JOIN billing_shift shift ON shift.id = count.shift_id
            WHERE count.administration_id = %(administration)s AND count.is_final
            ORDER BY shift.id, count.revision DESC
        ) AS counted
    ) AS cash GROUP BY day
"""


def vat_is_declared_once(administration: Administration, as_of: date) -> Iterator[Finding]:
    """The day closes of each signed day posted the VAT of its bills and of what was received in advance, less what was
    declared of advances before, by VAT code."""
    with connection.cursor() as cursor:
        cursor.execute(VAT_OF_DAYS, {"administration": administration.pk})
        differing = {day: (posted, found) for day, posted, found in cursor.fetchall()}
    for close in _finalized(administration, as_of).filter(clinic_day__in=differing):
        posted, due = differing[close.clinic_day_id]
        yield Finding(
            "DAY_CLOSE_DIFFERS_FROM_VAT",
            close,
            _("posted VAT of {posted}, its bills and advances make {found}"),
            facts={"posted": posted, "found": due},
        )


# The days of which some VAT code differs, with the VAT of all codes. The first closes posted VAT without its codes: an
# entry without any is left to the seals.
VAT_OF_DAYS = """
    SELECT day, sum(posted), sum(due) FROM (
        SELECT day, sum(posted) AS posted, sum(due) AS due, bool_or(coded) AS coded FROM (
            SELECT close.clinic_day_id AS day, line.vat_code_id AS vat_code, TRUE AS coded, 0 AS due,
                   CASE line.vat_role WHEN 'TAX' THEN line.credit - line.debit ELSE 0 END AS posted
            FROM billing_endofdayreconciliation close
            CROSS JOIN LATERAL (VALUES (close.entry_id), (close.reversal_id)) AS entry (id)
            JOIN ledger_journalline line ON line.entry_id = entry.id AND line.vat_code_id IS NOT NULL
            WHERE close.administration_id = %(administration)s
            UNION ALL
            SELECT bill.clinic_day_id, line.vat_code_id, FALSE, line.vat, 0
            FROM billing_bill bill JOIN billing_billline line ON line.bill_id = bill.id
            WHERE bill.administration_id = %(administration)s AND line.vat <> 0
            UNION ALL
            SELECT clinic_day_id, vat_code_id, FALSE, vat, 0 FROM billing_topup
            WHERE administration_id = %(administration)s AND service_id IS NOT NULL
            UNION ALL
            SELECT payment.clinic_day_id, advance.vat_code_id, FALSE, -payment.advance_vat, 0
            FROM billing_payment payment JOIN billing_topup advance ON advance.id = payment.advance_id
            WHERE payment.administration_id = %(administration)s
        ) AS vat GROUP BY day, vat_code
    ) AS by_code GROUP BY day HAVING bool_or(posted <> due) AND bool_or(coded)
"""


def outstanding_follows_from_the_rows(administration: Administration, as_of: date) -> Iterator[Finding]:
    """What each bill leaves open, step by step, is what its own rows say."""
    for bill, derived, found in _outstanding_differences(administration):
        yield Finding(
            "OUTSTANDING_DIFFERS",
            bill,
            _("{derived} is kept as open, its rows leave {found}"),
            facts={"derived": derived, "found": found},
        )


def wallets_hold_their_movements(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Each wallet holds its top-ups less what bills were paid with from it, what was paid in advance among it."""
    wallets = with_movements(Wallet.objects.filter(administration=administration).select_related("patient"))
    for wallet in wallets.annotate(earmarked=earmarked()).filter(earmarked__gt=Greatest(F("balance"), ZERO)):
        yield Finding(
            "WALLET_BELOW_ADVANCES",
            wallet,
            _("{balance} is in it, less than the {found} that was paid in advance for services"),
            facts={"balance": wallet.balance, "found": wallet.earmarked},
        )
    for wallet in wallets.exclude(balance=F("moved")):
        yield Finding(
            "WALLET_DIFFERS",
            wallet,
            _("{balance} is kept as its balance, its movements add up to {found}"),
            facts={"balance": wallet.balance, "found": wallet.moved},
        )


def counts_follow_from_their_pieces(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Each count of a drawer by notes and coins is the sum of them, none of them counted below nothing."""
    counts = DrawerCount.objects.filter(administration=administration).exclude(denominations=[]).order_by("id")
    for count in counts.select_related("shift__drawer").iterator(chunk_size=1000):
        found = _sum_of(count.denominations)
        if found is None:
            yield Finding("COUNT_DIFFERS_FROM_PIECES", count, _("its notes and coins are none that can be counted"))
        elif found != count.total:
            yield Finding(
                "COUNT_DIFFERS_FROM_PIECES",
                count,
                _("states {stated}, its notes and coins add up to {found}"),
                facts={"stated": count.total, "found": found},
            )


def _sum_of(pieces: Any) -> Decimal | None:
    """What ``pieces`` add up to; None where they are no list of values and whole numbers of them."""
    try:
        rows = [(Decimal(piece["value"]), int(str(piece["count"]))) for piece in pieces]
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None
    return (
        None
        if any(value <= 0 or number < 0 for value, number in rows)
        else total(value * number for value, number in rows)
    )


def documents_are_numbered_without_gaps(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Bills, receipts, top-ups, cash movements and day closes count from one without a gap."""
    for model in (Bill, Payment, TopUp, CashMovement, EndOfDayReconciliation):
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


def sealed_documents_are_unchanged(administration: Administration, as_of: date) -> Iterator[Finding]:
    """Every document that was sealed is there and is what it was, byte for byte, whatever the date."""
    for kind in KINDS:
        with connection.cursor() as cursor:
            cursor.execute(_changed(kind), {"administration": administration.pk})
            found = cursor.fetchall()
        documents = kind.model._default_manager.in_bulk([document for document, _seal, _gone in found])
        seals = Seal.objects.in_bulk([seal for _document, seal, _gone in found])
        for document, seal, gone in found:
            if gone:
                facts = {"kind": kind.model._meta.verbose_name, "document": document}
                yield Finding("SEALED_DOCUMENT_MISSING", seals[seal], _("its {kind} {document} is gone"), facts=facts)
            else:
                facts = {"seal": seals[seal]}
                yield Finding("SEALED_DOCUMENT_CHANGED", documents[document], _("is not what was sealed"), facts=facts)


def _changed(kind: Kind) -> str:
    kept = f"""
        SELECT document.*, sealed.salt, sealed.text_hash AS kept_text_hash, sealed.hash AS kept_hash, sealed.seal_id,
               sealed.position AS place, sealed.document_id AS sealed_id
        FROM ledger_sealeddocument sealed LEFT JOIN {kind.model._meta.db_table} document
          ON document.id = sealed.document_id
        WHERE sealed.administration_id = %(administration)s AND sealed.kind = '{kind.label}'
    """  # noqa: S608
    passed = ("salt", "kept_text_hash", "kept_hash", "seal_id", "place", "sealed_id")
    return f"""
        SELECT sealed_id, seal_id, document_id IS NULL FROM ({document_hashes(kind, kept, *passed)}) sealed
        WHERE hash IS DISTINCT FROM kept_hash OR text_hash <> kept_text_hash OR salt = '' AND NOT erased
        ORDER BY seal_id, place
    """  # noqa: S608


def _finalized(administration: Administration, as_of: date) -> QuerySet[EndOfDayReconciliation]:
    """The close that holds for each signed day. A reopened day is in motion until its next revision is signed."""
    return EndOfDayReconciliation.objects.current().filter(
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
    vat_is_declared_once,
    outstanding_follows_from_the_rows,
    wallets_hold_their_movements,
    counts_follow_from_their_pieces,
    documents_are_numbered_without_gaps,
    sealed_documents_are_unchanged,
)
