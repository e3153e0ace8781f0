"""The pure twin of `sigv4`. Its native twin: _native/sigv4.py."""
