"""What cannot be sent is refused before anybody is connected to, whoever could not be reached."""

import io
import socket

import pytest

import sagewire
from tests.faults.drivers import DRIVERS

LINE_END = "a\r\nX-Injected: b"


@pytest.fixture
def nobody():
    """Return the URL of an endpoint that refuses connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("kind", [bytes, io.BytesIO])
@pytest.mark.parametrize("handled", [False, True], ids=["short", "long"])
def test_a_header_with_a_line_end(driver, nobody, kind, handled):
    client = driver.open(nobody, config=sagewire.Config(retries={"total_max_attempts": 1}))
    if handled:
        client.meta.events.register("before-send", lambda **_kwargs: None)
    try:
        with pytest.raises(sagewire.exceptions.HTTPClientError) as caught:
            client.invoke_endpoint(EndpointName="ep", Body=kind(b""), CustomAttributes=LINE_END)
    finally:
        driver.close(client)
    assert "Invalid header value" in str(caught.value)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_half_a_surrogate_pair(driver, nobody):
    client = driver.open(nobody, config=sagewire.Config(retries={"total_max_attempts": 1}))
    try:
        with pytest.raises(sagewire.exceptions.HTTPClientError, match="Invalid header value"):
            client.invoke_endpoint(EndpointName="ep", Body=b"", CustomAttributes="\ud800")
    finally:
        driver.close(client)
