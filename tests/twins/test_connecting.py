"""Connecting, held equal: what a proxy answers to CONNECT, and what a certificate's names are."""

import datetime
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.peer import Peer

native = pytest.importorskip("sagewire._native.transport")
pure = pytest.importorskip("sagewire._pure.transport")

URL = "https://runtime.test/x"
SHOWN = "http://***:***@proxy.test"


def tunnelled(twin, port):
    """Return how asking for a tunnel ends: the class and the words, or nothing."""
    proxy = twin.Proxy(SHOWN, "127.0.0.1", port, True, "Basic dTpw", None)
    pool = twin.Pool("http", "runtime.test", 443, proxy=proxy, connect_timeout=10.0)
    try:
        connection = pool.take(URL, None)
    except Exception as error:
        return type(error).__name__, str(error), error.kwargs.get("error")
    connection.close()
    return None


lines = st.sampled_from(
    [
        *(b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 407 Sign in", b"HTTP/1.1 100 Continue"),
        *(b"HTTP/2 200 OK", b"HTTP/0.9 200", b"http/1.1 200 OK", b"HTTP/1.1 2000 OK", b"garbage"),
        *(
            b"HTTP/1.1  200  OK ",
            b"HTTP/1.1 +200 OK",
            b"HTTP/1.1 99 x",
            b"A: b",
            b"",
            b"\xff: \xe4",
        ),
        *(b" folded", b"no colon", b"A: " + b"b" * 70_000),
    ]
)
ends = st.sampled_from([b"\r\n", b"\n", b"\r"])
answers = st.lists(st.tuples(lines, ends), max_size=5).map(
    lambda parts: b"".join(line + end for line, end in parts)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=answers | st.binary(max_size=30), many=st.sampled_from([0, 0, 0, 99, 100, 101]))
def test_answers_to_connect(said, many):
    head, blank, rest = said.partition(b"\r\n\r\n")
    said = head + b"\r\nA: b" * many + blank + rest if blank else said

    def script(link):
        link.head()
        link.send(said)
        link.half_close()
        link.ended_by_client()

    with Peer(script) as peer:
        assert tunnelled(native, peer.port) == tunnelled(pure, peer.port)


kinds = st.sampled_from(
    [
        *(x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COUNTRY_NAME),
        *(x509.NameOID.LOCALITY_NAME, x509.NameOID.SERIAL_NUMBER, x509.NameOID.DOMAIN_COMPONENT),
    ]
)
texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20
) | st.sampled_from(["Example Corp", "a=b, c", "line\nend", "caf\xe9", "\U0001f600", "tab\t"])


@st.composite
def attributes(draw):
    kind, text = draw(kinds), draw(texts)
    if kind == x509.NameOID.COUNTRY_NAME:
        return x509.NameAttribute(kind, draw(st.sampled_from(["DE", "US"])))
    coding = draw(st.sampled_from([_ASN1Type.UTF8String, _ASN1Type.BMPString]))
    if coding == _ASN1Type.BMPString and any(ord(letter) > 0xFFFF for letter in text):
        coding = _ASN1Type.UTF8String
    return x509.NameAttribute(kind, text, coding)


KEY = ec.generate_private_key(ec.SECP256R1())


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.lists(attributes(), max_size=4))
def test_the_issuer_that_is_not_known(tmp_path_factory, name):
    subject = x509.Name(name)
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")]))
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("server")
    both, other = folder / "both.pem", folder / "other.pem"
    secret = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    trustme.CA().cert_pem.write_to_path(str(other))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    words = []
    with Peer(lambda link: link.close(), tls=context) as peer:
        for twin in (native, pure):
            tls = twin.TlsSettings(True, str(other), None, None)
            with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED") as caught:
                twin.Pool("https", "127.0.0.1", peer.port, tls=tls).take(URL, None)
            words.append(str(caught.value))
    assert words[0] == words[1]
