"""Faults that a test has asked for, call by call. Twin: rust/net/src/server/script.rs."""

import collections
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Delay in seconds, status or 0, error code, message, whether to drop the connection.
    Fault = tuple[float, int, str, str, bool]


class Script:
    """The faults that wait, by endpoint."""

    def __init__(self) -> None:
        self._waiting: dict[str, collections.deque[Fault]] = {}
        self._lock = threading.Lock()

    def add(self, endpoint: str, faults: "list[Fault]") -> None:
        """Add faults, one a call, behind those that wait."""
        with self._lock:
            self._waiting.setdefault(endpoint, collections.deque()).extend(faults)

    def next(self, endpoint: str) -> "Fault | None":
        """Return the next call's fault."""
        with self._lock:
            waiting = self._waiting.get(endpoint)
            return waiting.popleft() if waiting else None
