"""Under asyncio, one process: 1 KiB from 1, 32 and 256 tasks at once, plain and over TLS; streams.

`python -m benches.peers.tasks` measures, prints ratios first, and keeps a dated record.
"""

import contextlib
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benches.peers import streams
from benches.peers.awaited import CALLS, STREAMS
from benches.peers.loads import Peer, spoken_tls
from benches.peers.measure import ROUNDS, environment, pinned
from benches.peers.streamer import PARTS
from benches.report import ROOT, keep, verdict

# Clients of others have an environment of their own (make bench sets it up): they are bound to an
# older botocore than the one that is measured beside the blocking client.
OTHERS = Path(sys.prefix) / "peers" / "bin" / "python"
GROUPS = {"CALLS": CALLS, "STREAMS": STREAMS}
PACKAGES = ("aiobotocore", "aiohttp", "botocore", "capo-sagemaker-runtime", "zapros")
TASKS = (1, 32, 256)
CAPO = "capo-sagemaker-runtime"


class Figure(NamedTuple):
    """Microseconds: of CPU and by the clock for a call, and what single calls took."""

    cpu: float
    wall: float
    middle: float
    slow: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return 1e6 / self.wall

    @property
    def tail(self) -> float:
        """The 99th percentile over the median."""
        return self.slow / self.middle


class Contestant:
    """A worker process that has made its client and its connections, and waits for a round."""

    def __init__(self, group: str, name: str, port: int, tasks: int) -> None:
        _, pure, others, self.calls = GROUPS[group][name]
        python = str(OTHERS) if others else sys.executable
        command = [*pinned(0), python, "-m", "benches.peers.taskworker"]
        self._process = subprocess.Popen(
            [*command, group, name, str(port), str(tasks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(pure),
            cwd=ROOT,
        )
        self._name = name

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{self._name} ended; what it said stands above")
        return line

    def ready(self) -> None:
        self._line()

    def round(self) -> Figure:
        if self._process.stdin is None:
            raise RuntimeError("a contestant has no pipes")
        self._process.stdin.write(f"{self.calls}\n")
        self._process.stdin.flush()
        return Figure(*map(float, self._line().split()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def in_turn(group: str, tasks: int, arguments: tuple[str, ...] = ()) -> dict[str, Figure]:
    """Return each contestant's medians over interleaved rounds; each has a peer to itself."""
    with contextlib.ExitStack() as stack:
        workers: dict[str, Contestant] = {}
        for name in GROUPS[group]:
            peer = Peer(*arguments) if group == "CALLS" else streams.peer()
            worker = Contestant(group, name, stack.enter_context(peer), tasks)
            stack.callback(worker.close)
            worker.ready()
            workers[name] = worker
        rounds: dict[str, list[Figure]] = {name: [] for name in workers}
        for _ in range(ROUNDS):
            for name, worker in workers.items():
                rounds[name].append(worker.round())
    return {
        name: Figure(*(statistics.median(column) for column in zip(*figures, strict=True)))
        for name, figures in rounds.items()
    }


def versions(*packages: str) -> str:
    """Name what is measured, and ask the other environment for what stands there."""
    from importlib.metadata import version

    program = (
        "import sys; from importlib.metadata import version; "
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    command = [str(OTHERS), "-c", program, *packages]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return f"sagewire {version('sagewire')}, {said.strip()}"


def targets(calls: dict[int, dict[str, Figure]], parts: dict[str, Figure]) -> list[str]:
    few, many = calls[32], calls[256]
    ours, most = few["sagewire"], many["sagewire"]
    return [
        verdict("32 tasks, calls/s / capo's", ours.rate / few[CAPO].rate, 12, least=True),
        verdict("32 tasks, calls/s / aiobotocore's", ours.rate / few["aiobotocore"].rate, 15,
                least=True),
        verdict("calls/s at 256 tasks / at 32", most.rate / ours.rate, 1, least=True),
        verdict("256 tasks, p99 / p50", most.tail, 4),
        verdict("a part of a stream, us of CPU", parts["sagewire"].cpu / PARTS, 2),
    ]  # fmt: skip


def table(title: str, figures: dict[str, Figure]) -> list[str]:
    ours = figures["sagewire"]
    lines = [
        f"### {title}",
        "",
        (
            "| | sagewire's calls/s over its | its CPU over sagewire's | calls/s | CPU, us a call "
            "| p50, ms | p99, ms | p99 / p50 |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {ours.rate / one.rate:.2f} | {one.cpu / ours.cpu:.2f} | {one.rate:,.0f} "
        f"| {one.cpu:.1f} | {one.middle / 1e3:.2f} | {one.slow / 1e3:.2f} | {one.tail:.2f} |"
        for name, one in figures.items()
    ]
    return [*lines, ""]


def parts_table(figures: dict[str, Figure]) -> list[str]:
    ours = figures["sagewire"].cpu
    lines = ["### A response stream of parts of 64 bytes, a chunk each", ""]
    lines += ["| | CPU, x sagewire | CPU, us a part | wall, us a part |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one.cpu / ours:.2f} | {one.cpu / PARTS:.2f} | {one.wall / PARTS:.2f} |"
        for name, one in figures.items()
    ]
    return [*lines, ""]


def main() -> int:
    if not OTHERS.exists():
        print(f"asyncio: NOT MEASURED, for want of {OTHERS}: make {OTHERS.parents[1]} sets it up")
        return 1
    busy = os.getloadavg()[0]
    parts = in_turn("STREAMS", 1)
    plain = {tasks: in_turn("CALLS", tasks) for tasks in TASKS}
    with spoken_tls() as arguments:
        tls = {tasks: in_turn("CALLS", tasks, arguments) for tasks in TASKS}
    lines = [
        (
            f"Medians of {ROUNDS} interleaved rounds, asyncio's own loop: each contestant one "
            "process on one core, its peer on the other one, as many connections as tasks. Load "
            f"average of the machine before the first round: {busy:.1f}."
        ),
        "",
        "## Targets",
        "",
        *targets(plain, parts),
        "",
    ]
    for how, figures in (("plain", plain), ("TLS", tls)):
        for tasks, those in figures.items():
            lines += table(f"1 KiB out, 27 bytes back, {how}, tasks: {tasks}", those)
    lines += parts_table(parts)
    keep("asyncio", versions(*PACKAGES), lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
