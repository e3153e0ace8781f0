"""Requests that are signed well in either form, and ways to spoil them."""

import string
from datetime import datetime, timedelta, timezone

import pytest

from sagewire.sigv4 import Credentials, SignatureError, Signer, Verifier

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
SCOPE = {"region": "us-east-1", "service": "sagemaker"}
CREDENTIALS = Credentials("AKID", "SECRET")
TEMPORARY = Credentials("ASIA", "SECRET", "t0k/en+=", AT + timedelta(hours=1))
KEYS = {"AKID": CREDENTIALS, "ASIA": TEMPORARY}
VERIFIER = Verifier(KEYS, **SCOPE)
ORIGIN, TARGET = "https://example.com", "/endpoints/a%20b/invocations?x=1&y"
HEADERS = [("Host", "example.com"), ("Content-Type", "text/csv"), ("X-Amz-Meta", "m")]
BODY = b"1,2,3"
TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
INVALID = ("InvalidSignatureException", 403)
INCOMPLETE = ("IncompleteSignatureException", 400)
MISSING = ("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
UNRECOGNIZED = (
    "UnrecognizedClientException",
    403,
    "The security token included in the request is invalid.",
)
EXPIRED = ("ExpiredTokenException", 403, "The security token included in the request is expired")


def in_header(credentials=CREDENTIALS, headers=HEADERS, body=BODY, at=AT, **scope):
    """Return a request signed in its header: method, target, headers, body."""
    signer = Signer(credentials, **{**SCOPE, **scope})
    signed = [*headers, *signer.sign("POST", ORIGIN + TARGET, headers, body, at=at)]
    return ["POST", TARGET, signed, body]


def in_query(credentials=CREDENTIALS, headers=HEADERS, body=BODY, at=AT, expires_in=60, **scope):
    """Return a request signed in its query."""
    signer = Signer(credentials, **{**SCOPE, **scope})
    url = signer.presign("POST", ORIGIN + TARGET, headers, body, expires_in=expires_in, at=at)
    return ["POST", url.removeprefix(ORIGIN), list(headers), body]


FORMS = pytest.mark.parametrize("form", [in_header, in_query], ids=["header", "query"])


def refuse(request, refusal, at=AT, verifier=VERIFIER):
    with pytest.raises(SignatureError) as raised:
        verifier.verify(*request, at=at)
    error = raised.value
    assert (error.code, error.status, error.message) == refusal
    assert str(error) == error.message


def accepted(request, at=AT, verifier=VERIFIER):
    try:
        return verifier.verify(*request, at=at)
    except SignatureError:
        return None


def changed(request, name, change):
    """Change one header's value; `None` takes it away, a list puts more in its place."""
    method, target, headers, body = request
    made = []
    for key, value in headers:
        new = change(value) if key == name else value
        made += [
            (key, item) for item in (new if isinstance(new, list) else [new]) if item is not None
        ]
    return [method, target, made, body]


def authorization(change):
    return changed(in_header(), "Authorization", change)


def query(change, **made):
    method, target, headers, body = in_query(**made)
    new = change(target)
    assert new != target
    return [method, new, headers, body]
