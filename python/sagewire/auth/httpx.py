"""`HttpxAuth`: signs the requests of `httpx`, blocking and asyncio."""

import httpx

from sagewire.auth.signature import SET, Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from sagewire.sigv4 import Credentials


class HttpxAuth(httpx.Auth):
    """`httpx.Client(auth=HttpxAuth(region="us-east-1"))`, and `httpx.AsyncClient` likewise.

    `credentials` is a `sagewire.sigv4.Credentials`, a callable that returns one and is called again
    when it has expired, or `None` to look for them where `sagewire.client` does; `profile_name`
    chooses a profile there. The body is read before it is sent. With an `AsyncClient`, credentials
    that have to be waited for are waited for in a thread.

    Redirects are never signed. httpx follows none by default; with `follow_redirects=True` it takes
    headers other than `Authorization` along, a session token among them: leave it off.

    Requests raise `NoCredentialsError` where there are none.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: "Credentials | Callable[[], Credentials] | None" = None,
        *,
        region: str,
        service: str = "sagemaker",
        profile_name: "str | None" = None,
    ) -> None:
        self._signature = Signature(credentials, region, service, profile_name)

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> "Generator[httpx.Request, httpx.Response, None]":
        """Sign a request, once; httpx calls this."""
        request.read()
        self._sign(request, self._signature.source.current())
        yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> "AsyncGenerator[httpx.Request, httpx.Response]":
        """As `sync_auth_flow`; the loop goes on while credentials are waited for."""
        await request.aread()
        source = self._signature.source
        credentials = source.at_hand()
        if credentials is None:
            import anyio.to_thread

            credentials = await anyio.to_thread.run_sync(source.current)
        self._sign(request, credentials)
        yield request

    def _sign(self, request: httpx.Request, credentials: "Credentials") -> None:
        given = list(request.headers.items())
        added = self._signature.headers(
            credentials, request.method, str(request.url), given, request.content
        )
        for name in SET:
            request.headers.pop(name, None)
        request.headers.update(added)

    def __repr__(self) -> str:
        return f"HttpxAuth({self._signature!r})"
