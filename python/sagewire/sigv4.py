"""AWS Signature Version 4: sign requests, presign URLs, and check both on the other side.

    signer = Signer(Credentials("AKID", "SECRET"), region="us-east-1", service="sagemaker")
    headers = signer.sign("POST", url, headers=[("Content-Type", "text/csv")], body=b"1,2,3")

The rules are those of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html;
docs/signing.md names where botocore, the AWS test suite and this module differ, and why.
"""

import time

from sagewire._impl import sigv4 as _twin
from sagewire.exceptions import InvalidArgumentError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Any, NoReturn, TypeAlias

    Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
    AnyHeaders: TypeAlias = (
        Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
    )
    Body: TypeAlias = bytes | bytearray | memoryview | str

__all__ = [
    "Credentials",
    "EventSigner",
    "Explanation",
    "Identity",
    "SignatureError",
    "Signer",
    "Verifier",
]


class _Frozen:
    """A small value: its slots are set once, by its constructor."""

    __slots__: "tuple[str, ...]" = ()

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> "NoReturn":
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __reduce__(self) -> "Any":
        return type(self), self._values()

    def __repr__(self) -> str:
        fields = zip(self.__slots__, self._values(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def _values(self) -> "tuple[Any, ...]":
        return tuple(getattr(self, name) for name in self.__slots__)

    def _fill(self, *values: object) -> None:
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)


class Credentials(_Frozen):
    """An access key id, its secret, and the session token of temporary credentials.

    `expires_at` is the aware `datetime` at which temporary credentials end, or `None`. An empty
    token counts as none. The secrets are never shown.

    >>> Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", token="AQoDYXdzEPT")
    Credentials(access_key_id='AKIDEXAMPLE', secret_access_key=<hidden>, token=<hidden>)
    """

    __slots__ = ("access_key_id", "secret_access_key", "token", "expires_at")  # noqa: RUF023

    access_key_id: str
    secret_access_key: str
    token: "str | None"
    expires_at: "datetime | None"

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        token: "str | None" = None,
        expires_at: "datetime | None" = None,
    ) -> None:
        _require_text("access_key_id", access_key_id)
        _require_text("secret_access_key", secret_access_key)
        if token is not None:
            _require_text("token", token)
        if expires_at is not None:
            _seconds(expires_at, "expires_at")
        self._fill(access_key_id, secret_access_key, token, expires_at)

    def __repr__(self) -> str:
        token = "" if not self.token else ", token=<hidden>"
        return (
            f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=<hidden>{token})"
        )


