"""A mapping is made and tried on screen, where nothing is kept; then the files are imported from there."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Sum
from django.test import Client

from apps.billing.importing.trying import LINES, try_mapping
from apps.billing.models import Bill, Patient
from apps.billing.tasks import import_clinic as import_clinic_job
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.test_import_clinic import FIXTURES, import_clinic
from apps.core.models import Administration, Event, Job, Membership, Upload

POLYCLINIC = FIXTURES / "polyclinic"


def files():
    return [SimpleUploadedFile(path.name, path.read_bytes()) for path in sorted(POLYCLINIC.glob("*.csv"))]


def tried(user, mapping=None, sent=None):
    client = Client()
    client.force_login(user)
    text = (POLYCLINIC / "mapping.toml").read_text() if mapping is None else mapping
    return client.post("/admin/mapping/", {"mapping": text, "files": files() if sent is None else sent})


def test_the_page_says_what_the_mapping_makes_of_the_files_and_keeps_nothing(clinic):
    page = tried(clinic.owner).content.decode()
    assert "Ikeja Polyclinic" in page
    for words in ("<td>6</td>", "39,400.00", "11,400.00", "9,000.00"):  # orders; billed, cash, HMO
        assert words in page
    assert not Bill.objects.exists()
    assert not Patient.objects.exists()


def test_a_mapping_that_cannot_be_right_is_told_in_one_sentence(clinic):
    page = tried(clinic.owner, mapping='name = "x"\n[settings]\ncountry = "NL"').content.decode()
    assert "settings: &#x27;currency&#x27; is missing." in page
    assert "is not TOML" in tried(clinic.owner, mapping="name = ").content.decode()


def test_refused_rows_are_listed_with_their_line(clinic):
    sent = files()
    bad = SimpleUploadedFile(
        "receipts.csv", (POLYCLINIC / "receipts.csv").read_bytes() + b"R9,B9,02/03/2026 09:00,cash,5,T1\n"
    )
    page = tried(clinic.owner, sent=[bad if one.name == "receipts.csv" else one for one in sent]).content.decode()
    assert "One row is refused." in page
    assert "receipts.csv:8" in page
    assert "no such bill" in page


def test_only_the_beginning_of_a_long_file_is_read(db):
    rows = b"".join(b"V%d,P1,02/03/2026 09:00,02/03/2026 10:00\n" % number for number in range(2 * LINES))
    sent = [one for one in files() if one.name != "visits.csv"]
    sent.append(SimpleUploadedFile("visits.csv", b"VISIT,PATIENT,IN,OUT\n" + rows))
    trial = try_mapping((POLYCLINIC / "mapping.toml").read_text(), sent, Administration.objects.all())
    assert trial.cut == ("visits.csv",)
    assert dict(trial.clinics[0].rows)["Visits"] == LINES - 1


def test_what_another_clinic_imported_is_not_told(clinic):
    import_clinic(POLYCLINIC)  # into an administration that the owner is no member of
    mine = tried(clinic.owner).content.decode()
    assert "· known" not in mine
    assert "39,400.00" in mine


def test_a_file_cannot_leave_its_folder(db, tmp_path, monkeypatch):
    class Sent:
        name = "../outside.csv"

        def __iter__(self):
            return iter([b"x\n"])

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    try_mapping('name = "x"', [Sent()], Administration.objects.none())
    assert list(tmp_path.iterdir()) == []


def test_without_files_the_page_says_what_to_do(clinic):
    assert "Choose the files of the clinic" in tried(clinic.owner, sent=[]).content.decode()


def test_a_page_of_refusals_costs_as_many_queries_as_one(clinic, django_assert_max_num_queries):
    client = Client()
    client.force_login(clinic.owner)
    with django_assert_max_num_queries(25):
        client.post("/admin/mapping/", {"mapping": (POLYCLINIC / "mapping.toml").read_text(), "files": files()})


# Importing what was tried --------------------------------------------------------------------------------------------


@pytest.fixture
def books(db):
    """The books of a clinic in the country of the files."""
    return make_clinic("Ikeja", country="NG", currency="NGN", time_zone="Africa/Lagos")


def sent(books, user=None, **more):
    client = Client()
    client.force_login(user or books.owner)
    form = {"do": "import", "administration": str(books.administration.pk), "key": "one", "files": files()}
    return client.post("/admin/mapping/", {**form, "mapping": (POLYCLINIC / "mapping.toml").read_text(), **more})


def imported():
    """Run the job that was asked for last, as the worker does."""
    job = Job.objects.order_by("-id").first()
    import_clinic_job(str(job.pk))
    job.refresh_from_db()
    return job


def test_the_same_files_are_imported_from_the_screen_once_and_kept(books):
    answers = [sent(books) for _twice in range(2)]
    job = Job.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {f"/admin/core/job/{job.pk}/"}
    assert not Bill.objects.exists()  # the worker does it
    job = imported()
    assert (job.state, job.done, job.refusals) == ("DONE", 1, [])
    bills = Bill.objects.filter(administration=books.administration)
    assert bills.aggregate(sum=Sum("gross"))["sum"] == Decimal("39400.00")
    assert job.arguments["made"]["billing.Bill"] == bills.count()
    assert Event.objects.get(name="billing.clinic_imported").by == books.owner
    kept = Upload.objects.filter(administration=books.administration, purpose="import")
    assert set(kept.values_list("file_name", flat=True)) == {*(one.name for one in files()), "mapping.toml"}
    client = Client()
    client.force_login(books.owner)
    page = client.get(f"/admin/core/job/{job.pk}/").content.decode()
    assert f"<li>{bills.count()} bills</li>" in page

    sent(books, key="again")  # what is there is not added twice
    assert imported().arguments["made"] == {}
    assert Administration.objects.count() == 1


def test_rows_that_do_not_fit_are_left_out_and_told_by_line(books):
    bad = SimpleUploadedFile(
        "receipts.csv", (POLYCLINIC / "receipts.csv").read_bytes() + b"R9,B9,02/03/2026 09:00,cash,5,T1\n"
    )
    sent(books, files=[bad if one.name == "receipts.csv" else one for one in files()])
    (refusal,) = imported().refusals
    assert (refusal["what"], refusal["code"]) == ("receipts.csv:8", "IMPORT_ROW_REFUSED")
    assert "no such bill" in refusal["message"]
    assert Bill.objects.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda text: text.replace('"NGN"', '"EUR"'), "The files are in EUR, the books of Ikeja in NGN."),
        (lambda text: text.replace('match = "visits.csv"', 'match = "others.csv"'), "no file in"),
        (lambda text: "name = ", "is not TOML"),
    ],
)
def test_what_stops_an_import_is_one_sentence_and_nothing_is_written(books, changed, words):
    sent(books, mapping=changed((POLYCLINIC / "mapping.toml").read_text()))
    job = imported()
    assert words in job.refusals[0]["message"]
    assert not Bill.objects.exists()


def test_files_of_several_clinics_are_left_to_the_command(db):
    norway = make_clinic("Oslo", country="NO", currency="NOK", time_zone="Europe/Oslo")
    folder = FIXTURES / "oslo"
    several = [SimpleUploadedFile(path.name, path.read_bytes()) for path in folder.glob("*.csv")]
    sent(norway, files=several, mapping=(folder / "mapping.toml").read_text())
    assert "The files hold several clinics" in imported().refusals[0]["message"]
    assert not Bill.objects.exists()


def test_a_clinic_that_stands_in_other_books_of_the_same_person_is_not_imported_beside_them(books):
    import_clinic(POLYCLINIC, member=[f"{books.owner.email}:owner"])
    sent(books)
    assert "was imported into Ikeja Polyclinic before" in imported().refusals[0]["message"]
    assert not Bill.objects.filter(administration=books.administration).exists()


def test_only_an_owner_imports_and_only_into_their_own_books(books, clinic):
    for role, status in (("manager", 403), ("admin", 403), ("accountant", 403), ("owner", 302)):
        assert sent(books, books.people[role]).status_code == status, role
    assert Job.objects.count() == 1
    foreign = sent(books, clinic.owner)
    assert foreign.status_code == 200
    assert "administration" in foreign.context["form"].errors
    assert Job.objects.count() == 1
    Membership.objects.filter(user=books.owner).update(role="manager")  # before the worker comes
    assert [one["code"] for one in imported().refusals] == ["NOT_ALLOWED"]
    assert not Bill.objects.exists()


def test_what_cannot_be_kept_is_said_on_the_page_with_the_mapping_that_was_typed(books):
    page = sent(books, files=[SimpleUploadedFile("visits.csv", b"<html>")], mapping="name = 1")
    assert "must both be one of" in str(page.context["form"].errors)
    assert "name = 1" in page.content.decode()
    twice = [SimpleUploadedFile(name, b"a;b\n") for name in ("a.csv", "A.csv")]
    assert "Two of the files are called a.csv" in str(sent(books, files=twice).context["form"].errors)
    assert "Choose the files" in str(sent(books, files=[]).context["form"].errors)
    assert not Job.objects.exists()
    assert not Upload.objects.exists()


def test_the_files_of_an_import_are_read_and_deleted_by_the_owner_alone(books):
    sent(books)
    upload = Upload.objects.filter(file_name="visits.csv").get()
    client, where = Client(), f"/api/v1/uploads/{upload.pk}/content/"
    chosen = {"action": "delete_of_import", "_selected_action": [str(upload.pk)]}
    for role in ("receptionist", "manager", "accountant", "cashier"):
        client.force_login(books.people[role])
        assert client.get(where).status_code == 404, role
        assert "visits.csv" not in client.get("/admin/core/upload/").content.decode()
        client.post("/admin/core/upload/", chosen)
    client.force_login(books.owner)
    assert client.get(where).status_code == 200
    client.post("/admin/core/upload/", chosen)
    assert not Upload.objects.filter(pk=upload.pk).exists()
