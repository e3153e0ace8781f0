"""The fixtures of the command line's tests."""

from tests.support.local_endpoints import boto, container

__all__ = ["boto", "container"]
