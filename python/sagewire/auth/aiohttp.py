"""`AiohttpAuth`: signs the requests of `aiohttp`, as a middleware of its client."""

from contextvars import ContextVar

from sagewire.auth.signature import SET, Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from sagewire.sigv4 import Credentials

# Where the answer before, in this task, has pointed to.
_pointed_to: "ContextVar[Any]" = ContextVar("sagewire_pointed_to", default=())


class AiohttpAuth:
    """`aiohttp.ClientSession(middlewares=[AiohttpAuth(region="us-east-1")])`.

    `credentials` is a `sagewire.sigv4.Credentials`, a callable that returns one and is called again
    when it has expired, or `None` to look for them where `sagewire.client` does; `profile_name`
    chooses a profile there. Those that have to be waited for are waited for in a thread. The body
    is read before it is sent.

    aiohttp follows redirects unless it is told not to. What it sends after one is not signed: it
    has neither signature nor session token.

    Requests raise `NoCredentialsError` where there are none.

    >>> AiohttpAuth(region="us-east-1")
    AiohttpAuth(region='us-east-1', service='sagemaker')
    """

    def __init__(
        self,
        credentials: "Credentials | Callable[[], Credentials] | None" = None,
        *,
        region: str,
        service: str = "sagemaker",
        profile_name: "str | None" = None,
    ) -> None:
        self._signature = Signature(credentials, region, service, profile_name)

    async def __call__(self, request: "Any", handler: "Callable[[Any], Awaitable[Any]]") -> "Any":
        """Sign a request and hand it on; aiohttp calls this."""
        if request.url not in _pointed_to.get():
            await self._sign(request)
        response = await handler(request)
        _pointed_to.set(_next_of(request.url, response))
        return response

    async def _sign(self, request: "Any") -> None:
        source = self._signature.source
        credentials = source.at_hand()
        if credentials is None:
            import asyncio

            credentials = await asyncio.to_thread(source.current)
        given = [(str(name), str(value)) for name, value in request.headers.items()]
        body = request.body if isinstance(request.body, bytes) else await request.body.as_bytes()
        url = str(request.url)
        added = self._signature.headers(credentials, request.method, url, given, body)
        for name in SET:
            request.headers.popall(name, None)
        request.headers.update(added)

    def __repr__(self) -> str:
        return f"AiohttpAuth({self._signature!r})"


def _next_of(url: "Any", response: "Any") -> "list[Any]":
    """Return where a redirect points to, in either way in which aiohttp may read it."""
    location = response.headers.get("Location") or response.headers.get("URI")
    if not 300 < response.status < 400 or location is None:
        return []
    return [
        url.join(type(url)(location, encoded=encoded)).with_fragment(None)
        for encoded in (False, True)
    ]
