"""What these tests share with those of the client."""

from tests.client.conftest import clean_environment

__all__ = ["clean_environment"]
