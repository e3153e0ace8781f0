"""The fixtures of local endpoints."""

from tests.support.local_endpoints import boto, container, other_container

__all__ = ["boto", "container", "other_container"]
