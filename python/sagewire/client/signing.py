"""Signatures put on a request that event handlers have seen: every version boto3 has for us.

The short way of a call signs in one step (`client/outgoing.py`). Here every header that the request
has is signed as it stands, and what the version adds is set first, where handlers can read it.
"""

import os
import time

from sagewire.client.presign import FORM, operation_query
from sagewire.client.presign import query_signer as _query_signer
from sagewire.client.presign import sign as _sign_query
from sagewire.exceptions import (
    HTTPClientError,
    InvalidEndpointConfigurationError,
    NoAuthTokenError,
    UnknownSignatureVersionError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.client.messages import AWSRequest
    from sagewire.sigv4 import Credentials

VERSIONS = ("v4", "s3v4", "v4-query", "s3v4-query", "bearer")
_TOKEN_VARIABLE = "AWS_BEARER_TOKEN_SAGEMAKER"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


def sign(
    request: "AWSRequest",
    version: "Any",
    *,
    region: str,
    service: str,
    credentials: "Callable[[], Credentials]",
    at: int,
    hashed: "Callable[[], Any]",
) -> None:
    """Put a signature of this moment on a request.

    `hashed` gives the body's bytes or its hash, if that is to be signed. Raises
    `UnknownSignatureVersionError`, `NoCredentialsError`, `NoAuthTokenError`.
    """
    if version not in VERSIONS:
        raise UnknownSignatureVersionError(signature_version=version)
    if version == "bearer":
        _put_bearer_token(request)
        return
    now = credentials()
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    if version.endswith("-query"):
        if request.headers.get("Content-Type") == FORM:
            del request.headers["Content-Type"]
        url, _, query = request.url.partition("?")
        query = operation_query(query, request.data)
        url = f"{url}?{query}" if query else url
        signer = _query_signer(now, region, version, service)
        members = sent_headers(request)
        request.url = _sign_query(signer, version, request.method, url, members, 3600, at)
        request.data = b""
        return
    _put_header_signature(request, version, now, region, service, at, hashed)


def sent_headers(request: "AWSRequest") -> "list[tuple[str, str]]":
    """Return the headers as they will be sent: of a name that is set twice, the last value.

    Raises `HTTPClientError` for text that has no bytes.
    """
    sent: dict[str, tuple[str, str]] = {}
    # Raw: what has no bytes would come out of `items` as an object that cannot say what it is.
    for name, value in request.headers.raw_items():
        try:
            str(value).encode("utf-8")
        except UnicodeEncodeError:
            raise HTTPClientError(error=f"Invalid header value {value!a} of {name}") from None
        first = sent.get(name.lower(), (name, ""))[0]
        sent[name.lower()] = (first, str(value))
    return list(sent.values())


def _put_header_signature(
    request: "AWSRequest",
    version: str,
    credentials: "Credentials",
    region: str,
    service: str,
    at: int,
    hashed: "Callable[[], Any]",
) -> None:
    from sagewire import _impl

    headers = request.headers
    del headers["Authorization"], headers["X-Amz-Date"]
    if "Date" in headers:
        from email.utils import formatdate

        del headers["Date"]
        headers["Date"] = formatdate(at)
    else:
        headers["X-Amz-Date"] = request.context["timestamp"]
    if credentials.token:
        del headers["X-Amz-Security-Token"]
        headers["X-Amz-Security-Token"] = credentials.token
    body: Any = b""
    if version == "s3v4":
        body = _hash_of(hashed())
        del headers["X-Amz-Content-SHA256"]
        headers["X-Amz-Content-SHA256"] = body
    elif not request.context.get("payload_signing_enabled", True):
        del headers["X-Amz-Content-SHA256"]
        headers["X-Amz-Content-SHA256"] = UNSIGNED_PAYLOAD
    elif "X-Amz-Content-SHA256" not in headers:
        body = hashed()
    cleaned = version == "v4"
    signer = _impl.sigv4.Signer(
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.token,
        region,
        service,
        cleaned,  # normalize_path
        cleaned,  # double_encode
        False,  # content_sha256_header: set above
    )
    headers["Authorization"] = signer.authorize(
        request.method, request.url, sent_headers(request), body, at
    )


def _hash_of(body: "bytes | str") -> str:
    if isinstance(body, str):
        return body
    from hashlib import sha256

    return sha256(body).hexdigest()


def _put_bearer_token(request: "AWSRequest") -> None:
    token = os.environ.get(_TOKEN_VARIABLE)
    if not token:
        raise NoAuthTokenError
    if not request.url.startswith("https"):
        raise InvalidEndpointConfigurationError(
            msg="Bearer authorization requires an HTTPS endpoint."
        )
    del request.headers["Authorization"]
    request.headers["Authorization"] = f"Bearer {token}"
