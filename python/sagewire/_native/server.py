"""The native twin of `server`: rust/py/src/server.rs. Its pure twin: _pure/server/."""
