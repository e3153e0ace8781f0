"""What cannot be sent, or goes wrong on the way: the exact exception and words."""

import io
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

import sagewire
from sagewire.client.payload import StreamPayload
from sagewire.exceptions import (
    BodyChangedError,
    ClientError,
    HTTPClientError,
    InvalidConfigError,
    ModelError,
    ParamValidationError,
)
from tests.faults.drivers import DRIVERS
from tests.support.capture import CaptureServer

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "secret",
}


@pytest.fixture
def client(server: CaptureServer, make_client: Any) -> Iterator[Any]:
    with make_client(endpoint_url=server.url, **KEYS) as made:
        made._ambient.sleep = lambda _seconds: None
        yield made


class Changing(io.BytesIO):
    """A file whose length changes between its hashing and its sending."""

    def __init__(self, data: bytes, changed: bytes) -> None:
        super().__init__(data)
        self._changed = changed
        self._ends = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if size and not piece:
            self._ends += 1
        if self._ends == 1:
            position = self.tell()
            self.seek(0)
            self.truncate()
            self.write(self._changed)
            self.seek(position)
            self._ends = 2
        return piece


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (b"0123", "10 bytes were announced, the file now has 4."),
        (b"0123456789ab", "10 bytes were announced, the file now has 12."),
        (b"", "10 bytes were announced, the file now has 0."),
    ],
)
def test_a_file_whose_length_changes_is_not_half_sent(
    client: Any, server: CaptureServer, changed: bytes, words: str
) -> None:
    with pytest.raises(BodyChangedError) as raised:
        client.invoke_endpoint(EndpointName="ep", Body=Changing(b"0123456789", changed))
    assert str(raised.value) == f"Body changed while it was being sent: {words}"
    assert all(request.truncated for request in server.requests)
    # The connection was given up; the next call has one of its own.
    assert client.invoke_endpoint(EndpointName="ep", Body=b"x")["Body"].read() == b"{}"


def test_a_closed_file(client: Any, server: CaptureServer, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"x")
    file = path.open("rb")
    file.close()
    with pytest.raises(ValueError, match=r"^Body: .*closed file"):
        client.invoke_endpoint(EndpointName="ep", Body=file)
    assert server.requests == []


def test_a_file_that_cannot_be_read(client: Any, tmp_path: pathlib.Path) -> None:
    with (
        (tmp_path / "body").open("wb") as file,
        pytest.raises(io.UnsupportedOperation, match=r"^Body: read$"),
    ):
        client.invoke_endpoint(EndpointName="ep", Body=file)


def test_a_file_that_cannot_be_read_and_is_not_signed(server: CaptureServer) -> None:
    pieces = StreamPayload(WriteOnly(), None).pieces()
    with pytest.raises(io.UnsupportedOperation, match=r"^Body: read$"):
        next(pieces)


class WriteOnly:
    def read(self, _size: int = -1) -> bytes:
        raise io.UnsupportedOperation("read")


class Gives(io.BytesIO):
    """A file whose `read` gives another kind of object than bytes."""

    def __init__(self, piece: Any) -> None:
        super().__init__(b"abc")
        self._piece = piece

    def read(self, size: int | None = -1) -> Any:
        data = super().read(size)
        return self._piece if data else data


def test_pieces_are_bytes_of_any_kind(client: Any, server: CaptureServer) -> None:
    client.invoke_endpoint(EndpointName="ep", Body=Gives(bytearray(b"abc")))
    assert server.requests[-1].body == b"abc"
    with pytest.raises(TypeError, match=r"^Body: read\(\) gave list; allowed: bytes$"):
        client.invoke_endpoint(EndpointName="ep", Body=Gives([1]))


def test_a_device_that_has_no_length(client: Any, server: CaptureServer) -> None:
    with (
        pathlib.Path("/dev/zero").open("rb") as zero,
        pytest.raises(ValueError, match=r"^Body: BufferedReader says that it is at its end"),
    ):
        client.invoke_endpoint(EndpointName="ep", Body=zero)
    assert server.requests == []


def test_bytes_are_as_long_as_they_are(client: Any, server: CaptureServer) -> None:
    class Longer(bytes):
        def __len__(self) -> int:
            return 1_000_000

    client.invoke_endpoint(EndpointName="ep", Body=Longer(b"abc"))
    assert server.requests[-1].body == b"abc"


def test_a_text_file(client: Any) -> None:
    with pytest.raises(TypeError) as raised:
        client.invoke_endpoint(EndpointName="ep", Body=io.StringIO("a"))
    assert str(raised.value) == ("Body: the file gives text; open it in binary mode, or pass a str")


