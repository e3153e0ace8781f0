"""The twins of `sigv4` agree on every input, errors included: class, code and words."""

import inspect
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure import sigv4 as pure

native = pytest.importorskip("sagewire._native.sigv4", reason="needs the extension module")

AT = 1767323045  # 2026-01-02T03:04:05Z
TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

# Text with all that is awkward in it: controls, line ends, white space, escapes, no characters.
awkward = st.text(
    "aZ0%/.?#&=:@[];, \t\r\n\0\x0b\x1c\x7f\x85\xa0\u0130\u3000é\ud800\U0001f600", max_size=12
)
texts = st.text(max_size=12) | awkward | st.text(st.characters(exclude_categories=()), max_size=8)
octets = st.binary(max_size=30) | awkward.map(lambda text: text.encode("utf-8", "surrogatepass"))


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        fields = {key: value for key, value in vars(error).items() if key != "__notes__"}
        return type(error), str(error), error.args, fields


def assert_equal(make, *arguments):
    """Hold what both twins answer equal; return it."""
    expected = outcome(make, pure, *arguments)
    assert outcome(make, native, *arguments) == expected
    return expected


methods = st.sampled_from(["POST", "get", "", "A B", "PÖST"]) | texts
ports = st.sampled_from(
    ["", ":", ":80", ":443", ":0443", ":65536", ":x", ":-1", ":\u0663", ":8080"]
)
hosts = st.sampled_from(
    ["example.com", "EXAMPLE.com", "[::1]", "[]", "", "u:p@h", "b\xfcr", "[a", "a]"]
)
paths = st.lists(st.sampled_from(["", ".", "..", "%2F", "%", "a"]) | texts, max_size=5)
queries = st.lists(st.sampled_from(["a=1", "a", "=", "", "X-Amz-Date=1"]) | texts, max_size=4)
schemes = st.sampled_from(["https://", "HTTP://", "ftp://", "//", "\u212ahttps://", ""])
urls = texts | st.builds(
    lambda origin, path, query: f"{''.join(origin)}/{'/'.join(path)}?{'&'.join(query)}",
    st.tuples(schemes | st.just("https://"), hosts | texts, ports),
    paths,
    queries,
)
names = (
    st.text(TOKEN_CHARACTERS, min_size=1, max_size=6)
    | texts
    | st.sampled_from(
        ["Host", "HOST", "user-agent", "TE", "Authorization", "x-amz-date", "X-Amz-Content-SHA256"]
    )
)
pairs = st.lists(st.tuples(names, texts), max_size=5)
bodies = st.binary(max_size=40) | texts | st.sampled_from(["UNSIGNED-PAYLOAD", b"\0" * 5000])
times = st.integers(-(2**63), 2**63 - 1) | st.integers(AT - 10**6, AT + 10**6)
flags = st.booleans()
three_flags = st.tuples(flags, flags, flags)
secrets = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def signers(draw):
    """Make the arguments of a `Signer`."""
    scope = st.text(string.ascii_letters + "-", max_size=4)
    key = draw(st.text(st.characters(codec="utf-8"), max_size=5))
    token = draw(st.none() | secrets)
    return (
        key,
        draw(secrets),
        token,
        draw(scope),
        draw(scope),
        *draw(st.tuples(flags, flags, flags)),
    )


@pytest.mark.parametrize("stage", ["sign", "authorize", "canonical_request", "string_to_sign"])
@given(arguments=signers(), method=methods, url=urls, headers=pairs, body=bodies, at=times)
def test_sign(stage, arguments, method, url, headers, body, at):
    def make(twin):
        return getattr(twin.Signer(*arguments), stage)(method, url, headers, body, at)

    assert_equal(make)


@pytest.mark.parametrize("stage", ["presign", "presign_stages"])
@given(
    arguments=signers(),
    method=methods,
    url=urls,
    headers=pairs,
    body=bodies,
    expires_in=texts | st.integers(1, 604_800).map(str),
    at=times,
    strict=st.booleans(),
)
def test_presign(stage, arguments, method, url, headers, body, expires_in, at, strict):
    def make(twin):
        signer = twin.Signer(*arguments)
        return getattr(signer, stage)(method, url, headers, body, expires_in, at, strict)

    assert_equal(make)


