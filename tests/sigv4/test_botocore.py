"""botocore signs the same: any request, in the header and in the query.

Where it does not, the difference is one of those that docs/signing.md names; each has its test
below the properties, so that a difference that goes away is noticed too.
"""

import hashlib
import string
from datetime import datetime, timezone
from unittest import mock
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Credentials, Signer

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SCOPE = {"region": "us-west-2", "service": "sagemaker"}
TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
# Given from outside, these are set by the signer (named: "headers of the signer").
OWN = {"authorization", "x-amz-date", "x-amz-security-token", "date"}


class Oracle:
    """botocore's signers at a frozen time."""

    def __init__(self, key=KEY, secret=SECRET, token=None, at=AT):
        self.credentials = ReadOnlyCredentials(key, secret, token)
        self.at = at

    def _add_auth(self, auth, request):
        naive = self.at.astimezone(timezone.utc).replace(tzinfo=None)
        with mock.patch.object(botocore.auth, "get_current_datetime", return_value=naive):
            auth.add_auth(request)

    def sign(self, method, url, headers, body):
        request = AWSRequest(method=method, url=url, data=body)
        for name, value in headers:
            request.headers.add_header(name, value)
        auth = botocore.auth.SigV4Auth(self.credentials, SCOPE["service"], SCOPE["region"])
        self._add_auth(auth, request)
        names = ("X-Amz-Date", "X-Amz-Security-Token", "Authorization")
        return [(name, request.headers[name]) for name in names if name in request.headers]

    def presign(self, method, url, headers, expires_in):
        request = AWSRequest(method=method, url=url)
        for name, value in headers:
            request.headers.add_header(name, value)
        auth = botocore.auth.SigV4QueryAuth(
            self.credentials, SCOPE["service"], SCOPE["region"], expires_in
        )
        self._add_auth(auth, request)
        return request.url


def ours(token=None, key=KEY, secret=SECRET):
    return Signer(Credentials(key, secret, token), **SCOPE)


# Text as it can be sent: anything but controls, which differ by name below, and lone surrogates.
shown = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="\x7f"
)
methods = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8) | st.sampled_from(["POST", "get"])
segments = st.sampled_from(["", ".", "..", "a", "%2F", "%", "%zz", "%25", "a b", "é", "+"]) | (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="?#"))
)
paths = st.just("") | st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts))
# Visible ASCII, as a query is sent (named: "queries").
queries = st.text(
    "".join(set(string.printable) - set(string.whitespace) - {"#"}), max_size=20
) | st.lists(st.sampled_from(["a", "a=", "a=1", "b=%20", "=", "", "A=", "a=2=3", "a%20"])).map(
    "&".join
)
hosts = st.sampled_from(
    [
        "runtime.sagemaker.us-west-2.amazonaws.com",
        "EXAMPLE.com",
        "example.com:443",
        "example.com:80",
        "example.com:8443",
        "user:word@example.com",
        "127.0.0.1:8080",
        "[::1]:8080",
        "[2001:DB8::1]",
        "example.com:",
        "a..b",
    ]
)


@st.composite
def urls(draw):
    scheme = draw(st.sampled_from(["https", "http", "HTTPS"]))
    url = f"{scheme}://{draw(hosts)}{draw(paths)}"
    if draw(st.booleans()):
        url += f"?{draw(queries)}"
    if draw(st.integers(0, 9)) == 0:
        url += "#fragment?x=1/y"
    return url


names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12) | st.sampled_from(
    [
        "Content-Type",
        "content-type",
        "HOST",
        "Host",
        "User-Agent",
        "Connection",
        "TE",
        "X-Amzn-Trace-Id",
        "X-Amzn-SageMaker-Session-Id",
        "x-amz-meta",
        "Transfer-Encoding",
        "X-Amz-Content-SHA256",
    ]
)
# White space as a server sees it (named: "white space").
values = st.text(st.sampled_from("a\"',;= \t é") | shown, max_size=20)
headers = st.lists(
    st.tuples(names.filter(lambda name: name.lower() not in OWN), values), max_size=6
)
bodies = st.binary(max_size=300)
tokens = st.none() | st.just("") | st.text(shown, max_size=40)
keys = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
secrets = st.text(shown, max_size=50)
# Before the year 1000 (named: "years").
FIRST = datetime(1000, 1, 1)  # noqa: DTZ001 - Hypothesis adds the zone
times = st.datetimes(FIRST, timezones=st.just(timezone.utc))


