"""Drawers over HTTP: what each address takes and answers, and that none of them tells what it must not."""

from datetime import timedelta
from decimal import Decimal as D
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.billing.models import CashMovement, DrawerCount, Shift
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import cost_account, counted, drawer_of, petty_cash, take_cash
from apps.ledger.models import Account

BASE = "/api/v1/billing/"


@pytest.fixture
def as_(db):
    def sign_in(user):
        http = APIClient()
        http.force_authenticate(user)
        return http

    return sign_in


@pytest.fixture
def drawer(clinic):
    return drawer_of(clinic)


def post(http, where, body, **headers):
    return http.post(BASE + where, body, format="json", **headers)


def test_a_drawer_is_set_up_changed_and_listed(as_, clinic):
    http = as_(clinic.manager)
    made = post(http, "drawers/", {"code": "D1", "name": "Front desk", "standard_float": "150"})
    assert made.status_code == 201
    assert (made.json()["standard_float"], made.json()["currency"]) == ("150.00", "EUR")
    where = BASE + f"drawers/{made.json()['id']}/"
    changed = http.patch(where, {"name": "Desk", "is_active": False}, format="json")
    assert (changed.json()["name"], changed.json()["is_active"]) == ("Desk", False)
    post(http, "drawers/", {"code": "D2", "name": "Pharmacy"})
    listed = http.get(BASE + "drawers/", {"is_active": "true"}).json()["results"]
    assert [one["code"] for one in listed] == ["D2"]
    assert post(http, "drawers/", {"code": "D2", "name": "Again"}).json()["detail"]["code"] == "CODE_TAKEN"


def test_a_shift_is_opened_counted_and_told(as_, clinic, drawer):
    http = as_(clinic.receptionist)
    shift = post(http, "shifts/", {"drawer_id": str(drawer.pk), "opening_float": "60.00"}).json()
    assert (shift["opening_float"], shift["expected"], shift["cashier_id"]) == (
        "60.00",
        None,
        str(clinic.receptionist.pk),
    )
    take_cash(clinic, "40.00")
    count = post(
        http,
        "counts/",
        {"shift_id": shift["id"], "denominations": [{"value": "50", "count": 1}, {"value": "20.00", "count": 2}]},
    )
    assert count.status_code == 201
    assert count.json()["needs_second_count"], "90 where 100 should be"
    assert count.json()["expected"] is None
    again = post(http, "counts/", {"shift_id": shift["id"], "total": "99.50"}).json()
    assert (again["is_final"], again["needs_second_count"], again["expected"], again["difference"]) == (
        True,
        False,
        "100.00",
        "-0.50",
    )
    told = http.get(BASE + f"shifts/{shift['id']}/").json()
    assert (told["expected"], told["counted"], told["difference"]) == ("100.00", "99.50", "-0.50")
    noted = post(http, f"counts/{again['id']}/notes/", {"text": "Rolled away."})
    assert [note["text"] for note in noted.json()["notes"]] == ["Rolled away."]
    first = http.get(BASE + f"counts/{count.json()['id']}/").json()
    assert (first["needs_second_count"], first["expected"]) == (False, None)


def test_a_hand_over_answers_the_shift_that_began(as_, clinic, drawer):
    shift = take_cash(clinic, "40.00").shift
    http = as_(clinic.receptionist)
    body = {"to": str(clinic.cashier.pk), "total": "1.00"}
    first = post(http, f"shifts/{shift.pk}/hand-over/", body).json()
    assert (first["shift"], first["count"]["needs_second_count"]) == (None, True)
    second = post(http, f"shifts/{shift.pk}/hand-over/", body | {"total": "139.00"}).json()
    assert (second["shift"]["opening_float"], second["shift"]["cashier_id"]) == ("139.00", str(clinic.cashier.pk))


def test_cash_is_moved_and_listed(as_, clinic, drawer):
    shift = take_cash(clinic, "40.00").shift
    http = as_(clinic.receptionist)
    body = {"shift_id": str(shift.pk), "kind": "PAY_OUT", "amount": "7.5", "reason": "Stamps"}
    assert post(http, "cash-movements/", body).json()["detail"]["code"] == "CASH_MOVEMENT_INCOMPLETE"
    made = post(http, "cash-movements/", body | {"account_id": str(cost_account(clinic).pk)}).json()
    assert (made["number"], made["amount"]) == ("K-000001", "7.50")
    post(http, "cash-movements/", {"shift_id": str(shift.pk), "kind": "DEPOSIT", "amount": "1"})
    listed = http.get(BASE + "cash-movements/", {"kind": "PAY_OUT", "drawer_id": str(drawer.pk)}).json()["results"]
    assert [one["id"] for one in listed] == [made["id"]]


