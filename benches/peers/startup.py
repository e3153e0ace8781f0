"""Start-up: a fresh process that imports a package and makes a client, over a bare one."""

import statistics
import subprocess
import sys

from benches.peers.loads import first_call
from benches.peers.measure import environment, pinned
from benches.report import ROOT

TIMES = 21
MAKE = (
    "import {0}; {0}.client('sagemaker-runtime', 'us-east-1', "
    "aws_access_key_id='a', aws_secret_access_key='b')"
)
PROGRAMS = {
    "bare python": ("pass", False),
    "sagewire": (MAKE.format("sagewire"), False),
    "sagewire, pure": (MAKE.format("sagewire"), True),
    "boto3": (MAKE.format("boto3"), False),
    "sagewire and its first call": (first_call("sagewire"), False),
    "sagewire, pure, and its first call": (first_call("sagewire"), True),
    "boto3 and its first call": (first_call("boto3"), False),
}
# The peak of the process itself: getrusage's would be that of the process it was forked from.
MEASURE = """
import time
used = time.process_time() * 1000
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(used, peak / 1024)
"""


def run(port: int) -> dict[str, tuple[float, float]]:
    """Return milliseconds of CPU from the process's start, and MiB resident, as medians."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(TIMES):
        for name, (program, pure) in PROGRAMS.items():
            command = [*pinned(0), sys.executable, "-c", program + MEASURE, str(port)]
            out = subprocess.run(
                command, env=environment(pure), cwd=ROOT, check=True, capture_output=True, text=True
            ).stdout
            milliseconds, mebibytes = map(float, out.split())
            figures[name].append((milliseconds, mebibytes))
    return {
        name: (
            statistics.median(one[0] for one in ones),
            statistics.median(one[1] for one in ones),
        )
        for name, ones in figures.items()
    }
