"""What a signer refuses, with the exact exception and words."""

import copy
import pickle
from datetime import datetime, timedelta, timezone

import pytest

from sagewire.exceptions import InvalidArgumentError, SignatureError
from sagewire.sigv4 import Credentials, Signer, Verifier

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
URL = "https://example.com/endpoints/a/invocations"
SCOPE = {"region": "us-east-1", "service": "sagemaker"}
CREDENTIALS = Credentials("AKID", "SECRET")
SIGNER = Signer(CREDENTIALS, **SCOPE)
CALLS = [SIGNER.sign, SIGNER.presign, SIGNER.canonical_request, SIGNER.string_to_sign]
each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)

ABSOLUTE = "an absolute http or https URL"
TOKEN = "letters, digits and !#$%&'*+-.^_`|~"
OWN = "every header but Authorization, X-Amz-Date, X-Amz-Security-Token"
FOLDS = "text whose line ends are followed by a space or a tab"
UTF8 = "text that can be written as UTF-8"
HASH = "bytes-like, 64 lower-case hex digits, UNSIGNED-PAYLOAD or STREAMING-..."


def refuse(argument, problem, allowed, call, *arguments, **named):
    with pytest.raises(InvalidArgumentError) as raised:
        call(*arguments, **named)
    error = raised.value
    assert str(error) == f"{argument}: {problem}; allowed: {allowed}"
    assert (error.argument, error.problem, error.allowed) == (argument, problem, allowed)
    assert isinstance(error, ValueError)


@each_call
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, URL), "method must be str, not NoneType"),
        ((b"POST", URL), "method must be str, not bytes"),
        (("POST", b"https://x/"), "url must be str, not bytes"),
        (("POST", None), "url must be str, not NoneType"),
        (
            ("POST", URL, 5),
            "headers must be a mapping or an iterable of (name, value) pairs, not int",
        ),
        (
            ("POST", URL, ["abc"]),
            "headers must be a mapping or an iterable of (name, value) pairs, not list",
        ),
        (
            ("POST", URL, "Accept: a"),
            "headers must be a mapping or an iterable of (name, value) pairs, not str",
        ),
        (
            ("POST", URL, [("a", "b", "c")]),
            "headers must be a mapping or an iterable of (name, value) pairs, not list",
        ),
        (("POST", URL, [(b"a", "b")]), "headers: the name of header 0 must be str, not bytes"),
        (
            ("POST", URL, [("a", "b"), ("c", 5)]),
            "headers: the value of header 1 (c) must be str, not int",
        ),
        (
            ("POST", URL, {"a": None}),
            "headers: the value of header 0 (a) must be str, not NoneType",
        ),
        (("POST", URL, [], 5), "body must be bytes-like, or str with its hash, not int"),
        (("POST", URL, [], None), "body must be bytes-like, or str with its hash, not NoneType"),
        (("POST", URL, [], ["x"]), "body must be bytes-like, or str with its hash, not list"),
        (
            ("POST", URL, [], memoryview(b"abcd")[::2]),
            "body must be bytes-like, or str with its hash, not memoryview",
        ),
    ],
)
def test_wrong_types(call, arguments, message):
    with pytest.raises(TypeError) as raised:
        call(*arguments, at=AT)
    assert str(raised.value) == message


@each_call
@pytest.mark.parametrize("method", ["", "PO ST", "POST\n", "POST\0", "PÖST", "GET /", "(", "\x7f"])
def test_methods(call, method):
    problem = "it is not an HTTP method"
    refuse("method", problem, "a token such as POST", call, method, URL, at=AT)


