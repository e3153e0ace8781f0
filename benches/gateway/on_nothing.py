"""The gateway of the examples without a call: what server and framework cost by themselves."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import gateway
from starlette.routing import Router

HEADERS = {"content-type": "application/json", "x-amzn-invoked-production-variant": "AllTraffic"}
ANSWER = b'{"predictions": [0.1, 0.9]}'


class Body:
    async def read(self) -> bytes:
        return ANSWER


class Nothing:
    async def invoke_endpoint(self, **_arguments: object) -> dict[str, object]:
        return {
            "Body": Body(),
            "ResponseMetadata": {"HTTPHeaders": HEADERS, "HTTPStatusCode": 200},
        }


@contextlib.asynccontextmanager
async def lifespan(_app: Router) -> AsyncIterator[dict[str, Any]]:
    async with gateway.watched_callers() as callers:
        yield {"client": Nothing(), "callers": callers}


app = Router(routes=gateway.app.routes, lifespan=lifespan)
