"""TLS: whom we trust, who we are, and what is said where it fails."""

import datetime
import ipaddress
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sagewire import exceptions
from sagewire._impl import transport
from sagewire.exceptions import BotoCoreError, ConnectionClosedError, SSLError
from tests.support.peer import Peer, answer, answers, raw_answer
from tests.transport.conftest import URL

OK = answer(b"{}")
WORDS = f"SSL validation failed for {URL} "


BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def secure(call, peer, settings, **more):
    return call(peer, scheme="https", tls=settings, **more)


def refused(call, peer, settings):
    with pytest.raises(SSLError) as caught:
        secure(call, peer, settings)
    assert isinstance(caught.value, exceptions.ConnectionError)
    text = str(caught.value)
    assert text.startswith(WORDS)
    assert not peer.requests
    return text.removeprefix(WORDS)


def test_exchange(call, server_tls, trusting):
    with Peer(answers(OK), tls=server_tls()) as peer:
        response = secure(call, peer, trusting)
        assert (response.status, response.read()) == (200, b"{}")


def test_keep_alive(call, pools, server_tls, trusting):
    with Peer(answers(OK), tls=server_tls()) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        for _ in range(20):
            assert call(peer, pool=pool).read() == b"{}"
        assert (peer.connections, pool.snapshot()) == (1, (1, 0, 1, 0))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(call, server_tls, trusting, version):
    context = server_tls()
    context.minimum_version = context.maximum_version = version
    with Peer(answers(OK), tls=context) as peer:
        assert secure(call, peer, trusting).read() == b"{}"


def test_http_1_1_is_offered_alone(pools, server_tls, trusting):
    chosen = []

    def script(link):
        chosen.append(link.tls_protocol())

    with Peer(script, tls=server_tls()) as peer:
        pools(peer, scheme="https", tls=trusting).take(URL, None)
        peer.join()
    assert chosen == ["http/1.1"]


