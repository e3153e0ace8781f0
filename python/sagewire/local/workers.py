"""The threads that run Python handlers.

They are ordinary Python threads, in both implementations: `threading.local` keeps its values from
call to call, debuggers see them, and at the interpreter's end they stop as Python's threads do.

There is one worker at first, and one in reserve, which takes a call only when it has found no
worker for a while; then it becomes a worker itself, and another one waits in reserve.
"""

import threading
import time

from sagewire.local.request import Request
from sagewire.local.response import to_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from sagewire._pure.server import Call, FrontDoor

# Calls beyond this many wait for a thread; the model's time-out runs meanwhile.
MOST_THREADS = 64
# How long a call waits for a worker before the reserve takes it. CPython lets a thread run for as
# long before it makes it share the interpreter.
PATIENCE_SECONDS = 0.005


class Workers:
    """Takes calls from a server and answers them with the handlers of endpoints and variants."""

    def __init__(
        self, server: "FrontDoor", handlers: "Mapping[tuple[str, str], Callable[[Request], Any]]"
    ) -> None:
        self._server = server
        self._handlers = handlers
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a worker and its reserve."""
        self._start(0.0)
        self._start(PATIENCE_SECONDS)

    def _start(self, patience: float) -> None:
        with self._lock:
            if len(self._threads) >= MOST_THREADS:
                return
            name = f"sagewire-worker-{len(self._threads)}"
            thread = threading.Thread(target=self._run, args=(patience,), name=name, daemon=True)
            self._threads.append(thread)
        thread.start()

    def join(self, seconds: float) -> None:
        """Wait for threads that have nothing to do any more; leave those whose handler runs on."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, patience: float) -> None:
        take = self._server.take
        while (call := take(patience)) is not None:
            if patience:
                patience = 0.0
                self._start(PATIENCE_SECONDS)
            self._answer(call)
            # Waiting for the next call must not keep this one's body alive.
            del call

    def _answer(self, call: "Call") -> None:
        body: bytes | Iterator[bytes]
        try:
            handler = self._handlers[call.endpoint_name, call.variant_name]
            request = Request(
                call.endpoint_name, call.operation, call.headers, call.body, call.variant_name
            )
            status, headers, body = to_answer(handler(request))
            if isinstance(body, bytes):
                call.answer(status, headers, body)
                return
            # The first part decides whether there is an answer at all.
            first = _part(body)
        except BaseException as error:  # noqa: BLE001 - a handler must not end its thread
            _log(call, error)
            headers = [("content-type", "text/plain; charset=utf-8")]
            call.answer(500, headers, _said(error).encode("utf-8", "replace"))
            return
        if status >= 300:
            call.answer(status, headers, _joined(first, body))
            return
        call.begin(status, headers)
        self._send(call, first, body)

    @staticmethod
    def _send(call: "Call", part: "bytes | None", rest: "Iterator[bytes]") -> None:
        try:
            while part is not None and call.send(part):
                part = _part(rest)
            if part is None:
                call.finish()
        except BaseException as error:  # noqa: BLE001 - as above
            _log(call, error)
            call.abort(_said(error))
        finally:
            _close(call, rest)


def _part(parts: "Iterator[bytes]") -> "bytes | None":
    part = next(parts, None)
    if part is None or isinstance(part, bytes):
        return part
    if isinstance(part, (bytearray, memoryview)):
        return bytes(part)
    raise TypeError(f"the handler's iterator gave {type(part).__name__}; allowed: bytes")


def _joined(first: "bytes | None", rest: "Iterator[bytes]") -> bytes:
    pieces = []
    while first is not None:
        pieces.append(first)
        first = _part(rest)
    return b"".join(pieces)


def _close(call: "Call", parts: "Iterator[bytes]") -> None:
    try:
        close = getattr(parts, "close", None)
        if callable(close):
            close()
    except BaseException as error:  # noqa: BLE001 - a handler must not end its thread
        _log(call, error)


def _said(error: BaseException) -> str:
    """Return an exception's type and text; an exception's own text is the handler's code, too."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except BaseException as failure:  # noqa: BLE001 - as above
        return f"{name}: its text cannot be had ({type(failure).__name__})"


def _log(call: "Call", error: BaseException) -> None:
    import logging

    logging.getLogger("sagewire.local").error(
        "the handler of endpoint %s failed", call.endpoint_name, exc_info=error
    )
