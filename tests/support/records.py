"""A server's side of TLS that can say an alert in the middle of an exchange.

    with Peer(script, tls=ByHand(context)) as peer:
        ...  # where the script may call link.alert() and link.goodbye()

No library sends a fatal alert on demand, but each sends one of its own accord: when it is given a
record that nobody can have encrypted. So the records go by hand here.
"""

import contextlib
import ssl

# Application data of TLS 1.2 and 1.3 by its first bytes, and noise behind them.
FORGED = b"\x17\x03\x03\x00\x20" + bytes(range(32))


class ByHand:
    """Stands in for an `SSLContext` in a `Peer`."""

    def __init__(self, context):
        self._context = context

    def wrap_socket(self, sock, server_side):
        return Records(sock, self._context, server_side=server_side)


class Records:
    """As an `SSLSocket`, as far as a peer goes."""

    def __init__(self, sock, context, *, server_side):
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._done(self._tls.do_handshake)

    def recv(self, count):
        try:
            return self._done(lambda: self._tls.read(count))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def sendall(self, data):
        self._done(lambda: self._tls.write(data))

    def alert(self, after=b""):
        """Say that a record was bad, the fatal alert 20, in one segment with what comes before."""
        if after:
            self._tls.write(after)
        self._incoming.write(FORGED)
        with contextlib.suppress(ssl.SSLError):
            self._tls.read(1)
        self._flush()

    def goodbye(self, after=b""):
        """Say that nothing more will come, close_notify, in one segment with what comes before."""
        if after:
            self._tls.write(after)
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def _done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._sock.recv(65_536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                self._flush()

    def _flush(self):
        if self._outgoing.pending:
            self._sock.sendall(self._outgoing.read())

    def __getattr__(self, name):
        return getattr(self._sock, name)
