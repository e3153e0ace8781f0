"""Measure the gateway of the examples beside the same one on aiobotocore, under wrk.

All run in the environment of others (make bench sets it up): the same Python, uvicorn and uvloop.
Each in turn has one core; wrk and the peer that answers have the other one.
"""

import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benches.peers.contestants import BODY, KEY, REGION, SECRET
from benches.peers.loads import Peer
from benches.peers.measure import pinned
from benches.peers.tasks import OTHERS, versions
from benches.report import ROOT, keep, verdict

PACKAGES = ("aiobotocore", "aiohttp", "botocore", "starlette", "uvicorn", "uvloop")
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
GATEWAYS = {
    "sagewire": "gateway:app",
    "aiobotocore": "benches.gateway.on_aiobotocore:app",
    "no call at all": "benches.gateway.on_nothing:app",
}
LUA = f"""
wrk.method = "POST"
wrk.body = "{BODY.decode()}"
wrk.headers["Content-Type"] = "text/csv"
wrk.headers["Accept"] = "application/json"
"""


class Figure(NamedTuple):
    """Answers a second, and microseconds of the gateway's CPU for each."""

    rate: float
    cpu: float


class Gateway:
    """A gateway that runs, and calls the peer of this port."""

    def __init__(self, app: str, peer: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        paths = (ROOT, ROOT / "python", ROOT / "examples" / "gateway")
        command = [str(OTHERS), "-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop"]
        self._process = subprocess.Popen(
            [*pinned(0), *command, "--http", "httptools", "--no-access-log"],
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, paths)),
                "SAGEWIRE_PURE": "",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{peer}",
            },
        )
        self.url = f"http://127.0.0.1:{port}/models/iris"
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{app} does not listen")

    def cpu_seconds(self) -> float:
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def load(gateway: Gateway, script: Path, seconds: int) -> Figure:
    """Call for a while; every answer has to be a good one."""
    before = gateway.cpu_seconds()
    command = [*pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    said = subprocess.run([*command, gateway.url], check=True, capture_output=True, text=True)
    answered = re.search(r"(\d+) requests in", said.stdout)
    if answered is None or "Non-2xx" in said.stdout or "Socket errors" in said.stdout:
        raise RuntimeError(f"not every answer was good:\n{said.stdout}")
    count = int(answered[1])
    return Figure(count / seconds, (gateway.cpu_seconds() - before) / count * 1e6)


def in_turn(script: Path) -> dict[str, Figure]:
    """Return the median figures over interleaved rounds, after one that does not count."""
    with contextlib.ExitStack() as stack:
        gateways: dict[str, Gateway] = {}
        for name, app in GATEWAYS.items():
            gateways[name] = Gateway(app, stack.enter_context(Peer()))
            stack.callback(gateways[name].close)
            load(gateways[name], script, 1)
        rounds: dict[str, list[Figure]] = {name: [] for name in gateways}
        for _ in range(ROUNDS):
            for name, gateway in gateways.items():
                rounds[name].append(load(gateway, script, SECONDS))
    return {
        name: Figure(*(statistics.median(column) for column in zip(*figures, strict=True)))
        for name, figures in rounds.items()
    }


def main() -> int:
    if shutil.which("wrk") is None or not OTHERS.exists():
        print(f"gateway: NOT MEASURED, for want of wrk (apt install wrk) or of {OTHERS}")
        return 1
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(LUA)
        figures = in_turn(script)
    ours, theirs, bare = figures.values()
    calls = (theirs.cpu - bare.cpu) / (ours.cpu - bare.cpu)
    lines = [
        (
            f"Medians of {ROUNDS} interleaved rounds of {SECONDS} s: POSTs of 1 KiB over "
            f"{CONNECTIONS} connections; uvicorn on uvloop with httptools on one core, wrk and the "
            f"peer on the other. Load average of the machine before the first round: {busy:.1f}."
        ),
        "",
        verdict("answers/s / those on aiobotocore", ours.rate / theirs.rate, 8, least=True),
        f"- with a call that costs nothing it would be {bare.rate / theirs.rate:.2f} x",
        f"- CPU less that of no call at all: aiobotocore's is {calls:.1f} x sagewire's",
        "",
        "| | answers a second | CPU of the gateway, us an answer |",
        "|---|---|---|",
        *(f"| {name} | {one.rate:,.0f} | {one.cpu:.0f} |" for name, one in figures.items()),
        "",
    ]
    keep("gateway", versions(*PACKAGES), lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