def test_a_pipe_and_an_object_that_only_reads(client: Any) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe, pytest.raises(OSError, match="Body: Illegal seek"):
        client.invoke_endpoint(EndpointName="ep", Body=pipe)

    class OnlyReads:
        def read(self, size: int = -1) -> bytes:
            return b""

    with pytest.raises(TypeError) as raised:
        client.invoke_endpoint(EndpointName="ep", Body=OnlyReads())
    assert str(raised.value) == (
        "Body: OnlyReads has read() but cannot seek, and a signed body is read twice; "
        "pass its bytes, or use an unsigned client"
    )


def test_a_line_end_in_a_header_is_refused_and_nothing_is_sent(
    client: Any, server: CaptureServer
) -> None:
    with pytest.raises(HTTPClientError) as raised:
        client.invoke_endpoint(EndpointName="ep", Body=b"", ContentType="a\nX-Evil: 1")
    assert str(raised.value) == (
        "An HTTP Client raised an unhandled exception: Invalid header value b'a\\nX-Evil: 1'"
    )
    assert server.requests == []


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_what_cannot_be_sent_costs_no_idle_connection(driver: Any, server: CaptureServer) -> None:
    bodies = (b"x", b"x" * 300_000, bytearray(300_000), io.BytesIO(b"x"))
    client = driver.open(server.url, config=sagewire.Config(retries={"total_max_attempts": 1}))
    try:
        for body in bodies:
            assert driver.call(client, "invoke_endpoint", None, body)[1] is None
            for bad in ("a\nb", "\ud800"):
                with pytest.raises(HTTPClientError, match="Invalid header value"):
                    client.invoke_endpoint(EndpointName="ep", Body=body, ContentType=bad)
                assert driver.pool(client) == (1, 0, 1, 0)
        assert driver.call(client, "invoke_endpoint", None, b"x")[1] is None
    finally:
        driver.close(client)
    assert server.connections == 1
    assert len(server.requests) == len(bodies) + 1


def test_a_faulty_session_token_is_not_shown(server: CaptureServer, make_client: Any) -> None:
    with (
        make_client(endpoint_url=server.url, aws_session_token="secret\ntoken", **KEYS) as client,
        pytest.raises(Exception) as raised,
    ):
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert "secret" not in str(raised.value)
    assert "X-Amz-Security-Token" in str(raised.value) or "token" in str(raised.value)


def test_positional_arguments_and_unknown_names(client: Any) -> None:
    with pytest.raises(TypeError, match=r"^invoke_endpoint\(\) only accepts keyword arguments\.$"):
        client.invoke_endpoint("ep", b"")
    with pytest.raises(ParamValidationError, match='Unknown parameter in input: "Bdy"'):
        client.invoke_endpoint(EndpointName="ep", Body=b"", Bdy=b"")
    with pytest.raises(
        AttributeError, match=r"'(Async)?SageMakerRuntime' object has no attribute 'nope'"
    ):
        client.nope  # noqa: B018 - the look-up is the test


def test_a_413_that_comes_while_a_large_body_is_sent_is_an_answer(make_client: Any) -> None:
    import socket
    import threading

    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            make_client(endpoint_url=url, **KEYS) as client,
            pytest.raises(ClientError) as raised,
        ):
            client.invoke_endpoint(EndpointName="ep", Body=b"x" * 8_000_000)
        thread.join(5)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"config": sagewire.Config(signature_version="v2")}, "'v2' is not supported"),
        ({"verify": " "}, "^Invalid CA bundle"),
    ],
)
def test_settings_without_effect_are_refused(
    clean_environment: pytest.MonkeyPatch, arguments: dict[str, Any], words: str, make_client: Any
) -> None:
    with pytest.raises(InvalidConfigError, match=words):
        make_client(**KEYS, **arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"config": {"read_timeout": 1}}, "^config: expected sagewire.Config or botocore"),
        (
            {"credentials": "AKID"},
            "^credentials: expected sagewire.sigv4.Credentials or a callable",
        ),
        ({"session": object()}, "^session: takes a boto3 or botocore session"),
    ],
)
def test_arguments_of_a_wrong_type_are_named(
    clean_environment: pytest.MonkeyPatch, arguments: dict[str, Any], words: str, make_client: Any
) -> None:
    with pytest.raises(TypeError, match=words):
        make_client(region_name="us-east-1", **arguments)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"region_name": 3}, "region_name must be str, not int"),
        ({"endpoint_url": b"http://h"}, "endpoint_url must be str, not bytes"),
        ({"verify": 3}, "verify must be bool or a path, not int"),
        ({"verify": ["ca.pem"]}, "verify must be bool or a path, not list"),
    ],
)
def test_arguments_of_the_wrong_type_are_named(
    clean_environment: pytest.MonkeyPatch, settings: dict[str, Any], words: str, make_client: Any
) -> None:
    with pytest.raises(TypeError) as raised:
        make_client(**{**KEYS, **settings})
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("field", "value", "error", "words"),
    [
        ("user_agent", 3, TypeError, "user_agent must be str, not int"),
        ("user_agent_extra", b"x", TypeError, "user_agent_extra must be str, not bytes"),
        ("user_agent_appid", 3, TypeError, "user_agent_appid must be str, not int"),
        ("max_pool_connections", "9", TypeError, "max_pool_connections must be int, not str"),
        ("max_pool_connections", 9.5, TypeError, "max_pool_connections must be int, not float"),
        ("retries", 3, TypeError, "retries must be a mapping, not int"),
        (
            "read_timeout",
            float("nan"),
            ValueError,
            "read_timeout: not a number (NaN); allowed: seconds over 0, or None",
        ),
    ],
)
def test_settings_of_the_wrong_type_are_named(
    clean_environment: pytest.MonkeyPatch,
    field: str,
    value: Any,
    error: type[Exception],
    words: str,
    make_client: Any,
) -> None:
    with pytest.raises(error) as raised:
        make_client(config=sagewire.Config(**{field: value}), **KEYS)
    assert str(raised.value) == words


