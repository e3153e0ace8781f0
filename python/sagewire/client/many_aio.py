"""`invoke_many` under asyncio: many calls at once, each a task's, a bounded number under way."""

import asyncio
from collections.abc import AsyncIterator

from sagewire.client import many
from sagewire.client.many import Failed, arguments
from sagewire.client.threads import let_others_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sagewire.client.aio import AsyncSageMakerRuntime

# Requests that are taken ahead of the result that is given out next, for each task.
_AHEAD_PER_TASK = 2
# How many calls are ended before others have their turn.
_ENDED_AT_ONCE = 8


def checked(requests: "Any", concurrency: "Any") -> "AsyncIterator[Any]":
    """Return an asynchronous iterator over requests; raise as `many.checked` does."""
    if hasattr(requests, "__aiter__"):
        many.checked((), concurrency)
        return requests.__aiter__()  # type: ignore[no-any-return]
    return _plain(many.checked(requests, concurrency))


async def _plain(requests: "Iterator[Any]") -> "AsyncIterator[Any]":
    for request in requests:
        yield request


class Crew:
    """The tasks of one `invoke_many`."""

    __slots__ = ("_client", "_concurrency", "_lock", "_requests", "_room", "_tasks", "done",
                 "exhausted", "failure", "taken")  # fmt: skip

    def __init__(
        self, client: "AsyncSageMakerRuntime", requests: "AsyncIterator[Any]", concurrency: int
    ) -> None:
        self.done: asyncio.Queue[tuple[int, Any] | None] = asyncio.Queue()
        self.taken = 0
        self.exhausted = False
        self.failure: BaseException | None = None
        self._client = client
        self._concurrency = concurrency
        self._requests = requests
        # An asynchronous iterator is asked by one task at a time.
        self._lock = asyncio.Lock()
        self._room = asyncio.Semaphore(_AHEAD_PER_TASK * concurrency)
        # Each task that takes a request starts the next one: there are never more than requests.
        self._tasks = [asyncio.ensure_future(self._work())]

    def make_room(self) -> None:
        """Let one more request be taken: a result has been given out."""
        self._room.release()

    async def end(self) -> None:
        """Cancel what is in flight, and wait for its end."""
        self.exhausted = True  # whatever a task has taken meanwhile, it starts no other
        tasks, self._tasks = self._tasks, []
        try:
            for number, task in enumerate(tasks, 1):
                task.cancel()
                if number % _ENDED_AT_ONCE == 0:
                    await let_others_run()
            # One that is slow to end has kept no other: each is a call that costs.
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:  # whoever ends them is given up itself: then all at once
                task.cancel()

    async def _work(self) -> None:
        invoke = self._client.invoke_endpoint
        while (job := await self._next()) is not None:
            number, request = job
            outcome: Any
            try:
                outcome = await invoke(**arguments(number, request))
                outcome["Body"] = await outcome["Body"].read()
            except Exception as error:  # noqa: BLE001 - it is raised where the results are taken
                outcome = Failed(error)
            self.done.put_nowait((number, outcome))
            # Nothing of a call is kept until the next one comes.
            del job, request, outcome

    async def _next(self) -> "tuple[int, Any] | None":
        await self._room.acquire()
        async with self._lock:
            if self.exhausted:
                return None
            try:
                request = await self._requests.__anext__()
            except StopAsyncIteration:
                self.exhausted = True
            except Exception as error:  # noqa: BLE001 - raised after what came before it
                self.exhausted = True
                self.failure = error
            else:
                self.taken += 1
                if len(self._tasks) < self._concurrency and not self.exhausted:
                    self._tasks.append(asyncio.ensure_future(self._work()))
                return self.taken - 1, request
            self.done.put_nowait(None)
            return None


async def results(
    client: "AsyncSageMakerRuntime",
    requests: "AsyncIterator[Any]",
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
) -> "AsyncIterator[Any]":
    """Yield what the calls return; leaving the iteration cancels those that are in flight."""
    crew = Crew(client, requests, concurrency)
    early: dict[int, Any] = {}  # outcomes that came before their turn
    given = 0
    try:
        while not (crew.exhausted and given == crew.taken):
            if ordered and given in early:
                outcome = early.pop(given)
            else:
                arrived = await crew.done.get()
                if arrived is None:
                    continue
                number, outcome = arrived
                if ordered and number != given:
                    early[number] = outcome
                    continue
            given += 1
            crew.make_room()
            if not isinstance(outcome, Failed):
                yield outcome
            elif return_exceptions:
                yield outcome.error
            else:
                raise outcome.error
            del outcome
    finally:
        await crew.end()
    if crew.failure is not None:
        raise crew.failure
