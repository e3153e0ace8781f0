"""The gateway of the examples with aiobotocore's client in it, and nothing else changed."""

import contextlib
from collections.abc import AsyncIterator

import gateway
from aiobotocore.session import get_session
from starlette.applications import Starlette


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with get_session().create_client("sagemaker-runtime") as client:
        app.state.client = client
        yield


# aiobotocore knows no deadline of a call: it is spared what this would cost.
gateway.client_for = lambda request: request.app.state.client
app = Starlette(routes=gateway.app.routes, lifespan=lifespan)
