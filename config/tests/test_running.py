"""The commands, settings and error lines of running Daybook: in the Makefile's tools, the image and compose.yaml."""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
import yaml

from tools import bootstrap, dev
from tools.servers import Servers, free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
APPLICATION = ("web", "worker", "beat")


# -- the image and compose.yaml -------------------------------------------------------------------


def dockerfile_says(instruction):
    joined = re.sub(r"\\\n", "", DOCKERFILE)
    lines = [line.partition(" ") for line in joined.splitlines()]
    return [words.strip() for name, _, words in lines if name == instruction]


def settings_names():
    """The names that settings.py reads from the environment -> whether one must be given."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    declared, read = set(), {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        named = ast.unparse(call.func)
        if named == "environ.Env":
            declared |= {keyword.arg for keyword in call.keywords}
        elif named == "env" or named.startswith("env."):
            name = ast.literal_eval(call.args[0])
            read[name] = not any(keyword.arg == "default" for keyword in call.keywords)
    return dict.fromkeys(declared, False) | {name: needed and name not in declared for name, needed in read.items()}


def test_web_worker_and_beat_are_the_same_commands_here_and_in_production():
    assert json.loads(dockerfile_says("CMD")[-1]) == shlex.split(dev.WEB.format(host="0.0.0.0", port=8000))
    assert "command" not in SERVICES["web"]
    assert SERVICES["worker"]["command"] == shlex.split(dev.WORKER)
    assert SERVICES["beat"]["command"] == shlex.split(dev.BEAT.format(schedule="/var/lib/daybook/beat-schedule"))


@pytest.mark.parametrize("service", [*APPLICATION, "migrate"])
def test_a_service_is_given_every_setting_that_must_be_given_and_none_that_is_unknown(service):
    given, known = set(SERVICES[service]["environment"]), settings_names()
    required = {name for name, needed in known.items() if needed}
    assert {"SECRET_KEY", "DATABASE_URL"} <= required
    assert required <= given
    assert given - {"DATABASE_ADMIN_URL", "DATABASE_OWNER_URL"} <= set(known)


@pytest.mark.parametrize("service", APPLICATION)
def test_the_application_connects_as_a_role_that_owns_nothing(service):
    environment = SERVICES[service]["environment"]
    assert environment["DATABASE_URL"].startswith("postgres://daybook_app:")
    assert not re.search("owner|admin", str(environment), re.I)


def test_migrations_run_as_the_owner_after_the_roles_are_made():
    migrate = SERVICES["migrate"]
    assert migrate["environment"]["DATABASE_OWNER_URL"].startswith("postgres://daybook_owner:")
    roles, migrations = migrate["command"][-1].split(" && ")
    assert roles == "python manage.py create_roles"
    assert migrations.startswith("DATABASE_URL=$$DATABASE_OWNER_URL python manage.py migrate")
    for service in APPLICATION:
        assert SERVICES[service]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_password_has_a_default():
    text = (ROOT / "compose.yaml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:.)?", text)
    assert {name for name, _ in secrets} >= {"SECRET_KEY", "ADMIN_PASSWORD", "OWNER_PASSWORD", "APPLICATION_PASSWORD"}
    assert all(mark == ":?" for _, mark in secrets)


def test_what_holds_data_keeps_it_on_a_named_volume():
    mounts = {name: service["volumes"][0].split(":") for name, service in SERVICES.items() if "volumes" in service}
    assert {name: path for name, (_, path) in mounts.items()} == {
        "postgres": "/var/lib/postgresql",
        "redis": "/data",
        "beat": "/var/lib/daybook",
        "web": "/var/lib/daybook/uploads",
        "worker": "/var/lib/daybook/uploads",
    }
    assert {volume for volume, _ in mounts.values()} == set(COMPOSE["volumes"])


def test_every_setting_that_compose_asks_for_is_explained():
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert not {name for name in wanted if f"`{name}`" not in (ROOT / "docs" / "running.md").read_text()}


def test_the_image_runs_as_an_ordinary_user_with_the_runtime_packages_only():
    assert dockerfile_says("USER") == ["daybook"]
    assert "requirements-dev" not in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_the_healthcheck_asks_the_health_page_under_an_allowed_name():
    check = json.loads(dockerfile_says("HEALTHCHECK")[-1].partition("CMD ")[2])
    compile(check[-1], "healthcheck", "exec")
    assert "http://127.0.0.1:8000/health" in check[-1]
    assert "ALLOWED_HOSTS" in check[-1]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_packages_are_pinned_by_hash_and_name_no_place(name):
    text = (ROOT / name).read_text()
    pins = re.findall(r"^[a-z0-9][^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.M)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.M))
    assert not re.search(r"://|--[a-z-]*url|--find-links|file:", text)


def test_the_image_has_the_versions_that_the_tests_ran_on():
    def pins(name):
        return set(re.findall(r"^[a-z0-9][^\s]*==[^\s]+", (ROOT / name).read_text(), re.M))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_every_target_of_the_makefile_is_in_its_help():
    targets = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.M)[0].split()
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {target for target in targets if f"make {target} " not in listed} == {"venv"}


# -- error lines: one clear line with the way out -------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A folder of its own, with a space in its name, closed to others; its servers are ended and removed."""
    folder = tmp_path / "a folder"
    kept_out = shutil.ignore_patterns(".*", "var", "__pycache__", "test-results")
    shutil.copytree(ROOT, folder, ignore=kept_out)
    yield folder
    dev_run(folder, "clean", "all")


