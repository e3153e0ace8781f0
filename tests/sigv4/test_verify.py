"""The check on the other side: what is accepted, and what is an error of the caller's own."""

import hashlib

import pytest

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Identity, Signer, Verifier
from tests.support.signed_requests import (
    AT,
    BODY,
    CREDENTIALS,
    FORMS,
    HEADERS,
    INCOMPLETE,
    INVALID,
    KEYS,
    ORIGIN,
    SCOPE,
    TARGET,
    TEMPORARY,
    VERIFIER,
    accepted,
    in_header,
    refuse,
)


@FORMS
def test_identity(form):
    names = ("content-type", "host", "x-amz-meta")
    if form is in_header:
        names = ("content-type", "host", "x-amz-date", "x-amz-meta")
    scope = "20260102/us-east-1/sagemaker/aws4_request"
    assert VERIFIER.verify(*form(), at=AT) == Identity("AKID", names, AT, scope)


@FORMS
def test_bytes_or_text_and_any_bytes_like(form):
    method, target, headers, body = form()
    octets = [(name.encode(), value.encode()) for name, value in headers]
    digest = hashlib.sha256(body).hexdigest()
    for given_body in (body, bytearray(body), memoryview(body), digest):
        assert VERIFIER.verify(method.encode(), target.encode(), octets, given_body, at=AT)
        assert VERIFIER.verify(method, target, dict(headers), given_body, at=AT)


@FORMS
def test_header_names_in_any_case_and_order(form):
    method, target, headers, body = form()
    other = [(name.swapcase(), value) for name, value in reversed(headers)]
    assert accepted([method, target, other, body])


@FORMS
def test_the_target_may_be_a_whole_url(form):
    method, target, headers, body = form()
    assert accepted([method, ORIGIN + target, headers, body])


@FORMS
def test_non_ascii_values_as_a_server_sees_them(form):
    headers = [*HEADERS, ("A", "caf\xe9 \u3042")]
    method, target, signed, body = form(headers=headers)
    seen = [(name, value.encode().decode("latin-1")) for name, value in signed]
    assert accepted([method, target, seen, body])


@FORMS
def test_temporary_credentials(form):
    assert VERIFIER.verify(*form(TEMPORARY), at=AT).access_key_id == "ASIA"


def test_unsigned_payload():
    signer = Signer(CREDENTIALS, **SCOPE, content_sha256_header=True)
    added = signer.sign("POST", ORIGIN + TARGET, HEADERS, "UNSIGNED-PAYLOAD", at=AT)
    assert accepted(["POST", TARGET, HEADERS + added, b"any body at all"])


def test_stated_hash():
    signer = Signer(CREDENTIALS, **SCOPE, content_sha256_header=True)
    added = signer.sign("POST", ORIGIN + TARGET, HEADERS, BODY, at=AT)
    assert accepted(["POST", TARGET, HEADERS + added, BODY])
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    refuse(["POST", TARGET, HEADERS + added, b"other"], (*INVALID, message))
    twice = [*HEADERS, *added, added[1]]
    message = "The x-amz-content-sha256 header is repeated."
    refuse(["POST", TARGET, twice, BODY], (*INCOMPLETE, message))


@pytest.mark.parametrize("normalize_path", [True, False])
@pytest.mark.parametrize("double_encode", [True, False])
def test_options(normalize_path, double_encode):
    options = {"normalize_path": normalize_path, "double_encode": double_encode}
    target = "/a//./b/../c%20d"
    signed = HEADERS + Signer(CREDENTIALS, **SCOPE, **options).sign(
        "POST", ORIGIN + target, HEADERS, BODY, at=AT
    )
    for normalize in (True, False):
        for double in (True, False):
            verifier = Verifier(KEYS, **SCOPE, normalize_path=normalize, double_encode=double)
            request = ["POST", target, signed, BODY]
            same = (normalize, double) == (normalize_path, double_encode)
            assert (accepted(request, verifier=verifier) is not None) is same


def test_lookup_may_be_a_callable():
    assert accepted(in_header(), verifier=Verifier(KEYS.get, **SCOPE))
    asked = []
    accepted(in_header(), verifier=Verifier(asked.append, **SCOPE))
    assert asked == ["AKID"]


def test_a_failing_lookup_comes_through():
    def lookup(_):
        raise ConnectionError("the key store is away")

    verifier = Verifier(lookup, **SCOPE)
    for call in (verifier.verify, verifier.explain):
        with pytest.raises(ConnectionError, match="the key store is away"):
            call(*in_header(), at=AT)


@pytest.mark.parametrize("answer", ["SECRET", ("SECRET", None), 5, {}])
def test_a_lookup_that_gives_something_else(answer):
    verifier = Verifier({"AKID": answer}, **SCOPE)
    with pytest.raises(TypeError) as raised:
        verifier.verify(*in_header(), at=AT)
    kind = type(answer).__name__
    assert str(raised.value) == (f"lookup must give sagewire.sigv4.Credentials or None, not {kind}")


PAIRS = "headers must be a mapping or an iterable of (name, value) pairs, not"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, "/", []), "method must be str or bytes, not int"),
        (("POST", None, []), "target must be str or bytes, not NoneType"),
        (("POST", "/", 5), f"{PAIRS} int"),
        (("POST", "/", ["abc"]), f"{PAIRS} list"),
        (("POST", "/", [("a", 5)]), "headers: the value of header 0 must be str or bytes, not int"),
        (("POST", "/", {5: ""}), "headers: the name of header 0 must be str or bytes, not int"),
        (("POST", "/", [], 5), "body must be bytes-like, or str with its hash, not int"),
    ],
)
def test_wrong_types(arguments, message):
    for call in (VERIFIER.verify, VERIFIER.explain):
        with pytest.raises(TypeError) as raised:
            call(*arguments, at=AT)
        assert str(raised.value) == message


@pytest.mark.parametrize(
    ("skew", "kind", "message"),
    [
        (1.5, TypeError, "max_skew must be int (seconds), not float"),
        (True, TypeError, "max_skew must be int (seconds), not bool"),
        (
            -1,
            InvalidArgumentError,
            "max_skew: -1 seconds is out of range; allowed: 0 to 1000000000",
        ),
        (
            2**70,
            InvalidArgumentError,
            f"max_skew: {2**70} seconds is out of range; allowed: 0 to 1000000000",
        ),
    ],
)
def test_skew_of_a_wrong_kind(skew, kind, message):
    with pytest.raises(kind) as raised:
        Verifier({}, **SCOPE, max_skew=skew)
    assert str(raised.value) == message


def test_a_lookup_of_a_wrong_type():
    with pytest.raises(TypeError) as raised:
        Verifier("AKID", **SCOPE)
    assert str(raised.value) == "lookup must be a mapping or callable, not str"
