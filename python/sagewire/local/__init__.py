"""A SageMaker endpoint on this machine: signed calls in, Python handlers or containers behind."""

from sagewire.local.callers import Caller
from sagewire.local.endpoint import LocalEndpoint
from sagewire.local.request import Request
from sagewire.local.response import Response
from sagewire.local.variant import Variant

__all__ = ["Caller", "LocalEndpoint", "Request", "Response", "Variant"]
