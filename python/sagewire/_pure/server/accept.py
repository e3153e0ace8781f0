"""The listening socket, a thread for every connection, and the end.

Twin: rust/net/src/server/accept.rs.
The server answers what it can by itself. What needs a Python handler waits as a `Call` until a
worker takes it, so that handlers run on threads that this module does not own.
"""

import contextlib
import socket
import threading
import time

from sagewire._pure.server.authenticate import Authenticator
from sagewire._pure.server.calls import Calls
from sagewire._pure.server.connection import Connection
from sagewire._pure.server.exchange import Shared
from sagewire._pure.server.fleet import Endpoint, Variant
from sagewire._pure.server.health import Health
from sagewire._pure.server.lookups import Lookups
from sagewire._pure.server.queue import Queue
from sagewire._pure.server.script import Script
from sagewire._pure.server.sessions import Sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.server.call import Call
    from sagewire._pure.server.lookups import Lookup

    # host, port, path
    Address = tuple[str, int, str]

BACKLOG = 1024


class FrontDoor:
    """A server that runs from its construction until `stop`.

    The arguments are the native twin's, which `rust/py/src/server.rs` explains.
    """

    def __init__(
        self,
        endpoints: "dict[str, list[tuple[str, float, list[Address] | None]]]",
        host: str,
        port: int,
        region: str,
        credentials: "list[tuple[str, str, str | None, int | None, list[str]]] | None",
        lookup: bool,
        model_timeout: float,
        stream_timeout: float,
        session_seconds: float,
        max_body_bytes: int,
        queue: "tuple[str | None, str, str, str, int] | None",
        ping_seconds: float,
    ) -> None:
        self._calls = Calls()
        self._lookups = Lookups()
        self._shared = Shared(
            region=region,
            endpoints={
                name: Endpoint(name, [Variant(*variant) for variant in variants])
                for name, variants in endpoints.items()
            },
            authenticator=Authenticator(region, credentials, self._lookups if lookup else None),
            script=Script(),
            sessions=Sessions(int(session_seconds)),
            calls=self._calls,
            model_timeout=model_timeout,
            stream_timeout=stream_timeout,
            max_body_bytes=max_body_bytes,
            pings=ping_seconds > 0,
        )
        if queue is not None:
            self._shared.queue = Queue(self._shared, *queue)
        self._lock = threading.Condition()
        self._connections: set[Connection] = set()
        self._stopping = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="sagewire-accept", daemon=True)
        self._acceptor.start()
        containers = {
            container
            for endpoint in self._shared.endpoints.values()
            for variant in endpoint.variants
            for container in variant.containers or ()
        }
        self._health = Health(containers if ping_seconds else (), ping_seconds)

    # The outside

    def take(self, patience: float) -> "Call | None":
        """Wait for a call that has waited `patience` seconds; None once the server has stopped."""
        return self._calls.take(patience)

    def take_lookup(self) -> "Lookup | None":
        """Wait for an access key that the server does not know; None once it has stopped."""
        return self._lookups.take()

    def script(self, endpoint_name: str, faults: "list[tuple[float, int, str, str, bool]]") -> None:
        """Let the next calls of an endpoint suffer: delay, status, code, message, drop of each."""
        self._shared.script.add(endpoint_name, faults)

    def stop(self, grace: float) -> None:
        """Refuse new connections at once, give calls in flight `grace` seconds, then end all."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            self._shared.stopping = True
            connections = list(self._connections)
        self._health.stop()
        # Waking the acceptor, and ending the socket for a forked child that inherited it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            connection.end_if_idle()
        self._wait_for_connections(grace)
        self._shared.ended.set()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.end()
        if self._shared.queue is not None:
            self._shared.queue.close()
        self._lookups.close()
        self._wait_for_connections(grace)
        self._acceptor.join(grace)
        self._listener.close()
        for endpoint in self._shared.endpoints.values():
            endpoint.close()
        self._calls.close()

    def _wait_for_connections(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not self._connections, seconds)

    # The connections' side

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock = self._listener.accept()[0]
            except OSError:
                # Out of descriptors, or a peer that is gone already. Or the end.
                if not self._stopping:
                    time.sleep(0.01)
                continue
            connection = Connection(sock, self._shared)
            with self._lock:
                if self._stopping:
                    sock.close()
                    return
                self._connections.add(connection)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(
                target=self._serve, args=(connection,), name="sagewire-connection", daemon=True
            ).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._lock.notify_all()
