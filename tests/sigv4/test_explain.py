"""`Verifier.explain`: what it shows, what it hides, which mistake it names."""

import hashlib

import pytest

from sagewire.sigv4 import Credentials, Signer, Verifier
from tests.support.signed_requests import (
    AT,
    BODY,
    CREDENTIALS,
    FORMS,
    HEADERS,
    KEYS,
    MISMATCH,
    ORIGIN,
    SCOPE,
    TARGET,
    TEMPORARY,
    UNRECOGNIZED,
    VERIFIER,
    changed,
    in_header,
)


@FORMS
def test_explain_what_is_accepted(form):
    seen = VERIFIER.explain(*form(), at=AT)
    assert seen.difference is None
    assert hashlib.sha256(seen.canonical_request.encode()).hexdigest() in seen.string_to_sign


def test_explain_shows_what_was_signed():
    signer = Signer(CREDENTIALS, **SCOPE)
    arguments = ("POST", ORIGIN + TARGET, HEADERS, BODY)
    seen = VERIFIER.explain(*in_header(), at=AT)
    assert seen.canonical_request == signer.canonical_request(*arguments, at=AT)
    assert seen.string_to_sign == signer.string_to_sign(*arguments, at=AT)


@FORMS
def test_explain_hides_the_token(form):
    seen = VERIFIER.explain(*form(TEMPORARY), at=AT)
    assert seen.difference is None
    assert "t0k" not in repr(seen)
    assert "<hidden>" in seen.canonical_request


@pytest.mark.parametrize("other", ["X-Amz-Date", "Content-Type"])
def test_explain_hides_the_token_however_it_is_written(other):
    """A token in a header that arrives twice, or beside one that is broken, is hidden too."""
    signed = in_header(TEMPORARY)
    twice = changed(signed, "X-Amz-Security-Token", lambda token: [token, token])
    assert "t0k" not in repr(VERIFIER.explain(*twice, at=AT))
    broken = changed(signed, other, lambda value: f"{value}\nx-amz-security-token:a")
    assert "t0k" not in repr(VERIFIER.explain(*broken, at=AT))


@pytest.mark.parametrize("method", ["POST\n", "\n\n\n", "a\nb"])
@FORMS
def test_explain_hides_the_token_whatever_the_method(form, method):
    request = form(Credentials("ASIA", "SECRET", "t0k&t0k\tt0k"))
    assert "t0k" not in repr(VERIFIER.explain(method, *request[1:], at=AT))


@FORMS
def test_explain_broken_form(form):
    method, target, headers, body = form()
    headers = [("Authorization", "x"), *headers]
    seen = VERIFIER.explain(method, target, headers, body, at=AT)
    assert (seen.canonical_request, seen.string_to_sign) == ("", "")
    assert seen.difference


def difference(request, verifier=VERIFIER):
    return verifier.explain(*request, at=AT).difference


@FORMS
def test_explain_the_payload(form):
    signed_empty = form(body=b"")
    assert difference([*signed_empty[:3], BODY]) == (
        "The payload: the signature is that of an empty body."
    )
    unsigned = form(body="UNSIGNED-PAYLOAD")
    assert difference([*unsigned[:3], BODY]) == "The payload: the signature leaves it unsigned."


@FORMS
def test_explain_the_path(form):
    verifier = Verifier(KEYS, **SCOPE, double_encode=False)
    assert difference(form(), verifier) == (
        "The path: the signature is that of normalize_path=True, double_encode=True."
    )


@FORMS
def test_explain_the_method(form):
    request = form()
    assert difference(["post", *request[1:]]) == (
        "The method: the signature is that of the method in upper case."
    )


@FORMS
def test_explain_any_other_difference(form):
    request = changed(form(), "Content-Type", lambda _: "text/plain")
    assert difference(request) == MISMATCH
    assert difference(form(Credentials("OTHER", "x"))) == UNRECOGNIZED[2]
