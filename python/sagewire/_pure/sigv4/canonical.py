"""The canonical request. Twin: rust/core/src/sigv4/canonical.rs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Headers that a proxy or the HTTP client may change on the way; botocore's list.
NOT_SIGNED = frozenset(
    (
        b"authorization",
        b"baggage",
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"traceparent",
        b"tracestate",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"user-agent",
        b"x-amzn-trace-id",
    )
)

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = UNRESERVED | {ord("/")}
_SENDABLE = frozenset(range(0x21, 0x7F))
_HEXDIGITS = frozenset(b"0123456789abcdefABCDEF")


def percent_encode(text: bytes, kept: frozenset[int] = UNRESERVED) -> bytes:
    """Return `text` with all bytes but the kept ones percent-encoded."""
    if kept.issuperset(text):
        return text
    return b"".join(b"%c" % byte if byte in kept else b"%%%02X" % byte for byte in text)


def canonical_path(path: bytes, *, normalize: bool, double_encode: bool) -> bytes:
    """Return the canonical path.

    `normalize` removes dot segments (RFC 3986, section 5.2.4) and doubled slashes. Every byte
    outside `A-Za-z0-9-._~/` is then percent-encoded: with `double_encode` also the percent signs of
    what is encoded already, as every service but S3 wants it.
    """
    if not normalize:
        return _encoded_path(path or b"/", double_encode=double_encode)
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    joined = b"".join(
        b"/" + _encoded_path(segment, double_encode=double_encode) for segment in kept
    )
    return joined + b"/" if not kept or path.endswith(b"/") else joined


def _encoded_path(path: bytes, *, double_encode: bool) -> bytes:
    if double_encode:
        return percent_encode(path, _PATH)
    first, *rest = path.split(b"%")
    encoded = [percent_encode(first, _PATH)]
    for part in rest:
        is_escape = len(part) >= 2 and _HEXDIGITS.issuperset(part[:2])
        encoded.append(b"%" if is_escape else b"%25")
        encoded.append(percent_encode(part, _PATH))
    return b"".join(encoded)


def query_pairs(query: bytes) -> list[bytes]:
    """Return the pairs of a query; none for an empty one."""
    return query.split(b"&") if query else []


def canonical_query(pairs: "Iterable[bytes]") -> bytes:
    """Return the canonical query: the pairs as they stand, sorted, each with its `=`.

    A byte that cannot stand in a request target (space, control, non-ASCII) is percent-encoded,
    because that is how it is sent.
    """
    split = []
    for pair in pairs:
        key, _, value = pair.partition(b"=")
        split.append((percent_encode(key, _SENDABLE), percent_encode(value, _SENDABLE)))
    return b"&".join(key + b"=" + value for key, value in sorted(split))


def signed_headers(headers: "Iterable[tuple[bytes, bytes]]") -> list[tuple[bytes, bytes]]:
    """Return the headers that are signed: lower-case names in order, repeats joined by commas.

    Values are trimmed and their white space collapsed. White space is ASCII's, since that is all a
    server can see: the bytes of U+00A0 are not a space.
    """
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        key = name.lower()
        collapsed = b" ".join(value.split())
        joined[key] = joined[key] + b"," + collapsed if key in joined else collapsed
    return sorted(joined.items())


def without_unsigned(headers: "Iterable[tuple[bytes, bytes]]") -> "list[tuple[bytes, bytes]]":
    """Return all headers but those that may change on the way."""
    return [(name, value) for name, value in headers if name.lower() not in NOT_SIGNED]


def canonical_request(
    method: bytes,
    path: bytes,
    query: bytes,
    headers: "list[tuple[bytes, bytes]]",
    payload_hash: bytes,
) -> bytes:
    """Return the canonical request; `path`, `query` and `headers` are canonical already."""
    return b"\n".join(
        (
            method,
            path,
            query,
            b"".join(b"%b:%b\n" % header for header in headers),
            b";".join(name for name, _ in headers),
            payload_hash,
        )
    )
