"""The client object: what it shows, how it pickles, shares, forks, retries and warns."""

import copy
import datetime as dt
import io
import logging
import os
import pickle
import threading
from typing import Any
from unittest import mock

import pytest

import sagewire
from sagewire.credentials import clock
from sagewire.exceptions import (
    ClientError,
    OperationNotPageableError,
    ReadTimeoutError,
    UnknownServiceError,
)
from sagewire.sigv4 import Credentials
from tests.support.capture import DEFAULT_ANSWER, CaptureServer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "topsecret",
}
ERROR_500 = b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def made(make_client: Any) -> Any:
    """Return what makes a client of a server, for either driver."""

    def client_of(server: CaptureServer, **arguments: Any) -> Any:
        client = make_client(endpoint_url=server.url, **{**KEYS, **arguments})
        client._ambient.sleep = lambda _seconds: None
        return client

    return client_of


def call(client: Any, **more: Any) -> Any:
    return client.invoke_endpoint(EndpointName="ep", Body=b"x", **more)["Body"].read()


def test_what_a_client_shows(server: CaptureServer, made: Any, make_client: Any) -> None:
    client = made(server)
    public = [name for name in dir(client) if not name.startswith("_")]
    assert public == [
        "can_paginate",
        "close",
        "exceptions",
        "generate_presigned_url",
        "get_paginator",
        "get_waiter",
        "invoke_endpoint",
        "invoke_endpoint_async",
        "invoke_endpoint_with_response_stream",
        "invoke_many",
        "meta",
        "pool",
        "waiter_names",
        "with_options",
    ]
    assert client.meta.method_to_api_mapping == {
        "invoke_endpoint": "InvokeEndpoint",
        "invoke_endpoint_async": "InvokeEndpointAsync",
        "invoke_endpoint_with_response_stream": "InvokeEndpointWithResponseStream",
    }
    assert client.meta.service_model.service_id == "SageMaker Runtime"
    assert client.meta.service_model.operation_names == [
        "InvokeEndpoint",
        "InvokeEndpointAsync",
        "InvokeEndpointWithResponseStream",
    ]
    assert client.can_paginate("invoke_endpoint") is False
    assert client.waiter_names == []
    with pytest.raises(OperationNotPageableError, match="Operation cannot be paginated: invoke_e"):
        client.get_paginator("invoke_endpoint")
    with pytest.raises(KeyError):
        client.can_paginate("InvokeEndpoint")
    with pytest.raises(ValueError, match="Waiter does not exist: x"):
        client.get_waiter("x")
    with pytest.raises(UnknownServiceError, match=r"^Unknown service: 's3'. Valid service names"):
        make_client("s3", "us-east-1")


def test_secrets_are_not_shown(server: CaptureServer, made: Any, make_client: Any) -> None:
    url = server.url.replace("http://", "http://user:password@")
    client = made(server, aws_session_token="alsosecret")
    other = make_client(endpoint_url=url, **KEYS)
    for shown in (repr(client), repr(other), repr(client.meta.config), repr(client.__dir__())):
        for secret in ("topsecret", "alsosecret", "password"):
            assert secret not in shown
    words = f"SageMakerRuntime us-east-1 {server.url}>"
    assert repr(client) in (f"<sagewire.{words}", f"<sagewire.Async{words}")


def test_a_client_works_after_close_and_is_a_context_manager(
    server: CaptureServer, made: Any
) -> None:
    with made(server) as client:
        assert call(client) == b"{}"
        client.close()
        client.close()
        assert call(client) == b"{}"
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_client_pickles(server: CaptureServer, made: Any) -> None:
    client = made(server, config=sagewire.Config(read_timeout=7))
    call(client)
    with pickle.loads(pickle.dumps(client)) as again:
        assert call(again) == b"{}"
        assert again.meta.config.read_timeout == 7
    client.close()


def test_a_client_is_copied_with_a_pool_of_its_own(server: CaptureServer, made: Any) -> None:
    client = made(server, config=sagewire.Config(read_timeout=7)).with_options(max_attempts=1)
    for again in (copy.copy(client), copy.deepcopy(client)):
        assert call(again) == b"{}"
        assert again.meta.config.read_timeout == 7
        assert again._options.max_attempts == 1
        assert (client.pool.open, again.pool.open) == (0, 1)
        again.close()


def count(seen: "list[int]" = [], **_kwargs: Any) -> None:  # noqa: B006 - it is to remember
    seen.append(1)


def test_event_handlers_go_along_with_copies_pickles_and_views(
    server: CaptureServer, made: Any
) -> None:
    count.__defaults__[0].clear()
    client = made(server)
    client.meta.events.register("before-send", count)
    view = client.with_options(max_attempts=1)
    others = [copy.copy(client), copy.deepcopy(client), pickle.loads(pickle.dumps(client)), view]
    for number, other in enumerate(others, 1):
        assert call(other) == b"{}"
        assert len(count.__defaults__[0]) == number
        other.close()
    others[0].meta.events.unregister("before-send", count)
    call(others[0])
    assert len(count.__defaults__[0]) == 4  # the copy's own, from then on
    call(client)
    assert len(count.__defaults__[0]) == 5
    others[0].close()
    client.close()


def test_the_service_model_is_botocores_where_ours_ends(server: CaptureServer, made: Any) -> None:
    model = made(server).meta.service_model
    operation = model.operation_model("InvokeEndpoint")
    assert (operation.name, operation.has_streaming_output) == ("InvokeEndpoint", True)
    assert list(operation.input_shape.members)[:2] == ["EndpointName", "Body"]
    assert model.shape_for("ModelError").name == "ModelError"
    assert model.service_id.hyphenize() == "sagemaker-runtime"
    with pytest.raises(KeyError):
        model.operation_model("Nope")
    with pytest.raises(AttributeError):
        _ = model.nope


