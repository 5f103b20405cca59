"""Leaks in the admin: the list with what to do, dismissing, the accrual page."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.billing.admin.leaks import told
from apps.billing.models import Leak
from apps.billing.services.leaks import dismiss_leak, refresh_leaks
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


def test_the_list_shows_the_open_ones_unless_others_are_asked_for(clinic, client, lab):
    leak = kept(clinic)
    client.force_login(clinic.manager)

    def listed(**asked):
        return [one.pk for one in client.get(LEAKS, asked).context["cl"].queryset]

    assert listed() == listed(state__exact="OPEN") == listed(state__exact="no such state") == [leak.pk]
    assert (
        f'href="{LEAKS}?administration__id__exact={clinic.administration.pk}"' in client.get("/admin/").content.decode()
    )
    dismiss_leak(leak, reason="Study", by=clinic.manager)
    assert listed() == []
    assert listed(state__exact="DISMISSED") == listed(state__exact="all") == [leak.pk]
    assert "leak is open" not in client.get("/admin/").content.decode()


def test_home_says_how_many_leaks_are_open_and_what_they_are_worth(clinic, client, lab):
    kept(clinic)
    for role in ("receptionist", "manager", "accountant"):
        client.force_login(clinic.people[role])
        context = client.get("/admin/").context
        assert context["leaks"] == {"count": 1, "sum": 65}, role


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


def test_what_a_rule_noted_is_told_in_words_and_as_people_read_it(clinic, client):
    of = {"administration": clinic.administration, "day": clinic.today, "entity_id": clinic.patient().pk}
    facts = {
        "bill": 7,
        "code": "C10",
        "percentage": "25.0000",
        "paid": "-65.0000",
        "from": "CASH",
        "late_for": "2026-03-03",
    }
    leak = Leak.objects.create(rule="L09", leak_class="UNDERBILLED", entity_type="discount", facts=facts, **of)
    number = Leak.objects.create(rule="L10", leak_class="TAMPERED", entity_type="bill", facts={"number": 12}, **of)
    assert {str(word): str(fact) for word, fact in told(leak)} == {
        "Bill": "B-000007",
        "Service": "C10",
        "Of the price": "25 %",
        "Paid": "EUR\u00a0(65.00)",
        "Given back by": "Cash",
        "Entered late, for": "Tuesday 3 March 2026",
    }
    assert told(number) == [("Number", "CN-000012")]
    client.force_login(clinic.manager)
    assert "EUR\u00a0(65.00)" in client.get(reverse("admin:billing_leak_change", args=[leak.pk])).content.decode()
