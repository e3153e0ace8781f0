"""`RequestsAuth`: signs the requests of `requests`."""

from sagewire.auth.signature import SET, Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.sigv4 import Credentials

_PIECE_BYTES = 1024 * 1024


class RequestsAuth:
    """`requests.post(url, data=body, auth=RequestsAuth(region="us-east-1"))`.

    `credentials` is a `sagewire.sigv4.Credentials`, a callable that returns one and is called again
    when it has expired, or `None` to look for them where `sagewire.client` does; `profile_name`
    chooses a profile there. Bodies are bytes, text, or seekable binary files, which are read twice.

    A redirect is followed, if at all, without signature and session token.

    Calls raise `NoCredentialsError` where there are none, and `TypeError` for a body that can only
    be read once.

    >>> RequestsAuth(region="us-east-1")
    RequestsAuth(region='us-east-1', service='sagemaker')
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

    def __call__(self, request: "Any") -> "Any":
        """Sign a prepared request, in place; `requests` calls this."""
        headers = [(_text(name), _text(value)) for name, value in request.headers.items()]
        body = _hashed(request.body)
        credentials = self._signature.source.current()
        added = self._signature.headers(credentials, request.method, request.url, headers, body)
        _strip(request)
        request.headers.update(added)
        request.register_hook("response", _before_a_redirect)
        return request

    def __repr__(self) -> str:
        return f"RequestsAuth({self._signature!r})"


def _before_a_redirect(response: "Any", **_kwargs: "Any") -> None:
    """Take the signature off a request before another one is made of it."""
    if response.is_redirect:
        _strip(response.request)


def _strip(request: "Any") -> None:
    for name in SET:
        request.headers.pop(name, None)


def _text(value: "Any") -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _hashed(body: "Any") -> "bytes | str":
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode("utf-8")
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    if not (hasattr(body, "read") and hasattr(body, "seek") and hasattr(body, "tell")):
        raise TypeError(
            f"data: {type(body).__name__} can be read once, and a signed body is read twice; "
            "allowed: bytes, str, a seekable binary file"
        )
    from hashlib import sha256

    start = body.tell()
    hashed = sha256()
    while piece := body.read(_PIECE_BYTES):
        if isinstance(piece, str):
            raise TypeError("data: the file gives text; open it in binary mode, or pass a str")
        hashed.update(piece)
    body.seek(start)
    return hashed.hexdigest()
