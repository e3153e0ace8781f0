"""The gateway of the examples without a call: what server and framework cost by themselves."""

import contextlib
from collections.abc import AsyncIterator

import gateway
from starlette.applications import Starlette

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
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.client = Nothing()
    yield


gateway.client_for = lambda request: request.app.state.client
app = Starlette(routes=gateway.app.routes, lifespan=lifespan)
