"""Files are kept, given back as downloads only, and removed; by whom, after which scan, by which laws."""

import hashlib
import io
import os
import socketserver
import struct
import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.errors import FileInfected, FileTypeNotAllowed, ForeignRow, NotAllowed, ScannerUnavailable, refusal_for
from apps.core.models import Administration, Event, IdempotentRequest, Membership, Upload
from apps.core.services import uploads
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, member, operator
from apps.core.tests.files import CSV, MB, pdf, png, xlsx
from apps.core.tests.test_laws import law_broken_by, law_broken_by_owner
from apps.core.uploads.kinds import MOST_BYTES
from apps.core.uploads.receiving import PATIENCE, BoundedUploadHandler

AT = "/api/v1/uploads/"
CONTENT = CSV.encode()
MAY = ("receptionist", "cashier", "manager", "owner", "accountant")


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    options = {**settings.UPLOADS_FOLDER["OPTIONS"], "location": str(tmp_path / "uploads")}
    settings.STORAGES = {**settings.STORAGES, "uploads": {**settings.UPLOADS_FOLDER, "OPTIONS": options}}
    return tmp_path / "uploads"


@pytest.fixture
def clinic(db) -> Administration:
    return AdministrationFactory()


@pytest.fixture
def cashier(clinic):
    return member(clinic, Membership.Role.CASHIER)


@pytest.fixture
def upload(clinic, cashier) -> Upload:
    return store(clinic, cashier)


def store(clinic, by, content=CONTENT, name="list.csv", purpose="attachment") -> Upload:
    return uploads.store_upload(io.BytesIO(content), administration=clinic, purpose=purpose, name=name, by=by)


