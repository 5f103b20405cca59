"""The pages of the drawer: counted by notes and coins, blind, once, by who may."""

import re
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.billing.models import CashMovement, Drawer, DrawerCount, Shift, TerminalBatch
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import cost_account, counted, day_of, drawer_of, petty_cash, take_cash


def url(name, *args):
    return reverse(f"admin:billing_{name}", args=args)


def key_of(page):
    return re.search(r'name="key" value="([^"]+)"', page.content.decode())[1]


@pytest.fixture
def drawer(clinic):
    return drawer_of(clinic)


@pytest.fixture
def shift(clinic, drawer):
    return take_cash(clinic, "4321.09").shift


@pytest.fixture
def as_(client):
    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def sent(browser, address, **typed):
    return browser.post(address, {"key": key_of(browser.get(address)), **typed}, follow=True)


def test_a_drawer_is_counted_by_denomination_and_a_second_time_when_it_is_off(as_, clinic, shift):
    browser = as_(clinic.receptionist)
    address = url("shift_count", shift.pk)
    page = browser.get(address).content.decode()
    assert 'name="piece-500.00"' in page
    assert 'name="piece-0.01"' in page
    first = sent(browser, address, **{"piece-500.00": "8", "piece-2.00": "3"})
    said = first.content.decode()
    assert first.redirect_chain[-1][0] == address
    assert "a second time" in said
    assert "Second count" in said
    assert "4,421.09" not in said
    second = sent(browser, address, **{"piece-500.00": "8", "piece-200.00": "2", "piece-20.00": "1", "piece-1.00": "1"})
    assert second.redirect_chain[-1][0] == url("shift_change", shift.pk)
    for amount in ("4,421.00", "4,421.09", "(0.09)"):
        assert amount in second.content.decode()
    count = DrawerCount.objects.get(is_final=True)
    assert count.denominations[0] == {"value": "500.00", "count": 8}
    assert browser.get(address).headers["Location"] == url("shift_change", shift.pk)


def test_a_count_sent_twice_is_no_second_count(as_, clinic, shift):
    browser = as_(clinic.receptionist)
    address = url("shift_count", shift.pk)
    typed = {"key": key_of(browser.get(address)), "total": "1.00"}
    for _turn in range(2):
        browser.post(address, typed)
    assert DrawerCount.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"total": "-1"},
        {"total": "lots"},
        {"piece-50.00": "-1"},
        {"piece-50.00": "1.5"},
        {"piece-50.00": "99999999"},
        {"piece-50.00": "1", "total": "49"},
    ],
)
def test_a_count_that_makes_no_sense_is_said_beside_the_field_and_kept(as_, clinic, shift, typed):
    browser = as_(clinic.receptionist)
    page = sent(browser, url("shift_count", shift.pk), **typed)
    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    for value in typed.values():
        assert f'value="{value}"' in page.content.decode()
    assert not DrawerCount.objects.exists()


def test_a_hand_over_waits_for_the_final_count(as_, clinic, shift):
    browser = as_(clinic.receptionist)
    address = url("shift_handover", shift.pk)
    assert sent(browser, address, to=clinic.cashier.pk, total="1").redirect_chain[-1][0] == address
    assert Shift.objects.count() == 1
    sent(browser, address, to=clinic.cashier.pk, total="4421.09")
    following = Shift.objects.get(closed_at=None)
    assert (following.cashier, following.opening_float) == (clinic.cashier, D("4421.09"))
    stranger = make_clinic("Clinic Noord").cashier
    assert "errorlist" in sent(browser, url("shift_handover", following.pk), to=stranger.pk, total="1").content.decode()


def test_petty_cash_is_written_down_and_what_is_missing_is_said(as_, clinic, shift):
    browser = as_(clinic.receptionist)
    address = url("cash_movement", shift.pk)
    refused = sent(browser, address, kind="PAY_OUT", amount="5.00", reason="Stamps")
    assert "names a cost account" in refused.content.decode()
    sent(browser, address, kind="PAY_OUT", amount="5.00", reason="Stamps", account=cost_account(clinic).pk)
    assert CashMovement.objects.get().amount == D("5.00")
    foreign = cost_account(make_clinic("Clinic Noord"))
    sent(browser, address, kind="PAY_OUT", amount="5.00", reason="Stamps", account=foreign.pk)
    assert CashMovement.objects.count() == 1


def test_a_shift_is_opened_from_its_page(as_, clinic, drawer):
    browser = as_(clinic.manager)
    address = url("shift_add")
    sent(browser, address, drawer=drawer.pk, cashier=clinic.cashier.pk, opening_float="12,50")
    shift = Shift.objects.get()
    assert (shift.cashier, shift.opening_float) == (clinic.cashier, D("12.50"))
    again = sent(browser, address, drawer=drawer.pk, cashier=clinic.cashier.pk)
    assert "still open" in again.content.decode()


def test_a_cashier_opens_only_their_own(as_, clinic, drawer):
    browser = as_(clinic.cashier)
    refused = sent(browser, url("shift_add"), drawer=drawer.pk, cashier=clinic.manager.pk)
    assert "errorlist" in refused.content.decode()
    sent(browser, url("shift_add"), drawer=drawer.pk, cashier=clinic.cashier.pk)
    assert Shift.objects.get().cashier == clinic.cashier


