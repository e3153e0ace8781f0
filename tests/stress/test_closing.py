"""A body, a stream and a client that are closed while another thread waits in them."""

import threading
import time

import pytest

import sagewire
from sagewire.exceptions import IncompleteReadError, ResponseStreamingError
from tests.stress.conftest import KEYS
from tests.support import frames
from tests.support.peer import Peer, answer

# What boto3 does here is to wait until the read is over: for the read time-out, if need be.
PATIENCE_SECONDS = 5.0


@pytest.fixture(params=["plain", "tls"])
def peer_and_client(request, tmp_path):
    """Make a peer and a client of it, over TCP or TLS."""
    import ssl

    import trustme

    def made(script, **config):
        tls = verify = None
        if request.param == "tls":
            authority = trustme.CA()
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(tls)
            verify = str(tmp_path / "ca.pem")
            authority.cert_pem.write_to_path(verify)
        peer = Peer(script, tls=tls)
        client = sagewire.client(
            **KEYS,
            endpoint_url=f"{'https' if tls else 'http'}://127.0.0.1:{peer.port}",
            verify=verify,
            config=sagewire.Config(proxies={}, **config),
        )
        return peer, client

    return made


def reading(work):
    """Run a read on a thread of its own; return what waits for its end, and gives what it gave."""
    outcome = []
    begun = threading.Event()

    def run():
        begun.set()
        try:
            outcome.append(work())
        except Exception as error:
            outcome.append(error.with_traceback(None))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    begun.wait(PATIENCE_SECONDS)
    time.sleep(0.05)  # it waits for the peer by now
    assert not outcome

    def ended():
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the read goes on"
        return outcome[0]

    return ended


def half(data, **how):
    def script(link):
        while link.request() is not None:
            link.send(answer(data, **how)[: -len(data) // 2])
            link.stall()

    return script


@pytest.mark.parametrize("amount", [None, 1000, 10])
def test_a_body_is_closed_under_its_reader(peer_and_client, amount):
    peer, client = peer_and_client(half(b"x" * 1000))
    with peer:
        body = client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"]
        if amount == 10:
            assert body.read(500) == b"x" * 500
        ended = reading(lambda: body.read(amount))
        start = time.monotonic()
        body.close()
        assert time.monotonic() - start < 1
        outcome = ended()
        # As a connection that ends by itself: a piece that is short, or the error of a cut body.
        cut = (ResponseStreamingError, IncompleteReadError)
        assert isinstance(outcome, (bytes, *cut)), outcome
        assert amount is not None or isinstance(outcome, ResponseStreamingError)
        assert client.pool.open == 0


def test_a_stream_is_closed_under_its_reader(peer_and_client):
    def script(link):
        link.request()
        head = answer(headers=[(b"Content-Type", b"application/vnd.amazon.eventstream")],
                      length=False)  # fmt: skip
        link.send(head + frames.part(b"one"))
        link.stall()

    peer, client = peer_and_client(script)
    with peer:
        result = client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"")
        stream = iter(result["Body"])
        assert next(stream) == {"PayloadPart": {"Bytes": b"one"}}
        ended = reading(lambda: next(stream, None))
        start = time.monotonic()
        result["Body"].close()
        assert time.monotonic() - start < 1
        outcome = ended()
        assert outcome is None or isinstance(outcome, ResponseStreamingError), outcome
        assert client.pool.open == 0


def test_a_client_that_is_closed_leaves_reads_alone(peer_and_client):
    """As boto3's: what is under way goes on, and a call after it connects anew."""
    go_on = threading.Event()

    def script(link):
        while link.request() is not None:
            link.send(answer(b"onetwo")[:-3])
            go_on.wait(PATIENCE_SECONDS)
            link.send(b"two")

    peer, client = peer_and_client(script)
    with peer:
        body = client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"]
        ended = reading(body.read)
        client.close()
        go_on.set()
        assert ended() == b"onetwo"
        client.close()
        assert client.pool.open == 0
        assert client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read() == b"onetwo"


def test_a_body_that_is_closed_as_it_ends_harms_no_other_call(peer_and_client):
    """The connection may be another call's by then."""

    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body * 2000))

    peer, client = peer_and_client(script, max_pool_connections=2)
    failures = []

    def work(number):
        for turn in range(40):
            given = b"%d/%d;" % (number, turn)
            body = client.invoke_endpoint(EndpointName="ep", Body=given)["Body"]
            closer = threading.Thread(target=body.close)
            reads = turn % 2
            try:
                if reads:
                    closer.start()
                got = body.read()
                if got not in (given * 2000, b""):
                    failures.append((given, got[:20]))
            except (ResponseStreamingError, IncompleteReadError):
                if not reads:
                    failures.append((given, "cut"))
            if reads:
                closer.join()

    with peer:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    assert client.pool.busy == 0