@each_call
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "it has no http scheme"),
        ("/endpoints/a", "it has no http scheme"),
        ("example.com/a", "it has no http scheme"),
        ("ftp://example.com/", "it has no http scheme"),
        ("http:/example.com/", "it has no http scheme"),
        ("//example.com/", "it has no http scheme"),
        ("#https://example.com/", "it has no http scheme"),
        (" https://example.com/", "it has no http scheme"),
        ("\u212ahttps://example.com/", "it has no http scheme"),
        ("https://", "it has no host"),
        ("https:///path", "it has no host"),
        ("https://?query", "it has no host"),
        ("https://:443/", "it has no host"),
        ("https://user@/", "it has no host"),
        ("https://user@:80/", "it has no host"),
        ("https://[]/", "it has no host"),
        ("https://[]:80/", "it has no host"),
        ("https://exa mple.com/", "its host has a character outside visible ASCII"),
        ("https://bücher.example/", "its host has a character outside visible ASCII"),
        ("https://example.com:x/", "its port is not a number"),
        ("https://example.com:-1/", "its port is not a number"),
        ("https://example.com:+1/", "its port is not a number"),
        ("https://example.com: 80/", "its port is not a number"),
        ("https://example.com:\u0663/", "its port is not a number"),
        ("https://example.com:65536/", "its port is over 65535"),
        ("https://example.com:99999999999999999999999/", "its port is over 65535"),
        ("https://[::1]:65536/", "its port is over 65535"),
        ("https://example.com/\n", "it holds a control character"),
        ("https://example.com/?a=\r\nX: y", "it holds a control character"),
        ("https://example.com/\t", "it holds a control character"),
        ("https://exam\0ple.com/", "it holds a control character"),
        ("https://example.com/#\x7f", "it holds a control character"),
    ],
)
def test_urls(call, url, problem):
    refuse("url", problem, ABSOLUTE, call, "POST", url, at=AT)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://EXAMPLE.com", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("https://example.com:0443/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("HTTP://example.com:80/", "example.com"),
        ("http://example.com:65535/", "example.com:65535"),
        ("http://example.com:0/", "example.com:0"),
        ("http://example.com:/", "example.com"),
        ("http://user:pass@example.com:8080/", "example.com:8080"),
        ("http://a@b@example.com/", "example.com"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://[FE80::1]", "[fe80::1]"),
        ("http://example.com?x=http://other/@:9", "example.com"),
    ],
)
def test_hosts(url, host):
    lines = SIGNER.canonical_request("POST", url, at=AT).split("\n")
    assert f"host:{host}" in lines


@each_call
@pytest.mark.parametrize("name", ["", "a b", "a:", "a\n", "é", "a\0", "(a)", " a", "a\t"])
def test_header_names(call, name):
    problem = "header 1 has a name that is not a token"
    refuse("headers", problem, TOKEN, call, "POST", URL, [("Accept", "x"), (name, "y")], at=AT)


@each_call
@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\rb",
        "a\r\nb",
        "\n",
        "\r\n",
        "a\n",
        "a\r",
        "a\r\r\n ",
        "a\n\n b",
        "a\r\n b\r\nX: y",
    ],
)
def test_header_injection(call, value):
    problem = "header 0 (Accept) has a line end in its value"
    refuse("headers", problem, FOLDS, call, "POST", URL, {"Accept": value}, at=AT)


@pytest.mark.parametrize(
    "value", ["a\n b", "a\r\n\tb", "a\r b", "a\r\n b\r\n\tc", "\0", "é", "", " "]
)
def test_values_that_can_be_sent(value):
    assert SIGNER.sign("POST", URL, {"Accept": value}, at=AT)


@each_call
@pytest.mark.parametrize("name", ["Authorization", "x-amz-date", "X-AMZ-SECURITY-TOKEN"])
def test_headers_of_the_signer(call, name):
    problem = f"header 0 ({name}) is one that the signer sets itself"
    refuse("headers", problem, OWN, call, "POST", URL, {name: "x"}, at=AT)


@each_call
@pytest.mark.parametrize(
    ("arguments", "argument", "part"),
    [
        (("PO\ud800", URL), "method", "it"),
        (("POST", f"{URL}\udfff"), "url", "it"),
        (("POST", URL, {"\ud800": "x"}), "headers", "the name of header 0"),
        (("POST", URL, {"A": "\ud800"}), "headers", "the value of header 0 (A)"),
    ],
)
def test_lone_surrogates(call, arguments, argument, part):
    refuse(argument, f"{part} has a lone surrogate", UTF8, call, *arguments, at=AT)


