"""A server in a process of its own, so that its threads do not take part in what is measured."""

import subprocess
import sys
import textwrap

import pytest

import sagewire

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}

ECHO = """
import socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
pause = float(sys.argv[1])

def serve(sock):
    data = b""
    with sock:
        while True:
            while b"\\r\\n\\r\\n" not in data:
                piece = sock.recv(65536)
                if not piece:
                    return
                data += piece
            head, _, data = data.partition(b"\\r\\n\\r\\n")
            lines = head.lower().split(b"\\r\\n")
            (length,) = (int(l[15:]) for l in lines if l.startswith(b"content-length:"))
            while len(data) < length:
                data += sock.recv(1 << 20)
            body, data = data[:length], data[length:]
            if pause:
                time.sleep(pause)
            sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % length + body)

def guarded(sock):
    try:
        serve(sock)
    except OSError:
        pass

while True:
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=guarded, args=(sock,), daemon=True).start()
"""


def started(pause):
    server = subprocess.Popen(
        [sys.executable, "-c", ECHO, str(pause)], stdout=subprocess.PIPE, text=True
    )
    return server, f"http://127.0.0.1:{int(server.stdout.readline())}"


@pytest.fixture(scope="session")
def echo():
    """Return the URL of an endpoint that answers with the request's body."""
    server, url = started(0)
    yield url
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.fixture(scope="session")
def slow_echo():
    """Return the URL of an endpoint that takes 0.3 seconds to answer with the request's body."""
    server, url = started(0.3)
    yield url
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.fixture
def client(echo):
    with sagewire.client(**KEYS, endpoint_url=echo, config=sagewire.Config(proxies={})) as made:
        yield made


PRELUDE = f"""
import gc, os, signal, sys, threading, time
import sagewire
KEYS = {KEYS!r}
def made(url, **config):
    return sagewire.client(
        **KEYS, endpoint_url=url, config=sagewire.Config(proxies={{}}, **config))
def call(client, body=b"{{}}"):
    return client.invoke_endpoint(EndpointName="ep", Body=body)["Body"].read()
url = sys.argv[1]
"""


def run(script, url, *, first="", timeout=120):
    """Run a script in a process of its own; what it prints. Its failure is the test's.

    `first` runs before anything is imported.
    """
    done = subprocess.run(
        [sys.executable, "-c", first + PRELUDE + textwrap.dedent(script), url],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
