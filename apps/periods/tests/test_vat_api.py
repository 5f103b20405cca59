"""The contract area vat over HTTP, and filing. Who may ask stands in the permission matrix."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.models import Membership, User
from apps.core.tests.factories import member
from apps.periods.models import VatFiling, VatRegistration
from apps.periods.tests.vat_year import GERMAN, YEAR

DRAFT = {"allow_draft": "true"}


@pytest.fixture
def api(year):
    http = APIClient()
    http.force_authenticate(year.accountant)
    return http


def at(year, name, rest, client=None):
    period = year.period(name).pk
    return f"/api/v1/accountant/clients/{client or year.administration.pk}/periods/{period}/{rest}"


def code_of(answer):
    return answer.json()["detail"]["code"]


def test_the_return_has_the_shape_of_the_contract(year, api):
    answer = api.get(at(year, f"{YEAR}-Q1", "reports/vat"), DRAFT)
    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["period_name"], told["start_date"], told["end_date"]) == (
        f"{YEAR}-Q1",
        f"{YEAR}-01-01",
        f"{YEAR}-03-31",
    )
    assert told["boxes"]["1a"] == {
        "box_code": "1a",
        "box_name": "Leveringen/diensten belast met hoog tarief",
        "box_side": "OWED",
        "turnover_amount": "1000.33",
        "vat_amount": "210.07",
        "turnover_declared": "1000.00",
        "vat_declared": "210.00",
        "transaction_count": 1,
    }
    assert (told["boxes"]["5g"]["vat_amount"], told["boxes"]["5g"]["vat_declared"]) == ("183.06", "182.00")
    totals = ("total_turnover", "total_vat_payable", "total_vat_receivable", "net_vat", "net_declared")
    assert [told[name] for name in totals] == ["1500.33", "255.07", "72.01", "183.06", "182.00"]
    summary = next(row for row in told["vat_code_summaries"] if row["vat_code"] == "HIGH")
    assert (summary["vat_rate"], summary["category"], summary["base_amount"], summary["vat_amount"]) == (
        "21.00",
        "SALES",
        "1000.33",
        "210.07",
    )
    assert (told["anomalies"], told["has_red_anomalies"], told["icp_entries"]) == ([], False, [])
    assert (told["state"], told["due_date"], told["total_icp_supplies"]) == ("DRAFT", f"{YEAR}-04-30", "0.00")


def test_an_open_period_is_answered_only_as_a_draft(year, api):
    answer = api.get(at(year, f"{YEAR}-Q1", "reports/vat"))
    assert (answer.status_code, code_of(answer)) == (409, "VAT_PERIOD_OPEN")
    year.shut(1, "REVIEW")
    assert api.get(at(year, f"{YEAR}-Q1", "reports/vat")).status_code == 200


@pytest.mark.parametrize("query", [{"allow_draft": "perhaps"}, {"known_at": "yesterday"}, {"format": "exe"}])
def test_a_bad_parameter_is_refused(year, api, query):
    answer = api.get(at(year, f"{YEAR}-Q1", "reports/vat"), {**DRAFT, **query})
    assert (answer.status_code, code_of(answer)) == (400, "INVALID_PARAMETER")


def test_year_end_adjustments_have_no_return(year, api):
    period = year.period(f"{YEAR}-Q4")
    period.pk, period.type, period.first_day = uuid4(), "YEAR_END", period.last_day
    period._state.adding, period.name = True, "closing"
    period.save()
    answer = api.get(at(year, "closing", "reports/vat"), DRAFT)
    assert (answer.status_code, code_of(answer)) == (400, "VAT_SPAN_WITHOUT_RETURN")


@pytest.mark.parametrize("ending", ["csv", "xlsx", "pdf"])
@pytest.mark.parametrize("report", ["reports/vat", "reports/vat/icp"])
def test_return_and_listing_come_as_files(year, api, ending, report):
    answer = api.get(at(year, f"{YEAR}-Q2", report), {**DRAFT, "format": ending})
    content = b"".join(answer.streaming_content)
    assert answer.status_code == 200
    if ending == "csv":
        assert ("3250.00" if "icp" in report else "273.11").encode() in content


def test_the_listing_has_the_shape_of_the_contract(year, api):
    told = api.get(at(year, f"{YEAR}-Q2", "reports/vat/icp")).json()
    german = next(entry for entry in told["entries"] if entry["country_code"] == "DE")
    assert {**german, "customer_id": ""} == {
        "customer_vat_number": GERMAN,
        "country_code": "DE",
        "customer_name": "Party C-DE",
        "customer_id": "",
        "taxable_base": "2500.00",
        "transaction_count": 1,
    }
    assert (told["total_supplies"], told["total_customers"], told["box_3b"], told["ties"]) == (
        "3250.00",
        2,
        "3250.00",
        True,
    )


def test_validation_tells_what_is_wrong_and_how_to_mend_it(year, api):
    entry = year.taxed("100.00", "HIGH", date(YEAR, 2, 1), vat="25.00")
    told = api.post(at(year, f"{YEAR}-Q1", "vat/validate")).json()
    (one,) = told["anomalies"]
    assert (one["id"], one["code"], one["severity"]) == ("VAT_ANOMALY_0001", "VAT_RATE_MISMATCH", "YELLOW")
    assert (one["journal_entry_id"], one["document_id"], one["amount_discrepancy"]) == (str(entry.pk), None, "4.00")
    assert one["journal_line_id"] in {str(line.pk) for line in entry.lines.all()}
    assert (told["total_anomalies"], told["red_count"], told["yellow_count"], told["is_valid"]) == (1, 0, 1, True)
    assert told["message"] == "VAT data has 1 warning(s) that can be acknowledged."
    report = api.get(at(year, f"{YEAR}-Q1", "reports/vat"), DRAFT).json()
    assert (report["has_red_anomalies"], report["has_yellow_anomalies"]) == (False, True)


def test_filing_answers_what_was_filed_and_the_same_key_files_once(year, api):
    year.shut(1)
    body, key = {"reference": "R-1"}, {"Idempotency-Key": "file-q1"}
    first = api.post(at(year, f"{YEAR}-Q1", "vat/file"), body, format="json", headers=key)
    told = first.json()
    assert (first.status_code, told["net_declared"], told["net_exact"], told["kind"]) == (
        201,
        "182.00",
        "183.06",
        "RETURN",
    )
    assert len(told["boxes"]) == 12
    again = api.post(at(year, f"{YEAR}-Q1", "vat/file"), body, format="json", headers=key)
    assert again.json()["id"] == told["id"]
    other = api.post(at(year, f"{YEAR}-Q1", "vat/file"), body, format="json")
    assert (other.status_code, code_of(other)) == (409, "VAT_ALREADY_FILED")
    assert VatFiling.objects.count() == 1


def test_a_period_that_is_no_vat_period_is_not_filed(year, api):
    answer = api.post(at(year, f"{YEAR}-02", "vat/file"))
    assert (answer.status_code, code_of(answer)) == (400, "VAT_SPAN_DIFFERS")


@pytest.mark.parametrize("body", [{"reference": "x" * 65}, {"carry_corrections": "perhaps"}, {"note": ["x"]}])
def test_a_bad_body_is_refused(year, api, body):
    year.shut(1)
    answer = api.post(at(year, f"{YEAR}-Q1", "vat/file"), body, format="json")
    assert (answer.status_code, code_of(answer)) == (422, "VALIDATION_ERROR")
    assert not VatFiling.objects.exists()


def test_a_correction_stands_beside_what_was_filed_and_is_filed(year, api):
    asked = at(year, f"{YEAR}-Q2", "vat/correction")
    assert code_of(api.get(asked)) == "VAT_NOT_FILED"
    year.shut(2)
    api.post(at(year, f"{YEAR}-Q2", "vat/file"))
    assert api.get(asked).json()["has_changes"] is False
    year.taxed("10000.00", "HIGH", date(YEAR, 7, 5), vat_period=year.period(f"{YEAR}-05"))
    told = api.get(asked).json()
    assert (told["has_changes"], told["net_change"], told["needs_form"]) == (True, "2100.00", True)
    change = next(box for box in told["boxes"] if box["box_code"] == "1a")
    assert (change["vat_filed"], change["vat_now"], change["vat_change"]) == ("-21.00", "2079.00", "2100.00")
    corrected = api.post(at(year, f"{YEAR}-Q2", "vat/correct"))
    assert (corrected.status_code, corrected.json()["revision"]) == (201, 1)
    assert code_of(api.post(at(year, f"{YEAR}-Q2", "vat/correct"))) == "VAT_NOTHING_TO_CORRECT"


def test_filed_returns_are_a_list_with_pages_and_filters(year, api):
    for quarter in (1, 2):
        year.shut(quarter)
        api.post(at(year, f"{YEAR}-Q{quarter}", "vat/file"))
    told = api.get("/api/v1/accountant/vat-filings", {"limit": 1}).json()
    assert (len(told["results"]), bool(told["next"])) == (1, True)
    early = api.get("/api/v1/accountant/vat-filings", {"until": f"{YEAR}-03-31"}).json()["results"]
    assert [row["name"] for row in early] == [f"{YEAR}-Q1"]
    with CaptureQueriesContext(connection) as two:
        api.get("/api/v1/accountant/vat-filings")
    with CaptureQueriesContext(connection) as one:
        api.get("/api/v1/accountant/vat-filings", {"until": f"{YEAR}-03-31"})
    assert len(two) == len(one)


def test_deadlines_are_told_with_their_state(year, api):
    told = api.get(f"/api/v1/accountant/clients/{year.administration.pk}/vat/deadlines").json()
    first = next(row for row in told["deadlines"] if row["name"] == f"{YEAR}-Q1")
    assert (first["due_date"], first["is_late"], first["state"]) == (f"{YEAR}-04-30", True, "DRAFT")


def test_a_registration_is_said_and_listed(year, api):
    where = f"/api/v1/accountant/clients/{year.administration.pk}/vat/registrations"
    body = {"since": f"{YEAR}-01-01", "scheme": "NORMAL", "frequency": "MONTH", "pro_rata": "40.00"}
    answer = api.post(where, body, format="json")
    assert answer.status_code == 201, answer.json()
    assert VatRegistration.objects.get().pro_rata == 40
    told = api.get(where).json()
    assert (told["total_count"], told["registrations"][0]["frequency"]) == (1, "MONTH")
    bad = api.post(where, {"since": f"{YEAR}-01-02"}, format="json")
    assert (bad.status_code, code_of(bad)) == (400, "VAT_REGISTRATION_INVALID")
    worse = api.post(where, {"since": "soon", "scheme": "NONE", "pro_rata": "101"}, format="json")
    assert (worse.status_code, set(worse.json()["detail"]["fields"])) == (422, {"since", "scheme", "pro_rata"})


def test_vat_codes_have_the_shape_of_the_contract(year, api):
    told = api.get("/api/v1/accountant/vat-codes").json()
    codes = {row["code"]: row for row in told["vat_codes"]}
    assert told["total_count"] == len(codes) >= 12
    assert codes["HIGH"]["box_mapping"] == {"turnover_box": "1a", "vat_box": "1a"}
    assert (codes["HIGH"]["rate"], codes["HIGH"]["is_active"]) == ("21.00", True)
    goods = codes["EU_GOODS"]
    assert (goods["is_icp"], goods["eu_only"], goods["requires_vat_number"], goods["box_mapping"]) == (
        True,
        True,
        True,
        {"turnover_box": "3b"},
    )
    assert codes["EXEMPT"]["box_mapping"] == {}
    assert "HIGH_19" not in codes
    every = api.get("/api/v1/accountant/vat-codes", {"active_only": "false"}).json()
    assert {row["code"]: row["is_active"] for row in every["vat_codes"]}["HIGH_19"] is False


def test_vat_codes_of_one_among_several_administrations(year, quiet):
    Membership.objects.create(administration=quiet.administration, user=year.accountant, role="accountant")
    api = APIClient()
    api.force_authenticate(User.objects.get(pk=year.accountant.pk))
    every = api.get("/api/v1/accountant/vat-codes").json()["total_count"]
    own = api.get("/api/v1/accountant/vat-codes", {"administration_id": str(quiet.administration.pk)}).json()
    assert {row["administration_id"] for row in own["vat_codes"]} == {str(quiet.administration.pk)}
    assert every == 2 * own["total_count"]


@pytest.mark.parametrize("rest", ["reports/vat", "reports/vat/icp", "vat/correction"])
def test_a_period_of_other_books_is_not_there(year, api, quiet, rest):
    foreign = quiet.period(f"{YEAR}-Q1").pk
    mine, theirs = year.administration.pk, quiet.administration.pk
    for client, period in ((mine, foreign), (theirs, foreign), (mine, uuid4()), (mine, "nothing")):
        assert api.get(f"/api/v1/accountant/clients/{client}/periods/{period}/{rest}").status_code == 404


def test_who_only_reads_files_nothing(year):
    year.shut(1)
    http = APIClient()
    http.force_authenticate(member(year.administration, Membership.Role.MANAGER))
    assert http.get(at(year, f"{YEAR}-Q1", "reports/vat")).status_code == 200
    assert http.post(at(year, f"{YEAR}-Q1", "vat/file")).status_code == 403
    assert http.post(at(year, f"{YEAR}-Q1", "vat/validate")).status_code == 403


def test_the_return_takes_as_many_queries_for_many_entries(year, api):
    def queries():
        with CaptureQueriesContext(connection) as ran:
            assert api.get(at(year, f"{YEAR}-Q1", "reports/vat"), DRAFT).status_code == 200
        return len(ran)

    before = queries()
    for _n in range(5):
        year.taxed("10.00", "HIGH", date(YEAR, 2, 3), vat=str(Decimal("9.99")))
        year.sold("5.00", "EU_SERVICES", date(YEAR, 2, 3), year.abroad())
    assert queries() <= before + 2  # the parties of the listing, once there are any