def test_terminals_totals_are_entered_for_a_day(as_, clinic):
    http = as_(clinic.cashier)
    body = {"day": clinic.today.isoformat(), "terminal": "T1", "total": "120.00", "payments_count": 3}
    made = post(http, "terminal-batches/", body)
    assert (made.status_code, made.json()["total"], made.json()["day"]) == (201, "120.00", clinic.today.isoformat())
    tomorrow = (clinic.today + timedelta(days=1)).isoformat()
    assert post(http, "terminal-batches/", body | {"day": tomorrow}).json()["detail"]["code"] == "DAY_IN_FUTURE"
    assert len(http.get(BASE + "terminal-batches/", {"terminal": "T1"}).json()["results"]) == 1
    assert http.get(BASE + "terminal-batches/", {"terminal": "T2"}).json()["results"] == []


def test_the_same_key_writes_once(as_, clinic, drawer):
    shift = take_cash(clinic, "40.00").shift
    http = as_(clinic.receptionist)
    body = {"shift_id": str(shift.pk), "total": "3.00"}
    answers = [post(http, "counts/", body, HTTP_IDEMPOTENCY_KEY="k-1") for _turn in range(2)]
    assert answers[0].json() == answers[1].json()
    assert DrawerCount.objects.count() == 1, "a request sent twice is no second count"


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("drawers/", {}),
        ("drawers/", {"code": "D9", "name": "x", "standard_float": "-1"}),
        ("drawers/", {"code": "D9", "name": "x", "standard_float": "1.001"}),
        ("shifts/", {}),
        ("shifts/", {"drawer_id": "x"}),
        ("shifts/", {"drawer_id": str(uuid4())}),
        ("shifts/", {"drawer_id": "DRAWER", "opening_float": "-1"}),
        ("shifts/", {"drawer_id": "DRAWER", "cashier_id": str(uuid4())}),
        ("counts/", {"shift_id": "SHIFT"}),
        ("counts/", {"shift_id": "SHIFT", "total": "-1"}),
        ("counts/", {"shift_id": "SHIFT", "total": "NaN"}),
        ("counts/", {"shift_id": "SHIFT", "denominations": [{"value": "3", "count": 1}]}),
        ("counts/", {"shift_id": "SHIFT", "denominations": [{"value": "5", "count": -1}]}),
        ("counts/", {"shift_id": "SHIFT", "denominations": "many"}),
        ("counts/", {"shift_id": "SHIFT", "denominations": [{"value": "5", "count": 1}], "total": "6"}),
        ("counts/", {"shift_id": str(uuid4()), "total": "1"}),
        ("cash-movements/", {"shift_id": "SHIFT", "kind": "GIFT", "amount": "1"}),
        ("cash-movements/", {"shift_id": "SHIFT", "kind": "DEPOSIT", "amount": "0"}),
        ("cash-movements/", {"shift_id": "SHIFT", "kind": "PAY_OUT", "amount": "1", "account_id": str(uuid4())}),
        ("terminal-batches/", {"terminal": "T1", "total": "1"}),
        ("terminal-batches/", {"day": "soon", "terminal": "T1", "total": "1"}),
    ],
)
def test_what_cannot_be_taken_is_refused_and_writes_nothing(as_, clinic, drawer, where, body):
    shift = take_cash(clinic, "40.00").shift
    stands_for = {"SHIFT": str(shift.pk), "DRAWER": str(drawer.pk)}
    body = {name: stands_for.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    answer = post(as_(clinic.manager), where, body)
    assert answer.status_code == 422
    assert not DrawerCount.objects.exists()
    assert not CashMovement.objects.exists()


def test_a_foreign_row_answers_as_a_missing_one(as_, clinic, drawer):
    shift = take_cash(clinic, "40.00").shift
    count = counted(shift, "140.00", by=clinic.manager)
    movement = petty_cash(take_cash(clinic, "1.00").shift, clinic, "1.00")
    stranger = make_clinic("Clinic Noord")
    http = as_(stranger.owner)
    for where in (
        f"drawers/{drawer.pk}/",
        f"shifts/{shift.pk}/",
        f"counts/{count.pk}/",
        f"cash-movements/{movement.pk}/",
    ):
        assert http.get(BASE + where).status_code == 404
    hand_over = post(http, f"shifts/{shift.pk}/hand-over/", {"to": str(stranger.cashier.pk), "total": "1"})
    assert hand_over.status_code == 404
    own = drawer_of(stranger)
    body = {"kind": "PAY_OUT", "amount": "1", "reason": "x", "account_id": str(cost_account(clinic).pk)}
    mine = take_cash(stranger, "1.00").shift
    assert mine.drawer == own
    assert post(http, "cash-movements/", body | {"shift_id": str(mine.pk)}).status_code == 422
    assert post(http, "counts/", {"shift_id": str(shift.pk), "total": "1"}).status_code == 422
    for where in ("drawers/", "shifts/", "counts/", "cash-movements/", "terminal-batches/"):
        ids = {one["id"] for one in http.get(BASE + where).json()["results"]}
        assert not ids & {str(row.pk) for row in (drawer, shift, count, movement)}


def test_a_cashier_counts_no_other_shift(as_, clinic, drawer):
    shift = take_cash(clinic, "40.00").shift
    answer = post(as_(clinic.cashier), "counts/", {"shift_id": str(shift.pk), "total": "140.00"})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "OWN_SHIFT_ONLY")
    refused = post(as_(clinic.accountant), "counts/", {"shift_id": str(shift.pk), "total": "140.00"})
    assert refused.status_code == 403


