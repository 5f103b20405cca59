"""Databases, servers and browsers for the tests.

Tests connect as the application role, to a copy of a template database that the owner migrated. ``db`` rolls back;
``committed`` is a database of the test's own, since the laws refuse the TRUNCATE that a flush would need.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from aiosmtpd.controller import Controller
from psycopg import sql

from apps.core.management.commands.create_roles import grant_rows, no_temporary_tables
from tools.dev import WEB, WORKER
from tools.servers import free_port, schema_state
from tools.supervisor import die_with_parent

ROOT = Path(__file__).parent
OWNER_URL = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
APPLICATION = urlsplit(os.environ["DATABASE_URL"]).username or ""
OUR_OWN = "test_daybook"  # every database that a test run makes starts with this
NO_BROWSER = os.environ.get("DAYBOOK_NO_BROWSER") == "1"
PROOF_REQUIRED = os.environ.get("DAYBOOK_REQUIRE_PLAINTEXT") == "1"
INSTALL_HLEDGER = "install hledger (apt install hledger)"
INSTALL_BEANCOUNT = "install beancount into .cache/beancount (.ci/beancount)"
INSTALL_CHROMIUM = "install Chromium (apt install chromium), or name one with CHROMIUM=/path/to/chromium"

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright's loop runs in the thread of the test


# -- databases ------------------------------------------------------------------------------------


@contextmanager
def as_owner(database):
    with psycopg.connect(OWNER_URL, dbname=database, autocommit=True) as connection:
        yield connection


def url_of(database, of=None):
    return urlsplit(of or os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()


def maintenance_database():
    return urlsplit(OWNER_URL).path.lstrip("/")


def copy_database(template):
    name = f"{OUR_OWN}_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    with as_owner(maintenance_database()) as own:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        own.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        own.execute(no_temporary_tables(name))
    return name


def drop_database(name):
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for left in reversed(range(100)):
        try:
            with as_owner(maintenance_database()) as own:
                own.execute(statement)
            return
        except psycopg.errors.InsufficientPrivilege:  # autovacuum is there, which only a superuser may end
            if not left:
                raise
            time.sleep(0.1)


def build_template():
    """The template for today's migrations; the first worker makes it, the others wait for it."""
    name = f"{OUR_OWN}_template_{schema_state(APPLICATION)}"
    with as_owner(maintenance_database()) as own:
        own.execute("SELECT pg_advisory_lock(hashtext(%s))", [OUR_OWN])
        ours = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datdba = current_user::regrole"
        found = own.execute(ours, [OUR_OWN])
        databases = {row[0] for row in found}
        if name in databases:
            return name
        for old in databases:  # templates of other migrations, copies of runs that were killed
            if old.startswith(f"{OUR_OWN}_template_") or not process_lives(int(old.split("_")[2])):
                own.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
        unfinished = f"{name}_unfinished"
        own.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
        with as_owner(unfinished) as inside:
            if inside.info.user != APPLICATION:
                grant_rows(inside, APPLICATION)
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"],
            env=os.environ | {"DATABASE_URL": url_of(unfinished, OWNER_URL)},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if migrated.returncode:
            pytest.exit(f"the test database cannot be migrated:\n{migrated.stderr}", returncode=1)
        own.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name)))
    return name


def process_lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def connected_to(database):
    """Point the default connection, and those that other threads open later, at this database."""
    from django.db import connections

    before = connections["default"].settings_dict["NAME"]
    connections["default"].close()
    connections["default"].settings_dict["NAME"] = database
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = before


@pytest.fixture(scope="session")
def template_database():
    return build_template()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, template_database):
    database = copy_database(template_database)
    with django_db_blocker.unblock(), connected_to(database):
        yield
    drop_database(database)


@pytest.fixture
def committed(django_db_setup, django_db_blocker, template_database):
    """A database of the test's own, where commits are real: for threads, deferred laws and other processes."""
    from django.db import connections

    database = copy_database(template_database)
    with django_db_blocker.unblock(), connected_to(database):
        yield database
        connections.close_all()
    drop_database(database)


