"""The native twin of `bodies`: rust/py/src/bodies.rs. Its pure twin: _pure/bodies.py."""

from sagewire._native._ext import Body

__all__ = ["Body"]
