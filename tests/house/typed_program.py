"""A program as a type checker sees it: `make check` checks it with mypy, and nothing runs it."""

from typing import assert_type

import sagewire
from sagewire.client.results import Attempt, Timing
from sagewire.client.types import InvokeManyResult, ResponseMetadata
from sagewire.exceptions import ClientError, ModelError
from sagewire.sigv4 import Credentials


def blocking(data: bytes) -> str:
    config = sagewire.Config(read_timeout=5, retries={"mode": "safe"})
    credentials = Credentials("AKID", "SECRET")
    with sagewire.client(region_name="us-east-1", config=config, credentials=credentials) as client:
        quick = client.with_options(timeout=2.5, extra_headers={"X-Trace": "1"})
        assert_type(quick, sagewire.SageMakerRuntime)
        try:
            result = quick.invoke_endpoint(EndpointName="ep", Body=data, ContentType="text/csv")
        except client.exceptions.ModelError as error:
            assert_type(error, ModelError)
            assert_type(error.original_status_code, int | None)
            raise
        except ClientError as error:
            assert_type(error.request_id, str | None)
            raise
        assert_type(result["Body"], sagewire.StreamingBody)
        assert_type(result["Body"].read(), bytes)
        assert_type(result["ResponseMetadata"], ResponseMetadata)
        assert_type(result.get("NewSessionId"), str | None)
        assert_type(result.get("CustomAttributes", ""), str)
        assert_type(result.attempts, tuple[Attempt, ...])
        assert_type(result.timing, Timing | None)
        result["Bod"]  # type: ignore[call-overload]
        queued = client.invoke_endpoint_async(EndpointName="ep", InputLocation="s3://b/k")
        assert_type(queued["OutputLocation"], str)
        stream = client.invoke_endpoint_with_response_stream(
            EndpointName="ep", Body=bytearray(data)
        )
        assert_type(stream["Body"], sagewire.EventStream)
        lines = b"".join(stream["Body"].iter_lines())
        for many in client.invoke_many({"EndpointName": "ep", "Body": row} for row in (b"1", b"2")):
            assert_type(many, InvokeManyResult)
            assert_type(many["Body"], bytes)
        client.invoke_endpoint(EndpointName="ep", Body=5)  # type: ignore[arg-type]
        client.invoke_endpoint(EndpointName="ep")  # type: ignore[call-arg]
        url = client.generate_presigned_url("invoke_endpoint", {"EndpointName": "ep"})
        assert_type(client.pool.idle, int)
    return url + lines.decode() + result["ContentType"]


async def awaited(data: memoryview) -> bytes:
    async with sagewire.async_client(region_name="us-east-1") as client:
        result = await client.invoke_endpoint(EndpointName="ep", Body=data)
        assert_type(result["Body"], sagewire.AsyncStreamingBody)
        assert_type(result.attempts, tuple[Attempt, ...])
        stream = await client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"")
        assert_type(stream["Body"], sagewire.AsyncEventStream)
        parts = [part async for part in stream["Body"].iter_bytes()]
        many = client.invoke_many([{"EndpointName": "ep", "Body": b"1"}])
        parts.extend([answer["Body"] async for answer in many])
        return b"".join([await result["Body"].read(), *parts])