def stored(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


# Kept ----------------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_as_it_came_under_a_random_name(upload, clinic, folder):
    (path,) = stored(folder)
    assert path.read_bytes() == CONTENT
    assert str(path.relative_to(folder)) == upload.stored_as
    assert upload.stored_as.startswith(f"{clinic.pk}/")
    assert "list" not in upload.stored_as
    assert "csv" not in upload.stored_as
    assert (upload.file_size, upload.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_only_the_account_of_the_site_can_read_it(upload, folder):
    (path,) = stored(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_files_lie_outside_of_what_the_site_serves(settings):
    served = [settings.STATIC_ROOT, *settings.STATICFILES_DIRS]
    kept = os.path.abspath(settings.UPLOADS_FOLDER["OPTIONS"]["location"])
    assert not any(kept.startswith(os.path.abspath(place) + os.sep) for place in served)


def test_the_event_names_the_file_by_its_content_and_not_by_its_name(upload, cashier):
    event = Event.objects.get(name="core.file_uploaded")
    assert (event.subject_id, event.by, event.facts["sha256"]) == (upload.pk, cashier, upload.sha256)
    assert "list" not in str(event.facts)


def test_a_refused_file_leaves_nothing(clinic, cashier, folder):
    with pytest.raises(FileTypeNotAllowed):
        store(clinic, cashier, b"<html></html>")
    assert not Upload.objects.exists()
    assert not stored(folder)


def test_whoever_may_not_is_refused_before_the_file_is_read(clinic):
    for person in (member(clinic, Membership.Role.ADMIN), member(AdministrationFactory(), "owner"), operator()):
        with pytest.raises(NotAllowed):
            store(clinic, person, b"<html></html>")


# Laws ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["file_name", "file_type", "sha256", "stored_as", "purpose", "scan_verdict"])
def test_a_file_never_changes(upload, column):
    assert law_broken_by(f"UPDATE core_upload SET {column} = {column}") == "upload_unchanged"


def test_the_owner_of_the_tables_cannot_change_one_either(committed, owner_connection):
    clinic = AdministrationFactory()
    store(clinic, member(clinic, "owner"))
    assert law_broken_by_owner(owner_connection, "UPDATE core_upload SET file_size = 1") == "upload_unchanged"
    assert law_broken_by_owner(owner_connection, "TRUNCATE core_upload CASCADE") == "no_truncate"


def test_the_database_wants_a_size_and_a_checksum(clinic, cashier):
    for fields in ({"file_size": 0, "sha256": "0" * 64}, {"file_size": 1, "sha256": "x"}):
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            Upload.objects.create(administration=clinic, uploaded_by=cashier, stored_as=str(fields), **fields)
        assert refused.value.__cause__.diag.constraint_name == "upload_measured"
        assert not isinstance(refusal_for(refused.value), ForeignRow)


# Removed -------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_deleted_is_gone_once_that_is_committed(committed, folder):
    clinic = AdministrationFactory()
    by = member(clinic, "cashier")
    upload = store(clinic, by)
    with transaction.atomic():
        uploads.delete_upload(upload, by=by)
        assert stored(folder)
    assert not stored(folder)
    assert not Upload.objects.exists()
    assert Event.objects.filter(name="core.file_deleted", by=by).exists()


def test_a_deletion_that_is_rolled_back_keeps_the_file(committed, folder):
    clinic = AdministrationFactory()
    by = member(clinic, "cashier")
    upload = store(clinic, by)
    with transaction.atomic():
        uploads.delete_upload(upload, by=by)
        transaction.set_rollback(True)
    assert stored(folder)
    assert Upload.objects.exists()


def test_nobody_deletes_where_they_may_not(upload):
    with pytest.raises(NotAllowed):
        uploads.delete_upload(upload, by=member(AdministrationFactory(), "owner"))


def test_a_rollback_leaves_a_file_that_the_sweep_removes_a_day_later(clinic, cashier, folder):
    kept = store(clinic, cashier)
    with transaction.atomic():
        store(clinic, cashier, b"another")
        transaction.set_rollback(True)
    assert len(stored(folder)) == 2
    assert uploads.sweep() == 0  # a transaction may still be under way
    a_day_ago = (timezone.now() - uploads.LEFT_BEHIND_AFTER - timedelta(seconds=1)).timestamp()
    for path in stored(folder):
        os.utime(path, (a_day_ago, a_day_ago))
    assert uploads.sweep() == 1
    assert [path.read_bytes() for path in stored(folder)] == [CONTENT]
    assert uploads.storage().open(kept.stored_as).read() == CONTENT


def test_the_sweep_leaves_alone_what_belongs_to_an_administration_that_is_not_here(db, folder):
    uploads.storage().save("00000000-0000-7000-8000-000000000000/abc", ContentFile(b"x"))
    for path in stored(folder):
        os.utime(path, (0, 0))
    assert uploads.sweep() == 0
    assert stored(folder)


# Scanned -------------------------------------------------------------------------------------------------------------


class Clamd(socketserver.ThreadingTCPServer):
    """Speaks INSTREAM as clamd does, and finds the test virus of EICAR."""

    allow_reuse_address = True
    daemon_threads = True
    most = 1 * MB

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            assert self.rfile.read(10) == b"zINSTREAM\0"
            content = b""
            while length := struct.unpack("!L", self.rfile.read(4))[0]:
                content += self.rfile.read(length)
                if len(content) > self.server.most:
                    self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            found = b"Eicar-Test-Signature FOUND" if b"EICAR-STANDARD" in content else b"OK"
            self.wfile.write(b"stream: " + found + b"\0")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)


@pytest.fixture
def clamd(settings):
    with Clamd() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        settings.UPLOAD_SCANNER = "apps.core.uploads.clamav.scan"
        settings.CLAMAV_URL = f"tcp://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()


EICAR = b"memo;amount\nX5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*;1\n"


def test_without_a_scanner_the_file_says_that_it_was_not_scanned(upload):
    assert upload.scan_verdict == ""


def test_a_clean_file_carries_the_verdict(clamd, clinic, cashier):
    big = CONTENT * (200 * 1024 // len(CONTENT))  # several chunks
    assert store(clinic, cashier, big).scan_verdict == "ClamAV: OK"


def test_an_infected_file_is_refused_by_the_name_of_what_was_found(clamd, clinic, cashier, folder):
    with pytest.raises(FileInfected) as refused:
        store(clinic, cashier, EICAR)
    assert refused.value.facts == {"found": "Eicar-Test-Signature"}
    assert not stored(folder)


def test_a_scanner_that_gives_up_lets_nothing_in(clamd, clinic, cashier):
    with pytest.raises(ScannerUnavailable):
        store(clinic, cashier, CONTENT * (2 * MB // len(CONTENT)))


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "tcp://clamav.invalid:3310", "nonsense"])
def test_a_scanner_that_does_not_answer_lets_nothing_in(clinic, cashier, settings, folder, where):
    settings.UPLOAD_SCANNER, settings.CLAMAV_URL = "apps.core.uploads.clamav.scan", where
    with pytest.raises(ScannerUnavailable):
        store(clinic, cashier)
    assert not stored(folder)


# Over HTTP -----------------------------------------------------------------------------------------------------------


def client_of(person):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(person)
    return client


def send(person, content=CONTENT, name="list.csv", purpose="attachment", key=None, **more):
    file = io.BytesIO(content)
    file.name = name
    headers = {"Idempotency-Key": key} if key else {}
    body = {name: value for name, value in {"file": file, "purpose": purpose, **more}.items() if value is not None}
    return client_of(person).post(AT, body, format="multipart", headers=headers)


def refused(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def test_a_file_is_sent_and_found_again(clinic, cashier):
    answer = send(cashier)
    assert answer.status_code == 201
    said = answer.json()
    assert said["administration_id"] == str(clinic.pk)
    assert (said["file_name"], said["file_type"], said["file_size"]) == ("list.csv", "text/csv", len(CONTENT))
    assert (said["uploaded_by"], said["purpose"]) == (str(cashier.pk), "attachment")
    assert "stored_as" not in said
    assert client_of(cashier).get(f"{AT}{said['id']}/").json() == said


def test_it_only_ever_comes_back_as_a_download(clinic, cashier):
    upload = store(clinic, cashier, pdf(), 'Årsregnskap "2026".pdf'.replace('"', "'"))
    answer = client_of(cashier).get(f"{AT}{upload.pk}/content/", headers={"Accept": "application/pdf"})
    assert b"".join(answer.streaming_content) == pdf()
    said = answer.headers
    assert said["Content-Disposition"] == "attachment; filename*=utf-8''%C3%85rsregnskap%20%272026%27.pdf"
    assert said["Content-Type"] == "application/pdf"
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert said["Cache-Control"] == "private, no-store"
    assert said["Content-Length"] == str(upload.file_size)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"content": b"<html></html>"}, (400, "FILE_TYPE_NOT_ALLOWED")),
        ({"name": "invoice.exe"}, (400, "FILE_TYPE_NOT_ALLOWED")),
        ({"name": "invoice.exe.pdf"}, (400, "FILE_NAME_REFUSED")),
        ({"content": b""}, (400, "FILE_DAMAGED")),
        ({"content": xlsx({"xl/vbaProject.bin": b"x"}), "name": "a.xlsx"}, (400, "FILE_REFUSED")),
        ({"content": b"a" * (10 * MB + 1)}, (413, "FILE_TOO_LARGE")),
        ({"content": b"a" * (30 * MB), "purpose": "attachment"}, (413, "FILE_TOO_LARGE")),
        ({"purpose": "portrait"}, (422, "VALIDATION_ERROR")),
        ({"purpose": None}, (422, "VALIDATION_ERROR")),
        ({"file": None}, (422, "VALIDATION_ERROR")),
        ({"file": "a word"}, (422, "VALIDATION_ERROR")),
        ({"administration_id": "nonsense"}, (422, "VALIDATION_ERROR")),
        ({"administration_id": "00000000-0000-7000-8000-000000000000"}, (404, "NOT_FOUND")),
    ],
)
def test_what_cannot_be_taken_is_refused_in_the_one_shape(cashier, sent, said):
    assert refused(send(cashier, **sent)) == said
    assert not Upload.objects.exists()


