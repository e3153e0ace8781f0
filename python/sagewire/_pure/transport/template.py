"""A request's head, made of what all calls of a client share and of what is this attempt's own.

Twin: rust/net/src/transport/template.rs.
"""

import math

from sagewire._pure.transport.deadline import Deadline
from sagewire._pure.transport.head import check_visible, header_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewire._pure.sigv4 import Signer
    from sagewire._pure.transport.exchange import Body, Response
    from sagewire._pure.transport.pool import Pool


class Template:
    """The heads of a client's requests, as far as they are all the same.

    `host` is the `Host` header of the origin, `extra` are headers of every call, which are sent
    and signed in place of a member's of the same name. `proxy_authorization` is for a proxy that is
    given the requests themselves.
    """

    __slots__ = ("_extra", "_extra_lines", "_host", "_leading", "_replaced", "_trailing",
                 "_user_agent")  # fmt: skip

    def __init__(
        self,
        host: str,
        user_agent: str,
        extra: "list[tuple[str, str]]",
        proxy_authorization: "str | None" = None,
    ) -> None:
        self._host = host
        self._extra = list(extra)
        self._replaced = frozenset(name.lower() for name, _ in extra)
        host_value, agent = host.encode(), user_agent.encode()
        encoded = [(name.encode(), value.encode()) for name, value in extra]
        proxy = None if proxy_authorization is None else proxy_authorization.encode()
        self._leading = header_line(b"Host", host_value)
        if "accept-encoding" not in self._replaced:
            self._leading += b"Accept-Encoding: identity\r\n"
        self._user_agent = b""
        if "user-agent" not in self._replaced:
            self._user_agent = header_line(b"User-Agent", agent)
        self._extra_lines = b"".join([header_line(name, value) for name, value in encoded])
        self._trailing = b""
        if proxy is not None:
            self._trailing = header_line(b"Proxy-Authorization", proxy)

    def head(
        self,
        signer: "Signer | None",
        at: int,
        url: str,
        target: str,
        members: "list[tuple[str, str]]",
        payload: "bytes | str",
        length: "int | None",
        trace_id: "str | None",
        identity: str,
        progress: str,
    ) -> bytes:
        """Return an attempt's head, signed for `at` if there is a signer.

        `url` is what is signed, `members` are the headers of the caller's parameters, `payload` is
        the body or its SHA-256 in hex, `length` its length or `None` for a body in chunks.
        `trace_id`, `identity` and `progress` are the values of `X-Amzn-Trace-Id`,
        `amz-sdk-invocation-id` and `amz-sdk-request`. To be asked when the connection is in hand: a
        signature is good for five minutes.
        """
        # What cannot be encoded is found before anything is judged, as in the twin.
        url.encode()
        start = target.encode()
        trace = [] if trace_id is None else [(b"X-Amzn-Trace-Id", trace_id.encode())]
        ends = (
            (b"amz-sdk-invocation-id", identity.encode()),
            (b"amz-sdk-request", progress.encode()),
        )
        encoded = [(name.encode(), value.encode()) for name, value in members]
        if signer is not None and isinstance(payload, str):
            payload.encode()
        check_visible("target", start)
        lines = [b"POST %b HTTP/1.1\r\n" % start, self._leading]
        replaced = self._replaced
        lines += [
            header_line(name, value)
            for name, value in encoded
            if not replaced or name.decode().lower() not in replaced
        ]
        lines.append(self._user_agent)
        lines += [header_line(name, value) for name, value in trace]
        lines.append(self._extra_lines)
        if signer is not None:
            signed = [("host", self._host)]
            signed += [pair for pair in members if pair[0].lower() not in replaced]
            signed += self._extra
            signature = signer.sign("POST", url, signed, payload, at)
            lines += [header_line(name.encode(), value.encode()) for name, value in signature]
        lines += [header_line(name, value) for name, value in ends]
        if length is None:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        else:
            lines.append(b"Content-Length: %d\r\n" % length)
        lines += (self._trailing, b"\r\n")
        return b"".join(lines)

    def attempt(
        self,
        pool: "Pool",
        signer: "Signer | None",
        clock: "Callable[[], float]",
        url: str,
        target: str,
        members: "list[tuple[str, str]]",
        payload: "bytes | str",
        body: "Body",
        length: "int | None",
        trace_id: "str | None",
        identity: str,
        progress: str,
        deadline: "tuple[float, float] | None",
    ) -> "Response":
        """Return the response to an attempt over a connection of `pool`, the body still to be read.

        `clock` says the time to sign for, in seconds since 1970, once the connection is in hand.
        `deadline` is what is left of the whole call's deadline, the body's reading included, and
        how long it was, in seconds.
        """
        left, whole = (None, None) if deadline is None else deadline
        end = Deadline(left, url, whole)

        def make_head() -> "tuple[bytes, bool]":
            at = math.floor(clock())
            head = self.head(
                signer, at, url, target, members, payload, length, trace_id, identity, progress
            )
            return head, length is None

        connection = pool._take_idle(url)  # noqa: SLF001 - one thing
        if connection is None:
            make_head()  # what cannot be sent is refused before anybody is connected to
            connection = pool._take_fresh(url, end)  # noqa: SLF001 - one thing
        return connection._exchange(make_head, body, end)  # noqa: SLF001 - one thing
