"""The pure twin of `server`. Its native twin: _native/server.py."""

from sagewire._pure.server.accept import FrontDoor
from sagewire._pure.server.call import Call
from sagewire._pure.server.lookups import Lookup

__all__ = ["Call", "FrontDoor", "Lookup"]
