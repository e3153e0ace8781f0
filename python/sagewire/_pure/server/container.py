"""Forwarding to a model's container over HTTP. Twin: rust/net/src/server/container.rs.

`POST <url>/invocations`, as the container contract says, with the headers that the service lets
through: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import http.client
import selectors
import socket
import threading
import time

from sagewire._pure.server.call import LOOK_SECONDS, Answer, BrokenOffError, PartTimedOutError
from sagewire._pure.server.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Pairs = list[tuple[str, str]]

PIECE_BYTES = 65_536
# What is read of an error where a stream was hoped for.
LONGEST_ERROR = 6_291_456
BROKEN = "The connection to the model was closed before its answer was complete."


class ContainerUnreachableError(Exception):
    """No connection, or none that lasted until the answer's head."""


class ContainerRefusedError(ContainerUnreachableError):
    """No connection: nothing was sent, and another container may be asked."""


class ContainerTimedOutError(Exception):
    """The time for the whole answer is over."""


class AnswerCutError(Exception):
    """The answer broke off, or is too long."""


class Container:
    """One container: where it is, and the connections to it that are idle."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.host = host
        self.port = port
        self.path = path
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._in_flight = 0
        self._missed = 0
        # It counts as well until something else is known.
        self.healthy = True
        self.has_been_well = False

    @property
    def in_flight(self) -> int:
        """How many calls it has not answered yet."""
        return self._in_flight

    def answered_ping(self) -> None:
        """Note that it answered a ping."""
        self._missed = 0
        self.has_been_well = self.healthy = True

    def missed_ping(self) -> None:
        """Note that it did not answer a ping: once may be chance, twice is not."""
        self._missed += 1
        if self._missed > 1:
            self.healthy = False

    def refused(self) -> None:
        """Note that it takes no connections: it is left out until it answers a ping."""
        self.healthy = False

    def invoke(
        self,
        headers: "Pairs",
        body: bytes,
        seconds: float,
        limit: "int | None",
        wanted: "Callable[[], bool]",
    ) -> Answer:
        """Send a request and return the answer: up to `limit` bytes, or without one as it comes.

        `seconds` is the time for the whole answer, or for its head if it comes in parts. `wanted`
        tells now and then whether somebody still waits for it, parts included; `GoneError` if not.
        """
        exchange = _Exchange(self, time.monotonic() + seconds, wanted)
        try:
            status, head = exchange.send(headers, body)
            if limit is None and 200 <= status < 300:
                return Answer(status, head, parts=exchange)
            whole = exchange.read(LONGEST_ERROR if limit is None else limit)
        except TimeoutError:
            exchange.close()
            raise ContainerTimedOutError from None
        except BaseException:
            exchange.close()
            raise
        return Answer(status, head, whole)

    def close(self) -> None:
        """Drop the idle connections and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def take(self) -> http.client.HTTPConnection:
        """Take an idle connection that is alive, or a new one that is not open yet.

        An idle socket with something to read has been closed by the container (or has said what
        nobody asked for): a call that is not idempotent must not be sent into it.
        """
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
                if connection is None:
                    self._in_flight += 1
                    return http.client.HTTPConnection(self.host, self.port)
            if _is_quiet(connection):
                with self._lock:
                    self._in_flight += 1
                return connection
            connection.close()

    def give_back(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        """Note the end of an exchange, and keep its connection if it can serve another."""
        with self._lock:
            self._in_flight -= 1
            if reusable and not self._closed:
                self._idle.append(connection)
                return
        connection.close()


class _Exchange:
    """One request and its answer; also the parts of its answer as they come."""

    def __init__(self, container: Container, deadline: float, wanted: "Callable[[], bool]") -> None:
        self._container = container
        self._deadline = deadline
        self._connection = container.take()
        self._response: http.client.HTTPResponse
        # Longer than the connection has it, where the container closes behind its answer.
        self._sock: socket.socket | None = self._connection.sock
        self._wanted = wanted
        self._ended = False

    def send(self, headers: "Pairs", body: bytes) -> "tuple[int, Pairs]":
        """Send the request; return the status and the headers of the answer."""
        connection, container = self._connection, self._container
        try:
            self._set_timeout()
            if connection.sock is None:
                connection.connect()
        except TimeoutError:
            raise
        except OSError:
            raise ContainerRefusedError from None
        self._sock = connection.sock
        try:
            connection.putrequest("POST", container.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("host", container.name)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
        except TimeoutError:
            raise
        except OSError:
            # A container may answer and close before it has read everything.
            if connection.sock is None:
                raise ContainerUnreachableError from None
        self._wait()
        try:
            self._set_timeout()
            self._response = connection.getresponse()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            raise ContainerUnreachableError from None
        head = [(name.lower(), value) for name, value in self._response.getheaders()]
        return self._response.status, head

    def read(self, limit: int) -> bytes:
        """Return the whole body, and end the exchange."""
        pieces = []
        while piece := self._piece():
            limit -= len(piece)
            if limit < 0:
                raise AnswerCutError
            pieces.append(piece)
        return b"".join(pieces)

    def next(self, seconds: float) -> "bytes | None":
        """Return what has come within so many seconds, or None at the end."""
        if self._ended:
            return None
        self._deadline = time.monotonic() + seconds
        try:
            return self._piece() or None
        except TimeoutError:
            raise PartTimedOutError from None
        except AnswerCutError:
            raise BrokenOffError(BROKEN) from None

    def close(self) -> None:
        """End the exchange wherever it is: the container learns that nobody listens."""
        self._end(reusable=False)

    def _piece(self) -> bytes:
        """Return what comes next, or nothing at the end, which ends the exchange."""
        response = self._response
        try:
            if not self._has_arrived():
                self._wait()
            self._set_timeout()
            piece = response.read1(PIECE_BYTES)
            if piece:
                return piece
            if response.length:
                raise AnswerCutError
            # read1 leaves a body of known length open, and an open one blocks the connection.
            response.close()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            raise AnswerCutError from None
        except (AttributeError, ValueError):
            if self._ended:  # by whoever stops the server, in this very moment
                raise GoneError from None
            raise
        self._end(reusable=not response.will_close)
        return b""

    def _end(self, *, reusable: bool) -> None:
        if not self._ended:
            self._ended = True
            self._container.give_back(self._connection, reusable=reusable)

    def _has_arrived(self) -> bool:
        """Tell whether the reader of http.client has something, or will not ask for more."""
        response, sock = self._response, self._sock
        if response.fp is None or sock is None or response.length == 0:
            return True
        sock.settimeout(0)
        # The end of the chunk before is left lying there.
        left_over = 2 if response.chunk_left == 0 else 0
        return len(response.fp.peek(1)) > left_over

    def _wait(self) -> None:
        """Wait until there is something to read, as long as somebody wants it."""
        sock = self._sock
        if sock is None:
            return
        # A wait that is broken off would spoil the reader of http.client: it begins only now.
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            while not selector.select(min(LOOK_SECONDS, self._seconds_left())):
                if not self._wanted():
                    raise GoneError

    def _seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _set_timeout(self) -> None:
        left = self._seconds_left()
        self._connection.timeout = left
        if self._sock is not None and self._sock.fileno() >= 0:
            self._sock.settimeout(left)


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    if connection.sock is None:
        return False
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
