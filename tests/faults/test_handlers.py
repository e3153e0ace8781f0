"""What an event handler raises that is no error, such as Ctrl-C: no connection is kept for it."""

import asyncio

import pytest

import sagewire
from tests.faults.drivers import DRIVERS
from tests.support.peer import Peer, answer, answers


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize(
    "event", ["before-parse", "response-received", "needs-retry", "after-call"]
)
@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_handler_that_ends_it_all(driver, raised, event, operation, status):
    def handler(**_kwargs):
        raise raised

    # So long a body that none is read to its end by the way.
    raw = answer(b"x" * 1_000_000, status=status)
    with Peer(answers(raw)) as peer:
        url = f"http://127.0.0.1:{peer.port}"
        client = driver.open(url, config=sagewire.Config(retries={"total_max_attempts": 1}))
        client.meta.events.register(f"{event}.sagemaker-runtime", handler)
        try:
            # Whoever keeps the exception keeps what it went through.
            with pytest.raises(raised) as _caught:
                driver.call(client, operation, None)
            assert driver.pool(client)[1] == 0
        finally:
            driver.close(client)
