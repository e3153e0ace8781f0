"""Credentials of a container's role: ECS, and EKS Pod Identity.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from functools import partial

from sagewire.credential_exceptions import MetadataRetrievalError, MissingCredentialFieldError
from sagewire.credentials import clock, dates
from sagewire.credentials.line import Line
from sagewire.credentials.refreshing import Refreshing
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - boto3's name
    CredentialRetrievalError,
    ReadTimeoutError,
)
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.line import Headers
    from sagewire.credentials.sources import Source

METHOD = "container-role"
_HOST = "169.254.170.2"
_ALLOWED = (_HOST, "169.254.170.23", "fd00:ec2::23", "localhost")
_TIMEOUT_SECONDS = 2
_ATTEMPTS = 3
_PAUSE_SECONDS = 1


def load(context: "Context") -> "Source | None":
    """Ask the service that the environment names, `None` if it names none.

    Raises `ValueError` for a host that is not allowed, and `CredentialRetrievalError` if the
    service fails three times.
    """
    environ = context.environ
    if "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" in environ:
        url = f"http://{_HOST}{environ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']}"
    elif "AWS_CONTAINER_CREDENTIALS_FULL_URI" in environ:
        url = environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    else:
        return None
    fetch = partial(_fetch, context, url)
    return Refreshing(fetch, METHOD, ("z",), fetch())


def _fetch(context: "Context", url: str) -> Credentials:
    headers = [("Accept", "application/json")]
    token = _token(context)
    if token is not None:
        headers.append(("Authorization", token))
    _check_host(url)
    try:
        given = _ask(url, headers)
    except MetadataRetrievalError as error:
        raise CredentialRetrievalError(provider=METHOD, error_msg=str(error)) from None
    for key in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration"):
        if key not in given:
            raise MissingCredentialFieldError(
                provider=METHOD, error_msg=f"the answer has no '{key}'"
            )
    return Credentials(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["Token"],
        dates.parse_answer(given["Expiration"], METHOD),
    )


def _token(context: "Context") -> "str | None":
    """Return what authorizes the request; from its file, which is read anew each time, if any."""
    path = context.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if path is not None:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            token: str | None = file.read()
    else:
        token = context.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if token is not None and ("\r" in token or "\n" in token):
        raise ValueError("Auth token value is not a legal header value")
    return token


def _check_host(url: str) -> None:
    """Raise `ValueError` where a token would go, in the clear, to another host."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme == "https" or host in _ALLOWED:
        return
    import ipaddress

    try:
        if ipaddress.ip_address(host or "").is_loopback:
            return
    except ValueError:
        pass
    raise ValueError(
        f"Unsupported host '{host}'.  Can only retrieve metadata from a loopback address or one of "
        f"these hosts: {', '.join(_ALLOWED)}"
    )


def _ask(url: str, headers: "Headers") -> "dict[str, Any]":
    with Line(url, connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS) as line:
        attempt = 1
        while True:
            try:
                return _asked(line, headers)
            except MetadataRetrievalError:
                clock.sleep(_PAUSE_SECONDS)
                if attempt == _ATTEMPTS:
                    raise
                attempt += 1


def _asked(line: Line, headers: "Headers") -> "dict[str, Any]":
    origin = line.origin
    try:
        answer = line.ask("GET", (origin.path or "/") + origin.query, headers, None)
    except (ConnectionError, ConnectionClosedError, ReadTimeoutError) as error:
        raise MetadataRetrievalError(
            error_msg=f"Received error when attempting to retrieve container metadata: {error}"
        ) from None
    text = answer.body.decode("utf-8", "replace")
    if answer.status != 200:
        raise MetadataRetrievalError(
            error_msg=f"Received non 200 response {answer.status} from container metadata: {text}"
        )
    import json

    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise MetadataRetrievalError(
            error_msg="Unable to parse JSON returned from container metadata services"
        )
    return given
