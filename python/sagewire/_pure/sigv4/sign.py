"""Signing: string to sign, signature, `Authorization` header. Twin: rust/core/src/sigv4/sign.rs."""

import hmac

from sagewire._pure.sigv4 import timestamp
from sagewire._pure.sigv4.canonical import (
    canonical_path,
    canonical_query,
    canonical_request,
    query_pairs,
    signed_headers,
    without_unsigned,
)
from sagewire._pure.sigv4.error import invalid_argument
from sagewire._pure.sigv4.event import EventSigner
from sagewire._pure.sigv4.key import TERMINATOR, KeyOfTheDay, sha256_hex
from sagewire._pure.sigv4.presign import Presigned, unsigned_url
from sagewire._pure.sigv4.url import Url

ALGORITHM = "AWS4-HMAC-SHA256"

# Headers that a signer sets itself; given from outside they would stand in the request twice.
SET_BY_THE_SIGNER = frozenset((b"authorization", b"x-amz-date", b"x-amz-security-token"))

_TOKEN = frozenset(  # RFC 9110, section 5.6.2
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
)


class Request:
    """A request as the signer is given it, checked; without `strict`, only its URL is."""

    __slots__ = ("headers", "method", "payload_hash", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        *,
        strict: bool = True,
    ) -> None:
        method_bytes = method.encode()
        url.encode()
        self.headers = [(name.encode(), value.encode()) for name, value in headers]
        self.payload_hash = sha256_hex(body).encode() if isinstance(body, bytes) else body.encode()
        if strict and (not method_bytes or not _TOKEN.issuperset(method_bytes)):
            problem = "it is not an HTTP method"
            raise invalid_argument("method", problem, "a token such as POST")
        self.method = method_bytes.upper()
        self.url = Url(url)
        if strict:
            for number, (name, value) in enumerate(self.headers):
                _check_header(number, name, value)

    def header(self, name: bytes) -> "bytes | None":
        """Return the first value of a header, or `None`."""
        for given, value in self.headers:
            if given.lower() == name:
                return value
        return None

    def with_host(self) -> "list[tuple[bytes, bytes]]":
        """Return the headers, with the URL's host if they have none."""
        if self.header(b"host") is not None:
            return self.headers
        return [*self.headers, (b"host", self.url.host_header().encode())]


def _check_header(number: int, name: bytes, value: bytes) -> None:
    if not name or not _TOKEN.issuperset(name):
        problem = f"header {number} has a name that is not a token"
        raise invalid_argument("headers", problem, "letters, digits and !#$%&'*+-.^_`|~")
    if name.lower() in SET_BY_THE_SIGNER:
        raise invalid_argument(
            "headers",
            f"header {number} ({name.decode()}) is one that the signer sets itself",
            "every header but Authorization, X-Amz-Date, X-Amz-Security-Token",
        )
    # A line end that folds the value is no line end: the text after it begins with white space.
    lines = value.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not all(line.startswith((b" ", b"\t")) for line in lines[1:]):
        raise invalid_argument(
            "headers",
            f"header {number} ({name.decode()}) has a line end in its value",
            "text whose line ends are followed by a space or a tab",
        )


