"""The calls that wait for a worker. Twin: rust/net/src/server/calls.rs.

A worker takes the oldest call at once. A reserve takes only what has waited for a while, because
every worker is busy: few threads then serve many short calls, which is faster than many threads
that fight for the interpreter, and a call that finds only long ones before it still gets a thread.
"""

import collections
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.server.call import Call


class Calls:
    """A queue between the connections and the workers."""

    def __init__(self) -> None:
        self._waiting: collections.deque[tuple[float, Call]] = collections.deque()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._overdue = threading.Condition(self._lock)
        self._reserve_sleeps = False
        self._closed = False

    def put(self, call: "Call") -> None:
        """Add a call."""
        with self._lock:
            self._waiting.append((time.monotonic(), call))
            self._arrived.notify()
            if self._reserve_sleeps:
                self._reserve_sleeps = False
                self._overdue.notify()

    def take(self, patience: float) -> "Call | None":
        """Wait for a call that has waited `patience` seconds; None once the queue is closed."""
        with self._lock:
            while not self._closed:
                # A call that timed out while it waited needs no answer.
                while self._waiting and self._waiting[0][1].gone:
                    self._waiting.popleft()
                left = None
                if self._waiting:
                    left = self._waiting[0][0] + patience - time.monotonic()
                    if left <= 0:
                        return self._waiting.popleft()[1]
                if patience == 0:
                    self._arrived.wait()
                else:
                    self._reserve_sleeps = left is None
                    self._overdue.wait(left)
            return None

    def close(self) -> None:
        """Drop what waits, and send every worker home."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._arrived.notify_all()
            self._overdue.notify_all()
