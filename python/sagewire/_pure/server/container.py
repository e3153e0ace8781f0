"""Forwarding to a model's container over HTTP. Twin: rust/net/src/server/container.rs.

`POST <url>/invocations`, as the container contract says, with the headers that the service lets
through: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import http.client
import socket
import threading
import time

from sagewire._pure.server.call import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = list[tuple[str, str]]

PIECE_BYTES = 65_536


class ContainerUnreachableError(Exception):
    """No connection, or none that lasted until the answer's head."""


class ContainerTimedOutError(Exception):
    """The time for the whole answer is over."""


class AnswerCutError(Exception):
    """The answer broke off, or is too long."""


class Container:
    """One container: where it is, and the connections to it that are idle."""

    def __init__(
        self, host: str, port: int, path: str, timeout: float, max_body_bytes: int
    ) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def invoke(self, headers: "Pairs", body: bytes) -> Answer:
        """Send a request and return the whole answer."""
        deadline = time.monotonic() + self._timeout
        connection = self._take()
        try:
            answer, reusable = self._exchange(connection, headers, body, deadline)
        except TimeoutError:
            connection.close()
            raise ContainerTimedOutError from None
        except BaseException:
            connection.close()
            raise
        self._give_back(connection, reusable=reusable)
        return answer

    def close(self) -> None:
        """Drop the idle connections and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self, connection: http.client.HTTPConnection, headers: "Pairs", body: bytes, deadline: float
    ) -> "tuple[Answer, bool]":
        try:
            self._set_timeout(connection, deadline)
            connection.putrequest("POST", self._path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("host", f"{self._host}:{self._port}")
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
        try:
            self._set_timeout(connection, deadline)
            response = connection.getresponse()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            raise ContainerUnreachableError from None
        head = [(name.lower(), value) for name, value in response.getheaders()]
        whole = self._read(connection, response, deadline)
        return Answer(response.status, head, whole), not response.will_close

    def _read(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        deadline: float,
    ) -> bytes:
        pieces = []
        room = self._max_body_bytes
        try:
            while True:
                self._set_timeout(connection, deadline)
                piece = response.read1(PIECE_BYTES)
                if not piece:
                    break
                room -= len(piece)
                if room < 0:
                    raise AnswerCutError
                pieces.append(piece)
            if response.length:
                raise AnswerCutError
            # read1 leaves a body of known length open, and an open one blocks the connection.
            response.close()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            raise AnswerCutError from None
        return b"".join(pieces)

    @staticmethod
    def _set_timeout(connection: http.client.HTTPConnection, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)

    def _take(self) -> http.client.HTTPConnection:
        """Take an idle connection that is alive, or a new one that is not open yet.

        An idle socket with something to read has been closed by the container (or has said what
        nobody asked for): a call that is not idempotent must not be sent into it.
        """
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return http.client.HTTPConnection(self._host, self._port)
            if _is_quiet(connection):
                return connection
            connection.close()

    def _give_back(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        with self._lock:
            if reusable and not self._closed:
                self._idle.append(connection)
                return
        connection.close()


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
