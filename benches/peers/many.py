"""A million requests of 1 KiB through `invoke_many`: what they cost in memory.

`python -m benches.peers.many` measures and keeps a dated record. A hundredth of them comes first,
so that what is made once is there.
"""

import os
import subprocess
import sys
from importlib.metadata import version

from benches.peers.loads import Peer
from benches.peers.measure import environment, pinned
from benches.report import ROOT, keep, verdict

REQUESTS = 1_000_000
LIMIT_MIB = 64
PROGRAM = """
import asyncio, sys, time
import sagewire

made = getattr(sagewire, sys.argv[1])(
    region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{sys.argv[2]}",
    aws_access_key_id="a", aws_secret_access_key="b",
)

def requests(count):
    return ({"EndpointName": "e", "Body": b"%1024d" % number} for number in range(count))

def go(count):
    return sum(1 for _ in made.invoke_many(requests(count)))

async def awaited(count):
    number = 0
    async for _ in made.invoke_many(requests(count)):
        number += 1
    return number

def done(count):
    return go(count) if sys.argv[1] == "client" else loop.run_until_complete(awaited(count))

def mebibytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024

loop = asyncio.new_event_loop()
count = int(sys.argv[3])
assert done(count // 100) == count // 100
before, began = mebibytes("VmRSS:"), time.monotonic()
assert done(count) == count
print(before, mebibytes("VmHWM:"), count / (time.monotonic() - began))
"""
CONTESTANTS = {
    "threads": ("client", False, REQUESTS),
    "asyncio": ("async_client", False, REQUESTS),
    "threads, pure": ("client", True, REQUESTS // 50),
    "asyncio, pure": ("async_client", True, REQUESTS // 50),
}


def main() -> None:
    busy = os.getloadavg()[0]
    rows, targets = [], []
    for name, (kind, pure, count) in CONTESTANTS.items():
        with Peer() as port:
            command = [*pinned(0), sys.executable, "-c", PROGRAM, kind, str(port), str(count)]
            said = subprocess.run(
                command, env=environment(pure), cwd=ROOT, check=True, capture_output=True, text=True
            ).stdout
        before, peak, rate = map(float, said.split())
        what = f"{name}: peak of the process over {count:,} requests, MiB"
        targets.append(verdict(what, peak, LIMIT_MIB))
        rows.append(f"| {name} | {count:,} | {before:.1f} | {peak:.1f} | {rate:,.0f} |")
    lines = [
        "Requests of 1 KiB, 64 at once, in order; memory is that of the process, Python included.",
        f"Load average of the machine before the first of them: {busy:.1f}.",
        "",
        *targets,
        "",
        "| | requests | MiB before | MiB at most | requests a second |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]
    keep("invoke_many", f"sagewire {version('sagewire')}", lines)


main()