@given(
    method=methods,
    url=urls(),
    headers=headers,
    body=bodies,
    token=tokens,
    key=keys,
    secret=secrets,
    at=times,
)
@example(
    "POST",
    "https://h/a/../%2e%2e//b/?b=2&a",
    [("A", "  x   y "), ("a", "z")],
    b"",
    "t",
    KEY,
    "",
    AT,
)
@example("POST", "https://h", [("Host", " A  b "), ("host", "c")], b"x", None, KEY, SECRET, AT)
def test_header(method, url, headers, body, token, key, secret, at):
    wanted = Oracle(key, secret, token, at).sign(method, url, headers, body)
    assert ours(token, key, secret).sign(method, url, headers, body, at=at) == wanted


@st.composite
def unambiguous_queries(draw):
    """Make queries that botocore leaves as they are (named: "presigned queries")."""
    keys = draw(st.lists(st.text(TOKEN_CHARACTERS + "é /", min_size=1), unique=True, max_size=4))
    pairs = [f"{quote(key, safe='-._~')}={quote(draw(values), safe='-._~')}" for key in keys]
    return "&".join(pairs)


@given(
    method=methods,
    path=paths,
    query=unambiguous_queries(),
    host=hosts,
    headers=headers,
    token=st.none() | st.text(shown, min_size=1, max_size=40),
    expires_in=st.integers(1, 604_800),
    at=times,
)
def test_query(method, path, query, host, headers, token, expires_in, at):
    url = f"https://{host}{path}" + (f"?{query}" if query else "")
    wanted = Oracle(token=token, at=at).presign(method, url, headers, expires_in)
    made = ours(token).presign(method, url, headers, expires_in=expires_in, at=at)
    assert made == wanted


@given(body=bodies, token=tokens)
def test_a_hash_in_place_of_a_body(body, token):
    url, digest = "https://example.com/", hashlib.sha256(body).hexdigest()
    assert ours(token).sign("POST", url, [], digest, at=AT) == Oracle(token=token).sign(
        "POST", url, [], body
    )


def test_unsigned_payload():
    """Botocore adds the header by itself; we do where `content_sha256_header` is on."""
    url, word = "https://example.com/", "UNSIGNED-PAYLOAD"
    request = AWSRequest(method="POST", url=url, data=b"body")
    request.context["payload_signing_enabled"] = False
    request.headers["X-Amz-Content-SHA256"] = word
    oracle = Oracle()
    auth = botocore.auth.SigV4Auth(oracle.credentials, SCOPE["service"], SCOPE["region"])
    oracle._add_auth(auth, request)
    signer = Signer(Credentials(KEY, SECRET), **SCOPE, content_sha256_header=True)
    added = dict(signer.sign("POST", url, [], word, at=AT))
    assert added["X-Amz-Content-SHA256"] == word
    assert added["Authorization"] == request.headers["Authorization"]


CLEAN = st.text(string.ascii_letters + "/.~-_", max_size=12) | st.just("//a/./../b%2F%20/")


