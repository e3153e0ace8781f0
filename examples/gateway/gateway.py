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
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

import sagewire
from sagewire.exceptions import (
    BotoCoreError,
    ClientError,
    DeadlineExceededError,
    ParamValidationError,
)
from sagewire.headers import filter_response

MOST_BODY_BYTES = 6_291_456  # the service takes no more
MOST_SECONDS = 60.0
# The headers that callers may set; no other goes any further. ASGI has them in lower case.
MEMBERS = {
    b"content-type": "ContentType",
    b"accept": "Accept",
    b"x-amzn-sagemaker-custom-attributes": "CustomAttributes",
    b"x-amzn-sagemaker-target-variant": "TargetVariant",
    b"x-amzn-sagemaker-inference-id": "InferenceId",
    b"x-amzn-sagemaker-session-id": "SessionId",
}
EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
UNWATCHED_SECONDS = 0.1

answers: Counter[int] = Counter()


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CallerGone(Exception):
    """There is nobody left to answer."""


@contextlib.asynccontextmanager
async def lifespan(_app: Router) -> AsyncIterator[dict[str, Any]]:
    async with sagewire.async_client("sagemaker-runtime") as client, watched_callers() as callers:
        # A view of the client, whose calls have a deadline; what is yielded is every request's.
        yield {"client": client.with_options(timeout=MOST_SECONDS), "callers": callers}


@contextlib.asynccontextmanager
async def watched_callers() -> "AsyncIterator[Callers]":
    callers = Callers()
    watching = asyncio.ensure_future(callers.watch())
    try:
        yield callers
    finally:
        watching.cancel()


async def asked(scope: Scope, receive: Receive) -> tuple[Any, dict[str, object]]:
    """Return the client to call, with the caller's deadline, and the call's arguments."""
    client = scope["state"]["client"]
    arguments: dict[str, object] = {"EndpointName": scope["path_params"]["endpoint"]}
    for name, value in scope["headers"]:
        try:
            if name in MEMBERS:
                arguments[MEMBERS[name]] = value.decode()
            elif name == b"x-timeout-seconds":
                client = client.with_options(timeout=min(float(value), MOST_SECONDS))
        except UnicodeDecodeError:
            raise Refused(400, f"{name.decode()}: must be UTF-8") from None
        except ValueError:
            raise Refused(400, "X-Timeout-Seconds: must be a number above 0") from None
    arguments["Body"] = await whole_body(receive)
    return client, arguments


async def whole_body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MOST_BODY_BYTES:
            raise Refused(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return b"".join(pieces)


class Callers:
    """The callers of the calls in flight: if one leaves, the call is cancelled.

    They are looked at now and then. Most calls are over before that, and cost nothing for it.
    """

    def __init__(self) -> None:
        self.calls: set[InFlight] = set()
        self.loop = asyncio.get_running_loop()

    async def watch(self) -> None:
        while True:
            before = set(self.calls)
            await asyncio.sleep(UNWATCHED_SECONDS)
            for call in before & self.calls:
                call.watch()


class InFlight:
    """`with InFlight(...):` a call, which ends with `CallerGone` when its caller has left."""

    def __init__(self, callers: Callers, receive: Receive) -> None:
        self._callers = callers
        self._receive = receive
        self._gone = False
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._callers.loop)
        self._callers.calls.add(self)

    def watch(self) -> None:
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._cancel_once_gone())

    async def _cancel_once_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._callers.calls.discard(self)
        if self._watching is not None:
            self._watching.cancel()
        if self._gone and kind is asyncio.CancelledError:
            raise CallerGone


async def invoke(scope: Scope, receive: Receive, send: Send) -> int:
    client, arguments = await asked(scope, receive)
    with InFlight(scope["state"]["callers"], receive):
        result = await client.invoke_endpoint(**arguments)
        body = await result["Body"].read()
    described = result["ResponseMetadata"]
    status: int = described["HTTPStatusCode"]
    kept = filter_response(described["HTTPHeaders"], operation="InvokeEndpoint")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


async def stream(scope: Scope, receive: Receive, send: Send) -> int:
    client, arguments = await asked(scope, receive)
    with InFlight(scope["state"]["callers"], receive):
        result = await client.invoke_endpoint_with_response_stream(**arguments)
        # Leaving this block, for whatever reason, ends the stream at the model as well.
        async with result["Body"] as body:
            await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
            async for event in events(body):
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body"})
    return 200


async def events(body: Any) -> AsyncIterator[bytes]:
    """Yield the lines of a response stream as server-sent events."""
    try:
        async for line in body.iter_lines():
            if line:
                yield (line if line.startswith(b"data:") else b"data: " + line) + b"\n\n"
    except BotoCoreError as error:
        yield b"event: error\ndata: %b\n\n" % str(error).replace("\n", " ").encode()
    except ClientError as error:
        yield b"event: error\ndata: %b\n\n" % error.response["Error"]["Code"].encode()


class Answering:
    """An endpoint that turns what a call raises into an answer, and counts the answers."""

    def __init__(self, handler: Callable[[Scope, Receive, Send], Awaitable[int]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        try:
            status = await self._handler(scope, receive, send)
        except CallerGone:
            status = 499
        except Refused as error:
            response = JSONResponse({"message": str(error)}, error.status)
        except ParamValidationError as error:
            response = JSONResponse({"message": str(error)}, 400)
        except ClientError as error:
            told = {
                "code": error.response["Error"]["Code"],
                "message": error.response["Error"]["Message"],
            }
            response = JSONResponse(told, error.response["ResponseMetadata"]["HTTPStatusCode"])
        except DeadlineExceededError as error:
            response = JSONResponse({"message": str(error)}, 504)
        except BotoCoreError as error:
            response = JSONResponse({"message": str(error)}, 502)
        if response is not None:
            status = response.status_code
            await response(scope, receive, send)
        answers[status] += 1


async def health(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def metrics(request: Request) -> Response:
    pool, calls = request.state.client.pool, request.state.callers.calls
    lines = [f'gateway_answers_total{{status="{status}"}} {n}' for status, n in answers.items()]
    lines += [f"gateway_in_flight {len(calls)}", f"gateway_connections_busy {pool.busy}"]
    lines += [f"gateway_connections_idle {pool.idle}", ""]
    return PlainTextResponse("\n".join(lines))


app = Router(
    routes=[
        Route("/models/{endpoint}", Answering(invoke), methods=["POST"]),
        Route("/models/{endpoint}/stream", Answering(stream), methods=["POST"]),
        Route("/health", health),
        Route("/metrics", metrics),
    ],
    lifespan=lifespan,
)
