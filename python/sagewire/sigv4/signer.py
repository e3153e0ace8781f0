"""Signing: of requests, of URLs, and of event-stream messages."""

import time

from sagewire._impl import sigv4 as _twin
from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4.arguments import (
    WRONG_TEXT,
    bytes_of,
    header_pairs,
    now_or,
    require_flag,
    require_scope_part,
    require_text,
    require_texts,
    seconds_of,
    signed_payload,
)
from sagewire.sigv4.values import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sagewire.sigv4.arguments import Body, Headers


class Signer:
    """Signs requests with one set of credentials, for one region and service.

    `normalize_path` removes dot segments and doubled slashes before signing; `double_encode`
    percent-encodes the path once more. Both are right for every service but S3.
    `content_sha256_header` sends and signs the body's hash as `X-Amz-Content-SHA256`.

    The signing key is derived once a day and kept. A signer may be shared by threads.

    Raises `TypeError` for arguments of a wrong type and `InvalidArgumentError` for a region,
    service or access key id that cannot stand in a credential scope.
    """

    __slots__ = ("_credentials", "_flags", "_region", "_service", "_twin")

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
        require_scope_part("region", region)
        require_scope_part("service", service)
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
        self._flags = (
            require_flag("normalize_path", normalize_path),
            require_flag("double_encode", double_encode),
            require_flag("content_sha256_header", content_sha256_header),
        )
        self._twin = _twin.Signer(
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.token or None,
            region,
            service,
            *self._flags,
        )

    def __reduce__(self) -> "Any":
        return _remade, (self._credentials, self._region, self._service, self._flags)

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
        pairs = headers if type(headers) is list else header_pairs(headers)
        payload = body if type(body) is bytes else signed_payload(body)
        second = int(time.time()) if at is None else seconds_of(at, "at")
        try:
            return self._twin.sign(method, url, pairs, payload, second)
        except InvalidArgumentError:
            raise
        except (TypeError, AttributeError, ValueError):
            pass
        # Out here, since an error made in there would carry the other one, and that one the text.
        pairs = header_pairs(pairs)
        require_texts(method, url, pairs)
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
        pairs, payload, second = header_pairs(headers), signed_payload(body), now_or(at)
        if isinstance(expires_in, bool) or not isinstance(expires_in, int):
            raise TypeError(f"expires_in must be int (seconds), not {type(expires_in).__name__}")
        if not 1 <= expires_in <= 604_800:
            raise InvalidArgumentError(
                argument="expires_in",
                problem=f"{expires_in} seconds is out of range",
                allowed="1 to 604800 (seven days)",
            )
        try:
            return self._twin.presign(
                method, url, pairs, payload, str(expires_in), second, strict=True
            )
        except WRONG_TEXT as error:
            unexplained = error
        require_texts(method, url, pairs)
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
        pairs, payload, second = header_pairs(headers), signed_payload(body), now_or(at)
        try:
            return self._twin.canonical_request(method, url, pairs, payload, second)
        except WRONG_TEXT as error:
            unexplained = error
        require_texts(method, url, pairs)
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
        pairs, payload, second = header_pairs(headers), signed_payload(body), now_or(at)
        try:
            return self._twin.string_to_sign(method, url, pairs, payload, second)
        except WRONG_TEXT as error:
            unexplained = error
        require_texts(method, url, pairs)
        raise unexplained

    def event_signer(self, seed_signature: str) -> "EventSigner":
        """Return a chain of signed event-stream messages.

        `seed_signature` is the hexadecimal signature of the request that opened the stream.
        """
        require_text("seed_signature", seed_signature)
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
        return self._twin.sign(bytes_of("payload", payload), now_or(at))

    @property
    def prior_signature(self) -> str:
        """The hexadecimal signature that the next message will cover."""
        return self._twin.prior_signature


def _remade(
    credentials: Credentials, region: str, service: str, flags: "tuple[bool, bool, bool]"
) -> Signer:
    """Unpickle a signer."""
    normalize_path, double_encode, content_sha256_header = flags
    return Signer(
        credentials,
        region=region,
        service=service,
        normalize_path=normalize_path,
        double_encode=double_encode,
        content_sha256_header=content_sha256_header,
    )