@given(path=CLEAN, headers=headers, body=bodies)
def test_s3(path, headers, body):
    """The two options of S3: the path as it is, encoded once; and the body's hash as a header."""
    headers = [pair for pair in headers if pair[0].lower() != "x-amz-content-sha256"]
    url = f"http://example.com/{path}"
    request = AWSRequest(method="PUT", url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    oracle = Oracle()
    oracle._add_auth(botocore.auth.S3SigV4Auth(oracle.credentials, "s3", "us-west-2"), request)
    signer = Signer(
        Credentials(KEY, SECRET),
        region="us-west-2",
        service="s3",
        normalize_path=False,
        double_encode=False,
        content_sha256_header=True,
    )
    added = dict(signer.sign("PUT", url, headers, body, at=AT))
    assert added["X-Amz-Content-SHA256"] == request.headers["X-Amz-Content-SHA256"]
    assert added["Authorization"] == request.headers["Authorization"]


# The differences that docs/signing.md names.


def differs(url="https://example.com/", headers=(), at=AT):
    mine = ours().sign("POST", url, headers, b"", at=at)[-1]
    return mine != Oracle(at=at).sign("POST", url, headers, b"")[-1]


@pytest.mark.parametrize("space", ["\x1c", "\x1f", "\x85", "\xa0", "\u2028", "\u3000"])
def test_white_space(space):
    """Botocore collapses Unicode's white space, a server sees its bytes and does not."""
    assert differs(headers=[("A", f"x{space}{space}y")])


@pytest.mark.parametrize("space", [" ", "\t", "\x0b", "\x0c", "\r\n ", "\n\t"])
def test_white_space_that_is_equal(space):
    assert not differs(headers=[("A", f"x{space}{space}y{space}z")])


@pytest.mark.parametrize("query", ["a=é", "a=x y", "é"])
def test_queries(query):
    """Botocore signs a query that cannot be sent so; we sign it as it is sent."""
    assert differs(f"https://example.com/?{query}")
    sent = f"https://example.com/?{quote(query, safe='=')}"
    assert ours().sign("POST", sent, at=AT) == Oracle().sign("POST", sent, [], b"")


def test_years():
    """Botocore writes the year 999 with three digits, which no server reads."""
    assert differs(at=datetime(999, 1, 1, tzinfo=timezone.utc))


@pytest.mark.parametrize("name", ["Authorization", "X-Amz-Date", "X-Amz-Security-Token"])
def test_headers_of_the_signer(name):
    """Botocore replaces them silently."""
    with pytest.raises(InvalidArgumentError):
        ours().sign("POST", "https://example.com/", [(name, "x")])
    assert Oracle().sign("POST", "https://example.com/", [(name, "x")], b"")


def test_date():
    """Botocore sends `Date` in place of `X-Amz-Date` where it is given; to us it is a header."""
    date = [("Date", "Fri, 02 Jan 2026 03:04:05 GMT")]
    assert [name for name, _ in ours().sign("POST", "https://e.com/", date, at=AT)] == [
        "X-Amz-Date",
        "Authorization",
    ]
    assert [name for name, _ in Oracle().sign("POST", "https://e.com/", date, b"")] == [
        "Authorization"
    ]


def test_presigned_queries():
    """Botocore keeps a key's first value only, and gives a key without `=` one."""
    url = "https://example.com/?a=1&a=2&b"
    assert "?a=1&b=&X-Amz-" in Oracle().presign("POST", url, [], 60)
    assert "?a=1&a=2&b&X-Amz-" in ours().presign("POST", url, expires_in=60, at=AT)


def test_presigned_empty_token():
    """Botocore adds an empty parameter."""
    url = "https://example.com/"
    assert "X-Amz-Security-Token=&" in Oracle(token="").presign("POST", url, [], 60)
    assert "X-Amz-Security-Token" not in ours("").presign("POST", url, expires_in=60, at=AT)


def test_presigned_form():
    """Botocore drops this one content type from a presigned request."""
    form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
    url = "https://example.com/"
    assert "SignedHeaders=host&" in Oracle().presign("POST", url, form, 60)
    assert "SignedHeaders=content-type%3Bhost&" in ours().presign("POST", url, form, at=AT)


def test_presigned_fragment():
    """Botocore leaves a fragment in front of the signature; we drop it, it is never sent."""
    url = "https://example.com/#part"
    assert urlsplit(Oracle().presign("POST", url, [], 60)).fragment.startswith("part&X-Amz-Sig")
    assert "#" not in ours().presign("POST", url, expires_in=60, at=AT)


def test_presigned_body():
    """Botocore makes query parameters of a JSON body; we sign its hash."""
    oracle, body, url = Oracle(), b'{"a": "x y"}', "https://example.com/"
    request = AWSRequest(method="POST", url=url, data=body)
    auth = botocore.auth.SigV4QueryAuth(oracle.credentials, SCOPE["service"], SCOPE["region"])
    oracle._add_auth(auth, request)
    assert request.url.startswith("https://example.com/?a=x%20y&X-Amz-Algorithm=")
    made = ours().presign("POST", url, [], body, at=AT)
    assert made.startswith("https://example.com/?X-Amz-Algorithm=")
    assert made != ours().presign("POST", url, at=AT)


@pytest.mark.parametrize("life", [0, -1, 604_801])
def test_presigned_life(life):
    """Botocore writes what it is given."""
    url = "https://example.com/"
    assert f"X-Amz-Expires={life}&" in Oracle().presign("POST", url, [], life)
    with pytest.raises(InvalidArgumentError):
        ours().presign("POST", url, expires_in=life)


def test_hosts_outside_ascii():
    """Botocore signs a name that cannot be sent."""
    assert Oracle().sign("POST", "https://b\xfccher.example/", [], b"")
    with pytest.raises(InvalidArgumentError):
        ours().sign("POST", "https://b\xfccher.example/")
