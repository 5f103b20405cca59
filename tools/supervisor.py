"""Keep the parts of Daybook running, bring back those that die, and leave nothing behind at the end."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

GRACE = 10  # seconds to finish the work in hand before it is cut off; a cut-off task runs again


@dataclass
class Part:
    """One process with its children, in a session of its own: Ctrl-C reaches only the supervisor."""

    name: str
    command: list[str]
    env: dict[str, str]
    cwd: str
    user: str | None = None
    log: str | None = None  # a file; without one its lines appear in the terminal
    end: signal.Signals = signal.SIGTERM
    server: bool = False  # ends last: a worker that finishes its task still needs its database
    process: subprocess.Popen | None = None
    started: float = 0
    failures: int = 0
    due: float = 0  # when to start it again

    def start(self):
        out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if self.log else subprocess.PIPE
        self.process = subprocess.Popen(
            self.command,
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(self.end),
            **account(self.user),
        )
        self.started = time.monotonic()
        if self.log:
            os.close(out)
        else:
            threading.Thread(target=self.tell, args=[self.process.stdout], daemon=True).start()

    def tell(self, lines):
        for line in lines:
            sys.stdout.write(f"{self.name:>8} | {line.decode(errors='replace')}")
            sys.stdout.flush()

    def died(self):
        return self.process is not None and self.process.poll() is not None

    def kill_group(self):
        """Also what a killed master left behind."""
        assert self.process
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def account(user) -> dict[str, Any]:
    """For Popen: nothing of root's is kept, not even its groups."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number):
    """Linux: when the supervisor itself is killed, its parts are told to end."""
    if LIBC:
        LIBC.prctl(1, int(number))


class Stopped(BaseException):
    """Somebody asked us to end; raised wherever the main thread is, so that ``with`` blocks clean up."""


@dataclass
class Supervisor:
    parts: list[Part] = field(default_factory=list)

    def __enter__(self):
        # Set by hand: a shell starts background jobs with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop_asked)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.stop_asked)
        return self

    def stop_asked(self, number, frame):
        raise Stopped

    def __exit__(self, kind, error, trace):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.end([part for part in self.parts if not part.server])
        self.end([part for part in self.parts if part.server])
        return kind is Stopped

    def start(self, part):
        self.parts.append(part)
        part.start()

    def watch(self):
        """Until somebody asks us to stop."""
        while True:
            time.sleep(0.1)
            for part in self.parts:
                if part.died():
                    self.restart(part)

    def restart(self, part):
        now = time.monotonic()
        if not part.due:
            part.failures = 0 if now - part.started > 30 else part.failures + 1
            wait = min(2 ** (part.failures - 1), 30) if part.failures > 1 else 0
            part.due = now + wait
            say(f"{part.name} ended ({how(part.process.returncode)}); starting it again" + f" in {wait} s" * bool(wait))
        if now >= part.due:
            part.kill_group()
            part.due = 0
            part.start()

    def end(self, parts):
        parts = [part for part in parts if part.process]
        for part in parts:
            if not part.died():
                part.process.send_signal(part.end)
        deadline = time.monotonic() + GRACE
        for part in parts:
            try:
                part.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{part.name} did not end in {GRACE} seconds and is killed")
            part.kill_group()
            part.process.wait()


def run(command, env, cwd):
    """Run one command in the foreground of the terminal; its exit status.

    Ctrl-C reaches it from the terminal, and it decides what that means; being asked to end is passed on.
    """
    child = subprocess.Popen(command, env=env, cwd=cwd, preexec_fn=lambda: die_with_parent(signal.SIGTERM))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.terminate())
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def how(code):
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def say(line):
    print(f"daybook: {line}", flush=True)
