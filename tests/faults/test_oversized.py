"""A body above the service's limit: said before anything of it leaves, and once per client."""

import io
import logging

import pytest

from tests.faults.drivers import DRIVERS
from tests.faults.test_matrix import ANSWERS, config
from tests.support.peer import Peer, answers

LIMITS = {
    "invoke_endpoint": 6_291_456,
    "invoke_endpoint_async": 128_000,
    "invoke_endpoint_with_response_stream": 6_291_456,
}


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("operation", LIMITS)
@pytest.mark.parametrize("kind", [bytes, io.BytesIO])
@pytest.mark.parametrize("handled", [False, True], ids=["short", "long"])
def test_a_warning_comes_before_the_body(driver, operation, kind, handled):
    raw, whole = ANSWERS[operation]
    said = []

    class Listening(logging.Handler):
        def emit(self, record):
            said.append((peer.connections, record.getMessage()))

    handler = Listening(logging.WARNING)
    logging.getLogger("sagewire").addHandler(handler)
    limit = LIMITS[operation]
    try:
        with Peer(answers(raw)) as peer:
            client = driver.open(f"http://127.0.0.1:{peer.port}", config=config())
            if handled:
                client.meta.events.register("before-send", lambda **_kwargs: None)
            try:
                for size in (limit, limit + 1, limit + 1):
                    assert driver.call(client, operation, None, kind(bytes(size))) == (whole, None)
                    if size == limit:
                        assert not said
                        client.close()
                assert [len(request.body) for request in peer.requests][1:] == [limit + 1] * 2
            finally:
                driver.close(client)
    finally:
        logging.getLogger("sagewire").removeHandler(handler)
    ((connections, words),) = said
    assert connections == 1, "the second call has connected already"
    assert f"has {limit + 1} bytes, and the service takes {limit}" in words
