"""What the Makefile's targets do: run, test, bench, manage, shell, stop, clean."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import psycopg
import redis

from tools.servers import ROOT, Servers, free, schema_state, show
from tools.supervisor import Part, Supervisor, run, say

VAR = ROOT / "var"
PYTHON = sys.executable
NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL")
OUTSIDE = {name: os.environ[name] for name in NAMES if os.environ.get(name)}

# The same three commands stand in compose.yaml and Dockerfile; config/tests/test_running.py compares them.
WEB = (
    "gunicorn config.wsgi --workers 2 --threads 4 --preload --log-level warning --no-control-socket"
    " --bind {host}:{port}"
)
WORKER = "celery -q -A config worker -c 2 -l warning"
BEAT = "celery -q -A config beat -l warning -s {schedule}"


def main():
    os.chdir(ROOT)
    command, *words = sys.argv[1:]
    commands = {"run": serve, "test": test, "bench": bench, "manage": manage, "stop": stop, "clean": clean}
    if command not in commands:
        sys.exit(f"daybook: {command}? One of {', '.join(commands)}.")
    sys.exit(commands[command](*words))


# -- the environment that each process gets -------------------------------------------------------


def application(servers):
    """What web, worker and beat know: nothing of the owner."""
    env = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    env["DATABASE_URL"] = OUTSIDE.get("DATABASE_URL") or servers.database_url("application")
    env["REDIS_URL"] = OUTSIDE.get("REDIS_URL") or servers.redis_url
    env.setdefault("SECRET_KEY", servers.kept["secret_key"])
    env.setdefault("INSECURE_HTTP", "on")  # http on this machine; production speaks https
    env.setdefault("STATIC_ROOT", str(VAR / "static"))
    env.setdefault("LOG_FORMAT", "line")
    env["PYTHONUNBUFFERED"] = "1"
    env["PYTHONWARNINGS"] = env.get("PYTHONWARNINGS", "ignore:You're running the worker with superuser privileges")
    (VAR / "static").mkdir(parents=True, exist_ok=True)
    return env


def owner_url(servers):
    if "DATABASE_URL" in OUTSIDE:
        return OUTSIDE.get("DATABASE_OWNER_URL", OUTSIDE["DATABASE_URL"])
    return servers.database_url("owner")


def owner(servers):
    return application(servers) | {"DATABASE_URL": owner_url(servers)}


# -- servers --------------------------------------------------------------------------------------


def start(servers, supervisor):
    """PostgreSQL and Valkey, unless the environment names others; then the roles."""
    servers.make_secrets()
    if "REDIS_URL" not in OUTSIDE:
        servers.start_valkey(supervisor)
    else:
        check_answers("REDIS_URL", lambda url: redis.Redis.from_url(url).ping())
    if "DATABASE_URL" not in OUTSIDE:
        servers.start_postgres(supervisor)
        servers.create_roles()
    else:
        use_outside_database(servers)


def use_outside_database(servers):
    if "DATABASE_OWNER_URL" not in OUTSIDE:
        say("DATABASE_URL without DATABASE_OWNER_URL: the application owns its tables, and could drop their laws")
    elif "DATABASE_ADMIN_URL" in OUTSIDE:
        check(run([PYTHON, "manage.py", "create_roles"], application(servers) | OUTSIDE, ROOT))
    check_answers("DATABASE_URL", lambda url: psycopg.connect(url, connect_timeout=5).close())


def check_answers(name, ask):
    try:
        ask(OUTSIDE[name])
    except (psycopg.Error, redis.RedisError, ValueError) as error:
        sys.exit(f"daybook: {name} does not answer: {str(error).strip().splitlines()[0]}")


def check(status):
    if status:
        sys.exit(status)


def migrate(servers):
    """As the owner. A database of ours that has seen today's migrations is not asked again: it takes two seconds."""
    state = schema_state()
    if "DATABASE_URL" not in OUTSIDE and servers.kept.get("migrated") == state:
        return
    servers.keep(migrated="")
    check(run([PYTHON, "manage.py", "migrate", "-v", "0"], owner(servers), ROOT))
    if "DATABASE_URL" not in OUTSIDE:
        servers.keep(migrated=state)


# -- make run -------------------------------------------------------------------------------------


def serve():
    began = time.monotonic()
    servers = Servers(VAR)
    if not servers.claim("make run"):
        pid, purpose = servers.holder() or (0, "another command")
        sys.exit(f"daybook: {purpose} already runs from this folder (process {pid}); end it with make stop")
    port = int(os.environ.get("PORT") or 8000)
    if not free(port):
        sys.exit(f"daybook: port {port} is in use; choose another one: make run PORT={port + 1}")

    with Supervisor() as supervisor:
        start(servers, supervisor)
        migrate(servers)
        env = application(servers)
        env.setdefault("SITE_URL", f"http://127.0.0.1:{port}")
        demo = subprocess.run([PYTHON, "manage.py", "demo"], env=env, stdout=subprocess.PIPE, text=True)
        check(demo.returncode)
        words = {"host": "127.0.0.1", "port": port, "schedule": VAR / "beat-schedule"}
        quiet = {"LOG_LEVEL": "WARNING"} | env  # or what the worker does after the demo hides the sign-ins
        for name, line, own in (("web", WEB, env), ("worker", WORKER, quiet), ("beat", BEAT, quiet)):
            command = [PYTHON, "-m", *(word.format(**words) for word in line.split())]
            supervisor.start(Part(name, command, own, cwd=str(ROOT)))
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", supervisor)
        print(demo.stdout.rstrip(), flush=True)
        say(f"{address} is up after {time.monotonic() - began:.0f} s; Ctrl-C ends it")
        supervisor.watch()


