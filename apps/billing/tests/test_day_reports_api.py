"""Over HTTP: nobody sees cash before the count; X, Z, tie-out, reopening and revisions."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.billing.models import ClinicDay, EndOfDayReconciliation, Payment
from apps.billing.reconciliation_service import ReconciliationService
from apps.billing.reports.sealed import seal_of
from apps.billing.reports.z_report import day_table, z_report
from apps.billing.services.drawers import enter_terminal_total
from apps.billing.tests.clinic import PASSWORD
from apps.billing.tests.drawers import counted, day_of, drawer_of, take_cash, top_up_cash
from apps.core.models import Event
from apps.core.services.delivery import deliver_due

BASE = "/api/v1/billing/reconciliation/"
HIDDEN = ("total_cash", "total_revenue", "money_in", "total_billed", "total_refunds", "total_wallet_topups")


def client_of(user):
    http = APIClient()
    token = http.post("/api/v1/auth/token", {"username": user.email, "password": PASSWORD}, format="multipart")
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {token.json()['access_token']}")
    return http


@pytest.fixture
def desk(clinic):
    return client_of(clinic.receptionist)


@pytest.fixture
def office(clinic):
    return client_of(clinic.manager)


@pytest.fixture
def waiting(clinic):
    """A day whose drawer is not counted: 80 in cash, 30 by card, 20 topped up in cash."""
    drawer_of(clinic)
    shift = take_cash(clinic, "80.00").shift
    top_up_cash(clinic, "20.00")
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    clinic.close()
    return shift


def addresses(clinic):
    today = clinic.today.isoformat()
    close = EndOfDayReconciliation.objects.get()
    return {
        "list": ("get", BASE, {}),
        "retrieve": ("get", f"{BASE}{close.pk}/", {}),
        "today": ("get", f"{BASE}today/", {}),
        "summary": ("get", f"{BASE}summary/", {"start_date": today, "end_date": today}),
        "x-report": ("get", f"{BASE}x-report/", {}),
        "z-report": ("get", f"{BASE}{close.pk}/z-report/", {}),
        "tie-out": ("get", f"{BASE}{close.pk}/tie-out/", {}),
        "create": ("post", BASE, {"reconciliation_date": today}),
        "notes": ("patch", f"{BASE}{close.pk}/", {"notes": "seen"}),
        "refresh": ("post", f"{BASE}{close.pk}/refresh/", {}),
        "cancel": ("post", f"{BASE}{close.pk}/cancel/", {"reason": "later"}),
    }


@pytest.mark.parametrize("role", ["receptionist", "cashier", "manager", "owner", "accountant"])
def test_no_door_of_the_close_tells_the_cash_before_the_count(clinic, waiting, role):
    http = client_of(getattr(clinic, role))
    for name, (method, address, sent) in addresses(clinic).items():
        if role == "accountant" and method != "get":
            continue
        answer = getattr(http, method)(address, sent, format=None if method == "get" else "json")
        assert answer.status_code in (200, 201), name
        told = answer.content.decode()
        for amount in ("80.00", "100.00", "110.00", "130.00", "200.00"):  # cash, with top-ups, billed, in, expected
            assert amount not in told, (name, amount)


def test_what_is_hidden_is_null_and_what_is_not_stays(clinic, waiting, desk):
    close = desk.get(f"{BASE}today/").json()
    assert close["cash_hidden"] is True
    assert [close[name] for name in HIDDEN] == [None] * len(HIDDEN)
    assert close["total_card"] == "30.00"
    assert close["breakdown"]["methods"]["CASH"]["total"] is None
    assert close["breakdown"]["methods"]["CARD"]["total"] == "30.00"
    assert close["breakdown"]["bills"]["billed"] is None
    assert close["breakdown"]["drawers"][0]["expected"] is None
    (mismatch,) = close["mismatch_details"]
    assert (mismatch["code"], bool(mismatch["hint"])) == ("DRAWER_NOT_COUNTED", True)


def test_after_the_count_everything_is_told(clinic, waiting, desk):
    counted(waiting, "200.00", by=clinic.receptionist)
    close = desk.post(f"{BASE}{EndOfDayReconciliation.objects.get().pk}/refresh/").json()
    assert close["cash_hidden"] is False
    assert (close["total_cash"], close["money_in"], close["total_billed"]) == ("80.00", "130.00", "110.00")
    assert close["breakdown"]["drawers"][0]["expected"] == "200.00"


def test_without_a_drawer_nothing_is_hidden(clinic, desk):
    take_cash(clinic, "80.00")
    clinic.close()
    assert desk.get(f"{BASE}today/").json()["total_cash"] == "80.00"


def test_the_event_of_a_prepared_day_tells_no_figure(clinic, waiting):
    assert "80" not in str(Event.objects.get(name="billing.day_prepared").facts)


def test_the_shell_keeps_its_figures(clinic, waiting):
    close = ReconciliationService.get_reconciliation_for_date(clinic.today)
    assert f"{close.total_revenue:.2f} {close.total_cash:.2f}" == "110.00 80.00"


def test_a_list_of_days_that_wait_costs_the_same_queries(clinic, waiting, desk):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(BASE).status_code == 200
        return len(captured)

    clinic.close(clinic.yesterday)
    few = queries()
    for back in range(2, 6):
        clinic.close(clinic.today - timedelta(days=back))
    assert queries() == few


# X and Z -------------------------------------------------------------------------------------------------------------


def test_an_x_report_tells_the_day_so_far_and_changes_nothing(clinic, desk):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    days, events = ClinicDay.objects.count(), Event.objects.count()
    for query, card in (({}, "30.00"), ({"date": clinic.yesterday.isoformat()}, "0.00")):
        report = desk.get(f"{BASE}x-report/", query).json()
        assert (report["kind"], report["number"], report["figures"]["total_card"]) == ("X", "", card)
        assert report["tie_out"]["totals"][1]["taken"] == card
    assert (ClinicDay.objects.count(), Event.objects.count()) == (days, events)
    assert not EndOfDayReconciliation.objects.exists()


def test_a_z_report_is_the_stored_close_with_its_seal(clinic, desk):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    close = clinic.finalized()
    clinic.pay(clinic.bill("7.00"), "7.00", "CARD")  # late, into tomorrow

    report = desk.get(f"{BASE}{close.pk}/z-report/").json()

    assert (report["kind"], report["number"], report["figures"]["total_card"]) == ("Z", str(close), "30.00")
    seal = seal_of(close)
    assert (report["seal_head"], report["seal_rows"]) == (seal.head, seal.rows)
    assert [one["step"] for one in report["signatures"]] == ["prepared", "finalized"]
    assert {one["method"]: one["books"] for one in report["tie_out"]["totals"]}["CARD"] == "30.00"


@pytest.mark.parametrize("address", ["x-report/", "z-report/"])
@pytest.mark.parametrize("country", ["NL", "NO", "NG"])
def test_both_reports_are_told_on_paper_in_the_language_of_the_books(clinic, desk, address, country):
    clinic.administration.country = country
    clinic.administration.save()
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    close = clinic.finalized()
    path = BASE + (address if address == "x-report/" else f"{close.pk}/{address}")
    paper = desk.get(path, {"format": "pdf"})
    assert (paper.status_code, paper["Content-Type"]) == (200, "application/pdf")
    assert b"".join(paper.streaming_content).startswith(b"%PDF-")
    assert Event.objects.filter(name="core.report_exported").count() == 1


def test_a_format_that_is_not_there_is_a_bad_parameter(clinic, desk):
    refused = desk.get(f"{BASE}x-report/", {"format": "doc"})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "INVALID_PARAMETER")
    refused = desk.get(f"{BASE}x-report/", {"date": "soon"})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "INVALID_PARAMETER")


def test_the_owners_get_the_z_with_its_seal_by_mail(clinic):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    close = clinic.finalized()
    deliver_due()
    deliver_due()  # the mail that the first delivery asked for
    (letter,) = [one for one in mail.outbox if str(close) in one.subject]
    assert letter.to == [clinic.owner.email]
    assert seal_of(close).head in letter.body
    assert "30.00" in letter.body


# The tie-out and the revisions ---------------------------------------------------------------------------------------


def test_the_tie_out_names_cashiers_and_what_terminals_say(clinic, desk):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    enter_terminal_total(day_of(clinic), terminal="T1", total=D(29), by=clinic.receptionist)
    tied = desk.get(f"{BASE}{clinic.close().pk}/tie-out/").json()
    card = next(one for one in tied["totals"] if one["method"] == "CARD")
    assert card == {
        "method": "CARD",
        "taken": "30.00",
        "counted": None,
        "terminal": "29.00",
        "provider": None,
        "books": None,
        "agrees": False,
    }
    (cashier,) = tied["cashiers"]
    assert (cashier["cashier"], cashier["name"]) == (str(clinic.receptionist.pk), str(clinic.receptionist))


def test_reopening_answers_201_with_the_next_revision(clinic, office):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    close = clinic.finalized(by=clinic.owner)

    made = office.post(f"{BASE}{close.pk}/reopen/", {"reason": "A bill was forgotten."}, format="json")

    assert (made.status_code, made.json()["number"], made.json()["status"]) == (201, f"{close} r2", "DRAFT")
    assert made.json()["reopen_reason"] == "A bill was forgotten."
    listed = office.get(BASE).json()["results"]
    assert [one["number"] for one in listed] == [f"{close} r2"]
    assert office.get(f"{BASE}{close.pk}/").json()["status"] == "FINALIZED"
    again = office.post(f"{BASE}{close.pk}/reopen/", {"reason": "Again."}, format="json")
    assert (again.status_code, again.json()["detail"]["code"]) == (409, "NOT_FINALIZED")

    clinic.bill("25.00")
    office.post(f"{BASE}{made.json()['id']}/refresh/")
    first, second = office.get(f"{BASE}{close.pk}/revisions/").json()
    assert (first["changes"], second["number"]) == (None, f"{close} r2")
    billed = next(one for one in second["changes"] if one["name"] == "total_billed")
    assert billed == {"name": "total_billed", "before": "30.00", "after": "55.00", "difference": "25.00"}
    assert office.get(f"{BASE}{close.pk}/z-report/").json()["tie_out"] is None


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 1001}])
def test_a_reason_that_cannot_be_taken_is_422(clinic, office, body):
    close = clinic.finalized(by=clinic.owner)
    refused = office.post(f"{BASE}{close.pk}/reopen/", body, format="json")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")


def test_revisions_of_a_day_whose_cash_waits_tell_no_cash(clinic, office):
    """The day was reopened, and cash came in that nobody counted: what changed is not told either."""
    drawer_of(clinic)
    counted(take_cash(clinic, "80.00").shift, "180.00", by=clinic.receptionist)
    close = clinic.finalized(by=clinic.owner)
    made = office.post(f"{BASE}{close.pk}/reopen/", {"reason": "Cash was forgotten."}, format="json").json()
    take_cash(clinic, "17.00", by=clinic.owner)
    office.post(f"{BASE}{made['id']}/refresh/")
    told = office.get(f"{BASE}{made['id']}/revisions/").content.decode()
    assert "17.00" not in told
    assert "97.00" not in told


def test_a_printed_report_names_the_methods_in_one_order(clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", method="CARD")
    close = clinic.finalized()
    close.refresh_from_db()  # as it is kept
    rows = [row.cells[0] for row in day_table(z_report(close)).rows]
    assert rows[1 : 1 + len(Payment.Method)] == [str(method.label) for method in Payment.Method]
