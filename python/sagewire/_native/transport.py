"""The native twin of `transport`: rust/py/src/transport.rs. Its pure twin: _pure/transport/."""
