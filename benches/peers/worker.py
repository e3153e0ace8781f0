"""One contestant in a process of its own: told how often, it answers with CPU and wall time."""

import gc
import sys
import time

from benches.peers import contestants, loads


def main() -> None:
    group, name, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    home = loads if hasattr(loads, group) else contestants
    make, _, times = getattr(home, group)[name]
    once = make(port)
    for _ in range(min(100, times)):
        once()
    gc.collect()
    print("ready", flush=True)
    for line in sys.stdin:
        times = int(line)
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        for _ in range(times):
            once()
        wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
        print(cpu / times / 1000, wall / times / 1000, flush=True)


main()
