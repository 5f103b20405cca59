"""Make the virtual environment and install the pinned packages. Runs on the bare Python: standard library only."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements-dev.txt"


def main():
    if sys.version_info < (3, 11):
        version = "%d.%d" % sys.version_info[:2]
        sys.exit("daybook: Python %s is too old, 3.11 or newer is needed: make run PYTHON=python3.12" % version)
    venv = Path(sys.argv[1]).absolute()
    # A virtual environment knows its own path: one that was copied along with its folder is made anew.
    state = "%s %s %s" % (venv, sys.version.split()[0], hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest())
    if installed(venv, state):
        return
    import fcntl

    (ROOT / "var").mkdir(exist_ok=True)
    with open(ROOT / "var" / "bootstrap.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands started at once: the second finds the work done
        if installed(venv, state):
            return
        make(venv)
        install(venv)
        (venv / ".daybook").write_text(state)


def installed(venv, state):
    stamp = venv / ".daybook"
    return stamp.exists() and stamp.read_text() == state


def make(venv):
    stamp = venv / ".daybook"
    if stamp.exists() and not stamp.read_text().startswith("%s %s" % (venv, sys.version.split()[0])):
        shutil.rmtree(venv)
    if (venv / "bin" / "python").exists() and (venv / "bin" / "pip").exists():
        return
    if not (find_spec("venv") and find_spec("ensurepip")):
        version = "%d.%d" % sys.version_info[:2]
        sys.exit("daybook: this Python cannot make virtual environments: apt install python%s-venv" % version)
    print("daybook: making %s" % venv.name, flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    if run(sys.executable, "-m", "venv", venv):
        sys.exit("daybook: python -m venv failed, see above; is the disk full or %s not writable?" % venv.parent)


def install(venv):
    python = venv / "bin" / "python"
    print("daybook: installing the packages of %s" % REQUIREMENTS.name, flush=True)
    # uv takes a fifth of pip's time; pip serves where uv has no build.
    pinned = re.search(r"^uv==.*?(?=^\S|\Z)", REQUIREMENTS.read_text(), re.M | re.S)
    only_uv = venv / "uv.txt"
    only_uv.write_text(pinned.group() if pinned else "")
    checked = ["--require-hashes", "-r"]
    with_uv = [python, "-m", "uv", "pip", "install", "-q", "--python", python, *checked, REQUIREMENTS]
    if run(python, "-m", "pip", "install", "-q", *checked, only_uv, quiet=True) == 0 and run(*with_uv) == 0:
        return
    if run(python, "-m", "pip", "install", "-q", *checked, REQUIREMENTS):
        sys.exit("daybook: the packages could not be installed, see above; is the package index reachable?")


def run(*command, quiet=False):
    out = subprocess.DEVNULL if quiet else None
    environ = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore")
    return subprocess.call([str(part) for part in command], env=environ, stdout=out, stderr=out)


if __name__ == "__main__":
    main()
