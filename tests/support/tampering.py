"""A relay that changes bytes on their way from the caller to the server."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Tampering:
    """Relays connections to `url`; `old` becomes `new`, of the same length, wherever it is sent."""

    def __init__(self, url, old, new):
        assert len(old) == len(new)
        self._target = urlsplit(url)
        self._old, self._new = old, new
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        # How often something was changed.
        self.changed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        address = self._target.hostname, self._target.port
        with near, socket.create_connection(address, 20) as far:
            back = threading.Thread(target=self._relay, args=(far, near, False), daemon=True)
            back.start()
            self._relay(near, far, True)
            back.join()

    def _relay(self, source, sink, changes):
        # Small requests: what is to be changed never arrives in two halves.
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                if changes and self._old in data:
                    data = data.replace(self._old, self._new)
                    self.changed += 1
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
