"""Benchmarks: one module per promise, run by ``make bench NAME=...``; each figure is one JSON line."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("LOG_LEVEL", "WARNING")  # figures stand on stdout, and so would what happens in the books
SIZE = os.environ.get("SIZE")

_missed: list[str] = []


def milliseconds(work: Callable[[], Any], runs: int = 15, warm: int = 3) -> float:
    """The median time of ``work`` in milliseconds over ``runs`` calls, after ``warm`` unmeasured ones."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(max(runs, 3)):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def in_turn(runs: int, **measured: Callable[[], float]) -> dict[str, float]:
    """The median figure of each of ``measured`` over ``runs`` rounds, three at least, in which each has its turn.

    What else the machine does then slows all of them alike.
    """
    found: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(max(runs, 3)):
        for name, measure in measured.items():
            found[name].append(measure())
    return {name: statistics.median(figures) for name, figures in found.items()}


def figure(name: str, ours: float, limit: float, unit: str, better: str, promise: float, **said: object) -> None:
    """Print one figure; ``promise`` bounds ours/limit from above when lower is better, from below otherwise.

    ``said`` is printed with it, such as the ``mode`` in which it was measured.
    """
    ratio = ours / limit
    kept = ratio <= promise if better == "lower" else ratio >= promise
    if not kept:
        _missed.append(name)
    row = {"name": name, "ours": round(ours, 3), "limit": round(limit, 3), "ratio": round(ratio, 3)}
    print(json.dumps({**row, "unit": unit, "better": better, "promise": promise, **said}), flush=True)


def skipped(name: str, reason: str) -> None:
    """Say that ``name`` could not be measured here. It is no miss, and it is no promise kept either."""
    print(f"daybook: SKIPPED {name}: {reason}", file=sys.stderr)
    print(json.dumps({"name": name, "skipped": reason}), flush=True)


def end() -> None:
    """Exit 1 when a promise was missed."""
    if _missed:
        print(f"missed: {', '.join(_missed)}", file=sys.stderr)
    sys.exit(bool(_missed))
