"""The pages of VAT: boxes with their lines, anomalies, filing as a confirmed step, corrections, deadlines."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.tests.test_admin import text_of
from apps.periods.models import VatFiling, VatRegistration
from apps.periods.services.filing import file_return
from apps.periods.tests.vat_year import YEAR


@pytest.fixture
def site(year, client):
    client.force_login(year.accountant)
    return client


def at(year, name, quarter=1, **more):
    asked = {"administration": year.administration.pk, "day": year.quarter(quarter).first_day, **more}
    return reverse(f"admin:periods_vat_{name}", query={key: str(value) for key, value in asked.items()})


def act(year, name, quarter=1):
    return reverse(f"admin:periods_vat_{name}", args=[year.administration.pk, year.quarter(quarter).first_day])


def links(answer, words):
    return re.findall(rf'href="([^"]*{words}[^"]*)"', answer.content.decode())


def test_the_return_shows_each_box_with_its_name_and_its_figures(year, site):
    answer = site.get(at(year, "return"))
    words = text_of(answer)
    assert "1a Leveringen/diensten belast met hoog tarief" in words
    assert "1,000.33" in words
    assert "183.06" in words
    assert "182.00" in words
    assert "Draft" in words
    assert f"Begin the review of {YEAR}-01" in words


def test_a_figure_leads_to_its_lines_and_a_line_to_its_entry(year, site):
    answer = site.get(at(year, "return"))
    where = next(link for link in links(answer, "/lines/") if "box=1a" in link).replace("&amp;", "&")
    lines = site.get(where)
    assert "1,000.33" in text_of(lines)
    (entry,) = set(links(lines, "/journalentry/[0-9a-f-]{36}"))
    assert site.get(entry.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("box", ["1a", "5a", "5b", "5g", ""])
def test_the_lines_of_every_kind_of_box_are_shown(year, site, box):
    assert site.get(at(year, "lines", box=box)).status_code == 200


def test_what_is_asked_wrong_is_said_or_not_there(year, site):
    assert site.get(at(year, "lines", box="9z")).status_code == 404
    assert site.get(at(year, "return", day="nonsense")).status_code == 200
    assert site.get(at(year, "return", known_at="nonsense")).status_code == 200
    assert site.get(at(year, "return", administration=uuid4())).status_code == 404
    assert site.get(reverse("admin:periods_vat_file", args=[year.administration.pk, "nonsense"])).status_code == 404


def test_an_anomaly_says_how_it_is_mended_and_leads_to_its_entry(year, site):
    entry = year.taxed("100.00", "HIGH", date(YEAR, 2, 1), vat="25.00")
    answer = site.get(at(year, "return"))
    assert "VAT rate mismatch" in text_of(answer)
    assert "Verify VAT calculation or correct the rate" in text_of(answer)
    assert links(answer, f"{entry.pk}/change/")


def test_filing_asks_in_a_sentence_and_files_once(year, site):
    year.shut(1)
    assert links(site.get(at(year, "return")), "/file/")
    page = site.get(act(year, "file"))
    assert "182.00 to pay. Its figures cannot be changed afterwards." in text_of(page)
    assert not VatFiling.objects.exists()
    body = {"key": "once", "reference": "R-1", "note": ""}
    for _time in range(2):
        assert site.post(act(year, "file"), body).status_code == 302
    assert VatFiling.objects.get().reference == "R-1"
    words = text_of(site.get(at(year, "return")))
    assert "Filed" in words
    assert str(year.accountant) in words


def test_a_refusal_stands_above_the_form_which_keeps_what_was_typed(year, site):
    answer = site.post(act(year, "file"), {"key": "x", "reference": "kept"})
    assert "is open: its VAT is a draft" in text_of(answer)
    assert 'value="kept"' in answer.content.decode()


def test_a_correction_is_shown_beside_what_was_filed_and_filed_from_there(year, site):
    year.shut(2)
    file_return(year.quarter(2), by=year.accountant)
    year.taxed("10000.00", "HIGH", date(YEAR, 7, 5), vat_period=year.period(f"{YEAR}-05"))
    answer = site.get(at(year, "return", 2))
    assert "The books changed after this return was filed" in text_of(answer)
    assert "It is filed anew, until" in text_of(answer)
    assert "2,100.00" in text_of(site.get(at(year, "lines", 2, later="1")))
    assert "2,100.00 more to pay than was filed" in text_of(site.get(act(year, "correct", 2)))
    assert site.post(act(year, "correct", 2), {"key": "again"}).status_code == 302
    assert "Filed, corrected" in text_of(site.get(at(year, "return", 2)))


def test_small_corrections_are_offered_to_the_next_return(year, site):
    for quarter in (1, 2):
        year.shut(quarter)
    file_return(year.quarter(1), by=year.accountant)
    year.taxed("100.00", "HIGH", date(YEAR, 7, 5), vat_period=year.period(f"{YEAR}-02"))
    assert f"Correction of {YEAR}-Q1" in text_of(site.get(act(year, "file", 2)))
    site.post(act(year, "file", 2), {"key": "k", "carry": "on"})
    assert VatFiling.objects.filter(kind="CARRIED").exists()


def test_the_listing_shows_customers_and_ties_to_the_return(year, site):
    words = text_of(site.get(at(year, "icp", 2)))
    assert "Party C-DE DE136695976" in words
    assert "The total is that of box 3b." in words
    assert "Nothing to list" in text_of(site.get(at(year, "icp", 1)))


@pytest.mark.parametrize("ending", ["csv", "xlsx", "pdf"])
@pytest.mark.parametrize("name", ["return", "icp"])
def test_what_is_seen_comes_as_a_file(year, site, name, ending):
    answer = site.get(at(year, name, 2, format=ending))
    assert "attachment" in answer.headers["Content-Disposition"]
    assert b"".join(answer.streaming_content)


def test_deadlines_say_what_is_late(year, site):
    words = text_of(site.get(reverse("admin:periods_vat_deadlines")))
    assert f"{YEAR}-Q1" in words
    assert "Late" in words
    assert "Nobody said yet" in words


def test_a_filed_return_has_a_page_of_its_own_with_its_boxes(year, site):
    year.shut(1)
    filing = file_return(year.quarter(1), by=year.accountant)
    words = text_of(site.get(reverse("admin:periods_vatfiling_change", args=[filing.pk])))
    assert "182.00" in words
    assert "210.07" in words
    assert site.get(reverse("admin:periods_vatfiling_changelist")).status_code == 200


def test_a_registration_is_said_on_its_page(year, site):
    body = {"administration": year.administration.pk, "since": f"{YEAR}-01-01", "scheme": "NORMAL"}
    body |= {"basis": "INVOICE", "frequency": "MONTH", "icp_frequency": "MONTH", "is_obliged": "on", "pro_rata": ""}
    answer = site.post(reverse("admin:periods_vatregistration_add"), body)
    assert answer.status_code == 302, text_of(answer)
    assert VatRegistration.objects.get().frequency == "MONTH"


def test_who_only_reads_sees_no_button(year, client):
    year.shut(1)
    client.force_login(member(year.administration, Membership.Role.MANAGER))
    assert not links(client.get(at(year, "return")), "/vatfiling/file/")
    assert client.get(act(year, "file")).status_code == 403


def test_the_page_takes_as_many_queries_for_many_entries(year, site):
    def queries():
        with CaptureQueriesContext(connection) as ran:
            site.get(at(year, "return"))
        return len(ran)

    before = queries()
    for _n in range(5):
        year.taxed("10.00", "HIGH", date(YEAR, 2, 3), vat="9.99")
    assert queries() == before
