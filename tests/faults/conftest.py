"""Certificates for the fault matrix, made once."""

import gc
import os
import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_path(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def contexts(authority):
    """Return the TLS contexts of a proper server and of one under another name."""
    made = {}
    for kind, name in (("proper", "127.0.0.1"), ("misnamed", "other.test")):
        made[kind] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(made[kind])
    return made


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module", autouse=True)
def only_what_is_ours():
    """Have the collector look at what a module makes alone, so that it takes no time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
