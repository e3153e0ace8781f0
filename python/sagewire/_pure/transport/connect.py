"""A TCP connection to one of a host's addresses. Twin: rust/net/src/transport/connect.rs."""

import socket

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire.exceptions import EndpointConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.transport.lookup import Address


def connect(
    addresses: "list[Address]",
    connect_timeout: "float | None",
    deadline: Deadline,
    url: str,
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
            return _connect_to(family, kind, protocol, address, limit, deadline, keepalive)
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
    keepalive: bool,
) -> socket.socket:
    connected = socket.socket(family, kind, protocol)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.settimeout(deadline.wait(limit.left(), CONNECTING))
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected
