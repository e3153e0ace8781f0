"""A request's head, from bytes. RFC 9112.

The native twin leaves this to hyper. What is accepted and what is answered to nonsense is hyper's:
`400` or `431` without a body, and the end of the connection.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = list[tuple[str, str]]

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 100
# The largest length that hyper counts to.
MAX_LENGTH = 2**64 - 3
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# What hyper refuses in targets; more than that is refused by nobody and routed nowhere.
FORBIDDEN_IN_PATH = frozenset(b"<>`")
FORBIDDEN_IN_QUERY = frozenset(b'"<>')
NOT_IN_AUTHORITY = frozenset(b'/?"{}|\\^')
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
        """Whether the connection may carry another request after this one.

        Not after one with two lengths: whoever sent it may see another end (RFC 9112, section 6.1).
        """
        if self.values("transfer-encoding") and self.values("content-length"):
            return False
        if self.version == 10:
            return self.has_token("connection", "keep-alive")
        return not self.has_token("connection", "close")


class Beginning:
    """What has arrived of a head: each byte is looked at once, however slowly they come."""

    __slots__ = ("_line", "_looked", "_searched", "_value")

    def __init__(self) -> None:
        self._searched = 0
        # Where the line begins that is not complete, where its value does, if it has come so far,
        # and where the bytes begin that nobody has looked at.
        self._line = self._value = self._looked = 0

    def end(self, buffer: bytearray) -> int:
        """Return how many bytes the head has, or 0 while its end has not arrived."""
        # The mark of the end may have begun in what was there before.
        start = max(0, self._searched - 3)
        self._searched = len(buffer)
        ends = [
            place + len(mark)
            for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n")
            if (place := buffer.find(mark, start)) >= 0
        ]
        return min(ends, default=0)

    def check(self, buffer: bytearray) -> None:
        """Raise `BadRequestError` for what cannot become a head, whatever follows."""
        while (end := buffer.find(b"\n", self._looked)) >= 0:
            line = bytes(buffer[self._line : end]).removesuffix(b"\r")
            if self._line:
                _header(line)
            else:
                _request_line(line)
            self._line = self._looked = end + 1
            self._value = 0
        # Of a header a carriage return may be the first half of its end.
        end = len(buffer) - (self._line > 0 and buffer.endswith(b"\r"))
        if not self._value:
            mark = buffer.find(b":" if self._line else b" ", self._looked)
            name_ends = end if mark < 0 else mark
            if mark == self._line or not TOKEN.issuperset(buffer[self._looked : name_ends]):
                raise BadRequestError(400)
            self._looked = name_ends
            if mark >= 0:
                self._value = self._looked = mark + 1
        if self._value:
            # The rest of the first line is judged when it is complete.
            if self._line and not FORBIDDEN_IN_VALUE.isdisjoint(buffer[self._looked : end]):
                raise BadRequestError(400)
            self._looked = end


def parsed(raw: bytes) -> Head:
    """Return the head; raise `BadRequestError` for what is none."""
    if len(raw) > MAX_HEAD_BYTES:
        raise BadRequestError(431)
    first, *lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    method, target, version = _request_line(first)
    if len(lines) > MAX_HEADERS:
        raise BadRequestError(431)
    head = Head(method, target, version, [_header(line) for line in lines])
    body_length(head)
    return head


def _header(line: bytes) -> "tuple[str, str]":
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not name or not TOKEN.issuperset(name):
        raise BadRequestError(400)
    if not FORBIDDEN_IN_VALUE.isdisjoint(value):
        raise BadRequestError(400)
    return name.decode("ascii").lower(), value.decode("latin-1")


def _request_line(line: bytes) -> "tuple[str, str, int]":
    """Return method, target and version (10 or 11)."""
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[0] or not TOKEN.issuperset(parts[0]):
        raise BadRequestError(400)
    target, version = parts[1], parts[2]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not target or min(target) <= 32:
        raise BadRequestError(400)
    return parts[0].decode("ascii"), _origin_form(target), int(version[-1:]) + 10


def _origin_form(target: bytes) -> str:
    """Return path and query, without the scheme and host of an absolute target."""
    try:
        target.decode()
    except UnicodeDecodeError:
        raise BadRequestError(400) from None
    target = target.partition(b"#")[0]
    if b"://" in target and not target.startswith(b"/"):
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.partition(b"?")
    if not FORBIDDEN_IN_PATH.isdisjoint(path) or not FORBIDDEN_IN_QUERY.isdisjoint(query):
        raise BadRequestError(400)
    if not target or (not target.startswith(b"/") and not NOT_IN_AUTHORITY.isdisjoint(target)):
        raise BadRequestError(400)
    return target.decode("latin-1")


def body_length(head: Head) -> "int | None":
    """Return the body's length, or None for a chunked one. RFC 9112, section 6.3."""
    lengths = set()
    for name, value in head.headers:
        if name == "transfer-encoding":
            _check_codings(head)
            return None
        if name == "content-length":
            lengths.add(_length(value))
    if len(lengths) > 1:
        raise BadRequestError(400)
    return lengths.pop() if lengths else 0


def _check_codings(head: Head) -> None:
    """Raise `BadRequestError` unless the body's end can be found."""
    last = head.values("transfer-encoding")[-1].lower().rpartition(",")[2].strip()
    if head.version == 10 or last != "chunked":
        raise BadRequestError(400)


def _length(value: str) -> int:
    if len(value) > 20 or not value.isascii() or not value.isdigit() or int(value) >= 2**64:
        raise BadRequestError(400)
    if int(value) > MAX_LENGTH:
        raise BadRequestError(431)
    return int(value)
