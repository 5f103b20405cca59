"""A mapping is made and tried on screen: what it makes of the files is shown, and nothing is kept."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.billing.importing.trying import LINES, try_mapping
from apps.billing.models import Bill, Patient
from apps.billing.tests.test_import_clinic import FIXTURES, import_clinic
from apps.core.models import Administration

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
