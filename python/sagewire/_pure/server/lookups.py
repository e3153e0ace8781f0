"""Keys that the server does not know and somebody else might. Twin: rust/net/src/server/lookups.rs.

A connection asks and waits; whoever calls `take` answers, on a thread of its own. What was found is
kept for a while, so that the callable behind it is not asked for every call.
"""

import collections
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Secret, token, seconds since 1970 at which they expire, patterns of endpoints.
    Found = tuple[str, str | None, int | None, list[str]]

# How long a key that was found is used before it is asked for again.
FOUND_SECONDS = 60.0
# How long a key that was not found is refused without asking.
MISSING_SECONDS = 5.0
# Answers kept; a stranger who makes up keys must not fill the memory.
MAX_KEPT = 4096
# How long a call waits for the answer.
PATIENCE_SECONDS = 10.0


class Lookup:
    """A key that somebody wants to know."""

    __slots__ = ("_answered", "_found", "access_key_id")

    def __init__(self, access_key_id: str) -> None:
        self.access_key_id = access_key_id
        self._answered = threading.Event()
        self._found: Found | None = None

    def answer(self, found: "Found | None") -> None:
        """Give what was found."""
        self._found = found
        self._answered.set()

    def wait(self, seconds: float) -> "tuple[bool, Found | None]":
        """Return whether there was an answer in time, and what it was."""
        return self._answered.wait(seconds), self._found


class Lookups:
    """The questions that wait, and the answers that are still fresh."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Lookup] = collections.deque()
        self._kept: dict[str, tuple[float, Found | None]] = {}
        self._lock = threading.Condition()
        self._closed = False

    def ask(self, access_key_id: str) -> "Found | None":
        """Return what is known outside of a key."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(access_key_id)
            if kept is not None and now < kept[0]:
                return kept[1]
            if self._closed:
                return None
            lookup = Lookup(access_key_id)
            self._waiting.append(lookup)
            self._lock.notify()
        answered, found = lookup.wait(PATIENCE_SECONDS)
        if answered:
            self._keep(access_key_id, found)
        return found

    def take(self) -> "Lookup | None":
        """Wait for a question; None once the server has stopped."""
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.popleft()

    def close(self) -> None:
        """Answer what waits with nothing, and send whoever takes home."""
        with self._lock:
            self._closed = True
            for lookup in self._waiting:
                lookup.answer(None)
            self._waiting.clear()
            self._lock.notify_all()

    def _keep(self, access_key_id: str, found: "Found | None") -> None:
        seconds = FOUND_SECONDS if found else MISSING_SECONDS
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[access_key_id] = time.monotonic() + seconds, found
