"""The transport turned by an event loop, native: rust/py/src/reactor.rs. Pure: _pure/reactor/."""

from sagewire._native._ext import Reactor as Pool
from sagewire._native._ext import ReactorConnection as Connection
from sagewire._native._ext import ReactorResponse as Response

__all__ = ["Connection", "Pool", "Response"]
