"""Known vulnerabilities of the pinned packages, as PyPI's advisory service knows them.

pip-audit alone says "no known vulnerabilities" when the service knew none of the packages, as behind a mirror that
lacks it. Here a package that was not checked is a failure.
"""

import json
import subprocess
import sys
from typing import Any

PINNED = ("requirements.txt", "requirements-dev.txt")
NOTHING = "NOTHING WAS CHECKED: the advisory service does not answer here"


def main() -> None:
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    command += ["--require-hashes", "--disable-pip", *(word for file in PINNED for word in ("-r", file))]
    asked = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        sys.exit(f"{asked.stderr}daybook: {NOTHING}")
    failure, words = verdict(packages)
    print(f"daybook: {words}", file=sys.stderr if failure else sys.stdout)
    sys.exit(failure)


def verdict(packages: list[dict[str, Any]]) -> tuple[bool, str]:
    """Whether the audit failed, and what it found, from pip-audit's list of packages."""
    skipped = sorted(package["name"] for package in packages if "skip_reason" in package)
    if len(skipped) == len(packages):
        return True, NOTHING
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or '-'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    if skipped:
        found.append(f"NOT CHECKED: {', '.join(skipped)}")
    return bool(found), "\n".join(found) or f"{len(packages)} checked, none with a known vulnerability"


if __name__ == "__main__":
    main()
