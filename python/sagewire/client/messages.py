"""A request and an answer as event handlers see them: botocore's objects, by names and manners.

Only calls of a client with handlers make these; `http.client` is loaded with the first one.
"""

from http.client import HTTPMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


class AWSRequest:
    """A request that is being made: `request-created` and `before-sign` handlers may change it.

    `headers` is an `http.client.HTTPMessage`: setting a name twice sends the last value. `data` is
    the body, `context` what handlers share with each other and with the call.
    """

    def __init__(
        self,
        *,
        method: str,
        url: str,
        headers: "Iterable[tuple[str, str]]",
        data: "Any",
        context: "dict[str, Any]",
        stream_output: bool,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = HTTPMessage()
        for name, value in headers:
            self.headers[name] = value
        self.data = data
        self.params: dict[str, Any] = {}
        self.auth_path = None
        self.stream_output = stream_output
        self.context = context

    @property
    def body(self) -> "Any":
        """The body as it will be sent: `None` for an empty one, text as UTF-8."""
        data = None if self.data == b"" else self.data
        return data.encode("utf-8") if isinstance(data, str) else data


class AWSPreparedRequest:
    """A request that is about to be sent: `before-send` handlers may change it.

    Values of `headers` are bytes, as they will stand on the wire.
    """

    def __init__(
        self,
        *,
        method: str,
        url: str,
        headers: "HeadersDict",
        body: "Any",
        stream_output: bool,
        context: "dict[str, Any]",
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.stream_output = stream_output
        self.context = context

    def __repr__(self) -> str:
        # Not its headers, which hold a signature, and a token perhaps.
        return f"<AWSPreparedRequest method={self.method}, url={self.url.partition('?')[0]}>"


class AWSResponse:
    """An answer: what `response-received`, `needs-retry` and `after-call` handlers see.

    `raw` has `read`; `content` reads all of it, at its first use.
    """

    def __init__(
        self, url: str, status_code: int, headers: "Any", raw: "Any", content: "bytes | None" = None
    ) -> None:
        self.url = url
        self.status_code = status_code
        self.headers = HeadersDict(headers)
        self.raw = raw
        self._content = content

    @property
    def content(self) -> bytes:
        """The whole body."""
        if self._content is None:
            self._content = self.raw.read()
        return self._content

    @property
    def text(self) -> str:
        """The whole body as text, in the character set that its `Content-Type` names.

        Without one, `text/...` is Latin-1 and everything else UTF-8.
        """
        content_type = self.headers.get("content-type") or ""
        message = HTTPMessage()
        message["Content-Type"] = content_type
        fallback = "ISO-8859-1" if "text" in content_type else "utf-8"
        return self.content.decode(str(message.get_param("charset", fallback)))


class HeadersDict:
    """Headers by names of any casing; a name keeps the place and the casing it first had."""

    def __init__(self, items: "Any" = ()) -> None:
        self._items: dict[str, tuple[str, Any]] = {}
        self.update(items)

    def __getitem__(self, name: str) -> "Any":
        return self._items[name.lower()][1]

    def __setitem__(self, name: str, value: "Any") -> None:
        first = self._items.get(name.lower(), (name, None))[0]
        self._items[name.lower()] = (first, value)

    def __delitem__(self, name: str) -> None:
        del self._items[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> "Iterator[str]":
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if not hasattr(other, "items"):
            return NotImplemented
        theirs = HeadersDict(other)._items
        return {name: value for name, (_, value) in self._items.items()} == {
            name: value for name, (_, value) in theirs.items()
        }

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # Values may be secrets.
        return f"<HeadersDict {list(self)}>"

    def get(self, name: str, default: "Any" = None) -> "Any":
        """Return a header's value, or `default`."""
        return self._items.get(name.lower(), (name, default))[1]

    def pop(self, name: str, *default: "Any") -> "Any":
        """Remove a header and return its value, or `default` if that is given."""
        return self._items.pop(name.lower(), *((name, value) for value in default))[1]

    def setdefault(self, name: str, default: "Any" = None) -> "Any":
        """Return a header's value; set it to `default` if there is none."""
        return self._items.setdefault(name.lower(), (name, default))[1]

    def update(self, items: "Any" = (), **named: "Any") -> None:
        """Set headers from a mapping or pairs."""
        pairs = items.items() if hasattr(items, "items") else items
        for name, value in [*pairs, *named.items()]:
            self[name] = value

    def keys(self) -> "list[str]":
        """Return the names."""
        return list(self)

    def values(self) -> "list[Any]":
        """Return the values."""
        return [value for _, value in self._items.values()]

    def items(self) -> "list[tuple[str, Any]]":
        """Return names and values."""
        return list(self._items.values())

    def copy(self) -> "HeadersDict":
        """Return a copy."""
        return HeadersDict(self)
