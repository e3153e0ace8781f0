"""Transport, native: rust/py/src/transport.rs over rust/net. Its pure twin: _pure/transport/."""

from sagewire._native._ext import (
    Connection,
    Pool,
    Proxy,
    Response,
    Shortcut,
    Template,
    TlsSettings,
    identities,
)

__all__ = ["Connection", "Pool", "Proxy", "Response", "Shortcut", "Template", "TlsSettings",
           "identities"]  # fmt: skip
