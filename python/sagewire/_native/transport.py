"""Transport, native: rust/py/src/transport.rs over rust/net. Its pure twin: _pure/transport/."""

import os

from sagewire._native._ext import (
    Connection,
    Pool,
    Proxy,
    Response,
    Shortcut,
    Template,
    TlsSettings,
    forked,
    identities,
)

__all__ = ["Connection", "Pool", "Proxy", "Response", "Shortcut", "Template", "TlsSettings",
           "identities"]  # fmt: skip

# A child of a fork would otherwise hand out its parent's ids.
os.register_at_fork(after_in_child=forked)
