"""A TCP connection to one of a host's addresses. Twin: rust/net/src/transport/connect.rs."""

import os
import select
import socket

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire.exceptions import EndpointConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewire._pure.transport.lookup import Address
    from sagewire._pure.transport.watch import Watch


def connect(
    addresses: "list[Address]",
    connect_timeout: "float | None",
    deadline: Deadline,
    url: str,
    watch: "Callable[[], Watch]",
    *,
    keepalive: bool,
) -> socket.socket:
    """Connect to the first address that answers. Each has the whole connect time-out, as in boto3.

    Raises the failure of the last one: `EndpointConnectionError`, or `TimeoutError`.
    """
    failure: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        limit = Countdown(connect_timeout)
        try:
            return _connect_to(family, kind, protocol, address, limit, deadline, watch(), keepalive)
        except OSError as error:
            deadline.check(CONNECTING)
            failure = error
    if isinstance(failure, TimeoutError):
        raise failure
    raise EndpointConnectionError(endpoint_url=url, error=str(failure))


def _connect_to(
    family: int,
    kind: int,
    protocol: int,
    address: "tuple[str | int, ...] | tuple[int, bytes]",
    limit: Countdown,
    deadline: Deadline,
    watch: "Watch",
    keepalive: bool,
) -> socket.socket:
    connected = socket.socket(family, kind, protocol)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        left = deadline.wait(limit.left(), CONNECTING)
        connected.settimeout(watch.slice(left))
        try:
            connected.connect(address)
        except TimeoutError as error:
            if error.errno is not None:  # the system's own limit
                raise
            while watch.look(left):
                left = deadline.wait(limit.left(), CONNECTING)
                if _is_over(connected, watch.slice(left)):
                    break
            else:
                raise
    except BaseException:
        connected.close()
        raise
    return connected


def _is_over(connecting: socket.socket, seconds: "float | None") -> bool:
    """Wait for a connection to be there; raise what became of it instead."""
    poll = select.poll()
    poll.register(connecting, select.POLLOUT)
    if not poll.poll(None if seconds is None else seconds * 1000):
        return False
    number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
    return True
