"""Fixtures: clients of local endpoints, and containers to put behind them."""

import boto3
import pytest
from botocore.config import Config

from tests.support.containers import started


@pytest.fixture
def boto():
    """Make boto3 clients for local endpoints, without retries, and close them at the end."""
    made = []

    def client(local, *, as_=None, secret_access_key=None, token=None, **config):
        key = as_ or local.credentials
        settings = {"retries": {"max_attempts": 0}, "read_timeout": 20, **config}
        made.append(
            boto3.client(
                "sagemaker-runtime",
                region_name=local.region,
                endpoint_url=local.url,
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=secret_access_key or key.secret_access_key,
                aws_session_token=token or key.token,
                config=Config(**settings),
            )
        )
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def container():
    """Start a model's container in a process of its own; it has `.url` and `.kill()`."""
    with started() as process:
        yield process


@pytest.fixture
def other_container():
    """Start another one."""
    with started() as process:
        yield process
