"""The pure twin of `server`. Its native twin: _native/server.py."""

from sagewire._pure.server.accept import Server
from sagewire._pure.server.call import Call

__all__ = ["Call", "Server"]
