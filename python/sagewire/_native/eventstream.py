"""The native twin of `eventstream`: rust/py/src/eventstream.rs. Its pure twin: _pure/eventstream/."""
