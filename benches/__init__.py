"""Measurements: this package beside its peers, on one machine, in one run."""
