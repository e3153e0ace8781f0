"""`InvokeEndpointAsync`: inputs and results are files of a folder that stands for S3."""

import json
import pathlib
import threading
import time

import pytest
from botocore.exceptions import ClientError

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import LocalEndpoint, Response
from tests.support.files import wait_for


def handler(request):
    if request.body == b"fail":
        raise ValueError("bad row")
    if request.body == b"refuse":
        return Response("no such row", status=404)
    if request.body == b"parts":
        return iter([b"one,", b"two"])
    return request.body.upper()


@pytest.fixture
def local():
    with LocalEndpoint({"model": handler}) as local:
        yield local


def invoke(client, **members):
    return client.invoke_endpoint_async(EndpointName="model", **members)


def test_an_inline_body(boto, local):
    answer = invoke(boto(local), Body=b"hello", InferenceId="i1")
    assert answer["InferenceId"] == "i1"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    output, failure = answer["OutputLocation"], answer["FailureLocation"]
    assert output.startswith("s3://sagewire-local/output/")
    assert output.endswith(".out")
    name = output.rpartition("/")[2].removesuffix(".out")
    assert failure == f"s3://sagewire-local/failure/{name}-error.out"
    assert wait_for(local.s3_path(output)) == b"HELLO"
    assert not local.s3_path(failure).exists()


def test_an_input_location(boto, local):
    path = local.s3_path("s3://my-bucket/in/rows.csv")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 200_000)
    answer = invoke(boto(local), InputLocation="s3://my-bucket/in/rows.csv", ContentType="text/csv")
    assert wait_for(local.s3_path(answer["OutputLocation"])) == b"X" * 200_000
    assert len(answer["InferenceId"]) == 36


def test_the_callers_names(boto, local):
    answer = invoke(
        boto(local), Body=b"x", S3OutputPathExtension="run-1/today", Filename="result.csv"
    )
    assert answer["OutputLocation"] == "s3://sagewire-local/output/run-1/today/result.csv"
    assert wait_for(local.s3_path(answer["OutputLocation"])) == b"X"


def test_what_the_handler_sees(boto):
    seen = []
    with LocalEndpoint({"model": lambda request: seen.append(request) or b"ok"}) as local:
        answer = invoke(
            boto(local),
            Body=b"x",
            ContentType="text/csv",
            Accept="application/json",
            CustomAttributes="a=1",
            InferenceId="i1",
            RequestTTLSeconds=60,
            InvocationTimeoutSeconds=10,
            Filename="f",
        )
        wait_for(local.s3_path(answer["OutputLocation"]))
    (request,) = seen
    assert request.operation == "InvokeEndpointAsync"
    assert (request.content_type, request.accept) == ("text/csv", "application/json")
    assert (request.custom_attributes, request.inference_id) == ("a=1", "i1")
    assert request.variant_name == "AllTraffic"
    assert len(request.headers) == 4


def test_an_iterators_parts(boto, local):
    answer = invoke(boto(local), Body=b"parts")
    assert wait_for(local.s3_path(answer["OutputLocation"])) == b"one,two"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [(b"fail", 500, "ValueError: bad row"), (b"refuse", 404, "no such row")],
)
def test_a_failure_is_an_object_too(boto, local, body, status, message):
    answer = invoke(boto(local), Body=body)
    failure = json.loads(wait_for(local.s3_path(answer["FailureLocation"])))
    assert failure["OriginalStatusCode"] == status
    assert failure["OriginalMessage"] == message
    assert not local.s3_path(answer["OutputLocation"]).exists()


def test_an_input_that_is_not_there(boto, local):
    answer = invoke(boto(local), InputLocation="s3://my-bucket/nothing")
    failure = json.loads(wait_for(local.s3_path(answer["FailureLocation"])))
    assert failure == {"Message": "The input at s3://my-bucket/nothing cannot be read."}


def test_the_models_time_is_limited(boto):
    leave = threading.Event()
    with LocalEndpoint({"model": lambda request: leave.wait(20) and b""}) as local:
        answer = invoke(boto(local), Body=b"x", InvocationTimeoutSeconds=1)
        failure = json.loads(wait_for(local.s3_path(answer["FailureLocation"])))
        leave.set()
    assert failure["OriginalStatusCode"] == 0
    assert failure["OriginalMessage"].startswith("Your invocation timed out")


