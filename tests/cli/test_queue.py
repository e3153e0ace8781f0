"""Asynchronous invocations by `sagewire serve`: a queue on disk, objects in a folder or in S3."""

import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from botocore.exceptions import ClientError

from sagewire.sigv4 import Credentials, Verifier
from tests.support.admin import eventually
from tests.support.commands import serving
from tests.support.containers import started

PURE = os.environ.get("SAGEWIRE_PURE", "0") != "0"
pytestmark = pytest.mark.skipif(PURE, reason="serve needs the native implementation")
CREDENTIALS = '[[credentials]]\naccess_key_id = "AKID"\nsecret_access_key = "S3CRET"\n'


@pytest.fixture
def file(tmp_path):
    """Write a configuration with a queue; return its path."""

    def write(container, queue="", server=""):
        path = tmp_path / "serve.toml"
        path.write_text(
            f"[server]\nport = 0\nping_seconds = 0.2\n{server}\n"
            f'[endpoints.e]\nurl = "{container}"\n'
            f'[queue]\ndatabase = "{tmp_path}/queue.redb"\nworkers = 2\n'
            f'output = "s3://results/out"\nfailure = "s3://results/failed"\n'
            + (queue or f'folder = "{tmp_path}/s3"\n')
            + CREDENTIALS
        )
        return str(path)

    return write


def local_file(tmp_path, location):
    return tmp_path / "s3" / location.removeprefix("s3://")


def written(path):
    return eventually(path.exists, 60) and path.read_bytes()


def test_results_and_failures_are_objects(boto, file, tmp_path):
    with started() as container, serving("--config", file(container.url)) as serve:
        client = boto(serve)
        inputs = tmp_path / "s3" / "inputs" / "a"
        inputs.mkdir(parents=True)
        (inputs / "one").write_bytes(b"chunked from s3")
        accepted = client.invoke_endpoint_async(
            EndpointName="e", InputLocation="s3://inputs/a/one", InferenceId="mine"
        )
        assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert accepted["InferenceId"] == "mine"
        assert accepted["OutputLocation"].startswith("s3://results/out/")
        assert written(local_file(tmp_path, accepted["OutputLocation"])) == b"froms3"

        accepted = client.invoke_endpoint_async(
            EndpointName="e",
            Body=b"describe",
            ContentType="a/b",
            Accept="c/d",
            CustomAttributes="e",
            Filename="name.json",
            S3OutputPathExtension="deep/er",
        )
        uuid.UUID(accepted["InferenceId"])
        assert accepted["OutputLocation"] == "s3://results/out/deep/er/name.json"
        seen = json.loads(written(local_file(tmp_path, accepted["OutputLocation"])))
        assert seen["headers"][1:] == [
            ["content-type", "a/b"],
            ["accept", "c/d"],
            ["x-amzn-sagemaker-custom-attributes", "e"],
            ["x-amzn-sagemaker-inference-id", accepted["InferenceId"]],
            ["content-length", "8"],
        ]

        accepted = client.invoke_endpoint_async(EndpointName="e", Body=b"status 418 no")
        assert accepted["FailureLocation"].startswith("s3://results/failed/")
        failure = json.loads(written(local_file(tmp_path, accepted["FailureLocation"])))
        assert (failure["OriginalStatusCode"], failure["OriginalMessage"]) == (418, "no")
        assert not local_file(tmp_path, accepted["OutputLocation"]).exists()

        accepted = client.invoke_endpoint_async(EndpointName="e", InputLocation="s3://inputs/b")
        failure = json.loads(written(local_file(tmp_path, accepted["FailureLocation"])))
        assert failure == {"Message": "The input at s3://inputs/b cannot be read."}

        accepted = client.invoke_endpoint_async(
            EndpointName="e", Body=b"sleep 20", InvocationTimeoutSeconds=1
        )
        failure = json.loads(written(local_file(tmp_path, accepted["FailureLocation"])))
        assert "timed out" in failure["OriginalMessage"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Exactly one of 'body' and 'inputLocation'"),
        ({"Body": b"x", "InputLocation": "s3://inputs/a"}, "Exactly one of"),
        ({"InputLocation": "s3://inputs/../../etc/passwd"}, "'inputLocation'"),
        ({"InputLocation": "https://inputs/a"}, "'inputLocation'"),
        ({"Body": b"x", "Filename": "a.b.c"}, "'filename'"),
        ({"Body": b"x", "Filename": "../a"}, "'filename'"),
        ({"Body": b"x", "S3OutputPathExtension": "a/../../b"}, "'s3OutputPathExtension'"),
        ({"Body": b"x", "S3OutputPathExtension": "s3://a"}, "'s3OutputPathExtension'"),
        ({"Body": b"x", "RequestTTLSeconds": 59}, "greater than or equal to 60"),
        ({"Body": b"x", "RequestTTLSeconds": 21_601}, "less than or equal to 21600"),
        ({"Body": b"x", "InvocationTimeoutSeconds": 3601}, "less than or equal to 3600"),
    ],
)
def test_members_that_cannot_be(boto, file, members, words):
    with serving("--config", file("null:")) as serve:
        client = boto(serve, parameter_validation=False)
        with pytest.raises(ClientError) as raised:
            client.invoke_endpoint_async(EndpointName="e", **members)
        assert raised.value.response["Error"]["Code"] == "ValidationError"
        assert words in raised.value.response["Error"]["Message"]


