"""Event streams, native: rust/py/src/eventstream.rs. Its pure twin: _pure/eventstream/."""
