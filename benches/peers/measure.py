"""Rounds in turn, so that a slow moment of the machine hits everybody; medians of the rounds."""

import os
import statistics
import subprocess
import sys
from typing import NamedTuple

from benches.report import ROOT

ROUNDS = 9


class Figure(NamedTuple):
    """Microseconds for one time: of CPU in the contestant's process, and by the clock."""

    cpu: float
    wall: float


def environment(pure: bool) -> dict[str, str]:
    """Return the environment of a contestant: bytecode is kept, as in an installed package."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "SAGEWIRE_PURE": "1" if pure else "", "PYTHONPATH": str(ROOT)}


def pinned(cpu: int) -> list[str]:
    """Return the start of a command that keeps a process on one core, if there is more than one."""
    allowed = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(allowed[cpu])] if len(allowed) > 1 else []


def in_turn(
    group: str, contestants: dict[str, tuple[object, bool, int]], port: int
) -> dict[str, Figure]:
    """Return the median figure of each contestant over interleaved rounds."""
    workers = {}
    for name, (_, pure, _) in contestants.items():
        command = [*pinned(0), sys.executable, "-m", "benches.peers.worker", group, name, str(port)]
        workers[name] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(pure),
            cwd=ROOT,
        )
    rounds: dict[str, list[Figure]] = {name: [] for name in workers}
    try:
        for worker in workers.values():
            if worker.stdout is None or worker.stdout.readline() != "ready\n":
                raise RuntimeError("a contestant did not start")
        for _ in range(ROUNDS):
            for name, worker in workers.items():
                if worker.stdin is None or worker.stdout is None:
                    raise RuntimeError("a contestant has no pipes")
                worker.stdin.write(f"{contestants[name][2]}\n")
                worker.stdin.flush()
                cpu, wall = map(float, worker.stdout.readline().split())
                rounds[name].append(Figure(cpu, wall))
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    return {
        name: Figure(
            statistics.median(figure.cpu for figure in figures),
            statistics.median(figure.wall for figure in figures),
        )
        for name, figures in rounds.items()
    }
