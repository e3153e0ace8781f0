"""Ctrl-C, wherever a call is waiting, and the interpreter's end with calls in flight."""

import ssl
import time

import pytest
import trustme

from tests.stress.conftest import PRELUDE, run
from tests.support import names
from tests.support.deaf import deaf
from tests.support.peer import Peer, answer

PROMPTLY_SECONDS = 0.1

# Interrupts a step several times, and prints what the median took from the signal to the exception:
# once with the signal in the middle of a wait, which the system ends for it, and once with one that
# no wait is ended for, as if it had come just before the wait.
INTERRUPTED = """
import statistics
def interrupted(heard):
    def interrupt():
        sent.append(time.monotonic())
        if heard:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    sent = []
    timer = threading.Timer(0.08, interrupt)
    timer.start()
    try:
        step()
    except KeyboardInterrupt:
        return time.monotonic() - sent[0]
    finally:
        timer.join()

client = made(url)
def step():
    {step}
for heard in (True, False):
    print(statistics.median(interrupted(heard) for _ in range(3)), flush=True)
    assert client.pool.busy == 0, client.pool
os._exit(0)  # a look-up that nobody waits for may be under way
"""


def assert_prompt(printed):
    heard, unheard = map(float, printed.split())
    assert heard < PROMPTLY_SECONDS
    assert unheard < PROMPTLY_SECONDS


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
        link.send(answer(status=503))


MANY = """list(client.invoke_many([{"EndpointName": "ep", "Body": b"{}"}] * 8, concurrency=4))"""
STREAM = (
    """list(client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"")["Body"])"""
)


@pytest.mark.parametrize(
    ("script", "step"),
    [
        (waits, "call(client)"),
        (waits, "call(client.with_options(timeout=30))"),
        (half_a_body, "call(client)"),
        (half_a_body, "call(client.with_options(timeout=30))"),
        (half_a_body, STREAM),
        (never_reads, 'call(client, b"x" * 20_000_000)'),
        (throttles, "client._ambient.uniform = lambda: 1.0; call(client)"),
        (waits, MANY),
        (half_a_body, MANY),
    ],
    ids=[
        *("head", "head-deadline", "body", "body-deadline", "stream", "sending", "back-off"),
        *("many", "many-body"),
    ],
)
def test_ctrl_c_in_a_call(script, step):
    with Peer(script) as peer:
        printed = run(INTERRUPTED.format(step=step), f"http://127.0.0.1:{peer.port}")
    assert_prompt(printed)


@pytest.mark.parametrize("step", ["call(client)", MANY], ids=["call", "many"])
def test_ctrl_c_in_the_handshake(step):
    with Peer(lambda link: link.stall()) as peer:
        printed = run(INTERRUPTED.format(step=step), f"https://127.0.0.1:{peer.port}")
    assert_prompt(printed)


@pytest.mark.parametrize("step", ["call(client)", MANY], ids=["call", "many"])
def test_ctrl_c_while_connecting(step):
    with deaf() as port:
        printed = run(INTERRUPTED.format(step=step), f"http://127.0.0.1:{port}")
    assert_prompt(printed)


@pytest.mark.parametrize("step", ["call(client)", MANY], ids=["call", "many"])
def test_ctrl_c_in_a_look_up(step):
    prelude = PRELUDE.replace("sys.argv[1]", "'http://silent.test'")
    with names.silent_name_server():
        printed = names.run(prelude + INTERRUPTED.format(step=step))
    assert_prompt(printed)


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


@pytest.mark.parametrize("where", ["connecting", "head"])
@pytest.mark.parametrize("step", ["call(client)", MANY], ids=["call", "many"])
def test_the_interpreter_ends_whatever_its_threads_wait_for(where, step):
    def end_of(url):
        return run(
            f"""
            client = made(url)
            def work():
                {step}
            for _ in range(4):
                threading.Thread(target=work, daemon=True).start()
            time.sleep(0.2)
            print(time.time(), flush=True)
            """,
            url,
            timeout=30,
        )

    if where == "connecting":
        with deaf() as port:
            said = end_of(f"http://127.0.0.1:{port}")
    else:
        with Peer(waits) as peer:
            said = end_of(f"http://127.0.0.1:{peer.port}")
    assert time.time() - float(said) < 5
