"""A request's head, from bytes. RFC 9112.

The native twin leaves this to hyper. What is accepted and what is answered to nonsense is hyper's:
`400` or `431` without a body, and the end of the connection.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = list[tuple[str, str]]

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 100
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
FORBIDDEN_IN_VALUE = frozenset(range(32)) - {9} | {127}


class BadRequestError(Exception):
    """What arrived is not HTTP/1.1, or more than is accepted."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head:
    """A request's head. Names are lower case; text is the bytes read as Latin-1."""

    __slots__ = ("headers", "method", "target", "version")

    def __init__(self, method: str, target: str, version: int, headers: "Pairs") -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers

    def values(self, name: str) -> "list[str]":
        """Return every value of a header."""
        return [value for known, value in self.headers if known == name]

    def has_token(self, name: str, token: str) -> bool:
        """Tell whether a list-valued header has this word."""
        words = ",".join(self.values(name)).lower().split(",")
        return token in (word.strip() for word in words)

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another request after this one."""
        if self.version == 10:
            return self.has_token("connection", "keep-alive")
        return not self.has_token("connection", "close")


def end_of_head(buffer: bytearray) -> int:
    """Return how many bytes a head has, or 0 while its end has not arrived."""
    ends = [
        place + len(mark)
        for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n")
        if (place := buffer.find(mark)) >= 0
    ]
    return min(ends, default=0)


def parsed(raw: bytes) -> Head:
    """Return the head; raise `BadRequestError` for what is none."""
    if len(raw) > MAX_HEAD_BYTES:
        raise BadRequestError(431)
    first, *lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    method, target, version = request_line(first)
    if len(lines) > MAX_HEADERS:
        raise BadRequestError(431)
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not name or not TOKEN.issuperset(name):
            raise BadRequestError(400)
        if not FORBIDDEN_IN_VALUE.isdisjoint(value):
            raise BadRequestError(400)
        headers.append((name.decode("ascii").lower(), value.decode("latin-1")))
    head = Head(method, target, version, headers)
    body_length(head)
    return head


def request_line(line: bytes) -> "tuple[str, str, int]":
    """Return method, target and version (10 or 11)."""
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[0] or not TOKEN.issuperset(parts[0]):
        raise BadRequestError(400)
    target, version = parts[1], parts[2]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not target or min(target) <= 32:
        raise BadRequestError(400)
    return parts[0].decode("ascii"), _origin_form(target.decode("latin-1")), int(version[-1:]) + 10


def _origin_form(target: str) -> str:
    """Return path and query, without the scheme and host of an absolute target."""
    target = target.partition("#")[0]
    if target.startswith("/") or "://" not in target:
        return target
    rest = target.partition("://")[2]
    return "/" + rest.partition("/")[2]


def body_length(head: Head) -> "int | None":
    """Return the body's length, or None for a chunked one. RFC 9112, section 6.3."""
    codings = head.values("transfer-encoding")
    if codings:
        last = codings[-1].lower().rpartition(",")[2].strip()
        if head.version == 10 or last != "chunked":
            raise BadRequestError(400)
        return None
    lengths = set(head.values("content-length"))
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not length.isascii() or not length.isdigit() or int(length) >= 2**64:
        raise BadRequestError(400)
    return int(length)
