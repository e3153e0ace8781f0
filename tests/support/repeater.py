"""A peer that says the same to everybody, whatever they ask."""

import contextlib
import socket
import threading


class Repeater:
    """A peer that answers a connection's first bytes with whatever is to be said, and ends it."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.data = b""
        self.request = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                sock.settimeout(10)
                self.request = sock.recv(1 << 20)
                sock.sendall(self.data)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
