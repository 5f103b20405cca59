"""An empty list says how its first row comes to be; a search that finds nothing, how to find more."""

from django.urls import reverse

from apps.billing.admin.visits import VisitAdmin

LIST = reverse("admin:billing_visit_changelist")


def test_an_empty_list_says_how_it_fills_and_leads_there(client, clinic):
    client.force_login(clinic.receptionist)
    page = client.get(LIST).content.decode()
    assert "Nothing here yet" in page
    assert str(VisitAdmin.when_empty) in page
    assert reverse("admin:billing_visit_add") in page


def test_a_search_without_a_result_does_not_say_that_there_is_nothing(client, clinic):
    client.force_login(clinic.receptionist)
    page = client.get(LIST, {"q": "nobody"}).content.decode()
    assert "Nothing matches" in page
    assert "Nothing here yet" not in page