@pytest.mark.parametrize("size", [1, 16_384, 3_000_000])
def test_bodies_of_any_size_both_ways(call, server_tls, trusting, size):
    def script(link):
        while (request := link.request()) is not None:
            link.send(answer(request.body))

    body = bytes(range(256)) * (size // 256 + 1)
    with Peer(script, tls=server_tls()) as peer:
        assert secure(call, peer, trusting, body=body[:size]).read() == body[:size]


def test_a_body_in_pieces(call, server_tls, trusting):
    data = bytes(range(256)) * 4000
    with Peer(answers(answer(data)), tls=server_tls()) as peer:
        response = secure(call, peer, trusting)
        pieces = []
        while piece := response.read(1000):
            pieces.append(piece)
        assert b"".join(pieces) == data


@pytest.mark.parametrize("extra", [1, 20_000])
@pytest.mark.parametrize("size", [2, 16_000, 100_000])
def test_bytes_behind_the_body_end_the_connection(call, pools, server_tls, trusting, size, extra):
    raw = answer(b"x" * size) + b"HTTP/1.1 200 Forged\r\n"[:extra].ljust(extra, b".")
    with Peer(raw_answer(raw, then="keep"), tls=server_tls()) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        call(peer, pool=pool).read()
        connection = pool.take(URL, None)
        assert not connection.reused


def test_a_stale_connection_is_replaced(call, pools, server_tls, trusting):
    with Peer(answers(OK, then="close"), tls=server_tls()) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        for number in range(1, 4):
            assert call(peer, pool=pool).read() == b"{}"
            peer.join()
            assert peer.connections == number


def test_an_end_without_goodbye_cuts_a_body(call, server_tls, trusting):
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    with Peer(raw_answer(raw), tls=server_tls()) as peer:
        response = secure(call, peer, trusting)
        with pytest.raises(BotoCoreError, match="5 bytes read, 5 more expected"):
            response.read()


def test_an_end_without_goodbye_ends_a_body_to_the_end(call, server_tls, trusting):
    with Peer(raw_answer(b"HTTP/1.1 200 OK\r\n\r\nhello"), tls=server_tls()) as peer:
        assert secure(call, peer, trusting).read() == b"hello"


def test_nothing_after_the_handshake(call, server_tls, trusting):
    def script(link):
        link.close()

    with Peer(script, tls=server_tls()) as peer, pytest.raises(ConnectionClosedError):
        secure(call, peer, trusting)


# Whom we trust


def test_an_authority_that_nobody_knows(call, pools, server_tls):
    with Peer(answers(OK), tls=server_tls()) as peer:
        refused(call, peer, transport.TlsSettings(True, None, None, None))


def test_another_authority(call, server_tls, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with Peer(answers(OK), tls=server_tls()) as peer:
        refused(call, peer, transport.TlsSettings(True, str(other), None, None))


@pytest.mark.parametrize("name", ["wrong.test", "127.0.0.2", "*.127.0.0.1"])
def test_another_name(call, pools, server_tls, trusting, name):
    with Peer(answers(OK), tls=server_tls(name)) as peer:
        pool = pools(peer, scheme="https", tls=trusting)
        refused(call, peer, trusting)
        assert pool.snapshot() == (0, 0, 0, 0)


def test_a_certificate_that_has_expired(call, authority, trusting):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    authority.issue_cert("127.0.0.1", not_after=past).configure_cert(context)
    with Peer(answers(OK), tls=context) as peer:
        refused(call, peer, trusting)


def test_verify_false_trusts_anyone(call, server_tls):
    for name in ["127.0.0.1", "wrong.test"]:
        with Peer(answers(OK), tls=server_tls(name)) as peer:
            settings = transport.TlsSettings(False, None, None, None)
            assert secure(call, peer, settings).read() == b"{}"


def test_verify_false_needs_no_bundle(call, server_tls, tmp_path):
    settings = transport.TlsSettings(False, str(tmp_path / "missing.pem"), None, None)
    with Peer(answers(OK), tls=server_tls()) as peer:
        assert secure(call, peer, settings).read() == b"{}"


def self_signed(names, *, is_authority=False, days=1, common_name="self"):
    """Return a self-signed certificate and its key, valid for so many days from yesterday on."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()), key


def self_signed_server(tmp_path, *names, **settings):
    """Return a server's TLS context, and settings that name its certificate."""
    names = [x509.IPAddress(ipaddress.ip_address(name)) for name in names]
    certificate, key = self_signed(names, **settings)
    pem, both = tmp_path / "server.pem", tmp_path / "both.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(pem.read_bytes() + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, transport.TlsSettings(True, str(pem), None, None)


@pytest.mark.parametrize("is_authority", [True, False])
def test_a_self_signed_server_is_trusted_by_naming_it(call, tmp_path, is_authority):
    context, settings = self_signed_server(tmp_path, "127.0.0.1", is_authority=is_authority)
    with Peer(answers(OK), tls=context) as peer:
        assert secure(call, peer, settings).read() == b"{}"


@pytest.mark.parametrize("is_authority", [True, False])
def test_a_self_signed_server_under_another_name(call, tmp_path, is_authority):
    context, settings = self_signed_server(tmp_path, "127.0.0.9", is_authority=is_authority)
    with Peer(answers(OK), tls=context) as peer:
        refused(call, peer, settings)


@pytest.mark.parametrize("is_authority", [True, False])
def test_a_self_signed_server_that_has_expired(call, tmp_path, is_authority):
    context, settings = self_signed_server(
        tmp_path, "127.0.0.1", is_authority=is_authority, days=-1
    )
    with Peer(answers(OK), tls=context) as peer:
        refused(call, peer, settings)


def chain_of(tmp_path):
    """Return a server's certificates from its own to the root, as PEM, and contexts for them."""
    root = trustme.CA(organization_name="Example Root")
    middle = root.create_child_ca()
    leaf = middle.issue_cert("127.0.0.1", "localhost")
    key = tmp_path / "key.pem"
    key.write_bytes(leaf.private_key_pem.bytes())
    pems = [leaf.cert_chain_pems[0].bytes(), middle.cert_pem.bytes(), root.cert_pem.bytes()]

    def context(*numbers):
        chain = tmp_path / "chain.pem"
        chain.write_bytes(b"".join(pems[number] for number in numbers))
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(chain, key)
        return made

    return pems, context


LOCAL = "unable to get local issuer certificate"


@pytest.mark.parametrize(
    ("sent", "trusted", "words"),
    [
        # 0 is the server's own certificate, 1 its issuer's, 2 the root's. The words are OpenSSL's.
        ([0, 1], [2], None),
        ([0], [2, 1], None),
        ([0], [1, 2], None),
        ([0, 1], [1, 2, 0], None),
        ([0, 1, 2], [2], None),
        ([0], [2], LOCAL),
        ([0, 1], [0], LOCAL),
        ([0, 1], [1], "unable to get issuer certificate"),
        ([0], [1], "unable to get issuer certificate"),
        ([0, 1, 2], None, "self-signed certificate in certificate chain"),
        ([0, 1], None, LOCAL),
    ],
)
def test_who_vouches_for_whom(call, tmp_path, sent, trusted, words):
    pems, context = chain_of(tmp_path)
    path = None
    if trusted is not None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(b"# the company's\n" + b"".join(pems[number] for number in trusted))
        path = str(bundle)
    settings = transport.TlsSettings(True, path, None, None)
    with Peer(answers(OK), tls=context(*sent)) as peer:
        if words is None:
            assert secure(call, peer, settings).read() == b"{}"
            return
        said = refused(call, peer, settings)
    assert said.startswith(f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {words}")
    if sent == [0] and trusted != [1]:
        assert "Example Root" not in said  # what the server's own certificate names
    elif trusted in ([1], None) or sent == [0, 1]:
        assert "(the issuer is O=Example Root, OU=Testing CA #" in said


def test_a_self_signed_server_is_named(call, tmp_path):
    context, _ = self_signed_server(tmp_path, "127.0.0.1")
    with Peer(answers(OK), tls=context) as peer:
        words = refused(call, peer, transport.TlsSettings(True, None, None, None))
    assert words.endswith("failed: self-signed certificate (the issuer is CN=self)")


def test_dates_and_names_in_the_words_of_openssl(call, authority, server_tls, trusting):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=past).configure_cert(context)
    with Peer(answers(OK), tls=context) as peer:
        assert refused(call, peer, trusting).endswith("failed: certificate has expired")
    with Peer(answers(OK), tls=server_tls("wrong.test")) as peer:
        words = refused(call, peer, trusting)
    assert words.endswith("IP address mismatch, certificate is not valid for '127.0.0.1'.")


@pytest.mark.parametrize(
    ("common_name", "names", "accepted"),
    [
        ("localhost", [], True),
        ("LocalHost", [], True),
        ("localhost", [x509.DNSName("other.test")], False),
        ("other.test", [], False),
        ("other.test", [x509.DNSName("localhost")], True),
    ],
)
def test_the_common_name_counts_where_there_is_no_dns_name(
    call, pools, tmp_path, common_name, names, accepted
):
    certificate, key = self_signed(names, common_name=common_name, is_authority=True)
    pem, both = tmp_path / "server.pem", tmp_path / "both.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(pem.read_bytes() + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    settings = transport.TlsSettings(True, str(pem), None, None)
    with Peer(answers(OK), tls=context) as peer:
        pool = transport.Pool("https", "localhost", peer.port, tls=settings)
        if not accepted:
            with pytest.raises(SSLError, match="Hostname mismatch"):
                pool.take(URL, None)
            return
        assert call(peer, pool=pool).read() == b"{}"
        pool.close()


def test_the_systems_roots_are_those_of_ssl_cert_file(call, server_tls, ca_bundle, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", ca_bundle)
    settings = transport.TlsSettings(True, None, None, None)
    with Peer(answers(OK), tls=server_tls()) as peer:
        assert secure(call, peer, settings).read() == b"{}"


def test_the_systems_roots_are_those_of_ssl_cert_dir(
    call, server_tls, ca_bundle, monkeypatch, tmp_path
):
    # OpenSSL finds a certificate of a folder by the hash of its subject's name.
    command = ["openssl", "x509", "-hash", "-noout", "-in", ca_bundle]
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program, to hash a name")
    hashed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    pem = Path(ca_bundle).read_bytes()
    (tmp_path / f"{hashed}.0").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    settings = transport.TlsSettings(True, None, None, None)
    with Peer(answers(OK), tls=server_tls()) as peer:
        assert secure(call, peer, settings).read() == b"{}"


def test_a_bundle_is_trusted_in_place_of_the_systems_roots(
    call, server_tls, ca_bundle, monkeypatch, tmp_path
):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("SSL_CERT_FILE", ca_bundle)
    with Peer(answers(OK), tls=server_tls()) as peer:
        refused(call, peer, transport.TlsSettings(True, str(other), None, None))


def test_the_keys_of_a_connection_are_logged_where_sslkeylogfile_says(
    call, server_tls, trusting, monkeypatch, tmp_path
):
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with Peer(answers(OK), tls=server_tls()) as peer:
        assert secure(call, peer, trusting).read() == b"{}"
    lines = [line.split() for line in log.read_text().splitlines() if not line.startswith("#")]
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in {line[0] for line in lines}


def test_a_folder_is_no_bundle(call, server_tls, tmp_path):
    with Peer(answers(OK), tls=server_tls()) as peer:
        words = refused(call, peer, transport.TlsSettings(True, str(tmp_path), None, None))
        assert words.startswith(f"cannot use the CA bundle {tmp_path}: ")


def test_the_older_label_of_a_certificate(call, server_tls, ca_bundle, tmp_path):
    older = tmp_path / "older.pem"
    pem = Path(ca_bundle).read_text()
    older.write_text(pem.replace(" CERTIFICATE", " X509 CERTIFICATE"))
    with Peer(answers(OK), tls=server_tls()) as peer:
        settings = transport.TlsSettings(True, str(older), None, None)
        assert secure(call, peer, settings).read() == b"{}"


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\x00", BROKEN])
def test_a_bundle_that_is_none(call, server_tls, tmp_path, content):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    with Peer(answers(OK), tls=server_tls()) as peer:
        words = refused(call, peer, transport.TlsSettings(True, str(bundle), None, None))
        assert words.startswith(f"cannot use the CA bundle {bundle}: ")


# Who we are


def test_client_certificate(call, server_tls, ca_bundle, tmp_path):
    clients = trustme.CA()
    ours = clients.issue_cert("client@sagewire.test")
    chain, key, both = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "both.pem"
    ours.cert_chain_pems[0].write_to_path(chain)
    ours.private_key_pem.write_to_path(key)
    ours.private_key_and_cert_chain_pem.write_to_path(both)
    for certificate, private in [(str(chain), str(key)), (str(both), None)]:
        with Peer(answers(OK), tls=server_tls(client_authority=clients)) as peer:
            settings = transport.TlsSettings(True, ca_bundle, certificate, private)
            assert secure(call, peer, settings).read() == b"{}"


def test_no_client_certificate_where_one_is_asked_for(call, server_tls, trusting):
    with Peer(answers(OK), tls=server_tls(client_authority=trustme.CA())) as peer:
        # With TLS 1.3 the server's refusal arrives after our handshake is done.
        words = refused(call, peer, trusting)
    assert "certificate" in words.lower()


@pytest.mark.parametrize("content", [b"", b"no certificate", BROKEN])
def test_a_client_certificate_that_is_none(call, server_tls, ca_bundle, tmp_path, content):
    certificate = tmp_path / "client.pem"
    certificate.write_bytes(content)
    with Peer(answers(OK), tls=server_tls()) as peer:
        settings = transport.TlsSettings(True, ca_bundle, str(certificate), None)
        words = refused(call, peer, settings)
        assert words.startswith(f"cannot use the client certificate {certificate}: ")


@pytest.mark.parametrize("missing", ["certificate", "key", "folder"])
def test_a_client_certificate_that_cannot_be_read(call, server_tls, ca_bundle, tmp_path, missing):
    """boto3's class, which says nothing; the words go on."""
    pem, nowhere = tmp_path / "client.pem", str(tmp_path / "missing.pem")
    trustme.CA().issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(pem)
    nowhere = str(tmp_path) if missing == "folder" else nowhere
    paths = (nowhere, None) if missing != "key" else (str(pem), nowhere)
    with Peer(answers(OK), tls=server_tls()) as peer:
        settings = transport.TlsSettings(True, ca_bundle, *paths)
        with pytest.raises(ConnectionClosedError) as caught:
            secure(call, peer, settings)
        assert not peer.requests
    start = f'a valid response from endpoint URL: "{URL}". cannot use the client certificate '
    assert f"{start}{nowhere}: " in str(caught.value)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("apart", [True, False])
def test_a_key_under_a_password_is_not_asked_for(
    call, server_tls, ca_bundle, tmp_path, form, apart
):
    ours = trustme.CA().issue_cert("client.test")
    key = load_pem_private_key(ours.private_key_pem.bytes(), None)
    secret = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"password"))
    chain, locked = tmp_path / "chain.pem", tmp_path / "locked.pem"
    chain.write_bytes(ours.cert_chain_pems[0].bytes())
    locked.write_bytes(secret if apart else chain.read_bytes() + secret)
    paths = (str(chain), str(locked)) if apart else (str(locked), None)
    with Peer(answers(OK), tls=server_tls()) as peer:
        words = refused(call, peer, transport.TlsSettings(True, ca_bundle, *paths))
    assert words == "Client private key is encrypted, password is required"


def test_a_key_of_another_certificate(call, server_tls, ca_bundle, tmp_path):
    one, other = (trustme.CA().issue_cert("client.test") for _ in range(2))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(one.cert_chain_pems[0].bytes())
    key.write_bytes(other.private_key_pem.bytes())
    with Peer(answers(OK), tls=server_tls()) as peer:
        settings = transport.TlsSettings(True, ca_bundle, str(chain), str(key))
        words = refused(call, peer, settings)
        assert words.startswith(f"cannot use the client certificate {chain}: ")


# A peer that does not speak TLS


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"\x15\x03\x03\x00\x02\x02\x28"]
)
def test_a_plain_server_on_a_tls_port(call, trusting, said):
    def script(link):
        link.send(said)
        link.stall()

    with Peer(script) as peer:
        refused(call, peer, trusting)


def test_an_end_in_the_handshake(call, trusting):
    def script(link):
        link.close()

    with Peer(script) as peer, pytest.raises((SSLError, ConnectionClosedError)):
        secure(call, peer, trusting)


def test_a_tls_server_on_a_plain_port(call, server_tls):
    with Peer(answers(OK), tls=server_tls()) as peer, pytest.raises(ConnectionClosedError):
        call(peer)


def test_an_old_version_is_refused(call, server_tls, trusting):
    """A server that offers nothing above TLS 1.1."""

    def script(link):
        # A ServerHello for TLS 1.1, as far as a client reads it.
        body = b"\x03\x02" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"
        hello = b"\x02" + len(body).to_bytes(3, "big") + body
        link.send(b"\x16\x03\x02" + len(hello).to_bytes(2, "big") + hello)
        link.stall()

    with Peer(script) as peer:
        refused(call, peer, trusting)
