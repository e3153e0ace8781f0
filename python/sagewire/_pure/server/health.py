"""Asking containers how they are. Twin: rust/net/src/server/health.rs.

`GET /ping`, and 200 is well:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import contextlib
import http.client
import socket
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewire._pure.server.container import Container

# How long a container may take for its answer: the contract's two seconds.
PATIENCE_SECONDS = 2.0
# A container that is not up yet is looked at more often, so that a start is not slow.
START_SECONDS = 0.25
# What is read of the answer.
LONGEST_ANSWER = 65_536


class Health:
    """Pings containers, each on a thread of its own, until `stop`."""

    def __init__(self, containers: "Iterable[Container]", every: float) -> None:
        self._every = every
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._under_way: set[socket.socket] = set()
        self._threads = [
            threading.Thread(
                target=self._watch, args=(container,), name="sagewire-ping", daemon=True
            )
            for container in containers
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ping no more; pings under way end at once."""
        with self._lock:
            self._stopped.set()
            for sock in self._under_way:
                # It may have ended by itself.
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _watch(self, container: "Container") -> None:
        while not self._stopped.is_set():
            if self._ping(container):
                container.answered_ping()
            else:
                container.missed_ping()
            every = self._every if container.healthy else min(self._every, START_SECONDS)
            self._stopped.wait(every)

    def _ping(self, container: "Container") -> bool:
        connection = http.client.HTTPConnection(container.host, container.port)
        try:
            connection.sock = sock = self._connected(container)
            try:
                connection.request("GET", container.path.removesuffix("invocations") + "ping")
                response = connection.getresponse()
                body = response.read(LONGEST_ANSWER + 1)
            finally:
                with self._lock:
                    self._under_way.discard(sock)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return response.status == 200 and len(body) <= LONGEST_ANSWER

    def _connected(self, container: "Container") -> socket.socket:
        """Connect to the first address that answers; `stop` ends what is under way."""
        failure = OSError("the name has no address")
        place = container.host, container.port
        for family, kind, protocol, _, address in socket.getaddrinfo(
            *place, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            with self._lock:
                if self._stopped.is_set():
                    sock.close()
                    raise OSError("nobody wants to know any more")
                self._under_way.add(sock)
            try:
                sock.settimeout(PATIENCE_SECONDS)
                sock.connect(address)
            except OSError as error:
                failure = error
                with self._lock:
                    self._under_way.discard(sock)
                sock.close()
            else:
                return sock
        raise failure