def test_a_container(boto, container):
    with LocalEndpoint({"model": container.url}) as local:
        answer = invoke(boto(local), Body=b"hello", ContentType="text/csv")
        seen = json.loads(wait_for(local.s3_path(answer["OutputLocation"])))
        assert seen["length"] == 5
        assert ["content-type", "text/csv"] in seen["headers"]
        assert seen["path"] == "/invocations"
        answer = invoke(boto(local), Body=b"status 503 busy")
        failure = json.loads(wait_for(local.s3_path(answer["FailureLocation"])))
        assert failure["OriginalStatusCode"] == 503


def test_many_at_once(boto, local):
    client = boto(local)
    answers = {number: invoke(client, Body=b"n%d" % number) for number in range(100)}
    for number, answer in answers.items():
        assert wait_for(local.s3_path(answer["OutputLocation"])) == b"N%d" % number


def test_the_caller_does_not_wait(boto):
    leave = threading.Event()
    with LocalEndpoint({"model": lambda request: leave.wait(20) and b"done"}) as local:
        answer = invoke(boto(local), Body=b"x")
        path = local.s3_path(answer["OutputLocation"])
        assert not path.exists()
        leave.set()
        assert wait_for(path) == b"done"


def test_a_folder_of_ones_own(boto, tmp_path):
    with LocalEndpoint(
        {"model": handler},
        s3_folder=tmp_path / "s3",
        output_location="s3://results/a/b/",
        failure_location="s3://failures",
    ) as local:
        assert local.s3_folder == tmp_path / "s3"
        client = boto(local)
        answer = invoke(client, Body=b"x")
        assert answer["OutputLocation"].startswith("s3://results/a/b/")
        path = local.s3_path(answer["OutputLocation"])
        assert path.is_relative_to(tmp_path / "s3" / "results" / "a" / "b")
        wait_for(path)
        answer = invoke(client, Body=b"fail")
        assert answer["FailureLocation"].startswith("s3://failures/")
        wait_for(local.s3_path(answer["FailureLocation"]))
    # What was given stays; nothing half-written is left beside it.
    files = [path for path in (tmp_path / "s3").rglob("*") if path.is_file()]
    assert len(files) == 2


@pytest.mark.parametrize(
    ("folder", "error", "words"),
    [
        (5, TypeError, "s3_folder must be str or os.PathLike, not int"),
        (b"folder", TypeError, "s3_folder must be str or os.PathLike, not bytes"),
        ("", ValueError, "s3_folder: it is empty; allowed: the path of a folder"),
        ("a\0b", ValueError, "s3_folder: it has a NUL in it; allowed: the path of a folder"),
    ],
)
def test_a_folder_that_cannot_be_one_is_named(folder, error, words):
    with pytest.raises(error, match=f"^{words}"):
        LocalEndpoint({"model": handler}, s3_folder=folder)


def test_a_temporary_folder_is_removed(boto):
    with LocalEndpoint({"model": handler}) as local:
        answer = invoke(boto(local), Body=b"x")
        wait_for(local.s3_path(answer["OutputLocation"]))
        folder = local.s3_folder
        assert folder.is_dir()
    assert not folder.exists()


def test_stop_drops_what_waits(boto):
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        leave.wait(20)
        return b""

    local = LocalEndpoint({"model": slow}).start()
    client = boto(local)
    for _ in range(10):
        invoke(client, Body=b"x")
    assert entered.wait(10)
    started = time.monotonic()
    local.stop()
    assert time.monotonic() - started < 15
    leave.set()


def refusal(client, **members):
    with pytest.raises(ClientError) as raised:
        invoke(client, **members)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


