"""The pure twin of `headers`. Its native twin: _native/headers.py."""
