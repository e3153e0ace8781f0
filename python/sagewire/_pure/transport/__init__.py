"""The pure twin of `transport`. Its native twin: _native/transport.py."""
