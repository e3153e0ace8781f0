"""Clients that were not written here, each making one call; and what it was told, in one form.

A peer is called as `peer(operation, endpoint, body, members, local)` and returns a dict: the
members of the answer, `Body` or `Parts` with what came, and `error` with the code of a refusal.
"""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import sagewire

ROOT = pathlib.Path(__file__).parents[2]
# `make` prepares both: Python packages that cannot stand beside ours, and a Rust program.
PYTHON = ROOT / ".venv" / "peers" / "bin" / "python"
RUST = ROOT / "target" / "peers" / "debug" / "rust-sdk"
SCRIPT = pathlib.Path(__file__).parent / "aiobotocore_call.py"

INVOKE = "invoke_endpoint"
ASYNC = "invoke_endpoint_async"
STREAM = "invoke_endpoint_with_response_stream"


def boto3_client(local):
    config = Config(retries={"max_attempts": 0}, read_timeout=20)
    return boto3.client("sagemaker-runtime", **local.client_arguments, config=config)


def sagewire_client(local):
    config = sagewire.Config(retries={"max_attempts": 0}, read_timeout=20)
    return sagewire.client(**local.client_arguments, config=config)


def in_process(make):
    """Return a peer that is a client of boto3's kind in this process."""

    def call(operation, endpoint, body, members, local):
        client = make(local)
        try:
            answer = getattr(client, operation)(EndpointName=endpoint, Body=body, **members)
            return told(answer)
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}
        except sagewire.exceptions.ClientError as error:
            return {"error": error.response["Error"]["Code"]}
        finally:
            client.close()

    return call


def told(answer):
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    body = answer.pop("Body", None)
    if hasattr(body, "read"):
        answer["Body"] = body.read()
    elif body is not None:
        answer["Parts"] = parts = []
        try:
            parts += (event["PayloadPart"]["Bytes"] for event in body)
        except (ClientError, sagewire.exceptions.ClientError) as error:
            answer["error"] = error.response["Error"]["Code"]
        finally:
            body.close()
    return answer


def sagewire_asyncio(operation, endpoint, body, members, local):
    async def call():
        config = sagewire.Config(retries={"max_attempts": 0}, read_timeout=20)
        async with sagewire.async_client(**local.client_arguments, config=config) as client:
            try:
                method = getattr(client, operation)
                answer = await method(EndpointName=endpoint, Body=body, **members)
            except sagewire.exceptions.ClientError as error:
                return {"error": error.response["Error"]["Code"]}
            answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
            received = answer.pop("Body", None)
            if hasattr(received, "read"):
                answer["Body"] = await received.read()
            elif received is not None:
                answer["Parts"] = parts = []
                try:
                    # What came before an error counts.
                    async for event in received:
                        parts.append(event["PayloadPart"]["Bytes"])  # noqa: PERF401
                except sagewire.exceptions.ClientError as error:
                    answer["error"] = error.response["Error"]["Code"]
                received.close()
            return answer

    return asyncio.run(call())


def run(command, body, local, **environment):
    return subprocess.run(
        [str(part) for part in command],
        input=body,
        capture_output=True,
        timeout=100,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **local.environment,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": "/nonexistent",
            **environment,
        },
    )


def aiobotocore(operation, endpoint, body, members, local):
    done = run([PYTHON, SCRIPT, operation, endpoint, json.dumps(members)], body, local)
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)
    for key in ("Body", "Parts"):
        if key in answer:
            value = answer[key]
            answer[key] = (
                bytes.fromhex(value) if key == "Body" else [bytes.fromhex(part) for part in value]
            )
    return answer


def presigned_by_client(make):
    """Return a way to presign of a client of boto3's kind in this process."""

    def presign(operation, parameters, local):
        client = make(local)
        try:
            return client.generate_presigned_url(operation, parameters)
        finally:
            client.close()

    return presign


def presigned_by_asyncio(operation, parameters, local):
    async def presign():
        async with sagewire.async_client(**local.client_arguments) as client:
            return await client.generate_presigned_url(operation, parameters)

    return asyncio.run(presign())


def presigned_by_aiobotocore(operation, parameters, local):
    members = {name: value for name, value in parameters.items() if name != "Body"}
    endpoint = members.pop("EndpointName")
    command = [PYTHON, SCRIPT, f"presign:{operation}", endpoint, json.dumps(members)]
    done = run(command, parameters.get("Body", b""), local)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["url"]


def rust_sdk(operation, endpoint, body, members, local):
    pairs = [part for pair in members.items() for part in pair]
    done = run([RUST, operation, endpoint, *pairs], body, local)
    assert done.returncode == 0, done.stderr.decode()
    answer = {"Parts": []} if operation == STREAM else {}
    for line in done.stdout.decode().splitlines():
        name, _, digits = line.partition(" ")
        value = bytes.fromhex(digits)
        if name == "Part":
            answer["Parts"].append(value)
        elif name == "Body" or value:
            answer[name] = value if name == "Body" else value.decode()
    if "error" in answer:
        answer.pop("message", None)
        if not answer.get("Parts"):
            answer.pop("Parts", None)
    return answer


def aws_cli(operation, endpoint, body, members, local):
    """Call the AWS CLI, which has no command for response streams."""
    options = [f"--{option(name)}={value}" for name, value in members.items()]
    with tempfile.TemporaryDirectory() as folder:
        sent, received = pathlib.Path(folder, "body"), pathlib.Path(folder, "answer")
        sent.write_bytes(body)
        command = [PYTHON, "-m", "awscli", "sagemaker-runtime", operation.replace("_", "-")]
        command += [f"--endpoint-name={endpoint}", f"--body=fileb://{sent}", *options]
        if operation == INVOKE:
            command.append(received)
        done = run(command, b"", local)
        if done.returncode != 0:
            words = done.stderr.decode()
            assert "An error occurred (" in words, words
            return {"error": words.partition("An error occurred (")[2].partition(")")[0]}
        answer = json.loads(done.stdout)
        if operation == INVOKE:
            answer["Body"] = received.read_bytes()
        return answer


def option(member):
    """Return the CLI's name of a member: words in lower case, with hyphens."""
    letters = [f"-{letter.lower()}" if letter.isupper() else letter for letter in member]
    return "".join(letters).lstrip("-")


PEERS = {
    "boto3": in_process(boto3_client),
    "sagewire": in_process(sagewire_client),
    "sagewire-asyncio": sagewire_asyncio,
    "aiobotocore": aiobotocore,
    "aws-cli": aws_cli,
    "rust-sdk": rust_sdk,
}


# The AWS CLI presigns S3 alone, and the AWS SDK for Rust no operation of this service.
PRESIGNERS = {
    "boto3": presigned_by_client(boto3_client),
    "sagewire": presigned_by_client(sagewire_client),
    "sagewire-asyncio": presigned_by_asyncio,
    "aiobotocore": presigned_by_aiobotocore,
}


def what_is_missing(name):
    """Return why a peer cannot be called here, or nothing."""
    if name in ("aiobotocore", "aws-cli") and not PYTHON.exists():
        return "not installed here: make .venv/.peers"
    if name == "rust-sdk" and not RUST.exists():
        return "not built here: make target/peers/debug/rust-sdk"
    return ""


def may_be_missing(name):
    """Tell whether a machine that `make` has prepared can be without the peer."""
    return name == "rust-sdk" and shutil.which("cargo") is None
