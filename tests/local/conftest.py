"""The fixtures of local endpoints."""

from tests.support.local_endpoints import boto, container

__all__ = ["boto", "container"]