class Signer:
    """Signs requests with one set of credentials, for one region and service.

    `normalize_path` removes dot segments and doubled slashes before signing; `double_encode`
    percent-encodes the path once more. Both are right for every service but S3.
    `content_sha256_header` sends and signs the body's hash as `X-Amz-Content-SHA256`.

    The signing key is derived once a day and kept. A signer may be shared by threads.

    Raises `TypeError` for arguments of a wrong type and `InvalidArgumentError` for a region,
    service or access key id that cannot stand in a credential scope.
    """

    __slots__ = ("_credentials", "_region", "_service", "_twin")

    def __init__(
        self,
        credentials: Credentials,
        *,
        region: str,
        service: str,
        normalize_path: bool = True,
        double_encode: bool = True,
        content_sha256_header: bool = False,
    ) -> None:
        if not isinstance(credentials, Credentials):
            raise TypeError(
                f"credentials must be sagewire.sigv4.Credentials, not {type(credentials).__name__}"
            )
        _require_scope_part("region", region)
        _require_scope_part("service", service)
        if any(
            not "!" <= character <= "~" or character == ","
            for character in credentials.access_key_id
        ):
            raise InvalidArgumentError(
                argument="credentials",
                problem="the access key id has a character that cannot stand in a signature",
                allowed="visible ASCII without commas",
            )
        if any(character in "\r\n\0" for character in credentials.token or ""):
            raise InvalidArgumentError(
                argument="credentials",
                problem="the token has a character that cannot stand in a header",
                allowed="text without carriage return, line feed and NUL",
            )
        self._credentials = credentials
        self._region = region
        self._service = service
        self._twin = _twin.Signer(
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.token,
            region,
            service,
            bool(normalize_path),
            bool(double_encode),
            bool(content_sha256_header),
        )

    def __repr__(self) -> str:
        return f"Signer({self._credentials!r}, region={self._region!r}, service={self._service!r})"

    def sign(
        self,
        method: str,
        url: str,
        headers: "Headers" = (),
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> "list[tuple[str, str]]":
        """Return the headers to add to a request, in the order of the wire.

        `url` is absolute, as it will be sent. `headers` is a mapping or an iterable of pairs; all
        of them are signed but those that may change on the way (`User-Agent`, `Connection` and the
        like, see docs/signing.md), and `Host`, taken from the URL unless it is given. `body` is
        bytes-like, or a `str` with the hexadecimal SHA-256 of a body that is hashed already, or one
        of the fixed words, such as `UNSIGNED-PAYLOAD`. `at` is an aware `datetime`, now if absent.

        >>> from datetime import datetime, timezone
        >>> signer = Signer(Credentials("AKID", "SECRET"), region="us-east-1", service="sagemaker")
        >>> url = "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/iris/invocations"
        >>> at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
        >>> for name, value in signer.sign("POST", url, {"Accept": "text/csv"}, b"1,2", at=at):
        ...     print(name, value[:75])
        X-Amz-Date 20260102T030405Z
        Authorization AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/sagemaker/aws4_request,

        Raises `TypeError` for arguments of a wrong type and `InvalidArgumentError` for a method,
        URL or header that cannot be sent, and for a header that the signer sets itself.
        """
        # The usual types go straight through: this is a call's hot path.
        pairs = headers if type(headers) is list else _pairs(headers)
        payload = body if type(body) is bytes else _signed_payload(body)
        second = int(time.time()) if at is None else _seconds(at, "at")
        try:
            return self._twin.sign(method, url, pairs, payload, second)
        except InvalidArgumentError:
            raise
        except (TypeError, AttributeError, ValueError):
            pass
        # Out here, since an error made in there would carry the other one, and that one the text.
        pairs = _pairs(pairs)
        _require_texts(method, url, pairs)
        return self._twin.sign(method, url, pairs, payload, second)

    def presign(
        self,
        method: str,
        url: str,
        headers: "Headers" = (),
        body: "Body" = b"",
        *,
        expires_in: int = 3600,
        at: "datetime | None" = None,
    ) -> str:
        """Return the URL with a signature in its query, valid for `expires_in` seconds.

        Takes what `sign` takes. Every header given is signed and has to be sent with the request;
        the body that is sent has to be the one that is signed.

        Raises as `sign` does; `expires_in` is from 1 to 604,800 seconds (seven days).
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
        """
        pairs, payload, second = _pairs(headers), _signed_payload(body), _now_or(at)
        if isinstance(expires_in, bool) or not isinstance(expires_in, int):
            raise TypeError(f"expires_in must be int (seconds), not {type(expires_in).__name__}")
        if not 1 <= expires_in <= 604_800:
            raise InvalidArgumentError(
                argument="expires_in",
                problem=f"{expires_in} seconds is out of range",
                allowed="1 to 604800 (seven days)",
            )
        try:
            return self._twin.presign(method, url, pairs, payload, expires_in, second)
        except _WRONG_TEXT as error:
            unexplained = error
        _require_texts(method, url, pairs)
        raise unexplained

    def canonical_request(
        self,
        method: str,
        url: str,
        headers: "Headers" = (),
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> str:
        """Return the canonical request that `sign` would hash. It may hold the session token."""
        pairs, payload, second = _pairs(headers), _signed_payload(body), _now_or(at)
        try:
            return self._twin.canonical_request(method, url, pairs, payload, second)
        except _WRONG_TEXT as error:
            unexplained = error
        _require_texts(method, url, pairs)
        raise unexplained

    def string_to_sign(
        self,
        method: str,
        url: str,
        headers: "Headers" = (),
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> str:
        """Return the string that `sign` would sign."""
        pairs, payload, second = _pairs(headers), _signed_payload(body), _now_or(at)
        try:
            return self._twin.string_to_sign(method, url, pairs, payload, second)
        except _WRONG_TEXT as error:
            unexplained = error
        _require_texts(method, url, pairs)
        raise unexplained

    def event_signer(self, seed_signature: str) -> "EventSigner":
        """Return a chain of signed event-stream messages.

        `seed_signature` is the hexadecimal signature of the request that opened the stream.
        """
        _require_text("seed_signature", seed_signature)
        return EventSigner(self._twin.event_signer(seed_signature))


class EventSigner:
    """Signs event-stream messages, each one's signature covering the one before it.

    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
    """

    __slots__ = ("_twin",)

    def __init__(self, twin: "_twin.EventSigner") -> None:
        self._twin = twin

    def sign(
        self, payload: "bytes | bytearray | memoryview", *, at: "datetime | None" = None
    ) -> bytes:
        """Return the next message: `:date`, `:chunk-signature` and `payload`, framed.

        `payload` is the message that is signed, at most 25,165,824 bytes; empty at the end.
        """
        if isinstance(payload, str):
            raise TypeError("payload must be bytes-like, not str")
        return self._twin.sign(_bytes("payload", payload), _now_or(at))

    @property
    def prior_signature(self) -> str:
        """The hexadecimal signature that the next message will cover."""
        return self._twin.prior_signature


class Identity(_Frozen):
    """Who signed a request, when, and what of it.

    `signed_headers` has the names in lower case; `signed_at` is an aware `datetime` in UTC; `scope`
    is the credential scope: date, region, service and `aws4_request`.
    """

    __slots__ = ("access_key_id", "signed_headers", "signed_at", "scope")  # noqa: RUF023

    access_key_id: str
    signed_headers: "tuple[str, ...]"
    signed_at: "datetime"
    scope: str

    def __init__(
        self,
        access_key_id: str,
        signed_headers: "tuple[str, ...]",
        signed_at: "datetime",
        scope: str,
    ) -> None:
        self._fill(access_key_id, signed_headers, signed_at, scope)


class Explanation(_Frozen):
    """What a verifier made of a request. Session tokens are hidden; it holds no secret.

    `difference` is the first thing that differs, or `None` if the signature is accepted. The two
    texts are empty if the signature's form is broken.
    """

    __slots__ = ("canonical_request", "string_to_sign", "difference")  # noqa: RUF023

    canonical_request: str
    string_to_sign: str
    difference: "str | None"

    def __init__(
        self, canonical_request: str, string_to_sign: str, difference: "str | None"
    ) -> None:
        self._fill(canonical_request, string_to_sign, difference)


class Verifier:
    """Checks the signatures of requests, in a header or in the query.

    `lookup` maps an access key id to `Credentials`, or to `None` for an unknown one: a mapping or a
    callable. `max_skew` is how many seconds the signer's clock may be off, either way.

    >>> credentials = Credentials("AKID", "SECRET")
    >>> signer = Signer(credentials, region="us-east-1", service="sagemaker")
    >>> host = [("Host", "localhost")]
    >>> signed = host + signer.sign("POST", "http://localhost/endpoints/a/invocations", host, b"1")
    >>> verifier = Verifier({"AKID": credentials}, region="us-east-1", service="sagemaker")
    >>> verifier.verify("POST", "/endpoints/a/invocations", signed, b"1").access_key_id
    'AKID'
    >>> try:
    ...     verifier.verify("POST", "/endpoints/b/invocations", signed, b"1")
    ... except SignatureError as error:
    ...     print(error.status, error.code)
    403 InvalidSignatureException
    """

    __slots__ = ("_lookup", "_twin")

    def __init__(
        self,
        lookup: "Mapping[str, Credentials] | Callable[[str], Credentials | None]",
        *,
        region: str,
        service: str,
        max_skew: int = 300,
        normalize_path: bool = True,
        double_encode: bool = True,
    ) -> None:
        find = getattr(lookup, "get", lookup)
        if not callable(find):
            raise TypeError(f"lookup must be a mapping or callable, not {type(lookup).__name__}")
        _require_scope_part("region", region)
        _require_scope_part("service", service)
        if isinstance(max_skew, bool) or not isinstance(max_skew, int):
            raise TypeError(f"max_skew must be int (seconds), not {type(max_skew).__name__}")
        if not 0 <= max_skew <= 10**9:
            problem = f"{max_skew} seconds is out of range"
            raise InvalidArgumentError(
                argument="max_skew", problem=problem, allowed="0 to 1000000000"
            )
        self._lookup = find
        self._twin = _twin.Verifier(
            region, service, max_skew, bool(normalize_path), bool(double_encode)
        )

    def verify(
        self,
        method: "str | bytes",
        target: "str | bytes",
        headers: "AnyHeaders",
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> Identity:
        """Return who signed the request, or raise `SignatureError` with AWS's `code` and `status`.

        `target` is the request target, with its query. `headers` are as they arrived; text is read
        as Latin-1, as Python's servers give it (UTF-8 where Latin-1 cannot hold it). `body` is
        bytes-like, or a `str` with its hexadecimal SHA-256. `at` is an aware `datetime`, now if
        absent. An exception of `lookup` comes through.
        """
        access_key_id, names, signed_at, scope = self._twin.verify(
            self._found,
            _octets("method", method),
            _octets("target", target),
            _octet_pairs(headers),
            _payload(body),
            _now_or(at),
        )
        from datetime import datetime, timedelta, timezone

        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=signed_at)
        return Identity(access_key_id, tuple(names), moment, scope)

    def explain(
        self,
        method: "str | bytes",
        target: "str | bytes",
        headers: "AnyHeaders",
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> Explanation:
        """Return what `verify` sees in a request, and the first thing that differs."""
        seen = self._twin.explain(
            self._found,
            _octets("method", method),
            _octets("target", target),
            _octet_pairs(headers),
            _payload(body),
            _now_or(at),
        )
        return Explanation(*seen)

    def _found(self, access_key_id: str) -> "tuple[str, str | None, int | None] | None":
        credentials = self._lookup(access_key_id)
        if credentials is None:
            return None
        if not isinstance(credentials, Credentials):
            raise TypeError(
                "lookup must give sagewire.sigv4.Credentials or None, "
                f"not {type(credentials).__name__}"
            )
        expiry = credentials.expires_at
        second = None if expiry is None else _seconds(expiry, "expires_at")
        return credentials.secret_access_key, credentials.token, second


def _pairs(headers: "Headers") -> "list[tuple[str, str]]":
    items: Any = getattr(headers, "items", None)
    pairs: Any = headers if items is None else items()
    try:
        return [(name, value) for name, value in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            "headers must be a mapping or an iterable of (name, value) pairs, "
            f"not {type(headers).__name__}"
        ) from None


# What a twin raises for an argument that is no text, or text that has no bytes.
_WRONG_TEXT = (TypeError, AttributeError, UnicodeEncodeError)


def _require_texts(method: object, url: object, pairs: "list[tuple[str, str]]") -> None:
    """Raise an error that names the argument that is no text, if one of these is not."""
    _require_text("method", method)
    _require_text("url", url)
    for number, (name, value) in enumerate(pairs):
        _require_text("headers", name, f"the name of header {number}")
        _require_text("headers", value, f"the value of header {number} ({name})")


def _octet_pairs(headers: "AnyHeaders") -> "list[tuple[bytes, bytes]]":
    items: Any = getattr(headers, "items", None)
    given: Any = headers if items is None else items()
    try:
        pairs = [(name, value) for name, value in given]
    except (TypeError, ValueError):
        raise TypeError(
            "headers must be a mapping or an iterable of (name, value) pairs, "
            f"not {type(headers).__name__}"
        ) from None
    return [
        (
            _octets(f"headers: the name of header {number}", name),
            _octets(f"headers: the value of header {number}", value),
        )
        for number, (name, value) in enumerate(pairs)
    ]


def _octets(argument: str, value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    raise TypeError(f"{argument} must be str or bytes, not {type(value).__name__}")


def _payload(body: "Body") -> "bytes | str":
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        # What is no hash matches no signature; it only has to have bytes.
        return body if body.isascii() else body.encode("utf-8", "replace").decode()
    # Hashed here, so that a large buffer is never copied.
    import hashlib

    try:
        return hashlib.sha256(body).hexdigest()
    except (TypeError, BufferError):
        raise TypeError(
            f"body must be bytes-like, or str with its hash, not {type(body).__name__}"
        ) from None


def _signed_payload(body: "Body") -> "bytes | str":
    if isinstance(body, str) and not _is_hash(body):
        raise InvalidArgumentError(
            argument="body",
            problem="it is a str, but neither a hash nor a fixed word",
            allowed="bytes-like, 64 lower-case hex digits, UNSIGNED-PAYLOAD or STREAMING-...",
        )
    return _payload(body)


def _is_hash(text: str) -> bool:
    if len(text) == 64 and not text.strip("0123456789abcdef"):
        return True
    is_word = not text.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
    return text == "UNSIGNED-PAYLOAD" or (text.startswith("STREAMING-") and is_word)


def _bytes(argument: str, value: "bytes | bytearray | memoryview") -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"{argument} must be bytes-like, not {type(value).__name__}") from None


def _now_or(at: "datetime | None") -> int:
    return int(time.time()) if at is None else _seconds(at, "at")


def _seconds(moment: "datetime", argument: str) -> int:
    from datetime import datetime, timedelta, timezone

    if not isinstance(moment, datetime):
        raise TypeError(f"{argument} must be an aware datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{moment!r} has no time zone",
            allowed="an aware datetime, such as datetime.now(timezone.utc)",
        )
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)


def _require_text(argument: str, value: object, part: str = "it") -> None:
    """Raise unless `value` is text that has bytes; its own text is never shown."""
    if not isinstance(value, str):
        name = argument if part == "it" else f"{argument}: {part}"
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{part} has a lone surrogate",
            allowed="text that can be written as UTF-8",
        )


def _require_scope_part(argument: str, value: object) -> None:
    _require_text(argument, value)
    if not value or any(c < "!" or c > "~" or c in "/," for c in str(value)):
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{value!r} cannot stand in a credential scope",
            allowed="visible ASCII without slashes and commas, at least one character",
        )
