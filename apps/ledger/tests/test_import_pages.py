"""The way in for files of books: sent, read by the worker, shown, and imported on a word."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.core.models import Job, Membership, Upload
from apps.core.tests.factories import member
from apps.ledger.models import Batch, JournalEntry
from apps.ledger.tasks import import_books, preview_books
from apps.ledger.tests.books_files import accounts_csv, xaf_40
from apps.ledger.tests.test_importing import BALANCES, Shelf

PAGE = "/admin/ledger/batch/import/"


@pytest.fixture
def shelf(db, client):
    shelf = Shelf()
    client.force_login(shelf.accountant)
    return shelf


def send(client, shelf, file, name="books.xml", **more):
    return client.post(
        PAGE, {"administration": shelf.administration.pk, "file": SimpleUploadedFile(name, file), **more}
    )


def work(task):
    """What the worker does with the newest job; whoever runs a task twice does nothing twice."""
    job = Job.objects.latest("created_at")
    task(str(job.pk))
    task(str(job.pk))
    job.refresh_from_db()
    return job


def text_of(answer):
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_file_is_read_shown_and_imported(client, shelf):
    answer = send(client, shelf, xaf_40().read())
    page = answer.headers["Location"]
    assert "being read" in text_of(client.get(page))
    job = work(preview_books)
    assert (job.state, job.refusals) == ("DONE", [])
    shown = text_of(client.get(page))
    assert "XAF 4.0" in shown
    assert "7 new, 0 known" in shown
    assert "3 with 7 lines" in shown
    assert "292.00" in shown
    assert not JournalEntry.objects.exists()

    progress = client.post(page)
    job = work(import_books)
    assert progress.headers["Location"] == reverse("admin:core_job_change", args=[job.pk])
    assert (job.state, job.refusals) == ("DONE", [])
    assert shelf.balances() == BALANCES
    batch = Batch.objects.get()
    assert batch.title in text_of(client.get(reverse("admin:ledger_batch_changelist")))
    entries = client.get(reverse("admin:ledger_journalentry_changelist"), {"batch__id__exact": batch.pk})
    assert "Purchase" in text_of(entries)


def test_a_file_with_refused_lines_shows_them_and_is_not_imported(client, shelf):
    page = send(client, shelf, xaf_40((">292.00<", ">293.00<")).read()).headers["Location"]
    work(preview_books)
    shown = text_of(client.get(page))
    assert "The file states debits of 293.00; its lines come to 292.00." in shown
    assert "One line is refused" in shown
    client.post(page)
    assert Job.objects.latest("created_at").task.endswith("preview_books")  # read once more, never imported
    assert not Batch.objects.exists()


def test_a_file_that_cannot_be_read_says_why(client, shelf):
    page = send(client, shelf, b"a;b;c\n1;2;3\n", "books.csv").headers["Location"]
    job = work(preview_books)
    assert [refusal["code"] for refusal in job.refusals] == ["BOOKS_FILE_REFUSED"]
    shown = text_of(client.get(page))
    assert "A chart has the columns" in shown
    assert "Read the file again" in shown


def test_a_file_of_another_kind_is_refused_beside_the_form(client, shelf):
    answer = send(client, shelf, b"%PDF-1.7\n", "books.pdf")
    assert "csv, xml, xaf" in text_of(answer)
    assert not Upload.objects.exists()


def test_the_date_of_a_trial_balance_travels_with_it(client, shelf):
    shelf.imported(accounts_csv().encode(), "chart.csv")
    balance = b"code;debit;credit\n1920;5,00;\n2050;;5,00"
    page = send(client, shelf, balance, "balance.csv", day="2024-12-31").headers["Location"]
    work(preview_books)
    assert "31 December 2024" in text_of(client.get(page))
    client.post(page)
    work(import_books)
    assert str(JournalEntry.objects.get().date) == "2024-12-31"


@pytest.mark.parametrize("role", [Membership.Role.OWNER, Membership.Role.MANAGER, Membership.Role.CASHIER])
def test_only_the_accountant_finds_the_way_in(client, shelf, role):
    page = send(client, shelf, xaf_40().read()).headers["Location"]
    client.force_login(member(shelf.administration, role))
    assert [client.get(address).status_code for address in (PAGE, page)] == [403, 403]
    assert send(client, shelf, xaf_40().read()).status_code == 403


def test_files_and_books_of_others_are_not_there(client, shelf):
    page = send(client, shelf, xaf_40().read()).headers["Location"]
    other = Shelf()
    client.force_login(other.accountant)
    assert client.get(page).status_code == 404
    answer = send(client, shelf, xaf_40().read())
    assert "Select a valid choice" in text_of(answer)
