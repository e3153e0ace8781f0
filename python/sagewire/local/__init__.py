"""A SageMaker endpoint on this machine: signed calls in, Python handlers or containers behind."""

from sagewire.local.endpoint import LocalEndpoint
from sagewire.local.request import Request
from sagewire.local.response import Response

__all__ = ["LocalEndpoint", "Request", "Response"]