@given(
    arguments=signers(),
    seed=st.sampled_from(["0" * 64, "0123456789abcdef" * 4]) | texts,
    events=st.lists(st.tuples(st.binary(max_size=40), times), max_size=4),
)
def test_events(arguments, seed, events):
    def make(twin):
        chain = twin.Signer(*arguments).event_signer(seed)
        seen = [chain.prior_signature]
        for payload, at in events:
            seen.append(outcome(chain.sign, payload, at))
            seen.append(chain.prior_signature)
        return seen

    assert_equal(make)


@st.composite
def received(draw):
    """Make a request as it arrives: well signed, nearly so, or not at all."""
    token = draw(st.sampled_from([None, "tok"]))
    signer = pure.Signer(
        "AKID", "SECRET", token, "us-east-1", "sagemaker", *draw(st.tuples(flags, flags, flags))
    )
    path = draw(st.sampled_from(["/", "/a%20b/../c", "//x/", "/a b"]))
    url = f"https://example.com{path}{draw(st.sampled_from(['', '?', '?b&a=1', '?%zz']))}"
    headers = [("Host", "example.com"), ("Content-Type", "a  b")][: draw(st.integers(1, 2))]
    body = draw(st.sampled_from([b"", b"1,2", "UNSIGNED-PAYLOAD", b"\0" * 5000]))
    at = draw(st.sampled_from([AT, AT, AT - 301, AT + 301, AT - 86_400]))
    method = draw(st.sampled_from(["POST", "get"]))
    if draw(flags):
        headers = headers + signer.sign(method, url, headers, body, at)
    else:
        url = signer.presign(
            method, url, headers, body, draw(st.sampled_from(["1", "3600"])), at, True
        )
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    target = url.removeprefix("https://example.com").encode()
    return [draw(st.sampled_from([b"POST", b"GET", b"get"])), target, pairs, body]


def spoilt(draw, data):
    """Change a few bytes, or none."""
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data)))
        put = draw(
            st.sampled_from([b"", b"%", b"=", b"&", b",", b" ", b";", b"/", b"\xff", b"A", b"0"])
        )
        data = data[:place] + put + data[place + draw(st.integers(0, 2)) :]
    return data


@st.composite
def disturbed(draw):
    """Make a request of which something may be wrong."""
    method, target, headers, body = draw(received())
    target = spoilt(draw, target)
    headers = [(spoilt(draw, name), spoilt(draw, value)) for name, value in headers]
    more = st.lists(st.tuples(octets, octets) | st.sampled_from(headers), max_size=2)
    headers = draw(st.permutations(headers + draw(more))) if draw(flags) else headers
    return [draw(st.just(method) | octets), target, headers, draw(st.just(body) | octets | texts)]


FOUND = st.sampled_from(
    [
        ("SECRET", None, None),
        ("SECRET", "tok", None),
        ("SECRET", "", AT + 10),
        ("SECRET", "tok", AT),
        ("other", None, None),
        None,
    ]
)
requests = (
    received()
    | disturbed()
    | disturbed()
    | st.tuples(octets, octets, st.lists(st.tuples(octets, octets), max_size=3), bodies)
)


@pytest.mark.parametrize("question", ["verify", "explain"])
@given(
    request_=requests,
    found=FOUND,
    skew=st.sampled_from([0, 300, 10**9]),
    options=st.tuples(flags, flags),
    at=times | st.just(AT),
)
def test_verify(question, request_, found, skew, options, at):
    asked = []

    def lookup(key):
        asked.append(key)
        return found

    def make(twin):
        asked.clear()
        verifier = twin.Verifier("us-east-1", "sagemaker", skew, *options)
        return outcome(getattr(verifier, question), lookup, *request_, at), list(asked)

    assert_equal(make)


def test_same_names():
    assert native.__all__ == pure.__all__


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (kind, method)
        for kind in pure.__all__
        if isinstance(getattr(pure, kind), type)
        for method in vars(getattr(native, kind))
        if not method.startswith("_") and callable(getattr(getattr(native, kind), method))
    ],
)
def test_same_signatures(kind, method):
    def parameters(twin):
        return list(inspect.signature(getattr(getattr(twin, kind), method)).parameters)

    assert parameters(native) == parameters(pure)


@given(body=st.binary(max_size=300))
def test_same_hash(body):
    assert native.sha256_hex(body) == pure.sha256_hex(body)


@pytest.mark.parametrize("kind", ["Signer", "Verifier"])
def test_same_constructors(kind):
    wanted = list(inspect.signature(getattr(pure, kind)).parameters)
    assert list(inspect.signature(getattr(native, kind)).parameters) == wanted
