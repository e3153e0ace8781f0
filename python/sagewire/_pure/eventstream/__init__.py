"""The pure twin of `eventstream`. Its native twin: _native/eventstream.py."""
