"""A gateway in front of SageMaker endpoints: invoke them, stream them to browsers, watch it.

    POST /models/{endpoint}          the model's answer
    POST /models/{endpoint}/stream   its response stream, as server-sent events
    GET  /health                     200 while it takes calls
    GET  /metrics                    for Prometheus

Run it with `uvicorn gateway:app --loop uvloop`; region, credentials and endpoint come from where
boto3 takes them. A caller may send `X-Timeout-Seconds`: a deadline for the whole call, retries
included. A caller who leaves cancels the call: the model's container sees its connection end.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import sagewire
from sagewire.exceptions import ClientError, DeadlineExceededError, ParamValidationError
from sagewire.headers import filter_request, filter_response

MOST_BODY_BYTES = 6_291_456  # the service takes no more
MOST_SECONDS = 60.0
# What callers may set, of what the service supports.
MEMBERS = {
    "content-type": "ContentType",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
    "x-amzn-sagemaker-target-variant": "TargetVariant",
    "x-amzn-sagemaker-inference-id": "InferenceId",
    "x-amzn-sagemaker-session-id": "SessionId",
}

answers: Counter[int] = Counter()
calls: Counter[str] = Counter()


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with sagewire.async_client("sagemaker-runtime") as client:
        app.state.client = client
        yield


async def parameters(request: Request) -> dict[str, object]:
    """Return the call's arguments: the supported headers, and the body."""
    if int(request.headers.get("content-length") or 0) > MOST_BODY_BYTES:
        raise Refused(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
    kept = filter_request(request.headers.items(), operation="InvokeEndpoint")
    found = {MEMBERS[name.lower()]: value for name, value in kept if name.lower() in MEMBERS}
    body = await request.body()
    if len(body) > MOST_BODY_BYTES:
        raise Refused(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
    return {"EndpointName": request.path_params["endpoint"], "Body": body, **found}


def client_for(request: Request) -> sagewire.AsyncSageMakerRuntime:
    """Return a view of the client with the caller's deadline."""
    try:
        seconds = min(float(request.headers.get("x-timeout-seconds", MOST_SECONDS)), MOST_SECONDS)
        return request.app.state.client.with_options(timeout=seconds)
    except ValueError:
        raise Refused(400, "X-Timeout-Seconds: must be a number above 0") from None


@contextlib.contextmanager
def counted() -> Iterator[None]:
    calls["in flight"] += 1
    try:
        yield
    finally:
        calls["in flight"] -= 1


async def unless_the_caller_leaves(
    request: Request, work: Coroutine[None, None, Response]
) -> Response:
    """Do work; cancel it when the caller is gone."""
    gone = False

    async def watch(task: "asyncio.Task[None] | None") -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    watching = asyncio.ensure_future(watch(asyncio.current_task()))
    try:
        return await work
    except asyncio.CancelledError:
        if not gone:
            raise
        return Response(status_code=499)
    finally:
        watching.cancel()


async def invoke(request: Request) -> Response:
    arguments = await parameters(request)
    return await unless_the_caller_leaves(request, invoked(client_for(request), arguments))


async def invoked(client: sagewire.AsyncSageMakerRuntime, arguments: dict[str, object]) -> Response:
    with counted():
        result = await client.invoke_endpoint(**arguments)
        data = await result["Body"].read()
    described = result["ResponseMetadata"]
    headers = filter_response(described["HTTPHeaders"].items(), operation="InvokeEndpoint")
    kept = {name: value for name, value in headers if name.lower() != "content-length"}
    return Response(data, described["HTTPStatusCode"], kept)


async def stream(request: Request) -> Response:
    arguments = await parameters(request)
    return await unless_the_caller_leaves(request, streamed(client_for(request), arguments))


async def streamed(
    client: sagewire.AsyncSageMakerRuntime, arguments: dict[str, object]
) -> Response:
    result = await client.invoke_endpoint_with_response_stream(**arguments)

    async def events() -> AsyncIterator[bytes]:
        # Leaving this generator, for whatever reason, ends the stream at the model as well.
        with counted():
            async with result["Body"] as lines:
                try:
                    async for line in lines.iter_lines():
                        if line:
                            text = line if line.startswith(b"data:") else b"data: " + line
                            yield text + b"\n\n"
                except sagewire.exceptions.BotoCoreError as error:
                    yield b"event: error\ndata: %b\n\n" % str(error).replace("\n", " ").encode()
                except ClientError as error:
                    yield b"event: error\ndata: %b\n\n" % error.response["Error"]["Code"].encode()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


class Answering:
    """An endpoint that turns what a call raises into an answer, and counts the answers."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._handler(Request(scope, receive, send))
        except Refused as error:
            response = JSONResponse({"message": str(error)}, error.status)
        except ParamValidationError as error:
            response = JSONResponse({"message": str(error)}, 400)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            told = error.response["Error"]
            response = JSONResponse({"code": told["Code"], "message": told["Message"]}, status)
        except DeadlineExceededError as error:
            response = JSONResponse({"message": str(error)}, 504)
        except sagewire.exceptions.BotoCoreError as error:
            response = JSONResponse({"message": str(error)}, 502)
        answers[response.status_code] += 1
        await response(scope, receive, send)


async def health(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def metrics(request: Request) -> Response:
    pool = request.app.state.client.pool
    lines = [f'gateway_answers_total{{status="{status}"}} {n}' for status, n in answers.items()]
    lines += [f"gateway_in_flight {calls['in flight']}", f"gateway_connections_busy {pool.busy}"]
    lines += [f"gateway_connections_idle {pool.idle}", ""]
    return PlainTextResponse("\n".join(lines))


app = Starlette(
    routes=[
        Route("/models/{endpoint}", Answering(invoke), methods=["POST"]),
        Route("/models/{endpoint}/stream", Answering(stream), methods=["POST"]),
        Route("/health", health),
        Route("/metrics", metrics),
    ],
    lifespan=lifespan,
)
