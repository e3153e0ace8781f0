"""`sagewire serve` before a model server that was not written here."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from tests.support.commands import serving

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "container" / "litserve_words.py"

pytestmark = pytest.mark.skipif(
    os.environ.get("SAGEWIRE_PURE", "0") != "0", reason="serve needs the native implementation"
)


@contextlib.contextmanager
def model_server(python, port):
    command = [str(python), str(EXAMPLE), str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    root = EXAMPLE.parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root / "python")}
    # Its workers are processes of their own.
    with subprocess.Popen(command, env=environment, start_new_session=True, **quiet) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, 9)


def words(client, seconds=0.0):
    """Return the words of a stream, tried for so long as the model is not ready."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = client.invoke_endpoint_with_response_stream(
                EndpointName="words",
                Body=json.dumps({"text": "the mean"}),
                ContentType="application/json",
            )
        except ClientError as error:
            not_ready = error.response["Error"]["Code"] == "ModelNotReadyException"
            if not not_ready or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
            return [json.loads(part)["word"] for part in parts]


@pytest.mark.timeout(320)
def test_litserve_behind_the_service(containers, boto):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    flags = ["--endpoint", f"words=http://127.0.0.1:{port}", "--port", "0"]
    with contextlib.ExitStack() as stack:
        door = stack.enter_context(serving(*flags))
        client = boto(door)
        # Nobody is there yet, and /ping says so.
        with pytest.raises(ClientError, match="ModelNotReadyException"):
            words(client)
        server = stack.enter_context(contextlib.ExitStack())
        server.enter_context(model_server(containers, port))
        assert len(words(client, seconds=120)) == 12
        whole = client.invoke_endpoint(
            EndpointName="words",
            Body=json.dumps({"text": "the mean"}),
            ContentType="application/json",
        )
        assert whole["InvokedProductionVariant"] == "AllTraffic"
        assert len(whole["Body"].read().splitlines()) == 12
        with pytest.raises(ClientError) as raised:
            client.invoke_endpoint(EndpointName="words", Body=b"no JSON")
        assert raised.value.response["Error"]["Code"] == "ModelError"
        assert raised.value.response["OriginalStatusCode"] >= 400
