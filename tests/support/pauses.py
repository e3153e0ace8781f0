"""How long a thread, and a loop on it, is kept by its own doing, however busy the machine is."""

import asyncio
import gc
import time
from collections.abc import Callable
from pathlib import Path

_WAITED = Path("/proc/thread-self/schedstat")


def thread_clock() -> float:
    """Return seconds of the machine, less those that the thread has waited for a processor.

    Where the system does not tell, those of the machine alone.
    """
    try:
        queued_ns = int(_WAITED.read_bytes().split()[1])
    except (OSError, IndexError):
        queued_ns = 0
    return time.perf_counter() - queued_ns / 1e9


class Heart:
    """Beats once a round of the loop; `longest` is what the longest round has computed, in seconds.

    A round is all that the loop does before it comes back, whoever's it is. What a thread has
    computed is its own, whoever else is on the machine; only caches are shared.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> "Heart":  # noqa: PYI034 - typing is not imported
        self._task = asyncio.ensure_future(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await asyncio.sleep(0)  # what the last round has computed counts, too
        self._task.cancel()

    async def _beat(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest = max(self.longest, now - last)
            last = now


def least(measure: Callable[[], float], bound: float, times: int = 6) -> float:
    """Return the least of what `measure` gives, measured until it is below the bound.

    What our code takes it takes each time; what a page fault or a neighbour on the processor's core
    takes, it does not. The collector, whose pauses are the program's, is kept out of it.
    """
    found = float("inf")
    for _ in range(times):
        gc.collect()
        gc.disable()
        try:
            found = min(found, measure())
        finally:
            gc.enable()
        if found < bound:
            break
    return found