def test_inline_bodies_have_a_limit(boto, file, tmp_path):
    with started() as container, serving("--config", file(container.url)) as serve:
        client = boto(serve, parameter_validation=False)
        accepted = client.invoke_endpoint_async(EndpointName="e", Body=b"x" * 128_000)
        seen = json.loads(written(local_file(tmp_path, accepted["OutputLocation"])))
        assert seen["length"] == 128_000
        with pytest.raises(ClientError, match="413"):
            client.invoke_endpoint_async(EndpointName="e", Body=b"x" * 128_001)


def test_an_endpoint_without_a_queue(boto, tmp_path):
    path = tmp_path / "serve.toml"
    path.write_text(f'server.port = 0\n[endpoints.e]\nurl = "null:"\n{CREDENTIALS}')
    with (
        serving("--config", str(path)) as serve,
        pytest.raises(ClientError, match="not asynchronous"),
    ):
        boto(serve).invoke_endpoint_async(EndpointName="e", Body=b"x")


def test_nothing_accepted_is_lost_when_the_process_is_killed(boto, file, tmp_path):
    """Killed in the middle of accepting and doing; what was accepted is done by the next one."""
    with started() as container:
        path = file(container.url)
        accepted = []
        with serving("--config", path) as serve:
            client = boto(serve, max_pool_connections=4)

            def keep_calling():
                while True:
                    # The model takes its time, so that the queue fills while it is worked on.
                    try:
                        answer = client.invoke_endpoint_async(EndpointName="e", Body=b"drip 0.1 2")
                    except Exception:
                        return
                    accepted.append(answer["OutputLocation"])

            threads = [threading.Thread(target=keep_calling) for _ in range(4)]
            for thread in threads:
                thread.start()
            assert eventually(lambda: len(accepted) >= 60, 60)
            serve.process.kill()
            serve.process.wait()
            for thread in threads:
                thread.join()
        done = [place for place in accepted if local_file(tmp_path, place).exists()]
        with serving("--config", path):
            for place in accepted:
                assert written(local_file(tmp_path, place)) == b"0000000001"
    # The first process must have left something to the second for this to say anything.
    assert len(done) < len(accepted)


def test_a_request_waits_for_its_container(boto, file, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    path = file(f"http://127.0.0.1:{port}")
    with serving("--config", path) as serve:
        accepted = boto(serve).invoke_endpoint_async(EndpointName="e", Body=b"chunked late")
        time.sleep(1)
        for name in ("OutputLocation", "FailureLocation"):
            assert not local_file(tmp_path, accepted[name]).exists()
        with started(port):
            assert written(local_file(tmp_path, accepted["OutputLocation"])) == b"late"


class _S3(BaseHTTPRequestHandler):
    """Enough of S3 for objects, which verifies signatures."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict]
    verifier = Verifier(
        {"S3ID": Credentials("S3ID", "S3KEY")},
        region="eu-west-1",
        service="s3",
        normalize_path=False,
        double_encode=False,
    )

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.verifier.verify("PUT", self.path, self.headers.items(), body)
        self.objects[self.path] = body
        self.answer(200, b"")

    def do_GET(self):
        self.verifier.verify("GET", self.path, self.headers.items(), b"")
        found = self.objects.get(self.path)
        self.answer(200 if found is not None else 404, found or b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def s3():
    """Run a server of objects; it has `.objects` and `.url`."""

    class Handler(_S3):
        objects: ClassVar = {}

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.objects = Handler.objects
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_objects_in_s3(boto, file, s3):
    queue = (
        f'[queue.s3]\nendpoint = "{s3.url}"\nregion = "eu-west-1"\n'
        'access_key_id = "S3ID"\nsecret_access_key_env = "S3_SECRET"\n'
    )
    s3.objects["/inputs/a%20b/%C3%A9"] = b"chunked by name"
    with started() as container:
        path = file(container.url, queue)
        with serving("--config", path, S3_SECRET="S3KEY") as serve:
            client = boto(serve)
            accepted = client.invoke_endpoint_async(EndpointName="e", Body=b"chunked a b")
            place = accepted["OutputLocation"].removeprefix("s3:/")
            assert eventually(lambda: s3.objects.get(place), 60) == b"ab"
            missing = client.invoke_endpoint_async(EndpointName="e", InputLocation="s3://inputs/b")
            place = missing["FailureLocation"].removeprefix("s3:/")
            assert b"cannot be read" in eventually(lambda: s3.objects.get(place), 60)
