"""Call an endpoint again and again: progress while it runs, then rate, latencies and errors.

Each of --concurrency threads calls in a closed loop over one client and its pool; retries are off,
so that what is measured is single calls. The first calls of each thread, during --warm-up, are not
counted. The result is one line of JSON on standard output, or a table with --table.

    sagewire bench my-endpoint --body @image.png --duration 10 --concurrency 8
"""

import sys
import time

from sagewire.cli import FAILED, WRONG_USE, endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sagewire.client.sync import SageMakerRuntime

SUMMARY = "measure an endpoint under load"
PERCENTILES = (50, 90, 99, 99.9)
PROGRESS_SECONDS = 1.0
MOST_THREADS = 4096


def add_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add the command's arguments."""
    endpoint.add_call_arguments(parser)
    load = parser.add_argument_group("load")
    load.add_argument(
        "--concurrency", type=_threads, default=1, metavar="N", help="threads (%(default)s)"
    )
    load.add_argument(
        "--duration", type=float, default=10.0, metavar="SECONDS", help="(%(default)s)"
    )
    load.add_argument("--warm-up", type=float, default=1.0, metavar="SECONDS", help="(%(default)s)")
    load.add_argument("--requests", type=_number, metavar="N", help="end after so many calls")
    load.add_argument("--table", action="store_true", help="a table instead of JSON")
    load.add_argument("--quiet", action="store_true", help="no progress")
    endpoint.add_client_arguments(parser)


def _number(text: str, most: "int | None" = None) -> int:
    import argparse

    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        limit = "on" if most is None else f"to {most}"
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are whole numbers from 1 {limit}")
    return int(text)


def _threads(text: str) -> int:
    return _number(text, MOST_THREADS)


def run(given: "argparse.Namespace") -> int:
    """Measure; return the exit code: 1 if no call succeeded."""
    from sagewire.exceptions import BotoCoreError

    try:
        endpoint.checked_seconds("--duration", given.duration)
        endpoint.checked_seconds("--warm-up", given.warm_up, least=0)
        arguments = endpoint.call_arguments(given)
        client = endpoint.client(given, given.concurrency)
    except (BotoCoreError, OSError, TypeError, ValueError) as error:
        endpoint.say(error)
        return WRONG_USE
    with client:
        load = _Load(client.with_options(max_attempts=1), arguments, given)
        result = load.run()
    if given.table:
        _print_table(result)
    else:
        import json

        print(json.dumps(result))  # noqa: T201 - the result
    return 0 if result["succeeded"] else FAILED


class _Load:
    """Threads that call until the time or the number is up."""

    def __init__(
        self, client: "Any", arguments: "dict[str, Any]", given: "argparse.Namespace"
    ) -> None:
        import threading

        self._client: SageMakerRuntime = client
        self._arguments = arguments
        self._given = given
        # Per thread: latencies, and errors by name. Nobody waits for a lock between two calls.
        self._latencies: list[list[float]] = [[] for _ in range(given.concurrency)]
        self._errors: list[dict[str, int]] = [{} for _ in range(given.concurrency)]
        self._left: int | None = given.requests
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> "dict[str, Any]":
        import threading

        begin = time.perf_counter() + (0 if self._left else self._given.warm_up)
        end = begin + self._given.duration
        threads = [
            threading.Thread(target=self._call, args=(number, begin, end), daemon=True)
            for number in range(self._given.concurrency)
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads, begin)
        except KeyboardInterrupt:
            # What was measured so far is a result as well.
            self._ended.set()
            for thread in threads:
                thread.join(5.0)
        seconds = max(min(time.perf_counter(), end) - begin, 1e-9)
        return self._result(seconds)

    def _watch(self, threads: "list[Any]", begin: float) -> None:
        seen = 0
        shown = time.perf_counter()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)
                now = time.perf_counter()
                if now - shown >= PROGRESS_SECONDS and not self._given.quiet:
                    done, wrong = self._counts()
                    rate = (done - seen) / (now - shown)
                    phase = "warming up" if now < begin else f"{now - begin:4.0f} s"
                    endpoint.say(f"{phase}  {done} calls  {rate:.0f}/s  {wrong} errors")
                    seen, shown = done, now

    def _counts(self) -> "tuple[int, int]":
        wrong = sum(sum(errors.copy().values()) for errors in self._errors)
        return sum(map(len, self._latencies)) + wrong, wrong

    def _call(self, number: int, begin: float, end: float) -> None:
        latencies, errors = self._latencies[number], self._errors[number]
        clock, invoke, arguments = time.perf_counter, self._client.invoke_endpoint, self._arguments
        while not self._ended.is_set() and self._may_call():
            started = clock()
            if started >= end:
                return
            try:
                invoke(**arguments)["Body"].read()
            except Exception as error:  # noqa: BLE001 - each is a result
                if started >= begin:
                    name = _name_of(error)
                    errors[name] = errors.get(name, 0) + 1
                # A service that refuses at once must not be called as fast as that.
                time.sleep(0.01)
            else:
                if started >= begin:
                    latencies.append(clock() - started)

    def _may_call(self) -> bool:
        if self._left is None:
            return True
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _result(self, seconds: float) -> "dict[str, Any]":
        latencies = sorted(latency for each in self._latencies for latency in each)
        errors: dict[str, int] = {}
        for each in self._errors:
            for name, count in each.items():
                errors[name] = errors.get(name, 0) + count
        result: dict[str, Any] = {
            "endpoint": self._given.name,
            "concurrency": self._given.concurrency,
            "seconds": round(seconds, 3),
            "succeeded": len(latencies),
            "failed": sum(errors.values()),
            "per_second": round(len(latencies) / seconds, 1),
            "latency_ms": {},
            "errors": errors,
        }
        if latencies:
            percentiles = {
                f"p{percent:g}": _percentile(latencies, percent) for percent in PERCENTILES
            }
            mean = sum(latencies) / len(latencies)
            named = {"mean": mean, **percentiles, "max": latencies[-1]}
            result["latency_ms"] = {name: round(value * 1e3, 3) for name, value in named.items()}
        return result


def _percentile(ordered: "list[float]", percent: float) -> float:
    """Return the nearest rank: the smallest value that `percent` of all do not exceed."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def _name_of(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", type(error).__name__))
    return type(error).__name__


def _print_table(result: "dict[str, Any]") -> None:
    print(f"{result['per_second']:.1f} calls a second, {result['failed']} failed", file=sys.stdout)  # noqa: T201
    for name, value in result["latency_ms"].items():
        print(f"{name:>6} {value:10.3f} ms")  # noqa: T201 - the result
    for name, count in result["errors"].items():
        print(f"{count:>6} {name}")  # noqa: T201 - the result
