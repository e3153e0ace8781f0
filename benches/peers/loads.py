"""Calls of other kinds: over TLS, with 6 MiB, from 16 threads, and the first one of a process."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from benches.peers.contestants import BODY, KEY, REGION, SECRET, TARGET, Once
from benches.peers.measure import Figure, in_turn, pinned
from benches.report import ROOT

SERVER = ROOT / "target" / "release" / "examples" / "answer"
LARGE_BODY = bytes(range(256)) * 24_576  # 6 MiB
THREADS = 16
CALLS_A_THREAD = 50
# The path of the certificate that the peer speaks TLS with; the contestants trust it.
CA_VARIABLE = "SAGEWIRE_BENCH_CA"


def _client(module: str, url: str) -> object:
    library = __import__(module)
    return library.client(
        "sagemaker-runtime",
        REGION,
        endpoint_url=url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        verify=os.environ.get(CA_VARIABLE),
    )


def _calling(client: object, body: bytes) -> Once:
    def once() -> object:
        return client.invoke_endpoint(
            EndpointName="iris", Body=body, ContentType="text/csv", Accept="application/json"
        )["Body"].read()

    return once


def _request(port: int, body: bytes) -> tuple[bytes, bytes]:
    head = (
        f"POST {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/csv\r\n"
        f"X-Signed: {'x' * 420}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def large_raw(port: int) -> Once:
    """Hash the body, as every signature must, and send it: nothing else may touch the bytes."""
    from hashlib import sha256

    connection = _connected(port)
    head, body = _request(port, LARGE_BODY)

    def once() -> object:
        sha256(body).hexdigest()
        connection.sendall(head)
        connection.sendall(body)
        return connection.recv(65536)

    return once


def tls_raw(port: int) -> Once:
    import ssl

    context = ssl.create_default_context(cafile=os.environ[CA_VARIABLE])
    connection = context.wrap_socket(_connected(port), server_hostname="127.0.0.1")
    request = b"".join(_request(port, BODY))

    def once() -> object:
        connection.sendall(request)
        return connection.recv(65536)

    return once


def _at_once(make: list[Once]) -> Once:
    """Make a batch: every thread makes its calls, all at the same time."""
    start = threading.Barrier(THREADS + 1)
    end = threading.Barrier(THREADS + 1)

    def run(once: Once) -> None:
        while True:
            start.wait()
            for _ in range(CALLS_A_THREAD):
                once()
            end.wait()

    for once in make:
        threading.Thread(target=run, args=(once,), daemon=True).start()

    def batch() -> object:
        start.wait()
        end.wait()
        return None

    return batch


def threads_raw(port: int) -> Once:
    def one() -> Once:
        connection = _connected(port)
        request = b"".join(_request(port, BODY))

        def once() -> object:
            connection.sendall(request)
            return connection.recv(65536)

        return once

    return _at_once([one() for _ in range(THREADS)])


def threads_of(module: str) -> Callable[[int], Once]:
    def make(port: int) -> Once:
        client = _client(module, f"http://127.0.0.1:{port}")
        return _at_once([_calling(client, BODY)] * THREADS)

    return make


def large_of(module: str) -> Callable[[int], Once]:
    return lambda port: _calling(_client(module, f"http://127.0.0.1:{port}"), LARGE_BODY)


def tls_of(module: str) -> Callable[[int], Once]:
    return lambda port: _calling(_client(module, f"https://127.0.0.1:{port}"), BODY)


# name -> (what makes it, run it on the pure implementation, times in one round)
LARGE = {
    "SHA-256 and raw socket": (large_raw, False, 30),
    "sagewire": (large_of("sagewire"), False, 30),
    "sagewire, pure": (large_of("sagewire"), True, 30),
    "boto3": (large_of("boto3"), False, 10),
}
TLS = {
    "raw socket": (tls_raw, False, 1_000),
    "sagewire": (tls_of("sagewire"), False, 1_000),
    "sagewire, pure": (tls_of("sagewire"), True, 300),
    "boto3": (tls_of("boto3"), False, 150),
}
SIXTEEN = {
    "raw socket": (threads_raw, False, 3),
    "sagewire": (threads_of("sagewire"), False, 3),
    "boto3": (threads_of("boto3"), False, 1),
}


def run() -> dict[str, dict[str, Figure]]:
    """Return the figures of one call, by kind and contestant, in microseconds."""
    figures = {}
    for kind in ("LARGE", "SIXTEEN"):
        with Peer() as port:
            figures[kind] = in_turn(kind, globals()[kind], port)
    calls = THREADS * CALLS_A_THREAD
    figures["SIXTEEN"] = {
        name: Figure(each.cpu / calls, each.wall / calls)
        for name, each in figures["SIXTEEN"].items()
    }
    with spoken_tls() as arguments, Peer(*arguments) as port:
        figures["TLS"] = in_turn("TLS", TLS, port)
    return figures


@contextlib.contextmanager
def spoken_tls() -> Iterator[tuple[str, str]]:
    """Give a peer's certificate and key, as its arguments; the contestants trust them meanwhile."""
    import trustme

    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        paths = [Path(folder) / name for name in ("ca.pem", "chain.pem", "key.pem")]
        authority.cert_pem.write_to_path(str(paths[0]))
        issued.private_key_pem.write_to_path(str(paths[2]))
        for blob in issued.cert_chain_pems:
            blob.write_to_path(str(paths[1]), append=True)
        os.environ[CA_VARIABLE] = str(paths[0])
        try:
            yield str(paths[1]), str(paths[2])
        finally:
            del os.environ[CA_VARIABLE]


class Peer:
    """`with Peer() as port:` the answering peer on the other core."""

    def __init__(self, *arguments: str) -> None:
        self._command = [*pinned(1), str(SERVER), *arguments]

    def __enter__(self) -> int:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return int(self._process.stdout.readline()) if self._process.stdout else 0

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()


def first_call(module: str) -> str:
    """Return a program that imports a library, makes a client and its first call."""
    return (
        f"import sys, {module}; {module}.client('sagemaker-runtime', 'us-east-1', "
        f"endpoint_url='http://127.0.0.1:' + sys.argv[1], aws_access_key_id='a', "
        "aws_secret_access_key='b').invoke_endpoint(EndpointName='e', Body=b'{}')['Body'].read()"
    )


if __name__ == "__main__":
    for kind, figures in run().items():
        for name, figure in figures.items():
            sys.stdout.write(f"{kind:8} {name:24} {figure.cpu:10.1f} {figure.wall:10.1f}\n")