def wait_for(address, supervisor):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError as error:
            for part in supervisor.parts:
                if part.died():
                    sys.exit(f"daybook: {part.name} ended before the site was up; its reason stands above")
            reason = error
        time.sleep(0.1)
    sys.exit(f"daybook: {address} does not answer: {reason}")


# -- make test, make bench ------------------------------------------------------------------------


def test(*words):
    servers = next(free_folders("test"))
    with Supervisor() as supervisor:
        start(servers, supervisor)
        env = application(servers) | {"DATABASE_OWNER_URL": owner_url(servers)}
        if "REDIS_URL" not in OUTSIDE:
            env["DAYBOOK_TEST_REDIS"] = "ours"  # may be emptied between tests
        if not (env.get("CHROMIUM") or shutil.which("chromium")) and "DAYBOOK_REQUIRE_BROWSER" not in env:
            env["DAYBOOK_NO_BROWSER"] = "1"
        env["UPLOADS_ROOT"] = str(servers.folder / "uploads")
        shutil.rmtree(env["UPLOADS_ROOT"], ignore_errors=True)
        return run([PYTHON, "-m", "pytest", *words], env, ROOT)


def free_folders(name):
    """Each run of the tests has its own servers, so that two at once do not meet."""
    for number in range(1, 10):
        servers = Servers(VAR / (name if number == 1 else f"{name}-{number}"), durable=name != "test")
        if servers.claim(f"make {name}"):
            servers.drop_orphan()
            yield servers
        else:
            say(f"{show(servers.folder)} is in use by {servers.holder()}; taking the next")
    sys.exit(f"daybook: nine times make {name} at once; wait for one to end")


def bench(name="", *words):
    known = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))
    if name not in known:
        sys.exit(f"daybook: make bench NAME=... takes one of: {', '.join(known) or 'none yet'}")
    servers = next(free_folders("bench"))
    with Supervisor() as supervisor:
        start(servers, supervisor)
        migrate(servers)
        env = application(servers) | {"DATABASE_OWNER_URL": owner_url(servers)}
        env.setdefault("LOG_LEVEL", "WARNING")  # figures stand on stdout, and so would what happens in the books
        return run([PYTHON, "-m", f"bench.{name}", *words], env, ROOT)


# -- make manage, make shell ----------------------------------------------------------------------


def manage(*words):
    """One management command on the data of make run, whether that runs or not; migrate runs as the owner."""
    servers = Servers(VAR)
    while not servers.claim(f"make manage {' '.join(words[:1])}"):
        pid, purpose = servers.holder() or (0, "")
        if purpose == "make run":
            if "DATABASE_URL" not in OUTSIDE:
                servers.wait_for_postgres()
            return one_command(servers, words)
        if purpose:
            say(f"waiting for {purpose} (process {pid})")
        time.sleep(1)
    with Supervisor() as supervisor:
        start(servers, supervisor)
        migrate(servers)
        return one_command(servers, words)


def one_command(servers, words):
    env = application(servers)
    if words[:1] == ("migrate",):
        env = owner(servers)
        servers.keep(migrated="")
    return run([PYTHON, "manage.py", *words], env, ROOT)


# -- make stop, make clean ------------------------------------------------------------------------


def stop():
    for folder in [VAR, *VAR.glob("test*"), *VAR.glob("bench*")]:
        if not (folder / "lock").exists():
            continue
        servers = Servers(folder)
        if not (held := servers.holder()):
            continue
        pid, purpose = held
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while servers.holder() and time.monotonic() < deadline:
            time.sleep(0.1)
        say(f"{purpose} (process {pid}) " + ("does not end" if servers.holder() else "has ended"))


def clean(what=""):
    """Ends what runs from here and removes what tests and tools left; with ``all`` also the data."""
    stop()
    folders = [VAR, ROOT / ".venv"] if what == "all" else [*VAR.glob("test*"), *VAR.glob("bench*"), VAR / "static"]
    for folder in folders:
        for place in [folder, *folder.glob("test*"), *folder.glob("bench*")]:
            home = Servers(place).home if (place / "secrets.json").exists() else place
            if home != place:
                shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    for cache in (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"):
        shutil.rmtree(ROOT / cache, ignore_errors=True)


if __name__ == "__main__":
    main()