def test_a_body_that_is_no_form_is_refused(cashier):
    assert refused(client_of(cashier).post(AT, {"purpose": "attachment"}, format="json"))[0] == 415
    broken = client_of(cashier).post(AT, b"--x\r\nnonsense", content_type="multipart/form-data; boundary=y")
    assert broken.status_code == 422


def test_a_body_beyond_all_patience_is_not_read_to_its_end(cashier, monkeypatch):
    monkeypatch.setattr("apps.core.uploads.receiving.PATIENCE", 1 * MB)
    assert refused(send(cashier, b"a" * (2 * MB))) == (413, "BODY_TOO_LARGE")
    assert PATIENCE > MOST_BYTES  # else whoever sends a little more would not hear why


def test_all_files_of_a_form_together_take_no_more_of_the_disk_than_one_may():
    handler, kept = BoundedUploadHandler(), 0
    for number in range(3):
        handler.new_file("file", f"{number}.csv", "text/csv", None)
        for start in range(0, MOST_BYTES, MB):
            handler.receive_data_chunk(b"a" * MB, start)
        file = handler.file_complete(MOST_BYTES)
        assert file.size == MOST_BYTES  # as it was sent, so that it is refused for that
        kept += os.path.getsize(file.temporary_file_path())
        file.close()
    assert kept == MOST_BYTES + 1


