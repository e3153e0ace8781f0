"""The listening socket, a thread for every connection, and the end.

Twin: rust/net/src/server/accept.rs.
The server answers what it can by itself. What needs a Python handler waits as a `Call` until a
worker takes it, so that handlers run on threads that this module does not own.
"""

import contextlib
import socket
import threading
import time
import uuid

from sagewire._pure.server import errors, exchange
from sagewire._pure.server.authenticate import Authenticator
from sagewire._pure.server.call import Answer, Call
from sagewire._pure.server.calls import Calls
from sagewire._pure.server.container import Container
from sagewire._pure.server.errors import ServiceError
from sagewire._pure.server.head import BadRequestError, Head
from sagewire._pure.server.route import route
from sagewire._pure.server.wire import BodyTooLargeError, GoneError, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Pairs = list[tuple[str, str]]
    # host, port, path
    Address = tuple[str, int, str]

BACKLOG = 1024
# How long a connection may take for a head, the time between two requests included.
HEAD_SECONDS = 60.0
# How long a caller may pause in the middle of a body.
BODY_SECONDS = 60.0


class Server:
    """A server that runs from its construction until `stop`.

    `endpoints` maps a name to its container's host, port and path, or to None for a Python handler.
    """

    def __init__(
        self,
        endpoints: "dict[str, Address | None]",
        host: str,
        port: int,
        region: str,
        access_key_id: str,
        secret_access_key: str,
        token: "str | None",
        expires_at: "int | None",
        model_timeout: float,
        max_body_bytes: int,
    ) -> None:
        self._region = region
        self._model_timeout = model_timeout
        self._max_body_bytes = max_body_bytes
        self._authenticator = Authenticator(
            region, access_key_id, secret_access_key, token, expires_at
        )
        self._endpoints = {
            name: address and Container(*address, model_timeout, max_body_bytes)
            for name, address in endpoints.items()
        }
        self._calls = Calls()
        self._lock = threading.Condition()
        self._connections: dict[socket.socket, Call | bool] = {}
        self._stopping = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="sagewire-accept", daemon=True)
        self._acceptor.start()

    # The workers' side

    def take(self, patience: float) -> "Call | None":
        """Wait for a call that has waited `patience` seconds; None once the server has stopped."""
        return self._calls.take(patience)

    def stop(self, grace: float) -> None:
        """Refuse new connections at once, give calls in flight `grace` seconds, then end all."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            idle = [sock for sock, call in self._connections.items() if call is False]
        # Waking the acceptor, and ending the socket for a forked child that inherited it.
        _shut(self._listener)
        for sock in idle:
            _shut(sock)
        self._wait_for_connections(grace)
        with self._lock:
            left = list(self._connections.items())
        for sock, call in left:
            _shut(sock)
            if isinstance(call, Call):
                call.leave()
        self._wait_for_connections(grace)
        self._acceptor.join(grace)
        self._listener.close()
        for container in self._endpoints.values():
            if container is not None:
                container.close()
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
            with self._lock:
                if self._stopping:
                    sock.close()
                    return
                self._connections[sock] = False
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(
                target=self._serve, args=(sock,), name="sagewire-connection", daemon=True
            ).start()

    def _serve(self, sock: socket.socket) -> None:
        wire = Wire(sock, self._max_body_bytes)
        try:
            while self._serve_one(sock, wire):
                pass
        except GoneError:
            pass
        finally:
            _shut(sock)
            sock.close()
            with self._lock:
                del self._connections[sock]
                self._lock.notify_all()

    def _serve_one(self, sock: socket.socket, wire: Wire) -> bool:
        """Answer one request; tell whether the connection may carry another."""
        try:
            head = wire.read_head(HEAD_SECONDS)
        except BadRequestError as error:
            wire.write(None, error.status, [("connection", "close")], b"")
            wire.linger()
            return False
        if head is None or not self._mark(sock, True):
            return False
        request_id = ("x-amzn-requestid", str(uuid.uuid4()))
        keeps_alive = head.keeps_alive
        connection = _connection_header(head, keeps_alive=keeps_alive)
        try:
            self._answer(sock, wire, head, [request_id], connection)
        except ServiceError as error:
            keeps_alive = keeps_alive and not error.close
            connection = _connection_header(head, keeps_alive=keeps_alive)
            headers = [request_id, *exchange.error_headers(error), *connection]
            wire.write(head, error.status, headers, error.body())
            if error.close:
                wire.linger()
        return self._mark(sock, False) and keeps_alive

    def _answer(
        self, sock: socket.socket, wire: Wire, head: Head, first: "Pairs", last: "Pairs"
    ) -> None:
        operation, endpoint = self._route(wire, head)
        try:
            body = wire.read_body(head, BODY_SECONDS)
        except BodyTooLargeError:
            raise errors.body_too_large(self._max_body_bytes) from None
        self._authenticator.check(head, body)
        headers = exchange.checked_headers(operation, endpoint, self._endpoints, head.headers)
        container = self._endpoints[endpoint]
        call = None
        if container is not None:
            answer = exchange.forward(container, endpoint, self._region, headers, body)
        else:
            call = Call(endpoint, exchange.ONLY_VARIANT, operation, headers, body)
            answer = self._ask_handler(sock, call)
        try:
            headers = exchange.relayed_headers(
                answer, operation, endpoint, self._region, self._max_body_bytes
            )
            headers = [*first, *headers, *last]
            if call is None or answer.body is not None:
                wire.write(head, 200, headers, answer.body or b"")
            else:
                wire.write_parts(head, 200, headers, self._parts(call))
        finally:
            if call is not None:
                call.leave()

    def _route(self, wire: Wire, head: Head) -> "tuple[str, str]":
        """Route, and read the body of what has no route, so that the connection can go on."""
        try:
            return route(head.method, head.target)
        except ServiceError as error:
            if not head.has_token("expect", "100-continue"):
                try:
                    wire.read_body(head, BODY_SECONDS)
                except BodyTooLargeError:
                    error.close = True
            elif head.values("content-length") or head.values("transfer-encoding"):
                error.close = True
            raise

    def _ask_handler(self, sock: socket.socket, call: Call) -> Answer:
        if not self._mark(sock, call):
            raise GoneError
        self._calls.put(call)
        answer = call.wait(self._model_timeout)
        if call.gone:
            raise GoneError
        if answer is None:
            call.leave()
            raise errors.model_timed_out(call.endpoint_name, self._region)
        return answer

    def _parts(self, call: Call) -> "Iterator[bytes]":
        while (part := call.part(self._model_timeout)) is not True:
            if part is None:
                # The connection ends without the last chunk: the caller sees that it is not whole.
                raise GoneError
            yield part

    def _mark(self, sock: socket.socket, state: "Call | bool") -> bool:
        """Note what a connection is doing; False when the server has been stopped meanwhile."""
        with self._lock:
            self._connections[sock] = state
            return not self._stopping or state is not False


def _connection_header(head: Head, *, keeps_alive: bool) -> "Pairs":
    """Say what differs from the version's habit: 1.0 closes, 1.1 keeps. RFC 9112, section 9.3."""
    if head.version == 10:
        return [("connection", "keep-alive")] if keeps_alive else []
    return [] if keeps_alive else [("connection", "close")]


def _shut(sock: socket.socket) -> None:
    # It may have ended by itself.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
