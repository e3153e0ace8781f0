"""The pure-Python twins: the standard library only, readable as the specification."""