class Signer:
    """Signs requests with one set of credentials for one region and service."""

    __slots__ = (
        "_access_key_id",
        "_content_sha256_header",
        "_double_encode",
        "_key",
        "_normalize_path",
        "_region",
        "_secret_access_key",
        "_service",
        "_token",
    )

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        token: "str | None",
        region: str,
        service: str,
        normalize_path: bool,
        double_encode: bool,
        content_sha256_header: bool,
    ) -> None:
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._token = token
        self._region = region
        self._service = service
        self._normalize_path = normalize_path
        self._double_encode = double_encode
        self._content_sha256_header = content_sha256_header
        self._key = KeyOfTheDay()

    def sign(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        at: int,
    ) -> "list[tuple[str, str]]":
        """Return the headers to add, in the order of the wire."""
        canonical, stamp, added = self._prepared(method, url, headers, body, at)
        return [*added, ("Authorization", self._authorization(stamp, canonical))]

    def authorize(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        at: int,
    ) -> str:
        """Return the `Authorization` of a request as it is given.

        No header is added but the host: the caller has set date, token and content hash.
        """
        request = Request(method, url, headers, body, strict=False)
        stamp = timestamp.from_epoch(at)
        return self._authorization(stamp, self._as_given(request))

    def _as_given(self, request: Request) -> bytes:
        """Return the canonical request of a request that no header is added to but the host."""
        given_hash = request.header(b"x-amz-content-sha256")
        payload_hash = request.payload_hash if given_hash is None else given_hash
        return self.canonical(request, request.with_host(), payload_hash)

    def _authorization(self, stamp: str, canonical: bytes) -> str:
        names = canonical.rsplit(b"\n", 2)[1].decode()
        return (
            f"{ALGORITHM} Credential={self._access_key_id}/{self.scope(stamp)}, "
            f"SignedHeaders={names}, Signature={self.signature(stamp, canonical)}"
        )

    def canonical_request(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        at: int,
    ) -> str:
        """Return the canonical request of `sign`."""
        return self._prepared(method, url, headers, body, at)[0].decode()

    def string_to_sign(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        at: int,
    ) -> str:
        """Return the string to sign of `sign`."""
        canonical, stamp, _ = self._prepared(method, url, headers, body, at)
        return string_to_sign(stamp, self.scope(stamp), canonical)

    def presign(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        expires_in: str,
        at: int,
        strict: bool,
    ) -> str:
        """Return the URL with the signature in its query.

        `expires_in` is any text: which one a service takes is the caller's to know. Without
        `strict`, so are the method and the headers: nothing is sent here, and boto3 presigns what
        no client could send.
        """
        presigned = self._presigned(method, url, headers, body, expires_in, at, strict)
        return f"{presigned.url}&X-Amz-Signature={self.signature(presigned.stamp, presigned.text)}"

    def presign_stages(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        expires_in: str,
        at: int,
        strict: bool,
    ) -> tuple[str, str]:
        """Return the canonical request and the string to sign of `presign`."""
        presigned = self._presigned(method, url, headers, body, expires_in, at, strict)
        scope = self.scope(presigned.stamp)
        text = string_to_sign(presigned.stamp, scope, presigned.text)
        return presigned.text.decode(), text

    def event_signer(self, seed_signature: str) -> EventSigner:
        """Return a chain of signed event-stream messages."""
        return EventSigner(seed_signature, self.key, self.scope)

    def scope(self, stamp: str) -> str:
        """Return the credential scope of a timestamp."""
        return f"{stamp[:8]}/{self._region}/{self._service}/{TERMINATOR}"

    def key(self, stamp: str) -> bytes:
        """Return the signing key of a timestamp."""
        return self._key.get(self._secret_access_key, stamp[:8], self._region, self._service)

    def signature(self, stamp: str, canonical: bytes) -> str:
        """Return the signature of a canonical request."""
        text = string_to_sign(stamp, self.scope(stamp), canonical)
        return hmac.digest(self.key(stamp), text.encode(), "sha256").hex()

    def canonical(
        self, request: Request, headers: "list[tuple[bytes, bytes]]", payload_hash: bytes
    ) -> bytes:
        """Return the canonical request of a checked request and its headers."""
        path = canonical_path(
            request.url.path.encode(),
            normalize=self._normalize_path,
            double_encode=self._double_encode,
        )
        query = canonical_query(query_pairs((request.url.query or "").encode()))
        signed = signed_headers(without_unsigned(headers))
        return canonical_request(request.method, path, query, signed, payload_hash)

    def _prepared(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        at: int,
    ) -> "tuple[bytes, str, list[tuple[str, str]]]":
        """Return the canonical request, the timestamp and the headers to add before the last."""
        request = Request(method, url, headers, body)
        stamp = timestamp.from_epoch(at)
        added = [("X-Amz-Date", stamp)]
        if self._token:
            added.append(("X-Amz-Security-Token", self._token))
        given_hash = request.header(b"x-amz-content-sha256")
        payload_hash = request.payload_hash if given_hash is None else given_hash
        if self._content_sha256_header and given_hash is None:
            added.append(("X-Amz-Content-SHA256", payload_hash.decode()))
        own = [(name.encode(), value.encode()) for name, value in added]
        canonical = self.canonical(request, request.with_host() + own, payload_hash)
        return canonical, stamp, added

    def _presigned(
        self,
        method: str,
        url: str,
        headers: "list[tuple[str, str]]",
        body: "bytes | str",
        expires_in: str,
        at: int,
        strict: bool,
    ) -> Presigned:
        for argument in (method, url, expires_in):
            argument.encode()
        given = Request(method, url, headers, body, strict=strict)
        stamp = timestamp.from_epoch(at)
        credential = f"{self._access_key_id}/{self.scope(stamp)}"
        presigned_url = unsigned_url(given, stamp, credential, expires_in, self._token)
        request = Request(method, presigned_url, headers, body, strict=strict)
        return Presigned(presigned_url, stamp, self._as_given(request))


def string_to_sign(stamp: str, scope: str, canonical: bytes) -> str:
    """Return algorithm, time, credential scope and the canonical request's hash, a line each."""
    return f"{ALGORITHM}\n{stamp}\n{scope}\n{sha256_hex(canonical)}"
