"""The transport, pure: a pool of connections to one origin, over the standard library's client.

    deadline.py  how long a wait may last, and which limit ended it
    lookup.py    from a name to its addresses, in a bounded time
    connect.py   a TCP connection to one of the addresses
    proxy.py     a tunnel through a proxy
    tls.py       TLS over it
    nested.py    TLS over TLS
    trust.py     why TLS does not trust
    group.py     connections in use that can be ended together
    pool.py      idle connections, most recently used first
    wire.py      the receiving half of a socket, buffered
    head.py      a request's head out, a response's head in
    template.py  a request's head, of what all calls share and of what is one's own
    identity.py  the ids of calls
    shortcut.py  a whole call, if it is plainly right and goes well
    timing.py    how long each part of an exchange took
    exchange.py  a request out, a response in, its body as it is asked for

Its native twin is _native/transport.py over rust/net/src/transport, file by file.
"""

from sagewire._pure.transport.exchange import Connection, Response
from sagewire._pure.transport.identity import identities
from sagewire._pure.transport.pool import Pool
from sagewire._pure.transport.proxy import Proxy
from sagewire._pure.transport.shortcut import Shortcut
from sagewire._pure.transport.template import Template
from sagewire._pure.transport.tls import TlsSettings

__all__ = ["Connection", "Pool", "Proxy", "Response", "Shortcut", "Template", "TlsSettings",
           "identities"]  # fmt: skip
