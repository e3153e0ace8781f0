"""Ctrl-C, wherever a call is waiting, and the interpreter's end with calls in flight."""

import contextlib
import socket
import ssl

import pytest
import trustme

from tests.stress.conftest import run
from tests.support.peer import Peer

# The promise is 100 ms; the machine may be busy.
PROMPTLY_SECONDS = 1.0

# A client whose back-off takes a minute.
PATIENT = """
def patient(client):
    client._ambient.sleep = lambda seconds: time.sleep(60) if seconds else None
    client._ambient.uniform = lambda: 1.0
    call(client)
client = made(url)
"""
INTERRUPTED = """
sent = []
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.5, interrupt).start()
try:
    %s
except KeyboardInterrupt:
    print(time.monotonic() - sent[0])
assert client.pool.busy == 0, client.pool
"""


def waits(link):
    link.request()
    link.stall()


def half_a_body(link):
    link.request()
    link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhel")
    link.stall()


def never_reads(link):
    link.head()
    link.peer.left.wait(20)


def throttles(link):
    while link.request() is not None:
        link.send(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "step"),
    [
        (waits, "call(client)"),
        (half_a_body, "call(client)"),
        (half_a_body, "call(client.with_options(timeout=30))"),
        (never_reads, 'call(client, b"x" * 50_000_000)'),
        (throttles, "patient(client)"),
    ],
    ids=["head", "body", "body-with-deadline", "sending", "back-off"],
)
def test_ctrl_c_in_a_call(script, step):
    with Peer(script) as peer:
        printed = run(PATIENT + INTERRUPTED % step, f"http://127.0.0.1:{peer.port}")
    assert float(printed) < PROMPTLY_SECONDS


def test_ctrl_c_in_the_handshake():
    with Peer(lambda link: link.stall()) as peer:
        printed = run(
            "client = made(url)\n" + INTERRUPTED % "call(client)",
            f"https://127.0.0.1:{peer.port}",
        )
    assert float(printed) < PROMPTLY_SECONDS


def test_ctrl_c_while_connecting():
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        printed = run(
            "client = made(url)\n" + INTERRUPTED % "call(client)",
            f"http://127.0.0.1:{listener.getsockname()[1]}",
        )
    assert float(printed) < PROMPTLY_SECONDS


@pytest.mark.parametrize("over", ["plain", "tls"])
@pytest.mark.parametrize("script", [waits, half_a_body, lambda link: link.stall()])
def test_the_interpreter_ends_with_calls_in_flight(script, over, tmp_path):
    """Neither does it hang, nor does it crash, nor does anything complain."""
    authority = trustme.CA()
    context = None
    if over == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    with Peer(script, tls=context) as peer:
        scheme = "http" if context is None else "https"
        printed = run(
            f"""
            os.environ["AWS_CA_BUNDLE"] = {str(path)!r}
            client = made(url)
            for _ in range(8):
                threading.Thread(target=call, args=(client,), daemon=True).start()
            end = time.monotonic() + 20
            while client.pool.busy < 8 and time.monotonic() < end:
                time.sleep(0.01)
            print(client.pool.busy)
            """,
            f"{scheme}://127.0.0.1:{peer.port}",
            timeout=60,
        )
    assert int(printed) == 8