def test_a_clinic_without_drawers_is_told_what_to_do_first(as_, clinic):
    assert url("drawer_add") in as_(clinic.manager).get(url("shift_add")).content.decode()
    assert "Ask the manager" in as_(clinic.cashier).get(url("shift_add")).content.decode()


def test_a_cashier_at_somebody_elses_drawer_is_told_why_not(as_, clinic, shift):
    browser = as_(clinic.cashier)
    for name in ("shift_count", "shift_handover", "cash_movement", "shift_change"):
        page = browser.get(url(name, shift.pk)).content.decode()
        assert f"It is the shift of {clinic.receptionist}" in page
    sent(browser, url("shift_count", shift.pk), total="1")
    assert not DrawerCount.objects.exists()


def test_a_note_stands_beside_the_count(as_, clinic, shift):
    browser = as_(clinic.receptionist)
    assert browser.post(url("shift_note", shift.pk), {"text": "Too early"}).status_code == 302
    count = counted(shift, "4421.00", by=clinic.receptionist)
    page = browser.get(url("shift_change", shift.pk))
    answer = browser.post(url("shift_note", shift.pk), {"key": key_of(page), "text": "Nine cents."}, follow=True)
    assert "Nine cents." in answer.content.decode()
    assert [note.text for note in count.notes.all()] == ["Nine cents."]
    assert "errorlist" in browser.post(url("shift_note", shift.pk), {"text": ""}).content.decode()


def test_a_terminals_total_is_typed_for_the_day_that_the_close_names(as_, clinic):
    browser = as_(clinic.cashier)
    address = url("terminalbatch_add") + f"?day={clinic.yesterday}"
    assert f'value="{clinic.yesterday}"' in browser.get(address).content.decode()
    page = browser.get(address)
    typed = {"key": key_of(page), "day": clinic.yesterday.isoformat(), "terminal": "T1", "total": "1.250,00"}
    browser.post(address, typed)
    browser.post(address, typed)
    assert TerminalBatch.objects.get().total == D("1250.00")
    assert "1,250.00" in browser.get(address).content.decode()


def test_a_drawer_is_set_up_and_put_aside(as_, clinic):
    browser = as_(clinic.manager)
    browser.post(url("drawer_add"), {"code": "D1", "name": "Desk", "standard_float": "100.00"})
    drawer = Drawer.objects.get()
    take_cash(clinic, "1.00")
    change = {"name": "Pharmacy", "standard_float": "50.00"}
    refused = browser.post(url("drawer_change", drawer.pk), change)
    assert "still has an open shift" in refused.content.decode()
    counted(Shift.objects.get(), "101.00", by=clinic.manager)
    browser.post(url("drawer_change", drawer.pk), change)
    drawer.refresh_from_db()
    assert (drawer.name, drawer.is_active, drawer.standard_float) == ("Pharmacy", False, D(50))
    again = browser.post(url("drawer_add"), {"code": "D1", "name": "Desk", "standard_float": "0"})
    assert "already exists" in again.content.decode()


def test_no_page_tells_what_should_be_in_the_drawer_before_its_final_count(as_, clinic, shift):
    pages = [url(f"{name}_changelist") for name in ("drawer", "shift", "cashmovement", "drawercount", "terminalbatch")]
    pages += [url(name, shift.pk) for name in ("shift_change", "shift_count", "shift_handover", "cash_movement")]
    pages += [url("shift_add"), url("terminalbatch_add")]
    petty_cash(shift, clinic, "1.00")
    for total in (None, "4000.00"):
        if total:
            sent(as_(clinic.receptionist), url("shift_count", shift.pk), total=total)
        for person in (clinic.receptionist, clinic.cashier, clinic.manager, clinic.owner, clinic.accountant):
            browser = as_(person)
            for page in pages:
                said = browser.get(page).content.decode()
                assert "442009" not in re.sub(r"[.,\s\u00a0\u202f]", "", re.sub(r"<[^>]+>", "", said)), page
            exported = browser.post(url("shift_changelist"), {"action": "export_list", "_selected_action": [shift.pk]})
            assert "4420.09" not in b"".join(exported).decode()
    counted(shift, "4000.00", by=clinic.manager)
    assert "4,420.09" in as_(clinic.manager).get(url("shift_change", shift.pk)).content.decode()
    assert day_of(clinic)


def test_a_foreign_shift_and_a_missing_one_answer_the_same_404(as_, clinic, shift):
    browser = as_(make_clinic("Clinic Noord").owner)
    for name in ("shift_change", "shift_count", "shift_handover", "cash_movement", "shift_note"):
        for pk in (shift.pk, "01900000-0000-7000-8000-000000000000"):
            assert browser.get(url(name, pk)).status_code == 404


@pytest.mark.parametrize("name", ["drawer", "shift", "cashmovement", "drawercount", "terminalbatch"])
def test_a_list_costs_as_much_for_many_rows_as_for_few(as_, clinic, drawer, name):
    browser = as_(clinic.manager)

    def asked(rows):
        for at in range(rows):
            shift = take_cash(clinic, "1.00").shift
            petty_cash(shift, clinic, "1.00")
            counted(shift, str(shift.opening_float), by=clinic.manager)
            drawer_of(clinic, f"E{Drawer.objects.count()}-{at}", "0.00")
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url(f"{name}_changelist")).status_code == 200
        return len(queries)

    asked(1)
    assert asked(1) == asked(4)
