"""What can go wrong on the wire, as scripts for a peer, and what is to become of a call.

A `Fault` knows no client: `script(answer)` makes the peer's script for the answer that an operation
would have got, and `ends` says how a call with one attempt ends, by operation where they differ.
Tests turn every fault against every operation, plain and under TLS, with any driver.
"""

import time
from dataclasses import dataclass
from typing import Any

# For the faults that only a limit ends: whenever it passes, the end is the same.
SHORT_SECONDS = 0.1
# For all others: longer than a peer's pauses on a busy machine.
LONG_SECONDS = 15.0
OK = "ok"
CLOSED = "ConnectionClosedError"
NOBODY = "EndpointConnectionError"
TIMED_OUT = "ReadTimeoutError"
BROKEN = "ResponseStreamingError"


@dataclass(frozen=True)
class Fault:
    """A fault: the peer's script, and how a call ends.

    `ends` is an exception's name or `"ok"`, or either of several, or a dict of these by operation,
    with `None` for all others; `deadline` is for calls that only their deadline ends; `calls` are
    made one after another on one client, each when the peer is done with the connection of the one
    before; `requests` are all that may arrive. `seconds` is the read time-out.
    """

    name: str
    script: Any
    ends: Any
    deadline: "float | None" = None
    calls: int = 1
    requests: "int | None" = None

    @property
    def seconds(self) -> float:
        return SHORT_SECONDS if self.ends == TIMED_OUT else LONG_SECONDS

    def __str__(self) -> str:
        return self.name

    def ends_of(self, operation: str) -> "tuple[str, ...]":
        """Return how a call of an operation may end."""
        ends = self.ends
        if isinstance(ends, dict):
            ends = ends.get(operation, ends[None])
        return ends if isinstance(ends, tuple) else (ends,)


def head_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _sends(pieces, then):
    """Make scripts that read a request, send pieces of the answer, and end in some way."""

    def made(answer):
        def script(link):
            while link.request() is not None:
                for piece in pieces(answer):
                    link.send(piece)
                if then != "keep":
                    return getattr(link, then)()
            return None

        return script

    return made


def _before_the_request(then):
    def made(_answer):
        def script(link):
            getattr(link, then)()

        return script

    return made


def _during_the_request(_answer):
    def script(link):
        link.read_some(10)
        link.reset()

    return script


def _drips(answer):
    def script(link):
        while link.request() is not None:
            link.drip(answer)

    return script


def _drips_for_ever(place):
    def made(answer):
        def script(link):
            link.request()
            link.send(place(answer))
            while not link.peer.left.is_set():
                link.send(b"x")
                time.sleep(0.02)

        return script

    return made


def _endless(piece):
    def made(_answer):
        def script(link):
            link.request()
            while not link.peer.left.is_set():
                link.send(piece)

        return script

    return made


def _with_header(line):
    def made(answer):
        status, _, rest = answer.partition(b"\r\n")
        return _sends(lambda _: [status + b"\r\n" + line + rest], "close")(answer)

    return made


def _redirects(status):
    location = b"Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    raw = b"HTTP/1.1 " + status + b"\r\n" + location
    return _sends(lambda _: [raw], "keep")


def _dies_idle(then):
    """Answer once per connection, and end it when nobody is looking."""

    def made(answer):
        def script(link):
            if link.request() is not None:
                link.send(answer)
                time.sleep(0.05)
                getattr(link, then)()

        return script

    return made


def _half(answer: bytes) -> bytes:
    head = head_of(answer)
    return head + answer[len(head) :][: (len(answer) - len(head)) // 2]


def _mid_head(answer: bytes) -> bytes:
    return head_of(answer)[:-10]


_STORM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

# The body of invoke_endpoint_async is the client's to read. One that is cut short counts, as for
# boto3: the input was accepted, and the locations are in the headers.
ASYNC = "invoke_endpoint_async"
CUT = {ASYNC: OK, None: BROKEN}
RESET_IN_BODY = {ASYNC: CLOSED, None: BROKEN}

FAULTS = [
    # Before any answer.
    # A reset may come while the connection is still being made.
    Fault("reset before the request", _before_the_request("reset"), (CLOSED, NOBODY)),
    Fault("closed before the request", _before_the_request("close"), CLOSED),
    Fault("reset during the request", _during_the_request, CLOSED),
    Fault("reset before the head", _sends(lambda _: [], "reset"), CLOSED),
    Fault("closed before the head", _sends(lambda _: [], "close"), CLOSED),
    Fault("half-closed before the head", _sends(lambda _: [], "half_close"), CLOSED),
    Fault("stalled before the head", _sends(lambda _: [], "stall"), TIMED_OUT),
    # In the head.
    Fault("reset in the head", _sends(lambda a: [_mid_head(a)], "reset"), CLOSED),
    Fault("closed in the head", _sends(lambda a: [_mid_head(a)], "close"), CLOSED),
    Fault("stalled in the head", _sends(lambda a: [_mid_head(a)], "stall"), TIMED_OUT),
    Fault("garbage", _sends(lambda _: [b"\x00\xffgarbage\r\n\r\n"], "close"), CLOSED),
    Fault("an endless first line", _endless(b"x" * 1000), CLOSED),
    Fault("an oversized header", _with_header(b"A: " + b"b" * 70_000 + b"\r\n"), CLOSED),
    Fault("too many headers", _with_header(b"A: b\r\n" * 150), CLOSED),
    Fault("a head that drips", _drips, OK),
    Fault(
        "a head that drips for ever",
        _drips_for_ever(_mid_head),
        "DeadlineExceededError",
        deadline=SHORT_SECONDS,
    ),
    Fault("a storm of 1xx", _sends(lambda a: [_STORM * 1000, a], "keep"), OK),
    Fault(
        "an endless storm of 1xx",
        _endless(_STORM),
        "DeadlineExceededError",
        deadline=SHORT_SECONDS,
    ),
    Fault(
        "lengths that differ",
        _with_header(b"Content-Length: 1\r\nContent-Length: 2\r\n"),
        "HTTPClientError",
    ),
    Fault("a redirect", _redirects(b"302 Found"), "ClientError", requests=1),
    Fault("a redirect to be repeated", _redirects(b"307 Elsewhere"), "ClientError", requests=1),
    Fault("a permanent redirect", _redirects(b"308 Moved"), "ClientError", requests=1),
    # In the body.
    Fault("reset after the head", _sends(lambda a: [head_of(a)], "reset"), RESET_IN_BODY),
    Fault("closed after the head", _sends(lambda a: [head_of(a)], "close"), CUT),
    Fault("stalled after the head", _sends(lambda a: [head_of(a)], "stall"), TIMED_OUT),
    Fault("reset in the body", _sends(lambda a: [_half(a)], "reset"), RESET_IN_BODY),
    Fault("closed in the body", _sends(lambda a: [_half(a)], "close"), CUT),
    Fault("half-closed in the body", _sends(lambda a: [_half(a)], "half_close"), CUT),
    Fault("stalled in the body", _sends(lambda a: [_half(a)], "stall"), TIMED_OUT),
    Fault("a body that drips", _drips, OK),
    Fault("bytes behind the body", _sends(lambda a: [a + b"HTTP/1.1 200 Forged\r\n"], "stall"), OK),
    Fault("half-closed behind the body", _sends(lambda a: [a], "half_close"), OK),
    # Between calls: the next one must not notice.
    Fault("closed idle", _dies_idle("close"), OK, calls=3, requests=3),
    Fault("reset idle", _dies_idle("reset"), OK, calls=3, requests=3),
]