def test_a_method_can_be_patched(server: CaptureServer, made: Any) -> None:
    """As with boto3's client, whose attributes can be set."""
    client = made(server)
    with mock.patch.object(client, "invoke_endpoint", return_value={"Body": io.BytesIO(b"no")}):
        assert call(client) == b"no"
    assert call(client) == b"{}"
    with pytest.raises(
        AttributeError, match=r"^'(Async)?SageMakerRuntime' object has no attribute 'nope'"
    ):
        _ = client.nope
    client.close()


@pytest.mark.blocking  # several loops in several threads: test_asyncio.py
def test_a_client_is_shared_by_threads(server: CaptureServer, made: Any) -> None:
    results: list[bytes] = []
    with made(server) as client:
        threads = [
            threading.Thread(target=lambda: results.extend(call(client) for _ in range(20)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [b"{}"] * 160
    assert server.connections <= 8


def test_a_client_survives_fork(server: CaptureServer, made: Any) -> None:
    with made(server) as client:
        call(client)
        child = os.fork()
        if child == 0:
            os._exit(0 if call(client) == b"{}" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        call(client)
    assert [request.connection for request in server.requests] == [1, 2, 1]


def test_credentials_from_a_callable_are_asked_again_when_they_expire(
    server: CaptureServer, make_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    given = [
        Credentials(f"AKID{name}", "s", expires_at=now + dt.timedelta(hours=hours))
        for hours, name in enumerate(("FIRST", "SECOND"), 1)
    ]
    with make_client(
        region_name="us-east-1", endpoint_url=server.url, credentials=lambda: given.pop(0)
    ) as client:
        call(client)
        monkeypatch.setattr(clock, "now", lambda: now.timestamp() + 3601)
        client._ambient.now = clock.now
        call(client)
        call(client)
    keys = [str(request.header("authorization")).partition("/")[0] for request in server.requests]
    assert [key.rpartition("=")[2] for key in keys] == ["AKIDFIRST", "AKIDSECOND", "AKIDSECOND"]


def test_a_file_is_sent_again_from_where_the_call_found_it(
    clean_environment: pytest.MonkeyPatch, made: Any
) -> None:
    with CaptureServer([ERROR_500]) as server, made(server) as client:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        assert client.invoke_endpoint(EndpointName="ep", Body=file)["Body"].read() == b"{}"
    assert [request.body for request in server.requests] == [b"456789", b"456789"]


def test_the_quota_stops_a_storm(clean_environment: pytest.MonkeyPatch, made: Any) -> None:
    """500 units at 14 each: 35 retries, then none."""
    with CaptureServer([ERROR_500] * 60) as server, made(server) as client:
        for _ in range(17):
            with pytest.raises(ClientError) as raised:
                call(client)
            assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 2
        with pytest.raises(ClientError) as raised:
            call(client)
        assert raised.value.response["ResponseMetadata"]["RetryQuotaReached"] is True
        assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 1
        assert "reached max retries" not in str(raised.value)
        with pytest.raises(ClientError) as raised:
            call(client)
        assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_timed_out_invocation_that_is_sent_again_is_warned_of_once(
    clean_environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, made: Any
) -> None:
    silence = [{"then": "hold"}] * 6
    config = sagewire.Config(read_timeout=0.1)
    with (
        CaptureServer(silence) as server,
        made(server, config=config) as client,
        caplog.at_level(logging.WARNING),
    ):
        for _ in range(2):
            with pytest.raises(ReadTimeoutError):
                call(client)
    (record,) = [record for record in caplog.records if record.name == "sagewire"]
    assert "timed out after 0.1 s" in record.getMessage()
    assert len(server.requests) == 6


def test_the_callers_config_is_not_changed(make_client: Any) -> None:
    retries = {"max_attempts": 3}
    config = sagewire.Config(retries=retries)
    client = make_client(config=config, **KEYS)
    assert retries == {"max_attempts": 3}
    assert config.retries == {"max_attempts": 3}
    assert client.meta.config.retries == {"total_max_attempts": 4, "mode": "standard"}


def test_config_merges_pickles_and_takes_positions() -> None:
    config = sagewire.Config("us-west-2", sagewire.UNSIGNED)
    merged = pickle.loads(pickle.dumps(config.merge(sagewire.Config(read_timeout=1))))
    assert (merged.region_name, merged.read_timeout) == ("us-west-2", 1)
    assert merged.signature_version is sagewire.UNSIGNED
    with pytest.raises(TypeError, match="Got unexpected keyword argument 'nope'"):
        sagewire.Config(nope=1)
    with pytest.raises(TypeError, match="Got multiple values for keyword argument 'region_name'"):
        sagewire.Config("us-west-2", region_name="x")


def test_answers_are_fresh_objects(clean_environment: pytest.MonkeyPatch, made: Any) -> None:
    with CaptureServer([DEFAULT_ANSWER]) as server, made(server) as client:
        first = client.invoke_endpoint(EndpointName="ep", Body=b"")
        first["ResponseMetadata"]["HTTPHeaders"]["x"] = "y"
        first["Body"].read()
        second = client.invoke_endpoint(EndpointName="ep", Body=b"")
        assert "x" not in second["ResponseMetadata"]["HTTPHeaders"]
        second["Body"].read()
