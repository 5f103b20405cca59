"""The pages of exports and evidence packs."""

import re

import pytest
from django.urls import reverse

from apps.core.models import Job, Membership
from apps.core.tests.factories import member
from apps.periods import tasks
from apps.periods.models import BooksExport, EvidencePack
from apps.periods.services.packing import pack_period
from apps.periods.tests.exported import full_books

pytestmark = pytest.mark.usefixtures("folder")
EXPORT, MAKE = "/admin/periods/booksexport/export/", "/admin/periods/evidencepack/make/"


@pytest.fixture
def ledger(db, client):
    ledger = full_books()
    client.force_login(ledger.accountant)
    return ledger


def text_of(answer):
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def asked(ledger, **more):
    days = {"first_day": "2026-01-01", "last_day": "2026-12-31"}
    return {"administration": ledger.administration.pk, "format": "XAF_4_0", **days, "key": "once", **more}


def test_books_are_exported_from_the_page(client, ledger):
    page = text_of(client.get(EXPORT))
    assert "XAF 4.0" in page
    assert "SAF-T" not in page  # of another country
    answer = client.post(EXPORT, asked(ledger))
    again = client.post(EXPORT, asked(ledger))  # a second click is led to what the first one asked for
    assert Job.objects.count() == 1
    job = Job.objects.get()
    assert answer.headers["Location"] == again.headers["Location"] == reverse("admin:core_job_change", args=[job.pk])
    tasks.export_books(str(job.pk))
    export = BooksExport.objects.get()
    listed = client.get("/admin/periods/booksexport/")
    assert export.file_name in text_of(listed)
    address = reverse("admin:periods_booksexport_download", args=[export.pk])
    assert address in listed.content.decode()
    file = client.get(address)
    assert b"".join(file.streaming_content).startswith(b"<?xml")
    assert text_of(client.get(f"/admin/periods/booksexport/{export.pk}/change/")).count(export.sha256) == 1


def test_what_a_rule_refuses_is_said_on_the_page(client, ledger):
    page = text_of(client.post(EXPORT, asked(ledger, last_day="2025-12-31")))
    assert "The export would end on" in page
    assert not Job.objects.exists()


def test_a_pack_is_asked_for_on_its_page(client, ledger):
    period = ledger.books.period("2026-Q1")
    answer = client.post(MAKE, {"period": period.pk, "pack_type": "AUDIT_TRAIL", "key": "once"})
    assert answer.status_code == 302
    tasks.pack_period(str(Job.objects.get().pk))
    pack = EvidencePack.objects.get()
    assert pack.file_name in text_of(client.get("/admin/periods/evidencepack/"))


def test_a_damaged_file_is_told_on_the_list(client, ledger, folder):
    pack = pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=ledger.accountant)
    (folder / pack.stored_as).write_bytes(b"x")
    answer = client.get(reverse("admin:periods_evidencepack_download", args=[pack.pk]), follow=True)
    assert "The stored file is not the one that was made" in text_of(answer)


def test_an_owner_exports_and_a_receptionist_does_not(client, ledger):
    client.force_login(member(ledger.administration, Membership.Role.OWNER))
    assert client.get(EXPORT).status_code == 200
    assert client.get(MAKE).status_code == 403
    client.force_login(member(ledger.administration, Membership.Role.RECEPTIONIST))
    assert client.get(EXPORT).status_code == 403
