"""Measure `sagewire serve` beside nginx, print ratios first, and keep a dated record.

Verified, routed and answered by nobody beside `return 200`; forwarded to a container beside
`proxy_pass` to the same one; memory over many calls. Each server in turn has one core, wrk and the
container the other one.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benches.front_door import servers
from benches.peers.measure import pinned
from benches.report import keep, verdict

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
NEEDED = {"nginx": "nginx-light", "wrk": "wrk"}
MEMORY_CALLS = 1_000_000


class Figure(NamedTuple):
    """Answers a second, and microseconds of the server's CPU for each."""

    rate: float
    cpu: float


def load(url: str, script: Path, seconds: int) -> int:
    """Call with signed requests for a while; return how many were answered, all with 200."""
    # On a machine that does other work an answer may wait; that is no wrong answer.
    patience = ["--timeout", "30s"]
    command = [*pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *patience]
    command += ["-s", str(script)]
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if wrong is not None or "Socket errors" in said:
        raise RuntimeError(f"not every answer was good:\n{said}")
    answered = re.search(r"(\d+) requests in", said)
    return int(answered[1]) if answered else 0


def measured(server: servers.Running, script: Path) -> Figure:
    before = server.cpu_seconds()
    answered = load(server.url, script, SECONDS)
    cpu = (server.cpu_seconds() - before) / answered * 1e6
    return Figure(answered / SECONDS, cpu)


def in_turn(rows: dict[str, servers.Running], script: Path) -> dict[str, Figure]:
    """Return the median figures over interleaved rounds, after a short one that does not count."""
    rounds: dict[str, list[Figure]] = {name: [] for name in rows}
    for server in rows.values():
        load(server.url, script, 1)
    for _ in range(ROUNDS):
        for name, server in rows.items():
            rounds[name].append(measured(server, script))
    return {
        name: Figure(
            statistics.median(figure.rate for figure in figures),
            statistics.median(figure.cpu for figure in figures),
        )
        for name, figures in rounds.items()
    }


def beside(what: str, ours: Figure, peer: Figure, least: float) -> str:
    by_cpu = f" (by CPU: {peer.cpu / ours.cpu:.2f})"
    return verdict(f"answers/s / {what}", ours.rate / peer.rate, least, least=True, more=by_cpu)


def table(title: str, figures: dict[str, Figure]) -> list[str]:
    lines = [f"### {title}", "", "| | answers a second | CPU of the server, us an answer |"]
    lines.append("|---|---|---|")
    lines += [f"| {name} | {one.rate:,.0f} | {one.cpu:.1f} |" for name, one in figures.items()]
    return [*lines, ""]


def main() -> int:
    missing = [package for tool, package in NEEDED.items() if shutil.which(tool) is None]
    if missing:
        packages = " ".join(missing)
        print(f"front door: NOT MEASURED, for want of: {packages} (apt install {packages})")
        return 1
    with tempfile.TemporaryDirectory() as folder, servers.Group(Path(folder)) as group:
        container = group.nginx("container", servers.ANSWER, core=1)
        null = {
            "nginx, return 200": group.nginx("return", servers.ANSWER, core=0),
            "sagewire, null:": group.sagewire("null:", core=0),
        }
        proxy = {
            "nginx, proxy_pass": group.nginx("proxy", servers.FORWARD, 0, container.address),
            "sagewire, to a container": group.sagewire(f"http://{container.address}", core=0),
        }
        script = group.script()
        answered, forwarded = in_turn(null, script), in_turn(proxy, script)
        server = null["sagewire, null:"]
        first, calls = server.resident_mib(), 0
        while calls < MEMORY_CALLS:
            calls += load(server.url, group.script(), 10)
        last = server.resident_mib()
    nginx, ours = answered.values()
    forwarding, our_forwarding = forwarded.values()
    lines = [
        (
            f"Medians of {ROUNDS} interleaved rounds of {SECONDS} s: signed POSTs of 1 KiB over "
            f"{CONNECTIONS} connections, the server on one core, wrk and container on the other."
        ),
        # With other work on the cores the rates say who got more of them; CPU says what it took.
        f"Load of the machine over the last 5 minutes: {os.getloadavg()[1]:.1f}.",
        "",
        beside("those of nginx's return 200, a null answer", ours, nginx, 0.4),
        beside("those of nginx's proxy_pass, forwarding", our_forwarding, forwarding, 0.7),
        f"- memory over {calls:,} calls: {first:.1f} MiB before, {last:.1f} MiB after",
        "",
        *table("Answered by nobody", answered),
        *table("Forwarded to a container", forwarded),
    ]
    keep("front door", servers.nginx_version(), lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
