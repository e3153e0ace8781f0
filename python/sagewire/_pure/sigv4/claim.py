"""What a request says about its own signature. Twin: rust/core/src/sigv4/claim.rs."""

from sagewire._pure.sigv4 import timestamp
from sagewire._pure.sigv4.canonical import query_pairs
from sagewire._pure.sigv4.error import incomplete, invalid, missing
from sagewire._pure.sigv4.key import TERMINATOR, is_signature
from sagewire._pure.sigv4.presign import MAX_EXPIRES_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_VISIBLE = frozenset(range(0x21, 0x7F))
_VISIBLE_OR_SPACE = _VISIBLE | {0x20}
_HEXDIGITS = frozenset(b"0123456789abcdefABCDEF")
_QUERY_MARKS = (b"X-Amz-Signature", b"X-Amz-Algorithm", b"X-Amz-Credential")


class Claim:
    """A signature as it is claimed: its form is right, nothing of it is proved yet."""

    __slots__ = (
        "access_key_id",
        "date",
        "expires_in",
        "region",
        "service",
        "signature",
        "signed_at",
        "signed_names",
        "stamp",
        "token",
    )

    def __init__(
        self,
        credential: str,
        signed_names: str,
        signature: str,
        date: str,
        token: "str | None",
        expires: "str | None",
    ) -> None:
        scope = credential.rsplit("/", 4)
        if len(scope) != 5:
            raise incomplete(
                "Credential must have exactly 5 slash-delimited elements, "
                "e.g. keyid/date/region/service/term."
            )
        self.access_key_id, self.date, self.region, self.service, terminator = scope
        if terminator != TERMINATOR:
            raise invalid("Credential should be scoped with a valid terminator: 'aws4_request'.")
        signed_at = timestamp.parse(date)
        if signed_at is None:
            raise incomplete("Date must be in ISO-8601 'basic format': YYYYMMDDTHHMMSSZ.")
        self.stamp = date
        self.signed_at = signed_at
        self.signed_names = signed_names.split(";")
        in_order = self.signed_names == sorted(set(self.signed_names))
        if not in_order or signed_names != signed_names.lower() or "" in self.signed_names:
            raise incomplete(
                "SignedHeaders must be lower-case header names in order, each once, "
                "joined by semicolons."
            )
        if not is_signature(signature):
            raise incomplete("Signature must be 64 lower-case hexadecimal digits.")
        self.signature = signature
        # Seconds, of a presigned request only.
        self.expires_in = None if expires is None else _expiry(expires)
        self.token = token or None


def find(query: bytes, headers: "list[tuple[bytes, bytes]]") -> Claim:
    """Find the signature's fields: in the header, or in the query, and never in both."""
    authorization = [value for name, value in headers if name.lower() == b"authorization"]
    in_query = any(name in _QUERY_MARKS for name, _ in parameters(query))
    if authorization and in_query:
        raise incomplete("The request is signed both in its Authorization header and in its query.")
    if in_query:
        return _from_query(query)
    if not authorization:
        raise missing()
    if len(authorization) > 1:
        raise incomplete("The Authorization header is repeated.")
    return _from_header(authorization[0], headers)


def _from_header(value: bytes, headers: "list[tuple[bytes, bytes]]") -> Claim:
    algorithm, _, rest = _visible(value, "Authorization header").strip(" ").partition(" ")
    _check_algorithm(algorithm)
    fields: dict[str, str] = {}
    for part in rest.split(","):
        key, _, text = part.strip(" ").partition("=")
        if key not in ("Credential", "SignedHeaders", "Signature"):
            raise incomplete(
                "Authorization header has a part that is none of Credential, "
                "SignedHeaders and Signature."
            )
        if key in fields:
            raise incomplete(f"Authorization header repeats '{key}'.")
        fields[key] = text
    for key in ("Credential", "SignedHeaders", "Signature"):
        if not fields.get(key):
            raise incomplete(f"Authorization header requires '{key}' parameter.")
    date = _only_header(headers, "x-amz-date")
    if date is None:
        raise incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    token = _only_header(headers, "x-amz-security-token")
    return Claim(
        fields["Credential"], fields["SignedHeaders"], fields["Signature"], date, token, None
    )


def _from_query(query: bytes) -> Claim:
    _check_algorithm(_required(query, "X-Amz-Algorithm"))
    return Claim(
        _required(query, "X-Amz-Credential"),
        _required(query, "X-Amz-SignedHeaders"),
        _required(query, "X-Amz-Signature"),
        _required(query, "X-Amz-Date"),
        _optional(query, "X-Amz-Security-Token"),
        _required(query, "X-Amz-Expires"),
    )


def _required(query: bytes, name: str) -> str:
    value = _optional(query, name)
    if not value:
        raise incomplete(f"AWS query-string parameters must include '{name}'.")
    return value


def _optional(query: bytes, name: str) -> "str | None":
    values = [value for key, value in parameters(query) if key == name.encode()]
    if len(values) > 1:
        raise incomplete(f"Query repeats '{name}'.")
    return _decoded(values[0]) if values else None


def parameters(query: bytes) -> "Iterable[tuple[bytes, bytes]]":
    """Yield the names and values of a query, as they stand."""
    for pair in query_pairs(query):
        name, _, value = pair.partition(b"=")
        yield name, value


def _expiry(text: str) -> int:
    if not (len(text) <= 6 and text.isdigit() and 1 <= int(text) <= MAX_EXPIRES_IN):
        raise incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
    return int(text)


def _check_algorithm(algorithm: str) -> None:
    if algorithm != "AWS4-HMAC-SHA256":
        raise incomplete("The algorithm must be AWS4-HMAC-SHA256.")


def _only_header(headers: "list[tuple[bytes, bytes]]", name: str) -> "str | None":
    values = [value for key, value in headers if key.lower() == name.encode()]
    if len(values) > 1:
        raise incomplete(f"The {name} header is repeated.")
    return _visible(values[0], name).strip(" ") if values else None


def _visible(value: bytes, name: str) -> str:
    if not _VISIBLE_OR_SPACE.issuperset(value):
        raise incomplete(f"The {name} has characters outside visible ASCII.")
    return value.decode()


def _decoded(value: bytes) -> str:
    """Return a parameter's value, percent-decoded; only visible ASCII can stand in it."""
    first, *rest = value.split(b"%")
    decoded = [first]
    for part in rest:
        if len(part) < 2 or not _HEXDIGITS.issuperset(part[:2]):
            raise _not_encoded()
        decoded.append(bytes((int(part[:2], 16),)) + part[2:])
    text = b"".join(decoded)
    if not _VISIBLE.issuperset(text):
        raise _not_encoded()
    return text.decode()


def _not_encoded() -> Exception:
    return incomplete("A query parameter of the signature is not percent-encoded ASCII.")
