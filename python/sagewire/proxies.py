"""Which proxy is on the way to an endpoint, and what is said to it. Decided once, as in boto3.

`Config(proxies=...)` names a proxy by the endpoint's scheme; without it the environment does
(`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` in either casing, as the standard library reads them).
"""

import sys

from sagewire.exceptions import HTTPClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.endpoints import Origin

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986, section 3.2.2: what a registered name may hold, which is more than DNS allows.
_HOST_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=%[]:"  # brackets and colons: IPv6
)


class ProxyRoute:
    """A proxy on the way to one endpoint.

    `url` is without user and password. With `tunnel` the proxy connects to the endpoint, whose
    TLS goes through it; else it gets requests that name the endpoint in their target.
    `authorization` is the value of `Proxy-Authorization`, or `None`. `ca_bundle` and `client_cert`
    are for TLS to the proxy itself.
    """

    __slots__ = ("authorization", "ca_bundle", "client_cert", "host", "port", "scheme",
                 "tunnel", "url")  # fmt: skip

    def __init__(self, proxy_url: str, endpoint_scheme: str, options: "Mapping[str, Any]") -> None:
        """Take a proxy's URL apart. Raises `HTTPClientError`, as boto3 does at the first call."""
        url = _with_scheme(proxy_url)
        scheme, _, rest = url.partition("://")
        authority = rest
        for end in "/?#":
            authority = authority.partition(end)[0]
        userinfo, at, host_and_port = authority.rpartition("@")
        user, colon, password = userinfo.partition(":")
        _, stray, visible = rest[len(userinfo) + len(at) :].rpartition("@")
        if stray:
            # Of another scheme (`http://socks5://user:password@host`), or a password that has an
            # end of the authority in it: what precedes the @ may be a secret.
            shown = f"***:***@{visible}"
        else:
            shown = f"{user and '***'}{colon}{password and '***'}{at}{visible}"
        self.scheme = scheme
        self.url = f"{scheme}://{shown}"
        self.host, port = _host_and_port(host_and_port, self.url)
        self.port = _DEFAULT_PORTS[scheme] if port is None else port
        self.authorization = _basic(user, password)
        forward = scheme == "https" and options.get("proxy_use_forwarding_for_https")
        self.tunnel = endpoint_scheme == "https" and not forward
        self.ca_bundle: str | None = options.get("proxy_ca_bundle")
        self.client_cert: Any = options.get("proxy_client_cert")

    def __repr__(self) -> str:
        return f"ProxyRoute({self.url!r}, tunnel={self.tunnel})"


def route_to(origin: "Origin", proxies: "Any", options: "Any") -> "ProxyRoute | None":
    """Return the proxy on the way to an endpoint, or `None` for none.

    `proxies` and `options` are `Config`'s `proxies` and `proxies_config`.

    Raises `HTTPClientError` for settings that boto3 finds wrong at the first call.
    """
    if proxies is None:
        proxy = _of_environment(origin)
    elif hasattr(proxies, "get"):
        proxy = proxies.get(origin.scheme)
    else:
        words = f"proxies: must be a dict of scheme to URL, not {type(proxies).__name__}"
        raise HTTPClientError(error=words)
    if not proxy:
        return None
    if not isinstance(proxy, str):
        words = f"proxies[{origin.scheme!r}]: must be str, not {type(proxy).__name__}"
        raise HTTPClientError(error=words)
    if options is not None and not hasattr(options, "get"):
        words = f"proxies_config: must be a dict, not {type(options).__name__}"
        raise HTTPClientError(error=words)
    return ProxyRoute(proxy, origin.scheme, options or {})


def _of_environment(origin: "Origin") -> "str | None":
    import os

    # Elsewhere the system has settings of its own, which the standard library asks for.
    if sys.platform not in ("darwin", "win32"):
        wanted = f"{origin.scheme}_proxy"
        if not any(name.lower() == wanted for name in os.environ):
            return None
    from urllib.request import getproxies, proxy_bypass

    if proxy_bypass(origin.authority):
        return None
    return getproxies().get(origin.scheme)


def _with_scheme(url: str) -> str:
    """Return a URL with a scheme, by boto3's rule: casing counts, `http` where there is none."""
    for scheme in ("http", "https"):
        if url.startswith(f"{scheme}:"):
            # One slash or none is a URL without a host.
            return f"{scheme}://{url[len(scheme) + 1 :].removeprefix('//')}"
    return f"http://{url.removeprefix('//')}"


def _host_and_port(text: str, shown: str) -> "tuple[str, int | None]":
    unreadable = HTTPClientError(error=f"Failed to parse: {shown}")
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, ""
    host = host.lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise unreadable from None
    if not host:
        raise HTTPClientError(error="No host specified.")
    if not set(host) <= _HOST_CHARACTERS or (":" in host and not host.startswith("[")):
        raise unreadable
    if port and not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise unreadable
    return host.strip("[]"), int(port) if port else None


def _basic(user: str, password: str) -> "str | None":
    if not (user and password):
        return None
    from base64 import b64encode
    from urllib.parse import unquote

    try:
        text = f"{unquote(user)}:{unquote(password)}".encode("ascii")
    except UnicodeEncodeError:
        # Python's own error would show them.
        words = "the proxy's user and password: must be ASCII"
        raise HTTPClientError(error=words) from None
    return f"Basic {b64encode(text).decode('ascii')}"
