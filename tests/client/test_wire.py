"""Every recorded call: what it puts on the wire, byte for byte."""

import base64
import contextlib
import time
from typing import Any

import pytest

from tests.client import recorded
from tests.client.differences import ANY, WIRE, changed
from tests.support import vectors
from tests.support.capture import Captured, CaptureServer

OPERATIONS = (
    "invoke_endpoint",
    "invoke_endpoint_async",
    "invoke_endpoint_with_response_stream",
)
CASES = [case for case in vectors.load("wire.jsonl") if case["op"] in OPERATIONS]


def parameters() -> list[Any]:
    if not CASES:
        absent = pytest.mark.skip(reason="recorded vectors are not part of a clone")
        return [pytest.param({}, id="absent", marks=absent)]
    return [pytest.param(case, id=case["id"]) for case in CASES]


@pytest.mark.parametrize("case", parameters())
def test_a_recorded_call_goes_out_as_boto3_sent_it(
    case: dict[str, Any],
    clean_environment: Any,
    server_tls: Any,
    other_tls: Any,
    ca_path: str,
    make_client: Any,
) -> None:
    expected = changed(case["expect"], WIRE.get(case["id"]))
    for name, value in {**case.get("import_env", {}), **case.get("env", {})}.items():
        clean_environment.setenv(name, value)
    arguments = case["client"]
    tls = server_tls if _speaks_tls(expected, arguments) else None
    if "wrong-host" in case["id"]:
        tls = other_tls
    results: list[Any] = []
    sleeps: list[float] = []
    error: Exception | None = None
    stage = "client"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(CaptureServer(case.get("server"), tls))
        dialled = stack.enter_context(
            recorded.redirected(lambda _host, _port: ("127.0.0.1", server.port))
        )
        try:
            options = recorded.client_arguments(case, ca_path)
            if tls is not None and "verify" not in options:
                options["verify"] = None if expected.get("error") else False
            client = stack.enter_context(make_client(**options))
            sleeps = recorded.frozen(client, case["time"])
            stage = "call"
            for number in range(case.get("calls", 1)):
                if number:
                    time.sleep(case.get("pause", 0))
                kwargs = {
                    name: recorded.body(value, stack) for name, value in case["kwargs"].items()
                }
                result = getattr(client, case["op"])(*case.get("positional", ()), **kwargs)
                results.append(result)
                if case.get("drain"):
                    result["Body"].read()
        except Exception as raised:
            error = raised
        for result in results:
            if "Body" in result:
                result["Body"].close()
    if expected.get("error"):
        assert error is not None, results
        recorded.same_error(expected["error"], error)
        assert stage == expected["error"]["stage"]
    elif error is not None:
        raise error
    if expected.get("result") not in (None, ANY):
        wanted = expected["result"]
        wanted = wanted if isinstance(wanted, list) else [wanted]
        assert [
            {key: result["ResponseMetadata"][key] for key in want}
            for result, want in zip(results, wanted, strict=True)
        ] == wanted
    if expected.get("sleeps") is not ANY:
        assert sleeps == (expected.get("sleeps") or [])
    if expected.get("dialled"):
        assert dialled == expected["dialled"][:1]
    if expected.get("attempts") is not ANY:
        compare_attempts(expected.get("attempts", []), server.requests, case["id"])


def _speaks_tls(expected: dict[str, Any], arguments: dict[str, Any]) -> bool:
    url = arguments.get("endpoint_url") or "https://"
    attempts = expected.get("attempts")
    if attempts and attempts is not ANY:
        return bool(attempts[0]["scheme"] == "https")
    return url.startswith("https")


def compare_attempts(expected: list[dict[str, Any]], arrived: list[Captured], case_id: str) -> None:
    assert len(arrived) == len(expected)
    for want, got in zip(expected, arrived, strict=True):
        assert (got.method, got.target, got.version) == (
            want["method"],
            want["target"],
            want["version"],
        )
        assert got.body_sha256 == want["body_sha256"]
        assert len(got.body) == want["body_len"]
        assert got.chunks == want.get("chunks", [])
        assert (got.connection, got.scheme) == (want["connection"], want["scheme"])
        if "body_b64" in want:
            assert got.body == base64.b64decode(want["body_b64"])
        verifies = want.get("signature_verifies") is not False
        assert _comparable(got.headers, verifies) == _comparable(
            [
                [name, recorded.user_agent(value) if name == "User-Agent" else value]
                for name, value in want["headers"]
            ],
            verifies,
        )
        if not verifies:
            # boto3 signed something else than it sent; ours is to be right for what is sent.
            recorded.verify_signature(got)


def _comparable(headers: list[list[str]], verifies: bool) -> list[list[str]]:
    if verifies:
        return headers
    return [
        [name, value.partition(", Signature=")[0]] if name == "Authorization" else [name, value]
        for name, value in headers
    ]
