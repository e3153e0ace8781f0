"""From a name to its addresses, in a bounded time. Twin: rust/net/src/transport/lookup.rs.

The system's look-up takes no limit, so it has a thread of its own. A pool has one at most: whoever
comes while it runs waits for the same answer. One that is given up runs to its end, as long as the
system's resolver lets it.
"""

import socket
import threading

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire._pure.transport.watch import Watch
from sagewire.exceptions import EndpointConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # What `getaddrinfo` gives: family, kind, protocol, a name, the address.
    Address: TypeAlias = tuple[int, int, int, str, Any]


class Resolver:
    """The look-ups of one pool in one process."""

    __slots__ = ("_lock", "_running")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Lookup | None = None

    def resolve(
        self, host: str, port: int, limit: Countdown, deadline: Deadline, url: str, watch: Watch
    ) -> "list[Address]":
        """Return the addresses of a host, in the order of the system's resolver.

        Raises `EndpointConnectionError`, or `TimeoutError` where the limit comes first.
        """
        if _is_address(host):
            found = _looked_up(host, port)
        else:
            with self._lock:
                lookup = self._running
                if lookup is None or lookup.is_over():
                    lookup = self._running = _Lookup(host, port)
            left = deadline.wait(limit.left(), CONNECTING)
            while not lookup.wait(watch.slice(left)):
                if not watch.look(left):
                    raise TimeoutError
                left = deadline.wait(limit.left(), CONNECTING)
            found = lookup.found
        if isinstance(found, Exception):
            raise EndpointConnectionError(endpoint_url=url, error=str(found))
        return found


class _Lookup:
    """A look-up that runs, or has just ended."""

    __slots__ = ("_over", "found")

    def __init__(self, host: str, port: int) -> None:
        self.found: list[Address] | Exception = []
        self._over = threading.Event()
        name = "sagewire-lookup"
        threading.Thread(target=self._run, args=(host, port), name=name, daemon=True).start()

    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: "float | None") -> bool:
        return self._over.wait(seconds)

    def _run(self, host: str, port: int) -> None:
        try:
            self.found = _looked_up(host, port)
        finally:
            self._over.set()


def _looked_up(host: str, port: int) -> "list[Address] | Exception":
    try:
        return [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError, ValueError) as error:
        return error


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False
