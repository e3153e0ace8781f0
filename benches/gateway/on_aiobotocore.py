"""The gateway of the examples with aiobotocore's client in it, and nothing else changed."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import gateway
from aiobotocore.session import get_session
from starlette.routing import Router


@contextlib.asynccontextmanager
async def lifespan(_app: Router) -> AsyncIterator[dict[str, Any]]:
    # aiobotocore knows no deadline of a call: it is spared what this would cost.
    async with (
        get_session().create_client("sagemaker-runtime") as client,
        gateway.watched_callers() as callers,
    ):
        yield {"client": client, "callers": callers}


app = Router(routes=gateway.app.routes, lifespan=lifespan)
