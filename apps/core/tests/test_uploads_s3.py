"""Files in S3: the real backend against a small stand-in that speaks as much of S3's REST as the backend asks for."""

import io
import os
import re
import subprocess
import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from apps.core.models import Upload
from apps.core.services import uploads
from apps.core.tests.factories import AdministrationFactory, member
from apps.core.tests.files import MB, pdf, stream

ROOT = Path(__file__).parents[3]


class Bucket(BaseHTTPRequestHandler):
    """PUT, GET, HEAD, DELETE of an object, and the list of a folder; each object with the headers it came with."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, tuple[bytes, dict[str, str]]] = {}

    def log_message(self, *words):
        pass

    def answer(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    @property
    def key(self):
        return unquote(urlsplit(self.path).path).removeprefix("/clinic-files/")

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            content = self.unchunked(content)
        self.kept[self.key] = content, dict(self.headers)
        self.answer(200, ETag='"x"')

    def unchunked(self, content):
        """Chunks of aws-chunked: their length in hexadecimal, perhaps a signature, the bytes."""
        whole = b""
        while content:
            head, _, rest = content.partition(b"\r\n")
            length = int(head.split(b";")[0], 16)
            if not length:
                break
            whole, content = whole + rest[:length], rest[length + 2 :]
        return whole

    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        if "list-type" in asked or "prefix" in asked:
            rows = "".join(
                f"<Contents><Key>{key}</Key></Contents>" for key in self.kept if key.startswith(asked["prefix"][0])
            )
            self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode())
        elif self.key not in self.kept:
            self.answer(404)
        else:
            content, _ = self.kept[self.key]
            part = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first, last = (int(part[1]), int(part[2] or len(content) - 1)) if part else (0, len(content) - 1)
            ranged = {"Content_Range": f"bytes {first}-{last}/{len(content)}"} if part else {}
            modified = {"Last_Modified": formatdate(0, usegmt=True), "ETag": '"x"'}
            self.answer(206 if part else 200, content[first : last + 1], **modified, **ranged)

    do_HEAD = do_GET

    def do_DELETE(self):
        self.kept.pop(self.key, None)
        self.answer(204)


@pytest.fixture
def bucket(settings):
    Bucket.kept = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = f"http://127.0.0.1:{server.server_port}"
        ours = {"bucket_name": "clinic-files", "endpoint_url": where, "region_name": "eu-west-1",
                "access_key": "id", "secret_key": "key"}  # fmt: skip
        options = {**settings.UPLOADS_BUCKET["OPTIONS"], **ours}
        settings.STORAGES = {**settings.STORAGES, "uploads": {**settings.UPLOADS_BUCKET, "OPTIONS": options}}
        yield Bucket.kept
        server.shutdown()


@pytest.fixture
def cashier(db):
    return member(AdministrationFactory(), "cashier")


def store(by, content, name):
    clinic = by.memberships.get().administration
    return uploads.store_upload(io.BytesIO(content), administration=clinic, purpose="document", name=name, by=by)


def test_a_file_goes_to_the_bucket_encrypted_and_private_and_comes_back_whole(bucket, cashier):
    content = pdf(stream(os.urandom(3 * MB)))
    upload = store(cashier, content, "invoice.pdf")
    ((key, (kept, headers)),) = bucket.items()
    assert (key, kept) == (upload.stored_as, content)
    said = {name.lower(): value for name, value in headers.items()}
    assert said["x-amz-server-side-encryption"] == "AES256"
    assert said["cache-control"] == "private, no-store"
    assert "x-amz-acl" not in said
    assert uploads.storage().open(upload.stored_as).read() == content


def test_the_sweep_removes_from_the_bucket_what_no_row_names(bucket, cashier):
    kept, left = (store(cashier, pdf(), name) for name in ("kept.pdf", "left.pdf"))
    Upload.objects.filter(pk=left.pk).delete()
    assert uploads.sweep() == 1
    assert list(bucket) == [kept.stored_as]


def test_the_bucket_is_used_as_soon_as_it_is_named():
    ask = "from apps.core.services.uploads import storage; at = storage(); print(at, at.bucket_name, at.access_key)"
    named = {"UPLOADS_S3_BUCKET": "clinic-files", "UPLOADS_S3_CREDENTIALS": "id:key"}
    line = [sys.executable, "manage.py", "shell", "-v", "0", "-c", ask]
    said = subprocess.run(line, cwd=ROOT, env=os.environ | named, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"<storages.backends.s3.S3Storage object at \S+> clinic-files id\n", said.stdout)
