"""Fixtures of the client's tests: an environment without AWS in it, and a certificate authority."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.client import recorded
from tests.client.loops import run
from tests.support.capture import CaptureServer

__all__ = ["run"]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Clear settings, credentials and proxies; the home folder is an empty one."""
    for name in list(os.environ):
        if name.startswith(
            ("AWS_", "BOTO_CONFIG", "BOTOCORE_", "_X_AMZN")
        ) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def server(clean_environment: pytest.MonkeyPatch) -> Iterator[CaptureServer]:
    """Return a server that keeps what it is sent, in an environment without AWS in it."""
    with CaptureServer() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def other_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return a context whose certificate, of the trusted authority, is for another host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.test").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def ca_path(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    return recorded.ca_of(authority, tmp_path_factory.mktemp("ca"))
