"""Fixtures of the tests of credentials: an empty environment and home, and a clock to move."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagewire.credentials import clock, shared
from tests.support.fakes import Fake


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Clear settings, credentials and proxies; the home folder is an empty one."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO_CONFIG", "BOTOCORE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield monkeypatch
    shared.forget()


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[[str], None]:
    def write(text: str, name: str = "config") -> None:
        path = tmp_path / ".aws" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write


class Clock:
    """A clock that stands still until it is moved, beginning now; sleeping moves it."""

    def __init__(self) -> None:
        self.time = float(int(clock.now()))  # whole, so that sums are exact
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of everything about credentials, to be moved by its `time`."""
    moved = Clock()
    monkeypatch.setattr(clock, "now", moved.now)
    monkeypatch.setattr(clock, "sleep", moved.sleep)
    monkeypatch.setattr(clock, "chance", lambda: 0.5)
    return moved


@pytest.fixture
def metadata_at(environment: pytest.MonkeyPatch) -> Callable[[Fake], None]:
    def point(fake: Fake) -> None:
        environment.setenv("AWS_EC2_METADATA_DISABLED", "false")
        environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url)

    return point
