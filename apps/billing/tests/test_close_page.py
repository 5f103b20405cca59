"""The close page: what each step says, what blocks and mends it, what stays unseen until the count, who may what."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.billing.admin.closes import BUTTONS
from apps.billing.models import (
    CloseNote,
    Drawer,
    EndOfDayReconciliation,
    Leak,
    NightlyClose,
    Payment,
    Shift,
    TerminalBatch,
    Visit,
)
from apps.billing.reports.sealed import seal_of
from apps.billing.services.asking import ask_to_sign
from apps.billing.services.charging import Charge, credit_bill, register_visit
from apps.billing.services.closing import finalize_day, refresh_day
from apps.billing.services.days import day_for
from apps.billing.services.drawers import note_count
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import counted
from apps.core.models import Event, Mail
from apps.ledger.models import Period
from apps.periods.tests.steps import all_brought_to


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


@pytest.fixture
def as_(client):
    """The client, signed in as somebody."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def visit_of(clinic, *prices, **more):
    return register_visit(
        administration=clinic.administration,
        patient=clinic.patient(),
        charges=[Charge(clinic.service(price)) for price in prices],
        by=clinic.receptionist,
        **more,
    )


def shown(browser, clinic, day=None):
    return browser.get(close_page(clinic, day))


def text_of(answer):
    """The words of a page as people read them, without its tags."""
    bare = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare.replace("\u00a0", " ").replace("&#x27;", "'"))


def opened_shift(clinic, *, cashier=None, opening_float="100.00", day=None, code="D1"):
    """A shift that nobody has counted yet."""
    drawer, _new = Drawer.objects.get_or_create(
        administration=clinic.administration,
        code=code,
        defaults={"name": f"Desk {code}", "standard_float": Decimal("100.00")},
    )
    clinic_day, _late = day_for(clinic.administration, day or clinic.today)
    return Shift.objects.create(
        administration=clinic.administration,
        clinic_day=clinic_day,
        drawer=drawer,
        cashier=cashier or clinic.cashier,
        opening_float=Decimal(opening_float),
    )


def close_page(clinic, day=None):
    return url("billing_close_day", clinic.administration.pk, (day or clinic.today).isoformat())


def press(browser, clinic, button, day=None, **fields):
    form = {"do": button, "key": str(uuid4()), "text": "", **fields}
    return browser.post(close_page(clinic, day), form, follow=True)


