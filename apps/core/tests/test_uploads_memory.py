"""The site takes bombs, endless bodies and good files of 10 MB at once, and its processes do not grow."""

import http.client
import os
import threading

import psutil
import pytest

from apps.core.models import Membership, Upload
from apps.core.sign_in import refresh_token
from apps.core.tests.factories import AdministrationFactory, member
from apps.core.tests.files import MB, archive, big_xlsx, objects, pdf, png_of, rows, stream, workbook_parts, xml

GROWTH = 128 * MB  # of each of the two processes, with four requests at a time in each
BOUNDARY = "daybook-boundary"


def form(name, content, purpose="attachment"):
    """The body of a form, piece by piece; ``content`` may be a number of megabytes."""
    yield (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--{BOUNDARY}\r\n'
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    ).encode()
    if isinstance(content, int):
        yield from (b"a" * MB for _ in range(content))
    else:
        yield content
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def peak(process):
    """The most memory that a process ever had (VmHWM), in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@pytest.fixture
def process_env(process_env):
    """A site of its own: how far another test made it grow would hide how far this one does."""
    return process_env | {"STARTED_FOR": __name__}


@pytest.fixture
def send(site):
    person = member(AdministrationFactory(), Membership.Role.CASHIER)
    token = refresh_token(person).access_token

    def post(name, content, purpose="attachment"):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
        pieces = list(form(name, content, purpose)) if not isinstance(content, int) else form(name, content, purpose)
        length = sum(map(len, form(name, b"", purpose))) + (content * MB if isinstance(content, int) else len(content))
        headers = {"Authorization": f"Bearer {token}", "Content-Length": str(length),
                   "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}  # fmt: skip
        connection.request("POST", "/api/v1/uploads/", iter(pieces), headers)
        return connection.getresponse().status

    return post


@pytest.fixture
def workers(site):
    """The processes of the site that answer, not the one that looks after them."""
    (master,) = (
        process
        for process in psutil.Process().children()
        if f"127.0.0.1:{site.port}" in process.cmdline()
    )  # fmt: skip
    return master.children()


def all_at_once(send, files, threads=8):
    answers, waiting = [], list(files)

    def work():
        while waiting:
            try:
                name, content, purpose, expected = waiting.pop()
            except IndexError:
                return
            answers.append((name, send(name, content, purpose), expected))

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return answers


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak of a process is read from /proc")
def test_the_memory_of_the_site_is_bounded_whatever_is_sent(send, workers):
    hostile = [
        ("bomb.xlsx", big_xlsx("xl/worksheets/sheet2.xml", 2048), "attachment", 400),
        ("liar.xlsx", big_xlsx("xl/worksheets/sheet2.xml", 2048, says=1000), "attachment", 400),
        ("bomb.pdf", pdf(objects(" " * 100 * MB)), "document", 400),
        ("large.png", png_of(19_000, 19_000), "document", 400),
        ("deep.xml", xml("<a>" * 3_000_000), "document", 400),
        ("names.xml", xml("".join(f"<a{n}/>" for n in range(1_000_000))), "document", 400),
        ("attribute.xml", xml(attributes=f' a="{"x" * 15 * MB}"'), "document", 400),
        ("endless.csv", 100, "attachment", 413),
        ("endless.xml", 100, "document", 413),
    ]
    good = [
        ("list.csv", ("é;1\n" * 3 * MB).encode()[: 10 * MB - 2], "attachment", 201),
        ("scan.pdf", pdf(stream(os.urandom(9 * MB))), "attachment", 201),
        ("book.pdf", pdf(stream(os.urandom(19 * MB))), "document", 201),
        ("sheet.xlsx", archive(workbook_parts(rows(1_500_000))), "attachment", 201),
        ("invoice.xml", xml("<line><amount>12.50</amount></line>" * 250_000), "document", 201),
    ]
    for _ in range(4):  # until all is loaded in both
        assert send("list.csv", b"a;b\n") == send("scan.pdf", pdf()) == 201
    before = {worker.pid: peak(worker) for worker in workers}
    answers = all_at_once(send, (hostile + good) * 4)
    assert [answer for answer in answers if answer[1] != answer[2]] == []
    assert len(answers) == 4 * len(hostile + good)
    grown = {worker.pid: peak(worker) - before[worker.pid] for worker in workers}
    print(f"peak memory grew by {[f'{size / MB:.0f} MB' for size in grown.values()]}")
    assert max(grown.values()) < GROWTH
    assert Upload.objects.count() == 8 + 4 * len(good)
