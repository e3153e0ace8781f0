"""The pure twin of `headers`. Its native twin: _native/headers.py."""

from sagewire._pure.headers.filter import filter_request, filter_response

__all__ = ["filter_request", "filter_response"]
