"""A server that records every request to the byte and answers from a script.

Each connection is served by a thread of its own; the answers are taken from one list, in the order
in which requests arrive. An answer is its raw bytes and what becomes of the connection, or a list
of steps (`send`, `sleep`, `rst`).
"""

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DEFAULT_ANSWER = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: req-ok\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


@dataclass
class Captured:
    """One request as it arrived; header text is the bytes read as Latin-1."""

    method: str
    target: str
    version: str
    headers: list[list[str]]
    body: bytes
    connection: int
    scheme: str
    chunks: list[int] = field(default_factory=list)
    truncated: bool = False

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def header(self, name: str) -> str | None:
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class CaptureServer:
    """`with CaptureServer(answers) as server:`; `server.requests` holds what arrived."""

    def __init__(
        self,
        answers: list[Any] | None = None,
        tls: ssl.SSLContext | None = None,
        default: bool = True,
    ) -> None:
        self.requests: list[Captured] = []
        self._answers = [_scripted(answer) for answer in answers or []]
        self._tls = tls
        self._default = default
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0

    def __enter__(self) -> "CaptureServer":  # noqa: PYI034 - Self is not in Python 3.10
        self._spawn(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        # A thread in accept() is woken by a connection; closing the descriptor would not do it.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        with self._lock:
            sockets = list(self._sockets)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in sockets:
            connection.close()
        self._listener.close()

    def _spawn(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._sockets.append(connection)
            self._spawn(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, EOFError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._sockets.append(connection)
            reader = connection.makefile("rb")
            while True:
                request = self._read_request(reader, number)
                if request is None:
                    break
                with self._lock:
                    self.requests.append(request)
                    steps = self._answers.pop(0) if self._answers else None
                if steps is None:
                    steps = [("send", DEFAULT_ANSWER)] if self._default else [("hold", None)]
                if not self._play(connection, steps):
                    break
            reader.close()
        if not self._resetting(connection):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    @staticmethod
    def _resetting(connection: socket.socket) -> bool:
        """Whether closing the socket resets the connection, as the script asked."""
        with contextlib.suppress(OSError):
            option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            return struct.unpack("ii", option) == (1, 0)
        return False

    def _play(self, connection: socket.socket, steps: list[tuple[str, Any]]) -> bool:
        """Carry the steps out; return whether the connection goes on."""
        for step, value in steps:
            if step == "send":
                connection.sendall(value)
            elif step == "sleep":
                self._closing.wait(value)
            elif step == "rst":
                time.sleep(0.05)  # what was sent before is to arrive before
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step == "hold":
                self._closing.wait(60)
                return False
            elif step == "close":
                return False
        return True

    def _read_request(self, reader: Any, number: int) -> Captured | None:
        first = reader.readline()
        if not first:
            return None
        method, target, version = first.decode("latin-1").rstrip("\r\n").split(" ")
        headers: list[list[str]] = []
        while (line := reader.readline()) not in (b"\r\n", b"\n", b""):
            if line[:1] in b" \t" and headers:
                headers[-1][1] += "\r\n" + line.decode("latin-1").removesuffix("\r\n")
                continue
            name, _, value = line.decode("latin-1").removesuffix("\r\n").partition(":")
            headers.append([name, value.removeprefix(" ")])
        request = Captured(
            method, target, version, headers, b"", number, "https" if self._tls else "http"
        )
        length = request.header("content-length")
        if request.header("transfer-encoding") == "chunked":
            request.body = b"".join(_chunks(reader, request.chunks))
        elif length is not None and int(length) > 0:
            request.body = reader.read(int(length))
            request.truncated = len(request.body) < int(length)
        return request


def _chunks(reader: Any, sizes: list[int]) -> Iterator[bytes]:
    while size := int(reader.readline(), 16):
        sizes.append(size)
        yield reader.read(size)
        reader.readline()
    reader.readline()


def _scripted(answer: Any) -> list[tuple[str, Any]]:
    if isinstance(answer, bytes):
        return [("send", answer)]
    if isinstance(answer, str):
        return [("send", base64.b64decode(answer))]
    if "steps" in answer:
        steps = [
            (step, base64.b64decode(value) if step == "send" else value)
            for step, value in answer["steps"]
        ]
        return [*steps, (_END[answer.get("then", "keep")], None)]
    return [("send", base64.b64decode(answer.get("b64", ""))), (_END[answer["then"]], None)]


_END = {"keep": "keep", "close": "close", "reset": "rst", "hold": "hold"}
