"""A listener on a loopback port: a thread for each connection, and nothing left behind."""

import contextlib
import socket
import threading

# Longer than any test waits on purpose, shorter than pytest's own limit.
PATIENCE_SECONDS = 20.0


class Listener:
    """A context manager. Who inherits has `_serve(sock, number)`, run on a thread of its own."""

    def __init__(self, host="127.0.0.1", *, backlog=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=backlog)
        self._threads = []
        self._sockets = []
        self.left = threading.Event()
        self.port = self._listener.getsockname()[1]
        self.connections = 0

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_exception):
        self.left.set()
        # shutdown() wakes a thread in accept(); closing the descriptor alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(PATIENCE_SECONDS)
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def adopt(self, sock):
        """Close a socket at the end: one under TLS is another object than the one below."""
        self._sockets.append(sock)

    def join(self):
        """Wait until no connection is served any more."""
        for thread in self._threads[1:]:
            thread.join(PATIENCE_SECONDS)

    def _spawn(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.left.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.adopt(sock)
            self._spawn(self._serve, sock, self.connections)
