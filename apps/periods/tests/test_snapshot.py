"""What a snapshot says, and that the books say the same of that moment for ever."""

import hashlib
import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.ledger.models import Account, Party
from apps.ledger.services.allocating import settle_pairs
from apps.ledger.services.rolling_up import roll_up
from apps.ledger.tests.factories import EntryFactory, new_id, on_account, paid_later
from apps.periods.checks import ALL
from apps.periods.reports.snapshot import differences, read_again
from apps.periods.tests.desk import APRIL_3, MARCH_3, open_desk

D = Decimal


def owing(desk, amount="40.00", day=MARCH_3):
    """A bill that stays open; answers its party and number."""
    party, bill = desk.books.party("P-1"), new_id()
    EntryFactory(books=desk.books, date=day, lines=on_account(desk.books, amount, party, bill, "B-1"))
    return party, bill


def test_it_says_what_the_reports_said(desk):
    party, _bill = owing(desk)
    said = desk.finalized().says
    assert said["summary"] == {
        "total_assets": "105.00",
        "total_liabilities": "0.00",
        "total_equity": "105.00",
        "net_income": "105.00",
        "total_ar": "40.00",
        "total_ap": "0.00",
    }
    assert said["balance_sheet"]["is_balanced"]
    (owed,) = said["open_ar_balances"]["parties"]
    assert (owed["party"], owed["total"], owed["items"][0]["open"]) == (str(party.pk), "40.00", "40.00")
    assert said["names"][str(party.pk)]["code"] == "P-1"
    cash = str(desk.books.account("cash_drawer").pk)
    rows = said["balance_sheet"]["current_assets"]["rows"]
    assert {"account": cash, "amount": "65.00"} in rows
    assert said["period"] == {
        "id": str(desk.period().pk),
        "type": "MONTH",
        "first_day": "2026-03-01",
        "last_day": "2026-03-31",
    }


def test_its_bytes_are_canonical_and_hashed(desk):
    snapshot = desk.finalized()
    content = bytes(snapshot.content)
    again = json.dumps(json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (content, snapshot.sha256) == (again, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("rolled_up", [False, True])
def test_whatever_is_posted_later_it_is_read_again_byte_for_byte(desk, rolled_up):
    party, bill = owing(desk)
    snapshot = desk.finalized()
    desk.sold("12.00", day=APRIL_3)
    desk.sold("13.00", day=date(2026, 2, 3))  # an earlier month that is open still
    EntryFactory(books=desk.books, date=APRIL_3, lines=paid_later(desk.books, "40.00", party, bill))
    desk.finalized("2026-04")
    if rolled_up:
        roll_up(desk.administration)
    assert read_again(snapshot) == bytes(snapshot.content)
    assert differences(snapshot) == []


def test_a_settlement_of_later_is_not_in_it_though_both_items_are(desk):
    """Takes effect on a day of the finalized period: it was not known yet."""
    party, _bill = owing(desk)
    EntryFactory(books=desk.books, date=MARCH_3, lines=paid_later(desk.books, "15.00", party, new_id()))
    snapshot = desk.finalized()
    debit, credit = desk.books.account("patient_receivable").open_items.order_by("-amount")
    (allocation,) = settle_pairs([(debit, credit)])
    assert allocation.date == MARCH_3
    assert differences(snapshot) == []
    assert [item["open"] for item in snapshot.says["open_ar_balances"]["parties"][0]["items"]] == ["40.00", "-15.00"]


def test_another_name_of_an_account_or_party_changes_no_proof(desk):
    owing(desk)
    snapshot = desk.finalized()
    Account.objects.filter(administration=desk.administration).update(name="Renamed")
    Party.objects.filter(administration=desk.administration).update(name="Renamed")
    assert differences(snapshot) == []


def test_an_amount_that_is_changed_past_the_laws_is_found(owned):
    desk = open_desk()
    entry = desk.sold()
    snapshot = desk.finalized()
    owned.execute("ALTER TABLE ledger_journalline DISABLE TRIGGER USER")
    owned.execute(
        "UPDATE ledger_journalline SET debit = debit * 2, credit = credit * 2 WHERE entry_id = %s", [entry.pk]
    )
    assert differences(snapshot) == ["balance_sheet", "profit_and_loss", "summary"]
    with pytest.raises(CommandError, match="1 snapshots differ"):
        call_command("verify_snapshot", stdout=StringIO())


def test_a_status_that_is_changed_past_the_laws_is_found(owned):
    desk = open_desk()
    desk.finalized()
    owned.execute("ALTER TABLE ledger_period DISABLE TRIGGER USER")
    owned.execute("UPDATE ledger_period SET status = 'OPEN' WHERE id = %s", [desk.period().pk])
    found = [finding for check in ALL for finding in check(desk.administration, date.max)]
    assert [(one.code, one.facts["told"]) for one in found] == [("PERIOD_STEP_MISSING", "FINALIZED")]


def test_the_command_proves_every_snapshot(desk):
    desk.finalized("2026-02")
    desk.finalized()
    said = StringIO()
    call_command("verify_snapshot", stdout=said)
    assert said.getvalue().splitlines()[-1] == "2 snapshots hold"
    with pytest.raises(CommandError, match="no such snapshot"):
        call_command("verify_snapshot", snapshot=str(new_id()))


def test_the_checks_hold_over_periods_that_were_closed_and_reopened(desk):
    desk.finalized("2026-Q1")
    desk.lock("2026-Q1")
    desk.review("2026-04")
    assert [finding for check in ALL for finding in check(desk.administration, date.max)] == []
