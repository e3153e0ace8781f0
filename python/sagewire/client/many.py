"""`invoke_many`: many calls at once, each on a thread, with a bounded number under way.

The threads take requests from a queue and put outcomes into another; the caller's own thread fills
the one and empties the other, so that the iterable of requests is only ever used by the thread that
iterates over the results.
"""

import atexit
import copy
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue

from sagewire.client.ambient import Ambient
from sagewire.client.connecting import NO_LIMIT
from sagewire.exceptions import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sagewire.client.sync import SageMakerRuntime

# Requests that are taken from the iterable ahead of the result that is given out next, for each
# thread: with one to spare a thread finds its next request without waiting for the caller.
_AHEAD_PER_THREAD = 2
# The longest that a signal goes unnoticed, in seconds.
_SLICE_SECONDS = 0.05
# How long the end waits for threads that are about to end, in seconds. Only one inside a body's own
# `read` takes longer, or one that waits for credentials; it ends with that.
_PATIENCE_SECONDS = 5.0


class _StoppedError(Exception):
    """Nobody waits for the call any more."""


class Failed:
    """The outcome of a call that failed."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def checked(requests: "Any", concurrency: "Any") -> "Iterator[Any]":
    """Return an iterator over requests.

    Raises `InvalidArgumentError` for requests or a concurrency that cannot be.
    """
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidArgumentError(
            argument="concurrency",
            problem=f"it is {concurrency!r}",
            allowed="integers from 1",
        )
    if not isinstance(requests, Mapping):
        try:
            return iter(requests)
        except TypeError:
            pass  # said below
    raise InvalidArgumentError(
        argument="requests",
        problem=f"it is {type(requests).__name__}",
        allowed="iterables of mappings, each the keyword arguments of invoke_endpoint",
    )


def arguments(number: int, request: "Any") -> "Mapping[str, Any]":
    """Return a request if it is one; raise `InvalidArgumentError` that says which is not."""
    if isinstance(request, Mapping):
        return request
    raise InvalidArgumentError(
        argument="requests",
        problem=f"number {number}, counted from 0, is {type(request).__name__}",
        allowed="mappings of invoke_endpoint's keyword arguments",
    )


class Crew:
    """The threads of one `invoke_many`."""

    __slots__ = ("_client", "_concurrency", "_context", "_done", "_jobs", "_pool", "_process",
                 "_stopped", "_threads", "_waiting")  # fmt: skip

    def __init__(self, client: "SageMakerRuntime", concurrency: int) -> None:
        self._concurrency = concurrency
        self._process = os.getpid()
        self._stopped = threading.Event()
        self._jobs: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._client, self._pool = _apart(client, self._sleep, concurrency)
        # Calls in flight must not keep an interpreter that exits.
        atexit.register(self.end)

    def submit(self, number: int, request: "Any") -> None:
        """Hand a request in; a thread is started if all those there are have one."""
        self._waiting += 1
        self._jobs.put((number, request))
        if len(self._threads) < min(self._waiting, self._concurrency):
            # Each in the context of the one who iterates, where tracing keeps its spans.
            thread = threading.Thread(
                target=copy_context().run,
                args=(self._work,),
                name=f"sagewire-many-{len(self._threads)}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def outcome(self) -> "tuple[int, Any]":
        """Wait for the next call that is done; return its number and its result or `Failed`."""
        if os.getpid() != self._process:
            raise RuntimeError("invoke_many was begun in the parent of this process")
        while True:
            try:
                done = self._done.get(timeout=_SLICE_SECONDS)
            except Empty:
                continue  # a signal just before the wait goes unnoticed until it is over
            self._waiting -= 1
            return done

    def end(self) -> None:
        """End what is in flight, and the threads."""
        if self._stopped.is_set() or os.getpid() != self._process:
            return  # a child's copies of the connections are its parent's, too
        self._stopped.set()
        atexit.unregister(self.end)
        while True:
            try:
                self._jobs.get_nowait()
            except Empty:
                break
        self._pool.end()
        for _ in self._threads:
            self._jobs.put(None)
        latest = time.monotonic() + _PATIENCE_SECONDS
        for thread in self._threads:
            if thread is not threading.current_thread():
                # One whose start a signal's handler has interrupted cannot be waited for.
                with suppress(RuntimeError):
                    thread.join(max(0.0, latest - time.monotonic()))

    def _sleep(self, seconds: float) -> None:
        """Wait between two attempts, unless nobody waits for the call any more."""
        if self._stopped.wait(seconds):
            raise _StoppedError

    def _work(self) -> None:
        jobs, done, invoke = self._jobs, self._done, self._client.invoke_endpoint
        while (job := jobs.get()) is not None and not self._stopped.is_set():
            number, request = job
            outcome: Any
            try:
                outcome = invoke(**arguments(number, request))
                outcome["Body"] = outcome["Body"].read()
            except BaseException as error:  # noqa: BLE001 - it is the caller's, in another thread
                outcome = Failed(error)
            # A thread may wait for outcomes while the interpreter ends: not for what that made.
            if not self._stopped.is_set():
                done.put((number, outcome))
            # Nothing of a call is kept until the next one comes.
            del job, request, outcome


def _apart(
    client: "SageMakerRuntime", sleep: "Callable[[float], None]", connections: int
) -> "tuple[SageMakerRuntime, Any]":
    """Return a view of a client whose waits and connections can be ended, and its pool."""
    core = client._core  # noqa: SLF001 - the client's own
    sender = copy.copy(core.sender or core.open())
    sender.outgoing = copy.copy(sender.outgoing)
    ambient = Ambient()
    for name in Ambient.__slots__:
        setattr(ambient, name, getattr(core.ambient, name))
    ambient.sleep = sleep
    sender.outgoing.ambient = ambient
    sender.pool = sender.pool.group(min(connections, NO_LIMIT))
    view = object.__new__(type(client))
    view.__dict__.update(client.__dict__)
    view._core = core = core.apart(ambient, sender)
    view._book = core.books.of(view._options)
    return view, sender.pool


def results(
    client: "SageMakerRuntime",
    requests: "Iterator[Any]",
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
) -> "Iterator[Any]":
    """Yield what the calls return; leaving the iteration ends those that are in flight."""
    ahead = _AHEAD_PER_THREAD * concurrency
    crew = Crew(client, concurrency)
    early: dict[int, Any] = {}  # outcomes that came before their turn
    taken = given = 0
    failure: Exception | None = None
    exhausted = False
    try:
        while True:
            while not exhausted and taken - given < ahead:
                try:
                    request = next(requests)
                except StopIteration:
                    exhausted = True
                except Exception as error:  # noqa: BLE001 - raised below, after what came before it
                    exhausted = True
                    failure = error
                else:
                    crew.submit(taken, request)
                    taken += 1
                    del request
            if given == taken:
                break
            while True:
                if ordered and given in early:
                    outcome = early.pop(given)
                    break
                number, outcome = crew.outcome()
                if not ordered or number == given:
                    break
                early[number] = outcome
            given += 1
            if not isinstance(outcome, Failed):
                yield outcome
            elif return_exceptions and isinstance(outcome.error, Exception):
                yield outcome.error
            else:
                raise outcome.error
            del outcome
    finally:
        crew.end()
    if failure is not None:
        raise failure
