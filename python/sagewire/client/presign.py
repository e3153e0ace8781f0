"""Signatures in the query: presigned URLs, and calls of `signature_version="v4-query"`.

boto3 moves a JSON body into the query and signs an empty one; every other member stays a header
that is signed and has to be sent with the URL.
"""

from sagewire.client.call import UNRESERVED, members_of, percent_encoded
from sagewire.exceptions import (
    HTTPClientError,
    UnknownClientMethodError,
    UnsupportedSignatureVersionError,
)
from sagewire.model import report
from sagewire.model.runtime import OPERATIONS, SIGNING_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire._impl import sigv4
    from sagewire.client.meta import ClientMeta
    from sagewire.client.opening import Core
    from sagewire.client.settings import Settings
    from sagewire.model.shapes import Operation
    from sagewire.sigv4 import Credentials

DEFAULT_EXPIRES_IN = 3600
# What botocore takes for a header that it has set itself, and drops.
FORM = "application/x-www-form-urlencoded; charset=utf-8"
_ALLOWED = (
    "a presigned URL carries the body in its query, so that it must be empty or a JSON object"
)


def operation_of(client_method: "Any") -> "Operation":
    """Return the operation of a client's method; `UnknownClientMethodError` if there is none."""
    for operation in OPERATIONS:
        if operation.method == client_method:
            return operation
    raise UnknownClientMethodError(method_name=client_method)


class Unsigned:
    """A URL that lacks its signature: everything that can be said before there are credentials.

    Event handlers may change all of it. Raises `UnknownClientMethodError`, `ParamValidationError`,
    and what the settings have kept for the first call.
    """

    __slots__ = ("body", "expires_in", "members", "method", "region", "url")

    url: str

    def __init__(
        self,
        settings: "Settings",
        client_method: "Any",
        parameters: "Any",
        expires_in: "Any",
        http_method: "str | None",
    ) -> None:
        operation = operation_of(client_method)
        parameters = {} if parameters is None else parameters
        if not hasattr(parameters, "items"):
            raise TypeError(f"Params must be a mapping, not {type(parameters).__name__}")
        if not isinstance(http_method, (str, type(None))):
            raise TypeError(f"HttpMethod must be str, not {type(http_method).__name__}")
        if settings.refusal is not None:
            raise settings.refusal
        if settings.validate:
            report.check(operation, parameters)
        self.method = "POST" if http_method is None else http_method.upper()
        self.expires_in = DEFAULT_EXPIRES_IN if expires_in is None else expires_in
        self.region = settings.region
        self.members = members_of(operation, parameters)
        self.body = parameters.get("Body")
        name = parameters["EndpointName"]
        if name is None:  # without validation: none at all, as for a call
            raise KeyError("EndpointName")
        self.url = _as_given(settings, operation, name)

    def signed(self, version: str, credentials: "Credentials", at: int) -> str:
        """Return the URL, signed; `at` is in seconds since 1970.

        Raises `ValueError` or `TypeError` that name `Body` for one that cannot stand in a query.
        """
        url, hash_mark, fragment = self.url.partition("#")
        url, _, query = url.partition("?")
        query = operation_query(query, self.body)
        url = f"{url}?{query}" if query else url
        signer = query_signer(credentials, self.region, version)
        url = sign(signer, version, self.method, url, self.members, self.expires_in, at)
        before, mark, signature = url.rpartition("&X-Amz-Signature=")
        return f"{before}{hash_mark}{fragment}{mark}{signature}"


def presigned(
    core: "Core",
    meta: "ClientMeta",
    arguments: "tuple[Any, Any, Any, Any]",
    credentials: "Callable[[], Credentials]",
) -> str:
    """Return what `generate_presigned_url` returns for its arguments.

    `credentials` is asked when it comes to signing.
    """
    settings, at = core.settings, int(core.ambient.service_time())
    if meta.events.active:
        from sagewire.client.steps import presigned_with_handlers

        return presigned_with_handlers(core, meta, arguments, credentials, at)
    url = Unsigned(settings, *arguments)
    if not settings.signed:
        return url.url
    version = query_version(settings.config.signature_version)
    return url.signed(version, credentials(), at)


