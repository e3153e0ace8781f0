"""Who is measured under asyncio: each makes a call, or reads a stream, on a running event loop.

Those of others run in an environment of their own, which has nothing of this package's.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable

from benches.peers.contestants import BODY, HEADERS, KEY, REGION, SECRET, TARGET
from benches.peers.loads import CA_VARIABLE

Once = Callable[[], Awaitable[object]]
Maker = Callable[[contextlib.AsyncExitStack, int, int], Awaitable[list[Once]]]


def _url(port: int) -> str:
    # The variable is set when the peer speaks TLS, and only then.
    scheme = "https" if CA_VARIABLE in os.environ else "http"
    return f"{scheme}://127.0.0.1:{port}"


def _context() -> ssl.SSLContext | None:
    path = os.environ.get(CA_VARIABLE)
    return None if path is None else ssl.create_default_context(cafile=path)


class _Raw(asyncio.Protocol):
    """A connection that takes whatever arrives as the whole answer: the least a loop can do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.waiter.set_result(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.waiter.done():
            self.waiter.set_exception(error or ConnectionError("the peer closed the connection"))

    def call(self, request: bytes) -> asyncio.Future[bytes]:
        self.waiter = self.loop.create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return self.waiter


async def raw(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> list[Once]:
    """Give each task a connection of its own, and nothing to sign, to queue for or to parse."""
    head = (
        f"POST {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/csv\r\n"
        f"X-Signed: {'x' * 420}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    request, context, loop = head.encode() + BODY, _context(), asyncio.get_running_loop()

    async def connected() -> Once:
        transport, raw = await loop.create_connection(_Raw, "127.0.0.1", port, ssl=context)
        stack.callback(transport.abort)
        return lambda: raw.call(request)

    return [await connected() for _ in range(tasks)]


async def _sagewire(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> object:
    import sagewire

    client = sagewire.async_client(
        "sagemaker-runtime",
        REGION,
        endpoint_url=_url(port),
        verify=os.environ.get(CA_VARIABLE),
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=sagewire.Config(max_pool_connections=tasks),
    )
    return await stack.enter_async_context(client)


async def _aiobotocore(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> object:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    client = get_session().create_client(
        "sagemaker-runtime",
        REGION,
        endpoint_url=_url(port),
        verify=os.environ.get(CA_VARIABLE),
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=AioConfig(max_pool_connections=tasks),
    )
    return await stack.enter_async_context(client)


async def _capo(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> object:
    from capo_sagemaker_runtime import AsyncSageMakerRuntimeClient
    from zapros import AsyncIOTransport, AsyncStdNetworkHandler

    handler = AsyncStdNetworkHandler(
        transport=AsyncIOTransport(ssl_context=_context()),
        http1={"max_connections_per_host": tasks, "max_idle_connections_per_host": tasks},
    )
    client = AsyncSageMakerRuntimeClient(
        http_handler=handler,
        region=REGION,
        endpoint=_url(port),
        credentials={"access_key": KEY, "secret_key": SECRET},
    )
    return await stack.enter_async_context(client)


def _calls_like_boto3(make: Callable[..., Awaitable[object]]) -> Maker:
    async def made(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> list[Once]:
        client = await make(stack, port, tasks)
        accept = dict(HEADERS)["Accept"]

        async def once() -> object:
            result = await client.invoke_endpoint(
                EndpointName="iris", Body=BODY, ContentType="text/csv", Accept=accept
            )
            return await result["Body"].read()

        return [once] * tasks

    return made


async def calls_capo(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> list[Once]:
    client = await _capo(stack, port, tasks)
    accept = dict(HEADERS)["Accept"]

    async def once() -> object:
        result = await client.invoke_endpoint(
            "iris", body=BODY, content_type="text/csv", accept=accept
        )
        return result["body"]

    return [once] * tasks


def _streams_like_boto3(make: Callable[..., Awaitable[object]]) -> Maker:
    async def made(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> list[Once]:
        client = await make(stack, port, tasks)

        async def once() -> object:
            result = await client.invoke_endpoint_with_response_stream(
                EndpointName="llm", Body=b"{}"
            )
            total = 0
            async for event in result["Body"]:
                total += len(event["PayloadPart"]["Bytes"])
            return total

        return [once] * tasks

    return made


async def streams_capo(stack: contextlib.AsyncExitStack, port: int, tasks: int) -> list[Once]:
    client = await _capo(stack, port, tasks)

    async def once() -> object:
        total = 0
        async with client.invoke_endpoint_with_response_stream("llm", body=b"{}") as result:
            async for event in result["body"]:
                total += len(event["PayloadPart"]["bytes"])
        return total

    return [once] * tasks


# name -> (what makes it, run it on the pure implementation, in the environment of others,
# calls in one round). Everybody may keep as many connections as there are tasks.
CALLS = {
    "raw asyncio": (raw, False, False, 5_120),
    "sagewire": (_calls_like_boto3(_sagewire), False, False, 5_120),
    "sagewire, pure": (_calls_like_boto3(_sagewire), True, False, 1_024),
    "capo-sagemaker-runtime": (calls_capo, False, True, 1_024),
    "aiobotocore": (_calls_like_boto3(_aiobotocore), False, True, 1_024),
}
# Here a round is so many whole streams.
STREAMS = {
    "sagewire": (_streams_like_boto3(_sagewire), False, False, 20),
    "sagewire, pure": (_streams_like_boto3(_sagewire), True, False, 4),
    "capo-sagemaker-runtime": (streams_capo, False, True, 2),
    "aiobotocore": (_streams_like_boto3(_aiobotocore), False, True, 2),
}
