"""A real HTTP proxy on a loopback port: it forwards absolute targets and opens tunnels.

    with Proxy(route={"runtime.test:443": ("127.0.0.1", server.port)}) as proxy:
        ...  # proxy.url, proxy.heads

`route` says where a host that is asked for really is; what is not in it is dialled as it is. `tls`
makes it an https proxy. `answer` is what a CONNECT gets instead of a tunnel: raw bytes, or "stall"
or "close".
"""

import re
import select
import socket
from urllib.parse import urlsplit

from tests.support.listener import PATIENCE_SECONDS, Listener


class Proxy(Listener):
    """`with Proxy() as proxy:`; `proxy.heads` are the requests' heads, in the order of arrival."""

    def __init__(self, *, route=None, tls=None, answer=None, host="127.0.0.1"):
        super().__init__(host)
        self._route = route or {}
        self._tls = tls
        self._answer = answer
        self.host = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{self.host}:{self.port}"
        self.heads = []

    def _serve(self, sock, _number):
        try:
            sock.settimeout(PATIENCE_SECONDS)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self.adopt(sock)
            head = _head(sock)
            if head is None:
                return
            self.heads.append(head)
            method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
            if method == b"CONNECT":
                self._tunnel(sock, target.decode())
            else:
                self._forward(sock, head, target.decode())
        except OSError:
            pass  # the client went away, as clients may
        finally:
            sock.close()

    def _tunnel(self, sock, authority):
        if self._answer == "stall":
            self.left.wait(PATIENCE_SECONDS)
        elif self._answer == "close":
            return
        elif self._answer is not None:
            sock.sendall(self._answer)
            return
        with self._dialled(authority) as upstream:
            sock.sendall(b"HTTP/1.0 200 Connection established\r\nVia: test\r\n\r\n")
            _relay(sock, upstream)

    def _forward(self, sock, head, target):
        """Pass on one request after another, as long as they are for the same host."""
        authority = urlsplit(target)
        port = authority.port or {"http": 80, "https": 443}[authority.scheme]
        with self._dialled(f"{authority.hostname}:{port}") as upstream:
            while head is not None:
                line, rest = head.split(b"\r\n", 1)
                method, absolute, version = line.split(b" ", 2)
                path = re.sub(rb"^\w+://[^/]*", b"", absolute)
                kept = [
                    field
                    for field in rest.split(b"\r\n")
                    if not field.lower().startswith(b"proxy-authorization:")
                ]
                lines = [b"%b %b %b" % (method, path, version), *kept]
                upstream.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
                length = re.search(rb"(?im)^content-length: (\d+)", rest)
                if not _relay(sock, upstream, int(length[1]) if length else 0):
                    return
                head = _head(sock)
                if head is not None:
                    self.heads.append(head)

    def _dialled(self, authority):
        host, _, port = authority.rpartition(":")
        address = self._route.get(authority, (host.strip("[]"), int(port)))
        upstream = socket.create_connection(address, PATIENCE_SECONDS)
        self._sockets.append(upstream)
        return upstream


def _relay(sock, upstream, left=None):
    """Carry bytes both ways in one thread, which is all that a TLS socket can bear.

    With `left`, that much of a request's body is carried, and then the answer until the client
    speaks again; whether it does is returned. Without, it goes on until either side ends.
    """
    while True:
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            ready = [sock]
        else:
            ready, _, _ = select.select([upstream, sock], [], [], PATIENCE_SECONDS)
        if not ready:
            return False
        if upstream in ready:
            data = upstream.recv(65_536)
            if not data:
                return False
            sock.sendall(data)
        if sock in ready:
            if left == 0:
                return True
            data = sock.recv(65_536 if left is None else min(left, 65_536))
            if not data:
                return False
            upstream.sendall(data)
            left = None if left is None else left - len(data)


def _head(sock):
    """Read a head byte by byte, so that nothing behind it is taken; `None` at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        if not piece:
            return None
        data += piece
    return data[:-4]
