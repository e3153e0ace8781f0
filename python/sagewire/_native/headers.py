"""The native twin of `headers`: rust/py/src/headers.rs. Its pure twin: _pure/headers/."""

from sagewire._native._ext import filter_request, filter_response

__all__ = ["filter_request", "filter_response"]
