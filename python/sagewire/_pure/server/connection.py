"""One accepted connection: request after request, until either side ends it.

The native twin leaves this to hyper.
"""

import contextlib
import socket
import uuid

from sagewire._pure.server.errors import ServiceError
from sagewire._pure.server.exchange import Exchange, Shared, error_headers
from sagewire._pure.server.head import BadRequestError, Head
from sagewire._pure.server.wire import GoneError, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = list[tuple[str, str]]

# How long a connection may take for a head, the time between two requests included.
HEAD_SECONDS = 60.0


class Connection:
    """A connection and the request that it carries at the moment, if any."""

    def __init__(self, sock: socket.socket, shared: Shared) -> None:
        self._sock = sock
        self._shared = shared
        self._wire = Wire(sock, shared.max_body_bytes)
        self._exchange: Exchange | None = None

    def serve(self) -> None:
        """Answer requests, and end the connection."""
        try:
            while self._serve_one():
                pass
        except GoneError:
            pass
        finally:
            self.shut()
            self._sock.close()

    def end_if_idle(self) -> None:
        """End a connection between two requests."""
        if self._exchange is None:
            self.shut()

    def end(self) -> None:
        """End the connection, and whatever it waits for."""
        self.shut()
        exchange = self._exchange
        if exchange is not None:
            exchange.leave()

    def shut(self) -> None:
        """End the socket, for a forked child that inherited it, too."""
        # It may have ended by itself.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _serve_one(self) -> bool:
        """Answer one request; tell whether the connection may carry another."""
        try:
            head = self._wire.read_head(HEAD_SECONDS)
        except BadRequestError as error:
            self._wire.write(None, error.status, [("connection", "close")], b"")
            self._wire.linger()
            return False
        if head is None:
            return False
        self._exchange = exchange = Exchange(self._shared)
        try:
            keeps_alive = self._answer(exchange, head)
        finally:
            exchange.leave()
        self._exchange = None
        return keeps_alive and not self._shared.stopping

    def _answer(self, exchange: Exchange, head: Head) -> bool:
        request_id = ("x-amzn-requestid", str(uuid.uuid4()))
        keeps_alive = head.keeps_alive
        try:
            reply = exchange.answer(self._wire, head)
        except ServiceError as error:
            keeps_alive = keeps_alive and not error.close
            connection = _connection_header(head, keeps_alive=keeps_alive)
            headers = [request_id, *error_headers(error), *connection]
            self._wire.write(head, error.status, headers, error.body())
            if error.close:
                self._wire.linger()
            return keeps_alive
        headers = [request_id, *reply.headers]
        headers += _connection_header(head, keeps_alive=keeps_alive)
        if reply.parts is None:
            self._wire.write(head, reply.status, headers, reply.body)
        else:
            self._wire.write_parts(head, reply.status, headers, reply.parts)
        return keeps_alive


def _connection_header(head: Head, *, keeps_alive: bool) -> "Pairs":
    """Say what differs from the version's habit: 1.0 closes, 1.1 keeps. RFC 9112, section 9.3."""
    if head.version == 10:
        return [("connection", "keep-alive")] if keeps_alive else []
    return [] if keeps_alive else [("connection", "close")]