def _as_given(settings: "Settings", operation: "Operation", name: "Any") -> str:
    """Return a URL with the parts of the endpoint's that are not sent: user, port 80, fragment."""
    url, hash_mark, fragment = settings.endpoint_url.partition("#")
    scheme, _, rest = url.lstrip().partition("//")
    rest, _, query = rest.partition("?")
    assert settings.origin is not None  # noqa: S101 - else there is a refusal
    origin = f"{scheme.lower()}//{rest.partition('/')[0]}"
    path = f"{settings.origin.path}/endpoints/{_encoded(name)}/{operation.path}"
    tail = hash_mark + fragment if fragment else ""
    return f"{origin}{path}?{query}{tail}" if query else f"{origin}{path}{tail}"


def query_version(version: "Any") -> str:
    """Return the version that presigns; `UnsupportedSignatureVersionError` if none does."""
    presigning = str(version)
    if not presigning.endswith("-query"):
        presigning += "-query"
    if presigning not in ("v4-query", "s3v4-query"):
        raise UnsupportedSignatureVersionError(signature_version=presigning)
    return presigning


def operation_query(query: str, body: "Any") -> str:
    """Return the query before the signature's parameters: the URL's own, then the body's members.

    Of a name that the URL repeats the first value counts; the body's members win over the URL's.
    """
    from urllib.parse import parse_qs

    members: dict[Any, Any] = {
        name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()
    }
    body = body.encode("utf-8") if isinstance(body, str) else body
    if body:
        try:
            members.update(_json(body) if isinstance(body, bytes) else body)
        except (TypeError, ValueError) as error:
            raise _named(error) from None
    return "&".join(
        f"{_encoded(name)}={_encoded(one)}"
        for name, value in members.items()
        for one in (value if isinstance(value, list) else [value])
    )


def _json(body: bytes) -> "Any":
    import json

    return json.loads(body.decode("utf-8"))


def _named(error: "TypeError | ValueError") -> "TypeError | ValueError":
    """Return the same kind of error with words that name the argument."""
    import json

    if isinstance(error, json.JSONDecodeError):
        return json.JSONDecodeError(f"Body: {_ALLOWED}: {error.msg}", error.doc, error.pos)
    if isinstance(error, UnicodeDecodeError):
        reason = f"{error.reason} (Body: {_ALLOWED})"
        return UnicodeDecodeError(error.encoding, error.object, error.start, error.end, reason)
    return type(error)(f"Body: {_ALLOWED}: {error}")


def _encoded(value: "Any") -> str:
    text = value if isinstance(value, (bytes, str)) else str(value)
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return percent_encoded(data, UNRESERVED)


def query_signer(
    credentials: "Credentials", region: str, version: str, service: str = SIGNING_NAME
) -> "sigv4.Signer":
    """Return the signer of a version for queries. Like boto3 it takes credentials as they are."""
    from sagewire import _impl

    cleaned = version == "v4-query"
    return _impl.sigv4.Signer(
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.token,
        region,
        service,
        cleaned,  # normalize_path
        cleaned,  # double_encode
        False,  # content_sha256_header
    )


def sign(
    signer: "sigv4.Signer",
    version: str,
    method: str,
    url: str,
    members: "list[tuple[str, str]]",
    expires_in: "Any",
    at: int,
) -> str:
    """Return `url` with a signature in its query over an empty body and the members' headers."""
    headers = [(name, value) for name, value in members if (name, value) != ("Content-Type", FORM)]
    payload: bytes | str = b"" if version == "v4-query" else "UNSIGNED-PAYLOAD"
    try:
        return signer.presign(method, url, headers, payload, str(expires_in), at, False)
    except UnicodeEncodeError:
        pass
    # Out here, since an error made in there would carry the other one, and that one the text.
    raise HTTPClientError(error="Invalid header value: it has half a surrogate pair")
