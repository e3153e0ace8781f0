"""The clock of a thread: that of the machine, less what the thread waited for a processor.

A loop's pause by this clock is the loop's own doing, however busy the machine is.
"""

import time
from pathlib import Path

_WAITED = Path("/proc/thread-self/schedstat")


def thread_clock() -> float:
    """Return seconds of the calling thread; where the system does not tell, the machine's."""
    try:
        queued_ns = int(_WAITED.read_bytes().split()[1])
    except (OSError, IndexError):
        queued_ns = 0
    return time.perf_counter() - queued_ns / 1e9
