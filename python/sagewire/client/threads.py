"""Work that would keep an event loop, done in threads: alone, or once for all tasks that wait."""

import asyncio
import contextvars
import threading
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any


def let_others_run() -> "Any":
    """Return what to await for the loop to do its other work before going on."""
    return asyncio.sleep(0)


async def in_executor(work: "Callable[..., Any]", *arguments: "Any") -> "Any":
    """Do work that computes or reads files, in the loop's own threads."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: context.run(work, *arguments))


async def in_thread(work: "Callable[..., Any]", *arguments: "Any") -> "Any":
    """Do work that may hang, in a thread of its own."""
    return await Shared(asyncio.get_running_loop()).wait(None, work, *arguments)


class Shared:
    """Work of one loop that may hang, each kind once at a time for all tasks that wait for it.

    Each has a thread of its own: the loop's threads are few, and those who share them do not wait
    for a resolver or a metadata service that hangs. A task that gives up leaves the others waiting.
    """

    __slots__ = ("_loop", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def wait(self, kind: "Hashable", work: "Callable[..., Any]", *arguments: "Any") -> "Any":
        """Return what the work of this kind gives, or raise what it raises."""
        running = self._running.get(kind)
        if running is None:
            running = self._running[kind] = self._begin(kind, work, arguments)
        return await asyncio.shield(running)

    def _begin(
        self, kind: "Hashable", work: "Callable[..., Any]", arguments: "tuple[Any, ...]"
    ) -> "asyncio.Future[Any]":
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()
        # An error that no task waits for any more is nobody's.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        context = contextvars.copy_context()

        def settle(value: "Any", error: "BaseException | None") -> None:
            self._running.pop(kind, None)
            if future.done():
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        def run() -> None:
            value, failure = None, None
            try:
                value = context.run(work, *arguments)
            except BaseException as error:  # noqa: BLE001 - it is the waiting tasks'
                failure = error
            with suppress(RuntimeError):  # the loop is over, and nobody waits
                loop.call_soon_threadsafe(settle, value, failure)

        threading.Thread(target=run, name="sagewire-waiting", daemon=True).start()
        return future