DETECTED = "1 validation error detected: "
NO_OBJECT = "Member must name an object of a bucket: s3://..."


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Exactly one of 'body' and 'inputLocation' must be specified"),
        (
            {"Body": b"x", "InputLocation": "s3://my-bucket/k"},
            "Exactly one of 'body' and 'inputLocation' must be specified",
        ),
        *(
            (
                {"InputLocation": location},
                f"Value at 'inputLocation' failed to satisfy constraint: {NO_OBJECT}",
            )
            for location in (
                "https://my-bucket/k",
                "s3://my-bucket",
                "s3://my-bucket/../k",
                "s3://my-bucket/a//k",
                "s3://../k",
                "s3://A/k",
                "s3:/my-bucket/k",
            )
        ),
        (
            {"Body": b"x", "S3OutputPathExtension": "a/../../b"},
            f"Value at 's3OutputPathExtension' failed to satisfy constraint: {NO_OBJECT}",
        ),
        (
            {"Body": b"x", "InvocationTimeoutSeconds": 3601},
            (
                "Value at 'invocationTimeoutSeconds' failed to satisfy constraint: "
                "Member must have value less than or equal to 3600"
            ),
        ),
        (
            {"Body": b"x", "RequestTTLSeconds": 59},
            (
                "Value at 'requestTTLSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 60"
            ),
        ),
        (
            {"Body": b"x", "Filename": "a.b.c"},
            (
                "Value at 'filename' failed to satisfy constraint: Member must satisfy regular "
                r"expression pattern: ^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$"
            ),
        ),
        (
            {"Body": b"x", "S3OutputPathExtension": "s3://b"},
            (
                "Value at 's3OutputPathExtension' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: ^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$"
            ),
        ),
    ],
)
def test_what_cannot_be(boto, local, members, words):
    client = boto(local, parameter_validation=False)
    assert refusal(client, **members) == (400, DETECTED + words)
    assert list(pathlib.Path(local.s3_folder).rglob("*.out")) == []


def test_an_inline_body_at_and_over_the_limit(boto, local):
    client = boto(local)
    answer = invoke(client, Body=b"x" * 128_000)
    assert len(wait_for(local.s3_path(answer["OutputLocation"]))) == 128_000
    assert refusal(client, Body=b"x" * 128_001) == (
        413,
        "HTTP content length exceeded 128000 bytes.",
    )
    invoke(client, Body=b"x")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"output_location": "file:///x"},
            (
                "output_location: 'file:///x' is no S3 location that a file can stand for; "
                "allowed: s3://BUCKET or s3://BUCKET/PREFIX, whose parts are names of files"
            ),
        ),
        (
            {"failure_location": "s3://bucket/../x"},
            (
                "failure_location: 's3://bucket/../x' is no S3 location that a file can stand for; "
                "allowed: s3://BUCKET or s3://BUCKET/PREFIX, whose parts are names of files"
            ),
        ),
    ],
)
def test_locations_that_cannot_be(arguments, words):
    with pytest.raises(InvalidArgumentError) as raised:
        LocalEndpoint({"model": handler}, **arguments)
    assert str(raised.value) == words


def test_a_path_that_cannot_be(local):
    for location in ("s3://bucket", "s3://bucket/../x", "bucket/key"):
        with pytest.raises(InvalidArgumentError, match="allowed: s3://BUCKET/KEY, whose parts"):
            local.s3_path(location)


def test_a_place_that_cannot_be_is_a_failure(boto, local):
    """No caller's names can hold up the workers: the failure says so, and others are served."""
    client = boto(local)
    # No file has so long a name, nor the name of a folder.
    names = [{"S3OutputPathExtension": "x" * 300}] * 5
    first = invoke(client, Body=b"x", S3OutputPathExtension="there", Filename="it-is")
    wait_for(local.s3_path(first["OutputLocation"]))
    names += [{"Filename": "there"}, {"S3OutputPathExtension": "there/it-is"}]
    for name in names:
        answer = invoke(client, Body=b"x", **name)
        failure = json.loads(wait_for(local.s3_path(answer["FailureLocation"])))
        assert failure == {
            "Message": f"The result cannot be written at {answer['OutputLocation']}."
        }
    last = invoke(client, Body=b"x")
    assert wait_for(local.s3_path(last["OutputLocation"])) == b"X"


def test_a_failure_that_cannot_be_written_does_not_hold_up_others(boto):
    locations = {"output_location": "s3://bucket/out", "failure_location": "s3://bucket/out/f/g"}
    with LocalEndpoint({"model": handler}, **locations) as local:
        client = boto(local)
        first = invoke(client, Body=b"x", Filename="f")
        wait_for(local.s3_path(first["OutputLocation"]))
        for _ in range(5):
            invoke(client, Body=b"fail")
        last = invoke(client, Body=b"x")
        assert wait_for(local.s3_path(last["OutputLocation"])) == b"X"