@pytest.fixture
def _django_db_helper(request):
    """What ``db`` and ``mark.django_db`` rest on: within ``committed`` they mean that database, without a rollback."""
    marker = request.node.get_closest_marker("django_db")
    if marker and (marker.kwargs.get("transaction") or marker.kwargs.get("reset_sequences")):
        flushing_is_refused()
    if "committed" in request.fixturenames:
        request.getfixturevalue("committed")
    else:
        request.getfixturevalue("_django_db_helper")


@pytest.fixture
def owner_connection(db):
    """psycopg as the owner of the tables, in the database of this test; it sees only what is committed."""
    from django.db import connection

    with as_owner(connection.settings_dict["NAME"]) as own:
        yield own


def flushing_is_refused():
    pytest.fail("the laws refuse TRUNCATE: use `committed` for real commits, `site` for a real server", pytrace=False)


@pytest.fixture
def transactional_db():
    flushing_is_refused()


@pytest.fixture
def django_db_reset_sequences():
    flushing_is_refused()


@pytest.fixture
def live_server():
    flushing_is_refused()


# -- servers --------------------------------------------------------------------------------------


def broker_url():
    """One Valkey database per xdist worker."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number + 1}").geturl()


def pytest_configure(config):
    from django.conf import settings

    settings.CELERY_BROKER_URL = broker_url()


@pytest.fixture(scope="session")
def broker():
    import redis

    with redis.Redis.from_url(broker_url()) as broker:
        yield broker


@pytest.fixture(autouse=True)
def _nothing_is_counted_yet(broker):
    """No test meets the limits that another one used up."""
    forget_counts(broker)


def forget_counts(broker):
    counted = broker.keys("rate:*")
    if counted:
        broker.delete(*counted)


@pytest.fixture
def no_limits(broker, monkeypatch):
    """For tests of what comes after a limit: none here; calling it forgets what ``site`` counted."""
    from dataclasses import replace

    from apps.core.rate_limits import LIMITS

    for name, limit in LIMITS.items():
        monkeypatch.setitem(LIMITS, name, replace(limit, calls=1_000_000))
    return lambda: forget_counts(broker)


@contextmanager
def process(line, env, log):
    """A command of ours as a process of its own, ended by its id, with whatever it started."""
    with open(log, "wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", *line.split()],
            env=env,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(started.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        started.wait()


def until(ready, started, log, seconds=30):
    deadline = time.monotonic() + seconds
    while not ready():
        if started.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not start:\n{Path(log).read_text()}", pytrace=False)
        time.sleep(0.05)


class PostOffice:
    """An SMTP server (RFC 5321) that keeps what it is given."""

    def __init__(self):
        self.port = free_port()
        self.messages = []
        self.arrived = threading.Condition()

    async def handle_DATA(self, server, session, envelope):
        with self.arrived:
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
            self.arrived.notify_all()
        return "250 OK"

    def letter_to(self, address, about, seconds=20):
        """The newest message to ``address`` whose subject holds ``about``, once it is there and its sender is done.

        The sender commits after the server accepted: a reader quicker than that would meet a link that is not good yet.
        """
        from apps.core.models import Mail

        def found():
            mine = [one for one in self.messages if one["To"] == address and about in one["Subject"]]
            return mine[-1] if mine else None

        with self.arrived:
            assert self.arrived.wait_for(found, seconds), f"no e-mail about {about!r} came to {address}"
        deadline = time.monotonic() + seconds
        while Mail.objects.filter(address=address, sent_at=None).exists():
            assert time.monotonic() < deadline, f"an e-mail to {address} is still on its way"
            time.sleep(0.02)
        return found()

    def link_to(self, address, about):
        """The address of the page that the newest such message leads to, without the site."""
        body = self.letter_to(address, about).get_content()
        link = re.search(r"https?://[^/\s]+(/\S+\?token=\S+)", body)
        assert link, body
        return link.group(1)


@pytest.fixture
def post_office():
    """Where the e-mails of ``site`` and ``worker`` go."""
    office = PostOffice()
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    yield office
    controller.stop()


@pytest.fixture
def process_env(committed, post_office):
    env = os.environ | {"DATABASE_URL": url_of(committed), "REDIS_URL": broker_url(), "LOG_FORMAT": "json"}
    env["EMAIL_URL"] = f"smtp://127.0.0.1:{post_office.port}"
    del env["DATABASE_OWNER_URL"]  # as in production: web and worker know nothing of the owner
    return env


@pytest.fixture
def site(process_env, tmp_path):
    """The site as production runs it, on the committed database; with its ``url`` and the ``pid`` of its master."""

    class Site:
        pid = 0
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = tmp_path / "web.log"

    def answers():
        try:
            return urllib.request.urlopen(f"{Site.url}/health", timeout=5)
        except OSError:
            return None

    with process(WEB.format(host="127.0.0.1", port=Site.port), process_env, Site.log) as started:
        until(answers, started, Site.log)
        Site.pid = started.pid
        yield Site


@pytest.fixture
def worker(process_env, tmp_path):
    """A Celery worker on the committed database and an empty queue."""
    import redis

    broker = redis.Redis.from_url(process_env["REDIS_URL"])
    if os.environ.get("DAYBOOK_TEST_REDIS") == "ours":
        broker.flushdb()
    elif broker.dbsize():
        pytest.fail(f"{broker} holds data; tests of the worker need an empty one", pytrace=False)

    log = tmp_path / "worker.log"
    with process(f"{WORKER} --without-gossip --without-mingle", process_env, log) as started:
        until(lambda: b"ready." in log.read_bytes() or broker.exists("_kombu.binding.celery.pidbox"), started, log)
        yield started
    if os.environ.get("DAYBOOK_TEST_REDIS") == "ours":
        broker.flushdb()


# -- browsers -------------------------------------------------------------------------------------


def pytest_collection_modifyitems(items):
    for item in items:
        if {"page", "context", "browser", "new_context"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
            if NO_BROWSER:
                item.add_marker(pytest.mark.skip(reason=f"no Chromium: {INSTALL_CHROMIUM}"))


def pytest_terminal_summary(terminalreporter):
    if NO_BROWSER:
        terminalreporter.write_line(f"NO BROWSER TESTS RAN: {INSTALL_CHROMIUM}", red=True, bold=True)
    for found, install in ((hledger_program(), INSTALL_HLEDGER), (beancount_programs(), INSTALL_BEANCOUNT)):
        if not found:
            terminalreporter.write_line(f"NOT EVERY PLAINTEXT PROOF RAN: {install}", red=True, bold=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.fail(f"browser tests need Chromium: {INSTALL_CHROMIUM}", pytrace=False)
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")  # Chromium's sandbox refuses root
    return {**browser_type_launch_args, "executable_path": chromium, "args": quiet}


# -- programs of others, which read our books -----------------------------------------------------


def hledger_program():
    return shutil.which("hledger") or ""


def beancount_programs():
    """The folder of bean-check and bean-query: an environment of their own, nothing of it is ours."""
    folder = ROOT / ".cache" / "beancount" / "bin"
    return str(folder) if (folder / "bean-query").exists() else ""


def program_or_skip(found, install):
    if not found:
        (pytest.fail if PROOF_REQUIRED else pytest.skip)(f"the proof needs it: {install}")
    return found


@pytest.fixture(scope="session")
def hledger():
    return program_or_skip(hledger_program(), INSTALL_HLEDGER)


@pytest.fixture(scope="session")
def beancount():
    return program_or_skip(beancount_programs(), INSTALL_BEANCOUNT)
