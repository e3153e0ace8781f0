"""The native twin of `server`: rust/py/src/server.rs. Its pure twin: _pure/server/."""

from sagewire._native._ext import Call, FrontDoor, Lookup

__all__ = ["Call", "FrontDoor", "Lookup"]