def environment(**more):
    ours = ("DATABASE", "REDIS_URL", "SECRET_KEY", "STATIC_ROOT", "PYTEST", "DJANGO", "DAYBOOK")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def dev_run(folder, *words, **env):
    command = [sys.executable, "-m", "tools.dev", *words]
    return subprocess.run(command, cwd=folder, env=environment(**env), capture_output=True, text=True, timeout=60)


def refusal(folder, **env):
    refused = dev_run(folder, "run", **env)
    assert refused.returncode == 1
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    return line


def test_a_port_in_use_is_named_with_another_one(checkout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(checkout, PORT=str(port))
    assert line == f"daybook: port {port} is in use; choose another one: make run PORT={port + 1}"


def test_a_second_run_in_one_folder_names_the_first(checkout):
    servers = Servers(checkout / "var")
    assert servers.claim("make run")
    line = refusal(checkout, PORT=str(free_port()))
    assert line == f"daybook: make run already runs from this folder (process {os.getpid()}); end it with make stop"
    servers.lock.close()


def test_a_broken_data_folder_is_named_with_the_way_out(checkout):
    cluster = checkout / "var" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "something.txt").touch()
    line = refusal(checkout, PORT=str(free_port()))
    assert line.startswith("daybook: var/postgres is not a PostgreSQL data folder; move it away")


def test_data_of_another_postgresql_is_named_with_the_way_out(checkout):
    (checkout / "var" / "postgres" / "global").mkdir(parents=True)
    (checkout / "var" / "postgres" / "PG_VERSION").write_text("14\n")
    line = refusal(checkout, PORT=str(free_port()))
    assert line.startswith("daybook: var/postgres was made by PostgreSQL 14, this is 18;")


def test_an_old_python_is_told_so(monkeypatch):
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 6))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"Python 3\.9 is too old, 3\.11 or newer is needed: make run PYTHON="):
        bootstrap.main()


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(SystemExit, match=r"cannot make virtual environments: apt install python3"):
        bootstrap.make(tmp_path / ".venv")


# -- make run, whole ------------------------------------------------------------------------------


def test_ctrl_c_leaves_no_process_and_a_killed_part_comes_back(checkout, tmp_path):
    port, log = free_port(), tmp_path / "run.log"
    with log.open("wb") as out:
        run = psutil.Popen(
            [sys.executable, "-m", "tools.dev", "run"],
            cwd=checkout,
            env=environment(PORT=str(port)),
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell starts background jobs
        )

    def says(words):
        deadline = time.monotonic() + 240
        while words not in log.read_text():
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    try:
        says(f"http://127.0.0.1:{port} is up")
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200

        next(part for part in run.children() if "gunicorn" in part.cmdline()).kill()
        says("web ended (signal SIGKILL); starting it again")
        parts = run.children(recursive=True)
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            run.wait(30)
    assert run.returncode == 0
    _gone, alive = psutil.wait_procs(parts, timeout=5)  # what was killed a moment ago is still being taken down
    assert alive == []


def test_a_cluster_that_a_deleted_checkout_left_is_made_anew_for_tests(tmp_path):
    servers = Servers(tmp_path / "test", durable=False)
    servers.cluster.mkdir(parents=True)
    servers.drop_orphan()
    assert not servers.cluster.exists()

    servers.make_secrets()
    servers.cluster.mkdir(parents=True)
    servers.drop_orphan()  # its passwords are known: it is ours
    assert servers.cluster.exists()
