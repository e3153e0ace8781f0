"""Taking a URL, or a request target, apart. Twin: rust/core/src/sigv4/url.rs."""

from sagewire._pure.sigv4.error import invalid_argument
from sagewire.exceptions import InvalidArgumentError

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Url:
    """The parts of a URL that are signed, as they stand in it."""

    __slots__ = ("host", "origin", "path", "port", "query")

    def __init__(self, url: str) -> None:
        if any(character < " " or character == "\x7f" for character in url):
            raise _refused("it holds a control character")
        url = url.partition("#")[0]
        scheme, found, rest = url.partition("://")
        default_port = _DEFAULT_PORTS.get(_lower_ascii(scheme))
        if not found or default_port is None:
            raise _refused("it has no http scheme")
        ends = [place for place in (rest.find("/"), rest.find("?")) if place >= 0]
        end = min(ends, default=len(rest))
        target = rest[end:]
        address = rest[:end].rpartition("@")[2]
        colon = address.rfind(":")
        host, port = address, ""
        if colon >= 0 and "]" not in address[colon:]:
            host, port = address[:colon], address[colon + 1 :]
        if host in ("", "[]"):
            raise _refused("it has no host")
        if any(not "!" <= character <= "~" for character in host):
            raise _refused("its host has a character outside visible ASCII")
        self.host = host
        self.port = _port(port, default_port)
        self.origin = url[: len(url) - len(target)]
        self.path, mark, query = target.partition("?")
        # The part after the question mark; `None` where there is no question mark.
        self.query = query if mark else None

    def host_header(self) -> str:
        """Return the `Host` header: lower case, the port only if it is not the scheme's own."""
        host = self.host.lower()
        return host if self.port is None else f"{host}:{self.port}"


def _port(digits: str, default_port: int) -> "int | None":
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit()):
        raise _refused("its port is not a number")
    if len(digits.lstrip("0")) > 5 or int(digits) > 65535:
        raise _refused("its port is over 65535")
    return None if int(digits) == default_port else int(digits)


def _lower_ascii(text: str) -> str:
    return text.lower() if text.isascii() else text


def _refused(problem: str) -> InvalidArgumentError:
    return invalid_argument("url", problem, "an absolute http or https URL")


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Take a request target apart, as a server sees it: `/path?query`, or a whole URL."""
    if not target.startswith(b"/"):
        _, found, after = target.partition(b"://")
        if found:
            ends = [place for place in (after.find(b"/"), after.find(b"?")) if place >= 0]
            target = after[min(ends, default=len(after)) :]
    path, _, query = target.partition(b"?")
    return path, query
