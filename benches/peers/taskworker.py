"""One contestant on an event loop of its own: told how many calls, it answers with their figures.

A line of arguments: group, name, port, tasks. A round is one line: so many calls, shared evenly by
the tasks. Its answer: CPU and wall time a call, and the median and the 99th percentile of how long
single calls took, in microseconds.
"""

import asyncio
import contextlib
import gc
import sys
import time

from benches.peers import awaited
from benches.peers.streamer import PART_BYTES, PARTS

STREAM_BYTES = PARTS * PART_BYTES


async def turns(once: awaited.Once, times: int, took: list[int]) -> None:
    clock = time.perf_counter_ns
    for _ in range(times):
        began = clock()
        await once()
        took.append(clock() - began)


async def batch(each: list[awaited.Once], calls: int) -> list[float]:
    took: list[int] = []
    times = max(1, calls // len(each))
    gc.collect()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    await asyncio.gather(*(turns(once, times, took) for once in each))
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    took.sort()
    made = len(took)
    figures = cpu / made, wall / made, took[made // 2], took[min(made - 1, made * 99 // 100)]
    return [figure / 1000 for figure in figures]


async def checked(group: str, once: awaited.Once) -> None:
    """Make sure that the contestant got what it is measured for."""
    answer = await once()
    if group == "STREAMS":
        if answer != STREAM_BYTES:
            raise RuntimeError(f"a stream of {answer} bytes")
    elif b"predictions" not in answer:
        raise RuntimeError(f"another answer: {answer!r}")


async def main() -> None:
    group, name, port, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    make, _, _, calls = getattr(awaited, group)[name]
    async with contextlib.AsyncExitStack() as stack:
        each = await make(stack, port, tasks)
        await checked(group, each[0])
        await batch(each, min(calls, 2 * tasks))
        print("ready", flush=True)
        # The loop stands still between rounds: nobody is measured while another one is.
        for line in sys.stdin:
            print(*await batch(each, int(line)), flush=True)


asyncio.run(main())
