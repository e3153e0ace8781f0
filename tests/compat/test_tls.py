"""TLS, boto3 beside our client: who is trusted, and what kind of error it is if not."""

import os
import ssl
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.config import Config as BotocoreConfig
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

import sagewire
from tests.conftest import CLIENTS
from tests.support.peer import Peer, answer, answers

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
TOTAL = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 5}
BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or "CA_BUNDLE" in name or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


class Chain:
    """A server's certificate, the one that signed it, and the root that signed that."""

    def __init__(self, folder: Path) -> None:
        self.root = trustme.CA()
        middle = self.root.create_child_ca()
        leaf = middle.issue_cert("127.0.0.1", "localhost")
        self.pem = {
            "leaf": leaf.cert_chain_pems[0].bytes(),
            "middle": middle.cert_pem.bytes(),
            "root": self.root.cert_pem.bytes(),
            "other": trustme.CA().cert_pem.bytes(),
        }
        self._key = leaf.private_key_pem.bytes()
        self._folder = folder

    def context(self, *names: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.file(*(self.pem[name] for name in names), self._key))
        return made

    def file(self, *contents: bytes) -> str:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        path.write_bytes(b"".join(contents))
        return str(path)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


def both(port: int, verify: Any, host: str = "127.0.0.1", **config: Any) -> tuple[Any, Any]:
    """Return what boto3 makes of a call, and both of our clients alike.

    It is the body, or the error's class and words.
    """
    outcomes = []
    for make, configure, more in (
        (boto3.Session().client, BotocoreConfig, {"service_name": "sagemaker-runtime"}),
        *((make, sagewire.Config, {}) for make in CLIENTS.values()),
    ):
        arguments = {**KEYS, **more, "endpoint_url": f"https://{host}:{port}", "verify": verify}
        try:
            client = make(**arguments, config=configure(**TOTAL, **config))
            outcomes.append(client.invoke_endpoint(EndpointName="ep", Body=b"{}")["Body"].read())
            client.close()
        except Exception as error:
            outcomes.append((type(error).__name__, str(error)))
    theirs, ours, awaited_ours = outcomes
    assert awaited_ours == ours
    return theirs, ours


def kind(outcome: Any) -> Any:
    return outcome[0] if isinstance(outcome, tuple) else outcome


@pytest.mark.parametrize("sent", [("leaf",), ("leaf", "middle"), ("leaf", "middle", "root")])
@pytest.mark.parametrize(
    "trusted",
    [
        ("root",),
        ("middle",),
        ("leaf",),
        ("other",),
        ("root", "middle"),
        ("middle", "leaf"),
        ("other", "root"),
        (),
    ],
)
def test_a_bundle(chain: Chain, sent: tuple[str, ...], trusted: tuple[str, ...]) -> None:
    bundle = chain.file(*(chain.pem[name] for name in trusted))
    with Peer(answers(answer(b"{}")), tls=chain.context(*sent)) as peer:
        theirs, ours = both(peer.port, bundle)
    assert kind(ours) == kind(theirs)
    if isinstance(theirs, tuple) and trusted:
        # OpenSSL's words, but for the place in its binding; ours go on with the issuer.
        assert ours[1].startswith(theirs[1].partition(" (_ssl.c")[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda chain: "/missing/ca.pem",
        lambda chain: chain.file(b"garbage"),
        lambda chain: chain.file(BROKEN, chain.pem["root"]),
        lambda chain: chain.file(chain.pem["root"], BROKEN),
        lambda chain: chain.file(b"# text\n", chain.pem["root"], b"# text\n"),
        lambda chain: chain.file(ssl.PEM_cert_to_DER_cert(chain.pem["root"].decode())),
        lambda chain: chain.file(chain.pem["root"].replace(b" CERT", b" X509 CERT")),
        lambda chain: os.path.dirname(chain.file(chain.pem["root"])),  # noqa: PTH120 - a str
        lambda chain: Path(chain.file(chain.pem["root"])),
    ],
)
def test_the_file_of_a_bundle(chain: Chain, make: Any) -> None:
    bundle = make(chain)
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle")) as peer:
        theirs, ours = both(peer.port, bundle)
    assert kind(ours) == kind(theirs)


def test_a_bundle_in_the_home_folder(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(chain.file(chain.pem["root"]))
    monkeypatch.setenv("HOME", str(path.parent))
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle")) as peer:
        assert both(peer.port, f"~/{path.name}") == (b"{}", b"{}")
        monkeypatch.setenv("AWS_CA_BUNDLE", f"~/{path.name}")
        assert both(peer.port, None) == (b"{}", b"{}")


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_environments_bundle(
    chain: Chain, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, chain.file(chain.pem["root"]))
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle")) as peer:
        assert both(peer.port, None) == (b"{}", b"{}")
        # A bundle replaces the roots, and verify=True replaces the bundle.
        theirs, ours = both(peer.port, True)
        assert kind(ours) == kind(theirs) == "SSLError"
    monkeypatch.setenv("AWS_CA_BUNDLE", chain.file(chain.pem["other"]))
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle")) as peer:
        theirs, ours = both(peer.port, None)
        assert kind(ours) == kind(theirs) == "SSLError"


def test_another_name(chain: Chain) -> None:
    root = chain.file(chain.pem["root"])
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle")) as peer:
        assert both(peer.port, root, "localhost") == (b"{}", b"{}")
    with Peer(answers(answer(b"{}")), tls=chain.context("leaf", "middle"), host="::1") as peer:
        theirs, ours = both(peer.port, root, "[::1]")
        assert kind(ours) == kind(theirs) == "SSLError"


def _client_certs(chain: Chain) -> dict[str, Any]:
    ours = chain.root.issue_cert("client@sagewire.test")
    certificate, key = ours.cert_chain_pems[0].bytes(), ours.private_key_pem.bytes()
    other = trustme.CA().issue_cert("other.test").private_key_pem.bytes()
    locked = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    file = chain.file
    return {
        "none": None,
        "both": file(certificate, key),
        "pair": (file(certificate), file(key)),
        "missing": "/missing/client.pem",
        "missing key": (file(certificate), "/missing/key.pem"),
        "folder": str(Path(file(b"")).parent),
        "empty": file(b""),
        "garbage": file(b"garbage"),
        "no key": file(certificate),
        "another's key": (file(certificate), file(other)),
        "locked key": (file(certificate), file(locked)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "both",
        "pair",
        "missing",
        "missing key",
        "folder",
        "empty",
        "garbage",
        "no key",
        "another's key",
        "locked key",
    ],
)
def test_a_client_certificate(chain: Chain, name: str) -> None:
    context = chain.context("leaf", "middle")
    chain.root.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    given = _client_certs(chain)[name]
    with Peer(answers(answer(b"{}")), tls=context) as peer:
        theirs, ours = both(peer.port, chain.file(chain.pem["root"]), client_cert=given)
    assert kind(ours) == kind(theirs)
    if kind(theirs) == "ConnectionClosedError":
        assert ours[1].startswith(theirs[1])
