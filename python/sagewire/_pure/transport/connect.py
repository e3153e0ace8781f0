"""A TCP connection to one of the host's addresses. Twin: rust/net/src/transport/connect.rs."""

import socket

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire.exceptions import ConnectTimeoutError, EndpointConnectionError


def connect(
    host: str,
    port: int,
    limit: Countdown,
    deadline: Deadline,
    url: str,
    *,
    keepalive: bool,
) -> socket.socket:
    """Connect to the first address that answers, in the order of the resolver.

    `limit` is what is left of the connect time-out. The look-up of the name has the resolver's
    own time-out.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EndpointConnectionError(endpoint_url=url, error=str(error)) from None
    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        try:
            return _connect_to(family, kind, protocol, address, limit, deadline, keepalive)
        except TimeoutError:
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        except OSError as error:
            failure = error
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