@each_call
@pytest.mark.parametrize(
    "body",
    [
        "",
        "1,2,3",
        "{}",
        "A" * 64,
        "0" * 63,
        "0" * 63 + "G",
        "unsigned-payload",
        "\ud800",
        "STREAMING-\n",
    ],
)
def test_text_is_no_body(call, body):
    problem = "it is a str, but neither a hash nor a fixed word"
    refuse("body", problem, HASH, call, "POST", URL, [], body, at=AT)


@pytest.mark.parametrize(
    "body", ["UNSIGNED-PAYLOAD", "0123456789abcdef" * 4, "STREAMING-AWS4-HMAC-SHA256-EVENTS"]
)
def test_hashes(body):
    assert SIGNER.canonical_request("POST", URL, [], body, at=AT).endswith(f"\n{body}")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bodies(kind):
    wanted = SIGNER.sign("POST", URL, [], b"abc" * 2000, at=AT)
    assert SIGNER.sign("POST", URL, [], kind(b"abc" * 2000), at=AT) == wanted


@each_call
def test_naive_time(call):
    naive = AT.replace(tzinfo=None)
    allowed = "an aware datetime, such as datetime.now(timezone.utc)"
    refuse("at", f"{naive!r} has no time zone", allowed, call, "POST", URL, at=naive)


@each_call
@pytest.mark.parametrize("at", [0, 1.5, "2026-01-02", AT.date()])
def test_no_time(call, at):
    with pytest.raises(TypeError) as raised:
        call("POST", URL, at=at)
    assert str(raised.value) == f"at must be an aware datetime, not {type(at).__name__}"


@each_call
@pytest.mark.parametrize(
    ("at", "second"),
    [
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), -62135600400),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), 253402304399),
    ],
)
def test_time_out_of_range(call, at, second):
    problem = f"{second} seconds since 1970 is out of range"
    refuse("at", problem, "a time in the years 1 to 9999", call, "POST", URL, at=at)


