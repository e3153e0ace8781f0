"""Fixtures of the transport's tests: pools that are closed, and certificates."""

import ssl

import pytest
import trustme

from sagewire._impl import transport
from tests.support.reactor_pool import ReactorPool

URL = "http://sagewire.test/endpoints/ep/invocations"


def pytest_generate_tests(metafunc):
    """Run each test on both drivers, unless it is about the blocking one."""
    if "driver" in metafunc.fixturenames:
        only_blocking = metafunc.definition.get_closest_marker("blocking") is not None
        drivers = [transport.Pool] if only_blocking else [transport.Pool, ReactorPool]
        metafunc.parametrize("driver", drivers, ids=["blocking", "reactor"][: len(drivers)])


@pytest.fixture
def pools(driver):
    """Make pools for a peer, and drop their idle connections at the end."""
    made = []

    def pool(peer, *, scheme="http", **settings):
        settings = {"connect_timeout": 10.0, "read_timeout": 10.0, **settings}
        made.append(driver(scheme, peer.host, peer.port, **settings))
        return made[-1]

    yield pool
    for each in made:
        each.close()


@pytest.fixture
def call(pools):
    """Make one exchange with a peer, on a pool of its own unless one is given."""

    def exchange(peer, body=b"{}", *, pool=None, headers=None, timeout=None, **settings):
        pool = pools(peer, **settings) if pool is None else pool
        if headers is None:
            headers = [("Host", f"{peer.host}:{peer.port}"), ("Content-Length", str(len(body)))]
        return pool.take(URL, timeout).exchange("POST", "/invocations", headers, body, timeout)

    return exchange


@pytest.fixture(scope="session")
def authority():
    """Return a certificate authority that nobody else trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(authority, tmp_path_factory):
    """Return the path of the authority's certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def server_tls(authority):
    """Make a server's TLS context for a name, `127.0.0.1` if not said."""

    def context(*names, client_authority=None):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(made)
        if client_authority is not None:
            client_authority.configure_trust(made)
            made.verify_mode = ssl.CERT_REQUIRED
        made.set_alpn_protocols(["h2", "http/1.1"])
        return made

    return context


@pytest.fixture
def trusting(ca_bundle):
    """Return TLS settings that trust the authority."""
    return transport.TlsSettings(True, ca_bundle, None, None)
