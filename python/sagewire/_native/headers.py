"""The native twin of `headers`: rust/py/src/headers.rs. Its pure twin: _pure/headers/."""