@pytest.mark.parametrize("role", Membership.Role.values)
def test_whoever_works_in_the_clinic_may_send_and_read(clinic, upload, role):
    person = member(clinic, role)
    expected = {"send": 201, "list": 200, "one": 200, "content": 200} if role in MAY else dict.fromkeys(
        ("send", "list", "one", "content"), 403)  # fmt: skip
    client = client_of(person)
    answers = {
        "send": send(person),
        "list": client.get(AT),
        "one": client.get(f"{AT}{upload.pk}/"),
        "content": client.get(f"{AT}{upload.pk}/content/"),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == expected


def test_a_foreign_file_and_a_missing_one_are_the_same_404(upload):
    stranger = client_of(member(AdministrationFactory(), Membership.Role.OWNER))
    for tail in ("", "content/"):
        foreign = stranger.get(f"{AT}{upload.pk}/{tail}")
        missing = stranger.get(f"{AT}00000000-0000-7000-8000-000000000000/{tail}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.content == missing.content
    assert stranger.get(AT).json()["results"] == []


def test_whoever_works_in_two_clinics_says_in_which(clinic, cashier):
    other = MembershipFactory(user=cashier).administration
    assert refused(send(cashier)) == (400, "ADMINISTRATION_REQUIRED")
    assert send(cashier, administration_id=str(other.pk)).json()["administration_id"] == str(other.pk)


def test_nothing_changes_or_deletes_a_file_over_http(cashier, upload):
    for method in ("put", "patch", "delete"):
        assert refused(getattr(client_of(cashier), method)(f"{AT}{upload.pk}/")) == (405, "METHOD_NOT_ALLOWED")


def test_the_list_is_filtered_and_ordered(clinic, cashier):
    small = store(clinic, cashier, b"a")
    large = store(clinic, cashier, b"a" * 100)
    store(clinic, cashier, CONTENT, purpose="statement")
    listed = client_of(cashier).get(AT, {"purpose": "attachment", "ordering": "-file_size"}).json()["results"]
    assert [row["id"] for row in listed] == [str(large.pk), str(small.pk)]
    for query in ({"purpose": "portrait"}, {"ordering": "stored_as"}, {"administration_id": "x"}):
        assert refused(client_of(cashier).get(AT, query)) == (400, "INVALID_PARAMETER")


def test_the_list_asks_no_more_when_it_grows(clinic, cashier, django_assert_num_queries):
    from django.db import connection

    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert client_of(cashier).get(AT).status_code == 200
        return len(queries)

    store(clinic, cashier)
    few = asked()
    for _ in range(5):
        store(clinic, cashier)
    assert asked() == few <= 3


def test_the_same_key_and_file_give_the_first_answer_though_the_boundary_is_another(cashier):
    scan = png()
    first, again = (send(cashier, scan, "scan.png", key="k-1") for _ in range(2))
    assert first.status_code == 201
    assert (again.content, again["Idempotent-Replay"]) == (first.content, "true")
    assert Upload.objects.count() == 1


@pytest.mark.parametrize("other", [{"content": b"other"}, {"name": "other.csv"}, {"purpose": "statement"}])
def test_the_same_key_with_another_file_name_or_purpose_is_refused(cashier, other):
    assert send(cashier, key="k-1").status_code == 201
    assert refused(send(cashier, key="k-1", **other)) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_file_of_9_mb_may_carry_a_key(cashier):
    assert send(cashier, b"a" * 9 * MB, key="k-1").status_code == 201


def test_a_file_that_is_too_large_takes_no_key(cashier, monkeypatch):
    monkeypatch.setattr("apps.core.uploads.receiving.PATIENCE", 1 * MB)
    assert refused(send(cashier, b"a" * 2 * MB, key="k-1")) == (413, "BODY_TOO_LARGE")
    assert not IdempotentRequest.objects.exists()


# In the admin --------------------------------------------------------------------------------------------------------


def test_the_page_of_files_leads_to_the_download(upload, cashier):
    client = Client()
    client.force_login(cashier)
    link = reverse("upload-content", args=[upload.pk])
    assert f'href="{link}"' in client.get("/admin/core/upload/").content.decode()
    assert f'href="{link}"' in client.get(f"/admin/core/upload/{upload.pk}/change/").content.decode()
    answer = client.get(link)
    assert answer["Content-Disposition"].startswith("attachment;")


def test_what_names_a_file_protects_it():
    """Whatever later names an upload keeps it: a key of the default kind would delete with it."""
    keys = [field for field in Upload._meta.get_fields() if field.auto_created and not field.concrete]
    assert all(field.on_delete.__name__ == "PROTECT" for field in keys)
