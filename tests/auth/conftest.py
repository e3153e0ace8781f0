"""The fixture of the client's tests that is needed here too."""

from tests.client.conftest import clean_environment

__all__ = ["clean_environment"]
