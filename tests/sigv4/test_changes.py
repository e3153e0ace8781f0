"""Any changed byte is refused, and nothing but a refusal comes of any bytes at all."""

import string
from datetime import timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sagewire.sigv4 import Explanation, SignatureError, Signer
from tests.support.signed_requests import (
    AT,
    CREDENTIALS,
    INVALID,
    MISMATCH,
    ORIGIN,
    SCOPE,
    TEMPORARY,
    TOKEN_CHARACTERS,
    VERIFIER,
    accepted,
    changed,
    in_header,
    in_query,
    refuse,
)


@st.composite
def requests(draw):
    """Make a request that is signed in one of the two forms, with what may be changed of it."""
    path = "/" + draw(st.text(string.ascii_letters + "%./ ~", max_size=12))
    pairs = draw(st.lists(st.text(string.ascii_letters + "=%20", max_size=5), max_size=3))
    names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
    headers = draw(
        st.lists(st.tuples(names, st.text(st.characters(codec="latin-1"), max_size=8)), max_size=3)
    )
    kept = {"authorization", "x-amz-date", "x-amz-security-token", "host", "x-amz-content-sha256"}
    headers = [("Host", "example.com")] + [
        (name, value.replace("\r", "").replace("\n", ""))
        for name, value in headers
        if name.lower() not in kept
    ]
    body = draw(st.binary(max_size=20))
    url = f"{ORIGIN}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")
    assume("#" not in url)
    method = draw(st.sampled_from(["POST", "GET", "A"]))
    credentials = draw(st.sampled_from([CREDENTIALS, TEMPORARY]))
    signer = Signer(credentials, **SCOPE)
    if draw(st.booleans()):
        headers += signer.sign(method, url, headers, body, at=AT)
    else:
        url = signer.presign(method, url, headers, body, at=AT)
    octets = [(name.encode(), value.encode()) for name, value in headers]
    return [method.encode(), url.removeprefix(ORIGIN).encode(), octets, body]


def canonical(request):
    return VERIFIER.explain(*request, at=AT).canonical_request


def flipped(draw, data):
    """Change, add or take away one byte."""
    place = draw(st.integers(0, len(data)))
    put = draw(st.binary(max_size=1))
    gone = draw(st.integers(0, 1))
    made = data[:place] + put + data[place + gone :]
    assume(made != data)
    return made


@given(data=st.data(), request_=requests())
def test_any_changed_byte_is_refused(data, request_):
    assert accepted(request_) is not None
    method, target, headers, body = request_
    part = data.draw(st.sampled_from(["method", "target", "body", "name", "value"]))
    signed = set(VERIFIER.verify(*request_, at=AT).signed_headers)
    signed |= {"authorization"}
    places = [n for n, (name, _) in enumerate(headers) if name.lower().decode() in signed]
    place = data.draw(st.sampled_from(places))
    if part == "method":
        method = flipped(data.draw, method)
    elif part == "target":
        target = flipped(data.draw, target)
    elif part == "body":
        body = flipped(data.draw, body)
    else:
        name, value = headers[place]
        if part == "name":
            name = flipped(data.draw, name)
            assume(name.lower() != headers[place][0].lower())
        else:
            value = flipped(data.draw, value)
        headers = [*headers[:place], (name, value), *headers[place + 1 :]]
    changed_request = [method, target, headers, body]
    if accepted(changed_request) is None:
        return
    # Then the server reads the very same request: only white space, or another way to write it.
    assert part in ("target", "value")
    assert canonical(changed_request) == canonical(request_)


@given(st.data())
def test_any_changed_digit_of_the_signature_is_refused(data):
    form = data.draw(st.sampled_from([in_header, in_query]))
    method, target, headers, body = form()
    place = data.draw(st.integers(1, 64))
    digit = data.draw(st.sampled_from(string.hexdigits.lower()[:16]))

    def other(text):
        cut = len(text) - place
        assume(text[cut] != digit)
        return text[:cut] + digit + text[cut + 1 :]

    if form is in_query:
        refuse([method, other(target), headers, body], (*INVALID, MISMATCH))
    else:
        request = changed([method, target, headers, body], "Authorization", other)
        refuse(request, (*INVALID, MISMATCH))


# Arbitrary input

octets = st.binary(max_size=60)
anything = octets | st.text(max_size=60)
fields = st.sampled_from(
    [
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/sagemaker/aws4_request, ",
        "SignedHeaders=host;x-amz-date, ",
        "Signature=" + "0" * 64,
        "Credential=",
        ",",
        "20260102T030405Z",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&",
        "X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Fsagemaker%2Faws4_request&",
        "X-Amz-Date=20260102T030405Z&",
        "X-Amz-Expires=60&",
        "X-Amz-SignedHeaders=host&",
        "X-Amz-Signature=" + "0" * 64,
        "X-Amz-Security-Token=",
        "/?",
        "%",
        "://",
    ]
)
almost = st.lists(fields | st.text(max_size=3), max_size=8).map("".join) | anything
odd_names = anything | st.sampled_from(
    ["Host", "Authorization", "X-Amz-Date", "x-amz-security-token", "X-Amz-Content-SHA256"]
)


@given(
    method=anything,
    target=almost,
    headers=st.lists(st.tuples(odd_names, almost), max_size=6),
    body=anything,
    at=st.datetimes(timezones=st.just(timezone.utc)),
)
def test_nothing_but_a_signature_error(method, target, headers, body, at):
    seen = VERIFIER.explain(method, target, headers, body, at=at)
    with pytest.raises(SignatureError) as raised:
        VERIFIER.verify(method, target, headers, body, at=at)
    assert raised.value.code.endswith("Exception")
    assert raised.value.status in (400, 403)
    assert isinstance(seen, Explanation)
    assert seen.difference
