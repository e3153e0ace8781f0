"""boto3's client object beside ours: names, messages and manners of everything but the calls."""

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

import sagewire
from sagewire.model.runtime import ERRORS, OPERATIONS

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI",
}
NAMES = [
    "invoke_endpoint",
    "invoke_endpoint_async",
    "invoke_endpoint_with_response_stream",
    "InvokeEndpoint",
    "nope",
    None,
]


@pytest.fixture(scope="module")
def both() -> Any:
    theirs = boto3.client("sagemaker-runtime", **KEYS)
    yield theirs, sagewire.client("sagemaker-runtime", **KEYS)
    theirs.close()


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)


def test_every_name_of_boto3s_is_there(both: Any) -> None:
    theirs, ours = ({name for name in dir(client) if name[0] != "_"} for client in both)
    assert theirs <= ours
    assert ours - theirs == {"invoke_many", "pool", "with_options"}
    assert [type(client).__name__ for client in both] == ["SageMakerRuntime"] * 2


@pytest.mark.parametrize("method", ["can_paginate", "get_paginator", "get_waiter"])
@pytest.mark.parametrize("name", NAMES)
def test_pages_and_waiters(both: Any, method: str, name: Any) -> None:
    theirs, ours = (outcome(getattr(client, method), name) for client in both)
    assert ours == theirs


def test_waiter_names(both: Any) -> None:
    assert both[1].waiter_names == both[0].waiter_names == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_positional_arguments_and_wrong_names(both: Any, operation: Any) -> None:
    theirs, ours = (getattr(client, operation.method) for client in both)
    assert outcome(ours, "ep") == outcome(theirs, "ep")
    assert outcome(ours, Nope=1) == outcome(theirs, Nope=1)
    assert ours.__name__ == theirs.__name__
    assert str(inspect.signature(ours)).replace("'Any'", "").startswith("(*args")
    assert len(inspect.getdoc(ours) or "") > 500


def test_an_unknown_attribute(both: Any) -> None:
    words = [outcome(getattr, client, "nope") for client in both]
    assert words[1] == words[0]
    words = [outcome(getattr, client.exceptions, "Nope")[1].partition(">")[2] for client in both]
    assert words[1] == words[0]


@pytest.mark.parametrize("code", [*ERRORS, "Nope", "ClientError", "", None, 5], ids=repr)
def test_exceptions_by_name_and_code(both: Any, code: Any) -> None:
    theirs, ours = (client.exceptions.from_code(code) for client in both)
    assert ours.__name__ == theirs.__name__
    if code in ERRORS:
        assert getattr(both[1].exceptions, code) is ours
    error = ours({"Error": {"Code": "c", "Message": "m"}}, "InvokeEndpoint")
    assert isinstance(error, botocore.exceptions.ClientError)
    assert not isinstance(error, botocore.exceptions.BotoCoreError)


@pytest.mark.parametrize("name", ["ModelError", "ClientError"])
@pytest.mark.parametrize(
    "response",
    [
        {},
        {"Error": {"Code": "c", "Message": "m"}},
        {"Error": {"Message": None}, "ResponseMetadata": {}},
        {"Error": {"Code": "c"}, "ResponseMetadata": {"MaxAttemptsReached": True}},
        {"ResponseMetadata": {"MaxAttemptsReached": True, "RetryAttempts": 2}},
        {"ResponseMetadata": {"MaxAttemptsReached": False, "RetryAttempts": 2}},
    ],
)
def test_an_error_made_by_hand_says_the_same(both: Any, name: str, response: Any) -> None:
    theirs, ours = (getattr(client.exceptions, name)(response, "Op") for client in both)
    assert (str(ours), ours.response, ours.args) == (str(theirs), theirs.response, theirs.args)


def test_every_modeled_exception_is_listed(both: Any) -> None:
    theirs, ours = ({name for name in dir(client.exceptions) if name[0] != "_"} for client in both)
    assert theirs <= ours


def test_meta(both: Any) -> None:
    theirs, ours = (client.meta for client in both)
    for name in ("region_name", "endpoint_url", "partition", "method_to_api_mapping"):
        assert getattr(ours, name) == getattr(theirs, name)
    names = ("service_name", "service_id", "api_version", "endpoint_prefix", "signing_name")
    for name in (*names, "operation_names", "signature_version", "metadata", "documentation"):
        assert getattr(ours.service_model, name) == getattr(theirs.service_model, name), name
    for operation in OPERATIONS:
        models = [meta.service_model.operation_model(operation.name) for meta in (theirs, ours)]
        for name in (
            "name", "wire_name", "http", "documentation", "deprecated", "has_streaming_input",
            "has_streaming_output", "has_event_stream_input", "has_event_stream_output",
        ):  # fmt: skip
            assert getattr(models[1], name) == getattr(models[0], name), name
        assert models[1].service_model is ours.service_model
    for name in ("region_name", "read_timeout", "connect_timeout", "max_pool_connections"):
        assert getattr(ours.config, name) == getattr(theirs.config, name)


def static(source: str, operation: str) -> tuple[set[str], set[str]]:
    """Return the keywords that an editor shows for an operation: those required, and all."""
    for node in ast.walk(ast.parse(source)):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and node.name == operation and node.args.kwonlyargs:
            pairs = list(zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True))
            return (
                {argument.arg for argument, default in pairs if default is None},
                {argument.arg for argument, _ in pairs},
            )
    raise AssertionError(f"no signature of {operation}")


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
@pytest.mark.parametrize("home", ["sync", "aio"])
def test_editors_see_the_models_parameters(home: str, operation: Any) -> None:
    module = importlib.import_module(f"sagewire.client.{home}")
    source = Path(str(module.__file__)).read_text("utf-8")
    required, known = static(source, operation.method)
    assert required == set(operation.required)
    assert known == {member.name for member in operation.inputs}
