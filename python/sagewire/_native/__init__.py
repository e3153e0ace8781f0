"""The native twins: one module per capability over the extension module `_ext`."""
