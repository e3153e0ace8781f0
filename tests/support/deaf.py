"""A peer that takes no connection: its queue is full, and whoever connects waits."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """Hold such a port of 127.0.0.1."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