LISTS = ["drawers/", "shifts/", "cash-movements/", "counts/", "terminal-batches/"]


def test_no_door_tells_what_should_be_in_the_drawer_before_its_final_count(as_, clinic, drawer):
    """Everything that these addresses answer between the first cash and the final count, searched for the amount."""
    shift = take_cash(clinic, "4321.09").shift
    bank = Account.objects.get(administration=clinic.administration, purpose="bank")
    expected = "4421.09"
    for person in (clinic.receptionist, clinic.cashier, clinic.manager, clinic.owner, clinic.accountant):
        http = as_(person)
        answers = [http.get(BASE + where) for where in LISTS]
        answers += [
            http.get(BASE + f"shifts/{shift.pk}/"),
            post(http, "shifts/", {"drawer_id": str(drawer.pk)}),
            post(http, "cash-movements/", {"shift_id": str(shift.pk), "kind": "GIFT", "amount": "9999"}),
            post(http, "cash-movements/", {"shift_id": str(shift.pk), "kind": "PAY_OUT", "amount": "99999"}),
            http.patch(BASE + f"drawers/{drawer.pk}/", {"is_active": False}, format="json"),
        ]
        for answer in answers:
            assert_hidden(answer.content.decode(), expected)
    http = as_(clinic.receptionist)
    moved = post(
        http,
        "cash-movements/",
        {"shift_id": str(shift.pk), "kind": "PAY_IN", "amount": "1", "account_id": str(bank.pk), "reason": "Change"},
    )
    expected = "4422.09"
    first = post(http, "counts/", {"shift_id": str(shift.pk), "total": "4000.00"})
    assert (moved.status_code, first.status_code) == (201, 201)
    for answer in (moved, first, *(http.get(BASE + where) for where in LISTS)):
        assert_hidden(answer.content.decode(), expected)
    final = post(http, "counts/", {"shift_id": str(shift.pk), "total": "4000.00"})
    assert final.json()["expected"] == expected


def assert_hidden(said, expected):
    digits = expected.replace(".", "")
    assert expected not in said
    assert digits not in "".join(letter for letter in said if letter not in ".,\u00a0\u202f")


@pytest.mark.parametrize("where", LISTS)
def test_a_list_costs_as_much_for_many_rows_as_for_few(as_, clinic, where, drawer):
    http = as_(clinic.manager)

    def rows(n):
        for _turn in range(n):
            shift = take_cash(clinic, "1.00").shift
            petty_cash(shift, clinic, "1.00")
            counted(shift, str(shift.opening_float), by=clinic.manager)
            post(http, "terminal-batches/", {"day": clinic.today.isoformat(), "terminal": "T", "total": "1"})
            drawer_of(clinic, f"E{uuid4().hex[:8]}", "0.00")
        with CaptureQueriesContext(connection) as asked:
            assert http.get(BASE + where).status_code == 200
        return len(asked)

    assert rows(1) == rows(4)


def test_lists_are_filtered_and_ordered(as_, clinic, drawer):
    before = take_cash(clinic, "1.00", day=clinic.yesterday).shift
    counted(before, "101.00", by=clinic.manager)
    after = take_cash(clinic, "1.00").shift
    http = as_(clinic.manager)

    def ids(where, **query):
        return [one["id"] for one in http.get(BASE + where, query).json()["results"]]

    assert ids("shifts/") == [str(after.pk), str(before.pk)]
    assert ids("shifts/", ordering="opened_at") == [str(before.pk), str(after.pk)]
    assert ids("shifts/", is_open="true") == [str(after.pk)]
    assert ids("shifts/", day=clinic.yesterday.isoformat()) == [str(before.pk)]
    assert ids("shifts/", start_date=clinic.today.isoformat()) == [str(after.pk)]
    assert len(ids("counts/", is_final="true", shift_id=str(before.pk))) == 1
    assert ids("counts/", is_final="false") == []
    assert http.get(BASE + "shifts/", {"ordering": "expected"}).status_code == 400
    assert http.get(BASE + "shifts/", {"day": "soon"}).status_code == 400
    assert len(http.get(BASE + "shifts/", {"limit": 1}).json()["results"]) == 1
    assert Shift.objects.count() == 2
    assert D(http.get(BASE + f"shifts/{before.pk}/").json()["counted"]) == D(101)