def test_a_day_goes_from_prepared_to_finalized_by_two_people(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00")
    visit_of(clinic, "30.00")
    page = press(as_(clinic.receptionist), clinic, "prepare")
    close = EndOfDayReconciliation.objects.get()
    assert (close.status, close.prepared_by, close.active_visits_closed) == ("DRAFT", clinic.receptionist, 1)
    assert "Whoever prepared, counted or took money cannot sign" in page.content.decode()

    manager = as_(clinic.manager)
    page = manager.get(close_page(clinic))
    assert "1 payment, EUR\u00a065.00. Cannot be changed afterwards." in page.content.decode()
    press(manager, clinic, "review")
    close.refresh_from_db()
    page = press(manager, clinic, "finalize", seen=close.updated_at.isoformat(), text="Fine")
    close.refresh_from_db()
    assert (close.status, close.reviewed_by, close.finalized_by) == ("FINALIZED", clinic.manager, clinic.manager)
    assert str(close.entry) in page.content.decode()
    seal = seal_of(close)
    assert f"{seal.entries + seal.documents} rows, head {seal.head}" in page.content.decode()
    call_command("verify_books", head=seal.head, count=seal.entries + seal.documents)  # as the page says to keep
    press(manager, clinic, "note", text="Seen by the bank")
    assert [note.text for note in CloseNote.objects.order_by("id")] == ["Fine", "Seen by the bank"]


def test_what_came_in_after_the_manager_looked_is_said_and_not_signed(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00")
    close = clinic.close()
    clinic.pay(clinic.bill("10.00"), "10.00")
    page = press(as_(clinic.manager), clinic, "finalize", seen=close.updated_at.isoformat())
    assert "Something was added to the day after you looked" in page.content.decode()
    close.refresh_from_db()
    assert close.status == "DRAFT"
    press(as_(clinic.manager), clinic, "finalize", seen="")
    press(as_(clinic.manager), clinic, "finalize", seen="2026-13-40T99:00")
    close.refresh_from_db()
    assert close.status == "DRAFT"
    press(as_(clinic.manager), clinic, "refresh")
    close.refresh_from_db()
    assert close.total_revenue == 75


def test_cancelling_asks_for_a_reason_and_the_day_is_prepared_again(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00")
    close = clinic.close()
    page = press(as_(clinic.receptionist), clinic, "cancel", reason=" ")
    assert "reason" in page.context["typed"]["cancel"].errors
    press(as_(clinic.receptionist), clinic, "cancel", reason="a visit is missing")
    close.refresh_from_db()
    assert close.status == "CANCELLED"
    press(as_(clinic.receptionist), clinic, "prepare")
    close.refresh_from_db()
    assert close.status == "DRAFT"


def test_a_button_that_is_not_allowed_writes_nothing_when_pressed_anyway(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00")
    close = clinic.close()
    for user in (clinic.receptionist, clinic.cashier, clinic.accountant):
        press(as_(user), clinic, "finalize", seen=close.updated_at.isoformat())
        press(as_(user), clinic, "review")
    close.refresh_from_db()
    assert (close.status, close.reviewed_by) == ("DRAFT", None)
    assert as_(clinic.manager).post(close_page(clinic), {"do": "erase"}).status_code == 404
    assert as_(clinic.admin).post(close_page(clinic), {"do": "prepare"}).status_code == 403


def test_a_day_in_the_future_or_of_no_calendar(as_, clinic):
    tomorrow = clinic.today + timedelta(days=1)
    assert "has not come yet" in as_(clinic.receptionist).get(close_page(clinic, tomorrow)).content.decode()
    press(as_(clinic.receptionist), clinic, "prepare", day=tomorrow)
    assert not EndOfDayReconciliation.objects.exists()
    for day in ("2026-02-31", "0001-01-01", "9999-12-31", "today"):
        address = url("billing_close_day", clinic.administration.pk, day)
        assert as_(clinic.receptionist).get(address).status_code == 404


def test_each_figure_of_the_close_equals_the_list_it_links_to(as_, clinic):
    clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "20.00", method="CARD", day=clinic.yesterday)
    bill = clinic.bill("100.00")
    clinic.pay(bill, "30.00", method="HMO")
    given = clinic.pay(bill, "10.00", method="CARD")
    refund_payment(given, amount=Decimal("4.00"), reason="taken twice", by=clinic.manager)
    clinic.bill("5.00")
    browser = as_(clinic.manager)
    context = browser.get(close_page(clinic)).context
    rows = [one for part in context["takings"].values() for one in part if one.total]
    sums = [(one.link, one.total) for one in rows]
    sums += [(one.payments_link, one.payments) for one in rows] + [(one.refunds_link, one.refunds) for one in rows]
    listed = [*context["open"]["parts"], *context["open"]["beside"], *context["billed"]]
    sums += [(one.link, one.amount) for one in [*listed, *(one for one, _then in context["sums"])] if one.link]
    assert len({where for where, value in sums if value}) == 11
    for where, value in [(where, value) for where, value in sums if value]:
        listed = browser.get(where).context_data["sum"]
        assert listed.replace("(", "").replace(")", "") == f"EUR\u00a0{abs(value):.2f}", where


# The five steps ------------------------------------------------------------------------------------------------------


def steps(answer):
    return {name: (step.done, step.is_open) for name, step in answer.context["steps"].items()}


def test_steps_that_are_done_fold_up_and_the_others_stand_open(as_, clinic):
    clinic.pay(visit_of(clinic, "30.00").bills.get(), "30.00", method="CARD")
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    receptionist = as_(clinic.receptionist)
    before = steps(shown(receptionist, clinic))
    assert before["visits"] == (False, True)
    assert before["findings"] == (True, False)
    press(receptionist, clinic, "prepare")
    assert steps(shown(receptionist, clinic)) == {
        "visits": (True, False),
        "takings": (True, False),
        "count": (True, False),
        "findings": (True, False),
        "sign": (False, True),
    }
    finalize_day(EndOfDayReconciliation.objects.get(), by=clinic.manager)
    assert all(done for done, _is_open in steps(shown(receptionist, clinic)).values())


def test_the_active_visits_are_closed_at_once_and_inpatients_stay(as_, clinic):
    visit_of(clinic, "30.00")
    visit_of(clinic, "30.00")
    inpatient = visit_of(clinic, "30.00", is_inpatient=True)
    page = shown(as_(clinic.receptionist), clinic)
    assert "2 still active · 1 inpatient stays" in text_of(page)
    press(as_(clinic.receptionist), clinic, "visits")
    assert list(Visit.objects.filter(status="ACTIVE")) == [inpatient]
    press(as_(clinic.accountant), clinic, "visits")
    assert "none · 1 inpatient stays" in text_of(shown(as_(clinic.receptionist), clinic))


def test_a_terminal_that_says_something_else_shows_its_difference(as_, clinic):
    payment = clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    of = {"administration": clinic.administration, "clinic_day": payment.clinic_day, "by": clinic.cashier}
    TerminalBatch.objects.create(**of, terminal="T1", total=Decimal("50.00"))
    TerminalBatch.objects.create(**of, terminal="T1", total=Decimal("60.00"))  # entered again: the newest counts
    page = shown(as_(clinic.manager), clinic)
    card = next(one for one in page.context["takings"]["money"] if one.method == "CARD")
    assert (card.said, card.difference) == (60, -5)
    assert not page.context["steps"]["takings"].done
    assert "something differs" in text_of(page)
    TerminalBatch.objects.create(**of, terminal="T1", total=Decimal("65.00"))
    assert shown(as_(clinic.manager), clinic).context["steps"]["takings"].done


def test_open_leaks_stand_by_class_with_their_amount_and_age(as_, clinic):
    clinic.bill("65.00")
    mine = {"administration": clinic.administration, "entity_type": "billing.Order", "rule": "L01"}
    for at, (back, amount, state) in enumerate([(0, "80.00", "OPEN"), (9, "50.00", "OPEN"), (0, None, "OPEN")]):
        Leak.objects.create(
            **mine,
            leak_class="UNBILLED",
            entity_id=uuid4(),
            version=str(at),
            day=clinic.today - timedelta(days=back),
            amount=amount and Decimal(amount),
            state=state,
        )
    page = shown(as_(clinic.receptionist), clinic)
    said = text_of(page)
    assert "3 leaks EUR 130.00" in said
    assert "2 of this day, EUR 80.00 · 1 from before, EUR 50.00" in said
    assert "the oldest 9 days old · 1 without a price" in said
    assert "Bill what was done, or write down why it costs nothing." in said
    (unbilled,) = page.context["leaks"]
    assert as_(clinic.receptionist).get(unbilled.link).context["cl"].result_count == 3


def test_late_money_is_told_on_both_days(as_, clinic):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    close = clinic.finalized(clinic.yesterday)
    clinic.pay(bill, "65.00", method="CARD", day=clinic.yesterday)
    browser = as_(clinic.manager)
    assert f"1 payment of this day belongs to {close}, signed before it came in: EUR 65.00" in text_of(
        shown(browser, clinic)
    )
    then = text_of(shown(browser, clinic, clinic.yesterday))
    assert "1 payment for this day came in after it was signed: EUR 65.00" in then


# What blocks, and what mends it --------------------------------------------------------------------------------------


def why(answer, name):
    reason = answer.context["reasons"].get(name)
    return reason and str(reason)


def test_whoever_took_money_is_told_who_can_sign_instead(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD", by=clinic.manager)
    clinic.close()
    reason = why(shown(as_(clinic.manager), clinic), "finalize")
    assert "Whoever prepared, counted or took money cannot sign" in reason
    assert f"It can be signed by {clinic.owner}." in reason
    assert why(shown(as_(clinic.owner), clinic), "finalize") is None


def test_a_receptionist_signs_a_clean_day_that_others_took_and_prepared(as_, clinic):
    other = clinic.people["cashier"]
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD", by=other)
    press(as_(other), clinic, "prepare")
    close = EndOfDayReconciliation.objects.get()
    assert why(shown(as_(other), clinic), "finalize") == "The manager or the owner does this."
    page = shown(as_(clinic.receptionist), clinic)
    assert why(page, "finalize") is None
    press(as_(clinic.receptionist), clinic, "finalize", seen=close.updated_at.isoformat())
    close.refresh_from_db()
    assert (close.status, close.finalized_by) == ("FINALIZED", clinic.receptionist)


def test_a_day_that_is_not_clean_says_what_keeps_a_receptionist_from_signing(as_, clinic):
    other = clinic.people["cashier"]
    bill = clinic.bill("65.00")
    payment = clinic.pay(bill, "65.00", method="CARD", by=other)
    refund_payment(payment, amount=Decimal("5.00"), reason="twice", by=clinic.manager)
    credit_bill(clinic.bill("10.00"), reason="wrong", by=clinic.manager)
    press(as_(other), clinic, "prepare")
    reason = shown(as_(clinic.receptionist), clinic).context["reasons"]["finalize"]
    assert "signs only a clean day" in str(reason)
    assert [way.word for way in reason.ways] == ["refunds", "credit notes"]
    for way in reason.ways:
        assert as_(clinic.receptionist).get(way.link).context["cl"].result_count == 1
    assert why(shown(as_(clinic.owner), clinic), "finalize") is None


def test_a_stale_close_is_refreshed_where_it_is_said(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    clinic.close()
    clinic.pay(clinic.bill("10.00"), "10.00", method="CARD")
    assert "press Refresh" in why(shown(as_(clinic.manager), clinic), "finalize")


def test_a_locked_period_is_said_before_anybody_signs_into_it(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    clinic.close()
    all_brought_to(Period.objects.filter(first_day__lte=clinic.today, last_day__gte=clinic.today), "LOCKED")
    page = shown(as_(clinic.manager), clinic)
    assert "is Locked, so the day's entry cannot be posted" in why(page, "finalize")
    assert [way.link for way in page.context["reasons"]["finalize"].ways] == [url("ledger_period_changelist")]


def test_sending_the_close_tells_those_who_may_sign_once(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD", by=clinic.manager)
    clinic.close()
    for _twice in range(2):
        page = press(as_(clinic.receptionist), clinic, "send")
    assert f"Sent to whoever may sign: {clinic.receptionist}" in text_of(page)
    assert Event.objects.filter(name="billing.day_sent_to_sign").count() == 1
    assert [mail.address for mail in Mail.objects.all()] == [clinic.owner.email]  # the manager took money
    press(as_(clinic.accountant), clinic, "send")
    assert Mail.objects.count() == 1


def test_after_new_figures_a_signature_is_asked_for_anew(clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    close = clinic.close()
    assert ask_to_sign(close, by=clinic.receptionist)
    assert not ask_to_sign(close, by=clinic.receptionist)
    clinic.pay(clinic.bill("10.00"), "10.00", method="CARD")
    EndOfDayReconciliation.objects.get().save()
    assert ask_to_sign(close, by=clinic.receptionist)


# The count, and what is not seen before ------------------------------------------------------------------------------


@pytest.fixture
def uncounted(clinic):
    """A day with 47.31 in cash and 65.00 by card, whose drawer nobody has counted."""
    clinic.shift = opened_shift(clinic)
    for amount, method in (("47.31", "CASH"), ("65.00", "CARD")):
        clinic.pay(clinic.bill(amount), amount, method=method, by=clinic.cashier)
    return clinic


# What gives 47.31 away: itself, it with the card, the expected drawer, what was billed.
GIVEN_AWAY = ("47.31", "112.31", "147.31")


def test_until_the_count_no_figure_of_the_page_gives_cash_away(as_, uncounted):
    clinic = uncounted
    for state in ("before", "prepared"):
        for role in ("receptionist", "cashier", "manager", "owner", "accountant"):
            page = shown(as_(clinic.people[role]), clinic)
            for amount in GIVEN_AWAY:
                assert amount not in page.content.decode(), (state, role, amount)
            assert "65.00" in text_of(page)
            assert "after the count" in text_of(page)
        clinic.close()
    listed = as_(clinic.manager).get(url("billing_endofdayreconciliation_changelist"))
    assert not any(amount in listed.content.decode() for amount in GIVEN_AWAY)
    for back in (1, 7):  # nor as the day before of another day
        page = shown(as_(clinic.manager), clinic, clinic.today - timedelta(days=back)).content.decode()
        assert not any(amount in page for amount in GIVEN_AWAY)


def test_a_day_that_waits_for_its_count_hides_beside_the_day_after_it(as_, clinic):
    shift = opened_shift(clinic, day=clinic.yesterday)
    clinic.pay(clinic.bill("47.31", day=clinic.yesterday), "47.31", day=clinic.yesterday, by=clinic.cashier)
    clinic.close(clinic.yesterday)
    clinic.bill("5.00")
    page = shown(as_(clinic.manager), clinic)
    assert "47.31" not in page.content.decode()
    counted(shift, "147.31", by=clinic.cashier)
    assert "47.31" in shown(as_(clinic.manager), clinic).content.decode()


def test_an_uncounted_drawer_blocks_the_signature_and_leads_to_its_count(as_, uncounted):
    clinic = uncounted
    clinic.close()
    page = shown(as_(clinic.manager), clinic)
    reason = page.context["reasons"]["finalize"]
    assert str(reason) == "A drawer waits for its count."
    assert "Finalize" not in page.context["sentence"]
    assert steps(page)["count"] == (False, True)
    assert "1 drawer to count" in text_of(page)


def test_cash_that_waits_for_the_drawer_of_yesterday_is_unseen_and_leads_there(as_, clinic):
    shift = opened_shift(clinic, day=clinic.yesterday)
    clinic.pay(clinic.bill("47.31"), "47.31", by=clinic.cashier)  # the drawer is still out with yesterday
    clinic.close()
    page = shown(as_(clinic.manager), clinic)
    assert "47.31" not in page.content.decode()
    (way,) = page.context["reasons"]["finalize"].ways
    assert way.link == url("billing_shift_count", shift.pk)
    assert way.word.startswith(f"{shift.drawer} · ")
    cashier = shown(as_(clinic.people["cashier"]), clinic)
    assert url("billing_shift_count", shift.pk) in cashier.content.decode()  # their own
    accountant = shown(as_(clinic.accountant), clinic).content.decode()
    assert url("billing_shift_count", shift.pk) not in accountant


def test_once_counted_the_difference_its_note_and_all_sums_are_seen(as_, uncounted):
    clinic = uncounted
    clinic.close()
    count = counted(clinic.shift, "145.00", by=clinic.cashier)
    note_count(count, text="Two coins fell behind the desk", by=clinic.cashier)
    said = text_of(shown(as_(clinic.manager), clinic))
    for words in ("145.00", "147.31", "(2.31)", "112.31", "counted, 1 differs", "Two coins fell behind the desk"):
        assert words in said, words
    assert "after the count" not in said


# The manager's review ------------------------------------------------------------------------------------------------


def test_the_review_shows_who_gave_what_away_and_the_desk_does_not_see_it(as_, clinic):
    bill = clinic.bill("65.00")
    payment = clinic.pay(bill, "65.00", method="CARD")
    refund_payment(payment, amount=Decimal("5.00"), reason="twice", by=clinic.owner)
    credit_bill(clinic.bill("10.00"), reason="wrong", by=clinic.manager)
    (by_manager, by_owner) = shown(as_(clinic.manager), clinic).context["review"].people
    assert [(part.count, part.amount) for part in by_manager.parts] == [(1, 10), (0, 0), (0, 0)]
    assert [(part.count, part.amount) for part in by_owner.parts] == [(0, 0), (0, 0), (1, 5)]
    for part in (by_manager.parts[0], by_owner.parts[2]):
        assert as_(clinic.manager).get(part.link).context["cl"].result_count == 1
    for role in ("receptionist", "cashier", "accountant"):
        assert shown(as_(clinic.people[role]), clinic).context.get("review") is None


def test_payers_stand_by_the_age_of_the_bill_and_add_up_to_what_they_owe(as_, clinic):
    for back, amount in ((0, "30.00"), (45, "20.00"), (120, "10.00")):
        day = clinic.today - timedelta(days=back)
        clinic.pay(clinic.bill(amount, day=day), amount, method="HMO", day=day)
    page = shown(as_(clinic.manager), clinic)
    (payer,) = page.context["review"].ageing
    assert payer.name == str(Payment.objects.first().payer)
    assert [cell.amount for cell in payer.columns] == [30, 20, 0, 10]
    owed = next(one for one in page.context["open"]["parts"] if "payer@" in one.link)
    assert page.context["review"].all_payers.total.amount == owed.amount == 60


def test_the_fortnight_has_a_bar_a_day_that_leads_to_it(as_, clinic):
    clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", method="CARD", day=clinic.yesterday)
    clinic.close(clinic.yesterday)
    clinic.pay(clinic.bill("130.00"), "130.00", method="CARD")
    *_before, yesterday, today = shown(as_(clinic.manager), clinic).context["review"].columns
    assert (yesterday.height, today.height) == (45, 90)
    assert "EUR\u00a0130.00" in today.says
    assert yesterday.link == close_page(clinic, clinic.yesterday)


def test_the_tie_out_sets_cashiers_counts_terminals_and_books_beside_each_other(as_, uncounted):
    clinic = uncounted
    card = {"administration": clinic.administration, "clinic_day": clinic.shift.clinic_day, "by": clinic.cashier}
    TerminalBatch.objects.create(**card, terminal="T1", total=Decimal("60.00"))

    def rows(part):
        found = getattr(shown(as_(clinic.manager), clinic).context["review"], part)
        return {(one.name, one.word): ([str(told.amount) for told in one.amounts[:3]], one.agrees) for one in found}

    cash = ["after the count", "after the count", "None"]
    assert rows("tied")["", "Cash"] == (cash, True)
    assert rows("by_cashier")[str(clinic.cashier), "Cash"] == (cash, True)
    assert rows("tied")["", "Card"] == (["65.0000", "None", "60.0000"], False)
    counted(clinic.shift, "145.00", by=clinic.cashier)
    assert rows("tied")["", "Cash"] == (["47.3100", "45.0000", "None"], False)


def listed(browser, where):
    """What stands above the list that a link leads to."""
    return browser.get(where).context_data["sum"].replace("(", "").replace(")", "")


def test_each_cell_of_the_tie_out_is_the_sum_of_the_list_it_leads_to(as_, clinic):
    other = clinic.people["cashier"]
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD", by=clinic.receptionist)
    clinic.pay(clinic.bill("30.00"), "30.00", method="CARD", by=other)
    clinic.fill_wallet("12.00")  # by card, by the receptionist
    clinic.pay(clinic.bill("7.00"), "7.00", method="TRANSFER", by=None)
    clinic.finalized(by=clinic.owner)
    browser = as_(clinic.manager)
    review = shown(browser, clinic).context["review"]
    cells = [told for row in (*review.tied, *review.by_cashier) for told in row.amounts[:1]]
    leading = [(part.link, part.amount) for told in cells for part in (told.parts or (told,))]
    assert sorted(amount for _link, amount in leading) == [7, 7, 12, 12, 30, 65, 95]
    for where, amount in leading:
        assert listed(browser, where) == f"EUR\u00a0{amount:.2f}", where
    (card,) = (row for row in review.tied if row.word == "Card")
    assert card.amounts[0].amount == 107
    assert card.amounts[4].amount == 107
    entry = EndOfDayReconciliation.objects.get().entry_id
    assert card.amounts[4].link == url("ledger_journalentry_change", entry)


def test_before_the_signature_the_books_say_that_they_wait(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    clinic.pay(clinic.bill("30.00"), "30.00", method="HMO")
    close = clinic.close()
    why = {row.word: str(row.amounts[4].why_empty) for row in shown(as_(clinic.manager), clinic).context["review"].tied}
    assert why == {"Card": "after signing", "HMO": ""}  # cover stands there by payer, also after signing
    finalize_day(close, by=clinic.owner)
    page = shown(as_(clinic.manager), clinic)
    assert not any(row.amounts[4].why_empty for row in page.context["review"].tied)


def test_each_cell_of_the_ageing_of_payers_is_the_sum_of_the_bills_it_leads_to(as_, clinic):
    def owed(price, back, *covers):
        day = clinic.today - timedelta(days=back)
        bill = clinic.bill(price, day=day)
        for method, amount in covers:
            clinic.pay(bill, amount, method=method, day=day)

    owed("40.00", 0, ("HMO", "40.00"))
    owed("50.00", 45, ("HMO", "35.00"))
    owed("20.00", 100, ("INSURANCE", "20.00"))
    owed("90.00", 30, ("HMO", "30.00"), ("INSURANCE", "60.00"))  # shared: of several payers
    browser = as_(clinic.manager)
    review = shown(browser, clinic).context["review"]
    rows = {
        row.name: [cell.amount for cell in (*row.columns, row.total)] for row in (*review.ageing, review.all_payers)
    }
    assert rows == {
        "Hygeia": [40, 35, 0, 0, 75],
        "Zorgkas": [0, 0, 0, 20, 20],
        "several payers": [90, 0, 0, 0, 90],
        "All payers": [130, 35, 0, 20, 185],
    }
    for row in (*review.ageing, review.all_payers):
        for cell in (*row.columns, row.total):
            if cell.amount:
                assert listed(browser, cell.link) == f"EUR\u00a0{cell.amount:.2f}", cell.link


# Reopening -----------------------------------------------------------------------------------------------------------


def reopen(browser, close, reason="A bill was forgotten"):
    form = {"key": str(uuid4()), "reason": reason}
    return browser.post(url("billing_day_reopen", close.pk), form, follow=True)


def test_a_signed_day_is_reopened_with_a_reason_by_somebody_else_and_both_revisions_stand_beside_each_other(
    as_, clinic
):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    close = clinic.finalized()
    page = reopen(as_(clinic.owner), close, reason=" ")
    assert page.context["form"].errors["reason"]
    assert EndOfDayReconciliation.objects.count() == 1

    page = reopen(as_(clinic.owner), close)
    revision = EndOfDayReconciliation.objects.get(revision=2)
    assert (revision.status, revision.reopened_by, revision.reopen_reason) == (
        "DRAFT",
        clinic.owner,
        "A bill was forgotten",
    )
    assert page.redirect_chain == [(close_page(clinic), 302)]
    assert "Reopened by Owner" in text_of(page)
    clinic.pay(clinic.bill("10.00"), "10.00", method="CARD")
    press(as_(clinic.receptionist), clinic, "refresh")
    finalize_day(EndOfDayReconciliation.objects.get(revision=2), by=clinic.manager)

    side_by_side = as_(clinic.accountant).get(url("billing_day_reopen", revision.pk))
    settled = next(one for one in side_by_side.context["figures"] if str(one.word) == "Settled")
    assert (settled.amounts, settled.difference) == ([65, 75], 10)
    said = text_of(side_by_side)
    assert str(EndOfDayReconciliation.objects.get(revision=2).entry) in said
    assert "Yes, reopen" not in said


def test_who_may_not_reopen_is_told_why_and_reopens_nothing(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    close = clinic.finalized()
    for role, why_not in (
        ("manager", "You signed it"),
        ("receptionist", "The manager or the owner does this."),
        ("accountant", "The manager or the owner does this."),
    ):
        assert why_not in text_of(as_(clinic.people[role]).get(url("billing_day_reopen", close.pk)))
        reopen(as_(clinic.people[role]), close)
        assert EndOfDayReconciliation.objects.count() == 1
    assert reopen(as_(clinic.receptionist), close).status_code == 403
    assert reopen(as_(make_clinic("Another clinic").owner), close).status_code == 404


def test_reopening_sent_twice_makes_one_revision(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    close = clinic.finalized()
    form = {"key": "k", "reason": "A bill was forgotten"}
    answers = [as_(clinic.owner).post(url("billing_day_reopen", close.pk), form) for _twice in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert EndOfDayReconciliation.objects.filter(revision=2).count() == 1
    page = as_(clinic.owner).get(url("billing_day_reopen", close.pk))
    assert "came after it: reopen that one" in text_of(page)


# On paper ------------------------------------------------------------------------------------------------------------


def test_the_day_is_printed_so_far_and_as_it_was_signed(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    page = shown(as_(clinic.receptionist), clinic)
    assert [str(word) for word, _where in page.context["papers"]] == ["X report (PDF)"]
    close = clinic.finalized()
    page = shown(as_(clinic.accountant), clinic)
    assert [where for _word, where in page.context["papers"]] == [url("billing_day_zreport", close.pk)]
    x = url("billing_day_xreport", clinic.administration.pk, clinic.today.isoformat())
    for where in (x, url("billing_day_zreport", close.pk)):
        paper = as_(clinic.accountant).get(where)
        assert paper["Content-Type"] == "application/pdf"
        assert b"".join(paper.streaming_content).startswith(b"%PDF")
        assert as_(clinic.admin).get(where).status_code == 403
        assert as_(make_clinic("Another clinic").owner).get(where).status_code == 404
    wrong = url("billing_day_xreport", clinic.administration.pk, "2026-02-31")
    assert as_(clinic.owner).get(wrong).status_code == 404


# The night -----------------------------------------------------------------------------------------------------------


def test_a_night_that_could_not_close_the_day_says_why_and_where_to_mend_it(as_, clinic):
    clinic.bill("65.00", day=clinic.yesterday)
    refusal = {"date": clinic.yesterday.isoformat(), "code": "PERIOD_MISSING", "message": "There is no period."}
    NightlyClose.objects.create(
        administration=clinic.administration, date=clinic.yesterday, state="REFUSED", refusals=[refusal]
    )
    page = shown(as_(clinic.manager), clinic, clinic.yesterday)
    (refused,) = page.context["night"].refusals
    assert refused.mend.link == url("ledger_period_changelist")
    assert "The nightly close could not close this day" in text_of(page)
    clinic.close(clinic.yesterday)
    assert shown(as_(clinic.manager), clinic, clinic.yesterday).context["night"] is None


def test_a_night_under_way_shows_how_far_it_is(as_, clinic):
    for back in (1, 2, 3):
        clinic.bill("65.00", day=clinic.today - timedelta(days=back))
    night = NightlyClose.objects.create(administration=clinic.administration, date=clinic.yesterday)
    EndOfDayReconciliation.objects.filter(pk=clinic.close(clinic.yesterday).pk).update(
        prepared_by=None, prepared_at=night.started_at
    )
    found = shown(as_(clinic.manager), clinic, clinic.yesterday).context["night"]
    assert (found.is_running, found.done, found.left) == (True, 1, 2)
    asked = as_(clinic.manager).get(found.state_url)
    assert asked.json() == {"percent": 33, "done": 1, "total": 3, "finished": False}
    NightlyClose.objects.update(state="DONE")
    assert as_(clinic.manager).get(found.state_url).json()["finished"]


def test_a_night_is_told_on_the_clock_of_the_clinic(as_, clinic):
    began = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    of = {"administration": clinic.administration, "date": clinic.yesterday, "state": "DONE"}
    night = NightlyClose.objects.create(**of, started_at=began, finished_at=began)
    page = text_of(as_(clinic.manager).get(url("billing_nightlyclose_change", night.pk)))
    assert page.count("Thu 2 Jul 2026 00:30") == 2
    assert "every day was closed" in page


# The list ------------------------------------------------------------------------------------------------------------


def test_closes_are_found_by_date_number_note_and_name(as_, clinic):
    clinic.bill("65.00", day=clinic.yesterday)
    clinic.bill("65.00")
    earlier, close = clinic.close(clinic.yesterday), clinic.close()
    press(as_(clinic.receptionist), clinic, "note", day=clinic.yesterday, text="The lamp was broken")
    press(as_(clinic.receptionist), clinic, "note", day=clinic.yesterday, text="The lamp is mended")
    finalize_day(earlier, by=clinic.owner)
    browser = as_(clinic.manager)

    def found(term):
        listed = browser.get(url("billing_endofdayreconciliation_changelist"), {"q": term})
        return [row.pk for row in listed.context["cl"].result_list]

    assert found("lamp") == [earlier.pk]
    assert found(clinic.owner.full_name) == [earlier.pk]
    assert found(clinic.receptionist.full_name) == [close.pk, earlier.pk]
    assert found(clinic.today.isoformat()) == found(f"{clinic.today:%d-%m-%Y}") == [close.pk]
    assert found(str(earlier)) == [earlier.pk]
    assert found("\x00") == [close.pk, earlier.pk]
    assert found("nobody at all") == []


def test_queries_of_the_page_do_not_grow_with_the_day(as_, clinic):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert shown(as_(clinic.manager), clinic).status_code == 200
        return len(captured)

    def fill(rows):
        for at in rows:
            payment = clinic.pay(clinic.bill("65.00"), "65.00", method="CARD", reference="4711")
            refund_payment(payment, amount=Decimal("5.00"), reason="twice", by=clinic.manager)
            credit_bill(clinic.bill("10.00"), reason="wrong", by=clinic.owner)
            clinic.pay(clinic.bill("30.00"), "30.00", method="HMO")
            shift = opened_shift(clinic, code=f"D{at}")
            counted(shift, "100.00", by=clinic.cashier)
            clinic.bill("5.00", day=clinic.today - timedelta(days=at + 1))
            clinic.close(clinic.today - timedelta(days=at + 1))
            visit_of(clinic, "5.00")

    fill(range(2))
    close = clinic.close()
    shown(as_(clinic.manager), clinic)
    few = queries()
    fill(range(2, 8))
    refresh_day(close, by=clinic.receptionist)
    assert queries() == few


def test_the_accountant_looks_and_changes_nothing(as_, clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    clinic.close()
    browser = as_(clinic.accountant)
    for button in BUTTONS:
        press(browser, clinic, button, reason="no", text="no")
    close = EndOfDayReconciliation.objects.get()
    assert (close.status, close.reviewed_by, close.note_entries.count()) == ("DRAFT", None, 0)
    page = shown(browser, clinic)
    assert set(page.context["reasons"]) == set(BUTTONS)
    assert "Your role does not allow this here." in text_of(page)
