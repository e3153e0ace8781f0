"""The pure twin of `server`. Its native twin: _native/server.py."""
