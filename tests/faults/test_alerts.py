"""What TLS itself says in the middle of an exchange: a fatal alert, or that nothing more comes."""

import ssl
import threading
import time

import pytest

from tests.faults.drivers import DRIVERS
from tests.faults.test_matrix import ANSWERS, config, name_of, nothing_left_behind, turn
from tests.support.faults import BROKEN, CLOSED, CUT, OK, RESET_IN_BODY, head_of
from tests.support.peer import Peer
from tests.support.records import ByHand

# How much of an answer comes before it, and how a call ends: with an alert, with a goodbye.
PLACES = {
    "before the head": (lambda _answer: b"", "SSLError", CLOSED),
    "in the head": (lambda answer: head_of(answer)[:-10], "SSLError", CLOSED),
    "behind the head": (head_of, RESET_IN_BODY, CUT),
    "in the body": (lambda answer: answer[:-5], RESET_IN_BODY, CUT),
    "behind the body": (lambda answer: answer, OK, OK),
}


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def tls(request, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = request.param
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return ByHand(context)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("operation", ANSWERS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("said", ["alert", "goodbye"])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_what_tls_says(driver, operation, place, said, at_once, tls, ca_path):
    """The peer leaves the connection open: the next call must not be sent into it all the same."""
    before, *ends = PLACES[place]
    expected = ends[said == "goodbye"]
    if isinstance(expected, dict):
        expected = expected.get(operation, expected[None])
    raw, whole = ANSWERS[operation]
    has_said, made = threading.Semaphore(0), []

    def script(link):
        link.request()
        data = before(raw)
        if not at_once:
            link.send(data)
            time.sleep(0.02)
            data = b""
        getattr(link, said)(data)
        has_said.release()
        link.stall()

    def between():
        assert not made or has_said.acquire(timeout=10)
        made.append(1)

    calls = 3 if expected == OK else 1
    with nothing_left_behind(), Peer(script, tls=tls) as peer:
        url = f"https://127.0.0.1:{peer.port}"
        data, error = turn(driver, url, ca_path, operation, calls=calls, between=between)
        assert len(peer.requests) == calls
    assert name_of(error) == expected, repr(error)
    assert data == (whole if expected == OK else None)
    if expected == BROKEN and said == "alert":
        assert "SSLError" in str(error)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_an_alert_in_the_middle_of_a_large_request(driver, tls, ca_path):
    def script(link):
        link.head()
        link.alert()
        link.close()

    with nothing_left_behind(), Peer(script, tls=tls) as peer:
        client = driver.open(f"https://127.0.0.1:{peer.port}", verify=ca_path, config=config())
        try:
            _, error = driver.call(client, "invoke_endpoint", None, b"x" * 6_000_000)
        finally:
            driver.close(client)
    # What is sent to one who has closed makes the system forget what he said.
    assert name_of(error) in ("SSLError", CLOSED)