def test_a_pool_larger_than_any_number_of_the_machine(
    server: CaptureServer, make_client: Any
) -> None:
    config = sagewire.Config(max_pool_connections=10**30)
    with make_client(endpoint_url=server.url, config=config, **KEYS) as client:
        assert client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read() == b"{}"


def test_an_access_key_id_with_a_line_end_shows_no_signature(
    server: CaptureServer, make_client: Any
) -> None:
    keys = {**KEYS, "aws_access_key_id": "AKID\nEXAMPLE"}
    client = make_client(endpoint_url=server.url, **keys)
    with pytest.raises(HTTPClientError) as raised:
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert str(raised.value).endswith("Invalid header value of Authorization")
    assert server.requests == []


@pytest.mark.parametrize("status", [b"1e999", b"NaN", b'"x"', b"[1]"])
def test_an_original_status_that_is_no_number(
    clean_environment: pytest.MonkeyPatch, status: bytes, make_client: Any
) -> None:
    body = b'{"OriginalStatusCode":' + status + b',"Message":"m"}'
    head = (
        b"HTTP/1.1 424 Failed Dependency\r\nx-amzn-ErrorType: ModelError\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with CaptureServer([head + body]) as server:
        client = make_client(endpoint_url=server.url, **KEYS)
        with pytest.raises(ModelError) as raised:
            client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert raised.value.original_status_code is None
    assert raised.value.response["Error"] == {"Message": "m", "Code": "ModelError"}


class Odd(io.BytesIO):
    """A file that says where it is in a way of its own."""

    def seek(self, *_where: int) -> Any:
        return "here"


@pytest.mark.parametrize("config", [None, sagewire.Config(signature_version=sagewire.UNSIGNED)])
def test_a_file_whose_seek_returns_text(
    server: CaptureServer, config: Any, make_client: Any
) -> None:
    with (
        make_client(endpoint_url=server.url, config=config, **KEYS) as client,
        pytest.raises(TypeError, match=r"^Body: "),
    ):
        client.invoke_endpoint(EndpointName="ep", Body=Odd(b"x"))
    assert not server.requests


@pytest.mark.parametrize("field", ["user_agent", "user_agent_extra"])
def test_a_user_agent_that_is_no_text(server: CaptureServer, field: str, make_client: Any) -> None:
    config = sagewire.Config(**{field: "a\ud800"})
    with (
        make_client(endpoint_url=server.url, config=config, **KEYS) as client,
        pytest.raises(HTTPClientError, match=r"Invalid header value .* of User-Agent"),
    ):
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:s3cr3t@bad_host", "http://***@bad_host"),
        ("user:s3cr3t@host", "***@host"),
        ("http://user:s3cr3t@", "http://***@"),
    ],
)
def test_an_endpoints_password_is_not_shown(
    clean_environment: pytest.MonkeyPatch, url: str, shown: str, make_client: Any
) -> None:
    with pytest.raises(ValueError, match=r"^Invalid endpoint: ") as raised:
        make_client(endpoint_url=url, **KEYS)
    assert str(raised.value) == f"Invalid endpoint: {shown}"


def test_a_password_with_a_slash_is_not_shown_as_a_port(
    clean_environment: Any, make_client: Any
) -> None:
    client = make_client(endpoint_url="http://user:s3/cr3t@host", **KEYS)
    with pytest.raises(ValueError, match=r"^Port could not be cast to integer") as raised:
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert "s3" not in str(raised.value)


def test_a_concurrency_larger_than_any_number_of_the_machine(client: Any) -> None:
    requests = ({"EndpointName": "ep", "Body": b"x"} for _ in range(3))
    assert len(list(client.invoke_many(requests, concurrency=10**30))) == 3
