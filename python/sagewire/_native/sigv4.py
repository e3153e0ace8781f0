"""The native twin of `sigv4`: rust/py/src/sigv4.rs. Its pure twin: _pure/sigv4/."""