@pytest.mark.parametrize(
    ("at", "stamp"),
    [
        (AT.astimezone(timezone(timedelta(hours=9))), "20260102T030405Z"),
        (AT.replace(microsecond=999_999), "20260102T030405Z"),
        (datetime(1, 1, 1, tzinfo=timezone.utc), "00010101T000000Z"),
        (datetime.max.replace(tzinfo=timezone.utc), "99991231T235959Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=timezone.utc), "19691231T235959Z"),
        (datetime(2024, 2, 29, tzinfo=timezone.utc), "20240229T000000Z"),
    ],
)
def test_times(at, stamp):
    assert SIGNER.sign("POST", URL, at=at)[0] == ("X-Amz-Date", stamp)


@pytest.mark.parametrize("seconds", [0, -1, 604_801, 2**63, -(2**63), 2**200])
def test_expiry_out_of_range(seconds):
    problem = f"{seconds} seconds is out of range"
    allowed = "1 to 604800 (seven days)"
    refuse("expires_in", problem, allowed, SIGNER.presign, "POST", URL, expires_in=seconds)


@pytest.mark.parametrize("seconds", [1.0, "60", None, True, timedelta(1)])
def test_expiry_of_a_wrong_type(seconds):
    with pytest.raises(TypeError) as raised:
        SIGNER.presign("POST", URL, expires_in=seconds)
    kind = type(seconds).__name__
    assert str(raised.value) == f"expires_in must be int (seconds), not {kind}"


@pytest.mark.parametrize("seconds", [1, 604_800])
def test_expiry(seconds):
    assert f"&X-Amz-Expires={seconds}&" in SIGNER.presign("POST", URL, expires_in=seconds, at=AT)


@pytest.mark.parametrize(
    "make", [lambda **s: Signer(CREDENTIALS, **s), lambda **s: Verifier({}, **s)]
)
@pytest.mark.parametrize("argument", ["region", "service"])
@pytest.mark.parametrize("value", ["", "a/b", "a b", "a,b", "é", "a\n", "\0"])
def test_scope(make, argument, value):
    problem = f"{value!r} cannot stand in a credential scope"
    allowed = "visible ASCII without slashes and commas, at least one character"
    refuse(argument, problem, allowed, make, **{**SCOPE, argument: value})


@pytest.mark.parametrize(
    "make", [lambda **s: Signer(CREDENTIALS, **s), lambda **s: Verifier({}, **s)]
)
@pytest.mark.parametrize("argument", ["region", "service"])
def test_scope_of_a_wrong_type(make, argument):
    with pytest.raises(TypeError) as raised:
        make(**{**SCOPE, argument: None})
    assert str(raised.value) == f"{argument} must be str, not NoneType"


@pytest.mark.parametrize("key", ["A B", "A\n", "é", "A,B", "\x7f"])
def test_access_key_ids(key):
    problem = "the access key id has a character that cannot stand in a signature"
    allowed = "visible ASCII without commas"
    refuse("credentials", problem, allowed, Signer, Credentials(key, "s"), **SCOPE)


@pytest.mark.parametrize("token", ["t\n", "t\r\nX: y", "\0"])
def test_tokens(token):
    problem = "the token has a character that cannot stand in a header"
    allowed = "text without carriage return, line feed and NUL"
    refuse("credentials", problem, allowed, Signer, Credentials("A", "s", token), **SCOPE)


@pytest.mark.parametrize("credentials", [None, ("a", "b"), {"access_key_id": "a"}])
def test_no_credentials(credentials):
    with pytest.raises(TypeError) as raised:
        Signer(credentials, **SCOPE)
    kind = type(credentials).__name__
    assert str(raised.value) == f"credentials must be sagewire.sigv4.Credentials, not {kind}"


def test_headers_may_come_as_a_mapping_or_once():
    pairs = [("Accept", "a"), ("B", "c")]
    wanted = SIGNER.sign("POST", URL, pairs, at=AT)
    assert SIGNER.sign("POST", URL, dict(pairs), at=AT) == wanted
    assert SIGNER.sign("POST", URL, iter(pairs), at=AT) == wanted
    assert SIGNER.sign("POST", URL, [["Accept", "a"], ["B", "c"]], at=AT) == wanted


def test_without_a_time_it_is_now():
    before = datetime.now(timezone.utc).replace(microsecond=0)
    stamp = SIGNER.sign("POST", URL)[0][1]
    signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    assert before <= signed <= datetime.now(timezone.utc)


@pytest.mark.parametrize("flag", ["normalize_path", "double_encode", "content_sha256_header"])
@pytest.mark.parametrize("value", [0, 1, "false", None, []])
def test_flags_are_booleans(flag, value):
    words = f"^{flag} must be bool, not {type(value).__name__}$"
    with pytest.raises(TypeError, match=words):
        Signer(CREDENTIALS, **SCOPE, **{flag: value})
    if flag != "content_sha256_header":
        with pytest.raises(TypeError, match=words):
            Verifier({}, **SCOPE, **{flag: value})


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_signers_and_verifiers_pickle_and_are_copied(again):
    flags = {"normalize_path": False, "double_encode": False}
    signer = Signer(CREDENTIALS, **SCOPE, **flags, content_sha256_header=True)
    url = "https://example.com/a//b"
    expected = signer.sign("POST", url, [("Host", "example.com")], b"x", at=AT)
    assert again(signer).sign("POST", url, [("Host", "example.com")], b"x", at=AT) == expected
    verifier = again(Verifier({"AKID": CREDENTIALS}, **SCOPE, max_skew=5, **flags))
    headers = [("Host", "example.com"), *expected]
    assert verifier.verify("POST", "/a//b", headers, b"x", at=AT).access_key_id == "AKID"
    with pytest.raises(SignatureError):
        verifier.verify("POST", "/a//b", headers, b"x", at=AT + timedelta(seconds=6))
