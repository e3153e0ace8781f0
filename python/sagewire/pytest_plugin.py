"""The pytest plugin: `sagemaker_endpoint`, SageMaker endpoints for the time of a test.

pytest loads this module for everybody who has sagewire installed; it loads the rest of the package
only for tests that use the fixture.
"""

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sagewire.local import LocalEndpoint
    from sagewire.sigv4 import Credentials


class EndpointFactory:
    """What the fixture is: called like `LocalEndpoint`, it returns one that runs until the end.

    The environment of the test is set so that code which makes its clients itself, sagewire's,
    boto3's or another SDK's, in this process or in one that it starts, calls the latest of them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, credentials: "Credentials") -> None:
        self._monkeypatch = monkeypatch
        self._credentials = credentials
        self._started: list[LocalEndpoint] = []

    def __call__(self, endpoints: "Any", **arguments: "Any") -> "LocalEndpoint":
        """Start a local endpoint; the arguments are those of `sagewire.local.LocalEndpoint`."""
        from sagewire.local import LocalEndpoint

        arguments.setdefault("credentials", self._credentials)
        local = LocalEndpoint(endpoints, **arguments).start()
        self._started.append(local)
        # What is set on the machine must not get between: a profile, a token, a proxy.
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
            self._monkeypatch.delenv(name, raising=False)
        self._monkeypatch.delenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", raising=False)
        for name, value in local.environment.items():
            self._monkeypatch.setenv(name, value)
        return local

    def stop(self) -> None:
        """Stop what was started."""
        while self._started:
            self._started.pop().stop()


@pytest.fixture(scope="session")
def _sagemaker_credentials() -> "Credentials":
    """Make one pair of keys for a whole run: boto3's default session keeps the first it finds."""
    from sagewire.local import LocalEndpoint

    return LocalEndpoint({}).credentials


@pytest.fixture
def sagemaker_endpoint(
    monkeypatch: pytest.MonkeyPatch, _sagemaker_credentials: "Credentials"
) -> "Iterator[EndpointFactory]":
    """SageMaker endpoints for the time of a test, on this machine.

    `local = sagemaker_endpoint({"name": handler})` starts a `sagewire.local.LocalEndpoint` with
    those arguments, and lets the environment variables of AWS's SDKs point to it.
    `local.fail_with(...)`, `local.delay(...)` and `local.drop_connection()` script its next calls.
    """
    factory = EndpointFactory(monkeypatch, _sagemaker_credentials)
    yield factory
    factory.stop()
