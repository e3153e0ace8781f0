"""The fixtures of the examples' tests: model servers of others, and boto3's clients."""

import pathlib

import pytest

from tests.support.local_endpoints import boto

__all__ = ["boto", "containers"]

# `make` prepares it: model servers, which want more packages than there are here.
PYTHON = pathlib.Path(__file__).parents[2] / ".venv" / "containers" / "bin" / "python"


@pytest.fixture
def containers(request):
    """Return the Python that has the model servers."""
    if not PYTHON.exists():
        # A run that `make` has prepared must have it.
        if request.config.getoption("--require"):
            pytest.fail("not installed here: make .venv/.containers")
        pytest.skip("not installed here: make .venv/.containers")
    return PYTHON
