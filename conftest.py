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
from contextlib import ExitStack, contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

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
QUICK_HASHER = "apps.core.tests.passwords.Quick"
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


def copy_database(template, name):
    """A copy called after this process and ``name``, so that whoever comes later knows whether it is still in use."""
    name = f"{OUR_OWN}_{os.getpid()}_{name}"
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
def connected_to(database, **more):
    """Point the default connection, and those that other threads open later, at this database."""
    from django.db import connections

    told, to = connections["default"].settings_dict, {"NAME": database, **more}
    before = {name: told[name] for name in to}
    connections["default"].close()
    told.update(to)
    try:
        yield
    finally:
        connections["default"].close()
        told.update(before)


@pytest.fixture(scope="session")
def template_database():
    return build_template()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, template_database):
    database = copy_database(template_database, "shared")
    with django_db_blocker.unblock(), connected_to(database):
        yield
    drop_database(database)


@pytest.fixture
def committed(django_db_setup, django_db_blocker, template_database):
    """A database of the test's own, where commits are real: for threads, deferred laws and other processes.

    It has the name of the one before, so that a site which is up already finds it. Passwords are hashed as in
    production: the site would hash those anew that were not.
    """
    from django.conf import global_settings
    from django.db import connections
    from django.test import override_settings

    database = copy_database(template_database, "own")
    as_in_production = override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS)
    with django_db_blocker.unblock(), connected_to(database), as_in_production:
        yield database
        connections.close_all()
    drop_database(database)


class Owner:
    """The owner of the tables, on the connection of the test."""

    def execute(self, statement, facts=None):
        from django.db import connection

        from apps.core.laws import prove_deferred

        if statement.startswith("ALTER"):
            prove_deferred()  # no table is altered that a law still waits for
        cursor = connection.cursor()
        cursor.execute(statement, facts)
        return cursor


@pytest.fixture
def owned(django_db_setup, django_db_blocker):
    """The connection of the test belongs to the owner of the tables, who can switch laws off; it is rolled back."""
    from django.db import connection, transaction

    with django_db_blocker.unblock():
        owner = urlsplit(OWNER_URL)
        login = {"USER": unquote(owner.username or ""), "PASSWORD": unquote(owner.password or "")}
        with connected_to(connection.settings_dict["NAME"], **login), transaction.atomic():
            yield Owner()
            transaction.set_rollback(True)


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
    settings.PASSWORD_HASHERS = [QUICK_HASHER]
    look_for_static_files_once()


def look_for_static_files_once():
    """Each test client loads the middleware anew, and would look for the same two hundred files each time."""
    from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

    found: dict[str, object] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(middleware):
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = look_once


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
    with open(log, "ab") as out:
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
        try:
            os.killpg(started.pid, signal.SIGKILL)  # an orderly end takes seconds, and no test looks at it
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


@pytest.fixture(scope="session")
def _post_office():
    office = PostOffice()
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    yield office
    controller.stop()


@pytest.fixture
def post_office(_post_office):
    """Where the e-mails of ``site`` and ``worker`` go."""
    _post_office.messages.clear()
    return _post_office


@pytest.fixture
def process_env(committed, post_office):
    env = os.environ | {"DATABASE_URL": url_of(committed), "REDIS_URL": broker_url(), "LOG_FORMAT": "json"}
    env["EMAIL_URL"] = f"smtp://127.0.0.1:{post_office.port}"
    del env["DATABASE_OWNER_URL"]  # as in production: web and worker know nothing of the owner
    env.pop("PYTEST_CURRENT_TEST", None)
    return env


class Site:
    """The site as production runs it: its ``url``, its ``log``, and the ``pid`` of its master."""

    def __init__(self, env, folder):
        self.env, self.port, self.log = env, free_port(), folder / "web.log"
        self.url = f"http://127.0.0.1:{self.port}"
        line = WEB.format(host="127.0.0.1", port=self.port)
        self.running = ExitStack()
        self.process = self.running.enter_context(process(line, env | {"TMPDIR": str(folder)}, self.log))
        self.pid = self.process.pid
        until(self.answers, self.process, self.log)

    def answers(self):
        try:
            return urllib.request.urlopen(f"{self.url}/health", timeout=5)
        except OSError:
            return None

    def serves(self, env):
        return self.env == env and self.process.poll() is None


@pytest.fixture(scope="session")
def _sites():
    """The site that the last test had, if any."""
    sites: list[Any] = []
    yield sites
    for site in sites:
        site.running.close()


@pytest.fixture
def site(process_env, _sites, tmp_path_factory):
    """The site as production runs it, on the committed database.

    It stays up for the next test that would start it in the same environment; its log is emptied then.
    """
    if not any(site.serves(process_env) for site in _sites):
        while _sites:
            _sites.pop().running.close()
        _sites.append(Site(process_env, tmp_path_factory.mktemp("site")))
    (site,) = _sites
    os.truncate(site.log, 0)
    return site


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
