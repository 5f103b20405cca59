"""Leaks in the admin: the list with what to do, dismissing, the accrual page."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.billing.models import Leak
from apps.billing.services.leaks import refresh_leaks
from apps.billing.tests.leaking import clinic_day, given, visit_of
from apps.ledger.models import Account, JournalEntry

LEAKS = reverse("admin:billing_leak_changelist")


@pytest.fixture
def lab(clinic):
    return given(visit_of(clinic), clinic.service("65.00"))


def kept(clinic):
    refresh_leaks(clinic_day(clinic))
    return Leak.objects.get()


def test_an_empty_list_says_when_the_rules_look(clinic, client):
    client.force_login(clinic.manager)
    assert "The rules look when a day is prepared" in client.get(LEAKS).content.decode()


def test_the_list_says_what_it_is_worth_and_leads_to_what_mends_it(clinic, client, lab):
    kept(clinic)
    client.force_login(clinic.receptionist)
    page = client.get(LEAKS).content.decode()
    assert "L01 Lab result without bill" in page
    assert "65.00" in page
    assert reverse("admin:billing_visit_bill", args=[lab.visit_id]) in page
    assert "leak_class__exact=UNBILLED" in page  # the bar of its class leads to its rows


def test_a_leak_has_a_page_where_only_a_manager_dismisses(clinic, client, lab):
    leak = kept(clinic)
    address = reverse("admin:billing_leak_change", args=[leak.pk])
    client.force_login(clinic.receptionist)
    assert "A manager or the owner may dismiss it." in client.get(address).content.decode()
    dismissing = reverse("admin:billing_leak_dismiss", args=[leak.pk])
    assert client.post(dismissing, {"reason": "Study"}).status_code == 403
    client.force_login(clinic.manager)
    assert "EUR\N{NO-BREAK SPACE}65.00" in client.get(dismissing).content.decode()
    assert client.post(dismissing, {"reason": ""}).status_code == 200
    assert Leak.objects.get().state == "OPEN"
    sent = {"reason": "Study", "key": "one"}
    assert client.post(dismissing, sent).headers["Location"] == address
    assert client.post(dismissing, sent).headers["Location"] == address  # sent twice, dismissed once
    assert (Leak.objects.get().state, Leak.objects.get().reason) == ("DISMISSED", "Study")
    page = client.post(dismissing, {"reason": "Study", "key": "two"}).content.decode()
    assert "only an open one is dismissed" in page


def test_the_accountant_posts_unbilled_care_at_the_end_of_a_period(clinic, client):
    ended = clinic.today.replace(day=1) - timedelta(days=1)
    accounts = Account.objects.filter(administration=clinic.administration)
    if not accounts.filter(purpose="unbilled_care").exists():
        face = {"type": "ASSET", "place": "CURRENT_ASSETS", "purpose": "unbilled_care"}
        accounts.create(administration=clinic.administration, code="1398", name="Unbilled care", **face)
    given(visit_of(clinic, ended), clinic.service("65.00"))
    page = reverse("admin:billing_leak_accrual")
    client.force_login(clinic.manager)
    assert client.get(page).status_code == 403
    client.force_login(clinic.accountant)
    assert "65.00" in client.get(page).content.decode()
    assert "nothing to accrue" in client.get(f"{page}?period_end={clinic.yesterday.year}-01-31").content.decode()
    assert client.get(f"{page}?period_end=never").status_code == 200
    answer = client.post(page, {"period_end": ended.isoformat(), "key": "one"})
    entry = JournalEntry.objects.get(source_type="care_accrual")
    assert answer.headers["Location"] == reverse("admin:ledger_journalentry_change", args=[entry.pk])
    assert "It was posted" in client.get(page).content.decode()
