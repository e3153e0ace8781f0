"""What all tests share: which implementation they run on, and how hard Hypothesis tries."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

# Before botocore is imported: with awscrt, which `make bench` installs, boto3 is another oracle
# (another order of headers, other presigned URLs) than the one that is recorded and equalled.
os.environ["BOTO_DISABLE_CRT"] = "true"

import pytest
from hypothesis import HealthCheck, settings

import sagewire
from tests.support.awaited import awaited

settings.register_profile("dev", deadline=None, max_examples=100)
settings.register_profile(
    "ci", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


# What makes a client, by the driver that turns its calls.
CLIENTS = {"blocking": sagewire.client, "asyncio": awaited}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes `make_client` on both drivers, unless it is about the blocking one."""
    if "make_client" in metafunc.fixturenames:
        only_blocking = metafunc.definition.get_closest_marker("blocking") is not None
        drivers = ["blocking"] if only_blocking else list(CLIENTS)
        metafunc.parametrize("make_client", drivers, indirect=True)


@pytest.fixture
def make_client(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return what makes a client, for either driver."""
    return CLIENTS[request.param]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        choices=("native", "pure"),
        help="fail unless this implementation is the one that runs",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    required = config.getoption("--require")
    if required not in (None, sagewire.implementation):
        raise pytest.UsageError(
            f"{required} is required, but sagewire runs the {sagewire.implementation} "
            "implementation (is the extension built? is SAGEWIRE_PURE set?)"
        )


def pytest_report_header() -> str:
    return f"sagewire {sagewire.__version__}, implementation: {sagewire.implementation}"


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing() -> Iterator[None]:
    """Have a socket that nobody closed fail its module, not where the collector happens to run."""
    yield
    gc.collect()
