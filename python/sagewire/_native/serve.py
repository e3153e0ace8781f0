"""`sagewire serve`, native only: rust/py/src/serve.rs over rust/net/src/serve/."""

from sagewire._native._ext import Service

__all__ = ["Service"]
