"""The fixtures of these tests."""

from tests.client.conftest import clean_environment
from tests.compat.hooks import frozen

__all__ = ["clean_environment", "frozen"]
