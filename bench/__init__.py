"""Benchmarks: one module per promise, run by ``make bench NAME=...``; each figure is one JSON line."""

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

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


def grown(first: Callable[[], Any], work: Callable[[], Any], runs: int = 3) -> float:
    """By how many MB the resident memory grows at most for ``work``, once ``first`` was done: the median over ``runs``
    processes.

    Each begins where this one stands, so that what ran here before has left memory which it takes without growing.
    """
    processes, found = get_context("fork"), []
    for _ in range(max(runs, 3)):
        here, there = processes.Pipe(duplex=False)
        process = processes.Process(target=_measure, args=(first, work, there))
        process.start()
        there.close()
        found.append(here.recv())
        process.join()
    return statistics.median(found)


def _measure(first: Callable[[], Any], work: Callable[[], Any], told: Any) -> None:
    first()
    gc.collect()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    work()
    told.send(_resident("VmHWM") - before)


def _resident(what: str) -> float:
    """MB, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


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
