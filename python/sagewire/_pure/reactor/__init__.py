"""The transport turned by an event loop, pure: over sockets that the loop watches.

```text
channel.py     the bytes of a connection as they arrive, held back while nobody reads
head.py        finds the end of a head
body.py        where a body ends, and one read of it
connection.py  an exchange: a request out, a response in
pool.py        connections to one origin
pace.py        how much is done in one round of the loop
```

Native: rust/net/src/reactor.
"""

from sagewire._pure.reactor.connection import Connection, Response
from sagewire._pure.reactor.pool import Pool

__all__ = ["Connection", "Pool", "Response"]
