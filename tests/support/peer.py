r"""A scripted peer on a real socket: it answers, drips, stalls, half-closes, resets and lies.

A script is a function that is called with each accepted connection, in a thread of its own:

    def script(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        link.reset()

    with Peer(script) as peer:
        ...  # connect to peer.port

`answers(...)` makes the common script, which serves answers in order; `answer(...)` makes the bytes
of a proper answer. What goes wrong in a script is raised when the peer is left.
"""

import socket
import struct
import threading
import time
from collections import deque

from tests.support.listener import PATIENCE_SECONDS, Listener


class Request:
    """A request as it arrived: `head` without the blank line, `body` without its framing."""

    __slots__ = ("body", "head", "link")

    def __init__(self, head, body, link):
        self.head = head
        self.body = body
        self.link = link

    @property
    def line(self):
        return self.head.split(b"\r\n", 1)[0]

    @property
    def headers(self):
        """Names and values in order, as bytes; the lines of a fold are left out."""
        lines = self.head.split(b"\r\n")[1:]
        return [tuple(line.split(b": ", 1)) for line in lines if line[:1] not in (b" ", b"\t")]

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None


class Link:
    """One accepted connection, in the hands of a script; `may_end` is the script's to wait for."""

    def __init__(self, peer, sock, number):
        self._sock = sock
        self._arrived = b""
        self.peer = peer
        self.number = number
        self.may_end = threading.Semaphore(0)
        sock.settimeout(PATIENCE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self):
        """Read one request whole; `None` where the client ended the connection instead."""
        head = self.head()
        if head is None:
            return None
        request = Request(head, b"", self)
        if request.header(b"transfer-encoding") == b"chunked":
            request.body = self._chunks()
        else:
            request.body = self._exactly(int(request.header(b"content-length") or 0))
        self.peer.requests.append(request)
        return request

    def head(self):
        """Read a request's head alone and leave its body where it is."""
        while b"\r\n\r\n" not in self._arrived:
            if not self._receive():
                return None
        head, self._arrived = self._arrived.split(b"\r\n\r\n", 1)
        return head

    def read_some(self, count):
        """Read so many bytes of a body."""
        return self._exactly(count)

    def send(self, data):
        self._sock.sendall(data)

    def drip(self, data, pause=0.0):
        """Send byte by byte, each in a segment of its own."""
        for place in range(len(data)):
            self._sock.sendall(data[place : place + 1])
            time.sleep(pause)

    def stall(self):
        """Say nothing until the client ends the connection, or the peer is left; which it was."""
        return self.ended_by_client()

    def ended_by_client(self):
        """Wait for the client's end, throwing away what it says: "closed", "reset" or "left"."""
        end = time.monotonic() + PATIENCE_SECONDS
        self._sock.settimeout(0.02)
        while time.monotonic() < end and not self.peer.left.is_set():
            try:
                if not self._sock.recv(65_536):
                    return "closed"
            except TimeoutError:
                continue
            except OSError:
                return "reset"
        return "left"

    def start_tls(self, context):
        """Shake hands, now: a script may have made the client wait for it."""
        self._sock = context.wrap_socket(self._sock, server_side=True)
        self.peer.adopt(self._sock)

    def alert(self, after=b""):
        """Say something, and a fatal alert behind it; the peer's TLS is `ByHand`."""
        self._sock.alert(after)

    def goodbye(self, after=b""):
        """Say something, and TLS's own goodbye behind it; the peer's TLS is `ByHand`."""
        self._sock.goodbye(after)

    def tls_protocol(self):
        """Return what was agreed on by ALPN."""
        return self._sock.selected_alpn_protocol()

    def half_close(self):
        """End the sending half; the client may go on."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self):
        self._sock.close()

    def reset(self):
        """End the connection with a reset instead of a goodbye."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def _receive(self):
        data = self._sock.recv(65_536)
        self._arrived += data
        return bool(data)

    def _exactly(self, count):
        pieces = [self._arrived[:count]]
        left = count - len(pieces[0])
        self._arrived = self._arrived[count:]
        while left:
            piece = self._sock.recv(min(left, 1 << 20))
            if not piece:
                raise EOFError(
                    f"the client ended the connection {left} bytes before its body's end"
                )
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _line(self):
        while b"\r\n" not in self._arrived:
            if not self._receive():
                raise EOFError("the client ended the connection inside a chunked body")
        line, self._arrived = self._arrived.split(b"\r\n", 1)
        return line

    def _chunks(self):
        pieces = []
        while size := int(self._line(), 16):
            pieces.append(self._exactly(size))
            assert self._line() == b"", "a chunk is longer than its size line says"
        assert self._line() == b"", "the client sent trailers"
        return b"".join(pieces)


class Peer(Listener):
    """`with Peer(script) as peer:`; `peer.port`, `peer.requests`, `peer.connections`."""

    def __init__(self, script, *, tls=None, host="127.0.0.1", backlog=128):
        super().__init__(host, backlog=backlog)
        self._script = script
        self._tls = tls
        self._failures = []
        self.host = host
        self.requests = deque()

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        if kind is None and self._failures:
            raise self._failures[0]

    def _serve(self, sock, number):
        try:
            if self._tls is not None:
                sock.settimeout(PATIENCE_SECONDS)
                sock = self._tls.wrap_socket(sock, server_side=True)
                self.adopt(sock)
                if self.left.is_set():
                    return
            self._script(Link(self, sock, number))
        except (OSError, EOFError):
            pass  # the client went away, as clients may
        except BaseException as error:
            self._failures.append(error)
        finally:
            sock.close()


def answer(body=b"", *, status=200, headers=(), length=True):
    """Return the bytes of a proper answer."""
    lines = [f"HTTP/1.1 {status} Reason".encode()]
    lines += [b"%b: %b" % pair for pair in headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def answers(*raw, then="keep"):
    """Make a script that serves answers in order over a connection, the last one for ever.

    `then` is what becomes of the connection after each answer: "keep", "close" or "reset".
    """

    def script(link):
        waiting = deque(raw)
        while link.request() is not None:
            link.send(waiting.popleft() if len(waiting) > 1 else waiting[0])
            if then == "reset":
                return link.reset()
            if then == "close":
                return link.close()
        return None

    return script


def raw_answer(data, *, then="close"):
    """Make a script that answers one request with bytes as they are: "close", "reset" or "keep"."""

    def script(link):
        link.request()
        link.send(data)
        if then == "keep":
            return link.stall()
        return link.reset() if then == "reset" else link.close()

    return script
