"""Every recorded presigned URL, to the letter, and what boto3's own errors become."""

import contextlib
from typing import Any

import pytest

from tests.client import recorded
from tests.support import vectors

CASES = [case for case in vectors.load("wire.jsonl") if case["op"] == "generate_presigned_url"]


def parameters() -> list[Any]:
    if not CASES:
        absent = pytest.mark.skip(reason="recorded vectors are not part of a clone")
        return [pytest.param({}, id="absent", marks=absent)]
    return [pytest.param(case, id=case["id"]) for case in CASES]


def arguments(given: Any, stack: contextlib.ExitStack) -> Any:
    if not isinstance(given, dict):
        return given
    return {name: recorded.body(value, stack) for name, value in given.items()}


@pytest.mark.parametrize("case", parameters())
def test_a_recorded_url_is_boto3s(
    case: dict[str, Any], clean_environment: Any, make_client: Any
) -> None:
    for name, value in {**case.get("import_env", {}), **case.get("env", {})}.items():
        clean_environment.setenv(name, value)
    expected = case["expect"]
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(make_client(**recorded.client_arguments(case, "")))
        recorded.frozen(client, case["time"])
        positional = [arguments(value, stack) for value in case.get("positional", ())]
        named = {} if positional else dict(case["kwargs"])
        if "Params" in named:
            named["Params"] = arguments(named["Params"], stack)
        if "error" not in expected:
            assert client.generate_presigned_url(*positional, **named) == expected["url"]
            return
        with pytest.raises(Exception) as raised:
            client.generate_presigned_url(*positional, **named)
        recorded.same_error(expected["error"], raised.value)
        if not expected["error"]["type"].startswith("botocore"):
            assert "Body" in str(raised.value)
