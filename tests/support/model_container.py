"""A model's container in a process of its own: `python model_container.py [PORT]` prints its port.

What it does is said by the request's body, so that one container serves every test.
"""

import contextlib
import http.server
import json
import os
import select
import socket
import sys
import time
from typing import ClassVar


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in two writes; the second must not wait for an acknowledgement.
    disable_nagle_algorithm = True
    connections = 0
    hangups = 0
    well = True
    # How a stream that its caller left was noticed: the exception's name, or nothing yet.
    left = ""
    loads: ClassVar = []
    loaded: ClassVar = {}

    def setup(self):
        super().setup()
        type(self).connections += 1
        self.connection_number = type(self).connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/models":
            self.load(json.loads(body))
            return
        what, _, rest = body.decode("latin-1").partition(" ")
        getattr(self, f"do_{what}", self.do_describe)(rest, body)

    def do_GET(self):
        self.answer(200 if self.path == "/ping" and type(self).well else 503, b"")

    def load(self, model):
        """Load a model, as the contract of multi-model endpoints has it: two at a time."""
        name, url = model["model_name"], model["url"]
        if url.endswith("/missing"):
            self.answer(404, b"there is no such model")
        elif name in self.loaded:
            self.answer(409, b"")
        elif len(self.loaded) == 2:
            self.answer(507, b"no room")
        else:
            self.loads.append(model)
            self.loaded[name] = url
            self.answer(200, b"")

    def do_DELETE(self):
        self.loaded.pop(self.path.removeprefix("/models/"), None)
        self.answer(200, b"")

    def do_loads(self, rest, body):
        self.answer(200, json.dumps(self.loads).encode())

    def do_loaded(self, rest, body):
        self.answer(200, json.dumps(self.loaded).encode())

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_describe(self, rest, body):
        seen = {
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "length": len(body),
            "connection": self.connection_number,
        }
        headers = [
            ("Content-Type", "application/json"),
            ("X-Amzn-SageMaker-Custom-Attributes", "from the container"),
            ("X-Amzn-SageMaker-New-Session-Id", "s1; Expires=2030-01-01T00:00:00Z"),
            ("X-Amzn-Invoked-Production-Variant", "a lie"),
            ("Set-Cookie", "secret=1"),
            ("X-Internal", "hidden"),
        ]
        self.answer(200, json.dumps(seen).encode(), headers)

    def do_status(self, rest, body):
        status, _, text = rest.partition(" ")
        self.answer(int(status), text.encode())

    def do_chunked(self, rest, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in rest.encode().split():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def do_drip(self, rest, body):
        """Answer piece by piece: `drip SECONDS COUNT`, forever if COUNT is 0."""
        seconds, _, count = rest.partition(" ")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number = 0
        try:
            while number < int(count) or count == "0":
                self.wfile.write(b"5\r\n%05d\r\n" % number)
                number += 1
                time.sleep(float(seconds))
            self.wfile.write(b"0\r\n\r\n")
        except OSError as error:
            type(self).left = type(error).__name__
            raise

    def do_half(self, rest, body):
        """Begin a chunked answer and break it off."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\nhalf\r\n")
        self.wfile.flush()
        time.sleep(0.1)
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_watch(self, rest, body):
        """Think until the caller ends the connection, or for so many seconds; note which."""
        readable, _, _ = select.select([self.connection], [], [], float(rest))
        type(self).left = "hung up" if readable else "stayed"
        self.answer(200, b"")

    def do_begin(self, rest, body):
        """Begin an answer and watch from then on: `begin SECONDS`."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nbegun\r\n")
        readable, _, _ = select.select([self.connection], [], [], float(rest))
        type(self).left = "hung up" if readable else "stayed"
        self.wfile.write(b"0\r\n\r\n")

    def do_left(self, rest, body):
        self.answer(200, type(self).left.encode())

    def do_pinged(self, rest, body):
        """Answer pings from now on: `pinged well` or `pinged ill`."""
        type(self).well = rest == "well"
        self.answer(200, b"")

    def do_header(self, rest, body):
        name, _, value = rest.partition(" ")
        self.answer(200, b"", [(name, value)])

    def do_sleep(self, rest, body):
        print("sleeping", flush=True)
        time.sleep(float(rest))
        self.answer(200, b"late")

    def do_size(self, rest, body):
        self.answer(200, b"x" * int(rest))

    def do_cut(self, rest, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_hangups(self, rest, body):
        self.answer(200, str(type(self).hangups).encode())

    def do_hangup(self, rest, body):
        type(self).hangups += 1
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_nonsense(self, rest, body):
        self.wfile.write(b"nonsense\r\n\r\n")
        self.close_connection = True

    def do_die(self, rest, body):
        os._exit(1)

    def do_closing(self, rest, body):
        # Says keep-alive, then closes: the next caller finds a stale connection.
        self.answer(200, b"closing")
        self.close_connection = True

    def handle(self):
        # What a caller does to its connection is no reason for a traceback.
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Handler)
    print(server.server_address[1], flush=True)
    # The end of standard input ends the container, however its parent ends.
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
