"""Every recorded answer: what the caller gets of it, and what reading the body gives."""

import base64
import contextlib
import hashlib
import io
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sagewire
from tests.client import recorded
from tests.client.differences import ANY, RESPONSES, changed
from tests.support import vectors
from tests.support.awaited import AwaitedClient
from tests.support.capture import CaptureServer
from tests.support.deaf import deaf

OPERATIONS = (
    "invoke_endpoint",
    "invoke_endpoint_async",
    "invoke_endpoint_with_response_stream",
)
CASES = [case for case in vectors.load("responses.jsonl") if case["op"] in OPERATIONS]


def parameters() -> list[Any]:
    if not CASES:
        absent = pytest.mark.skip(reason="recorded vectors are not part of a clone")
        return [pytest.param({}, id="absent", marks=absent)]
    return [pytest.param(case, id=case["id"]) for case in CASES]


NOT_ASYNCIOS = {
    *("buffered", "closed", "fileno", "isatty", "json", "readline", "readlines", "seek"),
    *("seekable", "textio", "truncate", "writable", "write"),
}


@contextlib.contextmanager
def speechless() -> Iterator[int]:
    """Yield a port where whatever is said is answered by the end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@contextlib.contextmanager
def peer(case: dict[str, Any], tls: Any) -> Iterator[tuple[Callable[..., Any], Any]]:
    """Yield where connections go, and the server if there is one."""
    script = case["server"]
    if script == "refused":
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        yield (lambda _host, _port: ("127.0.0.1", port)), None
    elif script == "dns":
        yield (lambda host, port: (host, port)), None
    elif script == "connect-timeout":
        with deaf() as port:
            yield (lambda _host, _port: ("127.0.0.1", port)), None
    elif case.get("plain_on_tls"):
        with speechless() as port:
            yield (lambda _host, _port: ("127.0.0.1", port)), None
    else:
        with CaptureServer(script, tls) as server:
            yield (lambda _host, _port: ("127.0.0.1", server.port)), server


@pytest.mark.parametrize("case", parameters())
def test_a_recorded_answer_gives_what_boto3_gave(
    case: dict[str, Any], clean_environment: Any, server_tls: Any, ca_path: str, make_client: Any
) -> None:
    expected = changed(case["expect"], RESPONSES.get(case["id"]))
    url = case["client"].get("endpoint_url", "https://")
    tls = server_tls if url.startswith("https") and not case.get("plain_on_tls") else None
    with contextlib.ExitStack() as stack:
        address, server = stack.enter_context(peer(case, tls))
        stack.enter_context(recorded.redirected(address))
        client = stack.enter_context(make_client(**recorded.client_arguments(case, ca_path)))
        call = getattr(client, case["op"])
        recorded.frozen(client, case["time"])
        kwargs = {name: recorded.body(value, stack) for name, value in case["kwargs"].items()}
        if expected.get("error"):
            with pytest.raises(Exception) as raised:
                call(**kwargs)
            if expected["error"] is ANY:
                assert isinstance(raised.value, sagewire.exceptions.ClientError)
            else:
                recorded.same_error(expected["error"], raised.value)
        else:
            result = call(**kwargs)
            assert list(result) == expected["result_keys"]
            body = result.pop("Body", io.BytesIO())
            assert type(body).__name__ == (expected.get("body_type") or "BytesIO")
            wanted = recorded.unwrapped(expected["result"])
            assert result == wanted
            assert list(result["ResponseMetadata"]) == list(wanted["ResponseMetadata"])
            for step in expected.get("read", []):
                if isinstance(client, AwaitedClient) and step["op"][0] in NOT_ASYNCIOS:
                    break  # asyncio's body is no file; aiobotocore's lines have no ends
                same_step(step, body)
            if case.get("second_call"):
                again = call(**kwargs)
                again.get("Body", io.BytesIO()).close()
                assert expected["second_call_ok"]
                arrived = [request.connection for request in server.requests]
                if expected["second_call_same_connection"] is not ANY:
                    same = arrived[-1] == arrived[-2]
                    assert same == expected["second_call_same_connection"]
            body.close()
        if server is not None:
            assert len(server.requests) == expected["requests"]


def same_step(step: dict[str, Any], body: Any) -> None:
    pieces: list[Any] = []
    error: BaseException | None = None
    value: Any = None
    try:
        value = act(step["op"], body, pieces)
    except Exception as raised:
        error = raised
        value = pieces if step["op"] == ["events"] else pieces or None
    if "error" in step:
        assert error is not None, f"{step} gave {value!r}"
        recorded.same_error(step["error"], error)
    elif error is not None:
        raise error
    if "value" in step:
        assert described(value) == step["value"]


def act(operation: list[Any], body: Any, pieces: list[Any]) -> Any:
    """Do one thing with a body; what an iteration gives goes into `pieces` as it comes."""
    name, *arguments = operation
    if name == "read_kw":
        return body.read(**arguments[0])
    if name == "readinto":
        buffer = bytearray(arguments[0])
        count = body.readinto(buffer)
        return {"n": count, "buffer": bytes(buffer)}
    if name in ("iter_chunks", "iter_lines"):
        pieces.extend(getattr(body, name)(*arguments))
        return pieces
    if name == "list":
        pieces.extend(body)
        return pieces
    if name == "events":
        pieces.extend(body)
        return pieces
    if name == "take":
        pieces.extend(itertools.islice(body, *arguments))
        return pieces
    if name == "initial":
        message = body.get_initial_response()
        return {"headers": message.headers, "payload": message.payload}
    if name == "next":
        return next(body)
    if name == "with":
        with body as entered:
            return {"entered": recorded.qualified(type(entered)), "data": entered.read(*arguments)}
    if name == "closed":
        return body.closed
    if name == "textio":
        return io.TextIOWrapper(body, encoding="utf-8").read()
    if name == "buffered":
        return io.BufferedReader(body).read(*arguments)
    if name == "json":
        return json.load(body)
    return getattr(body, name)(*arguments)


def described(value: Any) -> Any:
    """Write a value down as the vectors do."""
    if isinstance(value, bytes):
        if len(value) > 4096:
            return {"sha256": hashlib.sha256(value).hexdigest(), "len": len(value)}
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, list):
        return [described(item) for item in value]
    return value
